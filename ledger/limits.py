"""A limit on everything that comes from elsewhere.

Source: docs/protocol.md, "Limits". A value here is part of the format: raising one is a new version.
"""

from __future__ import annotations

from ledger.lawtime import DAY_MS

INT_MAX = 2**63 - 1
"""Largest integer in headers and bodies; what every database column can hold."""
INT_MIN = -(2**63)
"""Smallest integer in bodies; headers hold no negative integers."""

ACT_BYTES_MAX = 4 * 1024
ENTRY_BYTES_MAX = 512
SIGNATURE_BYTES_MAX = 128
FRAME_BYTES_MAX = 16 * 1024
GENESIS_BYTES_MAX = 1024
HEADER_ITEMS_MAX = 4096
"""Elements of one array in a header, a package or a bundle."""

FACTS_BYTES_MAX = 64 * 1024
PUBLISHED_FACTS_BYTES_MAX = 4 * 1024 * 1024
"""Facts of actions whose name begins with ``publish_``."""
PERSONAL_BYTES_MAX = 64 * 1024
BODY_DEPTH_MAX = 8
"""Nested maps and arrays; the body itself is depth 1."""
BODY_ITEMS_MAX = 4096
"""Elements of one map or array in a body of ordinary size."""
PUBLISHED_ITEMS_MAX = 65_536
"""Elements of one map or array in a published body."""
SALT_BYTES = 16

PARENTS_MAX = 8
ATTACHMENTS_MAX = 32
ATTACHMENT_BYTES_MAX = 2**30
ACTION_CHARS_MAX = 48

NOTE_BYTES_MAX = 64 * 1024
NOTE_SIGNATURES_MAX = 64
PROOF_HASHES_MAX = 63
TREE_SIZE_MAX = INT_MAX
TREE_LEVEL_STORED_MIN = 3
"""Stored tree rows are complete subtrees of at least 2**3 leaves; smaller ones follow from the frames."""

PACKAGE_ENTRIES_MAX = 256
PACKAGE_BYTES_MAX = 32 * 1024 * 1024
EXCERPT_ENTRIES_MAX = 257
"""The opening of the log and 256 others."""
EXCERPT_NODES_MAX = EXCERPT_ENTRIES_MAX * PROOF_HASHES_MAX
EXCERPT_BYTES_MAX = PACKAGE_BYTES_MAX
BUNDLE_HEADER_BYTES_MAX = 4 * 1024
BUNDLE_PART_BYTES_MAX = 64 * 1024 * 1024
"""One part of a bundle: held in memory by old machines, far below the 4 GB of old USB file systems."""
BUNDLE_PARTS_MAX = 9999
BUNDLE_SECTIONS_MAX = 4096
"""Sections in one part of a bundle, without the manifest."""
BUNDLE_SECTION_BYTES_MAX = PACKAGE_BYTES_MAX
BUNDLE_MANIFEST_BYTES_MAX = 1024 * 1024
INVITE_BYTES_MAX = 16 * 1024
ENVELOPE_BYTES_MAX = 4 * 1024

SESSION_SECTIONS_MAX = 4_096
"""Sections of one request or answer: a few bytes of a compressed body could hold millions of empty ones."""
STATION_HISTORIES_MAX = 48
"""Logs of one station, and divergent histories of them, that are taken from below, together.

An answer names each of them with a state (62 bytes, 105 for a divergent history) and the newest receipt of
the two stations above (180 bytes each at most): 465 bytes. A township with 40 stations makes 40 * 48 * 465 =
892,800 bytes of the 1,048,576 of a header, though all of their keys were abused at once. An honest station
opens another log only when its machine is replaced or put back.
"""
GRANT_MS_MAX = 7 * DAY_MS
"""How long a provisional grant may last: a week without the county."""

SPENT_HISTORIES_MAX = 96
"""The same of logs whose opening key has ended, which leave the room above to those of keys in force.

So a registrar lets a station go on by ending the key that was abused. What was still under way under that key
can be taken, and whoever has it cannot fill the room of the others. Three stations of that township may come
to 48 + 96 of them: 3 * 96 * 465 = 133,920 bytes more.
"""
MOMENT_MS_MAX = 253_402_300_799_999
"""9999-12-31T23:59:59.999Z: what a station says of its clock, for people, is read as no later than this."""
PLAUSIBLE_FROM_MS = 1_735_660_800_000
"""1 January 2025, China time: a clock that shows an earlier moment has lost its battery."""
WAITING_MAX = 1_000_000_000
"""What a station says of its waiting entries, for people, is read as no more than this."""

PUBLISH_PREFIX = "publish_"


def facts_bytes_max(action: str) -> int:
    """Return the largest size of the facts of an action, in bytes."""
    return PUBLISHED_FACTS_BYTES_MAX if action.startswith(PUBLISH_PREFIX) else FACTS_BYTES_MAX


def body_items_max(limit_bytes: int) -> int:
    """Return how many elements one map or array may have in a body of at most ``limit_bytes``."""
    return PUBLISHED_ITEMS_MAX if limit_bytes > FACTS_BYTES_MAX else BODY_ITEMS_MAX
