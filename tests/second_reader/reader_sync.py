"""What came from other stations, as ``docs/protocol.md`` has it: proofs of single frames, places of acts."""

from typing import Any

import reader_formats as f
from reader_formats import Entry

LATE = 1 << 63


def base_of(name: str) -> str:
    """Return the name of the log that a name is, or is another history of."""
    return name.split("~", 1)[0]


def place_rank(
    station_of_log: str, station_of_act: str, topic: str, entry: Entry | None, log: str, seq: int
) -> tuple[Any, ...]:
    """Return what orders the places of an act; its row names the lowest."""
    recorded = LATE if entry is None else entry.recorded_at_ms
    return station_of_log != station_of_act, topic == "opaque", recorded, log, seq


class Proofs:
    """The kept proofs of single frames.

    Args:
        notes: rows of ``sparse_notes``.
        nodes: rows of ``sparse_nodes``.
    """

    def __init__(self, notes: list[tuple[Any, ...]], nodes: list[tuple[Any, ...]]) -> None:
        """Sort the rows by log and size."""
        self.notes = {(log, size): note for log, size, note in notes}
        self.nodes: dict[tuple[str, int], dict[tuple[int, int], bytes]] = {}
        for log, size, low, high, node in nodes:
            self.nodes.setdefault((log, size), {})[low, high] = node

    def has_note(self, log: str, size: int) -> bool:
        """Say whether a checkpoint of this size is kept."""
        return (log, size) in self.notes

    def root(self, log: str, size: int, public_key: bytes) -> bytes:
        """Return the root that the kept checkpoint states.

        Raises:
            Refused: it is none of this log and size.
        """
        signed, root = f.verify_checkpoint(self.notes[log, size], f"banjian/log/{base_of(log)}", public_key)
        if signed != size:
            raise f.Refused("checkpoint.row")
        return root

    def proves(self, log: str, size: int, seq: int, leaf: bytes, root: bytes) -> bool:
        """Say whether a leaf leads to a root: from the leaf upward, range by range."""
        nodes = self.nodes.get((log, size), {})
        if not 1 <= seq <= size:
            return False
        node = f.leaf_hash(leaf)
        for low, high in reversed(ways(seq - 1, size)):
            if high - low > 1:
                left, right = (nodes.get(half) for half in split(low, high))
                if left is None or right is None:
                    return False
                node = f.node_hash(left, right)
            if nodes.get((low, high)) != node:
                return False
        return node == root


def split(low: int, high: int) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return the two ranges that a range of leaves is made of."""
    middle = low + (1 << ((high - low - 1).bit_length() - 1))
    return (low, middle), (middle, high)


def ways(index: int, size: int) -> list[tuple[int, int]]:
    """Return the ranges from all leaves down to one."""
    found = [(0, size)]
    while found[-1][1] - found[-1][0] > 1:
        left, right = split(*found[-1])
        found.append(left if index < left[1] else right)
    return found
