"""Keys, notes and bundles where the vectors say too little: published examples, torn files, bounds."""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import DataError, EncodingError
from ledger.formats.bundle import Section, open_part, read_bundle_header, seal_part
from ledger.formats.checkpoint import (
    Checkpoint,
    add_cosignature,
    cosign,
    log_origin,
    open_cosignature,
    read_checkpoint,
)
from ledger.formats.keys import Ed25519Signer, check_public_key, key_id, verify, verify_once
from ledger.formats.note import TYPE_ED25519, key_hash, open_note, parse_note, sign_note
from ledger.types import LogId
from tests.vectors.generate import stored_bundle
from tests.vectors.positive import BUNDLE_SEED, FIELD, GROUP_ORDER, x25519_public
from tests.vectors.positive_travel import bundle_parts
from tests.vectors.world import CLERK, build_world, signer

# The example of https://c2sp.org/signed-note.
C2SP_KEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
C2SP_NOTE = (
    "This is an example message.\n\n— example.com/foo "
    "Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
)
# RFC 8032, section 7.1, test 2.
RFC8032_SEED = "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"
RFC8032_KEY = "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"
RFC8032_SIG = (
    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
    "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
)


def test_the_example_of_signed_note_opens() -> None:
    name, hashed, encoded = C2SP_KEY.split("+")
    public_key = base64.b64decode(encoded)[1:]
    assert key_hash(name, TYPE_ED25519, public_key).hex() == hashed
    assert open_note(C2SP_NOTE.encode(), name, public_key).text == "This is an example message.\n"


def test_the_example_of_rfc_8032_holds() -> None:
    one = Ed25519Signer.from_seed(bytes.fromhex(RFC8032_SEED))
    assert one.public_key.hex() == RFC8032_KEY
    assert one.sign(b"\x72").hex() == RFC8032_SIG
    assert verify(one.public_key, bytes.fromhex(RFC8032_SIG), b"\x72")
    assert one.alg == "ed25519"
    with pytest.raises(EncodingError, match=r"key\.encoding"):
        Ed25519Signer.from_seed(bytes(31))


def test_a_loose_verifier_would_take_what_ours_refuses() -> None:
    """A key of small order signs everything: the library alone accepts it."""
    identity = (1).to_bytes(32, "little")
    forged = identity + bytes(32)
    Ed25519PublicKey.from_public_bytes(identity).verify(forged, b"any act at all")
    assert not verify(identity, forged, b"any act at all")


def test_what_held_once_holds_again_and_nothing_else_does() -> None:
    key, message = CLERK.public_key, b"asked again"
    sig = CLERK.sign(message)
    assert [verify_once(key, sig, message) for _ in range(2)] == [True, True]
    assert not verify_once(key, sig, message + b"!")
    assert not verify_once(signer("somebody else").public_key, sig, message)
    # The same bytes in the same order, taken apart at other places.
    assert not verify_once(key, sig + message[:1], message[1:])
    assert not verify_once(key + sig[:1], sig[1:], message)


@given(message=st.binary(max_size=64), position=st.integers(0, 63), bit=st.integers(0, 7))
def test_signatures_have_one_form(message: bytes, position: int, bit: int) -> None:
    sig = CLERK.sign(message)
    assert verify(CLERK.public_key, sig, message)
    spoilt = sig[:position] + bytes((sig[position] ^ 1 << bit,)) + sig[position + 1 :]
    assert not verify(CLERK.public_key, spoilt, message)
    larger = int.from_bytes(sig[32:], "little") + GROUP_ORDER
    assert not verify(CLERK.public_key, sig[:32] + larger.to_bytes(32, "little"), message)


@given(seed=st.binary(min_size=32, max_size=32))
def test_every_honest_key_may_be_enrolled(seed: bytes) -> None:
    check_public_key(Ed25519Signer.from_seed(seed).public_key)


def test_about_half_of_all_points_are_on_the_curve() -> None:
    refused = 0
    for y in range(2, 202):
        try:
            check_public_key(y.to_bytes(32, "little"))
        except EncodingError:
            refused += 1
    assert 70 < refused < 130
    with pytest.raises(EncodingError, match=r"key\.encoding"):
        check_public_key((FIELD + 4).to_bytes(32, "little"))


def test_ids_of_the_two_algorithms_differ() -> None:
    assert key_id("ed25519", bytes(32)) != key_id("x25519", bytes(32))


def test_a_text_with_empty_lines_ends_at_the_last_one() -> None:
    key = signer("note")
    raw = sign_note("one\n\n— two AAAA\n", "a", key)
    assert open_note(raw, "a", key.public_key).text == "one\n\n— two AAAA\n"
    for text in ("no newline", "", "tab\there\n"):
        with pytest.raises(EncodingError, match=r"note\.malformed"):
            sign_note(text, "a", key)


def test_signatures_of_strangers_are_left_aside() -> None:
    key, stranger = signer("note"), signer("stranger")
    raw = sign_note("text\n", "a", key)
    foreign = sign_note("other text\n", "a", stranger).decode().split("\n\n")[1].encode()
    assert open_note(raw + foreign, "a", key.public_key).text == "text\n"
    with pytest.raises(DataError, match=r"note\.signature"):
        open_note(raw + foreign, "a", stranger.public_key)


def test_a_line_needs_a_signature_and_its_type_says_how_long() -> None:
    ours = signer("note")
    raw = sign_note("text\n", "ours", ours)

    def line(name: str, blob: bytes) -> bytes:
        return f"\u2014 {name} {base64.b64encode(blob).decode()}\n".encode()

    parsed = parse_note(raw + line("stranger", bytes(5)))
    assert [len(one.sig) for one in parsed.signatures] == [64, 1]
    assert open_note(raw + line("stranger", bytes(5)), "ours", ours.public_key).text == "text\n"
    with pytest.raises(EncodingError, match=r"note\.malformed"):
        parse_note(raw + line("stranger", bytes(4)))
    hashed = key_hash("ours", TYPE_ED25519, ours.public_key)
    with pytest.raises(DataError, match=r"note\.signature"):
        open_note(raw + line("ours", hashed + bytes(1)), "ours", ours.public_key)


@given(
    size=st.integers(0, 2**63 - 1), root=st.binary(min_size=32, max_size=32), time_s=st.integers(0, 2**63 - 1)
)
def test_checkpoints_and_receipts_come_back(size: int, root: bytes, time_s: int) -> None:
    checkpoint = Checkpoint(origin=log_origin(LogId(bytes(16))), size=size, root=root)
    note = sign_note(checkpoint.text(), checkpoint.origin, CLERK)
    assert read_checkpoint(note) == checkpoint
    line = cosign(checkpoint, "banjian/receipt/990121000000-00", signer("r"), time_s=time_s)
    joined = add_cosignature(note, line)
    assert len(parse_note(joined).signatures) == 2
    found = open_cosignature(
        line, checkpoint, name="banjian/receipt/990121000000-00", public_key=signer("r").public_key
    )
    assert found.time_s == time_s


def test_a_torn_part_keeps_what_is_whole() -> None:
    raw = stored_bundle()
    _, _, sections = bundle_parts(build_world())
    opened = open_part(raw[:-1], BUNDLE_SEED)
    assert opened.section_count == 2
    assert next(opened.sections) == sections[0]
    with pytest.raises(DataError, match=r"bundle\.truncated"):
        next(opened.sections)
    for length in range(0, len(raw), 97):
        with pytest.raises(DataError):
            list(open_part(raw[:length], BUNDLE_SEED).sections)


def test_sealing_twice_gives_other_bytes_with_the_same_content() -> None:
    header, manifest, sections = bundle_parts(build_world())
    public_key = x25519_public(BUNDLE_SEED)
    first = seal_part(header, manifest, sections=sections, public_key=public_key)
    second = seal_part(header, manifest, sections=sections, public_key=public_key)
    assert first != second
    assert read_bundle_header(first) == header
    assert list(open_part(first, BUNDLE_SEED).sections) == list(open_part(second, BUNDLE_SEED).sections)
    assert b"package" not in first, "nothing of the content shows"


def test_unfit_bundles_are_not_sealed() -> None:
    header, manifest, _ = bundle_parts(build_world())
    public_key = x25519_public(BUNDLE_SEED)
    odd = Section(kind="Package", encoding="", payload=b"")
    with pytest.raises(EncodingError, match=r"bundle\.field"):
        seal_part(header, manifest, sections=(odd,), public_key=public_key)
    with pytest.raises(EncodingError, match=r"bundle\.field"):
        seal_part(header, manifest, sections=(), public_key=x25519_public(bytes(range(32))))
    heavy = (Section(kind="package", encoding="", payload=bytes(23 * 1024 * 1024)),) * 3
    with pytest.raises(EncodingError, match=r"bundle\.limit"):
        seal_part(header, manifest, sections=heavy, public_key=public_key)
