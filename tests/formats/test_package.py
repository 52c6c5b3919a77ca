"""Packages: every kind of record comes back byte for byte, and nothing false reaches the signed root."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ledger.codec import unpack_header
from ledger.errors import DataError, EncodingError
from ledger.formats.checkpoint import Checkpoint, log_origin, sign_checkpoint
from ledger.formats.entry import Entry, entry_hash, sig_hash
from ledger.formats.frame import encode_frame, split_frame
from ledger.formats.merkle import Tree, leaf_hash
from ledger.formats.package import check_package, decode_package, encode_package
from ledger.formats.packageform import PackageContent
from ledger.hashing import CTX_ACT_ID, digest
from ledger.limits import PACKAGE_ENTRIES_MAX
from ledger.types import ActId
from tests.vectors.positive_travel import package_content
from tests.vectors.spoil import changed, flipped
from tests.vectors.world import Log, World, build_world, new_log, seed


def signed(
    log: Log, entries: list[bytes], frames: list[bytes], **fields: tuple[bytes, ...]
) -> PackageContent:
    """Return a package of whole frames whose checkpoint the log's key really signed."""
    tree = Tree()
    tree.extend(map(leaf_hash, entries))
    head = Checkpoint(origin=log_origin(log.log_id), size=tree.size, root=tree.root())
    empty = tuple(b"" for _ in frames)
    return PackageContent(
        log_id=log.log_id,
        first_seq=1,
        previous=log.genesis.genesis_hash(),
        frames=tuple(frames),
        facts=fields.get("facts", empty),
        personal=fields.get("personal", empty),
        checkpoint=sign_checkpoint(head, log.signer),
    )


def travelled(content: PackageContent, log: Log) -> PackageContent:
    """Return what arrives, after checking it against the log's key."""
    found = decode_package(encode_package(content))
    checked = check_package(found, tree=Tree(), public_key=log.genesis.log_public_key)
    assert checked.tree.size == len(content.frames)
    return found


@pytest.fixture(name="world", scope="module")
def _world() -> World:
    return build_world()


@pytest.mark.parametrize("name", ["registry", "catalogue", "village"])
def test_every_log_comes_back_byte_for_byte(world: World, name: str) -> None:
    log = getattr(world, name)
    content = package_content(world, log)
    assert travelled(content, log) == content


def test_the_tail_of_a_log_continues_the_tree_of_its_receiver(world: World) -> None:
    log = world.village
    whole = package_content(world, log)
    tail = replace(
        whole, first_seq=3, previous=entry_hash(log.entries[1]), frames=whole.frames[2:],
        facts=whole.facts[2:], personal=whole.personal[2:],
    )  # fmt: skip
    found = decode_package(encode_package(tail))
    assert found == tail
    tree = Tree()
    tree.extend(leaf_hash(entry) for entry in log.entries[:2])
    checked = check_package(found, tree=tree, public_key=log.genesis.log_public_key)
    assert checked.tree.root() == log.tree.root()
    assert tree.size == 2, "the receiver's tree is left alone"
    with pytest.raises(DataError, match=r"package\.gap"):
        check_package(found, tree=Tree(), public_key=log.genesis.log_public_key)


def test_acts_that_cannot_be_read_travel_opaque(world: World) -> None:
    """A covered act may be anything: the package carries it as it is and nothing behind it is held up."""
    log = new_log("opaque", "station", world.village.genesis.station)
    genuine = world.village.acts[1]
    acts = (b"\x90", b"not msgpack at all", changed(genuine.raw, 1, seed("another ledger")), genuine.raw)
    sigs = (b"short", genuine.sig, bytes(72), genuine.sig)
    frames, entries, previous = [], [], log.genesis.genesis_hash()
    for seq, (act, sig) in enumerate(zip(acts, sigs, strict=True), start=1):
        entry = _entry(log, seq, previous, act, sig)
        frames.append(encode_frame(act, sig, entry))
        entries.append(entry)
        previous = entry_hash(entry)
    bodies = (b"", b"", b"", world.village.facts[1])
    content = signed(log, entries, frames, facts=bodies, personal=(b"", b"", b"", world.village.personal[1]))
    assert travelled(content, log) == content


def test_entries_that_are_themselves_malformed_travel_raw(world: World) -> None:
    log = new_log("raw", "station", world.village.genesis.station)
    act = world.village.acts[1]
    good = _entry(log, 1, log.genesis.genesis_hash(), act.raw, act.sig)
    for bad in (b"\x90", changed(good, 1, bytes(16)), changed(good, 2, 7), changed(good, 4, bytes(32))):
        after = _entry(log, 3, entry_hash(bad), act.raw, act.sig)
        entries = [good, bad, after]
        frames = [encode_frame(act.raw, act.sig, entry) for entry in entries]
        content = signed(log, entries, frames)
        assert travelled(content, log) == content


def _entry(log: Log, seq: int, previous: bytes, act: bytes, sig: bytes) -> bytes:
    return Entry(
        log_id=log.log_id, seq=seq, previous=previous, act_id=ActId(digest(CTX_ACT_ID, act)),
        sig_hash=sig_hash(sig), recorded_at_ms=1_000_000 - seq, boot_id=bytes(16), monotonic_ms=seq,
        county_seen=b"",
    ).pack()  # fmt: skip


def test_bodies_that_do_not_match_are_not_hidden_by_the_refill(world: World) -> None:
    """A sender with a damaged body still sends the covered header; the receiver finds the difference."""
    log = world.village
    content = package_content(world, log)
    damaged = replace(content, facts=(flipped(content.facts[0], -1), *content.facts[1:]))
    assert travelled(damaged, log) == damaged
    kinds = unpack_header(encode_package(damaged), limit=2**25)[8]
    assert kinds == (1, 0, 0, 0)


def test_an_entry_altered_on_the_way_does_not_reach_the_root(world: World) -> None:
    log = world.village
    content = package_content(world, log)
    for index, frame in enumerate(content.frames):
        parts = split_frame(frame)
        fields = unpack_header(parts.entry_raw, limit=512)
        entry = changed(parts.entry_raw, 6, fields[6] + 1)
        frames = list(content.frames)
        frames[index] = encode_frame(parts.act_raw, parts.sig, entry)
        found = decode_package(encode_package(replace(content, frames=tuple(frames))))
        with pytest.raises(DataError, match=r"package\.root"):
            check_package(found, tree=Tree(), public_key=log.genesis.log_public_key)


def test_order_and_omission_are_found(world: World) -> None:
    log = world.village
    content = package_content(world, log)
    swapped = (content.frames[0], content.frames[2], content.frames[1], content.frames[3])
    found = decode_package(encode_package(replace(content, frames=swapped)))
    with pytest.raises(DataError, match=r"package\.root"):
        check_package(found, tree=Tree(), public_key=log.genesis.log_public_key)
    short = replace(
        content, frames=content.frames[:3], facts=content.facts[:3], personal=content.personal[:3]
    )
    with pytest.raises(DataError, match=r"package\.checkpoint"):
        encode_package(short)


def test_counts_are_bounded(world: World) -> None:
    content = package_content(world, world.village)
    for count in (0, PACKAGE_ENTRIES_MAX + 1):
        frames = (content.frames[0],) * count
        with pytest.raises(EncodingError, match=r"package\.count"):
            encode_package(replace(content, frames=frames, facts=frames, personal=frames))
    with pytest.raises(EncodingError, match=r"package\.count"):
        encode_package(replace(content, facts=content.facts[:1]))
