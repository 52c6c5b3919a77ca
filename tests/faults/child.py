"""A process that works day after day and tells each promise at once; it ends when it is killed.

``python -m tests.faults.child HOME SEED [ACTS]``: continues the days of this seed in the installation; each
promise is one line on standard output, flushed before the next act.
"""

from __future__ import annotations

import sys
from pathlib import Path

from ledger.facade import Home, Ledger
from tests.faults.day import Day
from tests.faults.office import START_MS, Dice, FakeClock

CHECKPOINT_PAGES = 60


def work(home: Path, seed: str, *, acts_max: int) -> int:
    """Work until so many acts are confirmed; the kill usually comes first."""
    print("start", flush=True)
    with Ledger.open(home, write=False) as ledger:
        known = sum(info.size for info in ledger.logs())
    clock = FakeClock(wall_ms=START_MS + known * 5_000, boot=known.to_bytes(16, "big"))
    with Ledger.open(Home(home), clock=clock, randomness=Dice(f"{seed} {known}"), write=True) as ledger:
        # Small enough for kills to fall into checkpoints of the database as well.
        writer = ledger.store.datastore.writer  # type: ignore[attr-defined]
        writer.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
        print("open", flush=True)
        number, done = 0, 0
        day = Day(f"{seed}.{number}")
        day.resume(ledger)
        while done < acts_max:
            if day.over:
                number += 1
                day = Day(f"{seed}.{number}")
                day.resume(ledger)
                continue
            print(day.work(ledger).line(), flush=True)
            day.checkpoint(ledger)
            done += 1
    return 0


def main() -> int:
    """Work as the words say."""
    return work(Path(sys.argv[1]), sys.argv[2], acts_max=int((*sys.argv[3:], "1000000")[0]))


if __name__ == "__main__":
    sys.exit(main())
