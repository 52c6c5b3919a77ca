"""The director: lives through the days, opens cases, lets people go on with them, lets stations sync.

Everything happens one after the other in the order of the made-up time, and only by the seed; what the real
machine does meanwhile (how fast, how often a line breaks, whether a process died before or after it wrote)
decides nothing. So the same seed gives the same acts.
"""

from __future__ import annotations

import asyncio
import heapq
import random
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from ledger.lawtime import MINUTE_MS
from ledger.types import Facts
from stations.county.forms import Message, to_plain
from stations.county.hours import at, is_working_day, later, next_open
from stations.county.memory import Case, Memory
from stations.county.plan import Place, Plan
from stations.county.scripts import Scripts, Step, item_of
from stations.county.stage import Stage

Happening = Callable[[], Awaitable[None]]
ROUNDS = ("10:40", "14:40", "16:40")
HOLIDAY_ROUND = "10:40"
AT_ONCE_MAX = 6
_OPENINGS = {"county": 2, "township": 3, "village": 2, "kiosk": 2, "agent": 1}
"""Cases that are received at a station of a level on a working day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What the director tells while it plays: the day, and how far it has come."""

    day: date
    acts: int
    cases: int
    syncs: int


class Director:
    """Plays the days.

    Args:
        stage: the machines.
        told: is told how far it has come.
    """

    def __init__(self, stage: Stage, told: Callable[[Told], None]) -> None:
        self.stage = stage
        self.plan: Plan = stage.plan
        self.scripts = Scripts(self.plan, stage.people)
        self.memory = Memory(self.plan)
        self.offline: set[str] = set()
        self.by_stick: set[str] = set()
        self.before_sync: dict[str, Callable[[], None]] = {}
        self.acts = 0
        self.acts_below = 0
        self._told = told
        self._heap: list[tuple[int, int, Happening]] = []
        self._order = 0
        self._waiting: dict[str, list[Case]] = {place.station: [] for place in self.plan.places}
        self._opened: dict[str, int] = {}
        self._end_ms = at(self.plan.days[-1], "18:00")

    def at(self, moment_ms: int, happening: Happening) -> None:
        """Let something happen at a moment; at the same moment in the order of asking."""
        self._order += 1
        heapq.heappush(self._heap, (moment_ms, self._order, happening))

    async def play(self) -> None:
        """Live through all days."""
        for day in self.plan.days:
            self._plan_day(day)
        while self._heap:
            moment_ms, _, happening = heapq.heappop(self._heap)
            if moment_ms > self._end_ms:
                continue
            self.stage.advance(moment_ms)
            await happening()
            self._tell()

    async def wake(self) -> None:
        """Let every station get registry and catalogue before the first day."""
        self.stage.advance(at(self.plan.days[0], "07:40"))
        await self.sync_round(wake=True)

    async def settle(self) -> None:
        """Let everybody sync until nothing is left to give."""
        self.stage.advance(self._end_ms)
        self.offline.clear()
        for _ in range(2):
            await self.sync_round()

    # --- cases -------------------------------------------------------------------------------------------

    def new_case(self, place: Place, code: str, rng: random.Random, steps: Sequence[Step] = ()) -> Case:
        """Return a new case of an item at a station, with a script of its own unless one is given."""
        number = self._opened[place.station] = self._opened.get(place.station, 0) + 1
        applicant = self.scripts.applicant(rng)
        written = list(steps) or self.scripts.write(place, item_of(code), applicant, rng)
        return Case(key=f"{place.station}#{number:03d}", item=code, applicant=applicant, steps=written)

    async def open_case(self, place: Place, rng: random.Random) -> None:
        """Let somebody come to a station."""
        item = self.scripts.choose(place, rng)
        if item is not None:
            await self.go_on(self.new_case(place, item.base_code, rng))

    async def go_on(self, case: Case) -> None:
        """Do the next step of a case and plan the one after it."""
        step = case.next
        if step is not None:
            await self.act(case, step)
            self.follow(case)

    def follow(self, case: Case) -> None:
        """Plan the next step of a case, now or when its station has heard of everything before it."""
        step = case.next
        if step is None:
            return
        if not self.memory.knows_all(step.station, case):
            self._waiting[step.station].append(case)
            return
        moment_ms = later(next_open(self.stage.now_ms + step.delay_ms), step.days)
        if self.plan.place(step.station).level == "kiosk":
            moment_ms = self.stage.now_ms + step.delay_ms
        self.at(moment_ms, lambda: self.go_on(case))

    async def act(
        self, case: Case, step: Step, *, name: str = "", at_ms: int | None = None
    ) -> dict[str, str]:
        """Let somebody act; the case remembers it."""
        command = self.command(case, step, at_ms=at_ms)
        done = await self.stage.perform(step.station, command, name=name)
        self.note(case, step, done)
        return done

    def command(self, case: Case, step: Step, *, at_ms: int | None = None) -> Message:
        """Return a step as the station is told it."""
        facts: Facts = dict(step.facts)
        if step.second_of >= 0:
            facts["target"] = bytes.fromhex(case.acts[step.second_of])
        if step.token:
            facts["token"] = case.token.encode("ascii")
        return {
            "action": step.action,
            "staff": step.staff,
            "case": case.case_id,
            "facts": to_plain(facts),
            "personal": to_plain(step.personal),
            "at": at_ms,
        }

    def note(self, case: Case, step: Step, done: dict[str, str]) -> None:
        """Remember an act that was done."""
        case.acts.append(done["act"])
        case.case_id = done["case"]
        case.token = case.token or done["token"]
        self.memory.acted(case, step.station, offered_to=str(step.facts.get("to", "")))
        self.acts += 1
        goes_by_line = step.station not in self.by_stick
        self.acts_below += goes_by_line and not self.plan.place(step.station).has_below

    # --- syncs -------------------------------------------------------------------------------------------

    async def sync_round(self, *, wake: bool = False) -> None:
        """Let the stations sync: the lower ones, the townships, and the lower ones again for what came down.

        Args:
            wake: the first time of all: from above, for nobody below knows anything yet.
        """
        lower = [place.station for place in self.plan.places if place.upstream and not place.has_below]
        towns = [place.station for place in self.plan.townships]
        for group in (towns, lower) if wake else (lower, towns, lower):
            await self.sync(*group)

    async def sync(self, *stations: str) -> None:
        """Let stations sync at the same time, except those that are offline."""
        apart = self.offline | self.by_stick
        wanted = [station for station in stations if station not in apart]
        for station in wanted:
            self.before_sync.get(station, _nothing)()
        turn = asyncio.Semaphore(AT_ONCE_MAX)

        async def one(station: str) -> None:
            async with turn:
                await self.stage.sync(station)

        await asyncio.gather(*(one(station) for station in wanted))
        self.heard(self.memory.synced(wanted))

    def heard(self, stations: Iterable[str]) -> None:
        """Let stations that heard something go on with what waited for it."""
        for station in stations:
            waiting, self._waiting[station] = self._waiting[station], []
            for case in waiting:
                self.follow(case)

    # --- days --------------------------------------------------------------------------------------------

    def _plan_day(self, day: date) -> None:
        is_open = is_working_day(day)
        for place in self.plan.places:
            count = _OPENINGS[place.level] if is_open or place.level == "kiosk" else 0
            for number in range(count):
                rng = random.Random(f"{self.plan.seed} {day} {place.station} {number}")
                self._plan_opening(day, place, rng)
        for text in ROUNDS if is_open else (HOLIDAY_ROUND,):
            self.at(at(day, text), self.sync_round)

    def _plan_opening(self, day: date, place: Place, rng: random.Random) -> None:
        moment_ms = at(day, "08:40") + rng.randrange(8 * 60) * MINUTE_MS
        if place.level != "kiosk":
            moment_ms = next_open(moment_ms)
        if moment_ms < at(day, "18:00"):
            self.at(moment_ms, lambda: self.open_case(place, rng))

    def _tell(self) -> None:
        day = self.plan.days[0]
        for one in self.plan.days:
            if at(one, "00:00") <= self.stage.now_ms:
                day = one
        self._told(Told(day=day, acts=self.acts, cases=len(self.memory.cases), syncs=self.stage.wire.syncs))


def _nothing() -> None:
    """Do nothing before a sync."""
