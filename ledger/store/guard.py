"""What every backend checks in the same words: one writer, no forks, no gaps, no wrong types."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence

from ledger.errors import ForkError, GapError, StoreError
from ledger.store.contract import NewRecord
from ledger.store.tables import ColumnType, Row, Table

_PYTHON_TYPES: Mapping[ColumnType, type] = {"int": int, "text": str, "bytes": bytes}


class WriterGuard:
    """Lets one thread write at a time and refuses a second transaction within the first."""

    __slots__ = ("_lock", "_owner")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._owner = 0

    def enter(self) -> None:
        """Wait for the other writers of this process.

        Raises:
            StoreError: ``store.nested``, this thread is writing already and would wait for itself for ever.
        """
        me = threading.get_ident()
        if self._owner == me:
            raise StoreError("store.nested")
        self._lock.acquire()
        self._owner = me

    def leave(self) -> None:
        """Let the next writer in."""
        self._owner = 0
        self._lock.release()


def check_range(log: str, first_seq: int, records: Sequence[tuple[str, bytes]]) -> None:
    """Refuse what no backend could store.

    Raises:
        GapError: ``store.gap``, positions count from 1.
        StoreError: ``store.value``, an empty name, topic or frame.
    """
    if first_seq < 1:
        raise GapError("store.gap", log=log, seq=first_seq, expected=1)
    if not log or not all(topic and frame for topic, frame in records):
        raise StoreError("store.value", table="stored_events", detail="empty log, topic or frame")


def pick_new(
    log: str, first_seq: int, records: Sequence[tuple[str, bytes]], *, held: Mapping[int, bytes]
) -> tuple[Sequence[tuple[str, bytes]], int]:
    """Return the records that are not held yet, and the position of the first of them.

    Args:
        log: name of the log.
        first_seq: position of the first record.
        records: pairs of topic and frame.
        held: the frames held from ``first_seq - 1`` to the position of the last record.

    Raises:
        ForkError: ``store.fork``, a held frame has other bytes.
        GapError: ``store.gap``, the position before the first is empty.
    """
    if first_seq > 1 and first_seq - 1 not in held and records:
        raise GapError("store.gap", log=log, seq=first_seq, expected=first_seq - 1)
    known = 0
    for _, frame in records:
        there = held.get(first_seq + known)
        if there is None:
            break
        if there != frame:
            raise ForkError("store.fork", log=log, seq=first_seq + known)
        known += 1
    return records[known:], first_seq + known


def new_records(
    log: str, first_seq: int, records: Sequence[tuple[str, bytes]], positions: Sequence[int]
) -> tuple[NewRecord, ...]:
    """Return the records as stored.

    Raises:
        ValueError: the number of positions differs.
    """
    # Calling a named tuple would do, were it not twice as slow.
    new = tuple.__new__
    return tuple(
        new(NewRecord, (position, log, first_seq + index, topic, frame))
        for index, ((topic, frame), position) in enumerate(zip(records, positions, strict=True))
    )


def check_position(name: str, position: int, known: int) -> None:
    """Refuse a tracking position that is not ahead of the known one.

    Raises:
        StoreError: ``store.tracking``, another run has taken these records.
    """
    if position <= known:
        raise StoreError("store.tracking", projection=name, position=position, known=known)


class RowTypes:
    """Refuses rows of wrong types: a database would turn ``5`` into ``"5"`` and say nothing.

    The combinations of types that were found good are remembered, so that checking a row is one look-up.
    """

    __slots__ = ("_good",)

    def __init__(self, tables: Sequence[Table]) -> None:
        self._good: dict[str, set[tuple[type, ...]]] = {table.name: set() for table in tables}

    def check(self, table: Table, rows: Sequence[Row]) -> None:
        """Look at every row.

        Raises:
            StoreError: ``store.value``, a value or the number of values does not fit.
        """
        good = self._good[table.name]
        for found, row in {tuple(map(type, row)): row for row in rows}.items():
            if found not in good:
                if not _types_fit(table, row):
                    raise StoreError("store.value", table=table.name, detail="type or number of columns")
                good.add(found)


def _types_fit(table: Table, row: Row) -> bool:
    return len(row) == len(table.columns) and all(
        name not in table.key if value is None else isinstance(value, _PYTHON_TYPES[kind])
        for (name, kind), value in zip(table.columns, row, strict=True)
    )
