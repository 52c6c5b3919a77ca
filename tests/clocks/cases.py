"""Cases for the clock tests: steps on dates in China, clocks in the form in which case types publish them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta, timezone
from types import MappingProxyType

from ledger.cases.shape import CaseAct, CaseState, Step
from ledger.clocks.lights import Light
from ledger.rules.casetype import CaseType, parse_case_type
from ledger.rules.catalogue import Rules
from ledger.rules.item import parse_item
from ledger.types import ActId, CaseId, Facts, KeyId, StationId, Value

CHINA = timezone(timedelta(hours=8))
SUSPENDABLE: dict[str, Value] = {"pause": ["suspend"], "resume": ["resume"]}
ACCEPTANCE_STOPS: list[Value] = [
    "accept",
    "accept_with_deficit",
    "accept_on_commitment",
    "refuse_acceptance",
    "request_correction",
]
CLOCKS: dict[str, dict[str, Value]] = {
    "acceptance": {
        "start": ["organ_receipt"],
        "stop": ACCEPTANCE_STOPS,
        "restart": ["full_supply"],
        "amount": 5,
        "unit": "working_days",
        "expiry": "deemed_accepted",
        "law": "行政许可法 32(4)",
    },
    "forwarding": {
        "start": ["forwarding_receipt"],
        "stop": ["forwarding_offer"],
        "amount": "item.forward_days",
        "unit": "working_days",
        "expiry": "finding",
        "law": "内部规定",
    },
    "same_day": {
        "start": ["deciding_receipt"],
        "stop": ["decide"],
        "amount": 0,
        "unit": "working_days",
        "expiry": "red",
        "law": "行政许可法 34(2)",
    },
    "statutory": {
        "start": ["effective_acceptance"],
        "stop": ["decide"],
        "amount": "item.legal_days",
        "unit": "working_days",
        "expiry": "red",
        "extend": ["extend"],
        "extend_amount": 10,
        "law": "行政许可法 42(1)",
        **SUSPENDABLE,
    },
    "promised": {
        "start": ["effective_acceptance"],
        "stop": ["decide"],
        "amount": "item.promised_days",
        "unit": "working_days",
        "expiry": "red",
        "law": "优化营商环境条例 36",
        **SUSPENDABLE,
    },
    "deficit": {
        "start": ["accept_with_deficit"],
        "stop": ["deficit_cleared"],
        "amount": "facts.due",
        "unit": "working_days",
        "expiry": "lapse_allowed",
        "law": "容缺受理规定",
    },
    "delivery": {
        "start": ["decide"],
        "stop": ["deliver"],
        "amount": 10,
        "unit": "working_days",
        "expiry": "red",
        "applies_to": ["许可"],
        "law": "行政许可法 44",
    },
    "post_check": {
        "start": ["accept_on_commitment"],
        "stop": ["post_check"],
        "amount": "item.post_check_days",
        "unit": "calendar_days",
        "expiry": "red",
        "law": "国办发[2020]42号",
    },
}
NAME: Value = {"zh": "名", "en": "name"}


def case_type(*codes: str, **changes: dict[str, Value]) -> CaseType:
    """Return a case type with the named clocks (all when none is named), some fields changed."""
    chosen = codes or tuple(CLOCKS)
    clocks: dict[str, Value] = {
        code: {"name": NAME, **CLOCKS[code], **changes.get(code, {})} for code in chosen
    }
    return parse_case_type(
        {"code": "test", "name": NAME, "states": {}, "final_states": [], "actions": {}, "clocks": clocks}
    )


def rules(*codes: str, item: dict[str, Value] | None = None, **changes: dict[str, Value]) -> Rules:
    """Return rules of a permit decided at the county within 20 days, promised within 7."""
    facts: dict[str, Value] = {
        "base_code": "990100100001",
        "name": NAME,
        "legal_basis": "许可",
        "subject": "企业",
        "receive_levels": ["village", "township", "county"],
        "accept_levels": ["township", "county"],
        "decide_level": "county",
        "case_type": "test",
        "receipt_capacity": {"village": "applicant_agent", "township": "receiving_point"},
        "legal_days": 20,
        "promised_days": 7,
        "forward_days": 2,
        "post_check_days": 60,
        "materials": [],
        "steps": [],
        "proofs": [],
    }
    return Rules(
        item=parse_item({**facts, **(item or {})}),
        case_type=case_type(*codes, **changes),
        catalogue_version=1,
    )


def at(text: str) -> int:
    """Return the milliseconds of ``YYYY-MM-DD[ HH:MM[:SS[.mmm]]]`` in China; noon when no time is given."""
    moment = datetime.fromisoformat(text if " " in text else f"{text} 12:00").replace(tzinfo=CHINA)
    return round(moment.timestamp() * 1000)


def act_id(label: str) -> ActId:
    """Return an act id that stands for a label."""
    return ActId(hashlib.sha256(label.encode("utf-8")).digest())


def step(
    action: str,
    when: str | int,
    *events: str,
    facts: Facts | None = None,
    level: str = "county",
    effective: bool = True,
    countersigned: str = "",
    label: str = "",
) -> Step:
    """Return one step; ``countersigned`` is the label of the countersignature whose time counts.

    Args:
        action: the action.
        when: moment of the effect, as ``at`` reads it, or milliseconds.
        events: derived events that the fold would give.
        facts: facts of the act.
        level: level of its station.
        effective: whether it has effect.
        countersigned: label of the step that brought the effect.
        label: what the act id is made from; the action when empty.
    """
    when_ms = at(when) if isinstance(when, str) else when
    act = CaseAct(
        act_id=act_id(label or action),
        parents=(),
        action=action,
        station=StationId("990121001001-00"),
        station_level=level,
        actor=KeyId(b"k" * 16),
        staff_no="1",
        roles=frozenset(),
        occurred_at_ms=when_ms,
        recorded_at_ms=when_ms,
        catalogue_version=1,
        facts=facts or {},
    )
    return Step(
        act=act,
        effective=effective,
        reason="",
        params=MappingProxyType({}),
        effect_at_ms=when_ms,
        by_countersign=act_id(countersigned) if countersigned else None,
        status_after="",
        conflict=False,
        events=events,
    )


def state(*steps: Step, voided: bool = False) -> CaseState:
    """Return a case with these steps."""
    return CaseState(
        case_id=CaseId(b"c" * 16),
        item_code="990100100001",
        case_type="test",
        catalogue_version=1,
        steps=steps,
        voided=voided,
    )


def receive(when: str, *, level: str = "county", label: str = "receive") -> Step:
    """Return the organ's receipt, which at the county is the deciding one as well."""
    events = ("organ_receipt", "deciding_receipt") if level == "county" else ("organ_receipt",)
    return step("receive", when, *events, level=level, label=label)


def days(text: str) -> Sequence[date]:
    """Return dates written side by side."""
    return [date.fromisoformat(part) for part in text.split()]


def worst(lights: Iterable[Light]) -> Light:
    """Return the light of a case from those of its clocks; ``done`` when none is open."""
    rank: tuple[Light, ...] = ("red", "yellow", "green", "paused", "done")
    return min(lights, key=rank.index, default="done")
