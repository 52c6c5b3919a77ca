"""The store in memory: for tests and simulations, with the same promises except durability.

The library's own in-memory recorder keeps frames and tracking; tables are dictionaries. A write transaction
works on overlays that are merged at its end, so that readers never see half of it.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from eventsourcing.persistence import StoredEvent, Tracking
from eventsourcing.popo import POPOProcessRecorder

from ledger.errors import StoreError
from ledger.store.contract import InlineView, NewRecord, ReadTx, Subscription, WriteTx
from ledger.store.guard import WriterGuard, check_position, check_range, new_records, pick_new
from ledger.store.memory_table import MemoryTable, Overlay, Snapshot, matching, select
from ledger.store.schema import CORE_TABLES
from ledger.store.subscription import RecordSubscription
from ledger.store.tables import Cell, Row, Table, Where, merge_tables, wanted_columns
from ledger.types import Watch


class MemoryRecorder(POPOProcessRecorder):
    """The library's recorder and what the store needs besides: a bounded view, forgetting a tracking."""

    def event(self, log: str, seq: int, count: int) -> StoredEvent | None:
        """Return an event among the first ``count`` of the database."""
        with self._database_lock:
            index = self._stored_events_index[log].get(seq) if log in self._stored_events_index else None
            return None if index is None or index >= count else self._stored_events[index]

    def count(self) -> int:
        """Return the number of events."""
        return len(self._stored_events)

    def log_size(self, log: str, count: int) -> int:
        """Return the size of a log among the first ``count`` events of the database."""
        with self._database_lock:
            indexes = self._stored_events_index.get(log, {})
            size = len(indexes)
            while size and indexes[size] >= count:
                size -= 1
            return size

    def tracked(self) -> dict[str, int]:
        """Return all tracking positions by name."""
        with self._database_lock:
            return {name: position for name, position in self._max_tracking_ids.items() if position}

    def commit(self, events: Sequence[StoredEvent], tracks: dict[str, int | None]) -> None:
        """Store events and tracking positions together; ``None`` forgets one."""
        with self._database_lock:
            self._insert_events(events)
            for name, position in tracks.items():
                if position is None:
                    self._max_tracking_ids.pop(name, None)
                else:
                    self._insert_tracking(Tracking(name, position))
        if events:
            self._notify_listeners()


class MemoryStore:
    """A `ledger.store.contract.Store` in memory."""

    def __init__(self, tables: Sequence[Table], views: Sequence[InlineView]) -> None:
        self.recorder = MemoryRecorder()
        self.views = tuple(views)
        self.tables = {table.name: MemoryTable(table) for table in tables}
        self.guard = WriterGuard()
        self.lock = threading.Lock()
        self._closed = False
        self._writes = 0

    def read(self) -> _Read:
        """Open a consistent view."""
        self._check_open()
        return _Read(self)

    def write(self) -> _Write:
        """Open the one write transaction."""
        self._check_open()
        self._writes += 1
        return _Write(self)

    def subscribe(self, *, after: int = 0) -> Subscription:
        """Return the records after a store position, then new ones."""
        self._check_open()
        return RecordSubscription(lambda: self.recorder.subscribe(gt=after))

    def backup(self, target: Path, *, without_tables: Sequence[str], watch: Watch | None = None) -> None:
        """Refuse: there is nothing on a disk.

        Raises:
            StoreError: ``store.no_backup``.
        """
        raise StoreError("store.no_backup", backend="memory", file=target.name, without=tuple(without_tables))

    def scrub(self) -> None:
        """Do nothing: deleted rows are in no file."""

    def shrink(self) -> None:
        """Do nothing: it is all memory."""

    def usable(self) -> bool:
        """Return True: no disk and no connection can fail."""
        return True

    def changed_outside(self) -> bool:
        """Return False: nobody else has this memory."""
        return False

    def writes(self) -> int:
        """Return how many write transactions began."""
        return self._writes

    def close(self) -> None:
        """Refuse everything from now on, as the other backends do; the memory goes with the object."""
        self._closed = True

    def _check_open(self) -> None:
        if self._closed:
            raise StoreError("store.closed", file="memory")


class _Read:
    """One consistent view: the number of events and a snapshot of the tables at its beginning."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store
        self._recorder = store.recorder
        self._count = 0
        self._tracked: dict[str, int] = {}
        self._snapshots: dict[str, Snapshot] = {}

    def __enter__(self) -> ReadTx:
        with self._store.lock:
            self._begin()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._store.lock:
            self._end()

    def _begin(self) -> None:
        self._count = self._recorder.count()
        self._tracked = self._recorder.tracked()
        self._snapshots = {name: table.snapshot() for name, table in self._store.tables.items()}

    def _end(self) -> None:
        for snapshot in self._snapshots.values():
            snapshot.release()
        self._snapshots = {}

    def frame(self, log: str, seq: int, /) -> bytes | None:
        event = self._recorder.event(log, seq, self._count)
        return None if event is None else event.state

    def frames(self, log: str, first_seq: int, last_seq: int, /) -> Iterator[tuple[int, bytes]]:
        for seq in range(max(first_seq, 1), last_seq + 1):
            frame = self.frame(log, seq)
            if frame is None:
                return
            yield seq, frame

    def frames_at(self, log: str, seqs: Sequence[int], /) -> Iterator[tuple[int, bytes]]:
        for seq in dict.fromkeys(seqs):
            frame = self.frame(log, seq)
            if frame is not None:
                yield seq, frame

    def size(self, log: str, /) -> int:
        return self._recorder.log_size(log, self._count)

    def records(self, *, after: int, limit: int) -> Sequence[NewRecord]:
        found = self._recorder.select_notifications(after, limit, self._count, inclusive_of_start=False)
        return [
            NewRecord(
                position=item.id,
                log=str(item.originator_id),
                seq=item.originator_version,
                topic=item.topic,
                frame=item.state,
            )
            for item in found
        ]

    def tracked(self, name: str, /) -> int:
        return self._tracked.get(name, 0)

    def _rows(self, table: Table) -> Snapshot | Overlay:
        found = self._snapshots.get(table.name)
        if found is None:
            raise StoreError("store.unknown_table", table=table.name)
        return found

    def get(self, table: Table, key: tuple[Cell, ...], /) -> Row | None:
        return self._rows(table).get(key)

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
        source = self._rows(table)
        rows = select(source, where, order_by=order_by, descending=descending, limit=limit, after=after)
        places = [table.column_names.index(name) for name in wanted_columns(table, columns)]
        return iter([tuple(row[place] for place in places) for row in rows] if columns else rows)

    def count(self, table: Table, where: Where, /) -> int:
        return len(matching(self._rows(table), where))


class _Write(_Read):
    """The write transaction: pending events and one overlay for each table that was touched."""

    def __init__(self, store: MemoryStore) -> None:
        super().__init__(store)
        self._pending: dict[tuple[str, int], NewRecord] = {}
        self._unprojected: list[NewRecord] = []
        self._overlays: dict[str, Overlay] = {}
        self._tracks: dict[str, int | None] = {}
        self._failure: StoreError | None = None

    def __enter__(self) -> WriteTx:
        self._store.guard.enter()
        with self._store.lock:
            self._begin()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._finish()
        finally:
            with self._store.lock:
                self._end()
            self._store.guard.leave()

    def _finish(self) -> None:
        self.project()
        if self._failure is not None:
            raise self._failure
        events = [
            StoredEvent(
                originator_id=item.log, originator_version=item.seq, topic=item.topic, state=item.frame
            )
            for item in self._pending.values()
        ]
        with self._store.lock:
            self._end()
            self._recorder.commit(events, self._tracks)
            for name, overlay in self._overlays.items():
                self._store.tables[name].merge(overlay)

    def frame(self, log: str, seq: int, /) -> bytes | None:
        pending = self._pending.get((log, seq))
        return super().frame(log, seq) if pending is None else pending.frame

    def size(self, log: str, /) -> int:
        return super().size(log) + sum(1 for name, _ in self._pending if name == log)

    def records(self, *, after: int, limit: int) -> Sequence[NewRecord]:
        old = list(super().records(after=after, limit=limit))
        return (old + [item for item in self._pending.values() if item.position > after])[:limit]

    def tracked(self, name: str, /) -> int:
        return self._tracks[name] or 0 if name in self._tracks else super().tracked(name)

    def _rows(self, table: Table) -> Snapshot | Overlay:
        return self._overlays.get(table.name) or super()._rows(table)

    def _overlay(self, table: Table) -> Overlay:
        overlay = self._overlays.get(table.name)
        if overlay is None:
            snapshot = super()._rows(table)
            if isinstance(snapshot, Overlay):
                return snapshot
            overlay = self._overlays[table.name] = Overlay(snapshot)
        return overlay

    def append(
        self, log: str, first_seq: int, records: Sequence[tuple[str, bytes]], /
    ) -> tuple[NewRecord, ...]:
        check_range(log, first_seq, records)
        held = dict(self.frames(log, first_seq - 1, first_seq + len(records) - 1))
        new, seq = pick_new(log, first_seq, records, held=held)
        first_position = self._count + len(self._pending) + 1
        appended = new_records(log, seq, new, range(first_position, first_position + len(new)))
        self._pending.update(((log, item.seq), item) for item in appended)
        self._unprojected.extend(appended)
        return appended

    def project(self) -> None:
        while self._unprojected:
            records, self._unprojected = tuple(self._unprojected), []
            for view in self._store.views:
                view.apply(self, records)

    def insert(self, table: Table, rows: Sequence[Row], /) -> None:
        overlay = self._overlay(table)
        with self._losing_on_error():
            for row in rows:
                overlay.insert(row)

    def insert_missing(self, table: Table, rows: Sequence[Row], /) -> None:
        overlay = self._overlay(table)
        with self._losing_on_error():
            for row in rows:
                if overlay.get(overlay.key_of(row)) is None:
                    overlay.insert(row)

    def upsert(self, table: Table, rows: Sequence[Row], /, *, held: Row | None = None) -> None:
        overlay = self._overlay(table)
        with self._losing_on_error():
            for row in rows:
                overlay.put(row)

    def delete(self, table: Table, where: Where, /) -> int:
        with self._losing_on_error():
            return self._overlay(table).delete(where)

    def track(self, name: str, position: int, /) -> None:
        with self._losing_on_error():
            check_position(name, position, self.tracked(name))
            self._tracks[name] = position

    def untrack(self, name: str, /) -> None:
        self._tracks[name] = None

    def _losing_on_error(self) -> _Losing:
        return _Losing(self)


class _Losing:
    """A failed statement loses the transaction, as it does on PostgreSQL."""

    def __init__(self, tx: _Write) -> None:
        self._tx = tx

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(value, StoreError):
            self._tx._failure = value


def open_memory(*, tables: Sequence[Table] = (), views: Sequence[InlineView] = ()) -> MemoryStore:
    """Return an empty store in memory, with the core tables, ``tables`` and those of the views."""
    return MemoryStore(merge_tables(CORE_TABLES, tables, *(view.tables for view in views)), views)
