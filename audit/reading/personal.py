"""Personal bodies with the storage key: unwrap the case's key, open the body, compare it with the act.

Without that key an auditor sees that a body of the right length lies there, and nothing else.

Source: docs/protocol.md, "Personal data at rest".
"""

from __future__ import annotations

import hmac
from hashlib import sha256

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ledger.errors import DataError
from ledger.formats.body import BodyHashes, check_personal
from ledger.types import ActId, CaseId, Facts

STORAGE_KEY_BYTES = 32
"""Length of an installation's ``secrets/storage.key``."""
NONCE_BYTES = 12
_CTX_WRAP = b"banjian/case-key-wrap/1\n"


class PersonalReader:
    """Opens personal bodies.

    Args:
        storage_key: 32 bytes, from the installation's ``secrets/storage.key``.
    """

    def __init__(self, storage_key: bytes) -> None:
        self._wrap = AESGCM(hmac.new(storage_key, _CTX_WRAP, sha256).digest())

    def check(
        self,
        header: BodyHashes,
        act_id: ActId,
        case_id: CaseId,
        *,
        wrapped: bytes,
        nonce: bytes,
        ciphertext: bytes,
    ) -> Facts:
        """Return a personal body after comparing it with the act that names it.

        Raises:
            DataError: ``personal.key`` when the case's key does not unwrap; ``personal.cipher`` when key,
                nonce, act and ciphertext do not belong together; ``act.personal_hash`` for another body;
                ``encoding.*``.
        """
        try:
            key = self._wrap.decrypt(wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], case_id)
        except (InvalidTag, ValueError) as error:
            raise DataError("personal.key", act=act_id) from error
        try:
            plain = AESGCM(key).decrypt(nonce, ciphertext, act_id)
        except (InvalidTag, ValueError) as error:
            raise DataError("personal.cipher", act=act_id) from error
        return check_personal(header, plain)
