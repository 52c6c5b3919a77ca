"""The oracle: what must hold of an installation after any fault, told as a list of problems.

It opens the folder as a station would after the fault, and then looks at everything with means of its own:
the tree is hashed by the recursive definition of RFC 6962, and the rows that people look at are
compared with rows made anew from the frames.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Container, Iterable, Iterator, Sequence
from contextlib import closing
from hashlib import sha256
from pathlib import Path

from ledger.errors import BanjianError
from ledger.facade import Home, Ledger
from ledger.facade.base.tables import VIEW_TABLES
from ledger.facade.base.vault import Vault
from ledger.facade.logs.bodies import read_personal
from ledger.formats.act import case_of, verify_act
from ledger.formats.body import check_facts, check_personal
from ledger.formats.checkpoint import log_origin, open_checkpoint
from ledger.formats.entry import check_link, entry_hash
from ledger.formats.frame import Frame, decode_frame
from ledger.formats.genesis import decode_log_genesis
from ledger.formats.merge import MERGE_LEAF
from ledger.store import schema
from ledger.store.contract import ReadTx
from ledger.types import LogId, StationId
from tests.faults.day import Confirmed
from tests.faults.merged import merge_problems
from tests.faults.office import Dice, FakeClock


def check_after(
    home: Path, confirmed: Sequence[Confirmed], *, doubt: bool = False, erased: Container[bytes] = ()
) -> None:
    """Fail when anything promised is gone or anything half done is there.

    Args:
        home: the installation as the fault left it; it is opened, so it recovers.
        confirmed: what the write path had promised.
        doubt: whether own logs may be in doubt.
        erased: cases whose personal bodies may be gone, whole or not at all.
    """
    assert problems(home, confirmed, doubt=doubt, erased=erased) == []


def problems(
    home: Path, confirmed: Sequence[Confirmed], *, doubt: bool = False, erased: Container[bytes] = ()
) -> list[str]:
    """Return everything that is wrong with an installation, one line each."""
    try:
        return list(_problems(Home(home), confirmed, doubt=doubt, erased=erased))
    except BanjianError as error:
        return [f"refused: {error.code} {error.params}"]
    except sqlite3.DatabaseError as error:
        return [f"integrity: {error}"]


def _problems(
    home: Home, confirmed: Sequence[Confirmed], *, doubt: bool, erased: Container[bytes]
) -> Iterator[str]:
    with Ledger.open(home, clock=FakeClock(), randomness=Dice("check"), write=True) as ledger:
        infos = ledger.logs()
        yield from (f"doubt: {info.station} {info.doubt}" for info in infos if info.doubt and not doubt)
        with ledger.store.read() as tx:
            yield from _lost(tx, confirmed)
            for info in infos:
                yield from _log_problems(tx, info.log_id, ledger, home)
            yield from _half_acts(tx, home, erased)
            yield from merge_problems(tx)
            before = _view_rows(tx)
        ledger.rebuild()
        with ledger.store.read() as tx:
            after = _view_rows(tx)
        yield from (f"view {name} differs from its replay" for name in before if before[name] != after[name])
        again = ledger.logs()
    if [(info.log_id, info.size) for info in again] != [(info.log_id, info.size) for info in infos]:
        yield "looking changed a log"
    with closing(sqlite3.connect(home.database_path)) as plain:
        found = [row[0] for row in plain.execute("PRAGMA integrity_check")]
    if found != ["ok"]:
        yield f"integrity: {found[0]}"


def _lost(tx: ReadTx, confirmed: Iterable[Confirmed]) -> Iterator[str]:
    for promise in confirmed:
        frame = tx.frame(promise.log, promise.seq)
        if frame is None:
            yield f"lost: {promise.log}/{promise.seq}"
        elif decode_frame(frame).act.act_id != promise.act_id:
            yield f"other act: {promise.log}/{promise.seq}"
        elif promise.frame_hash and sha256(frame).digest() != promise.frame_hash:
            yield f"other bytes: {promise.log}/{promise.seq}"


def _log_problems(tx: ReadTx, log_id: LogId, ledger: Ledger, home: Home) -> Iterator[str]:
    name = log_id.hex()
    row = tx.get(schema.LOGS, (name,))
    if row is None or not isinstance(row[3], bytes):
        yield f"no row of log {name}"
        return
    genesis = decode_log_genesis(row[3])
    stored = [frame for _, frame in tx.frames(name, 1, 1 << 40)]
    frames = [decode_frame(frame) for frame in (stored[:1] if genesis.kind == "merge" else stored)]
    previous = genesis.genesis_hash()
    for seq, frame in enumerate(frames, 1):
        yield from _entry_problems(tx, ledger, frame, log_id=log_id, seq=seq, previous=previous)
        previous = entry_hash(frame.entry_raw)
    raw_leaves = [*(frame.entry_raw for frame in frames), *stored[len(frames) :]]
    head = tx.get(schema.HEADS, (name,))
    if head is None or head[1:3] != (len(stored), entry_hash(raw_leaves[-1])):
        yield f"head of {name} does not agree with its frames"
    leaves = [sha256(b"\0" + raw).digest() for raw in raw_leaves]
    for _, level, index, node in tx.select(schema.TREE, {"log": name}):
        if not (isinstance(level, int) and isinstance(index, int)):
            yield f"tree of {name}: not a number"
        elif _root(leaves[index << level : (index + 1) << level]) != node:
            yield f"tree of {name}: node {level}/{index}"
    notes = [row[2] for row in tx.select(schema.CHECKPOINTS, {"log": name})]
    sentinel = None if row[5] else home.sentinel(log_id)  # of a log given up it may be anything
    for note in [*notes, sentinel.encode() if sentinel else None]:
        if not isinstance(note, bytes):
            continue
        stated = open_checkpoint(note, log_origin(log_id), genesis.log_public_key)
        if stated.size > len(leaves) and not row[5]:
            yield f"checkpoint of {name} is ahead of its log"
        elif stated.size <= len(leaves) and _root(leaves[: stated.size]) != stated.root:
            yield f"checkpoint of {name} at {stated.size} has another root"


def _entry_problems(
    tx: ReadTx, ledger: Ledger, frame: Frame, *, log_id: LogId, seq: int, previous: bytes
) -> Iterator[str]:
    where = f"{log_id.hex()}/{seq}"
    try:
        check_link(frame.entry, log_id=log_id, seq=seq, previous=previous)
        public_key = ledger.knowledge.registry.public_key(frame.act.header.actor)
        verify_act(frame.act.raw, frame.act.sig, public_key or b"")
    except BanjianError as error:
        yield f"{where}: {error.code}"
    row = tx.get(schema.ACTS, (case_of(frame.act), frame.act.act_id))
    if row is None or row[2:4] != (log_id.hex(), seq):
        yield f"{where}: no row of the act"


def _half_acts(tx: ReadTx, home: Home, erased: Container[bytes]) -> Iterator[str]:
    """Every act has its bodies, every body its act, every personal body a key that opens it."""
    vault = Vault(home.storage_key(), Dice("check"))
    acts = {row[2:4]: row[0] for row in tx.select(schema.ACTS, {})}
    records = [record for record in tx.records(after=0, limit=1 << 30) if record.topic != MERGE_LEAF]
    if len(acts) != len(records):
        yield f"{len(records)} frames, {len(acts)} rows of acts"
    bodies = {row[:2]: row[2:] for row in tx.select(schema.BODIES, {})}
    if bodies.keys() != acts.keys():
        yield "bodies and acts differ"
    if any((nonce is None) != (personal is None) for _, nonce, personal in bodies.values()):
        yield "half a personal body"
    cases = {acts.get(place) for place, (_, _, personal) in bodies.items() if personal is not None}
    if {row[0] for row in tx.select(schema.CASE_KEYS, {})} != cases:
        yield "keys and personal bodies differ"
    for record in records:
        act = decode_frame(record.frame).act
        body = bodies.get((record.log, record.seq), (None, None, None))[0]
        try:
            check_facts(act.header, body if isinstance(body, bytes) else b"")
            gone = case_of(act) in erased and case_of(act) not in cases
            if act.header.personal_hash and not gone:
                personal = read_personal(tx, vault, case_of(act), act.act_id)
                check_personal(act.header, personal or b"")
        except BanjianError as error:
            yield f"body of {record.log}/{record.seq}: {error.code}"


def _view_rows(tx: ReadTx) -> dict[str, list[tuple[object, ...]]]:
    return {table.name: sorted(tx.select(table, {}), key=repr) for table in VIEW_TABLES}


def _root(leaves: Sequence[bytes]) -> bytes:
    """RFC 6962 section 2.1, as it is written there."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    split = 1 << ((len(leaves) - 1).bit_length() - 1)
    return sha256(b"\1" + _root(leaves[:split]) + _root(leaves[split:])).digest()


def sizes(ledger: Ledger) -> dict[StationId, int]:
    """Return the number of entries of each station's newest log."""
    return {info.station: info.size for info in ledger.logs() if info.kind == "station" and not info.doubt}
