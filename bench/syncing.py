"""Measurements of sync: two processes over TLS on loopback, beside verifications of the same run."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from statistics import median
from time import perf_counter, sleep

from bench.county import COUNTY, TOWN, VILLAGE, County, StationPlan, found_county, join, sync_quietly
from bench.figures import Figures, tell
from bench.office import WalkingClock
from bench.reading import YARD_MESSAGE_BYTES, YARD_VERIFICATIONS
from bench.serving import Serving
from bench.workload import FELLING, VILLAGE_BUILDING, Task, Workload
from bench.writing import perform_all
from bench.yard import VerifyYard
from ledger.facade import Command, Ledger
from ledger.facade.base.clock import SystemClock
from ledger.types import CaseId
from stations.cli.remote import submit_remote, sync_remote
from sync.line.outcome import Outcome

ROUNDS = 3
TEN = 10
TEN_ROUNDS = 5
DOWNLOAD_CASES = 5_000
PAGE_LINES = 50
READ_PAUSE_S = 0.02


def measure_sync(folder: Path, acts: int, *, cases: int = DOWNLOAD_CASES) -> Figures:
    """Return all figures of sync.

    Args:
        folder: an empty folder on the file system to be measured.
        acts: length of the history that a township brings to the county.
        cases: cases of the village that downloads everything.
    """
    clock = WalkingClock()
    plans = [
        StationPlan(station=TOWN, level="township"),
        StationPlan(station=VILLAGE, level="village", staff=("window",)),
    ]
    county = found_county(folder, plans, clock)
    with county.open(COUNTY) as above:
        join(county, TOWN, receipts=above)
        join(county, VILLAGE)
        for station in (TOWN, VILLAGE):
            with county.open(station) as below:
                sync_quietly(county, below, above)
    with county.open(TOWN) as ledger:
        spent_s = perform_all(ledger, county.keys(TOWN), Workload(TOWN, matter=VILLAGE_BUILDING).tasks(acts))
    tell(f"sync: {acts} acts at a township in {spent_s:.1f} s")
    before = folder / "before"
    for station in (COUNTY, TOWN):
        shutil.copytree(county.home(station).path, before / station)
    figures = _replicate(county, before, acts)
    figures |= _ten_acts(county)
    figures |= _read_meanwhile(county, before)
    return figures | _first_download(county, cases)


def _replicate(county: County, before: Path, acts: int) -> Figures:
    yard = VerifyYard(YARD_VERIFICATIONS, YARD_MESSAGE_BYTES)
    found: dict[str, list[float]] = {"s": [], "raw": [], "ratio": [], "rss": [], "sender": []}
    outcome = None
    for number in range(ROUNDS):
        _put_back(county, before)
        raw = yard.rate()
        with _pair(county) as (above, below):
            outcome, spent_s = _timed_sync(county)
        _check(outcome, acts)
        raw = (raw + yard.rate()) / 2
        found["s"].append(spent_s)
        found["raw"].append(raw)
        found["ratio"].append(acts / spent_s / raw)
        found["rss"].append(above.rss_mb)
        found["sender"].append(below.rss_mb)
        tell(
            f"replicate {number + 1}/{ROUNDS}: {acts / spent_s:.0f}/s; raw verifications {raw:.0f}/s; "
            f"{outcome.sessions} sessions"
        )
    sent_bytes = 0 if outcome is None else outcome.sent_bytes
    return {
        "replicate_s": round(median(found["s"]), 2),
        "replicate_per_s": round(acts / median(found["s"])),
        "yard_replicate_verify_per_s": round(median(found["raw"])),
        "replicate_ratio": round(median(found["ratio"]), 3),
        "wire_bytes_per_event": round(sent_bytes / acts, 1),
        "county_ingest_rss_mb": max(found["rss"]),
        "sender_rss_mb": max(found["sender"]),
    }


def _ten_acts(county: County) -> Figures:
    """Return what it takes to bring ten acts up, to a county that holds everything before them."""
    spent: list[float] = []
    sent_bytes: list[int] = []
    sessions: set[int] = set()
    workload = Workload(TOWN, seed=3, matter=VILLAGE_BUILDING)
    with _pair(county):
        sync_remote(county.home(TOWN))
        for _ in range(TEN_ROUNDS):
            with Ledger.open(county.home(TOWN), clock=SystemClock(), write=False) as reader:
                for _ in range(TEN):
                    task = workload.task(workload.new_case())
                    signed = reader.prepare(task.command, county.key(TOWN, task.actor))
                    submit_remote(county.home(TOWN), signed)
            outcome, spent_s = _timed_sync(county)
            sessions.add(outcome.sessions)
            spent.append(spent_s)
            sent_bytes.append(outcome.sent_bytes)
    if sessions != {1}:
        raise RuntimeError(f"ten acts took {sessions} sessions")
    return {
        "incr10_s": round(median(spent), 4),
        "incr10_sessions": max(sessions),
        "wire_bytes_ten_acts": round(median(sent_bytes)),
    }


def _read_meanwhile(county: County, before: Path) -> Figures:
    """Return milliseconds of reading at the county, in this process, while another one takes records in."""
    _put_back(county, before)
    found: dict[str, list[float]] = {"list": [], "case": []}
    with _pair(county), ThreadPoolExecutor(1) as aside:
        running = aside.submit(sync_remote, county.home(TOWN))
        with Ledger.open(county.home(COUNTY), clock=SystemClock(), write=False) as reader:
            _read_while(running, reader, found)
        outcome = running.result()
    tell(f"read during ingest: {len(found['list'])} lists, {len(found['case'])} cases")
    if not outcome.sent or not found["case"]:
        raise RuntimeError("nothing was read while records came in")
    return {
        "ingest_reads": len(found["list"]) + len(found["case"]),
        "ingest_worklist_page_ms": round(median(found["list"]), 1),
        "ingest_worklist_page_max_ms": round(max(found["list"]), 1),
        "ingest_case_ms": round(median(found["case"]), 1),
        "ingest_case_max_ms": round(max(found["case"]), 1),
    }


def _read_while(running: Future[Outcome], reader: Ledger, found: dict[str, list[float]]) -> None:
    while not running.done():
        started = perf_counter()
        lines = reader.worklist(limit=PAGE_LINES)
        found["list"].append((perf_counter() - started) * 1000)
        if lines:
            started = perf_counter()
            reader.case(lines[-1].case_id, station=COUNTY)
            found["case"].append((perf_counter() - started) * 1000)
        sleep(READ_PAUSE_S)


def _first_download(county: County, cases: int) -> Figures:
    """Return what a village's new machine takes to get its cases, which the county has taken over."""
    with county.open(COUNTY) as above, county.open(VILLAGE) as below:
        ids = _receive(below, county, cases)
        sync_quietly(county, below, above)
        keys = county.keys(COUNTY)
        for case_id in ids:
            above.perform(Command(action="take_over", station=COUNTY, case=case_id), keys["window"])
    tell(f"first download: {cases} cases are with the county")
    shutil.rmtree(county.home(VILLAGE).path)
    join(county, VILLAGE)
    home = county.home(VILLAGE)
    with (
        Serving(county.home(COUNTY), COUNTY) as above_process,
        Serving(home, VILLAGE, upstream=above_process.address) as village,
    ):
        started = perf_counter()
        outcome = sync_remote(home)
        spent_s = perf_counter() - started
    with Ledger.open(home, clock=SystemClock(), write=False) as ledger:
        held = len(ledger.worklist(names=False, include_closed=True))
    if held < cases:
        raise RuntimeError(f"{held} of {cases} cases came down: {outcome}")
    return {
        "download_cases": held,
        "download_records": outcome.stored,
        "first_download_s": round(spent_s, 2),
        "download_bytes": outcome.received_bytes,
        "village_rss_mb": village.rss_mb,
        "county_serving_rss_mb": above_process.rss_mb,
    }


def _receive(ledger: Ledger, county: County, cases: int) -> list[CaseId]:
    """Receive cases at the village and offer each to the county."""
    workload = Workload(VILLAGE, seed=5, matter=FELLING)
    keys = county.keys(VILLAGE)
    scripts = [workload.new_case() for _ in range(cases)]
    tasks: Iterator[Task] = (workload.task(script) for script in scripts)
    perform_all(ledger, keys, islice(tasks, cases))
    ids = [script.case_id for script in scripts if script.case_id is not None]
    for case_id in ids:
        offer = Command(action="hand_over", station=VILLAGE, case=case_id, facts={"to": COUNTY})
        ledger.perform(offer, keys["window"])
    return ids


@contextmanager
def _pair(county: County) -> Iterator[tuple[Serving, Serving]]:
    """Let the county and the township serve, each in its process."""
    with (
        Serving(county.home(COUNTY), COUNTY) as above,
        Serving(county.home(TOWN), TOWN, upstream=above.address) as below,
    ):
        yield above, below


def _timed_sync(county: County) -> tuple[Outcome, float]:
    started = perf_counter()
    outcome = sync_remote(county.home(TOWN))
    return outcome, perf_counter() - started


def _check(outcome: Outcome, acts: int) -> None:
    if outcome.notes or outcome.sealed or outcome.sent < acts // 256:
        raise RuntimeError(f"the township could not bring everything up: {outcome}")


def _put_back(county: County, before: Path) -> None:
    """Put both installations back to before the first sync of the history."""
    for station in (COUNTY, TOWN):
        path = county.home(station).path
        shutil.rmtree(path)
        shutil.copytree(before / station, path)
    os.sync()


def main() -> None:
    """Measure sync alone and print one line of JSON."""
    parser = argparse.ArgumentParser(prog="python -m bench.syncing", description=__doc__)
    parser.add_argument("acts", type=int, nargs="?", default=10_000, metavar="N")
    parser.add_argument("--cases", type=int, default=DOWNLOAD_CASES, help="cases of the first download")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        print(
            json.dumps({"n": options.acts, **measure_sync(Path(folder), options.acts, cases=options.cases)})
        )


if __name__ == "__main__":
    main()
