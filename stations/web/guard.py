"""What stands before every page: cookie, forms of our own only, headers, and errors that people can read.

The site is reached over plain HTTP on this machine or in the office. Cookies are kept from scripts and from
other sites; a form carries a word that only our pages know; a request that names another host is refused, so
that no page of the internet reaches the ledger through a browser in the office (DNS rebinding).
"""

from __future__ import annotations

import hmac
import ipaddress
import logging
from collections.abc import Awaitable, Callable, Collection
from dataclasses import replace
from urllib.parse import urlsplit

from aiohttp import web

from ledger.errors import AuthorityError, BanjianError, ConfigError, InputError, RuleError, StoreError
from stations.texts import Say
from stations.web.render import render_error
from stations.web.visit import OFFICE, Visit

UPLOAD_BYTES_MAX = 21 << 20
"""Most bytes of a form with files: a workbook of the largest size that is read, and what goes with it."""
LIVE = "X-Banjian-Live"
"""Header of requests that a page makes by itself: they keep no browser unlocked."""
BY_ITSELF = frozenset(("/hall",))
"""Pages that load themselves anew."""
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' data: blob:; object-src 'none'; base-uri 'none'; "
        "form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}
_STATUS: tuple[tuple[type[BanjianError], int], ...] = (
    (InputError, 422),
    (RuleError, 409),
    (AuthorityError, 403),
    (ConfigError, 409),
    (StoreError, 503),
)
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
log = logging.getLogger("banjian.web")


@web.middleware
async def guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Let a request through, or answer it with a page that says why not."""
    if request.path.startswith("/static/"):
        return dressed(await handler(request), store=True)
    office = request.app[OFFICE]
    browser = office.browsers.of(request.cookies.get(office.cookie, ""))
    if LIVE not in request.headers and request.path not in BY_ITSELF:
        office.browsers.touch(browser)
    visit = Visit(request=request, office=office, browser=browser, say=Say(language=browser.language))
    if browser.person is not None and request.content_type == "multipart/form-data":
        # Lists and photos are larger than anything that is typed; only people who have signed in send them.
        request = request.clone(client_max_size=UPLOAD_BYTES_MAX)
        visit = replace(visit, request=request)
    request["visit"] = visit
    try:
        require_host(request, office.config.web_names)
        await _require_own_form(visit)
        response = await handler(request)
    except web.HTTPRequestEntityTooLarge:
        response = await render_error(visit, InputError("web.too_large", most=UPLOAD_BYTES_MAX >> 20), 413)
    except web.HTTPException as error:
        # A page that does not exist, a method that is not taken: aiohttp says it by raising.
        response = await render_error(visit, InputError("web.no_page", path=request.path), error.status)
    except BanjianError as error:
        response = await render_error(visit, error, status_of(error))
    except Exception:
        # The outermost loop: whatever it was, the person reads that nothing was lost, the operator why.
        log.exception("page failed: %s %s", request.method, request.match_info.route.resource)
        response = await render_error(visit, StoreError("web.failed"), 500)
    if not response.prepared:
        _set_cookie(visit, response)
    return dressed(response, store=False)


def status_of(error: BanjianError) -> int:
    """Return the HTTP status of an error: by who must act."""
    return next((status for kind, status in _STATUS if isinstance(error, kind)), 400)


def dressed(response: web.StreamResponse, *, store: bool) -> web.StreamResponse:
    """Give an answer the headers that every one has; ``store`` when a browser may keep it."""
    if not response.prepared:
        for name, value in _HEADERS.items():
            response.headers.setdefault(name, value)
        response.headers.setdefault("Cache-Control", "no-cache" if store else "no-store")
    return response


def _set_cookie(visit: Visit, response: web.StreamResponse) -> None:
    name = visit.office.cookie
    if visit.request.cookies.get(name) != visit.browser.token:
        response.set_cookie(name, visit.browser.token, httponly=True, samesite="Strict", path="/")


def require_host(request: web.Request, own: Collection[str]) -> None:
    """Refuse a request that names a host by a name of the internet, unless it is one of ours.

    Raises:
        AuthorityError: ``web.host``.
    """
    name = urlsplit(f"//{request.host}").hostname or ""
    if name == "localhost" or name in own:
        return
    try:
        ipaddress.ip_address(name)
    except ValueError as error:
        raise AuthorityError("web.host", host=name[:80]) from error


async def _require_own_form(visit: Visit) -> None:
    """Refuse a form that no page of ours made.

    Raises:
        AuthorityError: ``web.form``.
    """
    request = visit.request
    if request.method in ("GET", "HEAD"):
        return
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
        raise AuthorityError("web.form")
    given = request.headers.get("X-Banjian-Form", "")
    if not given:
        field = (await request.post()).get("form", "")
        given = field if isinstance(field, str) else ""
    if not hmac.compare_digest(given.encode("utf-8"), visit.browser.csrf.encode("utf-8")):
        raise AuthorityError("web.form")
