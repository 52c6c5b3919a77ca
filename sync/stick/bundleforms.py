"""What bundles say beyond what sessions say: their names, the feed section, compression within a section.

Source: docs/protocol.md, "Bundle".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from backports import zstd

from ledger.codec import pack_header, unpack_header
from ledger.errors import EncodingError
from ledger.facade.transfer.feeds import FeedPlace, next_chain
from ledger.formats.bundle import BundleHeader, Section
from ledger.lawtime import LAW_TIME
from ledger.limits import BUNDLE_SECTION_BYTES_MAX, INT_MAX
from ledger.types import ActId, CaseId
from sync.core.stream import WINDOW_LOG_MAX

FEED_VERSION = 1
FEED_ITEMS_MAX = 1_024
FEED_BYTES_MAX = 128 * 1024
LEVEL = 9
"""Sticks are slow and exports rare."""
_NAME = re.compile(
    r"banjian-([0-9]{12}-[A-Z0-9]{2})-[0-9]{8}-[0-9a-f]{12}-[0-9]{1,4}of[0-9]{1,4}\.bundle", re.ASCII
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedSection:
    """A piece of a feed: where it begins, and which acts follow, in order, each with its case."""

    start: FeedPlace
    items: tuple[tuple[CaseId, ActId], ...]

    @property
    def places(self) -> list[FeedPlace]:
        """Where the feed stands before these acts, and after each of them."""
        found = [self.start]
        for _, act_id in self.items:
            last = found[-1]
            found.append(FeedPlace(number=last.number + 1, chain=next_chain(last.chain, act_id)))
        return found

    def pack(self) -> bytes:
        """Return the canonical bytes; acts of one case that follow each other share its id."""
        groups = groupby(self.items, key=lambda item: item[0])
        return pack_header((
            FEED_VERSION, self.start.number, self.start.chain,
            tuple((case_id, tuple(act_id for _, act_id in group)) for case_id, group in groups),
        ))  # fmt: skip


def decode_feed(raw: bytes) -> FeedSection:
    """Return a feed section.

    Raises:
        EncodingError: ``encoding.*``; ``bundle.feed`` with the name of a wrong field.
    """
    fields = unpack_header(raw, limit=FEED_BYTES_MAX, items_max=FEED_ITEMS_MAX)
    _require(len(fields) == 4 and type(fields[0]) is int and fields[0] == FEED_VERSION, "version")
    _, number, chain, groups = fields
    _require(type(number) is int and 0 <= number <= INT_MAX - FEED_ITEMS_MAX, "start")
    _require(_is_bytes(chain, 32), "start")
    _require(type(groups) is tuple and all(map(_is_group, groups)), "items")
    items = tuple((CaseId(case_id), ActId(act_id)) for case_id, acts in groups for act_id in acts)
    _require(1 <= len(items) <= FEED_ITEMS_MAX, "items")
    found = FeedSection(start=FeedPlace(number=number, chain=chain), items=items)
    _require(found.pack() == raw, "items")
    return found


def compressed(kind: str, payload: bytes) -> Section:
    """Return a section, compressed where that makes it shorter."""
    shorter = zstd.compress(payload, level=LEVEL)
    if len(shorter) < len(payload):
        return Section(kind=kind, encoding="zstd", payload=shorter)
    return Section(kind=kind, encoding="", payload=payload)


def plain(section: Section) -> bytes:
    """Return the payload of a section as it was before compression.

    Raises:
        EncodingError: ``bundle.compression`` for bytes that are no whole zstd frame;  ``bundle.limit`` for
            one that grows beyond the limit of a section.
    """
    if not section.encoding:
        return section.payload
    options = {int(zstd.DecompressionParameter.window_log_max): WINDOW_LOG_MAX}
    decompressor = zstd.ZstdDecompressor(options=options)
    try:
        found = decompressor.decompress(section.payload, max_length=BUNDLE_SECTION_BYTES_MAX + 1)
    except zstd.ZstdError as error:
        raise EncodingError("bundle.compression") from error
    if len(found) > BUNDLE_SECTION_BYTES_MAX:
        raise EncodingError("bundle.limit", size=len(found), limit=BUNDLE_SECTION_BYTES_MAX)
    if not decompressor.eof or decompressor.unused_data:
        raise EncodingError("bundle.compression")
    return found


def file_name(header: BundleHeader, created_at_ms: int) -> str:
    """Return the name of a part's file: receiver, day in China, bundle, part."""
    day = datetime.fromtimestamp(created_at_ms / 1000, LAW_TIME).strftime("%Y%m%d")
    known = header.bundle_id.hex()[:12]
    return f"banjian-{header.receiver}-{day}-{known}-{header.part}of{header.parts}.bundle"


def is_ours(name: str) -> bool:
    """Whether a file has the name of a part; every other file is left alone."""
    return bool(receiver_of(name))


def receiver_of(name: str) -> str:
    """Return for whom a part is by the name of its file; "" for any other file."""
    found = _NAME.fullmatch(name)
    return found[1] if found else ""


def missing_parts(seen: Iterable[int], parts: int) -> tuple[int, ...]:
    """Return the numbers of the parts that did not come."""
    return tuple(sorted(set(range(1, parts + 1)) - set(seen)))


def _is_group(value: object) -> bool:
    if type(value) is not tuple or len(value) != 2 or type(value[1]) is not tuple:
        return False
    acts: Sequence[object] = value[1]
    return _is_bytes(value[0], 16) and bool(acts) and all(_is_bytes(one, 32) for one in acts)


def _is_bytes(value: object, count: int) -> bool:
    return type(value) is bytes and len(value) == count


def _require(holds: bool, field: str) -> None:
    if not holds:
        raise EncodingError("bundle.feed", field=field)
