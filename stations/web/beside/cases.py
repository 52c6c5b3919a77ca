"""The cases that pages beside the platform look at, and the platform's list as it was last read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from aiohttp import web

from ledger.facade import CaseRow, Ledger
from ledger.facade.cases.numbers import VOIDED
from ledger.lawtime import DAY_MS
from ledger.types import CaseId
from stations.kept import platformlist
from stations.kept.platformlist import KeptList
from stations.kept.sealed import SealedFolder
from stations.province.exported import ExportRow, Match, Standing, id_numbers, match_rows
from stations.province.known import Known, KnownCases
from stations.web.cases.erased import TURN
from stations.web.scope import Scope
from stations.web.visit import Visit

KNOWN: web.AppKey[KnownCases] = web.AppKey("known_cases", KnownCases)
DAYS_BACK = 400
"""Closed cases are compared for so long; open ones always."""
AT_ONCE = 200
"""Cases that one turn of a reading thread looks at."""
Pair = tuple[CaseRow, Known]


async def pairs_of(visit: Visit) -> list[Pair]:
    """Return the person's cases with what is known of each, those that were opened first first."""
    index, now_ms = visit.request.app[KNOWN], visit.now_ms()

    def rows_of(ledger: Ledger) -> list[CaseRow]:
        scope = Scope(ledger.knowledge.registry, visit.person)
        rows = ledger.worklist(now_ms=now_ms, include_closed=True, names=False)
        since = now_ms - DAYS_BACK * DAY_MS
        return [row for row in rows if (row.open or row.opened_at_ms >= since) and scope.row(row)]

    rows = sorted(await visit.read(rows_of), key=lambda row: row.opened_at_ms)
    pairs: list[Pair] = []
    for start in range(0, len(rows), AT_ONCE):
        part = rows[start : start + AT_ONCE]

        def work(ledger: Ledger, part: Sequence[CaseRow] = part) -> list[Known]:
            return index.of(ledger, part)

        pairs += zip(part, await visit.read(work), strict=True)
    return pairs


def is_pending(pair: Pair) -> bool:
    """Tell whether a case is still to be typed into the platform."""
    known = pair[1]
    return not known.entered.external_no and known.state != "ended" and not known.returned


async def named(visit: Visit, rows: Sequence[CaseRow]) -> list[CaseRow]:
    """Return lines again with the applicants' names: long lists are read without them."""
    told: list[CaseRow] = []
    for start in range(0, len(rows), AT_ONCE):
        part = rows[start : start + AT_ONCE]

        def work(ledger: Ledger, part: Sequence[CaseRow] = part) -> list[CaseRow]:
            with ledger.reading() as (tx, parts):
                return parts.reader.named(tx, part)

        told += await visit.read(work)
    return told


async def numbers_of(visit: Visit, rows: Sequence[CaseRow]) -> Mapping[CaseId, str]:
    """Return the identity numbers of the applicants of lines, of those whose number is known here."""
    numbers: dict[CaseId, str] = {}
    for start in range(0, len(rows), AT_ONCE):
        part = rows[start : start + AT_ONCE]

        def work(ledger: Ledger, part: Sequence[CaseRow] = part) -> Mapping[CaseId, str]:
            return id_numbers(ledger, part)

        numbers.update(await visit.read(work))
    return numbers


async def matches_of(visit: Visit, rows: Sequence[ExportRow]) -> list[Match]:
    """Return the case of each row of the platform's list."""
    pairs = await pairs_of(visit)
    knowns = {row.case_id: known for row, known in pairs}
    by_external = {known.entered.external_no: row for row, known in pairs if known.entered.external_no}
    now_ms = visit.now_ms()

    def external_of(row: CaseRow) -> str:
        known = knowns.get(row.case_id)
        return "" if known is None else known.entered.external_no

    def standing_of(row: CaseRow) -> Standing:
        if row.status == VOIDED:
            return "void"
        known = knowns.get(row.case_id)
        return "ended" if known is None or known.state == "ended" or known.returned else "live"

    matches: list[Match] = []
    for start in range(0, len(rows), AT_ONCE):
        part = rows[start : start + AT_ONCE]

        def work(ledger: Ledger, part: Sequence[ExportRow] = part) -> list[Match]:
            scope = Scope(ledger.knowledge.registry, visit.person)
            return match_rows(
                ledger,
                part,
                by_external,
                external_of=external_of,
                standing_of=standing_of,
                open_to=scope.row,
                now_ms=now_ms,
            )

        matches += await visit.read(work)
    return _once(matches)


def _once(matches: Sequence[Match]) -> list[Match]:
    """Return the matches, but for cases that two rows mean: nothing is guessed."""
    claimed: dict[CaseId, int] = {}
    for match in matches:
        if match.outcome == "link" and match.case is not None:
            claimed[match.case.case_id] = claimed.get(match.case.case_id, 0) + 1
    return [
        Match(row=match.row, outcome="several", may_mean=match.may_mean)
        if match.outcome == "link" and match.case is not None and claimed[match.case.case_id] > 1
        else match
        for match in matches
    ]


def keep_list(visit: Visit, kept: KeptList) -> None:
    """Keep the platform's list for the station that the person acts for; blocks on the disk."""
    platformlist.keep_list(_folder(visit), visit.station, kept)


def kept_list(visit: Visit) -> KeptList | None:
    """Return the list that was last read at the person's station; None when none was.

    Raises:
        StoreError: ``sealed.unreadable``.
    """
    return platformlist.load_list(_folder(visit), visit.station)


async def remember_meant(visit: Visit, matches: Sequence[Match]) -> None:
    """Keep which cases the rows may mean by now: one that is erased elsewhere is found by nothing else."""
    aside, found = visit.office.access.aside, list(meant_by(matches))

    def work() -> None:
        kept = kept_list(visit)
        if kept is not None:
            there = {row.external_no for row in kept.rows if not row.erased}
            more = kept.with_meant(pair for pair in found if pair[0] in there)
            if more != kept:
                keep_list(visit, more)

    async with visit.request.app[TURN]:
        await aside(work)


def meant_by(matches: Sequence[Match]) -> Iterator[tuple[str, CaseId]]:
    """Yield the cases that rows may mean, each behind the row's number in the platform."""
    return ((match.row.external_no, case) for match in matches for case in match.may_mean)


def _folder(visit: Visit) -> SealedFolder:
    return SealedFolder(visit.office.home, platformlist.FOLDER, visit.office.randomness)
