"""What this ledger knows of its cases beside the platform: their numbers there, and who entered them."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Sequence
from typing import NamedTuple

from ledger.cases.shape import CaseState
from ledger.errors import BanjianError
from ledger.facade import CaseRow, Ledger
from ledger.store import schema
from ledger.store.tables import OneOf
from ledger.types import ActId, CaseId, KeyId

LINK = "link_external"
KEPT_MAX = 50_000
_STATES = {
    "received": "received",
    "correcting": "received",
    "accepted": "accepted",
    "reviewing": "accepted",
    "suspended": "accepted",
    "not_accepted": "refused",
    "returned": "refused",
    "withdrawn": "ended",
    "lapsed": "ended",
    "void": "ended",
}


class Entered(NamedTuple):
    """How a case got its number in the platform.

    Attributes:
        external_no: the number there; "" when nobody has entered it.
        by: key of who said so.
        at_ms: when.
        act: the act that says so.
        platform: name of the platform, where the act names one.
    """

    external_no: str = ""
    by: KeyId | None = None
    at_ms: int = 0
    act: ActId | None = None
    platform: str = ""


class Known(NamedTuple):
    """What is compared of one case.

    Attributes:
        state: one of ``settings.STATES``.
        result: ``grant``, ``refuse`` or "".
        returned: the papers were given back on the spot: there is nothing to enter.
    """

    entered: Entered
    state: str
    result: str
    returned: bool = False


class KnownCases:
    """Remembers what was read of each case, until it gets another act; to be used on reading threads."""

    def __init__(self) -> None:
        self._kept: OrderedDict[CaseId, tuple[int, Known]] = OrderedDict()

    def of(self, ledger: Ledger, rows: Sequence[CaseRow]) -> list[Known]:
        """Return what is known of each row's case.

        Args:
            ledger: open for reading.
            rows: a few hundred at a time, so that other pages get their turn.
        """
        counts: Counter[object] = Counter()
        with ledger.reading() as (tx, _):
            asked = tuple(row.case_id for row in rows)
            for found in tx.select(schema.ACTS, {"case_id": OneOf(asked)}) if asked else ():
                counts[found[0]] += 1
        known = []
        for row in rows:
            count = counts[row.case_id]
            kept = self._kept.get(row.case_id)
            if kept is None or kept[0] != count:
                kept = (count, _read(ledger, row))
                self._kept[row.case_id] = kept
                while len(self._kept) > KEPT_MAX:
                    self._kept.popitem(last=False)
            known.append(kept[1])
        return known


def entered_of(state: CaseState) -> Entered:
    """Return how a case got its number in the platform: by the last act that stands and names it.

    That may be a correction: the number as it stands is then the word of who corrected it.
    """
    if not state.external_no:
        return Entered()
    corrected = {one.act_id: one.changes for one in state.amendments}
    for step in reversed(state.steps):
        named = corrected.get(step.act.act_id, step.act.facts)
        if step.effective and named.get("external_no"):
            platform = named.get("platform")
            return Entered(
                external_no=state.external_no,
                by=step.act.actor,
                at_ms=step.act.occurred_at_ms,
                act=step.act.act_id,
                platform=platform if isinstance(platform, str) else "",
            )
    return Entered(external_no=state.external_no)


def state_of(status: str) -> str:
    """Return what a status of a case type means, as coarse as the platform is compared with.

    Of a case that was closed or archived that is the status before: it may have been withdrawn.
    """
    return _STATES.get(status, "done")


def _read(ledger: Ledger, row: CaseRow) -> Known:
    try:
        state, _ = ledger.state(row.case_id)
    except BanjianError:
        # An act that cannot be read here is told by the doctor; the list goes on with what the row says.
        return Known(entered=Entered(), state=state_of(row.status), result="")
    result = state.result if state.result in ("grant", "refuse") else ""
    return Known(
        entered=entered_of(state),
        state=state_of(state.outcome),
        result=result,
        returned=state.outcome == "returned",
    )
