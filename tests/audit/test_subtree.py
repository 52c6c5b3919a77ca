"""Roots from batches against the tree of the formats, and holes that stay holes."""

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.reading.subtree import BATCH, BATCH_LEVEL, Forest, edge_of, join, levels_of, node_count
from ledger.formats.merkle import Tree


def leaf(number: int) -> bytes:
    return sha256(number.to_bytes(4, "big")).digest()


@pytest.mark.parametrize("size", [0, 1, 2, 7, 255, 256, 257, 511, 512, 513, 1000, 1537])
def test_root_over_batches_is_the_root_of_the_tree(size: int) -> None:
    tree = Tree()
    nodes = tree.extend(leaf(number) for number in range(size))
    forest = Forest()
    closed = []
    tail: list[bytes | None] = []
    for first in range(0, size, BATCH):
        leaves = [leaf(number) for number in range(first, min(first + BATCH, size))]
        levels = levels_of(leaves)
        if len(leaves) == BATCH:
            closed += forest.append(levels[BATCH_LEVEL][0])
        else:
            tail = edge_of(levels, len(leaves))
    assert forest.root(tail) == tree.root()
    assert sorted(closed) == sorted(node for node in nodes if node[0] >= BATCH_LEVEL)
    assert node_count(size, lowest_level=3) == sum(1 for node in nodes if node[0] >= 3)


@given(st.integers(1, 300), st.data())
def test_edge_of_a_prefix_is_the_root_of_that_prefix(size: int, data: st.DataObject) -> None:
    prefix = data.draw(st.integers(1, size))
    tree = Tree()
    tree.extend(leaf(number) for number in range(prefix))
    levels = levels_of([leaf(number) for number in range(size)])
    assert join(edge_of(levels, prefix)) == tree.root()


def test_an_unknown_leaf_leaves_every_root_above_it_unknown() -> None:
    leaves: list[bytes | None] = [leaf(number) for number in range(BATCH)]
    leaves[100] = None
    levels = levels_of(leaves)
    assert join(edge_of(levels, 100)) is not None
    assert join(edge_of(levels, 101)) is None
    forest = Forest()
    forest.append(levels[BATCH_LEVEL][0])
    assert forest.root() is None
    assert forest.append(leaf(1))[1] == (BATCH_LEVEL + 1, 0, None)
