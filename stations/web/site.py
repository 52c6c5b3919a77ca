"""The site of one installation: its routes, and the address on which it listens."""

from __future__ import annotations

import os
from hashlib import sha256

from aiohttp import web

from ledger.errors import ConfigError
from ledger.facade import Home
from ledger.facade.base.clock import Clock, Randomness
from ledger.types import StationId
from stations.config import StationConfig
from stations.serving.ledgerthread import LedgerThread
from stations.serving.nameless import make_nameless
from stations.serving.network import Network
from stations.web import jobs, lists, more, safe, signin, static, typed
from stations.web.access import Access
from stations.web.api import routes as api
from stations.web.beside import routes as beside
from stations.web.browsers import Browsers
from stations.web.cases import routes as cases
from stations.web.guard import EVENTS, guarded
from stations.web.live import PULSE, Pulse, events
from stations.web.office import routes as office
from stations.web.office.desk import KEPT, Kept
from stations.web.overview import routes as overview
from stations.web.rosters import routes as rosters
from stations.web.scope import of_cases
from stations.web.unsigned import KEEP, TYPED, KeptForms
from stations.web.visit import OFFICE, Office, open_page, page
from sync.line.attempts import Attempts

FORM_BYTES_MAX = 1 << 20
PASSPHRASE_FAILURES_MAX = 5


class Site:
    """Serves the pages of an installation while its server runs.

    Args:
        thread: owns the ledger; open when ``start`` is called.
        network: syncs when somebody asks.
    """

    def __init__(
        self,
        thread: LedgerThread,
        network: Network,
        home: Home,
        *,
        config: StationConfig,
        clock: Clock,
        randomness: Randomness,
    ) -> None:
        self._thread = thread
        self._network = network
        self._home = home
        self._config = config
        self._clock = clock
        self._randomness = randomness
        self._access = Access(
            thread,
            home,
            clock=clock,
            randomness=randomness,
            station=StationId(config.station) if config.station else None,
        )
        self._runner: web.AppRunner | None = None

    async def start(self) -> str:
        """Begin to listen; returns the address for a browser.

        Raises:
            ConfigError: ``web.address`` when it cannot be listened on.
        """
        host, _, port = self._config.web.rpartition(":")
        # What a browser sends wrong is written down by its code: an address may hold what somebody typed.
        self._runner = web.AppRunner(await self._application(), access_log=None, logger=self._network.log)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, host.strip("[]"), int(port)).start()
        except (OSError, ValueError, OverflowError) as error:
            await self.stop()
            raise ConfigError("web.address", address=self._config.web) from error
        shown = "127.0.0.1" if host in ("0.0.0.0", "[::]", "") else host
        return f"http://{shown}:{self._runner.addresses[0][1]}/"

    async def stop(self) -> None:
        """Stop listening; every unlocked key is forgotten."""
        if self._runner is not None:
            runner, self._runner = self._runner, None
            await runner.cleanup()
            await self._access.close()

    async def _application(self) -> web.Application:
        application = web.Application(middlewares=[guarded], client_max_size=FORM_BYTES_MAX)
        make_nameless(application)
        application[OFFICE] = Office(
            home=self._home,
            config=self._config,
            clock=self._clock,
            randomness=self._randomness,
            thread=self._thread,
            network=self._network,
            access=self._access,
            browsers=Browsers(
                self._clock.monotonic_ms,
                self._randomness,
                lock_ms=self._config.lock_after_s * 1000,
                kept=KeptForms(self._home, self._randomness),
            ),
            attempts=Attempts(self._clock.monotonic_ms, failures_max=PASSPHRASE_FAILURES_MAX),
            training=await self._access.read(lambda ledger: ledger.training),
            cookie=f"banjian-{sha256(os.fsencode(self._home.path.absolute())).hexdigest()[:8]}",
        )
        application[KEPT] = Kept(self._randomness)
        pulse = application[PULSE] = Pulse(self._access)
        # Streams would else hold up the end for as long as somebody's page is open.
        application.on_shutdown.append(lambda _: pulse.stop())
        application[jobs.JOBS] = jobs.Jobs()
        application.on_shutdown.append(lambda application: application[jobs.JOBS].close())
        for part in (cases, rosters, beside):
            part.prepare(application)
        add_routes(application.router)
        return application


def add_routes(router: web.UrlDispatcher) -> None:
    """Add every page; ``page`` asks for somebody signed in, ``open_page`` for nobody."""
    router.add_get(f"{static.PREFIX}{{path:.+}}", static.send)
    router.add_get("/sign-in", open_page(signin.show))
    router.add_post("/sign-in", open_page(signin.sign_in))
    router.add_post("/switch", open_page(signin.switch))
    router.add_post("/language", open_page(signin.choose_language))
    router.add_get("/pin", page(signin.show_pin))
    router.add_post("/pin", page(signin.choose_pin))
    router.add_post("/station", page(signin.choose_station))
    router.add_post("/lock", page(signin.lock))
    router.add_post("/sign-out", page(signin.sign_out))
    router.add_get("/form", open_page(signin.tell_word))
    router.add_post(KEEP, open_page(signin.keep_typed))
    router.add_post(TYPED, page(typed.keep))
    router.add_post(f"{TYPED}/drop", page(typed.drop))
    router.add_get("/more", page(more.show))
    router.add_get("/cases", page(of_cases(lists.cases)))
    router.add_get("/safe", page(safe.show))
    router.add_get("/safe/line", page(safe.line))
    router.add_post("/safe/sync", page(safe.sync_now))
    router.add_get("/job/{job}", page(jobs.show))
    router.add_post("/job/{job}/cancel", page(jobs.cancel))
    router.add_get(EVENTS, page(events))
    for part in (overview, cases, rosters, beside, office, api):
        part.add_routes(router)
