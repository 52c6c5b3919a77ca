"""Logs whose records are too large for one package: what was published honestly, and what a station invents.

The limit is the real one, 32 MiB, and so are the sizes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger import data
from ledger.facade.base.synctables import SYNC_FINDINGS
from ledger.facade.logs import ownlog
from ledger.facade.logs.lostends import DOWNSTREAM_AHEAD
from ledger.facade.logs.stretch import STRETCH_LIMIT
from ledger.limits import PACKAGE_BYTES_MAX
from ledger.store import schema
from ledger.store.contract import ReadTx
from ledger.types import Facts, LogId, StationId
from tests.sync.sticks import StickWorld
from tests.sync.test_evil_packages import audited
from tests.sync.world import COUNTY, TOWN, VILLAGE, VILLAGE_2, World, joined

TIMES = 9
"""Publications that together are larger than one package."""
ITEMS = 50
PUBLISH = "publish_items"


def catalogue(number: int) -> Facts:
    """Return a list of items whose facts take about four megabytes."""
    items = json.loads((Path(data.__file__).parent / "items.json").read_bytes())["items"]
    text = "申请人提交的证明材料原件及复印件，加盖公章，纸张为标准规格双面打印，" * 94
    materials = [
        {"code": f"m{one:02d}", "name": {"zh": f"{text}第{one}种", "en": "x"}, "source": "applicant"}
        for one in range(8)
    ]
    first = next(one for one in items if one["case_type"] == "instant")
    kept = first | {"materials": materials, "name": {"zh": f"第{number}次公布", "en": "x"}}
    return {"items": [kept | {"base_code": f"00013{one:07d}"} for one in range(ITEMS)]}


def log_of(world: World, station: StationId, kind: str) -> LogId:
    logs = world[station].ledger.logs()
    return next(log.log_id for log in logs if log.kind == kind)


def checkpoints(world: World, station: StationId, log: LogId) -> list[int]:
    with world[station].ledger.store.read() as tx:
        rows = tx.select(schema.CHECKPOINTS, {"log": log.hex()}, order_by=("size",))
        return [row[1] for row in rows if isinstance(row[1], int)]


def size_of(world: World, station: StationId, log: LogId) -> int:
    with world[station].ledger.store.read() as tx:
        return tx.size(log.hex())


def findings(world: World, station: StationId) -> list[tuple[str, str]]:
    with world[station].ledger.store.read() as tx:
        return [(str(row[0]), str(row[1])) for row in tx.select(SYNC_FINDINGS, {"settled": 0})]


def facts_bytes(tx: ReadTx, log: LogId) -> int:
    rows = tx.select(schema.BODIES, {"log": log.hex()})
    return sum(len(row[2]) for row in rows if isinstance(row[2], bytes))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[StickWorld]:
    made = StickWorld(tmp_path)
    joined(TOWN, VILLAGE)(made)
    yield made
    made.close()


def test_nine_lists_of_items_reach_a_newcomer_and_who_was_away(world: StickWorld, tmp_path: Path) -> None:
    world.settle(TOWN, VILLAGE)
    case = world.receive(VILLAGE)
    for number in range(TIMES):
        world[COUNTY].ledger.publish(PUBLISH, catalogue(number), world.registrar)
        world.sync(TOWN)
    log = log_of(world, COUNTY, "catalogue")
    with world[COUNTY].ledger.store.read() as tx:
        assert facts_bytes(tx, log) > PACKAGE_BYTES_MAX
    world.join(VILLAGE_2)
    world.sync(TOWN)
    stick = world.export(TOWN, VILLAGE_2, tmp_path / "stick")
    world.sync(VILLAGE)
    world.sync(VILLAGE_2)
    whole = size_of(world, COUNTY, log)
    assert size_of(world, VILLAGE, log) == size_of(world, VILLAGE_2, log) == whole
    assert world[TOWN].ledger.state(case)[0].status == "received"
    assert stick
    assert not findings(world, TOWN)


def test_a_writer_signs_before_a_package_is_full(world: StickWorld) -> None:
    for number in range(TIMES):
        world[COUNTY].ledger.publish(PUBLISH, catalogue(number), world.registrar)
        if number == 4:
            world[COUNTY].close()
    log = log_of(world, COUNTY, "catalogue")
    sizes = checkpoints(world, COUNTY, log)
    whole = size_of(world, COUNTY, log)
    assert whole - sizes[-1] <= 1
    assert max(after - before for before, after in zip(sizes[-4:], sizes[-3:], strict=False)) <= 2


def test_what_an_older_program_left_unsigned_is_cut_by_its_owner(
    world: StickWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.settle(TOWN, VILLAGE)
    world.receive(VILLAGE)
    with monkeypatch.context() as older:
        older.setattr(ownlog, "CHECKPOINT_BYTES", 1 << 40)
        before = size_of(world, COUNTY, log_of(world, COUNTY, "catalogue"))
        for number in range(TIMES):
            world[COUNTY].ledger.publish(PUBLISH, catalogue(number), world.registrar)
        world[COUNTY].exchange.seal_heads()
    log = log_of(world, COUNTY, "catalogue")
    assert checkpoints(world, COUNTY, log)[-2:] == [before, before + TIMES]
    for path in world.export(COUNTY, TOWN, tmp_path / "stick"):
        world.take(TOWN, path)
    assert size_of(world, TOWN, log) == before + TIMES
    world.sync(TOWN)
    world.sync(VILLAGE)
    assert size_of(world, VILLAGE, log) == before + TIMES
    # Where the county cut, others find the same.
    assert checkpoints(world, VILLAGE, log)[-1:] == [before + TIMES]
    assert set(checkpoints(world, TOWN, log)) <= set(checkpoints(world, COUNTY, log))
    assert not findings(world, COUNTY)
    for station in (COUNTY, VILLAGE):
        for found in audited(world, station):
            assert "error" not in {severity for _, severity in found}


@pytest.mark.parametrize("has_key", [True, False])
def test_a_log_that_was_given_up_is_cut_where_its_key_is(
    world: StickWorld, monkeypatch: pytest.MonkeyPatch, has_key: bool
) -> None:
    """Without it nobody can, and what else there is goes on; the station's people are told."""
    world.settle(TOWN, VILLAGE)
    case = world.receive(VILLAGE)
    log = log_of(world, COUNTY, "catalogue")
    with monkeypatch.context() as older:
        older.setattr(ownlog, "CHECKPOINT_BYTES", 1 << 40)
        for number in range(TIMES):
            world[COUNTY].ledger.publish(PUBLISH, catalogue(number), world.registrar)
        world[COUNTY].exchange.seal_heads()
    whole = size_of(world, COUNTY, log)
    if has_key:
        world[COUNTY].exchange.give_up(log, DOWNSTREAM_AHEAD)
    else:
        world[COUNTY].close()
        (world[COUNTY].path / "secrets" / f"log-{log.hex()}.key").unlink()
    for _ in range(2):
        world.sync(VILLAGE)
        world.sync(TOWN)
    assert world[COUNTY].ledger.state(case)[0].status == "received"
    assert (size_of(world, TOWN, log) == whole) is has_key
    told = [] if has_key else [(STRETCH_LIMIT, log.hex())]
    assert [one for one in findings(world, COUNTY) if one[0] == STRETCH_LIMIT] == told
