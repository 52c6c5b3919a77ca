"""Records: whatever is altered in them is found, and foreign bytes never do more than raise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.codec import HeaderValue, pack_body, unpack_body, unpack_header
from ledger.errors import AuthorityError, BanjianError, DataError, EncodingError
from ledger.formats.act import Act, ActHeader, decode_act, new_act, verify_act
from ledger.formats.body import check_facts, check_personal, new_body, open_body
from ledger.formats.bundle import open_part, read_bundle_header
from ledger.formats.checkpoint import open_checkpoint, read_checkpoint
from ledger.formats.entry import decode_entry
from ledger.formats.envelope import KdfParams, open_key, read_envelope, seal_key
from ledger.formats.frame import decode_frame, encode_frame
from ledger.formats.genesis import decode_ledger_genesis, decode_log_genesis, ledger_id, log_id
from ledger.formats.invite import check_expiry, decode_invite, encode_invite
from ledger.formats.merge import FrameLeaf, HeadLeaf, decode_merge_leaf
from ledger.formats.note import parse_note
from ledger.formats.package import decode_package
from ledger.limits import (
    ACT_BYTES_MAX,
    BODY_ITEMS_MAX,
    FACTS_BYTES_MAX,
    PUBLISHED_FACTS_BYTES_MAX,
    facts_bytes_max,
)
from ledger.types import ActId, CaseId, Facts
from tests.vectors.generate import stored_bundle
from tests.vectors.positive import BUNDLE_SEED
from tests.vectors.positive_travel import new_invite
from tests.vectors.spoil import changed, flipped
from tests.vectors.world import CLERK, LEDGER, LEDGER_ID, REGISTRAR, build_world

WORLD = build_world()
VILLAGE = WORLD.village
LOG_KEY = VILLAGE.genesis.log_public_key


def other(value: HeaderValue) -> HeaderValue:
    """Return another value of the same type."""
    if isinstance(value, int):
        return value + 1
    if isinstance(value, bytes):
        return flipped(value, 0) if value else b"x"
    if isinstance(value, str):
        return value[:-1] + ("0" if value[-1:] != "0" else "1")
    return tuple(other(item) for item in value) if value else ((bytes(32), 1),)


def altered(raw: bytes) -> list[bytes]:
    """Return the header once for each field, with that field altered."""
    fields = unpack_header(raw, limit=2**25)
    return [changed(raw, index, other(field)) for index, field in enumerate(fields)]


@pytest.mark.parametrize("act", VILLAGE.acts, ids=lambda act: act.header.action)
def test_every_altered_field_of_an_act_breaks_its_signature(act: Act) -> None:
    verify_act(act.raw, act.sig, CLERK.public_key)
    spoilt = altered(act.raw)
    assert len(spoilt) == 15
    for raw in spoilt:
        with pytest.raises(DataError, match=r"act\.signature"):
            verify_act(raw, act.sig, CLERK.public_key)


def test_every_altered_field_of_an_entry_changes_its_frame_or_its_leaf() -> None:
    frame = decode_frame(VILLAGE.frames[1])
    spoilt = altered(frame.entry_raw)
    assert len(spoilt) == 10
    for raw in spoilt:
        assert raw != frame.entry_raw
        try:
            found = decode_frame(encode_frame(frame.act.raw, frame.act.sig, raw))
        except DataError:
            continue
        # What still decodes is another leaf: the signed root finds it (test_package.py).
        assert found.entry != frame.entry


def test_every_altered_field_of_a_genesis_is_malformed_or_gives_another_id() -> None:
    ledger, log = LEDGER.pack(), VILLAGE.genesis.pack()
    for raw in altered(ledger):
        assert _refused(decode_ledger_genesis, raw) or ledger_id(raw) != LEDGER_ID
    for raw in altered(log):
        assert _refused(decode_log_genesis, raw) or log_id(raw) != VILLAGE.log_id


def test_every_altered_field_of_an_invite_is_found() -> None:
    packed = new_invite().pack()
    genuine = encode_invite(new_invite(), REGISTRAR)
    sig = unpack_header(genuine, limit=2**16)[1]
    for content in altered(packed):
        assert _refused(decode_invite, changed(changed(genuine, 0, content), 1, sig))


def test_every_altered_field_of_an_envelope_is_found() -> None:
    blob = seal_key(
        bytes(range(32)), "pass", salt=bytes(16), nonce=bytes(12), label="C1",
        params=KdfParams(memory_kib=8192, iterations=1, lanes=1),
    )  # fmt: skip
    assert open_key(blob, "pass").seed == bytes(range(32))
    inner = unpack_header(blob, limit=4096)[0]
    for spoilt in altered(inner):
        with pytest.raises((DataError, AuthorityError)):
            open_key(changed(blob, 0, spoilt), "pass")


def test_every_flipped_bit_of_a_frame_is_found() -> None:
    raw = VILLAGE.frames[2]
    frame = decode_frame(raw)
    for position in range(len(raw)):
        for bit in range(8):
            spoilt = raw[:position] + bytes((raw[position] ^ 1 << bit,)) + raw[position + 1 :]
            try:
                found = decode_frame(spoilt)
            except DataError:
                continue
            # Only fields of the entry besides its pins may decode: they are covered by the signed root.
            assert found.act == frame.act
            assert found.entry != frame.entry


def test_every_flipped_bit_of_a_body_is_found() -> None:
    act, raw = VILLAGE.acts[1], VILLAGE.personal[1]
    assert check_personal(act.header, raw)["note"] == "老人，子女代办"
    for position in range(len(raw)):
        for bit in range(8):
            spoilt = raw[:position] + bytes((raw[position] ^ 1 << bit,)) + raw[position + 1 :]
            with pytest.raises(DataError, match=r"act\.personal_hash"):
                check_personal(act.header, spoilt)


def test_every_flipped_bit_of_a_checkpoint_is_found() -> None:
    note = VILLAGE.note()
    origin = read_checkpoint(note).origin
    genuine = open_checkpoint(note, origin, LOG_KEY)
    for position in range(len(note)):
        for bit in range(8):
            spoilt = note[:position] + bytes((note[position] ^ 1 << bit,)) + note[position + 1 :]
            with pytest.raises(DataError):
                open_checkpoint(spoilt, origin, LOG_KEY)
    assert open_checkpoint(note, origin, LOG_KEY) == genuine


def test_merge_leaves_return_what_was_packed() -> None:
    for raw in WORLD.merge_leaves:
        leaf = decode_merge_leaf(raw)
        assert isinstance(leaf, FrameLeaf | HeadLeaf)
        assert leaf.pack() == raw
        for spoilt in altered(raw)[1:]:
            assert decode_merge_leaf(spoilt) != leaf


def test_nothing_is_signed_that_nobody_would_take() -> None:
    header = VILLAGE.acts[1].header
    with pytest.raises(EncodingError) as caught:
        new_act(header._replace(action="Receive"), CLERK)
    assert (caught.value.code, caught.value.params["field"]) == ("act.field", "action")
    with pytest.raises(DataError, match=r"act\.actor"):
        new_act(header, REGISTRAR)
    with pytest.raises(EncodingError, match=r"body\.salt"):
        new_body({"salt": bytes(16)}, bytes(16))
    with pytest.raises(EncodingError, match=r"body\.salt"):
        new_body({}, bytes(8))


def test_published_facts_may_be_larger() -> None:
    assert facts_bytes_max("publish_items") == PUBLISHED_FACTS_BYTES_MAX
    assert facts_bytes_max("receive") == facts_bytes_max("republish_items") == FACTS_BYTES_MAX
    header = VILLAGE.acts[0].header._replace(facts_len=FACTS_BYTES_MAX + 1)
    assert decode_act(header._replace(action="publish_items").pack()).facts_len == FACTS_BYTES_MAX + 1
    with pytest.raises(EncodingError, match="facts_len"):
        decode_act(header.pack())


def test_a_short_published_body_may_have_as_many_elements_as_a_long_one() -> None:
    unsalted: Facts = {"withdrawn": [""] * (BODY_ITEMS_MAX + 1)}
    raw = new_body(unsalted, bytes(16))
    assert len(raw) < FACTS_BYTES_MAX
    assert open_body(raw, limit_bytes=facts_bytes_max("publish_items")) == unsalted
    with pytest.raises(EncodingError, match=r"encoding\.malformed"):
        open_body(raw, limit_bytes=facts_bytes_max("receive"))


def test_the_largest_act_fits_its_limit() -> None:
    header = VILLAGE.acts[1].header._replace(
        case_id=CaseId(bytes(16)),
        parents=tuple(ActId(bytes((number,)) * 32) for number in range(1, 9)),
        action="a" * 48,
        attachments=tuple((bytes((number,)) * 32, 2**30) for number in range(32)),
    )
    assert decode_act(header.pack()) == ActHeader(*header)
    assert len(header.pack()) < ACT_BYTES_MAX


def test_an_invite_is_over_after_its_last_millisecond() -> None:
    invite = new_invite()
    check_expiry(invite, now_ms=invite.expires_at_ms)
    with pytest.raises(AuthorityError, match=r"invite\.expired"):
        check_expiry(invite, now_ms=invite.expires_at_ms + 1)
    with pytest.raises(DataError, match=r"invite\.signature"):
        encode_invite(replace(invite, registrar_public_key=CLERK.public_key), REGISTRAR)


VALUES: st.SearchStrategy[object] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.text(max_size=40)
    | st.binary(max_size=40),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@given(body=st.dictionaries(st.text(max_size=8), VALUES, max_size=5))
def test_bodies_come_back_as_they_went(body: Facts) -> None:
    try:
        raw = pack_body(body)
    except EncodingError as error:
        assert error.code == "encoding.depth"
        return
    found = unpack_body(raw, limit_bytes=FACTS_BYTES_MAX)
    assert found == body
    assert pack_body(dict(reversed(list(found.items())))) == raw
    for position in range(len(raw)):
        spoilt = flipped(raw, position)
        if not _refused(lambda data: unpack_body(data, limit_bytes=FACTS_BYTES_MAX), spoilt):
            assert pack_body(unpack_body(spoilt, limit_bytes=FACTS_BYTES_MAX)) == spoilt


READERS: dict[str, Callable[[bytes], object]] = {
    "act": decode_act,
    "entry": decode_entry,
    "frame": decode_frame,
    "ledger genesis": decode_ledger_genesis,
    "log genesis": decode_log_genesis,
    "body": lambda raw: unpack_body(raw, limit_bytes=FACTS_BYTES_MAX),
    "facts": lambda raw: check_facts(VILLAGE.acts[0].header, raw),
    "merge leaf": decode_merge_leaf,
    "note": parse_note,
    "checkpoint": read_checkpoint,
    "package": decode_package,
    "bundle header": read_bundle_header,
    "bundle": lambda raw: list(open_part(raw, BUNDLE_SEED).sections),
    "envelope": read_envelope,
    "invite": decode_invite,
}
GENUINE = {
    "act": VILLAGE.acts[1].raw,
    "entry": VILLAGE.entries[1],
    "frame": VILLAGE.frames[1],
    "ledger genesis": LEDGER.pack(),
    "log genesis": VILLAGE.genesis.pack(),
    "body": VILLAGE.facts[1],
    "merge leaf": WORLD.merge_leaves[0],
    "note": VILLAGE.note(),
    "checkpoint": VILLAGE.note(),
    "bundle": stored_bundle(),
}


@pytest.mark.parametrize("name", READERS)
@given(data=st.data())
def test_foreign_bytes_only_ever_raise_an_error_of_the_product(name: str, data: st.DataObject) -> None:
    raw = data.draw(st.binary(max_size=200))
    _refused(READERS[name], raw)
    genuine = GENUINE.get(name, VILLAGE.frames[1])
    start = data.draw(st.integers(0, len(genuine)))
    length = data.draw(st.integers(0, 8))
    _refused(READERS[name], genuine[:start] + raw[:8] + genuine[start + length :])


def _refused(read: Callable[[bytes], object], raw: bytes) -> bool:
    """Whether reading fails with an error of the product; any other exception is let through."""
    try:
        read(raw)
    except BanjianError:
        return True
    return False
