"""``banjian calendar``: on which day a limit ends, and which calendars say so."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from ledger.calendars import calendar_set
from ledger.days.calendar import UNITS, CalendarSet, Unit, due_report, parse_calendar
from ledger.facade.base.home import Home
from ledger.known.knowledge import PUBLISH_CALENDAR
from stations.cli.call import Call
from stations.cli.grammar import Param, Spec
from stations.cli.types import DateType, OneOf, WholeNumber


def due(call: Call, *, date: date, n: int, unit: str | None) -> int:
    """Print the last day of a limit and every day on the way, by the calendars of the ledger."""
    chosen: Unit = "calendar_days" if unit == "calendar_days" else "working_days"
    report = due_report(_calendars(call), date, n, unit=chosen)
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


def show(call: Call, *, year: int | None) -> int:
    """List the calendars held: those that ship, with a ledger those published in it as well."""
    rows = []
    for item in _calendars(call).calendars:
        if year is not None and item.year != year:
            continue
        call.emit(
            {
                "region": item.region,
                "year": item.year,
                "version": item.version,
                "name": item.name,
                "days_off": sorted(day.isoformat() for day in item.days_off),
                "make_up": sorted(day.isoformat() for day in item.make_up),
                "source": item.source,
            }
        )
        rows.append(
            (
                item.region,
                str(item.year),
                str(item.version),
                str(len(item.days_off)),
                str(len(item.make_up)),
                item.source,
            )
        )
    names = ("region", "year", "version", "days_off", "make_up", "calendar")
    call.table([call.say(f"head.{name}") for name in names], rows)
    return 0


def publish(call: Call, *, file: str) -> int:
    """Publish a year's calendar; limits follow without any further act."""
    from stations.cli.catalogue import read_json, tell_faults
    from stations.cli.keyring import signing_key
    from stations.cli.session import desk

    facts = read_json(file, code="calendar.file")
    calendar = parse_calendar(facts)
    signer = signing_key(call)
    with desk(call) as at:
        knowledge = at.ledger.knowledge
        tell_faults(call, knowledge.catalogue, knowledge.calendars, PUBLISH_CALENDAR, facts)
        done = at.publish(PUBLISH_CALENDAR, facts, signer)
        call.line(call.say("calendar.published", name=calendar.name))
        call.emit({"name": calendar.name, "version": done.seq, "act_id": done.act_id.hex()})
    return 0


def _calendars(call: Call) -> CalendarSet:
    """Return the calendars of the ledger that is named or lies in the current folder, else those shipped."""
    if call.directory is None and not Home(Path.cwd()).exists:
        return calendar_set()
    # Only with a ledger is the event store needed.
    from stations.cli.session import reading

    with reading(call) as ledger:
        return ledger.knowledge.calendars


def _date(text: str) -> date:
    return date.fromisoformat(text)


SPECS = (
    Spec(
        path=("calendar", "due"),
        run=due,
        params=(
            Param(name="DATE", type=DateType(), required=True),
            Param(name="N", type=WholeNumber(), required=True),
            Param(name="unit", type=OneOf(UNITS, prefixes=("unit",))),
        ),
        group="setup",
    ),
    Spec(
        path=("calendar", "show"),
        run=show,
        params=(Param(name="YEAR", type=WholeNumber(least=2000)),),
        group="setup",
    ),
    Spec(
        path=("calendar", "publish"),
        run=publish,
        params=(Param(name="FILE", required=True),),
        signs=True,
        group="setup",
    ),
)
