"""What a station gives to one that the registry has elsewhere: registry and catalogue, and nothing else.

A station that was put under another township calls the old one, or the new one, by the registry that it has
known. Whoever is called may know better, or less. Neither takes the other's records then, for they concern
neither; but the registry is for every station of the county, proves itself, and tells the caller where it
stands now. So it reaches a moved station through whichever station answers.

Source: docs/protocol.md, "Sync".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ledger.facade.peering.exchange import Exchange
from ledger.types import NO_LOG, StationId
from sync.core.framing import ANSWER, END, encode_section
from sync.core.giving import Budget, Spending, packages
from sync.core.messages import Answer, Hello, Refused

NOT_BELOW: Final = "sync.not_below"
"""Told in an answer that gives registry and catalogue alone."""


def is_elsewhere(exchange: Exchange, peer: StationId) -> bool:
    """Whether the registry here has a station open that stands neither above this one nor below it."""
    held = exchange.held
    near = held.scope(exchange.station) | set(held.line())
    return exchange.carried.knows(peer) and not held.is_closed(peer) and peer not in near


def was_refused(answer: Answer) -> bool:
    """Whether an answer is one that gives registry and catalogue alone."""
    return any(one.code == NOT_BELOW and one.log_id == NO_LOG for one in answer.refused)


def news(
    exchange: Exchange, hello: Hello, *, now_ms: int, version: str, budget: Budget | None
) -> Iterator[bytes]:
    """Yield the sections of an answer to a station that stands elsewhere.

    Args:
        exchange: the ledger.
        hello: what the other side holds.
        now_ms: this station's clock.
        version: of this program.
        budget: how much one answer carries.
    """
    held, left = exchange.held, Spending.of(budget or Budget())
    mine = {state.log_id: state for state in held.states(frozenset(), county=True)}
    theirs = {state.log_id: state for state in hello.logs}
    down: list[bytes] = []
    for log_id in held.in_order(mine):
        there = theirs.get(log_id)
        size = 0 if there is None else there.size
        if there is None or not size or dict(held.roots(log_id, [size])).get(size) == there.root:
            down += packages(exchange, log_id, size, left)
    answer = Answer(
        ledger_id=held.ledger_id, station=exchange.station, answered_at_ms=now_ms, version=version,
        logs=tuple(mine.values()), branches=(), forks=(),
        refused=(Refused(log_id=NO_LOG, first_seq=0, code=NOT_BELOW),),
        wanted=(), receipts=(), county=None, feed_start=hello.feed, feed_end=hello.feed, feed_size=0,
        more=left.spent,
    )  # fmt: skip
    yield encode_section(ANSWER, answer.pack())
    yield from down
    yield encode_section(END, b"")
