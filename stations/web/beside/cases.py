"""The cases that pages beside the platform look at, and the platform's list as it was last read."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from aiohttp import web

from ledger.days.year import DAY_MS
from ledger.errors import StoreError
from ledger.facade import CaseRow, Ledger
from ledger.types import CaseId, StationId
from stations.kept.sealed import SealedFolder
from stations.province.exported import ExportRow, Match, match_rows, row_of, row_values
from stations.province.known import Known, KnownCases
from stations.web.scope import Scope
from stations.web.visit import Visit

KNOWN: web.AppKey[KnownCases] = web.AppKey("known_cases", KnownCases)
FOLDER = "platform"
DAYS_BACK = 400
"""Closed cases are compared for so long; open ones always."""
AT_ONCE = 200
"""Cases that one turn of a reading thread looks at."""
Pair = tuple[CaseRow, Known]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptList:
    """The platform's list as it was last read at a station.

    Attributes:
        file: name of the workbook.
        by: name of who read it.
    """

    at_ms: int
    by: str
    file: str
    rows: Sequence[ExportRow]


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


async def matches_of(visit: Visit, rows: Sequence[ExportRow]) -> list[Match]:
    """Return the case of each row of the platform's list."""
    pairs = await pairs_of(visit)
    externals = {row.case_id: known.entered.external_no for row, known in pairs}
    by_external = {known.entered.external_no: row for row, known in pairs if known.entered.external_no}
    now_ms = visit.now_ms()

    def external_of(row: CaseRow) -> str:
        return externals.get(row.case_id, "")

    matches: list[Match] = []
    for start in range(0, len(rows), AT_ONCE):
        part = rows[start : start + AT_ONCE]

        def work(ledger: Ledger, part: Sequence[ExportRow] = part) -> list[Match]:
            scope = Scope(ledger.knowledge.registry, visit.person)
            return match_rows(
                ledger, part, by_external, external_of=external_of, open_to=scope.row, now_ms=now_ms
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
        Match(row=match.row, outcome="several")
        if match.outcome == "link" and match.case is not None and claimed[match.case.case_id] > 1
        else match
        for match in matches
    ]


def keep_list(visit: Visit, kept: KeptList) -> None:
    """Keep the platform's list for the station that the person acts for; blocks on the disk."""
    raw = json.dumps(
        {
            "at_ms": kept.at_ms,
            "by": kept.by,
            "file": kept.file,
            "rows": [row_values(row) for row in kept.rows],
        },
        ensure_ascii=False,
    )
    _folder(visit).keep(_name(visit.station), raw.encode("utf-8"))


def kept_list(visit: Visit) -> KeptList | None:
    """Return the list that was last read at the person's station; None when none was.

    Raises:
        StoreError: ``sealed.unreadable``.
    """
    folder, name = _folder(visit), _name(visit.station)
    raw = folder.read(name)
    if raw is None:
        return None
    try:
        values = json.loads(raw)
        return KeptList(
            at_ms=int(values["at_ms"]),
            by=str(values["by"]),
            file=str(values["file"]),
            rows=tuple(row_of(row) for row in values["rows"]),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise StoreError("sealed.unreadable", path=name) from error


def _folder(visit: Visit) -> SealedFolder:
    return SealedFolder(visit.office.home, FOLDER, visit.office.randomness)


def _name(station: StationId) -> str:
    return f"list-{station}"
