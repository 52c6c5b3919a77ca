"""What the program did, one JSON line each: commands that sign or fail, and what goes wrong on the network.

Ids, codes, durations; no person.

A log that cannot be written never stops a case: the signed record is elsewhere.
"""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

LOG_FOLDER = "log"
LOG_NAME = "banjian.log"
SIZE_MAX = 4 << 20
Field = str | int


def write_event(folder: Path, event: str, *, at_ms: int, **fields: Field) -> None:
    """Append an event to an installation's log; a full log moves aside once, the one before it goes.

    Args:
        folder: the installation folder; nothing happens where it does not exist.
        event: ``ran`` or ``refused`` for a command, ``network``.
        at_ms: when.
        fields: ids, codes, counts, durations; never personal data.
    """
    if not folder.is_dir():
        return
    with suppress(OSError):
        path = folder / LOG_FOLDER / LOG_NAME
        path.parent.mkdir(exist_ok=True)
        if path.exists() and path.stat().st_size > SIZE_MAX:
            path.replace(path.with_suffix(".log.1"))
        with path.open("a", encoding="utf-8") as file:
            # One line is all that a command logs: a library for it took a fifth of the command to import.
            file.write(json.dumps({"event": event, "at_ms": at_ms, **fields}, sort_keys=True) + "\n")
