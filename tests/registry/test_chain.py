"""Which logs of the county are one chain, and what of each counts."""

from __future__ import annotations

import itertools

import pytest

from ledger.formats.chain import LOST_MAX, ChainLog, Link, chain_logs, lost_positions
from ledger.formats.genesis import LogGenesis
from ledger.limits import INT_MAX
from ledger.types import LedgerId, StationId

FIRST, NEXT, LAST, OTHER = ("0" * 31 + digit for digit in "4321")


def log(name: str, size: int, *, parent: str = "", parent_size: int = 0, founds: bool = False) -> ChainLog:
    genesis = LogGenesis(
        ledger_id=LedgerId(bytes(32)), kind="registry", station=StationId("990121000000-00"),
        log_public_key=bytes(32), reason="lost" if parent else "first", nonce=bytes(16),
        parent_log=bytes.fromhex(parent), parent_size=parent_size,
        parent_root=bytes(32) if parent_size else b"",
    )  # fmt: skip
    return ChainLog(name, genesis, size, founds)


@pytest.mark.parametrize(
    ("logs", "expected"),
    [
        ([], []),
        ([log(FIRST, 7)], [(FIRST, 7)]),
        ([log(FIRST, 7), log(NEXT, 3, parent=FIRST, parent_size=5)], [(FIRST, 5), (NEXT, 3)]),
        ([log(FIRST, 4), log(NEXT, 3, parent=FIRST, parent_size=5)], [(FIRST, 5), (NEXT, 3)]),
        ([log(FIRST, 4), log(NEXT, 3, parent=FIRST)], [(FIRST, 0), (NEXT, 3)]),
        # Of two successors the one of the least name, and of two beginnings the one that founds the ledger.
        ([log(FIRST, 4), log(NEXT, 1, parent=FIRST, parent_size=4),
          log(LAST, 1, parent=FIRST, parent_size=2)],
         [(FIRST, 2), (LAST, 1)]),
        ([log(FIRST, 4, founds=True), log(OTHER, 9)], [(FIRST, 4)]),
        ([log(FIRST, 4), log(OTHER, 9)], [(OTHER, 9)]),
        # Of two that begin anew people chose the one that somebody went on from.
        ([log(FIRST, 4), log(LAST, 9), log(NEXT, 1, parent=FIRST, parent_size=4)], [(FIRST, 4), (NEXT, 1)]),
        ([log(FIRST, 4, founds=True), log(LAST, 9), log(NEXT, 1, parent=LAST, parent_size=9)], [(FIRST, 4)]),
        ([log(OTHER, 9, parent=LAST, parent_size=9), log(FIRST, 4)], [(FIRST, 4)]),
        ([log(OTHER, 9, parent=LAST, parent_size=9)], [(OTHER, 9)]),
    ],
)  # fmt: skip
def test_chain_is_the_same_in_whatever_order_the_logs_come(
    logs: list[ChainLog], expected: list[tuple[str, int]]
) -> None:
    for order in itertools.permutations(logs):
        assert chain_logs(order) == [Link(*one) for one in expected]


@pytest.mark.parametrize(
    ("counted", "held", "lost"),
    [(5, 5, 0), (5, 7, 0), (7, 5, 2), (LOST_MAX + 5, 5, LOST_MAX), (INT_MAX, 5, LOST_MAX)],
)
def test_a_forged_size_does_not_fill_the_memory(counted: int, held: int, lost: int) -> None:
    assert lost_positions(counted, held) == lost
