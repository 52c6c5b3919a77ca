"""Pages of a first day tell of a clock that cannot be right, with no ledger there to compare it with."""

from __future__ import annotations

from pathlib import Path

from aiohttp.test_utils import TestClient, TestServer

from ledger.facade import Home, Ledger
from ledger.formats.invite import encode_invite
from stations.kept.backup import DATABASE_NAME
from stations.office.inviting import Offer, make_invite
from stations.web.firstday.shared import FirstDay
from stations.web.firstday.site import application
from tests.facade.counter import REGISTRAR, VILLAGE, Dice, FakeClock, found_county
from tests.web.test_clock_doubt import HOUR_MS, WORDS, YEAR_MS

FIRST_PATHS = ("/", "/county", "/practise", "/join", "/restore", "/none")


async def first_day_texts(first: FirstDay, *paths: str) -> list[str]:
    """Return what the pages of a first day say."""
    async with TestClient(TestServer(application(first))) as client:
        return [await (await client.get(path, allow_redirects=False)).text() for path in paths]


async def test_a_clock_that_lost_its_battery_is_told(tmp_path: Path) -> None:
    clock = FakeClock()
    first = FirstDay(home=Home(tmp_path / "new"), clock=clock, randomness=Dice("first"), word="word")
    for path, text in zip(FIRST_PATHS, await first_day_texts(first, *FIRST_PATHS), strict=True):
        assert "<h1" in text and WORDS not in text, path
    clock.wall_ms -= 50 * YEAR_MS
    for path, text in zip(FIRST_PATHS, await first_day_texts(first, *FIRST_PATHS), strict=True):
        assert WORDS in text and "可能是主板电池没电" in text, path


async def test_the_clock_is_compared_with_the_invite(tmp_path: Path) -> None:
    clock = FakeClock()
    found_county(tmp_path / "county", clock)
    offer = Offer(station=VILLAGE, addresses=(), roles=("window",))
    with Ledger.open(tmp_path / "county", clock=clock, randomness=Dice("beside"), write=False) as ledger:
        made = make_invite(ledger, REGISTRAR, offer, ca_fingerprint=bytes(32), randomness=Dice("invite"))
    first = FirstDay(
        home=Home(tmp_path / "new"), clock=clock, randomness=Dice("first"), word="word",
        invite=encode_invite(made, REGISTRAR),
    )  # fmt: skip
    paths = ("/join", "/", "/county")
    for text in await first_day_texts(first, *paths):
        assert WORDS not in text
    clock.wall_ms -= 2 * HOUR_MS
    for text in await first_day_texts(first, *paths):
        assert WORDS in text and "慢 119 分钟" in text
    first.invite = b""
    for text in await first_day_texts(first, *paths):
        assert WORDS not in text, "of an invite that was put aside nothing is known"


async def test_the_clock_is_compared_with_the_backups(tmp_path: Path) -> None:
    clock = FakeClock()
    kept = tmp_path / "kept" / "banjian-00000000-20260302-110000"
    kept.mkdir(parents=True)
    (kept / DATABASE_NAME).write_bytes(b"SQLite")
    first = FirstDay(home=Home(tmp_path / "new"), clock=clock, randomness=Dice("first"), word="word")
    async with TestClient(TestServer(application(first))) as client:
        sent = {"form": "word", "folder": str(kept.parent)}
        assert "慢 119 分钟" in await (await client.post("/restore", data=sent)).text()
        clock.set("2026-03-02 12:00")
        assert WORDS not in await (await client.post("/restore", data=sent)).text()
