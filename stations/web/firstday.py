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
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import web

from ledger import platform
from ledger.errors import AuthorityError, BanjianError, ConfigError, InputError, StoreError
from ledger.facade import Home
from ledger.facade.clock import Clock, Randomness
from ledger.facade.setup import CountyCreated
from ledger.texts import Language
from stations.texts import Say
from stations.version import version
from stations.web.desk import from_here
from stations.web.guard import dressed, require_host, status_of
from stations.web.render import environment, html, message_of

FORM_BYTES_MAX = 1 << 20
GO_AFTER_S = 0.3
"""Time for the last page to reach the browser before this server makes room for the next."""
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
log = logging.getLogger("banjian.web")


@dataclass(slots=True, kw_only=True)
class FirstDay:
    """What the pages of one first day share.

    Attributes:
        home: where the ledger will lie; absolute.
        word: what every form carries.
        invite: bytes of the invite that is being looked at; empty when none is.
        founded: the county that was founded just now.
        taken: root keys that were downloaded.
        placed: set when a ledger is in place and somebody wants to go on.
        working: held while something is made: two clicks make one ledger.
    """

    home: Home
    clock: Clock
    randomness: Randomness
    word: str
    language: Language = "zh"
    invite: bytes = b""
    founded: CountyCreated | None = None
    taken: set[str] = field(default_factory=set)
    placed: asyncio.Event = field(default_factory=asyncio.Event)
    working: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def say(self) -> Say:
        """Words in the chosen language."""
        return Say(language=self.language)


FIRST: web.AppKey[FirstDay] = web.AppKey("first", FirstDay)


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
        home: an absolute folder that is not there or empty.
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
        await runner.cleanup()
    return first.placed.is_set()


def application(first: FirstDay) -> web.Application:
    """Return the routes."""
    from stations.web import firstcounty, firstjoin

    made = web.Application(middlewares=[_guarded], client_max_size=FORM_BYTES_MAX)
    made[FIRST] = first
    made.router.add_static("/static", Path(__file__).parent / "static", append_version=False)
    made.router.add_get("/", _choose)
    made.router.add_post("/language", _language)
    made.router.add_post("/go", _go)
    firstcounty.add_routes(made.router)
    firstjoin.add_routes(made.router)
    return made


def page_of(
    first: FirstDay, template: str, /, *, error: BanjianError | None = None, **values: object
) -> web.Response:
    """Return a page; with an error, the status of who must act."""
    say = first.say
    text = (
        environment()
        .get_template(template)
        .render(
            t=say, has_words=say.has, language=first.language, csrf=first.word,
            person=None, people=[], bar=[],
            training=False, path="/", version=version(), safety=None, told=None, folder=first.home.path,
            message=None if error is None else message_of(say, error), **values,
        )
    )  # fmt: skip
    return html(text, 200 if error is None else status_of(error))


def require_none(first: FirstDay) -> None:
    """Refuse to make a ledger where one lies.

    Raises:
        ConfigError: ``first.in_place``.
    """
    if first.home.exists:
        raise ConfigError("first.in_place", path=str(first.home.path))


async def made_aside(first: FirstDay, work: Callable[[], None]) -> None:
    """Make something slowly, beside the pages, one at a time.

    Raises:
        StoreError: the disk's own reasons. BanjianError: the work's.
    """

    def on_disk() -> None:
        try:
            work()
        except OSError as error:
            raise platform.os_failure(error, first.home.path) from error

    async with first.working:
        await asyncio.to_thread(on_disk)


async def typed(request: web.Request) -> dict[str, str]:
    """Return the texts of a form, without the spaces around them; passphrases are kept as typed."""
    data = await request.post()
    return {
        name: value if name.startswith(("passphrase", "again")) else value.strip()
        for name, value in data.items()
        if isinstance(value, str)
    }


def same_passphrase(form: dict[str, str], ending: str = "") -> str:
    """Return a passphrase that was typed twice.

    Raises:
        InputError: ``web.passphrase_differs``.
    """
    passphrase = form.get(f"passphrase{ending}", "")
    if passphrase != form.get(f"again{ending}", ""):
        raise InputError("web.passphrase_differs")
    return passphrase


def go_on(first: FirstDay, next_path: str) -> web.Response:
    """Return the last page, and let the station's server take over."""
    asyncio.get_running_loop().call_later(GO_AFTER_S, first.placed.set)
    return page_of(first, "first_go.html", where=next_path)


async def _choose(request: web.Request) -> web.StreamResponse:
    first = request.app[FIRST]
    if first.founded is not None:
        return web.Response(status=303, headers={"Location": "/county/keys"})
    if first.home.exists:
        return page_of(first, "first_placed.html")
    return page_of(first, "first_choose.html", begun=_begun(first))


async def _go(request: web.Request) -> web.StreamResponse:
    first = request.app[FIRST]
    if not first.home.exists:
        raise ConfigError("home.missing", path=str(first.home.path))
    return go_on(first, "/")


async def _language(request: web.Request) -> web.StreamResponse:
    form = await typed(request)
    request.app[FIRST].language = "en" if form.get("language") == "en" else "zh"
    return web.Response(status=303, headers={"Location": "/"})


def _begun(first: FirstDay) -> bool:
    from stations.web.firstjoin import begun

    return begun(first.home) is not None


@web.middleware
async def _guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Let only this machine and our own forms in, and answer every error with a page."""
    first = request.app[FIRST]
    if request.path.startswith("/static/"):
        return dressed(await handler(request), store=True)
    response: web.StreamResponse
    try:
        if not from_here(request):
            raise AuthorityError("web.local_only")
        require_host(request, ())
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
