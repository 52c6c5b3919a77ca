"""Sections: how messages follow each other in one body, so that what arrived whole counts.

``u32 length || u8 kind || payload``, big-endian, the length counting kind and payload. A body that is torn
keeps the sections before the tear. The same sections travel in a request and in its answer.

Source: docs/protocol.md, "Sync".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from ledger.errors import EncodingError
from ledger.limits import NOTE_BYTES_MAX, PACKAGE_BYTES_MAX

LENGTH_BYTES = 4
HELLO, ANSWER, PACKAGE, EXCERPT, BRANCH, END, NOTE = 1, 2, 3, 4, 5, 6, 7
HEADER_BYTES_MAX = 1 << 20
"""Largest hello or answer."""
SECTION_BYTES_MAX = PACKAGE_BYTES_MAX + 16
_LIMITS = {HELLO: HEADER_BYTES_MAX, ANSWER: HEADER_BYTES_MAX, END: 64, NOTE: NOTE_BYTES_MAX}


class Section(NamedTuple):
    """One message: kind and payload."""

    kind: int
    payload: bytes


def encode_section(kind: int, payload: bytes) -> bytes:
    """Return the bytes of a section.

    Raises:
        EncodingError: ``sync.section_limit``.
    """
    _check_length(kind, len(payload))
    return (len(payload) + 1).to_bytes(LENGTH_BYTES, "big") + bytes((kind,)) + payload


class Splitter:
    """Takes bytes as they come and hands out whole sections; holds at most one unfinished section."""

    def __init__(self) -> None:
        self._held = bytearray()

    @property
    def pending(self) -> int:
        """Bytes of a section that is not whole yet."""
        return len(self._held)

    def feed(self, data: bytes) -> Iterator[Section]:
        """Yield the sections that are whole now.

        Raises:
            EncodingError: ``sync.section_limit`` for a length beyond the limit of its kind, before its bytes
                are taken in; ``sync.section`` for an empty section.
        """
        self._held += data
        while len(self._held) > LENGTH_BYTES:
            length = int.from_bytes(self._held[:LENGTH_BYTES], "big")
            if length < 1:
                raise EncodingError("sync.section")
            kind = self._held[LENGTH_BYTES]
            _check_length(kind, length - 1)
            end = LENGTH_BYTES + length
            if len(self._held) < end:
                return
            payload = bytes(self._held[LENGTH_BYTES + 1 : end])
            del self._held[:end]
            yield Section(kind, payload)


def _check_length(kind: int, length: int) -> None:
    limit = _LIMITS.get(kind, SECTION_BYTES_MAX)
    if length > limit:
        raise EncodingError("sync.section_limit", kind=kind, size=length, limit=limit)
