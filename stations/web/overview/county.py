"""What a township and the county look at: the stations below, conflicts, twins, figures by month."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from aiohttp import web

from ledger.facade import CaseRow, Ledger
from ledger.facade.peering.between import numbers_repeated, station_board, twins
from ledger.facade.peering.board import BoardLine
from ledger.lawtime import DAY_MS, HOUR_MS, MINUTE_MS
from stations.silence import silence_of
from stations.texts import Say
from stations.web.render import render
from stations.web.rows import Line, lines_of
from stations.web.scope import Scope
from stations.web.visit import Visit
from stations.words.moments import span

MISSED_ROUNDS = 2
"""So many syncs in a row that did not come are no hiccup: whoever looks is told so at once."""
SESSION_MS = 15_000
"""A session begins when the wait after the last one is over, and takes a while itself: so long at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StationLine:
    """A station on the board, and what of it needs a look.

    Attributes:
        grade: ``ok``, ``quiet``, ``look`` or ``bad``.
        silent: whether by its way of coming it should have been heard days ago.
        ago_ms: for how long it has not been heard; -1 for never and for the own station.
        quiet: whether it should have been heard since, by its usual interval.
    """

    line: BoardLine
    own: bool
    by_stick: bool
    silent_days: int
    silent: bool
    grade: str
    ago_ms: int
    quiet: bool


class SameNumber(NamedTuple):
    """The first cases that bear one number, and how many more do at most."""

    lines: list[Line]
    more: int


def quiet_after_ms(sync_interval_s: int, *, relayed: bool) -> int:
    """Return after how long without a word a station is no longer called well.

    What interval another station keeps is not told; its own installation's is the usual one of a county. Word
    that a station between passes on may be as old as that one's own interval when it comes.

    Args:
        sync_interval_s: of the installation that looks.
        relayed: whether the station is heard through another one.
    """
    rounds = MISSED_ROUNDS + (1 if relayed else 0)
    interval_ms = sync_interval_s * 1000
    return rounds * (interval_ms + min(SESSION_MS, interval_ms))


async def board(visit: Visit) -> web.Response:
    """Show every station below: complete up to when, heard when, what waits, what is odd."""
    now_ms = visit.now_ms()
    lines = await visit.read(lambda ledger: board_lines(visit, ledger, now_ms))
    return await render(
        visit,
        "board.html",
        lines=lines,
        now_ms=now_ms,
        ago=partial(ago, visit.say),
        span=partial(span, visit.say),
    )


def board_lines(visit: Visit, ledger: Ledger, now_ms: int) -> list[StationLine]:
    """Return the stations below that of the installation, with what of each needs a look.

    Those alone that are open to the person: who works for a village at the county's machine sees her village.
    """
    station = ledger.main_station or visit.station
    scope = Scope(ledger.knowledge.registry, visit.person)
    interval_s = visit.office.config.sync_interval_s
    # Of a training ledger every station is here, and none ever syncs: nothing is awaited of any.
    return [
        station_line(
            line,
            own=line.own or visit.office.training,
            now_ms=now_ms,
            quiet_ms=quiet_after_ms(interval_s, relayed=line.via != line.station),
        )
        for line in station_board(ledger, station)
        if scope.station(line.station)
    ]


async def conflicts(visit: Visit) -> web.Response:
    """Show the cases that wait for an adjudication, and the applicants whose matter was received twice."""
    now_ms = visit.now_ms()
    lines, pairs, repeated = await visit.read(lambda ledger: conflict_lines(visit, ledger, now_ms))
    return await render(visit, "conflicts.html", lines=lines, pairs=pairs, repeated=repeated, now_ms=now_ms)


def conflict_lines(
    visit: Visit, ledger: Ledger, now_ms: int
) -> tuple[list[Line], list[list[Line]], list[SameNumber]]:
    """Return the cases in conflict, the twins and the cases of one number that are open to the person."""
    scope = Scope(ledger.knowledge.registry, visit.person)
    rows: dict[bytes, CaseRow] = {
        row.case_id: row for row in ledger.worklist(now_ms=now_ms, include_closed=True) if scope.row(row)
    }
    pairs = [[rows[one] for one in twin.case_ids if one in rows] for twin in twins(ledger)]
    numbered = [
        ([rows[one] for one in same.case_ids if one in rows], same.more) for same in numbers_repeated(ledger)
    ]
    return (
        lines_of(visit, ledger, [row for row in rows.values() if row.conflict]),
        [lines_of(visit, ledger, pair) for pair in pairs if len(pair) > 1],
        [SameNumber(lines_of(visit, ledger, same), more) for same, more in numbered if same],
    )


def ago(say: Say, ago_ms: int) -> str:
    """Return how long ago something was, in words."""
    for name, unit_ms in (("days", DAY_MS), ("hours", HOUR_MS), ("minutes", MINUTE_MS)):
        if ago_ms >= unit_ms:
            return say(f"web.ago_{name}", count=ago_ms // unit_ms)
    return say("web.ago_now")


def station_line(line: BoardLine, *, own: bool, now_ms: int, quiet_ms: int) -> StationLine:
    """Return what of a station needs a look.

    Args:
        line: what is known of it.
        own: whether it is the one that looks.
        now_ms: of the machine's clock.
        quiet_ms: after so long without a word nobody can say that all is well; a stick comes when it comes.
    """
    ago_ms = -1 if own else line.silent_ms(now_ms)
    silence = silence_of(line, now_ms=now_ms)
    odd = line.without_effect > 0 or line.stranded > 0 or bool(line.refused) or line.attachments > 0
    quiet = ago_ms >= quiet_ms and not silence.by_stick
    grade = "ok"
    if not own:
        if line.forked or line.skipped or silence.trouble:
            grade = "bad"
        elif not line.heard_at_ms or silence.silent or line.waiting or line.clock_off_ms or odd:
            grade = "look"
        elif quiet:
            grade = "quiet"
    return StationLine(
        line=line,
        own=own,
        by_stick=silence.by_stick,
        silent_days=0 if own else silence.days,
        silent=silence.silent and not own,
        grade=grade,
        ago_ms=ago_ms,
        quiet=quiet,
    )
