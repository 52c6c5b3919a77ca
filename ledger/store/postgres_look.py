"""What a PostgreSQL server says of itself: version, durability, rights, what waits to be overwritten."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from psycopg import Connection
from psycopg.rows import DictRow
from psycopg.sql import SQL, Identifier

from ledger.sqlitefile import EVENTS_TABLE
from ledger.store.postgres_schema import MAINTAIN_FROM, relation
from ledger.store.schema import CASE_KEYS

DURABLE: Final[Mapping[str, str]] = {"fsync": "on", "full_page_writes": "on"}
"""Settings of the whole server without which a power cut there loses what was confirmed here.

``synchronous_commit`` is set by each writer itself. Source: PostgreSQL, Write Ahead Log, Settings.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresLook:
    """The answer to one look.

    Attributes:
        version: of the server, ``18.1``.
        version_number: the same as a number, 180001.
        user: as whom this installation is connected.
        encrypted: whether the connection is, or stays on this machine.
        unsafe: settings of the server that are not as they must be, ``fsync=off``.
        checksums: whether the server checks its pages.
        owner: whether this user owns the tables and could drop what keeps them append-only.
        may_rewrite: whether this user may rewrite the table of keys.
        deleted_keys: rows of the table of keys that are deleted and not yet overwritten, as the server
            estimates.
        frames: how many frames were read through; None when that was not asked for.
    """

    version: str
    version_number: int
    user: str
    encrypted: bool
    unsafe: tuple[str, ...]
    checksums: bool
    owner: bool
    may_rewrite: bool
    deleted_keys: int
    frames: int | None


def look(connection: Connection[DictRow], *, schema: str, thorough: bool) -> PostgresLook:
    """Ask the server; ``thorough`` reads every frame, which meets every damaged page of them."""
    info = connection.info
    keys = relation(schema, CASE_KEYS.name)
    dead = _one(connection, "SELECT n_dead_tup FROM pg_stat_user_tables WHERE relid = %s::regclass", keys)
    encrypted = _one(connection, "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
    unsafe = tuple(
        f"{name}={found}"
        for name, wanted in DURABLE.items()
        if (found := str(_one(connection, "SELECT current_setting(%s)", name))) != wanted
    )
    frames = None
    if thorough:
        statement = SQL("SELECT count(sha256(state)) AS frames FROM {}").format(
            Identifier(schema, EVENTS_TABLE)
        )
        row = connection.execute(statement).fetchone()
        frames = 0 if row is None else int(row["frames"])
    return PostgresLook(
        version=info.parameter_status("server_version") or str(info.server_version),
        version_number=info.server_version,
        user=info.user,
        encrypted=bool(encrypted) or _is_local(info.host),
        unsafe=unsafe,
        checksums=_one(connection, "SELECT current_setting('data_checksums')") == "on",
        owner=bool(_one(connection, _OWNS, relation(schema, EVENTS_TABLE))),
        may_rewrite=may_rewrite(connection, keys),
        deleted_keys=int(str(dead or 0)),
        frames=frames,
    )


_OWNS = "SELECT pg_has_role(relowner, 'USAGE') AS own FROM pg_class WHERE oid = %s::regclass"


def may_rewrite(connection: Connection[DictRow], table: str) -> bool:
    """Whether this user may have a table rewritten by the server."""
    if _one(connection, _OWNS, table):
        return True
    if connection.info.server_version < MAINTAIN_FROM:
        return False
    return bool(_one(connection, "SELECT has_table_privilege(%s, 'MAINTAIN')", table))


def _is_local(host: str) -> bool:
    return host.startswith(("/", "@")) or host in {"localhost", "127.0.0.1", "::1"}


def _one(connection: Connection[DictRow], statement: str, *values: str) -> object:
    row = connection.execute(statement, values).fetchone()
    return None if row is None else next(iter(row.values()))
