"""The three backends behind one fixture."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ledger.store.contract import InlineView, Store
from ledger.store.tables import Table
from tests.postgres import new_schema

BACKENDS = ["memory", "sqlite", pytest.param("postgres", marks=pytest.mark.layer("postgres"))]


@dataclass(slots=True)
class Backend:
    """Opens stores of one kind; every new one is empty."""

    name: str
    make: Callable[[Sequence[Table], Sequence[InlineView]], Store]
    opened: list[Store] = field(default_factory=list)

    def open(self, *, tables: Sequence[Table] = (), views: Sequence[InlineView] = ()) -> Store:
        store = self.make(tables, views)
        self.opened.append(store)
        return store


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Backend]:
    """Return each backend in turn."""
    numbers = itertools.count(1)

    def memory(tables: Sequence[Table], views: Sequence[InlineView]) -> Store:
        from ledger.store.memory import open_memory

        return open_memory(tables=tables, views=views)

    def sqlite(tables: Sequence[Table], views: Sequence[InlineView]) -> Store:
        from ledger.store.sqlite_opening import open_sqlite

        return open_sqlite(tmp_path / f"{next(numbers)}.db", tables=tables, views=views, create=True)

    def postgres(tables: Sequence[Table], views: Sequence[InlineView]) -> Store:
        from ledger.store.postgres import open_postgres

        dsn = request.getfixturevalue("postgres_dsn")
        schema = new_schema(dsn)
        return open_postgres(dsn, schema=schema, tables=tables, views=views, create=True)

    makers = {"memory": memory, "sqlite": sqlite, "postgres": postgres}
    made = Backend(request.param, makers[request.param])
    yield made
    for store in made.opened:
        store.close()
