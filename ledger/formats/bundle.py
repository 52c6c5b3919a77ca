"""Bundle: packages and checkpoints in files for a stick, sealed to the station that is to read them.

A bundle comes in parts. Each part stands alone: a clear header says for whom it is, section 0 is the
manifest, the others carry packages and checkpoints. Each section is sealed by itself, so that a part that was
torn keeps the sections that are whole. Nothing in a bundle is believed because it came in a bundle: packages
reach signed roots, checkpoints carry their signatures.

Sealing draws its randomness inside the library (HPKE needs a fresh key for each section); this is the one
place of the formats that does. Content before sealing is a pure function of its arguments.

Source: docs/protocol.md, "Bundle"; RFC 9180, base mode.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Literal

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from ledger.codec import HeaderFields, pack_header, unpack_header
from ledger.errors import AuthorityError, DataError, EncodingError
from ledger.formats.keys import X25519, key_id
from ledger.hashing import CTX_BUNDLE
from ledger.limits import (
    BUNDLE_HEADER_BYTES_MAX,
    BUNDLE_MANIFEST_BYTES_MAX,
    BUNDLE_PART_BYTES_MAX,
    BUNDLE_PARTS_MAX,
    BUNDLE_SECTION_BYTES_MAX,
    BUNDLE_SECTIONS_MAX,
    INT_MAX,
)
from ledger.stationid import is_station_id
from ledger.types import KeyId, LedgerId, LogId, StationId

MAGIC = b"banjian-bundle/1\n"
BUNDLE_VERSION = 1
SUITE_X25519_AES256 = 1
LENGTH_BYTES = 4

BundleKind = Literal["up", "down", "acknowledgement"]
KINDS: tuple[BundleKind, ...] = ("up", "down", "acknowledgement")
SECTION_HELLO = "hello"
SECTION_CHECKPOINT = "checkpoint"
SECTION_PACKAGE = "package"
SECTION_BRANCH = "branch"
SECTION_EXCERPT = "excerpt"
SECTION_FEED = "feed"
SECTION_COUNTY = "county"
SECTION_ATTACHMENT = "attachment"
SECTION_ATTACHED = "attached"
ENCODINGS = ("", "zstd")

_SECTION_KIND = re.compile(r"[a-z][a-z0-9_]{0,31}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class BundleHeader:
    """What everyone can read on a part: for whom it is and which part of which bundle."""

    receiver: StationId
    receiver_key: KeyId
    bundle_id: bytes
    part: int
    parts: int

    def pack(self) -> bytes:
        """Return the canonical bytes."""
        return pack_header((
            BUNDLE_VERSION, SUITE_X25519_AES256, self.receiver, self.receiver_key, self.bundle_id, self.part,
            self.parts,
        ))  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One piece of a part.

    ``kind`` says what the payload is, see docs/protocol.md; a reader skips kinds that it does not know.
    ``encoding`` is ``zstd`` when the payload was compressed, else empty.
    """

    kind: str
    encoding: str
    payload: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """Section 0 of a part, without the list of sections: what the bundle is and what it presupposes."""

    kind: BundleKind
    ledger_id: LedgerId
    sender: StationId
    created_at_ms: int
    prerequisites: tuple[tuple[LogId, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedPart:
    """An opened part; its sections are opened one by one.

    Attributes:
        listed: kind and size of each section that the manifest lists.
        outcomes: each section, or the error why there is none; a damaged one does not hide those behind it,
            and where the part is torn one last ``bundle.truncated`` ends them.
    """

    header: BundleHeader
    manifest: Manifest
    listed: tuple[tuple[str, int], ...]
    outcomes: Iterator[Section | DataError]

    @property
    def section_count(self) -> int:
        """Sections that the manifest lists."""
        return len(self.listed)

    @property
    def sections(self) -> Iterator[Section]:
        """The sections; raises where the part is torn or changed."""
        for outcome in self.outcomes:
            if isinstance(outcome, DataError):
                raise outcome
            yield outcome


def bundle_public_key(private_key: bytes) -> bytes:
    """Return the X25519 public key of a private key, both 32 bytes."""
    return X25519PrivateKey.from_private_bytes(private_key).public_key().public_bytes_raw()


def pack_manifest(manifest: Manifest, sections: Sequence[Section]) -> bytes:
    """Return the canonical bytes of section 0."""
    return pack_header((
        BUNDLE_VERSION, manifest.kind, manifest.ledger_id, manifest.sender, manifest.created_at_ms,
        manifest.prerequisites,
        tuple((one.kind, one.encoding, sha256(one.payload).digest(), len(one.payload)) for one in sections),
    ))  # fmt: skip


def seal_part(
    header: BundleHeader, manifest: Manifest, *, sections: Sequence[Section], public_key: bytes
) -> bytes:
    """Return the bytes of one part, sealed to the receiver.

    Args:
        header: the clear header; its ``receiver_key`` is the id of ``public_key``.
        manifest: what the bundle is.
        sections: at most 4096, together below 64 MiB.
        public_key: the receiver's X25519 key, 32 bytes.

    Raises:
        EncodingError: ``bundle.field`` for arguments that no bundle holds; ``bundle.limit`` when too long.
    """
    packed = header.pack()
    _decode_header(packed)
    _require(header.receiver_key == key_id(X25519, public_key), "receiver_key")
    listed = pack_manifest(manifest, sections)
    _decode_manifest(listed)
    receiver = X25519PublicKey.from_public_bytes(public_key)
    pieces = [MAGIC, len(packed).to_bytes(LENGTH_BYTES, "big"), packed]
    for index, payload in enumerate((listed, *(one.payload for one in sections))):
        sealed = _suite().encrypt(payload, receiver, _info(packed, index))
        pieces += (len(sealed).to_bytes(LENGTH_BYTES, "big"), sealed)
    size = sum(len(piece) for piece in pieces)
    if size > BUNDLE_PART_BYTES_MAX:
        raise EncodingError("bundle.limit", size=size, limit=BUNDLE_PART_BYTES_MAX)
    return b"".join(pieces)


def read_bundle_header(raw: bytes) -> BundleHeader:
    """Return the clear header of a part.

    Raises:
        EncodingError: ``bundle.malformed`` for a file of another kind; ``bundle.version``, ``bundle.field``.
        DataError: ``bundle.truncated``.
    """
    return _decode_header(_header_bytes(raw))


def open_part(raw: bytes, private_key: bytes) -> OpenedPart:
    """Open one part with the receiver's X25519 private key (32 bytes).

    Raises:
        EncodingError: ``bundle.malformed``, ``bundle.limit``, ``bundle.version``, ``bundle.field``.
        AuthorityError: ``bundle.receiver`` when the part is sealed to another key.
        DataError: ``bundle.truncated`` or ``bundle.sealed`` when bytes are missing or changed. While
            iterating ``sections``: the same, and ``bundle.section`` for a section that is not the listed one.
    """
    if len(raw) > BUNDLE_PART_BYTES_MAX:
        raise EncodingError("bundle.limit", size=len(raw), limit=BUNDLE_PART_BYTES_MAX)
    packed = _header_bytes(raw)
    header = _decode_header(packed)
    key = X25519PrivateKey.from_private_bytes(private_key)
    if key_id(X25519, key.public_key().public_bytes_raw()) != header.receiver_key:
        raise AuthorityError("bundle.receiver", receiver=header.receiver)
    sealed = _sealed_sections(raw, len(MAGIC) + LENGTH_BYTES + len(packed))
    listed = next(sealed, None)
    if listed is None:
        raise DataError("bundle.truncated")
    manifest, lines = _decode_manifest(_unseal(listed, key, _info(packed, 0)))
    return OpenedPart(
        header=header,
        manifest=manifest,
        listed=tuple((line[0], line[3]) for line in lines),
        outcomes=_outcomes(lines, sealed, key, packed),
    )


def _suite() -> Suite:
    return Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)


def _info(packed_header: bytes, index: int) -> bytes:
    return CTX_BUNDLE + packed_header + index.to_bytes(LENGTH_BYTES, "big")


def _unseal(sealed: bytes, key: X25519PrivateKey, info: bytes) -> bytes:
    try:
        return _suite().decrypt(sealed, key, info)
    except (InvalidTag, ValueError) as error:
        raise DataError("bundle.sealed") from error


def _header_bytes(raw: bytes) -> bytes:
    if not raw.startswith(MAGIC):
        raise EncodingError("bundle.malformed")
    start = len(MAGIC) + LENGTH_BYTES
    size = int.from_bytes(raw[len(MAGIC) : start], "big")
    if size > BUNDLE_HEADER_BYTES_MAX:
        raise EncodingError("bundle.malformed")
    if len(raw) < start + size:
        raise DataError("bundle.truncated")
    return raw[start : start + size]


def _sealed_sections(raw: bytes, start: int) -> Iterator[bytes]:
    while start < len(raw):
        body = start + LENGTH_BYTES
        size = int.from_bytes(raw[start:body], "big")
        if len(raw) < body + size:
            raise DataError("bundle.truncated")
        yield raw[body : body + size]
        start = body + size


def _outcomes(
    lines: HeaderFields, sealed: Iterator[bytes], key: X25519PrivateKey, packed: bytes
) -> Iterator[Section | DataError]:
    for index, line in enumerate((*lines, None), start=1):
        try:
            one = next(sealed, None)
        except DataError as error:
            yield error
            return
        if one is None:
            if line is not None:
                yield DataError("bundle.truncated")
            return
        try:
            yield _listed(line, _unseal(one, key, _info(packed, index)))
        except DataError as error:
            yield error


def _listed(line: HeaderFields | None, payload: bytes) -> Section:
    if line is None:
        raise DataError("bundle.section")
    kind, encoding, hashed, size = line
    if len(payload) != size or sha256(payload).digest() != hashed:
        raise DataError("bundle.section")
    return Section(kind=kind, encoding=encoding, payload=payload)


def _decode_header(packed: bytes) -> BundleHeader:
    fields = unpack_header(packed, limit=BUNDLE_HEADER_BYTES_MAX)
    _check_version(fields, 7)
    _, suite, receiver, receiver_key, bundle_id, part, parts = fields
    _require(type(suite) is int and suite == SUITE_X25519_AES256, "suite")
    _require(type(receiver) is str and is_station_id(receiver), "receiver")
    _require(type(receiver_key) is bytes and len(receiver_key) == 16, "receiver_key")
    _require(type(bundle_id) is bytes and len(bundle_id) == 16, "bundle_id")
    _require(type(parts) is int and 1 <= parts <= BUNDLE_PARTS_MAX, "parts")
    _require(type(part) is int and 1 <= part <= parts, "part")
    return BundleHeader(
        receiver=StationId(receiver), receiver_key=KeyId(receiver_key), bundle_id=bundle_id, part=part,
        parts=parts,
    )  # fmt: skip


def _decode_manifest(packed: bytes) -> tuple[Manifest, HeaderFields]:
    fields = unpack_header(packed, limit=BUNDLE_MANIFEST_BYTES_MAX)
    _check_version(fields, 7)
    _, kind, ledger_id, sender, created_at_ms, prerequisites, lines = fields
    _require(kind in KINDS, "kind")
    _require(type(ledger_id) is bytes and len(ledger_id) == 32, "ledger_id")
    _require(type(sender) is str and is_station_id(sender), "sender")
    _require(type(created_at_ms) is int and 0 <= created_at_ms <= INT_MAX, "created_at_ms")
    _require(type(prerequisites) is tuple and all(map(_is_prerequisite, prerequisites)), "prerequisites")
    _require(type(lines) is tuple and len(lines) <= BUNDLE_SECTIONS_MAX, "sections")
    _require(all(map(_is_section_line, lines)), "sections")
    manifest = Manifest(
        kind=kind, ledger_id=LedgerId(ledger_id), sender=StationId(sender), created_at_ms=created_at_ms,
        prerequisites=prerequisites,
    )  # fmt: skip
    return manifest, lines


def _is_prerequisite(item: HeaderFields) -> bool:
    if type(item) is not tuple or len(item) != 2 or type(item[0]) is not bytes or type(item[1]) is not int:
        return False
    return len(item[0]) == 16 and 0 <= item[1] <= INT_MAX


def _is_section_line(item: HeaderFields) -> bool:
    if type(item) is not tuple or tuple(map(type, item)) != (str, str, bytes, int):
        return False
    kind, encoding, hashed, size = item
    return (
        _SECTION_KIND.fullmatch(kind) is not None
        and encoding in ENCODINGS
        and len(hashed) == 32
        and 0 <= size <= BUNDLE_SECTION_BYTES_MAX
    )


def _check_version(fields: HeaderFields, count: int) -> None:
    _require(bool(fields) and type(fields[0]) is int, "version")
    if fields[0] != BUNDLE_VERSION:
        raise EncodingError("bundle.version", version=fields[0])
    _require(len(fields) == count, "count")


def _require(holds: bool, field: str) -> None:
    if not holds:
        raise EncodingError("bundle.field", field=field)
