"""Key envelope: a private key at rest under a passphrase, Argon2id and AES-256-GCM.

Source: docs/protocol.md, "Key envelope"; RFC 9106; NIST SP 800-38D.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from ledger.codec import pack_header, unpack_header
from ledger.errors import AuthorityError, DataError, EncodingError
from ledger.formats.keys import ED25519, X25519, Ed25519Signer
from ledger.hashing import CTX_ENVELOPE
from ledger.limits import ENVELOPE_BYTES_MAX

KDF_ARGON2ID = "argon2id"
ENVELOPE_VERSION = 1
SEED_BYTES = 32
SALT_BYTES = 16
NONCE_BYTES = 12
TAG_BYTES = 16

_LABEL = re.compile(r"[!-~]{1,64}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class KdfParams:
    """Costs of Argon2id; bounded, because a file must not make the reader take absurd memory."""

    memory_kib: int = 65_536
    iterations: int = 3
    lanes: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvelopeHeader:
    """What an envelope shows without the passphrase."""

    params: KdfParams
    salt: bytes
    nonce: bytes
    alg: str
    public_key: bytes
    label: str

    def pack(self) -> bytes:
        """Return the canonical bytes: associated data of the encryption."""
        return pack_header((
            ENVELOPE_VERSION, KDF_ARGON2ID, self.params.memory_kib, self.params.iterations, self.params.lanes,
            self.salt, self.nonce, self.alg, self.public_key, self.label,
        ))  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedKey:
    """A private key out of its envelope."""

    alg: str
    seed: bytes
    public_key: bytes
    label: str


def seal_key(
    seed: bytes,
    passphrase: str,
    *,
    salt: bytes,
    nonce: bytes,
    label: str,
    alg: str = ED25519,
    params: KdfParams | None = None,
) -> bytes:
    """Return the envelope of a private key.

    Args:
        seed: 32-byte private key (seed of Ed25519, scalar of X25519).
        passphrase: taken as UTF-8 after NFKC, so that full-width input gives the same key.
        salt: 16 random bytes, new for each envelope.
        nonce: 12 random bytes, new for each envelope.
        label: 1 to 64 printable ASCII characters without spaces: staff number or station.
        alg: ``ed25519`` or ``x25519``.
        params: costs; the default takes 64 MiB and three passes.

    Raises:
        EncodingError: ``key.envelope`` for arguments that no envelope holds.
    """
    header = EnvelopeHeader(
        params=params or KdfParams(),
        salt=salt,
        nonce=nonce,
        alg=alg,
        public_key=_public_key(alg, seed),
        label=label,
    )
    packed = header.pack()
    _decode_header(packed)
    cipher = AESGCM(_derive(passphrase, header))
    return pack_header((packed, cipher.encrypt(nonce, seed, CTX_ENVELOPE + packed)))


def read_envelope(blob: bytes) -> EnvelopeHeader:
    """Return what an envelope shows without the passphrase; nothing of it is authenticated yet.

    Raises:
        DataError: ``key.envelope`` for damaged bytes or costs beyond the bounds.
    """
    return _split(blob)[0]


def open_key(blob: bytes, passphrase: str) -> OpenedKey:
    """Return the private key of an envelope.

    Raises:
        DataError: ``key.envelope`` for damaged bytes or costs beyond the bounds.
        AuthorityError: ``key.passphrase`` for a wrong passphrase, or a changed envelope: the two cannot be
            told apart.
    """
    header, packed, sealed = _split(blob)
    cipher = AESGCM(_derive(passphrase, header))
    try:
        seed = cipher.decrypt(header.nonce, sealed, CTX_ENVELOPE + packed)
    except InvalidTag as error:
        raise AuthorityError("key.passphrase", label=header.label) from error
    if _public_key(header.alg, seed) != header.public_key:
        raise DataError("key.envelope")
    return OpenedKey(alg=header.alg, seed=seed, public_key=header.public_key, label=header.label)


def _split(blob: bytes) -> tuple[EnvelopeHeader, bytes, bytes]:
    try:
        fields = unpack_header(blob, limit=ENVELOPE_BYTES_MAX)
        if len(fields) != 2 or type(fields[0]) is not bytes or type(fields[1]) is not bytes:
            raise EncodingError("key.envelope")
        packed, sealed = fields
        if len(sealed) != SEED_BYTES + TAG_BYTES:
            raise EncodingError("key.envelope")
        return _decode_header(packed), packed, sealed
    except EncodingError as error:
        raise DataError("key.envelope") from error


def _decode_header(packed: bytes) -> EnvelopeHeader:
    fields = unpack_header(packed, limit=ENVELOPE_BYTES_MAX)
    if len(fields) != 10 or type(fields[0]) is not int or fields[0] != ENVELOPE_VERSION:
        raise EncodingError("key.envelope")
    _, kdf, memory_kib, iterations, lanes, salt, nonce, alg, public_key, label = fields
    holds = (
        kdf == KDF_ARGON2ID
        and type(memory_kib) is int
        and 8_192 <= memory_kib <= 262_144
        and type(iterations) is int
        and 1 <= iterations <= 10
        and type(lanes) is int
        and 1 <= lanes <= 4
        and type(salt) is bytes
        and len(salt) == SALT_BYTES
        and type(nonce) is bytes
        and len(nonce) == NONCE_BYTES
        and alg in (ED25519, X25519)
        and type(public_key) is bytes
        and len(public_key) == 32
        and type(label) is str
        and _LABEL.fullmatch(label) is not None
    )
    if not holds:
        raise EncodingError("key.envelope")
    params = KdfParams(memory_kib=memory_kib, iterations=iterations, lanes=lanes)
    return EnvelopeHeader(params=params, salt=salt, nonce=nonce, alg=alg, public_key=public_key, label=label)


def _derive(passphrase: str, header: EnvelopeHeader) -> bytes:
    kdf = Argon2id(
        salt=header.salt,
        length=32,
        iterations=header.params.iterations,
        lanes=header.params.lanes,
        memory_cost=header.params.memory_kib,
    )
    return kdf.derive(unicodedata.normalize("NFKC", passphrase).encode("utf-8"))


def _public_key(alg: str, seed: bytes) -> bytes:
    if len(seed) != SEED_BYTES or alg not in (ED25519, X25519):
        raise EncodingError("key.envelope")
    if alg == ED25519:
        return Ed25519Signer.from_seed(seed).public_key
    return X25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()
