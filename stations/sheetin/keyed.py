"""A list in which each thing has a number of its own: read from a workbook, every number once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Generic, TypeVar

from stations.sheetin.book import Grid, read_book
from stations.sheetin.clean import clean, shown, whole
from stations.sheetin.columns import ListName, sheet_list
from stations.sheetin.faults import Faults
from stations.sheetin.header import Header, filled_from, find_sheet, tell_unread
from stations.sheetin.records import Record, read_records

T = TypeVar("T")
OWN: Final = "own:"
"""Begins the name of a column that the list does not read."""
_AGAIN: Final = "\n"
"""Between a heading and how often it came; no heading holds one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Keyed(Generic[T]):
    """What was read of a list.

    Attributes:
        rows: what each row was made into, with the row.
        lacking: rows that were made into nothing.
        columns: fields in the order of the file's columns, each with the heading that the file gives it; of a
            column that the list does not know, or knows already, ``OWN`` and what tells it from others.
        own: what stands in those columns, by number of the row and by that; nothing for empty cells.
    """

    rows: Sequence[tuple[Record, T]]
    lacking: Sequence[Record]
    columns: tuple[tuple[str, str], ...]
    own: Mapping[int, Mapping[str, str]]


def read_keyed(
    raw: bytes,
    name: str,
    wanted: ListName,
    faults: Faults,
    *,
    make: Callable[[Record], T | None],
    key: str,
    twice: str,
) -> Keyed[T]:
    """Return what the rows of a workbook are made into.

    Args:
        raw: the workbook.
        name: its name, for messages.
        wanted: the list that it holds.
        faults: takes what is wrong, row by row.
        make: returns what a row says; None for one that lacks what it must have, which is a fault already.
        key: field of the number.
        twice: code of the fault of a row whose number stood before.

    Raises:
        InputError: ``sheet.*`` when it is no workbook or holds no such list.
    """
    columns = sheet_list(wanted)
    book = read_book(raw, Path(name))
    grid, header = find_sheet(book, columns)
    tell_unread(book, [columns], faults, read=[grid.name])
    found: list[tuple[Record, T]] = []
    lacking: list[Record] = []
    seen: dict[str, int] = {}
    for record in read_records(grid, header, columns, faults):
        made = make(record)
        number = record.text(key)
        if made is None:
            lacking.append(record)
            continue
        if number in seen:
            faults.add(twice, record.place(key), number, row=seen[number])
            continue
        seen[number] = record.row.number
        found.append((record, made))
    own = _own_columns(grid, header)
    named = {place: (one, header.texts[one]) for one, place in header.columns.items()}
    named.update((place, (f"{OWN}{key}", key.partition(_AGAIN)[0])) for place, key in own.items())
    return Keyed(
        rows=found,
        lacking=lacking,
        columns=tuple(named[place] for place in sorted(named)),
        own=_own_texts(grid, own, [record.row.number for record, _ in found]),
    )


def _own_columns(grid: Grid, header: Header) -> Mapping[int, str]:
    """Return what tells the columns that are not read from each other, by column of the sheet."""
    again = {
        place: shown(grid.cell(header.row, place)) for _, *more in header.twice.values() for place in more
    }
    keys: dict[int, str] = {}
    for place, told in sorted({**header.strange, **again}.items()):
        written = grid.cell(header.row, place)
        # Messages cut a long heading; in a heading of two rows something else stands here.
        heading = clean(whole(written)) if shown(written) == told else told
        same = sum(key.partition(_AGAIN)[0] == heading for key in keys.values())
        keys[place] = f"{heading}{_AGAIN}{same + 1}" if same else heading
    return keys


def _own_texts(grid: Grid, own: Mapping[int, str], numbers: Sequence[int]) -> Mapping[int, Mapping[str, str]]:
    source = filled_from(grid)
    return {
        number: {
            key: text
            for place, key in own.items()
            if (text := whole(grid.cell(*source.get((number - 1, place), (number - 1, place))))).strip()
        }
        for number in numbers
    }
