"""What may take long on a page tells how far it is and can be stopped: sync, backup, a thorough check."""

from __future__ import annotations

import asyncio
import re
import signal
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from ledger.facade import Ledger
from ledger.types import Watch
from stations.checkup.doctor import examine
from stations.config import StationConfig
from stations.kept.backup import make_backup
from stations.web.jobs import Job
from stations.web.watched import Stopped, watched
from tests.facade.conftest import clock, ledger, place  # noqa: F401
from tests.facade.counter import COUNTY as CENTRE
from tests.facade.counter import FakeClock, receive
from tests.web.desk import Answer, Desk
from tests.web.offices import COUNTY, TOWNSHIP, found


async def test_a_sync_that_nobody_answers_shows_itself_and_can_be_stopped(tmp_path: Path):
    offices = found(tmp_path)
    county, township = offices[COUNTY], offices[TOWNSHIP]
    try:
        for office in (county, township):
            office.start()
        township.run("sync", "now")
        async with Desk(township) as desk:
            await desk.sign_in("T001")
            quick = await desk.post("/safe/sync")
            assert quick.where == "/safe" and "同步完成" in (await desk.get("/safe")).text
            assert county.process is not None
            county.process.send_signal(signal.SIGSTOP)
            job = (await desk.post("/safe/sync")).where
            assert re.fullmatch(r"/job/[0-9a-f]+", job)
            page = await desk.get(job)
            assert "正在同步" in page.text and f'action="{job}/cancel"' in page.text
            assert (await desk.post("/safe/sync")).where == job, "one at a time"
            assert (await desk.post(f"{job}/cancel")).where == job
            assert "已停下" in (await _ended(desk, job)).text
            county.process.send_signal(signal.SIGCONT)
            again = (await desk.post("/safe/sync")).where
            page = await desk.get(again) if again == "/safe" else await _ended(desk, again)
            assert "同步完成" in page.text
    finally:
        if county.process is not None:
            county.process.send_signal(signal.SIGCONT)
        for office in (township, county):
            office.stop()


async def _ended(desk: Desk, job: str) -> Answer:
    for _ in range(600):
        page = await desk.get(job)
        if "/cancel" not in page.text:
            return page
        await asyncio.sleep(0.1)
    raise TimeoutError(page.text)


def _stop_at(count: int) -> tuple[Watch, list[tuple[int, int]]]:
    told: list[tuple[int, int]] = []

    def watch(done: int, total: int) -> None:
        told.append((done, total))
        if len(told) >= count:
            raise Stopped

    return watch, told


def test_a_backup_tells_how_far_it_is_and_leaves_nothing_when_it_is_stopped(
    ledger: Ledger,  # noqa: F811
    tmp_path: Path,
):
    target = tmp_path / "stick"
    watch, _ = _stop_at(1)
    with pytest.raises(Stopped):
        make_backup(ledger, target, now_ms=1_772_413_200_000, watch=watch)
    assert not list(target.iterdir())
    watch, told = _stop_at(10_000)
    done = make_backup(ledger, target, now_ms=1_772_413_200_000, watch=watch)
    assert done.folder.is_dir() and told[-1][0] == told[-1][1] > 0


def test_a_thorough_check_is_stopped_wherever_it_is_and_calls_nothing_damaged(
    ledger: Ledger,  # noqa: F811
    clock: FakeClock,  # noqa: F811
):
    receive(ledger)
    config = StationConfig(station=CENTRE)

    def look(watch: Watch) -> list[str]:
        checks = examine(
            ledger.home, config, ledger, now_ms=clock.now_ms(), thorough=True, key_fits=True, watch=watch
        )
        return [check.code for check in checks]

    watch, told = _stop_at(10_000)
    whole = look(watch)
    assert "doctor.pages" in whole and "doctor.pages_damaged" not in whole
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    for count in range(1, len(told) + 1):
        watch, _ = _stop_at(count)
        with pytest.raises(Stopped):
            look(watch)


async def test_a_job_that_is_cancelled_stops_its_work_at_the_next_look():
    job = Job(name="1", title="", staff_no="", back="", total=0, about="", page="")
    looked = 0

    async def work(watch: Watch) -> None:
        nonlocal looked
        while True:
            await asyncio.sleep(0)
            watch(looked, 0)
            looked += 1

    steps: AsyncGenerator[None, None] = watched(job, work)
    await anext(steps)
    job.wanted = False
    await steps.aclose()
    before = looked
    await asyncio.sleep(0.01)
    assert looked == before > 0
