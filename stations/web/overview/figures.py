"""Figures by month, station and item, with their base, their completeness, and a chart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from aiohttp import web

from ledger.days.calendar import day_start_ms, local_date
from ledger.errors import InputError
from ledger.facade import Ledger
from ledger.facade.cases.monthly import MonthFigure
from ledger.facade.peering.between import mistimed, months, station_board
from stations.papers.sheets import Sheet
from stations.web.lists import send_workbook
from stations.web.render import render
from stations.web.scope import Scope
from stations.web.visit import Visit
from stations.words.casenames import station_name
from stations.words.rows import MONTH_COUNTS, MONTH_HEADINGS

CHART_ITEMS_MAX = 12
FRESH_MS = 3_600_000
LAST_DAY = date.max - timedelta(days=1)
"""A station that was complete so short a time ago holds nothing back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Monthly:
    """What the page shows.

    Attributes:
        since: first day of receipt; ``until`` the last one.
        headings: over the columns of ``rows``.
        totals: sums of the counts, in the order of ``MONTH_COUNTS``.
        chart: received cases by month and by item, for the chart.
        complete_at_ms: up to this moment nothing of the stations in scope is missing; 0 where one was never
            heard.
        lacking: names of the stations that hold this moment back, where it lies within the asked period.
        mistimed: cases that are in no period, for their time of receipt cannot be right.
        clocks: names of their stations.
    """

    since: date
    until: date
    headings: Sequence[str]
    rows: Sequence[Sequence[str]]
    totals: Sequence[int]
    chart: Mapping[str, object]
    complete_at_ms: int
    lacking: Sequence[str]
    mistimed: int
    clocks: Sequence[str]


async def monthly(visit: Visit) -> web.StreamResponse:
    """Show how many cases were received by month, station and item, and what became of them.

    Raises:
        InputError: ``web.date``.
    """
    shown = await read_monthly(visit)
    if visit.request.query.get("format") == "xlsx":
        name = visit.say("web.monthly")
        rows = tuple(tuple(row) for row in shown.rows)
        sheet = Sheet(name=name, headings=tuple(shown.headings), rows=rows)
        return await send_workbook(visit, f"{name} {shown.since} {shown.until}", [sheet])
    return await render(visit, "monthly.html", shown=shown)


async def read_monthly(visit: Visit) -> Monthly:
    """Return the figures that the query asks for, of the stations that are open to the person.

    Raises:
        InputError: ``web.date``.
    """
    query, now_ms = visit.request.query, visit.now_ms()
    last = day_of(query.get("until", ""), "until", local_date(now_ms))
    since = day_of(query.get("since", ""), "since", last.replace(day=1))
    return await visit.read(lambda ledger: _read(visit, ledger, since, last, now_ms))


def day_of(text: str, field: str, otherwise: date) -> date:
    """Return the day that an address names; another one when it names none.

    Raises:
        InputError: ``web.date``.
    """
    if not text:
        return otherwise
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise InputError("web.date", field=field, value=text[:40]) from error


def _read(visit: Visit, ledger: Ledger, since: date, last: date, now_ms: int) -> Monthly:
    registry = ledger.knowledge.registry
    scope = Scope(registry, visit.person)
    after = min(last, LAST_DAY) + timedelta(days=1)
    found = [
        one
        for one in months(ledger, first=since, after_last=after, now_ms=now_ms)
        if scope.station(one.station)
    ]
    outside = {
        station: count
        for station, count in mistimed(ledger, first=since, after_last=after, now_ms=now_ms).items()
        if scope.station(station)
    }
    names = _item_names(visit, ledger)
    complete_at_ms, lacking = _completeness(visit, ledger, scope)
    if complete_at_ms >= min(day_start_ms(after), now_ms - FRESH_MS):
        lacking = ()
    return Monthly(
        since=since,
        until=last,
        headings=[visit.say(f"head.{name}") for name in MONTH_HEADINGS],
        rows=[
            (
                one.month,
                station_name(registry, one.station),
                names.get(one.item, one.item),
                *(str(getattr(one, name)) for name in MONTH_COUNTS),
            )
            for one in found
        ],
        totals=[sum(getattr(one, name) for one in found) for name in MONTH_COUNTS],
        chart=_chart(visit, found, names),
        complete_at_ms=complete_at_ms,
        lacking=lacking,
        mistimed=sum(outside.values()),
        clocks=[station_name(registry, one) for one in sorted(outside)],
    )


def _item_names(visit: Visit, ledger: Ledger) -> Mapping[str, str]:
    catalogue = ledger.knowledge.catalogue
    return {code: visit.say.pick(item.name) for code, item in catalogue.items(catalogue.size).items()}


def _completeness(visit: Visit, ledger: Ledger, scope: Scope) -> tuple[int, Sequence[str]]:
    own = ledger.main_station or visit.station
    below = [
        line
        for line in station_board(ledger, own)
        if not line.own and line.is_open and scope.station(line.station)
    ]
    if not below:
        return visit.now_ms(), ()
    least = min(line.complete_at_ms for line in below)
    return least, [line.name for line in below if line.complete_at_ms == least]


def _chart(visit: Visit, found: Sequence[MonthFigure], names: Mapping[str, str]) -> Mapping[str, object]:
    by_month: Counter[str] = Counter()
    by_item: Counter[str] = Counter()
    overdue: Counter[str] = Counter()
    for one in found:
        by_month[one.month] += one.received
        by_item[one.item] += one.received
        overdue[one.item] += one.late
    items = [code for code, _ in by_item.most_common(CHART_ITEMS_MAX)]
    return {
        "months": sorted(by_month),
        "received": [by_month[month] for month in sorted(by_month)],
        "items": [names.get(code, code) for code in items],
        "by_item": [by_item[code] for code in items],
        "overdue": [overdue[code] for code in items],
        "words": {
            "received": visit.say("head.received"),
            "overdue": visit.say("web.chart_late"),
            "by_month": visit.say("web.chart_months"),
            "by_item": visit.say("web.chart_items"),
        },
    }
