"""Packages that wait together share a transaction; what is wrong with one of them holds up no other."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from ledger.errors import BanjianError, EncodingError, StoreError
from ledger.facade.peering.exchange import Exchange
from ledger.facade.transfer.intake import Intake
from ledger.formats.package import encode_package
from ledger.formats.packageform import PackageContent
from ledger.types import LogId
from sync.core.framing import PACKAGE, Section
from sync.core.ingest import Prepared, PreparedPackage, prepare
from sync.core.messages import Hello
from sync.core.responder import Responder
from sync.preparing.storing import RUN_MAX, WAITING_MAX, Storing
from tests.sync.world import START_MS, TOWN, VILLAGE, World, settled


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World.after(settled(TOWN, VILLAGE), tmp_path)
    yield made
    made.close()


def packages(world: World, count: int) -> list[PackageContent]:
    """Return packages of the village's log that follow each other; cases go on from one to the next."""
    lower, found, after = world[VILLAGE].exchange, list[PackageContent](), 0
    case = world.receive(VILLAGE)
    for number in range(count):
        world.receive(VILLAGE, applicant=f"张{number}")
        if number:
            to = {"to": TOWN} if number == 1 else {}
            world.do(VILLAGE, "hand_over" if number == 1 else "note", case, **to)
        log = next(info for info in world[VILLAGE].ledger.logs() if info.own and info.kind == "station")
        lower.seal_heads()
        content = lower.package(log.log_id, after=after)
        assert content is not None
        found.append(content)
        after = content.last_seq
    return found


def prepared(exchange: Exchange, content: PackageContent) -> PreparedPackage:
    section = Section(PACKAGE, encode_package(content))
    made = prepare(section, ledger_id=exchange.held.ledger_id, public_key=exchange.public_key)
    assert isinstance(made, PreparedPackage)
    return made


def responder(world: World) -> Responder:
    """Return the town's side of a session that the village has begun."""
    exchange = world[TOWN].exchange
    made = Responder(exchange, VILLAGE, now_ms=START_MS, version="test")
    lower = world[VILLAGE].exchange
    made.open(
        Hello(
            ledger_id=lower.held.ledger_id, station=VILLAGE, sent_at_ms=START_MS, version="test", waiting=0,
            oldest_ms=0, logs=(), branches=(), county=lower.county.held(), proofs_from=(),
            feed=lower.held.feed_held(TOWN), contacts=(),
        )
    )  # fmt: skip
    return made


def size(world: World, log_id: LogId) -> int:
    return world[TOWN].exchange.held.size(log_id)


def test_a_run_leaves_what_its_packages_leave_one_by_one(world: World) -> None:
    contents = packages(world, 3)
    upper = world[TOWN].exchange
    run = [(content, prepared(upper, content).records) for content in contents]
    taken = upper.receiving.take_run(run, allowed=lambda genesis: True, now_ms=START_MS)
    assert (taken.size, taken.new) == (contents[-1].last_seq, contents[-1].last_seq)
    log = contents[0].log_id.hex()
    with world[TOWN].ledger.store.read() as tx:
        frames = [frame for _, frame in tx.frames(log, 1, 1_000)]
        assert frames == [frame for content in contents for frame in content.frames]
    rows = {row.case_id: row.offered_to for row in world[TOWN].ledger.worklist()}
    assert len(rows) == 4
    assert sorted(rows.values()) == ["", "", "", TOWN]
    sizes = [line.size for line in upper.held.receipts(frozenset((VILLAGE,)))]
    assert sizes == [contents[-1].last_seq]
    before = sorted(world[TOWN].ledger.worklist(), key=lambda row: row.case_id)
    world[TOWN].ledger.rebuild()
    assert sorted(world[TOWN].ledger.worklist(), key=lambda row: row.case_id) == before


def test_packages_before_a_bad_one_in_a_run_are_stored(world: World) -> None:
    contents = packages(world, 3)
    wrong = replace(contents[1], previous=bytes(32))
    upper, asked = world[TOWN].exchange, responder(world)
    asked.take_run([prepared(upper, one) for one in (contents[0], wrong, contents[2])])
    assert asked.stored == contents[0].last_seq == size(world, contents[0].log_id)
    asked.take_run([prepared(upper, one) for one in contents[1:]])
    assert asked.stored == contents[-1].last_seq == size(world, contents[0].log_id)


def test_a_run_that_cannot_be_stored_leaves_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    contents = packages(world, 2)
    upper, asked = world[TOWN].exchange, responder(world)

    def full(*_: object, **__: object) -> int:
        raise StoreError("store.disk_full", file="ledger.db")

    with monkeypatch.context() as patched:
        patched.setattr(Intake, "write_dense", full)
        with pytest.raises(StoreError):
            asked.take_run([prepared(upper, one) for one in contents])
    assert size(world, contents[0].log_id) == 0
    asked.take_run([prepared(upper, one) for one in contents])
    assert size(world, contents[0].log_id) == contents[-1].last_seq


class Stage:
    """What ``Storing`` hands on, and a gate that storing waits for."""

    def __init__(self) -> None:
        self.runs: list[Sequence[Prepared]] = []
        self.refused: list[str] = []
        self.gate = asyncio.Event()
        self.error: BanjianError | None = None

    async def store(self, run: Sequence[Prepared]) -> None:
        await self.gate.wait()
        if self.error is not None:
            raise self.error
        self.runs.append(run)

    def refuse(self, error: BanjianError) -> None:
        self.refused.append(error.code)


def done(section: Prepared) -> asyncio.Future[Prepared]:
    future: asyncio.Future[Prepared] = asyncio.get_running_loop().create_future()
    future.set_result(section)
    return future


def failed(error: BanjianError) -> asyncio.Future[Prepared]:
    future: asyncio.Future[Prepared] = asyncio.get_running_loop().create_future()
    future.set_exception(error)
    return future


def test_what_waits_together_is_stored_together_and_in_order(world: World) -> None:
    sections = [prepared(world[TOWN].exchange, one) for one in packages(world, 6)]

    async def work() -> Stage:
        stage = Stage()
        storing = Storing(stage.store, stage.refuse)
        for section in (sections[0], sections[0], *sections[1:5]):
            await storing.put(done(section))
        await storing.put(failed(EncodingError("package.version", version=9)))
        stage.gate.set()
        await storing.put(done(sections[5]))
        await storing.finish()
        await storing.close()
        return stage

    stage = asyncio.run(work())
    assert stage.refused == ["package.version"]
    assert [one for run in stage.runs for one in run] == [sections[0], *sections]
    assert [len(run) for run in stage.runs] == [1, RUN_MAX, 1, 1]


def test_who_brings_more_than_may_wait_waits(world: World) -> None:
    (content,) = packages(world, 1)
    section = prepared(world[TOWN].exchange, content)

    async def work() -> int:
        stage = Stage()
        storing = Storing(stage.store, stage.refuse)
        brought = 0

        async def bring() -> None:
            nonlocal brought
            for _ in range(3 * WAITING_MAX):
                await storing.put(done(section))
                brought += 1

        bringing = asyncio.create_task(bring())
        for _ in range(100):
            await asyncio.sleep(0)
        held = brought
        stage.gate.set()
        await bringing
        await storing.finish()
        await storing.close()
        assert len(stage.runs) == 3 * WAITING_MAX
        return held

    assert asyncio.run(work()) <= WAITING_MAX + 1


def test_what_storing_raises_reaches_who_brings_and_who_waits(world: World) -> None:
    (content,) = packages(world, 1)
    section = prepared(world[TOWN].exchange, content)

    async def work() -> list[str]:
        stage = Stage()
        stage.error = StoreError("store.disk_full", file="ledger.db")
        stage.gate.set()
        storing = Storing(stage.store, stage.refuse)
        left = done(section)
        told: list[str] = []
        await storing.put(done(section))
        for attempt in (storing.finish, lambda: storing.put(left), storing.finish):
            try:
                await attempt()
            except StoreError as error:
                told.append(error.code)
        await storing.close()
        assert stage.runs == []
        return told

    assert asyncio.run(work()) == ["store.disk_full"] * 3


def test_closing_lets_go_of_what_waits(world: World) -> None:
    async def work() -> bool:
        stage = Stage()
        storing = Storing(stage.store, stage.refuse)
        never: asyncio.Future[Prepared] = asyncio.get_running_loop().create_future()
        await storing.put(never)
        await asyncio.sleep(0)
        await storing.close()
        return never.cancelled()

    assert asyncio.run(work())


def test_other_errors_than_the_products_own_are_not_swallowed() -> None:
    async def work() -> None:
        stage = Stage()
        storing = Storing(stage.store, stage.refuse)
        broken: asyncio.Future[Prepared] = asyncio.get_running_loop().create_future()
        broken.set_exception(ZeroDivisionError())
        await storing.put(broken)
        try:
            await storing.finish()
        finally:
            await storing.close()

    with pytest.raises(ZeroDivisionError):
        asyncio.run(work())
