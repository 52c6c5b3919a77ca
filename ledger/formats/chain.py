"""The county's own logs in their incarnations: which of them are one chain, and what of each counts.

A registry or catalogue log that was given up is continued by another one, which names it as its parent and
says up to where. One position follows the other through all of them: acts cite the sum. What follows from
it depends on the logs that are held and on nothing else, so that everybody who holds the same says the same.

Source: docs/protocol.md, "Continued logs".
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from ledger.formats.genesis import LogGenesis
from ledger.types import StationId

LOST_MAX = 100_000
"""Positions that a stated size may add beyond what is held: a forged one must not fill the memory."""


class ChainLog(NamedTuple):
    """A log of the county as held: entries without gaps; ``founds`` if entry 1 carries a ledger genesis."""

    name: str
    genesis: LogGenesis
    size: int
    founds: bool


class Link(NamedTuple):
    """One log of a chain and how many of its entries count: up to where the next one continues it."""

    name: str
    size: int


def chain_logs(logs: Iterable[ChainLog]) -> list[Link]:
    """Return the chain of some logs of one kind, oldest first; logs beside it are left out.

    The chain begins with a log whose parent is not here: one that holds the ledger's genesis, then one that
    is the first of all, then one that another log continues, for people chose it, then the least name. Of
    several successors the one of the least name counts; a log of another station is none. A successor states
    how far it continues the log before it: that may be less than is held, or more.
    """
    ordered = sorted(logs, key=lambda one: one.name)
    names = {one.name for one in ordered}
    starts = [one for one in ordered if one.genesis.parent_log.hex() not in names]
    chain: list[ChainLog] = []
    newest = min(starts, key=lambda one: _preference(one, ordered), default=None)
    while newest is not None:
        chain.append(newest)
        before = newest
        newest = next((one for one in ordered if _continues(one, before)), None)
    sizes = [after.genesis.parent_size for after in chain[1:]] + [one.size for one in chain[-1:]]
    return [Link(one.name, size) for one, size in zip(chain, sizes, strict=True)]


def may_continue(after: LogGenesis, before: LogGenesis) -> bool:
    """Return whether a log can continue another one at all: both of one ledger, kind and station.

    That it names the other one as its parent is no more than a claim.
    """
    known = (before.ledger_id, before.kind, before.station)
    return (after.ledger_id, after.kind, after.station) == known


def second_firsts(logs: Iterable[LogGenesis]) -> list[tuple[LogGenesis, LogGenesis]]:
    """Return the logs of stations that begin anew beside a first one: two machines write as one station.

    Neither continues the other, so that nothing tells that both came of one disk.

    Returns:
        Pairs of such a log and the one of its station with the least id, by id.
    """
    least: dict[StationId, LogGenesis] = {}
    found: list[tuple[LogGenesis, LogGenesis]] = []
    for genesis in sorted(logs, key=lambda one: one.log_id()):
        if genesis.kind != "station" or genesis.parent_log:
            continue
        first = least.setdefault(genesis.station, genesis)
        if first is not genesis:
            found.append((genesis, first))
    return found


def lost_positions(counted: int, held: int) -> int:
    """Return how many positions behind the entries that are held count without any."""
    return min(max(counted - held, 0), LOST_MAX)


def _continues(after: ChainLog, before: ChainLog) -> bool:
    return after.genesis.parent_log.hex() == before.name and may_continue(after.genesis, before.genesis)


def _preference(log: ChainLog, others: Iterable[ChainLog]) -> tuple[bool, bool, bool, str]:
    continued = any(_continues(one, log) for one in others)
    return not log.founds, log.genesis.reason != "first", not continued, log.name
