"""What the platform has and this ledger has not, the other way round, and where the two disagree."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from ledger.days.calendar import local_date
from ledger.facade import CaseRow
from ledger.types import CaseId
from stations.province.exported import ExportRow, Unread, contradictions
from stations.province.known import Known
from stations.province.settings import PlatformSettings

Kind = Literal["not_entered", "gone", "not_here", "state", "result", "word", "mismatch", "shared", "unread"]
"""``not_entered``: here, without a number there; ``gone``: its number is not in the list although its day is
within it; ``unread``: the same, where some rows of the list could not be read; ``not_here``: in the list, no
case here; ``state``, ``result``: they differ; ``word``: a word of the platform that is not known, so that
nothing can be compared; ``mismatch``: under one number another applicant or item; ``shared``: one number in
several cases here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One difference; ``case`` and ``row`` are None where there is none.

    Attributes:
        other_number: whether the digits that the platform shows are not those of the case's applicant.
    """

    kind: Kind
    case: CaseRow | None
    known: Known | None
    row: ExportRow | None
    other_number: bool = False


def compare(
    cases: Sequence[tuple[CaseRow, Known]],
    rows: Sequence[ExportRow],
    settings: PlatformSettings,
    *,
    unread: Sequence[Unread],
    should_be_there: Callable[[CaseRow], bool],
    id_numbers: Mapping[CaseId, str],
) -> list[Difference]:
    """Return the differences, the most urgent kinds first.

    Args:
        cases: those of this ledger that are looked at; those that the list names with their applicants.
        rows: the platform's list; empty when none was read yet.
        settings: the platform's words.
        unread: rows of the list whose number could not be read: the cases that are missed may be among them.
        should_be_there: whether a case that has no number there is to be told.
        id_numbers: identity numbers of the applicants of cases that the list names.
    """
    by_number = {row.external_no: row for row in rows}
    first, last = _span(rows)
    counts = Counter(known.entered.external_no for _, known in cases)
    seen: set[str] = set()
    here: list[Difference] = []
    differing: list[Difference] = []
    for case, known in cases:
        number = known.entered.external_no
        if not number:
            if should_be_there(case):
                here.append(Difference(kind="not_entered", case=case, known=known, row=None))
            continue
        seen.add(number)
        if counts[number] > 1:
            differing.append(Difference(kind="shared", case=case, known=known, row=by_number.get(number)))
        row = by_number.get(number)
        if row is not None:
            differing += _differing(case, known, row, settings, id_numbers.get(case.case_id, ""))
        elif first <= local_date(case.opened_at_ms).isoformat() <= last:
            here.append(Difference(kind="unread" if unread else "gone", case=case, known=known, row=None))
    there = [
        Difference(kind="not_here", case=None, known=None, row=row)
        for row in rows
        if row.external_no not in seen
    ]
    return [*differing, *there, *here]


def _differing(
    case: CaseRow, known: Known, row: ExportRow, settings: PlatformSettings, id_no: str
) -> list[Difference]:
    found: list[Difference] = []
    contrary = contradictions(case, row, id_no)
    other = "id_no" in contrary

    def note(kind: Kind) -> None:
        found.append(Difference(kind=kind, case=case, known=known, row=row, other_number=other))

    if contrary:
        note("mismatch")
    state, result = settings.state(row.state), settings.result(row.result)
    # A platform that tells one column gives the result as the state.
    result = result or settings.result(row.state)
    state = state or ("done" if result else "")
    if row.state and not state:
        note("word")
    elif state and state != known.state:
        note("state")
    elif result and known.result and result != known.result:
        note("result")
    return found


def _span(rows: Sequence[ExportRow]) -> tuple[str, str]:
    days = sorted(row.received_on for row in rows if row.received_on)
    return (days[0], days[-1]) if days else ("9999", "")


def counts_of(differences: Sequence[Difference]) -> Mapping[str, int]:
    """Return how many there are of each kind."""
    counts: dict[str, int] = {}
    for one in differences:
        counts[one.kind] = counts.get(one.kind, 0) + 1
    return counts
