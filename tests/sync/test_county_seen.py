"""What the county signs of its merge log reaches a village, binds its entries, and is checked as it grows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from ledger.facade import Home, Ledger
from ledger.facade.base.vault import Vault
from ledger.facade.logs.bodies import Place
from ledger.facade.logs.countyseen import INCONSISTENT, UNPROVEN, SeenOutcome, newest_seen, seen_hash
from ledger.facade.peering.between import merge
from ledger.facade.transfer.excerpts import excerpts
from ledger.facade.transfer.outgoing import Outgoing
from ledger.formats.checkpoint import checkpoint_hash, read_checkpoint, sign_checkpoint
from ledger.formats.entry import decode_entry
from ledger.formats.excerpt import ExcerptContent, encode_excerpt
from ledger.formats.frame import split_frame
from ledger.formats.genesis import LogGenesis
from ledger.formats.keys import Ed25519Signer
from ledger.registry import actions as registry_actions
from ledger.store import schema
from ledger.types import LogId, StationId
from sync.core.framing import EXCERPT, Section
from sync.core.ingest import PreparedExcerpt, prepare
from tests.faults.merged import merge_problems
from tests.sync.evil import EvilStation
from tests.sync.world import COUNTY, TOWN, VILLAGE, Randomness, World


def synced(world: World) -> None:
    """Let the stations join and sync, one after the other."""
    for station in (TOWN, VILLAGE):
        world.join(station)
        world.sync(station)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    synced(made)
    yield made
    made.close()


def merge_id(world: World) -> LogId:
    log = world[COUNTY].ledger.parts.merge_log.log
    assert log is not None
    return log.log_id


def opening_at(world: World, station: StationId) -> ExcerptContent:
    """Return how the merge log begins, as a station gives it on."""
    place = world[station]
    outgoing = Outgoing(Vault(Home(place.path).storage_key(), Randomness(b"x")), place.ledger.parts.book)
    with place.ledger.store.read() as tx:
        return next(excerpts(tx, outgoing, [Place(merge_id(world).hex(), 1)]))


def give(world: World, station: StationId, content: ExcerptContent) -> None:
    """Let a station take an excerpt as it comes in a session."""
    exchange = world[station].exchange
    section = Section(EXCERPT, encode_excerpt(content))
    prepared = prepare(section, ledger_id=exchange.held.ledger_id, public_key=exchange.public_key)
    assert isinstance(prepared, PreparedExcerpt)
    exchange.receiving.take_excerpt(prepared.checked, prepared.records, now_ms=1)


def take_checkpoint(ledger: Ledger, note: bytes, proof: Sequence[bytes]) -> SeenOutcome:
    """Take a checkpoint of the merge log as a session does."""
    with ledger.store.write() as tx:
        outcome = ledger.parts.county_seen.take(tx, note, proof, now_ms=ledger.clock.now_ms())
        ledger.parts.writer.county_seen = seen_hash(tx)
    return outcome


def newest_entry(ledger: Ledger, station: StationId) -> bytes:
    """Return what the newest entry of a station says of the county."""
    with ledger.store.read() as tx:
        name = next(row[0] for row in tx.select(schema.LOGS, {"station": station, "kind": "station"}))
        frame = tx.frame(str(name), tx.size(str(name))) or b""
    return decode_entry(split_frame(frame).entry_raw).county_seen


def test_a_county_checkpoint_comes_down_and_binds_what_goes_up(world: World) -> None:
    county, village = world[COUNTY].ledger, world[VILLAGE].ledger
    with county.store.read() as tx:
        given = county.parts.merge_log.opening(tx, merge_id(world))
    assert opening_at(world, COUNTY).frames == opening_at(world, VILLAGE).frames == given.frames
    first = world[VILLAGE].exchange.county.held()
    assert first is not None
    world.receive(VILLAGE)
    assert newest_entry(village, VILLAGE)
    # Without the sessions of the village, which would bring it: the county goes on meanwhile.
    world.sync(TOWN)
    second = merge(county)
    with county.store.read() as tx:
        assert list(merge_problems(tx)) == []
        sizes = {"old_size": first[1], "new_size": read_checkpoint(second).size}
        proof = county.parts.merge_log.consistency(tx, merge_id(world), **sizes)
    if sizes["new_size"] > first[1]:
        assert take_checkpoint(village, second, ()).code == UNPROVEN
    assert take_checkpoint(village, second, proof).code == ""
    world.receive(VILLAGE)
    assert newest_entry(village, VILLAGE) == checkpoint_hash(read_checkpoint(second))


def merge_successor(world: World, parent: LogId, size: int, root: bytes) -> EvilStation:
    """Return a merge log that says it goes on from another one at a size and root; nothing is in it yet."""
    made = EvilStation(world, COUNTY)
    made.genesis = LogGenesis(
        ledger_id=world[COUNTY].ledger.ledger_id, kind="merge", station=COUNTY,
        log_public_key=made.key.public_key, reason="restored", nonce=bytes(16), parent_log=parent,
        parent_size=size, parent_root=root,
    )  # fmt: skip
    made.log_id, made.lines = made.genesis.log_id(), []
    return made


@pytest.mark.parametrize("honest", [True, False], ids=["the same", "another"])
def test_a_successor_that_begins_where_this_station_has_seen_to_must_have_the_root_seen(
    world: World, honest: bool
) -> None:
    village = world[VILLAGE].ledger
    with village.store.read() as tx:
        seen = newest_seen(tx)
    assert seen is not None
    made = merge_successor(world, merge_id(world), seen.size, seen.root if honest else bytes(32))
    facts = registry_actions.open_log(genesis=made.genesis.pack())
    made.add(made.sign("open_log", facts, signer=world.registrar))
    give(world, VILLAGE, made.excerpt([1]))
    outcome = take_checkpoint(village, made.package().checkpoint, ())
    assert outcome.code == ("" if honest else INCONSISTENT)
    with village.store.read() as tx:
        assert (newest_seen(tx) == seen) is not honest


def test_of_the_checkpoints_that_contradict_the_first_is_kept_and_kept_once(world: World) -> None:
    village, seed = world[VILLAGE].ledger, world[COUNTY].ledger.home.log_seed(merge_id(world))
    with village.store.read() as tx:
        seen = newest_seen(tx)
    assert seen is not None and seed is not None
    notes = [
        sign_checkpoint(replace(seen, root=bytes([one]) * 32), Ed25519Signer.from_seed(seed))
        for one in (1, 2)
    ]
    for kept in ([True, False], [False, False]):
        told = [take_checkpoint(village, note, ()) for note in notes]
        assert [(one.code, one.new) for one in told] == [(INCONSISTENT, new) for new in kept]
