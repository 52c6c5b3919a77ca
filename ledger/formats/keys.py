"""Keys: signing and strict verification, one algorithm per key.

Verification of Ed25519 is that of RFC 8032 without the cofactor, and stricter at its edges: S below the group
order, both points in their only canonical form, no key of small order. Two verifiers that follow the rules
agree on every signature; loose ones do not.

Source: docs/protocol.md, "Keys and signatures"; RFC 8032, section 5.1.7.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from hashlib import sha256
from typing import Protocol, TypeAlias

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from ledger.codec import pack_header
from ledger.errors import DataError, EncodingError
from ledger.formats.sodium import surely_holds
from ledger.hashing import CTX_KEY, CTX_POSSESSION, digest
from ledger.types import KeyId, LedgerId

ED25519 = "ed25519"
X25519 = "x25519"
PUBLIC_KEY_BYTES = 32
SIGNATURE_BYTES = 64
KEY_ID_BYTES = 16

Claim: TypeAlias = tuple[bytes, bytes, bytes]
"""That a signature holds: public key, signature, message."""

_P = 2**255 - 19
_L = 2**252 + 27742317777372353535851937790883648493
_L_TOP = _L >> 248
_D = -121665 * pow(121666, -1, _P) % _P
_Y_MASK = 2**255 - 1
# y of the eight points of order 1, 2, 4 and 8; the sign of x does not matter for refusing them.
_Y8 = 2707385501144840649318225287225658788936804267575313519463743609750303402022
_SMALL_ORDER_Y = frozenset((0, 1, _P - 1, _Y8, _P - _Y8))
_NEGATIVE_ZEROS = frozenset((y | 2**255).to_bytes(32, "little") for y in (1, _P - 1))
_CACHED_KEYS_MAX = 8192
_HELD_MAX = 16_384
_held: set[bytes] = set()
"""Digests of claims that held in this process."""


class Signer(Protocol):
    """Holds a private key; a file envelope, a token, later SM2."""

    @property
    def key_id(self) -> KeyId: ...
    @property
    def public_key(self) -> bytes: ...
    @property
    def alg(self) -> str: ...
    def sign(self, message: bytes, /) -> bytes:
        """Return the signature over the message."""
        ...


class Ed25519Signer:
    """An Ed25519 private key in memory."""

    __slots__ = ("_private_key", "key_id", "public_key")

    def __init__(self, private_key: Ed25519PrivateKey) -> None:
        self._private_key = private_key
        self.public_key: bytes = private_key.public_key().public_bytes_raw()
        self.key_id: KeyId = key_id(ED25519, self.public_key)

    @classmethod
    def from_seed(cls, seed: bytes) -> Ed25519Signer:
        """Return the signer of a 32-byte seed (the private key of RFC 8032).

        Raises:
            EncodingError: ``key.encoding`` for a seed of another length.
        """
        if len(seed) != PUBLIC_KEY_BYTES:
            raise EncodingError("key.encoding")
        return cls(Ed25519PrivateKey.from_private_bytes(seed))

    @property
    def alg(self) -> str:
        return ED25519

    def sign(self, message: bytes, /) -> bytes:
        """Return the 64-byte signature over the message."""
        return self._private_key.sign(message)


def key_id(alg: str, public_key: bytes) -> KeyId:
    """Return the id of a public key, 16 bytes."""
    return KeyId(digest(CTX_KEY, pack_header([alg, public_key]))[:KEY_ID_BYTES])


def verify(public_key: bytes, sig: bytes, message: bytes) -> bool:
    """Return whether a signature holds under the strict rules.

    Never raises: a malformed key or signature is one that does not hold.

    Source: docs/protocol.md, "Strict Ed25519".
    """
    if len(sig) != SIGNATURE_BYTES or not _below_order(sig) or not _canonical(sig[:32]):
        return False
    key = _load(public_key)
    if key is None:
        return False
    if surely_holds(public_key, sig, message):
        return True
    try:
        key.verify(sig, message)
    except InvalidSignature:
        return False
    return True


def verify_once(public_key: bytes, sig: bytes, message: bytes) -> bool:
    """Return what ``verify`` does; what held in this process before is not computed again.

    For the signatures that are asked for again: the few acts of registry and catalogue at every opening and
    by every fold, and each act that ``verify_act`` opens, also for an audit. Only the very same key,
    signature and message are answered from memory, and only what held: an answer is never another than
    ``verify``'s.
    """
    claim = sha256(public_key + sig + message).digest()
    if claim in _held and len(public_key) == PUBLIC_KEY_BYTES and len(sig) == SIGNATURE_BYTES:
        return True
    holds = verify(public_key, sig, message)
    if holds:
        if len(_held) >= _HELD_MAX:
            _held.clear()
        _held.add(claim)
    return holds


def verify_all(claims: Iterable[Claim]) -> list[bool]:
    """Return for each claim whether its signature holds, as ``verify`` says."""
    return [verify(*claim) for claim in claims]


def check_public_key(public_key: bytes, alg: str = ED25519) -> None:
    """Refuse a public key that must not be enrolled.

    Raises:
        EncodingError: ``key.algorithm`` unknown algorithm; ``key.encoding`` not 32 bytes, not canonical or
            not on the curve.
        DataError: ``key.small_order``: anyone could sign for such a key.
    """
    if alg != ED25519:
        raise EncodingError("key.algorithm", alg=alg)
    if len(public_key) != PUBLIC_KEY_BYTES:
        raise EncodingError("key.encoding")
    if _small_order(public_key):
        raise DataError("key.small_order")
    if not _canonical(public_key) or not _on_curve(public_key):
        raise EncodingError("key.encoding")


def prove_possession(signer: Signer, ledger_id: LedgerId) -> bytes:
    """Return the signature with which a new key shows that its holder has the private half."""
    return signer.sign(CTX_POSSESSION + ledger_id + signer.public_key)


def check_possession(public_key: bytes, proof: bytes, *, ledger_id: LedgerId) -> None:
    """Check a proof of possession for this ledger.

    Raises:
        DataError: ``key.possession`` when it does not hold.
    """
    if not verify_once(public_key, proof, CTX_POSSESSION + ledger_id + public_key):
        raise DataError("key.possession")


@lru_cache(maxsize=_CACHED_KEYS_MAX)
def _load(public_key: bytes) -> Ed25519PublicKey | None:
    if len(public_key) != PUBLIC_KEY_BYTES or not _canonical(public_key) or _small_order(public_key):
        return None
    return Ed25519PublicKey.from_public_bytes(public_key)


def _below_order(sig: bytes) -> bool:
    """Whether S, the second half, is below the group order; its topmost byte settles almost all."""
    return sig[63] < _L_TOP or int.from_bytes(sig[32:], "little") < _L


def _canonical(point: bytes) -> bool:
    """Whether 32 bytes are the only encoding of their point: y below p, and no x of minus zero."""
    if 0 < point[31] & 0x7F < 0x7F:
        # y lies between all values that could be in question.
        return True
    return int.from_bytes(point, "little") & _Y_MASK < _P and point not in _NEGATIVE_ZEROS


def _small_order(point: bytes) -> bool:
    return (int.from_bytes(point, "little") & _Y_MASK) % _P in _SMALL_ORDER_Y


@lru_cache(maxsize=4_096)
def _on_curve(point: bytes) -> bool:
    y = int.from_bytes(point, "little") & _Y_MASK
    u, v = (y * y - 1) % _P, (_D * y * y + 1) % _P
    x_squared = u * pow(v, -1, _P) % _P
    return x_squared == 0 or pow(x_squared, (_P - 1) // 2, _P) == 1
