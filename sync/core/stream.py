"""Sections on their way: compressed with zstd piece by piece, and taken apart again within bounds.

Each section is flushed, so that the receiver can use it while the next one is still being made. A receiver
never holds more than one section and one step of the decompressor, whatever is sent to it.

Source: docs/protocol.md, "Sync"; RFC 8878.
"""

from __future__ import annotations

from collections.abc import Iterator

from backports import zstd

from ledger.errors import EncodingError
from ledger.limits import SESSION_SECTIONS_MAX
from sync.core.framing import SECTION_BYTES_MAX, Section, Splitter

CONTENT_TYPE = "application/vnd.banjian.sync+zstd"
LEVEL = 3
WINDOW_LOG_MAX = 23
"""8 MiB of history at most: what a decompressor is made to hold."""
STEP_BYTES = 256 * 1024
BODY_BYTES_MAX = 64 * 1024 * 1024 + SECTION_BYTES_MAX
"""All sections of one body together, decompressed."""


class Packer:
    """Compresses sections into one stream."""

    def __init__(self) -> None:
        self._compressor = zstd.ZstdCompressor(level=LEVEL)

    def pack(self, section: bytes) -> bytes:
        """Return the bytes that carry one more section."""
        return self._compressor.compress(section, mode=zstd.ZstdCompressor.FLUSH_BLOCK)

    def end(self) -> bytes:
        """Return the bytes that end the stream."""
        return self._compressor.flush(zstd.ZstdCompressor.FLUSH_FRAME)


class Unpacker:
    """Takes a compressed stream as it comes and hands out whole sections."""

    def __init__(self) -> None:
        options = {int(zstd.DecompressionParameter.window_log_max): WINDOW_LOG_MAX}
        self._decompressor = zstd.ZstdDecompressor(options=options)
        self._splitter = Splitter()
        self._taken = 0
        self._sections = 0

    def feed(self, data: bytes) -> Iterator[Section]:
        """Yield the sections that are whole now.

        Raises:
            EncodingError: ``sync.compression`` for bytes that are no such stream; ``sync.body_limit``;
                ``sync.section_limit``, ``sync.section``, ``sync.section_count``.
        """
        piece = data
        while not self._decompressor.eof:
            try:
                plain = self._decompressor.decompress(piece, max_length=STEP_BYTES)
            except zstd.ZstdError as error:
                raise EncodingError("sync.compression") from error
            self._taken += len(plain)
            if self._taken > BODY_BYTES_MAX:
                raise EncodingError("sync.body_limit", limit=BODY_BYTES_MAX)
            for section in self._splitter.feed(plain):
                self._sections += 1
                if self._sections > SESSION_SECTIONS_MAX:
                    raise EncodingError("sync.section_count", limit=SESSION_SECTIONS_MAX)
                yield section
            piece = b""
            if self._decompressor.needs_input:
                return
        if piece or self._decompressor.unused_data:
            raise EncodingError("sync.compression")
