"""What is planted: things that go wrong in a county, each with a check that it was found or survived.

Every plant has a name, is planned before the first day where the plan has room for it, and is asked at the
end what came of it. Texts for people lie under ``demo.planted`` and ``demo.found`` in the catalogue.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Protocol, cast

from ledger.lawtime import DAY_MS
from ledger.types import Facts
from stations.county.director import Director
from stations.county.hours import at
from stations.county.memory import Case
from stations.county.picture import Picture
from stations.county.plan import Place
from stations.county.scripts import REMEDY, Applicant, Step, item_of

ALLOWANCE = "990102800028"
"""高龄津贴申领: received at villages and townships, decided at the township."""
PROOF = "990104200042"
"""村(社区)证明开具: received and decided at the village."""
LATE_UNMARKED, BEFORE_PARENT, FORK = "case.finding.late_unmarked", "case.finding.before_parent", "log.fork"
YEAR_MS = 365 * DAY_MS


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of a plant: whether it was found or survived, where, and numbers for its text."""

    name: str
    shown: bool
    where: str = ""
    params: Mapping[str, object] = field(default_factory=dict)


class Plant(Protocol):
    """One thing that goes wrong."""

    name: str

    def plan(self, director: Director) -> None:
        """Let it happen in the days to come."""

    async def end(self, director: Director) -> None:
        """Look at the stations once more, after everybody has synced and before they stop."""

    def outcome(self, picture: Picture) -> Outcome:
        """Return what came of it, by the county's picture."""


def day_of(director: Director, number: int) -> date:
    """Return a day of the plan by its number from 0; the last one for all that are beyond."""
    days = director.plan.days
    return days[min(number, len(days) - 1)]


def step_at(director: Director, place: Place, action: str, role: str, facts: Facts | None = None) -> Step:
    """Return a step of somebody with a role at a station."""
    return Step(
        action=action,
        station=place.station,
        staff=director.scripts.who(place.station, role),
        facts=facts or {},
    )


def opening(
    director: Director, place: Place, code: str, label: str, applicant: Applicant | None = None
) -> Case:
    """Return a case of a made-up applicant whose only step so far is its receipt, all papers at hand."""
    rng = random.Random(f"{director.plan.seed} plant {label}")
    who = applicant or director.scripts.applicant(rng)
    item = item_of(code)
    facts: Facts = {
        "item": code, "applicant_kind": "person", "channel": "counter",
        "materials": [key for key, one in item.materials.items() if one.source != "shared"],
    }  # fmt: skip
    if item.proofs:
        facts["proof_kind"] = "residence_fact"
    step = Step(
        action="receive", station=place.station, staff=director.scripts.who(place.station, "window"),
        facts=facts, personal=who.personal(label),
    )  # fmt: skip
    case = director.new_case(place, code, rng, steps=[step])
    case.applicant = who
    return case


class DroppingLine:
    """A line that breaks again and again, at odd byte counts."""

    name = "dropping_links"

    def __init__(self, place: Place) -> None:
        self.place = place
        self.waiting = -1

    def plan(self, director: Director) -> None:
        """Cut the next connections before each sync."""
        rng = random.Random(f"{director.plan.seed} cuts")
        line = director.stage.lines[self.place.station]

        def cut() -> None:
            line.hang_up()
            line.cut_next([rng.randrange(101, 9_001, 2) for _ in range(rng.randrange(1, 4))])

        director.before_sync[self.place.station] = cut

    async def end(self, director: Director) -> None:
        """Ask what the station above has not confirmed."""
        self.waiting = (await waiting_at(director, self.place))[0]
        self.cuts = director.stage.lines[self.place.station].cuts_made
        self.failed = director.stage.wire.failed_at[self.place.station]

    def outcome(self, picture: Picture) -> Outcome:
        """Found when it was cut, and survived when the county has everything."""
        shown = self.cuts > 0 and self.failed > 0 and self.waiting == 0
        return Outcome(
            name=self.name,
            shown=shown,
            where=self.place.name,
            params={"cuts": self.cuts, "failed": self.failed},
        )


class OfflineVillage:
    """A village without any line for six days."""

    name = "six_days_offline"

    def __init__(self, place: Place) -> None:
        self.place = place
        self.held_back = self.silent_days = self.waiting = -1

    def plan(self, director: Director) -> None:
        """Take the line away on the second day, give it back on the eighth."""
        line = director.stage.lines[self.place.station]

        async def go() -> None:
            director.offline.add(self.place.station)
            line.is_up = False
            line.hang_up()

        async def back() -> None:
            self.held_back = (await waiting_at(director, self.place))[0]
            contacts = await heard_at(director, director.plan.county)
            silent_ms = director.stage.now_ms - contacts[self.place.station]["heard"]
            self.silent_days = silent_ms // DAY_MS
            director.offline.discard(self.place.station)
            line.is_up = True

        director.at(at(day_of(director, 1), "07:55"), go)
        director.at(at(day_of(director, 7), "08:20"), back)

    async def end(self, director: Director) -> None:
        """Ask what the station above has not confirmed."""
        self.waiting = (await waiting_at(director, self.place))[0]

    def outcome(self, picture: Picture) -> Outcome:
        """Found when the county saw it silent, survived when everything came."""
        shown = self.silent_days >= 6 and self.held_back > 0 and self.waiting == 0
        params = {"days": self.silent_days, "held": self.held_back}
        return Outcome(name=self.name, shown=shown, where=self.place.name, params=params)


class WrongClock:
    """A station whose clock falls back to the year 2000 for a morning."""

    name = "clock_2000"

    def __init__(self, place: Place) -> None:
        self.place = place
        self.case: Case | None = None
        self.off_years = 0

    def plan(self, director: Director) -> None:
        """Receive a case, let the clock fall back, hand the case over, sync, set the clock right."""
        station, day = self.place.station, day_of(director, 2)
        town = director.plan.place(self.place.upstream)

        async def receive() -> None:
            self.case = opening(director, self.place, ALLOWANCE, "clock")
            await director.act(self.case, self.case.steps[0])

        async def fall_back() -> None:
            director.stage.set_back_ms[station] = at(date(2000, 1, 1), "08:40") - director.stage.now_ms
            if self.case is not None:
                step = step_at(director, self.place, "hand_over", "window", {"to": town.station})
                self.case.steps += [step, step_at(director, town, "take_over", "window"),
                                    step_at(director, town, "accept", "officer")]  # fmt: skip
                await director.go_on(self.case)

        async def look() -> None:
            heard = (await heard_at(director, town)).get(station, {"heard": 0, "said": 0})
            self.off_years = round((heard["heard"] - heard["said"]) / YEAR_MS)

        async def put_right() -> None:
            del director.stage.set_back_ms[station]

        for text, happening in (
            ("08:36", receive),
            ("08:41", fall_back),
            ("10:45", look),
            ("12:10", put_right),
        ):
            director.at(at(day, text), happening)

    async def end(self, director: Director) -> None:
        """Nothing is left to ask."""

    def outcome(self, picture: Picture) -> Outcome:
        """Found at the township by what the clock said, and in the case by an act before its parent."""
        case = picture.case(self.case.case_id if self.case else "")
        shown = self.off_years in (26, 27) and case is not None and case.has_finding(BEFORE_PARENT)
        where = "" if case is None else case.number
        return Outcome(name=self.name, shown=shown, where=where, params={"years": self.off_years})


class Backdated:
    """An acceptance signed after midnight that claims the day before: later the desk would refuse it."""

    name = "backdated_acceptance"

    def __init__(self, place: Place) -> None:
        self.place = place
        self.case: Case | None = None

    def plan(self, director: Director) -> None:
        """Receive on one day, accept in the night after it and claim the day before."""

        async def receive() -> None:
            self.case = opening(director, self.place, ALLOWANCE, "backdated")
            await director.act(self.case, self.case.steps[0])

        async def accept() -> None:
            if self.case is not None:
                step = step_at(director, self.place, "accept", "officer")
                claimed_ms = at(day_of(director, 0), "22:30")
                await director.act(self.case, step, at_ms=claimed_ms)

        director.at(at(day_of(director, 0), "15:20"), receive)
        director.at(at(day_of(director, 0), "23:59") + 31 * 60_000, accept)

    async def end(self, director: Director) -> None:
        """Nothing is left to ask."""

    def outcome(self, picture: Picture) -> Outcome:
        """Found when the county's case says so."""
        case = picture.case(self.case.case_id if self.case else "")
        shown = case is not None and case.has_finding(LATE_UNMARKED)
        return Outcome(name=self.name, shown=shown, where="" if case is None else case.number)


class Twins:
    """One person who asks for the same thing at two villages on the same morning."""

    name = "twins"

    def __init__(self, places: tuple[Place, Place]) -> None:
        self.places = places
        self.cases: list[Case] = []

    def plan(self, director: Director) -> None:
        """Receive at both before either has synced."""
        applicant = director.scripts.applicant(random.Random(f"{director.plan.seed} twins"))

        async def receive(place: Place) -> None:
            case = opening(director, place, ALLOWANCE, "twins", applicant)
            self.cases.append(case)
            await director.act(case, case.steps[0])

        first, second = self.places
        director.at(at(day_of(director, 0), "09:05"), lambda: receive(first))
        director.at(at(day_of(director, 0), "09:25"), lambda: receive(second))

    async def end(self, director: Director) -> None:
        """Nothing is left to ask."""

    def outcome(self, picture: Picture) -> Outcome:
        """Found when the county links both."""
        wanted = {case.case_id for case in self.cases}
        pair = next((pair for pair in picture.twins if wanted <= set(pair)), ())
        numbers = [case.number for case_id in pair if (case := picture.case(case_id)) is not None]
        return Outcome(name=self.name, shown=bool(pair), where=" · ".join(numbers))


class TwoDeciders:
    """Two townships that decide one case without knowing of each other."""

    name = "two_stations_decide"

    def __init__(self, first: Place, second: Place) -> None:
        self.first, self.second = first, second
        self.case: Case | None = None
        self.seen_open = False

    def plan(self, director: Director) -> None:
        """Hand over, recall and decide here while it is taken over and decided there; a head settles it."""
        first, second, day = self.first, self.second, day_of(director, 1)

        async def prepare() -> None:
            case = self.case = opening(director, first, ALLOWANCE, "conflict")
            await director.act(case, case.steps[0])
            await director.act(case, step_at(director, first, "accept", "officer"))
            await director.act(case, step_at(director, first, "hand_over", "window", {"to": second.station}))
            await director.sync(first.station)
            await director.sync(second.station)

        async def apart() -> None:
            case = cast(Case, self.case)
            grant: Facts = {"result": "grant"}
            refuse: Facts = {"result": "refuse", **REMEDY}
            await director.act(
                case, step_at(director, first, "recall_hand_over", "window", {"reason": "withdrawn"})
            )
            await director.act(case, step_at(director, first, "decide", "officer", grant))
            await director.act(case, step_at(director, second, "take_over", "window"))
            await director.act(case, step_at(director, second, "decide", "officer", refuse))

        async def settle() -> None:
            await self._settle(director)

        director.at(at(day, "11:05"), prepare)
        director.at(at(day, "11:20"), apart)
        director.at(at(day, "15:10"), settle)

    async def _settle(self, director: Director) -> None:
        case, county = cast(Case, self.case), director.plan.county
        found = await director.stage.ask(county.station, "contested", case=case.case_id)
        conflicts = [one for one in cast("list[dict[str, object]]", found) if one["open"]]
        acts = {act for one in conflicts for act in cast("list[str]", one["kept"])}
        acts |= {act for one in conflicts for act in cast("list[str]", one["contested"])}
        self.seen_open = len(acts) > 1
        # The head follows the station that had the case; its acts came third and fourth into the book.
        mine = set(case.acts[3:5])
        facts: Facts = {
            "uphold": [bytes.fromhex(act) for act in case.acts if act in acts & mine],
            "set_aside": [bytes.fromhex(act) for act in case.acts if act in acts - mine],
            "reason": "移交已撤回，以撤回方的决定为准",
        }
        await director.act(case, step_at(director, county, "adjudicate", "head", facts))

    async def end(self, director: Director) -> None:
        """Nothing is left to ask."""

    def outcome(self, picture: Picture) -> Outcome:
        """Found when the county showed both and the head's word stands."""
        case = picture.case(self.case.case_id if self.case else "")
        shown = self.seen_open and case is not None and case.conflicts > 0 and not case.in_conflict
        return Outcome(name=self.name, shown=shown, where="" if case is None else case.number)


async def waiting_at(director: Director, place: Place) -> list[int]:
    """Return how many entries of a station the one above has not confirmed, and since when."""
    return cast("list[int]", await director.stage.ask(place.station, "waiting"))


async def heard_at(director: Director, place: Place) -> dict[str, dict[str, int]]:
    """Return what a station has heard of those below."""
    return cast("dict[str, dict[str, int]]", await director.stage.ask(place.station, "contacts"))
