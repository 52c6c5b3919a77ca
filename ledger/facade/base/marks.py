"""What is kept in small, read with the care that somebody may have changed it on this disk."""

from __future__ import annotations

from ledger.errors import EncodingError
from ledger.facade.base.synctables import SYNC_MARKS
from ledger.formats.checkpoint import Checkpoint, read_checkpoint
from ledger.limits import MOMENT_MS_MAX
from ledger.store.contract import ReadTx
from ledger.store.tables import Cell


def kept_text(tx: ReadTx, name: str) -> str:
    """Return what is kept under a name; "" for nothing."""
    row = tx.get(SYNC_MARKS, (name,))
    return row[1] if row is not None and isinstance(row[1], str) else ""


def kept_number(tx: ReadTx, name: str, *, unreadable: int = 0) -> int:
    """Return the milliseconds that are kept under a name; 0 for nothing.

    Args:
        tx: a consistent view.
        name: of the mark.
        unreadable: what stands for a text that is no such number.
    """
    text = kept_text(tx, name)
    if not text:
        return 0
    try:
        number = int(text)
    except ValueError:
        return unreadable
    return number if abs(number) <= MOMENT_MS_MAX else unreadable


def kept_checkpoint(note: Cell) -> Checkpoint | None:
    """Return what a stored note says; None for one that is none."""
    try:
        return read_checkpoint(note) if isinstance(note, bytes) else None
    except EncodingError:
        return None
