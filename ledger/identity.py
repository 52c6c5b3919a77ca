"""Names and numbers of people: checked without pedantry, kept as written, found again in many ways.

Names are kept code point by code point: no normal form, no trimming inside. What is searched is a separate
normal form. The personal body of a case act has this shape (all fields optional)::

    {"applicant": {"name", "id_kind", "id_no", "phone", "address"},
     "agent": {"name", "id_kind", "id_no", "phone", "address", "relation", "authority"},
     "text": "..."}

In an amendment a text of a person that is empty takes away what was known.

``id_kind``: resident, resident_15, hk_macao, taiwan, foreigner, passport, firm, other.

Source: GB 11643-1999 (resident number), GB 32100-2015 (unified social credit code).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from functools import lru_cache
from itertools import product
from typing import Final

from ledger.errors import InputError
from ledger.oneline import code_point, hidden_character
from ledger.types import Facts, Value

ID_KINDS: Final = (
    "resident", "resident_15", "hk_macao", "taiwan", "foreigner", "passport", "firm", "other",
)  # fmt: skip
AGENT: Final = "agent"
PEOPLE: Final = ("applicant", AGENT)
_PEOPLE_BYTES: Final = tuple(role.encode("ascii") for role in PEOPLE)
_RESIDENT_LIKE: Final = frozenset(("hk_macao", "taiwan", "foreigner"))
"""Kinds of which some numbers are built like a resident's: residence permits."""
NAME_CHARS_MAX: Final = 80
NAME_DOTS: Final = "·•・･‧∙⋅●．."
READINGS_MAX: Final = 64
"""Most combinations of pinyin initials kept for one name."""

START_CHARS_MIN: Final = 2
START_CHARS_MAX: Final = 6
"""Lengths of beginnings of names and of initials that are kept as keys."""
INITIAL_STARTS_MAX: Final = 24
"""Most beginnings of initials kept for one name: long names with many readings have hundreds."""

_HAN: Final = ((0x3007, 0x3007), (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x323AF))
_DIGITS_15 = re.compile(r"\d{15}", re.ASCII)
_BLANK: Final = frozenset("\u115f\u1160\u3164\uffa0")
"""Letters by their category that nobody sees: fillers of Hangul."""
_RESIDENT = re.compile(r"\d{17}[\dX]", re.ASCII)
_HK_MACAO = re.compile(r"(?:[HM]\d{8}(?:\d{2})?|8[123]0000\d{11}[\dX])", re.ASCII)
_TAIWAN = re.compile(r"(?:\d{8}|\d{10}[A-Z]?|830000\d{11}[\dX])", re.ASCII)
_FOREIGNER = re.compile(r"(?:[A-Z]{3}\d{12}|9\d{16}[\dX])", re.ASCII)
_PASSPORT = re.compile(r"[A-Z0-9]{5,20}", re.ASCII)
_OTHER = re.compile(r"\S{1,40}")
_BETWEEN_PARTS = re.compile(f"[{re.escape(NAME_DOTS)}\\s]+")
_PATTERNS: Final = {
    "hk_macao": _HK_MACAO,
    "taiwan": _TAIWAN,
    "foreigner": _FOREIGNER,
    "passport": _PASSPORT,
    "other": _OTHER,
}


def check_id_number(kind: str, number: str) -> str:
    """Return an identity number in the form in which it is kept: capitals, half width, no spaces.

    Resident numbers are gated on form, check digit and birth date alone: county codes of the birth year come
    and go, and a table of them refuses living people.

    Raises:
        InputError: ``identity.kind`` for an unknown kind, ``identity.shape``, ``identity.birth_date`` or
            ``identity.check_digit`` for a wrong number.
    """
    wanted = plain_number(number)
    if kind == "resident":
        return _check_resident(wanted)
    if kind == "resident_15":
        return _check_15(wanted)
    if kind == "firm":
        return _check_firm(wanted)
    pattern = _PATTERNS.get(kind)
    if pattern is None:
        raise InputError("identity.kind", kind=kind)
    if pattern.fullmatch(wanted) is None:
        raise InputError("identity.shape", kind=kind)
    if kind in _RESIDENT_LIKE and len(wanted) == len("11010519491231002X"):
        return _check_resident(wanted)
    return wanted


def has_check_digit(kind: str, number: str) -> bool:
    """Return whether ``check_id_number`` proves the digits of a number and not its form alone."""
    if kind in ("resident", "firm"):
        return True
    return kind in _RESIDENT_LIKE and _RESIDENT.fullmatch(plain_number(number)) is not None


def check_name(name: str) -> str:
    """Return a name unchanged if it may be kept: any script, ethnic names with a dot, a single character.

    Raises:
        InputError: ``identity.name`` when it is empty, too long or holds characters that control, turn or
            hide in the text; ``identity.no_letters`` when it holds digits and signs alone.
    """
    if not any(is_seen(character) for character in name) or len(name) > NAME_CHARS_MAX:
        raise InputError("identity.name")
    if hidden_character(name):
        raise InputError("identity.name")
    if not any(_is_letter(character) for character in name):
        raise InputError("identity.no_letters")
    return name


def is_seen(character: str) -> bool:
    """Return whether a character leaves ink on paper: no space, no control or format character."""
    hidden = unicodedata.category(character) in ("Zs", "Zl", "Zp", "Cc", "Cf", "Cs")
    return not hidden and character not in _BLANK


def unseen_character(text: str) -> str:
    """Return the first character besides the space that leaves no ink on paper; "" where all do."""
    # What Python prints is of none of those categories: most texts are looked through in one go.
    if text.isprintable() and _BLANK.isdisjoint(text):
        return ""
    return next((one for one in text if one != " " and not is_seen(one)), "")


def check_personal(personal: Facts, *, corrects: bool = False) -> None:
    """Check the people of a personal body and its text, which alone may have several lines.

    Args:
        personal: the body.
        corrects: whether it amends: what is empty takes away, and what is left out stays as it is.

    Raises:
        InputError: ``identity.person`` when a person is no map of texts; ``identity.hidden`` for a text with
            characters that control, turn or hide in it; ``identity.agent_no_name`` for an agent of whom
            something else is said, who goes as a whole; codes of ``check_name`` and ``check_id_number``,
            with ``whose``.
    """
    for field, said in personal.items():
        found = hidden_character(said, lines=field == "text") if isinstance(said, str) else ""
        if found:
            raise InputError("identity.hidden", field=field, character=code_point(found))
    for role in PEOPLE:
        person = personal.get(role)
        if person is None:
            continue
        if not isinstance(person, dict) or not all(isinstance(item, str) for item in person.values()):
            raise InputError("identity.person", role=role)
        texts = {field: _text(said) for field, said in person.items()}
        if role == AGENT and any(texts.values()) and not texts.get("name", "-" if corrects else ""):
            raise InputError("identity.agent_no_name")
        gone = role == AGENT and corrects and not any(texts.values())
        try:
            _check_person({} if gone else texts, corrects=corrects)
        except InputError as error:
            raise InputError(error.code, **{**error.params, "whose": role}) from error


def _check_person(texts: Mapping[str, str], *, corrects: bool) -> None:
    for field, said in texts.items():
        found = hidden_character(said)
        if found and field != "name":
            raise InputError("identity.hidden", field=field, character=code_point(found))
    if "name" in texts:
        check_name(texts["name"])
    if "id_no" in texts and (texts["id_no"] or not corrects):
        check_id_number(texts.get("id_kind", "") or "resident", texts["id_no"])


def check_applicant(personal: Facts | None) -> Facts:
    """Return the personal body of a receipt, which names the person or firm that applies.

    Who comes for somebody else says what they are to each other, or by what they act.

    Raises:
        InputError: ``identity.no_name`` without a name that can be seen; ``identity.agent_unsaid`` for an
            agent without relation and authority; codes of ``check_personal``.
    """
    applicant = None if personal is None else personal.get("applicant")
    name = applicant.get("name") if isinstance(applicant, dict) else None
    if personal is None or not isinstance(name, str) or not any(is_seen(character) for character in name):
        raise InputError("identity.no_name")
    check_personal(personal)
    agent = personal.get(AGENT)
    if isinstance(agent, dict):
        said = _text(agent.get("relation")) + _text(agent.get("authority"))
        if not any(is_seen(character) for character in said):
            raise InputError("identity.agent_unsaid")
    return personal


def search_keys(personal: Facts) -> frozenset[str]:
    """Return what a case may be found by: names, parts, pinyin initials, numbers and tails, with prefixes.

    Of names and initials the beginnings of two to six characters are kept as well: ``zs`` finds 张三丰.

    ``name:``, ``part:``, ``pinyin:``, ``id:``, ``idtail:`` (last 4 and 6), ``phone:``, ``phonetail:``.
    """
    keys: set[str] = set()
    for role in PEOPLE:
        person = personal.get(role)
        if isinstance(person, dict):
            keys |= _name_keys(_text(person.get("name")))
            keys |= _number_keys(_text(person.get("id_no")))
            keys |= _phone_keys(_text(person.get("phone")))
    return frozenset(keys)


def may_name_people(raw: bytes) -> bool:
    """Return whether the bytes of a personal body can hold a person; False spares decoding them."""
    # A list of a few; a generator would cost as much as the looking.
    return any([role in raw for role in _PEOPLE_BYTES])  # noqa: C419


def query_keys(text: str) -> tuple[str, ...]:
    """Return the search keys that a typed text may mean, most exact first, without repetition."""
    wanted = plain_number(text)
    name = name_form(text)
    keys: list[str] = []
    if name:
        keys += [f"name:{name}", f"part:{name}"]
    if wanted.isascii() and wanted.isalpha():
        keys.append(f"pinyin:{wanted.lower()}")
    if wanted:
        keys.append(f"id:{wanted}")
    if len(wanted) in (4, 6) and wanted[:-1].isdigit():
        keys.append(f"idtail:{wanted}")
    digits = phone_form(text)
    if digits:
        keys.append(f"phone:{digits}")
    if len(digits) == 4:
        keys.append(f"phonetail:{digits}")
    return tuple(dict.fromkeys(keys))


def name_form(name: str) -> str:
    """Return the normal form of a name for searching: width and case folded, spaces and dots gone."""
    folded = unicodedata.normalize("NFKC", name).casefold()
    return "".join(
        character for character in folded if not character.isspace() and character not in NAME_DOTS
    )


def pinyin_initials(name: str) -> frozenset[str]:
    """Return the initials of every combination of readings of the Chinese characters of a name."""
    characters = [character for character in unicodedata.normalize("NFKC", name) if _is_han(character)]
    if not characters:
        return frozenset()
    choices = [letters for character in characters if (letters := _initials(character))]
    combined: set[str] = set()
    for letters_of_one in product(*choices):
        combined.add("".join(letters_of_one))
        if len(combined) >= READINGS_MAX:
            break
    return frozenset(combined)


@lru_cache(maxsize=4096)
def _initials(character: str) -> tuple[str, ...]:
    """Return the initials of all readings of one Chinese character; a case's people share few of them."""
    from pypinyin import Style, pinyin

    found = pinyin([character], style=Style.FIRST_LETTER, heteronym=True, errors="ignore")
    readings = {reading for group in found for reading in group}
    return tuple(sorted(reading for reading in readings if reading.isascii() and reading.isalpha()))


def plain_number(number: str) -> str:
    """Return a typed number in half width, capitals, without spaces and hyphens."""
    narrow = unicodedata.normalize("NFKC", number).upper()
    return "".join(narrow.split()).replace("-", "")


def _is_letter(character: str) -> bool:
    """Return whether a character can make a name: of any script, or one that only a local font knows."""
    category = unicodedata.category(character)
    return (category[0] == "L" and character not in _BLANK) or category in ("Nl", "Co", "Cn")


def phone_form(phone: str) -> str:
    """Return the digits of a phone number without the country code of China."""
    digits = "".join(character for character in plain_number(phone) if character.isdecimal())
    return digits[2:] if len(digits) == 13 and digits.startswith("86") else digits


# The library of numbers imports what documents Python, and all of TLS: only who checks one pays for it.


def _check_resident(number: str) -> str:
    from stdnum.cn import ric

    if _RESIDENT.fullmatch(number) is None:
        raise InputError("identity.shape", kind="resident")
    _check_birth_date(number)
    if ric.calc_check_digit(number) != number[-1]:
        raise InputError("identity.check_digit")
    return number


def _check_15(number: str) -> str:
    if _DIGITS_15.fullmatch(number) is None:
        raise InputError("identity.shape", kind="resident_15")
    _check_birth_date(number[:6] + "19" + number[6:])
    return number


def _check_birth_date(number: str) -> None:
    from stdnum.cn import ric
    from stdnum.exceptions import ValidationError

    try:
        ric.get_birth_date(number)
    except ValidationError as error:
        raise InputError("identity.birth_date") from error


def _check_firm(number: str) -> str:
    from stdnum.cn import uscc
    from stdnum.exceptions import ValidationError

    try:
        return str(uscc.validate(number))
    except ValidationError as error:
        raise InputError("identity.firm") from error


def _name_keys(name: str) -> set[str]:
    form = name_form(name)
    if not form:
        return set()
    keys = {f"name:{form}"}
    pieces = [name_form(piece) for piece in _BETWEEN_PARTS.split(name)]
    keys |= {f"part:{piece}" for piece in pieces if piece}
    if _is_han(form[0]) and len(form) <= 4:
        keys |= {f"part:{form[start:]}" for start in range(1, len(form))}
        keys.add(f"part:{form[0]}")
    keys |= {f"part:{start}" for start in _beginnings(form)}
    initials = pinyin_initials(name)
    keys |= {f"pinyin:{letters}" for letters in initials}
    starts = sorted({start for letters in initials for start in _beginnings(letters)}, key=_shortest_first)
    keys |= {f"pinyin:{start}" for start in starts[:INITIAL_STARTS_MAX]}
    return keys


def _beginnings(text: str) -> set[str]:
    """Return the proper beginnings by which people look a name up before they have typed it whole."""
    return {text[:size] for size in range(START_CHARS_MIN, min(len(text), START_CHARS_MAX + 1))}


def _shortest_first(text: str) -> tuple[int, str]:
    return len(text), text


def _number_keys(number: str) -> set[str]:
    plain = plain_number(number)
    if not plain:
        return set()
    return {f"id:{plain}", f"idtail:{plain[-4:]}", f"idtail:{plain[-6:]}"}


def _phone_keys(phone: str) -> set[str]:
    digits = phone_form(phone)
    return {f"phone:{digits}", f"phonetail:{digits[-4:]}"} if digits else set()


def _is_han(character: str) -> bool:
    point = ord(character)
    return any(first <= point <= last for first, last in _HAN)


def _text(value: Value) -> str:
    return value if isinstance(value, str) else ""
