"""The county's merge log in the life of a county: founding, days, restores, and what entries say of it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from ledger.errors import BanjianError, DataError, StoreError
from ledger.facade import Home, Ledger
from ledger.facade.base.synctables import MERGED
from ledger.facade.peering.between import merge
from ledger.formats.checkpoint import checkpoint_hash, open_checkpoint, read_checkpoint
from ledger.formats.entry import Entry, decode_entry
from ledger.formats.excerpt import check_excerpt, decode_excerpt, encode_excerpt
from ledger.formats.frame import split_frame
from ledger.formats.genesis import LogGenesis, decode_log_genesis
from ledger.formats.merge import FrameLeaf, HeadLeaf, decode_merge_leaf
from ledger.formats.merkle import leaf_hash, verify_consistency, verify_inclusion
from ledger.store import schema
from ledger.types import LogId
from tests.facade.counter import COUNTY, REGISTRAR, ROOTS, Dice, FakeClock, act, receive
from tests.faults.merged import merge_problems


def merge_id(ledger: Ledger) -> LogId:
    """Return the merge log that is written."""
    log = ledger.parts.merge_log.log
    assert log is not None
    return log.log_id


def genesis_of(ledger: Ledger, log_id: LogId) -> LogGenesis:
    """Return the genesis of a log."""
    with ledger.store.read() as tx:
        row = tx.get(schema.LOGS, (log_id.hex(),))
    assert row is not None and isinstance(row[3], bytes)
    return decode_log_genesis(row[3])


def entry_at(ledger: Ledger, log_id: LogId, seq: int) -> Entry:
    """Return a stored entry."""
    with ledger.store.read() as tx:
        return decode_entry(split_frame(tx.frame(log_id.hex(), seq) or b"").entry_raw)


def problems(ledger: Ledger) -> list[str]:
    """Return what the oracle finds."""
    with ledger.store.read() as tx:
        return list(merge_problems(tx))


def test_a_new_county_names_everything_once(ledger: Ledger) -> None:
    done = receive(ledger)
    note = merge(ledger)
    log_id = merge_id(ledger)
    point = open_checkpoint(note, read_checkpoint(note).origin, genesis_of(ledger, log_id).log_public_key)
    assert problems(ledger) == []
    with ledger.store.read() as tx:
        leaves = [decode_merge_leaf(raw) for _, raw in tx.frames(log_id.hex(), 2, 1 << 30)]
        named = sum(isinstance(leaf, FrameLeaf) for leaf in leaves)
        stations = [log.size for log in ledger.logs() if log.kind == "station"]
        assert named == sum(stations) and point.size == len(leaves) + 1
        assert {leaf.log_id.hex() for leaf in leaves if isinstance(leaf, HeadLeaf)} == {
            log.log_id.hex() for log in ledger.logs() if log.kind in ("registry", "catalogue")
        }
        proof = ledger.parts.merge_log.inclusion(tx, done.log_id.hex(), done.seq)
    assert proof is not None and proof.merge_log == log_id
    verify_inclusion(leaf_hash(proof.leaf), proof.index, size=proof.size, proof=proof.steps, root=point.root)
    assert merge(ledger) == note
    receive(ledger)
    later = read_checkpoint(merge(ledger))
    assert later.size == point.size + 1
    with ledger.store.read() as tx:
        steps = ledger.parts.merge_log.consistency(tx, log_id, old_size=point.size, new_size=later.size)
    verify_consistency(point.size, later.size, old_root=point.root, new_root=later.root, proof=steps)


def test_a_frame_that_no_leaf_names_yet_has_no_proof(ledger: Ledger) -> None:
    first = receive(ledger)
    merge(ledger)
    # The leaf right behind that of the last frame is another log's.
    ledger.publish("publish_items", {"items": [], "withdrawn": ["990103000030"]}, REGISTRAR)
    merge(ledger)
    second = receive(ledger)
    with ledger.store.read() as tx:
        assert second.seq == first.seq + 1
        assert ledger.parts.merge_log.inclusion(tx, first.log_id.hex(), first.seq) is not None
        assert ledger.parts.merge_log.inclusion(tx, second.log_id.hex(), second.seq) is None


def test_entries_name_the_newest_county_checkpoint(place: Path, clock: FakeClock) -> None:
    with Ledger.open(place, clock=clock, randomness=Dice("a"), write=True) as ledger:
        first = read_checkpoint(merge(ledger))
        done = receive(ledger)
        assert entry_at(ledger, done.log_id, done.seq).county_seen == checkpoint_hash(first)
        second = read_checkpoint(merge(ledger))
        assert second.size > first.size
    with Ledger.open(place, clock=clock, randomness=Dice("b"), write=True) as ledger:
        done = act(ledger, "C1", "accept", done.case_id)
        assert entry_at(ledger, done.log_id, done.seq).county_seen == checkpoint_hash(second)
        with ledger.store.read() as tx:
            rows = list(tx.select(schema.COUNTY_CHECKPOINTS, {}, order_by=("number",)))
        assert [row[2] for row in rows][-2:] == [first.size, second.size]
        assert [row[0] for row in rows] == list(range(1, len(rows) + 1))


def test_a_checkpoint_asked_for_by_name_is_the_same(ledger: Ledger) -> None:
    merge(ledger)
    receive(ledger)
    ledger.parts.merge_log.run(ledger.clock.now_ms)
    note = ledger.checkpoint(merge_id(ledger)).encode()
    assert merge(ledger) == note
    assert ledger.home.sentinel(merge_id(ledger)) == note.decode()


def test_the_opening_travels_as_an_excerpt(ledger: Ledger) -> None:
    merge(ledger)
    with ledger.store.read() as tx:
        content = ledger.parts.merge_log.opening(tx, merge_id(ledger))
        with pytest.raises(StoreError, match=r"log\.head"):
            ledger.parts.merge_log.opening(tx, LogId(bytes(16)))
    checked = check_excerpt(decode_excerpt(encode_excerpt(content)))
    assert checked.genesis == genesis_of(ledger, merge_id(ledger))


def test_a_machine_without_the_merge_log_says_so(place: Path, clock: FakeClock) -> None:
    with Ledger.open(place, clock=clock, write=True) as ledger:
        merge(ledger)
        size = len(ledger.logs())
        log_id = merge_id(ledger)
    (Home(place).secrets_dir / f"log-{log_id.hex()}.key").unlink()
    with Ledger.open(place, clock=clock, randomness=Dice("lost"), write=True) as ledger:
        for wanted in (lambda: merge(ledger), ledger.parts.merge_log.sign):
            with pytest.raises(StoreError, match=r"log\.county_none"):
                wanted()
        receive(ledger)
        ledger.open_county_log("merge", COUNTY, REGISTRAR)
        assert len(ledger.logs()) == size + 1
        genesis = genesis_of(ledger, merge_id(ledger))
        assert (genesis.reason, genesis.parent_log) == ("lost", log_id)
        with ledger.store.read() as tx:
            root = ledger.parts.merge_log.root(tx, log_id, genesis.parent_size)
        assert genesis.parent_root == root
        merge(ledger)
        assert problems(ledger) == []
        with ledger.store.read() as tx:
            old = ledger.parts.merge_log.inclusion(tx, log_id.hex(), 1)
            assert old is None, "a merge log does not name itself"


def test_every_frame_is_named_once_over_all_incarnations(
    place: Path, clock: FakeClock, tmp_path: Path
) -> None:
    """Restored twice from backups of different age, with work between."""
    stages: list[int] = []
    for stage in range(3):
        with Ledger.open(place, clock=clock, randomness=Dice(f"stage {stage}"), write=True) as ledger:
            if stage:
                ledger.open_county_log("registry", COUNTY, ROOTS[0])
                ledger.open_county_log("catalogue", COUNTY, REGISTRAR)
                ledger.open_county_log("merge", COUNTY, REGISTRAR)
                ledger.open_station_log(COUNTY, REGISTRAR)
            receive(ledger)
            merge(ledger)
            backup = tmp_path / f"backup {stage}"
            backup.mkdir()
            ledger.store.backup(backup / "ledger.db", without_tables=("case_keys",))
            receive(ledger)
            if stage == 1:
                merge(ledger)
            stages.append(len(ledger.logs()))
        secrets = Home(place).secrets_dir / "storage.key"
        (backup / "secrets").mkdir()
        shutil.copy(secrets, backup / "secrets" / "storage.key")
        (backup / "RESTORED").write_text("", encoding="ascii")
        place = backup
    with Ledger.open(place, clock=clock, randomness=Dice("end"), write=True) as ledger:
        ledger.open_county_log("merge", COUNTY, REGISTRAR)
        merge(ledger)
        assert problems(ledger) == []
        merges = [log for log in ledger.logs() if log.kind == "merge"]
        assert len(merges) == 4 and sum(not log.doubt for log in merges) == 1


def test_a_successor_names_what_a_station_has_seen(place: Path, clock: FakeClock, tmp_path: Path) -> None:
    """The county came back older than what its stations hold: the newest that any of them holds is named."""
    older = tmp_path / "older"
    with Ledger.open(place, clock=clock, randomness=Dice("older"), write=True) as ledger:
        receive(ledger)
        merge(ledger)
    shutil.copytree(place, older)
    with Ledger.open(place, clock=clock, randomness=Dice("newer"), write=True) as ledger:
        receive(ledger)
        seen = merge(ledger)
        other = ledger.checkpoint(next(log.log_id for log in ledger.logs() if log.kind == "catalogue"))
    (older / "RESTORED").write_text("", encoding="ascii")
    with Ledger.open(older, clock=clock, randomness=Dice("back"), write=True) as ledger:
        for wrong, code in ((b"x", "note.malformed"), (other.encode(), "checkpoint.origin")):
            with pytest.raises(BanjianError) as refused:
                ledger.open_county_log("merge", COUNTY, REGISTRAR, newest=wrong)
            assert refused.value.code == code
        ledger.open_county_log("merge", COUNTY, REGISTRAR, newest=seen)
        genesis, stated = genesis_of(ledger, merge_id(ledger)), read_checkpoint(seen)
        assert (genesis.parent_size, genesis.parent_root) == (stated.size, stated.root)
        merge(ledger)
        assert problems(ledger) == []


def test_a_checkpoint_that_contradicts_what_came_back_is_refused(
    place: Path, clock: FakeClock, tmp_path: Path
) -> None:
    twin = tmp_path / "twin"
    shutil.copytree(place, twin)
    with Ledger.open(place, clock=clock, randomness=Dice("one"), write=True) as ledger:
        receive(ledger)
        merge(ledger)
    with Ledger.open(twin, clock=clock, randomness=Dice("two"), write=True) as ledger:
        receive(ledger)
        note = merge(ledger)
    (place / "RESTORED").write_text("", encoding="ascii")
    with Ledger.open(place, clock=clock, randomness=Dice("three"), write=True) as ledger:
        before = len(ledger.logs())
        with pytest.raises(DataError, match=r"merge\.inconsistent"):
            ledger.open_county_log("merge", COUNTY, REGISTRAR, newest=note)
        assert len(ledger.logs()) == before


def test_a_rebuild_finds_again_where_each_frame_is_named(ledger: Ledger) -> None:
    done = receive(ledger)
    merge(ledger)
    with ledger.store.write() as tx:
        tx.delete(MERGED, {})
        assert ledger.parts.merge_log.place(tx, done.log_id.hex(), done.seq) is None
    assert problems(ledger) != []
    ledger.rebuild()
    assert problems(ledger) == []
    receive(ledger)
    merge(ledger)
    assert problems(ledger) == []
