"""Joining again: a station that was restored, or lost its certificate, takes new keys of the machine by page.

The ledger stays, the people's keys stay; new are the certificate and the keys for receipts and sticks, for
they are in no backup. Whatever breaks off is taken up from the disk, as at the first joining.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from ledger.errors import BanjianError, ConfigError, InputError
from ledger.facade import Ledger
from ledger.formats.invite import decode_invite
from stations.config import add_upstream
from stations.office.inviting import spaced, station_invite
from stations.web.answers import status_of
from stations.web.office.desk import download, kept_of, require_here, require_own_station, sent_files
from stations.web.render import message_of, render
from stations.web.visit import Visit, first, form_of, page, see_other
from sync.joining.newcomer import Joining, begin, finish, resume
from sync.line.client_join import join_online

WHERE = "/join-again"
FILE_BYTES_MAX = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """An invite that somebody is comparing: its bytes."""

    raw: bytes


def add_routes(router: web.UrlDispatcher) -> None:
    """Add the pages; they are for who works here, at this machine."""
    router.add_get(WHERE, page(show))
    router.add_post(WHERE, page(look))
    router.add_post(f"{WHERE}/begin", page(begin_again))
    router.add_post(f"{WHERE}/ask", page(ask))
    router.add_get(f"{WHERE}/request", page(request_file))
    router.add_post(f"{WHERE}/answer", page(take_answer))
    router.add_post(f"{WHERE}/drop", page(drop))


async def show(visit: Visit) -> web.Response:
    """Show where joining again stands: an invite is wanted, compared, or the county is asked."""
    await _require_own(visit)
    return await _shown(visit, None)


async def look(visit: Visit) -> web.StreamResponse:
    """Take the invite, as a file or as a code, and show which county and station it is for."""
    await _require_own(visit)
    form = await form_of(visit)
    try:
        sent = await sent_files(visit, "invite", limit=FILE_BYTES_MAX)
        given = sent[0].raw if sent else b""
        raw, invite = station_invite(given, first(form, "code"), now_ms=visit.now_ms())
        if invite.station != visit.office.config.station:
            raise InputError("web.rejoin_station", station=invite.station)
    except BanjianError as error:
        return await _shown(visit, error)
    word = kept_of(visit).keep(visit.person.staff_no, Looked(raw=raw))
    return see_other(f"{WHERE}?invite={word}")


async def begin_again(visit: Visit) -> web.StreamResponse:
    """Make the keys that are missing, then ask the county."""
    await _require_own(visit)
    form = await form_of(visit)
    word = first(form, "invite")
    try:
        looked = kept_of(visit).get(visit.person.staff_no, word, Looked)
        if not first(form, "compared"):
            raise InputError("first.compare")
        home, randomness = visit.office.home, visit.office.randomness

        def make() -> Joining:
            return begin(home, looked.raw, make_staff=lambda folder, ledger: (), randomness=randomness)

        joining = await visit.office.access.aside(make)
    except BanjianError as error:
        return await _shown(visit, error, word)
    kept_of(visit).drop(word)
    return await ask(visit) if joining.invite.addresses else see_other(WHERE)


async def ask(visit: Visit) -> web.StreamResponse:
    """Ask the county over the network and put its answer in place."""
    await _require_own(visit)
    try:
        joining = resume(visit.office.home)
        if not joining.invite.addresses:
            raise ConfigError("join.no_address")
        return await _put(visit, joining, await join_online(joining.raw))
    except BanjianError as error:
        return await _shown(visit, error)


async def request_file(visit: Visit) -> web.Response:
    """Return the request, to be carried to the county on a stick.

    Raises:
        ConfigError: ``join.not_begun``.
    """
    await _require_own(visit)
    joining = resume(visit.office.home)
    return download(f"{joining.invite.station}.join", joining.raw)


async def take_answer(visit: Visit) -> web.StreamResponse:
    """Take the county's answer from a stick."""
    await _require_own(visit)
    try:
        sent = await sent_files(visit, "answer", limit=FILE_BYTES_MAX)
        if not sent:
            raise InputError("web.no_file")
        return await _put(visit, resume(visit.office.home), sent[0].raw)
    except BanjianError as error:
        return await _shown(visit, error)


async def drop(visit: Visit) -> web.StreamResponse:
    """Give up what was begun, with its keys; what this station has stays."""
    await _require_own(visit)
    form = await form_of(visit)
    try:
        if not first(form, "sure"):
            raise InputError("web.tick_first")
        staging = resume(visit.office.home).staging.path
    except BanjianError as error:
        return await _shown(visit, error)
    await visit.office.access.aside(lambda: shutil.rmtree(staging))
    return see_other(WHERE)


async def _put(visit: Visit, joining: Joining, answer: bytes) -> web.StreamResponse:
    """Put certificate and keys in place and let the network take them; the station goes on meanwhile."""
    office, addresses = visit.office, joining.invite.addresses

    def complete(folder: Path) -> None:
        add_upstream(folder, addresses)

    await office.access.aside(
        lambda: finish(joining, answer, randomness=office.randomness, complete=complete)
    )
    visit.tell("web.rejoin_done")
    await office.network.joined_again(addresses)
    return see_other("/safe")


async def _require_own(visit: Visit) -> None:
    """Refuse other machines, and people who do not work at the station of this installation.

    Raises:
        AuthorityError: ``web.local_only``; ``web.scope``.
    """
    require_here(visit)
    await require_own_station(visit)


async def _shown(visit: Visit, error: BanjianError | None, word: str = "") -> web.Response:
    word = word or visit.request.query.get("invite", "")
    joining, invite = None, None
    try:
        joining = resume(visit.office.home)
        invite = joining.invite
    except BanjianError:
        # None was begun, or it cannot be taken up: another invite begins anew.
        try:
            raw = kept_of(visit).get(visit.person.staff_no, word, Looked).raw if word else b""
            invite = decode_invite(raw) if raw else None
        except InputError as gone:
            error = error or gone

    def work(ledger: Ledger) -> bool:
        return any(log.own and log.kind == "registry" for log in ledger.logs())

    response = await render(
        visit,
        "rejoin.html",
        county=await visit.read(work),
        asking=joining is not None,
        invite=invite,
        word=word,
        ledger_id="" if invite is None else spaced(invite.ledger_id),
        message=error and message_of(visit.say, error),
    )
    response.set_status(200 if error is None else status_of(error))
    return response
