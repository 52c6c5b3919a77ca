"""Twins go by the number that an applicant has now: corrected, late, without effect, erased, rebuilt."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ledger.facade import Command
from ledger.facade.base.tables import APPLICANTS
from ledger.facade.opened.listcheck import compare_lists
from ledger.facade.peering.between import twins
from ledger.formats.body import new_body
from ledger.formats.frame import act_in
from ledger.types import ActId, CaseId, Facts, StationId
from tests.sync.evil import EvilStation
from tests.sync.test_altered_tables import alter
from tests.sync.world import COUNTY, FELLING, TOWN, VILLAGE, VILLAGE_2, World

FIRST, OTHER, THIRD = "X0001", "X0002", "X0003"
EVERYWHERE = (COUNTY, TOWN, VILLAGE, VILLAGE_2)


def joined(world: World) -> None:
    for station in (TOWN, VILLAGE, VILLAGE_2):
        world.join(station)
    world.settle(TOWN, VILLAGE, VILLAGE_2)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World.after(joined, tmp_path)
    yield made
    made.close()


def receive(world: World, station: StationId, number: str) -> CaseId:
    """Receive the one matter for an applicant of a number; "" for one who shows none."""
    person: Facts = {"name": "张三", **({"id_kind": "other", "id_no": number} if number else {})}
    facts: Facts = {"item": FELLING, "applicant_kind": "person", "channel": "counter", "materials": []}
    command = Command(action="receive", station=station, facts=facts, personal={"applicant": person})
    return world[station].ledger.perform(command, world.key(station, "window")).case_id


def correct(world: World, station: StationId, case: CaseId, person: Facts, *, role: str = "officer") -> ActId:
    """Correct the person of a case."""
    target = world[station].ledger.state(case)[0].steps[0].act.act_id
    command = Command(
        action="amend", station=station, case=case, facts={"target": target, "reason": "misread"},
        personal={"applicant": person},
    )  # fmt: skip
    return world[station].ledger.perform(command, world.key(station, role)).act_id


def pairs(world: World, station: StationId) -> list[set[CaseId]]:
    """Return the twins at a station, and check that each case of them names the same ones."""
    found = [set(twin.case_ids) for twin in twins(world[station].ledger)]
    for cases in found:
        for case in cases:
            assert cases in [set(one.case_ids) for one in twins(world[station].ledger, only=case)]
    return found


def sound(world: World, station: StationId) -> None:
    """Check that the links are those that a rebuild makes, and that a check-up finds nothing."""
    ledger = world[station].ledger
    with ledger.reading() as (tx, parts):
        assert not any(compare_lists(tx, parts, thorough=True, vault=ledger.vault)), station
    before = links(world, station)
    ledger.rebuild()
    assert links(world, station) == before


def links(world: World, station: StationId) -> set[CaseId]:
    with world[station].ledger.store.read() as tx:
        return {CaseId(row[1]) for row in tx.select(APPLICANTS, {}) if isinstance(row[1], bytes)}


def test_a_corrected_number_moves_the_case_to_its_new_twins(world: World) -> None:
    first, second = receive(world, VILLAGE, FIRST), receive(world, VILLAGE_2, OTHER)
    third = receive(world, VILLAGE_2, FIRST)
    world.settle(VILLAGE, VILLAGE_2, TOWN)
    for station in (TOWN, COUNTY):
        assert pairs(world, station) == [{first, third}]
    correct(world, VILLAGE, first, {"id_kind": "other", "id_no": OTHER})
    world.settle(VILLAGE, VILLAGE_2, TOWN)
    for station in (TOWN, COUNTY):
        assert pairs(world, station) == [{first, second}]
    correct(world, VILLAGE_2, second, {"id_kind": "other", "id_no": THIRD})
    correct(world, VILLAGE_2, third, {"id_kind": "passport", "id_no": THIRD})
    world.settle(VILLAGE, VILLAGE_2, TOWN)
    for station in EVERYWHERE:
        assert pairs(world, station) == []
        sound(world, station)


def test_a_number_that_was_not_known_links_and_one_taken_away_does_not(world: World) -> None:
    first, second = receive(world, VILLAGE, ""), receive(world, VILLAGE_2, FIRST)
    correct(world, VILLAGE, first, {"id_kind": "other", "id_no": FIRST})
    world.settle(VILLAGE, VILLAGE_2, TOWN)
    for station in (TOWN, COUNTY):
        assert pairs(world, station) == [{first, second}]
    correct(world, VILLAGE, first, {"id_kind": "", "id_no": ""})
    world.settle(VILLAGE, TOWN)
    for station in (TOWN, COUNTY):
        assert pairs(world, station) == []
        assert links(world, station) == {second}
        sound(world, station)


def test_a_name_alone_moves_nothing(world: World) -> None:
    first, second = receive(world, VILLAGE, FIRST), receive(world, VILLAGE_2, FIRST)
    correct(world, VILLAGE, first, {"name": "章三"})
    world.settle(VILLAGE, VILLAGE_2, TOWN)
    for station in (TOWN, COUNTY):
        assert pairs(world, station) == [{first, second}]
        sound(world, station)


def person(number: str) -> bytes:
    """Return a personal body with an applicant of a number."""
    return new_body({"applicant": {"name": "张三", "id_kind": "other", "id_no": number}}, bytes(16))


class Corrected:
    """A case of the second village with a correction: its records come as somebody sends them."""

    def __init__(self, world: World, role: str = "window") -> None:
        self.evil = EvilStation(world)
        opening = self.evil.sign(personal=person(FIRST))
        self.case = CaseId(self.evil.add(opening, personal=person(FIRST)))
        amend = self.evil.sign(
            "amend", {"target": opening.act_id, "reason": "misread"}, case_id=self.case,
            parents=(opening.act_id,), personal=person(OTHER), signer=world.key(VILLAGE_2, role),
        )  # fmt: skip
        self.evil.add(amend, personal=person(OTHER))

    def withhold(self, *seqs: int) -> None:
        """Send some records without their personal bodies from now on."""
        lines = self.evil.lines
        self.evil = self.evil.history(
            [replace(one, personal=b"") if seq in seqs else one for seq, one in enumerate(lines, start=1)]
        )


def test_a_correction_by_who_may_not_moves_nothing(world: World) -> None:
    case = receive(world, VILLAGE, FIRST)
    world.sync(VILLAGE)
    made = Corrected(world, role="issuer")
    assert made.evil.send() == []
    state = world[TOWN].ledger.state(made.case)[0]
    assert [step.effective for step in state.steps] == [True, False]
    assert pairs(world, TOWN) == [{case, made.case}]
    sound(world, TOWN)


@pytest.mark.parametrize("order", [((2,), (3,)), ((3,), (2,)), ((2, 3),), ((3,), (2, 3), (3,))])
def test_single_records_link_the_same_in_whatever_order_they_come(
    world: World, order: tuple[tuple[int, ...], ...]
) -> None:
    case = receive(world, VILLAGE, OTHER)
    world.sync(VILLAGE)
    made = Corrected(world)
    for seqs in order:
        assert made.evil.give((1, *seqs)) == []
    assert pairs(world, TOWN) == [{case, made.case}]
    sound(world, TOWN)
    # and whole, behind the single ones
    assert made.evil.send() == []
    assert pairs(world, TOWN) == [{case, made.case}]
    sound(world, TOWN)


@pytest.mark.parametrize("order", [((2, 3), (4,)), ((2, 4), (3,)), ((4,), (3,), (2,))])
def test_corrections_that_know_nothing_of_each_other_link_alike_whatever_came_first(
    world: World, order: tuple[tuple[int, ...], ...]
) -> None:
    """They are in conflict; the one that stands until somebody settles it is the same for all."""
    cases = {number: receive(world, VILLAGE, number) for number in (OTHER, THIRD)}
    world.sync(VILLAGE)
    made = Corrected(world)
    opening = opening_of(made)
    again = made.evil.sign(
        "amend", {"target": opening, "reason": "misread"}, case_id=made.case, parents=(opening,),
        personal=person(THIRD),
    )  # fmt: skip
    made.evil.add(again, personal=person(THIRD))
    for seqs in order:
        assert made.evil.give((1, *seqs)) == []
    state = world[TOWN].ledger.state(made.case)[0]
    effective = [step.effective for step in state.steps]
    assert sorted(effective) == [False, True, True] and state.in_conflict
    stands = next(step for step in state.steps[1:] if step.effective)
    number = THIRD if stands.act.act_id == again.act_id else OTHER
    assert pairs(world, TOWN) == [{cases[number], made.case}]
    sound(world, TOWN)


def opening_of(made: Corrected) -> ActId:
    """Return the id of the opening of a case that was corrected."""
    return act_in(made.evil.lines[1].frame).act_id


@pytest.mark.parametrize("withheld", [(2,), (3,), (2, 3)])
def test_a_body_that_comes_late_moves_the_link_then(world: World, withheld: tuple[int, ...]) -> None:
    old, new = receive(world, VILLAGE, FIRST), receive(world, VILLAGE, OTHER)
    world.sync(VILLAGE)
    made = Corrected(world)
    whole = made.evil
    made.withhold(*withheld)
    assert made.evil.give((1, 2, 3)) == []
    known = {(2,): [{new, made.case}], (3,): [{old, made.case}], (2, 3): []}
    assert pairs(world, TOWN) == known[withheld]
    sound(world, TOWN)
    assert whole.give((1, 2, 3)) == []
    assert pairs(world, TOWN) == [{new, made.case}]
    sound(world, TOWN)


def test_what_is_erased_leaves_no_link(world: World) -> None:
    first, second = receive(world, VILLAGE, FIRST), receive(world, VILLAGE, OTHER)
    correct(world, VILLAGE, first, {"id_kind": "other", "id_no": OTHER})
    assert pairs(world, VILLAGE) == [{first, second}]
    world.settle(VILLAGE, TOWN)
    erase = Command(action="erase", station=VILLAGE, case=first, facts={"ground": "applicant_request"})
    assert world[VILLAGE].ledger.erase(erase, world.key(VILLAGE, "head")) == 2
    assert pairs(world, VILLAGE) == [] and links(world, VILLAGE) == {second}
    world.do(VILLAGE, "note", first)
    world.settle(VILLAGE, TOWN, VILLAGE)
    assert links(world, VILLAGE) == {second}
    sound(world, VILLAGE)


def test_a_link_that_somebody_changed_is_told_and_made_again(world: World) -> None:
    first = receive(world, VILLAGE, FIRST)
    correct(world, VILLAGE, first, {"id_kind": "other", "id_no": OTHER})
    sound(world, VILLAGE)
    assert alter(world, VILLAGE, "UPDATE case_applicants SET token = zeroblob(12)") == 1
    ledger = world[VILLAGE].ledger
    with ledger.reading() as (tx, parts):
        assert compare_lists(tx, parts, thorough=True, vault=ledger.vault).differ == 1
    ledger.rebuild()
    sound(world, VILLAGE)
