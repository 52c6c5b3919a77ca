"""``python -m bench.recovery``: a county restored from an old backup gets back what its stations hold.

A county of 231 stations on three levels works, is backed up, works on, and loses everything since. It serves
again from the backup, in a process of its own, and its townships sync with it over TLS, one after the other,
each with all that it holds of its villages. One JSON line on stdout.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter

from bench.county import COUNTY, County, StationPlan, found_county, join, sync_quietly
from bench.figures import Figures, file_bytes, tell
from bench.office import WalkingClock
from bench.reading import YARD_MESSAGE_BYTES, YARD_VERIFICATIONS
from bench.serving import Serving
from bench.workload import FELLING, Workload
from bench.writing import perform_all
from bench.yard import VerifyYard
from ledger.facade import Home, Ledger
from ledger.facade.base.clock import SystemClock
from ledger.facade.base.home import RESTORED_MARKER
from ledger.facade.peering.between import exchange_of
from ledger.types import StationId
from stations.config import StationConfig
from stations.serving.ledgerthread import LedgerThread
from stations.serving.network import Network
from sync.line.outcome import Outcome

STATIONS = 231
TOWNSHIPS = 14
BEFORE = 40
SINCE = 10
"""Cases that each station below the townships receives before the backup, and in the week since."""


def measure_recovery(folder: Path, *, stations: int, before: int, since: int) -> Figures:
    """Return how long a restored county takes to get everything back.

    Args:
        folder: an empty folder.
        stations: of the county, itself included.
        before: cases of each village before the backup.
        since: cases of each village after it.
    """
    plans = _plans(stations)
    towns = [plan.station for plan in plans if plan.level == "township"]
    county = found_county(folder, plans, WalkingClock(step_ms=3_000))
    with county.open(COUNTY) as above:
        for plan in plans:
            join(county, plan.station, receipts=above if plan.level == "township" else None)
        tell(f"{len(plans)} stations have joined")
        _work(county, plans, above, cases=before, seed=1)
    backup = folder / "backup"
    shutil.copytree(county.home(COUNTY).path, backup)
    with county.open(COUNTY) as above:
        _work(county, plans, above, cases=since, seed=2)
        full = _records(above)
    shutil.rmtree(county.home(COUNTY).path)
    shutil.copytree(backup, county.home(COUNTY).path)
    (county.home(COUNTY).path / RESTORED_MARKER).touch()
    raw = VerifyYard(YARD_VERIFICATIONS, YARD_MESSAGE_BYTES).rate()
    started = perf_counter()
    with Serving(county.home(COUNTY), COUNTY) as serving:
        open_s = perf_counter() - started
        outcomes = [_sync(county.home(town), town, serving.address) for town in towns]
        all_s = perf_counter() - started
    with county.open(COUNTY) as above:
        found = _records(above)
    if found != full:
        raise RuntimeError(f"{found} of {full} records came back: {outcomes}")
    return {
        "stations": stations,
        "cases": (before + since) * len([plan for plan in plans if plan.level != "township"]),
        "records": full,
        "county_bytes": file_bytes(county.home(COUNTY).path),
        "restored_serving_s": round(open_s, 2),
        "recovery_s": round(all_s, 2),
        "recovery_sent_bytes": sum(one.sent_bytes for one in outcomes),
        "recovery_sessions": sum(one.sessions for one in outcomes),
        "recovery_county_rss_mb": serving.rss_mb,
        "yard_verify_per_s": round(raw),
    }


def _plans(stations: int) -> list[StationPlan]:
    towns = [StationId(f"990121{number:03d}000-00") for number in range(1, TOWNSHIPS + 1)]
    plans = [StationPlan(station=town, level="township", staff=("window",)) for town in towns]
    for number in range(stations - 1 - len(towns)):
        town = towns[number % len(towns)]
        village = StationId(f"{town[:9]}{number // len(towns) + 1:03d}-00")
        plans.append(StationPlan(station=village, level="village", upstream=town, staff=("window",)))
    return plans


def _work(county: County, plans: Sequence[StationPlan], above: Ledger, *, cases: int, seed: int) -> None:
    """Let every village receive cases, and bring them up through its township; without any network."""
    for town in (plan.station for plan in plans if plan.level == "township"):
        with county.open(town) as middle:
            sync_quietly(county, middle, above)
            for plan in plans:
                if plan.upstream != town:
                    continue
                with county.open(plan.station) as below:
                    sync_quietly(county, below, middle)
                    workload = Workload(plan.station, seed=seed, matter=FELLING)
                    tasks = [workload.task(workload.new_case()) for _ in range(cases)]
                    perform_all(below, county.keys(plan.station), iter(tasks))
                    sync_quietly(county, below, middle)
            sync_quietly(county, middle, above)
        tell(f"{town}: {cases} cases at each village")


def _records(ledger: Ledger) -> int:
    """Return how many entries of stations' logs are held without gaps."""
    held = exchange_of(ledger).held
    return sum(state.size for state in held.states(held.scope(COUNTY), county=False))


def _sync(home: Home, station: StationId, address: str) -> Outcome:
    """Let a township sync once over the network, as ``banjian sync now`` does."""

    async def run() -> Outcome:
        thread, clock = LedgerThread(), SystemClock()
        network = Network(
            thread,
            home,
            config=StationConfig(station=station, upstream=(address,)),
            clock=clock,
            randomness=os.urandom,
        )
        await thread.open(lambda: Ledger.open(home, clock=clock, write=True, station=station))
        try:
            return await network.sync_once()
        finally:
            await network.stop()
            await thread.close()

    outcome = asyncio.run(run())
    tell(f"{station}: {outcome.sessions} sessions, {outcome.sent} packages")
    return outcome


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.recovery", description=__doc__)
    parser.add_argument("--stations", type=int, default=STATIONS, help="of the county, itself included")
    parser.add_argument("--before", type=int, default=BEFORE, help="cases of a village before the backup")
    parser.add_argument("--since", type=int, default=SINCE, help="cases of a village since")
    parser.add_argument("--folder", type=Path, help="where to measure; a temporary folder by default")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        figures = measure_recovery(
            Path(folder), stations=options.stations, before=options.before, since=options.since
        )
    print(json.dumps(figures, ensure_ascii=False))


if __name__ == "__main__":
    main()
