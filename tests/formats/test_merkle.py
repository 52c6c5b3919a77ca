"""Trees against a naive reading of RFC 6962, with proofs of every shape."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import DataError
from ledger.formats.merkle import (
    EMPTY_ROOT,
    NodeGetter,
    Tree,
    consistency_proof,
    edge_nodes,
    inclusion_proof,
    leaf_hash,
    multiproof,
    multiproof_root,
    node_hash,
    root_at,
    verify_consistency,
    verify_inclusion,
)

# Published root of the eight-leaf test tree of Certificate Transparency.
CT_ROOT = "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"
CT_LEAVES = (
    "",
    "00",
    "10",
    "2021",
    "3031",
    "40414243",
    "5051525354555657",
    "606162636465666768696a6b6c6d6e6f",
)


def naive_root(leaves: list[bytes]) -> bytes:
    """Return the root as the recursion of RFC 6962, section 2.1, defines it."""
    if not leaves:
        return EMPTY_ROOT
    if len(leaves) == 1:
        return leaf_hash(leaves[0])
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return node_hash(naive_root(leaves[:split]), naive_root(leaves[split:]))


def grown(leaves: list[bytes]) -> tuple[Tree, NodeGetter]:
    """Return a tree and the getter of everything that it handed out."""
    tree = Tree()
    nodes = {(level, index): node for level, index, node in tree.extend(map(leaf_hash, leaves))}

    def get(level: int, index: int) -> bytes:
        return nodes[level, index]

    return tree, get


LEAVES = st.lists(st.binary(max_size=3), min_size=1, max_size=70)


def test_known_root() -> None:
    assert grown([bytes.fromhex(leaf) for leaf in CT_LEAVES])[0].root().hex() == CT_ROOT
    assert Tree().root().hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@given(leaves=LEAVES)
def test_roots_are_those_of_the_definition(leaves: list[bytes]) -> None:
    tree, get = grown(leaves)
    assert tree.root() == naive_root(leaves)
    for size in range(len(leaves) + 1):
        assert root_at(size, get) == naive_root(leaves[:size])
        reloaded = Tree.load(size, get)
        reloaded.extend(map(leaf_hash, leaves[size:]))
        assert (reloaded.size, reloaded.root()) == (tree.size, tree.root())


@given(leaves=LEAVES, data=st.data())
def test_inclusion_holds_for_the_leaf_and_for_no_other(leaves: list[bytes], data: st.DataObject) -> None:
    tree, get = grown(leaves)
    index = data.draw(st.integers(0, len(leaves) - 1))
    proof = inclusion_proof(index, tree.size, get)
    verify_inclusion(leaf_hash(leaves[index]), index, size=tree.size, proof=proof, root=tree.root())
    with pytest.raises(DataError, match=r"proof\.inclusion"):
        verify_inclusion(leaf_hash(b"other"), index, size=tree.size, proof=proof, root=tree.root())
    for position, step in enumerate(proof):
        spoilt = [*proof[:position], leaf_hash(step), *proof[position + 1 :]]
        with pytest.raises(DataError, match=r"proof\.inclusion"):
            verify_inclusion(leaf_hash(leaves[index]), index, size=tree.size, proof=spoilt, root=tree.root())


@given(leaves=LEAVES, data=st.data())
def test_consistency_holds_for_a_prefix_and_for_no_rewritten_one(
    leaves: list[bytes], data: st.DataObject
) -> None:
    tree, get = grown(leaves)
    old = data.draw(st.integers(0, len(leaves)))
    proof = consistency_proof(old, tree.size, get)
    old_root = root_at(old, get)
    verify_consistency(old, tree.size, old_root=old_root, new_root=tree.root(), proof=proof)
    if not old:
        return
    rewritten = naive_root([*leaves[: old - 1], b"rewritten"])
    with pytest.raises(DataError, match=r"proof\.consistency"):
        verify_consistency(old, tree.size, old_root=rewritten, new_root=tree.root(), proof=proof)
    with pytest.raises(DataError, match=r"proof\.consistency"):
        verify_consistency(old, tree.size, old_root=old_root, new_root=leaf_hash(b"x"), proof=proof)


def test_a_copy_is_independent() -> None:
    tree, _ = grown([b"1", b"2", b"3"])
    copy = tree.copy()
    copy.append(leaf_hash(b"4"))
    assert (tree.size, tree.root()) == (3, naive_root([b"1", b"2", b"3"]))
    assert (copy.size, copy.root()) == (4, naive_root([b"1", b"2", b"3", b"4"]))


def test_proofs_of_what_is_not_there_are_refused() -> None:
    _, get = grown([b"1", b"2"])
    for index, size in ((2, 2), (-1, 2), (0, 0)):
        with pytest.raises(DataError, match=r"proof\.range"):
            inclusion_proof(index, size, get)
    with pytest.raises(DataError, match=r"proof\.range"):
        consistency_proof(2, 1, get)


def test_edge_nodes_tile_the_tree() -> None:
    for size in range(200):
        covered = [
            leaf for level, index in edge_nodes(size) for leaf in range(index << level, (index + 1) << level)
        ]
        assert covered == list(range(size))


def naive_multiproof(low: int, leaves: list[bytes], chosen: set[int]) -> list[bytes]:
    """Return the nodes as the protocol page defines them, from the leaves themselves."""
    if not chosen.intersection(range(low, low + len(leaves))):
        return [naive_root(leaves)]
    if len(leaves) == 1:
        return []
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return naive_multiproof(low, leaves[:split], chosen) + naive_multiproof(
        low + split, leaves[split:], chosen
    )


@given(leaves=LEAVES, data=st.data())
def test_several_leaves_lead_to_the_root_and_others_do_not(leaves: list[bytes], data: st.DataObject) -> None:
    size = data.draw(st.integers(1, len(leaves)))
    chosen = data.draw(st.sets(st.integers(0, size - 1), min_size=1))
    _, get = grown(leaves)
    nodes = multiproof(size, data.draw(st.permutations(sorted(chosen))), get)
    assert list(nodes) == naive_multiproof(0, leaves[:size], chosen)
    hashes = {index: leaf_hash(leaves[index]) for index in chosen}
    root = naive_root(leaves[:size])
    assert multiproof_root(size, hashes, nodes) == root
    for index in chosen:
        assert multiproof_root(size, {**hashes, index: leaf_hash(b"other")}, nodes) != root
    for position, node in enumerate(nodes):
        spoilt = [*nodes[:position], leaf_hash(node), *nodes[position + 1 :]]
        assert multiproof_root(size, hashes, spoilt) != root
        with pytest.raises(DataError, match=r"proof\.multi"):
            multiproof_root(size, hashes, nodes[:position])
        with pytest.raises(DataError, match=r"proof\.multi"):
            multiproof_root(size, hashes, [*nodes[:position], node[:31], *nodes[position + 1 :]])
    with pytest.raises(DataError, match=r"proof\.multi"):
        multiproof_root(size, hashes, [*nodes, root])


@given(leaves=LEAVES, data=st.data())
def test_a_leaf_is_proven_for_its_own_place_alone(leaves: list[bytes], data: st.DataObject) -> None:
    numbered = [index.to_bytes(1, "big") + leaf for index, leaf in enumerate(leaves)]
    chosen = data.draw(st.sets(st.integers(0, len(leaves) - 1), min_size=1))
    moved = data.draw(st.sets(st.integers(0, len(leaves) - 1), min_size=len(chosen), max_size=len(chosen)))
    tree, get = grown(numbered)
    nodes = multiproof(tree.size, chosen, get)
    places = dict(zip(sorted(moved), (leaf_hash(numbered[index]) for index in sorted(chosen)), strict=True))
    try:
        found = multiproof_root(tree.size, places, nodes)
    except DataError as error:
        found = error.code.encode()
    assert (found == tree.root()) is (chosen == moved)


def test_a_proof_of_256_leaves_of_a_million_reads_no_more_than_its_paths() -> None:
    size, asked = 1_000_000, []

    def get(level: int, index: int) -> bytes:
        assert (index + 1) << level <= size
        asked.append((level, index))
        return leaf_hash(b"%d %d" % (level, index))

    nodes = multiproof(size, range(17, size, size // 255), get)
    # Each chosen leaf has a path of 20; the incomplete subtrees at the right edge add their parts.
    assert len(nodes) <= len(asked) <= 256 * 20 + 20
    for wrong in ((5, size), (-1, 5), ()):
        with pytest.raises(DataError, match=r"proof\.range"):
            multiproof(size, wrong, get)
