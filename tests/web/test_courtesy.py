"""Merges let pages pass first, and go on all the same while somebody never stops looking."""

from __future__ import annotations

import asyncio
from pathlib import Path

from ledger.facade import Home, Ledger
from ledger.facade.base.clock import SystemClock
from ledger.types import StationId
from stations.serving.ledgerthread import LedgerThread
from tests.web.offices import TOWNSHIP, found


async def test_a_merge_goes_on_under_pages_that_never_end(tmp_path: Path):
    office = found(tmp_path)[TOWNSHIP]
    thread, order = LedgerThread(), []
    await thread.open(
        lambda: Ledger.open(Home(office.folder), clock=SystemClock(), write=True, station=StationId(TOWNSHIP))
    )
    try:
        with thread.page():
            merge = asyncio.create_task(thread.exchange(lambda exchange: order.append("merge")))
            await asyncio.sleep(0)
            order.append("page")
            await merge
        assert order == ["page", "merge"]
    finally:
        await thread.close()
