"""The first day: a folder without a ledger gets one, by pages at the address where the station will answer.

Nobody is signed in, for there is nobody yet; so the pages answer this machine alone, whatever address the
settings name. As soon as a ledger is in place, the same process goes on as the station's server.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import signal
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress

from aiohttp import web

from ledger.errors import AuthorityError, BanjianError, ConfigError, InputError, StoreError
from ledger.facade import Home
from ledger.facade.base.clock import Clock, Randomness
from stations.office.rootkeys import are_unkept
from stations.serving.nameless import make_nameless
from stations.web.answers import status_of
from stations.web.firstday import county, join, restore
from stations.web.firstday.shared import FIRST, FirstDay, go_on, page_of, typed
from stations.web.headers import dressed, from_here, require_host
from stations.web.static import FOLDER

FORM_BYTES_MAX = 1 << 20
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
log = logging.getLogger("banjian.web")


def serve_first_day(
    home: Home, *, address: str, clock: Clock, randomness: Randomness, started: Callable[[str], None]
) -> bool:
    """Run the pages of the first day until a ledger is in place or the process is asked to stop.

    Raises:
        ConfigError: ``web.address``.
    """

    async def main() -> bool:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        if sys.platform != "win32":
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.add_signal_handler(number, stop.set)
        return await lead(
            home, address=address, clock=clock, randomness=randomness, stop=stop, started=started
        )

    with suppress(KeyboardInterrupt):
        return asyncio.run(main())
    return False


async def lead(
    home: Home,
    *,
    address: str,
    clock: Clock,
    randomness: Randomness,
    stop: asyncio.Event,
    started: Callable[[str], None],
) -> bool:
    """Show the pages of the first day; returns whether a ledger is in place, False when asked to stop.

    Args:
        home: an absolute folder that is not there or empty, or a county whose root keys nobody keeps yet.
        address: ``host:port`` of the settings; only the port counts.
        clock: for what is founded.
        randomness: for keys.
        stop: set when the process is asked to stop.
        started: called with the address for a browser.

    Raises:
        ConfigError: ``web.address`` when it cannot be listened on.
    """
    first = FirstDay(home=home, clock=clock, randomness=randomness, word=randomness(24).hex())
    runner = web.AppRunner(application(first), access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, "127.0.0.1", int(address.rpartition(":")[2])).start()
        except (OSError, ValueError, OverflowError) as error:
            raise ConfigError("web.address", address=address) from error
        started(f"http://127.0.0.1:{runner.addresses[0][1]}/")
        waits = [asyncio.ensure_future(first.placed.wait()), asyncio.ensure_future(stop.wait())]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
    finally:
        await restore.end(first)
        await runner.cleanup()
    return first.placed.is_set()


def application(first: FirstDay) -> web.Application:
    """Return the routes."""
    made = web.Application(middlewares=[_guarded], client_max_size=FORM_BYTES_MAX)
    make_nameless(made)
    made[FIRST] = first
    made.router.add_static("/static", FOLDER, append_version=False)
    made.router.add_get("/", _choose)
    made.router.add_post("/language", _language)
    made.router.add_post("/go", _go)
    county.add_routes(made.router)
    join.add_routes(made.router)
    restore.add_routes(made.router)
    return made


async def _choose(request: web.Request) -> web.StreamResponse:
    first = request.app[FIRST]
    if are_unkept(first.home):
        return web.Response(status=303, headers={"Location": "/county/keys"})
    if first.copying is not None and first.copying.state in ("running", "done"):
        return web.Response(status=303, headers={"Location": restore.PROGRESS})
    if first.home.exists:
        return page_of(first, "first_placed.html")
    return page_of(first, "first_choose.html", begun=join.taken_up(first) is not None)


async def _go(request: web.Request) -> web.StreamResponse:
    first = request.app[FIRST]
    if not first.home.exists or are_unkept(first.home):
        raise ConfigError("home.missing", path=str(first.home.path))
    return go_on(first, "/")


async def _language(request: web.Request) -> web.StreamResponse:
    form = await typed(request)
    request.app[FIRST].language = "en" if form.get("language") == "en" else "zh"
    return web.Response(status=303, headers={"Location": "/"})


@web.middleware
async def _guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Let only this machine and our own forms in, and answer every error with a page."""
    first = request.app[FIRST]
    if request.path.startswith("/static/"):
        return dressed(await handler(request), store=True)
    response: web.StreamResponse
    try:
        require_host(request, ())
        if not from_here(request):
            raise AuthorityError("web.local_only")
        await _require_own_form(request, first)
        response = await handler(request)
    except web.HTTPRequestEntityTooLarge:
        response = _error(first, InputError("web.too_large", most=FORM_BYTES_MAX >> 20), 413)
    except web.HTTPException as error:
        response = _error(first, InputError("web.no_page", path=request.path), error.status)
    except BanjianError as error:
        response = _error(first, error, status_of(error))
    except Exception:
        # The outermost loop: whatever it was, the person reads what to do, the operator why.
        log.exception("first day failed: %s %s", request.method, request.path)
        response = _error(first, StoreError("web.failed"), 500)
    return dressed(response, store=False)


async def _require_own_form(request: web.Request, first: FirstDay) -> None:
    if request.method in ("GET", "HEAD"):
        return
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
        raise AuthorityError("web.form")
    given = (await request.post()).get("form", "")
    if not isinstance(given, str) or not hmac.compare_digest(
        given.encode("utf-8"), first.word.encode("utf-8")
    ):
        raise AuthorityError("web.form")


def _error(first: FirstDay, error: BanjianError, status: int) -> web.Response:
    page = page_of(first, "error.html", error=error, status=status)
    page.set_status(status)
    return page
