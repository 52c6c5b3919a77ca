"""The provincial platform's list as it was last read, for each station: encrypted beside the ledger.

What the list says of a person goes when the personal data of the person's case is erased. Of each row it
remembers the case that the row was found to mean, for afterwards nothing of the person is left to find it by.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace

from ledger.cases.number import searched
from ledger.errors import StoreError
from ledger.facade import Ledger
from ledger.facade.base.tables import EXTERNALS, NUMBERS
from ledger.facade.cases.erased import erased_among
from ledger.store.contract import ReadTx
from ledger.store.tables import OneOf, Table
from ledger.types import CaseId, StationId
from stations.kept.sealed import SealedFolder
from stations.province.exported import ExportRow, Unread, row_of, row_values, unread_of, unread_values

FOLDER = "platform"
ASKED_MAX = 500
"""Rows of which the ledger is asked at a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptList:
    """The platform's list as it was last read at a station.

    Attributes:
        file: name of the workbook.
        by: name of who read it.
        unread: rows whose number could not be read.
    """

    at_ms: int
    by: str
    file: str
    rows: Sequence[ExportRow]
    unread: Sequence[Unread] = ()


def keep_list(folder: SealedFolder, station: StationId, kept: KeptList) -> None:
    """Keep the list of a station, durably.

    Raises:
        StoreError: ``store.*``; what was kept before stays.
    """
    _keep(folder, _name(station), kept)


def load_list(folder: SealedFolder, station: StationId) -> KeptList | None:
    """Return the list that was last read at a station; None when none was.

    Raises:
        StoreError: ``sealed.unreadable``.
    """
    return _load(folder, _name(station))


def blank_erased(folder: SealedFolder, ledger: Ledger) -> None:
    """Take out of all lists what they say of people whose cases were erased.

    Raises:
        StoreError: ``store.*``; what was kept before stays.
    """
    for name in folder.names():
        try:
            kept = _load(folder, name)
        except StoreError:
            # Who opens its page is told; the others are looked at all the same.
            continue
        if kept is None:
            continue
        gone = _gone(ledger, [row for row in kept.rows if not row.erased])
        if gone:
            rows = tuple(_blank(row) if row.external_no in gone else row for row in kept.rows)
            _keep(folder, name, replace(kept, rows=rows))


def _blank(row: ExportRow) -> ExportRow:
    return replace(row, applicant="", id_no="", erased=True)


def _gone(ledger: Ledger, rows: Sequence[ExportRow]) -> frozenset[str]:
    """Return the platform's numbers of the rows whose cases were erased."""
    gone: set[str] = set()
    with ledger.reading() as (tx, parts):
        for first in range(0, len(rows), ASKED_MAX):
            pairs = list(_cases_of(tx, rows[first : first + ASKED_MAX]))
            erased = erased_among(tx, parts.book, {case for case, _ in pairs})
            gone.update(number for case, number in pairs if case in erased)
    return frozenset(gone)


def _cases_of(tx: ReadTx, rows: Sequence[ExportRow]) -> Iterator[tuple[CaseId, str]]:
    """Yield the cases that rows mean, each with the platform's number of the row."""
    for row in rows:
        if row.case:
            yield CaseId(bytes.fromhex(row.case)), row.external_no
    yield from _found(tx, EXTERNALS, [(searched(row.external_no), row.external_no) for row in rows])
    yield from _found(tx, NUMBERS, [(searched(row.number), row.external_no) for row in rows if row.number])


def _found(tx: ReadTx, table: Table, wanted: Collection[tuple[str, str]]) -> Iterator[tuple[CaseId, str]]:
    by_form: dict[str, list[str]] = {}
    for form, number in wanted:
        if form:
            by_form.setdefault(form, []).append(number)
    if not by_form:
        return
    for found in tx.select(table, {"number": OneOf(tuple(by_form))}, columns=("number", "case_id")):
        if isinstance(found[1], bytes):
            for number in by_form.get(str(found[0]), ()):
                yield CaseId(found[1]), number


def _keep(folder: SealedFolder, name: str, kept: KeptList) -> None:
    values = {
        "at_ms": kept.at_ms,
        "by": kept.by,
        "file": kept.file,
        "rows": [row_values(row) for row in kept.rows],
        "unread": [unread_values(row) for row in kept.unread],
    }
    folder.keep(name, json.dumps(values, ensure_ascii=False).encode("utf-8"))


def _load(folder: SealedFolder, name: str) -> KeptList | None:
    raw = folder.read(name)
    if raw is None:
        return None
    try:
        values = json.loads(raw)
        return KeptList(
            at_ms=int(values["at_ms"]),
            by=str(values["by"]),
            file=str(values["file"]),
            rows=tuple(row_of(row) for row in values["rows"]),
            unread=tuple(unread_of(row) for row in values.get("unread", ())),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise StoreError("sealed.unreadable", path=name) from error


def _name(station: StationId) -> str:
    return f"list-{station}"
