"""The database of an installation with every table and view that the product keeps in it."""

from __future__ import annotations

from pathlib import Path

from ledger.facade.synctables import SYNC_TABLES
from ledger.facade.views import CaseView
from ledger.projections.activity import ACTIVITY
from ledger.store.contract import Store
from ledger.store.sqlite import open_sqlite
from ledger.store.sqlite_recorder import Connect, connect_file


def open_database(
    path: Path, view: CaseView, *, create: bool = False, write: bool = True, connect: Connect = connect_file
) -> Store:
    """Open or make the database; the arguments and errors are those of ``open_sqlite``."""
    return open_sqlite(
        path,
        tables=(ACTIVITY, *SYNC_TABLES),
        views=(view,),
        create=create,
        read_only=not write,
        connect=connect,
    )
