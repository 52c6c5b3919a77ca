"""The provincial platform's list as it was last read, for each station: encrypted beside the ledger.

What the list says of a person goes when the personal data of the person's case is erased. Of each row it
remembers the cases that the row may mean, for afterwards nothing of the person is left to find it by.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

from ledger.errors import RuleError, StoreError
from ledger.facade import CaseRow, Ledger
from ledger.types import CaseId, StationId
from stations.kept.erasures import Erasures, counting
from stations.kept.sealed import UNREADABLE, SealedFolder
from stations.province.exported import (
    ExportRow,
    Unread,
    may_be_of,
    row_of,
    row_values,
    unread_of,
    unread_values,
)

FOLDER = "platform"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptList:
    """The platform's list as it was last read at a station.

    Attributes:
        file: name of the workbook.
        by: name of who read it.
        unread: rows whose number could not be read.
        may_mean: cases, by id in hexadecimal digits, whose people a row may name: by its number there.
    """

    at_ms: int
    by: str
    file: str
    rows: Sequence[ExportRow]
    unread: Sequence[Unread] = ()
    may_mean: Mapping[str, Collection[str]] = field(default_factory=dict)

    def with_meant(self, found: Iterable[tuple[str, CaseId]]) -> KeptList:
        """Return the list with more cases that rows may mean, each behind the row's number there."""
        more = {number: set(cases) for number, cases in self.may_mean.items()}
        for number, case in found:
            more.setdefault(number, set()).add(case.hex())
        return replace(self, may_mean={number: tuple(sorted(more[number])) for number in sorted(more)})


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


def before_erasing(folder: SealedFolder, ledger: Ledger, case_id: CaseId) -> None:
    """Remember which rows of all lists may name the people of a case; afterwards nobody can tell.

    Raises:
        StoreError: ``store.*`` where a list cannot be read just then, or not be kept; what was kept before
            stays.
    """
    case, id_no = _person_of(ledger, case_id)
    if case is None:
        return
    for name in folder.names():
        try:
            kept = _load(folder, name)
        except StoreError as error:
            if error.code != UNREADABLE:
                raise
            # Who opens its page is told; the others are looked at all the same.
            continue
        if kept is None:
            continue
        named = [row for row in kept.rows if not row.erased and may_be_of(case, row, id_no)]
        more = kept.with_meant((row.external_no, case_id) for row in named)
        if more != kept:
            _keep(folder, name, more)


def _person_of(ledger: Ledger, case_id: CaseId) -> tuple[CaseRow | None, str]:
    """Return the line of a case and the number of its applicant; None where it is not known here."""
    with ledger.reading() as (tx, parts), suppress(RuleError):
        case = parts.reader.row(tx, case_id, 0)
        return case, parts.reader.id_numbers(tx, [case]).get(case_id, "")
    return None, ""


def blank_erased(folder: SealedFolder, ledger: Ledger, erasures: Erasures) -> None:
    """Take out of all lists what they say of people whose cases were erased.

    Raises:
        StoreError: ``store.*``; what was kept before stays.
    """
    for name in folder.names():
        blank_list(folder, name, ledger, erasures)


def blank_list(
    folder: SealedFolder, name: str, ledger: Ledger, erasures: Erasures
) -> frozenset[CaseId] | None:
    """Take out of a list what it says of people whose cases were erased.

    A row that may mean another case as well goes all the same: read again, the list gives it to that one.

    Returns:
        The cases that rows mean of which an erasure is held that does not count yet; None for a list that
        cannot be read.

    Raises:
        StoreError: ``store.*``; what was kept before stays.
    """
    try:
        kept = _load(folder, name)
    except StoreError:
        # Who opens its page is told; the others are looked at all the same.
        return None
    if kept is None:
        return frozenset()
    meant = {
        row.external_no: erasures.meant(
            cases=(row.case, *kept.may_mean.get(row.external_no, ())),
            external=row.external_no,
            number=row.number,
        )
        for row in kept.rows
        if not row.erased
    }
    asked = frozenset[CaseId]().union(*meant.values())
    erased = counting(ledger, asked)
    gone = {number for number, cases in meant.items() if not erased.isdisjoint(cases)}
    if gone:
        rows = tuple(_blank(row) if row.external_no in gone else row for row in kept.rows)
        left = {number: cases for number, cases in kept.may_mean.items() if number not in gone}
        _keep(folder, name, replace(kept, rows=rows, may_mean=left))
    return asked - erased


def _blank(row: ExportRow) -> ExportRow:
    return replace(row, applicant="", id_no="", erased=True)


def _keep(folder: SealedFolder, name: str, kept: KeptList) -> None:
    values = {
        "at_ms": kept.at_ms,
        "by": kept.by,
        "file": kept.file,
        "rows": [row_values(row) for row in kept.rows],
        "unread": [unread_values(row) for row in kept.unread],
        "may_mean": {number: list(cases) for number, cases in kept.may_mean.items()},
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
            may_mean={
                str(number): tuple(bytes.fromhex(case).hex() for case in cases)
                for number, cases in values.get("may_mean", {}).items()
            },
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise StoreError(UNREADABLE, path=name) from error


def _name(station: StationId) -> str:
    return f"list-{station}"
