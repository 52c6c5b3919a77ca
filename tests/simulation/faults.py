"""What befalls the machines: power cuts, kills, old disks put back, clones, wrong clocks, couriers."""

from __future__ import annotations

import asyncio
import random
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from ledger.errors import BanjianError
from ledger.facade.base.home import RESTORED_MARKER
from ledger.store import schema
from ledger.types import ActId
from tests.faults.disk import PowerCutError
from tests.simulation.clerks import act_once, work
from tests.simulation.county import COUNTY, EVIL, upstream_of
from tests.simulation.courier import Courier
from tests.simulation.evil import Evil
from tests.simulation.office import close, end_certificates, end_key, erase, move, publish
from tests.simulation.place import Place
from tests.simulation.relay import meddle
from tests.simulation.world import DAY_S, YEAR_MS, World

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

OPS_TO_CUT_MAX = 60
DATABASE_FILES = ("ledger.db", "ledger.db-wal", "ledger.db-journal")
SKEWS_MS = (-26 * YEAR_MS, 100 * YEAR_MS, -86_400_000, 7 * 86_400_000, -56 * YEAR_MS)


async def start(world: World) -> None:
    """Start every machine and its clerks."""
    for place in world.main.values():
        await bring_up(place)
    world.set_weather(world.plan.weather)


async def bring_up(place: Place) -> None:
    """Start a machine, again and again if the power goes meanwhile."""
    while not await place.boot():
        place.world.tally["cuts"] += 1
        place.after_power_cut()
    if not place.world.healing:
        place.spawn(work(place, every_s=place.world.plan.act_every_s))


async def trouble(world: World) -> None:
    """Let the time of trouble pass."""
    plan, rng = world.plan, random.Random(f"faults {world.seed}")
    end_s = plan.days * DAY_S
    _watch(world)
    events: list[Awaitable[None]] = [_cuts(world, rng)]
    events += [_partition(world, rng, end_s) for _ in range(plan.partitions)]
    events += [_restore(world, rng, end_s, how) for how in plan.restores]
    events += [_clone(world, rng, end_s) for _ in range(plan.clones)]
    events += [_skew(world, rng, end_s) for _ in range(plan.skews)]
    events += [_enrol(world, rng, end_s, number) for number in range(plan.new_clerks)]
    events += [_walk(world, rng, end_s) for _ in range(plan.couriers)]
    for step, times in (
        (close, plan.closings), (move, plan.moves), (publish, plan.publications), (end_key, plan.keys_ended),
        (end_certificates, plan.certificates_ended), (erase, plan.erasures),
    ):  # fmt: skip
        events += [
            step(world, random.Random(f"{step.__name__} {one} {world.seed}"), end_s) for one in range(times)
        ]
    if plan.relay:
        events.append(meddle(world, end_s))
    if plan.evil and upstream_of(EVIL) in plan.stations:
        events.append(Evil(world).run())
    if plan.county_restore:
        events.append(_restore(world, rng, end_s, plan.county_restore, county=True))
    tasks = [asyncio.ensure_future(event) for event in events]
    await asyncio.sleep(end_s)
    world.healing = True
    # What has begun ends by itself within the hour; whatever hangs is broken off.
    await asyncio.sleep(5 * 3_600)
    for task in tasks:
        task.cancel()
    for result in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(result, BaseException) and not isinstance(result, asyncio.CancelledError):
            raise result
    await until(lambda: not world.busy)


def _watch(world: World) -> None:
    """Turn the lights out wherever a disk dies, and on again some time later."""

    def lost(place: Place) -> None:
        world.spawn(_cut(place, random.Random(f"{world.seed} cut {world.loop.now}")))

    world.on_power_lost = lost


async def until(holds: Callable[[], bool]) -> None:
    """Look every virtual minute until something holds."""
    while not holds():  # noqa: ASYNC110  # nothing tells of all that may change it
        await asyncio.sleep(60)


async def _cut(place: Place, rng: random.Random) -> None:
    world = place.world
    world.busy.add(place.name)
    place.die()
    world.tally["cuts"] += 1
    world.loop.trace("cut", place.name)
    await asyncio.sleep(rng.choice((60.0, 3_600.0, 8 * 3_600.0)))
    if rng.random() < 0.3:
        place.after_kill()
    else:
        place.after_power_cut()
    await bring_up(place)
    world.busy.discard(place.name)


async def _cuts(world: World, rng: random.Random) -> None:
    while True:
        await asyncio.sleep(rng.expovariate(1 / world.plan.cut_every_s))
        if world.healing:
            return
        place = rng.choice(world.all_places())
        if place.up and place.name not in world.busy:
            place.disk.cut_at = place.disk.ops + rng.randrange(1, OPS_TO_CUT_MAX)


async def _partition(world: World, rng: random.Random, end_s: float) -> None:
    await asyncio.sleep(rng.uniform(0, end_s * 0.8))
    place = rng.choice(world.all_places()[1:])
    link = place.name, place.upstream or ""
    world.net.part(link)
    world.tally["partitions"] += 1
    await asyncio.sleep(min(rng.expovariate(1 / (2 * DAY_S)), end_s))
    world.net.parted.discard(link)


async def _restore(world: World, rng: random.Random, end_s: float, how: str, *, county: bool = False) -> None:
    """Copy a disk, let time pass, and put the copy back in one of three ways."""
    copied_s = rng.uniform(0, end_s * 0.5)
    back_s = rng.uniform(copied_s, end_s * 0.9)
    await asyncio.sleep(copied_s)
    place = world.main[COUNTY if county else rng.choice(world.stations[1:])]
    await until(lambda: place.up and not place.disk.dead)
    image = world.folder / f"image {place.name} {world.next_number()}"
    place.copy_to(image)
    before = _acts(place)
    await asyncio.sleep(back_s - copied_s)
    # Everybody must be there, so that the oracle can tell what is lost with this disk.
    while any(not one.up or one.disk.dead or one.name in world.busy for one in world.all_places()):
        await asyncio.sleep(60)
        if world.healing:
            return
    world.busy.add(place.name)
    world.oracle.roll_back(place, _acts(place), before)
    place.die()
    place.replace_disk(lambda path: _put_back(path, image, how))
    world.tally["county restores" if county else "restores"] += 1
    world.loop.trace("restored", place.name, how)
    await asyncio.sleep(3_600)
    await bring_up(place)
    world.busy.discard(place.name)


def _put_back(path: Path, image: Path, how: str) -> None:
    if how == "database":
        for name in DATABASE_FILES:
            (path / name).unlink(missing_ok=True)
            if (image / name).exists():
                shutil.copy(image / name, path / name)
        return
    shutil.rmtree(path)
    shutil.copytree(image, path)
    if how == "backup":
        (path / RESTORED_MARKER).touch()


def _acts(place: Place) -> set[ActId]:
    with place.ledger.store.read() as tx:
        return {ActId(row[1]) for row in tx.select(schema.ACTS, {}) if isinstance(row[1], bytes)}


async def _clone(world: World, rng: random.Random, end_s: float) -> None:
    """Let a second machine run from a copy of a village's disk."""
    await asyncio.sleep(rng.uniform(0, end_s * 0.7))
    first = world.main[
        rng.choice([one for one in world.stations if one != COUNTY and not world.main[one].listens])
    ]
    await until(lambda: first.up and not first.disk.dead)
    name = f"{first.station}#{world.next_number()}"
    folder = world.folder / name
    first.copy_to(folder)
    place = Place(world, first.station, folder, name=name, upstream=first.upstream, listens=False)
    world.certified_at_ms[name] = world.certified_at_ms.get(first.name, 0)
    world.clones.append(place)
    world.tally["clones"] += 1
    await bring_up(place)
    # Both work before anything can tell them of each other: a fork in earnest.
    for one in (first, place, first, place):
        if one.up:
            await act_once(one, rng)


async def _walk(world: World, rng: random.Random, end_s: float) -> None:
    """Let a station without network send a courier: a village, now and then a township."""
    villages = [one for one in world.stations if not world.main[one].listens]
    towns = [one for one in world.stations if world.main[one].listens and one != COUNTY]
    lower = world.main[rng.choice(towns if towns and rng.random() < 0.25 else villages)]
    begins_s = rng.uniform(0, end_s * 0.5)
    await asyncio.sleep(begins_s)
    await Courier(world, lower, world.main[upstream_of(lower.station) or COUNTY]).run(
        rng.uniform(begins_s, end_s)
    )


async def _skew(world: World, rng: random.Random, end_s: float) -> None:
    place = rng.choice(world.all_places())
    await asyncio.sleep(rng.uniform(0, end_s))
    place.clock.skew_ms = rng.choice(SKEWS_MS)
    world.tally["skews"] += 1
    if rng.random() < 0.5:
        await asyncio.sleep(rng.uniform(0, 3 * DAY_S))
        place.clock.skew_ms = 0


async def _enrol(world: World, rng: random.Random, end_s: float, number: int) -> None:
    await asyncio.sleep(rng.uniform(0, end_s))
    county = world.main[COUNTY]
    if county.up and not county.disk.dead and COUNTY not in world.oracle.doubtful:
        try:
            await world.enrol_clerk(number)
        except (BanjianError, PowerCutError):
            if not county.disk.dead:
                raise
