"""A longer registry looks at what its new entries can concern, however much else waits."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.facade.base.synctables import AWAITED, AWAITING, SYNC_FINDINGS
from ledger.facade.cases import latecomers
from ledger.facade.cases.views import CaseView
from ledger.facade.peering.between import sync_status
from ledger.facade.transfer import withouteffect
from ledger.formats.keys import prove_possession
from ledger.registry import actions as registry_actions
from ledger.types import CaseId, Facts, StationId
from tests.sync.evil import EvilStation
from tests.sync.test_altered_tables import alter
from tests.sync.world import COUNTY, ENROLMENT, TOWN, VILLAGE, VILLAGE_2, World, settled, signer


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World.after(settled(TOWN, VILLAGE), tmp_path)
    yield made
    made.close()


class Looks:
    """Counts what is looked at again: cases folded, findings judged, keys tried."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.cases: list[CaseId] = []
        self.findings: list[int] = []
        self.keyless: list[int] = []
        touch, judged, sound = CaseView.touch, withouteffect._judged_again, latecomers._sound

        def touched(view, tx, case_ids):  # type: ignore[no-untyped-def]
            self.cases += (wanted := list(case_ids))
            return touch(view, tx, wanted)

        def looked(tx, knowledge, row, *rest):  # type: ignore[no-untyped-def]
            self.findings.append(row[2])
            return judged(tx, knowledge, row, *rest)

        def tried(tx, place, registry):  # type: ignore[no-untyped-def]
            self.keyless.append(place.seq)
            return sound(tx, place, registry)

        monkeypatch.setattr(CaseView, "touch", touched)
        monkeypatch.setattr(withouteffect, "_judged_again", looked)
        monkeypatch.setattr(latecomers, "_sound", tried)

    def taken(self) -> tuple[set[CaseId], set[int], set[int]]:
        """Return what was looked at since this was asked last, at township and county."""
        found = set(self.cases), set(self.findings), set(self.keyless)
        self.cases, self.findings, self.keyless = [], [], []
        return found


def told(world: World) -> list[tuple[str, int]]:
    return [(one.code, one.seq) for one in sync_status(world[TOWN].ledger, TOWN).findings]


def grow(world: World, number: int) -> None:
    """Let the registry grow by one entry that concerns nobody here."""
    facts = registry_actions.enrol_station(
        station=StationId(f"9901210010{number:02d}-00"), name="新站", level="village", upstream=TOWN,
        code_system="statistics",
    )  # fmt: skip
    world[COUNTY].ledger.register("enrol_station", facts, world.registrar)
    world.sync(TOWN)


def enrol(world: World, label: str) -> None:
    """Enrol a person of the second village; one entry."""
    ledger, key = world[COUNTY].ledger, signer(label)
    facts = registry_actions.enrol_staff(
        staff_no=label, station=VILLAGE_2, alg=key.alg, public_key=key.public_key,
        possession=prove_possession(key, ledger.ledger_id),
    )  # fmt: skip
    ledger.register("enrol_staff", facts, world.registrar)
    world.sync(TOWN)


def test_acts_that_cite_more_are_looked_at_when_that_much_is_here(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = world[COUNTY].ledger.knowledge.registry.size
    evil = EvilStation(world)
    cases = [CaseId(evil.add(evil.sign(registry_size=size + more))) for more in (1, 2, 3, 90)]
    evil.send()
    world.sync(TOWN)
    world[TOWN].close()
    looks = Looks(monkeypatch)
    for index in range(3):
        grow(world, 60 + index)
        assert looks.taken() == ({cases[index]}, {2 + index}, set())
        assert told(world) == [("authority.registry_ahead", seq) for seq in range(3 + index, 6)]
        assert world[TOWN].ledger.state(cases[index])[0].steps[0].effective
    # Nor does a start look at what still waits.
    world[TOWN].close()
    assert told(world) == [("authority.registry_ahead", 5)]
    assert looks.taken() == (set(), set(), set())
    assert [one.detail for one in sync_status(world[TOWN].ledger, TOWN).findings] == ["receive"]


def test_acts_of_unknown_keys_are_looked_at_when_their_key_comes(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    evil = EvilStation(world)
    cases = [CaseId(evil.add(evil.sign(signer=signer(label)))) for label in ("Q1", "Q2", "Q3")]
    evil.send()
    world.sync(TOWN)
    assert told(world) == [("authority.key_unknown", seq) for seq in (2, 3, 4)]
    grow(world, 60)
    looks = Looks(monkeypatch)
    grow(world, 61)
    assert looks.taken() == (set(), set(), set())
    enrol(world, "Q2")
    assert looks.taken() == ({cases[1]}, set(), {3})
    # Its author is known by now, and had no role: it is without effect for another reason.
    assert sorted(told(world)) == [("authority.key_unknown", 2), ("authority.key_unknown", 4)]
    world[TOWN].close()
    assert len(told(world)) == 2
    assert looks.taken() == (set(), set(), set())


def test_an_opening_from_a_newer_catalogue_is_folded_when_that_is_here(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = world[COUNTY].ledger.knowledge.catalogue.size
    evil = EvilStation(world)
    first = CaseId(evil.add(evil.sign(catalogue_version=version + 1)))
    evil.add(evil.sign(catalogue_version=version + 50))
    evil.send()
    world.sync(TOWN)
    looks = Looks(monkeypatch)
    grow(world, 60)
    assert looks.taken()[0] == set()
    facts: Facts = {"items": [], "withdrawn": [ENROLMENT]}
    world[COUNTY].ledger.publish("publish_items", facts, world.registrar)
    world.sync(TOWN)
    assert looks.taken()[0] == {first}
    assert told(world) == [("audit.case_unfolded", 3)]
    assert world[TOWN].ledger.state(first)[0].steps[0].effective


@pytest.mark.parametrize(
    "statement", ["DELETE FROM awaited_sizes", "UPDATE sync_findings SET detail = 'receive'"]
)
def test_what_says_nothing_of_what_it_waits_for_is_looked_at(world: World, statement: str) -> None:
    """An older program wrote no such thing, and somebody may have changed it."""
    size = world[COUNTY].ledger.knowledge.registry.size
    evil = EvilStation(world)
    known = CaseId(evil.add(evil.sign(registry_size=size + 1)))
    evil.add(evil.sign(signer=signer("Q1")))
    evil.add(evil.sign(registry_size=size + 90))
    evil.send()
    world.sync(TOWN)
    assert alter(world, TOWN, statement)
    enrol(world, "Q1")
    assert told(world) == [("authority.registry_ahead", 4)]
    assert world[TOWN].ledger.state(known)[0].steps[0].effective
    with world[TOWN].ledger.store.read() as tx:
        details = [row[4] for row in tx.select(SYNC_FINDINGS, {"code": "authority.registry_ahead"})]
        waiting = {row[0] for row in tx.select(AWAITING, {})}
        assert waiting == {row[0] for row in tx.select(AWAITED, {})}
    assert details == [f"@{size + 90:020d}"]


def test_a_mark_that_says_more_than_there_is_hides_nothing(world: World) -> None:
    evil = EvilStation(world)
    case = CaseId(evil.add(evil.sign(signer=signer("Q1"))))
    evil.send()
    world.sync(TOWN)
    grow(world, 60)
    statement = "UPDATE sync_marks SET value = '999999 999999' WHERE name = 'findings_looked_at'"
    assert alter(world, TOWN, statement) == 1
    enrol(world, "Q1")
    assert told(world) == []
    assert [step.reason for step in world[TOWN].ledger.state(case)[0].steps] != ["authority.key_unknown"]


def test_a_case_whose_opening_comes_late_waits_no_more(world: World) -> None:
    evil = EvilStation(world)
    opening = evil.sign()
    case = CaseId(evil.add(opening))
    evil.add(evil.sign("note", {"note_code": "asked"}, case_id=case, parents=(opening.act_id,)))
    evil.give((1, 3))
    with world[TOWN].ledger.store.read() as tx:
        assert tx.get(AWAITING, (case,)) and tx.get(AWAITED, (case,))
    evil.give((1, 2))
    with world[TOWN].ledger.store.read() as tx:
        assert tx.get(AWAITING, (case,)) is None and tx.get(AWAITED, (case,)) is None
    assert len(world[TOWN].ledger.state(case)[0].steps) == 2
