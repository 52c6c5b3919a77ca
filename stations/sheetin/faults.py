"""What is wrong with a file, place by place: collected, not raised, so that all of it is seen at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ledger.types import Bilingual

FAULTS_KEPT_MAX = 1000
Word = str | int | bytes | tuple[str, ...] | Bilingual | tuple[Bilingual, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where in a workbook: sheet, row and column from 1 (0: none in particular), heading of the column."""

    sheet: str = ""
    row: int = 0
    column: int = 0
    heading: str = ""

    @property
    def cell(self) -> str:
        """The address as Excel writes it: ``C5``, a row alone as ``5``, a column alone as ``C``."""
        letters = column_letters(self.column) if self.column else ""
        return f"{letters}{self.row or ''}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One fault: stable code (its text names the cure), place, the value that stands there, further words."""

    code: str
    place: Place
    value: str = ""
    params: Mapping[str, Word] = field(default_factory=dict)


@dataclass(slots=True)
class Faults:
    """The faults of one file, and what is only to be said: rows passed over, columns not known.

    ``count`` goes on where the list ends at ``FAULTS_KEPT_MAX``.
    """

    found: list[Fault] = field(default_factory=list)
    notices: list[Fault] = field(default_factory=list)
    count: int = 0

    def add(self, code: str, place: Place, value: str = "", **params: Word) -> None:
        """Note a fault."""
        self.count += 1
        if len(self.found) < FAULTS_KEPT_MAX:
            self.found.append(Fault(code=code, place=place, value=value, params=params))

    def tell(self, code: str, place: Place, value: str = "", **params: Word) -> None:
        """Note what is no fault but must be known."""
        if len(self.notices) < FAULTS_KEPT_MAX:
            self.notices.append(Fault(code=code, place=place, value=value, params=params))

    def in_order(self) -> list[Fault]:
        """Return the faults by sheet, row and column; those of no place in particular first."""
        order = {name: index for index, name in enumerate(dict.fromkeys(f.place.sheet for f in self.found))}
        return sorted(self.found, key=lambda one: (order[one.place.sheet], one.place.row, one.place.column))


def column_letters(column: int) -> str:
    """Return the letters of a column counted from 1: 1 is ``A``, 28 is ``AB``."""
    letters = ""
    while column > 0:
        column, rest = divmod(column - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters


def column_number(letters: str) -> int:
    """Return the number of a column from 1; the reverse of ``column_letters``."""
    number = 0
    for letter in letters.upper():
        number = number * 26 + ord(letter) - ord("A") + 1
    return number
