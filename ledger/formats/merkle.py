"""Merkle trees of RFC 6962: append, roots, inclusion and consistency proofs.

The tree keeps only its right edge. Each append hands out the complete subtrees that it closed, so that a
store keeps them; roots and proofs read them back through a getter. Node ``(level, index)`` is the hash of the
complete subtree over the leaves ``index * 2**level`` up to ``(index + 1) * 2**level``; level 0 are the leaf
hashes.

Source: docs/protocol.md, "Tree and proofs" and "Proof of several leaves"; RFC 6962, section 2.1; RFC 9162,
sections 2.1.3.2 and 2.1.4.2.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from typing import TypeAlias

from ledger.errors import DataError
from ledger.limits import PROOF_HASHES_MAX, TREE_SIZE_MAX

NodeGetter: TypeAlias = Callable[[int, int], bytes]
"""Returns the 32-byte hash of the complete subtree at (level, index)."""
RangeHash: TypeAlias = Callable[[int, int], bytes]
"""Returns the 32-byte hash over the leaves of a subtree, complete or at the right edge."""
Node: TypeAlias = tuple[int, int, bytes]
"""Level, index, 32-byte hash."""

EMPTY_ROOT = sha256(b"").digest()


def leaf_hash(data: bytes) -> bytes:
    """Return the hash of a leaf, 32 bytes."""
    return sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of an inner node, 32 bytes."""
    return sha256(b"\x01" + left + right).digest()


class Tree:
    """The right edge of an append-only tree."""

    __slots__ = ("_edge", "size")

    def __init__(self) -> None:
        self.size = 0
        # Roots of the complete subtrees from left to right: one for each set bit of the size.
        self._edge: list[bytes] = []

    @classmethod
    def load(cls, size: int, get: NodeGetter) -> Tree:
        """Return the tree of a size whose complete subtrees are stored."""
        tree = cls()
        tree.size = size
        tree._edge = [get(level, index) for level, index in edge_nodes(size)]
        return tree

    def copy(self) -> Tree:
        """Return an independent copy: to try an append that may be refused."""
        tree = Tree()
        tree.size = self.size
        tree._edge = list(self._edge)
        return tree

    def append(self, hashed_leaf: bytes) -> list[Node]:
        """Add a leaf by its hash and return the complete subtrees that this closed, the leaf first."""
        return self.extend((hashed_leaf,))

    def extend(self, hashed_leaves: Iterable[bytes]) -> list[Node]:
        """Add leaves and return all complete subtrees that this closed."""
        closed: list[Node] = []
        edge = self._edge
        for node in hashed_leaves:
            index, level = self.size, 0
            closed.append((0, index, node))
            while index & 1:
                node = node_hash(edge.pop(), node)
                index >>= 1
                level += 1
                closed.append((level, index, node))
            edge.append(node)
            self.size += 1
        return closed

    def root(self) -> bytes:
        """Return the root over all leaves, 32 bytes."""
        return _hash_edge(self._edge) if self._edge else EMPTY_ROOT


def edge_nodes(size: int) -> list[tuple[int, int]]:
    """Return (level, index) of the complete subtrees that make up a tree, from left to right."""
    nodes: list[tuple[int, int]] = []
    done = 0
    for level in range(size.bit_length() - 1, -1, -1):
        if size >> level & 1:
            nodes.append((level, done >> level))
            done += 1 << level
    return nodes


def root_at(size: int, get: NodeGetter) -> bytes:
    """Return the root over the first ``size`` leaves."""
    return Tree.load(size, get).root()


def inclusion_proof(index: int, size: int, get: NodeGetter) -> list[bytes]:
    """Return the hashes that lead from leaf ``index`` (from 0) to the root of the first ``size`` leaves.

    Raises:
        DataError: ``proof.range`` when the leaf is not in the tree.
    """
    if not 0 <= index < size:
        raise DataError("proof.range", first=index, second=size)
    path: list[bytes] = []
    low, high = 0, size
    while high - low > 1:
        middle = middle_of(low, high)
        if index < middle:
            path.append(_range_hash(middle, high, get))
            high = middle
        else:
            path.append(_range_hash(low, middle, get))
            low = middle
    path.reverse()
    return path


def verify_inclusion(
    hashed_leaf: bytes, index: int, *, size: int, proof: Sequence[bytes], root: bytes
) -> None:
    """Check that a leaf stands at ``index`` (from 0) under a root of ``size`` leaves.

    Raises:
        DataError: ``proof.inclusion`` when it does not follow.
    """
    if not 0 <= index < size <= TREE_SIZE_MAX or len(proof) > PROOF_HASHES_MAX:
        raise DataError("proof.inclusion")
    first, last, node = index, size - 1, hashed_leaf
    for step in proof:
        if len(step) != 32 or last == 0:
            raise DataError("proof.inclusion")
        if first & 1 or first == last:
            node = node_hash(step, node)
            while not first & 1 and first:
                first >>= 1
                last >>= 1
        else:
            node = node_hash(node, step)
        first >>= 1
        last >>= 1
    if last or node != root:
        raise DataError("proof.inclusion")


def consistency_proof(old_size: int, new_size: int, get: NodeGetter) -> list[bytes]:
    """Return the hashes that show the tree of ``old_size`` leaves to be a prefix of that of ``new_size``.

    The proof from 0, and from a size to itself, is empty.

    Raises:
        DataError: ``proof.range`` when the old size is the larger one.
    """
    if not 0 <= old_size <= new_size:
        raise DataError("proof.range", first=old_size, second=new_size)
    if old_size in (0, new_size):
        return []
    path: list[bytes] = []
    low, high, whole = 0, new_size, True
    while high != old_size:
        middle = middle_of(low, high)
        if old_size <= middle:
            path.append(_range_hash(middle, high, get))
            high = middle
        else:
            path.append(_range_hash(low, middle, get))
            low, whole = middle, False
    if not whole:
        path.append(_range_hash(low, high, get))
    path.reverse()
    return path


def verify_consistency(
    old_size: int, new_size: int, *, old_root: bytes, new_root: bytes, proof: Sequence[bytes]
) -> None:
    """Check that one tree is a prefix of another.

    Raises:
        DataError: ``proof.consistency`` when it does not follow.
    """
    if not 0 <= old_size <= new_size <= TREE_SIZE_MAX or len(proof) > PROOF_HASHES_MAX:
        raise DataError("proof.consistency")
    if any(len(step) != 32 for step in proof):
        raise DataError("proof.consistency")
    if old_size == new_size or old_size == 0:
        known = EMPTY_ROOT if old_size == 0 else new_root
        if proof or old_root != known or (new_size == 0 and new_root != EMPTY_ROOT):
            raise DataError("proof.consistency")
        return
    if not _consistent(old_size, new_size, old_root, new_root, proof):
        raise DataError("proof.consistency")


def multiproof(size: int, indexes: Iterable[int], get: NodeGetter) -> tuple[bytes, ...]:
    """Return the hashes that lead from chosen leaves to the root of the first ``size`` leaves.

    From left to right, the root of every largest subtree that holds no chosen leaf.

    Args:
        size: leaves of the tree.
        indexes: the chosen leaves, from 0, in any order.
        get: returns complete subtrees.

    Raises:
        DataError: ``proof.range`` when a leaf is not in the tree or none is chosen.
    """
    return multiproof_over(size, indexes, lambda low, high: _range_hash(low, high, get))


def multiproof_over(size: int, indexes: Iterable[int], range_hash: RangeHash) -> tuple[bytes, ...]:
    """Return what ``multiproof`` returns, from hashes over ranges of leaves instead of complete subtrees.

    Args:
        size: leaves of the tree.
        indexes: the chosen leaves, from 0, in any order.
        range_hash: returns the hash over the leaves of a subtree: its first leaf, the one behind it.

    Raises:
        DataError: ``proof.range`` when a leaf is not in the tree or none is chosen.
    """
    chosen = sorted(set(indexes))
    if not chosen or chosen[0] < 0 or chosen[-1] >= size:
        raise DataError("proof.range", first=chosen[0] if chosen else 0, second=size)
    nodes: list[bytes] = []

    def walk(low: int, high: int, first: int, last: int) -> None:
        if first == last:
            nodes.append(range_hash(low, high))
        elif high - low > 1:
            middle = middle_of(low, high)
            right = bisect_left(chosen, middle, first, last)
            walk(low, middle, first, right)
            walk(middle, high, right, last)

    walk(0, size, 0, len(chosen))
    return tuple(nodes)


def multiproof_root(
    size: int,
    leaves: Mapping[int, bytes],
    nodes: Sequence[bytes],
    *,
    ranges: dict[tuple[int, int], bytes] | None = None,
) -> bytes:
    """Return the root of a tree that chosen leaves and the nodes of their proof make up.

    The leaves stand at these places of a tree of this size if, and only if, that is the root of such a tree.

    Args:
        size: leaves of the tree.
        leaves: the hash of each chosen leaf by its index, from 0.
        nodes: what ``multiproof`` returned.
        ranges: takes the hash over every range of leaves on the way, enough to prove fewer leaves to others.

    Raises:
        DataError: ``proof.multi`` without leaves, with one outside the tree, or when a node is missing, left
            over or of another length.
    """
    chosen = sorted(leaves)
    if not chosen or chosen[0] < 0 or not chosen[-1] < size <= TREE_SIZE_MAX:
        raise DataError("proof.multi")
    rest = iter(nodes)

    def walk(low: int, high: int, first: int, last: int) -> bytes:
        if first == last:
            found = _next_node(rest)
        elif high - low == 1:
            found = leaves[low]
        else:
            middle = middle_of(low, high)
            right = bisect_left(chosen, middle, first, last)
            left_root = walk(low, middle, first, right)
            found = node_hash(left_root, walk(middle, high, right, last))
        if ranges is not None:
            ranges[low, high] = found
        return found

    root = walk(0, size, 0, len(chosen))
    if next(rest, None) is not None:
        raise DataError("proof.multi")
    return root


def middle_of(low: int, high: int) -> int:
    """Return where the range of two leaves or more, from ``low`` up to ``high``, is split in a tree.

    On the left lies the largest power of two that leaves something on the right.
    """
    return low + (1 << ((high - low - 1).bit_length() - 1))


def _next_node(rest: Iterator[bytes]) -> bytes:
    node = next(rest, b"")
    if len(node) != 32:
        raise DataError("proof.multi")
    return node


def _consistent(
    old_size: int, new_size: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]
) -> bool:
    """RFC 9162, section 2.1.4.2, for 0 < old size < new size."""
    steps = list(proof)
    if old_size & (old_size - 1) == 0:
        steps.insert(0, old_root)
    if not steps:
        return False
    first, last = old_size - 1, new_size - 1
    while first & 1:
        first >>= 1
        last >>= 1
    old_node = new_node = steps[0]
    for step in steps[1:]:
        if last == 0:
            return False
        if first & 1 or first == last:
            old_node = node_hash(step, old_node)
            new_node = node_hash(step, new_node)
            while not first & 1 and first:
                first >>= 1
                last >>= 1
        else:
            new_node = node_hash(new_node, step)
        first >>= 1
        last >>= 1
    return last == 0 and old_node == old_root and new_node == new_root


def _range_hash(low: int, high: int, get: NodeGetter) -> bytes:
    """Return the hash over the leaves from ``low`` to ``high``; ``low`` is aligned to the range."""
    return _hash_edge([get(level, (low >> level) + index) for level, index in edge_nodes(high - low)])


def _hash_edge(roots: Sequence[bytes]) -> bytes:
    """Return the hash over complete subtrees that stand side by side, from left to right."""
    node = roots[-1]
    for left in reversed(roots[:-1]):
        node = node_hash(left, node)
    return node
