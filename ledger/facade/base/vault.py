"""Personal data at rest: one key per case, wrapped by the installation's storage key; keyed search tokens.

Deleting a case's key makes every copy of its ``personal`` bodies unreadable, in the database and in every
backup, because backups hold no keys. Names are found through tokens, HMAC-SHA-256 under a key derived from
the storage key, so that neither the database nor a backup holds a name, a number or a phone in clear.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from hashlib import sha256

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC

from ledger.errors import DataError, StoreError
from ledger.facade.base.clock import Randomness
from ledger.hashing import CTX_CASE_KEY
from ledger.types import ActId, CaseId

NONCE_BYTES = 12
KEY_BYTES = 32
TOKEN_BYTES = 12
_CTX_TOKEN = b"banjian/search-token/1\n"


class CaseKey:
    """The key of one case's personal bodies.

    Args:
        key: 32 bytes.
    """

    __slots__ = ("_cipher", "key")

    def __init__(self, key: bytes) -> None:
        self.key = key
        self._cipher = AESGCM(key)

    def seal(self, plaintext: bytes, *, act_id: ActId, nonce: bytes) -> bytes:
        """Return the ciphertext of a personal body; the act's id is bound to it."""
        return self._cipher.encrypt(nonce, plaintext, act_id)

    def open(self, ciphertext: bytes, *, act_id: ActId, nonce: bytes) -> bytes:
        """Return the personal body.

        Raises:
            DataError: ``personal.cipher`` when key, nonce, act or ciphertext do not belong together.
        """
        try:
            return self._cipher.decrypt(nonce, ciphertext, act_id)
        except (InvalidTag, ValueError) as error:
            raise DataError("personal.cipher", act=act_id) from error


class Vault:
    """Wraps case keys and makes search tokens under the installation's storage key.

    Args:
        storage_key: 32 bytes.
        randomness: source of keys and nonces.
    """

    def __init__(self, storage_key: bytes, randomness: Randomness) -> None:
        self._wrap = AESGCM(_derive(storage_key, CTX_CASE_KEY))
        # Keyed once: a copy for each token takes a third of the time of keying it again.
        self._token_mac = HMAC(_derive(storage_key, _CTX_TOKEN), SHA256())
        self._randomness = randomness

    def new_case_key(self, case_id: CaseId) -> tuple[CaseKey, bytes]:
        """Return a fresh case key and its wrapped form for the key table."""
        key = self._randomness(KEY_BYTES)
        return CaseKey(key), self.wrap(case_id, key)

    def wrap(self, case_id: CaseId, key: bytes) -> bytes:
        """Return nonce and ciphertext of a case key; the case's id is bound to it."""
        nonce = self._randomness(NONCE_BYTES)
        return nonce + self._wrap.encrypt(nonce, key, case_id)

    def unwrap(self, case_id: CaseId, wrapped: bytes) -> CaseKey:
        """Return a case key.

        Raises:
            StoreError: ``vault.storage_key`` when the storage key is not the one that wrapped it.
        """
        try:
            return CaseKey(self._wrap.decrypt(wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], case_id))
        except (InvalidTag, ValueError) as error:
            raise StoreError("vault.storage_key", case=case_id) from error

    def token(self, search_key: str) -> bytes:
        """Return the search token (12 bytes) of one search key such as ``pinyin:wxm``."""
        mac = self._token_mac.copy()
        mac.update(search_key.encode("utf-8"))
        return mac.finalize()[:TOKEN_BYTES]

    def tokens(self, search_keys: Iterable[str]) -> list[bytes]:
        """Return the distinct search tokens of some search keys, in byte order."""
        return sorted({self.token(key) for key in search_keys})

    def nonce(self) -> bytes:
        """Return a fresh 12-byte nonce."""
        return self._randomness(NONCE_BYTES)


def _derive(storage_key: bytes, context: bytes) -> bytes:
    return hmac.new(storage_key, context, sha256).digest()
