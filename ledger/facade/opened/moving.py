"""A ledger brought from its file into PostgreSQL, where the same installation goes on in the same logs.

Order: everything copied in one transaction of the server, setting written, file set aside without the keys
of personal data. A crash before the setting leaves the file in use and a copy that nobody uses; one after it
leaves a file that nobody opens, and moving again finishes.
"""

from __future__ import annotations

from ledger.errors import ConfigError
from ledger.facade.base.home import DATABASE_URL_NAME, Home
from ledger.facade.base.tables import TOKENS
from ledger.facade.cases.views import CaseView
from ledger.facade.opened.database import LEDGER_TABLES
from ledger.platform import fsync_dir
from ledger.store import schema
from ledger.store.sqlite import SqliteStore
from ledger.store.sqlite_opening import open_sqlite


def move_to_postgres(home: Home, url: str, *, owner_url: str = "", keep_file: bool = True) -> int:
    """Copy the ledger into a schema of PostgreSQL and let the installation use that.

    Args:
        home: the folder; its ledger must be open nowhere.
        url: connection string that the installation uses from now on.
        owner_url: connection string of the role that is to own the tables; that of ``url`` by default. One
            of its own keeps the installation from ever changing what is append-only.
        keep_file: keep the file under another name, without case keys and search tokens: whatever is erased
            later must not be readable from it.

    Returns:
        How many frames the ledger has there; 0 when only the file was left to be set aside.

    Raises:
        ConfigError: ``home.in_postgres``, ``store.dsn`` and the like, ``store.no_driver``.
        StoreError: ``store.locked``, ``store.exists``, ``store.not_permitted``, ``store.unreachable``; the
            file stays in use.
    """
    try:
        from ledger.store.postgres_load import load_ledger_file
        from ledger.store.postgres_recorder import schema_of, user_of
    except ImportError as error:
        raise ConfigError("store.no_driver") from error
    moved = home.database_url() is not None
    if moved and not home.database_path.exists():
        raise ConfigError("home.in_postgres", path=str(home.path))
    view, count = CaseView(), 0
    store = open_sqlite(home.database_path, tables=LEDGER_TABLES, views=(view,))
    try:
        if not moved:
            role = user_of(url) if owner_url and user_of(owner_url) != user_of(url) else None
            count = load_ledger_file(
                home.database_path,
                owner_url or url,
                schema=schema_of(url),
                tables=LEDGER_TABLES,
                views=(view,),
                app_role=role,
            )
            home.write_secret(DATABASE_URL_NAME, url.encode("utf-8") + b"\n")
        if keep_file:
            _empty_keys(store)
    finally:
        store.close()
    if keep_file:
        home.database_path.replace(home.moved_path)
    else:
        home.database_path.unlink()
    fsync_dir(home.path)
    return count


def complete_postgres(home: Home, owner_url: str) -> None:
    """Make the tables that an upgrade brings, as their owner, and grant the installation its rights.

    Raises:
        ConfigError: ``home.in_file``, ``store.dsn`` and the like, ``store.no_driver``.
        StoreError: as ``ledger.store.postgres.open_postgres``.
    """
    url = home.database_url()
    if url is None:
        raise ConfigError("home.in_file", path=str(home.path))
    try:
        from ledger.store.postgres import open_postgres
        from ledger.store.postgres_recorder import schema_of, user_of
    except ImportError as error:
        raise ConfigError("store.no_driver") from error
    open_postgres(
        owner_url, schema=schema_of(url), tables=LEDGER_TABLES, views=(CaseView(),), app_role=user_of(url)
    ).close()


def _empty_keys(store: SqliteStore) -> None:
    with store.write() as tx:
        tx.delete(schema.CASE_KEYS, {})
        tx.delete(TOKENS, {})
    store.scrub()
