"""Running seeds: trouble, healing, then the account."""

from __future__ import annotations

import logging
import shutil
import time
import traceback
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from tests.simulation.faults import start, trouble
from tests.simulation.healing import check_everything, heal
from tests.simulation.world import DAY_S, Plan, World, new_world


@dataclass(frozen=True)
class Result:
    """What became of a seed.

    Attributes:
        digest: hash of everything that happened; the same each time.
        station_years: stations times the virtual time that they ran.
        violations: promises that were broken.
    """

    seed: str
    digest: str
    station_years: float
    rounds: int
    counts: Mapping[str, int]
    actions: Mapping[str, int]
    refusals: Mapping[str, int]
    failures: Mapping[str, int]
    violations: tuple[str, ...]
    seconds: float

    def line(self) -> str:
        """Return one line for people."""
        counts = self.counts
        shown = ("acts", "sessions", "cuts", "restores", "county restores", "clones", "forks")
        told = " ".join(f"{name.replace(' ', '_')}={counts.get(name, 0)}" for name in shown)
        return (
            f"seed {self.seed}: {self.station_years:.2f} station-years, {told} rounds={self.rounds} "
            f"violations={len(self.violations)} {self.digest[:12]} {self.seconds:.1f} s"
        )


def run_seed(seed: str, *, plan: Plan | None = None, settings: Mapping[str, str] | None = None) -> Result:
    """Run one seed from beginning to end.

    Args:
        seed: everything follows from it.
        plan: what happens; drawn from the seed by default.
        settings: SQLite settings made behind the store's back.
    """
    began = time.process_time()
    # A connection that breaks is daily bread here; the server's own log would tell of each.
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)
    world = new_world(seed, plan=plan, settings=settings)
    try:
        with world.running():
            rounds = world.loop.run_until_complete(_whole_story(world))
            return _result(world, rounds, time.process_time() - began)
    finally:
        shutil.rmtree(world.folder, ignore_errors=True)


async def _whole_story(world: World) -> int:
    """Tell the story; what breaks it off is a violation like any other, and the next seed has its turn."""
    try:
        return await _story(world)
    except Exception as error:  # a bug may raise anything
        traceback.print_exc()
        world.violations.append(f"the story broke off: {type(error).__name__}: {error}")
        return 0


async def _story(world: World) -> int:
    await start(world)
    await trouble(world)
    rounds = await heal(world)
    check_everything(world)
    return rounds


def _result(world: World, rounds: int, seconds: float) -> Result:
    counts = Counter(world.tally) + Counter({f"net {name}": n for name, n in world.net.counts.items()})
    counts["excused"] = len(world.oracle.excused)
    return Result(
        seed=world.seed,
        digest=world.loop.digest,
        station_years=world.loop.now / DAY_S / 365 * len(world.all_places()),
        rounds=rounds,
        counts=counts,
        actions=world.actions,
        refusals=world.refusals,
        failures=world.failures,
        violations=tuple(world.violations),
        seconds=seconds,
    )


def summary(results: list[Result]) -> str:
    """Return the last line of a campaign."""
    total: Counter[str] = Counter()
    for one in results:
        total.update(one.counts)
    years = sum(one.station_years for one in results)
    return (
        f"{len(results)} seeds, {years:.1f} station-years, {total['acts']} acts, {total['cuts']} cuts, "
        f"{total['restores'] + total['county restores']} restores, {total['forks']} forks, "
        f"{sum(len(one.violations) for one in results)} violations"
    )
