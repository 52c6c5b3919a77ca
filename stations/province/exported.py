"""The platform's own list of cases: its rows, and the case of this ledger that each of them means.

A row means a case that already has its number, else the one whose own number it carries, else the one open
case of the same item and person. Where several fit, nothing is guessed; where the two contradict each other,
in the name, the item or the digits that the platform shows, nothing is linked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, fields, replace
from typing import Literal, NamedTuple

from ledger.days.calendar import local_date
from ledger.errors import BanjianError
from ledger.facade import CaseRow, Ledger
from ledger.types import CaseId
from stations.province.hidden import number_forms, shows_name, shows_number, tells_who, whole_number
from stations.province.settings import PlatformSettings
from stations.sheetin.clean import fold
from stations.sheetin.faults import Faults
from stations.sheetin.keyed import read_keyed
from stations.sheetin.records import Record

_NOT_THERE = frozenset(("row", "case", "erased"))
"""What no column of the list says."""
Outcome = Literal["link", "linked", "absent", "several", "taken", "differs", "void"]
"""``link``: the case has no number yet; ``linked``: it has this one; ``absent``: no case here; ``several``:
more than one fits; ``taken``: the case that fits has another number there; ``differs``: the case that the row
names is another person's or of another item; ``void``: it was voided here."""
Standing = Literal["live", "ended", "void"]
"""``ended``: withdrawn, lapsed, or its papers were given back: it is meant only where nothing else is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportRow:
    """One case as the platform lists it; days as 2026-03-02, texts as they stand there.

    Attributes:
        case: id, in hexadecimal digits, of the case that the row was found to mean; "" for none.
        erased: whether nothing of the person stands here any more: the case was erased.
    """

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
    case: str = ""
    erased: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Unread:
    """A row whose number there could not be read.

    Attributes:
        cell: where it stands, as Excel writes it.
        number: our own number in the row, "" for none.
    """

    row: int
    cell: str
    number: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """A row and the case that it means.

    Attributes:
        case: None unless exactly one fits.
        contradicting: in what the row and the case contradict each other, see ``contradictions``.
        may_mean: every case whose person the row may name, whatever came of it.
    """

    row: ExportRow
    outcome: Outcome
    case: CaseRow | None = None
    contradicting: tuple[str, ...] = ()
    may_mean: tuple[CaseId, ...] = ()


def read_export(
    raw: bytes, name: str, settings: PlatformSettings
) -> tuple[list[ExportRow], list[Unread], Faults]:
    """Return the rows of the platform's list, those that could not be read, and what is wrong, row by row.

    Args:
        raw: the workbook.
        name: its name, for messages.
        settings: which words of the platform are known.

    Raises:
        InputError: ``sheet.*`` when it is no workbook, or holds no such list.
    """
    faults = Faults()
    read = read_keyed(raw, name, "platform", faults, make=_row, key="external_no", twice="platform.row_twice")
    for record, row in read.rows:
        _tell_words(record, row, settings, faults)
    return [row for _, row in read.rows], [_unread(record) for record in read.lacking], faults


def _unread(record: Record) -> Unread:
    place = record.place("external_no")
    return Unread(row=place.row, cell=place.cell, number=record.text("number"))


def _row(record: Record) -> ExportRow | None:
    texts = {
        field.name: record.text(field.name)
        for field in fields(ExportRow)
        if field.name not in _NOT_THERE and record.text(field.name)
    }
    if "external_no" not in texts:
        return None
    return ExportRow(row=record.row.number, erased=False, **texts)


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
    standing_of: Callable[[CaseRow], Standing],
    open_to: Callable[[CaseRow], bool],
    now_ms: int,
) -> list[Match]:
    """Return the case of each row.

    Args:
        ledger: open for reading.
        rows: some hundreds at a time.
        by_external: cases by their number in the platform.
        external_of: the number of a case in the platform, "" for none.
        standing_of: what has become of a case.
        open_to: whether the person may see a case.
        now_ms: for lights.
    """
    matches = []
    for row in rows:
        linked = by_external.get(row.external_no)
        if linked is not None:
            matches.append(Match(row=row, outcome="linked", case=linked))
            continue
        found, by_number = _candidates(ledger, row, now_ms)
        seen = [case for case in found if open_to(case)]
        numbers = id_numbers(ledger, seen) if row.id_no else {}
        fits = [
            _Fit(
                case,
                external_of(case),
                standing_of(case),
                contradictions(case, row, numbers.get(case.case_id, "")),
                bool(case.applicant and numbers.get(case.case_id)),
            )
            for case in seen
        ]
        if not by_number and _whole_number(row):
            # The number may be an agent's there, or one that was corrected since.
            fits = [one for one in fits if "id_no" not in one.contradicting]
        # Of one number or case each is of the person; of a name alone, those that are the reader's business.
        people = found if by_number or _whole_number(row) else seen
        match = _match(row, fits, by_number=by_number)
        matches.append(replace(match, may_mean=tuple(case.case_id for case in people)))
    return matches


class _Fit(NamedTuple):
    """A case that a row may mean.

    Attributes:
        external_no: its number in the platform, "" for none.
        contradicting: in what the two contradict each other.
        known: whether name and number of its applicant are known here.
    """

    case: CaseRow
    external_no: str
    standing: Standing
    contradicting: tuple[str, ...]
    known: bool


def _match(row: ExportRow, fits: Sequence[_Fit], *, by_number: bool) -> Match:
    agreeing = [one for one in fits if not one.contradicting or (by_number and _item_alone(one, row))]
    live = [one for one in agreeing if one.standing == "live"]
    # What was closed long ago is no case that somebody forgot to link, unless the row says so.
    ended = [one for one in agreeing if one.standing == "ended" and (by_number or _same_day(one.case, row))]
    free = [one for one in live if not one.external_no] or [one for one in ended if not one.external_no]
    if len(free) > 1 and row.received_on:
        free = [one for one in free if _same_day(one.case, row)] or free
    if len(free) == 1:
        return Match(row=row, outcome="link", case=free[0].case, contradicting=free[0].contradicting)
    if free:
        return Match(row=row, outcome="several")
    taken = live or ended
    if len(taken) == 1:
        return Match(row=row, outcome="taken", case=taken[0].case)
    return _refused(row, fits) if not taken else Match(row=row, outcome="absent")


def _item_alone(fit: _Fit, row: ExportRow) -> bool:
    """Whether the name and the number agree, and the platform has another code and title for the item.

    Under our own number that is the same matter: who links it looks at both first. What is hidden altogether
    agrees with everybody.
    """
    return fit.contradicting == ("item",) and fit.known and tells_who(row.applicant, row.id_no)


def _refused(row: ExportRow, fits: Sequence[_Fit]) -> Match:
    """Return why no case is linked where none that fits can be: the nearest one is shown beside the row."""
    void = [one for one in fits if one.standing == "void" and not one.contradicting]
    differing = [one for one in fits if one.standing != "void" and one.contradicting]
    if void:
        return Match(row=row, outcome="void", case=void[0].case if len(void) == 1 else None)
    if len(differing) == 1:
        one = differing[0]
        return Match(row=row, outcome="differs", case=one.case, contradicting=one.contradicting)
    if differing:
        shared = tuple(one for one in differing[0].contradicting if all(one in fit[3] for fit in differing))
        return Match(row=row, outcome="differs", contradicting=shared)
    return Match(row=row, outcome="absent")


def _same_day(case: CaseRow, row: ExportRow) -> bool:
    return bool(row.received_on) and local_date(case.opened_at_ms).isoformat() == row.received_on


def _candidates(ledger: Ledger, row: ExportRow, now_ms: int) -> tuple[list[CaseRow], bool]:
    """Return the cases that a row may mean, and whether by our own number, else by person and item."""
    if row.number:
        try:
            found = ledger.find(row.number, now_ms=now_ms)
        except BanjianError:
            found = []
        exact = [case for case in found if fold(case.number) == fold(row.number)]
        if exact:
            return exact, True
    if not (row.item_code or row.item):
        return [], False
    whole = _whole_number(row)
    asked = whole or row.applicant
    if not asked.strip():
        return [], False
    found = []
    for form in number_forms(asked):
        with suppress(BanjianError):
            known = {case.case_id for case in found}
            found += [case for case in ledger.find(form, now_ms=now_ms) if case.case_id not in known]
    # Of one number another name is told; of a name alone other people are nobody's business.
    return [case for case in found if same_item(case, row) and (whole or same_name(case, row))], False


def _whole_number(row: ExportRow) -> str:
    return whole_number(row.id_no)


def id_numbers(ledger: Ledger, cases: Sequence[CaseRow]) -> Mapping[CaseId, str]:
    """Return the identity numbers of the applicants of some cases, as they are known now."""
    with ledger.reading() as (tx, parts):
        return parts.reader.id_numbers(tx, cases)


def contradictions(case: CaseRow, row: ExportRow, id_no: str) -> tuple[str, ...]:
    """Return in what a row is of another person or item than a case: ``applicant``, ``item``, ``id_no``.

    What is not known on one of the sides, or hidden, contradicts nothing.
    """
    found = []
    if not same_name(case, row):
        found.append("applicant")
    if (row.item_code or row.item) and not same_item(case, row):
        found.append("item")
    if not same_number(id_no, row):
        found.append("id_no")
    return tuple(found)


def same_number(id_no: str, row: ExportRow) -> bool:
    """Tell whether a row may be of whoever has an identity number, by the digits that it shows."""
    return shows_number(row.id_no, id_no)


def same_name(case: CaseRow, row: ExportRow) -> bool:
    """Tell whether a row may be of the case's applicant; where a name is not known, or hidden, it may."""
    return shows_name(row.applicant, case.applicant)


def may_be_of(case: CaseRow, row: ExportRow, id_no: str) -> bool:
    """Tell whether a row may name the applicant of a case, by what of the two is known.

    Args:
        case: with the name of its applicant.
        row: of the platform's list.
        id_no: identity number of the applicant, "" where it is not known.
    """
    if (row.item_code or row.item) and not same_item(case, row):
        return False
    if id_no and _whole_number(row):
        return same_number(id_no, row)
    known = bool(row.applicant and case.applicant)
    return known and same_name(case, row) and same_number(id_no, row)


def same_item(case: CaseRow, row: ExportRow) -> bool:
    """Tell whether a row is of the case's item: platforms have codes of their own for items of one name."""
    if row.item_code and fold(case.item_code) == fold(row.item_code):
        return True
    return bool(row.item) and fold(case.item_name) == fold(row.item)


def row_values(row: ExportRow) -> dict[str, str | int | bool]:
    """Return a row as it is kept beside the ledger."""
    return asdict(row)


def row_of(values: Mapping[str, object]) -> ExportRow:
    """Return a kept row; what an older program did not keep is empty."""
    texts = {
        field.name: str(values.get(field.name, ""))
        for field in fields(ExportRow)
        if field.name not in _NOT_THERE or field.name == "case"
    }
    return ExportRow(row=_whole(values, "row"), erased=values.get("erased") is True, **texts)


def unread_values(row: Unread) -> dict[str, str | int]:
    """Return a row that could not be read as it is kept beside the ledger."""
    return asdict(row)


def unread_of(values: Mapping[str, object]) -> Unread:
    """Return a kept row that could not be read."""
    cell, number = (str(values.get(name, "")) for name in ("cell", "number"))
    return Unread(row=_whole(values, "row"), cell=cell, number=number)


def _whole(values: Mapping[str, object], name: str) -> int:
    number = values.get(name, 0)
    return number if isinstance(number, int) else 0
