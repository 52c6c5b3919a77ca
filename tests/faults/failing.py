"""A disk that refuses one operation, or runs full, at every operation of every act of a day."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from ledger.errors import StoreError
from ledger.facade import Ledger
from ledger.types import StationId
from tests.faults.check import problems, sizes
from tests.faults.cuts import SMALL_CHECKPOINTS, open_on
from tests.faults.day import SHORT_DAY, Day, Step
from tests.faults.disk import Disk
from tests.faults.office import VILLAGE, Dice, FakeClock

EXPECTED = {"full": "store.disk_full", "error": "store.io"}


@dataclass
class Sweep:
    """What a sweep did: strikes by kind of operation, answers by code, and what was wrong."""

    struck: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    acts: int = 0
    reopened: int = 0
    problems: list[str] = field(default_factory=list)


class FailingOffice:
    """A copy of an office on a disk of our own, worked in turns with failures.

    Args:
        office: a founded office; it stays as it is.
        work: folder to work in; emptied first.
        seed: everything follows from it.
        fault: ``full`` or ``error``.
        reads: whether reads fail as well.
    """

    def __init__(
        self,
        office: Path,
        work: Path,
        *,
        seed: str,
        fault: str,
        reads: bool = False,
        scripts: Sequence[Sequence[Step]] = SHORT_DAY,
        planted: Mapping[str, str] = SMALL_CHECKPOINTS,
    ) -> None:
        shutil.rmtree(work, ignore_errors=True)
        self.home = work / "home"
        shutil.copytree(office, self.home)
        self.disk = Disk(self.home, seed)
        self.disk.fail_reads = reads
        self.disk.loses_failed = True
        self.fault, self.planted = fault, planted
        self.clock, self.dice = FakeClock(), Dice(f"failing {seed}")
        self.day = Day(seed, scripts)
        self.result = Sweep()

    def sweep(self) -> Sweep:
        """Work the day; before each act goes through, let it fail at each of its operations."""
        with self.disk.mounted():
            self.ledger = self.open()
            while not self.day.over:
                self._strike_everywhere(self.day.work)
                self._strike_everywhere(self.day.checkpoint)
            self.ledger.close()
        self.disk.close()
        self.result.acts = len(self.day.confirmed)
        self.result.problems += problems(self.home, self.day.confirmed)
        return self.result

    def _strike_everywhere(self, call: Callable[[Ledger], object]) -> None:
        """Let a call fail at its first operation, its second and so on, until it goes through unharmed."""
        for offset in count(1):
            known, before = len(self.day.confirmed), sizes(self.ledger)
            with self._failing_after(offset):
                try:
                    call(self.ledger)
                except StoreError as error:
                    done = False
                    if len(self.day.confirmed) == known:
                        self._check_refusal(error, before)
                else:
                    done = not self.disk.struck
            if self.ledger.store.reopen_needed:  # type: ignore[attr-defined]
                self._reopen()
            if done or len(self.day.confirmed) > known:
                return

    @contextmanager
    def _failing_after(self, operations: int) -> Iterator[None]:
        self.disk.struck.clear()
        if self.fault == "full":
            self.disk.full_from = self.disk.ops + operations
        else:
            self.disk.fail_at = self.disk.ops + operations
        try:
            yield
        finally:
            self.disk.full_from = self.disk.fail_at = None
            self.result.struck.update(self.disk.struck[:1])

    def _check_refusal(self, error: StoreError, before: Mapping[StationId, int]) -> None:
        """A clear answer, nothing written, and reads go on while the disk is still failing."""
        self.result.refused[error.code] += 1
        if error.code != EXPECTED[self.fault]:
            self.result.problems.append(f"refused with {error.code} {error.params}")
        if not self.disk.struck:
            self.result.problems.append(f"refused without a fault: {error.code}")
        if self.ledger.store.reopen_needed:  # type: ignore[attr-defined]
            return
        if sizes(self.ledger) != before:
            self.result.problems.append("refused, yet a log has grown")
        if not isinstance(self.ledger.worklist(station=VILLAGE, include_closed=True), list):
            self.result.problems.append("no list while the disk fails")

    def _reopen(self) -> None:
        """The store refuses to write until it is opened again; then the last act is in or not."""
        try:
            self.ledger.checkpoint(self.ledger.logs()[0].log_id)
            self.result.problems.append("written after a failure that leaves the file unknown")
        except StoreError as error:
            if error.code != "store.reopen":
                self.result.problems.append(f"reopen wanted, but told {error.code}")
        self.result.reopened += 1
        self.ledger.close()
        self.ledger = self.open()
        self.day.resume(self.ledger)

    def open(self) -> Ledger:
        """Open the office for writing, on the disk."""
        return open_on(self.disk, dice=self.dice, clock=self.clock, planted=self.planted)
