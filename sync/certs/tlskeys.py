"""Keys of TLS certificates: P-256, made from random bytes that come in, kept as PEM.

They sign certificates, join requests and renewals, deterministically, and are nobody's keys of acts.

Source: docs/protocol.md, "Certificates"; RFC 6979.
"""

from __future__ import annotations

from collections.abc import Callable

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_public_key,
    load_pem_private_key,
)

from ledger.errors import StoreError

Randomness = Callable[[int], bytes]
_P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_KEY_BYTES = 40
_PARSE_ERRORS = (ValueError, TypeError, UnsupportedAlgorithm)


def new_key(randomness: Randomness) -> bytes:
    """Return a new P-256 private key as PEM (PKCS #8, not encrypted: TLS loads it without a person)."""
    scalar = 1 + int.from_bytes(randomness(_KEY_BYTES), "big") % (_P256_ORDER - 1)
    key = ec.derive_private_key(scalar, ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def public_key_of(key_pem: bytes) -> bytes:
    """Return the public half of a private key as DER SubjectPublicKeyInfo.

    Raises:
        StoreError: ``pki.key`` for anything but a P-256 private key.
    """
    return key_info(private_key(key_pem).public_key())


def sign(key_pem: bytes, message: bytes) -> bytes:
    """Return the ECDSA signature of a TLS key over a message that begins with its context, DER."""
    return private_key(key_pem).sign(message, ec.ECDSA(SHA256(), deterministic_signing=True))


def verify(public_key: bytes, sig: bytes, message: bytes) -> bool:
    """Return whether an ECDSA signature holds; a malformed key or signature is one that does not."""
    try:
        key = load_der_public_key(public_key)
        if not isinstance(key, ec.EllipticCurvePublicKey):
            return False
        key.verify(sig, message, ec.ECDSA(SHA256()))
    except (InvalidSignature, *_PARSE_ERRORS):
        return False
    return True


def private_key(key_pem: bytes) -> ec.EllipticCurvePrivateKey:
    """Return the key of some PEM text.

    Raises:
        StoreError: ``pki.key`` for anything but a P-256 private key.
    """
    try:
        key = load_pem_private_key(key_pem, None)
    except _PARSE_ERRORS as error:
        raise StoreError("pki.key") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise StoreError("pki.key")
    return key


def key_info(key: ec.EllipticCurvePublicKey) -> bytes:
    """Return a public key as DER SubjectPublicKeyInfo."""
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
