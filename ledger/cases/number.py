"""Case numbers, minted offline, that people print, read out and type.

::

    990121001001-00-261122-K7QP-0042-W
    station      unit date  log  seq  check

- station and unit: where the case was received;
- date: yymmdd of the receipt, ``000000`` when the clock was not to be believed (``date_part``);
- log: four characters from the log's id: two installations of one station, one restored and one cloned,
  never mint the same number;
- seq: ordinal of the case in its log, at least four digits; ``P`` and digits on emergency pads;
- check: one character that finds every single wrong character and every exchange of two neighbours (among
  the letters of a unit suffix alone, I, O, S, V, Z pass for 0 to 4).

The alphabet is that of the unified social credit code: digits and capitals without I, O, S, V, Z.

Source: GB 32100-2015 (alphabet and weights of the check character).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

from ledger.cases.shape import local_day
from ledger.days.year import EPOCH_ORDINAL
from ledger.errors import InputError
from ledger.hashing import digest
from ledger.lawtime import DAY_MS
from ledger.types import CaseId, LogId, StationId

ALPHABET: Final = "0123456789ABCDEFGHJKLMNPQRTUWXY"
TAG_CHARS: Final = 4
ORDINAL_MAX: Final = 9_999_999
ORDINAL_CHARS_MIN: Final = 4
"""Digits of the least ordinal as it is printed; on an emergency pad ``P`` stands for the first."""
SHORT_ID_DIGITS: Final = 8
TOLD_MAX: Final = 5
"""How many cases are named where a text means several."""
UNKNOWN_DATE: Final = "000000"
AHEAD_DAYS_MAX: Final = 3 * 366
"""How far beyond the newest time known from elsewhere a station's clock is believed."""

_TAG_CTX: Final = b"banjian/case-number/1\n"
_SHAPE = re.compile(
    r"(\d{12})-?([A-Z0-9]{2})-?(\d{6})-?([0-9A-HJ-NPQRTUWXY]{4})-?(P?\d{3,7})-?([0-9A-HJ-NPQRTUWXY])",
    re.ASCII,
)
_WIDE: Final = {code + 0xFEE0: code for code in range(0x21, 0x7F)} | {
    0x3000: 0x20,
    0x2010: 0x2D,
    0x2013: 0x2D,
}
_WIDE_DASHES: Final = {0x2014: 0x2D, 0x2212: 0x2D, 0xFF0D: 0x2D}
_CHECK_ALPHABET: Final = ALPHABET + "IOSVZ"


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseNumber:
    """The parts of a case number; ``day`` is yymmdd, ``ordinal`` counts from 1."""

    station: StationId
    day: str
    tag: str
    ordinal: int
    pad: bool


def mint(station: StationId, log_id: LogId, ordinal: int, day: date | None, *, pad: bool = False) -> str:
    """Return the number of a case.

    Args:
        station: station of receipt.
        log_id: log in which the case is opened.
        ordinal: counts the cases (or pad numbers) of this log, from 1.
        day: local day of receipt, None when the clock is implausible.
        pad: the number is printed beforehand on an emergency pad.

    Raises:
        InputError: ``number.ordinal`` when the ordinal is out of range.
    """
    if not 1 <= ordinal <= ORDINAL_MAX:
        raise InputError("number.ordinal", ordinal=ordinal)
    body = f"{station}-{day_text(day)}-{log_tag(log_id)}-{_sequence(ordinal, pad=pad)}"
    return f"{body}-{check_character(body)}"


def day_text(day: date | None) -> str:
    """Return a day as it stands in numbers; None stands for a clock that cannot be believed."""
    return UNKNOWN_DATE if day is None else f"{day:%y%m%d}"


def mint_pad(station: StationId, log_id: LogId, first: int, count: int) -> list[str]:
    """Return numbers for an emergency pad; the date on such a receipt is written by hand.

    Raises:
        InputError: ``number.ordinal`` when the numbers are out of range.
    """
    return [mint(station, log_id, ordinal, None, pad=True) for ordinal in range(first, first + count)]


def parse(text: str) -> CaseNumber:
    """Read a number as typed: full-width characters, spaces, small letters and missing hyphens are taken.

    Raises:
        InputError: ``number.shape`` when it is no case number, nor what ``mint`` could have given: a day that
            no calendar has, the ordinal 0, zeros that nobody prints; ``number.check`` when a character is
            wrong.
    """
    found = _SHAPE.fullmatch(_plain(text))
    if found is None:
        raise InputError("number.shape")
    place, unit, day, tag, sequence, check = found.groups()
    if not (_is_day(day) and _is_sequence(sequence)):
        raise InputError("number.shape")
    if check_character(f"{place}-{unit}-{day}-{tag}-{sequence}") != check:
        raise InputError("number.check")
    return CaseNumber(
        station=StationId(f"{place}-{unit}"),
        day=day,
        tag=tag,
        ordinal=int(sequence.removeprefix("P")),
        pad=sequence.startswith("P"),
    )


def normalise(text: str) -> str:
    """Return a typed number in its printed form.

    Raises:
        InputError: as ``parse``.
    """
    parse(text)
    found = _SHAPE.fullmatch(_plain(text))
    return "-".join(found.groups()) if found else ""


def typed_forms(text: str) -> tuple[str, ...]:
    """Return what a typed text may mean among printed numbers: a whole one first, then a beginning.

    A beginning may look like a whole number, for its last digit may happen to be the check character of the
    digits before it: both are to be tried.
    """
    plain = _plain(text)
    if not plain:
        return ()
    try:
        whole = normalise(plain)
    except InputError:
        return (plain,)
    return (whole,) if whole == plain else (whole, plain)


def searched(text: str) -> str:
    """Return the form under which a number on paper, ours or not, is kept and looked for; "" for none."""
    forms = typed_forms(text)
    return forms[0] if forms else ""


def is_misread(text: str) -> bool:
    """Tell whether a text has every character of a printed number and is none: one of them is wrong."""
    found = _SHAPE.fullmatch(_plain(text))
    if found is None or is_number(text):
        return False
    sequence = found[5]
    return sequence.startswith("P") or len(sequence) >= ORDINAL_CHARS_MIN


def is_number(text: str) -> bool:
    """Tell whether a text is a case number with the right check character."""
    try:
        parse(text)
    except InputError:
        return False
    return True


def told_apart(numbers: Mapping[CaseId, str]) -> tuple[str, ...]:
    """Return what a person types to mean one of several cases, each with its number; of many the first.

    Two machines from one image of a disk give one number to two cases, and one paper may have been entered
    twice: then only ids tell the cases apart.

    Args:
        numbers: the cases with their numbers.
    """
    short = short_ids(numbers)
    told = [f"{short[case_id]} ({number})" for case_id, number in numbers.items()]
    return tuple(told if len(told) <= TOLD_MAX else [*told[:TOLD_MAX], "…"])


def short_ids(case_ids: Iterable[CaseId]) -> dict[CaseId, str]:
    """Return beginnings of ids that tell cases apart: eight hexadecimal digits, more where those do not."""
    whole = {case_id: case_id.hex() for case_id in case_ids}
    digits = SHORT_ID_DIGITS
    while len({text[:digits] for text in whole.values()}) < len(whole):
        digits += 1
    return {case_id: text[:digits] for case_id, text in whole.items()}


def date_part(now_ms: int, *, known_ms: int) -> date | None:
    """Return the local day for a new number, None when the clock cannot be believed.

    A clock that lies before the newest time known from elsewhere (last entry of the log, newest county
    checkpoint, founding of the ledger) by more than a day, or years beyond it, has lost its battery. A wrong
    date on a receipt starts the law's clocks wrongly in everybody's eyes, so no date is better.

    Args:
        now_ms: the station's clock.
        known_ms: newest time known, 0 if none.
    """
    if now_ms < known_ms - DAY_MS or (known_ms and now_ms > known_ms + AHEAD_DAYS_MAX * DAY_MS):
        return None
    return date.fromordinal(local_day(now_ms) + EPOCH_ORDINAL)


def log_tag(log_id: LogId) -> str:
    """Return the four characters that stand for a log in its case numbers."""
    number = int.from_bytes(digest(_TAG_CTX, log_id)[:8], "big")
    tag = ""
    for _ in range(TAG_CHARS):
        number, index = divmod(number, len(ALPHABET))
        tag += ALPHABET[index]
    return tag


def check_character(body: str) -> str:
    """Return the check character of a number without it; hyphens do not count.

    The weights are powers of 3 modulo 31, as in the unified social credit code. Station units may hold the
    letters that its alphabet leaves out; they count on from its end.
    """
    total, weight = 0, 1
    for character in body:
        if character != "-":
            total += _CHECK_ALPHABET.index(character) * weight
            weight = weight * 3 % 31
    return ALPHABET[-total * pow(weight, -1, 31) % 31]


def _sequence(ordinal: int, *, pad: bool) -> str:
    return f"P{ordinal:03d}" if pad else f"{ordinal:04d}"


def _is_sequence(text: str) -> bool:
    ordinal = int(text.removeprefix("P"))
    return ordinal >= 1 and text == _sequence(ordinal, pad=text.startswith("P"))


def _is_day(text: str) -> bool:
    if text == UNKNOWN_DATE:
        return True
    try:
        date(2000 + int(text[:2]), int(text[2:4]), int(text[4:]))
    except ValueError:
        return False
    return True


def _plain(text: str) -> str:
    narrow = text.translate(_WIDE).translate(_WIDE_DASHES).upper()
    return "".join(narrow.split())
