"""A station that has lost its receipt key says so, and owes nobody a receipt once it has another one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ledger.facade.peering.between import sync_status
from ledger.facade.peering.receiptkey import KEY_MISSING, KEY_NOT_ENROLLED
from ledger.store import schema
from ledger.types import StationId
from sync.core.framing import ANSWER, Splitter, encode_section
from sync.core.messages import decode_answer
from tests.sync.test_forks import copy, put_back
from tests.sync.world import COUNTY, TOWN, VILLAGE, World, settled

NO_RECEIPTS = "sync.no_receipts"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World.after(settled(TOWN, VILLAGE), tmp_path)
    yield made
    made.close()


def key_file(world: World, station: StationId) -> Path:
    return world[station].path / "secrets" / f"receipt-{station}.key"


def told(world: World, station: StationId) -> set[str]:
    found = sync_status(world[station].ledger, station)
    return {one.code for one in found.findings} | ({found.receipt_key} - {""})


def waiting(world: World, station: StationId) -> dict[str, int]:
    found = sync_status(world[station].ledger, station)
    return {level.level: level.waiting for level in found.levels}


def receipted_branches(world: World, station: StationId) -> set[str]:
    with world[station].ledger.store.read() as tx:
        return {str(row[0]) for row in tx.select(schema.RECEIPTS, {}) if "~" in str(row[0])}


@pytest.mark.parametrize("gave", [False, True], ids=["never gave one", "gave receipts before"])
def test_what_came_while_there_was_no_key_is_receipted_later(world: World, gave: bool) -> None:
    if gave:
        world.settle(VILLAGE, TOWN)
    key_file(world, COUNTY).unlink()
    world.receive(VILLAGE)
    world.settle(VILLAGE, TOWN, VILLAGE)
    assert told(world, COUNTY) == {KEY_MISSING}
    assert told(world, TOWN) == {NO_RECEIPTS} and told(world, VILLAGE) == set()
    assert waiting(world, VILLAGE) == {"township": 0, "county": 2}
    world[COUNTY].ledger.enrol_service_key(COUNTY, "receipt", world.registrar)
    # The process goes on, nobody acts, and the registry with the new key comes down first.
    world.settle(TOWN, VILLAGE)
    assert told(world, COUNTY) == told(world, TOWN) == set()
    assert waiting(world, VILLAGE) == {"township": 0, "county": 0}


def test_a_branch_is_receipted_later_as_well(world: World) -> None:
    world.receive(VILLAGE, applicant="甲")
    world.settle(VILLAGE, TOWN)
    image = copy(world, VILLAGE, "image")
    world.receive(VILLAGE, applicant="乙")
    world.settle(VILLAGE, TOWN)
    put_back(world, VILLAGE, image)
    world.receive(VILLAGE, applicant="丙")
    key_file(world, TOWN).unlink()
    world.settle(VILLAGE)
    assert receipted_branches(world, TOWN) == set()
    world[TOWN].close()
    key_file(world, TOWN).write_bytes(world[TOWN].randomness(32))
    assert KEY_NOT_ENROLLED in told(world, TOWN)
    world[TOWN].exchange.seal_heads()
    assert len(receipted_branches(world, TOWN)) == 1


def test_nothing_is_owed_twice(world: World) -> None:
    world.receive(VILLAGE)
    world.settle(VILLAGE, TOWN)
    receipts = world[COUNTY].exchange.receiving.receipts
    assert receipts.give_owed(1) == 0
    world[COUNTY].close()
    assert world[COUNTY].exchange.receiving.receipts.give_owed(1) == 0


def test_an_upper_side_that_takes_everything_and_signs_nothing_is_told(world: World) -> None:
    """It says that it has what is here; without a word the village would wait for ever."""

    def silent(sections: Iterator[bytes]) -> Iterator[bytes]:
        (first,) = Splitter().feed(next(sections))
        answer = replace(decode_answer(first.payload), receipts=())
        yield encode_section(ANSWER, answer.pack())
        yield from sections

    world.receive(VILLAGE)
    for _ in range(2):
        found = world.session(VILLAGE, down=silent)
        assert not found.more
        assert [one.code for one in found.progress.notes] == ["sync.unreceipted"]
        assert told(world, VILLAGE) == {"sync.unreceipted"}
        assert waiting(world, VILLAGE) == {"township": 2, "county": 2}
    # One that only waits its turn is not told, nor is anything once the receipts are there.
    world.settle(VILLAGE)
    assert told(world, VILLAGE) == set() and waiting(world, VILLAGE) == {"township": 0, "county": 2}


def test_the_receipt_key_of_another_station_is_none_of_this_one(world: World) -> None:
    """Copied from the county by mistake: nobody believes a receipt that it signs in the township's name."""
    world[TOWN].close()
    key_file(world, TOWN).write_bytes(key_file(world, COUNTY).read_bytes())
    assert told(world, TOWN) == {KEY_NOT_ENROLLED}
    world.receive(VILLAGE)
    world.sync(VILLAGE)
    assert told(world, VILLAGE) == {NO_RECEIPTS} and waiting(world, VILLAGE)["township"] > 0
