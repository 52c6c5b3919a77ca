"""How much was done: acts by day, station and action, counted once each, behind the frames.

A tracked projection: no clerk waits for it, so it is not written with the acts but caught up in batches.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

from ledger.days.calendar import local_date
from ledger.errors import BanjianError
from ledger.formats.act import decode_act
from ledger.formats.frame import split_frame
from ledger.store.contract import NewRecord, WriteTx
from ledger.store.tables import Table

ACTIVITY: Final = Table(
    "activity",
    columns=(("day", "text"), ("station", "text"), ("action", "text"), ("acts", "int")),
    key=("day", "station", "action"),
)
"""Acts by local day of the claimed time, station and action."""

ActivityKey = tuple[str, str, str]


class Activity:
    """Counts acts; a frame that cannot be read counts nowhere."""

    name = "activity"
    tables: tuple[Table, ...] = (ACTIVITY,)

    def apply_batch(self, tx: WriteTx, records: Sequence[NewRecord], /) -> None:
        """Add the acts of a batch to their rows."""
        rows = []
        for key, count in sorted(count_acts(records).items()):
            held = tx.get(ACTIVITY, key)
            before = held[3] if held is not None and isinstance(held[3], int) else 0
            rows.append((*key, before + count))
        if rows:
            tx.upsert(ACTIVITY, rows)


def count_acts(records: Iterable[NewRecord]) -> Counter[ActivityKey]:
    """Return how many acts some records hold, by day, station and action."""
    counts: Counter[ActivityKey] = Counter()
    for record in records:
        try:
            header = decode_act(split_frame(record.frame).act_raw)
        except BanjianError:
            continue
        counts[local_date(header.occurred_at_ms).isoformat(), header.station, record.topic] += 1
    return counts
