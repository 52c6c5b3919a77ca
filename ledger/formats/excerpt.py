"""Excerpt: some frames of one log with the proof that they stand in it, for who does not hold the log.

The first entry of the log comes with every excerpt: it carries the log's genesis, whose hash is the log's id
and whose key signed the checkpoint. So whoever knows the id can check the rest without knowing anything else.

Source: docs/protocol.md, "Excerpt".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

from ledger.codec import HeaderFields, pack_header, unpack_header
from ledger.errors import DataError, EncodingError
from ledger.formats.act import act_id, decode_act
from ledger.formats.body import facts_hash, open_body, personal_hash
from ledger.formats.checkpoint import Checkpoint, log_origin, open_checkpoint, read_checkpoint
from ledger.formats.entry import decode_entry
from ledger.formats.frame import FrameParts, check_pins, decode_frame, split_frame
from ledger.formats.genesis import OPEN_LOG, LogGenesis, decode_log_genesis, log_id
from ledger.formats.merkle import leaf_hash, multiproof_root
from ledger.limits import (
    EXCERPT_BYTES_MAX,
    EXCERPT_ENTRIES_MAX,
    EXCERPT_NODES_MAX,
    NOTE_SIGNATURES_MAX,
    TREE_SIZE_MAX,
    facts_bytes_max,
)
from ledger.types import LogId

EXCERPT_VERSION = 1
EXCERPT_FIELDS = 9


@dataclass(frozen=True, slots=True, kw_only=True)
class ExcerptContent:
    """What an excerpt says, byte for byte as the sender stores it.

    ``frames``, ``facts`` and ``personal`` have one element for each of ``positions``; an empty body is one
    that the act does not have or that the sender withholds. ``nodes`` is what
    ``ledger.formats.merkle.multiproof`` gives for these positions at the size of the checkpoint.
    """

    log_id: LogId
    checkpoint: bytes
    positions: tuple[int, ...]
    frames: tuple[bytes, ...]
    nodes: tuple[bytes, ...]
    facts: tuple[bytes, ...]
    personal: tuple[bytes, ...]
    receipts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedExcerpt:
    """An excerpt whose entries reach the signed root of the log that its first entry opens.

    ``ranges`` are the hashes over ranges of leaves (first leaf, one behind the last) that the proof passed:
    with them the same entries, or fewer, can be proven to somebody else.
    """

    content: ExcerptContent
    genesis: LogGenesis
    checkpoint: Checkpoint
    ranges: Mapping[tuple[int, int], bytes]


def encode_excerpt(content: ExcerptContent) -> bytes:
    """Return the bytes of an excerpt.

    Raises:
        EncodingError: ``excerpt.count`` without entries or with more than 257; ``excerpt.field`` for other
            positions than 1 and ascending ones behind it, or lists that differ in length; ``excerpt.limit``
            beyond 32 MiB; ``encoding.*`` or ``frame.field`` for a frame that is no triple.
        DataError: ``excerpt.checkpoint`` when the checkpoint is of another log or does not reach the last
            position.
    """
    _check_shape(content)
    packed = pack_header((
        EXCERPT_VERSION, content.log_id, content.checkpoint,
        tuple(line.encode("utf-8") for line in content.receipts),
        tuple(after - before for before, after in pairwise((0, *content.positions))),
        content.frames, content.nodes, content.facts, content.personal,
    ))  # fmt: skip
    _check_size(packed)
    return packed


def decode_excerpt(raw: bytes) -> ExcerptContent:
    """Return the content of an excerpt; nothing of it is proven before ``check_excerpt``.

    Raises:
        EncodingError: ``encoding.*``, ``excerpt.limit``, ``excerpt.version``, ``excerpt.count``;
            ``excerpt.field`` with the name of the first wrong part; ``note.*``, ``checkpoint.malformed``;
            ``frame.field`` for a frame that is no triple.
        DataError: ``excerpt.checkpoint`` when the checkpoint is of another log or does not reach the last
            position.
    """
    _check_size(raw)
    fields = unpack_header(raw, limit=EXCERPT_BYTES_MAX, items_max=EXCERPT_NODES_MAX)
    _require(bool(fields) and type(fields[0]) is int, "version")
    if fields[0] != EXCERPT_VERSION:
        raise EncodingError("excerpt.version", version=fields[0])
    _require(len(fields) == EXCERPT_FIELDS, "count")
    _, known_id, checkpoint, receipts, steps, frames, nodes, facts, personal = fields
    _require(type(known_id) is bytes and len(known_id) == 16, "log_id")
    _require(type(checkpoint) is bytes, "checkpoint")
    lines = _receipts(receipts)
    _require(type(steps) is tuple, "positions")
    _check_count(steps)
    _require(all(type(step) is int and 1 <= step <= TREE_SIZE_MAX for step in steps), "positions")
    _require(_are_bytes(frames, len(steps)), "frames")
    _require(type(nodes) is tuple and _are_bytes(nodes, len(nodes)), "nodes")
    _require(_are_bytes(facts, len(steps)), "facts")
    _require(_are_bytes(personal, len(steps)), "personal")
    content = ExcerptContent(
        log_id=LogId(known_id), checkpoint=checkpoint, positions=tuple(accumulate(steps)), frames=frames,
        nodes=nodes, facts=facts, personal=personal, receipts=lines,
    )  # fmt: skip
    _check_shape(content)
    return content


def check_excerpt(content: ExcerptContent) -> CheckedExcerpt:
    """Check that the frames of an excerpt stand in its log; nothing may be stored before.

    Signatures and authority of the acts are not checked: a signed root covers them whatever they are, and
    who takes them in judges them.

    Raises:
        EncodingError: ``entry.*`` for an entry that is malformed; ``act.*``, ``genesis.*`` in the first one.
        DataError: ``excerpt.opening`` when the first entry does not open this log; ``note.unsigned``,
            ``note.signature`` for the checkpoint; ``proof.multi`` for nodes that do not fit;
            ``excerpt.root`` when the entries do not lead to the signed root; ``entry.log``,
            ``entry.sequence`` for an entry that says another place than its own; ``frame.act``,
            ``frame.signature`` for one that pins another act; ``act.facts_hash``, ``act.personal_hash`` for
            a body that is not its act's.
    """
    genesis = _opened(content)
    checkpoint = open_checkpoint(content.checkpoint, log_origin(content.log_id), genesis.log_public_key)
    leaves = {
        position - 1: leaf_hash(split_frame(frame).entry_raw)
        for position, frame in zip(content.positions, content.frames, strict=True)
    }
    ranges: dict[tuple[int, int], bytes] = {}
    if multiproof_root(checkpoint.size, leaves, content.nodes, ranges=ranges) != checkpoint.root:
        raise DataError("excerpt.root", log=content.log_id, size=checkpoint.size)
    for index, position in enumerate(content.positions):
        parts = split_frame(content.frames[index])
        _check_place(parts, content.log_id, position)
        if content.facts[index] or content.personal[index]:
            _check_bodies(parts.act_raw, content.facts[index], content.personal[index])
    return CheckedExcerpt(content=content, genesis=genesis, checkpoint=checkpoint, ranges=ranges)


def _opened(content: ExcerptContent) -> LogGenesis:
    """Return the genesis that the facts of the first entry hold; its hash is the log's id."""
    act = decode_frame(content.frames[0]).act
    stated: object = None
    if act.header.action == OPEN_LOG and content.facts[0]:
        stated = open_body(content.facts[0], limit_bytes=facts_bytes_max(OPEN_LOG)).get("genesis")
    if type(stated) is not bytes or log_id(stated) != content.log_id:
        raise DataError("excerpt.opening", log=content.log_id)
    return decode_log_genesis(stated)


def _check_place(parts: FrameParts, known_id: LogId, position: int) -> None:
    """Check what the root does not say: that the entry means this place and pins this act and signature."""
    entry = decode_entry(parts.entry_raw)
    if entry.log_id != known_id:
        raise DataError("entry.log", log=known_id, found=entry.log_id)
    if entry.seq != position:
        raise DataError("entry.sequence", log=known_id, expected=position, found=entry.seq)
    check_pins(entry, parts.act_raw, parts.sig)


def _check_bodies(act_raw: bytes, facts: bytes, personal: bytes) -> None:
    """Check bodies against the header that names them; an act that cannot be read names none."""
    try:
        header = decode_act(act_raw)
    except EncodingError as error:
        raise DataError("act.facts_hash", act=act_id(act_raw)) from error
    if facts and (len(facts), facts_hash(facts)) != (header.facts_len, header.facts_hash):
        raise DataError("act.facts_hash", act=act_id(act_raw))
    if personal and (len(personal), personal_hash(personal)) != (header.personal_len, header.personal_hash):
        raise DataError("act.personal_hash", act=act_id(act_raw))


def _check_shape(content: ExcerptContent) -> None:
    positions, count = content.positions, len(content.positions)
    _check_count(positions)
    _require(positions[0] == 1 and positions[-1] <= TREE_SIZE_MAX, "positions")
    _require(all(before < after for before, after in pairwise(positions)), "positions")
    _require(len(content.frames) == count, "frames")
    _require(len(content.nodes) <= EXCERPT_NODES_MAX, "nodes")
    _require(len(content.facts) == count, "facts")
    _require(len(content.personal) == count, "personal")
    _require(len(content.receipts) <= NOTE_SIGNATURES_MAX, "receipts")
    for frame in content.frames:
        split_frame(frame)
    checkpoint = read_checkpoint(content.checkpoint)
    if checkpoint.origin != log_origin(content.log_id) or checkpoint.size < positions[-1]:
        raise DataError("excerpt.checkpoint", log=content.log_id, size=checkpoint.size)


def _check_count(positions: Sequence[int]) -> None:
    if not 1 <= len(positions) <= EXCERPT_ENTRIES_MAX:
        raise EncodingError("excerpt.count", count=len(positions), limit=EXCERPT_ENTRIES_MAX)


def _check_size(raw: bytes) -> None:
    if len(raw) > EXCERPT_BYTES_MAX:
        raise EncodingError("excerpt.limit", size=len(raw), limit=EXCERPT_BYTES_MAX)


def _receipts(value: HeaderFields) -> tuple[str, ...]:
    _require(type(value) is tuple and len(value) <= NOTE_SIGNATURES_MAX, "receipts")
    _require(_are_bytes(value, len(value)), "receipts")
    try:
        return tuple(line.decode("utf-8") for line in value)
    except UnicodeDecodeError as error:
        raise EncodingError("excerpt.field", field="receipts") from error


def _are_bytes(value: object, count: int) -> bool:
    return type(value) is tuple and len(value) == count and all(type(item) is bytes for item in value)


def _require(holds: bool, part: str) -> None:
    if not holds:
        raise EncodingError("excerpt.field", field=part)
