"""Tables and views that the store tests share."""

from __future__ import annotations

from collections.abc import Sequence

from ledger.store.contract import NewRecord, WriteTx
from ledger.store.tables import Table

NOTES = Table(
    "notes",
    columns=(("place", "text"), ("number", "int"), ("text", "text"), ("blob", "bytes"), ("due_ms", "int")),
    key=("place", "number"),
    indexes=(("due_ms",), ("text", "number")),
)
STONES = Table("stones", columns=(("id", "bytes"), ("text", "text")), key=("id",), append_only=True)
COUNTS = Table("counts", columns=(("topic", "text"), ("count", "int")), key=("topic",))
LAST = Table("last_seen", columns=(("log", "text"), ("seq", "int")), key=("log",))


class CountTopics:
    """Counts records by topic: wrong as soon as one is taken twice or left out."""

    name = "count-topics"
    tables = (COUNTS,)

    def apply_batch(self, tx: WriteTx, records: Sequence[NewRecord], /) -> None:
        for record in records:
            row = tx.get(COUNTS, (record.topic,))
            count = row[1] if row else 0
            assert isinstance(count, int)
            tx.upsert(COUNTS, [(record.topic, count + 1)])


class LastSeen:
    """An inline view: the newest position of each log."""

    name = "last-seen"
    tables = (LAST,)

    def apply(self, tx: WriteTx, records: Sequence[NewRecord], /) -> None:
        for record in records:
            tx.upsert(LAST, [(record.log, record.seq)])


def frames(count: int, *, first: int = 1, salt: str = "") -> list[tuple[str, bytes]]:
    """Return pairs of topic and frame that differ by position."""
    return [
        (("receive", "accept", "issue")[seq % 3], f"{salt}frame {seq}".encode())
        for seq in range(first, first + count)
    ]
