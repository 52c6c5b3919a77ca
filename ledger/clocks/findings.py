"""What is wrong with a clock, by name: flags for lists and statistics, and the lines that belong to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from ledger.clocks.lines import Line, told_overrun
from ledger.clocks.run import ClockEvent, Run

OVERDUE_FLAGS: Mapping[str, str] = {
    "acceptance": "overdue_acceptance",
    "forwarding": "forwarding_overrun",
    "transit": "transit_overrun",
    "statutory": "overdue_decision",
    "promised": "overdue_promise",
    "delivery": "overdue_delivery",
    "same_day": "overdue_same_day",
    "correction": "overdue_correction",
    "deficit": "overdue_deficit",
    "post_check": "overdue_post_check",
}
"""What a limit that is over is called, by clock; other clocks say ``overdue``."""

_REASONED = "promised"
_SUPPLIED = frozenset(("correction", "deficit"))


@dataclass(frozen=True, slots=True)
class Context:
    """Acts that do not move a clock but belong to what is said about it."""

    second_correction: ClockEvent | None
    overrun_reasons: tuple[ClockEvent, ...]
    late_supplies: tuple[ClockEvent, ...]
    refusal: ClockEvent | None
    lapse: ClockEvent | None


def read_context(events: Sequence[ClockEvent]) -> Context:
    """Return what the events of a case hold besides starts and stops."""
    return Context(
        second_correction=_first(events, "second_correction"),
        overrun_reasons=tuple(event for event in events if "overrun_reason" in event.names),
        late_supplies=tuple(event for event in events if "late_supply" in event.names),
        refusal=_first(events, "refuse_acceptance"),
        lapse=_first(events, "lapse"),
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
    late = [
        event
        for event in context.late_supplies
        if run.due is not None and event.on > run.due and (run.stop is None or event.on <= run.stop.on)
    ]
    if spec.code in _SUPPLIED and late:
        flags.add("late_supply")
        params = {"on": late[0].on.isoformat()}
        lines.append(Line("clock.line.late_supply", params, tuple(event.act_id for event in late)))
    if run.late_extension is not None:
        flags.add("late_extension")
    if any(told_overrun(pause, today, run.stop) for pause in run.pauses):
        flags.add("told_time_overrun")
    if deemed and spec.expiry == "deemed_accepted":
        flags.add("deemed_accepted")
        params = {"on": run.start.on.isoformat(), "law": spec.law, "law_en": spec.law_en}
        lines.append(Line("clock.line.deemed_accepted", params, (run.start.act_id,)))
        lines.extend(_against_silence(run, context, flags))
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


def _against_silence(run: Run, context: Context, flags: set[str]) -> list[Line]:
    """Find what was done although silence had accepted: it is refused at once where the calendar is known."""
    lines = []
    if context.refusal is not None:
        flags.add("refused_when_deemed")
        lines.append(_of_day("clock.line.refused_when_deemed", context.refusal))
    if run.stop is not None and "request_correction" in run.stop.names:
        flags.add("corrected_when_deemed")
        lines.append(_of_day("clock.line.corrected_when_deemed", run.stop))
    if context.lapse is not None:
        flags.add("lapsed_when_deemed")
        lines.append(_of_day("clock.line.lapsed_when_deemed", context.lapse))
    return lines


def _of_day(code: str, event: ClockEvent) -> Line:
    return Line(code, {"on": event.on.isoformat()}, (event.act_id,))


def _first(events: Sequence[ClockEvent], name: str) -> ClockEvent | None:
    return next((event for event in events if name in event.names), None)
