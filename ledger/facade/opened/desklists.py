"""Lists of a station's cases as pages show them: a few lines are read, the database counts the others.

A list may be of thousands, and each row that is fetched lets every other thread go first.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from operator import itemgetter
from typing import Final, NamedTuple

from ledger.facade.base.tables import CASES, NEVER_MS, PAUSED, PENDING, STATUS, flags_with, flags_without
from ledger.facade.base.types import CaseRow
from ledger.facade.cases.reading import AWAITING_COLLECTION, BEFORE_ACCEPTANCE
from ledger.facade.cases.secondsight import too_late
from ledger.facade.logs.bodies import ASKED_MAX
from ledger.facade.opened.ledger import Ledger
from ledger.store.contract import ReadTx
from ledger.store.tables import OneOf, Range, Row, Where
from ledger.types import CaseId, KeyId, StationId

_HEADINGS: Final = {
    **dict.fromkeys(BEFORE_ACCEPTANCE, "not_accepted"),
    "correcting": "papers",
    **dict.fromkeys(AWAITING_COLLECTION, "awaiting_collection"),
}
"""What a case waits for, by its status, when its limits do not press; others stand under ``rest``."""
_URGENT_FIRST: Final = ("red_at_ms", "opened_at_ms")
_urgency: Final = itemgetter(*(CASES.column_names.index(name) for name in (*_URGENT_FIRST, "case_id")))


class Listed(NamedTuple):
    """Some lines of a list, with the names of the applicants, and how many lines it has altogether."""

    rows: Sequence[CaseRow]
    total: int


def page_of_cases(
    ledger: Ledger,
    *,
    station: StationId,
    now_ms: int,
    light: str = "",
    include_closed: bool = False,
    offset: int = 0,
    limit: int,
) -> Listed:
    """Return a page of the cases that a station holds or was offered, the most urgent first.

    Args:
        ledger: where to read.
        station: whose cases.
        now_ms: as of when lights are told.
        light: only cases with this light; "" for all.
        include_closed: whether closed cases follow the open ones.
        offset: lines that come before the page.
        limit: lines of the page.
    """
    found: list[Row] = []
    total = 0
    with ledger.reading() as (tx, parts):
        for wanted in _groups(light, now_ms, include_closed=include_closed):
            held: Where = {**wanted, "custodian": station}
            offered: Where = {**wanted, "offered_to": station}
            count = tx.count(CASES, held) + tx.count(CASES, offered) - len(_held_of(tx, offered))
            first = max(0, offset - total)
            missing = limit - len(found)
            if missing and first < count:
                rows = {row for where in (held, offered) for row in _most_urgent(tx, where, first + missing)}
                found += sorted(rows, key=_urgency)[first : first + missing]
            total += count
        return Listed(parts.reader.rows(tx, found, now_ms), total)


def signed_by(ledger: Ledger, rows: Sequence[CaseRow], keys: Collection[KeyId]) -> list[CaseRow]:
    """Return the cases in which one of some keys signed an act, in the order given; none is folded."""
    with ledger.reading() as (tx, parts):
        signers = parts.book.signers(tx, [row.case_id for row in rows])
    return [row for row in rows if not signers.get(row.case_id, frozenset()).isdisjoint(keys)]


def desk_of(
    ledger: Ledger, *, station: StationId, now_ms: int, apart: Collection[CaseId], limit: int
) -> dict[str, Listed]:
    """Return the open cases on a station's desk by what they need first, each under one heading.

    What the law presses for stands first: of those that the station holds ``overdue`` and ``at_risk``; then
    ``offered`` to it; and of the others that it holds ``pending`` (for a second person), ``not_accepted``,
    ``papers`` (asked of the applicant), ``awaiting_collection``, ``rest``.

    Args:
        ledger: where to read.
        station: whose cases.
        now_ms: as of when lights are told.
        apart: cases that are shown under headings of the caller's.
        limit: lines under a heading.
    """
    held: Where = {"open": 1, "custodian": station}
    offered: Where = {"open": 1, "offered_to": station}
    told: dict[str, Listed] = {}
    with ledger.reading() as (tx, parts):

        def tell(name: str, rows: Sequence[Row], total: int) -> None:
            told[name] = Listed(parts.reader.rows(tx, rows, now_ms), total)

        offers = _first_of(tx, offered, apart, limit)
        apart = frozenset((*apart, *_held_of(tx, offered)))
        left = _count(tx, held, apart)
        calm: Where = {**held, **_calm(now_ms)}
        waiting: Where = {**calm, "flags": flags_with(PENDING)}
        found = tx.select(CASES, waiting, columns=("case_id",))
        flagged = [CaseId(row[0]) for row in found if isinstance(row[0], bytes) and row[0] not in apart]
        late = too_late(tx, flagged, now_ms)

        def take(name: str, conditions: Where, but: Collection[CaseId]) -> int:
            rows, total = _first_of(tx, {**held, **conditions}, but, limit)
            tell(name, rows, total)
            return total

        left -= take("overdue", _red(now_ms), apart)
        left -= take("at_risk", _yellow(now_ms), apart)
        tell("offered", *offers)
        left -= take("pending", waiting, apart | late)
        apart = apart.union(flagged) - late
        for name, case_ids in _by_status(tx, calm, apart).items():
            tell(name, _rows_of(tx, case_ids[:limit]), len(case_ids))
            left -= len(case_ids)
        tell("rest", _without_heading(tx, calm, apart, limit) if left else (), left)
    return told


def _groups(light: str, now_ms: int, *, include_closed: bool) -> Iterator[Where]:
    """Yield conditions of one light, "" for all, that exclude each other, in the order of the list."""
    opened: dict[str, Where] = {
        "": {},
        "red": _red(now_ms),
        "yellow": _yellow(now_ms),
        "green": {**_calm(now_ms), "red_at_ms": Range(at_least=now_ms + 1, below=NEVER_MS)},
        "paused": {**_calm(now_ms), "red_at_ms": NEVER_MS, "flags": flags_with(PAUSED)},
        "done": {**_calm(now_ms), "red_at_ms": NEVER_MS, "flags": flags_without(PAUSED)},
    }
    if light in opened:
        yield {"open": 1, **opened[light]}
    if include_closed and light in ("", "done"):
        yield {"open": 0}


def _red(now_ms: int) -> Where:
    return {"red_at_ms": Range(at_most=now_ms)}


def _yellow(now_ms: int) -> Where:
    return {"yellow_at_ms": Range(at_most=now_ms), "red_at_ms": Range(at_least=now_ms + 1, below=NEVER_MS)}


def _calm(now_ms: int) -> Where:
    """Return the conditions of what is neither overdue nor at risk."""
    return {"red_at_ms": Range(at_least=now_ms + 1), "yellow_at_ms": Range(at_least=now_ms + 1)}


def _first_of(tx: ReadTx, where: Where, apart: Collection[CaseId], limit: int) -> tuple[list[Row], int]:
    """Return the first of the cases that meet conditions, without some, and how many there are."""
    asked = limit + len(apart) + 1
    found = _most_urgent(tx, where, asked)
    rows = [row for row in found if row[0] not in apart]
    return rows[:limit], len(rows) if len(found) < asked else _count(tx, where, apart)


def _most_urgent(tx: ReadTx, where: Where, limit: int) -> list[Row]:
    return list(tx.select(CASES, where, order_by=_URGENT_FIRST, limit=limit))


def _by_status(tx: ReadTx, where: Where, apart: Collection[CaseId]) -> dict[str, list[CaseId]]:
    """Return the cases whose status has a heading of its own: one look at all that the station holds."""
    found: dict[str, list[CaseId]] = {name: [] for name in _HEADINGS.values()}
    headed: Where = {**where, "status": OneOf(tuple(_HEADINGS))}
    for case_id, status in tx.select(CASES, headed, order_by=_URGENT_FIRST, columns=("case_id", "status")):
        if isinstance(case_id, bytes) and case_id not in apart:
            found[_HEADINGS[str(status)]].append(CaseId(case_id))
    return found


def _held_of(tx: ReadTx, offered: Where) -> list[CaseId]:
    """Return which of the cases that were offered to a station lie there already."""
    rows = tx.select(CASES, offered, columns=("case_id", "custodian"))
    return [
        CaseId(case_id)
        for case_id, custodian in rows
        if isinstance(case_id, bytes) and custodian == offered["offered_to"]
    ]


def _rows_of(tx: ReadTx, case_ids: Sequence[CaseId]) -> list[Row]:
    rows = tx.select(CASES, {"case_id": OneOf(tuple(case_ids))}) if case_ids else ()
    return sorted(rows, key=_urgency)


def _without_heading(tx: ReadTx, where: Where, apart: Collection[CaseId], limit: int) -> list[Row]:
    """Return the first cases whose status has no heading of its own, read a few at a time."""
    found: list[Row] = []
    after: Row | None = None
    while len(found) < limit:
        rows = list(tx.select(CASES, where, order_by=_URGENT_FIRST, limit=2 * limit, after=after))
        found += [row for row in rows if row[0] not in apart and row[STATUS] not in _HEADINGS]
        if len(rows) < 2 * limit:
            break
        after = _urgency(rows[-1])
    return found[:limit]


def _count(tx: ReadTx, where: Where, apart: Collection[CaseId]) -> int:
    """Return how many cases meet conditions, without some."""
    ids = tuple(apart)
    named = (ids[first : first + ASKED_MAX] for first in range(0, len(ids), ASKED_MAX))
    return tx.count(CASES, where) - sum(tx.count(CASES, {**where, "case_id": OneOf(part)}) for part in named)
