"""Power cuts in the middle of a day's work, one after the other on the same installation."""

from __future__ import annotations

import random
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ledger.errors import BanjianError
from ledger.facade import Home, Ledger
from tests.faults.check import problems
from tests.faults.day import Days
from tests.faults.disk import Disk, PowerCutError
from tests.faults.office import Dice, FakeClock
from tests.faults.shim import connect_through

SMALL_CHECKPOINTS: Mapping[str, str] = {"wal_autocheckpoint": "40"}
"""So that cuts fall into checkpoints as well: a day writes less than the usual number of pages."""
OPS_BETWEEN_CUTS_MAX = 450
OPS_OF_OPENING = 25


@dataclass
class Tally:
    """What was done and what was found."""

    cuts: int = 0
    images: int = 0
    confirmed: int = 0
    days: int = 0
    problems: list[str] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        """Take another tally in."""
        self.cuts += other.cuts
        self.images += other.images
        self.confirmed += other.confirmed
        self.days += other.days
        self.problems += other.problems


def open_on(
    disk: Disk, *, dice: Dice, clock: FakeClock | None = None, planted: Mapping[str, str] = SMALL_CHECKPOINTS
) -> Ledger:
    """Open the installation of a disk for writing, on that disk."""
    return Ledger.open(
        Home(disk.folder),
        clock=clock or FakeClock(),
        randomness=dice,
        connect=connect_through(disk.vfs.vfs_name, planted),
        write=True,
    )


def run_cuts(
    office: Path,
    work: Path,
    *,
    seed: str,
    cuts: int,
    images: int = 1,
    planted: Mapping[str, str] = SMALL_CHECKPOINTS,
    lying: bool = False,
) -> Tally:
    """Work days in a copy of the office, cut the power again and again, and look at what is left each time.

    Args:
        office: a founded office; it stays as it is.
        work: folder to work in; emptied first.
        seed: everything follows from it.
        cuts: how many.
        images: outcomes of each cut to look at; the work goes on in one more.
        planted: settings made behind the store's back.
        lying: whether syncs do nothing.
    """
    shutil.rmtree(work, ignore_errors=True)
    home = work / "home"
    shutil.copytree(office, home)
    rng, tally = random.Random(f"cuts {seed}"), Tally()
    disk, clock, dice = Disk(home, seed), FakeClock(), Dice(f"cuts {seed}")
    disk.lying = lying
    days = Days(seed)
    while tally.cuts < cuts and not tally.problems:
        reach = OPS_OF_OPENING if rng.random() < 0.15 else OPS_BETWEEN_CUTS_MAX
        disk.cut_at = disk.ops + rng.randrange(1, reach)
        try:
            with disk.mounted(), open_on(disk, clock=clock, dice=dice, planted=planted) as ledger:
                days.work_on(ledger)
        except PowerCutError:
            pass
        except BanjianError as error:
            if not disk.dead:
                tally.problems.append(f"cut {tally.cuts}: refused without a cut: {error.code} {error.params}")
                break
        disk.cut()
        tally.cuts += 1
        for _ in range(images):
            tally.images += 1
            _look_at_an_outcome(disk, home, work, days, rng, tally)
        disk.reboot()
        clock.reboot()
    disk.close()
    tally.confirmed += len(days.confirmed)
    tally.days += days.count
    return tally


def _look_at_an_outcome(
    disk: Disk, home: Path, work: Path, days: Days, rng: random.Random, tally: Tally
) -> None:
    outcome = work / "outcome"
    shutil.rmtree(outcome, ignore_errors=True)
    shutil.copytree(home, outcome)
    disk.write_images(outcome, rng)
    found = problems(outcome, days.confirmed)
    tally.problems += [f"cut {tally.cuts}: {line}" for line in found]
