"""Excerpts: frames come back byte for byte at their places, and nothing false reaches the signed root."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.codec import pack_header
from ledger.errors import BanjianError, DataError, EncodingError
from ledger.formats.checkpoint import (
    Checkpoint,
    log_origin,
    open_cosignature,
    read_checkpoint,
    sign_checkpoint,
)
from ledger.formats.entry import Entry, entry_hash, sig_hash
from ledger.formats.excerpt import ExcerptContent, check_excerpt, decode_excerpt, encode_excerpt
from ledger.formats.frame import encode_frame
from ledger.formats.merkle import Tree, leaf_hash, multiproof
from ledger.hashing import CTX_ACT_ID, digest
from ledger.limits import EXCERPT_ENTRIES_MAX
from ledger.types import ActId
from tests.vectors.positive_travel import excerpt_content
from tests.vectors.spoil import flipped
from tests.vectors.world import COUNTY_RECEIPTS, Log, build_world, new_log, seed

WORLD = build_world()


def long_log(count: int) -> Log:
    """Return the village's log grown by acts of which nothing can be read."""
    log = new_log("village", "station", WORLD.village.genesis.station)
    log.frames, log.entries = list(WORLD.village.frames), list(WORLD.village.entries)
    log.facts, log.personal = list(WORLD.village.facts), list(WORLD.village.personal)
    for seq in range(len(log.frames) + 1, count + 1):
        act_raw, sig = b"no act %d" % seq, seed(f"no signature {seq}")
        entry = Entry(
            log_id=log.log_id, seq=seq, previous=entry_hash(log.entries[-1]),
            act_id=ActId(digest(CTX_ACT_ID, act_raw)), sig_hash=sig_hash(sig),
            recorded_at_ms=WORLD.now_ms + seq, boot_id=bytes(16), monotonic_ms=seq, county_seen=b"",
        ).pack()  # fmt: skip
        log.frames.append(encode_frame(act_raw, sig, entry))
        log.entries.append(entry)
        log.facts.append(b"")
        log.personal.append(b"")
    return log


def cut(log: Log, positions: tuple[int, ...], size: int) -> ExcerptContent:
    """Return an excerpt of a log at one of its sizes."""
    tree = Tree()
    nodes = {(level, index): node for level, index, node in tree.extend(map(leaf_hash, log.entries[:size]))}
    head = Checkpoint(origin=log_origin(log.log_id), size=size, root=tree.root())
    chosen = [position - 1 for position in positions]
    return ExcerptContent(
        log_id=log.log_id, checkpoint=sign_checkpoint(head, log.signer), positions=positions,
        frames=tuple(log.frames[index] for index in chosen),
        nodes=multiproof(size, chosen, lambda level, index: nodes[level, index]),
        facts=tuple(log.facts[index] for index in chosen),
        personal=tuple(log.personal[index] for index in chosen),
    )  # fmt: skip


LONG = long_log(300)


@given(
    size=st.integers(1, 300),
    others=st.sets(st.integers(2, 300), max_size=EXCERPT_ENTRIES_MAX - 1),
)
def test_any_entries_at_any_size_come_back_and_are_proven(size: int, others: set[int]) -> None:
    positions = (1, *sorted(one for one in others if one <= size))
    content = cut(LONG, positions, size)
    found = decode_excerpt(encode_excerpt(content))
    assert found == content
    checked = check_excerpt(found)
    assert (checked.genesis, checked.checkpoint.size) == (LONG.genesis, size)


def test_an_excerpt_holds_the_opening_and_256_others() -> None:
    content = cut(LONG, tuple(range(1, EXCERPT_ENTRIES_MAX + 1)), 300)
    assert check_excerpt(decode_excerpt(encode_excerpt(content))).content == content
    more = cut(LONG, tuple(range(1, EXCERPT_ENTRIES_MAX + 2)), 300)
    with pytest.raises(EncodingError, match=r"excerpt\.count"):
        encode_excerpt(more)
    with pytest.raises(EncodingError, match=r"excerpt\.count"):
        encode_excerpt(replace(content, positions=()))


def test_what_does_not_belong_together_is_not_written() -> None:
    content = excerpt_content(WORLD, WORLD.village, (1, 3))
    for change in (
        {"positions": (1, 1)}, {"positions": (2, 3)}, {"positions": (3, 1)}, {"frames": content.frames[:1]},
        {"facts": ()}, {"personal": (b"",)}, {"receipts": ("x",) * 65}, {"nodes": (bytes(32),) * 20_000},
    ):  # fmt: skip
        with pytest.raises(EncodingError, match=r"excerpt\.field"):
            encode_excerpt(replace(content, **change))
    with pytest.raises(DataError, match=r"excerpt\.checkpoint"):
        encode_excerpt(replace(content, positions=(1, 5)))
    with pytest.raises(EncodingError, match=r"frame\.field"):
        encode_excerpt(replace(content, frames=(content.frames[0], pack_header((b"act", b"entry")))))
    with pytest.raises(EncodingError, match=r"excerpt\.limit"):
        encode_excerpt(replace(content, facts=(content.facts[0], bytes(32 * 1024 * 1024))))
    with pytest.raises(EncodingError, match=r"excerpt\.limit"):
        decode_excerpt(bytes(32 * 1024 * 1024 + 1))


def holds(line: str, checkpoint: bytes) -> bool:
    """Tell whether a receipt is the county's for this checkpoint."""
    try:
        open_cosignature(
            line,
            read_checkpoint(checkpoint),
            name="banjian/receipt/990121000000-00",
            public_key=COUNTY_RECEIPTS.public_key,
        )
    except BanjianError:
        return False
    return True


def test_no_altered_byte_passes() -> None:
    """Whatever byte changes: refused, or it stands in a receipt, which proves itself or is left aside."""
    content = excerpt_content(WORLD, WORLD.village, (1, 3))
    raw = encode_excerpt(content)
    assert content.receipts == (WORLD.receipt,) and holds(content.receipts[0], content.checkpoint)
    passed = 0
    for at in range(len(raw)):
        try:
            found = check_excerpt(decode_excerpt(flipped(raw, at))).content
        except BanjianError:
            continue
        passed += 1
        assert replace(found, receipts=content.receipts) == content
        assert not any(holds(line, found.checkpoint) for line in found.receipts)
    assert passed < 200


def test_what_no_act_names_is_no_body_of_it() -> None:
    content = cut(LONG, (1, 9), 300)
    for change in ({"facts": (content.facts[0], b"\x80")}, {"personal": (b"", b"\x80")}):
        with pytest.raises(DataError, match=r"act\.facts_hash"):
            check_excerpt(replace(content, **change))


def test_two_logs_do_not_mix() -> None:
    """Neither entries of another log of the same station nor the opening of another log are taken."""
    village, registry = excerpt_content(WORLD, WORLD.village, (1, 3)), WORLD.registry
    stranger = replace(village, frames=(village.frames[0], registry.frames[2]))
    with pytest.raises(DataError, match=r"excerpt\.root"):
        check_excerpt(stranger)
    opened = replace(
        village,
        frames=(registry.frames[0], village.frames[1]),
        facts=(registry.facts[0], village.facts[1]),
    )
    with pytest.raises(DataError, match=r"excerpt\.opening"):
        check_excerpt(opened)


def test_a_station_that_logs_entries_of_another_log_is_not_believed() -> None:
    """Its own root covers them, and they still say another place."""
    village, registry = WORLD.village, WORLD.registry
    log = Log(name="village", genesis=village.genesis, signer=village.signer)
    for source in (village, registry):
        log.frames.append(source.frames[0])
        log.entries.append(source.entries[0])
        log.facts.append(source.facts[0])
        log.personal.append(b"")
    with pytest.raises(DataError, match=r"entry\.log"):
        check_excerpt(cut(log, (1, 2), 2))
