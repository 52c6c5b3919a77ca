"""Newcomers on pages: whose keys wait, approving them, and requests that came on a stick."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from ledger.errors import BanjianError, ConfigError, InputError
from ledger.facade import Ledger
from ledger.texts import Message
from ledger.types import StationId
from stations.office.joindesk import approve_waiting, join_office
from stations.web import typed as typing
from stations.web.answers import status_of
from stations.web.office.desk import (
    Noting,
    at_county,
    download,
    kept_of,
    new_word,
    once,
    registrar_page,
    require_county,
    sent_file,
)
from stations.web.render import message_of, render
from stations.web.visit import Visit, first, form_of, see_other
from stations.words.casenames import station_name
from stations.words.naming import Names
from sync.joining.approval import KeyState, key_states
from sync.joining.joinforms import decode_answer
from sync.joining.joinoffice import JoinOffice, Waiting

FILE_BYTES_MAX = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingLine:
    """A request that waits, with its keys; ``is_ended`` as the office says."""

    name: str
    station: StationId
    place: str
    is_ended: bool
    keys: tuple[KeyState, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The county's answer to a request that came on a stick."""

    station: StationId
    raw: bytes


def add_routes(router: web.UrlDispatcher) -> None:
    """Add the pages of newcomers."""
    router.add_get("/joins", registrar_page(show_all))
    router.add_post("/joins", registrar_page(take))
    router.add_post("/joins/{name}/approve", registrar_page(approve_one))
    router.add_post("/joins/{name}/refuse", registrar_page(refuse_one))
    router.add_get("/joins/answer/{word}", registrar_page(answer_file))


async def show_all(visit: Visit) -> web.Response:
    """List the requests whose keys wait for a registrar."""
    return await _shown(visit, None, [])


async def approve_one(visit: Visit) -> web.StreamResponse:
    """Enrol the keys of one request; one from before the end of certificates only when that is ticked."""
    form = await form_of(visit)
    name = visit.request.match_info["name"]
    refused: list[KeyState] = []
    anyway = bool(first(form, "anyway"))

    async def act(noted: Noting) -> str:
        def work(ledger: Ledger) -> tuple[KeyState, ...]:
            require_county(ledger)
            office = _office(visit, ledger)
            waiting = _waiting(office, name)
            return approve_waiting(
                ledger, office, waiting, visit.person.signer, register=ledger.register, anyway=anyway
            )

        states = await noted.write(work)
        refused.extend(state for state in states if state.error is not None)
        if not refused:
            visit.tell("web.join_approved", count=len(states))
        return "/joins"

    try:
        answer = await once(visit, form, act, back="/joins")
    except BanjianError as error:
        return await _shown(visit, error, [])
    return await _shown(visit, None, refused) if refused else answer


async def refuse_one(visit: Visit) -> web.StreamResponse:
    """Refuse a request for good, with a signed reason that the asking station is shown."""
    form = await form_of(visit)
    name = visit.request.match_info["name"]

    async def act(noted: Noting) -> str:
        if not first(form, "sure"):
            raise InputError("web.tick_first")

        def work(ledger: Ledger) -> None:
            require_county(ledger)
            office = _office(visit, ledger)
            office.reject(_waiting(office, name), visit.person.signer, reason=first(form, "reason").strip())

        await noted.write(work)
        visit.tell("web.join_refused")
        return "/joins"

    try:
        return await once(visit, form, act, back="/joins")
    except BanjianError as error:
        return await _shown(visit, error, [])


async def take(visit: Visit) -> web.StreamResponse:
    """Take a request that came on a stick; the answer goes back on it."""
    try:
        sent = await sent_file(visit, "request", limit=FILE_BYTES_MAX)

        def work(ledger: Ledger) -> bytes:
            require_county(ledger)
            return _office(visit, ledger).take(sent.raw)

        raw = await visit.write(work)
    except BanjianError as error:
        return await _shown(visit, error, [])
    answer = Answer(station=decode_answer(raw).station, raw=raw)
    word = kept_of(visit).keep(visit.person.staff_no, answer)
    return see_other(f"/joins?answer={word}")


async def answer_file(visit: Visit) -> web.Response:
    """Return the answer to a request that came on a stick.

    Raises:
        InputError: ``web.gone``.
    """
    word = visit.request.match_info["word"]
    answer = kept_of(visit).get(visit.person.staff_no, word, Answer)
    return download(f"{answer.station}.answer", answer.raw)


def _waiting(office: JoinOffice, name: str) -> Waiting:
    """Return a request that waits.

    Raises:
        ConfigError: ``join.choose`` when it waits no more.
    """
    found = office.waiting()
    for one in found:
        if one.name == name:
            return one
    raise ConfigError("join.choose", count=len(found))


def _office(visit: Visit, ledger: Ledger) -> JoinOffice:
    return join_office(ledger, clock=visit.office.clock, randomness=visit.office.randomness)


async def _shown(visit: Visit, error: BanjianError | None, refused: list[KeyState]) -> web.Response:
    def work(ledger: Ledger) -> dict[str, object]:
        registry = ledger.knowledge.registry
        names = Names(visit.say, registry=registry)
        told: list[tuple[KeyState, Message]] = [
            (state, message_of(visit.say, state.error, names)) for state in refused if state.error
        ]
        return {
            "lines": [
                WaitingLine(
                    name=one.name,
                    station=one.request.invite.station,
                    place=station_name(registry, one.request.invite.station),
                    is_ended=one.is_ended,
                    keys=key_states(registry, one.request),
                )
                for one in _office(visit, ledger).waiting()
            ],
            "refused": told,
            "county": at_county(ledger),
            "message": error and message_of(visit.say, error, names),
        }

    values = await visit.read(work)
    word, typed = visit.request.query.get("answer", ""), await typing.here(visit, "/joins")
    response = await render(
        visit,
        "joins.html",
        **values,
        kept_here=typed,
        answer=word if word.isalnum() else "",
        once=new_word(visit),
    )
    response.set_status(200 if error is None and not refused else status_of(error) if error else 409)
    return response
