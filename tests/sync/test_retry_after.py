"""Whoever is asked to come again is told when: 429 and 503 carry ``Retry-After``, nothing else does."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.errors import AuthorityError, BanjianError, DataError, StoreError
from ledger.facade import Home
from stations.serving import network
from sync.certs.credentials import calling_context
from sync.line.problem import decode_problem
from sync.line.server_join import problem_response
from sync.line.server_session import RETRY_AFTER_S, SESSION_PATH, Sessions
from sync.line.upstreamtold import from_upstream
from tests.sync.post import ask
from tests.sync.test_over_tls import Serving, certified
from tests.sync.world import TOWN, VILLAGE, World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World.after(certified(TOWN, VILLAGE), tmp_path)
    made.settle(TOWN)
    yield made
    made.close()


def test_a_busy_station_says_when_to_come_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "Sessions", lambda: Sessions(0))

    async def story() -> None:
        async with Serving(world[TOWN], listen=True) as town:
            context = calling_context(Home(world[VILLAGE].path), town.thread.ledger_id)
            status, raw, retry_after = await ask(town.address, context, SESSION_PATH, body=b"")
            assert (status, decode_problem(raw).code) == (503, "sync.busy")
            assert retry_after == str(RETRY_AFTER_S)

    asyncio.run(story())


@pytest.mark.parametrize(
    ("error", "status", "retry_after"),
    [
        (AuthorityError("join.too_often", seconds=7), 429, "7"),
        (StoreError("sync.too_often", seconds=9), 429, "9"),
        (StoreError("sync.busy", seconds=5), 503, "5"),
        (StoreError("store.disk_full", file="ledger.db"), 503, "60"),
        (AuthorityError("sync.not_below", station=VILLAGE), 403, None),
        (DataError("sync.other_ledger", expected=b"", found=b""), 400, None),
    ],
    ids=lambda value: value.code if isinstance(value, BanjianError) else None,
)
def test_every_429_and_503_says_when(error: BanjianError, status: int, retry_after: str | None) -> None:
    answer = problem_response(error)
    assert (answer.status, answer.headers.get("Retry-After")) == (status, retry_after)


@pytest.mark.parametrize(("said", "told"), [(7, 7), (999_999_999, 900), (-5, 1), ("bald", 900), (None, 900)])
def test_no_longer_wait_is_told_than_is_waited(said: int | str | None, told: int) -> None:
    """The other side may say anything; the program waits a quarter of an hour at most."""
    params = {} if said is None else {"seconds": said}
    for code in ("sync.busy", "sync.too_often"):
        found = from_upstream(StoreError(code, **params), TOWN)
        assert (found.code, found.params) == (code, {"seconds": told})
