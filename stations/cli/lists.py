"""``banjian worklist``, ``find``, ``day-clear`` and ``export``: what lies on the desk, with lights."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from ledger.cases.number import is_misread
from ledger.days.calendar import local_date
from ledger.errors import ConfigError, InputError
from ledger.facade import CaseRow, Ledger
from ledger.types import StationId
from stations.cli.call import Call
from stations.cli.grammar import Param, Spec
from stations.cli.publications import publications_sheet, show_publications
from stations.cli.rows import print_rows, row_object
from stations.cli.session import named_station, reading
from stations.cli.types import DateType, OneOf, StationType
from stations.papers.sheets import Sheet, write_workbook
from stations.words.rows import HEADINGS, row_texts
from stations.writtenhere import stations_here

DAY_PARTS = (
    "received", "returned", "not_accepted", "overdue", "at_risk", "pending", "offered",
    "awaiting_collection", "moved_earlier",
)  # fmt: skip
EXPORTS = ("worklist", "all", "day-clear", "publications", "ledger")


def worklist(call: Call, *, all_: bool) -> int:
    """List the open cases of a station, the most urgent first."""
    with reading(call) as ledger:
        where = named_station(call, ledger)
        rows = ledger.worklist(station=where, now_ms=call.app.clock.now_ms(), include_closed=all_)
        call.line(
            call.say(
                "worklist.title_all" if all_ else "worklist.title",
                station=where or call.say("worklist.everywhere"),
                count=len(rows),
            )
        )
        print_rows(call, ledger, rows)
    return 0


def find(call: Call, *, text: str) -> int:
    """Find cases by number, name, pinyin initials, tail of a number, or item."""
    with reading(call) as ledger:
        rows = ledger.find(text, station=named_station(call, ledger))
        print_rows(call, ledger, rows)
        if not rows and is_misread(text):
            raise InputError("number.check")
        if not rows:
            call.hint("find.nothing")
    return 0 if rows else 1


def day_clear(call: Call, *, day: date | None) -> int:
    """Print the day-clear list (日清) of a station."""
    with reading(call) as ledger:
        asked = day or local_date(call.app.clock.now_ms())
        where = named_station(call, ledger) or _only_station(call, ledger)
        found = ledger.day_clear(where, asked)
        parts: dict[str, Sequence[CaseRow]] = {name: getattr(found, name) for name in DAY_PARTS}
        if call.json:
            call.emit(
                {
                    "station": where,
                    "day": asked.isoformat(),
                    **{name: [row_object(row) for row in rows] for name, rows in parts.items()},
                }
            )
            return 0
        call.line(call.say("dayclear.title", station=where, day=asked.isoformat()))
        for name, rows in parts.items():
            call.line(call.say("dayclear.part", name=call.say(f"dayclear.{name}"), count=len(rows)))
            if rows:
                print_rows(call, ledger, rows)
    return 0


def figures(call: Call, *, since: date | None, until: date | None) -> int:
    """Count the acts of a period by station and action."""
    with reading(call) as ledger:
        last = until or local_date(call.app.clock.now_ms())
        first = since or last.replace(day=1)
        counts: Counter[tuple[str, str]] = Counter()
        for one in ledger.figures(first, last, station=named_station(call, ledger)):
            counts[one.station, one.action] += one.acts
        call.line(call.say("figures.title", first=first, last=last, count=sum(counts.values())))
        headings = [call.say(f"head.{name}") for name in ("station", "action", "acts")]
        rows = sorted(counts.items())
        call.table(
            headings, [(place, call.say.name(f"action.{code}"), str(acts)) for (place, code), acts in rows]
        )
        call.emit(
            {
                "since": first.isoformat(),
                "until": last.isoformat(),
                "figures": [{"station": place, "action": code, "acts": acts} for (place, code), acts in rows],
            }
        )
    return 0


def publications(call: Call, *, since: date | None, until: date | None, all_: bool) -> int:
    """List the grants to be made public (双公示), the first due first."""
    with reading(call) as ledger:
        where = named_station(call, ledger)
        show_publications(call, ledger, station=where, since=since, until=until, all_=all_)
    return 0


def export(
    call: Call,
    *,
    what: str,
    out: str,
    find: str | None,
    day: date | None,
    since: date | None,
    until: date | None,
) -> int:
    """Write a list to an Excel file, in which every number stays text; or the whole ledger to a file."""
    path = Path(out)
    if path.exists():
        raise ConfigError("cli.file_exists", path=str(path))
    with reading(call) as ledger:
        if what == "ledger":
            # What packs a ledger takes longer to import than a list takes to be shown.
            from stations.kept.handover import export_ledger

            size_bytes = export_ledger(ledger, path)
            call.line(call.say("export.ledger_done", file=path, size=max(1, size_bytes >> 10)))
            call.emit({"file": str(path), "size_bytes": size_bytes})
            call.hint("export.ledger_next", file=path)
            return 0
        if what == "publications" and not find:
            where = named_station(call, ledger)
            sheets = [publications_sheet(call, ledger, station=where, since=since, until=until)]
        else:
            sheets = _sheets(call, ledger, what, find=find, day=day)
        write_workbook(path, sheets, title=call.say("training.short") if call.training else "")
        count = sum(len(sheet.rows) for sheet in sheets)
        call.line(call.say("export.done", file=path, count=count))
        call.emit({"file": str(path), "rows": count})
    return 0


def _sheets(call: Call, ledger: Ledger, what: str, *, find: str | None, day: date | None) -> list[Sheet]:
    headings = tuple(call.say(f"head.{name}") for name in HEADINGS)
    now_ms = call.app.clock.now_ms()
    where = named_station(call, ledger)
    if find:
        return [_sheet(call, ledger, call.say("export.find"), headings, ledger.find(find, station=where))]
    if what == "day-clear":
        found = ledger.day_clear(where or _only_station(call, ledger), day or local_date(now_ms))
        return [
            _sheet(call, ledger, call.say(f"dayclear.{name}"), headings, getattr(found, name))
            for name in DAY_PARTS
        ]
    rows = ledger.worklist(station=where, now_ms=now_ms, include_closed=what == "all")
    return [_sheet(call, ledger, call.say(f"export.{what}"), headings, rows)]


def _sheet(
    call: Call, ledger: Ledger, name: str, headings: tuple[str, ...], rows: Sequence[CaseRow]
) -> Sheet:
    return Sheet(
        name=name, headings=headings, rows=tuple(tuple(row_texts(call.say, ledger, row)) for row in rows)
    )


def _only_station(call: Call, ledger: Ledger) -> StationId:
    own = stations_here(ledger)
    configured = call.config().station
    if configured and len(own) != 1:
        return StationId(configured)
    if len(own) != 1:
        raise ConfigError("cli.station_unclear", choices=tuple(own))
    return own[0]


_STATION = Param(name="station", type=StationType())

SPECS = (
    Spec(path=("worklist",), run=worklist, params=(_STATION, Param(name="all", flag=True)), group="look"),
    Spec(path=("find",), run=find, params=(Param(name="TEXT", required=True), _STATION), group="look"),
    Spec(
        path=("day-clear",),
        run=day_clear,
        params=(_STATION, Param(name="day", type=DateType())),
        group="look",
    ),
    Spec(
        path=("figures",),
        run=figures,
        params=(_STATION, Param(name="since", type=DateType()), Param(name="until", type=DateType())),
        group="look",
    ),
    Spec(
        path=("publications",),
        run=publications,
        params=(
            _STATION,
            Param(name="since", type=DateType()),
            Param(name="until", type=DateType()),
            Param(name="all", flag=True),
        ),
        group="look",
    ),
    Spec(
        path=("export",),
        run=export,
        params=(
            Param(name="WHAT", type=OneOf(EXPORTS, prefixes=("export",)), required=True),
            Param(name="out", required=True),
            _STATION,
            Param(name="find"),
            Param(name="day", type=DateType()),
            Param(name="since", type=DateType()),
            Param(name="until", type=DateType()),
        ),
        group="look",
    ),
)
