"""The link upward of one installation: who is called, how, and what is remembered of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from functools import partial
from typing import TypeVar

import aiohttp

from ledger.errors import BanjianError, ConfigError
from ledger.facade import Home
from ledger.facade.base.clock import Clock, Randomness
from ledger.facade.peering.exchange import Exchange
from ledger.types import LedgerId, StationId
from stations.serving.ledgerthread import LedgerThread
from stations.version import version
from sync.certs.credentials import calling_context
from sync.certs.pki import Leaf
from sync.joining.joinoffice import check_answering
from sync.joining.newcomer import drop_settled
from sync.line.client_attach import Above
from sync.line.client_session import Caller
from sync.line.outcome import Outcome, SoFar
from sync.line.renewal import renew_if_due

T = TypeVar("T")
KEEPALIVE_S = 90.0


class Link:
    """Syncs with the upstream when asked to.

    Args:
        thread: owns the ledger.
        home: the installation folder.
        station: the main station.
        addresses: where the upstream listens, in the order in which they are tried.
        cores: where sections are verified.
    """

    def __init__(
        self,
        thread: LedgerThread,
        home: Home,
        *,
        station: StationId,
        addresses: Sequence[str],
        clock: Clock,
        randomness: Randomness,
        cores: Executor,
    ) -> None:
        self._thread = thread
        self._home = home
        self._station = station
        self._addresses = addresses
        self._clock = clock
        self._randomness = randomness
        self._https: dict[StationId, tuple[int, aiohttp.ClientSession]] = {}
        self._ended: list[aiohttp.ClientSession] = []
        self._caller = Caller(self, addresses=addresses)
        self.cores = cores
        self.version = version()

    @property
    def ledger_id(self) -> LedgerId:
        """The pinned ledger."""
        return self._thread.ledger_id

    def now_ms(self) -> int:
        """Return the station's clock."""
        return self._clock.now_ms()

    async def on_ledger(self, work: Callable[[Exchange], T]) -> T:
        """Run something on the thread that owns the ledger."""
        return await self._thread.exchange(work)

    async def sync(self, told: Callable[[SoFar], None] | None = None) -> Outcome:
        """Sync until nothing more comes; what fails is remembered until it goes well again.

        Raises:
            ConfigError: ``sync.no_upstream``; ``tls.not_joined``.
            BanjianError: as ``Caller.run``.
        """
        if not self._addresses:
            raise ConfigError("sync.no_upstream", station=self._station)
        await self._close_ended()
        try:
            outcome = await self._call(told)
        except BanjianError as error:
            failure, now_ms = error, self.now_ms()
            await self.on_ledger(lambda exchange: exchange.peers.note_failure(failure, now_ms=now_ms))
            raise
        drop_settled(self._home, self._thread.registry())
        return outcome

    def http(self, station: StationId) -> aiohttp.ClientSession:
        """Return a client whose connections accept that station alone at the other end; any for "".

        Once certificates of the station have ended, open connections are not used again.
        """
        end_ms = self._thread.registry().certificates_end_ms(station)
        held_end_ms, held = self._https.get(station, (end_ms, None))
        if held is not None and held_end_ms == end_ms:
            return held
        if held is not None:
            self._ended.append(held)
        expected = (station,) if station else ()
        context = calling_context(self._home, self.ledger_id, admits=self._admits, expected=expected)
        connector = aiohttp.TCPConnector(ssl=context, limit=4, keepalive_timeout=KEEPALIVE_S)
        made = aiohttp.ClientSession(connector=connector, trust_env=False)
        self._https[station] = (end_ms, made)
        return made

    def above(self) -> Above | None:
        """Return where the station above answers; None before it has."""
        answered = self._caller.answered
        if answered is None:
            return None
        address, station = answered
        return Above(station=station, address=address, http=partial(self.http, station))

    async def close(self) -> None:
        """Close open connections."""
        for _, http in self._https.values():
            await http.close()
        self._https.clear()
        await self._close_ended()

    async def _close_ended(self) -> None:
        while self._ended:
            await self._ended.pop().close()

    def _admits(self, leaf: Leaf) -> None:
        check_answering(self._thread.registry(), leaf)

    async def _call(self, told: Callable[[SoFar], None] | None) -> Outcome:
        renewed = await renew_if_due(
            self._home,
            ledger_id=self.ledger_id,
            addresses=self._addresses,
            context=calling_context(self._home, self.ledger_id, admits=self._admits),
            now_ms=self.now_ms(),
            randomness=self._randomness,
        )
        if renewed:
            await self.close()
        return await self._caller.run(told)
