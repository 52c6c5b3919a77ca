"""The merge log on every backend: whatever arrives in whatever order is named once, in that order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.errors import DataError, StoreError
from ledger.facade.base.synctables import FORK, MERGED, SYNC_FINDINGS, SYNC_TABLES
from ledger.facade.logs.opening import BRANCH_MARK, HeldLog
from ledger.facade.logs.ownlog import OwnLog
from ledger.facade.transfer.mergedrows import MERGE_TRACK, merged_differ, remake_merged
from ledger.facade.transfer.mergelog import MergeLog
from ledger.formats.entry import Entry, entry_hash, sig_hash
from ledger.formats.frame import encode_frame, split_frame
from ledger.formats.genesis import LogKind
from ledger.formats.merge import MERGE_LEAF, FrameLeaf, HeadLeaf, decode_merge_leaf
from ledger.formats.merkle import Tree, leaf_hash, verify_consistency, verify_inclusion
from ledger.hashing import CTX_ACT_ID, digest
from ledger.limits import TREE_LEVEL_STORED_MIN
from ledger.store import schema
from ledger.store.contract import ReadTx, Store, WriteTx
from ledger.store.memory import open_memory
from ledger.types import ActId, LogId
from tests.store.conftest import Backend
from tests.vectors.world import COUNTY, VILLAGE, Log, build_world, new_log, seed

NOW_MS = 1_772_600_000_000
WORLD = build_world()
STATIONS = ("one", "two", "three")


@dataclass
class Office:
    """A county's store, what arrived in it, and the leaves that are due."""

    store: Store
    merge: Log = field(default_factory=lambda: WORLD.merge)
    logs: dict[str, Log] = field(default_factory=dict)
    arrived: list[tuple[Log, int, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        kinds: dict[str, LogKind] = {"registry": "registry", "catalogue": "catalogue"}
        for name in (*kinds, *STATIONS):
            self.logs[name] = new_log(name, kinds.get(name, "station"), COUNTY if name in kinds else VILLAGE)
        genesis, entry = self.merge.genesis, self.merge.entries[0]
        self.own = OwnLog(genesis, self.merge.signer)
        with self.store.write() as tx:
            for log in (self.merge, *self.logs.values()):
                row = (log.log_id.hex(), log.genesis.kind, log.genesis.station, log.genesis.pack(), 0, "")
                tx.insert(schema.LOGS, [row])
            tx.append(self.own.name, 1, [("open_log", self.merge.frames[0])])
            tx.upsert(schema.HEADS, [(self.own.name, 1, entry_hash(entry), NOW_MS)])
        self.open()

    def open(self) -> None:
        """Begin as a process does that opens the ledger."""
        # The writer signs; none of these tests lets it.
        self.merging = MergeLog(
            store=self.store, own={self.own.name: self.own}, merge_logs=self.held, writer=None  # type: ignore[arg-type]
        )  # fmt: skip

    def held(self) -> list[HeldLog]:
        """Return the merge log as the ledger holds it."""
        return [HeldLog(name=self.own.name, genesis=self.merge.genesis, own=True, state="")]

    def arrive(self, name: str, count: int, tx: WriteTx) -> None:
        """Store the next frames of a log, with its tree."""
        log = self.logs[name]
        nodes = []
        for _ in range(count):
            log.entries.append(_entry(log, len(log.entries) + 1, log.previous))
            nodes += log.tree.append(leaf_hash(log.entries[-1]))
            log.frames.append(_frame(log.entries[-1]))
        first = len(log.frames) - count + 1
        tx.append(log.log_id.hex(), first, [("note", frame) for frame in log.frames[-count:]])
        rows = [(log.log_id.hex(), *node) for node in nodes if node[0] >= TREE_LEVEL_STORED_MIN]
        tx.insert(schema.TREE, rows)
        self.arrived += [(log, seq, log.log_id.hex()) for seq in range(first, first + count)]

    def branch(self, name: str, *, at: int, count: int, tx: WriteTx) -> str:
        """Store a history of a log that diverges at a position."""
        log = self.logs[name]
        previous = entry_hash(log.entries[at - 2])
        entries = []
        for seq in range(at, at + count):
            entries.append(_entry(log, seq, previous, b"divergent "))
            previous = entry_hash(entries[-1])
        known = f"{log.log_id.hex()}{BRANCH_MARK}{entry_hash(entries[0]).hex()}"
        tx.append(known, 1, [("note", _frame(entry)) for entry in entries])
        tx.insert(schema.CHECKPOINTS, [(known, at + count - 1, b"")])
        tx.insert(SYNC_FINDINGS, [(FORK, known, at, NOW_MS, "", 0)])
        return known

    def leaves(self) -> list[bytes]:
        """Return everything behind the opening."""
        with self.store.read() as tx:
            return [raw for _, raw in tx.frames(self.own.name, 2, 1 << 40)]


def _entry(log: Log, seq: int, previous: bytes, more: bytes = b"") -> bytes:
    sig = seed(f"{log.name} {seq} {more.hex()}")
    act = more + b"%s %d" % (log.name.encode(), seq)
    return Entry(
        log_id=log.log_id, seq=seq, previous=previous, act_id=ActId(digest(CTX_ACT_ID, act)),
        sig_hash=sig_hash(sig), recorded_at_ms=NOW_MS, boot_id=bytes(16), monotonic_ms=seq, county_seen=b"",
    ).pack()  # fmt: skip


def _frame(entry: bytes) -> bytes:
    return encode_frame(b"act", b"signature", entry)


def due_leaves(arrived: Sequence[tuple[Log, int, str]]) -> Iterator[tuple[bytes, str, int]]:
    """Yield (log id, kind of leaf, position) as the protocol page has it, for records named one by one."""
    for log, seq, _ in arrived:
        yield log.log_id, "frame" if log.genesis.kind == "station" else "head", seq


def check_office(office: Office) -> None:
    """Compare leaves, tree, places and proofs with what arrived."""
    leaves = office.leaves()
    told = [decode_merge_leaf(raw) for raw in leaves]
    frames = [(leaf.log_id, leaf.seq) for leaf in told if isinstance(leaf, FrameLeaf)]
    assert frames == [(log_id, seq) for log_id, kind, seq in due_leaves(office.arrived) if kind == "frame"]
    for log in office.logs.values():
        heads = [leaf for leaf in told if isinstance(leaf, HeadLeaf) and leaf.log_id == log.log_id]
        assert [leaf.size for leaf in heads] == sorted({leaf.size for leaf in heads})
        if log.genesis.kind != "station" and log.entries:
            assert heads[-1].size == len(log.entries)
        for leaf in heads:
            tree = Tree()
            tree.extend(map(leaf_hash, log.entries[: leaf.size]))
            assert leaf.root == tree.root()
    tree = Tree()
    tree.append(leaf_hash(office.merge.entries[0]))
    roots = [Tree().root(), tree.root()]
    for raw in leaves:
        tree.append(leaf_hash(raw))
        roots.append(tree.root())
    with office.store.read() as tx:
        office.own.load(tx)
        assert (office.own.size, office.own.checkpoint().root) == (len(leaves) + 1, roots[-1])
        for index, leaf in enumerate(told, start=1):
            if isinstance(leaf, FrameLeaf):
                name = leaf.log_id.hex()
                assert leaf.entry_hash == entry_hash(split_frame(tx.frame(name, leaf.seq) or b"").entry_raw)
                proof = office.merging.inclusion(tx, name, leaf.seq)
                assert proof is not None and proof.index == index and proof.leaf == leaf.pack()
                verify_inclusion(
                    leaf_hash(proof.leaf), proof.index, size=proof.size, proof=proof.steps, root=roots[-1]
                )
        for old in range(0, len(roots), max(1, len(roots) // 7)):
            assert office.merging.root(tx, office.own.log_id, old) == roots[old]
            steps = office.merging.consistency(tx, office.own.log_id, old_size=old, new_size=len(roots) - 1)
            verify_consistency(old, len(roots) - 1, old_root=roots[old], new_root=roots[-1], proof=steps)

    check_remade(office)


def check_remade(office: Office) -> None:
    """The table of places follows from the leaves: dropped or spoilt, it is told and made again."""
    logs = office.held()
    with office.store.read() as tx:
        before = places(tx)
        assert merged_differ(tx, logs) == 0
    if not before:
        return
    with office.store.write() as tx:
        (first, *_) = tx.select(MERGED, {})
        tx.upsert(MERGED, [(*first[:4], 77_777)])
        assert merged_differ(tx, logs) > 0
        tx.delete(MERGED, {})
        assert merged_differ(tx, logs) > 0
        remake_merged(tx, logs)
        assert merged_differ(tx, logs) == 0
        assert places(tx) == before
        for place in (0, 1, tx.tracked(MERGE_TRACK) + 77):
            move_place(tx, place)
            assert merged_differ(tx, logs) == 1
            remake_merged(tx, logs)
            assert merged_differ(tx, logs) == 0


def move_place(tx: WriteTx, place: int) -> None:
    """Have the store remember another place, or none, as whoever edits the file can."""
    tx.untrack(MERGE_TRACK)
    if place:
        tx.track(MERGE_TRACK, place)


def places(tx: ReadTx) -> dict[tuple[str, int], tuple[str, int]]:
    """Return merge log and position of every frame that the table names."""
    return {
        (str(log), int(str(seq)) + step): (str(merge_log), int(str(position)) + step)
        for log, seq, count, merge_log, position in tx.select(MERGED, {})
        for step in range(int(str(count)))
    }


class PowerCutError(Exception):
    """The machine stopped."""


@settings(max_examples=60, deadline=None)
@given(
    script=st.lists(
        st.tuples(
            st.sampled_from(("registry", "catalogue", *STATIONS)),
            st.integers(1, 9),
            st.sampled_from(("", "", "merge", "cut", "batch")),
        ),
        max_size=14,
    ),
    limit=st.integers(1, 11),
)
def test_every_order_of_arrival_is_named_once(script: list[tuple[str, int, str]], limit: int) -> None:
    """Batches of every length, transactions that arrivals and leaves share, and some that are undone."""
    office = Office(open_memory(tables=SYNC_TABLES))
    for name, count, then in script:
        with office.store.write() as tx:
            office.arrive(name, count, tx)
            if then == "batch":
                office.merging.catch_up(tx, NOW_MS, limit=limit)
        if then == "merge":
            office.merging.run(lambda: NOW_MS, limit=limit)
        if then == "cut":
            before = office.leaves()
            with pytest.raises(PowerCutError), office.store.write() as tx:
                office.merging.catch_up(tx, NOW_MS, limit=limit)
                raise PowerCutError
            assert office.leaves() == before
    office.merging.run(lambda: NOW_MS, limit=limit)
    assert office.merging.run(lambda: NOW_MS, limit=limit) == 0
    check_office(office)


@pytest.mark.parametrize("limit", [7, 1_000])
def test_the_merge_log_is_the_same_on_every_backend(backend: Backend, limit: int) -> None:
    office = Office(backend.open(tables=SYNC_TABLES))
    for round_ in range(3):
        for name, count in (("registry", 3), ("one", 20), ("catalogue", 2), ("two", 5), ("one", 1)):
            with office.store.write() as tx:
                office.arrive(name, count, tx)
        if round_ == 1:
            assert office.merging.run(lambda: NOW_MS, limit=limit) > 0
            with office.store.write() as tx:
                office.arrive("three", 4, tx)
                assert office.merging.catch_up(tx, NOW_MS, limit=limit) >= 4
    office.merging.run(lambda: NOW_MS, limit=limit)
    check_office(office)
    with office.store.read() as tx:
        assert all(
            record.topic == MERGE_LEAF for record in tx.records(after=tx.tracked(MERGE_TRACK), limit=10)
        )
        assert tx.count(schema.ACTS, {}) == 0


def test_a_branch_is_named_beside_its_log(backend: Backend) -> None:
    office = Office(backend.open(tables=SYNC_TABLES))
    with office.store.write() as tx:
        office.arrive("one", 6, tx)
    office.merging.run(lambda: NOW_MS)
    with office.store.write() as tx:
        known = office.branch("one", at=4, count=2, tx=tx)
    office.merging.run(lambda: NOW_MS)
    log = office.logs["one"]
    told = [decode_merge_leaf(raw) for raw in office.leaves()]
    assert [(leaf.log_id, leaf.seq) for leaf in told if isinstance(leaf, FrameLeaf)] == [
        (log.log_id, seq) for seq in (1, 2, 3, 4, 5, 6, 4, 5)
    ]
    with office.store.read() as tx:
        for seq, index in ((1, 7), (2, 8)):
            proof = office.merging.inclusion(tx, known, seq)
            assert proof is not None and proof.index == index
            leaf = decode_merge_leaf(proof.leaf)
            frame = tx.frame(known, seq) or b""
            assert isinstance(leaf, FrameLeaf)
            assert leaf.entry_hash == entry_hash(split_frame(frame).entry_raw)
        assert [row[:3] for row in tx.select(MERGED, {"log": known})] == [(known, 1, 2)]
    check_remade(office)


def test_what_is_not_held_is_not_proven(backend: Backend) -> None:
    office = Office(backend.open(tables=SYNC_TABLES))
    with office.store.write() as tx:
        office.arrive("one", 3, tx)
    office.merging.run(lambda: NOW_MS)
    name = office.logs["one"].log_id.hex()
    with office.store.read() as tx:
        assert office.merging.inclusion(tx, name, 4) is None
        assert office.merging.inclusion(tx, "00" * 16, 1) is None
        assert office.merging.inclusion(tx, name, 3, size=3) is None
        for old, new in ((0, 5), (3, 2), (-1, 2)):
            with pytest.raises(DataError, match=r"proof\.range"):
                office.merging.consistency(tx, office.own.log_id, old_size=old, new_size=new)
        with pytest.raises(DataError, match=r"proof\.range"):
            office.merging.root(tx, LogId(bytes(16)), 1)
    office.own.doubt = "log.restored"
    with pytest.raises(StoreError, match=r"log\.county_none"):
        office.merging.run(lambda: NOW_MS)


def test_a_log_whose_end_contradicts_itself_is_not_continued(backend: Backend) -> None:
    office = Office(backend.open(tables=SYNC_TABLES))
    with office.store.write() as tx:
        office.arrive("one", 3, tx)
        tx.upsert(schema.HEADS, [(office.own.name, 1, bytes(32), NOW_MS)])
    with pytest.raises(StoreError, match=r"log\.head"):
        office.merging.run(lambda: NOW_MS)
    assert office.leaves() == []


@pytest.mark.parametrize("moved", [-1_000, -3, 2, 1_000])
@pytest.mark.parametrize("limit", [5, 1_000])
def test_naming_goes_on_where_it_ended_wherever_the_remembered_place_was_moved(
    backend: Backend, moved: int, limit: int
) -> None:
    """Moved forward, records were never named; moved back or gone, their rows were in each other's way."""
    office = Office(backend.open(tables=SYNC_TABLES))
    for name, count in (("registry", 2), ("one", 6), ("two", 4)):
        with office.store.write() as tx:
            office.arrive(name, count, tx)
        office.merging.run(lambda: NOW_MS, limit=limit)
    with office.store.write() as tx:
        move_place(tx, max(0, tx.tracked(MERGE_TRACK) + moved))
        office.arrive("one", 3, tx)
        office.arrive("catalogue", 2, tx)
        office.arrive("three", 2, tx)
    office.open()
    assert office.merging.run(lambda: NOW_MS, limit=limit) == 3 + 1 + 2
    assert office.merging.run(lambda: NOW_MS, limit=limit) == 0
    check_office(office)


def test_what_was_passed_over_is_named_behind_what_came_after_it(backend: Backend) -> None:
    """Moved while the county ran: records of another log that came later were named, and these were not."""
    office = Office(backend.open(tables=SYNC_TABLES))
    with office.store.write() as tx:
        office.arrive("one", 3, tx)
    office.merging.run(lambda: NOW_MS)
    with office.store.write() as tx:
        office.arrive("two", 2, tx)
        move_place(tx, tx.records(after=0, limit=1_000)[-1].position)
        office.arrive("three", 2, tx)
    office.merging.run(lambda: NOW_MS)
    office.open()
    assert office.merging.run(lambda: NOW_MS) == 2
    office.open()
    assert office.merging.run(lambda: NOW_MS) == 0
    with office.store.read() as tx:
        assert merged_differ(tx, office.held()) == 0
        named = [decode_merge_leaf(raw) for raw in office.leaves()]
    frames = [(leaf.log_id, leaf.seq) for leaf in named if isinstance(leaf, FrameLeaf)]
    assert sorted(frames) == sorted((log.log_id, seq) for log, seq, _ in office.arrived)
