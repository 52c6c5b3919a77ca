"""Measurements of the pages: users at a county while a merge runs, a village's memory, the first page."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, suppress
from hashlib import sha256
from pathlib import Path
from statistics import median, quantiles
from time import perf_counter

from aiohttp import ClientSession, CookieJar

from bench.county import COUNTY, TOWN, VILLAGE, County, StationPlan, found_county, join, sync_quietly
from bench.figures import Figures, tell
from bench.office import WalkingClock
from bench.serving import ROOT, Serving
from bench.workload import FELLING, VILLAGE_BUILDING, Workload
from bench.writing import perform_all
from ledger.facade import Home
from ledger.formats.envelope import KdfParams, seal_key
from stations.cli.remote import sync_remote
from sync.line.outcome import Outcome

USERS = 8
OPEN_CASES = 2_000
VILLAGE_CASES = 1_000
STARTS = 3
THINK_S = 0.05
SAMPLES_MIN = 400
ALONE = 40
PASSPHRASE = "only for measurements"
KINDS = ("cases", "find", "case", "today")
_WORD = re.compile(r'name="form" value="([0-9a-f]+)"')
_ASSET = re.compile(r'(?:href|src)="(/static/[^"]+)"')


def measure_pages(folder: Path, acts: int, merged: int) -> Figures:
    """Return all figures of the pages.

    Args:
        folder: an empty folder on the file system to be measured.
        acts: acts that the county holds.
        merged: acts that a township brings while the users work.
    """
    county = _prepare(folder, acts, merged)
    figures: Figures = {"acts": acts, "merged": merged, "users": USERS}
    with Serving(county.home(COUNTY), COUNTY, pages=True) as above, ThreadPoolExecutor(1) as aside:
        figures |= asyncio.run(_alone(above))
        figures |= asyncio.run(_users(above.pages, None, "quiet"))
        with ExitStack() as township:

            def start() -> Future[Outcome]:
                # It calls the county by itself once it serves; the command waits for that session.
                township.enter_context(Serving(county.home(TOWN), TOWN, upstream=above.address))
                return aside.submit(sync_remote, county.home(TOWN))

            figures |= asyncio.run(_users(above.pages, start, "merging"))
        figures["county_rss_mb"] = _rss_mb(above.pid)
    return figures | _village(county) | _starts(county)


def _prepare(folder: Path, acts: int, merged: int) -> County:
    """Found the county with its history, a township with what it will bring, and a village with its cases."""
    clock = WalkingClock()
    plans = [
        StationPlan(station=TOWN, level="township"),
        StationPlan(station=VILLAGE, level="village", staff=("window",)),
    ]
    county = found_county(folder, plans, clock)
    with county.open(COUNTY) as above:
        join(county, TOWN, receipts=above)
        join(county, VILLAGE)
        opened = Workload(COUNTY, seed=11)
        spent_s = perform_all(above, county.keys(COUNTY), Workload(COUNTY).tasks(acts - OPEN_CASES))
        spent_s += perform_all(
            above, county.keys(COUNTY), (opened.task(opened.new_case()) for _ in range(OPEN_CASES))
        )
        for station in (TOWN, VILLAGE):
            with county.open(station) as below:
                sync_quietly(county, below, above)
    tell(f"pages: {acts} acts at the county in {spent_s:.1f} s")
    with county.open(TOWN) as ledger:
        perform_all(ledger, county.keys(TOWN), Workload(TOWN, seed=2, matter=VILLAGE_BUILDING).tasks(merged))
    with county.open(VILLAGE) as ledger:
        received = Workload(VILLAGE, seed=5, matter=FELLING)
        tasks = (received.task(received.new_case()) for _ in range(VILLAGE_CASES))
        perform_all(ledger, county.keys(VILLAGE), tasks)
    # Keys of users open quickly, the village's one as slowly as an office's: it is the memory that counts.
    _write_key(county.home(COUNTY), f"{COUNTY} window", KdfParams(memory_kib=8_192, iterations=1, lanes=1))
    _write_key(county.home(VILLAGE), f"{VILLAGE} window", KdfParams())
    return county


def _write_key(home: Home, label: str, params: KdfParams) -> None:
    home.complete()
    seed = sha256(label.encode()).digest()
    blob = seal_key(
        seed, PASSPHRASE, salt=os.urandom(16), nonce=os.urandom(12), label="window", params=params
    )
    (home.keys_dir / "window.key").write_bytes(blob)


class User:
    """One browser.

    Args:
        base: address of the pages.
    """

    def __init__(self, base: str, number: int) -> None:
        self._base = base.rstrip("/")
        self._random = random.Random(number)
        self._session = ClientSession(cookie_jar=CookieJar(unsafe=True))
        self._cases: list[str] = []
        self._words: list[str] = []

    async def sign_in(self) -> None:
        """Unlock the key and look at a first list."""
        page = await self.get("/sign-in")
        staff_no = page.partition('name="staff_no" value="')[2].partition('"')[0]
        word = _word(page)
        fields = {"form": word, "staff_no": staff_no, "passphrase": PASSPHRASE, "next": "/cases"}
        async with self._session.post(f"{self._base}/sign-in", data=fields) as answer:
            if "/pin" not in str(answer.url):
                raise RuntimeError(f"not signed in: {answer.status}")
        lines = json.loads(await self.get("/api/v1/worklist?limit=200"))["lines"]
        self._cases = [line["case"] for line in lines]
        self._words = [line["applicant"] for line in lines] + [line["number"][-8:] for line in lines]

    async def look(self, kind: str) -> float:
        """Look at something; returns milliseconds."""
        choice = self._random.choice
        path = {
            "cases": f"/cases?page={self._random.randrange(1, 12)}",
            "find": f"/find?q={choice(self._words)}",
            "case": f"/case/{choice(self._cases)}",
            "today": "/",
        }[kind]
        started = perf_counter()
        await self.get(path)
        return (perf_counter() - started) * 1000

    async def get(self, path: str) -> str:
        """Return a page."""
        async with self._session.get(self._base + path) as answer:
            text = await answer.text()
            if answer.status != 200:
                raise RuntimeError(f"{path}: {answer.status}")
            return text

    async def transferred(self, path: str) -> int:
        """Return the bytes that a browser without any copies transfers for a page and what it names."""
        headers = {"Accept-Encoding": "gzip, deflate"}
        total = 0
        async with ClientSession(auto_decompress=False, cookie_jar=self._session.cookie_jar) as session:
            async with session.get(self._base + path, headers=headers) as answer:
                total += len(await answer.read())
            for asset in dict.fromkeys(_ASSET.findall(await self.get(path))):
                async with session.get(self._base + asset, headers=headers) as answer:
                    total += len(await answer.read())
        return total

    async def close(self) -> None:
        """Close the browser."""
        await self._session.close()


async def _alone(serving: Serving) -> Figures:
    """Return the processor time of one page, in milliseconds: other work on the machine hardly changes it."""
    user = User(serving.pages, 0)
    figures: Figures = {}
    try:
        await user.sign_in()
        for kind in KINDS:
            await user.look(kind)
            before_ms = _cpu_ms(serving.pid)
            for _ in range(ALONE):
                await user.look(kind)
            figures[f"cpu_{kind}_ms"] = round((_cpu_ms(serving.pid) - before_ms) / ALONE, 1)
    finally:
        await user.close()
    return figures


async def _users(base: str, start: Callable[[], Future[Outcome]] | None, name: str) -> Figures:
    """Return percentiles of what the users wait.

    Args:
        base: address of the pages.
        start: starts a merge once everybody has signed in, and they work as long as it runs; None for as
            long as it takes to have enough samples.
        name: what the figures begin with.
    """
    users = [User(base, number) for number in range(USERS)]
    found: dict[str, list[float]] = {kind: [] for kind in KINDS}
    try:
        for user in users:
            await user.sign_in()
        running = None if start is None else start()

        def goes_on() -> bool:
            if running is not None:
                return not running.done()
            return sum(map(len, found.values())) < SAMPLES_MIN

        await asyncio.gather(*(_work(user, found, goes_on, number) for number, user in enumerate(users)))
    finally:
        for user in users:
            await user.close()
    looks = sum(map(len, found.values()))
    tell(f"{name}: {looks} pages")
    figures: Figures = {f"{name}_pages": looks}
    for kind, spent in found.items():
        if len(spent) > 1:
            figures[f"{name}_{kind}_ms"] = round(median(spent), 1)
            figures[f"{name}_{kind}_p95_ms"] = round(quantiles(spent, n=20)[-1], 1)
    return figures


async def _work(user: User, found: dict[str, list[float]], goes_on: Callable[[], bool], number: int) -> None:
    at = number
    while goes_on():
        kind = KINDS[at % len(KINDS)]
        found[kind].append(await user.look(kind))
        at += 1
        await asyncio.sleep(THINK_S)


def _village(county: County) -> Figures:
    """Return the memory of a village's process after a morning of pages, and the weight of its first page."""
    with Serving(county.home(VILLAGE), VILLAGE, pages=True) as village:
        first_bytes, today_bytes = asyncio.run(_morning(village.pages))
        now_mb = _rss_mb(village.pid)
    return {
        "village_cases": VILLAGE_CASES,
        "village_rss_mb": now_mb,
        "village_peak_rss_mb": village.rss_mb,
        "first_page_bytes": first_bytes,
        "today_page_bytes": today_bytes,
    }


async def _morning(base: str) -> tuple[int, int]:
    user = User(base, 1)
    try:
        first_bytes = await user.transferred("/sign-in")
        await user.sign_in()
        for _ in range(25):
            for kind in KINDS:
                await user.look(kind)
        return first_bytes, await user.transferred("/")
    finally:
        await user.close()


def _starts(county: County) -> Figures:
    """Return seconds from starting the program until its first page has come."""
    found: dict[str, list[float]] = {"village": [], "county": []}
    for _ in range(STARTS):
        for name, station in (("village", VILLAGE), ("county", COUNTY)):
            found[name].append(_start_s(county.home(station), station))
    return {f"start_{name}_s": round(median(spent), 2) for name, spent in found.items()}


def _start_s(home: Home, station: str) -> float:
    (home.path / "banjian.toml").write_text(f'station = "{station}"\n', encoding="utf-8")
    words = [sys.executable, "-m", "stations", "serve", "--dir", str(home.path), "--port", "0", "--json"]
    started = perf_counter()
    with subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            line = process.stdout.readline() if process.stdout else ""
            asyncio.run(_first_page(json.loads(line)["pages"]))
            return perf_counter() - started
        finally:
            process.terminate()


async def _first_page(base: str) -> None:
    user = User(base, 0)
    await user.get("/sign-in")
    await user.close()


def _word(page: str) -> str:
    found = _WORD.search(page)
    if found is None:
        raise RuntimeError("a page without a form")
    return found.group(1)


def _cpu_ms(pid: int) -> float:
    """Return the processor time of a process so far, in milliseconds; 0 where the system does not tell."""
    with suppress(OSError):
        parts = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(parts[11]) + int(parts[12])) * 1000 / os.sysconf("SC_CLK_TCK")
    return 0.0


def _rss_mb(pid: int) -> float:
    """Return the resident memory of a process now, in MiB; 0 where the system does not tell."""
    with suppress(OSError, StopIteration):
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        line = next(line for line in lines if line.startswith("VmRSS:"))
        return round(int(line.split()[1]) / 1024, 1)
    return 0.0


def main() -> None:
    """Measure and print one line of JSON."""
    parser = argparse.ArgumentParser(prog="python -m bench.pages", description=main.__doc__)
    parser.add_argument("acts", type=int, nargs="?", default=20_000)
    parser.add_argument("merged", type=int, nargs="?", default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="banjian-bench-") as folder:
        merged = options.merged or max(5_000, options.acts // 10)
        print(json.dumps(measure_pages(Path(folder), options.acts, merged)))


if __name__ == "__main__":
    main()
