"""Whole logs for the lower side of a session: registry first, then catalogue, then ends of its own logs."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace

from ledger.facade.logs.heldstates import LogState
from ledger.facade.peering.exchange import Exchange
from ledger.types import LogId, StationId
from sync.core.giving import Budget, Histories, Spending, packages, stated
from sync.core.messages import Hello


def whole_logs(
    exchange: Exchange,
    peer: StationId,
    hello: Hello,
    *,
    mine: Mapping[LogId, LogState],
    scope: frozenset[StationId],
    forked: Collection[LogId],
    budget: Budget,
) -> tuple[list[bytes], bool]:
    """Return the sections of whole logs that a station below lacks, and whether more of them follows first.

    The first package is a smaller one if the first of the last answer did not arrive. Who cannot take what it
    lacks, for its own copy is damaged, is given one package each time: neither its feed nor the divergent
    histories of other logs must wait for that.

    Args:
        exchange: the ledger.
        peer: the station.
        hello: what it says that it holds.
        mine: what is held here of the logs that it may have.
        scope: the stations whose divergent histories it may have.
        forked: logs of which it holds another history.
        budget: how much the answer carries.
    """
    said = {state.log_id: state.size for state in hello.logs}
    lacked = {one: said.get(one, 0) for one, state in mine.items() if state.size > said.get(one, 0)}
    branches = sum(one.size for one in hello.branches)
    pace = exchange.package_pace
    aim = pace.aim(peer, lacked, budget.package_bytes, branches=branches)
    is_stuck = pace.is_stuck(peer, lacked, branches=branches)
    left = Spending.of(budget, aim=aim)
    logs = Spending.of(replace(budget, packages=1), aim=aim) if is_stuck else left
    found = list(_sections(exchange, hello, mine, scope, forked, logs, left))
    pace.gave(peer, lacked, first=len(found[0]) if found else 0, aim=aim, branches=branches)
    return found, left.spent and not is_stuck


def _sections(
    exchange: Exchange,
    hello: Hello,
    mine: Mapping[LogId, LogState],
    scope: frozenset[StationId],
    forked: Collection[LogId],
    logs: Spending,
    branches: Spending,
) -> Iterator[bytes]:
    theirs = {state.log_id: state for state in hello.logs}
    histories = Histories(exchange, stated(hello.logs, hello.branches), logs)
    for log_id in exchange.held.in_order(mine):
        if log_id in forked:
            continue
        held = theirs.get(log_id)
        on = [] if held is None else exchange.held.points(log_id, [(held.size, held.root)])
        name = log_id.hex()
        if on and all(found != name for found, _ in on):
            # What is the log here, the lower side has beside the one that it took for it.
            histories.left = branches
            yield from histories.log(log_id, histories.reached(log_id, name))
            continue
        histories.left = logs
        after = 0 if held is None else held.size
        yield from histories.plain(log_id, after) if on else packages(exchange, log_id, after, logs)
    histories.left = branches
    for branch in exchange.held.branches(scope):
        if branch.log_id in theirs and branch.log_id not in forked:
            yield from histories.branch(branch)
