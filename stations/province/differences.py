"""What the platform has and this ledger has not, the other way round, and where the two disagree."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from ledger.days.calendar import local_date
from ledger.facade import CaseRow
from stations.province.exported import ExportRow, same_item, same_name
from stations.province.known import Known
from stations.province.settings import PlatformSettings

Kind = Literal["not_entered", "gone", "not_here", "state", "result", "word", "mismatch", "shared"]
"""``not_entered``: here, without a number there; ``gone``: its number is not in the list although its day is
within it; ``not_here``: in the list, no case here; ``state``, ``result``: they differ; ``word``: a word of
the platform that is not known, so that nothing can be compared; ``mismatch``: under one number another
applicant or item; ``shared``: one number in several cases here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One difference; ``case`` and ``row`` are None where there is none."""

    kind: Kind
    case: CaseRow | None
    known: Known | None
    row: ExportRow | None


def compare(
    cases: Sequence[tuple[CaseRow, Known]],
    rows: Sequence[ExportRow],
    settings: PlatformSettings,
    *,
    should_be_there: Callable[[CaseRow], bool],
) -> list[Difference]:
    """Return the differences, the most urgent kinds first.

    Args:
        cases: those of this ledger that are looked at; those that the list names with their applicants.
        rows: the platform's list; empty when none was read yet.
        settings: the platform's words.
        should_be_there: whether a case that has no number there is to be told.
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
            differing += _differing(case, known, row, settings)
        elif first <= local_date(case.opened_at_ms).isoformat() <= last:
            here.append(Difference(kind="gone", case=case, known=known, row=None))
    there = [
        Difference(kind="not_here", case=None, known=None, row=row)
        for row in rows
        if row.external_no not in seen
    ]
    return [*differing, *there, *here]


def _differing(case: CaseRow, known: Known, row: ExportRow, settings: PlatformSettings) -> list[Difference]:
    found: list[Difference] = []

    def note(kind: Kind) -> None:
        found.append(Difference(kind=kind, case=case, known=known, row=row))

    if not (same_name(case, row) and (same_item(case, row) or not (row.item_code or row.item))):
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
