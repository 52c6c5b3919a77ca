"""Why a clock says what it says: lines of text codes with values, in the order in which one would explain it.

Nothing is rendered here; ``ledger.texts`` holds the sentences in Chinese and English.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from ledger.cases.toldday import entered_on, supply_until
from ledger.clocks.run import ClockEvent, Pause, Run, count_days
from ledger.days.calendar import CalendarSet
from ledger.days.year import EPOCH_ORDINAL
from ledger.types import ActId

_RESTARTED = (
    ("full_supply", "clock.line.restarted"),
    ("deciding_supply", "clock.line.restarted"),
    ("agent_supply", "clock.line.restarted_agent_supply"),
    ("new_offer", "clock.line.restarted_new_offer"),
)
"""What starts a limit anew, with the line that says so; anything else is only dated."""


@dataclass(frozen=True, slots=True)
class Line:
    """One sentence of an explanation.

    Args:
        code: text code ``clock.line.*``.
        params: values of its placeholders; dates as ``YYYY-MM-DD``.
        act_ids: the acts that it speaks of.
    """

    code: str
    params: Mapping[str, str | int]
    act_ids: tuple[ActId, ...] = ()


def explain_run(
    run: Run, *, today: date, deemed: bool, calendars: CalendarSet, elapsed: int, left: int
) -> list[Line]:
    """Return the lines for the start, the limit, what stood still, and the end or what is left."""
    lines = _started(run, deemed)
    lines.append(_limit(run))
    lines.extend(_told_again(run))
    lines.extend(_pause(pause, run, calendars) for pause in run.pauses)
    lines.extend(_told(pause, today) for pause in run.pauses if told_overrun(pause, today, run.stop))
    if run.extension is not None:
        params: dict[str, str | int] = {"on": _iso(run.extension.on), "days": run.spec.extend_amount}
        lines.append(Line(f"clock.line.extended_{run.limit.unit}", params, (run.extension.act_id,)))
    if run.late_extension is not None:
        late = run.late_extension
        lines.append(Line("clock.line.extension_without_effect", {"on": _iso(late.on)}, (late.act_id,)))
    lines.extend(_end(run, today, elapsed, left))
    return lines


def told_overrun(pause: Pause, today: date, stop: ClockEvent | None) -> bool:
    """Return whether a pause lasted longer than the applicant was told.

    Source: 行政许可法 Art. 45 (the time needed is told in writing).
    """
    if pause.told is None:
        return False
    last = pause.until or (today if stop is None else stop.on)
    return last > pause.told


def calendar_lines(names: str, *, provisional: bool) -> list[Line]:
    """Return the lines that name the calendars, and say when one is not published yet."""
    lines = [Line("clock.line.calendar", {"calendars": names})]
    if provisional:
        lines.append(Line("clock.line.provisional", {}))
    return lines


def _started(run: Run, deemed: bool) -> list[Line]:
    start = run.start
    code = "clock.line.started"
    if run.limit.amount == 0:
        # No day is counted where the first one is the last.
        code = "clock.line.same_day_again" if run.restarted else "clock.line.same_day"
    elif deemed and "effective_acceptance" in run.spec.start:
        code = "clock.line.started_deemed"
    elif run.restarted:
        known = (line for name, line in _RESTARTED if name in start.names)
        code = next(known, "clock.line.started_again")
    return [Line(code, {"on": _iso(start.on)}, (start.act_id,))]


def _limit(run: Run) -> Line:
    limit = run.limit
    law = {"law": run.spec.law, "law_en": run.spec.law_en}
    if limit.fixed is not None:
        return Line("clock.line.limit_fixed", {"due": _iso(limit.fixed), **law})
    days = limit.amount if run.extension is None else limit.amount - run.spec.extend_amount
    if days == 0:
        return Line("clock.line.limit_same_day", law)
    return Line(f"clock.line.limit_{limit.unit}", {"days": days, **law})


def _told_again(run: Run) -> list[Line]:
    """Say why a notice that was entered late gives more time than it told."""
    start, due = run.start, run.start.facts.get("due")
    entered = entered_on(start.facts)
    if run.limit.fixed is None or entered is None or not isinstance(due, str):
        return []
    if supply_until(start.facts, start.on.toordinal() - EPOCH_ORDINAL) == due:
        return []
    day = date.fromordinal(entered + EPOCH_ORDINAL)
    return [Line("clock.line.told_again", {"entered": _iso(day), "due": due}, (start.act_id,))]


def _pause(pause: Pause, run: Run, calendars: CalendarSet) -> Line:
    first = _iso(date.fromordinal(pause.since.toordinal() + 1))
    if run.too_late(pause):
        return Line("clock.line.suspended_too_late", {"on": _iso(pause.since)}, pause.act_ids)
    if pause.until is None:
        return Line("clock.line.paused", {"first": first}, pause.act_ids)
    if pause.until <= pause.since:
        code = "clock.line.elsewhere_none" if pause.ended else "clock.line.excluded_none"
        return Line(code, {"on": _iso(pause.since)}, pause.act_ids)
    days = count_days(pause.since, pause.until, run.limit.unit, calendars)
    how = "elsewhere" if pause.ended else "excluded"
    return Line(
        f"clock.line.{how}_{run.limit.unit}",
        {"first": first, "last": _iso(pause.until), "days": days},
        pause.act_ids,
    )


def _told(pause: Pause, today: date) -> Line:
    told = _iso(pause.told or today)
    return Line("clock.line.told_overrun", {"told": told}, pause.act_ids)


def _end(run: Run, today: date, elapsed: int, left: int) -> list[Line]:
    lines, unit = [], run.limit.unit
    if run.due is not None:
        lines.append(Line("clock.line.due", {"due": _iso(run.due)}))
    if run.stop is not None:
        how = "stopped_late" if run.stopped_late else "stopped"
        lines.append(
            Line(f"clock.line.{how}_{unit}", {"on": _iso(run.stop.on), "days": elapsed}, (run.stop.act_id,))
        )
    elif run.due is None:
        lines.append(Line(f"clock.line.standing_{unit}", {"days": left}))
    elif today > run.due:
        lines.append(Line(f"clock.line.over_{unit}", {"days": -left}))
    elif left == 0:
        lines.append(Line("clock.line.last_day", {}))
    else:
        lines.append(Line(f"clock.line.left_{unit}", {"days": left}))
    return lines


def _iso(day: date) -> str:
    return day.isoformat()
