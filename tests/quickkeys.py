"""Envelopes that open at a fraction of the usual costs, for tests in which a key is only a means."""

from __future__ import annotations

import os
from pathlib import Path

from ledger.formats.envelope import KdfParams, open_key, seal_key

QUICK = KdfParams(memory_kib=8_192, iterations=1, lanes=1)


def lighten(path: Path, passphrase: str) -> None:
    """Seal the key of a file once more, under the same passphrase."""
    key = open_key(path.read_bytes(), passphrase)
    path.write_bytes(
        seal_key(
            key.seed, passphrase, salt=os.urandom(16), nonce=os.urandom(12), label=key.label, params=QUICK
        )
    )
