"""Tables, conditions and cursors as plain values; every backend makes its own statements from them.

A row is a tuple in the order of the columns. Key columns are never ``None``; the others may be. Text is
ordered by code point on every backend, ``None`` before everything else.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

Cell: TypeAlias = int | str | bytes | None
"""One value of a row."""
Row: TypeAlias = tuple[Cell, ...]
"""Values in the order of the columns of their table."""
ColumnType: TypeAlias = Literal["int", "text", "bytes"]
"""``int`` is 64 bits signed, ``text`` any text without U+0000, ``bytes`` anything."""

RESERVED_NAMES = frozenset({"stored_events", "tracking", "notification_tracking", "banjian_meta"})
"""Tables of the event store itself."""
_IDENTIFIER = re.compile(r"[a-z][a-z0-9_]{0,39}")


@dataclass(frozen=True, slots=True)
class Table:
    """One table beside the frames.

    Args:
        name: lower-case ASCII identifier; a view that changes its columns changes its name.
        columns: pairs of column name and type, in the order of the row.
        key: names of the key columns.
        indexes: column names of each further index.
        append_only: the database itself refuses to change or delete rows.
    """

    name: str
    columns: tuple[tuple[str, ColumnType], ...] = field(kw_only=True)
    key: tuple[str, ...] = field(kw_only=True)
    indexes: tuple[tuple[str, ...], ...] = field(default=(), kw_only=True)
    append_only: bool = field(default=False, kw_only=True)
    column_names: tuple[str, ...] = field(init=False, repr=False, compare=False)
    """Names of the columns, in the order of the row."""
    key_places: tuple[int, ...] = field(init=False, repr=False, compare=False)
    """Where in a row the key columns stand."""

    def __post_init__(self) -> None:
        """Refuse a definition that no backend could create.

        Raises:
            ValueError: a name is reserved, malformed, repeated or unknown.
        """
        names = tuple(name for name, _ in self.columns)
        object.__setattr__(self, "column_names", names)
        for name in (self.name, *names):
            if not _IDENTIFIER.fullmatch(name):
                raise ValueError(f"{name!r} is no identifier (table {self.name})")
        if self.name in RESERVED_NAMES:
            raise ValueError(f"table {self.name} belongs to the event store")
        if len(set(names)) != len(names):
            raise ValueError(f"table {self.name} repeats a column")
        for group in (self.key, *self.indexes):
            if not group or not set(group) <= set(names):
                raise ValueError(f"table {self.name} has no columns {group!r}")
        object.__setattr__(self, "key_places", tuple(names.index(name) for name in self.key))

    @property
    def plain_columns(self) -> tuple[str, ...]:
        """Return the names of the columns outside the key."""
        return tuple(name for name in self.column_names if name not in self.key)


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """Bounds for one column; a missing bound is open. ``None`` in a row lies in no range."""

    at_least: Cell = None
    above: Cell = None
    at_most: Cell = None
    below: Cell = None


@dataclass(frozen=True, slots=True)
class OneOf:
    """Any of the values (none of them ``None``); no values select nothing."""

    values: tuple[Cell, ...]


Where: TypeAlias = Mapping[str, Cell | Range | OneOf]
"""Conditions by column, all of which hold; a plain value (also ``None``) means equality."""


_LAST = "\U0010ffff"
"""Nothing follows it: what begins with it ends with what begins with the character before it."""


def prefix(text: str) -> Range:
    """Return the range of texts that begin with ``text`` (not empty)."""
    if not text:
        raise ValueError("an empty prefix selects everything; leave the condition out")
    rest = text.rstrip(_LAST)
    if not rest:
        return Range(at_least=text)
    following = ord(rest[-1]) + 1
    # Surrogates are no characters: no database takes them.
    return Range(at_least=text, below=rest[:-1] + chr(0xE000 if following == 0xD800 else following))


def sort_columns(table: Table, order_by: Sequence[str]) -> tuple[str, ...]:
    """Return the columns that order a selection: those asked for, then the key, so that the order is total.

    Raises:
        ValueError: a column is not in the table.
    """
    unknown = set(order_by) - set(table.column_names)
    if unknown:
        raise ValueError(f"table {table.name} has no columns {sorted(unknown)!r}")
    return (*order_by, *(name for name in table.key if name not in order_by))


def wanted_columns(table: Table, columns: Sequence[str]) -> tuple[str, ...]:
    """Return the columns of a selection, all of the table for none.

    Raises:
        ValueError: a column is not in the table.
    """
    unknown = set(columns) - set(table.column_names)
    if unknown:
        raise ValueError(f"table {table.name} has no columns {sorted(unknown)!r}")
    return tuple(columns) or table.column_names


def cursor(table: Table, row: Row, *, order_by: Sequence[str] = ()) -> Row:
    """Return the place of a row in the order of a selection, for ``after`` of the next page."""
    names = table.column_names
    return tuple(row[names.index(name)] for name in sort_columns(table, order_by))


def merge_tables(*groups: Sequence[Table]) -> tuple[Table, ...]:
    """Return all tables once, in the order given.

    Raises:
        ValueError: two different tables share a name.
    """
    by_name: dict[str, Table] = {}
    for table in (table for group in groups for table in group):
        if by_name.setdefault(table.name, table) != table:
            raise ValueError(f"table {table.name} is defined twice")
    return tuple(by_name.values())
