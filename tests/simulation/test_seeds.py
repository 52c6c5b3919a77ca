"""A bounded share of the simulation; `make sim SEEDS=1-50` runs as many whole seeds as one likes."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.simulation.loop import SimLoop
from tests.simulation.run import run_seed
from tests.simulation.world import Plan

REPLAY = """
from tests.simulation.run import run_seed
from tests.simulation.world import Plan
print(run_seed("9", plan=Plan.small("9", days=0.6, relay=True, cut_every_s=7200.0)).digest)
"""
OFFICE = {
    "closings": "closed", "moves": "moved", "publications": "published", "keys_ended": "keys ended",
    "certificates_ended": "certificates ended", "erasures": "erased",
}  # fmt: skip
"""What a plan says of the office, and how it is counted once it was done."""
CALM = {
    "restores": (), "county_restore": "", "clones": 0, "relay": False, "evil": False, "couriers": 0,
    **dict.fromkeys(OFFICE, 0),
}  # fmt: skip
STORIES: dict[str, dict[str, object]] = {
    "cuts": {"cut_every_s": 3_600.0, "weather": 0.1},
    "evil and relay": {"evil": True, "relay": True},
    "courier": {"couriers": 2, "partitions": 3, "weather": 0.02},
    "restores": {"restores": ("database", "backup"), "skews": 3},
    "county restored": {"county_restore": "backup"},
    "county put back silently": {"county_restore": "image"},
    "office": {
        "closings": 2,
        "moves": 2,
        "publications": 4,
        "keys_ended": 3,
        "certificates_ended": 1,
        "erasures": 4,
    },
}
"""What each short story adds to quiet days; whole seeds draw everything at once."""


@pytest.mark.parametrize("story", STORIES)
def test_no_promise_is_broken(story: str) -> None:
    plan = Plan.small(story, days=1.5, new_clerks=0, **(CALM | STORIES[story]))  # type: ignore[arg-type]
    result = run_seed(story, plan=plan)
    assert result.violations == (), result.line()
    assert result.counts["acts"] > 50
    assert result.counts["sessions"] > 10
    for planned, done in OFFICE.items():
        assert bool(getattr(plan, planned)) == bool(result.counts.get(done)), done
    if plan.couriers:
        carried = [result.counts[name] for name in ("sticks", "taken by stick", "receipts by stick")]
        assert min(carried) > 0, carried


def test_a_record_proven_by_a_lost_history_keeps_its_proof() -> None:
    """A county put back without a word goes on; an excerpt of it repeats what a township holds, no more."""
    plan = Plan.small(
        "s13", days=3.344988882630801, restores=("database", "image"), county_restore="image", clones=0,
        couriers=0, evil=True, relay=False, closings=3, moves=4, publications=3, keys_ended=4,
        certificates_ended=2, erasures=6,
    )  # fmt: skip
    assert run_seed("s13", plan=plan).violations == ()


def test_the_same_seed_replays_exactly_in_another_process() -> None:
    digests = {
        subprocess.run(
            [sys.executable, "-c", REPLAY], env={**os.environ, "PYTHONHASHSEED": hashes}, text=True,
            capture_output=True, check=True, timeout=300,
        ).stdout
        for hashes in ("1", "2")
    }  # fmt: skip
    assert len(digests) == 1
    assert all(len(digest.strip()) == 64 for digest in digests)


def test_time_is_virtual_and_work_on_a_thread_keeps_its_order() -> None:
    import asyncio

    loop, done = SimLoop("order"), []

    async def story() -> None:
        futures = [loop.run_in_executor(None, done.append, number) for number in range(20)]
        await asyncio.gather(*futures)
        await asyncio.sleep(7 * 86_400)

    loop.run_until_complete(story())
    loop.close()
    assert done == list(range(20))
    assert 7 * 86_400 < loop.now < 7 * 86_400 + 5
