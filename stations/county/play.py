"""The whole demonstration: found, play, settle, stop, look, verify, compare."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from stations.county.choosing import choose_plants
from stations.county.digest import acts_digest
from stations.county.director import Director, Told
from stations.county.mishaps import Cloned
from stations.county.picture import Picture, digests_of, take_picture
from stations.county.plan import Plan
from stations.county.plants import Outcome, Plant
from stations.county.stage import Stage
from stations.county.verifying import Verdict, verify


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """What the demonstration came to.

    Attributes:
        converged: whether each station's cases are as the county's records, limited to its scope, make them.
        apart: stations and cases that differ.
        wire_bytes_per_act: compressed bytes upward from stations that have none below, for each act there.
    """

    plan: Plan
    picture: Picture
    outcomes: tuple[Outcome, ...]
    verdicts: tuple[Verdict, ...]
    converged: bool
    apart: tuple[tuple[str, str], ...]
    acts: int
    wire_bytes_per_act: float
    notes: tuple[str, ...]
    syncs: int
    broken: int
    processes: int
    digest: str
    seconds: float

    @property
    def sound(self) -> bool:
        """Whether everything planted was shown, everybody agrees, and every ledger verifies."""
        shown = all(one.shown for one in self.outcomes)
        return shown and self.converged and all(one.exit_code == 0 for one in self.verdicts)


def play(plan: Plan, folder: Path, *, told: Callable[[str, Told | None], None]) -> Played:
    """Play a plan in an empty folder.

    Args:
        told: is told which part begins, and how far the days have come.
    """
    return asyncio.run(_play(plan, folder, told))


async def _play(plan: Plan, folder: Path, told: Callable[[str, Told | None], None]) -> Played:
    started = time.monotonic()
    stage = Stage(plan, folder)
    director = Director(stage, lambda one: told("days", one))
    plants = choose_plants(plan)
    told("found", None)
    try:
        await stage.open()
        told("wake", None)
        for plant in plants:
            plant.plan(director)
        await director.wake()
        await director.play()
        told("settle", None)
        await director.settle()
        for plant in plants:
            await plant.end(director)
        await director.settle()
        digests = await _digests(stage)
    finally:
        await stage.close()
    told("verify", None)
    picture = take_picture(stage.homes[plan.county.station], plan, clock=stage.clock())
    verdicts = await verify([*(home.path for home in stage.homes.values()), *_clones(plants)])
    apart = cases_apart(plan, picture, digests)
    return Played(
        plan=plan,
        picture=picture,
        outcomes=tuple(plant.outcome(picture) for plant in plants),
        verdicts=tuple(verdicts),
        converged=not apart,
        apart=apart,
        acts=director.acts,
        wire_bytes_per_act=stage.wire.sent_bytes / max(1, director.acts_below),
        notes=tuple(stage.wire.notes),
        syncs=stage.wire.syncs,
        broken=stage.wire.failed_at.total(),
        processes=stage.processes,
        digest=acts_digest(picture.states.values()),
        seconds=time.monotonic() - started,
    )


async def _digests(stage: Stage) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for place in stage.plan.places:
        found[place.station] = cast("dict[str, str]", await stage.ask(place.station, "digests"))
    return found


def cases_apart(
    plan: Plan, picture: Picture, digests: Mapping[str, Mapping[str, str]]
) -> tuple[tuple[str, str], ...]:
    """Return where a station's cases are not what the county's records, limited to its scope, make them.

    A case that a station has and that is none of its scope is among them: it was given what is another's.

    Args:
        plan: the county.
        picture: what the county has.
        digests: of the cases that each station has, by station and case.
    """
    found = []
    for place in plan.places:
        wanted = digests_of(picture, _subtree(plan, place.station))
        held = digests[place.station]
        cases = sorted(wanted.keys() | held.keys())
        found += [(place.station, case) for case in cases if held.get(case) != wanted.get(case)]
    return tuple(found)


def _subtree(plan: Plan, station: str) -> frozenset[str]:
    found = {station}
    for one in plan.below(station):
        found |= _subtree(plan, one.station)
    return frozenset(found)


def _clones(plants: Sequence[Plant]) -> list[Path]:
    return [plant.home.path for plant in plants if isinstance(plant, Cloned) and plant.home is not None]
