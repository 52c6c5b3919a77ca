"""Rosters (花名册): a list of people with one matter, ticked off as they come, then received one by one.

Somebody without a number (an infant, a lost card, a household known by name and telephone) may stand in it:
the number is filled in when the person comes, or never, as with any receipt.

A roster is no act: it lies encrypted beside the ledger, and is thrown away when the evening is over. Of each
row it remembers the case whose act was signed last, before that act is stored: whether the row is received
is for the ledger to say, so that a power cut neither loses nor doubles a receipt.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path

from ledger.errors import InputError, StoreError
from ledger.facade import Ledger
from ledger.identity import check_id_number, phone_form, plain_number
from ledger.types import CaseId
from stations.kept.erasures import Erasures, counting
from stations.kept.sealed import SealedFolder
from stations.sheetin.book import Book, Grid, read_book
from stations.sheetin.clean import Raw, fold, shown
from stations.sheetin.columns import SheetList, sheet_list, total_words
from stations.sheetin.faults import Faults
from stations.sheetin.header import Header, find_sheet, tell_unread
from stations.sheetin.records import Record, read_records
from stations.sheetin.values import id_kind

FOLDER = "rosters"
ROWS_MAX = 2000
TITLE_CHARS_MAX = 60
TAIL_CHARS_MIN = 4
ID_CHARS_MIN = 15
"""A resident number that is no tail has so many digits at least."""
_NUMBER = re.compile(r"[0-9]{17}[0-9X]|[0-9]{15}")
_DOTS = dict.fromkeys(map(ord, "•・‧∙⋅."), "·")


@dataclass(slots=True, kw_only=True)
class RosterRow:
    """One person of the list.

    Attributes:
        no: from 1, in the order of the list.
        id_no: number, "" while it is not known.
        here: whether the person has come.
        filled: whether the number came with the person, not with the list.
        case: id, in hexadecimal digits, of the case whose act was signed last; "" for none.
        token: rating token of that act, to be printed.
        erased: whether the personal data of the case was erased: nothing of the person stands here any more.
    """

    no: int
    name: str
    id_no: str = ""
    phone: str = ""
    address: str = ""
    text: str = ""
    here: bool = False
    filled: bool = False
    case: str = ""
    number: str = ""
    token: str = ""
    erased: bool = False

    def blank(self) -> None:
        """Take out what is said of the person: the case was erased."""
        self.name = self.id_no = self.phone = self.address = self.text = self.token = ""
        self.erased = True


@dataclass(slots=True, kw_only=True)
class Roster:
    """A list of people with one matter.

    Attributes:
        name: under which it is kept.
        item: code of the item.
        form: what was said once for all of them when they were received.
        note: the log's signed head after the last receipt.
    """

    name: str
    station: str
    item: str
    title: str
    by: str
    made_at_ms: int
    rows: list[RosterRow]
    form: dict[str, list[str]] = field(default_factory=dict)
    note: str = ""

    def row(self, no: int) -> RosterRow:
        """Return a row by its number.

        Raises:
            InputError: ``roster.no_row``.
        """
        if not 1 <= no <= len(self.rows):
            raise InputError("roster.no_row", row=no)
        return self.rows[no - 1]

    def blank(self, cases: Collection[str]) -> bool:
        """Take out what is said of the people of erased cases; tells whether there were any."""
        rows = [row for row in self.rows if row.case in cases and not row.erased]
        for row in rows:
            row.blank()
        return bool(rows)

    def find(self, text: str) -> RosterRow:
        """Return the row that a scanned number, the last characters of one, or a typed name means.

        Raises:
            InputError: ``roster.stranger`` when nobody of the list is meant, ``roster.several`` when more
                than one is: the number decides.
        """
        number, name = plain_number(text), text.strip()
        found = [row for row in self.rows if number and row.id_no == number]
        if not found:
            spelled = _spelled(name)
            found = [row for row in self.rows if row.name and _spelled(row.name) == spelled]
        if not found and TAIL_CHARS_MIN <= len(number) < ID_CHARS_MIN:
            found = [row for row in self.rows if row.id_no.endswith(number)]
        if not found and TAIL_CHARS_MIN <= len(number) < ID_CHARS_MIN and number.isdecimal():
            found = [row for row in self.rows if phone_form(row.phone).endswith(number)]
        if not found:
            raise InputError("roster.stranger", text=name[:40])
        if len(found) > 1:
            raise InputError("roster.several", text=name[:40], count=len(found))
        return found[0]

    def fill(self, row: RosterRow, text: str) -> None:
        """Give a row that has no number the one that was scanned or typed.

        Raises:
            InputError: ``identity.*`` for a number that cannot be, ``roster.taken`` for one of another row,
                ``roster.filled`` when the row has another number.
        """
        plain = plain_number(text)
        number = check_id_number(id_kind(plain), plain)
        owner = next((one for one in self.rows if one.id_no == number), None)
        if owner is not None and owner is not row:
            raise InputError("roster.taken", row=owner.no, name=owner.name)
        if row.id_no not in ("", number):
            raise InputError("roster.filled", row=row.no, name=row.name)
        row.filled = row.filled or not row.id_no
        row.id_no = number

    def came(self, row: RosterRow, *, here: bool) -> None:
        """Note whether somebody is here; a number that came with somebody who is not goes again."""
        row.here = here
        if not here and row.filled and not row.case:
            row.id_no, row.filled = "", False


def _spelled(name: str) -> str:
    """Return a name as it is compared: lists pad short names with spaces, keyboards differ in their dots."""
    return fold(name).translate(_DOTS)


def read_roster(raw: bytes, name: str) -> tuple[list[RosterRow], Faults]:
    """Return the people of a workbook, and what is wrong with it, row by row.

    A sheet with numbers goes before one without; what looks like numbers under a heading that is not known is
    no list without numbers.

    Args:
        raw: the workbook.
        name: its name, for messages.

    Raises:
        InputError: ``sheet.*`` when it is no workbook or holds no list of people; ``roster.too_long``.
    """
    wanted, faults = sheet_list("roster"), Faults()
    book = read_book(raw, Path(name))
    grid, header = _sheet(book, wanted)
    tell_unread(book, [wanted], faults, read=[grid.name])
    rows: list[RosterRow] = []
    seen: dict[str, int] = {}
    for record in read_records(grid, header, wanted, faults):
        person, id_no = record.text("name"), record.text("id_no")
        if record.broken:
            continue
        if not id_no and fold(person).rstrip("：:") in total_words():
            faults.tell("row.note", record.place(), person)
            continue
        same = id_no or "\n".join(record.text(field) for field in ("name", "phone", "address", "text"))
        if same in seen:
            if id_no:
                faults.add("roster.twice", record.place("id_no"), id_no, row=seen[same])
            else:
                faults.add("roster.alike", record.place("name"), person, row=seen[same])
            continue
        seen[same] = record.row.number
        rows.append(_row(record, len(rows) + 1))
    if len(rows) > ROWS_MAX:
        raise InputError("roster.too_long", count=len(rows), most=ROWS_MAX)
    return rows, faults


def _sheet(book: Book, wanted: SheetList) -> tuple[Grid, Header]:
    numbered = tuple(
        replace(column, need="file") if column.field == "id_no" else column for column in wanted.columns
    )
    try:
        return find_sheet(book, replace(wanted, columns=numbered))
    except InputError:
        grid, header = find_sheet(book, wanted)
        for row in range(header.row + 1, len(grid.rows)):
            if any(_is_number(grid.cell(row, column)) for column in header.strange):
                raise
        return grid, header


def _is_number(value: Raw) -> bool:
    return _NUMBER.fullmatch(plain_number(shown(value))) is not None


def _row(record: Record, no: int) -> RosterRow:
    return RosterRow(
        no=no,
        name=record.text("name"),
        id_no=record.text("id_no"),
        phone=record.text("phone"),
        address=record.text("address"),
        text=record.text("text"),
    )


def keep_roster(folder: SealedFolder, roster: Roster) -> None:
    """Keep a roster, durably.

    Raises:
        StoreError: ``store.*``; what was kept before stays.
    """
    folder.keep(roster.name, json.dumps(asdict(roster), ensure_ascii=False).encode("utf-8"))


def load_roster(folder: SealedFolder, name: str) -> Roster:
    """Return a roster.

    Raises:
        InputError: ``roster.none`` when there is none of that name.
        StoreError: ``sealed.unreadable``.
    """
    if not (name.isascii() and name.isalnum()):
        raise InputError("roster.none")
    raw = folder.read(name)
    if raw is None:
        raise InputError("roster.none")
    try:
        return _roster(json.loads(raw))
    except (ValueError, KeyError, TypeError) as error:
        raise StoreError("sealed.unreadable", path=name) from error


def list_rosters(folder: SealedFolder) -> Sequence[Roster]:
    """Return all rosters, the newest first; one that cannot be read is left out."""
    found = []
    for name in folder.names():
        try:
            found.append(load_roster(folder, name))
        except (InputError, StoreError):
            continue
    return sorted(found, key=lambda one: one.made_at_ms, reverse=True)


def blank_cases(folder: SealedFolder, cases: Collection[str]) -> None:
    """Take out of all rosters what is said of the people of erased cases, by id in hexadecimal digits.

    Raises:
        StoreError: ``store.*``; what was kept before stays.
    """
    for roster in list_rosters(folder):
        if roster.blank(cases):
            keep_roster(folder, roster)


def blank_roster(
    folder: SealedFolder, name: str, ledger: Ledger, erasures: Erasures
) -> frozenset[CaseId] | None:
    """Take out of a roster what it says of people whose cases were erased.

    Returns:
        The cases in it of which an erasure is held that does not count yet; None for one that cannot be read.

    Raises:
        StoreError: ``store.*``; what was kept before stays.
    """
    try:
        roster = load_roster(folder, name)
    except (InputError, StoreError):
        # Who opens its page is told.
        return None
    asked = frozenset(erasures.meant(cases=(row.case for row in roster.rows if not row.erased)))
    erased = counting(ledger, asked)
    if roster.blank({case.hex() for case in erased}):
        keep_roster(folder, roster)
    return asked - erased


def _roster(values: Mapping[str, object]) -> Roster:
    known = {one.name for one in fields(RosterRow)}
    rows = values["rows"]
    if not isinstance(rows, list):
        raise TypeError("rows")
    plain = {
        one.name: values[one.name] for one in fields(Roster) if one.name in values and one.name != "rows"
    }
    return Roster(
        rows=[RosterRow(**{name: row[name] for name in row if name in known}) for row in rows],
        **plain,  # type: ignore[arg-type]
    )
