"""Where the demonstration plays: the folders, the processes, the lines, and the moment it is.

Everything that the director wants of a station goes through here; what happens when is decided elsewhere.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from ledger.errors import StoreError
from ledger.facade import Home
from ledger.lawtime import MINUTE_MS
from stations.county.clock import DirectedClock
from stations.county.forms import Message
from stations.county.founding import certify_anew, found_county, home_of
from stations.county.hours import at
from stations.county.links import Line
from stations.county.people import Person, staff_of
from stations.county.plan import Place, Plan
from stations.county.processes import Process, Refusal

OWN_PROCESS_MAX = 12
SHARED_PROCESSES = 3
TRIES_MAX = 200
BUSY, BUSY_PAUSE_S = "sync.busy", 0.05
"""The station above may still be at the session whose line broke."""
_BROKEN = ("sync.torn", "sync.unreachable", BUSY)
_SKEW_MS = {"A": 1_000, "B": 20_000, "C": 90_000, "D": 150_000, "E": 170_000}
"""How far the clock of a station may be off, by the class of its line."""


@dataclass(slots=True)
class Wire:
    """What went over the lines of the stations that have none below them.

    Attributes:
        sent_bytes: compressed bytes upward, those of sessions whose line broke as well.
        failed_at: syncs that broke off and were begun again, by station.
    """

    sent_bytes: int = 0
    syncs: int = 0
    failed_at: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)


class Stage:
    """The county's machines.

    Args:
        plan: who takes part.
        folder: an empty folder.
    """

    def __init__(self, plan: Plan, folder: Path) -> None:
        self.plan = plan
        self.folder = folder
        self.homes: dict[str, Home] = {place.station: home_of(folder, place) for place in plan.places}
        self.people: Mapping[str, tuple[Person, ...]] = {
            place.station: staff_of(place, seed=plan.seed) for place in plan.places
        }
        self.lines: dict[str, Line] = {}
        self.wire = Wire()
        self.now_ms = at(plan.days[0], "07:30") - 24 * 60 * MINUTE_MS
        self.set_back_ms: dict[str, int] = {}
        self._first_ms = self.now_ms
        self._processes: dict[str, Process] = {}
        self._addresses: dict[str, str] = {}
        self._skews = {place.station: _skew(place, plan.seed) for place in plan.places}

    async def open(self) -> None:
        """Found the county, start every process and let every station serve."""
        clock = self.clock()
        await asyncio.to_thread(
            found_county, self.plan, self.homes, self.people, clock=clock, randomness=os.urandom
        )
        self.now_ms += MINUTE_MS
        for place in self.plan.places:
            if place.upstream:
                line = self.lines[place.station] = Line()
                self._addresses[place.station] = await line.start()
        shared = [self._process(f"shared-{number}") for number in range(SHARED_PROCESSES)]
        for number, place in enumerate(self.plan.places):
            own = number < OWN_PROCESS_MAX or len(self.plan.places) <= OWN_PROCESS_MAX + 1
            self._processes[place.station] = (
                self._process(place.station) if own else shared[number % SHARED_PROCESSES]
            )
        await asyncio.gather(*(one.start() for one in set(self._processes.values())))
        for group in (self.plan.places[:1], self.plan.places[1:]):
            await asyncio.gather(*(self.serve(place.station) for place in group))

    async def close(self) -> None:
        """Stop every station and process."""
        await asyncio.gather(*(process.close() for process in set(self._processes.values())))
        await asyncio.gather(*(line.close() for line in self.lines.values()))

    @property
    def processes(self) -> int:
        """How many processes run."""
        return len(set(self._processes.values()))

    def clock(self) -> DirectedClock:
        """Return a clock that stands at the moment."""
        clock = DirectedClock(bytes(16))
        clock.set(self.now_ms, self.now_ms - self._first_ms)
        return clock

    def advance(self, moment_ms: int) -> None:
        """Go on to a moment; at least a second passes."""
        self.now_ms = max(self.now_ms + 1_000, moment_ms)

    def time_at(self, station: str) -> int:
        """Return what a station's clock shows now."""
        return self.now_ms + self._skew_ms(station)

    async def serve(self, station: str, *, name: str = "", home: Home | None = None) -> None:
        """Let a station serve in its process; ``name`` and ``home`` are those of a second machine of it."""
        place, known = self.plan.place(station), name or station
        address = await self._ask(
            known, "start", dir=str((home or self.homes[station]).path), listen=place.has_below,
            upstream=self._addresses.get(station, ""), seed=self.plan.seed,
        )  # fmt: skip
        if place.has_below:
            port = int(str(address).rpartition(":")[2])
            for below in self.plan.below(station):
                self.lines[below.station].target_port = port

    async def stop(self, station: str) -> None:
        """Let a station stop serving, in order."""
        await self._ask(station, "stop")

    async def ask(self, station: str, do: str, **more: object) -> object:
        """Let a station do something and return what it tells.

        Raises:
            Refusal: it refuses.
        """
        return await self._ask(station, do, **more)

    async def perform(self, station: str, command: Message, *, name: str = "") -> dict[str, str]:
        """Let somebody at a station act; returns ids of act and case, token and number."""
        found = await self._ask(name or station, "act", **{"for": station, **command})
        return cast("dict[str, str]", found)

    async def begin(self, station: str, command: Message) -> asyncio.Future[object]:
        """Let somebody at a station begin to act; returns while it is under way."""
        message = {"station": station, "do": "act", "for": station, **command, **self._moment(station)}
        return await self._processes[station].begin(**message)

    async def sync(self, station: str, *, name: str = "") -> dict[str, object]:
        """Let a station sync until it succeeds; a line that breaks is tried again.

        Raises:
            Refusal: it fails for any other reason.
            StoreError: ``sync.unreachable`` when it never succeeds.
        """
        await self.show_time()
        for _ in range(TRIES_MAX):
            try:
                found = cast("dict[str, object]", await self._ask(name or station, "sync"))
            except Refusal as error:
                if error.code not in _BROKEN:
                    raise
                self._count_sent(station, error.params.get("sent_bytes", 0))
                if error.code == BUSY:
                    await asyncio.sleep(BUSY_PAUSE_S)
                else:
                    self.wire.failed_at[name or station] += 1
                continue
            self._count(station, found)
            return found
        raise StoreError("sync.unreachable", address=station)

    async def show_time(self) -> None:
        """Let every station see what time it is: they answer each other by their own clocks."""
        skews = {station: self._skew_ms(station) for station in self._skews}
        moment = {"now": self.now_ms, "skews": skews, "monotonic": self.now_ms - self._first_ms}
        await asyncio.gather(*(one.ask(do="clock", **moment) for one in set(self._processes.values())))

    async def kill(self, station: str) -> None:
        """End a station's process without warning, then start it anew."""
        process = self._processes[station]
        process.kill()
        await process.gone()
        await process.start()
        shared = [name for name, one in self._processes.items() if one is process]
        await asyncio.gather(*(self.serve(name) for name in shared))

    def twin_of(self, station: str, home: Home) -> str:
        """Return the name of a second machine that runs from a copy of a station's folder."""
        name = f"{station}+{home.path.name}"
        self._processes[name] = self._process(name)
        return name

    async def start_twin(self, station: str, name: str, home: Home) -> None:
        """Start the second machine."""
        await self._processes[name].start()
        await self.serve(station, name=name, home=home)

    async def end_twin(self, name: str) -> None:
        """Stop the second machine."""
        await self._processes.pop(name).close()

    async def restore(self, station: str, backup: Path, safe: bytes, keys: Path) -> None:
        """Replace a lost folder by a backup and the storage key from the office's safe; certify it anew."""
        home = self.homes[station]
        shutil.rmtree(home.path)
        shutil.copytree(backup, home.path)
        shutil.copy(keys, home.path / "case-keys.txt")
        home.complete()
        home.write_storage_key(safe)
        certify_anew(
            self.homes[self.plan.county.station], home, station, clock=self.clock(), randomness=os.urandom
        )
        await self.serve(station)

    def _process(self, name: str) -> Process:
        return Process(self.folder / f"{name.replace('+', '-')}.log")

    async def _ask(self, name: str, do: str, **more: object) -> object:
        moment = self._moment(name)
        return await self._processes[name].ask(**{"station": name, "do": do, **more, **moment})

    def _moment(self, name: str) -> dict[str, object]:
        return {"now": self.now_ms, "skew": self._skew_ms(name), "monotonic": self.now_ms - self._first_ms}

    def _skew_ms(self, name: str) -> int:
        station = name.partition("+")[0]
        return self.set_back_ms.get(station, 0) + self._skews[station]

    def _count(self, station: str, found: Mapping[str, object]) -> None:
        self.wire.syncs += 1
        self._count_sent(station, found["sent_bytes"])
        self.wire.notes += [f"{station} {note}" for note in cast(Iterable[str], found["notes"])]

    def _count_sent(self, station: str, count: object) -> None:
        if not self.plan.place(station).has_below:
            self.wire.sent_bytes += int(str(count))


def _skew(place: Place, seed: int) -> int:
    """Return how far a station's clock is off: the same in every run of a seed."""
    widest = _SKEW_MS[place.net]
    digits = int(place.station[:12].replace("-", "")) * 7919 + seed * 104_729 + len(place.name)
    return digits % (2 * widest + 1) - widest if place.level != "county" else 0
