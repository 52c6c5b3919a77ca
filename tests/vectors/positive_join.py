"""Vectors of joining: the county's CA, an invite under it, request, certificate, answer, renewal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256

from ledger.formats.invite import encode_invite
from ledger.formats.keys import prove_possession
from ledger.hashing import CTX_JOIN, digest
from ledger.types import CaseId
from sync.attachforms import CHUNK_BYTES, Answer, Head, Lacking, Offer, encode_offers
from sync.certs.pki import fingerprint, issue_leaf, new_ca, new_csr
from sync.certs.tlskeys import new_key
from sync.joining.joinforms import (
    JoinAnswer,
    ServiceKey,
    StaffKey,
    decode_request,
    encode_renewal,
    encode_request,
)
from sync.joining.rejection import decode_rejection, encode_rejection
from tests.vectors.positive import BUNDLE_SEED, Json, x25519_public
from tests.vectors.positive_travel import new_invite
from tests.vectors.world import BEGIN_MS, LEDGER_ID, REGISTRAR, VILLAGE, World, seed, signer


def drawn(name: str) -> Callable[[int], bytes]:
    """Return a source of bytes that a name always gives: the seed, repeated."""
    return lambda count: (seed(name) * 2)[:count]


def join_vector(world: World) -> Json:
    """A village joins, then renews its certificate with another key."""
    ca_key, tls_key, next_key = (
        new_key(drawn(name)) for name in ("county CA key", "TLS key", "next TLS key")
    )
    ca = new_ca(
        ca_key, county_name="青川县", ledger_id=LEDGER_ID, now_ms=BEGIN_MS, randomness=drawn("CA serial")
    )
    invite = encode_invite(replace(new_invite(), ca_fingerprint=fingerprint(ca)), REGISTRAR)
    receipt, clerk = signer("village receipt"), signer("clerk V009")
    request = encode_request(
        invite,
        tls_key_pem=tls_key,
        services=(
            ServiceKey(purpose="bundle", public_key=x25519_public(BUNDLE_SEED)),
            ServiceKey(
                purpose="receipt",
                public_key=receipt.public_key,
                possession=prove_possession(receipt, LEDGER_ID),
            ),
        ),
        staff=(
            StaffKey(
                staff_no="V009",
                name="石桥甲",
                public_key=clerk.public_key,
                possession=prove_possession(clerk, LEDGER_ID),
                roles=("window",),
            ),
        ),
    )
    certificate = issue_leaf(
        new_csr(tls_key, VILLAGE),
        station=VILLAGE,
        ledger_id=LEDGER_ID,
        ca_key_pem=ca_key,
        ca_certificate=ca,
        now_ms=BEGIN_MS,
        randomness=drawn("leaf serial"),
    )
    answer = JoinAnswer(
        ledger_id=LEDGER_ID,
        station=VILLAGE,
        request_id=digest(CTX_JOIN, request),
        certificate=certificate,
        ca_certificate=ca,
    )
    renewal = encode_renewal(
        ledger_id=LEDGER_ID, certificate=certificate, old_key_pem=tls_key, new_key_pem=next_key
    )
    return {
        "ca_certificate": ca.hex(),
        "ca_fingerprint": fingerprint(ca).hex(),
        "invite": invite.hex(),
        "request": request.hex(),
        "request_id": answer.request_id.hex(),
        "certificate": certificate.hex(),
        "identity": f"banjian:{LEDGER_ID.hex()}:{VILLAGE}",
        "answer": answer.pack().hex(),
        "renewal": renewal.hex(),
    }


def rejection_vector(world: World) -> Json:
    """The registrar refuses the request of ``join``."""
    request = decode_request(bytes.fromhex(str(join_vector(world)["request"])))
    raw = encode_rejection(
        request, REGISTRAR, staff_no="R001", reason="密钥编号核对不上", now_ms=BEGIN_MS + 86_400_000
    )
    told = decode_rejection(raw)
    return {
        "request_id": told.request_id.hex(),
        "holder": told.holder.hex(),
        "registrar_public_key": told.registrar_public_key.hex(),
        "reason": told.reason,
        "rejection": raw.hex(),
    }


def attachments_vector(_: World) -> Json:
    """An offer of one attachment, an answer that takes a part of it, and its head."""
    content, salt = b"\xff\xd8\xff" + bytes(CHUNK_BYTES), bytes(range(32))
    head = Head(size=len(content), salt=salt, file="现场照片.jpg")
    named = sha256(b"banjian/attachment/1\n" + salt + content).digest()
    offer = Offer(hash=named, case_id=CaseId(bytes(range(16))), head=head)
    answer = Answer(
        lacking=(Lacking(hash=named, chunks=(1,)),),
        refused=((bytes(32), "attach.unnamed"),),
        wanted=(bytes([255]) * 32,),
    )
    return {
        "content": "ffd8ff and 262144 zero bytes",
        "salt": salt.hex(),
        "hash": named.hex(),
        "size": head.size,
        "chunks": head.chunks,
        "offer": encode_offers((offer,)).hex(),
        "answer": answer.pack().hex(),
        "head": head.pack().hex(),
    }
