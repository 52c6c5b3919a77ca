"""The platform's own list of cases: its rows, and the case of this ledger that each of them means.

A row means a case that already has its number, else the one whose own number it carries, else the one open
case of the same item and person. Where several fit, nothing is guessed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Literal

from ledger.days.calendar import local_date
from ledger.errors import BanjianError
from ledger.facade import CaseRow, Ledger
from stations.province.settings import PlatformSettings
from stations.sheetin.clean import fold
from stations.sheetin.faults import Faults
from stations.sheetin.keyed import read_keyed
from stations.sheetin.records import Record

_HIDDEN = re.compile("[*\uff0a\u00d7]+")
"""Signs behind which platforms hide a part of a name or a number."""
Outcome = Literal["link", "linked", "absent", "several", "taken"]
"""``link``: the case has no number yet; ``linked``: it has this one; ``absent``: no case here; ``several``:
more than one fits; ``taken``: the case that fits has another number there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportRow:
    """One case as the platform lists it; days as 2026-03-02, texts as they stand there."""

    row: int
    external_no: str
    number: str = ""
    item_code: str = ""
    item: str = ""
    applicant: str = ""
    id_no: str = ""
    state: str = ""
    result: str = ""
    received_on: str = ""
    decided_on: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """A row and the case that it means.

    Attributes:
        case: None unless exactly one fits.
    """

    row: ExportRow
    outcome: Outcome
    case: CaseRow | None = None


def read_export(raw: bytes, name: str, settings: PlatformSettings) -> tuple[list[ExportRow], Faults]:
    """Return the rows of the platform's list, and what is wrong with it, row by row.

    Args:
        raw: the workbook.
        name: its name, for messages.
        settings: which words of the platform are known.

    Raises:
        InputError: ``sheet.*`` when it is no workbook, or holds no such list.
    """
    faults = Faults()
    rows = read_keyed(raw, name, "platform", faults, make=_row, key="external_no", twice="platform.row_twice")
    for record, row in rows:
        _tell_words(record, row, settings, faults)
    return [row for _, row in rows], faults


def _row(record: Record) -> ExportRow | None:
    texts = {
        field.name: record.text(field.name)
        for field in fields(ExportRow)
        if field.name != "row" and record.text(field.name)
    }
    if "external_no" not in texts:
        return None
    return ExportRow(row=record.row.number, **texts)


def _tell_words(record: Record, row: ExportRow, settings: PlatformSettings, faults: Faults) -> None:
    if row.state and not settings.state(row.state):
        faults.tell("platform.word", record.place("state"), row.state, key="states")
    if row.result and not settings.result(row.result):
        faults.tell("platform.word", record.place("result"), row.result, key="results")


def match_rows(
    ledger: Ledger,
    rows: Sequence[ExportRow],
    by_external: Mapping[str, CaseRow],
    *,
    external_of: Callable[[CaseRow], str],
    open_to: Callable[[CaseRow], bool],
    now_ms: int,
) -> list[Match]:
    """Return the case of each row.

    Args:
        ledger: open for reading.
        rows: some hundreds at a time.
        by_external: cases by their number in the platform.
        external_of: the number of a case in the platform, "" for none.
        open_to: whether the person may see a case.
        now_ms: for lights.
    """
    matches = []
    for row in rows:
        linked = by_external.get(row.external_no)
        if linked is not None:
            matches.append(Match(row=row, outcome="linked", case=linked))
            continue
        found = [case for case in _candidates(ledger, row, now_ms) if open_to(case)]
        matches.append(_match(row, found, external_of))
    return matches


def _match(row: ExportRow, found: Sequence[CaseRow], external_of: Callable[[CaseRow], str]) -> Match:
    free = [case for case in found if not external_of(case)]
    if len(free) > 1 and row.received_on:
        same_day = [case for case in free if local_date(case.opened_at_ms).isoformat() == row.received_on]
        free = same_day or free
    if len(free) == 1:
        return Match(row=row, outcome="link", case=free[0])
    if free:
        return Match(row=row, outcome="several")
    if len(found) == 1:
        return Match(row=row, outcome="taken", case=found[0])
    return Match(row=row, outcome="absent")


def _candidates(ledger: Ledger, row: ExportRow, now_ms: int) -> list[CaseRow]:
    """Return the cases that a row may mean: by our own number, else by person and item."""
    if row.number:
        try:
            found = ledger.find(row.number, now_ms=now_ms)
        except BanjianError:
            found = []
        exact = [case for case in found if fold(case.number) == fold(row.number)]
        if exact:
            return exact
    if not (row.item_code or row.item):
        return []
    hidden = _HIDDEN.search(row.id_no) is not None
    asked = row.id_no if row.id_no and not hidden else row.applicant
    if not asked.strip():
        return []
    try:
        found = ledger.find(asked, now_ms=now_ms)
    except BanjianError:
        return []
    return [case for case in found if same_item(case, row) and same_name(case, row)]


def same_name(case: CaseRow, row: ExportRow) -> bool:
    """Tell whether a row may be of the case's applicant; where a name is not known, or hidden, it may."""
    if not row.applicant or not case.applicant:
        return True
    # Platforms hide a part of a name behind stars.
    shown = _HIDDEN.split(fold(row.applicant))
    shape = ".+".join(re.escape(one) for one in shown)
    return re.fullmatch(shape, fold(case.applicant)) is not None


def same_item(case: CaseRow, row: ExportRow) -> bool:
    """Tell whether a row is of the case's item: by the code where the list has one, else by the name."""
    if row.item_code:
        return fold(case.item_code) == fold(row.item_code)
    return fold(case.item_name) == fold(row.item)


def row_values(row: ExportRow) -> dict[str, str | int]:
    """Return a row as it is kept beside the ledger."""
    return asdict(row)


def row_of(values: Mapping[str, object]) -> ExportRow:
    """Return a kept row; what an older program did not keep is empty."""
    texts = {
        field.name: str(values.get(field.name, "")) for field in fields(ExportRow) if field.name != "row"
    }
    number = values.get("row", 0)
    return ExportRow(row=number if isinstance(number, int) else 0, **texts)
