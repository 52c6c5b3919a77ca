"""Merkle hashes of a batch of entries, and the growing tree over batches; nothing is taken from stored rows.

A batch is a complete subtree of ``BATCH`` leaves, the last one of a log excepted. An unreadable entry leaves
its leaf and everything above it unknown (None), and what depends on it unproven.

Source: docs/protocol.md, "Tree and proofs"; RFC 6962, section 2.1.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, TypeAlias

from ledger.formats.merkle import EMPTY_ROOT, edge_nodes, node_hash

BATCH_LEVEL: Final = 8
BATCH: Final = 1 << BATCH_LEVEL
"""Entries of one batch: one unit of work for a thread."""

Known: TypeAlias = bytes | None
"""A hash, or None where bytes that it covers cannot be read."""


def levels_of(leaves: Sequence[Known]) -> list[list[Known]]:
    """Return the complete subtrees over the leaves: level 0 are the leaves, each next level half as many."""
    levels = [list(leaves)]
    while len(levels[-1]) > 1:
        below = levels[-1]
        levels.append(
            [
                None if left is None or right is None else node_hash(left, right)
                for left, right in zip(below[::2], below[1::2], strict=False)
            ]
        )
    return levels


def edge_of(levels: Sequence[Sequence[Known]], size: int) -> list[Known]:
    """Return the roots of the complete subtrees of the first ``size`` leaves, from left to right."""
    return [levels[level][index] for level, index in edge_nodes(size)]


def join(edge: Sequence[Known]) -> Known:
    """Return the root over the subtrees of an edge."""
    if not edge:
        return EMPTY_ROOT
    node = edge[-1]
    for left in reversed(edge[:-1]):
        if node is None or left is None:
            return None
        node = node_hash(left, node)
    return node


class Edge:
    """The right edge of a growing tree: roots of complete subtrees with their levels, left to right."""

    __slots__ = ("nodes",)

    def __init__(self, nodes: Iterable[tuple[int, Known]] = ()) -> None:
        self.nodes: list[tuple[int, Known]] = []
        for level, node in nodes:
            self.push(level, node)

    def push(self, level: int, node: Known) -> None:
        """Add the next subtree; two of one level become one of the next."""
        while self.nodes and self.nodes[-1][0] == level:
            _, left = self.nodes.pop()
            node = None if left is None or node is None else node_hash(left, node)
            level += 1
        self.nodes.append((level, node))

    def root(self) -> Known:
        """Return the root over everything so far."""
        return join([node for _, node in self.nodes])


class Forest:
    """The tree over complete batches: takes their roots in order and keeps only its right edge."""

    __slots__ = ("_edge", "batches")

    def __init__(self) -> None:
        self.batches = 0
        self._edge: list[Known] = []

    def append(self, root: Known) -> list[tuple[int, int, Known]]:
        """Add the root of the next batch; return (level, index, hash) of what it closed, itself first."""
        index, level, node = self.batches, BATCH_LEVEL, root
        closed = [(level, index, node)]
        while index & 1:
            left = self._edge.pop()
            node = None if left is None or node is None else node_hash(left, node)
            index >>= 1
            level += 1
            closed.append((level, index, node))
        self._edge.append(node)
        self.batches += 1
        return closed

    def root(self, tail: Sequence[Known] = ()) -> Known:
        """Return the root over all complete batches and the edge of a batch that follows."""
        return join([*self._edge, *tail])

    def edge(self, tail: Sequence[Known], size: int) -> Edge:
        """Return the edge over all complete batches and, up to a size, the edge of a batch that follows."""
        levels = [level for level, _ in edge_nodes(self.batches << BATCH_LEVEL)]
        levels += [level for level, _ in edge_nodes(size - (self.batches << BATCH_LEVEL))]
        return Edge(zip(levels, [*self._edge, *tail], strict=True))


def node_count(size: int, *, lowest_level: int) -> int:
    """Return how many complete subtrees of ``lowest_level`` and above a tree of ``size`` leaves has."""
    return sum(size >> level for level in range(lowest_level, size.bit_length()))
