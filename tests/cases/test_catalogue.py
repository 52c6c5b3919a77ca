"""Versions of the catalogue, what ships with the product, and what the linter says."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import cast

import pytest

from ledger.codec import pack_body, unpack_body
from ledger.data import VILLAGE_PROOF_ITEM, case_types, items, shipped_case_types, shipped_items
from ledger.errors import DataError, RuleError
from ledger.limits import PUBLISHED_FACTS_BYTES_MAX
from ledger.lint.catalogue import lint_case_type, lint_catalogue, lint_item, lint_publication
from ledger.rules.casetype import parse_case_type
from ledger.rules.catalogue import Catalogue
from ledger.rules.factspec import first_problem
from ledger.rules.item import parse_item
from ledger.texts import catalogue as texts
from ledger.types import Facts, Value
from tests.cases.counter import FOOD, PERMIT, SHIPPED, rules_of

TYPES = {case_type.code: case_type for case_type in case_types()}


def test_what_ships_is_without_fault_and_complete() -> None:
    assert lint_catalogue(items(), TYPES) == ()
    assert len(items()) == 48
    assert set(TYPES) == {"permit", "instant", "receive_for_others"}


def test_what_ships_can_be_published() -> None:
    for field, published in (("items", shipped_items()), ("case_types", shipped_case_types())):
        packed = pack_body({field: published, "salt": bytes(16)})
        assert unpack_body(packed, limit_bytes=PUBLISHED_FACTS_BYTES_MAX)[field] == published


def test_villages_are_the_applicants_agents_except_for_their_own_proofs() -> None:
    for item in items():
        capacity = item.receipt_capacity.get("village")
        wanted = "receiving_point" if item.base_code == VILLAGE_PROOF_ITEM else "applicant_agent"
        assert capacity in (None, wanted)
        assert item.receipt_capacity.get("kiosk") in (None, "applicant_agent")


def test_twenty_village_proofs_are_refused_with_where_to_go() -> None:
    proofs = rules_of(VILLAGE_PROOF_ITEM).item.proofs.values()
    refused = [proof for proof in proofs if not proof.allowed]
    assert len(refused) == 20
    assert all(proof.go_to.zh and proof.go_to.en and proof.source for proof in refused)
    assert any(proof.allowed for proof in proofs)


def test_every_action_and_state_has_a_name_in_both_languages() -> None:
    for case_type in TYPES.values():
        for action in case_type.actions.values():
            assert texts("zh")[f"action.{action.code}"]["what"] == action.name.zh
            assert texts("en")[f"action.{action.code}"]["what"] == action.name.en
        for state, name in case_type.states.items():
            assert texts("zh")[f"state.{state}"]["what"] == name.zh
            assert texts("en")[f"state.{state}"]["what"] == name.en


def test_a_case_keeps_the_rules_of_its_version() -> None:
    catalogue = Catalogue()
    catalogue.apply("open_log", {}, position=1)
    catalogue.apply("publish_case_types", {"case_types": shipped_case_types()}, position=2)
    catalogue.apply("publish_items", {"items": shipped_items()}, position=3)
    changed = item_data(PERMIT)
    changed["promised_days"] = 3
    catalogue.apply("publish_items", {"items": [changed], "withdrawn": [FOOD]}, position=4)
    assert catalogue.rules(PERMIT, 3).item.promised_days == 5
    assert catalogue.rules(PERMIT, 4).item.promised_days == 3
    assert catalogue.rules(FOOD, 3).item.name.en == "food business permit"
    assert FOOD not in catalogue.items(4)
    assert len(catalogue.items(3)) == 48
    for item, version, code in ((FOOD, 4, "no_item"), (PERMIT, 2, "no_item"), (PERMIT, 5, "ahead")):
        with pytest.raises(RuleError) as refused:
            catalogue.rules(item, version)
        assert refused.value.code == f"catalogue.{code}"


def test_an_item_without_its_case_type_has_no_rules() -> None:
    catalogue = Catalogue()
    catalogue.apply("publish_items", {"items": shipped_items()}, position=1)
    with pytest.raises(RuleError) as refused:
        catalogue.rules(PERMIT, 1)
    assert refused.value.code == "catalogue.no_case_type"


def test_a_gap_is_refused_and_a_malformed_act_publishes_nothing() -> None:
    catalogue = Catalogue()
    with pytest.raises(DataError) as gap:
        catalogue.apply("open_log", {}, position=2)
    assert gap.value.code == "catalogue.position"
    bad = [item_data(PERMIT), {"base_code": "x"}]
    with pytest.raises(DataError) as shape:
        catalogue.apply("publish_items", {"items": bad}, position=1)  # type: ignore[dict-item]
    assert (shape.value.code, catalogue.size, catalogue.items(1)) == ("catalogue.shape", 1, {})


@pytest.mark.parametrize(
    ("facts", "code", "field"),
    [
        ({}, "case.facts_missing", "result"),
        ({"result": "perhaps"}, "case.facts_value", "result"),
        ({"result": True}, "case.facts_value", "result"),
        ({"result": "grant", "review_days": -1}, "case.facts_value", "review_days"),
        ({"result": "grant", "review_days": True}, "case.facts_value", "review_days"),
        ({"result": "grant", "reasons": "x"}, "case.facts_value", "reasons"),
        ({"result": "grant", "reasons": [1]}, "case.facts_value", "reasons"),
        ({"result": "grant", "court": "x" * 81}, "case.facts_value", "court"),
        ({"result": "grant", "name": "王小明"}, "case.facts_unknown", "name"),
        ({"result": "grant", "late_entry": {"paper_no": "1"}}, "case.facts_value", "late_entry"),
        ({"result": "grant", "late_entry": []}, "case.facts_value", "late_entry"),
        ({"result": "grant", "token_hash": b"x" * 33}, "case.facts_value", "token_hash"),
    ],
)
def test_facts_are_refused_by_field(facts: Facts, code: str, field: str) -> None:
    assert first_problem(TYPES["permit"].actions["decide"].facts, facts) == (code, field)


@pytest.mark.parametrize("due", ["2026-02-30", "2026-2-3", "２０２６-02-03", "2026-02-03 ", ""])
def test_a_day_is_a_day_of_the_calendar(due: str) -> None:
    specs = TYPES["permit"].actions["request_correction"].facts
    assert first_problem(specs, {"missing": ["m01"], "due": due}) == ("case.facts_value", "due")
    assert first_problem(specs, {"missing": ["m01"], "due": "2024-02-29", "salt": bytes(16)}) is None


@pytest.mark.parametrize("to", ["990121001001", "990121001001-0", "990121001001-a0", "99012100100१-00"])
def test_a_station_is_a_station(to: str) -> None:
    assert first_problem(TYPES["permit"].actions["hand_over"].facts, {"to": to}) == ("case.facts_value", "to")


def type_data(code: str = "permit") -> dict[str, Value]:
    """Return a copy of a shipped case type in its published form."""
    for raw in shipped_case_types():
        if isinstance(raw, dict) and raw["code"] == code:
            return deepcopy(raw)
    raise KeyError(code)


def item_data(code: str) -> dict[str, Value]:
    """Return a copy of a shipped item in its published form."""
    for raw in shipped_items():
        if isinstance(raw, dict) and raw["base_code"] == code:
            return deepcopy(raw)
    raise KeyError(code)


TYPE_FAULTS = [
    ("actions.accept.to", "nowhere", "lint.state_unknown"),
    ("actions.accept.from", ["nowhere"], "lint.state_unknown"),
    ("actions.accept.by", [], "lint.no_role"),
    ("actions.accept.by", ["boss"], "lint.role_unknown"),
    ("actions.suspend.second", "boss", "lint.role_unknown"),
    ("actions.accept.where", "somewhere", "lint.value_unknown"),
    ("actions.accept.custody", "mine", "lint.value_unknown"),
    ("actions.accept.guards", ["magic"], "lint.value_unknown"),
    ("actions.accept.effects", ["magic"], "lint.value_unknown"),
    ("actions.supply.conflicts_with", ["magic"], "lint.action_unknown"),
    ("actions.decide.commutes", True, "lint.commutes_moves"),
    ("actions.receive.to", "=", "lint.opening_stays"),
    ("actions.countersign", None, "lint.reserved_missing"),
    ("actions.decline", None, "lint.reserved_missing"),
    ("actions.accept.facts.grant", {"type": "text"}, "lint.fact_reserved"),
    ("actions.suspend", None, "lint.state_unreachable"),
    ("actions.archive.to", "=", "lint.state_unreachable"),
    ("final_states", [], "lint.state_dead_end"),
    ("final_states", ["nowhere"], "lint.state_unknown"),
    ("clocks.acceptance.stop", ["nothing"], "lint.clock_action"),
    ("clocks.acceptance.stop", [], "lint.clock_endless"),
    ("actions.accept_with_deficit.guards", ["missing_deferrable"], "lint.clock_due"),
    ("clocks.statutory.resume", [], "lint.clock_endless"),
    ("clocks.acceptance.amount", "item.nothing", "lint.clock_amount"),
    ("clocks.acceptance.amount", 99999, "lint.clock_amount"),
    ("clocks.acceptance.yellow", -1, "lint.clock_amount"),
    ("clocks.acceptance.yellow", 99999, "lint.clock_amount"),
    ("clocks.statutory.extend_amount", -1, "lint.clock_amount"),
    ("clocks.statutory.extend_amount", 99999, "lint.clock_amount"),
    ("clocks.acceptance.unit", "hours", "lint.value_unknown"),
    ("clocks.acceptance.expiry", "boom", "lint.value_unknown"),
    ("clocks.acceptance.law", "", "lint.clock_law"),
    ("clocks.acceptance.applies_to", None, "lint.permit_alone"),
    ("clocks.acceptance.applies_to", ["许可", "给付"], "lint.permit_alone"),
    ("actions.suspend.guards", ["lawful_ground", "told"], "lint.permit_alone"),
    ("actions.extend.guards", ["told"], "lint.permit_alone"),
    ("clocks.statutory_other.extend", [], "lint.permit_alone"),
    ("clocks.delivery.applies_to", ["公共服务"], "lint.permit_alone"),
    ("clocks.statutory_other.applies_to", None, "lint.clock_twice"),
    ("name.zh", "许\u202e可", "lint.name_hidden"),
    ("states.received.en", "re\ufeffceived", "lint.name_hidden"),
    ("actions.accept.name.zh", "受\u200b理", "lint.name_hidden"),
]


@pytest.mark.parametrize(("path", "value", "code"), TYPE_FAULTS)
def test_each_fault_of_a_case_type_is_found_and_has_its_text(path: str, value: Value, code: str) -> None:
    raw = type_data()
    *way, last = path.split(".")
    place: dict[str, Value] = raw
    for name in way:
        place = cast("dict[str, Value]", place[name])
    if value is None:
        place.pop(last)
    else:
        place[last] = value
    faults = lint_case_type(parse_case_type(raw))
    assert code in [fault.code for fault in faults]
    for fault in faults:
        assert texts("zh")[fault.code]["next"]
        assert fault.where.startswith("permit")


def test_a_local_rule_opens_what_belongs_to_permits() -> None:
    raw = type_data()
    clock = cast("dict[str, dict[str, Value]]", raw["clocks"])["delivery"]
    clock["applies_to"], clock["local_rule"] = ["许可", "给付"], "安阳市政务服务条例 36"
    assert lint_case_type(parse_case_type(raw)) == ()


ITEM_FAULTS = [
    (PERMIT, {"accept_levels": ["village", "county"]}, "lint.village_accepts"),
    (PERMIT, {"decide_level": "village"}, "lint.village_permit"),
    (PERMIT, {"decide_level": "kiosk"}, "lint.decides_outside"),
    (PERMIT, {"receive_levels": []}, "lint.level_missing"),
    (PERMIT, {"receive_levels": ["moon"]}, "lint.level_unknown"),
    (PERMIT, {"legal_basis": "许"}, "lint.basis_unknown"),
    (PERMIT, {"legal_days": None}, "lint.permit_days"),
    (PERMIT, {"promised_days": 21}, "lint.promise_longer"),
    (PERMIT, {"unit": "hours"}, "lint.value_unknown_item"),
    *(
        (PERMIT, {field: 3661}, "lint.value_unknown_item")
        for field in ("legal_days", "promised_days", "forward_days", "post_check_days", "yellow_days")
    ),
    (PERMIT, {"legal_basis": "给付"}, "lint.quota_no_permit"),
    (PERMIT, {"receipt_capacity": {"village": "applicant_agent"}}, "lint.capacity_missing"),
    (
        PERMIT,
        {
            "receipt_capacity": {
                "village": "receiving_point",
                "township": "receiving_point",
                "county": "receiving_point",
            }
        },
        "lint.capacity_village",
    ),
    (FOOD, {"receive_levels": ["county"]}, "lint.capacity_extra"),
    (FOOD, {"proof_commitment": False}, "lint.promise_materials"),
    (FOOD, {"approval_commitment": True}, "lint.post_check_days"),
    (FOOD, {"case_type": "nothing"}, "lint.type_unknown"),
    (FOOD, {"certificate": "食品\u202e许可"}, "lint.name_hidden"),
    (FOOD, {"subject": "市场\ufeff监管"}, "lint.name_hidden"),
    (FOOD, {"steps": ["受理\u2066"]}, "lint.name_hidden"),
    (
        VILLAGE_PROOF_ITEM,
        {"proofs": [{"code": "x", "name": {"zh": "证\u202e明", "en": "x"}, "allowed": True}]},
        "lint.name_hidden",
    ),
    (FOOD, {"case_type": "instant", "approval_commitment": True}, "lint.type_lacks"),
]


@pytest.mark.parametrize(("code", "change", "fault"), ITEM_FAULTS)
def test_each_fault_of_an_item_is_found(code: str, change: dict[str, Value], fault: str) -> None:
    faults = lint_item(parse_item({**item_data(code), **change}), TYPES)
    assert fault in [found.code for found in faults]
    assert all(found.where == code for found in faults)
    assert all(texts("en")[found.code]["what"] for found in faults)


@pytest.mark.parametrize(
    ("material", "fault"),
    [
        ({"source": "shared", "deferrable": True}, "lint.deferrable_source"),
        ({"source": "applicant", "deferrable": True, "promise": True}, "lint.deferrable_and_promise"),
        ({"source": "neighbour"}, "lint.value_unknown_item"),
    ],
)
def test_each_fault_of_a_material_is_found(material: dict[str, Value], fault: str) -> None:
    one: Value = {"code": "m01", "name": {"zh": "材料", "en": "paper"}, **material}
    faults = lint_item(parse_item({**item_data(FOOD), "materials": [one]}), TYPES)
    assert fault in [found.code for found in faults]


def test_a_publication_is_judged_with_what_is_already_there() -> None:
    lonely = {**item_data(FOOD), "case_type": "permit"}
    assert lint_publication(SHIPPED, "publish_items", {"items": [lonely]}) == ()
    assert lint_publication(Catalogue(), "publish_items", {"items": [lonely]})[0].code == "lint.type_unknown"
    assert lint_publication(SHIPPED, "publish_calendar", {}) == ()


@pytest.mark.parametrize(
    "broken",
    [
        None,
        [],
        {"code": 1},
        {"actions": []},
        {"actions": {"x": []}},
        {"name": {"zh": "x"}},
        {"states": {"a": "b"}},
        {"clocks": {"a": {"amount": True}}},
        {"final_states": [1]},
    ],
)
def test_malformed_case_types_are_refused_by_shape(broken: Value) -> None:
    raw = {**type_data(), **broken} if isinstance(broken, dict) else broken
    with pytest.raises(DataError) as refused:
        parse_case_type(raw)
    assert refused.value.code == "catalogue.shape"


@pytest.mark.parametrize(
    "spec",
    [
        {"type": "float"},
        {"type": "list"},
        {"type": "enum"},
        {"type": "text", "of": "text"},
        {"type": "text", "limit": 3},
        {"type": "text", "required": 1},
        {"type": "enum", "values": [1]},
        [],
    ],
)
def test_malformed_fields_are_refused_by_shape(spec: Value) -> None:
    raw = type_data()
    actions = cast("dict[str, dict[str, Value]]", raw["actions"])
    actions["note"]["facts"] = {"x": spec}
    with pytest.raises(DataError) as refused:
        parse_case_type(raw)
    assert refused.value.code == "catalogue.shape"


def test_the_shipped_files_hold_no_duplicates() -> None:
    codes = [item.base_code for item in items()]
    assert len(set(codes)) == len(codes)
    assert json.loads(json.dumps(shipped_items())) == shipped_items()
