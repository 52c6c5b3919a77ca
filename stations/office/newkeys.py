"""Making a person's key: its passphrase checked, its envelope sealed and written durably.

How the passphrase is asked for is the caller's: at a terminal, from a file, on a page.
"""

from __future__ import annotations

from pathlib import Path

from ledger import platform
from ledger.errors import AuthorityError, ConfigError
from ledger.facade.base.clock import Randomness
from ledger.formats.envelope import KdfParams, read_envelope, seal_key
from ledger.formats.keys import Ed25519Signer, key_id
from ledger.registry.registry import Registry

PASSPHRASE_LENGTH_MIN = 8
SEED_BYTES = 32
SUFFIX = ".key"


def checked_passphrase(passphrase: str) -> str:
    """Return a new passphrase.

    Raises:
        ConfigError: ``key.weak`` when it is too short.
    """
    if len(passphrase) < PASSPHRASE_LENGTH_MIN:
        raise ConfigError("key.weak", least=PASSPHRASE_LENGTH_MIN)
    return passphrase


def is_unenrolled(path: Path, label: str, registry: Registry) -> bool:
    """Tell whether a file holds a key of this person that no registry entry names yet.

    A power cut between the file and the act leaves one behind; who knows its passphrase has it enrolled.

    Raises:
        AuthorityError: ``key.no_such`` for a file that cannot be read.
        DataError: ``key.envelope`` for a damaged file.
    """
    if not path.is_file():
        return False
    try:
        header = read_envelope(path.read_bytes())
    except OSError as error:
        raise AuthorityError("key.no_such", path=str(path)) from error
    return header.label == label and not registry.is_known_key(key_id(header.alg, header.public_key))


def make_key(path: Path, *, label: str, passphrase: str, randomness: Randomness) -> Ed25519Signer:
    """Make a key, seal it under a new passphrase and write its envelope; returns its signer.

    Raises:
        ConfigError: ``key.exists``: an existing key is never overwritten; ``key.weak``.
    """
    if path.exists():
        raise ConfigError("key.exists", path=str(path))
    seed = randomness(SEED_BYTES)
    blob = seal(seed, checked_passphrase(passphrase), label=label, randomness=randomness)
    store_envelope(path, blob)
    return Ed25519Signer.from_seed(seed)


def seal(seed: bytes, passphrase: str, *, label: str, randomness: Randomness) -> bytes:
    """Return the envelope of a private key under the default costs."""
    return seal_key(
        seed, passphrase, salt=randomness(16), nonce=randomness(12), label=label, params=KdfParams()
    )


def store_envelope(path: Path, blob: bytes) -> None:
    """Write an envelope durably, readable by its owner alone."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    platform.write_durably(path, blob, private=True)
