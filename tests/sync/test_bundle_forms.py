"""The pieces of bundles by themselves: vectors, and what no reader may take."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path

import pytest

from ledger.codec import pack_header
from ledger.errors import EncodingError
from ledger.facade.transfer.feeds import START, FeedPlace
from ledger.formats.bundle import BundleHeader, Section, open_part, pack_manifest, seal_part
from ledger.formats.checkpoint import open_cosignature, read_checkpoint, receipt_name
from ledger.types import ActId, CaseId, KeyId, StationId
from sync.core.messages import decode_county, decode_hello
from sync.stick.bundleforms import (
    FEED_ITEMS_MAX,
    FeedSection,
    compressed,
    decode_feed,
    file_name,
    is_ours,
    plain,
)
from sync.stick.stickattach import attached_point, decode_attached, decode_piece
from tests.vectors.generate import FOLDER
from tests.vectors.positive import BUNDLE_SEED, x25519_public
from tests.vectors.positive_travel import bundle_parts
from tests.vectors.world import build_world

CASE, OTHER = CaseId(bytes(16)), CaseId(b"\x01" * 16)
ACT = ActId(b"\x02" * 32)


def payloads() -> dict[str, bytes]:
    held = json.loads((Path(FOLDER) / "bundle_sections.json").read_text(encoding="utf-8"))
    return {one["kind"]: bytes.fromhex(one["payload"]) for one in held["sections"]}


def test_the_vectors_read_and_pack_again() -> None:
    held = json.loads((Path(FOLDER) / "bundle_sections.json").read_text(encoding="utf-8"))
    feed = decode_feed(payloads()["feed"])
    assert [place.chain.hex() for place in feed.places] == held["feed_chain"]
    assert [[case.hex(), act.hex()] for case, act in feed.items] == held["feed_items"]
    hello = decode_hello(payloads()["hello"])
    assert hello.pack() == payloads()["hello"] and hello.feed == feed.places[-1]
    assert decode_county(payloads()["county"]).note
    assert read_checkpoint(payloads()["checkpoint"]).size > 0


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ((2, 0, START, ((CASE, (ACT,)),)), "version"),
        ((1, 0, START), "version"),
        ((1, "0", START, ((CASE, (ACT,)),)), "start"),
        ((1, 0, START[:31], ((CASE, (ACT,)),)), "start"),
        ((1, 0, START, ()), "items"),
        ((1, 0, START, ((CASE, ()),)), "items"),
        ((1, 0, START, ((CASE, (ACT[:31],)),)), "items"),
        ((1, 0, START, ((CASE[:15], (ACT,)),)), "items"),
        ((1, 0, START, ((CASE, (ACT,)), (CASE, (ACT,)))), "items"),
        ((1, 0, START, tuple((CASE, (ACT,) * 300) for _ in range(4))), "items"),
    ],
)
def test_a_feed_that_no_reader_takes(fields: tuple[object, ...], field: str) -> None:
    with pytest.raises(EncodingError) as caught:
        decode_feed(pack_header(fields))  # type: ignore[arg-type]
    assert (caught.value.code, caught.value.params["field"]) == ("bundle.feed", field)


def test_a_full_feed_section_fits_its_limit() -> None:
    items = tuple((CaseId(bytes((n % 2,)) * 16), ACT) for n in range(FEED_ITEMS_MAX))
    feed = FeedSection(start=FeedPlace(number=7, chain=START), items=items)
    assert decode_feed(feed.pack()).places[-1].number == 7 + FEED_ITEMS_MAX


def test_compression_only_where_it_helps() -> None:
    assert compressed("package", b"\x00" * 1000).encoding == "zstd"
    assert compressed("package", b"\x01\x02").encoding == ""
    assert plain(compressed("package", b"\x00" * 1000)) == b"\x00" * 1000
    short = compressed("package", b"\x00" * 1000).payload
    for torn in (short[:-1], short + b"\x00", b""):
        with pytest.raises(EncodingError, match=r"bundle\.compression"):
            plain(Section(kind="package", encoding="zstd", payload=torn))


def test_a_manifest_lists_the_compressed_bytes_before_they_are_sealed() -> None:
    header, manifest, _ = bundle_parts(build_world())
    payload = b"\x00" * 1000
    section = compressed("package", payload)
    raw = seal_part(header, manifest, sections=[section], public_key=x25519_public(BUNDLE_SEED))
    opened = open_part(raw, BUNDLE_SEED)
    assert opened.listed == (("package", len(section.payload)),) and len(section.payload) < len(payload)
    assert sha256(section.payload).digest() in pack_manifest(manifest, [section])
    assert sha256(payload).digest() not in pack_manifest(manifest, [section])
    assert plain(next(opened.sections)) == payload


def test_names() -> None:
    header = BundleHeader(
        receiver=StationId("990121001000-00"), receiver_key=KeyId(bytes(16)), bundle_id=b"\xab" * 16, part=2,
        parts=11,
    )  # fmt: skip
    name = file_name(header, 1_772_416_800_000)
    assert name == "banjian-990121001000-00-20260302-abababababab-2of11.bundle" and is_ours(name)
    for foreign in (name + ".lnk", "." + name, name.upper(), name.replace("-2of", "-of"), "banjian.bundle"):
        assert not is_ours(foreign)


def test_the_vectors_of_attachments_on_sticks_read_and_pack_again() -> None:
    held = json.loads((Path(FOLDER) / "stick_attachments.json").read_text(encoding="utf-8"))
    (raw,) = (bytes.fromhex(one) for one in held["attachment"])
    piece = decode_piece(raw)
    assert piece.pack() == raw and (piece.hash.hex(), piece.index) == (held["hash"], 1)
    told = decode_attached(bytes.fromhex(held["attached"]))
    assert told.pack() == bytes.fromhex(held["attached"]) and piece.hash in told.whole
    point = attached_point(held["receiver"], told.whole)
    key = bytes.fromhex(held["receipt_public_key"])
    open_cosignature(told.line, point, name=receipt_name(held["sender"]), public_key=key)
