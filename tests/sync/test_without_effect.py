"""What is kept and counts for nothing, and numbers that two cases bear: told at the running station above.

The codes are those of the audit, and the audit of the same file names every one of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from audit.checking.verify import verify_ledger
from ledger.facade.base.synctables import SYNC_FINDINGS, SYNC_MARKS
from ledger.facade.base.tables import MARKS, NUMBERS
from ledger.facade.cases import repeated
from ledger.facade.cases.awaited import MARK_LOOKED, sizes_of
from ledger.facade.peering.between import mark_seen, numbers_repeated, station_board, sync_status
from ledger.facade.peering.syncstatus import SHOWN_OF_A_KIND_MAX
from ledger.facade.transfer import withouteffect
from ledger.facade.transfer.rejudging import MARK_COUNTY, finish_judging
from ledger.facade.transfer.withouteffect import judge_waiting_again
from ledger.store import schema
from ledger.types import CaseId, Facts, StationId
from stations.checkup.doctor import examine
from stations.config import StationConfig, write_config
from tests.cli.conftest import Terminal
from tests.sync.evil import EvilStation
from tests.sync.test_forks import clone, copy
from tests.sync.test_status import StationClock
from tests.sync.world import COUNTY, ENROLMENT, FELLING, TOWN, VILLAGE, VILLAGE_2, World, settled

Wrong = Callable[[EvilStation], object]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World.after(settled(TOWN, VILLAGE), tmp_path)
    yield made
    made.close()


WRONG: dict[str, tuple[Wrong, str]] = {
    "of another station": (lambda evil: evil.add(evil.sign(station=VILLAGE)), "act.other_station"),
    "by a key without a role here": (
        lambda evil: evil.add(evil.sign(signer=evil.world.key(VILLAGE, "window"))), "authority.no_role"
    ),
    "of a registry from the future": (
        lambda evil: evil.add(evil.sign(registry_size=2**40)), "authority.registry_ahead"
    ),
    "before there was a registry": (
        lambda evil: evil.add(evil.sign(registry_size=0)), "authority.registry_none"
    ),
    "before the key was enrolled": (
        lambda evil: evil.add(evil.sign(registry_size=1)), "authority.key_too_new"
    ),
    "an opening that decides": (
        lambda evil: evil.add(evil.sign("decide", {"result": "grant"})), "audit.case_unfolded"
    ),
    "an action that nobody knows": (
        lambda evil: evil.add(evil.sign("x" * 30, {"a": 1})), "audit.case_unfolded"
    ),
    "a catalogue from the future": (
        lambda evil: evil.add(evil.sign(catalogue_version=10**9)), "audit.case_unfolded"
    ),
    "an act of the registry": (
        lambda evil: evil.add(evil.sign("enrol_staff", {"a": 1})), "act.misplaced"
    ),
    "an act of the catalogue": (
        lambda evil: evil.add(evil.sign("publish_items", {"a": 1})), "act.misplaced"
    ),
    "opened again": (lambda evil: evil.add(evil.sign("open_log", {"genesis": bytes(9)})), "act.misplaced"),
    "a grant by somebody who may give none": (
        lambda evil: evil.add(evil.sign("provisional_grant", {"a": 1})), "grant.grantor"
    ),
}  # fmt: skip


def told(world: World, station: StationId) -> list[tuple[str, str, str, int]]:
    """Return code, station, staff number and position of everything that a station has found."""
    found = sync_status(world[station].ledger, station).findings
    return [(one.code, one.station, one.staff_no, one.seq) for one in found]


def doctor_names(world: World, station: StationId) -> list[object]:
    """Return what doctor names of acts without effect."""
    ledger = world[station].ledger
    checks = examine(
        ledger.home, StationConfig(station=station), ledger, now_ms=ledger.clock.now_ms(), thorough=False,
        key_fits=True,
    )  # fmt: skip
    return [one.params["named"] for one in checks if one.code == "doctor.acts_without_effect"]


@pytest.mark.parametrize("kind", WRONG)
def test_an_act_without_effect_is_told_above_with_station_and_person(world: World, kind: str) -> None:
    do, code = WRONG[kind]
    evil = EvilStation(world)
    evil.add(evil.sign())
    do(evil)
    evil.add(evil.sign())
    assert evil.send() == []
    world.sync(TOWN)
    staff_no = staff(world, VILLAGE if kind == "by a key without a role here" else VILLAGE_2)
    for station in (TOWN, COUNTY):
        assert told(world, station) == [(code, VILLAGE_2, staff_no, 3)]
        assert doctor_names(world, station) == [f"{VILLAGE_2} {staff_no} {code}"]
        lines = {one.station: one.without_effect for one in station_board(world[station].ledger, station)}
        assert lines == {one: int(one == VILLAGE_2) for one in lines}
    world[COUNTY].close()
    assert code in {one.code for one in verify_ledger(world[COUNTY].path).findings}


@pytest.mark.parametrize("kind", WRONG)
def test_an_act_without_effect_is_told_when_it_comes_as_a_single_record(world: World, kind: str) -> None:
    do, code = WRONG[kind]
    evil = EvilStation(world)
    evil.add(evil.sign())
    do(evil)
    evil.add(evil.sign())
    expected = [(code, VILLAGE_2, staff(world, VILLAGE if "without a role" in kind else VILLAGE_2), 3)]
    assert evil.give([1, 2, 3]) == []
    assert told(world, TOWN) == expected
    for give in (lambda: evil.give([1, 2, 3]), evil.send, lambda: evil.give([1, 3])):
        assert give() == []
        assert told(world, TOWN) == expected
    forget_findings(world, TOWN)
    assert evil.give([1, 3]) == []
    assert told(world, TOWN) == expected


def test_a_number_repeated_in_single_records_is_told_of_the_later_one_only(world: World) -> None:
    case = world.receive(VILLAGE)
    world.sync(VILLAGE)
    number = world[VILLAGE].ledger.state(case)[0].number
    evil = EvilStation(world)
    other = CaseId(evil.add(evil.sign(facts=_opening(number))))
    assert evil.give([1, 2]) == []
    expected = [("audit.number_repeated", VILLAGE_2, staff(world, VILLAGE_2), 2)]
    assert told(world, TOWN) == expected
    forget_findings(world, TOWN)
    for _ in range(2):
        assert evil.give([1, 2]) == []
        assert told(world, TOWN) == expected
    assert [set(one.case_ids) for one in numbers_repeated(world[TOWN].ledger)] == [{case, other}]


def test_an_opening_that_opens_nothing_bears_no_number(world: World) -> None:
    evil = EvilStation(world)
    evil.add(evil.sign(facts=_opening("X77"), catalogue_version=10**9))
    evil.add(evil.sign(facts=_opening("X77")))
    evil.send()
    assert told(world, TOWN) == [("audit.case_unfolded", VILLAGE_2, staff(world, VILLAGE_2), 2)]
    assert numbers_repeated(world[TOWN].ledger) == []


def forget_findings(world: World, station: StationId) -> None:
    """Take away what a station has found, as if nobody had looked when it was taken in."""
    with world[station].ledger.store.write() as tx:
        tx.delete(SYNC_FINDINGS, {})


def _opening(number: str) -> Facts:
    return {
        "item": FELLING, "number": number, "token_hash": bytes(32), "materials": [],
        "applicant_kind": "person", "channel": "counter",
    }  # fmt: skip


def staff(world: World, station: StationId) -> str:
    """Return the staff number of a station's clerk."""
    holder = world[COUNTY].ledger.knowledge.registry.holder(world.key(station, "window").key_id)
    assert holder is not None
    return holder[1]


def test_commands_name_station_person_code_and_what_to_do(world: World) -> None:
    evil = EvilStation(world)
    evil.add(evil.sign(station=VILLAGE))
    evil.send()
    world.sync(TOWN)
    staff_no, place = staff(world, VILLAGE_2), world[COUNTY]
    place.close()
    write_config(place.path, station=COUNTY, upstream=())
    terminal = Terminal(folder=place.path, clock=StationClock(place.clock.time_ms))
    for lang, next_step in (("zh", "核"), ("en", "Ask the county")):
        ran = terminal.ok("sync", "status", lang=lang)
        said = ran.out + ran.err
        for words in (VILLAGE_2, staff_no, "act.other_station", next_step, "banjian sync seen"):
            assert words in said, said
    assert VILLAGE_2 in terminal.run("doctor").out
    board = terminal.ok("board", "--json").lines
    assert [one["without_effect"] for one in board if one["station"] == VILLAGE_2] == [1]
    found = terminal.ok("sync", "status", "--json").json["findings"]
    assert [(one["code"], one["station"], one["staff_no"]) for one in found] == [
        ("act.other_station", VILLAGE_2, staff_no)
    ]
    terminal.ok("sync", "seen")
    assert terminal.ok("sync", "status", "--json").json["findings"] == []


def test_what_waits_for_a_longer_registry_is_told_no_more_once_it_is_here(world: World) -> None:
    size = world[COUNTY].ledger.knowledge.registry.size
    evil = EvilStation(world)
    case = CaseId(evil.add(evil.sign(registry_size=size + 2)))
    evil.send()
    assert [one[0] for one in told(world, TOWN)] == ["authority.registry_ahead"]
    world.enrol(VILLAGE, "head", "S99")
    world.sync(TOWN)
    assert told(world, TOWN) == told(world, COUNTY) == []
    assert world[TOWN].ledger.state(case)[0].steps[0].effective


def test_what_the_longer_registry_refuses_is_told_under_its_final_reason(world: World) -> None:
    size = world[COUNTY].ledger.knowledge.registry.size
    evil = EvilStation(world)
    evil.add(evil.sign(registry_size=size + 2, signer=world.key(VILLAGE, "window")))
    evil.send()
    assert [one[0] for one in told(world, TOWN)] == ["authority.registry_ahead"]
    mark_seen(world[TOWN].ledger)
    world.enrol(VILLAGE, "head", "S99")
    world.sync(TOWN)
    assert [one[0] for one in told(world, TOWN)] == ["authority.no_role"]


def test_an_opening_that_waits_for_the_catalogue_is_told_no_more_once_it_is_here(world: World) -> None:
    version = world[COUNTY].ledger.knowledge.catalogue.size
    evil = EvilStation(world)
    case = CaseId(evil.add(evil.sign(catalogue_version=version + 1)))
    evil.send()
    assert [one[0] for one in told(world, TOWN)] == ["audit.case_unfolded"]
    facts: Facts = {"items": [], "withdrawn": [ENROLMENT]}
    world[COUNTY].ledger.publish("publish_items", facts, world.registrar)
    world.sync(TOWN)
    assert told(world, TOWN) == told(world, COUNTY) == []
    assert world[TOWN].ledger.state(case)[0].steps[0].effective


def test_a_registry_that_was_folded_anew_takes_back_what_it_refused(world: World) -> None:
    case = world.receive(VILLAGE)
    world.settle(VILLAGE, TOWN)
    ledger = world[COUNTY].ledger
    with ledger.store.write() as tx:
        row = next(iter(tx.select(schema.ACTS, {"case_id": case})))
        tx.insert(SYNC_FINDINGS, [("authority.no_role", row[2], row[3], 1, "receive", 0)])
    assert [one[0] for one in told(world, COUNTY)] == ["authority.no_role"]
    parts = ledger.parts
    for anew, left in ((False, ["authority.no_role"]), (True, [])):
        judge_waiting_again(
            ledger.store, ledger.knowledge, book=parts.book, holdings=parts.holdings, anew=anew
        )
        assert [one[0] for one in told(world, COUNTY)] == left


def test_what_waits_is_left_alone_until_what_it_waits_for_has_grown(world: World) -> None:
    case = world.receive(VILLAGE)
    world.settle(VILLAGE, TOWN)
    ledger, parts = world[COUNTY].ledger, world[COUNTY].ledger.parts
    with ledger.store.write() as tx:
        row = next(iter(tx.select(schema.ACTS, {"case_id": case})))
        codes = "authority.registry_ahead", "audit.case_unfolded"
        tx.insert(SYNC_FINDINGS, [(code, row[2], row[3], 1, "receive", 0) for code in codes])
    now = sizes_of(ledger.knowledge)
    before = {
        now: set(codes),
        now._replace(registry=1): {"audit.case_unfolded"},
        now._replace(catalogue=1): set(),
    }
    for since, left in before.items():
        looked = judge_waiting_again(
            ledger.store, ledger.knowledge, book=parts.book, holdings=parts.holdings, since=since
        )
        assert looked == (since != now)
        assert {one[0] for one in told(world, COUNTY)} == left


def test_more_findings_than_are_looked_at_at_once_are_all_looked_at(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(withouteffect, "LOOKED_AT", 2)
    size = world[COUNTY].ledger.knowledge.registry.size
    evil = EvilStation(world)
    for index in range(5):
        evil.add(
            evil.sign(registry_size=size + 2, signer=world.key((VILLAGE, VILLAGE_2)[index % 2], "window"))
        )
    evil.send()
    assert [one[0] for one in told(world, TOWN)] == ["authority.registry_ahead"] * 5
    world.enrol(VILLAGE, "head", "S99")
    world.sync(TOWN)
    assert [(one[0], one[3]) for one in told(world, TOWN)] == [
        ("authority.no_role", seq) for seq in (2, 4, 6)
    ]


def test_a_number_that_waited_is_told_once_its_opening_counts(world: World) -> None:
    version = world[COUNTY].ledger.knowledge.catalogue.size
    evil = EvilStation(world)
    evil.add(evil.sign(facts=_opening("X77")))
    evil.add(evil.sign(facts=_opening("X77"), catalogue_version=version + 1))
    evil.send()
    assert [one[0] for one in told(world, TOWN)] == ["audit.case_unfolded"]
    facts: Facts = {"items": [], "withdrawn": [ENROLMENT]}
    world[COUNTY].ledger.publish("publish_items", facts, world.registrar)
    world.sync(TOWN)
    assert [(one[0], one[3]) for one in told(world, TOWN)] == [("audit.number_repeated", 3)]
    assert [len(one.case_ids) for one in numbers_repeated(world[TOWN].ledger)] == [2]


def test_of_a_number_with_very_many_rows_few_are_read(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repeated, "ROWS_AT_ONCE", 4)
    monkeypatch.setattr(repeated, "ASKED_MAX", 2)
    world.receive(VILLAGE)
    world.sync(VILLAGE)
    evil = EvilStation(world)
    for number in ("X77", "X77", "X77", "X78", "X77", "X78", "X77"):
        evil.add(evil.sign(facts=_opening(number)))
    evil.send()
    with world[TOWN].ledger.store.read() as tx:
        found = repeated.bearers(tx, ["X77", "X78", "X79"])
        assert {number: len(cases) for number, cases in found.items()} == {"X77": 2, "X78": 2}
    listed = {one.number: (len(one.case_ids), one.more) for one in numbers_repeated(world[TOWN].ledger)}
    assert listed == {"X77": (5, 0), "X78": (2, 0)}
    monkeypatch.setattr(repeated, "SHOWN_MAX", 3)
    found = {one.number: one for one in numbers_repeated(world[TOWN].ledger)}
    assert {number: (len(one.case_ids), one.more) for number, one in found.items()} == {
        "X77": (3, 2), "X78": (2, 0),
    }  # fmt: skip
    with world[TOWN].ledger.store.read() as tx:
        bearing = sorted(
            row[1].hex() for row in tx.select(NUMBERS, {"number": "X77"}) if isinstance(row[1], bytes)
        )
    assert [one.hex() for one in found["X77"].case_ids] == bearing[:3]
    said = terminal_of(world, TOWN).ok("conflicts")
    assert "……另有至多 2 件" in said.out
    emitted = terminal_of(world, TOWN).ok("conflicts", "--json").lines
    assert {one["number_repeated"]: one["more"] for one in emitted} == {"X77": 2, "X78": 0}


def test_a_power_cut_amid_judging_anew_loses_nothing(world: World) -> None:
    case = world.receive(VILLAGE)
    world.settle(VILLAGE, TOWN)
    place = world[COUNTY]
    with place.ledger.store.write() as tx:
        row = next(iter(tx.select(schema.ACTS, {"case_id": case})))
        tx.insert(SYNC_FINDINGS, [("authority.no_role", row[2], row[3], 1, "receive", 0)])
        tx.upsert(MARKS, [(MARK_COUNTY, "as it never was")])
    finish(world, COUNTY)
    assert told(world, COUNTY) == []


def test_a_power_cut_before_what_waited_was_looked_at_loses_nothing(world: World) -> None:
    size = world[COUNTY].ledger.knowledge.registry.size
    evil = EvilStation(world)
    evil.add(evil.sign(registry_size=size + 1))
    evil.send()
    assert [one[0] for one in told(world, TOWN)] == ["authority.registry_ahead"]
    with world[TOWN].ledger.store.read() as tx:
        waiting = list(tx.select(SYNC_FINDINGS, {}))
    world.enrol(VILLAGE, "head", "S99")
    world.sync(TOWN)
    assert told(world, TOWN) == []
    for text in (f"{size} 1", "as it never was"):
        with world[TOWN].ledger.store.write() as tx:
            tx.insert(SYNC_FINDINGS, waiting)
            tx.upsert(SYNC_MARKS, [(MARK_LOOKED, text)])
        finish(world, TOWN)
        assert told(world, TOWN) == []


def test_what_loses_its_authority_when_all_is_folded_anew_is_told(world: World) -> None:
    evil = EvilStation(world)
    evil.add(evil.sign(signer=world.key(VILLAGE, "window")))
    evil.send()
    expected = told(world, TOWN)
    assert [one[0] for one in expected] == ["authority.no_role"]
    forget_findings(world, TOWN)
    with world[TOWN].ledger.store.write() as tx:
        tx.upsert(MARKS, [(MARK_COUNTY, "as it never was")])
    finish(world, TOWN)
    assert told(world, TOWN) == expected


def terminal_of(world: World, station: StationId) -> Terminal:
    """Return a terminal at a station, whose ledger is closed for that."""
    place = world[station]
    place.close()
    write_config(place.path, station=station, upstream=())
    return Terminal(folder=place.path, clock=StationClock(place.clock.time_ms))


def finish(world: World, station: StationId) -> None:
    """Do what a station does when it starts."""
    ledger = world[station].ledger
    finish_judging(ledger.store, ledger.view, book=ledger.parts.book, fold=ledger.parts.fold)


def test_many_of_a_kind_are_counted_and_not_listed(world: World) -> None:
    evil, count = EvilStation(world), SHOWN_OF_A_KIND_MAX + 5
    for _ in range(count):
        evil.add(evil.sign(station=VILLAGE))
    evil.send()
    found = sync_status(world[TOWN].ledger, TOWN).findings
    assert [one.seq for one in found] == list(range(2, SHOWN_OF_A_KIND_MAX + 2))
    assert [one.more for one in found] == [0] * (SHOWN_OF_A_KIND_MAX - 1) + [5]
    assert mark_seen(world[TOWN].ledger) == count
    assert sync_status(world[TOWN].ledger, TOWN).findings == ()


def test_a_number_that_a_copied_machine_gave_to_two_people_is_told_with_both_cases(world: World) -> None:
    world.receive(VILLAGE)
    world.settle(VILLAGE, TOWN)
    machines = [world[VILLAGE], clone(world, VILLAGE, copy(world, VILLAGE, "image"))]
    cases = []
    for index, machine in enumerate(machines):
        world.places[VILLAGE] = machine
        cases.append(world.receive(VILLAGE, applicant=f"甲{index}"))
        world.settle(VILLAGE, TOWN)
    numbers = {world[COUNTY].ledger.state(case)[0].number for case in cases}
    assert len(numbers) == 1
    for station in (TOWN, COUNTY):
        found = numbers_repeated(world[station].ledger)
        assert [(one.number, set(one.case_ids)) for one in found] == [(*numbers, set(cases))]
        assert "audit.number_repeated" in {one[0] for one in told(world, station)}
    confirmed = sync_status(world[VILLAGE].ledger, VILLAGE).levels[-1].confirmed
    board = station_board(world[COUNTY].ledger, COUNTY)
    # What stands beside the log, in its other history, is here as well.
    assert [one.entries for one in board if one.station == VILLAGE] == [confirmed]
    terminal = terminal_of(world, COUNTY)
    said = terminal.ok("conflicts").out
    for words in (*numbers, "甲0", "甲1", *(case.hex()[:12] for case in cases)):
        assert words in said, said
    terminal.ok("sync", "seen")
    assert not any(number in terminal.ok("conflicts").out for number in numbers)
    for machine in machines:
        machine.close()


def test_a_number_copied_from_another_village_is_told(world: World) -> None:
    case = world.receive(VILLAGE)
    world.sync(VILLAGE)
    number = world[VILLAGE].ledger.state(case)[0].number
    evil = EvilStation(world)
    other = CaseId(evil.add(evil.sign(facts=_opening(number))))
    evil.send()
    assert told(world, TOWN) == [("audit.number_repeated", VILLAGE_2, staff(world, VILLAGE_2), 2)]
    assert [set(one.case_ids) for one in numbers_repeated(world[TOWN].ledger)] == [{case, other}]


def test_honest_work_leaves_nothing_to_look_into(world: World) -> None:
    case = world.receive(VILLAGE)
    world.do(VILLAGE, "note", case)
    world.settle(VILLAGE, TOWN)
    for station in (VILLAGE, TOWN, COUNTY):
        assert told(world, station) == []
        assert doctor_names(world, station) == []
        assert numbers_repeated(world[station].ledger) == []
