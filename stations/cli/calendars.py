"""``banjian calendar``: on which day a limit ends, and which calendars say so."""

from __future__ import annotations

from datetime import date

from ledger.calendar import UNITS, Unit, due_report
from ledger.calendars import calendar_set
from stations.cli.call import Call
from stations.cli.grammar import Param, Spec
from stations.cli.types import DateType, OneOf, WholeNumber


def due(call: Call, *, date: date, n: int, unit: str | None) -> int:
    """Print the last day of a limit and every day on the way; needs no ledger."""
    chosen: Unit = "calendar_days" if unit == "calendar_days" else "working_days"
    report = due_report(calendar_set(), date, n, unit=chosen)
    call.emit(report)
    call.line(
        call.say(
            "calendar.due",
            start=date.isoformat(),
            amount=n,
            unit=call.say(f"unit.{chosen}"),
            due=report["due"],
        )
    )
    rows = []
    days = report["days"]
    for day in days if isinstance(days, list) else []:
        when = _date(day["date"])
        rows.append(
            (
                day["date"],
                call.say(f"weekday.{when.isoweekday()}"),
                str(day["counted"] or ""),
                call.say.name(f"calendar.day.{day['kind']}"),
                day["why"] if day["why"] != "week" else "",
            )
        )
    call.table(
        [call.say(f"head.{name}") for name in ("date", "weekday", "counted", "day_kind", "calendar")], rows
    )
    call.line(call.say("calendar.version", version=report["calendar_version"]))
    if report["provisional"]:
        call.line(call.say("calendar.provisional"))
    return 0


def _date(text: str) -> date:
    return date.fromisoformat(text)


SPECS = (
    Spec(
        path=("calendar", "due"),
        run=due,
        params=(
            Param(name="DATE", type=DateType(), required=True),
            Param(name="N", type=WholeNumber(), required=True),
            Param(name="unit", type=OneOf(UNITS)),
        ),
        needs_home=False,
        group="setup",
    ),
)
