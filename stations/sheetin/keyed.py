"""A list in which each thing has a number of its own: read from a workbook, every number once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from stations.sheetin.book import read_book
from stations.sheetin.columns import ListName, sheet_list
from stations.sheetin.faults import Faults
from stations.sheetin.header import find_sheet, tell_unread
from stations.sheetin.records import Record, read_records

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Keyed(Generic[T]):
    """What was read of a list.

    Attributes:
        rows: what each row was made into, with the row.
        lacking: rows that were made into nothing.
        columns: fields in the order of the file's columns, each with the heading that the file gives it.
    """

    rows: Sequence[tuple[Record, T]]
    lacking: Sequence[Record]
    columns: tuple[tuple[str, str], ...]


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
    fields = sorted(header.columns, key=lambda one: header.columns[one])
    named = tuple((one, header.texts[one]) for one in fields)
    return Keyed(rows=found, lacking=lacking, columns=named)
