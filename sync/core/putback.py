"""A station between that was put back to an older disk says so: those below it may hold more than it does.

When a county and a township come back from old backups together, the township soon holds all that the county
does, and the end of the registry may lie with a village alone. So the township tells, as a contact about
itself, how many stations below it have not called since; as long as there are any, what it holds is not the
end of what the county may hope for.

Source: docs/protocol.md, "Hello and answer".
"""

from __future__ import annotations

from ledger.facade.base.peers import Contact
from ledger.facade.peering.exchange import Exchange
from sync.core.messages import Hello


def waits_itself(exchange: Exchange, now_ms: int) -> list[Contact]:
    """Return the contact about this station itself, while it waits for stations below; nothing else.

    Args:
        exchange: the ledger.
        now_ms: this station's clock.
    """
    since_ms, behind = exchange.behind()
    if not behind:
        return []
    return [
        Contact(
            station=exchange.station, heard_at_ms=since_ms, waiting=len(behind), oldest_ms=0,
            said_at_ms=now_ms, version="",
        )
    ]  # fmt: skip


def written_here(exchange: Exchange, now_ms: int, version: str) -> list[Contact]:
    """Return a contact about each other station that this installation writes for: it is heard with this one.

    What waits of it is among what waits of this station.

    Args:
        exchange: the ledger.
        now_ms: this station's clock.
        version: of the program.
    """
    return [
        Contact(
            station=station, heard_at_ms=now_ms, waiting=0, oldest_ms=0, said_at_ms=now_ms, version=version
        )
        for station in sorted(exchange.stations_here() - {exchange.station})
    ]  # fmt: skip


def says_waits(hello: Hello) -> bool:
    """Whether a station says that it was put back and still waits for stations below it."""
    return any(one.station == hello.station and one.waiting for one in hello.contacts)
