"""Cases that were offered to a station which the registry has closed since: nobody there will take them over.

They stay with whoever holds them, and everything looks as if they were on their way. So it is told to who
holds them, and above: they can be taken back.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from ledger.facade.base.tables import CASES, case_cells
from ledger.registry.registry import Registry
from ledger.store.contract import ReadTx
from ledger.store.tables import OneOf
from ledger.types import StationId

OFFERED_TO_CLOSED: Final = "case.offered_to_closed"
"""Code under which they are told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stranded:
    """Open cases that one station holds and has offered to another one that is closed.

    Attributes:
        custodian: who holds them.
        offered_to: the closed station.
        number: of the one that was acted on longest ago.
        last_at_ms: when that was.
        count: how many there are.
    """

    custodian: StationId
    offered_to: StationId
    number: str
    last_at_ms: int
    count: int


def stranded_cases(tx: ReadTx, registry: Registry, custodians: Collection[StationId]) -> list[Stranded]:
    """Return the cases that some stations have offered to closed ones, station by station.

    Args:
        tx: the store.
        registry: the newest registry held here.
        custodians: whose cases are told.
    """
    closed = tuple(one.station for one in registry.all_stations() if not one.is_open)
    if not closed:
        return []
    rows = case_cells(list(tx.select(CASES, {"open": 1, "offered_to": OneOf(closed)})))
    found: dict[tuple[StationId, str], Stranded] = {}
    for row in sorted(rows, key=lambda cells: (cells[9], cells[1])):
        number, custodian, offered_to = row[1], row[5], StationId(row[6])
        if custodian not in custodians:
            continue
        before = found.get((custodian, offered_to))
        found[custodian, offered_to] = Stranded(
            custodian=custodian,
            offered_to=offered_to,
            number=number if before is None else before.number,
            last_at_ms=row[9] if before is None else before.last_at_ms,
            count=1 if before is None else before.count + 1,
        )
    return list(found.values())
