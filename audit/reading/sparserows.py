"""What a ledger file keeps of single frames that came with a case, and of what proves them.

Source: docs/protocol.md, "Reading a ledger file".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from audit.reading.source import Cell, Source


class SparseRow(NamedTuple):
    """A frame that came with a case, with the bodies at its place; any value of any type."""

    log: Cell
    size: Cell
    seq: Cell
    act_id: Cell
    frame: Cell
    facts: Cell
    nonce: Cell
    personal: Cell


def sparse_rows(source: Source) -> Iterator[SparseRow]:
    """Yield the frames that came with a case, by log and by the checkpoint that proves them."""
    statement = (
        "SELECT s.log, s.size, s.seq, s.act_id, s.frame, b.facts, b.nonce, b.personal FROM sparse s "
        "LEFT JOIN bodies b ON b.log = s.log AND b.seq = s.seq ORDER BY s.log, s.size, s.seq, s.act_id"
    )
    return map(SparseRow._make, source.walk(statement, ()))


def sparse_logs(source: Source) -> list[str]:
    """Return the names of the logs of which single frames are held."""
    rows = source.rows("SELECT DISTINCT log FROM sparse ORDER BY log")
    return [log for (log,) in rows if isinstance(log, str)]


def sparse_openings(source: Source, log: str) -> list[tuple[bytes, bytes]]:
    """Return frame and facts of the first entry of a log of which single frames are held."""
    statement = (
        "SELECT s.frame, b.facts FROM sparse s JOIN bodies b ON b.log = s.log AND b.seq = s.seq "
        "WHERE s.log = ? AND s.seq = 1"
    )
    return [
        (frame, facts)
        for frame, facts in source.rows(statement, (log,), log=log, seq=1)
        if isinstance(frame, bytes) and isinstance(facts, bytes)
    ]


def sparse_proof(source: Source, log: str, size: int) -> tuple[bytes, dict[tuple[int, int], bytes]]:
    """Return the checkpoint of a size under which frames came, and hashes by first leaf and one behind.

    The checkpoint is empty when there is none.
    """
    if not source.has_table("sparse_notes") or not source.has_table("sparse_nodes"):
        return b"", {}
    place = (log, size)
    notes = source.rows("SELECT note FROM sparse_notes WHERE log = ? AND size = ?", place, log=log)
    statement = "SELECT low, high, hash FROM sparse_nodes WHERE log = ? AND size = ?"
    nodes = {
        (low, high): node
        for low, high, node in source.rows(statement, place, log=log)
        if isinstance(low, int) and isinstance(high, int) and isinstance(node, bytes)
    }
    note = notes[0][0] if notes else None
    return (note if isinstance(note, bytes) else b""), nodes
