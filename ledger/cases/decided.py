"""What a case came to, read from its state: what was decided and why, and what was corrected since.

``CaseState`` says what holds now. Who asks why something was refused, or what an amendment changed, gets it
here, told in the same way on the command line, on the pages and by the audit.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from ledger.cases.case import facts_of
from ledger.cases.shape import CaseState, Step
from ledger.types import ActId, Facts, Value

_NOT_TOLD: Final = frozenset(("salt",))


class Ruling(NamedTuple):
    """An act by which a case was decided one way or the other, as it holds with what was amended since.

    ``result`` is the result of a decision, ``ground`` the ground in law of a refusal or revocation; "" where
    the act has none. A refusal names where a review may be asked for, within how many days, and the court.
    """

    act_id: ActId
    action: str
    result: str
    ground: str
    reasons: tuple[str, ...]
    document_no: str
    review_organ: str = ""
    review_days: int | None = None
    court: str = ""

    def says_only(self, result: str) -> bool:
        """Tell whether it says no more than a result that is told already."""
        return self.result == result and not (self.ground or self.reasons or self.document_no)


class Change(NamedTuple):
    """One field of an act as an amendment found it, None where it was not said, and as it left it."""

    field: str
    before: Value
    after: Value


class Correction(NamedTuple):
    """An effective amendment: which act it corrects, what it changed there, of whom, and why."""

    act_id: ActId
    target: ActId
    changes: tuple[Change, ...]
    personal_fields: tuple[str, ...]
    reason: str


def rulings_of(state: CaseState) -> list[Ruling]:
    """Return the acts that decided a case, in the one order: decisions, refusals, revocations.

    Such an act has taken effect, and says a result or gives reasons.
    """
    return [
        _ruling(step, facts_of(state, step.act.act_id))
        for step in state.steps
        if step.effective and ("result" in step.act.facts or "reasons" in step.act.facts)
    ]


def corrections_of(state: CaseState) -> list[Correction]:
    """Return the effective amendments of a case in the one order, each field with what it said before."""
    by_act = {step.act.act_id: step for step in state.steps}
    held: dict[ActId, Facts] = {}
    found = []
    for amendment in state.amendments:
        target, step = by_act.get(amendment.target), by_act.get(amendment.act_id)
        if target is None or step is None:
            continue
        facts = held.setdefault(amendment.target, dict(target.act.facts))
        changes = tuple(Change(name, facts.get(name), value) for name, value in amendment.changes.items())
        facts.update(amendment.changes)
        found.append(
            Correction(
                act_id=amendment.act_id,
                target=amendment.target,
                changes=changes,
                personal_fields=_texts(step.act.facts.get("personal_fields")),
                reason=_text(step.act.facts.get("reason")),
            )
        )
    return found


def ruling_object(ruling: Ruling) -> dict[str, object]:
    """Return a ruling for programs."""
    return {
        "act": ruling.act_id.hex(),
        "action": ruling.action,
        "result": ruling.result,
        "ground": ruling.ground,
        "reasons": list(ruling.reasons),
        "document_no": ruling.document_no,
        "review_organ": ruling.review_organ,
        "review_days": ruling.review_days,
        "court": ruling.court,
    }


def correction_object(one: Correction) -> dict[str, object]:
    """Return a correction for programs."""
    return {
        "act": one.act_id.hex(),
        "target": one.target.hex(),
        "changes": [
            {"field": change.field, "before": plain_value(change.before), "after": plain_value(change.after)}
            for change in one.changes
        ],
        "personal_fields": list(one.personal_fields),
        "reason": one.reason,
    }


def plain_facts(facts: Facts) -> dict[str, object]:
    """Return facts as JSON can hold them: bytes as hexadecimal digits, without the salt."""
    return {name: plain_value(value) for name, value in facts.items() if name not in _NOT_TOLD}


def plain_value(value: Value) -> object:
    """Return a value of facts as JSON can hold it."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, list):
        return [plain_value(one) for one in value]
    if isinstance(value, dict):
        return {name: plain_value(one) for name, one in value.items()}
    return value


def _ruling(step: Step, facts: Facts) -> Ruling:
    return Ruling(
        act_id=step.act.act_id,
        action=step.action,
        result=_text(facts.get("result")),
        ground=_text(facts.get("ground")),
        reasons=_texts(facts.get("reasons")),
        document_no=_text(facts.get("document_no")),
        review_organ=_text(facts.get("review_organ")),
        review_days=days if isinstance(days := facts.get("review_days"), int) else None,
        court=_text(facts.get("court")),
    )


def _text(value: Value) -> str:
    return value if isinstance(value, str) else ""


def _texts(value: Value) -> tuple[str, ...]:
    return tuple(str(one) for one in value) if isinstance(value, list) else ()
