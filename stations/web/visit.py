"""One request to a page: who asks, for which station, in which language; and what every page is given."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from aiohttp import web
from aiohttp.http_exceptions import BadHttpMessage

from ledger.errors import AuthorityError, InputError, StoreError
from ledger.facade import Home, Ledger
from ledger.facade.base.clock import Clock, Randomness
from ledger.types import StationId
from stations.config import StationConfig
from stations.serving.ledgerthread import LedgerThread
from stations.serving.network import Network
from stations.texts import Say
from stations.web.access import Access
from stations.web.browsers import KEY_REPLACED, Browser, Browsers, Person
from stations.web.standing import ended
from stations.web.unsigned import (
    KEEP,
    KEPT_ACTION,
    KEPT_PAGE,
    NAMES_A_FORM,
    TYPED,
    Fields,
    Unsigned,
    unsigned_of,
)
from sync.line.attempts import Attempts

if TYPE_CHECKING:
    from multidict import MultiMapping

T = TypeVar("T")
DRAFT = "/draft"
"""What the address of a form's draft ends in."""
LIVE = "X-Banjian-Live"
"""Header of requests that a page makes by itself: they keep no browser unlocked."""
_COMES_BACK = frozenset((*NAMES_A_FORM, "step"))
"""Queries that an address keeps while its page waits for somebody to sign in: which form, and which part."""
_BY_SCRIPT = frozenset(("HX-Request", "X-Banjian-Quick", "X-Banjian-Form"))
"""Headers of what a script sends from a page that stays open, with what was typed in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Office:
    """What all pages of one installation share.

    Attributes:
        attempts: how often somebody may give a wrong passphrase, by staff number.
        training: whether the ledger is a training ledger (演练).
        cookie: name of the cookie; several installations on one machine differ in the port alone, which
            browsers do not tell apart.
    """

    home: Home
    config: StationConfig
    clock: Clock
    randomness: Randomness
    thread: LedgerThread
    network: Network
    access: Access
    browsers: Browsers
    attempts: Attempts
    training: bool
    cookie: str


OFFICE: web.AppKey[Office] = web.AppKey("office", Office)


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """One request.

    Attributes:
        browser: who sits there.
        say: words in the language of the browser.
        acting: for whom a job goes on, whoever sits there meanwhile; None for who acts now.
    """

    request: web.Request
    office: Office
    browser: Browser
    say: Say
    acting: Person | None = None

    @property
    def person(self) -> Person:
        """Who acts.

        Raises:
            AuthorityError: ``web.signed_out`` when nobody does.
        """
        person = self.acting or self.browser.person
        if person is None:
            raise AuthorityError("web.signed_out")
        return person

    @property
    def station(self) -> StationId:
        """The station that the person acts for."""
        return self.person.station

    def now_ms(self) -> int:
        """Return the station's clock."""
        return self.office.clock.now_ms()

    async def read(self, work: Callable[[Ledger], T]) -> T:
        """Run something that reads the ledger."""
        return await self.office.access.read(work)

    async def write(self, work: Callable[[Ledger], T]) -> T:
        """Run something that writes; the station above hears of it soon."""
        done = await self.office.access.write(work)
        self.office.network.news()
        return done

    async def attempt(self, who: str, work: Callable[[], T]) -> T:
        """Open what a passphrase protects; after several failures in a row one has to wait.

        Args:
            who: under which name failures are counted.
            work: opens it, on another thread.

        Raises:
            AuthorityError: ``web.too_often``; what ``work`` raises.
        """
        attempts = self.office.attempts
        try:
            attempts.require(who)
        except AuthorityError as error:
            raise AuthorityError("web.too_often", seconds=error.params["seconds"]) from error
        # Counted before it is tried: several at once must not all slip through.
        attempts.failed(who)
        done = await self.office.access.aside(work)
        attempts.forget(who)
        return done

    async def sign_once(self, once: str, work: Callable[[Ledger], str], *, said: str = "") -> str:
        """Run something that signs and returns where its answer lies.

        However often a form is sent, one after the other or at the same moment, the writer's thread runs it
        once for its one-time word; a word whose work was refused may be used again. What this process does
        not remember any more the work itself looks up (``oncewords``), and what is another form under the
        same word by ``said``.
        """
        browser, mark = self.browser, f"{done_mark(self, once)} {said}".rstrip()

        def guarded(ledger: Ledger) -> str:
            known = browser.done.get(mark)
            if known is not None:
                return known
            where = work(ledger)
            if once:
                browser.remember_done(mark, where)
            return where

        return await self.write(guarded)

    @property
    def unsigned(self) -> list[Unsigned]:
        """The forms that wait for who acts, at the station that is acted for."""
        person = self.browser.person
        return [] if person is None else self.browser.unsigned.of(person.staff_no, str(person.station))

    def unsigned_here(self) -> Fields:
        """Return the texts of the form that was sent to this path and waits; empty when there is none."""
        one = self.unsigned_at(self.request.rel_url.path)
        return {} if one is None or one.action != self.request.rel_url.path else one.fields

    def unsigned_at(self, path: str) -> Unsigned | None:
        """Return the form that waits on a page: the one that the address names.

        An address that names a form is never answered with another one: that would be filled in for
        somebody else, under another number, or about another act. One that names none is that of a fresh
        tab: each form that has a draft comes back at its own address, and is only offered at others.
        """
        asked = {name: text for name in NAMES_A_FORM if (text := self.request.query.get(name, ""))}
        draft = asked.pop("draft", "")
        found = [
            one
            for one in reversed(self.unsigned)
            if path in (one.action, one.page.partition("?")[0])
            and all(one.names(name) == text for name, text in asked.items())
        ]
        if draft:
            # A form may have stood at the address of a draft that was gone by then.
            stood = [one for one in found if one.asked.get("draft") == draft]
            found = [*(one for one in found if one.draft == draft), *stood]
        elif not asked:
            found = [one for one in found if not one.draft]
        return found[0] if found else None

    def tell(self, key: str, **values: object) -> None:
        """Let the next page say something once, at its top."""
        self.browser.told = (key, values)


def done_mark(visit: Visit, once: str) -> str:
    """Return under what a browser remembers a one-time word of who acts: words are a person's own."""
    return f"{author_of(visit)} {once}"


def author_of(visit: Visit) -> str:
    """Return the staff number of who acts; "" for nobody: some forms are for who cannot sign in."""
    person = visit.acting or visit.browser.person
    return "" if person is None else person.staff_no


VISIT: web.RequestKey[Visit] = web.RequestKey("visit", Visit)


def visit_of(request: web.Request) -> Visit:
    """Return the visit that the middleware made of a request."""
    return request[VISIT]


Page = Callable[[Visit], Awaitable[web.StreamResponse]]


def page(handler: Page) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """Make a handler of requests of a page that is for people who have signed in."""

    async def handle(request: web.Request) -> web.StreamResponse:
        visit = visit_of(request)
        if visit.browser.person is None:
            return await _to_sign_in(visit)
        return await handler(visit)

    return handle


async def keep_unsigned(visit: Visit) -> Unsigned | None:
    """Keep a form whose author does not act in this browser now, until the author is back.

    Returns what was kept; None for what is no form of a page, or holds nothing that somebody typed.
    """
    request, browser = visit.request, visit.browser
    if request.method != "POST" or not _BY_SCRIPT.isdisjoint(request.headers):
        return None
    data = await posted(request)
    word = data.get("form", "")
    staff_no, station = browser.words.get(word, ("", "")) if isinstance(word, str) else ("", "")
    # The last words of a draft, sent on leaving a page, are those of its form.
    action, page = request.rel_url.path.removesuffix(DRAFT), page_of(request, query=True)
    if action in (KEEP, TYPED):
        action, page = (own_path(str(data.get(name, ""))) for name in (KEPT_ACTION, KEPT_PAGE))
    now_ms = visit.now_ms()
    kept = unsigned_of(data, staff_no=staff_no, station=station, action=action, page=page, at_ms=now_ms)
    if kept is not None:
        # A full disk: it waits in memory, for as long as this process lives.
        with suppress(StoreError):
            await visit.office.access.aside(browser.unsigned.keep(kept))
    return kept


def page_of(request: web.Request, *, query: bool = False) -> str:
    """Return the path of the page on which a form stood, "/" when the browser does not tell."""
    try:
        parts = urlsplit(request.headers.get("Referer", ""))
    except ValueError:
        return "/"
    if parts.netloc != request.host:
        return "/"
    return own_path(unquote(parts.path) + (f"?{parts.query}" if query and parts.query else ""))


async def _to_sign_in(visit: Visit) -> web.Response:
    """Answer whoever has to sign in first: a page goes there, a piece of one never shows another page inside.

    Raises:
        AuthorityError: ``web.signed_out`` for a piece of a form: what was typed stays on the page;
            ``web.key_ended`` or ``web.key_replaced`` when that is why: its page is the one for signing in.
    """
    request, reason = visit.request, ended(visit.browser)
    headers = request.headers
    if LIVE in headers or headers.get("Accept") == "text/event-stream":
        return web.Response(status=204)
    if "HX-Request" not in headers:
        if reason is not None:
            if reason.code == KEY_REPLACED:
                # The same person goes on with the new key: what was typed waits for that.
                await keep_unsigned(visit)
            raise reason
        if request.method in ("GET", "HEAD"):
            return see_other(f"/sign-in?next={quote(returned_to(request))}")
        kept = await keep_unsigned(visit)
        if kept is not None and kept.action == request.rel_url.path:
            visit.tell("web.unsigned_kept")
        return see_other(f"/sign-in?next={quote(page_of(request) if kept is None else kept.where)}")
    if request.method != "GET":
        raise reason or AuthorityError("web.signed_out")
    try:
        where = own_path(urlsplit(headers.get("HX-Current-URL", "")).path)
    except ValueError:
        where = "/"
    return web.Response(headers={"HX-Redirect": f"/sign-in?next={quote(where)}"})


def returned_to(request: web.Request, path: str = "") -> str:
    """Return the address to come back to, or another path with what it says of a form."""
    url = request.rel_url
    return without_search(f"{path or url.raw_path}?{url.raw_query_string}")


def without_search(address: str) -> str:
    """Return a path with what its query says of a form: what was searched for stands on no locked screen."""
    path, _, query = address.partition("?")
    kept = [(name, text) for name, text in parse_qsl(query) if name in _COMES_BACK]
    return path + (f"?{urlencode(kept)}" if kept else "")


def open_page(handler: Page) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """Make a handler of requests of a page that needs nobody signed in."""

    async def handle(request: web.Request) -> web.StreamResponse:
        return await handler(visit_of(request))

    return handle


def see_other(where: str) -> web.Response:
    """Send the browser to another page; a form that was sent is not sent again when the page is reloaded.

    What is no plain character of an address is escaped: a path may hold what somebody typed.
    """
    return web.Response(status=303, headers={"Location": quote(where, safe="/?&=%:;,.+-_~@!$*()")})


def own_path(text: str) -> str:
    """Return a path of this site that a form named, "/" for anything else: nobody is sent elsewhere."""
    fits = text.startswith("/") and not text.startswith("//") and "\\" not in text and text.isprintable()
    return text if fits else "/"


async def posted(request: web.Request) -> MultiMapping[str | bytes | bytearray | web.FileField]:
    """Return the fields of a form as they were sent; ``items`` yields each of several of one name.

    Raises:
        InputError: ``web.form_broken`` for bytes that are no form, or in a charset that nobody knows.
    """
    try:
        return await request.post()
    except (ValueError, LookupError, AssertionError, BadHttpMessage) as error:
        raise InputError("web.form_broken") from error


async def form_of(visit: Visit) -> Mapping[str, list[str]]:
    """Return the texts of a form by field; files are left out.

    Raises:
        InputError: ``web.form_broken``.
    """
    data = await posted(visit.request)
    form: dict[str, list[str]] = {}
    for name, value in data.items():
        if isinstance(value, str):
            form.setdefault(name, []).append(value)
    return form


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A file that a form brought.

    Attributes:
        name: what the file is called where it came from, without folders.
        raw: its bytes.
    """

    name: str
    raw: bytes


async def upload_of(visit: Visit, field: str) -> Upload:
    """Return the file of a field of a form.

    Raises:
        InputError: ``web.no_file`` when none was chosen.
    """
    value = (await posted(visit.request)).get(field)
    if not isinstance(value, web.FileField) or not value.filename:
        raise InputError("web.no_file")
    name = value.filename.replace("\\", "/").rpartition("/")[2]
    return Upload(name=name[:120], raw=value.file.read())


def first(form: Mapping[str, list[str]], name: str) -> str:
    """Return the first text of a field; "" when there is none."""
    return form.get(name, [""])[0]
