"""What ``banjian doctor`` looks at where the ledger lies in PostgreSQL, in place of SQLite's pragmas."""

from __future__ import annotations

from collections.abc import Iterator

from ledger.facade import Home
from ledger.store.contract import Store
from ledger.store.postgres import PostgresStore
from stations.checkup.checks import Check, found

POSTGRES_MIN = 140_000
"""Older versions get no corrections any more. Source: PostgreSQL, Versioning Policy."""


def postgres_checks(home: Home, store: Store, *, thorough: bool) -> Iterator[Check]:
    """Yield what was found of server, durability, rights and what waits to be overwritten."""
    if not isinstance(store, PostgresStore):
        return
    state = store.look(thorough=thorough)
    old = state.version_number < POSTGRES_MIN
    yield found(
        "postgres", "error" if old else "ok", "doctor.postgres_old" if old else "doctor.postgres",
        version=state.version, user=state.user,
    )  # fmt: skip
    if not state.encrypted:
        yield found("connection", "warning", "doctor.postgres_open")
    else:
        yield found("connection", "ok", "doctor.postgres_connection")
    if state.unsafe:
        yield found("durability", "error", "doctor.postgres_unsafe", settings="、".join(state.unsafe))
    elif not state.checksums:
        yield found("durability", "warning", "doctor.postgres_checksums")
    else:
        yield found("durability", "ok", "doctor.postgres_durable")
    yield found(
        "rights", "warning" if state.owner else "ok",
        "doctor.postgres_owner" if state.owner else "doctor.postgres_rights", user=state.user,
    )  # fmt: skip
    if state.deleted_keys and not state.may_rewrite:
        yield found("keys_left", "warning", "doctor.postgres_keys_left", count=state.deleted_keys)
    if thorough:
        yield found("pages", "ok", "doctor.postgres_pages", count=state.frames or 0)
    if home.database_path.exists():
        yield found("left", "warning", "doctor.file_left", file=home.database_path.name)
