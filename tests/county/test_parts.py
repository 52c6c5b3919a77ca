"""Parts of the county demonstration by themselves: the plan, the lines, who knows what, the digest."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import os
import random
import sys
from pathlib import Path

import pytest

from ledger.cases.effects import STEP_ACTIONS
from ledger.errors import AuthorityError
from ledger.registry.station import LEVELS
from ledger.stationid import is_station_id
from stations.county.actor import Actor
from stations.county.choosing import choose_plants
from stations.county.clock import DirectedClock
from stations.county.digest import acts_digest
from stations.county.forms import Message
from stations.county.founding import found_county, home_of
from stations.county.hours import at, is_working_day, later, local, next_open
from stations.county.links import Line
from stations.county.memory import Case, Memory
from stations.county.people import staff_of
from stations.county.picture import Picture, Seen
from stations.county.plan import FIRST_DAY, county_data, make_plan
from stations.county.play import cases_apart
from stations.county.scripts import Scripts, Step, receivable
from stations.county.verifying import verify
from tests.cases.counter import decided


def test_the_county_has_231_stations_with_valid_ids_under_each_other():
    places = {place.station: place for place in county_data().places}
    assert len(places) == 231
    for place in places.values():
        assert is_station_id(place.station) and place.level in LEVELS and place.net in "ABCDE"
        assert place.upstream in places or place.level == "county"


@pytest.mark.parametrize("count", [4, 5, 13, 40, 231])
def test_a_plan_is_a_tree_from_the_county_down(count: int):
    plan = make_plan(seed=1, stations=count)
    stations = [place.station for place in plan.places]
    assert len(set(stations)) == count and plan.places[0].level == "county"
    assert all(place.upstream in stations for place in plan.places[1:])
    numbers = [person.staff_no for place in plan.places for person in staff_of(place, seed=1)]
    assert len(set(numbers)) == len(numbers)


def test_by_default_everything_is_planted_each_on_a_village_of_its_own():
    plan = make_plan(seed=1)
    assert [place.level for place in plan.places].count("township") == 3
    assert [place.level for place in plan.places].count("village") == 8
    assert [place.level for place in plan.places].count("kiosk") == 1
    plants = choose_plants(plan)
    assert len({plant.name for plant in plants}) == 10
    hit = [
        plant.place.station for plant in plants if hasattr(plant, "place") and plant.place.level == "village"
    ]
    assert len(set(hit)) == len(hit) == 7


def test_nothing_is_planted_where_there_is_no_time_for_it():
    assert choose_plants(make_plan(seed=1, days=2)) == []
    names = {plant.name for plant in choose_plants(make_plan(seed=1, days=5))}
    assert "six_days_offline" not in names and "stick_lost_and_twice" in names


def test_offices_are_closed_over_spring_festival_and_open_on_the_make_up_saturday():
    days = [FIRST_DAY.replace(day=day) for day in range(9, 19)]
    assert [is_working_day(day) for day in days] == [True] * 6 + [False] * 4
    evening = at(days[5], "17:30")
    assert local(next_open(evening)).date().isoformat() == "2026-02-24"
    assert local(later(at(days[4], "10:00"), 2)).date().isoformat() == "2026-02-24"


async def relayed(line: Line, send: bytes) -> bytes:
    """Send bytes through a line to an echo and return what comes back before it ends."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1024):
            writer.write(data)
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    line.target_port = server.sockets[0].getsockname()[1]
    address = await line.start()
    reader, writer = await asyncio.open_connection("127.0.0.1", int(address.rpartition(":")[2]))
    found = b""
    try:
        writer.write(send)
        found = await reader.readexactly(len(send))
    except asyncio.IncompleteReadError as torn:
        found = torn.partial
    except OSError:
        pass
    writer.close()
    await line.close()
    server.close()
    return found


async def test_a_line_carries_everything_until_it_is_told_to_break():
    data = random.Random(1).randbytes(20_001)
    assert await relayed(Line(), data) == data
    line = Line()
    line.cut_next([7_001])
    found = await relayed(line, data)
    assert len(found) < 7_001 and data.startswith(found) and line.cuts_made == 1
    down = Line()
    down.is_up = False
    assert await relayed(down, data) == b""


async def test_a_key_in_a_refusal_is_told_as_people_write_it():
    class Refusing(Actor):
        async def _do(self, message: Message) -> object:
            raise AuthorityError("authority.key_unknown", key=bytes(15) + b"\xfe", size=3)

    told: list[bytes] = []
    await Refusing(told.append).answer({"id": 1, "do": "perform"})
    found = json.loads(told[0])["error"]
    assert found == {"code": "authority.key_unknown", "params": {"key": "00" * 15 + "fe", "size": "3"}}


def test_who_knows_what_follows_the_syncs_alone():
    plan = make_plan(seed=1)
    town, other = plan.townships[:2]
    village = next(place for place in plan.villages if place.upstream == town.station)
    sibling = next(place for place in plan.villages if place.upstream == town.station and place != village)
    people = {place.station: staff_of(place, seed=1) for place in plan.places}
    applicant = Scripts(plan, people).applicant(random.Random(1))
    memory = Memory(plan)
    step = Step(action="note", station=village.station, staff="")
    case = Case(key="one", item="", applicant=applicant, steps=[step, step])

    def act(station: str, to: str = "") -> None:
        case.acts.append(str(len(case.acts)))
        memory.acted(case, station, offered_to=to)

    act(village.station, town.station)
    assert memory.knows_all(village.station, case) and not memory.knows_all(town.station, case)
    memory.synced([village.station, sibling.station])
    assert memory.knows_all(town.station, case) and not memory.knows_all(sibling.station, case)
    memory.synced([sibling.station, town.station])
    assert not memory.knows_all(sibling.station, case)  # another village's case is none of its business
    act(town.station, other.station)
    assert not memory.knows_all(village.station, case)
    memory.synced([town.station])
    memory.synced([other.station, village.station])
    assert memory.knows_all(other.station, case) and memory.knows_all(village.station, case)


def test_the_digest_leaves_out_what_follows_from_keys_and_nothing_else():
    state = decided().state
    first = state.steps[0]

    def changed(**facts: object) -> str:
        act = first.act._replace(facts={**first.act.facts, **facts})
        steps = (first._replace(act=act), *state.steps[1:])
        return acts_digest([dataclasses.replace(state, steps=steps)])

    same = acts_digest([state])
    assert changed(number="another", token_hash=b"x", target=b"y") == same
    assert changed(channel="kiosk") != same
    later_act = first.act._replace(occurred_at_ms=first.act.occurred_at_ms + 1)
    moved = dataclasses.replace(state, steps=(first._replace(act=later_act), *state.steps[1:]))
    assert acts_digest([moved]) != same


def test_a_station_with_a_case_that_is_anothers_is_apart_like_one_that_lacks_its_own():
    plan = make_plan(seed=1, stations=5)
    county, town = (place.station for place in plan.places[:2])
    village, other = [place.station for place in plan.places if place.level == "village"][:2]
    case = Seen(
        case_id="c1", number="1", item="x", status="received", state_digest="d1", findings=(), conflicts=0,
        in_conflict=False, scope=frozenset({village}), acts=1,
    )  # fmt: skip
    picture = Picture(
        board=(), cases={"c1": case}, lights={}, overdue=(), twins=(), sync_findings=(), states={}, now_ms=0
    )
    having = (county, town, village)
    honest = {place.station: {"c1": "d1"} if place.station in having else {} for place in plan.places}
    assert cases_apart(plan, picture, honest) == ()
    assert cases_apart(plan, picture, honest | {village: {}}) == ((village, "c1"),)
    assert cases_apart(plan, picture, honest | {other: {"c1": "d1"}}) == ((other, "c1"),)
    assert cases_apart(plan, picture, honest | {town: {"c1": "d2"}}) == ((town, "c1"),)


def test_nothing_is_granted_before_what_its_item_asks_for_was_done():
    plan = make_plan(seed=1)
    scripts = Scripts(plan, {place.station: staff_of(place, seed=1) for place in plan.places})
    asked = 0
    for place in plan.places:
        for item in receivable(place.level):
            needed = {STEP_ACTIONS[step] for step in item.steps if step in STEP_ACTIONS}
            rng = random.Random(item.base_code)
            actions = [step.action for step in scripts.write(place, item, scripts.applicant(rng), rng)]
            assert needed <= set(actions[: actions.index("decide")]), item.base_code
            asked += len(needed)
    assert asked


@pytest.mark.skipif(sys.platform == "win32", reason="a program that fails")
def test_a_ledger_that_the_audit_did_not_come_to_has_no_good_verdict(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    verdicts = asyncio.run(verify([tmp_path / "one", tmp_path / "two", tmp_path / "three"]))
    assert [Path(one.path).name for one in verdicts] == ["one", "two", "three"]
    assert all(one.exit_code == 1 for one in verdicts)


async def test_a_ledger_that_is_not_of_this_county_is_not_served_under_a_clock_that_somebody_sets(
    tmp_path: Path,
):
    plan = make_plan(seed=1)
    homes = {place.station: home_of(tmp_path, place) for place in plan.places}
    people = {place.station: staff_of(place, seed=1) for place in plan.places}
    clock = DirectedClock(bytes(16))
    clock.set(at(plan.days[0], "08:00"), 0)
    found_county(plan, homes, people, clock=clock, randomness=os.urandom)
    told: list[bytes] = []
    actor = Actor(told.append)
    start: Message = {"do": "start", "station": plan.county.station, "listen": True, "now": 4_102_444_800_000}
    for seed in (2, 1):
        await actor.answer({**start, "id": seed, "dir": str(homes[plan.county.station].path), "seed": seed})
    await actor.end()
    refused, served = map(json.loads, told)
    assert refused["error"]["code"] == "demo.other_ledger" and "result" in served
