"""The first day of a station that joins a county: the invite, the ledger's number compared, keys, the answer.

Keys and request are on the disk before anything is sent. Whatever breaks off then (the network, the power)
is taken up from there: asked again, or carried on a stick.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from aiohttp import web

from ledger.errors import BanjianError, ConfigError, InputError
from ledger.facade import Home
from ledger.facade.base.clock import Randomness
from ledger.formats.invite import Invite, decode_invite
from ledger.formats.keys import prove_possession
from ledger.types import LedgerId
from stations.config import write_config
from stations.office.enrolling import checked_number
from stations.office.inviting import first_roles, spaced, station_invite
from stations.office.newkeys import SUFFIX, make_key
from stations.web.firstday.shared import (
    FIRST,
    FirstDay,
    go_on,
    made_aside,
    new_name,
    new_passphrase,
    page_of,
    require_none,
    sent,
    typed,
)
from stations.web.office.desk import download
from sync.joining.joinforms import StaffKey
from sync.joining.newcomer import Joining, begin, finish, resume
from sync.line.client_join import join_online


def add_routes(router: web.UrlDispatcher) -> None:
    """Add the pages of joining."""
    router.add_get("/join", _show)
    router.add_post("/join", _look)
    router.add_post("/join/begin", _begin)
    router.add_post("/join/ask", _ask)
    router.add_get("/join/request", _request_file)
    router.add_post("/join/answer", _answer)
    router.add_post("/join/drop", _drop)


def begun(home: Home) -> Joining | None:
    """Return the join that was begun for a folder; None when there is none, or it cannot be taken up."""
    try:
        return resume(home)
    except BanjianError:
        return None


def taken_up(first: FirstDay) -> Joining | None:
    """Return the join that was begun; the clock is compared with the invite that is followed from now on."""
    joining = begun(first.home)
    raw = first.invite
    invite = joining.invite if joining is not None else decode_invite(raw) if raw else None
    first.invited_at_ms = 0 if invite is None else invite.issued_at_ms
    return joining


def require_not_begun(home: Home) -> None:
    """Refuse to found where keys of a join lie: they may be enrolled at the county already.

    Raises:
        ConfigError: ``first.join_begun``.
    """
    if begun(home) is not None:
        raise ConfigError("first.join_begun")


async def _show(request: web.Request) -> web.StreamResponse:
    first = request.app[FIRST]
    require_none(first)
    return _stage(first, None)


def _stage(first: FirstDay, error: BanjianError | None, given: dict[str, str] | None = None) -> web.Response:
    """Return the page of where the join stands: asking, comparing, or waiting for an invite."""
    joining = taken_up(first)
    if joining is not None:
        invite = joining.invite
        people = [f"{one.name} {one.staff_no}" for one in joining.request.staff]
        return page_of(
            first, "first_asking.html", error=error, invite=invite, clerks=people,
            ledger_id=spaced(invite.ledger_id),
        )  # fmt: skip
    if first.invite:
        invite = decode_invite(first.invite)
        return page_of(
            first, "first_compare.html", error=error, invite=invite, given=given or {},
            ledger_id=spaced(invite.ledger_id), roles=first_roles(invite),
        )  # fmt: skip
    return page_of(first, "first_join.html", error=error, code=(given or {}).get("code", ""))


async def _look(request: web.Request) -> web.StreamResponse:
    """Take the invite, as a file or as a code, and show which county it is from."""
    first, form = request.app[FIRST], await typed(request)
    try:
        require_none(first)
        raw = await sent(request, "invite")
        first.invite, _ = station_invite(raw, form.get("code", ""), now_ms=first.clock.now_ms())
    except BanjianError as error:
        first.invite = b""
        return _stage(first, error, form)
    return _stage(first, None)


async def _begin(request: web.Request) -> web.StreamResponse:
    """Make the keys of station and clerk, then ask the county."""
    first, form = request.app[FIRST], await typed(request)
    if form.get("other"):
        first.invite = b""
        return _stage(first, None)
    try:
        require_none(first)
        if not first.invite:
            raise InputError("web.no_file")
        if not form.get("compared"):
            raise InputError("first.compare")
        no, name = checked_number(form.get("no", "")), new_name(form, "name")
        passphrase, told = new_passphrase(form), decode_invite(first.invite)

        def make_staff(folder: Home, ledger_id: LedgerId) -> tuple[StaffKey, ...]:
            key = _staff_key(folder, ledger_id, told, (no, name), passphrase, first.randomness)
            return (key,)

        def make() -> None:
            require_none(first)
            begin(first.home, first.invite, make_staff=make_staff, randomness=first.randomness)

        await made_aside(first, make)
        first.invite = b""
    except BanjianError as error:
        return _stage(first, error, form)
    joining = begun(first.home)
    if joining is not None and not joining.invite.addresses:
        # By stick alone: the page says how it goes on.
        return web.Response(status=303, headers={"Location": "/join"})
    return await _asked(first)


async def _ask(request: web.Request) -> web.StreamResponse:
    return await _asked(request.app[FIRST])


async def _asked(first: FirstDay) -> web.StreamResponse:
    """Ask the county over the network and put its answer in place."""
    joining = begun(first.home)
    if joining is None:
        return _stage(first, None)
    try:
        if not joining.invite.addresses:
            raise ConfigError("join.no_address")
        answer = await join_online(joining.raw)
        await _put_in_place(first, joining, answer)
    except BanjianError as error:
        return _stage(first, error)
    return go_on(first, "/first-day")


async def _request_file(request: web.Request) -> web.StreamResponse:
    """Return the request, to be carried to the county on a stick."""
    joining = begun(request.app[FIRST].home)
    if joining is None:
        raise InputError("web.no_page", path="request")
    return download(f"{joining.invite.station}.join", joining.raw)


async def _answer(request: web.Request) -> web.StreamResponse:
    """Take the county's answer from a stick."""
    first = request.app[FIRST]
    joining = begun(first.home)
    if joining is None:
        return _stage(first, None)
    try:
        raw = await sent(request, "answer")
        if not raw:
            raise InputError("web.no_file")
        await _put_in_place(first, joining, raw)
    except BanjianError as error:
        return _stage(first, error)
    return go_on(first, "/first-day")


async def _drop(request: web.Request) -> web.StreamResponse:
    """Give a join up that was begun, with its keys: the county may have to send another invite."""
    first, form = request.app[FIRST], await typed(request)
    joining = begun(first.home)
    if joining is not None and not joining.again:
        if not form.get("sure"):
            return _stage(first, InputError("web.tick_first"))
        await made_aside(first, lambda: shutil.rmtree(joining.staging.path))
    return web.Response(status=303, headers={"Location": "/"})


async def _put_in_place(first: FirstDay, joining: Joining, answer: bytes) -> None:
    invite = joining.invite

    def complete(folder: Path) -> None:
        write_config(folder, station=invite.station, upstream=invite.addresses)

    def put() -> None:
        finish(joining, answer, randomness=first.randomness, complete=complete)

    await made_aside(first, put)


def _staff_key(
    folder: Home,
    ledger_id: LedgerId,
    invite: Invite,
    person: tuple[str, str],
    passphrase: str,
    randomness: Randomness,
) -> StaffKey:
    no, name = person
    path = folder.keys_dir / f"{no}{SUFFIX}"
    signer = make_key(path, label=no, passphrase=passphrase, randomness=randomness)
    return StaffKey(
        staff_no=no,
        name=name,
        public_key=signer.public_key,
        possession=prove_possession(signer, ledger_id),
        roles=first_roles(invite),
    )
