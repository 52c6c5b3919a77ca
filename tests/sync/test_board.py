"""What the station board says is never better than what is held, whoever says so and by whatever clock."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.facade import Home
from ledger.facade.base.peers import BY_STICK, Contact
from ledger.facade.base.synctables import PEERS
from ledger.facade.peering.between import station_board
from ledger.facade.peering.board import BoardLine
from ledger.facade.transfer.feeds import START, FeedPlace
from ledger.formats.bundle import SECTION_HELLO, BundleHeader, Manifest, bundle_public_key, seal_part
from ledger.formats.keys import key_id
from ledger.types import StationId
from sync.core.framing import PACKAGE, Splitter
from sync.core.giving import Budget
from sync.core.messages import Hello
from sync.stick.bundleforms import compressed
from tests.sync.sticks import StickWorld
from tests.sync.world import COUNTY, TOWN, VILLAGE, VILLAGE_2, settled

DAY_MS = 86_400_000
YEAR_MS = 365 * DAY_MS


@pytest.fixture
def world(tmp_path: Path) -> Iterator[StickWorld]:
    made = StickWorld.after(settled(TOWN, VILLAGE, VILLAGE_2), tmp_path)
    made.settle(TOWN)
    now_ms = max(place.clock.time_ms for place in made.places.values()) + DAY_MS
    for place in made.places.values():
        place.clock.time_ms = now_ms
    yield made
    made.close()


def line(world: StickWorld, upper: StationId, station: StationId) -> BoardLine:
    """Return what the board of an upper station says of one below."""
    return next(one for one in station_board(world[upper].ledger, upper) if one.station == station)


def torn(sections: Iterator[bytes], packages: int) -> Iterator[bytes]:
    """Let the hello pass and so many packages, and nothing more."""
    for raw in sections:
        (section,) = Splitter().feed(raw)
        if section.kind == PACKAGE:
            packages -= 1
        if packages < 0:
            return
        yield raw


def forged(world: StickWorld, *, sent_at_ms: int) -> bytes:
    """Return a stick for the township in the village's name, made with nothing but public keys."""
    seed = Home(world[TOWN].path).service_seed(TOWN, "bundle")
    assert seed is not None
    public = bundle_public_key(seed)
    ledger_id = world[TOWN].ledger.ledger_id
    hello = Hello(
        ledger_id=ledger_id, station=VILLAGE, sent_at_ms=sent_at_ms, version="forged", waiting=0, oldest_ms=0,
        logs=(), branches=(), county=None, proofs_from=(), contacts=(),
        feed=FeedPlace(number=0, chain=START),
    )  # fmt: skip
    header = BundleHeader(
        receiver=TOWN, receiver_key=key_id("x25519", public), bundle_id=bytes(16), part=1, parts=1
    )
    manifest = Manifest(
        kind="up", ledger_id=ledger_id, sender=VILLAGE, created_at_ms=sent_at_ms, prerequisites=()
    )
    sections = [compressed(SECTION_HELLO, hello.pack())]
    return seal_part(header, manifest, sections=sections, public_key=public)


def brought(world: StickWorld, stick: Path, raw: bytes) -> None:
    """Let the township import a stick with one file."""
    stick.mkdir(exist_ok=True)
    name = "banjian-990121001000-00-20260302-000000000000-1of1.bundle"
    (stick / name).write_bytes(raw)
    assert world.take(TOWN, stick).complete


# --- what is missing ----------------------------------------------------------------------------------------


def test_a_torn_line_leaves_the_board_at_the_oldest_that_had_not_come(world: StickWorld) -> None:
    clock = world[VILLAGE].clock
    clock.time_ms += DAY_MS
    for number in range(300):
        world.receive(VILLAGE, applicant=f"甲{number}")
    before = line(world, TOWN, VILLAGE).entries
    world[TOWN].clock.time_ms = clock.time_ms + DAY_MS
    world.session(VILLAGE, up=lambda sections: torn(sections, 1), down=lambda _: iter(()))
    found = line(world, TOWN, VILLAGE)
    assert before < found.entries < before + 300
    assert found.waiting >= 300
    assert found.complete_at_ms <= found.last_entry_ms < clock.time_ms
    world.sync(VILLAGE)
    found = line(world, TOWN, VILLAGE)
    assert found.waiting == 0 and found.entries >= before + 300
    assert found.complete_at_ms > found.last_entry_ms


def test_what_did_not_fit_into_a_session_still_waits(world: StickWorld) -> None:
    case = world.receive(VILLAGE)
    for _ in range(30):
        world.do(VILLAGE, "note", case)
        world[VILLAGE].exchange.seal_heads()
    before = line(world, TOWN, VILLAGE).entries
    world.session(VILLAGE, budget=Budget(packages=2, bytes=2_000, package_bytes=1_000))
    found = line(world, TOWN, VILLAGE)
    assert before < found.entries < before + 31
    assert found.waiting >= 31
    world.sync(VILLAGE)
    assert line(world, TOWN, VILLAGE).waiting == 0


def test_a_village_brings_no_word_of_who_does_not_stand_below_it(world: StickWorld) -> None:
    for place in world.places.values():
        place.clock.time_ms += 40 * DAY_MS
    before, now_ms = line(world, TOWN, VILLAGE_2), world[VILLAGE].clock.now_ms()
    made_up = Contact(
        station=VILLAGE_2, heard_at_ms=now_ms, waiting=0, oldest_ms=0, said_at_ms=now_ms, version="x"
    )
    world[VILLAGE].exchange.peers.take([made_up], now_ms=now_ms)
    world.sync(VILLAGE)
    assert line(world, TOWN, VILLAGE_2) == before
    assert line(world, TOWN, VILLAGE).heard_at_ms >= now_ms


def test_what_the_township_could_not_send_may_be_of_any_village(world: StickWorld) -> None:
    for station in (VILLAGE, VILLAGE_2):
        world[station].clock.time_ms += DAY_MS
    began_ms = world[VILLAGE].clock.time_ms
    for station in (VILLAGE, VILLAGE_2):
        world.receive(station)
        world[station].clock.time_ms += DAY_MS
    for place in (TOWN, COUNTY):
        world[place].clock.time_ms += 3 * DAY_MS
    for station in (VILLAGE, VILLAGE_2):
        world.sync(station)
    world.session(TOWN, up=lambda sections: torn(sections, 0), down=lambda _: iter(()))
    for station in (VILLAGE, VILLAGE_2):
        found = line(world, COUNTY, station)
        assert found.waiting == 0
        assert found.complete_at_ms <= began_ms + 10 * 60_000
    world.sync(TOWN)
    for station in (VILLAGE, VILLAGE_2):
        assert line(world, COUNTY, station).complete_at_ms > began_ms + DAY_MS


def test_no_station_is_complete_beyond_now(world: StickWorld) -> None:
    world[VILLAGE].clock.time_ms += YEAR_MS
    world.receive(VILLAGE)
    world.sync(VILLAGE)
    found = line(world, TOWN, VILLAGE)
    assert found.last_entry_ms > world[TOWN].clock.time_ms
    assert found.complete_at_ms <= world[TOWN].clock.time_ms
    assert found.clock_off_ms > 364 * DAY_MS


def test_a_clock_that_runs_ahead_makes_no_station_complete_beyond_when_it_was_heard(
    world: StickWorld,
) -> None:
    """What the village did in the hours since nobody here can have."""
    world[VILLAGE].clock.time_ms += 5 * 3_600_000
    world.sync(VILLAGE)
    world[TOWN].clock.time_ms += DAY_MS
    found = line(world, TOWN, VILLAGE)
    assert found.clock_off_ms > 4 * 3_600_000 and found.last_entry_ms < found.heard_at_ms
    assert found.complete_at_ms == found.heard_at_ms


# --- sticks -------------------------------------------------------------------------------------------------


def test_a_stick_made_of_public_keys_makes_nothing_better(world: StickWorld, tmp_path: Path) -> None:
    world[VILLAGE].clock.time_ms += DAY_MS
    for number in range(3):
        world.receive(VILLAGE, applicant=f"甲{number}")
    world[TOWN].clock.time_ms += 2 * DAY_MS
    world.session(VILLAGE, up=lambda sections: torn(sections, 0), down=lambda _: iter(()))
    before = line(world, TOWN, VILLAGE)
    assert before.waiting >= 3
    world[TOWN].clock.time_ms += 30 * DAY_MS
    brought(world, tmp_path / "one", forged(world, sent_at_ms=world[TOWN].clock.time_ms + 400 * DAY_MS))
    after = line(world, TOWN, VILLAGE)
    assert after == before
    assert after.silent_ms(world[TOWN].clock.time_ms) > 30 * DAY_MS
    world.sync(VILLAGE)
    again = line(world, TOWN, VILLAGE)
    assert (again.via, again.waiting) == (VILLAGE, 0)
    assert again.complete_at_ms > before.complete_at_ms


def test_a_stick_beside_genuine_old_records_makes_nothing_better(world: StickWorld, tmp_path: Path) -> None:
    world.receive(VILLAGE)
    old = world.export(VILLAGE, TOWN, tmp_path / "old")
    world.sync(VILLAGE)
    for place in (VILLAGE, TOWN):
        world[place].clock.time_ms += 30 * DAY_MS
    before = line(world, TOWN, VILLAGE)
    world.take(TOWN, old)
    world.take(TOWN, world.export(VILLAGE, TOWN, tmp_path / "nothing new", everything=True))
    assert line(world, TOWN, VILLAGE) == before


def test_a_silent_station_that_was_never_heard_is_not_heard_by_a_forged_stick(
    world: StickWorld, tmp_path: Path
) -> None:
    with world[TOWN].ledger.store.write() as tx:
        tx.delete(PEERS, {"station": VILLAGE})
    brought(world, tmp_path / "one", forged(world, sent_at_ms=world[TOWN].clock.time_ms))
    found = line(world, TOWN, VILLAGE)
    assert (found.heard_at_ms, found.via, found.version) == (0, "", "")


def test_a_stick_is_as_old_as_what_the_station_signed_on_it(world: StickWorld, tmp_path: Path) -> None:
    world[VILLAGE].clock.time_ms += DAY_MS
    world.receive(VILLAGE)
    signed_ms = world[VILLAGE].clock.time_ms
    world[VILLAGE].clock.time_ms += 10 * DAY_MS
    files = world.export(VILLAGE, TOWN, tmp_path / "one")
    world[TOWN].clock.time_ms += 12 * DAY_MS
    world.take(TOWN, files)
    found = line(world, TOWN, VILLAGE)
    assert (found.via, found.waiting) == (BY_STICK, 0)
    assert abs(found.heard_at_ms - signed_ms) < 10 * 60_000


def test_a_receipt_on_the_way_back_is_word_of_its_station(world: StickWorld, tmp_path: Path) -> None:
    for place in (VILLAGE, TOWN):
        world[place].clock.time_ms += 20 * DAY_MS
    world.enrol(VILLAGE, "window", "S99")
    world.sync(TOWN)
    world.take(VILLAGE, world.export(TOWN, VILLAGE, tmp_path / "down"))
    before = line(world, TOWN, VILLAGE)
    world.take(TOWN, world.confirm(VILLAGE, TOWN, tmp_path / "back"))
    found = line(world, TOWN, VILLAGE)
    assert found.entries == before.entries and found.via == BY_STICK
    assert found.heard_at_ms > before.heard_at_ms + 19 * DAY_MS


def test_what_came_by_stick_is_passed_on_as_brought_by_stick(world: StickWorld, tmp_path: Path) -> None:
    before = line(world, COUNTY, VILLAGE)
    for place in (VILLAGE, TOWN, COUNTY):
        world[place].clock.time_ms += 30 * DAY_MS
    world.receive(VILLAGE)
    world.take(TOWN, world.export(VILLAGE, TOWN, tmp_path / "one"))
    world.sync(TOWN)
    found = line(world, COUNTY, VILLAGE)
    assert (found.via, found.clock_off_ms) == (BY_STICK, 0)
    assert found.heard_at_ms > before.heard_at_ms + 29 * DAY_MS


def test_what_a_stick_brought_no_longer_waits(world: StickWorld, tmp_path: Path) -> None:
    for number in range(3):
        world.receive(VILLAGE, applicant=f"甲{number}")
    world[TOWN].clock.time_ms += DAY_MS
    world.session(VILLAGE, up=lambda sections: torn(sections, 0), down=lambda _: iter(()))
    assert line(world, TOWN, VILLAGE).waiting >= 3
    world.receive(VILLAGE)
    world[VILLAGE].clock.time_ms = world[TOWN].clock.time_ms + 60_000
    files = world.export(VILLAGE, TOWN, tmp_path / "one")
    world[TOWN].clock.time_ms += DAY_MS
    assert world.take(TOWN, files).complete
    found = line(world, TOWN, VILLAGE)
    # It was heard by network after the newest record of the stick was made.
    assert (found.via, found.waiting, found.oldest_ms) == (VILLAGE, 0, 0)
    assert found.complete_at_ms >= found.last_entry_ms


def test_a_station_that_lives_by_sticks_is_complete_as_far_as_it_was_brought(
    world: StickWorld, tmp_path: Path
) -> None:
    # The village was never heard in a session by the county.
    assert world.take(COUNTY, world.export(VILLAGE_2, COUNTY, tmp_path / "one")).complete
    with world[COUNTY].ledger.store.write() as tx:
        tx.delete(PEERS, {"station": VILLAGE_2})
    found = line(world, COUNTY, VILLAGE_2)
    assert (found.complete_at_ms, found.waiting) == (found.last_entry_ms, 0)


# --- wrong clocks -------------------------------------------------------------------------------------------


def test_one_sync_under_a_wrong_clock_hides_no_silence(world: StickWorld) -> None:
    clock = world[COUNTY].clock
    clock.time_ms += YEAR_MS
    world.sync(TOWN)
    clock.time_ms -= YEAR_MS
    assert line(world, COUNTY, TOWN).heard_at_ms == 0
    world.receive(TOWN)
    world.sync(TOWN)
    found = line(world, COUNTY, TOWN)
    assert 0 < found.heard_at_ms <= clock.time_ms
    clock.time_ms += 40 * DAY_MS
    assert line(world, COUNTY, TOWN).silent_ms(clock.time_ms) >= 40 * DAY_MS


@pytest.mark.parametrize("off_ms", [YEAR_MS, -YEAR_MS])
def test_a_townships_wrong_clock_is_its_own_alone(world: StickWorld, off_ms: int) -> None:
    for place in (TOWN, VILLAGE, COUNTY):
        world[place].clock.time_ms += 2 * YEAR_MS
    world[TOWN].clock.time_ms += off_ms
    world.sync(VILLAGE)
    world.sync(TOWN)
    now_ms = world[COUNTY].clock.time_ms
    found = line(world, COUNTY, VILLAGE)
    assert found.via == TOWN and abs(found.clock_off_ms) < DAY_MS
    assert 0 <= found.silent_ms(now_ms) < DAY_MS
    assert found.complete_at_ms <= now_ms
    assert abs(line(world, COUNTY, TOWN).clock_off_ms - off_ms) < DAY_MS


def test_a_moment_of_a_wrong_clock_is_not_passed_on_once_it_is_mended(world: StickWorld) -> None:
    clock = world[TOWN].clock
    clock.time_ms += YEAR_MS
    world.sync(VILLAGE)
    clock.time_ms -= YEAR_MS
    heard_ms = line(world, COUNTY, VILLAGE).heard_at_ms
    for place in (TOWN, COUNTY):
        world[place].clock.time_ms += 40 * DAY_MS
    world.sync(TOWN)
    assert line(world, COUNTY, VILLAGE).heard_at_ms == heard_ms


# --- stations that one machine writes for beside its own ----------------------------------------------------


def test_a_second_station_of_one_machine_is_heard_with_it(tmp_path: Path) -> None:
    world = StickWorld.after(settled(TOWN, VILLAGE), tmp_path)
    try:
        ledger = world[TOWN].ledger
        with ledger.turn:
            ledger.parts.county.open_log("station", VILLAGE_2, world.key(VILLAGE_2, "window"))
        world.sync(TOWN)
        here, above = (line(world, place, VILLAGE_2) for place in (TOWN, COUNTY))
        own, heard = line(world, TOWN, TOWN), line(world, COUNTY, TOWN)
        assert here.own and own.own and here.complete_at_ms > here.last_entry_ms > 0
        assert not above.own and (above.heard_at_ms, above.via) == (heard.heard_at_ms, TOWN)
        assert above.complete_at_ms > above.last_entry_ms > 0
        assert not line(world, TOWN, VILLAGE).own and not line(world, COUNTY, VILLAGE).own
        before = above.heard_at_ms
        for place in (TOWN, COUNTY):
            world[place].clock.time_ms += 5 * DAY_MS
        world.sync(TOWN)
        assert line(world, COUNTY, VILLAGE_2).heard_at_ms > before + 4 * DAY_MS
        assert line(world, COUNTY, VILLAGE).heard_at_ms < before + DAY_MS
    finally:
        world.close()


def test_a_station_with_a_machine_of_its_own_is_not_heard_with_another_one(world: StickWorld) -> None:
    before = line(world, COUNTY, VILLAGE_2).heard_at_ms
    ledger = world[TOWN].ledger
    with ledger.turn:
        ledger.parts.county.open_log("station", VILLAGE_2, world.key(VILLAGE_2, "window"))
    for place in (TOWN, COUNTY):
        world[place].clock.time_ms += 5 * DAY_MS
    world.sync(TOWN)
    assert not line(world, TOWN, VILLAGE_2).own
    assert line(world, COUNTY, VILLAGE_2).heard_at_ms < before + DAY_MS
