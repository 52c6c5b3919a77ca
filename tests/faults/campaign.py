"""Long campaigns: ``python -m tests.faults.campaign cuts|kills|syncs|failing [--count N] [--seed S]``.

Prints what was done and found; ends with 1 when anything was lost. ``--weaker normal|lying`` plants weaker
syncs, and then ends with 1 when nothing was found.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.faults.kills import kill_at_random, kill_in_sync
from tests.faults.office import found_office

CUTS_OF_ONE_OFFICE = 40
KILLS_OF_ONE_OFFICE = 50
ACTS_OF_SYNCS = 14


def main(arguments: list[str]) -> int:
    """Run one campaign."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.campaign")
    parser.add_argument("what", choices=sorted(CAMPAIGNS))
    parser.add_argument("--count", type=int, default=200, help="cuts, kills, syncs or seeds")
    parser.add_argument("--seed", type=int, default=0, help="first seed")
    parser.add_argument("--images", type=int, default=4, help="outcomes of each cut to look at")
    parser.add_argument("--weaker", choices=("normal", "lying"), help="plant weaker syncs (cuts)")
    parser.add_argument("--folder", type=Path, help="where to work; a temporary folder unless given")
    options = parser.parse_args(arguments)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        office = found_office(Path(folder) / "office").path
        told, found = CAMPAIGNS[options.what](office, Path(folder) / "work", options)
    for line in found:
        print(line)
    print(f"{options.what}: {told}, {len(found)} problems, {time.monotonic() - began:.0f} s")
    return int(bool(found) != bool(options.weaker))


def cuts(office: Path, work: Path, options: argparse.Namespace) -> tuple[str, list[str]]:
    """Cut the power."""
    from tests.faults.cuts import SMALL_CHECKPOINTS, Tally, run_cuts

    total, seed, caught = Tally(), options.seed, 0
    planted = {**SMALL_CHECKPOINTS, "synchronous": "NORMAL"} if options.weaker == "normal" else None
    while total.cuts < options.count:
        tally = run_cuts(
            office,
            work,
            seed=f"c{seed}",
            cuts=min(CUTS_OF_ONE_OFFICE, options.count - total.cuts),
            images=options.images,
            # in every third office the write-ahead log is never moved into the database while it is open
            planted=planted if planted is not None else SMALL_CHECKPOINTS if seed % 3 else {},
            lying=options.weaker == "lying",
        )
        tally.problems = [f"seed c{seed}: {line}" for line in tally.problems]
        caught += bool(tally.problems)
        total.add(tally)
        seed += 1
    done = f"{total.cuts} cuts, {total.images} images, {total.confirmed} acts, {seed - options.seed} offices"
    return f"{done}, {caught} of them with problems", total.problems


def kills(office: Path, work: Path, options: argparse.Namespace) -> tuple[str, list[str]]:
    """Kill processes at random."""
    count, confirmed, seed = 0, 0, options.seed
    found: list[str] = []
    while count < options.count:
        done = kill_at_random(
            office,
            work,
            seed=f"k{seed}",
            kills=min(KILLS_OF_ONE_OFFICE, options.count - count),
            check_every=5,
        )
        count, confirmed, seed = count + done.kills, confirmed + done.confirmed, seed + 1
        found += [f"seed k{seed}: {line}" for line in done.problems]
    return f"{count} kills, {confirmed} acts", found


def syncs(office: Path, work: Path, options: argparse.Namespace) -> tuple[str, list[str]]:
    """Kill inside every sync of a short day, one after the other, until the process lives."""
    found: list[str] = []
    confirmed = 0
    for nth in range(1, options.count + 1):
        done = kill_in_sync(office, work, nth=nth, acts=ACTS_OF_SYNCS)
        confirmed += done.confirmed
        found += done.problems
        if done.ended:
            return f"killed inside each of {nth - 1} syncs of {ACTS_OF_SYNCS} acts", found
    return f"killed inside {options.count} syncs", found


def failing(office: Path, work: Path, options: argparse.Namespace) -> tuple[str, list[str]]:
    """Fail every operation of every act of whole days: full disk, I/O errors, reads as well."""
    from tests.faults.day import WHOLE_DAY
    from tests.faults.failing import FailingOffice

    found: list[str] = []
    strikes, acts = 0, 0
    for seed in range(options.seed, options.seed + options.count):
        for fault, reads in (("full", False), ("error", False), ("error", True)):
            swept = FailingOffice(
                office, work, seed=f"f{seed}", fault=fault, reads=reads, scripts=WHOLE_DAY
            ).sweep()
            strikes += swept.struck.total()
            acts += swept.acts
            found += [f"seed f{seed} {fault}: {line}" for line in swept.problems]
    return f"{strikes} failed operations, {acts} acts, {options.count} seeds", found


Campaign = Callable[[Path, Path, argparse.Namespace], tuple[str, list[str]]]
CAMPAIGNS: dict[str, Campaign] = {"cuts": cuts, "kills": kills, "syncs": syncs, "failing": failing}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
