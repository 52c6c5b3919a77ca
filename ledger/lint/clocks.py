"""The linter's rules on clocks: names, amounts, and what the law gives to permits alone.

Source: 行政许可法 Art. 32(4), 42, 44, 45.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ledger.cases.guards import DUE_AHEAD, PERMIT, PERMIT_ONLY
from ledger.clocks.run import is_amount
from ledger.days.calendar import UNITS
from ledger.rules.casetype import EXPIRIES, LEGAL_BASES, CaseType, ClockSpec

DERIVED_EVENTS: Final = frozenset(
    (
        "agent_supply",
        "commitment_decision",
        "correction_cleared",
        "deciding_receipt",
        "deciding_supply",
        "deficit_cleared",
        "effective_acceptance",
        "forwarding_offer",
        "forwarding_receipt",
        "full_supply",
        "late_supply",
        "new_offer",
        "organ_receipt",
        "papers_forwarded",
        "papers_to_forward",
    )
)
"""What clocks may listen to besides actions."""
ITEM_AMOUNTS: Final = frozenset(
    ("item.legal_days", "item.promised_days", "item.forward_days", "item.post_check_days")
)
FACT_AMOUNTS: Final = frozenset(("facts.due",))
_ART_42_DAYS: Final = 10

Fault = tuple[str, str, str, str]


def lint_clocks(case_type: CaseType) -> Iterator[Fault]:
    """Yield code, clock, field and value of every fault in the clocks of a case type."""
    for key, clock in case_type.clocks.items():
        for code, field, value in (
            *_names(case_type, clock),
            *_values(clock),
            *_permit_alone(case_type, clock),
        ):
            yield code, key, field, value
    yield from _same_code(case_type)


def _names(case_type: CaseType, clock: ClockSpec) -> Iterator[tuple[str, str, str]]:
    for field, names in (
        ("start", clock.start),
        ("stop", clock.stop),
        ("restart", clock.restart),
        ("go_on", clock.go_on),
        ("pause", clock.pause),
        ("resume", clock.resume),
        ("extend", clock.extend),
    ):
        for name in names:
            if name not in case_type.actions and name not in DERIVED_EVENTS:
                yield "lint.clock_action", field, name
    if clock.amount in FACT_AMOUNTS and not _guarded(case_type, (*clock.start, *clock.restart), DUE_AHEAD):
        yield "lint.clock_due", "start", clock.start[0] if clock.start else ""
    if not clock.start or not clock.stop:
        yield "lint.clock_endless", "start" if not clock.start else "stop", ""
    if bool(clock.pause) != bool(clock.resume):
        yield "lint.clock_endless", "resume", ""


def _values(clock: ClockSpec) -> Iterator[tuple[str, str, str]]:
    amount = clock.amount
    if isinstance(amount, str):
        if amount not in ITEM_AMOUNTS | FACT_AMOUNTS:
            yield "lint.clock_amount", "amount", amount
    elif not is_amount(amount):
        yield "lint.clock_amount", "amount", str(amount)
    if clock.yellow is not None and not is_amount(clock.yellow):
        yield "lint.clock_amount", "yellow", str(clock.yellow)
    if not is_amount(clock.extend_amount):
        yield "lint.clock_amount", "extend_amount", str(clock.extend_amount)
    if clock.unit not in UNITS:
        yield "lint.value_unknown", "unit", clock.unit
    if clock.expiry not in EXPIRIES:
        yield "lint.value_unknown", "expiry", clock.expiry
    for basis in sorted((clock.applies_to or frozenset()) - set(LEGAL_BASES)):
        yield "lint.value_unknown", "applies_to", basis
    if not clock.law and not clock.local_rule:
        yield "lint.clock_law", "law", ""


def _permit_alone(case_type: CaseType, clock: ClockSpec) -> Iterator[tuple[str, str, str]]:
    """Deemed acceptance, excluded days, 20 + 10 and delivery within 10 days need a permit or a local rule.

    The rule may be the clock's own or, for days excluded and added, the item's: where the guard
    ``permit_only`` keeps the action from every item that cites none, the clock may listen to it.
    """
    if clock.local_rule or (clock.applies_to is not None and clock.applies_to <= {PERMIT}):
        return
    if clock.expiry == "deemed_accepted":
        yield "lint.permit_alone", "expiry", "deemed_accepted"
    if not _guarded(case_type, clock.pause, PERMIT_ONLY):
        yield "lint.permit_alone", "pause", clock.pause[0]
    if not _guarded(case_type, clock.extend, PERMIT_ONLY) or (clock.extend_amount and not clock.extend):
        yield "lint.permit_alone", "extend", str(clock.extend_amount or _ART_42_DAYS)
    if clock.code == "delivery":
        yield "lint.permit_alone", "amount", "delivery"


def _guarded(case_type: CaseType, actions: tuple[str, ...], guard: str) -> bool:
    known = case_type.actions
    return all(name in known and guard in known[name].guards for name in actions)


def _same_code(case_type: CaseType) -> Iterator[Fault]:
    """Two clocks share a code only where no legal basis has both."""
    taken: dict[str, set[str]] = {}
    for key, clock in case_type.clocks.items():
        bases = set(clock.applies_to if clock.applies_to is not None else LEGAL_BASES)
        held = taken.setdefault(clock.code, set())
        if held & bases:
            yield "lint.clock_twice", key, "applies_to", clock.code
        held |= bases
