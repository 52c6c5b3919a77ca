"""The lost ends of logs: what others may hold of a log whose writer came back from an older disk."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Final, NamedTuple

from ledger.facade.base.synctables import FORK, SYNC_FINDINGS
from ledger.facade.logs.bodies import Place
from ledger.facade.logs.opening import BRANCH_MARK, HeldLog
from ledger.store import schema
from ledger.store.contract import ReadTx
from ledger.store.tables import Range, Where
from ledger.types import LogId

POSITIONS_MAX: Final = 4_096
"""Single records of a lost end that are asked for, or given, at once."""
DOWNSTREAM_AHEAD: Final = "log.downstream_ahead"
"""A station below holds a checkpoint of an own log beyond its end here."""
UPSTREAM_OTHER: Final = "log.upstream_other"
"""The station above has another history of an own log, or knows a log by which another machine goes on."""
BESIDE_CHAIN: Final = "log.beside_chain"
"""A log of registry or catalogue that was opened here by mistake: it counts nowhere, and has lost no end."""
DOWNSTREAM_OTHER: Final = "log.downstream_other"
"""A station below holds a checkpoint of an own log that contradicts what is here."""


class LostEnd(NamedTuple):
    """A log whose end was lost: entries held without gaps, and later positions that are held."""

    log_id: LogId
    after: int
    positions: tuple[int, ...]


def lost_end(tx: ReadTx, held: HeldLog, *, after: int) -> LostEnd:
    """Return what is held of the end of a log.

    Where a station below proved another history, both agree only up to where that was found to begin.

    Args:
        tx: a consistent view.
        held: the log.
        after: entries that are held without gaps.
    """
    if held.own and held.genesis.kind == "station":
        for code in (DOWNSTREAM_AHEAD, DOWNSTREAM_OTHER):
            rows = tx.select(SYNC_FINDINGS, {"code": code, "log": held.name}, order_by=("seq",), limit=1)
            after = min([after, *(row[2] - 1 for row in rows if isinstance(row[2], int))])
    seqs = sorted({place.seq for place in single_places(tx, held.name, after=after)})
    return LostEnd(held.genesis.log_id(), after, tuple(seqs))


def single_places(tx: ReadTx, name: str, *, after: int, beyond: frozenset[int] = frozenset()) -> list[Place]:
    """Return where single records of a log stand here, of whatever history of it; the first ones at most.

    Args:
        tx: a consistent view.
        name: of the log.
        after: positions behind this one.
        beyond: positions that are left out.
    """
    found: list[Place] = []
    for lane in lanes_of(tx, name):
        wanted = (place for place in _places(tx, lane, after) if place.seq not in beyond)
        found += islice(wanted, POSITIONS_MAX - len(found))
    return found


def lanes_of(tx: ReadTx, name: str) -> list[str]:
    """Return the names under which records of a log are kept: its own, and those of its other histories."""
    forks = (str(row[1]) for row in tx.select(SYNC_FINDINGS, {"code": FORK}))
    others = {fork for fork in forks if fork.startswith(f"{name}{BRANCH_MARK}")}
    return [name, *sorted(others)]


def _places(tx: ReadTx, lane: str, after: int) -> Iterator[Place]:
    where: Where = {"log": lane, "seq": Range(above=after)}
    for row in tx.select(schema.SPARSE, where, order_by=("seq",)):
        if isinstance(row[1], int):
            yield Place(lane, row[1])
