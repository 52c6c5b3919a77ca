"""What this station has seen of the county's merge log: its newest checkpoint, and proof against rewriting.

Each new checkpoint must continue the one held before it. One that does not, though the county signed it, is
kept as evidence and told; it never takes the place of the other. Every entry that is written here names the
newest one, so that a county that goes back on it contradicts the entries of its stations.

Source: docs/protocol.md, "County checkpoints".
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from ledger.errors import DataError, EncodingError
from ledger.facade.logs.bodies import read_facts
from ledger.facade.logs.opening import read_frames
from ledger.formats.act import Act, case_of, verify_act
from ledger.formats.checkpoint import (
    LOG_ORIGIN_PREFIX,
    Checkpoint,
    checkpoint_hash,
    open_checkpoint,
    read_checkpoint,
)
from ledger.formats.entry import decode_entry
from ledger.formats.frame import act_in, split_frame
from ledger.formats.genesis import LogGenesis, decode_log_genesis
from ledger.formats.merkle import verify_consistency
from ledger.known.opening import opening_genesis
from ledger.registry.authority import Refusal, check_log_opening
from ledger.registry.registry import Registry
from ledger.store import schema
from ledger.store.contract import ReadTx, WriteTx
from ledger.store.tables import Cell
from ledger.types import LogId

INCONSISTENT: Final = "merge.inconsistent"
"""It contradicts what is held: another root at the same size, or a log that leaves out what was seen."""
UNPROVEN: Final = "merge.unproven"
"""The proof that it continues what is held does not hold; the carrier may have spoilt it."""
RESTORED: Final = "merge.restored"
"""It is taken without proof: a registrar opened its log after a restore, and leaves in between are lost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenOutcome:
    """What became of a county checkpoint.

    Attributes:
        code: "" or the code why it was not accepted; it is kept as evidence then.
        new: whether something was stored; of evidence only what is needed beside what is kept already.
        told: "" or a code of what people are to be told though it was accepted.
    """

    checkpoint: Checkpoint
    code: str
    new: bool
    told: str = ""


class CountySeen:
    """Takes checkpoints of the county's merge log.

    Args:
        registry: the newest registry held here; it says who may open a merge log.
    """

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def take(self, tx: WriteTx, note: bytes, proof: Sequence[bytes], *, now_ms: int) -> SeenOutcome:
        """Take a checkpoint if it continues the newest one held; keep it as evidence if it does not.

        Args:
            tx: the one write transaction.
            note: the signed checkpoint.
            proof: consistency from the newest one held to this one; for a checkpoint of a log that continues
                the log of the newest one, from there to the size that the new log's genesis names.
            now_ms: the clock of this station.

        Raises:
            EncodingError: ``note.*``, ``checkpoint.malformed``.
            DataError: ``merge.unknown_log`` when the opening of the log is not here; ``merge.not_county`` for
                a log that is none of the county's; ``note.unsigned``, ``note.signature``.
            AuthorityError: ``authority.*`` when who opened the log was not allowed to. Nothing was stored.
        """
        point, genesis = self._opened(tx, note)
        held = newest_seen(tx)
        code = "" if held is None else _judge(tx, point, genesis, held=held, proof=proof)
        if code is None:
            return SeenOutcome(checkpoint=point, code="", new=False)
        if code == RESTORED:
            keep_seen(tx, note, now_ms=now_ms, state="")
            return SeenOutcome(checkpoint=point, code="", new=True, told=RESTORED)
        new = not code or not (_is_kept(tx, point, code) or _is_shown(tx, point, code))
        if new:
            keep_seen(tx, note, now_ms=now_ms, state=code)
        return SeenOutcome(checkpoint=point, code=code, new=new)

    def accept(self, tx: WriteTx, note: bytes, *, now_ms: int) -> SeenOutcome:
        """Take a checkpoint as the newest without proof: somebody looked into it and decided so.

        Raises:
            BanjianError: as ``take``.
        """
        point, _ = self._opened(tx, note)
        keep_seen(tx, note, now_ms=now_ms, state="")
        return SeenOutcome(checkpoint=point, code="", new=True)

    def _opened(self, tx: ReadTx, note: bytes) -> tuple[Checkpoint, LogGenesis]:
        origin = read_checkpoint(note).origin
        opened = merge_genesis(tx, origin.removeprefix(LOG_ORIGIN_PREFIX))
        if opened is None:
            raise DataError("merge.unknown_log", log=origin)
        if opened.act is not None:
            self._check_opening(opened.genesis, opened.act)
        return open_checkpoint(note, origin, opened.genesis.log_public_key), opened.genesis

    def _check_opening(self, genesis: LogGenesis, act: Act) -> None:
        station = self._registry.station(genesis.station)
        public_key = self._registry.public_key(act.header.actor)
        ours = genesis.kind == "merge" and genesis.ledger_id == self._registry.ledger_id
        if not ours or station is None or station.upstream or public_key is None:
            raise DataError("merge.not_county", log=genesis.log_id())
        verify_act(act.raw, act.sig, public_key)
        allowed = check_log_opening(
            self._registry, genesis.kind, actor_key_id=act.header.actor, station=genesis.station,
            registry_size=act.header.registry_size,
        )  # fmt: skip
        if isinstance(allowed, Refusal):
            raise allowed.as_error()


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedLog:
    """A log whose opening is held: its genesis, and the act that opened it elsewhere."""

    genesis: LogGenesis
    act: Act | None


def newest_seen(tx: ReadTx) -> Checkpoint | None:
    """Return the newest county checkpoint that was accepted here."""
    note = newest_note(tx)
    return None if note is None else read_checkpoint(note)


def newest_note(tx: ReadTx) -> bytes | None:
    """Return the signed note of the newest county checkpoint that was accepted here."""
    rows = tx.select(schema.COUNTY_CHECKPOINTS, {"state": ""}, order_by=("number",), descending=True, limit=1)
    return next((row[3] for row in rows if isinstance(row[3], bytes)), None)


def seen_hash(tx: ReadTx) -> bytes:
    """Return what entries carry as ``county_seen``: the hash of the newest one, or nothing."""
    newest = newest_seen(tx)
    return b"" if newest is None else checkpoint_hash(newest)


def entry_without_seen(tx: ReadTx, name: str, *, after: int) -> int:
    """Return the first entry of a log that names a county checkpoint which was never taken here, 0 for none.

    Of a log that goes on here there is none, unless somebody took the checkpoint away.

    Args:
        tx: a consistent view.
        name: of the log.
        after: entries up to this one are not looked at.
    """
    notes = (row[3] for row in tx.select(schema.COUNTY_CHECKPOINTS, {"state": ""}))
    taken = {checkpoint_hash(read_checkpoint(note)) for note in notes if isinstance(note, bytes)}
    for seq, frame in enumerate(read_frames(tx, name, after=after, last=tx.size(name)), start=after + 1):
        try:
            county_seen = decode_entry(split_frame(frame).entry_raw).county_seen
        except EncodingError:
            continue
        if county_seen and county_seen not in taken:
            return seq
    return 0


def entry_turned_back(tx: ReadTx, name: str) -> int:
    """Return the first entry of a log that names an older county checkpoint than one before it, 0 for none.

    One that was taken twice, because people accepted it again, says nothing.
    """
    numbers: dict[bytes, int] = {}
    twice: set[bytes] = set()
    for row in tx.select(schema.COUNTY_CHECKPOINTS, {"state": ""}):
        hashed = checkpoint_hash(read_checkpoint(row[3])) if isinstance(row[3], bytes) else b""
        if hashed in numbers:
            twice.add(hashed)
        numbers[hashed] = _int(row[0])
    newest = 0
    for seq, frame in enumerate(read_frames(tx, name, after=0, last=tx.size(name)), start=1):
        try:
            named = decode_entry(split_frame(frame).entry_raw).county_seen
        except EncodingError:
            continue
        number = 0 if named in twice else numbers.get(named, 0)
        if 0 < number < newest:
            return seq
        newest = max(newest, number)
    return 0


def keep_seen(tx: WriteTx, note: bytes, *, now_ms: int, state: str) -> None:
    """Write a checkpoint down behind all others."""
    point = read_checkpoint(note)
    rows = tx.select(schema.COUNTY_CHECKPOINTS, {}, order_by=("number",), descending=True, limit=1)
    last = next((row[0] for row in rows if isinstance(row[0], int)), 0)
    name = point.origin.removeprefix(LOG_ORIGIN_PREFIX)
    tx.insert(schema.COUNTY_CHECKPOINTS, [(last + 1, name, point.size, note, now_ms, state)])


def keep_evidence(tx: WriteTx, note: bytes, *, now_ms: int, state: str) -> None:
    """Write a checkpoint down that does not fit, unless it is kept already: it may come with every sync."""
    if not _is_kept(tx, read_checkpoint(note), state):
        keep_seen(tx, note, now_ms=now_ms, state=state)


def newest_refused(tx: ReadTx) -> bytes | None:
    """Return the signed note of the county checkpoint that came last, if it was kept as evidence alone."""
    rows = tx.select(schema.COUNTY_CHECKPOINTS, {}, order_by=("number",), descending=True, limit=1)
    return next((row[3] for row in rows if row[5] and isinstance(row[3], bytes)), None)


def newest_evidence(tx: ReadTx, name: str) -> Checkpoint | None:
    """Return the largest checkpoint of a log that is kept as evidence and does not follow from what is held.

    Args:
        tx: a consistent view.
        name: of the merge log.
    """
    rows = tx.select(schema.COUNTY_CHECKPOINTS, {"log": name}, order_by=("size",), descending=True)
    return next((read_checkpoint(row[3]) for row in rows if row[5] and isinstance(row[3], bytes)), None)


def merge_genesis(tx: ReadTx, name: str) -> OpenedLog | None:
    """Return the opening of a log, written here or come in an excerpt; None when it is not here."""
    row = tx.get(schema.LOGS, (name,))
    if row is not None and row[4] == 1 and isinstance(row[3], bytes):
        return OpenedLog(genesis=decode_log_genesis(row[3]), act=None)
    for sparse in tx.select(schema.SPARSE, {"log": name, "seq": 1}):
        if not isinstance(sparse[3], bytes):
            continue
        act = act_in(sparse[3])
        facts = read_facts(tx, case_of(act), act.act_id)
        if facts is not None:
            genesis = opening_genesis(LogId(bytes.fromhex(name)), sparse[3], facts)
            return OpenedLog(genesis=genesis, act=act)
    return None


def _judge(
    tx: ReadTx, point: Checkpoint, genesis: LogGenesis, *, held: Checkpoint, proof: Sequence[bytes]
) -> str | None:
    """Return "" for one that continues what is held, None for one that says nothing new, else why not."""
    known = _roots(tx, point)
    if known - {point.root}:
        return INCONSISTENT
    if known:
        return None
    name, held_name = (one.origin.removeprefix(LOG_ORIGIN_PREFIX) for one in (point, held))
    if name == held_name:
        return None if point.size < held.size else _proven(held, point.size, point.root, proof)
    if genesis.parent_log.hex() == held_name and genesis.parent_size >= held.size:
        if genesis.parent_size == held.size:
            return "" if genesis.parent_root == held.root else INCONSISTENT
        if not proof and genesis.reason == "restored":
            # Nobody may be left who could prove it. That it was so, a registrar has signed.
            return RESTORED
        return _proven(held, genesis.parent_size, genesis.parent_root, proof)
    return None if name in ancestors(tx, held_name) else INCONSISTENT


def _proven(held: Checkpoint, size: int, root: bytes, proof: Sequence[bytes]) -> str:
    try:
        verify_consistency(held.size, size, old_root=held.root, new_root=root, proof=proof)
    except DataError:
        return UNPROVEN
    return ""


def _roots(tx: ReadTx, point: Checkpoint) -> set[bytes]:
    """Return the accepted roots of a log at the size of a checkpoint."""
    name = point.origin.removeprefix(LOG_ORIGIN_PREFIX)
    rows = tx.select(schema.COUNTY_CHECKPOINTS, {"log": name, "size": point.size, "state": ""})
    return {read_checkpoint(row[3]).root for row in rows if isinstance(row[3], bytes)}


def _is_kept(tx: ReadTx, point: Checkpoint, code: str) -> bool:
    """Tell whether the same evidence is kept already: it may come with every sync."""
    name = point.origin.removeprefix(LOG_ORIGIN_PREFIX)
    rows = tx.select(schema.COUNTY_CHECKPOINTS, {"log": name, "size": point.size, "state": code})
    return any(isinstance(row[3], bytes) and read_checkpoint(row[3]) == point for row in rows)


def _is_shown(tx: ReadTx, point: Checkpoint, code: str) -> bool:
    """Tell whether evidence against what is held says enough already: the county signs ever new checkpoints.

    One that contradicts what is held proves it for good. One without a proof that holds may be sound, and the
    carrier have spoilt it: so one more is kept each time that the log has grown to twice the size.
    """
    name = point.origin.removeprefix(LOG_ORIGIN_PREFIX)
    rows = list(tx.select(schema.COUNTY_CHECKPOINTS, {"log": name, "state": code}))
    last = tx.select(schema.COUNTY_CHECKPOINTS, {"state": ""}, order_by=("number",), descending=True, limit=1)
    held = next((_int(row[0]) for row in last), 0)
    sizes = [_int(row[2]) for row in rows if _int(row[0]) > held]
    return bool(sizes) and (code == INCONSISTENT or point.size < 2 * max(sizes))


def _int(cell: Cell) -> int:
    return cell if isinstance(cell, int) else 0


def ancestors(tx: ReadTx, name: str) -> Iterator[str]:
    """Yield the logs that a log continues, one after the other."""
    opened = merge_genesis(tx, name)
    while opened is not None and opened.genesis.parent_log:
        parent = opened.genesis.parent_log.hex()
        yield parent
        opened = merge_genesis(tx, parent)
