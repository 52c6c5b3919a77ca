"""How much of a log, of another history of it or of a receipt one side holds: what two sides compare."""

from __future__ import annotations

from typing import NamedTuple

from ledger.facade.logs.opening import BRANCH_MARK
from ledger.types import LogId


class LogState(NamedTuple):
    """Size and root of a log as one side holds it: what the two sides compare."""

    log_id: LogId
    size: int
    root: bytes


class BranchState(NamedTuple):
    """How much of a divergent history one side holds; ``root`` is that over the whole of it."""

    log_id: LogId
    first_hash: bytes
    first_seq: int
    size: int
    root: bytes


class ReceiptLine(NamedTuple):
    """A cosignature on a checkpoint of a log at a size."""

    log_id: LogId
    size: int
    line: str


def branch_name(log_id: LogId, first_hash: bytes) -> str:
    """Return the name under which a divergent history is stored."""
    return f"{log_id.hex()}{BRANCH_MARK}{first_hash.hex()}"
