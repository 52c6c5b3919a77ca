"""Writing a package: which fields of each entry are left out, and the columns of those that stay.

Source: docs/protocol.md, "Package".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from ledger.codec import HeaderValue, pack_header
from ledger.errors import BanjianError, EncodingError
from ledger.formats.act import Act, ActHeader, act_id, case_of, decode_act
from ledger.formats.body import facts_hash, personal_hash
from ledger.formats.entry import Entry, decode_entry, entry_hash
from ledger.formats.frame import FrameParts, pin_fault, split_frame
from ledger.formats.packageform import (
    CASE_NONE,
    CASE_OF_PARENT,
    CASE_TABLE,
    KIND_OPAQUE,
    KIND_RAW,
    KIND_REGULAR,
    PACKAGE_VERSION,
    WITHHELD_FACTS,
    WITHHELD_PERSONAL,
    PackageContent,
)
from ledger.limits import PACKAGE_BYTES_MAX, PACKAGE_ENTRIES_MAX
from ledger.types import ActId, CaseId


@dataclass(slots=True)
class Table:
    """Distinct values in order of first use; columns hold their indexes."""

    values: list[HeaderValue] = field(default_factory=list)
    _index: dict[HeaderValue, int] = field(default_factory=dict)

    def index(self, value: HeaderValue) -> int:
        """Return the index of a value, adding it when it is new."""
        found = self._index.get(value)
        if found is None:
            found = self._index[value] = len(self.values)
            self.values.append(value)
        return found


@dataclass(slots=True)
class _Writer:
    ledger_id: bytes
    station: str
    boots: Table = field(default_factory=Table)
    seen: Table = field(default_factory=Table)
    actors: Table = field(default_factory=Table)
    actions: Table = field(default_factory=Table)
    cases: Table = field(default_factory=Table)
    links: Table = field(default_factory=Table)
    kinds: list[HeaderValue] = field(default_factory=list)
    entries: list[tuple[int, int, int, int]] = field(default_factory=list)
    acts: list[tuple[int, int, int, int, int, int]] = field(default_factory=list)
    parents: list[HeaderValue] = field(default_factory=list)
    sigs: list[bytes] = field(default_factory=list)
    attachments: list[HeaderValue] = field(default_factory=list)
    withheld: list[HeaderValue] = field(default_factory=list)
    opaque: list[HeaderValue] = field(default_factory=list)
    positions: dict[ActId, int] = field(default_factory=dict)
    case_ids: dict[int, CaseId] = field(default_factory=dict)


class SplitFrame(NamedTuple):
    """The parts of a frame, with its act and its entry where they can be decoded.

    ``pins`` says what of its act the entry does not pin, as ``ledger.formats.frame.pin_fault``; "" without an
    entry.
    """

    parts: FrameParts
    act: Act | None
    entry: Entry | None
    pins: str


@lru_cache(maxsize=2 * PACKAGE_ENTRIES_MAX)
def split_act(frame: bytes) -> SplitFrame:
    """Return a frame taken apart; remembered: a sender asks for its bodies, looks at it, and writes it.

    Raises:
        EncodingError: as ``ledger.formats.frame.split_frame``.
    """
    parts = split_frame(frame)
    known_id = act_id(parts.act_raw)
    act: Act | None
    try:
        act = tuple.__new__(Act, (decode_act(parts.act_raw), parts.act_raw, parts.sig, known_id))
    except BanjianError:
        act = None
    try:
        entry = decode_entry(parts.entry_raw)
    except BanjianError:
        return SplitFrame(parts, act, None, "")
    # Calling a named tuple would do, were it not twice as slow.
    split: SplitFrame = tuple.__new__(SplitFrame, (parts, act, entry, pin_fault(entry, known_id, parts.sig)))
    return split


def zigzag(value: int) -> int:
    """Return a signed number as one that is never negative: 0, -1, 1, -2 become 0, 1, 2, 3."""
    return value << 1 if value >= 0 else (-value << 1) - 1


def write_package(content: PackageContent) -> bytes:
    """Return the bytes of a package; see ``ledger.formats.package.encode_package``."""
    split = [split_act(raw) for raw in content.frames]
    known = next((one.act.header for one in split if one.act is not None), None)
    writer = _Writer(known.ledger_id if known else b"", known.station if known else "")
    link = content.previous
    for index, (raw, (parts, act, entry, pins)) in enumerate(zip(content.frames, split, strict=True)):
        place = content.log_id, content.first_seq + index, link
        link = entry_hash(parts.entry_raw)
        if entry is None or pins or entry[:3] != place:
            # The receiver could not compute its position, its predecessor or what it pins.
            writer.kinds.append(KIND_RAW)
            writer.opaque.append(raw)
            continue
        writer.entries.append((
            writer.boots.index(entry.boot_id), writer.seen.index(entry.county_seen),
            entry.recorded_at_ms, entry.monotonic_ms,
        ))  # fmt: skip
        writer.sigs.append(parts.sig)
        if act is None or not _fits(writer, act.header, content.facts[index], content.personal[index]):
            writer.kinds.append(KIND_OPAQUE)
            writer.opaque.append(parts.act_raw)
            continue
        writer.kinds.append(KIND_REGULAR)
        _write_act(writer, index, act, entry, facts=content.facts[index], personal=content.personal[index])
    packed = pack_header((
        PACKAGE_VERSION, content.log_id, content.first_seq, content.previous, writer.ledger_id,
        writer.station, content.checkpoint, tuple(line.encode("utf-8") for line in content.receipts),
        writer.kinds, _tables(writer), _columns(writer),
        tuple(writer.parents), tuple(writer.attachments), tuple(writer.withheld), tuple(writer.opaque),
        _lengths(writer.sigs), b"".join(writer.sigs), content.facts, content.personal,
    ))  # fmt: skip
    if len(packed) > PACKAGE_BYTES_MAX:
        raise EncodingError("package.limit", size=len(packed), limit=PACKAGE_BYTES_MAX)
    return packed


def _fits(writer: _Writer, header: ActHeader, facts: bytes, personal: bytes) -> bool:
    """Whether the receiver would compute the same header: bodies that are present must match it."""
    return (
        header.ledger_id == writer.ledger_id
        and header.station == writer.station
        and (not facts or (facts_hash(facts), len(facts)) == (header.facts_hash, header.facts_len))
        and (
            not personal
            or (personal_hash(personal), len(personal)) == (header.personal_hash, header.personal_len)
        )
    )


def _write_act(writer: _Writer, index: int, act: Act, entry: Entry, *, facts: bytes, personal: bytes) -> None:
    header = act.header
    parents, first = _parent_refs(writer, index, header.parents)
    if not header.parents:
        case_ref = CASE_NONE
    elif first is not None and writer.case_ids[first] == header.case_id:
        case_ref = CASE_OF_PARENT
    else:
        case_ref = CASE_TABLE + writer.cases.index(header.case_id)
    writer.acts.append((
        writer.actions.index(header.action), writer.actors.index(header.actor), case_ref,
        header.registry_size, header.catalogue_version, zigzag(entry.recorded_at_ms - header.occurred_at_ms),
    ))  # fmt: skip
    writer.parents.append(parents)
    if header.attachments:
        writer.attachments.append((index, header.attachments))
    if not facts:
        writer.withheld.append((index, WITHHELD_FACTS, header.facts_hash, header.facts_len))
    if header.personal_len and not personal:
        writer.withheld.append((index, WITHHELD_PERSONAL, header.personal_hash, header.personal_len))
    writer.positions[act.act_id] = index
    writer.case_ids[index] = case_of(act)


def _parent_refs(writer: _Writer, index: int, parents: Sequence[ActId]) -> tuple[tuple[int, ...], int | None]:
    """Return how each parent is named, and where the first stands that the package holds; None for none.

    One that it holds is named by twice the distance back, another by twice its table index plus one.
    """
    refs: list[int] = []
    first: int | None = None
    for parent in parents:
        position = writer.positions.get(parent)
        if position is None:
            refs.append(writer.links.index(parent) * 2 + 1)
            continue
        refs.append((index - position) * 2)
        if first is None:
            first = position
    return tuple(refs), first


def _tables(writer: _Writer) -> HeaderValue:
    tables = (writer.boots, writer.seen, writer.actors, writer.actions, writer.cases, writer.links)
    return tuple(table.values for table in tables)


def _columns(writer: _Writer) -> HeaderValue:
    boots, seen, recorded, monotonic = _transpose(writer.entries, 4)
    actions, actors, cases, registry, catalogue, occurred = _transpose(writer.acts, 6)
    return (
        boots, seen, deltas(recorded), deltas(monotonic),
        actions, actors, cases, deltas(registry), deltas(catalogue), occurred,
    )  # fmt: skip


def _transpose(rows: Sequence[tuple[int, ...]], width: int) -> list[list[int]]:
    return [[row[column] for row in rows] for column in range(width)]


def deltas(values: list[int]) -> list[int]:
    """Return the zigzag differences of each value to the one before it, the first to 0."""
    return [zigzag(after - before) for before, after in pairwise([0, *values])]


def _lengths(sigs: list[bytes]) -> HeaderValue:
    """Return the length of each signature, or nothing when all have 64 bytes."""
    return () if all(len(sig) == 64 for sig in sigs) else tuple(len(sig) for sig in sigs)
