"""What somebody was typing when the power failed: kept on the disk, encrypted, until the act is signed.

A draft is no act: nobody but its author sees it, it never syncs, and it is gone once it was signed or thrown
away. It is encrypted under a key derived from the installation's storage key: it holds what citizens said.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from ledger import platform
from ledger.facade import Home
from ledger.facade.clock import Randomness

FOLDER = "drafts"
BYTES_MAX = 64 * 1024
NONCE_BYTES = 12
_CONTEXT = b"banjian/draft/1\n"

Form = Mapping[str, Sequence[str]]


class Drafts:
    """Keeps one draft for each person and form, in ``drafts/`` of the installation."""

    def __init__(self, home: Home, randomness: Randomness) -> None:
        self._folder = home.path / FOLDER
        self._randomness = randomness
        derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=_CONTEXT)
        self._cipher = AESGCM(derived.derive(home.storage_key()))

    def keep(self, staff_no: str, name: str, form: Form) -> None:
        """Keep what is in a form now, durably; what is too large to be typed is not kept."""
        raw = json.dumps({field: list(texts) for field, texts in form.items()}).encode("utf-8")
        if len(raw) > BYTES_MAX:
            return
        self._folder.mkdir(mode=0o700, exist_ok=True)
        nonce = self._randomness(NONCE_BYTES)
        path = self._path(staff_no, name)
        platform.write_durably(path, nonce + self._cipher.encrypt(nonce, raw, path.name.encode("ascii")))

    def read(self, staff_no: str, name: str) -> Form:
        """Return a draft; empty when there is none, or none that can be read here."""
        path = self._path(staff_no, name)
        try:
            blob = path.read_bytes()
            raw = self._cipher.decrypt(blob[:NONCE_BYTES], blob[NONCE_BYTES:], path.name.encode("ascii"))
        except (OSError, InvalidTag, ValueError):
            return {}
        form = json.loads(raw)
        return {str(field): [str(text) for text in texts] for field, texts in form.items()}

    def drop(self, staff_no: str, name: str) -> None:
        """Throw a draft away."""
        self._path(staff_no, name).unlink(missing_ok=True)

    def _path(self, staff_no: str, name: str) -> Path:
        named = sha256(f"{staff_no}\n{name}".encode()).hexdigest()
        return self._folder / f"{named[:32]}.draft"
