"""A courier with a stick between a station without network and the one above.

The stick holds the same sections as a session: a request on the way up, an answer on the way down. It may get
lost, be applied twice, come late or in the wrong order. Once ``ledger.bundle`` files are made by the product
itself, ``carry_up`` and ``carry_down`` are the two places to put them in.
"""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING

from ledger.errors import BanjianError
from sync.requester import Guesses, Requester
from tests.faults.disk import PowerCutError
from tests.simulation.county import apply_answer, apply_request

if TYPE_CHECKING:
    from tests.simulation.place import Place
    from tests.simulation.world import World


class Courier:
    """Goes between one place and the one above."""

    def __init__(self, world: World, lower: Place, upper: Place) -> None:
        self.world, self.lower, self.upper = world, lower, upper
        self.rng = random.Random(f"courier {world.seed} {lower.name}")
        self.guesses = Guesses()
        self.up: list[bytes] = []
        self.down: list[bytes] = []

    async def run(self, end_s: float) -> None:
        """Part the network, and walk instead of it."""
        link = self.lower.name, self.upper.name
        self.world.net.part(link)
        while self.world.loop.now < end_s and not self.world.healing:
            await asyncio.sleep(self.rng.uniform(8, 30) * 3_600)
            for step in (self.carry_up, self.apply_up, self.carry_down):
                try:
                    step()
                except PowerCutError:
                    pass
                except BanjianError as error:
                    self.world.failures[f"courier {error.code}"] += 1
        self.world.net.parted.discard(link)

    def carry_up(self) -> None:
        """Write a stick at the lower station."""
        if not _can(self.lower):
            return
        requester = self._requester()
        self.up.append(b"".join(requester.request([])))
        self.world.tally["sticks"] += 1
        self.world.loop.trace("stick", self.lower.name, len(self.up[-1]))

    def apply_up(self) -> None:
        """Apply a stick above: the newest, an old one again, or none because it was lost."""
        if not self.up or not _can(self.upper) or self.rng.random() < 0.25:
            return
        for _ in range(self.rng.choice((1, 1, 2))):
            request = self.up[-1] if self.rng.random() < 0.7 else self.rng.choice(self.up)
            answer = apply_request(
                self.upper.exchange, self.lower.station, request, now_ms=self.upper.clock.now_ms()
            )
            self.down.append(answer)

    def carry_down(self) -> None:
        """Apply an answer below, perhaps twice, perhaps an old one."""
        if not self.down or not _can(self.lower) or self.rng.random() < 0.25:
            return
        for _ in range(self.rng.choice((1, 1, 2))):
            answer = self.down[-1] if self.rng.random() < 0.7 else self.rng.choice(self.down)
            apply_answer(self._requester(), self.lower.exchange, answer)
            self.world.oracle.collect_receipts(self.lower)

    def _requester(self) -> Requester:
        lower = self.lower
        return Requester(
            lower.exchange,
            self.upper.station,
            now_ms=lower.clock.now_ms(),
            version="stick",
            guesses=self.guesses,
        )


def _can(place: Place) -> bool:
    return place.up and not place.disk.dead
