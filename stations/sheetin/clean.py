"""What people and Excel do to texts, undone: full-width letters, invisible characters, spaces of every kind.

``clean`` keeps a text as it is meant to be read; ``fold`` makes two spellings of one word equal, for matching
alone; ``digits_of`` gives the digits of a code that Excel may have made a number of, or says why it cannot.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import date, datetime, time, timedelta
from typing import Final

Raw = str | float | bool | date | datetime | time | timedelta
"""What a cell can hold; "" for an empty one."""

EXACT_DIGITS_MAX: Final = 15
"""Digits that Excel keeps of a number; what follows are zeros that nobody typed. Source: Excel's limits."""
_ASCII = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
_DASHES = dict.fromkeys(map(ord, "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\uff0d\uff70"), "-")
_QUOTES = "'`\u2018\u2019"
_PLAIN = re.compile(r"[!-~\u3001-\u3003\u4e00-\u9fff\uff01-\uff5e]*")
"""Most texts: nothing in them is invisible or a space; the other rules need not be asked."""
_DECORATION = "*:;、,.-"
_BRACKETED = re.compile(r"\([^()]*\)")
_LAST_BRACKETED = re.compile(r"\([^()]*\)[*:;、,.-]*$")
_EXPONENT = re.compile(r"([0-9])(?:\.([0-9]+))?[eE]\+?([0-9]{1,3})")
_HAN_GAP = re.compile(r"(?<=[\u3400-\u9fff\U00020000-\U0003ffff]) (?=[\u3400-\u9fff\U00020000-\U0003ffff])")


def clean(text: str) -> str:
    """Return a text without invisible characters, with single plain spaces, without any at its ends.

    The characters themselves stay: names are kept code point by code point.
    """
    if _PLAIN.fullmatch(text):
        return text
    shown = (" " if _is_gap(char) else char for char in text if not _is_invisible(char))
    return re.sub(" +", " ", "".join(shown)).strip()


def clean_name(text: str) -> str:
    """Return a personal name; spaces between Chinese characters, put there to align a column, are dropped."""
    return _HAN_GAP.sub("", clean(text))


def half_width(text: str) -> str:
    """Return a cleaned text with full-width letters, digits and punctuation as plain ones."""
    return clean(text).translate(_ASCII)


def dashes_plain(text: str) -> str:
    """Return a text with every kind of dash as the one that keyboards have."""
    return text.translate(_DASHES)


def fold(text: str) -> str:
    """Return the form under which two spellings of one word are equal: no spaces, plain width, lower case."""
    return re.sub(r"\s", "", half_width(text)).translate(_DASHES).casefold()


def fold_heading(text: str) -> str:
    """Return a heading for matching: also without the marks that forms put around it (``*``, colons)."""
    return fold(text).strip(_DECORATION)


def heading_spellings(text: str) -> tuple[str, ...]:
    """Return a heading as it may be known: whole, without its last brackets, without any.

    ``编码（12位）`` is ``编码``; ``告知承诺（证明）（必填）`` is ``告知承诺(证明)``.
    """
    whole = fold_heading(text)
    last = _LAST_BRACKETED.sub("", whole).strip(_DECORATION)
    return whole, last, _BRACKETED.sub("", whole).strip(_DECORATION)


def is_empty(value: Raw) -> bool:
    """Tell whether nothing that can be seen stands in a cell."""
    return isinstance(value, str) and not clean(value)


def shown(value: Raw) -> str:
    """Return a cell's value as people see it, for messages; long ones are cut."""
    text = value.isoformat(sep=" ") if isinstance(value, datetime) else whole(value)
    text = clean(text)
    return text if len(text) <= 40 else text[:39] + "…"


def whole(value: Raw) -> str:
    """Return a cell's value as people see it, to be given back: of a day without a time no time is told."""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float | int):
        return f"{value:.0f}" if float(value).is_integer() and abs(value) < 1e21 else repr(value)
    if isinstance(value, datetime):
        text = value.isoformat(sep=" ")
        return text.removesuffix(" 00:00:00") if value.time() == time() else text.removesuffix(":00")
    return str(value)


class Unclear(Exception):
    """A value that cannot be taken without guessing; ``code`` names the reason.

    Never leaves the package: whoever reads a row makes a fault of it.
    """

    def __init__(self, code: str, /, **params: str | int) -> None:
        self.code = code
        self.params = params
        super().__init__(code)


def plain_text(value: Raw) -> str:
    """Return a cell as text: what was typed, or a number as its digits.

    Raises:
        Unclear: ``cell.date`` for what Excel has turned into a date or a time, ``cell.truth`` for TRUE or
            FALSE, ``cell.rounded`` for a number of which Excel has dropped digits.
    """
    if isinstance(value, bool):
        raise Unclear("cell.truth")
    if isinstance(value, float | int):
        return _number(float(value))
    if isinstance(value, str):
        return clean(value)
    raise Unclear("cell.date")


def digits_of(value: Raw) -> str:
    """Return a code as plain text in capitals: full-width digits, spaces, ``.0`` and ``E+11`` are undone.

    Raises:
        Unclear: as ``plain_text``; ``cell.exponent`` for an ``E+11`` that has lost its last digits.
    """
    text = re.sub(r"\s", "", half_width(plain_text(value))).translate(_DASHES).lstrip(_QUOTES).upper()
    written = _EXPONENT.fullmatch(text)
    if written is not None:
        first, rest, power = written[1], written[2] or "", int(written[3])
        if len(rest) < power or power >= EXACT_DIGITS_MAX:
            raise Unclear("cell.exponent")
        text = first + rest[:power] + ("." + rest[power:] if rest[power:] else "")
    return re.sub(r"(?<=[0-9])\.0+", "", text) if re.fullmatch(r"[0-9]+\.0+", text) else text


def _number(value: float) -> str:
    if not value.is_integer():
        return repr(value)
    if abs(value) >= 10**EXACT_DIGITS_MAX:
        raise Unclear("cell.rounded")
    return str(int(value))


def _is_invisible(char: str) -> bool:
    return unicodedata.category(char) in ("Cf", "Cc") and not char.isspace()


def _is_gap(char: str) -> bool:
    return char.isspace() or unicodedata.category(char) in ("Zs", "Zl", "Zp")
