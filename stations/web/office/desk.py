"""What the pages of the county's desk share: who may use them, forms acted on once, files that were sent.

A file that somebody sent is looked at first and signed later; until then it is kept in memory, for the person
who sent it alone.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from hashlib import sha256
from pathlib import PurePath
from typing import TypeVar
from urllib.parse import quote
from weakref import WeakValueDictionary

from aiohttp import web

from ledger.errors import AuthorityError, ConfigError, InputError, RuleError, StoreError
from ledger.facade import Ledger, SignedAct
from ledger.facade.base.clock import Randomness
from ledger.facade.opened.performing import noting
from ledger.formats.act import case_of, read_act
from ledger.formats.genesis import OPEN_LOG
from stations.web.drafts import said_by
from stations.web.headers import from_here
from stations.web.oncewords import Spent
from stations.web.typed import fields_kept, is_stored, words_of
from stations.web.visit import Upload, Visit, author_of, done_mark, first, page, posted, see_other

KEPT_MAX = 16
FILES_MAX = 500
_JOBS = "/job/"
T = TypeVar("T")
Form = Mapping[str, list[str]]
Page = Callable[[Visit], Awaitable[web.StreamResponse]]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Kept:
    """What was sent or made and is not finished yet, by a random word; the oldest goes first."""

    def __init__(self, randomness: Randomness) -> None:
        self._randomness = randomness
        self._held: OrderedDict[str, tuple[str, object]] = OrderedDict()
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def keep(self, staff_no: str, thing: object) -> str:
        """Keep something for a person; returns the word."""
        word = self._randomness(12).hex()
        self._held[word] = (staff_no, thing)
        while len(self._held) > KEPT_MAX:
            self._held.popitem(last=False)
        return word

    def get(self, staff_no: str, word: str, kind: type[T]) -> T:
        """Return what a person keeps under a word.

        Raises:
            InputError: ``web.gone`` when it was dropped, or the station was started again since.
        """
        owner, thing = self._held.get(word, ("", None))
        if owner != staff_no or not isinstance(thing, kind):
            raise InputError("web.gone")
        return thing

    def turn(self, browser: str) -> asyncio.Lock:
        """Return what lets the forms of one browser be acted on one after the other."""
        lock = self._turns.get(browser)
        if lock is None:
            lock = self._turns[browser] = asyncio.Lock()
        return lock

    def drop(self, word: str) -> None:
        """Forget something that is finished."""
        self._held.pop(word, None)


KEPT: web.AppKey[Kept] = web.AppKey("kept", Kept)


def kept_of(visit: Visit) -> Kept:
    """Return what this installation keeps for people."""
    return visit.request.app[KEPT]


def registrar_page(handler: Page) -> Handler:
    """Make a page for registrars: whoever signed in and is none now is refused.

    Raises (when asked for):
        AuthorityError: ``web.registrar_only``.
    """

    async def checked(visit: Visit) -> web.StreamResponse:
        key = visit.person.key_id

        def is_registrar(ledger: Ledger) -> bool:
            held = ledger.knowledge.registry.authority(key)
            return held is not None and held.kind == "registrar"

        if not await visit.read(is_registrar):
            raise AuthorityError("web.registrar_only")
        return await handler(visit)

    return page(checked)


def role_page(handler: Page, roles: Sequence[str]) -> Handler:
    """Make a page for people who hold one of some roles.

    Raises (when asked for):
        AuthorityError: ``web.role_only``.
    """

    async def checked(visit: Visit) -> web.StreamResponse:
        person = visit.person

        def held(ledger: Ledger) -> bool:
            registry = ledger.knowledge.registry
            return any(person.roles_at(registry, place) & set(roles) for place in person.stations)

        if not await visit.read(held):
            raise AuthorityError("web.role_only", roles=tuple(roles))
        return await handler(visit)

    return page(checked)


async def require_own_station(visit: Visit) -> None:
    """Refuse people who do not work at the station that this installation speaks for.

    Raises:
        AuthorityError: ``web.scope``.
    """
    main = await visit.read(lambda ledger: ledger.main_station)
    if main is not None and main not in visit.person.stations:
        raise AuthorityError("web.scope")


def at_county(ledger: Ledger) -> bool:
    """Tell whether the registry is written on this installation: only there do a registrar's acts count."""
    return any(log.own and log.kind == "registry" and not log.doubt for log in ledger.logs())


def require_county(ledger: Ledger) -> None:
    """Refuse a registrar's act anywhere else.

    Raises:
        ConfigError: ``web.not_county``.
    """
    if not at_county(ledger):
        raise ConfigError("web.not_county")


def require_here(visit: Visit) -> None:
    """Refuse a browser on another machine what is for whoever sits at this one.

    Raises:
        AuthorityError: ``web.local_only``.
    """
    if not from_here(visit.request):
        raise AuthorityError("web.local_only")


class Noting:
    """Signs for a form, and writes down with its one-time word which act it becomes before that is stored.

    Of a form that becomes several acts the first one is: where that is stored, the form is not begun again.

    Args:
        visit: the request that signs it.
        form: what is signed.
        said: a digest of what it says.
        back: the page that shows what came of it after a power cut.
        opens: whether it is signed to open a log.
    """

    def __init__(self, visit: Visit, form: Form, *, said: str, back: str, opens: bool) -> None:
        self._visit, self._opens = visit, opens
        self._author, self._word = author_of(visit), first(form, "once")
        self._spent = Spent(said=said, where=back, at_ms=visit.now_ms())
        self._is_noted = self._is_stored = False

    async def write(self, work: Callable[[Ledger], T]) -> T:
        """Run something that signs; the station above hears of it soon.

        Raises:
            StoreError: ``store.*`` where it cannot be written down; nothing was signed.
        """

        def on_thread(ledger: Ledger) -> T:
            # Where nothing was stored the work is done once more, and signs another act.
            self._is_noted = self._is_stored
            with noting(ledger.parts, self._note):
                done = work(ledger)
            self._is_stored = self._is_noted
            return done

        return await self._visit.write(on_thread)

    def done(self, where: str) -> None:
        """Write down where the form led; blocks on the disk.

        A job is gone when its process is, and may be writing down its first act just now.
        """
        if self._word and not where.startswith(_JOBS):
            self._spend(replace(self._spent, where=where))

    def _note(self, signed: SignedAct) -> None:
        if self._word and not self._is_noted:
            act = read_act(signed.raw, signed.sig)
            if act.header.action == OPEN_LOG and not self._opens:
                # Whoever acts opens the log if need be: that is not yet what was to be signed.
                return
            self._spend(replace(self._spent, act=signed.act_id.hex(), case=case_of(act).hex()))
            self._is_noted = True

    def _spend(self, spent: Spent) -> None:
        words_of(self._visit).spend(self._author, self._word, spent)
        self._spent = spent


async def once(
    visit: Visit, form: Form, act: Callable[[Noting], Awaitable[str]], *, back: str, opens: bool = False
) -> web.Response:
    """Act on a form once, however often it is sent, also at one moment.

    Args:
        visit: the request.
        form: what was sent.
        act: acts, signs by what it is given, and returns where to go then.
        back: the page that shows what came of it where a power cut came before the answer.
        opens: whether it is signed to open a log.

    Raises:
        RuleError: ``web.form_signed``; as ``act``.
    """
    async with kept_of(visit).turn(visit.browser.csrf):
        where = await answered(visit, form)
        if where is None:
            said = await _said_in(visit, form)
            noted = Noting(visit, form, said=said, back=back, opens=opens)
            where = await act(noted)
            if first(form, "once"):
                visit.browser.remember_done(_mark(visit, form, said), where)
                # It is done: a full disk makes it not undone.
                with suppress(StoreError):
                    await visit.office.access.aside(partial(noted.done, where))
    return see_other(where)


async def answered(visit: Visit, form: Form) -> str | None:
    """Return where a form of who acts led that was acted on, also before a restart; None for any other.

    Raises:
        RuleError: ``web.form_signed`` where the form said something else when it was.
    """
    word, words, said = first(form, "once"), words_of(visit), await _said_in(visit, form)
    known = visit.browser.done.get(_mark(visit, form, said))
    if known is not None or not word:
        return known
    spent = await visit.office.access.aside(lambda: words.spent(author_of(visit), word))
    if spent is None or (spent.act and not await visit.read(lambda ledger: is_stored(ledger, spent))):
        return None
    if not spent.where or spent.said not in ("", said):
        raise RuleError("web.form_signed")
    visit.tell("web.form_signed_told")
    return spent.where


def _mark(visit: Visit, form: Form, said: str) -> str:
    """Return what tells a form from all others while the program runs: another passphrase is another form."""
    return f"{done_mark(visit, first(form, 'once'))} {said} {said_by(form)}"


async def _said_in(visit: Visit, form: Form) -> str:
    """Return a digest of what a form says, and to whom it is sent: pages have several with one word.

    Of files what they hold; of passphrases nothing, for it is written down.
    """
    files = []
    for name, value in (await posted(visit.request)).items():
        if isinstance(value, web.FileField) and value.filename:
            value.file.seek(0)
            files.append(f"{name} {sha256(value.file.read()).hexdigest()}")
            value.file.seek(0)
    return said_by({**fields_kept(form), "to": [visit.request.path], "sent": files})


def new_word(visit: Visit) -> str:
    """Return the one-time word of a form."""
    return visit.office.randomness(12).hex()


async def sent_files(visit: Visit, field: str, *, limit: int) -> list[Upload]:
    """Return the files of a field of a form; empty ones are left out.

    Args:
        visit: the request.
        field: name of the field.
        limit: bytes of one file.

    Raises:
        InputError: ``web.file_large``; ``web.files_many``.
    """
    found = []
    data = await posted(visit.request)
    for value in data.getall(field, []):
        if not isinstance(value, web.FileField) or not value.filename:
            continue
        content = value.file.read(limit + 1)
        name = PurePath(value.filename.replace("\\", "/")).name[:120] or "file"
        if len(content) > limit:
            raise InputError("web.file_large", name=name, limit=max(1, limit >> 10))
        if content:
            found.append(Upload(name=name, raw=content))
        if len(found) > FILES_MAX:
            raise InputError("web.files_many", limit=FILES_MAX)
    return found


async def sent_file(visit: Visit, field: str, *, limit: int) -> Upload:
    """Return the one file of a field.

    Raises:
        InputError: ``web.no_file`` when none was chosen; as ``sent_files``.
    """
    found = await sent_files(visit, field, limit=limit)
    if not found:
        raise InputError("web.no_file")
    return found[0]


def text_of(sent: Upload) -> str:
    """Return the text of a file.

    Raises:
        InputError: ``web.file_text`` for what is no UTF-8.
    """
    try:
        return sent.raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError("web.file_text", name=sent.name) from error


def download(name: str, content: bytes, *, kind: str = "application/octet-stream") -> web.Response:
    """Return a file for the browser to save."""
    return web.Response(
        body=content,
        content_type=kind,
        headers={"Content-Disposition": f"attachment; filename*=UTF-8''{quote(name)}"},
    )
