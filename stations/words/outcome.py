"""What a case came to, in words: results with their reasons, and what amendments changed."""

from __future__ import annotations

from collections.abc import Iterable

from ledger.cases.decided import Change, Correction, Ruling, corrections_of, rulings_of
from ledger.cases.shape import CaseState
from ledger.facade import CasePage
from ledger.rules.casetype import CaseType
from ledger.types import ActId, Value
from stations.texts import Say
from stations.words.casenames import action_name, value_name
from stations.words.factwords import PERSONAL_FIELDS, FactWords
from stations.words.fieldnames import field_name

Told = tuple[str, str]
"""A heading and what stands behind it."""


def outcome_lines(say: Say, page: CasePage) -> list[Told]:
    """Return what was decided besides the result, by the act's name in the case type, and the certificate."""
    kind = page.rules.case_type
    lines = [
        (action_name(say, kind, ruling.action), ruling_words(say, ruling))
        for ruling in rulings_of(page.state)
        if not ruling.says_only(page.state.result)
    ]
    if page.state.certificate_no:
        lines.append((field_name(say, "issue", "certificate_no"), page.state.certificate_no))
    return lines


def result_words(say: Say, state: CaseState) -> str:
    """Return the result of a case by its name; "" while nothing is decided."""
    return value_name(say, state.result) if state.result else ""


def ruling_words(say: Say, ruling: Ruling) -> str:
    """Return what one act decided, on which ground, why, and under which number."""
    named = [value_name(say, code) for code in (ruling.result, ruling.ground) if code]
    if ruling.reasons:
        named.append(say("outcome.reasons", reasons=say("outcome.next").join(ruling.reasons)))
    if ruling.document_no:
        named.append(say("outcome.document", number=ruling.document_no))
    if ruling.review_organ:
        key = "outcome.review" if ruling.review_days is None else "outcome.review_within"
        named.append(say(key, organ=ruling.review_organ, days=ruling.review_days or 0))
    if ruling.court:
        named.append(say("outcome.court", court=ruling.court))
    return say("outcome.part").join(named)


def corrections_in_words(say: Say, page: CasePage, words: FactWords) -> dict[ActId, list[Told]]:
    """Return what each effective amendment says, each field with what it said before."""
    kind = page.rules.case_type
    actions = {step.act.act_id: step.action for step in page.state.steps}
    return {
        one.act_id: _correction(say, kind, one, actions[one.target], words)
        for one in corrections_of(page.state)
    }


def _correction(say: Say, kind: CaseType, one: Correction, action: str, words: FactWords) -> list[Told]:
    target = field_name(say, "amend", "target")
    told = [(target, words.acts.get(one.target, action_name(say, kind, action)))]
    told += [
        (field_name(say, action, change.field), _change(say, action, change, words)) for change in one.changes
    ]
    people = words.told("amend", {PERSONAL_FIELDS: list(one.personal_fields)})
    reason = [(field_name(say, "amend", "reason"), one.reason)] if one.reason else []
    return [*told, *people, *reason]


def _change(say: Say, action: str, change: Change, words: FactWords) -> str:
    before = _value(say, action, change.field, change.before, words)
    return say("outcome.change", before=before, after=_value(say, action, change.field, change.after, words))


def _value(say: Say, action: str, name: str, value: Value, words: FactWords) -> str:
    told = words.value(action, name, value) if value is not None else ""
    return told or say("outcome.nothing")


def told_lines(say: Say, told: Iterable[Told]) -> list[str]:
    """Return headings with what stands behind them, as lines."""
    return [say("outcome.line", name=name, text=text) for name, text in told]
