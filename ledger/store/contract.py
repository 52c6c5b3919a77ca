"""The store contract: what every backend promises, in the words that the facade uses.

A log is named by text (the hex of its log id, or that and ``~`` and the first divergent entry hash for a
branch). Positions in a log count from 1 and have no gaps. The *store position* of a record numbers the
records of this one database in the order of arrival; it never leaves the database.

A write transaction is whole or nothing: an exception in its block undoes everything. After a failed insert,
update or delete the transaction is lost, also when the caller catches the error; `ForkError` and `GapError`
leave it usable.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Protocol, Self

from ledger.store.tables import Cell, Row, Table, Where
from ledger.types import Watch


class NewRecord(NamedTuple):
    """One stored frame; a named tuple because it is made in numbers.

    Attributes:
        position: store position, from 1, ascending, on some backends with gaps.
        log: name of the log.
        seq: position in the log, from 1.
        topic: registered action code, or ``opaque``.
        frame: the exact bytes.
    """

    position: int
    log: str
    seq: int
    topic: str
    frame: bytes


class ReadTx(Protocol):
    """A consistent view of the store; rows are valid until the transaction ends."""

    def frame(self, log: str, seq: int, /) -> bytes | None:
        """Return the frame at a position of a log."""

    def frames(self, log: str, first_seq: int, last_seq: int, /) -> Iterator[tuple[int, bytes]]:
        """Return positions and frames of a log, both ends included, ascending."""

    def frames_at(self, log: str, seqs: Sequence[int], /) -> Iterator[tuple[int, bytes]]:
        """Return positions and frames of a log at some positions, in no particular order."""

    def size(self, log: str, /) -> int:
        """Return how many frames the log holds."""

    def records(self, *, after: int, limit: int) -> Sequence[NewRecord]:
        """Return up to ``limit`` records with a store position above ``after``, ascending."""

    def tracked(self, name: str, /) -> int:
        """Return the store position up to which a tracked projection has been written, 0 at first."""

    def get(self, table: Table, key: tuple[Cell, ...], /) -> Row | None:
        """Return the row with this key."""

    def select(
        self,
        table: Table,
        where: Where,
        *,
        order_by: Sequence[str] = (),
        descending: bool = False,
        limit: int | None = None,
        after: tuple[Cell, ...] | None = None,
        columns: Sequence[str] = (),
    ) -> Iterator[Row]:
        """Return the rows that meet all conditions.

        Args:
            table: one of the tables that the store was opened with.
            where: conditions by column.
            order_by: columns; the key follows, so that the order is total.
            descending: turn the whole order round.
            limit: at most so many rows.
            after: `tables.cursor` of the last row of the page before; its columns hold no ``None``.
            columns: the columns wanted, in this order; none for whole rows.
        """

    def count(self, table: Table, where: Where, /) -> int:
        """Return how many rows meet all conditions."""


class WriteTx(ReadTx, Protocol):
    """The one writer's transaction; it reads what it wrote."""

    def append(
        self, log: str, first_seq: int, records: Sequence[tuple[str, bytes]], /
    ) -> tuple[NewRecord, ...]:
        """Store frames of one log from a position on; those already there with the same bytes are skipped.

        Args:
            log: name of the log.
            first_seq: position of the first record.
            records: pairs of topic and frame.

        Returns:
            The records that were new.

        Raises:
            ForkError: ``store.fork``, a position holds other bytes; nothing of this call was stored.
            GapError: ``store.gap``, the position before the first is empty; nothing of this call was stored.
        """

    def project(self) -> None:
        """Let the inline views take the records appended so far; done at the end in any case."""

    def insert(self, table: Table, rows: Sequence[Row], /) -> None:
        """Insert rows.

        Raises:
            StoreError: ``store.duplicate``, a key is taken; ``store.value``, a value does not fit its column.
        """

    def insert_missing(self, table: Table, rows: Sequence[Row], /) -> None:
        """Insert the rows whose key is not taken; leave the others as they are."""

    def upsert(self, table: Table, rows: Sequence[Row], /, *, held: Row | None = None) -> None:
        """Insert rows or replace those with the same key.

        Args:
            table: one of the tables that the store was opened with.
            rows: whole rows.
            held: what is stored under the key of the one row, where the caller knows it: the store
                need not look.

        Raises:
            StoreError: ``store.append_only``, the table takes no changes.
        """

    def delete(self, table: Table, where: Where, /) -> int:
        """Delete the rows that meet all conditions and return how many there were.

        Raises:
            StoreError: ``store.append_only``, the table takes no changes.
        """

    def track(self, name: str, position: int, /) -> None:
        """Write down that a tracked projection has taken everything up to a store position.

        Raises:
            StoreError: ``store.tracking``, it had taken that position before.
        """

    def untrack(self, name: str, /) -> None:
        """Forget how far a tracked projection had come."""


class InlineView(Protocol):
    """Rows that a clerk must see at once: written in the transaction of the records themselves."""

    @property
    def name(self) -> str:
        """Stable name."""

    @property
    def tables(self) -> tuple[Table, ...]:
        """The tables that only this view writes."""

    def apply(self, tx: WriteTx, records: Sequence[NewRecord], /) -> None:
        """Write the rows that follow from new records; called once a transaction, in the order of arrival."""


class Subscription(Protocol):
    """Stored records as they come; iterate inside its ``with`` block."""

    def __enter__(self) -> Self:
        """Begin."""

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
        /,
    ) -> None:
        """End, and wait for the threads behind it."""

    def __iter__(self) -> Iterator[NewRecord]:
        """Return itself."""

    def __next__(self) -> NewRecord:
        """Return the next record; wait for it."""

    def stop(self) -> None:
        """End the iteration; may be called from another thread."""


class Store(Protocol):
    """An open ledger database."""

    def read(self) -> AbstractContextManager[ReadTx]:
        """Open a consistent view; any number beside each other and beside the writer."""

    def write(self) -> AbstractContextManager[WriteTx]:
        """Open the one write transaction; other threads wait for it.

        Raises:
            StoreError: ``store.nested``, this thread is writing already; ``store.reopen``, an earlier failure
                of the disk leaves it unknown what was written; ``store.read_only``; ``store.busy``.
        """

    def subscribe(self, *, after: int = 0) -> Subscription:
        """Return the records after a store position, then new ones as they are committed."""

    def backup(self, target: Path, *, without_tables: Sequence[str], watch: Watch | None = None) -> None:
        """Write a consistent copy beside the running writer, as a ledger file, with some tables emptied.

        Whoever watches is told of pages or tables, and may stop it: then there is no copy.

        Raises:
            StoreError: ``store.no_backup``, a store in memory has nothing to keep.
        """

    def scrub(self) -> None:
        """Make deleted rows unreadable in the files: call it after deleting keys or bodies."""

    def shrink(self) -> None:
        """Give back the memory that caches hold; to be called by the writer between two writes, or a reader.

        What is read next comes from the disk again.
        """

    def usable(self) -> bool:
        """Whether writes can go on; if not, close the store and open it again."""

    def changed_outside(self) -> bool:
        """Whether another program wrote into the store while it was open here, which stopped the writer."""

    def writes(self) -> int:
        """How many write transactions began here: asked before work that was stopped is done once more.

        And by who looks at what was written since the look before.
        """

    def close(self) -> None:
        """Close everything; a second call does nothing."""
