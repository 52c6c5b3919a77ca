"""What a package says, and the numbers by which its writer and its reader understand each other.

Source: docs/protocol.md, "Package".
"""

from __future__ import annotations

from dataclasses import dataclass

from ledger.types import LogId

PACKAGE_VERSION = 1

KIND_REGULAR, KIND_OPAQUE, KIND_RAW = 0, 1, 2
"""All fields in columns; act as it is, entry in columns; frame as it is."""
CASE_NONE, CASE_OF_PARENT, CASE_TABLE = 0, 1, 2
WITHHELD_FACTS, WITHHELD_PERSONAL = 0, 1


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageContent:
    """What a package says, byte for byte as the sender stores it.

    ``frames``, ``facts`` and ``personal`` have one element for each entry; an empty body is one that the act
    does not have or that the sender withholds.
    """

    log_id: LogId
    first_seq: int
    previous: bytes
    frames: tuple[bytes, ...]
    facts: tuple[bytes, ...]
    personal: tuple[bytes, ...]
    checkpoint: bytes
    receipts: tuple[str, ...] = ()

    @property
    def last_seq(self) -> int:
        """Position of the last entry; the size of the checkpoint."""
        return self.first_seq + len(self.frames) - 1
