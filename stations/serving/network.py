"""What an installation does on the network while it serves: listen for stations below, call the one above.

Both run beside the local socket in the same process and take turns on the ledger's one thread. Neither is
needed for work at the counter: without network, certificate or upstream everything else goes on.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
import ssl
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace

from aiohttp import web

from ledger.errors import BanjianError, ConfigError
from ledger.facade import Home
from ledger.facade.base.clock import Clock, Randomness
from ledger.facade.logs.comingback import may_lack_stations
from ledger.identity import pinyin_initials
from ledger.platform import open_more_files
from ledger.types import StationId
from stations.config import StationConfig
from stations.serving.carriage import Carriage
from stations.serving.gate import Gate, GateRule, rule_within
from stations.serving.gatedsite import GatedSite
from stations.serving.ledgerthread import LedgerThread
from stations.serving.link import Link
from stations.serving.nameless import make_nameless
from stations.serving.rereading import Rereading
from stations.serving.sessiondesk import SessionDesk
from stations.serving.weblog import web_log
from stations.writtenhere import writes_registry
from sync.certs.credentials import (
    CA_NAME,
    TLS_KEY_NAME,
    calling_context,
    listening_context,
    prepare_county,
)
from sync.core.pace import Pace, PaceRule
from sync.core.quiet import Quiet
from sync.joining.joinoffice import JoinOffice, check_answering
from sync.line.attempts import Attempts
from sync.line.client_attach import Above
from sync.line.joindesks import OfficeDesk, RelayDesk
from sync.line.outcome import Outcome, SoFar
from sync.line.server_attach import add_attachment_routes
from sync.line.server_join import JoinDesk, add_join_routes
from sync.line.server_session import Sessions, add_session_route
from sync.preparing.helpers import Helpers

_BODY_BYTES_MAX = 1 << 30
"""The session route reads its body piece by piece within bounds of its own."""


class Network:
    """Listens and calls, as far as the configuration says.

    Args:
        thread: owns the ledger.
        home: the installation folder.
        config: its settings: ``listen``, ``upstream``, ``sync_interval_s``.
        keeps_in_step: whether the station above is called now and then, or only when somebody asks.
        gate_rule: who is let in; None for the usual bounds.
        pace_rule: when the station above is called; None for the usual waits and ``sync_interval_s``.
    """

    def __init__(
        self,
        thread: LedgerThread,
        home: Home,
        *,
        config: StationConfig,
        clock: Clock,
        randomness: Randomness,
        keeps_in_step: bool = True,
        gate_rule: GateRule | None = None,
        pace_rule: PaceRule | None = None,
    ) -> None:
        self._thread = thread
        self._home = home
        self._config = config
        self._keeps_in_step = keeps_in_step
        self._clock = clock
        self._randomness = randomness
        self._log = web_log(home.path, clock)
        cores = os.cpu_count() or 1
        # One more, so that a section is on its way to a helper while helpers prepare others.
        self._cores: Executor = ThreadPoolExecutor(cores + 1, thread_name_prefix="verify")
        # Much comes from below; what comes down is little, and the station may be a small machine. This
        # process stores meanwhile, which is work for one core; at the county, where all comes together, one
        # helper more computes while another one hands over.
        self._helpers = Helpers(0 if not config.listen or cores == 1 else cores - bool(config.upstream))
        self._runner: web.AppRunner | None = None
        self._listening: GatedSite | None = None
        self._gate_rule = gate_rule
        self._pace_rule = pace_rule or PaceRule(interval_ms=config.sync_interval_s * 1000)
        self._loop: asyncio.Task[None] | None = None
        self._news = asyncio.Event()
        self._syncing = asyncio.Lock()
        self._carrying: asyncio.Task[None] | None = None
        self.carriage = Carriage(
            thread, home, clock=clock, randomness=randomness, above=self._above, log=self._log
        )
        self._rereading = Rereading(thread, home, clock=clock, randomness=randomness, log=self._log)
        self._reading: asyncio.Task[None] | None = None
        self.link: Link | None = None

    @property
    def cores(self) -> Executor:
        """Where records that come in are verified."""
        return self._cores

    @property
    def log(self) -> logging.Logger:
        """Where what goes wrong on the network is written down."""
        return self._log

    async def start(self) -> str:
        """Begin to listen and to call; returns the address that is listened on, "" for none.

        Raises:
            ConfigError: ``tls.not_joined`` when stations below are to be listened for without certificate;
                ``serve.address`` when the address cannot be listened on.
            StoreError: ``pki.ca_key`` at a county that was restored without the key of its CA.
        """
        self._make_link()
        await self.carriage.sweep()
        if self._keeps_in_step:
            self._reading = asyncio.create_task(self._rereading.run())
        self._call_now_and_then()
        return await self._listen() if self._config.listen else ""

    async def joined_again(self, addresses: Sequence[str]) -> None:
        """Call and listen with the certificate that was put in place just now.

        Args:
            addresses: where the station above listens, for a station whose settings name none.

        Raises:
            ConfigError: ``tls.*`` for a certificate that does not hold; ``serve.address``.
        """
        async with self._syncing:
            if self.link is not None:
                await self.link.close()
            elif addresses:
                self._config = replace(self._config, upstream=tuple(addresses))
                self._make_link()
        self._call_now_and_then()
        if self._config.listen and self._listening is not None:
            self._listening.take(listening_context(self._home, self._thread.ledger_id))
        elif self._config.listen:
            await self._listen()
        self.news()

    def _call_now_and_then(self) -> None:
        if self.link is not None and self._keeps_in_step and self._loop is None:
            self._loop = asyncio.create_task(self._keep_in_step(self.link))

    async def sync_once(self, told: Callable[[SoFar], None] | None = None) -> Outcome:
        """Sync without listening or keeping in step: for one command that holds the lock.

        Args:
            told: as for ``Caller.run``.

        Raises:
            ConfigError: ``ledger.training``, ``sync.no_upstream``.
            BanjianError: as ``Link.sync``.
        """
        self._make_link()
        return await self.sync_now(told)

    async def stop(self) -> None:
        """End sessions, stop listening and calling."""
        if self._loop is not None:
            self._loop.cancel()
            with suppress(asyncio.CancelledError):
                await self._loop
        if self._carrying is not None:
            self._carrying.cancel()
            await asyncio.gather(self._carrying, return_exceptions=True)
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)
        await self.carriage.close()
        if self._listening is not None:
            await self._listening.stop()
        if self._runner is not None:
            await self._runner.cleanup()
        if self.link is not None:
            await self.link.close()
        self._cores.shutdown(wait=False, cancel_futures=True)
        self._helpers.close()

    def news(self) -> None:
        """There is something to send: sync soon."""
        self._news.set()

    async def sync_now(self, told: Callable[[SoFar], None] | None = None) -> Outcome:
        """Sync now, or as soon as the running session has ended.

        Raises:
            ConfigError: ``ledger.training``, ``sync.no_upstream``.
            BanjianError: as ``Link.sync``.
        """
        if self._thread.held.training:
            # No address and no stick would help: it must not be advised.
            raise ConfigError("ledger.training")
        if self.link is None:
            raise ConfigError("sync.no_upstream", station=self._config.station)
        async with self._syncing:
            outcome = await self.link.sync(told)
        self._carry()
        return outcome

    def _make_link(self) -> None:
        config = self._config
        if config.upstream:
            self.link = Link(
                self._thread,
                self._home,
                station=StationId(config.station),
                addresses=config.upstream,
                clock=self._clock,
                randomness=self._randomness,
                cores=self._cores,
            )

    async def _keep_in_step(self, link: Link) -> None:
        pace = Pace(self._pace_rule, random.SystemRandom().random)
        news = True
        while True:
            try:
                await self._wait(pace, news=news)
                async with self._syncing:
                    await link.sync()
            except BanjianError as error:
                seconds = error.params.get("seconds", 0)
                pace.failed(retry_after_ms=seconds * 1000 if isinstance(seconds, int) else 0)
            except Exception:  # noqa: BLE001 - the outermost loop: a fault is told, and does not end the syncing
                self._log.exception("sync")
                pace.failed()
            else:
                pace.succeeded()
                self._carry()
            news = False

    def _above(self) -> Above | None:
        return None if self.link is None else self.link.above()

    def _carry(self) -> None:
        """Give attachments in the background, one go at a time: acts never wait for them."""
        if self._carrying is None or self._carrying.done():
            self._carrying = asyncio.create_task(self._give())

    async def _give(self) -> None:
        try:
            await self.carriage.give()
        except BanjianError as error:
            self._log.info(error.code, extra={"code": error.code})
        except Exception:  # noqa: BLE001 - an outermost loop: a fault is told, and what waits goes next time
            self._log.exception("attachments")

    async def _wait(self, pace: Pace, *, news: bool) -> None:
        """Wait until it is time to call, or until there are news and nobody has asked for patience."""
        left_ms = pace.wait_ms(news=news) - pace.told_ms
        await asyncio.sleep(pace.told_ms / 1000)
        with suppress(TimeoutError):
            async with asyncio.timeout(max(0, left_ms) / 1000):
                await self._news.wait()
                # One act is seldom alone: wait a moment for the next ones.
                await asyncio.sleep(self._pace_rule.news_ms / 1000)
        self._news.clear()

    async def _listen(self) -> str:
        host, _, port = self._config.listen.rpartition(":")
        desk = await self._thread.run(self._desk)
        await self._thread.run(self._certify)
        # Loads the tables of readings: else the first name that comes waits for them, and all behind it.
        await self._thread.run(lambda: pinyin_initials("张"))
        application = web.Application(client_max_size=_BODY_BYTES_MAX)
        make_nameless(application)
        add_join_routes(application, desk.join_desk, Attempts(self._clock.monotonic_ms))
        quiet = Quiet(self._clock.monotonic_ms)
        add_session_route(application, desk, sessions=Sessions(), quiet=quiet, log=self._log)
        add_attachment_routes(application, desk, self.carriage)
        gate = Gate(rule_within(open_more_files(), self._gate_rule))
        self._runner = web.AppRunner(
            application, access_log=None, logger=self._log, keepalive_timeout=gate.rule.headers_s
        )
        await self._runner.setup()
        context: ssl.SSLContext = listening_context(self._home, self._thread.ledger_id)
        self._listening = GatedSite(
            self._runner, context=context, gate=gate, ledger_id=self._thread.ledger_id
        )
        try:
            bound = await self._listening.start(host.strip("[]"), int(port))
        except (OSError, ValueError, OverflowError) as error:
            raise ConfigError("serve.address", address=self._config.listen) from error
        return f"https://{host}:{bound}"

    def _certify(self) -> None:
        """Let the county make its own certificate anew: after a restore its CA is here, and no key of it.

        Raises:
            StoreError: ``pki.ca_key`` when the CA's key was not put back.
        """
        home = self._home
        if home.certificate(CA_NAME) is None or home.secret(TLS_KEY_NAME) is not None:
            return
        if writes_registry(self._thread.held):
            prepare_county(self._thread.held, randomness=self._randomness)

    def _desk(self) -> SessionDesk:
        """Return what answers the routes; made on the ledger's thread."""
        ledger = self._thread.held

        def coming_back() -> bool:
            return may_lack_stations(self._thread.held.parts.holdings)

        if writes_registry(ledger):
            office = JoinOffice(
                self._home,
                ledger_id=ledger.ledger_id,
                registry=self._thread.registry,
                clock=self._clock,
                randomness=self._randomness,
                coming_back=coming_back,
            )
            join: JoinDesk = OfficeDesk(
                office,
                self._home,
                ledger_id=ledger.ledger_id,
                registry=self._thread.registry,
                clock=self._clock,
                run=self._thread.run,
                coming_back=coming_back,
            )
        else:
            join = RelayDesk(
                self._home,
                ledger_id=ledger.ledger_id,
                registry=self._thread.registry,
                clock=self._clock,
                addresses=self._config.upstream,
                context=lambda: calling_context(
                    self._home,
                    ledger.ledger_id,
                    admits=lambda leaf: check_answering(self._thread.registry(), leaf),
                ),
                coming_back=coming_back,
            )
        return SessionDesk(join, self._thread, self._cores, self._helpers.prepare, news=self.news)
