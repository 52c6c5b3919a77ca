"""What supervisors look at: the station board, conflicts, twins, figures by month."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta

from ledger.cases.shape import CaseState, Step
from ledger.days.calendar import local_date
from ledger.errors import ConfigError
from ledger.facade import Ledger
from ledger.facade.base.peers import BY_STICK
from ledger.facade.cases.repeated import NUMBER_REPEATED
from ledger.facade.peering.between import mistimed, months, numbers_repeated, station_board, twins
from ledger.facade.peering.board import BoardLine
from ledger.types import StationId
from stations.cli.call import Call
from stations.cli.grammar import Param, Spec
from stations.cli.session import reading
from stations.cli.types import DateType
from stations.conflictsides import open_sides
from stations.silence import silence_of
from stations.words.casenames import station_name
from stations.words.moments import show_moment, span
from stations.words.rows import MONTH_COUNTS, MONTH_HEADINGS, item_words

BOARD_HEADINGS = ("station", "name", "entries", "complete_to", "heard", "waiting", "remarks")


def board(call: Call) -> int:
    """Show every station below: complete up to when, heard when, what waits, what is odd."""
    station = call.config().station
    if not station:
        raise ConfigError("ledger.no_station")
    now_ms = call.app.clock.now_ms()
    with reading(call) as ledger:
        lines = station_board(ledger, StationId(station))
    for line in lines:
        call.emit(_board_object(line, now_ms))
    rows = [board_row(call, line, now_ms, own=line.own) for line in lines]
    call.table([call.say(f"head.{name}") for name in BOARD_HEADINGS], rows)
    return 0


def conflicts(call: Call) -> int:
    """List cases in which acts made without knowledge of each other wait for an adjudication."""
    count = 0
    with reading(call) as ledger:
        for row in ledger.worklist(include_closed=True):
            if not row.conflict:
                continue
            count += 1
            state, _ = ledger.state(row.case_id)
            _show_conflicts(call, ledger, state, row.number)
        _show_repeated(call, ledger)
    call.line(call.say("conflicts.count", count=count))
    if count:
        call.hint("conflicts.next")
    return 0


def _show_repeated(call: Call, ledger: Ledger) -> None:
    """Tell which printed numbers several cases bear: a machine that was copied gives them out twice."""
    found = numbers_repeated(ledger)
    rows = {row.case_id: row for row in ledger.worklist(include_closed=True)} if found else {}
    for one in found:
        cases = [rows[case_id] for case_id in one.case_ids if case_id in rows]
        call.emit(
            {
                "number_repeated": one.number,
                "cases": [
                    {"case_id": case.case_id.hex(), "station": case.received_station, "item": case.item_code}
                    for case in cases
                ],
                "more": one.more,
            }
        )
        call.line(call.say("conflicts.repeated", number=one.number))
        for case in cases:
            call.line(
                call.say(
                    "conflicts.repeated_case", case=case.case_id.hex()[:12],
                    item=item_words(call.say, ledger, case), applicant=case.applicant or "—",
                    when=show_moment(case.opened_at_ms),
                    station=station_name(ledger.knowledge.registry, case.received_station),
                )
            )  # fmt: skip
        if one.more:
            call.line(call.say("conflicts.repeated_more", count=one.more))
    if found:
        message = call.say.message(NUMBER_REPEATED, {"number": found[0].number})
        call.line(f"  → {message.next_step}")


def show_twins(call: Call) -> int:
    """List applicants whose same matter was received twice."""
    with reading(call) as ledger:
        found = twins(ledger)
        rows = {row.case_id: row for row in ledger.worklist(include_closed=True)} if found else {}
        for twin in found:
            cases = [rows[case_id] for case_id in twin.case_ids if case_id in rows]
            call.emit(
                {
                    "item": twin.item,
                    "cases": [
                        {"case_id": one.case_id.hex(), "number": one.number, "station": one.received_station}
                        for one in cases
                    ],
                }
            )
            name = item_words(call.say, ledger, cases[0]) if cases else twin.item
            call.line(call.say("twins.pair", item=name, applicant=cases[0].applicant if cases else "—"))
            for one in cases:
                place = station_name(ledger.knowledge.registry, one.received_station)
                call.line(
                    call.say(
                        "twins.case", number=one.number, station=place, when=show_moment(one.opened_at_ms)
                    )
                )
        call.line(call.say("twins.count", count=len(found)))
    return 0


def monthly(call: Call, *, since: date | None, until: date | None) -> int:
    """Count cases by month of receipt, station and item, with what became of them."""
    now_ms = call.app.clock.now_ms()
    last = until or local_date(now_ms)
    first = since or last.replace(day=1)
    with reading(call) as ledger:
        found = months(ledger, first=first, after_last=last + timedelta(days=1), now_ms=now_ms)
        registry = ledger.knowledge.registry
        items = ledger.knowledge.catalogue.items(ledger.knowledge.catalogue.size)
        names = {code: item.name.zh for code, item in items.items()}
        rows = [
            (
                one.month, station_name(registry, one.station), names.get(one.item, one.item),
                *(str(getattr(one, name)) for name in MONTH_COUNTS),
            )
            for one in found
        ]  # fmt: skip
        outside = mistimed(ledger, first=first, after_last=last + timedelta(days=1), now_ms=now_ms)
        names_outside = [station_name(registry, one) for one in sorted(outside)]
    call.line(call.say("monthly.title", first=first, last=last, count=sum(one.received for one in found)))
    call.table([call.say(f"head.{name}") for name in MONTH_HEADINGS], rows)
    if outside:
        count, places = sum(outside.values()), call.say("list.and").join(names_outside)
        call.line(call.say("monthly.mistimed", count=count, stations=places))
    call.emit(
        {
            "since": first.isoformat(),
            "until": last.isoformat(),
            "mistimed": {str(one): count for one, count in outside.items()},
            "months": [
                {
                    "month": one.month, "station": one.station, "item": one.item,
                    **{name: getattr(one, name) for name in MONTH_COUNTS},
                }
                for one in found
            ],
        }
    )  # fmt: skip
    return 0


def board_row(call: Call, line: BoardLine, now_ms: int, *, own: bool) -> tuple[str, ...]:
    """Return the cells of a station on the board, under ``BOARD_HEADINGS``."""
    if own:
        heard, waiting, complete = call.say("board.here"), "—", call.say("board.here")
    else:
        heard = show_moment(line.heard_at_ms) if line.heard_at_ms else call.say("board.never")
        if line.via == BY_STICK:
            heard = call.say("board.by_stick", moment=heard)
        waiting = str(line.waiting) if line.heard_at_ms else "—"
        complete = show_moment(line.complete_at_ms) if line.complete_at_ms else "—"
    remarks = [] if own else _remarks(call, line, now_ms)
    return (
        line.station, line.name, str(line.entries), complete, heard, waiting,
        call.say("list.and").join(remarks) or "—",
    )  # fmt: skip


def _remarks(call: Call, line: BoardLine, now_ms: int) -> list[str]:
    found: list[str] = []
    if not line.is_open:
        found.append(call.say("board.closed"))
    if line.stranded:
        found.append(call.say("board.stranded", count=line.stranded))
    silence = silence_of(line, now_ms=now_ms)
    if silence.silent:
        found.append(call.say("board.silent", days=silence.days))
    if line.clock_off_ms:
        found.append(call.say("board.clock", span=span(call.say, line.clock_off_ms)))
    if line.forked:
        found.append(call.say("board.forked"))
    if line.without_effect:
        found.append(call.say("board.without_effect", count=line.without_effect))
    if line.refused:
        newest = line.refused[0]
        found.append(call.say("board.refused", code=newest.code, when=show_moment(newest.at_ms)))
    if line.attachments:
        found.append(call.say("board.attachments", count=line.attachments))
    if line.skipped:
        found.append(call.say("board.skipped"))
    if line.logs > 1:
        found.append(call.say("board.logs", count=line.logs))
    return found


def _board_object(line: BoardLine, now_ms: int) -> Mapping[str, object]:
    return {
        "station": line.station, "name": line.name, "level": line.level, "upstream": line.upstream,
        "open": line.is_open, "entries": line.entries, "logs": line.logs,
        "complete_at_ms": line.complete_at_ms, "last_entry_ms": line.last_entry_ms,
        "heard_at_ms": line.heard_at_ms, "silent_ms": line.silent_ms(now_ms), "via": line.via,
        "waiting": line.waiting, "oldest_ms": line.oldest_ms, "clock_off_ms": line.clock_off_ms,
        "version": line.version, "forked": line.forked, "skipped": line.skipped,
        "attachments": line.attachments, "own": line.own,
        "without_effect": line.without_effect, "stranded": line.stranded,
        "refused": [{"code": one.code, "log": one.log, "at_ms": one.at_ms} for one in line.refused],
    }  # fmt: skip


def _show_conflicts(call: Call, ledger: Ledger, state: CaseState, number: str) -> None:
    for kept, contested in open_sides(state):
        call.emit(
            {
                "case_id": state.case_id.hex(),
                "number": number,
                "kept": [_act_object(step) for step in kept],
                "contested": [_act_object(step) for step in contested],
            }
        )
        call.line(call.say("conflicts.case", number=number))
        for title, side in (("kept", kept), ("contested", contested)):
            for step in side:
                call.line(call.say(f"conflicts.{title}", act=_act_words(call, ledger, step)))


def _act_words(call: Call, ledger: Ledger, step: Step) -> str:
    known = step.act
    return call.say(
        "conflicts.act", action=call.say.name(f"action.{known.action}"),
        station=station_name(ledger.knowledge.registry, known.station),
        who=ledger.staff_name(known.actor, known.staff_no),
        when=show_moment(known.occurred_at_ms), act=known.act_id.hex()[:8],
    )  # fmt: skip


def _act_object(step: Step) -> Mapping[str, object]:
    act = step.act
    return {
        "act_id": act.act_id.hex(), "action": act.action, "station": act.station, "staff_no": act.staff_no,
        "occurred_at_ms": act.occurred_at_ms,
    }  # fmt: skip


SPECS = (
    Spec(path=("board",), run=board, group="look"),
    Spec(path=("conflicts",), run=conflicts, group="look"),
    Spec(path=("twins",), run=show_twins, group="look"),
    Spec(
        path=("monthly",),
        run=monthly,
        params=(Param(name="since", type=DateType()), Param(name="until", type=DateType())),
        group="look",
    ),
)
