"""What a tampered page or a program could get signed though it means nothing, action by action."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import pytest

from ledger.cases.sense import PAST_DAYS, senseless
from ledger.cases.shape import CaseAct, CaseState
from ledger.data import case_types, items
from ledger.errors import BanjianError
from ledger.facade import Command
from ledger.registry.registry import Registry
from ledger.rules.casetype import ActionSpec, CaseType
from ledger.rules.catalogue import Rules
from ledger.rules.factspec import FactSpec, first_problem
from ledger.types import ActId, CaseId, Facts, KeyId, Value
from tests.facade.counter import APPLICANT, COUNTY, TOWNSHIP, VILLAGE, at, signer
from tests.law.county import FELLING, FOOD, PEOPLE, Case

SPACES = "\u3000 \u200b\t"
SAMPLES: dict[str, Value] = {
    "text": "写明",
    "int": 60,
    "bool": True,
    "date": "2026-03-02",
    "ms": 0,
    "act": bytes(32),
}
SIDES = (ActId(bytes(32)), ActId(bytes(31) + b"1"))
"""Two acts of which neither knew the other."""


def _sample(fact: FactSpec, name: str) -> Value:
    if name in ("materials", "missing", "originals", "commitments"):
        return ["m01"]
    if name == "clock":
        return "acceptance"
    match fact.type:
        case "int":
            return min(60, fact.max or 60)
        case "enum":
            return min(fact.values)
        case "station":
            return TOWNSHIP
        case "bytes":
            return bytes(32)
        case "list":
            return [_sample(FactSpec(type=fact.of, values=fact.values), "")]
        case "map":
            return {inner: _sample(one, inner) for inner, one in fact.fields.items()}
        case "fields":
            return {}
        case _:
            return SAMPLES[fact.type]


def _facts(spec: ActionSpec) -> dict[str, Value]:
    """Return facts with every field that an action has, in order."""
    left_out = {"token_hash", "stand_in_for", "proof_kind"}
    facts = {name: _sample(fact, name) for name, fact in spec.facts.items() if name not in left_out}
    if "receiver" in facts:
        facts |= {"method": "counter", "proof": "signature"}
    if "promise_by" in facts:
        facts["promise_by"] = "applicant"
    if "due" in facts:
        facts["due"] = "2026-04-01"
    if "changes" in facts:
        facts["personal_fields"] = ["applicant.phone"]
    return facts


def _actions() -> Iterator[tuple[CaseType, ActionSpec]]:
    for case_type in case_types():
        for spec in case_type.actions.values():
            yield case_type, spec


EVERY = [pytest.param(kind, spec, id=f"{kind.code}.{spec.code}") for kind, spec in _actions()]


@pytest.fixture
def registry(new_case: Callable[[str], Case]) -> Registry:
    return new_case(FOOD).ledger.knowledge.registry


def _asked(
    kind: CaseType,
    spec: ActionSpec,
    facts: Mapping[str, Value],
    registry: Registry,
    *,
    parents: tuple[ActId, ...] = SIDES,
) -> str:
    item = next(one for one in items() if one.base_code == FOOD)
    rules = Rules(item=item, case_type=kind, catalogue_version=1)
    assert first_problem(spec.facts, facts) is None, (
        "well formed: the case itself would not refuse it for its form"
    )
    act = CaseAct(
        act_id=ActId(bytes(32)), parents=parents, action=spec.code, station=COUNTY, station_level="county",
        actor=KeyId(bytes(8)), staff_no="C1", roles=frozenset(("officer",)), catalogue_version=1,
        occurred_at_ms=at("2026-03-02 09:00"), recorded_at_ms=at("2026-03-02 09:00"), facts=dict(facts),
    )  # fmt: skip
    state = CaseState(case_id=CaseId(bytes(16)), item_code=FOOD, case_type=kind.code, catalogue_version=1)
    reason = senseless(spec, act, state=state, rules=rules, registry=registry, personal=_said_of(facts))
    return "" if reason is None else reason.code


def _said_of(facts: Mapping[str, Value]) -> Facts | None:
    """Return what an amendment says of people; nothing else in the tables says anything of them."""
    return {"applicant": {"phone": "13800000001"}} if "personal_fields" in facts else None


def test_an_amendment_says_the_new_text_of_every_field_that_it_names(registry: Registry) -> None:
    kind, spec = next((kind, spec) for kind, spec in _actions() if spec.code == "amend")
    facts = {**_facts(spec), "personal_fields": ["applicant.phone", "applicant.name"]}
    assert _asked(kind, spec, facts, registry) == "case.amend_unsaid"


def _with(facts: Facts, path: tuple[str, ...], value: Value) -> Facts:
    inner = facts.get(path[0])
    if len(path) > 1 and isinstance(inner, dict):
        return {**facts, path[0]: _with(inner, path[1:], value)}
    return {**facts, path[0]: value}


def _paths(
    specs: Mapping[str, FactSpec], before: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], FactSpec]]:
    for name, fact in specs.items():
        if fact.type == "map":
            yield from _paths(fact.fields, (*before, name))
        elif before or name not in ("token_hash", "stand_in_for"):
            yield (*before, name), fact


@pytest.mark.parametrize(("kind", "spec"), EVERY)
def test_what_says_something_is_signed(kind: CaseType, spec: ActionSpec, registry: Registry) -> None:
    assert _asked(kind, spec, _facts(spec), registry) == ""
    least = {name: value for name, value in _facts(spec).items() if spec.facts[name].required}
    silent = {"note": "case.nothing_said", "amend": "case.nothing_said"}
    assert _asked(kind, spec, least, registry) == silent.get(spec.code, "")


@pytest.mark.parametrize(("kind", "spec"), EVERY)
def test_one_line_is_joined_to_nothing(kind: CaseType, spec: ActionSpec, registry: Registry) -> None:
    for parents in ((), SIDES[:1]):
        refused = _asked(kind, spec, _facts(spec), registry, parents=parents)
        assert refused == ("case.nothing_to_join" if spec.code == "merge" else "")


@pytest.mark.parametrize(("kind", "spec"), EVERY)
def test_every_field_of_every_action_must_say_something(
    kind: CaseType, spec: ActionSpec, registry: Registry
) -> None:
    facts = _facts(spec)
    for path, fact in _paths(spec.facts):
        texts = fact.type == "text" or (fact.type == "list" and fact.of == "text")
        wrong: list[tuple[Value, str]] = []
        if texts:
            for text, code in ((SPACES, "case.blank_text"), ("写\x00明", "case.hidden_character")):
                wrong.append(([text] if fact.type == "list" else text, code))
        if fact.type == "list" and fact.required:
            wrong.append(([], "case.list_empty"))
        if fact.type == "date" and path != ("due",):
            wrong += [("9999-12-31", "case.absurd_day"), ("0001-01-01", "case.absurd_day")]
        if path[-1] in PAST_DAYS:
            wrong.append(("2026-03-03", "case.absurd_day"))
        if path[-1] in ("materials", "missing", "originals") and "materials_known" not in spec.guards:
            wrong.append((["m01", "m99"], "case.unknown_material"))
        if fact.type == "station":
            wrong.append(("990121009999-00", "case.unknown_station"))
        if path == ("review_days",):
            wrong += [(0, "case.review_days"), (59, "case.review_days")]
        if path == ("evidence",):
            wrong.append((bytes(31), "case.facts_value"))
        if path == ("expected_days",):
            wrong.append((0, "case.facts_value"))
        for value, code in wrong:
            assert _asked(kind, spec, _with(facts, path, value), registry) == code, (path, value)


@pytest.mark.parametrize(("kind", "spec"), EVERY)
def test_who_is_stood_in_for_could_have_done_it(kind: CaseType, spec: ActionSpec, registry: Registry) -> None:
    def asked(staff_no: str) -> str:
        return _asked(kind, spec, {**_facts(spec), "stand_in_for": staff_no}, registry)

    assert asked("X9") == asked("C1") == "case.stand_in_unknown"
    # V1 has a role at the village alone; C5 is officer and window at the county, and C1 registered for it
    assert asked("V1") == "case.stand_in_role"
    fits = bool(spec.by & {"officer", "window"})
    assert asked("C5") == ("" if fits else "case.stand_in_role")
    # C6 is at the window too, and nobody registered that C1 stands in there for C6
    assert asked("C6") == ("case.stand_in_unregistered" if "window" in spec.by else "case.stand_in_role")


@pytest.mark.parametrize(("kind", "spec"), EVERY)
def test_only_a_visit_hands_out_a_token(kind: CaseType, spec: ActionSpec, registry: Registry) -> None:
    code = _asked(kind, spec, {**_facts(spec), "token_hash": bytes(32)}, registry)
    assert code == ("" if spec.opens else "case.token_given")


def test_a_reason_names_a_limit_that_there_is(registry: Registry) -> None:
    kind = next(one for one in case_types() if one.code == "permit")
    facts: Facts = {"clock": "lunch", "reason": "改期"}
    assert _asked(kind, kind.actions["overrun_reason"], facts, registry) == "case.unknown_clock"


@pytest.mark.parametrize("kind", case_types(), ids=lambda kind: str(kind.code))
@pytest.mark.parametrize(
    ("method", "proof", "code"),
    [
        ("counter", "signature", ""),
        ("home", "fingerprint", ""),
        ("counter", "courier_receipt", "case.proof_unfit"),
        ("courier", "courier_receipt", ""),
        ("courier", "electronic", "case.proof_unfit"),
        ("post", "signature", "case.proof_unfit"),
        ("electronic", "electronic", ""),
        ("electronic", "signature", "case.proof_unfit"),
    ],
)
def test_the_proof_is_one_of_its_way(
    kind: CaseType, method: str, proof: str, code: str, registry: Registry
) -> None:
    facts: Facts = {"method": method, "receiver": "applicant", "proof": proof}
    assert _asked(kind, kind.actions["deliver"], facts, registry) == code


def test_papers_say_in_what_capacity_they_were_taken(new_case: Callable[[str], Case]) -> None:
    case = new_case(FELLING)
    case.clock.set("2026-03-02 09:00")

    def receive(who: str, receipt_kind: str, seal_kind: str) -> str:
        paper: Facts = {"receipt_kind": receipt_kind, "seal_kind": seal_kind}
        facts: Facts = {"item": FELLING, "paper": paper}
        command = Command(action="receive", station=PEOPLE[who][0], facts=facts, personal=APPLICANT)
        try:
            case.ledger.perform(command, signer(who))
        except BanjianError as error:
            return error.code
        return ""

    assert receive("V1", "organ_receipt", "none") == "case.receipt_kind"
    assert receive("V1", "village_slip", "acceptance_seal") == "case.receipt_kind"
    assert receive("V1", "village_slip", "none") == ""
    assert receive("T1", "organ_receipt", "acceptance_seal") == ""


def test_a_general_agent_signs_no_promise(new_case: Callable[[str], Case]) -> None:
    new_case(FOOD).tell("""
        2026-03-02 C1 receive agent_authority=general proof_kind=x ! case.facts_value
        2026-03-02 C1 receive agent_authority=general
        2026-03-02 C1 accept_with_deficit promise_by=agent_special ! case.promise_unsigned
        2026-03-02 C1 accept_with_deficit promise_by=applicant""")
    new_case(FOOD).tell("""
        2026-03-02 C1 receive agent_authority=special
        2026-03-02 C1 accept_with_deficit promise_by=agent_special""")


def test_at_a_counter(new_case: Callable[[str], Case]) -> None:
    new_case(FOOD).tell("""
        2026-03-02 C1 receive materials=m99 ! case.unknown_material
        2026-03-02 C1 receive external_no=\u200b ! case.blank_text
        2026-03-02 C1 receive materials=m01+m02
        2026-03-02 C1 hand_over to=X ! case.unknown_station
        2026-03-02 C1 request_correction missing=m77 ! case.unknown_material
        2026-03-02 C1 accept stand_in_for=C9 ! case.stand_in_unknown
        2026-03-02 C1 accept stand_in_for=C4 acceptance_no=\u200b ! case.blank_text
        2026-03-02 C1 accept stand_in_for=C7 ! case.stand_in_role
        2026-03-02 C5 accept stand_in_for=C1 ! case.stand_in_unregistered
        2026-03-02 C1 accept stand_in_for=C5
        2026-03-02 C1 note ! case.nothing_said
        2026-03-02 C1 link_external external_no=1 entered_on=9999-12-31 ! case.absurd_day
        2026-03-02 C1 decide result=refuse review_days=7 reasons=x review_organ=x court=x ! case.review_days
        2026-03-02 C1 accept at=2026-03-02T09:10 ! case.state
        2026-03-02 C1 note note_code=x at=2026-03-02T09:10 ! case.in_future
        2026-03-02 C1 note note_code=x at=2026-03-09 late_entry=5 ! case.in_future
        2026-03-02 C1 note note_code=x at=1970-01-02 late_entry=5 ! case.absurd_time
        """)


@pytest.mark.parametrize(
    ("staff_no", "code"),
    [
        ("C9", "case.stand_in_unknown"),
        ("C1", "case.stand_in_unknown"),
        ("C7", "case.stand_in_role"),
        ("C5", ""),
    ],
)
def test_who_was_stood_in_for_is_corrected_to_a_colleague_alone(
    staff_no: str, code: str, new_case: Callable[[str], Case]
) -> None:
    # Given an acceptance by C1, when another person corrects for whom C1 stood in,
    case = new_case(FOOD).tell("2026-03-02 C1 receive\n2026-03-02 C1 accept")
    assert case.case_id is not None
    target = case.ledger.case(case.case_id).state.steps[-1].act.act_id
    facts: Facts = {"target": target, "changes": {"stand_in_for": staff_no}, "reason": "x"}
    command = Command(action="amend", station=COUNTY, case=case.case_id, facts=facts)
    refused = ""
    try:
        case.ledger.perform(command, signer("C5"))
    except BanjianError as error:
        refused = error.code
    # then the acceptance is judged anew, as its author would have signed it.
    assert refused == code


@pytest.mark.parametrize("day", ["2026-03-01", "2026-03-03", "1970-01-01", "9999-12-31"])
def test_a_late_entry_is_typed_in_today(day: str, new_case: Callable[[str], Case]) -> None:
    case = new_case(FELLING)
    case.clock.set("2026-03-02 12:00")
    late: Facts = {"paper_no": f"E{day}", "reason": "power", "entered_on": day}
    command = Command(
        action="receive", station=VILLAGE, facts={"item": FELLING, "late_entry": late}, personal=APPLICANT,
        occurred_at_ms=at("2026-02-27 09:00"),
    )  # fmt: skip
    with pytest.raises(BanjianError) as refused:
        case.ledger.perform(command, signer("V1"))
    assert refused.value.code == "case.entered_on"


def test_a_late_entry_is_of_a_day_that_calendars_know(new_case: Callable[[str], Case]) -> None:
    case = new_case(FELLING)
    case.clock.set("2026-03-02 12:00")
    late: Facts = {"paper_no": "E1", "reason": "power"}
    command = Command(
        action="receive", station=VILLAGE, facts={"item": FELLING, "late_entry": late},
        personal=APPLICANT, occurred_at_ms=at("1970-01-02 09:00"),
    )  # fmt: skip
    with pytest.raises(BanjianError) as refused:
        case.ledger.perform(command, signer("V1"))
    assert refused.value.code == "case.absurd_time"
