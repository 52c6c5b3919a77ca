"""The page of a case: state, clocks, personal data, what one may do, and what besides must be said."""

from __future__ import annotations

from ledger.cases.waiting import hindrances
from ledger.clocks.clocks import read_clocks
from ledger.facade.base.types import CasePage
from ledger.facade.cases.moved import earlier_notices
from ledger.facade.opened.parts import Parts
from ledger.facade.transfer.leakedkeys import leaked_notices
from ledger.store.contract import ReadTx
from ledger.types import CaseId, KeyId, StationId


def case_page(
    tx: ReadTx,
    parts: Parts,
    case_id: CaseId,
    *,
    actor_key: KeyId | None,
    station: StationId | None,
    now_ms: int,
) -> CasePage:
    """Return everything that the page of a case shows, from one view of the store.

    Args:
        tx: the view.
        parts: the parts of the ledger as of that view.
        case_id: the case.
        actor_key: whose permissions to list; None for none.
        station: the station that this person acts for.
        now_ms: the moment for lights.

    Raises:
        RuleError: ``case.unknown``.
    """
    state, rules, _ = parts.book.load(tx, case_id)
    clocks = read_clocks(state, rules, parts.knowledge.calendars, now_ms)
    acts = [step.act.act_id for step in state.steps]
    return CasePage(
        row=parts.reader.row(tx, case_id, now_ms),
        state=state,
        rules=rules,
        clocks=clocks,
        personal={act_id: parts.reader.personal(tx, case_id, act_id) for act_id in acts},
        permissions=parts.desk.permissions(state, rules, key=actor_key, station=station, now_ms=now_ms),
        hindered=hindrances(state, rules, now_ms),
        notices=(
            *parts.rules.notices(tx, state, rules),
            *earlier_notices(tx, case_id, clocks),
            *leaked_notices(tx, parts.book, parts.knowledge.registry, case_id),
        ),
    )
