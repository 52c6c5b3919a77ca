"""``banjian database``: a county's ledger moves into PostgreSQL; its tables are kept complete there."""

from __future__ import annotations

from pathlib import Path

from ledger.facade.base.home import one_line
from ledger.facade.opened.moving import complete_postgres, move_to_postgres
from stations.cli.call import Call
from stations.cli.grammar import Param, Spec
from stations.unreadable import read_named


def move(call: Call, *, file: str, owner_url_file: str | None) -> int:
    """Bring the ledger from its file into PostgreSQL and go on there, in the same logs."""
    home = call.home()
    call.config()
    owner_url = read_url(owner_url_file) if owner_url_file else ""
    count = move_to_postgres(home, read_url(file), owner_url=owner_url)
    call.line(call.say("database.moved", count=count, file=home.moved_path))
    call.emit({"frames": count, "left": str(home.moved_path)})
    call.hint("database.next", file=home.moved_path)
    return 0


def complete(call: Call, *, file: str) -> int:
    """Make the tables that an upgrade brings, as their owner."""
    home = call.home()
    complete_postgres(home, read_url(file))
    call.line(call.say("database.completed"))
    call.emit({"ok": True})
    return 0


def read_url(name: str) -> str:
    """Return the connection string that a file holds: on a command line every user of the machine sees it.

    Raises:
        StoreError: ``home.unreadable``.
        ConfigError: ``home.database_url``.
    """
    path = Path(name)
    return one_line(read_named(path), path)


SPECS = (
    Spec(
        path=("database", "move"),
        run=move,
        params=(Param(name="FILE", required=True), Param(name="owner-url-file")),
        group="keep",
    ),
    Spec(
        path=("database", "complete"),
        run=complete,
        params=(Param(name="FILE", required=True),),
        group="keep",
    ),
)
