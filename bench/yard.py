"""Yardsticks: what this machine does without the product, taken beside each measurement."""

from __future__ import annotations

import os
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import perf_counter

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

VERIFY_BATCH = 256


class CommitYard:
    """Raw SQLite on the same file system: WAL, FULL, one row of the same size in each commit.

    Args:
        folder: where the ledger lies too.
        row_bytes: size of a row.
    """

    def __init__(self, folder: Path, row_bytes: int) -> None:
        self._connection = sqlite3.connect(folder / "yard.db", isolation_level=None)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = FULL")
        self._connection.execute("CREATE TABLE rows (id INTEGER PRIMARY KEY, bytes BLOB NOT NULL)")
        self._row = os.urandom(row_bytes)

    def rate(self, commits: int) -> float:
        """Return commits a second."""
        execute = self._connection.execute
        started = perf_counter()
        for _ in range(commits):
            execute("BEGIN IMMEDIATE")
            execute("INSERT INTO rows (bytes) VALUES (?)", (self._row,))
            execute("COMMIT")
        return commits / (perf_counter() - started)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()


class VerifyYard:
    """Raw Ed25519 verifications on all cores, each of another message of the size of an act.

    Args:
        count: messages of one round.
        message_bytes: size of a message.
    """

    def __init__(self, count: int, message_bytes: int) -> None:
        private = Ed25519PrivateKey.generate()
        self._public = private.public_key()
        messages = [os.urandom(message_bytes) for _ in range(count)]
        signed = [(private.sign(message), message) for message in messages]
        self._batches = [signed[first : first + VERIFY_BATCH] for first in range(0, count, VERIFY_BATCH)]
        self._count = count

    def rate(self) -> float:
        """Return verifications a second, of all cores together."""
        with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
            started = perf_counter()
            for future in [pool.submit(_verify, self._public, batch) for batch in self._batches]:
                future.result()
            return self._count / (perf_counter() - started)


def _verify(public: Ed25519PublicKey, batch: list[tuple[bytes, bytes]]) -> None:
    for signature, message in batch:
        public.verify(signature, message)
