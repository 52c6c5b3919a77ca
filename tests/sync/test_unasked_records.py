"""Single records come up only of logs that are asked for or of the peer's own subtree, opened by who may."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest

from ledger.facade.base.types import SignedAct
from ledger.facade.logs.bodies import Place
from ledger.facade.logs.heldstates import LogState
from ledger.facade.transfer.excerpts import excerpts
from ledger.formats.excerpt import ExcerptContent, encode_excerpt
from ledger.formats.genesis import LogGenesis
from ledger.registry import actions as registry_actions
from ledger.store import schema
from ledger.types import LogId, StationId
from sync.core.framing import EXCERPT, Section
from sync.core.ingest import prepare
from sync.core.responder import Responder
from tests.sync.evil import EvilStation, heir
from tests.sync.test_county_seen import give
from tests.sync.world import COUNTY, START_MS, TOWN, TOWN_2, VILLAGE, VILLAGE_2, VILLAGE_3, World, settled


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World.after(settled(TOWN, TOWN_2, VILLAGE), tmp_path)
    yield made
    made.close()


def offered(
    world: World, content: ExcerptContent, *, peer: StationId, says: Sequence[LogState] = ()
) -> list[str]:
    """Let a village give the township single records; returns the codes of what was refused."""
    exchange = world[TOWN].exchange
    section = Section(EXCERPT, encode_excerpt(content))
    prepared = prepare(section, ledger_id=exchange.held.ledger_id, public_key=exchange.public_key)
    responder = Responder(exchange, peer, now_ms=START_MS, version="test")
    responder._hello, responder._scope = SimpleNamespace(logs=says), exchange.held.scope(peer)  # type: ignore[assignment]
    responder.take(prepared)
    return [one.code for one in responder._refused]


def singles(world: World, log_id: LogId) -> int:
    with world[TOWN].ledger.store.read() as tx:
        return len(list(tx.select(schema.SPARSE, {"log": log_id.hex()})))


def test_records_of_a_neighbours_village_are_taken_only_where_they_are_asked_for(world: World) -> None:
    evil = EvilStation(world, VILLAGE_3)
    evil.add(evil.sign())
    assert offered(world, evil.excerpt([1, 2]), peer=VILLAGE_2) == ["sync.log_scope"]
    assert singles(world, evil.log_id) == 0
    says = [LogState(evil.log_id, 2, bytes(32))]
    assert offered(world, evil.excerpt([1, 2]), peer=VILLAGE_2, says=says) == []
    assert singles(world, evil.log_id) == 2


def test_records_of_a_log_that_a_stranger_opened_are_refused(world: World) -> None:
    evil = heir(world, b"", opener=world.key(VILLAGE, "window"))
    assert offered(world, evil.excerpt([1]), peer=VILLAGE_2) == ["sync.log_scope"]
    assert evil.log_id.hex() not in world[TOWN].ledger.parts.holdings.logs
    sound = heir(world, b"", number=2)
    assert offered(world, sound.excerpt([1]), peer=VILLAGE_2) == []
    assert singles(world, sound.log_id) == 1


def test_records_of_a_log_that_is_written_here_are_not_taken_while_it_goes_on(world: World) -> None:
    world.receive(TOWN)
    world.sync(TOWN)
    log = world[TOWN].ledger.parts.station_log(TOWN)
    assert log is not None
    outgoing = world[COUNTY].exchange._outgoing
    with world[COUNTY].ledger.store.read() as tx:
        content = next(excerpts(tx, outgoing, [Place(log.log_id.hex(), log.size)]))
    says = [LogState(log.log_id, log.size + 1, bytes(32))]
    assert offered(world, content, peer=VILLAGE, says=says) == ["sync.own_log"]
    assert singles(world, log.log_id) == 0 and world[TOWN].exchange.held.is_open_own(log.log_id)


@pytest.mark.parametrize("honest", [True, False], ids=["signed", "in the name of the clerk"])
def test_a_log_that_was_opened_with_a_forged_signature_continues_nothing(world: World, honest: bool) -> None:
    """Its genesis names the parent, and the act the clerk's key: nothing but the signature shows it."""
    world.receive(VILLAGE)
    world.sync(VILLAGE)
    log = world[VILLAGE].ledger.parts.station_log(VILLAGE)
    assert log is not None
    made = heir(world, log.log_id, station=VILLAGE)
    opening = made.sign("open_log", registry_actions.open_log(genesis=made.genesis.pack()))
    made.lines.clear()
    made.add(opening if honest else SignedAct(raw=opening.raw, sig=bytes(64), facts=opening.facts))
    give(world, TOWN, made.excerpt([1]))
    assert made.log_id.hex() in world[TOWN].ledger.parts.holdings.logs
    assert world[TOWN].exchange.held.is_continued(log.log_id) is honest


@pytest.mark.parametrize("to", [TOWN, COUNTY])
def test_a_catalogue_that_a_registrar_opened_does_not_come_from_below_where_nothing_was_lost(
    world: World, to: StationId
) -> None:
    """With a leaked key of a registrar alone it would end the catalogue of everybody above."""
    before = next(log for log in world[COUNTY].ledger.logs() if log.kind == "catalogue")
    held = world[COUNTY].exchange.held
    (_, root), *_ = held.roots(before.log_id, [before.size])
    evil = EvilStation(world, COUNTY)
    evil.genesis = LogGenesis(
        ledger_id=world.genesis.ledger_id(), kind="catalogue", station=COUNTY,
        log_public_key=evil.key.public_key, reason="restored", nonce=bytes(16), parent_log=before.log_id,
        parent_size=before.size, parent_root=root,
    )  # fmt: skip
    evil.log_id, evil.lines = evil.genesis.log_id(), []
    facts = registry_actions.open_log(genesis=evil.genesis.pack())
    evil.add(evil.sign("open_log", facts, signer=world.registrar))
    assert evil.send(to) == ["sync.log_scope"]
    assert not world[to].exchange.held.is_continued(before.log_id)
