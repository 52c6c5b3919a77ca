"""Tables of the memory backend: rows by key, an index on first columns, overlays."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol, TypeAlias

from ledger.errors import StoreError
from ledger.store.sql import check_cursor, conditions
from ledger.store.tables import Cell, ColumnType, OneOf, Range, Row, Table, Where, sort_columns

_TYPES: dict[ColumnType, type] = {"int": int, "text": str, "bytes": bytes}
_INT_MIN, _INT_MAX = -(1 << 63), (1 << 63) - 1
SortKey: TypeAlias = tuple[tuple[bool, int | str | bytes], ...]


class MemoryTable:
    """The committed rows of one table."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self.rows: dict[Row, Row] = {}
        self.index = _Index(table)
        self.views = 0

    def snapshot(self) -> Snapshot:
        """Return the rows as they are now, for one transaction."""
        self.views += 1
        return Snapshot(self)

    def merge(self, overlay: Overlay) -> None:
        """Take over the changes of a finished transaction; open snapshots keep what they see."""
        if self.views:
            self.rows = dict(self.rows)
            self.index = self.index.copy()
            self.views = 0
        for key, row in overlay.changes.items():
            old = self.rows.pop(key, None)
            if old is not None:
                self.index.discard(old, key)
            if row is not None:
                self.rows[key] = row
                self.index.add(row, key)


class RowSource(Protocol):
    """A snapshot or an overlay."""

    @property
    def table(self) -> Table:
        """The table whose rows these are."""

    def candidates(self, where: Where, /) -> Iterable[Row]:
        """Return the rows that may meet the conditions."""


def matching(source: RowSource, where: Where) -> list[Row]:
    """Return the rows that meet all conditions, in no order."""
    conditions(source.table, where)
    names = source.table.column_names
    tests = [(names.index(column), wanted) for column, wanted in where.items()]
    return [row for row in source.candidates(where) if all(_meets(row[at], wanted) for at, wanted in tests)]


def select(
    source: RowSource,
    where: Where,
    *,
    order_by: Sequence[str],
    descending: bool,
    limit: int | None,
    after: tuple[Cell, ...] | None,
) -> list[Row]:
    """Return the rows that meet all conditions, ordered."""
    columns = sort_columns(source.table, order_by)
    names = source.table.column_names
    places = [names.index(name) for name in columns]
    found = [(_sort_key(row[at] for at in places), row) for row in matching(source, where)]
    if after is not None:
        check_cursor(after, columns)
        place = _sort_key(after)
        found = [
            (key, row)
            for key, row in found
            if (key < place if descending else key > place) and all(row[at] is not None for at in places)
        ]
    found.sort(key=lambda item: item[0], reverse=descending)
    return [row for _, row in found[:limit]]


class Snapshot:
    """The rows of a table as they were when a transaction began."""

    def __init__(self, source: MemoryTable) -> None:
        self.table = source.table
        self._source = source
        self._rows = source.rows
        self._index = source.index

    def release(self) -> None:
        """Let the table change in place again."""
        if self._source.rows is self._rows and self._source.views:
            self._source.views -= 1

    def get(self, key: Row) -> Row | None:
        """Return the row with this key."""
        return self._rows.get(tuple(key))

    def keys(self, where: Where) -> Iterable[Row]:
        """Return the keys of the rows that may meet the conditions."""
        found = self._index.keys(where)
        return self._rows.keys() if found is None else found

    def candidates(self, where: Where) -> Iterable[Row]:
        """Return the rows that may meet the conditions."""
        return [self._rows[key] for key in self.keys(where)]


class Overlay:
    """A snapshot and the changes of one write transaction."""

    def __init__(self, base: Snapshot) -> None:
        self.table = base.table
        self._base = base
        self.changes: dict[Row, Row | None] = {}

    def key_of(self, row: Row) -> Row:
        """Return the key of a row."""
        return tuple(row[at] for at in self.table.key_places)

    def get(self, key: Row) -> Row | None:
        """Return the row with this key."""
        key = tuple(key)
        return self.changes[key] if key in self.changes else self._base.get(key)

    def candidates(self, where: Where) -> Iterable[Row]:
        """Return the rows that may meet the conditions."""
        old = (self._base.get(key) for key in self._base.keys(where) if key not in self.changes)
        changed = self.changes.values()
        return [row for group in (old, changed) for row in group if row is not None]

    def insert(self, row: Row) -> None:
        """Add a row.

        Raises:
            StoreError: ``store.duplicate``, ``store.value``.
        """
        self._check(row)
        key = self.key_of(row)
        if self.get(key) is not None:
            raise StoreError("store.duplicate", table=self.table.name)
        self.changes[key] = tuple(row)

    def put(self, row: Row) -> None:
        """Add or replace a row.

        Raises:
            StoreError: ``store.append_only``, ``store.value``.
        """
        if self.table.append_only:
            raise StoreError("store.append_only", table=self.table.name)
        self._check(row)
        self.changes[self.key_of(row)] = tuple(row)

    def delete(self, where: Where) -> int:
        """Delete rows and return how many there were.

        Raises:
            StoreError: ``store.append_only``.
        """
        if self.table.append_only:
            raise StoreError("store.append_only", table=self.table.name)
        found = matching(self, where)
        self.changes.update((self.key_of(row), None) for row in found)
        return len(found)

    def _check(self, row: Row) -> None:
        if len(row) != len(self.table.columns):
            raise StoreError("store.value", table=self.table.name, detail="number of columns")
        for (name, kind), value in zip(self.table.columns, row, strict=True):
            if not _fits(value, kind, required=name in self.table.key):
                raise StoreError("store.value", table=self.table.name, detail=name)


class _Index:
    """Keys by the value of a column, for the first column of the key and of each index."""

    def __init__(self, table: Table) -> None:
        names = table.column_names
        firsts = {group[0] for group in (table.key, *table.indexes)}
        self._places = {name: names.index(name) for name in firsts}
        self._keys: dict[str, dict[Cell, dict[Row, None]]] = {name: {} for name in firsts}

    def copy(self) -> _Index:
        twin = object.__new__(_Index)
        twin._places = self._places
        twin._keys = {
            name: {value: dict(keys) for value, keys in by_value.items()}
            for name, by_value in self._keys.items()
        }
        return twin

    def add(self, row: Row, key: Row) -> None:
        for name, at in self._places.items():
            self._keys[name].setdefault(row[at], {})[key] = None

    def discard(self, row: Row, key: Row) -> None:
        for name, at in self._places.items():
            keys = self._keys[name].get(row[at])
            if keys is not None:
                keys.pop(key, None)
                if not keys:
                    del self._keys[name][row[at]]

    def keys(self, where: Where) -> Iterable[Row] | None:
        for name, by_value in self._keys.items():
            wanted = where.get(name)
            if name in where and not isinstance(wanted, Range | OneOf):
                return by_value.get(wanted, {}).keys()
        return None


def _fits(value: Cell, kind: ColumnType, *, required: bool) -> bool:
    if value is None:
        return not required
    if not isinstance(value, _TYPES[kind]):
        return False
    if isinstance(value, int):
        return _INT_MIN <= value <= _INT_MAX
    return not (isinstance(value, str) and ("\0" in value or not _encodable(value)))


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _meets(value: Cell, wanted: Cell | Range | OneOf) -> bool:
    if isinstance(wanted, OneOf):
        return value is not None and value in wanted.values
    if not isinstance(wanted, Range):
        return value == wanted
    if value is None:
        return all(bound is None for bound in (wanted.at_least, wanted.above, wanted.at_most, wanted.below))
    key = _sort_key((value,))
    return (
        (wanted.at_least is None or key >= _sort_key((wanted.at_least,)))
        and (wanted.above is None or key > _sort_key((wanted.above,)))
        and (wanted.at_most is None or key <= _sort_key((wanted.at_most,)))
        and (wanted.below is None or key < _sort_key((wanted.below,)))
    )


def _sort_key(values: Iterable[Cell]) -> SortKey:
    return tuple((False, 0) if value is None else (True, value) for value in values)
