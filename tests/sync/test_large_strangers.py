"""A station that invents large records holds up nobody else: up or down, by line or by stick."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.facade.base.synctables import SYNC_FINDINGS
from ledger.facade.logs.bodies import Place
from ledger.facade.logs.stretch import STRETCH_LIMIT
from ledger.facade.peering.between import station_board
from ledger.facade.peering.exchange import CARRIED_BYTES
from ledger.facade.peering.syncstatus import read_status
from ledger.formats.body import new_body
from ledger.formats.excerpt import encode_excerpt
from ledger.formats.package import encode_package
from ledger.limits import PUBLISHED_FACTS_BYTES_MAX
from ledger.types import CaseId, LogId, StationId
from stations.checkup.doctorrows import row_checks
from sync.core.framing import PACKAGE, Section
from sync.core.ingest import PreparedPackage, prepare
from sync.line.outcome import Outcome
from tests.sync.evil import EvilStation
from tests.sync.sticks import StickWorld
from tests.sync.test_over_tls import Serving, certify
from tests.sync.world import COUNTY, TOWN, VILLAGE, VILLAGE_2, settled

PUBLISH = "publish_items"
BLOCK = os.urandom(65_000)
PUBLISHED = {"x": [BLOCK] * 62}
"""About four megabytes, that no catalogue holds."""


@pytest.fixture
def world(tmp_path: Path) -> Iterator[StickWorld]:
    made = StickWorld(tmp_path)
    settled(TOWN, VILLAGE)(made)
    yield made
    made.close()


def size_of(world: StickWorld, station: StationId, log: LogId) -> int:
    with world[station].ledger.store.read() as tx:
        return tx.size(log.hex())


def findings(world: StickWorld, station: StationId) -> list[tuple[str, str, int]]:
    with world[station].ledger.store.read() as tx:
        rows = tx.select(SYNC_FINDINGS, {"settled": 0, "code": STRETCH_LIMIT})
        return [(str(row[0]), str(row[1]), row[2]) for row in rows if isinstance(row[2], int)]


def published(evil: EvilStation, count: int, **of: object) -> None:
    for _ in range(count):
        evil.add(evil.sign(PUBLISH, dict(PUBLISHED), **of))


def test_two_packages_that_each_fit_are_passed_on_as_two(world: StickWorld, tmp_path: Path) -> None:
    evil = EvilStation(world)
    published(evil, 7)
    assert evil.send() == []
    published(evil, 7)
    assert evil.send(first=9) == []
    case = world.receive(VILLAGE)
    world.sync(VILLAGE)
    sticks = world.export(TOWN, COUNTY, tmp_path / "stick", everything=True)
    certify(world, TOWN)

    async def story() -> Outcome:
        async with (
            Serving(world[COUNTY], listen=True) as county,
            Serving(world[TOWN], listen=False, upstream=county.address) as town,
        ):
            return await town.network.sync_now()

    assert asyncio.run(story()).notes == ()
    assert world[COUNTY].ledger.state(case)[0].status == "received"
    assert size_of(world, COUNTY, evil.log_id) == 15
    assert sticks
    assert not findings(world, TOWN)


@pytest.mark.parametrize("kind", ["published", "ordinary"])
def test_large_records_of_a_case_reach_whom_it_was_handed_to(world: StickWorld, kind: str) -> None:
    evil = EvilStation(world)
    made = evil.sign()
    case = CaseId(evil.add(made))
    offer = evil.sign("hand_over", {"to": VILLAGE}, case_id=case, parents=(made.act_id,))
    evil.add(offer)
    of: dict[str, object] = {"case_id": case, "parents": (offer.act_id,)}
    packages = 3 if kind == "ordinary" else 2
    for _ in range(packages):
        first = len(evil.lines) + 1 if len(evil.lines) > 3 else 1
        if kind == "published":
            published(evil, 6, **of)
        for number in range(100 if kind == "ordinary" else 0):
            personal = new_body({"text": os.urandom(64_000)}, number.to_bytes(16, "big"))
            facts = {"note_code": "asked", "x": os.urandom(65_000)}
            evil.add(evil.sign("note", facts, personal=personal, **of), personal=personal)
        assert evil.send(first=first) == []
    places = [Place(evil.log_id.hex(), seq) for seq in range(1, len(evil.lines) + 1)]
    made_of = world[TOWN].exchange.excerpts(places)
    assert sum(len(one.positions) - 1 for one in made_of) == len(places) - 1
    assert max(len(encode_excerpt(one)) for one in made_of) < 3 * PUBLISHED_FACTS_BYTES_MAX
    other = world.receive(VILLAGE)
    world.do(VILLAGE, "hand_over", other, to=TOWN)
    world.session(VILLAGE, down=lambda _: iter(()))
    world.do(TOWN, "take_over", other)
    world[TOWN].exchange.seal_heads()
    sizes: list[int] = []

    def measured(sections: Iterator[bytes]) -> Iterator[bytes]:
        sizes.append(0)
        for raw in sections:
            sizes[-1] += len(raw)
            yield raw

    while world.session(VILLAGE, down=measured).more:
        pass
    # Whoever answers keeps within what a body may hold, however much there is to be given.
    assert max(sizes) < CARRIED_BYTES + 2 * PUBLISHED_FACTS_BYTES_MAX
    exchange = world[VILLAGE].exchange
    assert exchange.held.feed_held(TOWN).number == world[TOWN].exchange.feed_size(VILLAGE)
    assert world[VILLAGE].ledger.state(other)[0].custodian == TOWN


def _filled(world: StickWorld) -> EvilStation:
    """Return a station of which the township holds more than one package, with nothing to cut it at.

    The records came without their personal bodies, these came later, as sticks bring them.
    """
    evil, count = EvilStation(world), 48
    published(evil, 7)
    for number in range(2 * count):
        personal = new_body({"text": BLOCK[:64_000]}, number.to_bytes(16, "big"))
        evil.add(evil.sign("note", {"note_code": "asked"}, personal=personal))
    whole = list(evil.lines)
    assert evil.send() == []
    exchange = world[TOWN].exchange
    for start in (8, 8 + count):
        for index, line in enumerate(whole):
            chosen = start <= index < start + count
            personal = new_body({"text": BLOCK[:64_000]}, (index - 8).to_bytes(16, "big")) if chosen else b""
            evil.lines[index] = type(line)(frame=line.frame, facts=line.facts, personal=personal)
        section = Section(PACKAGE, encode_package(evil.package()))
        found = prepare(section, ledger_id=evil.genesis.ledger_id, public_key=exchange.public_key)
        assert isinstance(found, PreparedPackage)
        exchange.receiving.fill_bodies(found.content, found.records, now_ms=world[TOWN].clock.now_ms())
    return evil


def test_what_no_package_holds_is_left_out_and_told(world: StickWorld, tmp_path: Path) -> None:
    evil = _filled(world)
    case = world.receive(VILLAGE)
    world.sync(VILLAGE)
    sticks = world.export(TOWN, COUNTY, tmp_path / "stick")
    done = world.sync(TOWN)
    assert not done[-1].notes
    assert size_of(world, COUNTY, evil.log_id) == 0
    assert world[COUNTY].ledger.state(case)[0].status == "received"
    assert findings(world, TOWN) == [(STRETCH_LIMIT, evil.log_id.hex(), 1)]
    ledger = world[TOWN].ledger
    with ledger.reading() as (tx, parts):
        told = [
            one for one in read_status(ledger.store, tx, parts, TOWN).findings if one.code == STRETCH_LIMIT
        ]
    assert [(one.seq, one.params["station"]) for one in told] == [(1, VILLAGE_2)]
    home = world[TOWN].exchange.home
    assert STRETCH_LIMIT in {check.code for check in row_checks(home, ledger, thorough=False, key_fits=True)}
    assert [line.station for line in station_board(ledger, TOWN) if line.skipped] == [VILLAGE_2]
    for path in sticks:
        world.take(COUNTY, path)
    assert size_of(world, COUNTY, evil.log_id) == 0
