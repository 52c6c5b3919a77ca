"""Effects: what an action changes in a case besides its state. A case type names them, in order.

Each takes the draft, the act, the rules and the time of effect, and returns the derived events that clocks
listen to. Custody and state changes are the interpreter's own (``ledger.cases.judge``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from typing import Final

from ledger.cases.crossed import came_since, clear_deficit, follow, known_before
from ledger.cases.draft import Draft
from ledger.cases.guards import WAIVED, texts, token_hash
from ledger.cases.shape import ENDING, Amendment, CaseAct, Token, local_day
from ledger.cases.supplies import asked_for, at_hand, handed_in, taken_over
from ledger.cases.toldday import supply_until
from ledger.rules.catalogue import Rules
from ledger.types import StationId, Value

Effect = Callable[[Draft, CaseAct, Rules, int], tuple[str, ...]]

NO_NUMBER: Final = "—"
"""Stands for a number elsewhere that a case has not, or has no more: texts of facts are never empty."""
ASKED_AGAIN: Final = "case.finding.asked_again"
"""The finding about a list that names what was handed in."""
_EPOCH = date(1970, 1, 1)
_DAYS_MAX = (date.max - _EPOCH).days
_LOOKED_AT: Final = frozenset(("organ_receipt", "full_supply"))


def _open(draft: Draft, act: CaseAct, rules: Rules, at_ms: int) -> tuple[str, ...]:
    facts = act.facts
    draft.number = _text(facts.get("number"))
    draft.custodian = draft.received_station = act.station
    draft.received_level = act.station_level
    draft.opened_at_ms = at_ms
    draft.capacity = rules.item.receipt_capacity.get(act.station_level, "applicant_agent")
    draft.supplied = texts(facts.get("materials"))
    draft.proof_commitments = texts(facts.get("commitments"))
    draft.originals = texts(facts.get("originals"))
    draft.external_no = _number_there(facts.get("external_no"))
    return ()


def _advice(draft: Draft, act: CaseAct, rules: Rules, at_ms: int) -> tuple[str, ...]:
    """Told on the spot, papers go back: a case without receipt, kept because it was a trip in vain."""
    if not draft.status:
        _open(draft, act, rules, at_ms)
    return ()


def _receipt(draft: Draft, act: CaseAct, rules: Rules, at_ms: int) -> tuple[str, ...]:
    """The organ has the papers: at its own receiving point, or when one of its stations takes them over."""
    if draft.result or draft.done & ENDING:
        # papers that travel after the case is settled start no clock
        return ()
    item, level = rules.item, act.station_level
    deciding = level == item.decide_level
    events = taken_over(draft, act.station, level, item)
    if not draft.organ_received and (deciding or item.receipt_capacity.get(level) == "receiving_point"):
        draft.organ_received = True
        events = ("organ_receipt", *events)
    if deciding and not draft.deciding_received:
        draft.deciding_received = True
        events = (*events, "deciding_receipt")
    return events


def _correction(draft: Draft, act: CaseAct, rules: Rules, at_ms: int) -> tuple[str, ...]:
    missing = texts(act.facts.get("missing"))
    since = came_since(draft, act, at_ms, missing, rules)
    repeated = missing & known_before(draft, since, rules)
    if repeated:
        # a material already handed in may not be asked again (行政许可法 Art. 35; 优化营商环境条例 Art. 37)
        draft.note(ASKED_AGAIN, (act.act_id,), {"materials": tuple(sorted(repeated))})
    asked_for(draft, missing)
    draft.correction_due = supply_until(act.facts, local_day(act.occurred_at_ms))
    draft.correction_count += 1
    return follow(draft, since, rules)


def _supply(draft: Draft, act: CaseAct, rules: Rules, at_ms: int) -> tuple[str, ...]:
    supplied = texts(act.facts.get("materials"))
    draft.supplied |= supplied
    draft.originals |= texts(act.facts.get("originals"))
    events: tuple[str, ...] = ()
    if supplied & draft.correction and _after(at_ms, draft.correction_due):
        events = (*events, "late_supply")
    events = (*events, *handed_in(draft, act.station, act.station_level, rules.item, came=supplied))
    if supplied & draft.deficit:
        if _after(at_ms, draft.deficit_due) and "late_supply" not in events:
            events = (*events, "late_supply")
        draft.deficit -= supplied
        if not draft.deficit:
            events = (*events, "deficit_cleared")
    return events


def _deficit(draft: Draft, act: CaseAct, rules: Rules, at_ms: int) -> tuple[str, ...]:
    draft.deficit = texts(act.facts.get("missing"))
    draft.deficit_due = supply_until(act.facts, local_day(act.occurred_at_ms))
    draft.correction = frozenset()
    clear_deficit(draft, came_since(draft, act, at_ms, draft.deficit, rules))
    return ()


def _proof_commitment(draft: Draft, act: CaseAct, rules: Rules, at_ms: int) -> tuple[str, ...]:
    promised = texts(act.facts.get("commitments"))
    draft.proof_commitments |= promised
    # what a promise, a waiver or an older copy stands for is there with the acceptance, as papers would be
    draft.not_at_decider |= draft.correction
    # what was handed in before the notice is found good by who accepts: nothing else lets the list be left
    draft.correction -= promised | texts(act.facts.get(WAIVED)) | draft.supplied
    return at_hand(draft, act.station, act.station_level, rules.item)


def _approval_commitment(draft: Draft, act: CaseAct, rules: Rules, at_ms: int) -> tuple[str, ...]:
    draft.approval_commitment = True
    draft.correction = frozenset()
    return at_hand(draft, act.station, act.station_level, rules.item)


def _suspension(draft: Draft, act: CaseAct, rules: Rules, at_ms: int) -> tuple[str, ...]:
    draft.suspended_for = _text(act.facts.get("ground"))
    return ()


def _resumption(draft: Draft, act: CaseAct, rules: Rules, at_ms: int) -> tuple[str, ...]:
    draft.suspended_for = ""
    return ()


def _refusal_of_acceptance(draft: Draft, act: CaseAct, rules: Rules, at_ms: int) -> tuple[str, ...]:
    draft.correction = frozenset()
    # the papers were last looked at anew when the list was complete
    days = [local_day(step.effect_at_ms) for step in draft.steps if _LOOKED_AT & set(step.events)]
    if days and local_day(at_ms) != days[-1]:
        draft.note("case.finding.refusal_not_same_day", (act.act_id,), {})
    return ()


def _decision(draft: Draft, act: CaseAct, rules: Rules, at_ms: int) -> tuple[str, ...]:
    _organ_result(draft, act, rules, at_ms)
    needed = [step for step in rules.item.steps if step in STEP_ACTIONS]
    missing = [step for step in needed if STEP_ACTIONS[step] not in draft.done]
    if missing and draft.result == "grant" and not draft.approval_commitment:
        draft.note("case.finding.step_missing", (act.act_id,), {"steps": tuple(missing)})
    return ("commitment_decision",) if draft.approval_commitment and draft.result == "grant" else ()


def _organ_result(draft: Draft, act: CaseAct, rules: Rules, at_ms: int) -> tuple[str, ...]:
    """What the deciding organ decided: here, or in its own system and recorded with evidence."""
    draft.result = _text(act.facts.get("result"))
    draft.result_by_organ = True
    return ()


def _certificate(draft: Draft, act: CaseAct, rules: Rules, at_ms: int) -> tuple[str, ...]:
    draft.certificate_no = _text(act.facts.get("certificate_no"))
    return ()


def _arrival(draft: Draft, act: CaseAct, rules: Rules, at_ms: int) -> tuple[str, ...]:
    draft.at_village = True
    return ()


def _post_check(draft: Draft, act: CaseAct, rules: Rules, at_ms: int) -> tuple[str, ...]:
    if act.facts.get("outcome") == "untrue":
        # the applicant loses this way (commitment), never the item
        draft.promise_untrue = True
        draft.note("case.finding.promise_untrue", (act.act_id,), {})
    return ()


def _originals_returned(draft: Draft, act: CaseAct, rules: Rules, at_ms: int) -> tuple[str, ...]:
    draft.originals -= texts(act.facts.get("materials"))
    return ()


def _rating(draft: Draft, act: CaseAct, rules: Rules, at_ms: int) -> tuple[str, ...]:
    token = act.facts.get("token")
    found = token_hash(token) if isinstance(token, bytes) else b""
    rated: list[Token] = []
    for known in draft.tokens:
        if known.token_hash == found and not known.rating:
            rated.append(Token(known.token_hash, known.visit, act.act_id))
            found = b""
        else:
            rated.append(known)
    draft.tokens = tuple(rated)
    return ()


def _external(draft: Draft, act: CaseAct, rules: Rules, at_ms: int) -> tuple[str, ...]:
    draft.external_no = _number_there(act.facts.get("external_no"))
    return ()


def _amendment(draft: Draft, act: CaseAct, rules: Rules, at_ms: int) -> tuple[str, ...]:
    target, changes = act.facts.get("target"), act.facts.get("changes")
    step = draft.step_of(target) if isinstance(target, bytes) else None
    if step is None:
        return ()
    overlay = changes if isinstance(changes, dict) else {}
    draft.amendments = (*draft.amendments, Amendment(act.act_id, step.act.act_id, overlay))
    if "certificate_no" in overlay:
        draft.certificate_no = _text(overlay["certificate_no"])
    if "external_no" in overlay:
        draft.external_no = _number_there(overlay["external_no"])
    return ()


def _void(draft: Draft, act: CaseAct, rules: Rules, at_ms: int) -> tuple[str, ...]:
    draft.voided = True
    draft.offered_to = StationId("")
    return ()


def _number_there(value: Value) -> str:
    """Return the number that another system gave; "" where the text says that there is none."""
    text = _text(value)
    return "" if text == NO_NUMBER else text


def _text(value: Value) -> str:
    return value if isinstance(value, str) else ""


def _after(at_ms: int, due: str) -> bool:
    return bool(due) and local_date_text(at_ms) > due


def local_date_text(at_ms: int) -> str:
    """Return the local day (UTC+8) of a time as 2026-02-13; comparable as text.

    A time after the year 9999 reads as its last day: later than any date that a case can name.
    """
    return (_EPOCH + timedelta(days=min(local_day(at_ms), _DAYS_MAX))).isoformat()


STEP_ACTIONS: Final[Mapping[str, str]] = {
    "site_check2": "check_on_site",
    "home_visit2": "check_on_site",
    "three_visits": "check_on_site",
}
"""Steps of an item that leave an act of their own; others are worked outside the ledger."""

EFFECTS: Final[Mapping[str, Effect]] = {
    "advice": _advice,
    "amendment": _amendment,
    "approval_commitment": _approval_commitment,
    "arrival": _arrival,
    "certificate": _certificate,
    "correction": _correction,
    "decision": _decision,
    "deficit": _deficit,
    "external": _external,
    "open": _open,
    "organ_result": _organ_result,
    "originals_returned": _originals_returned,
    "post_check": _post_check,
    "proof_commitment": _proof_commitment,
    "rating": _rating,
    "receipt": _receipt,
    "refusal_of_acceptance": _refusal_of_acceptance,
    "resumption": _resumption,
    "supply": _supply,
    "suspension": _suspension,
    "void": _void,
}
