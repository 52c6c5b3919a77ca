"""SQL made from tables and conditions, for both database backends.

Names are quoted: ``index`` is a column here and a keyword there. Statements are remembered by their shape, so
that a driver's own cache of prepared statements finds them again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, TypeAlias

from ledger.store.tables import Cell, OneOf, Range, Row, Table, Where, sort_columns, wanted_columns

Mark: TypeAlias = Literal["?", "%s"]
"""How the driver writes a placeholder."""
Shape: TypeAlias = tuple[tuple[str, str], ...]
"""Pairs of column and operator: ``=``, ``>=``, ``>``, ``<=``, ``<``, ``null``, ``none`` or ``in:<count>``."""

_BOUNDS = (("at_least", ">="), ("above", ">"), ("at_most", "<="), ("below", "<"))


@dataclass(frozen=True, slots=True, kw_only=True)
class RowStatements:
    """The statements for whole rows of one table."""

    get: str
    insert: str
    insert_missing: str
    upsert: str


@dataclass(frozen=True, slots=True)
class Ordering:
    """The part of a selection that is not a condition."""

    columns: tuple[str, ...]
    nullable: frozenset[str]
    descending: bool
    limited: bool
    continued: bool


def quoted(names: Sequence[str]) -> str:
    """Return identifiers quoted and separated by commas."""
    return ", ".join(f'"{name}"' for name in names)


def row_statements(table: Table, *, mark: Mark, relation: str) -> RowStatements:
    """Return the statements for whole rows; their parameters are the row, or the key for ``get``.

    Args:
        table: the table.
        mark: placeholder of the driver.
        relation: the quoted name of the table, with its schema where there is one.
    """
    names = quoted(table.column_names)
    values = ", ".join(mark for _ in table.columns)
    insert = f"INSERT INTO {relation} ({names}) VALUES ({values})"
    changes = ", ".join(f'"{name}" = excluded."{name}"' for name in table.plain_columns)
    conflict = f" ON CONFLICT ({quoted(table.key)}) DO "
    matches = " AND ".join(f'"{name}" = {mark}' for name in table.key)
    return RowStatements(
        get=f"SELECT {names} FROM {relation} WHERE {matches}",
        insert=insert,
        insert_missing=insert + conflict + "NOTHING",
        upsert=insert + conflict + (f"UPDATE SET {changes}" if changes else "NOTHING"),
    )


def conditions(table: Table, where: Where) -> tuple[Shape, list[Cell]]:
    """Return the shape of conditions and their values, in the same order.

    Raises:
        ValueError: a column is not in the table.
    """
    unknown = set(where) - set(table.column_names)
    if unknown:
        raise ValueError(f"table {table.name} has no columns {sorted(unknown)!r}")
    shape: list[tuple[str, str]] = []
    values: list[Cell] = []
    for column, wanted in where.items():
        if isinstance(wanted, Range):
            for name, operator in _BOUNDS:
                bound: Cell = getattr(wanted, name)
                if bound is not None:
                    shape.append((column, operator))
                    values.append(bound)
        elif isinstance(wanted, OneOf):
            shape.append((column, _one_of(wanted, values)))
        elif wanted is None:
            shape.append((column, "null"))
        else:
            shape.append((column, "="))
            values.append(wanted)
    return tuple(shape), values


def _one_of(wanted: OneOf, values: list[Cell]) -> str:
    """Pad to a power of two: few shapes, so that prepared statements are found again."""
    if not wanted.values:
        return "none"
    size = 1 << (len(wanted.values) - 1).bit_length()
    values.extend(wanted.values)
    values.extend([wanted.values[-1]] * (size - len(wanted.values)))
    return f"in:{size}"


@lru_cache(maxsize=1024)
def where_clause(shape: Shape, mark: Mark) -> str:
    """Return `` WHERE ...``, or nothing for an empty shape."""
    terms = [_term(column, operator, mark) for column, operator in shape]
    return f" WHERE {' AND '.join(terms)}" if terms else ""


def _term(column: str, operator: str, mark: Mark) -> str:
    if operator == "null":
        return f'"{column}" IS NULL'
    if operator == "none":
        return "1 = 0"
    if operator.startswith("in:"):
        return f'"{column}" IN ({", ".join([mark] * int(operator[3:]))})'
    return f'"{column}" {operator} {mark}'


def select(
    table: Table,
    where: Where,
    *,
    order_by: Sequence[str],
    descending: bool,
    limit: int | None,
    after: tuple[Cell, ...] | None,
    columns: Sequence[str],
    mark: Mark,
    relation: str,
) -> tuple[str, list[Cell]]:
    """Return a selection and its values.

    Raises:
        ValueError: an unknown column, or a cursor that does not fit the order.
    """
    shape, values = conditions(table, where)
    sorted_by = sort_columns(table, order_by)
    if after is not None:
        check_cursor(after, sorted_by)
        values.extend(after)
    if limit is not None:
        values.append(limit)
    nullable = frozenset(sorted_by) - frozenset(table.key)
    ordering = Ordering(sorted_by, nullable, descending, limit is not None, after is not None)
    return _select(relation, wanted_columns(table, columns), shape, ordering, mark), values


def update_changed(
    table: Table, held: Row, row: Row, *, mark: Mark, relation: str
) -> tuple[str, list[Cell]] | None:
    """Return a statement that makes ``held`` into ``row``, and its values; None when they are equal.

    Only columns that differ are named: a database rewrites the entries of every index on a named column, even
    where the value stays as it is.
    """
    names = table.column_names
    changed = [index for index, (old, new) in enumerate(zip(held, row, strict=True)) if old != new]
    if not changed:
        return None
    statement = _update(relation, tuple(names[index] for index in changed), table.key, mark)
    return statement, [*(row[index] for index in changed), *key_of(table, row)]


def key_of(table: Table, row: Row) -> Row:
    """Return the key of a row."""
    return tuple(row[place] for place in table.key_places)


@lru_cache(maxsize=1024)
def _update(relation: str, changed: tuple[str, ...], key: tuple[str, ...], mark: Mark) -> str:
    changes = ", ".join(f'"{name}" = {mark}' for name in changed)
    return f"UPDATE {relation} SET {changes} WHERE " + " AND ".join(f'"{name}" = {mark}' for name in key)


def check_cursor(after: tuple[Cell, ...], columns: Sequence[str]) -> None:
    """Refuse a cursor that does not fit.

    Raises:
        ValueError: wrong number of values, or a value is ``None``.
    """
    if len(after) != len(columns) or None in after:
        raise ValueError(f"a cursor needs a value for each of {tuple(columns)!r}")


@lru_cache(maxsize=1024)
def _select(relation: str, names: tuple[str, ...], shape: Shape, ordering: Ordering, mark: Mark) -> str:
    clause = where_clause(shape, mark)
    if ordering.continued:
        place = ", ".join([mark] * len(ordering.columns))
        compare = "<" if ordering.descending else ">"
        clause += f"{' AND' if clause else ' WHERE'} ({quoted(ordering.columns)}) {compare} ({place})"
    # said only where None can stand: PostgreSQL would not use the index of a primary key otherwise
    direction, nulls = (" DESC", " NULLS LAST") if ordering.descending else (" ASC", " NULLS FIRST")
    order = ", ".join(
        f'"{name}"{direction}{nulls if name in ordering.nullable else ""}' for name in ordering.columns
    )
    limit = f" LIMIT {mark}" if ordering.limited else ""
    return f"SELECT {quoted(names)} FROM {relation}{clause} ORDER BY {order}{limit}"
