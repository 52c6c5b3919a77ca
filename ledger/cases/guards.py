"""Guards: what must hold beyond state, role and custody before an action takes effect.

A case type names them. State guards look at the case and the person and so also answer "may I?" before
anything is typed; fact guards look at what was typed. Each returns None or the reason, as a stable code.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from hashlib import sha256
from typing import Final

from ledger.cases.draft import Draft
from ledger.cases.shape import CaseAct, CaseState, Reason, local_day
from ledger.cases.supplies import wanting
from ledger.cases.toldday import day_number, entered_on
from ledger.days.year import LAST_YEAR
from ledger.lawtime import DAY_MS, LAW_OFFSET_MS
from ledger.rules.catalogue import Rules
from ledger.rules.factspec import value_fits
from ledger.types import Facts, Value

Guard = Callable[[Draft, CaseAct, Rules], "Reason | None"]

RATING_TOKEN_CTX: Final = b"banjian/rating-token/1\n"
LAWFUL_GROUNDS: Final = frozenset(
    ("hearing", "tender", "auction", "inspection", "test", "quarantine", "appraisal", "expert_review"),
)
"""Closed list. Source: 行政许可法 Art. 45."""
PERMIT: Final = "许可"
PERMIT_ONLY: Final = "permit_only"
"""The guard of what the law gives to permits alone, unless the item cites a local rule."""
ON_THE_SPOT: Final = "on_the_spot"
"""The guard of papers that go back on the day on which the organ received them."""
WAIVED: Final = "waived"
"""The fact of an acceptance that names what is still on the correction list and is no condition of it."""
SAME_DAY: Final = "same_day_opening"
"""The guard of what may be done on the day of receipt alone, by both people."""
DEFERRING: Final = "missing_deferrable"
"""The guard of what accepts papers that are to follow."""
DUE_AHEAD: Final = "due_ahead"
"""The guard of a last day that the act itself names."""


def token_hash(token: bytes) -> bytes:
    """Return what the slip's rating token is remembered as: 32 bytes."""
    return sha256(RATING_TOKEN_CTX + token).digest()


def texts(value: Value) -> frozenset[str]:
    """Return the texts of a list fact; nothing when the fact is absent."""
    return (
        frozenset(item for item in value if isinstance(item, str)) if isinstance(value, list) else frozenset()
    )


def _no_open_correction(draft: Draft, act: CaseAct, rules: Rules) -> Reason | None:
    # a promise may stand in for what is still missing; whether it may is the matter of commitments_allowed,
    # and whether the list is waived with reason that of calendars, so of signing (ledger.clocks.deemed)
    left = wanting(draft) - texts(act.facts.get("commitments")) - texts(act.facts.get(WAIVED))
    return Reason("case.correction_open", {"missing": _listed(left)}) if left else None


def _first_correction(draft: Draft, act: CaseAct, rules: Rules) -> Reason | None:
    return Reason("case.second_correction") if draft.correction_count else None


def _first_extension(draft: Draft, act: CaseAct, rules: Rules) -> Reason | None:
    """A limit is extended once. Source: 行政许可法 Art. 42(1)."""
    return Reason("case.second_extension") if act.action in draft.done else None


def _permit_only(draft: Draft, act: CaseAct, rules: Rules) -> Reason | None:
    item = rules.item
    if item.legal_basis == PERMIT or item.local_rule:
        return None
    return Reason("case.permit_only", {"basis": item.legal_basis})


def _approval_commitment_item(draft: Draft, act: CaseAct, rules: Rules) -> Reason | None:
    return None if rules.item.approval_commitment else Reason("case.no_approval_commitment")


def _approval_committed(draft: Draft, act: CaseAct, rules: Rules) -> Reason | None:
    return None if draft.approval_commitment else Reason("case.not_on_commitment")


def _organ_result(draft: Draft, act: CaseAct, rules: Rules) -> Reason | None:
    """Kiosk and bank point end a case only on the deciding organ's own result."""
    if act.roles - _OUTSIDE_ROLES or draft.result_by_organ or draft.status == "returned":
        return None
    return Reason("case.no_organ_result")


def _same_day_opening(draft: Draft, act: CaseAct, rules: Rules) -> Reason | None:
    """A mistake is voided on the day of receipt; one typed in from paper, on the day it was typed in.

    A receipt that was recorded live is voided in the record, that day: no paper does it that is typed later.
    """
    opening = draft.steps[0].act.facts if draft.steps else {}
    opened = local_day(draft.opened_at_ms)
    typed = None if "late_entry" in opening else entered_on(act.facts)
    if local_day(act.occurred_at_ms) == opened and typed in (None, opened):
        return None
    entered = entered_on(opening)
    if entered is not None and entered in (local_day(act.occurred_at_ms), entered_on(act.facts)):
        return None
    return Reason("case.void_too_late")


def same_day_until_ms(opened_at_ms: int, opening: Facts) -> int:
    """Return the moment from which on a receipt can no longer be voided: the end of its day.

    Args:
        opened_at_ms: when the case was received.
        opening: facts of the receipt; one that was entered late is voided on the day of typing as well.
    """
    last = max(local_day(opened_at_ms), entered_on(opening) or 0)
    return (last + 1) * DAY_MS - LAW_OFFSET_MS


def _on_the_spot(draft: Draft, act: CaseAct, rules: Rules) -> Reason | None:
    """What the organ has kept overnight was received: it is answered, not handed back without an answer."""
    received = next((step for step in draft.steps if "organ_receipt" in step.events), None)
    if received is None or local_day(act.occurred_at_ms) == local_day(received.effect_at_ms):
        return None
    return Reason("case.not_on_the_spot")


def _nothing_to_deliver(draft: Draft, act: CaseAct, rules: Rules) -> Reason | None:
    if draft.status == "decided" and (rules.item.certificate or draft.result == "refuse"):
        return Reason("case.not_delivered")
    return None


def _originals_held(draft: Draft, act: CaseAct, rules: Rules) -> Reason | None:
    return None if draft.originals else Reason("case.no_originals")


def _issued_first(draft: Draft, act: CaseAct, rules: Rules) -> Reason | None:
    """A grant with a certificate is delivered only once the certificate exists."""
    if draft.result != "grant" or not rules.item.certificate or draft.certificate_no:
        return None
    return Reason("case.not_issued", {"certificate": rules.item.certificate})


def _granted(draft: Draft, act: CaseAct, rules: Rules) -> Reason | None:
    return None if draft.result == "grant" else Reason("case.not_granted")


def _public_grant(draft: Draft, act: CaseAct, rules: Rules) -> Reason | None:
    """Grants of licences are made public; what is paid or confirmed to a person is nobody else's business."""
    basis = rules.item.legal_basis
    return None if basis == PERMIT else Reason("case.not_public", {"basis": basis})


def _has_deadline(draft: Draft, act: CaseAct, rules: Rules) -> Reason | None:
    due = open_due(draft)
    if not due:
        return Reason("case.nothing_missing")
    if local_day(act.occurred_at_ms) <= day_number(due):
        return Reason("case.due_not_passed", {"due": due})
    return None


def _due_ahead(draft: Draft, act: CaseAct, rules: Rules) -> Reason | None:
    """A day told to the applicant lies ahead, or is today, and in a year that calendars can hold."""
    due = act.facts.get("due")
    if not isinstance(due, str):
        return None
    if local_day(act.occurred_at_ms) <= day_number(due) and date.fromisoformat(due).year <= LAST_YEAR:
        return None
    return Reason("case.due_not_ahead", {"due": due, "last_year": LAST_YEAR})


def _item_matches(draft: Draft, act: CaseAct, rules: Rules) -> Reason | None:
    if act.facts.get("item") == rules.item.base_code:
        return None
    return Reason("case.item_mismatch", {"expected": rules.item.base_code})


def _commitments_allowed(draft: Draft, act: CaseAct, rules: Rules) -> Reason | None:
    """A promise replaces a material only where the item says so, signed by the applicant or a special agent.

    Source: 国办发 2020 No. 42.
    """
    promised = texts(act.facts.get("commitments"))
    if not promised:
        return None
    materials = rules.item.materials
    wrong = {code for code in promised if code not in materials or not materials[code].promise}
    if wrong or not rules.item.proof_commitment:
        return Reason("case.not_promisable", {"materials": _listed(wrong or promised)})
    return _promise_signed(draft, act, rules)


def _promise_signed(draft: Draft, act: CaseAct, rules: Rules) -> Reason | None:
    if act.facts.get("promise_by") in ("applicant", "agent_special"):
        return None
    return Reason("case.promise_unsigned")


def _told(draft: Draft, act: CaseAct, rules: Rules) -> Reason | None:
    return None if act.facts.get("applicant_told") is True else Reason("case.applicant_not_told")


def _missing_deferrable(draft: Draft, act: CaseAct, rules: Rules) -> Reason | None:
    materials = rules.item.materials
    missing = texts(act.facts.get("missing"))
    wrong = {code for code in missing if code not in materials or not materials[code].deferrable}
    if wrong or not missing:
        return Reason("case.not_deferrable", {"materials": _listed(wrong)})
    left = wanting(draft) - missing - texts(act.facts.get("commitments"))
    if left:
        return Reason("case.correction_open", {"missing": _listed(left)})
    return None


def _materials_known(draft: Draft, act: CaseAct, rules: Rules) -> Reason | None:
    away = draft.not_at_organ | draft.not_at_decider
    known = rules.item.materials.keys() | draft.correction | draft.deficit | away
    wrong = texts(act.facts.get("materials")) - known
    return Reason("case.unknown_material", {"materials": _listed(wrong)}) if wrong else None


def _something_missing(draft: Draft, act: CaseAct, rules: Rules) -> Reason | None:
    return None if texts(act.facts.get("missing")) else Reason("case.empty_list")


def _lawful_ground(draft: Draft, act: CaseAct, rules: Rules) -> Reason | None:
    ground = act.facts.get("ground")
    if ground in LAWFUL_GROUNDS:
        return None
    return Reason("case.unlawful_ground", {"ground": str(ground)})


def _reasons_given(draft: Draft, act: CaseAct, rules: Rules) -> Reason | None:
    """A refusal names reasons and remedies. Source: 行政许可法 Art. 38."""
    facts = act.facts
    if facts.get("result", "refuse") != "refuse":
        return None
    remedies = (facts.get("review_organ"), facts.get("court"))
    said = [text for text in texts(facts.get("reasons")) if text.strip()]
    if said and all(isinstance(organ, str) and organ.strip() for organ in remedies):
        return None
    return Reason("case.refusal_incomplete")


def _other_organ_named(draft: Draft, act: CaseAct, rules: Rules) -> Reason | None:
    """Not our power: the organ that has it must be named. Source: 行政许可法 Art. 32(2)."""
    if act.facts.get("ground") != "not_our_power" or act.facts.get("organ"):
        return None
    return Reason("case.organ_missing")


def _grant_complete(draft: Draft, act: CaseAct, rules: Rules) -> Reason | None:
    if draft.deficit and act.facts.get("result") == "grant":
        return Reason("case.deficit_open", {"missing": _listed(draft.deficit), "due": draft.deficit_due})
    return None


def _evidence_given(draft: Draft, act: CaseAct, rules: Rules) -> Reason | None:
    """Another organ's result stands on what it issued: the file's SHA-256, or the number of the paper."""
    paper = act.facts.get("evidence_paper")
    if act.facts.get("evidence") or (isinstance(paper, str) and paper.strip()):
        return None
    return Reason("case.no_evidence")


def _other_station(draft: Draft, act: CaseAct, rules: Rules) -> Reason | None:
    return Reason("case.hand_over_self") if act.facts.get("to") == act.station else None


def _village_proof(draft: Draft, act: CaseAct, rules: Rules) -> Reason | None:
    """Village proofs: a positive list, and twenty that must not be issued. Source: 民发 2020 No. 20."""
    proofs = rules.item.proofs
    if not proofs:
        return None
    kind = act.facts.get("proof_kind")
    proof = proofs.get(kind) if isinstance(kind, str) else None
    if proof is None:
        return Reason("case.proof_unknown", {"kind": str(kind)})
    if not proof.allowed:
        return Reason("case.proof_refused", {"kind": proof.name.zh, "go_to": proof.go_to.zh})
    return None


def _token_matches(draft: Draft, act: CaseAct, rules: Rules) -> Reason | None:
    """One rating for one visit, with the token that the applicant alone holds."""
    token = act.facts.get("token")
    if not isinstance(token, bytes):
        return Reason("case.rating_token")
    found = token_hash(token)
    held = [known for known in draft.tokens if known.token_hash == found]
    if not held:
        return Reason("case.rating_token")
    return Reason("case.rated_already") if all(known.rating for known in held) else None


def _originals_listed(draft: Draft, act: CaseAct, rules: Rules) -> Reason | None:
    wrong = texts(act.facts.get("materials")) - draft.originals
    return Reason("case.unknown_material", {"materials": _listed(wrong)}) if wrong else None


def _amend_target(draft: Draft, act: CaseAct, rules: Rules) -> Reason | None:
    target, changes = act.facts.get("target"), act.facts.get("changes")
    step = draft.step_of(target) if isinstance(target, bytes) else None
    if step is None or not step.effective:
        return Reason("case.amend_target")
    if not isinstance(changes, dict):
        return None
    specs = rules.case_type.actions[step.act.action].facts
    for name, value in changes.items():
        spec = specs.get(name)
        if spec is None or not spec.amend:
            return Reason("case.amend_field", {"field": name})
        if not value_fits(spec, value):
            return Reason("case.facts_value", {"action": step.act.action, "field": name})
    return None


def _listed(values: frozenset[str] | set[str]) -> tuple[str, ...]:
    return tuple(sorted(values))


def open_due(case: Draft | CaseState) -> str:
    """Return the last day told for the papers that are still missing, "" for none."""
    if case.correction:
        return case.correction_due
    return case.deficit_due if case.deficit else ""


_OUTSIDE_ROLES: Final = frozenset(("kiosk", "agent"))

STATE_GUARDS: Final[Mapping[str, Guard]] = {
    "approval_commitment_item": _approval_commitment_item,
    "approval_committed": _approval_committed,
    "due_passed": _has_deadline,
    "first_correction": _first_correction,
    "first_extension": _first_extension,
    "granted": _granted,
    "issued_first": _issued_first,
    "no_open_correction": _no_open_correction,
    "nothing_to_deliver": _nothing_to_deliver,
    ON_THE_SPOT: _on_the_spot,
    "organ_result": _organ_result,
    "originals_held": _originals_held,
    PERMIT_ONLY: _permit_only,
    "public_grant": _public_grant,
    SAME_DAY: _same_day_opening,
}
FACT_GUARDS: Final[Mapping[str, Guard]] = {
    "amend_target": _amend_target,
    "commitments_allowed": _commitments_allowed,
    DUE_AHEAD: _due_ahead,
    "evidence_given": _evidence_given,
    "grant_complete": _grant_complete,
    "item_matches": _item_matches,
    "lawful_ground": _lawful_ground,
    "materials_known": _materials_known,
    DEFERRING: _missing_deferrable,
    "originals_listed": _originals_listed,
    "other_organ_named": _other_organ_named,
    "other_station": _other_station,
    "promise_signed": _promise_signed,
    "reasons_given": _reasons_given,
    "something_missing": _something_missing,
    "token_matches": _token_matches,
    "told": _told,
    "village_proof": _village_proof,
}
FINDINGS: Final[Mapping[str, str]] = {
    "case.due_not_ahead": "case.finding.due_not_ahead",
    "case.permit_only": "case.finding.permit_only",
    "case.second_correction": "case.finding.second_correction",
    "case.second_extension": "case.finding.second_extension",
    "case.unlawful_ground": "case.finding.unlawful_ground",
}
"""Reasons that are findings as well: someone acted against the rules, not merely too late or out of turn."""
