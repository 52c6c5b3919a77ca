"""What the desk refuses besides what the case itself forbids: matters of calendars and of other cases.

Whether an applicant's promise proved untrue is asked of the cases held here, by the keyed token of the
identity number: a station knows what it received, holds or supervises, the county knows all. People without
a number are never barred, for a name is not a person.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import NamedTuple

from ledger.cases.effects import local_date_text
from ledger.cases.sense import senseless
from ledger.cases.shape import CaseAct, CaseFinding, CaseState, local_day
from ledger.cases.toldday import NIGHT_EDGE_MS, date_of, entered_on
from ledger.clocks.laterefusal import late_refusal
from ledger.clocks.notices import (
    UNTRUE_ACTIONS,
    calendar_notices,
    calendar_refusal,
    may_promise,
    papers_with_agent,
    promised_after,
    promises,
    repaired,
    untrue_promise,
)
from ledger.days.calendar import local_date
from ledger.days.year import EPOCH_ORDINAL, FIRST_YEAR
from ledger.errors import BanjianError, RuleError
from ledger.facade.base.ondemand import OnDemand
from ledger.facade.base.tables import TOKENS
from ledger.facade.base.vault import Vault
from ledger.facade.cases.casebook import CaseBook
from ledger.facade.cases.people import people_now
from ledger.facade.cases.sequence import require_order
from ledger.facade.logs.bodies import ASKED_MAX, read_personal
from ledger.formats.body import open_body
from ledger.identity import plain_number
from ledger.known.knowledge import Knowledge
from ledger.lawtime import DAY_MS
from ledger.limits import PERSONAL_BYTES_MAX
from ledger.rules.catalogue import Rules
from ledger.store import schema
from ledger.store.contract import ReadTx
from ledger.store.tables import OneOf
from ledger.types import ActId, CaseId, Facts

CLOCK_STEP_MS = 60_000
"""How far ahead of the clock a claimed time may lie: forms say minutes, and clocks are set back a little."""
ENTERED_BEFORE_MS_MAX = 366 * DAY_MS
"""How long before its receipt here a case may have been entered elsewhere."""
_FIRST_DAY = date(FIRST_YEAR, 1, 1).toordinal() - EPOCH_ORDINAL


class Untrue(NamedTuple):
    """A case in which a promise of the applicant was found untrue: its number, and when, in milliseconds."""

    number: str
    at_ms: int


class DeskRules:
    """Asks the calendars and the other cases held here.

    Args:
        knowledge: for the newest calendars.
        book: folds the cases that are asked.
        vault: for search tokens and personal bodies.
    """

    def __init__(self, *, knowledge: Knowledge, book: CaseBook, vault: Vault) -> None:
        self._knowledge = knowledge
        self._book = book
        self._vault = vault

    def require(
        self, reading: OnDemand, state: CaseState | None, rules: Rules, act: CaseAct, personal: Facts | None
    ) -> None:
        """Refuse an act that the case itself would take.

        Args:
            reading: opened only when something has to be asked.
            state: the case; None for an opening act.
            rules: item and case type.
            act: the act as it will be recorded.
            personal: its personal body.

        Raises:
            RuleError: ``case.another_day``, ``case.in_future``, ``case.absurd_time``, ``case.entered_on``,
                ``case.promise_barred``, ``case.external_day``; as
                ``ledger.facade.cases.sequence.require_order``, ``ledger.cases.sense.senseless``,
                ``ledger.clocks.notices.calendar_refusal`` and ``ledger.clocks.laterefusal.late_refusal``.
        """
        require_day(act.occurred_at_ms, act.recorded_at_ms, act.facts)
        _require_entry(act.occurred_at_ms, act.recorded_at_ms, act.facts)
        require_order(state, rules, act)
        spec = rules.case_type.actions[act.action]
        registry = self._knowledge.registry
        reason = senseless(
            spec, act, state=state, rules=rules, registry=registry, personal=personal
        ) or calendar_refusal(state, spec, act, rules, self._knowledge.calendars)
        if reason is None and state is not None and not _fits_day(act.occurred_at_ms, act.recorded_at_ms):
            # of another day, so a late entry
            reason = late_refusal(state, spec, act, rules, self._knowledge.calendars)
        if reason is not None:
            raise RuleError(reason.code, **reason.params)
        require_external(act.facts, state, act.recorded_at_ms)
        if not promises(spec, act.facts) or repaired(act.facts):
            return
        tx = reading.tx()
        case_id = CaseId(b"") if state is None else state.case_id
        numbers = _id_number(personal) | self._id_numbers(tx, state)
        known = [one for one in self._untrue(tx, numbers, but=case_id) if one.at_ms < act.occurred_at_ms]
        if known:
            raise RuleError("case.promise_barred", cases=_listed(known))

    def notices(self, tx: ReadTx, state: CaseState, rules: Rules) -> tuple[CaseFinding, ...]:
        """Return what the page of a case tells besides its findings."""
        told = (*calendar_notices(state, rules, self._knowledge.calendars), *papers_with_agent(state))
        if not may_promise(rules) or state.voided:
            return told
        known = self._untrue(tx, self._id_numbers(tx, state), but=state.case_id)
        if not known:
            return told
        steps = promised_after(state, rules, (one.at_ms for one in known))
        params = {"cases": _listed(known)}
        if steps:
            acts = tuple(step.act.act_id for step in steps)
            return (*told, CaseFinding("case.notice.promised_though_barred", acts, params))
        if state.status in rules.case_type.final_states:
            return told
        return (*told, CaseFinding("case.notice.promise_barred", (), params))

    def _untrue(self, tx: ReadTx, numbers: frozenset[str], *, but: CaseId) -> list[Untrue]:
        keys = [f"id:{number}" for number in sorted(numbers)]
        cases = {
            CaseId(cell)
            for token in self._vault.tokens(keys)
            for _, cell in tx.select(TOKENS, {"token": token})
            if isinstance(cell, bytes) and cell != but
        }
        found = []
        for case_id in _checked(tx, sorted(cases)):
            try:
                state = self._book.load(tx, case_id).state
            except RuleError:
                continue
            step = untrue_promise(state)
            # the token may be that of an agent, who promised nothing
            if step is not None and numbers & self._id_numbers(tx, state):
                found.append(Untrue(state.number, step.effect_at_ms))
        return found

    def _id_numbers(self, tx: ReadTx, state: CaseState | None) -> frozenset[str]:
        """Return the applicant's identity number in a case, as it was corrected last and can be opened."""
        if state is None:
            return frozenset()
        case_id = state.case_id

        def personal_of(act_id: ActId) -> Facts | None:
            try:
                raw = read_personal(tx, self._vault, case_id, act_id)
                return None if raw is None else open_body(raw, limit_bytes=PERSONAL_BYTES_MAX)
            except BanjianError:
                return None

        number = people_now(state.steps, personal_of).get("applicant", {}).get("id_no", "")
        return frozenset((plain_number(number),)) if number else frozenset()


def require_day(occurred_at_ms: int, recorded_at_ms: int, facts: Facts) -> None:
    """Refuse another local day than that of the signature where the facts do not say that it is entered late.

    From elsewhere such an act is kept and marked, for its clock may have been wrong; at the desk the person
    is there to say what it is. Source: docs/clocks.md, "Counting days".

    Raises:
        RuleError: ``case.another_day``.
    """
    if "late_entry" not in facts and not _fits_day(occurred_at_ms, recorded_at_ms):
        days = local_day(recorded_at_ms) - local_day(occurred_at_ms)
        raise RuleError("case.another_day", days=abs(days), hours=NIGHT_EDGE_MS // 3_600_000)


def _fits_day(occurred_at_ms: int, recorded_at_ms: int) -> bool:
    """Tell whether a time may be claimed without a late entry: of the same day, or of the night before."""
    same = local_day(occurred_at_ms) == local_day(recorded_at_ms)
    return same or 0 <= recorded_at_ms - occurred_at_ms <= NIGHT_EDGE_MS


def _require_entry(occurred_at_ms: int, recorded_at_ms: int, facts: Facts) -> None:
    """Refuse a time that has not come, and a late entry that claims too much: limits run from it."""
    if occurred_at_ms > recorded_at_ms + CLOCK_STEP_MS:
        raise RuleError(
            "case.in_future", value=local_date_text(occurred_at_ms), now=local_date_text(recorded_at_ms)
        )
    if "late_entry" not in facts:
        return
    if local_day(occurred_at_ms) < _FIRST_DAY:
        raise RuleError("case.absurd_time", value=local_date_text(occurred_at_ms))
    entered = entered_on(facts)
    # signed just before midnight, an act may be stored after it
    if entered is not None and not (
        local_day(recorded_at_ms - NIGHT_EDGE_MS) <= entered <= local_day(recorded_at_ms)
    ):
        raise RuleError("case.entered_on", day=date_of(entered))


def require_external(facts: Facts, state: CaseState | None, recorded_at_ms: int) -> None:
    """Refuse a day on which nobody can have entered a case in another system.

    Raises:
        RuleError: ``case.external_day`` for a day long before the case, or one to come.
    """
    changes = facts.get("changes")
    for said in (facts, changes if isinstance(changes, dict) else {}):
        day = said.get("entered_on")
        if not isinstance(day, str):
            continue
        opened_at_ms = recorded_at_ms if state is None else state.opened_at_ms
        first = local_date(opened_at_ms - ENTERED_BEFORE_MS_MAX).isoformat()
        if not first <= day <= local_date(recorded_at_ms).isoformat():
            raise RuleError("case.external_day", day=day)


def _checked(tx: ReadTx, case_ids: Sequence[CaseId]) -> list[CaseId]:
    """Return those of some cases that hold an act which can say that a promise was untrue."""
    found: set[CaseId] = set()
    for first in range(0, len(case_ids), ASKED_MAX):
        asked = OneOf(tuple(case_ids[first : first + ASKED_MAX]))
        rows = tx.select(schema.ACTS, {"case_id": asked, "action": OneOf(UNTRUE_ACTIONS)})
        found |= {CaseId(row[0]) for row in rows if isinstance(row[0], bytes)}
    return sorted(found)


def _id_number(personal: Facts | None) -> frozenset[str]:
    person = None if personal is None else personal.get("applicant")
    number = person.get("id_no") if isinstance(person, dict) else None
    return frozenset((plain_number(number),)) if isinstance(number, str) and number else frozenset()


def _listed(known: Iterable[Untrue]) -> tuple[str, ...]:
    return tuple(sorted(one.number for one in known))
