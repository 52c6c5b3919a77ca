"""County checkpoints at a station: taken if they continue what was seen, kept as evidence if they do not."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.errors import BanjianError
from ledger.facade import Ledger
from ledger.facade.base.synctables import SYNC_TABLES
from ledger.facade.logs.countyseen import INCONSISTENT, UNPROVEN, CountySeen, SeenOutcome, seen_hash
from ledger.facade.peering.between import merge
from ledger.formats.act import ActHeader, case_of, new_act
from ledger.formats.body import facts_hash, new_body
from ledger.formats.checkpoint import (
    Checkpoint,
    checkpoint_hash,
    log_origin,
    read_checkpoint,
    sign_checkpoint,
)
from ledger.formats.entry import Entry, sig_hash
from ledger.formats.excerpt import CheckedExcerpt, ExcerptContent, check_excerpt
from ledger.formats.frame import decode_frame, encode_frame
from ledger.formats.genesis import LogGenesis, LogKind
from ledger.formats.keys import Ed25519Signer
from ledger.formats.merkle import Tree, leaf_hash
from ledger.registry import actions as registry_actions
from ledger.registry.registry import Registry
from ledger.store import schema
from ledger.store.contract import Store
from ledger.types import CaseId, LogId, StationId
from tests.facade.counter import COUNTY, REGISTRAR, VILLAGE, Dice, FakeClock, found_county, receive, signer
from tests.store.conftest import Backend

NOW_MS = 1_772_600_000_000


@pytest.fixture(scope="module")
def founded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a founded county; each test works in a copy."""
    folder = tmp_path_factory.mktemp("founded") / "county"
    found_county(folder, FakeClock())
    return folder


@pytest.fixture
def county(founded: Path, tmp_path: Path) -> Iterator[Ledger]:
    """Return the county at work."""
    shutil.copytree(founded, tmp_path / "county")
    with Ledger.open(tmp_path / "county", clock=FakeClock(), randomness=Dice("c"), write=True) as ledger:
        yield ledger


class Station:
    """A village that has the registry and nothing of the merge log but what it is given."""

    def __init__(self, store: Store, registry: Registry) -> None:
        self.store = store
        self.seen = CountySeen(registry)

    def learn(self, excerpt: CheckedExcerpt) -> None:
        """Take the opening of a log in, as a frame that came in an excerpt is stored."""
        content = excerpt.content
        name, frame = content.log_id.hex(), content.frames[0]
        act = decode_frame(frame).act
        with self.store.write() as tx:
            tx.insert(schema.SPARSE, [(name, 1, act.act_id, frame, excerpt.checkpoint.size)])
            tx.insert(schema.ACTS, [(case_of(act), act.act_id, name, 1, "open_log")])
            tx.insert(schema.BODIES, [(name, 1, content.facts[0], None, None)])

    def take(self, note: bytes, proof: tuple[bytes, ...] = ()) -> SeenOutcome:
        """Take a checkpoint."""
        with self.store.write() as tx:
            return self.seen.take(tx, note, proof, now_ms=NOW_MS)

    @property
    def newest(self) -> bytes:
        """What entries would name."""
        with self.store.read() as tx:
            return seen_hash(tx)

    def rows(self) -> list[tuple[int, str]]:
        """Return size and state of everything kept."""
        with self.store.read() as tx:
            rows = tx.select(schema.COUNTY_CHECKPOINTS, {}, order_by=("number",))
            return [(size, str(state)) for _, _, size, _, _, state in rows if isinstance(size, int)]


@pytest.fixture
def village(backend: Backend, county: Ledger) -> Station:
    """Return a station that knows how the county's merge log began."""
    station = Station(backend.open(tables=(*schema.CORE_TABLES, *SYNC_TABLES)), county.knowledge.registry)
    merge(county)
    station.learn(opening(county))
    return station


def merge_id(county: Ledger) -> LogId:
    """Return the merge log that is written."""
    log = county.parts.merge_log.log
    assert log is not None
    return log.log_id


def opening(county: Ledger) -> CheckedExcerpt:
    """Return how the merge log began."""
    with county.store.read() as tx:
        return check_excerpt(county.parts.merge_log.opening(tx, merge_id(county)))


def proof_between(county: Ledger, old: bytes, new: bytes, log_id: LogId | None = None) -> tuple[bytes, ...]:
    """Return the proof from one checkpoint to another."""
    sizes = {"old_size": read_checkpoint(old).size, "new_size": read_checkpoint(new).size}
    with county.store.read() as tx:
        return county.parts.merge_log.consistency(tx, log_id or merge_id(county), **sizes)


def hash_of(note: bytes) -> bytes:
    """Return what entries name."""
    return checkpoint_hash(read_checkpoint(note))


def test_checkpoints_follow_each_other(county: Ledger, village: Station) -> None:
    first = merge(county)
    assert village.newest == b""
    assert village.take(first) == SeenOutcome(checkpoint=read_checkpoint(first), code="", new=True)
    receive(county)
    second = merge(county)
    receive(county)
    third = merge(county)
    assert village.take(third, proof_between(county, first, third)).new
    assert village.newest == hash_of(third)
    for old in (third, first, second):
        outcome = village.take(old, proof_between(county, first, second))
        assert (outcome.code, outcome.new) == ("", False)
    assert village.newest == hash_of(third)
    assert [state for _, state in village.rows()] == ["", ""]


def test_a_spoilt_proof_is_told_and_settled_by_a_good_one(county: Ledger, village: Station) -> None:
    first = merge(county)
    village.take(first)
    receive(county)
    second = merge(county)
    good = proof_between(county, first, second)
    for bad in ((), good[:-1], (*good[:-1], bytes(32)), (*good, bytes(32)), (b"x", *good[1:])):
        assert village.take(second, bad).code == UNPROVEN
        assert village.newest == hash_of(first)
    size = read_checkpoint(second).size
    assert village.rows()[1:] == [(size, UNPROVEN)], "the same evidence is kept once"
    assert village.take(second, good).code == ""
    assert village.newest == hash_of(second)


def test_a_county_that_rewrites_is_found_and_what_was_seen_stays(
    founded: Path, county: Ledger, village: Station, tmp_path: Path
) -> None:
    """Another history under the same key, as long as the one seen, and longer."""
    receive(county)
    merge(county)
    seen = merge(county)
    village.take(seen)
    shutil.copytree(founded, tmp_path / "twin")
    with Ledger.open(tmp_path / "twin", clock=FakeClock(), randomness=Dice("t"), write=True) as twin:
        merge(twin)
        receive(twin)
        forked = merge(twin)
        assert read_checkpoint(forked).size == read_checkpoint(seen).size
        assert village.take(forked).code == INCONSISTENT
        assert not village.take(forked).new
        receive(twin)
        longer = merge(twin)
        proof = proof_between(twin, forked, longer)
    assert village.take(longer, proof).code == UNPROVEN
    assert village.newest == hash_of(seen)
    sizes = [read_checkpoint(note).size for note in (seen, forked, longer)]
    assert village.rows() == list(zip(sizes, ("", INCONSISTENT, UNPROVEN), strict=True))
    with village.store.write() as tx:
        village.seen.accept(tx, longer, now_ms=NOW_MS)
    assert village.newest == hash_of(longer)


def test_evidence_does_not_grow_with_every_checkpoint_that_does_not_fit(
    founded: Path, county: Ledger, village: Station, tmp_path: Path
) -> None:
    """Whoever goes on beside what was seen signs a new one for each session."""
    receive(county)
    village.take(merge(county))
    shutil.copytree(founded, tmp_path / "twin")
    with Ledger.open(tmp_path / "twin", clock=FakeClock(), randomness=Dice("t"), write=True) as twin:
        merge(twin)
        receive(twin)
        forked = merge(twin)
        notes = []
        for _ in range(12):
            receive(twin)
            notes.append(merge(twin))
            assert village.take(notes[-1], proof_between(twin, forked, notes[-1])).code == UNPROVEN
        sizes = [read_checkpoint(note).size for note in notes]
        assert sizes == sorted(set(sizes))
        expected = sizes[:1]
        for size in sizes:
            expected += [size] if size >= 2 * expected[-1] else []
        assert [row for row in village.rows() if row[1]] == [(size, UNPROVEN) for size in expected]
        # A kept one is enough to go on from, should somebody decide so.
        with village.store.write() as tx:
            village.seen.accept(tx, notes[0], now_ms=NOW_MS)
        assert village.take(notes[-1], proof_between(twin, notes[0], notes[-1])).code == ""


def given_up(county: Ledger, folder: Path) -> Ledger:
    """Return the county on another copy of its folder, without the keys of its logs."""
    shutil.copytree(county.home.path, folder)
    for path in (folder / "secrets").glob("log-*.key"):
        path.unlink()
    return Ledger.open(folder, clock=FakeClock(), randomness=Dice("again"), write=True)


def test_the_successor_of_a_lost_log_continues_it(county: Ledger, village: Station, tmp_path: Path) -> None:
    first = merge(county)
    village.take(first)
    receive(county)
    merge(county)
    lost = merge_id(county)
    with given_up(county, tmp_path / "again") as again:
        again.open_county_log("merge", COUNTY, REGISTRAR)
        note = merge(again)
        size = opening(again).genesis.parent_size
        with again.store.read() as tx:
            old_size = read_checkpoint(first).size
            proof = again.parts.merge_log.consistency(tx, lost, old_size=old_size, new_size=size)
        with pytest.raises(BanjianError, match=r"merge\.unknown_log"):
            village.take(note, proof)
        village.learn(opening(again))
        assert village.take(note, ()).code == UNPROVEN
        assert village.take(note, proof).code == ""
        assert village.newest == hash_of(note)
        assert village.take(first) == SeenOutcome(checkpoint=read_checkpoint(first), code="", new=False)
        receive(again)
        later = merge(again)
        assert village.take(later, proof_between(again, note, later)).new


def test_a_successor_that_leaves_out_what_was_seen_is_told(
    county: Ledger, village: Station, tmp_path: Path
) -> None:
    with given_up(county, tmp_path / "again") as again:
        receive(county)
        seen = merge(county)
        village.take(seen)
        again.open_county_log("merge", COUNTY, REGISTRAR)
        note = merge(again)
        village.learn(opening(again))
        assert village.take(note).code == INCONSISTENT
        for _ in range(3):
            receive(again)
            assert village.take(merge(again)).code == INCONSISTENT
        assert village.rows()[1:] == [(read_checkpoint(note).size, INCONSISTENT)], "one proves it"
        assert village.newest == hash_of(seen)


def test_the_successor_that_names_the_newest_seen_is_taken(
    county: Ledger, village: Station, tmp_path: Path
) -> None:
    with given_up(county, tmp_path / "again") as again:
        receive(county)
        seen = merge(county)
        village.take(seen)
        again.open_county_log("merge", COUNTY, REGISTRAR, newest=seen)
        note = merge(again)
        village.learn(opening(again))
        assert village.take(note).code == ""
        assert village.newest == hash_of(note)


def made_up(
    county: Ledger, opener: Ed25519Signer, *, kind: LogKind = "merge", station: StationId = COUNTY
) -> tuple[bytes, CheckedExcerpt]:
    """Return checkpoint and opening of a log that somebody made by hand."""
    key = signer("made up")
    registry = county.knowledge.registry
    genesis = LogGenesis(
        ledger_id=county.ledger_id, kind=kind, station=station, log_public_key=key.public_key, reason="first",
        nonce=opener.key_id,
    )  # fmt: skip
    facts = new_body(registry_actions.open_log(genesis=genesis.pack()), bytes(16))
    header = ActHeader(
        ledger_id=county.ledger_id, case_id=CaseId(b""), parents=(), action="open_log", actor=opener.key_id,
        station=station, registry_size=registry.size, catalogue_version=0, occurred_at_ms=NOW_MS,
        facts_hash=facts_hash(facts), facts_len=len(facts), personal_hash=b"", personal_len=0, attachments=(),
    )  # fmt: skip
    act = new_act(header, opener)
    entry = Entry(
        log_id=genesis.log_id(), seq=1, previous=genesis.genesis_hash(), act_id=act.act_id,
        sig_hash=sig_hash(act.sig), recorded_at_ms=NOW_MS, boot_id=bytes(16), monotonic_ms=1, county_seen=b"",
    ).pack()  # fmt: skip
    tree = Tree()
    tree.append(leaf_hash(entry))
    head = Checkpoint(origin=log_origin(genesis.log_id()), size=1, root=tree.root())
    note = sign_checkpoint(head, key)
    content = ExcerptContent(
        log_id=genesis.log_id(), checkpoint=note, positions=(1,), nodes=(), facts=(facts,), personal=(b"",),
        frames=(encode_frame(act.raw, act.sig, entry),),
    )  # fmt: skip
    return note, check_excerpt(content)


def test_a_log_that_is_none_of_the_countys_is_refused(county: Ledger, village: Station) -> None:
    village.take(merge(county))
    kept = village.rows()
    for note, excerpt, code in (
        (*made_up(county, signer("V1"), station=VILLAGE), "merge.not_county"),
        (*made_up(county, REGISTRAR, station=VILLAGE), "merge.not_county"),
        (*made_up(county, REGISTRAR, kind="station"), "merge.not_county"),
        (*made_up(county, signer("stranger")), "merge.not_county"),
        (*made_up(county, signer("C1")), "authority.not_registrar"),
    ):
        village.learn(excerpt)
        with pytest.raises(BanjianError) as refused:
            village.take(note)
        assert refused.value.code == code
    assert village.rows() == kept


def test_a_second_merge_log_of_the_county_itself_is_evidence(county: Ledger, village: Station) -> None:
    """A registrar opened it, and it continues nothing: the station must not follow it."""
    seen = merge(county)
    village.take(seen)
    note, excerpt = made_up(county, REGISTRAR)
    village.learn(excerpt)
    assert village.take(note).code == INCONSISTENT
    assert village.newest == hash_of(seen)


def test_what_the_log_did_not_sign_is_refused(county: Ledger, village: Station) -> None:
    point = read_checkpoint(merge(county))
    with pytest.raises(BanjianError, match=r"note\.unsigned"):
        village.take(sign_checkpoint(point, signer("somebody")))
    with pytest.raises(BanjianError, match=r"merge\.unknown_log"):
        village.take(sign_checkpoint(Checkpoint(origin="else", size=1, root=bytes(32)), signer("x")))
    assert village.rows() == []
