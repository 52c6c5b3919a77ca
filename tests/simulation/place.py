"""One installation of the simulation: real ledger, routes and caller, on a disk that can lose power."""

from __future__ import annotations

import asyncio
import random
import shutil
from collections.abc import Awaitable, Callable
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import aiohttp
from aiohttp import web

from ledger.errors import BanjianError, DataError
from ledger.facade import Home, Ledger
from ledger.facade.peering.between import exchange_of
from ledger.facade.peering.exchange import Exchange
from ledger.types import LedgerId, StationId
from stations.serving.ledgerthread import LedgerThread
from stations.serving.link import Link
from stations.serving.sessiondesk import SessionDesk
from sync.certs.pki import Leaf
from sync.certs.tls import RefusedPeer
from sync.core.ingest import prepare
from sync.core.pace import Pace, PaceRule
from sync.core.quiet import Quiet
from sync.joining.joinoffice import check_in_force, check_station
from sync.line.attempts import Attempts
from sync.line.outcome import Outcome, SoFar
from sync.line.server_join import add_join_routes
from sync.line.server_session import Sessions, add_session_route
from tests.faults.disk import Disk, PowerCutError
from tests.faults.shim import connect_through
from tests.simulation.county import START_MS, Randomness

if TYPE_CHECKING:
    from tests.simulation.world import World

T = TypeVar("T")
HOUR_MS = 3_600_000
SMALL_CHECKPOINTS = {"wal_autocheckpoint": "200"}


class SimClock:
    """The clock of one machine: it may be years wrong, jump, and starts anew with each boot."""

    def __init__(self, world: World, name: str) -> None:
        self._world, self._name = world, name
        self.skew_ms = 0
        self.boots = 0

    def now_ms(self) -> int:
        """Return what the machine believes."""
        return max(0, START_MS + int(self._world.loop.now * 1000) + self.skew_ms)

    def monotonic_ms(self) -> int:
        """Return the counter of this boot."""
        return int(self._world.loop.now * 1000)

    def boot_id(self) -> bytes:
        """Return the id of this boot."""
        return sha256(f"{self._name} {self.boots}".encode()).digest()[:16]


class _Wire(aiohttp.UnixConnector):
    """A way to one station; whoever expects another one there breaks off, as the handshake would.

    Args:
        answers: who is at the other end.
        expected: who may be there; "" for anybody.
    """

    def __init__(self, way: str, *, answers: StationId, expected: StationId) -> None:
        super().__init__(way, force_close=True)
        self._answers, self._expected = answers, expected

    async def _create_connection(self, *how: Any) -> Any:
        made = await super()._create_connection(*how)
        if self._expected and self._answers != self._expected:
            made.close()
            raise RefusedPeer(DataError("tls.other_station", station=self._answers))
        return made


class SimLink(Link):
    """The product's link upward, over the network of the simulation in the place of TLS."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self.upstream = place.upstream or ""
        super().__init__(
            place.thread,
            Home(place.path),
            station=place.station,
            addresses=(f"http://{self.upstream}",),
            clock=place.clock,
            randomness=place.randomness,
            cores=place.cores,
        )

    def http(self, station: StationId) -> aiohttp.ClientSession:
        """Return a client that reaches the station above, perhaps through a relay, and no other than that."""
        way = self._place.world.way(self._place.name, self.upstream)
        name = StationId(f"{way} {station}")
        if name not in self._https:
            connector = _Wire(way, answers=StationId(self.upstream), expected=station)
            self._https[name] = (0, aiohttp.ClientSession(connector=connector, trust_env=False))
        return self._https[name][1]

    async def _call(self, told: Callable[[SoFar], None] | None) -> Outcome:
        return await self._caller.run(told)


class Office:
    """What joining would ask for: certificates are the harness's business here."""

    def __init__(self, place: Place) -> None:
        self._place = place

    @property
    def ledger_id(self) -> LedgerId:
        """The pinned ledger."""
        return self._place.thread.ledger_id

    def now_ms(self) -> int:
        """Return the station's clock."""
        return self._place.clock.now_ms()

    def certified_at_ms(self, name: str) -> int:
        """Return when the certificate of a machine begins."""
        return self._place.world.certified_at_ms.get(name, 0)

    def ca_certificate(self) -> bytes:
        """Return something: nobody here looks at it."""
        return b"none"

    def check_peer(self, leaf: Leaf) -> None:
        """Let in whom the network names, if the registry here has it open and its certificate in force."""
        registry = self._place.ledger.knowledge.registry
        check_station(registry, leaf.station)
        check_in_force(registry, leaf)

    async def join(self, request: bytes) -> bytes:
        """Nobody joins in the simulation."""
        raise NotImplementedError

    async def renew(self, request: bytes, *, peer: StationId) -> bytes:
        """No certificate is renewed in the simulation."""
        raise NotImplementedError


class SimDisk(Disk):
    """A disk that tells at once when its power is gone.

    Args:
        died: called once for each time that it dies.
    """

    def __init__(self, folder: Path, seed: str, died: Callable[[], None]) -> None:
        self._dead = False
        self._died = died
        super().__init__(folder, seed)

    @property
    def dead(self) -> bool:
        """Whether nothing reaches the platter any more."""
        return self._dead

    @dead.setter
    def dead(self, value: bool) -> None:
        before, self._dead = self._dead, value
        if value and not before:
            self._died()


class Place:
    """An installation.

    Args:
        world: everything.
        name: its name on the network; a clone has a mark behind the station.
        folder: where it lies.
        upstream: name of the installation that it calls; None at the top.
        listens: whether stations below call it.
    """

    def __init__(
        self,
        world: World,
        station: StationId,
        folder: Path,
        *,
        name: str,
        upstream: str | None,
        listens: bool,
    ) -> None:
        self.world, self.station, self.path = world, station, folder
        self.name, self.upstream, self.listens = name, upstream, listens
        self.called = {upstream}
        self.rng = random.Random(f"place {world.seed} {name}")
        self.clock = SimClock(world, name)
        self.randomness = Randomness(f"{world.seed} {name}")
        self.up = False
        self.disk = self._new_disk()
        self.thread = LedgerThread()
        self.cores: object = object()
        self.link: SimLink | None = None
        self.tasks: list[asyncio.Task[None]] = []
        self.interval_ms = self.rng.choice((1, 2, 4, 8)) * HOUR_MS
        self.synced_at_s = -1.0
        world.net.alive[name] = lambda: self.up and not self.disk.dead

    def _new_disk(self) -> SimDisk:
        return SimDisk(self.path, f"{self.world.seed} {self.name} {self.clock.boots}", self._lost_power)

    def _lost_power(self) -> None:
        if self.up:
            self.world.loop.call_soon(self.world.power_lost, self)

    @property
    def ledger(self) -> Ledger:
        """The open ledger."""
        return self.thread.held

    @property
    def exchange(self) -> Exchange:
        """What the open ledger exchanges; for looking, in the middle of nothing else."""
        if self.thread._exchange is None:
            self.thread._exchange = exchange_of(self.ledger)
        return self.thread._exchange

    async def boot(self) -> bool:
        """Start; False when the power went again meanwhile."""
        self.clock.boots += 1
        self.thread = LedgerThread()
        try:
            await self.thread.open(self._open)
        except (BanjianError, PowerCutError):
            if not self.disk.dead:
                raise
            return False
        self.up = True
        self.world.oracle.booted(self)
        if self.listens:
            await self._listen()
        if self.upstream is not None:
            self.link = SimLink(self)
            self.spawn(self._keep_in_step())
        return True

    def _open(self) -> Ledger:
        return Ledger.open(
            Home(self.path),
            clock=self.clock,
            randomness=self.randomness,
            connect=connect_through(self.disk.vfs.vfs_name, self.world.planted_settings | SMALL_CHECKPOINTS),
            write=True,
            station=self.station,
        )

    def spawn(self, work: Awaitable[None]) -> None:
        """Run something that ends when the machine does."""

        async def run() -> None:
            try:
                await work
            except Exception as error:
                # Nobody waits for it: it would end without a word, and with it all work of this machine.
                if self.disk.dead:
                    return
                self.world.violation(f"broken off at {self.name}: {error!r}")

        self.tasks = [task for task in self.tasks if not task.done()]
        self.tasks.append(asyncio.get_running_loop().create_task(run()))

    async def _listen(self) -> None:
        application = web.Application()
        office = Office(self)
        add_join_routes(application, office, Attempts(self.clock.monotonic_ms))
        desk = SessionDesk(office, self.thread, self.cores, prepare, news=lambda: None)  # type: ignore[arg-type]
        add_session_route(application, desk, sessions=Sessions(), quiet=Quiet(self.clock.monotonic_ms))
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        await web.UnixSite(runner, self.name).start()
        self._runner = runner

    async def _keep_in_step(self) -> None:
        rule = PaceRule(interval_ms=self.interval_ms, first_retry_ms=60_000, retry_max_ms=4 * HOUR_MS)
        pace = Pace(rule, self.rng.random)
        while True:
            news = self.rng.random() < 0.2
            await asyncio.sleep(pace.wait_ms(news=news) / 1000 * self.rng.uniform(0.5, 1.5))
            if self.world.healing:
                return
            if await self.sync() is None:
                pace.failed()
            else:
                pace.succeeded()

    async def sync(self) -> Outcome | None:
        """Sync with the station above; None when that fails."""
        world = self.world
        if self.link is None:
            return None
        if self.link.upstream != self.upstream:
            # Somebody has set another address, and started the program again.
            await self.link.close()
            self.link = SimLink(self)
        began_at_s = world.loop.now
        link, refusal = self.link, world.oracle.refusal_of(self)
        try:
            outcome = await link.sync()
        except BanjianError as error:
            world.tally["sessions failed"] += 1
            world.loop.trace("failed", self.name, error.code)
            world.oracle.sync_failed(self, error)
            return None
        world.tally["sessions"] += outcome.sessions
        world.loop.trace("synced", self.name, outcome.sessions, outcome.sent, outcome.stored, outcome.notes)
        self.synced_at_s = began_at_s
        if refusal and refusal == world.oracle.refusal_of(self):
            world.violation(f"{self.name} was let in: {refusal}")
        world.oracle.synced(self, outcome)
        return outcome

    def point_at(self, upstream: str) -> None:
        """Set another address to be called from the next time on."""
        self.upstream = upstream
        self.called.add(upstream)

    def die(self) -> None:
        """Stop as a machine without power does: nothing more goes to the disk or over the network."""
        if not self.up:
            return
        self.up = False
        self.disk.dead = True
        for task in self.tasks:
            task.cancel()
        self.tasks = []
        self.world.net.drop(self.name)
        ledger, self.thread._ledger, self.thread._exchange = self.thread._ledger, None, None
        if ledger is not None:
            with suppress(BanjianError):
                ledger.close()
        runner, self._runner = getattr(self, "_runner", None), None
        loop = self.world.loop
        if runner is not None:
            loop.create_task(runner.cleanup())
        if self.link is not None:
            loop.create_task(self.link.close())
        self.link = None

    def after_power_cut(self) -> None:
        """Put the disk into one of the states that the cut allows."""
        self.disk.reboot()

    def after_kill(self) -> None:
        """Leave everything as the system's cache has it."""
        self.disk.dead = False
        self.disk.cut_at = None
        (self.path / "ledger.db-shm").unlink(missing_ok=True)

    def replace_disk(self, prepare: Callable[[Path], None]) -> None:
        """Change the folder while the machine is off, and begin with a new disk on it."""
        self.disk.close()
        prepare(self.path)
        self.disk = self._new_disk()

    def copy_to(self, target: Path) -> None:
        """Copy the folder as an image of the disk would have it."""
        shutil.copytree(self.path, target, ignore=shutil.ignore_patterns("*-shm", "*.lock"))
