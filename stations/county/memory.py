"""What the director knows of who knows what: so that nobody is asked to go on with a case unseen.

It follows the planned syncs alone, not what really arrived; where the two differ, a station refuses what the
director asks of it, and the demonstration fails: that would be a fault of the product.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from stations.county.plan import Plan
from stations.county.scripts import Applicant, Step


@dataclass(slots=True, kw_only=True)
class Case:
    """One case under way.

    Attributes:
        key: station where it was received, and its number there in the director's book.
        acts: ids of its acts so far, in hexadecimal digits.
        touched: stations that acted in it or were offered it.
    """

    key: str
    item: str
    applicant: Applicant
    steps: list[Step]
    case_id: str = ""
    token: str = ""
    acts: list[str] = field(default_factory=list)
    touched: set[str] = field(default_factory=set)

    @property
    def next(self) -> Step | None:
        """The step that comes next; None at the end."""
        return self.steps[len(self.acts)] if len(self.acts) < len(self.steps) else None


class Memory:
    """Which acts of which cases each station holds, as far as the planned syncs tell.

    Args:
        plan: who takes part.
    """

    def __init__(self, plan: Plan) -> None:
        self._upstream = {place.station: place.upstream for place in plan.places}
        self._below = {
            place.station: [one.station for one in plan.below(place.station)] for place in plan.places
        }
        self._known: dict[str, dict[str, set[int]]] = {place.station: {} for place in plan.places}
        self._changed: dict[tuple[str, str], set[str]] = {}
        self._subtree = {place.station: self._all_below(place.station) for place in plan.places}
        self.cases: dict[str, Case] = {}

    def acted(self, case: Case, station: str, *, offered_to: str = "") -> None:
        """Remember an act that was done at a station; the case already lists it."""
        self.cases[case.key] = case
        case.touched |= {station, offered_to} - {""}
        self._learn(station, case.key, {len(case.acts) - 1})

    def knows_all(self, station: str, case: Case) -> bool:
        """Whether a station holds every act of a case."""
        return len(self._known[station].get(case.key, ())) == len(case.acts)

    def synced(self, stations: Iterable[str]) -> list[str]:
        """Take in that some stations synced with those above at the same time; returns who may know more."""
        met = [(station, self._upstream[station]) for station in stations]
        # What two of them told the one above at the same moment need not have come down to the other yet.
        down = [(upper, lower, self._taken(upper, lower)) for lower, upper in met]
        up = [(lower, upper, self._taken(lower, upper)) for lower, upper in met]
        for giver, taker, keys in (*down, *up):
            for key, acts in keys:
                if taker == self._upstream[giver] or self.cases[key].touched & self._subtree[taker]:
                    self._learn(taker, key, acts)
        return sorted({station for pair in met for station in pair})

    def _taken(self, giver: str, taker: str) -> list[tuple[str, set[int]]]:
        keys = sorted(self._changed.pop((giver, taker), ()))
        return [(key, set(self._known[giver][key])) for key in keys]

    def _learn(self, station: str, key: str, acts: set[int]) -> None:
        known = self._known[station].setdefault(key, set())
        if acts <= known:
            return
        known |= acts
        for peer in (self._upstream[station], *self._below[station]):
            if peer:
                self._changed.setdefault((station, peer), set()).add(key)

    def _all_below(self, station: str) -> frozenset[str]:
        found = {station}
        for one in self._below[station]:
            found |= self._all_below(one)
        return frozenset(found)
