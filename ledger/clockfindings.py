"""What is wrong with a clock, by name: flags for lists and statistics, and the lines that belong to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from ledger.clocklines import Line, told_overrun
from ledger.clockrun import ClockEvent, Run

OVERDUE_FLAGS: Mapping[str, str] = {
    "acceptance": "overdue_acceptance",
    "forwarding": "forwarding_overrun",
    "statutory": "overdue_decision",
    "promised": "overdue_promise",
    "delivery": "overdue_delivery",
    "same_day": "overdue_same_day",
    "deficit": "overdue_deficit",
    "post_check": "overdue_post_check",
}
"""What a limit that is over is called, by clock; other clocks say ``overdue``."""

_REASONED = "promised"
_DEFICIT = "deficit"


@dataclass(frozen=True, slots=True)
class Context:
    """Acts that do not move a clock but belong to what is said about it."""

    second_correction: ClockEvent | None
    overrun_reasons: tuple[ClockEvent, ...]
    late_supplies: tuple[ClockEvent, ...]
    refusal: ClockEvent | None


def read_context(events: Sequence[ClockEvent]) -> Context:
    """Return what the events of a case hold besides starts and stops."""
    return Context(
        second_correction=next((event for event in events if "second_correction" in event.names), None),
        overrun_reasons=tuple(event for event in events if "overrun_reason" in event.names),
        late_supplies=tuple(event for event in events if "late_supply" in event.names),
        refusal=next((event for event in events if "refuse_acceptance" in event.names), None),
    )


def find(run: Run, deemed: bool, context: Context, today: date) -> tuple[set[str], list[Line]]:
    """Return the flags of a clock, and the lines that belong to them."""
    spec, over = run.spec, run.over(today)
    flags: set[str] = set()
    lines: list[Line] = []
    if over or run.over_before:
        flags.add(OVERDUE_FLAGS.get(spec.code, "overdue"))
    if over and run.stop is None and spec.expiry == "lapse_allowed":
        flags.add("lapse_allowed")
        lines.append(Line("clock.line.lapse_allowed", {}))
    late = [event for event in context.late_supplies if run.due is not None and event.on > run.due]
    if spec.code == _DEFICIT and late:
        flags.add("late_supply")
        params = {"on": late[0].on.isoformat()}
        lines.append(Line("clock.line.late_supply", params, tuple(event.act_id for event in late)))
    if run.late_extension is not None:
        flags.add("late_extension")
    if any(told_overrun(pause, today, run.stop) for pause in run.pauses):
        flags.add("told_time_overrun")
    if deemed and spec.expiry == "deemed_accepted":
        flags.add("deemed_accepted")
        params = {"on": run.start.on.isoformat(), "law": spec.law}
        lines.append(Line("clock.line.deemed_accepted", params, (run.start.act_id,)))
        if context.refusal is not None:
            flags.add("refused_when_deemed")
            params = {"on": context.refusal.on.isoformat()}
            lines.append(Line("clock.line.refused_when_deemed", params, (context.refusal.act_id,)))
    second = context.second_correction
    if spec.code == "acceptance" and second is not None:
        flags.add("second_correction")
        lines.append(Line("clock.line.second_correction", {"on": second.on.isoformat()}, (second.act_id,)))
    if spec.code == _REASONED and over:
        reasons = [event for event in context.overrun_reasons if event.facts.get("clock") == spec.code]
        if not reasons:
            flags.add("reason_missing")
            lines.append(Line("clock.line.reason_missing", {}))
        else:
            reason = reasons[0]
            lines.append(Line("clock.line.reason_given", {"on": reason.on.isoformat()}, (reason.act_id,)))
    return flags, lines
