"""A village without any network for weeks: sticks go up and down, get lost, come twice and out of order."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.facade import Home
from ledger.facade.base.peers import BY_STICK
from ledger.formats.bundle import read_bundle_header
from ledger.formats.keys import Ed25519Signer, prove_possession
from ledger.registry import actions as registry_actions
from tests.sync.sticks import StickWorld
from tests.sync.world import COUNTY, TOWN, VILLAGE, VILLAGE_2


def synced(world: StickWorld) -> None:
    """Let the stations join; only the township has a line."""
    for station in (TOWN, VILLAGE, VILLAGE_2):
        world.join(station)
    world.sync(TOWN)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[StickWorld]:
    made = StickWorld(tmp_path)
    synced(made)
    yield made
    made.close()


@pytest.fixture
def stick(tmp_path: Path) -> Path:
    made = tmp_path / "stick"
    made.mkdir()
    return made


@pytest.fixture
def village(world: StickWorld, stick: Path) -> StickWorld:
    """The village has got registry and catalogue on a stick, and has never seen a network."""
    world.carry(TOWN, VILLAGE, stick)
    return world


def waiting(world: StickWorld, upper: str = TOWN) -> int:
    return world[VILLAGE].exchange.held.waiting(upper)[0]


def test_a_newcomer_gets_the_county_on_a_stick(world: StickWorld, stick: Path) -> None:
    files = world.export(TOWN, VILLAGE, stick)
    found = world.take(VILLAGE, files)
    assert found.complete and found.senders == [TOWN]
    county, here = world[COUNTY].ledger, world[VILLAGE].ledger
    assert here.knowledge.registry.size == county.knowledge.registry.size
    assert here.knowledge.catalogue.size == county.knowledge.catalogue.size
    again = world.export(TOWN, VILLAGE, stick)
    assert again[0].stat().st_size == pytest.approx(files[0].stat().st_size, rel=0.2)
    world.take(TOWN, world.confirm(VILLAGE, TOWN, stick))
    small = world.export(TOWN, VILLAGE, stick)
    assert small[0].stat().st_size < files[0].stat().st_size / 10


def test_weeks_without_network(village: StickWorld, stick: Path) -> None:
    world = village
    case = world.receive(VILLAGE)
    world.do(VILLAGE, "hand_over", case, to=TOWN)
    assert waiting(world) == 3
    found = world.carry(VILLAGE, TOWN, stick)
    assert (found.complete, found.parts[0].new) == (True, 3)
    assert waiting(world) == 0 and waiting(world, COUNTY) == 3
    world.do(TOWN, "take_over", case)
    world.do(TOWN, "accept", case, role="officer")
    world.sync(TOWN)
    world.carry(TOWN, VILLAGE, stick)
    assert waiting(world, COUNTY) == 0
    assert world[VILLAGE].exchange.county.held() == world[TOWN].exchange.county.held() is not None
    assert len({world.digest(place, case) for place in (COUNTY, TOWN, VILLAGE)}) == 1
    state, _ = world[VILLAGE].ledger.state(case)
    assert (state.status, state.custodian) == ("accepted", TOWN)
    world.clock = world[VILLAGE].clock
    world.clock.time_ms += 21 * 86_400_000
    second = world.receive(VILLAGE, applicant="李四")
    assert world.carry(VILLAGE, TOWN, stick).parts[0].new == 1
    assert world.digest(TOWN, second) == world.digest(VILLAGE, second)


def test_a_lost_stick_costs_nothing_and_a_stick_twice_does_no_harm(
    village: StickWorld, tmp_path: Path
) -> None:
    world = village
    case = world.receive(VILLAGE)
    for file in world.export(VILLAGE, TOWN, tmp_path / "lost"):
        file.unlink()
    world.do(VILLAGE, "hand_over", case, to=TOWN)
    files = world.export(VILLAGE, TOWN, tmp_path / "second")
    first, twice = world.take(TOWN, files), world.take(TOWN, files)
    assert (first.parts[0].new, first.complete) == (3, True)
    assert (twice.parts[0].new, twice.complete) == (0, True)
    assert world.digest(TOWN, case) == world.digest(VILLAGE, case)


def test_a_lost_acknowledgement_is_written_again(village: StickWorld, tmp_path: Path) -> None:
    world = village
    world.receive(VILLAGE)
    world.take(TOWN, world.export(VILLAGE, TOWN, tmp_path / "one"))
    world.confirm(TOWN, VILLAGE, tmp_path / "lost")
    assert waiting(world) == 2
    again = world.take(TOWN, world.export(VILLAGE, TOWN, tmp_path / "two"))
    assert (again.parts[0].new, again.complete) == (0, True)
    back = world.take(VILLAGE, world.confirm(TOWN, VILLAGE, tmp_path / "back"))
    assert (back.waiting_before, back.waiting_after, back.senders) == (2, 0, [])


def test_a_receipt_counts_whose_key_comes_behind_it_on_the_same_stick(
    village: StickWorld, tmp_path: Path
) -> None:
    world = village
    world.receive(VILLAGE)
    seed = world[TOWN].randomness(32)
    Home(world[TOWN].path).write_service_seed(TOWN, "receipt", seed)
    key, county = Ed25519Signer.from_seed(seed), world[COUNTY].ledger
    facts = registry_actions.enrol_service(
        purpose="receipt", station=TOWN, alg=key.alg, public_key=key.public_key,
        possession=prove_possession(key, county.ledger_id),
    )  # fmt: skip
    county.register("enrol_service", facts, world.registrar)
    world.settle(TOWN)
    world.take(TOWN, world.export(VILLAGE, TOWN, tmp_path / "up"))
    down = world.export(TOWN, VILLAGE, tmp_path / "down")
    assert waiting(world) == 2
    assert world.take(VILLAGE, down).complete
    assert waiting(world) == 0


def test_sticks_out_of_order(village: StickWorld, tmp_path: Path) -> None:
    world = village
    files = []
    for number in range(3):
        case = world.receive(VILLAGE, applicant=f"王{number}")
        files += world.export(VILLAGE, TOWN, tmp_path / f"{number}")
    for file in reversed(files):
        assert world.take(TOWN, [file]).complete
    assert world[TOWN].exchange.held.size(own_log(world, VILLAGE)) == 4
    assert world.digest(TOWN, case) == world.digest(VILLAGE, case)


def own_log(world: StickWorld, station: str) -> bytes:
    held = world[station].exchange.held
    (state,) = held.states(frozenset((station,)), county=False)
    return state.log_id


def test_an_upper_station_that_lost_something_says_so_and_gets_it(
    village: StickWorld, tmp_path: Path
) -> None:
    """The township goes back to last week's disk: it confirmed more than it holds."""
    world = village
    world[TOWN].close()
    shutil.copytree(world[TOWN].path, tmp_path / "last week")
    world.receive(VILLAGE)
    world.carry(VILLAGE, TOWN, tmp_path / "first")
    world[TOWN].close()
    shutil.rmtree(world[TOWN].path)
    shutil.copytree(tmp_path / "last week", world[TOWN].path)
    case = world.receive(VILLAGE, applicant="李四")
    log_id = own_log(world, VILLAGE)
    early = world.take(TOWN, world.export(VILLAGE, TOWN, tmp_path / "second"))
    assert not early.complete
    assert [(one.log_id, one.held, one.needed) for one in early.missing_logs] == [(log_id, 0, 2)]
    world.take(VILLAGE, world.confirm(TOWN, VILLAGE, tmp_path / "back"))
    assert waiting(world) == 1
    late = world.carry(VILLAGE, TOWN, tmp_path / "third")
    assert late.complete and waiting(world) == 0
    assert world.digest(TOWN, case) == world.digest(VILLAGE, case)
    world.receive(VILLAGE, applicant="王五")
    assert world.carry(VILLAGE, TOWN, tmp_path / "fourth").parts[0].new == 1


def test_parts_in_any_order_and_a_part_missing(village: StickWorld, tmp_path: Path) -> None:
    world = village
    down = world.export(TOWN, VILLAGE_2, tmp_path / "down", part_bytes=9_000)
    assert len(down) > 2
    assert {read_bundle_header(file.read_bytes()).parts for file in down} == {len(down)}
    kept = [file for number, file in enumerate(down) if number != 1]
    early = world.take(VILLAGE_2, reversed(kept))
    assert not early.complete
    assert early.missing_parts[0].numbers == (2,) and early.missing_logs
    late = world.take(VILLAGE_2, [down[1], *kept[1:]])
    assert all(not part.not_taken for part in late.parts)
    here = world[VILLAGE_2].ledger
    assert here.knowledge.registry.size == world[TOWN].ledger.knowledge.registry.size
    assert here.knowledge.catalogue.size == world[TOWN].ledger.knowledge.catalogue.size


def test_parts_that_come_on_several_days_are_told_missing_no_longer(
    village: StickWorld, tmp_path: Path
) -> None:
    """One stick holds one part at a time: what was taken whole before is not asked for again."""
    world = village
    down = world.export(TOWN, VILLAGE_2, tmp_path / "down", part_bytes=9_000)
    numbers = [read_bundle_header(file.read_bytes()).part for file in down]
    for count, file in enumerate(down[:-1], start=1):
        found = world.take(VILLAGE_2, [file])
        assert not found.complete and found.missing_parts[0].numbers == tuple(numbers[count:])
    # One that is torn is not there, whatever of it was taken.
    last = down[-1].read_bytes()
    down[-1].write_bytes(last[:-200])
    assert not world.take(VILLAGE_2, down[-1:]).complete
    world[VILLAGE_2].close()
    assert world.take(VILLAGE_2, down[:1]).missing_parts[0].numbers == tuple(numbers[-1:])
    down[-1].write_bytes(last)
    assert world.take(VILLAGE_2, down[-1:]).complete
    assert all(world.take(VILLAGE_2, [file]).complete for file in reversed(down))
    # Of many bundles the last ones are known; one that was never whole still lacks its parts.
    for number in range(20):
        world[VILLAGE_2].exchange.carried.take_parts(TOWN, bytes([number]) * 16, {1})
    held = [world[VILLAGE_2].exchange.carried.parts_taken(TOWN, bytes([number]) * 16) for number in range(20)]
    assert held[-1] == {1} and 0 < sum(map(bool, held)) <= 16


def test_sticks_of_two_villages_mixed_up(village: StickWorld, tmp_path: Path) -> None:
    world = village
    world.carry(TOWN, VILLAGE_2, tmp_path / "other")
    case, other = world.receive(VILLAGE), world.receive(VILLAGE_2, applicant="李四")
    stick = tmp_path / "both"
    world.export(VILLAGE, TOWN, stick)
    world.export(VILLAGE_2, TOWN, stick)
    (stick / "合同.docx").write_bytes(b"PK")
    found = world.take(TOWN, stick)
    assert found.complete and found.foreign == 1 and set(found.senders) == {VILLAGE, VILLAGE_2}
    for receiver in (VILLAGE, VILLAGE_2):
        world.confirm(TOWN, receiver, stick)
    back = world.take(VILLAGE, stick)
    assert back.complete and len(back.parts) == 1 and waiting(world) == 0
    assert [one.error.code for one in back.files if one.is_anothers] == ["bundle.receiver"] * 3
    named = world.take(VILLAGE, [file for file in stick.iterdir() if VILLAGE_2 in file.name])
    assert not named.complete and named.files[0].error.params["receiver"] == VILLAGE_2
    for one, place in ((case, VILLAGE), (other, VILLAGE_2)):
        assert world.digest(TOWN, one) == world.digest(place, one)


def test_straight_to_the_county(village: StickWorld, tmp_path: Path) -> None:
    """The township's machine is broken: the stick goes on to the county."""
    world = village
    case = world.receive(VILLAGE)
    refused = world.take(COUNTY, world.export(VILLAGE, TOWN, tmp_path / "township"))
    assert refused.files[0].error.params["receiver"] == TOWN
    found = world.take(COUNTY, world.export(VILLAGE, COUNTY, tmp_path / "county"))
    assert found.complete and found.parts[0].new == 2
    world.take(VILLAGE, world.confirm(COUNTY, VILLAGE, tmp_path / "back"))
    assert (waiting(world, COUNTY), waiting(world, TOWN)) == (0, 2)
    assert world.digest(COUNTY, case) == world.digest(VILLAGE, case)
    world.sync(TOWN)
    assert world.digest(TOWN, case) == world.digest(VILLAGE, case)
    assert world.carry(VILLAGE, TOWN, tmp_path / "later").complete and waiting(world) == 0


def test_who_was_heard_is_marked_as_by_stick(village: StickWorld, tmp_path: Path) -> None:
    world = village
    world.receive(VILLAGE)
    files = world.export(VILLAGE, TOWN, tmp_path / "one")
    world[TOWN].clock.time_ms += 7 * 86_400_000
    world.take(TOWN, files)
    (heard,) = [one for one in world[TOWN].exchange.peers.all() if one.station == VILLAGE]
    assert (heard.via, heard.waiting) == (BY_STICK, 0)
    assert heard.heard_at_ms == heard.said_at_ms < world[TOWN].clock.time_ms - 6 * 86_400_000
    assert any(one.station == TOWN for one in world[VILLAGE].exchange.peers.all())


def test_a_stick_for_a_key_that_this_station_no_longer_has_is_not_called_anothers(
    village: StickWorld, tmp_path: Path
) -> None:
    stick = tmp_path / "old"
    (file, *_) = village.export(TOWN, VILLAGE, stick, everything=True)
    place = village[VILLAGE]
    place.close()
    Home(place.path).write_service_seed(VILLAGE, "bundle", place.randomness(32))
    found = village.take(VILLAGE, stick)
    assert not found.complete
    assert [(one.error.code, one.is_anothers) for one in found.files] == [("bundle.other_key", False)]
    assert [one.error.params["receiver"] for one in village.take(VILLAGE, [file]).files] == [VILLAGE]
