"""The figures of a run, and what is told about it while it runs."""

from __future__ import annotations

import resource
import sys
from pathlib import Path

Figures = dict[str, object]


def tell(text: str) -> None:
    """Say something to the person who waits; stdout is for the figures alone."""
    print(text, file=sys.stderr, flush=True)


def peak_rss_mb() -> float:
    """Return the largest resident memory of this process so far, in MiB.

    Linux counts what the parent held before this program was started into ``ru_maxrss``: there the
    high-water mark of this program's own memory is read.
    """
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) / 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1024 * 1024 if sys.platform == "darwin" else 1024)


def file_bytes(home: Path) -> int:
    """Return the size of a closed ledger: its database and what SQLite keeps beside it."""
    return sum(path.stat().st_size for path in home.glob("ledger.db*"))
