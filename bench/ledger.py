"""``python -m bench.ledger N``: what the ledger costs on a history of N acts; one JSON line on stdout.

Yardsticks and measurements take turns within one run, and medians of the turns are told: machines are noisy.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sqlite3
import tempfile
from pathlib import Path

from bench.figures import Figures, file_bytes, peak_rss_mb, tell
from bench.office import WalkingClock, found_office
from bench.reading import measure_pages, measure_rebuild, measure_verify, measure_worklist
from bench.syncing import DOWNLOAD_CASES, measure_sync
from bench.writing import SPLIT_ACTS, measure_append, measure_split
from ledger.facade import Ledger

OPEN_CASES = 20_000
SYNC_ACTS_MAX = 10_000
"""Sync is measured by default up to this length; the history is made a second time for it."""


def measure(
    folder: Path, acts: int, *, open_cases: int = OPEN_CASES, sync: bool = False, cases: int = DOWNLOAD_CASES
) -> Figures:
    """Return all figures of a history of so many acts.

    Args:
        folder: an empty folder on the file system to be measured.
        acts: length of the history.
        open_cases: cases on the list that is measured; 0 leaves lists out.
        sync: measure sync as well.
        cases: cases of the village that downloads everything.
    """
    home, clock = folder / "office", WalkingClock()
    figures: Figures = {
        "n": acts,
        "cores": os.cpu_count() or 1,
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
    }
    keys = found_office(home, clock)
    empty_bytes = file_bytes(home)
    with Ledger.open(home, clock=clock, write=True) as ledger:
        figures |= measure_append(ledger, keys, folder, acts)
    figures["storage_bytes_per_event"] = round((file_bytes(home) - empty_bytes) / acts)
    figures |= measure_verify(home)
    figures |= measure_pages(home, clock, keys["window"])
    with Ledger.open(home, clock=clock, write=True) as ledger:
        figures |= measure_rebuild(ledger, acts)
        figures["rss_mb"] = round(peak_rss_mb(), 1)
        figures |= measure_split(ledger, keys)
    if open_cases:
        figures |= measure_worklist(folder / "lists", clock, open_cases)
    if sync:
        figures |= measure_sync(folder / "levels", acts, cases=cases)
    return figures


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.ledger", description=__doc__)
    parser.add_argument(
        "acts", type=int, nargs="?", default=10_000, metavar="N", help="length of the history"
    )
    parser.add_argument("--folder", type=Path, help="where to measure; a temporary folder by default")
    parser.add_argument("--open-cases", type=int, default=OPEN_CASES, help="cases on the measured list")
    parser.add_argument(
        "--sync",
        action=argparse.BooleanOptionalAction,
        help=f"measure sync between processes; by default up to N = {SYNC_ACTS_MAX}",
    )
    parser.add_argument(
        "--download-cases", type=int, default=DOWNLOAD_CASES, help="cases of the village that downloads"
    )
    options = parser.parse_args()
    sync = options.acts <= SYNC_ACTS_MAX if options.sync is None else options.sync
    if options.acts < SPLIT_ACTS:
        parser.error(f"N must be at least {SPLIT_ACTS}")
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        tell(f"measuring in {folder}")
        figures = measure(
            Path(folder),
            options.acts,
            open_cases=options.open_cases,
            sync=sync,
            cases=options.download_cases,
        )
    print(json.dumps(figures, ensure_ascii=False))


if __name__ == "__main__":
    main()
