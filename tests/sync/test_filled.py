"""Records that are here and come again on a stick: bodies are filled in, what is wrong is told."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from audit.checking.verify import verify_ledger
from ledger.facade.peering.between import sync_status
from ledger.formats.body import new_body
from ledger.formats.package import encode_package
from sync.core.framing import PACKAGE, Section
from sync.core.ingest import PreparedPackage, prepare
from tests.sync.evil import EvilStation
from tests.sync.test_altered_tables import alter
from tests.sync.world import TOWN, VILLAGE, World, settled, signer


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World.after(settled(TOWN, VILLAGE), tmp_path)
    yield made
    made.close()


@pytest.fixture
def evil(world: World) -> EvilStation:
    """Give the township an honest case, an unknown key, a number given twice, a broken signature."""
    made = EvilStation(world)
    opening = made.sign(personal=PERSON)
    made.add(opening, personal=PERSON)
    made.add(made.sign(signer=signer("Q1")))
    facts = {"item": "990101400014", "number": "X2", "token_hash": bytes(32), "materials": []}
    made.add(made.sign(facts=facts | {"applicant_kind": "person", "channel": "counter"}))
    spoilt = made.sign()
    made.add(replace(spoilt, sig=bytes(64)))
    assert made.send() == []
    return made


PERSON = new_body({"applicant": {"name": "张三", "id_kind": "other", "id_no": "N1"}}, bytes(16))
WRONG = [("act.signature", 5), ("audit.number_repeated", 4), ("authority.key_unknown", 3)]


def fill(world: World, evil: EvilStation) -> int:
    """Bring the whole log again, as a stick does of which the checkpoint is known here."""
    exchange = world[TOWN].exchange
    section = Section(PACKAGE, encode_package(evil.package()))
    found = prepare(section, ledger_id=evil.genesis.ledger_id, public_key=exchange.public_key)
    assert isinstance(found, PreparedPackage)
    return exchange.receiving.fill_bodies(found.content, found.records, now_ms=world[TOWN].clock.now_ms())


def told(world: World) -> list[tuple[str, int]]:
    return sorted((one.code, one.seq) for one in sync_status(world[TOWN].ledger, TOWN).findings)


def test_what_is_wrong_is_noted_again_where_nobody_noted_it(world: World, evil: EvilStation) -> None:
    assert told(world) == WRONG
    assert alter(world, TOWN, "DELETE FROM sync_findings")
    assert told(world) == []
    for _ in range(2):
        assert fill(world, evil) == 0
        # Which of two cases bore a number first is not known any more: both are named.
        assert told(world) == sorted([*WRONG, ("audit.number_repeated", 2)])


def test_an_act_whose_row_is_gone_gets_it_back(world: World, evil: EvilStation) -> None:
    (case,) = {one.case_id for one in world[TOWN].ledger.worklist(include_closed=True) if one.number == "X2"
               and one.applicant}  # fmt: skip
    hexed = case.hex()
    assert alter(world, TOWN, f"DELETE FROM acts WHERE hex(case_id) = '{hexed.upper()}'") == 1
    assert alter(world, TOWN, f"DELETE FROM bodies WHERE seq = 2 AND log = '{evil.log_id.hex()}'") == 1
    assert fill(world, evil) == 1
    path = world[TOWN].path
    world[TOWN].close()
    codes = {one.code for one in verify_ledger(path).findings if one.severity == "error"}
    assert not codes & {"acts.missing", "act.facts_missing", "body.orphan"}
    assert world[TOWN].ledger.state(case)[0].steps[0].effective


def test_what_a_stick_leaves_out_or_spoils_is_no_finding(world: World, evil: EvilStation) -> None:
    lines = evil.lines
    other = new_body({"applicant": {"name": "别人"}}, bytes(16))
    for changed in (
        [replace(one, facts=b"") for one in lines],
        [replace(one, personal=other) if one.personal else one for one in lines],
        [replace(one, facts=lines[1].facts) for one in lines],
    ):
        fill(world, evil.history(changed))
        assert told(world) == WRONG


def test_what_was_withheld_of_an_act_comes_with_the_same_act_further_on(world: World) -> None:
    evil = EvilStation(world)
    made = evil.sign(personal=PERSON)
    case = evil.add(made)
    assert evil.send() == []
    assert world[TOWN].ledger.find("张三") == []
    evil.add(made, personal=PERSON)
    assert evil.send(first=3) == []
    assert [one.case_id for one in world[TOWN].ledger.find("张三")] == [case]
