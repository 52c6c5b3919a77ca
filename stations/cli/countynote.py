"""``banjian county note`` and ``county accept``: the county's newest checkpoint, carried and accepted.

After a restore the county asks its stations how far they have seen its merge log, and a station may have seen
what the county can prove no more: then people look into it, and decide.
"""

from __future__ import annotations

from pathlib import Path

from ledger.errors import ConfigError, RuleError
from ledger.facade.peering.between import accept_county_note, county_note, note_to_accept
from ledger.formats.checkpoint import LOG_ORIGIN_PREFIX, read_checkpoint
from stations.cli.call import Call
from stations.cli.session import exchanging, reading
from stations.unreadable import read_named


def write_note(call: Call, *, out: str) -> int:
    """Write the newest county checkpoint that is held here into a file."""
    path = Path(out)
    with reading(call, whole=False) as ledger:
        note = county_note(ledger)
    if note is None:
        raise RuleError("county.note_none")
    try:
        path.write_bytes(note)
    except OSError as error:
        raise ConfigError("cli.file", path=str(path)) from error
    _tell(call, "county.note_written", note, file=str(path))
    return 0


def accept_note(call: Call, *, file: str | None, yes: bool) -> int:
    """Go on from a county checkpoint that nothing proves, after people have looked into it."""
    if file is None:
        with reading(call, whole=False) as ledger:
            note = note_to_accept(ledger)
    else:
        note = read_named(Path(file))
    if not yes:
        log, size = _place(note)
        raise ConfigError("county.accept_confirm", log=log[:8], size=size)
    with exchanging(call) as held:
        if held is None:
            from stations.cli.remote import accept_note_remote

            accept_note_remote(call.home(), note)
        else:
            accept_county_note(held, note)
    _tell(call, "county.note_accepted", note)
    return 0


def _tell(call: Call, key: str, note: bytes, *, file: str = "") -> None:
    log, size = _place(note)
    call.line(call.say(key, log=log[:8], size=size, file=file))
    call.emit({"merge_log": log, "size": size, "file": file})


def _place(note: bytes) -> tuple[str, int]:
    point = read_checkpoint(note)
    return point.origin.removeprefix(LOG_ORIGIN_PREFIX), point.size
