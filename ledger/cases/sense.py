"""What is signed means something: values that are well formed and say nothing, or say what cannot be.

Forms and options do not offer them; a page that was tampered with or a program can still send them. They are
refused before signing. What was signed elsewhere stays as it is: nothing here decides what takes effect.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from hashlib import sha256
from types import MappingProxyType
from typing import Final

from ledger.cases.case import facts_of
from ledger.cases.guards import DUE_AHEAD, texts
from ledger.cases.judge import nothing_to_join
from ledger.cases.shape import CaseAct, CaseState, Reason, local_day
from ledger.cases.toldday import day_number
from ledger.days.year import EPOCH_ORDINAL, FIRST_YEAR, LAST_YEAR
from ledger.identity import is_seen
from ledger.oneline import code_point, hidden_character
from ledger.registry.registry import Registry
from ledger.registry.standin import stood_in_for
from ledger.rules.casetype import ActionSpec
from ledger.rules.catalogue import Rules
from ledger.rules.factspec import TEXT_CHARS_MAX, FactSpec, is_date
from ledger.types import Facts, StationId, Value

MATERIAL_LISTS: Final = ("materials", "missing", "originals")
"""Facts whose elements are materials of the item; promises have a guard of their own."""
PAST_DAYS: Final = frozenset(("checked_on", "published_on", "entered_on"))
"""Days on which something was done; they do not lie ahead."""
REVIEW_DAYS_MIN: Final = 60
"""Days in which review may be asked for; a law may give more, not less. Source: 行政复议法 Art. 20."""
_CLOCK_YEAR_MIN: Final = 2025
"""A station's clock that is older than the product is wrong, and what is ahead of it may well be past."""
_AGENT: Final = "applicant_agent"
_BY_HAND: Final = frozenset(("signature", "fingerprint", "electronic"))
_PROOFS_OF: Final[Mapping[str, frozenset[str]]] = {
    "counter": _BY_HAND,
    "home": _BY_HAND,
    "courier": frozenset(("courier_receipt", "signature", "fingerprint")),
    "post": frozenset(("courier_receipt",)),
    "electronic": frozenset(("electronic",)),
}
"""What the receiver's hand leaves behind, by the way of delivery; other ways are not judged."""
LINE_CHARS_MAX: Final = 120
"""Facts of more characters are reasons told in sentences; all others stand in one line."""


def senseless(
    spec: ActionSpec,
    act: CaseAct,
    *,
    state: CaseState | None,
    rules: Rules,
    registry: Registry,
    personal: Facts | None,
) -> Reason | None:
    """Return why an act is not to be signed though its case would take it; None when it says something.

    Codes: ``case.blank_text``, ``case.hidden_character``, ``case.facts_value``, ``case.list_empty``,
    ``case.absurd_day``, ``case.unknown_material``, ``case.unknown_station``, ``case.stand_in_unknown``,
    ``case.stand_in_role``, ``case.stand_in_unregistered``, ``case.unknown_clock``, ``case.token_given``,
    ``case.nothing_said``, ``case.amend_unsaid``, ``case.nothing_to_join``, ``case.review_days``,
    ``case.receipt_kind``, ``case.promise_unsigned``, ``case.proof_unfit``.

    Args:
        spec: the action.
        act: the act as it would be recorded.
        state: the case before it; None for an opening act.
        rules: item and case type.
        registry: the newest registry known.
        personal: its personal body.
    """
    return (
        _values(spec, act.facts, act)
        or _changes(act, state, rules, registry)
        or _materials(act, rules)
        or _people_and_places(spec, act, registry)
        or nothing_to_join(spec, act)
        or _unsaid(spec, act, rules, personal)
        or _contradiction(spec, act, state, rules)
    )


def _values(spec: ActionSpec, facts: Mapping[str, Value], act: CaseAct) -> Reason | None:
    for name, fact, value in _leaves(spec.facts, facts):
        reason = _value(spec, name, fact, value, act)
        if reason is not None:
            return reason
    return None


def _leaves(
    specs: Mapping[str, FactSpec], facts: Mapping[str, Value], prefix: str = ""
) -> Iterator[tuple[str, FactSpec, Value]]:
    """Yield the dotted name, the spec and the value of every field that the action declares."""
    for name, value in facts.items():
        fact = specs.get(name)
        if fact is None:
            continue
        if isinstance(value, dict) and fact.type == "map":
            yield from _leaves(fact.fields, value, f"{prefix}{name}.")
        else:
            yield prefix + name, fact, value


LEAST: Final = MappingProxyType({"expected_days": 1})
"""The least value of a number, by the dotted path of its field; 0 for any other."""


def _value(spec: ActionSpec, name: str, fact: FactSpec, value: Value, act: CaseAct) -> Reason | None:
    said = [value] if isinstance(value, str) else value if isinstance(value, list) else []
    params = {"action": spec.code, "field": name}
    most = fact.max or TEXT_CHARS_MAX
    for text in said:
        if not isinstance(text, str):
            continue
        if not any(is_seen(character) for character in text):
            return Reason("case.blank_text", params)
        found = hidden_character(text, lines=fact.type == "text" and most > LINE_CHARS_MAX)
        if found:
            return Reason("case.hidden_character", {**params, "character": code_point(found)})
    if fact.type == "list" and fact.required and not said:
        return Reason("case.list_empty", params)
    if fact.type == "date" and isinstance(value, str):
        return _day(spec, name, value, act)
    if name == "evidence" and isinstance(value, bytes) and len(value) != sha256().digest_size:
        return Reason("case.facts_value", params)
    if isinstance(value, int) and value < LEAST.get(name, 0):
        return Reason("case.facts_value", params)
    if name == "review_days" and isinstance(value, int) and value < REVIEW_DAYS_MIN:
        return Reason("case.review_days", {"days": value, "least": REVIEW_DAYS_MIN})
    return None


def _day(spec: ActionSpec, name: str, day: str, act: CaseAct) -> Reason | None:
    """Refuse a day in no year that calendars can hold, and one ahead on which something was done."""
    if not is_date(day) or (name == "due" and DUE_AHEAD in spec.guards):
        return None
    params = {"action": spec.code, "field": name, "day": day}
    if not FIRST_YEAR <= date.fromisoformat(day).year <= LAST_YEAR:
        return Reason("case.absurd_day", params)
    today = local_day(act.recorded_at_ms)
    trusted = today >= date(_CLOCK_YEAR_MIN, 1, 1).toordinal() - EPOCH_ORDINAL
    if name.rpartition(".")[2] in PAST_DAYS and trusted and day_number(day) > today:
        return Reason("case.absurd_day", params)
    return None


def _changes(act: CaseAct, state: CaseState | None, rules: Rules, registry: Registry) -> Reason | None:
    """Look at what an amendment writes as at what the amended act said, by the person who did that."""
    changes, target = act.facts.get("changes"), act.facts.get("target")
    if state is None or not isinstance(changes, dict) or not isinstance(target, bytes):
        return None
    amended = next((step.act for step in state.steps if step.act.act_id == target), None)
    spec = None if amended is None else rules.case_type.actions.get(amended.action)
    if amended is None or spec is None:
        return None
    return _values(spec, changes, act) or _people_and_places(spec, amended._replace(facts=changes), registry)


def _materials(act: CaseAct, rules: Rules) -> Reason | None:
    """Only materials that the item publishes are asked for or handed in. Source: 行政许可法 Art. 30, 31."""
    known = rules.item.materials
    if not known or "materials_known" in rules.case_type.actions[act.action].guards:
        lists: tuple[str, ...] = ("originals",) if known else ()
    else:
        lists = MATERIAL_LISTS
    wrong = frozenset[str]().union(*(texts(act.facts.get(name)) for name in lists)) - known.keys()
    return Reason("case.unknown_material", {"materials": tuple(sorted(wrong))}) if wrong else None


def _people_and_places(spec: ActionSpec, act: CaseAct, registry: Registry) -> Reason | None:
    for name, fact in spec.facts.items():
        value = act.facts.get(name)
        if fact.type == "station" and isinstance(value, str):
            found = registry.station(StationId(value))
            if found is None or not found.is_open:
                return Reason("case.unknown_station", {"station": value})
    staff_no = act.facts.get("stand_in_for")
    if not isinstance(staff_no, str):
        return None
    away = registry.staff(staff_no)
    if away is None or staff_no == act.staff_no:
        return Reason("case.stand_in_unknown", {"staff_no": staff_no})
    if not away.roles_at(act.station) & spec.by:
        return Reason("case.stand_in_role", {"staff_no": staff_no, "action": spec.code})
    if staff_no not in stood_in_for(registry, act.staff_no, station=act.station, roles=spec.by):
        return Reason("case.stand_in_unregistered", {"staff_no": staff_no, "station": act.station})
    return None


def _unsaid(spec: ActionSpec, act: CaseAct, rules: Rules, personal: Facts | None) -> Reason | None:
    facts = act.facts
    if not spec.opens and "token_hash" in facts:
        # one rating for one visit: only what opens a case, or ends it on the spot, hands out a token
        return Reason("case.token_given")
    clock = facts.get("clock")
    if spec.code == "overrun_reason" and clock not in {one.code for one in rules.case_type.clocks.values()}:
        return Reason("case.unknown_clock", {"clock": str(clock)})
    coded = facts.get("text_code") or facts.get("note_code") or act.attachments
    if spec.code == "note" and not (coded or _spoken(personal)):
        return Reason("case.nothing_said", {"action": spec.code})
    if spec.code == "amend":
        return _unsaid_correction(facts, personal)
    return None


def _unsaid_correction(facts: Mapping[str, Value], personal: Facts | None) -> Reason | None:
    """Refuse an amendment that changes nothing, or that names a text about people and does not say it."""
    if not (facts.get("changes") or facts.get("personal_fields") or personal):
        return Reason("case.nothing_said", {"action": "amend"})
    for field in sorted(texts(facts.get("personal_fields"))):
        role, _, name = field.partition(".")
        person = None if personal is None else personal.get(role)
        if not isinstance(person, dict) or name not in person:
            return Reason("case.amend_unsaid", {"field": field})
    return None


def _contradiction(spec: ActionSpec, act: CaseAct, state: CaseState | None, rules: Rules) -> Reason | None:
    """Refuse what two facts say against each other, or a fact against what the case or the item says."""
    facts, item = act.facts, rules.item
    paper = facts.get("paper")
    if spec.opens and isinstance(paper, dict):
        agent = item.receipt_capacity.get(act.station_level, _AGENT) == _AGENT
        kind, seal = paper.get("receipt_kind"), paper.get("seal_kind")
        # before the organ has it, no slip says that it has, and no seal of the organ stands on one
        if (agent and kind == "organ_receipt") or (kind == "village_slip" and seal == "acceptance_seal"):
            return Reason("case.receipt_kind")
    if "proof_kind" in facts and not item.proofs:
        return Reason("case.facts_value", {"action": spec.code, "field": "proof_kind"})
    if facts.get("promise_by") == "agent_special" and _authority(facts, state) not in ("", "special"):
        return Reason("case.promise_unsigned")
    method = facts.get("method")
    fitting = _PROOFS_OF.get(method) if spec.code == "deliver" and isinstance(method, str) else None
    if fitting is not None and facts.get("proof") not in fitting:
        return Reason("case.proof_unfit", {"method": str(method), "proof": str(facts.get("proof"))})
    return None


def _authority(facts: Facts, state: CaseState | None) -> str:
    """Return what authority the applicant's agent has, as far as the receipt or the act says."""
    said = facts.get("agent_authority")
    if said is None and state is not None and state.steps:
        said = facts_of(state, state.steps[0].act.act_id).get("agent_authority")
    return said if isinstance(said, str) else ""


def _spoken(personal: Facts | None) -> bool:
    text = None if personal is None else personal.get("text")
    return isinstance(text, str) and any(is_seen(character) for character in text)
