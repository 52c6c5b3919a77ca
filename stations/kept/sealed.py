"""Small files kept beside the ledger, each encrypted: lists and drafts that hold what citizens said.

They are no acts: they never sync. Of them a backup holds the hotline's orders alone: what was answered is
nowhere else. The key is derived from the installation's storage key, one for each folder; the name of a file
is bound into it, so that no file passes for another one.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from ledger import platform
from ledger.errors import StoreError
from ledger.facade import Home
from ledger.facade.base.clock import Randomness

NONCE_BYTES = 12
SUFFIX = ".sealed"
NAME_CHARS_MAX = 200
"""Longest name of a file: file systems take 255 bytes."""
UNREADABLE: Final = "sealed.unreadable"
"""Code of a file that was changed, or belongs to another installation."""
_CONTEXT = b"banjian/sealed/1\n"


class SealedFolder:
    """Encrypted files of one folder of the installation.

    Args:
        home: the installation.
        name: the folder's name; other folders have other keys.
        randomness: for nonces.
    """

    def __init__(self, home: Home, name: str, randomness: Randomness) -> None:
        self._folder = home.path / name
        self._randomness = randomness
        derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=_CONTEXT + name.encode("ascii"))
        self._cipher = AESGCM(derived.derive(home.storage_key()))

    def keep(self, name: str, raw: bytes) -> None:
        """Keep bytes under a name, durably, instead of those that were there.

        Args:
            name: letters, digits and hyphens, fewer than ``NAME_CHARS_MAX``.
            raw: what to keep.

        Raises:
            StoreError: ``store.disk_full`` and the like; what was there before stays.
        """
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise platform.os_failure(error, self._folder) from error
        nonce = self._randomness(NONCE_BYTES)
        path = self._path(name)
        platform.write_durably(path, nonce + self._cipher.encrypt(nonce, raw, path.name.encode("ascii")))

    def read(self, name: str) -> bytes | None:
        """Return what is kept under a name; None when nothing is.

        Raises:
            StoreError: ``sealed.unreadable`` when the file was changed, or belongs to another installation.
        """
        path = self._path(name)
        if len(path.name) > NAME_CHARS_MAX:
            return None
        try:
            blob = path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise platform.os_failure(error, path) from error
        try:
            return self._cipher.decrypt(blob[:NONCE_BYTES], blob[NONCE_BYTES:], path.name.encode("ascii"))
        except (InvalidTag, ValueError) as error:
            raise StoreError(UNREADABLE, path=str(path)) from error

    def mark(self, name: str) -> bytes:
        """Return what differs each time something is kept under a name; b"" when nothing is.

        Raises:
            StoreError: ``store.*``.
        """
        path = self._path(name)
        try:
            with path.open("rb") as file:
                return file.read(NONCE_BYTES)
        except FileNotFoundError:
            return b""
        except OSError as error:
            raise platform.os_failure(error, path) from error

    def names(self) -> Sequence[str]:
        """Return the names under which something is kept, sorted."""
        return sorted(path.name.removesuffix(SUFFIX) for path in self._folder.glob(f"*{SUFFIX}"))

    def drop(self, name: str) -> None:
        """Throw away what is kept under a name."""
        self._path(name).unlink(missing_ok=True)

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}{SUFFIX}"
