"""Who reads beside the writer begins anew when the writer does, or reads nothing at all."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import threading
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from ledger.errors import BanjianError, StoreError
from ledger.facade import Home, Ledger
from ledger.facade.base.clock import SystemClock
from ledger.facade.peering.between import mark_seen, sync_status
from stations.serving.ledgerthread import LedgerThread
from stations.web.access import Access
from tests.facade.counter import VILLAGE, FakeClock, found_county

WAIT_S = 30


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    found_county(tmp_path / "county", FakeClock())
    return tmp_path / "county"


@pytest.fixture
async def thread(folder: Path) -> AsyncIterator[LedgerThread]:
    one = LedgerThread()
    await one.open(lambda: _written(folder))
    yield one
    await one.close()


@pytest.fixture
async def access(folder: Path, thread: LedgerThread) -> AsyncIterator[Access]:
    one = Access(thread, Home(folder), clock=SystemClock(), randomness=os.urandom, station=VILLAGE)
    yield one
    await one.close()


def _written(folder: Path) -> Ledger:
    return Ledger.open(folder, clock=SystemClock(), randomness=os.urandom, write=True, station=VILLAGE)


def _itself(ledger: Ledger) -> Ledger:
    return ledger


def _count(ledger: Ledger) -> int:
    return len(ledger.logs())


def _is_closed(ledger: Ledger) -> bool:
    try:
        ledger.refresh()
    except StoreError as error:
        return error.code == "store.closed"
    return False


async def test_a_doubtful_ledger_is_not_read_while_it_cannot_be_opened_again(
    folder: Path, thread: LedgerThread, access: Access
) -> None:
    before = await access.read(_itself)
    key = Home(folder).secrets_dir / "storage.key"
    aside = key.rename(folder.parent / "aside")
    thread.opened += 1
    for _ in range(2):
        with pytest.raises(BanjianError, match=r"home\.storage_key"):
            await access.read(_count)
    aside.rename(key)
    assert await access.read(_count)
    assert await access.read(_itself) is not before and _is_closed(before)


async def test_a_page_that_is_being_read_keeps_its_ledger_until_it_is_done(
    thread: LedgerThread, access: Access
) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slowly(ledger: Ledger) -> tuple[Ledger, int]:
        begun.set()
        assert go_on.wait(WAIT_S)
        return ledger, _count(ledger)

    slow = asyncio.create_task(access.read(slowly))
    assert await asyncio.to_thread(begun.wait, WAIT_S)
    thread.opened += 1
    now = await access.read(_itself)
    go_on.set()
    before, count = await slow
    assert count and before is not now
    assert _is_closed(before), "the last page closes it"
    assert await access.read(_itself) is now and not _is_closed(now)


async def test_a_page_that_nobody_waits_for_any_more_still_has_its_ledger(
    thread: LedgerThread, access: Access
) -> None:
    begun, go_on, told = threading.Event(), threading.Event(), threading.Event()
    counts: list[int] = []

    def slowly(ledger: Ledger) -> None:
        begun.set()
        assert go_on.wait(WAIT_S)
        counts.append(_count(ledger))
        told.set()

    slow = asyncio.create_task(access.read(slowly))
    assert await asyncio.to_thread(begun.wait, WAIT_S)
    slow.cancel()
    with pytest.raises(asyncio.CancelledError):
        await slow
    thread.opened += 1
    assert await access.read(_count)
    go_on.set()
    assert await asyncio.to_thread(told.wait, WAIT_S) and counts[0]


async def test_whoever_still_reads_when_the_pages_end_keeps_the_ledger(access: Access) -> None:
    """The program ended by a segmentation fault: SQLite's connection was closed under a thread that read."""
    begun, go_on = threading.Event(), threading.Event()

    def slowly(ledger: Ledger) -> tuple[Ledger, int]:
        begun.set()
        assert go_on.wait(WAIT_S)
        return ledger, _count(ledger)

    slow = asyncio.create_task(access.read(slowly))
    assert await asyncio.to_thread(begun.wait, WAIT_S)
    ending = asyncio.create_task(access.close())
    await asyncio.sleep(0.1)
    assert not ending.done()
    go_on.set()
    ledger, count = await slow
    await ending
    assert count and _is_closed(ledger), "the last one closes it"


async def test_work_is_done_once_more_only_where_it_had_written_nothing(folder: Path) -> None:
    thread, begun = LedgerThread(), 0

    def disturb() -> None:
        with closing(sqlite3.connect(folder / "ledger.db")) as other:
            other.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def write_twice(ledger: Ledger) -> None:
        nonlocal begun
        begun += 1
        mark_seen(ledger)
        disturb()
        mark_seen(ledger)

    def write_once(ledger: Ledger) -> int:
        nonlocal begun
        begun += 1
        return mark_seen(ledger)

    await thread.open(lambda: _written(folder))
    try:
        with pytest.raises(StoreError, match=r"store\.changed_outside"):
            await thread.run(lambda: thread.write(write_twice))
        assert begun == 1
        # What was noted at the opening that followed is settled by the work that is done again.
        await thread.run(lambda: thread.held)
        disturb()
        assert await thread.run(lambda: thread.write(write_once)) == 1
        assert begun == 3
    finally:
        await thread.close()


async def test_that_the_file_was_changed_is_noted_although_the_note_failed_once(folder: Path) -> None:
    thread, times = LedgerThread(), 0
    connection = sqlite3.connect(folder / "ledger.db", isolation_level=None, check_same_thread=False)

    def opening() -> Ledger:
        nonlocal times
        times += 1
        ledger = _written(folder)
        if times == 2:
            other.execute("BEGIN IMMEDIATE")
        return ledger

    def change() -> None:
        place = "seq = 2 AND log = (SELECT log FROM logs WHERE kind = 'catalogue')"
        (facts,) = other.execute(f"SELECT facts FROM bodies WHERE {place}").fetchone()
        for value in (None, facts):
            other.execute(f"UPDATE bodies SET facts = ? WHERE {place}", (value,))

    def write() -> None:
        mark_seen(thread.held)

    with closing(connection) as other:
        await thread.open(opening)
        try:
            change()
            with pytest.raises(StoreError, match=r"store\.changed_outside"):
                await thread.run(write)
            # Opened again, but somebody else writes just then.
            with pytest.raises(BanjianError):
                await thread.run(lambda: thread.held)
            other.execute("ROLLBACK")
            found = await thread.run(lambda: sync_status(thread.held, VILLAGE).findings)
            # What these logs of other stations hold waits beside the village's own; that is told as well.
            assert [one.code for one in found if one.code != "sync.kept_beside"] == ["ledger.changed_outside"]
            assert times == 2
        finally:
            await thread.close()
