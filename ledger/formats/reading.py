"""Reading a package: fills in what the sender left out and rebuilds the exact frames.

Source: docs/protocol.md, "Package".
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, pairwise

from ledger.codec import HeaderFields, unpack_header
from ledger.errors import EncodingError
from ledger.formats.act import CASE_ID_BYTES, Act, ActHeader, act_id, encode_act
from ledger.formats.body import facts_hash, personal_hash
from ledger.formats.entry import Entry, encode_entry, entry_hash, sig_hash
from ledger.formats.frame import Frame, encode_frame, split_frame
from ledger.formats.keys import SIGNATURE_BYTES
from ledger.formats.packageform import (
    CASE_NONE,
    CASE_OF_PARENT,
    CASE_TABLE,
    KIND_RAW,
    KIND_REGULAR,
    PACKAGE_VERSION,
    WITHHELD_FACTS,
    WITHHELD_PERSONAL,
    PackageContent,
)
from ledger.limits import (
    INT_MAX,
    NOTE_SIGNATURES_MAX,
    PACKAGE_BYTES_MAX,
    PACKAGE_ENTRIES_MAX,
    SIGNATURE_BYTES_MAX,
)
from ledger.types import ActId, CaseId, LedgerId, LogId, StationId

PACKAGE_FIELDS = 19
_ABSENT = (b"", 0)


@dataclass(slots=True)
class _Reader:
    log_id: LogId
    ledger_id: LedgerId
    station: StationId
    facts: tuple[bytes, ...]
    personal: tuple[bytes, ...]
    boots: HeaderFields
    seen: HeaderFields
    actors: HeaderFields
    actions: HeaderFields
    cases: HeaderFields
    links: HeaderFields
    entry_rows: Iterator[tuple[int, int, int, int]]
    act_rows: Iterator[tuple[int, int, int, int, int, int]]
    parents: Iterator[HeaderFields]
    attachments: dict[int, tuple[tuple[bytes, int], ...]]
    withheld: dict[tuple[int, int], tuple[bytes, int]]
    opaque: Iterator[bytes]
    sigs: Iterator[bytes]
    act_ids: list[ActId | None] = field(default_factory=list)
    case_ids: dict[int, CaseId] = field(default_factory=dict)


def read_package(raw: bytes) -> tuple[PackageContent, tuple[Frame | None, ...]]:
    """Return the content of a package and its parsed frames; see ``ledger.formats.package.decode_parsed``."""
    fields = _fields(raw)
    log_id, first_seq, previous = fields[1], fields[2], fields[3]
    checkpoint, receipts, kinds = fields[6], fields[7], fields[8]
    _require(type(log_id) is bytes and len(log_id) == 16, "log_id")
    _require(type(first_seq) is int and 1 <= first_seq <= INT_MAX - PACKAGE_ENTRIES_MAX, "first_seq")
    _require(type(previous) is bytes and len(previous) == 32, "previous")
    _require(type(checkpoint) is bytes, "checkpoint")
    reader = _reader(fields)
    frames: list[bytes] = []
    parsed: list[Frame | None] = []
    link = previous
    for index, kind in enumerate(kinds):
        if kind == KIND_REGULAR:
            whole = _rebuild(reader, index, seq=first_seq + index, previous=link)
            parsed.append(whole)
            frame, entry_raw = whole.raw, whole.entry_raw
        else:
            if kind == KIND_RAW:
                frame, entry_raw = _raw_frame(reader)
            else:
                frame, entry_raw = _opaque_frame(reader, seq=first_seq + index, previous=link)
            parsed.append(None)
        frames.append(frame)
        link = entry_hash(entry_raw)
    _require(not reader.attachments, "attachments")
    _require(not reader.withheld, "withheld")
    found = PackageContent(
        log_id=LogId(log_id), first_seq=first_seq, previous=previous, frames=tuple(frames),
        facts=reader.facts, personal=reader.personal, checkpoint=checkpoint, receipts=_receipts(receipts),
    )  # fmt: skip
    return found, tuple(parsed)


def _fields(raw: bytes) -> HeaderFields:
    if len(raw) > PACKAGE_BYTES_MAX:
        raise EncodingError("package.limit", size=len(raw), limit=PACKAGE_BYTES_MAX)
    fields = unpack_header(raw, limit=PACKAGE_BYTES_MAX)
    _require(bool(fields) and type(fields[0]) is int, "version")
    if fields[0] != PACKAGE_VERSION:
        raise EncodingError("package.version", version=fields[0])
    _require(len(fields) == PACKAGE_FIELDS, "count")
    return fields


def _reader(fields: HeaderFields) -> _Reader:
    (
        _, log_id, _, _, ledger_id, station, _, _, kinds, tables, columns, parents, attachments, withheld,
        opaque, sig_lengths, sigs, facts, personal,
    ) = fields  # fmt: skip
    _require(
        type(kinds) is tuple and all(type(kind) is int and 0 <= kind <= KIND_RAW for kind in kinds), "kinds"
    )
    count, regular, raw = len(kinds), kinds.count(KIND_REGULAR), kinds.count(KIND_RAW)
    if not 1 <= count <= PACKAGE_ENTRIES_MAX:
        raise EncodingError("package.count", count=count, limit=PACKAGE_ENTRIES_MAX)
    _require(type(ledger_id) is bytes and type(station) is str, "base")
    _require(_are(bytes, facts, count) and _are(bytes, personal, count), "bodies")
    _require(_are(tuple, tables, 6), "tables")
    _require(_are(tuple, columns, 10), "columns")
    _require(all(_are(int, column, count - raw) for column in columns[:4]), "columns")
    _require(all(_are(int, column, regular) for column in columns[4:]), "columns")
    _require(_are(tuple, parents, regular), "parents")
    _require(_are(bytes, opaque, count - regular), "opaque")
    boots, seen, recorded, monotonic, actions, actors, cases, registry, catalogue, occurred = columns
    return _Reader(
        log_id=LogId(log_id), ledger_id=LedgerId(ledger_id), station=StationId(station), facts=facts,
        personal=personal, boots=tables[0], seen=tables[1], actors=tables[2], actions=tables[3],
        cases=tables[4], links=tables[5],
        entry_rows=zip(boots, seen, _sums(recorded), _sums(monotonic), strict=True),
        act_rows=zip(actions, actors, cases, _sums(registry), _sums(catalogue), occurred, strict=True),
        parents=iter(parents), attachments=_attachments(attachments), withheld=_withheld(withheld),
        opaque=iter(opaque), sigs=iter(_signatures(sig_lengths, sigs, count - raw)),
    )  # fmt: skip


def _raw_frame(reader: _Reader) -> tuple[bytes, bytes]:
    frame = next(reader.opaque)
    reader.act_ids.append(None)
    return frame, split_frame(frame).entry_raw


def _opaque_frame(reader: _Reader, *, seq: int, previous: bytes) -> tuple[bytes, bytes]:
    sig, act_raw = next(reader.sigs), next(reader.opaque)
    reader.act_ids.append(None)
    entry = _entry(reader, act_id(act_raw), sig, next(reader.entry_rows), (seq, previous))
    entry_raw = encode_entry(entry)
    frame = encode_frame(act_raw, sig, entry_raw)
    split_frame(frame)
    return frame, entry_raw


def _rebuild(reader: _Reader, index: int, *, seq: int, previous: bytes) -> Frame:
    """Return a frame that ``decode_frame`` reads as this one: fields are checked before they are packed."""
    sig = next(reader.sigs)
    row = next(reader.entry_rows)
    header = _header(reader, index, row[2])
    act_raw = encode_act(header)
    known_id = act_id(act_raw)
    reader.act_ids.append(known_id)
    reader.case_ids.setdefault(index, CaseId(known_id[:CASE_ID_BYTES]))
    entry = _entry(reader, known_id, sig, row, (seq, previous))
    entry_raw = encode_entry(entry)
    # Calling a named tuple would do, were it not twice as slow.
    act: Act = tuple.__new__(Act, (header, act_raw, sig, known_id))
    frame: Frame = tuple.__new__(Frame, (act, entry, entry_raw, encode_frame(act_raw, sig, entry_raw)))
    return frame


def _entry(
    reader: _Reader, known_id: ActId, sig: bytes, row: tuple[int, int, int, int], place: tuple[int, bytes]
) -> Entry:
    boot, seen, recorded_at_ms, monotonic_ms = row
    entry: Entry = tuple.__new__(
        Entry,
        (
            reader.log_id, *place, known_id, sig_hash(sig), recorded_at_ms,
            _pick(reader.boots, boot, "boots"), monotonic_ms, _pick(reader.seen, seen, "seen"),
        ),
    )  # fmt: skip
    return entry


def _header(reader: _Reader, index: int, recorded_at_ms: int) -> ActHeader:
    action, actor, case_ref, registry_size, catalogue_version, lag = next(reader.act_rows)
    parents, case_of_parent = _parents(reader, index)
    case_id = _case_id(reader, case_ref, case_of_parent)
    if case_id:
        reader.case_ids[index] = case_id
    facts, personal = reader.facts[index], reader.personal[index]
    if facts:
        facts_pin = facts_hash(facts), len(facts)
    else:
        facts_pin = reader.withheld.pop((index, WITHHELD_FACTS), _ABSENT)
    if personal:
        personal_pin = personal_hash(personal), len(personal)
    else:
        personal_pin = reader.withheld.pop((index, WITHHELD_PERSONAL), _ABSENT)
    header: ActHeader = tuple.__new__(
        ActHeader,
        (
            reader.ledger_id, case_id, parents, _pick_text(reader.actions, action, "actions"),
            _pick(reader.actors, actor, "actors"), reader.station, registry_size, catalogue_version,
            _in_range(recorded_at_ms - _unzigzag(lag)), *facts_pin, *personal_pin,
            reader.attachments.pop(index, ()),
        ),
    )  # fmt: skip
    return header


def _parents(reader: _Reader, index: int) -> tuple[tuple[ActId, ...], CaseId]:
    """Return the parents of an act, and the case of the first of them that stands in the package."""
    parents: list[ActId] = []
    case_id = CaseId(b"")
    for ref in next(reader.parents):
        _require(type(ref) is int and ref >= 0, "parents")
        if ref & 1:
            parents.append(ActId(_pick(reader.links, ref >> 1, "links")))
            continue
        position = index - (ref >> 1)
        parent = reader.act_ids[position] if 0 <= position < index else None
        if parent is None:
            raise EncodingError("package.field", field="parents")
        parents.append(parent)
        case_id = case_id or reader.case_ids[position]
    return tuple(parents), case_id


def _case_id(reader: _Reader, ref: int, of_parent: CaseId) -> CaseId:
    if ref == CASE_NONE:
        return CaseId(b"")
    if ref == CASE_OF_PARENT:
        _require(bool(of_parent), "cases")
        return of_parent
    return CaseId(_pick(reader.cases, ref - CASE_TABLE, "cases"))


def _attachments(value: HeaderFields) -> dict[int, tuple[tuple[bytes, int], ...]]:
    _require(type(value) is tuple, "attachments")
    found: dict[int, tuple[tuple[bytes, int], ...]] = {}
    for item in value:
        _require(type(item) is tuple and len(item) == 2 and type(item[0]) is int, "attachments")
        _require(item[0] not in found, "attachments")
        found[item[0]] = item[1]
    return found


def _withheld(value: HeaderFields) -> dict[tuple[int, int], tuple[bytes, int]]:
    _require(type(value) is tuple, "withheld")
    found: dict[tuple[int, int], tuple[bytes, int]] = {}
    for item in value:
        _require(type(item) is tuple and len(item) == 4, "withheld")
        index, body, hashed, size = item
        _require(type(index) is int and body in (WITHHELD_FACTS, WITHHELD_PERSONAL), "withheld")
        _require((index, body) not in found, "withheld")
        found[index, body] = (hashed, size)
    return found


def _signatures(lengths: HeaderFields, sigs: bytes, count: int) -> list[bytes]:
    _require(type(sigs) is bytes, "signatures")
    if not lengths:
        lengths = (SIGNATURE_BYTES,) * count
    _require(_are(int, lengths, count), "signatures")
    _require(all(1 <= length <= SIGNATURE_BYTES_MAX for length in lengths), "signatures")
    ends = [0, *accumulate(lengths)]
    _require(ends[-1] == len(sigs), "signatures")
    return [sigs[start:end] for start, end in pairwise(ends)]


def _receipts(value: HeaderFields) -> tuple[str, ...]:
    _require(type(value) is tuple and len(value) <= NOTE_SIGNATURES_MAX, "receipts")
    try:
        lines = tuple(line.decode("utf-8") for line in value if type(line) is bytes)
    except UnicodeDecodeError as error:
        raise EncodingError("package.field", field="receipts") from error
    _require(len(lines) == len(value), "receipts")
    return lines


def _pick(table: HeaderFields, index: int, name: str) -> bytes:
    value = table[index] if 0 <= index < len(table) else None
    if type(value) is not bytes:
        raise EncodingError("package.field", field=name)
    return value


def _pick_text(table: HeaderFields, index: int, name: str) -> str:
    value = table[index] if 0 <= index < len(table) else None
    if type(value) is not str:
        raise EncodingError("package.field", field=name)
    return value


def _sums(column: Sequence[int]) -> list[int]:
    """Return the values whose zigzag differences a column holds."""
    return [_in_range(value) for value in accumulate(_unzigzag(step) for step in column)]


def _unzigzag(value: int) -> int:
    return -(value >> 1) - 1 if value & 1 else value >> 1


def _in_range(value: int) -> int:
    if not 0 <= value <= INT_MAX:
        raise EncodingError("package.field", field="columns")
    return value


def _are(kind: type, value: object, count: int) -> bool:
    return type(value) is tuple and len(value) == count and all(type(item) is kind for item in value)


def _require(holds: bool, part: str) -> None:
    if not holds:
        raise EncodingError("package.field", field=part)
