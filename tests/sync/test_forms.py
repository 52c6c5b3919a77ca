"""The forms of joining: the published vectors hold, and every damaged byte is refused with a name."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from ledger.errors import (
    AuthorityError,
    BanjianError,
    ConfigError,
    DataError,
    ForkError,
    InputError,
    RuleError,
    StoreError,
)
from ledger.types import LedgerId, StationId
from sync.certs.pki import (
    DAY_MS,
    EXPIRY_TOLERANCE_MS,
    LEAF_DAYS,
    check_ca,
    check_expiry,
    check_issued,
    csr_key,
    fingerprint,
    from_pem,
    issue_leaf,
    new_ca,
    new_csr,
    read_leaf,
    renewal_due,
    to_pem,
)
from sync.certs.tlskeys import new_key, public_key_of, sign, verify
from sync.joining.joinforms import decode_answer, decode_renewal, decode_request
from sync.joining.rejection import decode_rejection, holder_of
from sync.line.problem import decode_problem, encode_problem

VECTOR = json.loads((Path(__file__).parents[1] / "vectors" / "join.json").read_text(encoding="utf-8"))
STATION = StationId("990121001001-00")
LEDGER_ID = LedgerId(bytes(range(32)))
NOW_MS = 1_770_000_000_000


def of(name: str) -> bytes:
    """Return bytes of the vector."""
    return bytes.fromhex(VECTOR[name])


def test_the_vector_is_one_story():
    request, answer = decode_request(of("request")), decode_answer(of("answer"))
    assert request.invite_raw == of("invite") and request.request_id == of("request_id") == answer.request_id
    assert request.invite.ca_fingerprint == of("ca_fingerprint") == fingerprint(answer.ca_certificate)
    check_ca(answer.ca_certificate, ledger_id=request.invite.ledger_id)
    check_issued(answer.certificate, ca_certificate=answer.ca_certificate)
    leaf = read_leaf(answer.certificate, ledger_id=request.invite.ledger_id)
    assert f"banjian:{leaf.ledger_id.hex()}:{leaf.station}" == VECTOR["identity"]
    assert leaf.public_key == request.public_key
    assert [one.purpose for one in request.services] == ["bundle", "receipt"]
    assert [(one.staff_no, one.name, one.roles) for one in request.staff] == [("V009", "石桥甲", ("window",))]
    renewal = decode_renewal(of("renewal"))
    assert renewal.certificate == answer.certificate and renewal.station == leaf.station
    assert csr_key(renewal.csr, station=renewal.station) != leaf.public_key


def test_the_vector_of_a_refusal_is_about_that_request():
    held = json.loads((Path(__file__).parents[1] / "vectors" / "rejection.json").read_text(encoding="utf-8"))
    asked, told = decode_request(of("request")), decode_rejection(bytes.fromhex(held["rejection"]))
    assert told.request_id == asked.request_id and told.station == asked.invite.station
    assert told.holder == holder_of(asked.public_key) == bytes.fromhex(held["holder"])
    assert told.registrar_public_key == asked.invite.registrar_public_key
    assert (told.staff_no, told.reason) == ("R001", held["reason"])


@pytest.mark.parametrize("name", ["request", "renewal"])
def test_every_changed_byte_of_a_signed_form_is_refused(name: str):
    decode = decode_request if name == "request" else decode_renewal
    raw = of(name)
    for at in range(len(raw)):
        damaged = raw[:at] + bytes([raw[at] ^ 0x01]) + raw[at + 1 :]
        with pytest.raises(BanjianError):
            decode(damaged)
    for end in (0, 1, len(raw) // 2, len(raw) - 1):
        with pytest.raises(BanjianError):
            decode(raw[:end])


def test_damaged_certificates_are_refused_or_not_issued_by_the_ca():
    certificate, ca, ledger_id = (
        of("certificate"),
        of("ca_certificate"),
        decode_answer(of("answer")).ledger_id,
    )
    for at in range(len(certificate)):
        damaged = certificate[:at] + bytes([certificate[at] ^ 0x01]) + certificate[at + 1 :]
        with pytest.raises(DataError):
            read_leaf(damaged, ledger_id=ledger_id)
            check_issued(damaged, ca_certificate=ca)
    for junk in (b"", b"\x30", certificate[:-1], bytes(5000)):
        with pytest.raises(DataError):
            read_leaf(junk, ledger_id=ledger_id)
    with pytest.raises(DataError):
        check_ca(certificate, ledger_id=ledger_id)
    with pytest.raises(DataError):
        read_leaf(ca, ledger_id=ledger_id)
    assert from_pem(to_pem(ca)) == ca
    with pytest.raises(DataError):
        from_pem(b"nothing")


def test_only_p256_requests_of_the_station_itself_are_signed():
    key_pem = new_key(os.urandom)
    assert csr_key(new_csr(key_pem, STATION), station=STATION) == public_key_of(key_pem)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, STATION)])
    for key, algorithm in (
        (ed25519.Ed25519PrivateKey.generate(), None),
        (ec.generate_private_key(ec.SECP384R1()), SHA256()),
        (rsa.generate_private_key(65537, 2048), SHA256()),
    ):
        request = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, algorithm)
        with pytest.raises(DataError) as caught:
            csr_key(request.public_bytes(Encoding.DER), station=STATION)
        assert caught.value.code == "pki.csr_algorithm"
    for raw in (new_csr(key_pem, STATION)[:-2] + b"\x00\x00", b"", bytes(5000)):
        with pytest.raises(DataError) as caught:
            csr_key(raw, station=STATION)
        assert caught.value.code == "pki.csr"
    with pytest.raises(DataError) as caught:
        csr_key(new_csr(key_pem, STATION), station=StationId("990121001002-00"))
    assert caught.value.code == "pki.csr"


def test_the_county_issues_for_two_years_and_never_into_the_past():
    ca_key, key_pem = new_key(os.urandom), new_key(os.urandom)
    ca = new_ca(
        ca_key, county_name="很长的县名" * 30, ledger_id=LEDGER_ID, now_ms=NOW_MS, randomness=os.urandom
    )

    def leaf_of(now_ms: int):
        certificate = issue_leaf(
            new_csr(key_pem, STATION), station=STATION, ledger_id=LEDGER_ID, ca_key_pem=ca_key,
            ca_certificate=ca, now_ms=now_ms, randomness=os.urandom,
        )  # fmt: skip
        return read_leaf(certificate, ledger_id=LEDGER_ID)

    leaf = leaf_of(NOW_MS + DAY_MS)
    assert leaf.not_before_ms == NOW_MS + DAY_MS
    assert leaf.not_after_ms == leaf.not_before_ms + LEAF_DAYS * DAY_MS
    assert leaf_of(0).not_before_ms == NOW_MS  # the county's clock fell back to 1970
    assert leaf_of(2**62).not_after_ms > NOW_MS
    third = leaf.not_after_ms - LEAF_DAYS * DAY_MS // 3
    assert not renewal_due(leaf, now_ms=third) and renewal_due(leaf, now_ms=third + 1)
    check_expiry(leaf, now_ms=leaf.not_after_ms + EXPIRY_TOLERANCE_MS)
    check_expiry(leaf, now_ms=0)
    with pytest.raises(AuthorityError) as caught:
        check_expiry(leaf, now_ms=leaf.not_after_ms + EXPIRY_TOLERANCE_MS + 1)
    assert caught.value.code == "tls.expired"


def test_the_same_random_bytes_give_the_same_key_and_signature():
    one, other = new_key(lambda count: bytes(count)), new_key(lambda count: bytes(count))
    assert one == other and sign(one, b"x") == sign(other, b"x")
    assert verify(public_key_of(one), sign(one, b"x"), b"x")
    assert not verify(public_key_of(one), sign(one, b"x"), b"y")
    assert not verify(b"", b"", b"x")
    with pytest.raises(StoreError):
        public_key_of(b"no key")


@pytest.mark.parametrize(
    "kind", [InputError, RuleError, AuthorityError, DataError, StoreError, ForkError, ConfigError]
)
def test_an_error_arrives_as_it_was_raised(kind: type[BanjianError]):
    sent = kind("log.fork", station="甲", count=3, key=b"\x01", choices=("a", "b"))
    held = decode_problem(encode_problem(sent))
    assert type(held) is kind and held.code == "log.fork"
    assert dict(held.params) == {"station": "甲", "count": 3, "key": "01", "choices": ("a", "b")}


@pytest.mark.parametrize(
    "raw",
    [b"", b"{", b"[]", b'{"code": 3}', b'{"code": "<script>"}', b"[" * 100_000, b'{"code": "' + b"a" * 9000],
)
def test_an_answer_that_is_no_error_of_ours_is_named(raw: bytes):
    assert decode_problem(raw).code == "sync.answer"
