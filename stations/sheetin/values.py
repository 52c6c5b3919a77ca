"""One cell as the value of its column, by the column's kind; what would need a guess is refused."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from ledger.errors import InputError
from ledger.identity import check_id_number
from ledger.registry.check import is_staff_no
from ledger.types import Bilingual
from stations.sheetin.clean import (
    Raw,
    Unclear,
    clean,
    clean_name,
    digits_of,
    fold,
    half_width,
    is_empty,
    plain_text,
)
from stations.sheetin.columns import Column, words
from stations.sheetin.moments import read_moment

Value = str | int | bool | tuple[str, ...]
"""What a cell means; an empty cell has no value at all."""

CODE_DIGITS: Final = 12
ITEM_CODE_CHARS_MAX: Final = 40
DAYS_MAX: Final = 3650
WORDS_MAX: Final = 40
_STATION_ID = re.compile(r"([0-9]{12})-([A-Z0-9]{2})")
_ITEM_CODE = re.compile(r"[A-Z0-9][A-Z0-9.-]*")
_RESIDENT = re.compile(r"[0-9]{17}[0-9X]")
_OTHER_DIGITS = range(7, 13)
_BETWEEN = re.compile(r"[、，,;；/／|\n\r]+")
_CALENDAR = ("个自然日", "自然日", "calendardays")
_DAY_WORDS = ("个工作日", "工作日", "workingdays", "个日", "天", "日", "days", "day")


class Choice(Unclear):
    """A word that is none of those a column knows; ``choices`` are their names."""

    def __init__(self, word: str, choices: tuple[Bilingual, ...]) -> None:
        super().__init__("cell.choice", word=word)
        self.choices = choices


def read_value(column: Column, raw: Raw) -> Value | None:
    """Return what a cell means in its column; None for an empty one.

    Raises:
        Unclear: ``cell.*`` naming why the cell cannot be taken as it is; ``Choice`` with the words that can.
    """
    if is_empty(raw):
        return None
    return _KINDS[column.kind](column, raw)


def is_none(value: str) -> bool:
    """Tell whether a text says that there is nothing: 无, none, a dash."""
    return words("special").value(value) == "none"


def _text(column: Column, raw: Raw) -> Value | None:
    text = plain_text(raw)
    if len(text) > column.size:
        raise Unclear("cell.too_long", size=column.size)
    return text


def _person(column: Column, raw: Raw) -> Value | None:
    if isinstance(raw, str):
        raw = clean_name(raw)
    return _text(column, raw)


def _phone(column: Column, raw: Raw) -> Value | None:
    text = digits_of(raw)
    if len(text) > column.size:
        raise Unclear("cell.too_long", size=column.size)
    return text


def _identity(_column: Column, raw: Raw) -> Value | None:
    """Return an identity number that holds; which kind it is, its form says."""
    text = digits_of(raw)
    try:
        return check_id_number(id_kind(text), text)
    except InputError as error:
        raise Unclear(error.code, **_plain_params(error)) from error


def id_kind(number: str) -> str:
    """Return the kind of an identity number by its form, in a list that has no column for it.

    Digits alone, fewer or more than other papers have, are a resident number with a slip of the finger.
    """
    if _RESIDENT.fullmatch(number):
        return "resident"
    if re.fullmatch(r"[0-9]{15}", number):
        return "resident_15"
    if number.isdecimal() and len(number) not in _OTHER_DIGITS:
        return "resident"
    return "firm" if re.fullmatch(r"[0-9A-Z]{18}", number) else "other"


def _plain_params(error: InputError) -> dict[str, str | int]:
    return {name: value for name, value in error.params.items() if isinstance(value, str | int)}


def _code(column: Column, raw: Raw) -> Value | None:
    """Return a number of another system: as it stands there, without the spaces that copying brings."""
    text = digits_of(raw)
    if len(text) > column.size:
        raise Unclear("cell.too_long", size=column.size)
    return text


def _day(_column: Column, raw: Raw) -> Value | None:
    return read_moment(raw)[0]


def _moment(_column: Column, raw: Raw) -> Value | None:
    """Return a day, with the time where one stands there: 2026-03-02 17:00."""
    return " ".join(part for part in read_moment(raw)[:2] if part)


def behind_day(column: Column, raw: Raw) -> str:
    """Return what stands behind the day and the time of a cell that was read, and was not understood."""
    return read_moment(raw)[2] if column.kind == "moment" and not is_empty(raw) else ""


def _item_code(_column: Column, raw: Raw) -> Value | None:
    text = digits_of(raw)
    if text.isdigit() and (len(text) < CODE_DIGITS or (len(text) > CODE_DIGITS and not isinstance(raw, str))):
        raise _short(text, raw)
    if _ITEM_CODE.fullmatch(text) is None or len(text) > ITEM_CODE_CHARS_MAX:
        raise Unclear("cell.item_code")
    return text


def _division(_column: Column, raw: Raw) -> Value | None:
    text = digits_of(raw)
    if _STATION_ID.fullmatch(text) or (text.isdigit() and len(text) == CODE_DIGITS):
        return text
    if text.isdigit():
        raise _short(text, raw)
    raise Unclear("cell.division")


def _short(text: str, raw: Raw) -> Unclear:
    """Return why a code of another length cannot be taken: filling it up would be a guess."""
    lost = not isinstance(raw, str) and len(text) < CODE_DIGITS
    return Unclear("cell.code_zeros" if lost else "cell.code_length", count=len(text), size=CODE_DIGITS)


def _unit(_column: Column, raw: Raw) -> Value | None:
    text = digits_of(raw)
    if text.isdigit() and len(text) == 1:
        text = f"0{text}"  # a number of a counter that runs from 00; not a code of fixed digits
    if re.fullmatch(r"[A-Z0-9]{2}", text) is None:
        raise Unclear("cell.unit")
    return text


def _place(_column: Column, raw: Raw) -> Value | None:
    """A station by code or by name; which one it is, only who knows the stations can say."""
    if not isinstance(raw, str):
        return _division(_column, raw)
    text = digits_of(raw)
    if text and text[0].isdigit() and text.isascii():
        return _division(_column, raw)
    return clean(raw)


def _staff_no(_column: Column, raw: Raw) -> Value | None:
    text = half_width(plain_text(raw)).replace(" ", "").lstrip("'")
    if isinstance(raw, str):
        text = re.sub(r"(?<=[0-9])\.0", "", text) if re.fullmatch(r"[0-9]+\.0", text) else text
    if not is_staff_no(text):
        raise Unclear("cell.staff_no")
    return text


def _choice(column: Column, raw: Raw) -> Value | None:
    return _one_of(column, plain_text(raw))


def _choices(column: Column, raw: Raw) -> Value | None:
    text = plain_text(raw if not isinstance(raw, str) else raw.replace("\n", "、"))
    if is_none(text):
        return ()
    known = words(column.words)
    parts = (
        word
        for part in ([text] if known.value(text) else _parts(text))
        for word in ([part] if known.value(part) else part.split())
    )
    return tuple(dict.fromkeys(_one_of(column, part) for part in parts))


def _one_of(column: Column, text: str) -> str:
    known = words(column.words)
    value = known.value(text)
    if value is None:
        raise Choice(text[:40], tuple(known.names.values()))
    return value


def _days(_column: Column, raw: Raw) -> Value | None:
    if isinstance(raw, float | int) and not isinstance(raw, bool) and not float(raw).is_integer():
        raise Unclear("cell.days", size=DAYS_MAX)
    text = fold(plain_text(raw))
    special = words("special").value(text)
    if special is not None:
        return 0 if special == "at_once" else None
    if text.endswith(_CALENDAR):
        raise Unclear("cell.days_unit")
    ending = next((word for word in _DAY_WORDS if text.endswith(word)), "")
    number = text.removesuffix(ending).removesuffix(".0")
    if not re.fullmatch(r"[0-9]{1,4}", number) or int(number) > DAYS_MAX:
        raise Unclear("cell.days", size=DAYS_MAX)
    return int(number)


def _flag(_column: Column, raw: Raw) -> Value | None:
    if isinstance(raw, bool):
        return raw
    value = words("flag").value(plain_text(raw))
    if value is None:
        raise Choice(plain_text(raw)[:40], tuple(words("flag").names.values()))
    return value == "yes"


def _words(column: Column, raw: Raw) -> Value | None:
    text = plain_text(raw if not isinstance(raw, str) else raw.replace("\n", "、"))
    if is_none(text):
        return ()
    parts = _parts(text)
    if len(parts) > WORDS_MAX or any(len(part) > column.size for part in parts):
        raise Unclear("cell.too_long", size=column.size)
    return parts


def _scope(_column: Column, raw: Raw) -> Value | None:
    """``own``, ``below``, or a station by code or name, perhaps with ``/*`` for what lies below it."""
    text = plain_text(raw)
    special = words("scope").value(text)
    if special is not None:
        return special
    reach = half_width(text).replace(" ", "")
    if reach.endswith("/*"):
        return f"{_place(_column, reach.removesuffix('/*'))}/*"
    return _place(_column, raw)


def _parts(text: str) -> tuple[str, ...]:
    return tuple(part for part in (clean(piece) for piece in _BETWEEN.split(text)) if part)


_KINDS: Mapping[str, Callable[[Column, Raw], Value | None]] = MappingProxyType(
    {
        "text": _text,
        "person": _person,
        "phone": _phone,
        "identity": _identity,
        "code": _code,
        "day": _day,
        "moment": _moment,
        "item_code": _item_code,
        "division": _division,
        "unit": _unit,
        "place": _place,
        "staff_no": _staff_no,
        "choice": _choice,
        "choices": _choices,
        "days": _days,
        "flag": _flag,
        "words": _words,
        "scope": _scope,
    }
)
