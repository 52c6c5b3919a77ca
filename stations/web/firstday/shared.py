"""What the pages of one first day share."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from aiohttp import web

from ledger import platform
from ledger.errors import BanjianError, ConfigError, InputError
from ledger.facade import Home
from ledger.facade.base.clock import Clock, Randomness
from ledger.identity import NAME_CHARS_MAX, is_seen
from ledger.oneline import code_point, hidden_character
from ledger.texts import Language
from stations.checkup.clockdoubt import doubt_of
from stations.kept.restoring import Source
from stations.office.newkeys import checked_passphrase
from stations.texts import Say
from stations.version import version
from stations.web.answers import status_of
from stations.web.render import environment, html, message_of

FILE_BYTES_MAX = 64 * 1024
GO_AFTER_S = 0.3
"""Time for the last page to reach the browser before this server makes room for the next."""


@dataclass(slots=True, kw_only=True)
class Copying:
    """A backup that is being restored.

    Attributes:
        state: ``running``, ``done``, ``cancelled`` or ``stopped``.
        error: why it stopped.
        task: what copies.
    """

    source: Source
    done: int = 0
    state: str = "running"
    wanted: bool = True
    error: BanjianError | None = None
    task: asyncio.Task[None] | None = None


@dataclass(slots=True, kw_only=True)
class FirstDay:
    """What the pages of one first day share.

    Attributes:
        home: where the ledger will lie; absolute.
        word: what every form carries.
        invite: bytes of the invite that is being looked at; empty when none is.
        invited_at_ms: when the invite was made that is followed here; 0 for none.
        backup_at_ms: when the newest of the backups was made that were looked at; 0 for none.
        taken: root keys that were downloaded.
        copying: the backup that is being restored, or was.
        placed: set when a ledger is in place and somebody wants to go on.
        working: held while something is made: two clicks make one ledger.
    """

    home: Home
    clock: Clock
    randomness: Randomness
    word: str
    language: Language = "zh"
    invite: bytes = b""
    invited_at_ms: int = 0
    backup_at_ms: int = 0
    taken: set[str] = field(default_factory=set)
    copying: Copying | None = None
    placed: asyncio.Event = field(default_factory=asyncio.Event)
    working: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def say(self) -> Say:
        """Words in the chosen language."""
        return Say(language=self.language, page=True)


FIRST: web.AppKey[FirstDay] = web.AppKey("first", FirstDay)


def page_of(
    first: FirstDay, template: str, /, *, error: BanjianError | None = None, **values: object
) -> web.Response:
    """Return a page; with an error, the status of who must act."""
    say = first.say
    # There is no ledger to compare the clock with; what was carried here has times as well.
    known_ms = max(first.invited_at_ms, first.backup_at_ms)
    doubt = doubt_of(first.clock.now_ms(), known_ms=known_ms)
    text = (
        environment()
        .get_template(template)
        .render(
            t=say, has_words=say.has, language=first.language, csrf=first.word,
            person=None, people=[], bar=[],
            training=False, path="/", version=version(), safety=None, told=None,
            clock=None if doubt is None else say.message(doubt.code, doubt.params),
            unsigned=(), unsigned_elsewhere=(), folder=first.home.path,
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


def new_passphrase(form: dict[str, str], whose: str = "") -> str:
    """Return a new passphrase that was typed twice.

    Args:
        form: what was typed.
        whose: which one of several of the form, as the messages name it; "" for the only one.

    Raises:
        InputError: ``web.passphrase_differs``. ConfigError: ``key.weak``. Both say whose.
    """
    ending = f"-{whose}" if whose else ""
    passphrase = form.get(f"passphrase{ending}", "")
    if passphrase != form.get(f"again{ending}", ""):
        raise InputError("web.passphrase_differs", whose=whose)
    try:
        return checked_passphrase(passphrase)
    except ConfigError as error:
        raise ConfigError(error.code, **{**error.params, "whose": whose}) from error


def new_name(form: dict[str, str], field: str, *, whose: str = "") -> str:
    """Return a name; arguments as of ``new_passphrase``.

    Raises:
        InputError: ``first.name``; ``first.name_hidden`` for characters that control, turn or hide.
    """
    name = form.get(field, "")
    found = hidden_character(name)
    if found:
        raise InputError("first.name_hidden", character=code_point(found), whose=whose)
    if not any(is_seen(character) for character in name) or len(name) > NAME_CHARS_MAX:
        raise InputError("first.name", most=NAME_CHARS_MAX, whose=whose)
    return name


def go_on(first: FirstDay, next_path: str) -> web.Response:
    """Return the last page, and let the station's server take over."""
    asyncio.get_running_loop().call_later(GO_AFTER_S, first.placed.set)
    return page_of(first, "first_go.html", where=next_path)


async def sent(request: web.Request, field: str) -> bytes:
    """Return the bytes of a file that a form brought; nothing when none was chosen.

    Raises:
        InputError: ``web.file_large``.
    """
    sent = (await request.post()).get(field)
    if not isinstance(sent, web.FileField) or not sent.filename:
        return b""
    raw = sent.file.read(FILE_BYTES_MAX + 1)
    if len(raw) > FILE_BYTES_MAX:
        raise InputError("web.file_large", name=sent.filename[:80], limit=FILE_BYTES_MAX >> 10)
    return raw
