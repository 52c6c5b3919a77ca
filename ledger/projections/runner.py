"""Tracked projections: views that follow the frames in batches, each record exactly once.

The rows of a batch and the place reached are written in one transaction, the place in the library's own
tracking table. A crash between two batches costs nothing; two runners at once cost one of them an error.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

from ledger.errors import StoreError
from ledger.store.contract import NewRecord, Store, WriteTx
from ledger.store.tables import Table

BATCH_RECORDS: Final = 500
"""Records in one transaction: large enough that the commit no longer counts."""
PAGE_RECORDS: Final = 1000
"""Records read at once; the library's default of 10 reads half as fast."""


class TrackedProjection(Protocol):
    """A view that may lag behind the frames."""

    @property
    def name(self) -> str:
        """Stable name, under which the place reached is kept; a view that changes its columns changes it."""

    @property
    def tables(self) -> tuple[Table, ...]:
        """The tables that only this view writes; the store has been opened with them."""

    def apply_batch(self, tx: WriteTx, records: Sequence[NewRecord], /) -> None:
        """Write the rows that follow from the next records, in the order of arrival."""


def catch_up(store: Store, projection: TrackedProjection, *, batch_records: int = BATCH_RECORDS) -> int:
    """Take all records that the projection has not taken yet and return how many there were.

    Raises:
        StoreError: ``store.tracking``, another runner of this projection was faster; nothing is taken twice.
    """
    taken = 0
    with store.read() as tx:
        reached = tx.tracked(projection.name)
    while True:
        with store.read() as tx:
            page = tx.records(after=reached, limit=max(PAGE_RECORDS, batch_records))
        if not page:
            return taken
        for first in range(0, len(page), batch_records):
            batch = page[first : first + batch_records]
            _take(store, projection, batch, reached=reached)
            reached = batch[-1].position
            taken += len(batch)


def _take(store: Store, projection: TrackedProjection, batch: Sequence[NewRecord], *, reached: int) -> None:
    with store.write() as tx:
        known = tx.tracked(projection.name)
        # the library only refuses to go backwards: a runner with other batches could overlap and still go on
        if known != reached:
            position = batch[-1].position
            raise StoreError("store.tracking", projection=projection.name, position=position, known=known)
        projection.apply_batch(tx, batch)
        tx.track(projection.name, batch[-1].position)


def rebuild(store: Store, projection: TrackedProjection, *, batch_records: int = BATCH_RECORDS) -> int:
    """Empty the projection's tables, take all records anew and return how many there were.

    Between the two the view is empty, never wrong: a crash there leaves it to the next `catch_up`.

    Raises:
        StoreError: as `catch_up`.
    """
    with store.write() as tx:
        for table in projection.tables:
            tx.delete(table, {})
        tx.untrack(projection.name)
    return catch_up(store, projection, batch_records=batch_records)


def lag(store: Store, projection: TrackedProjection, *, count_max: int = PAGE_RECORDS) -> int:
    """Return how many records the projection has still to take, counted up to ``count_max``."""
    with store.read() as tx:
        return len(tx.records(after=tx.tracked(projection.name), limit=count_max))
