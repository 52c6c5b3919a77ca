"""What stands before every page: cookie, forms of our own only, headers, and errors that people can read.

The site is reached over plain HTTP on this machine or in the office. Cookies are kept from scripts and from
other sites; a form carries a word that only our pages know; a request that names another host is refused, so
that no page of the internet reaches the ledger through a browser in the office (DNS rebinding).
"""

from __future__ import annotations

import hmac
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from http import HTTPStatus

from aiohttp import ClientConnectionResetError, web

from ledger.errors import AuthorityError, BanjianError, InputError, StoreError
from ledger.limits import BUNDLE_PART_BYTES_MAX
from stations.texts import Say
from stations.web import typed
from stations.web.answers import Problem, answer, status_of
from stations.web.browsers import KEY_ENDED, KEY_REPLACED
from stations.web.drafts import is_word
from stations.web.headers import dressed, from_here, require_host
from stations.web.render import message_of, render_error
from stations.web.signin import show_refused
from stations.web.standing import settle
from stations.web.typed import title_of
from stations.web.unsigned import KEEP
from stations.web.visit import LIVE, OFFICE, VISIT, Visit, keep_unsigned, posted, returned_to, see_other

UPLOAD_BYTES_MAX = 21 << 20
"""Most bytes of a form with files: a workbook of the largest size that is read, and what goes with it."""
FIRST_STICK = "/first-day/stick"
STICK_BYTES_MAX = 4 * BUNDLE_PART_BYTES_MAX
"""Most bytes of what is read from a stick at this machine before anybody can sign in: a few parts."""
EVENTS = "/events"
"""Where open pages listen, for hours."""
BY_ITSELF = frozenset(("/hall", EVENTS))
"""Pages that load themselves anew, or stay: they keep no browser unlocked either."""
BY_SECRET = frozenset(("/sign-in", "/switch"))
"""Forms that hold for whoever knows the word that opens a key, whoever acts meanwhile."""
_CLOSED = 499
"""Status of an answer that nobody gets any more."""
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
    visit = Visit(
        request=request, office=office, browser=browser, say=Say(language=browser.language, page=True)
    )
    if browser.was_used and request.content_type == "multipart/form-data":
        # Lists and photos are larger than anything that is typed; only people who have signed in send them.
        request = request.clone(client_max_size=UPLOAD_BYTES_MAX)
        visit = replace(visit, request=request)
    elif request.path == FIRST_STICK and from_here(request):
        request = request.clone(client_max_size=STICK_BYTES_MAX)
        visit = replace(visit, request=request)
    request[VISIT] = visit
    try:
        require_host(request, office.config.web_names)
        # Before the form is looked at: it holds for a station, which may be another one by now.
        await settle(office.access, office.home, browser)
        await _require_own_form(visit)
        response = await handler(request)
        await _forget_signed(visit, response)
    except web.HTTPRequestEntityTooLarge as error:
        most = STICK_BYTES_MAX if request.path == FIRST_STICK else UPLOAD_BYTES_MAX
        too_large = InputError("web.too_large", most=most >> 20)
        response = await _refused(visit, too_large, error.status)
    except web.HTTPMethodNotAllowed as error:
        response = await _page_above(visit) or await _refused(visit, _no_page(request), error.status)
    except web.HTTPException as error:
        # A page that does not exist, a method that is not taken: aiohttp says it by raising.
        response = await _refused(visit, _no_page(request), error.status)
    except BanjianError as error:
        response = await _refused(visit, error, status_of(error))
    except ClientConnectionResetError:
        # The page was closed before it was sent: nobody is left to be told.
        response = web.Response(status=_CLOSED)
    except Exception:
        # The outermost loop: whatever it was, the person reads that nothing was lost, the operator why.
        log.exception("page failed: %s %s", request.method, request.match_info.route.resource)
        response = await _refused(visit, StoreError("web.failed"), 500)
    finally:
        # The two name each other: what a request brought, a photo or a list, would stay until Python looks
        # for such circles, which it seldom does.
        del request[VISIT]
    if not response.prepared:
        _set_cookie(visit, response)
    return dressed(response, store=False)


async def _refused(visit: Visit, error: BanjianError, status: int) -> web.Response:
    """Return an error as whoever asked reads it: a page for people, JSON for programs."""
    if not visit.request.path.startswith("/api/"):
        if error.code in (KEY_ENDED, KEY_REPLACED) and "HX-Request" not in visit.request.headers:
            return await show_refused(visit, error)
        return await render_error(visit, error, status)
    message = message_of(visit.say, error)
    return answer(
        Problem(code=message.code, what=message.what, next=message.next_step),
        401 if error.code in ("web.signed_out", KEY_ENDED, KEY_REPLACED) else status,
    )


def _no_page(request: web.Request) -> InputError:
    return InputError("web.no_page", path=request.path)


async def _page_above(visit: Visit) -> web.Response | None:
    """Lead whoever asks for an address to which forms are sent alone to the page of such a form.

    The page of a form that was refused stands at that address: it is loaded again, or come back to after the
    PIN. None for what is no page.
    """
    request, path = visit.request, visit.request.path
    if request.method != "GET" or path.startswith("/api/"):
        return None
    while path := path.rpartition("/")[0]:
        found = await request.app.router.resolve(request.clone(rel_url=path))
        if found.http_exception is None:
            break
    return see_other(returned_to(request, path or "/"))


async def _forget_signed(visit: Visit, response: web.StreamResponse) -> None:
    """Forget a form that came too late, or was kept meanwhile, once its author sent it and it was taken."""
    person, request = visit.browser.person, visit.request
    if person is None or request.method != "POST" or response.status >= HTTPStatus.BAD_REQUEST:
        return
    path = request.rel_url.path
    if not title_of(path) and all(one.action != path for one in visit.unsigned):
        return
    draft = (await posted(request)).get("draft", "")
    draft = draft if isinstance(draft, str) else ""
    visit.browser.unsigned.drop(person.staff_no, str(person.station), path, draft)
    if title_of(path) and is_word(draft):
        await typed.ended(visit, draft)


def _set_cookie(visit: Visit, response: web.StreamResponse) -> None:
    name, request = visit.office.cookie, visit.request
    if LIVE in request.headers or request.path in BY_ITSELF:
        # After a restart no open page takes its cookie away from whoever is signing in beside it.
        return
    if visit.request.cookies.get(name) != visit.browser.token:
        response.set_cookie(name, visit.browser.token, httponly=True, samesite="Strict", path="/")


async def _require_own_form(visit: Visit) -> None:
    """Refuse a form that no page of ours made, or that was made for somebody else.

    Where nobody acts now the handler asks to sign in.

    Raises:
        AuthorityError: ``web.form``; ``web.signed_in_anew``; ``web.changed_hands``.
    """
    request = visit.request
    if request.method in ("GET", "HEAD"):
        return
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
        raise AuthorityError("web.form")
    given = request.headers.get("X-Banjian-Form", "")
    if not given:
        field = (await posted(request)).get("form", "")
        given = field if isinstance(field, str) else ""
    browser = visit.browser
    if hmac.compare_digest(given.encode("utf-8"), browser.form.encode("utf-8")):
        return
    if given not in browser.words:
        raise AuthorityError("web.form")
    if request.path in BY_SECRET and not browser.words[given][0]:
        # The page for signing in stood in several tabs, and one of them was used: a PIN says who comes next.
        return
    if browser.person is not None and request.path != KEEP:
        # The page was opened for somebody else, or for another station: nobody signs what another one read.
        person = browser.person
        await keep_unsigned(visit)
        if browser.words[given] == (person.staff_no, str(person.station)):
            raise AuthorityError("web.signed_in_anew")
        raise AuthorityError("web.changed_hands", who=person.name, station=person.station)
