"""What is planted among machines: processes that die, folders lost or copied, sticks that are lost."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path
from typing import cast

from ledger.facade import Home
from ledger.lawtime import MINUTE_MS
from stations.county.director import Director
from stations.county.hours import at
from stations.county.memory import Case
from stations.county.picture import Picture
from stations.county.plan import Place
from stations.county.plants import FORK, PROOF, Outcome, day_of, opening, step_at, waiting_at

KILL_AFTER_S = (0.0, 0.002, 0.006)
LOGS_AFTER = 2


class Killed:
    """A process that is killed while it writes an act."""

    name = "killed_while_writing"

    def __init__(self, place: Place) -> None:
        self.place = place
        self.kills = self.kept = self.repeated = self.missing = 0
        self.case: Case | None = None

    def plan(self, director: Director) -> None:
        """Kill it several times, at other moments of the write."""

        async def receive() -> None:
            self.case = opening(director, self.place, PROOF, "killed")
            await director.act(self.case, self.case.steps[0])

        async def kill(after_s: float) -> None:
            await self._kill(director, cast(Case, self.case), after_s)

        day = day_of(director, 1)
        director.at(at(day, "14:20"), receive)
        for number, after_s in enumerate(KILL_AFTER_S):
            director.at(at(day, "14:25") + number * MINUTE_MS, lambda after_s=after_s: kill(after_s))  # type: ignore[misc]

    async def _kill(self, director: Director, case: Case, after_s: float) -> None:
        stage, station = director.stage, self.place.station
        step = step_at(director, self.place, "note", "window", {"text_code": "progress"})
        command = director.command(case, step, at_ms=stage.time_at(station))
        under_way = await stage.begin(station, command)
        await asyncio.sleep(after_s)
        await stage.kill(station)
        self.kills += 1
        confirmed = under_way.done() and under_way.exception() is None
        held = await self._held(director, case)
        self.missing += await self._lost(director)
        new = [act for act in held if act not in case.acts]
        if new:
            self.kept += 1
            director.note(case, step, {"act": new[0], "case": case.case_id, "token": ""})
            return
        self.missing += confirmed
        self.repeated += 1
        director.note(case, step, await stage.perform(station, command))

    async def _lost(self, director: Director) -> int:
        """Return how many confirmed acts of the station's own cases are not there any more."""
        lost = 0
        for case in list(director.memory.cases.values()):
            if case.touched == {self.place.station}:
                held = await self._held(director, case)
                lost += sum(act not in held for act in case.acts)
        return lost

    async def _held(self, director: Director, case: Case) -> list[str]:
        return cast("list[str]", await director.stage.ask(self.place.station, "has", case=case.case_id))

    async def end(self, director: Director) -> None:
        """Nothing is left to ask."""

    def outcome(self, picture: Picture) -> Outcome:
        """Survived when nothing that was confirmed is missing."""
        params = {"kills": self.kills, "kept": self.kept, "repeated": self.repeated}
        shown = self.kills == len(KILL_AFTER_S) and self.missing == 0
        return Outcome(name=self.name, shown=shown, where=self.place.name, params=params)


class Restored:
    """A station whose folder is lost and comes out of yesterday's backup."""

    name = "restored_from_backup"

    def __init__(self, place: Place) -> None:
        self.place = place
        self.before: dict[str, str] = {}
        self.after: dict[str, str] = {}
        self.logs: list[dict[str, object]] = []

    def plan(self, director: Director) -> None:
        """Back up one evening, lose everything the next afternoon."""
        stage, station = director.stage, self.place.station
        target = stage.folder / "backups" / station
        safe: list[tuple[Path, bytes]] = []

        async def back_up() -> None:
            folder = await stage.ask(station, "backup", to=str(target))
            safe.append((Path(str(folder)), stage.homes[station].storage_key()))

        async def lose() -> None:
            await director.sync(station)
            self.before = cast("dict[str, str]", await stage.ask(station, "digests"))
            await stage.stop(station)
            backup, key = safe[0]
            await stage.restore(station, backup, key, target / "case-keys.txt")
            await director.sync(station)
            self.after = cast("dict[str, str]", await stage.ask(station, "digests"))
            case = opening(director, self.place, PROOF, "restored")
            await director.act(case, case.steps[0])
            self.logs = cast("list[dict[str, object]]", await stage.ask(station, "logs"))

        director.at(
            at(day_of(director, len(director.plan.days) - 2 if len(director.plan.days) < 3 else 1), "17:10"),
            back_up,
        )
        director.at(at(day_of(director, 2), "14:05"), lose)

    async def end(self, director: Director) -> None:
        """Nothing is left to ask."""

    def outcome(self, picture: Picture) -> Outcome:
        """Survived when every case is as before, and the work goes on in a new log."""
        own = [log for log in self.logs if log["own"] and log["kind"] == "station"]
        same = sum(self.after.get(case) == digest for case, digest in self.before.items())
        shown = bool(self.before) and same == len(self.before) and len(own) >= LOGS_AFTER
        params = {"cases": same, "logs": len(own)}
        return Outcome(name=self.name, shown=shown, where=self.place.name, params=params)


class Cloned:
    """Two machines that run from one disk image."""

    name = "cloned_station"

    def __init__(self, place: Place) -> None:
        self.place = place
        self.cases: list[Case] = []
        self.sealed: list[str] = []
        self.home: Home | None = None

    def plan(self, director: Director) -> None:
        """Copy the folder at noon; let both machines work and sync."""
        stage, station = director.stage, self.place.station

        async def copy_and_work() -> None:
            await director.sync(station)
            await stage.stop(station)
            path = stage.homes[station].path
            home = self.home = Home(path.with_name(f"{path.name}-clone"))
            shutil.copytree(path, home.path, ignore=shutil.ignore_patterns("*.sock"))
            await stage.serve(station)
            name = stage.twin_of(station, home)
            await stage.start_twin(station, name, home)
            for label in ("mine", "theirs", "theirs too"):
                await self._receive(director, label, name if label != "mine" else "")
            for label, machine in (("theirs later", name), ("mine later", "")):
                await self._sync(director, "" if machine else name)
                await self._sync(director, machine)
                await self._receive(director, label, machine)
                await self._sync(director, machine)
            await stage.end_twin(name)

        director.at(at(day_of(director, 2), "15:20"), copy_and_work)

    async def _receive(self, director: Director, label: str, name: str) -> None:
        director.stage.advance(director.stage.now_ms + MINUTE_MS)
        case = opening(director, self.place, PROOF, label)
        await director.act(case, case.steps[0], name=name)
        self.cases.append(case)

    async def _sync(self, director: Director, name: str) -> None:
        found = await director.stage.sync(self.place.station, name=name)
        self.sealed += [pair[1] for pair in cast("list[list[str]]", found["sealed"])]
        director.heard(director.memory.synced([self.place.station]))

    async def end(self, director: Director) -> None:
        """Nothing is left to ask."""

    def outcome(self, picture: Picture) -> Outcome:
        """Found when the county knows of the fork, survived when it has the acts of both."""
        there = sum(picture.case(case.case_id) is not None for case in self.cases)
        forks = [
            one for one in picture.sync_findings if one.code == FORK and one.station == self.place.station
        ]
        shown = bool(forks) and there == len(self.cases) and bool(self.sealed)
        params = {"branches": len(forks), "acts": there}
        return Outcome(name=self.name, shown=shown, where=self.place.name, params=params)


class BySticks:
    """A village without network: a stick goes to the township and back; once lost, once read twice."""

    name = "stick_lost_and_twice"

    def __init__(self, place: Place) -> None:
        self.place = place
        self.trips = self.lost = self.after_loss = 0
        self.again = -1
        self.waiting = -1

    def plan(self, director: Director) -> None:
        """Travel on market days."""
        director.by_stick.add(self.place.station)

        async def first() -> None:
            await self._down(director)

        async def lose() -> None:
            await self._trip(director, is_lost=True)

        async def twice() -> None:
            await self._trip(director, is_twice=True)

        async def plain() -> None:
            await self._trip(director)

        director.at(at(director.plan.days[0], "08:05"), first)
        director.at(at(day_of(director, 1), "16:50"), lose)
        director.at(at(day_of(director, 2), "16:55"), twice)
        for number in range(4, len(director.plan.days), 3):
            director.at(at(director.plan.days[number], "11:30"), plain)

    async def end(self, director: Director) -> None:
        """Travel until nothing is left to give."""
        for _ in range(2):
            await self._trip(director)
            await director.sync(self.place.upstream)
        self.waiting = (await waiting_at(director, self.place))[0]

    async def _trip(self, director: Director, *, is_lost: bool = False, is_twice: bool = False) -> None:
        stage, station, town = director.stage, self.place.station, self.place.upstream
        await stage.show_time()
        stick = str(stage.folder / "sticks" / f"{station}-{self.trips}")
        self.trips += 1
        files = await stage.ask(station, "export", receiver=town, stick=stick)
        if is_lost:
            self.lost += 1
            shutil.rmtree(stick)
            return
        found = cast("dict[str, object]", await stage.ask(town, "import", files=files))
        if is_twice:
            self.after_loss = cast(int, found["new"])
            again = cast("dict[str, object]", await stage.ask(town, "import", files=files))
            self.again = cast(int, again["new"])
        await self._down(director)

    async def _down(self, director: Director) -> None:
        stage, station, town = director.stage, self.place.station, self.place.upstream
        back = str(stage.folder / "sticks" / f"{town}-{station}-{self.trips}")
        told = cast("list[str]", await stage.ask(town, "confirm", receiver=station, stick=back))
        down = cast("list[str]", await stage.ask(town, "export", receiver=station, stick=back))
        await stage.ask(station, "import", files=[*told, *down])
        director.heard(director.memory.synced([station]))

    def outcome(self, picture: Picture) -> Outcome:
        """Survived when a later stick made up for the lost one, and reading twice brought nothing new."""
        shown = self.lost == 1 and self.after_loss > 0 and self.again == 0 and self.waiting == 0
        params = {"trips": self.trips, "new": self.after_loss}
        return Outcome(name=self.name, shown=shown, where=self.place.name, params=params)
