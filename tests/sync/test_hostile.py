"""What a broken link, a bad disk or somebody in between may do to a session: nothing false is stored."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ledger.errors import BanjianError, DataError
from ledger.facade.base.home import RESTORED_MARKER
from ledger.facade.opened.county import CountyDesk
from ledger.formats.package import encode_package
from ledger.store import schema
from ledger.types import StationId
from sync.core.framing import HELLO, PACKAGE, Splitter, encode_section
from sync.core.ingest import prepare
from sync.core.messages import Hello, decode_hello
from sync.core.requester import Requester
from sync.core.responder import Responder
from tests.sync.world import COUNTY, TOWN, UPSTREAM, VILLAGE, VILLAGE_2, World, settled, signer


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World.after(settled(TOWN, VILLAGE, VILLAGE_2), tmp_path)
    made.receive(VILLAGE, applicant="甲")
    made.sync(VILLAGE)
    made.receive(VILLAGE, applicant="乙")
    made.receive(VILLAGE, applicant="丙")
    yield made
    made.close()


def held(world: World) -> list[tuple[object, ...]]:
    """Return everything that a township holds of logs, byte by byte."""
    with world[TOWN].ledger.store.read() as tx:
        logs = sorted(str(row[0]) for row in tx.select(schema.LOGS, {}))
        frames = [(log, *pair) for log in logs for pair in tx.frames(log, 1, tx.size(log))]
        return frames + [tuple(row) for row in tx.select(schema.RECEIPTS, {})]


def requests(world: World) -> list[bytes]:
    """Return the sections that the village would send now."""
    lower = world[VILLAGE]
    requester = Requester(
        lower.exchange, TOWN, now_ms=lower.clock.now_ms(), version="test", guesses=lower.guesses
    )
    return list(requester.request([]))


def offer(world: World, data: bytes, *, peer: object = VILLAGE) -> list[str]:
    """Give bytes to the township as one request; returns the codes of what it refused."""
    upper = world[TOWN]
    responder = Responder(upper.exchange, peer, now_ms=upper.clock.now_ms(), version="test")  # type: ignore[arg-type]
    codes: list[str] = []
    opened = False
    try:
        for section in Splitter().feed(data):
            if not opened:
                responder.open(decode_hello(section.payload) if section.kind == HELLO else _none())
                opened = True
                continue
            try:
                exchange = upper.exchange
                prepared = prepare(section, ledger_id=exchange.held.ledger_id, public_key=exchange.public_key)
            except DataError as error:
                codes.append(error.code)
                continue
            responder.take(prepared)
    except BanjianError as error:
        return [*codes, error.code]
    return codes + [one.code for one in responder._refused]


def _none() -> Hello:
    raise DataError("sync.order")


def test_a_flipped_bit_anywhere_stores_nothing_false(world: World) -> None:
    before, data = held(world), b"".join(requests(world))
    chance = random.Random(7)
    honest = None
    for place in sorted(chance.sample(range(len(data)), 350)):
        spoilt = bytearray(data)
        spoilt[place] ^= 1 << chance.randrange(8)
        offer(world, bytes(spoilt))
        now = held(world)
        if now != before:
            # Only what the village itself signed may have come in: a bit that says nothing of the records.
            honest = honest or now
            assert now == honest
            before = now
    world.sync(VILLAGE)
    world.sync(TOWN)
    for name in ("甲", "乙", "丙"):
        assert world[COUNTY].ledger.find(name)


@pytest.mark.parametrize("keep", [0.1, 0.5, 0.9, 0.999])
def test_a_torn_request_and_a_torn_answer_only_mean_trying_again(world: World, keep: float) -> None:
    def torn(sections: Iterator[bytes]) -> Iterator[bytes]:
        data = b"".join(sections)
        yield data[: int(len(data) * keep)]

    for _ in range(3):
        try:
            world.session(VILLAGE, up=torn, down=torn)
        except BanjianError as error:
            assert error.code == "sync.order"
    world.sync(VILLAGE)
    assert world[VILLAGE].exchange.held.waiting(TOWN) == (0, 0)


def test_a_village_cannot_send_the_log_of_another(world: World) -> None:
    log = next(one for one in world[VILLAGE].ledger.logs() if one.kind == "station" and one.own)
    world[VILLAGE].exchange.seal_heads()
    content = world[VILLAGE].exchange.package(log.log_id, after=log.size - 2)
    assert content is not None
    hello = _hello(world, VILLAGE_2)
    data = encode_section(HELLO, hello) + encode_section(PACKAGE, encode_package(content))
    assert offer(world, data, peer=VILLAGE_2) == ["sync.log_scope"]


def test_nobody_speaks_for_another_station(world: World) -> None:
    assert offer(world, encode_section(HELLO, _hello(world, VILLAGE)), peer=VILLAGE_2) == ["sync.station"]
    assert offer(world, encode_section(HELLO, _hello(world, TOWN)), peer=TOWN) == ["sync.not_below"]


def test_a_station_that_no_registry_knows_is_not_heard_while_nothing_was_lost_here(world: World) -> None:
    """Its certificate may be of the county's CA: it is heard only where it may bring a lost registry back."""
    unknown = StationId("990121009000-00")
    hello = decode_hello(_hello(world, VILLAGE))
    data = encode_section(HELLO, replace(hello, station=unknown).pack())
    assert offer(world, data, peer=unknown) == ["sync.not_below"]
    world[TOWN].close()
    (world[TOWN].path / RESTORED_MARKER).touch()
    assert offer(world, data, peer=unknown) == []


def test_another_countys_ledger_is_refused(world: World, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = World(tmp_path / "other", seed="another county")
    other.join(TOWN)
    other.join(VILLAGE)
    other.sync(TOWN)
    other.sync(VILLAGE)
    raw = _hello(other, VILLAGE)
    other.close()
    # Both were founded from the same keys at the same moment; only chance differs.
    assert offer(world, encode_section(HELLO, raw)) == ["sync.other_ledger"]


def test_replayed_and_reordered_sections_change_nothing(world: World) -> None:
    sections = requests(world)
    assert len(sections) >= 2
    offer(world, b"".join(sections))
    before = held(world)
    offer(world, b"".join(sections))
    offer(world, b"".join([sections[0], *reversed(sections[1:]), *sections[1:]]))
    assert held(world) == before


def test_sections_beyond_every_limit_end_the_session_at_once(world: World) -> None:
    huge = (1 << 31).to_bytes(4, "big") + bytes((PACKAGE,))
    assert offer(world, requests(world)[0] + huge) == ["sync.section_limit"]
    assert offer(world, (0).to_bytes(4, "big") + b"x" * 8) == ["sync.section"]


def _hello(world: World, station) -> bytes:  # type: ignore[no-untyped-def]
    place = world[station]
    requester = Requester(
        place.exchange, UPSTREAM[station], now_ms=place.clock.now_ms(), version="test", guesses=place.guesses
    )
    return next(Splitter().feed(next(requester.request([])))).payload


def test_a_registry_that_nobody_opened_is_not_taken_from_above(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would move every position in the registry; the rest of the session goes on."""
    town, size = world[TOWN].ledger, world[VILLAGE].ledger.knowledge.registry.size
    monkeypatch.setattr(CountyDesk, "_check_opener", lambda *_: None)
    town.parts.county.open_log("registry", COUNTY, signer("mallory"))
    world[TOWN].close()  # what it believes of itself does not matter
    case = world.receive(TOWN, applicant="丁")
    world.do(TOWN, "hand_over", case, to=VILLAGE)
    (progress, *_) = world.sync(VILLAGE)
    assert "sync.log_opening" in [note.code for note in progress.notes]
    assert world[VILLAGE].ledger.knowledge.registry.size == size
    assert progress.stored
