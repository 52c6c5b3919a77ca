"""``python -m tests.simulation 1-50``: run seeds, tell of each, end with one line.

Exit code 1 on a violation, 2 for words that name no seeds.
"""

from __future__ import annotations

import re
import sys
from concurrent.futures import ProcessPoolExecutor

from tests import planted
from tests.simulation.run import Result, run_seed, summary
from tests.simulation.world import VIOLATIONS_SHOWN

_PART = re.compile(r"([0-9]{1,9})(?:-([0-9]{1,9}))?", re.ASCII)
USAGE = "SEEDS: 3, 1-50 or 1,4,9-12, a range from the smaller to the larger; WORKERS: a number"


def seeds_of(text: str) -> list[str]:
    """Return the seeds that ``3``, ``1-50`` or ``1,4,9-12`` mean.

    Raises:
        ValueError: for anything else, and for a range without seeds: nothing run is nothing shown.
    """
    found: list[str] = []
    for part in text.split(","):
        match = _PART.fullmatch(part.strip())
        seeds = range(0) if match is None else range(int(match[1]), int(match[2] or match[1]) + 1)
        if not seeds:
            raise ValueError(text)
        found += map(str, seeds)
    return found


def main(words: list[str]) -> int:
    """Run the seeds of the first word, with as many processes as the second says."""
    planted.plant()
    try:
        seeds = seeds_of(words[0] if words else "1-20")
        workers = int(words[1]) if len(words) > 1 else 1
    except ValueError:
        print(USAGE, file=sys.stderr)
        return 2
    results: list[Result] = []
    if workers > 1:
        with ProcessPoolExecutor(workers, initializer=planted.plant) as pool:
            for result in pool.map(run_seed, seeds):
                _tell(result)
                results.append(result)
    else:
        for seed in seeds:
            results.append(run_seed(seed))
            _tell(results[-1])
    print(summary(results))
    return 1 if any(one.violations for one in results) else 0


def _tell(result: Result) -> None:
    print(result.line(), flush=True)
    for line in result.violations[:VIOLATIONS_SHOWN]:
        print(f"  {line}", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
