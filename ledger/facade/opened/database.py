"""The database of an installation with every table and view that the product keeps in it.

One setting decides where it lies: with ``secrets/database.url`` in the schema of PostgreSQL that the file
names, otherwise in ``ledger.db``.
"""

from __future__ import annotations

from collections.abc import Sequence

from ledger.errors import ConfigError
from ledger.facade.base.home import Home
from ledger.facade.base.synctables import SYNC_TABLES
from ledger.facade.cases.views import CaseView
from ledger.projections.activity import ACTIVITY
from ledger.store.contract import Store
from ledger.store.sqlite_opening import open_sqlite
from ledger.store.sqlite_recorder import Connect, connect_file
from ledger.store.tables import Table

LEDGER_TABLES: Sequence[Table] = (ACTIVITY, *SYNC_TABLES)
"""Tables beside the core tables and those of the view of cases."""


def open_database(
    home: Home, view: CaseView, *, create: bool = False, write: bool = True, connect: Connect = connect_file
) -> Store:
    """Open the database of an installation, or make a ledger file.

    Args:
        home: the folder.
        view: the inline view of cases.
        create: make a new file; a ledger comes into PostgreSQL by being moved there.
        write: as the one writer; else read-only, beside a writer.
        connect: opens a ledger file; tests put a failing disk here.

    Raises:
        ConfigError: ``home.database_url``, ``store.dsn`` and the like, ``store.no_driver``.
        StoreError: as ``open_sqlite`` and ``open_postgres``.
    """
    url = None if create else home.database_url()
    if url is not None:
        return _open_postgres(home, url, view, write=write)
    if write and not create:
        home.mark_copy()
    return open_sqlite(
        home.database_path,
        tables=LEDGER_TABLES,
        views=(view,),
        create=create,
        read_only=not write,
        connect=connect,
    )


def _open_postgres(home: Home, url: str, view: CaseView, *, write: bool) -> Store:
    try:
        from ledger.store.postgres import open_postgres
        from ledger.store.postgres_recorder import schema_of
    except ImportError as error:
        raise ConfigError("store.no_driver") from error
    return open_postgres(
        url,
        schema=schema_of(url),
        tables=LEDGER_TABLES,
        views=(view,),
        read_only=not write,
        lock_path=home.lock_path,
    )
