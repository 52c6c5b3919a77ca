"""A courier with sticks between a station without network and those above, through the code of the product.

What is written are real sealed bundles in real files, in parts; what is read goes through the import that the
command line calls. A stick may get lost, or some of its parts; it may be applied twice, late, in any order,
or be taken straight to the county past the township.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from ledger.errors import BanjianError
from ledger.limits import BUNDLE_PART_BYTES_MAX
from ledger.types import StationId
from stations.kept.sticks import Imported, acknowledge, export_to, import_from
from sync.stick.bundlewriting import Order, SealedPart
from tests.faults.disk import PowerCutError
from tests.simulation.county import COUNTY

if TYPE_CHECKING:
    from tests.simulation.place import Place
    from tests.simulation.world import World

T = TypeVar("T")
Stick = list[Path]


class _OneCore(Executor):
    """Verifies at once: in one process with one virtual clock nothing runs beside anything else."""

    def submit(self, work: Callable[..., T], /, *args: object, **kwargs: object) -> Future[T]:
        future: Future[T] = Future()
        try:
            future.set_result(work(*args, **kwargs))
        except BanjianError as error:
            future.set_exception(error)
        return future


class Courier:
    """Goes between one place and the one above, or the county."""

    def __init__(self, world: World, lower: Place, upper: Place) -> None:
        self.world, self.lower, self.upper = world, lower, upper
        self.rng = random.Random(f"courier {world.seed} {lower.name}")
        self.folder = world.folder / f"sticks {lower.name} {world.next_number()}"
        self.sticks: dict[StationId, list[Stick]] = {}
        self.written = 0

    async def run(self, end_s: float) -> None:
        """Part the network, and walk instead of it."""
        link = self.lower.name, self.upper.name
        self.world.net.part(link)
        while self.world.loop.now < end_s and not self.world.healing:
            await asyncio.sleep(self.rng.uniform(8, 30) * 3_600)
            upper = self.world.main[StationId(self.lower.upstream or COUNTY)]
            goal = self.world.main[COUNTY] if self.rng.random() < 0.15 else upper
            for giver, taker in ((self.lower, goal), (goal, self.lower)):
                self._try(lambda giver=giver, taker=taker: self.write(giver, taker))
                await asyncio.sleep(self.rng.uniform(0.2, 4) * 3_600)
                self._try(lambda taker=taker: self.apply(taker))
        self.world.net.parted.discard(link)

    def bring(self) -> bool:
        """Take everything up and what is said to it back; whether anything was new."""
        before = self._held()
        for giver, taker in ((self.lower, self.upper), (self.upper, self.lower)):
            if giver is self.lower:
                self.write(giver, taker)
            if known := self.sticks.get(taker.station):
                self._take(taker, known[-1])
        return self._held() != before

    def _held(self) -> object:
        """Return what walking can change: entries above, receipts below."""
        lower, above = self.lower.exchange.held, self.world.above[self.lower.station] - {self.lower.station}
        scope = lower.scope(self.lower.station)
        held = self.upper.exchange.held
        return (
            held.states(scope, county=False),
            held.branches(scope),
            [*map(lower.receipts_by, sorted(above))],
        )

    def _try(self, step: Callable[[], None]) -> None:
        try:
            step()
        except PowerCutError:
            pass
        except BanjianError as error:
            self.world.failures[f"courier {error.code}"] += 1

    def write(self, giver: Place, taker: Place) -> None:
        """Write a stick for a station."""
        if not _can(giver):
            return
        order = Order(
            receiver=taker.station,
            now_ms=giver.clock.now_ms(),
            version="stick",
            everything=self.rng.random() < 0.05,
            part_bytes=self.rng.choice((16 << 10, 64 << 10, BUNDLE_PART_BYTES_MAX)),
        )
        folder = self._folder()
        steps = export_to(giver.exchange, folder, order, randomness=giver.randomness)
        files = [folder / step.name for step in steps if isinstance(step, SealedPart)]
        self._keep(taker.station, files)
        self.world.tally["sticks"] += 1
        self.world.loop.trace("stick", giver.name, taker.name, [file.stat().st_size for file in files])

    def apply(self, taker: Place) -> None:
        """Apply the newest stick, an old one again, a part of one, or none because it was lost."""
        known = self.sticks.get(taker.station)
        if not known or not _can(taker) or self.rng.random() < 0.2:
            return
        for _ in range(self.rng.choice((1, 1, 2))):
            stick = known[-1] if self.rng.random() < 0.7 else self.rng.choice(known)
            files = [file for file in stick if self.rng.random() > 0.1]
            self.rng.shuffle(files)
            if self.rng.random() < 0.3:
                for file in files:
                    self._take(taker, [file])
            elif files:
                self._take(taker, files)

    def _take(self, taker: Place, files: Stick) -> None:
        found = Imported()
        now_ms = taker.clock.now_ms()
        for _ in import_from(taker.exchange, files, found, now_ms=now_ms, cores=_OneCore()):
            pass
        new = sum(part.new for part in found.parts)
        receipts = sum(part.receipts for part in found.parts)
        refused = sorted({one.code for part in found.parts for one in part.not_taken})
        self.world.tally["taken by stick"] += new
        self.world.tally["receipts by stick"] += receipts
        self.world.loop.trace("taken", taker.name, new, receipts, refused)
        self.world.oracle.collect_receipts(taker)
        for sender in found.senders:
            folder = self._folder()
            parts = acknowledge(
                taker.exchange, folder, sender, now_ms=now_ms, version="stick", randomness=taker.randomness
            )
            self._keep(sender, [folder / part.name for part in parts])

    def _keep(self, receiver: StationId, files: Stick) -> None:
        self.sticks.setdefault(receiver, []).append(files)

    def _folder(self) -> Path:
        self.written += 1
        made = self.folder / str(self.written)
        made.mkdir(parents=True)
        return made


def _can(place: Place) -> bool:
    return place.up and not place.disk.dead
