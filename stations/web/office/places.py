"""Stations on pages: which there are, enrolling and inviting one, closing one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from aiohttp import web

from ledger.errors import BanjianError, ConfigError, InputError
from ledger.facade import Ledger
from ledger.formats.invite import Invite, decode_invite, encode_invite
from ledger.formats.keys import Signer
from ledger.registry import actions as registry_actions
from ledger.registry.schema import GRANTABLE_ROLES
from ledger.registry.station import LEVELS, Station
from ledger.types import StationId
from stations.office.closing import open_cases_of, require_empty
from stations.office.inviting import (
    DAYS_DEFAULT,
    Offer,
    check_addresses,
    code_of_invite,
    invite_addresses,
    make_invite,
    read_station,
    spaced,
    station_facts,
)
from stations.papers.sheets import Sheet
from stations.web import typed as typing
from stations.web.answers import status_of
from stations.web.lists import send_workbook
from stations.web.office.desk import (
    Noting,
    at_county,
    download,
    kept_of,
    new_word,
    once,
    registrar_page,
    require_county,
)
from stations.web.office.peoplelines import PersonLine, person_lines
from stations.web.render import message_of, render
from stations.web.visit import Visit, first, form_of
from stations.words.casenames import station_name
from stations.words.naming import Names
from sync.certs.credentials import prepare_county

HEADINGS = ("station", "name", "level", "upstream")
DAYS_MAX = 366
Form = Mapping[str, list[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceLine:
    """A station; ``here`` when its log is kept on this machine."""

    station: StationId
    name: str
    level: str
    above: str
    people: int
    here: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeInvite:
    """An invite that was just written: its bytes, and what it says."""

    raw: bytes
    invite: Invite


def add_routes(router: web.UrlDispatcher) -> None:
    """Add the pages of stations."""
    router.add_get("/stations", registrar_page(show_all))
    router.add_get("/stations/new", registrar_page(show_new))
    router.add_post("/stations/new", registrar_page(enrol_one))
    router.add_get("/stations/{station}", registrar_page(show_one))
    router.add_post("/stations/{station}/invite", registrar_page(invite_one))
    router.add_post("/stations/{station}/close", registrar_page(close_one))
    router.add_get("/invites/{word}", registrar_page(show_invite))
    router.add_get("/invites/{word}/file", registrar_page(invite_file))


async def show_all(visit: Visit) -> web.StreamResponse:
    """List the stations; as Excel on demand."""

    def work(ledger: Ledger) -> tuple[list[PlaceLine], bool]:
        return _lines(ledger), at_county(ledger)

    lines, county = await visit.read(work)
    if visit.request.query.get("format") == "xlsx":
        say = visit.say
        rows = tuple((one.station, one.name, say(f"level.{one.level}"), one.above) for one in lines)
        headings = tuple(say(f"head.{name}") for name in HEADINGS)
        title = say("web.stations_title")
        return await send_workbook(visit, title, [Sheet(name=title, headings=headings, rows=rows)])
    return await render(visit, "stations.html", lines=lines, county=county)


async def show_new(visit: Visit) -> web.Response:
    """Show the form for a new station."""
    return await _new_form(visit, {}, None)


async def enrol_one(visit: Visit) -> web.StreamResponse:
    """Enrol a station, or one that was closed again."""
    form = await form_of(visit)

    async def act(noted: Noting) -> str:
        station = read_station(first(form, "station").strip().upper())
        name = first(form, "name").strip()
        if not name:
            raise InputError("web.no_station_name")
        level = first(form, "level")
        if level not in LEVELS:
            raise InputError("web.choice", field="level", value=level[:40])

        def work(ledger: Ledger) -> None:
            require_county(ledger)
            facts = station_facts(
                ledger.knowledge.registry,
                station,
                name=name,
                level=level,
                upstream=first(form, "upstream"),
            )
            ledger.register("enrol_station", facts, visit.person.signer)

        await noted.write(work)
        visit.tell("web.station_added", name=name, station=station)
        return f"/stations/{station}"

    try:
        return await once(visit, form, act, back="/stations")
    except BanjianError as error:
        return await _new_form(visit, form, error)


async def show_one(visit: Visit) -> web.Response:
    """Show one station: who works there, inviting it, closing it."""
    return await _station_page(visit, {}, None)


async def invite_one(visit: Visit) -> web.StreamResponse:
    """Write an invite for a station."""
    form = await form_of(visit)

    async def act(noted: Noting) -> str:
        offer = _offer(visit, form)

        def work(ledger: Ledger) -> MadeInvite:
            require_county(ledger)
            return _made(ledger, visit.person.signer, offer, visit)

        made = await noted.write(work)
        return f"/invites/{kept_of(visit).keep(visit.person.staff_no, made)}"

    try:
        return await once(visit, form, act, back="/stations")
    except BanjianError as error:
        return await _station_page(visit, form, error)


async def show_invite(visit: Visit) -> web.Response:
    """Show an invite that was just written: the file, the code, what to compare.

    Raises:
        InputError: ``web.gone``.
    """
    word = visit.request.match_info["word"]
    made = kept_of(visit).get(visit.person.staff_no, word, MadeInvite)
    return await render(
        visit,
        "invite.html",
        word=word,
        invite=made.invite,
        code=code_of_invite(made.raw),
        ledger_id=spaced(made.invite.ledger_id),
    )


async def invite_file(visit: Visit) -> web.Response:
    """Return the file of an invite.

    Raises:
        InputError: ``web.gone``.
    """
    made = kept_of(visit).get(visit.person.staff_no, visit.request.match_info["word"], MadeInvite)
    return download(f"{made.invite.station}.invite", made.raw)


async def close_one(visit: Visit) -> web.StreamResponse:
    """Close a station; what it recorded stays."""
    form = await form_of(visit)
    station = read_station(visit.request.match_info["station"])

    async def act(noted: Noting) -> str:
        if not first(form, "sure"):
            raise InputError("web.tick_first")

        def work(ledger: Ledger) -> None:
            require_county(ledger)
            if not first(form, "anyway"):
                require_empty(ledger, station)
            facts = registry_actions.close_station(station=station)
            ledger.register("close_station", facts, visit.person.signer)

        await noted.write(work)
        visit.tell("web.station_closed", station=station)
        return "/stations"

    try:
        return await once(visit, form, act, back="/stations")
    except BanjianError as error:
        return await _station_page(visit, {}, error)


def _made(ledger: Ledger, signer: Signer, offer: Offer, visit: Visit) -> MadeInvite:
    if ledger.training:
        raise ConfigError("join.training")
    randomness = visit.office.randomness
    ca = prepare_county(ledger, randomness=randomness)
    offer = replace(offer, addresses=invite_addresses(ledger, offer.station, offer.addresses))
    invite = make_invite(ledger, signer, offer, ca_fingerprint=ca.fingerprint, randomness=randomness)
    raw = encode_invite(invite, signer)
    return MadeInvite(raw=raw, invite=decode_invite(raw))


def _offer(visit: Visit, form: Form) -> Offer:
    """Return what the form offers.

    Raises:
        ConfigError: ``cli.station``, ``invite.address``.
        InputError: ``web.number``, ``web.choice``.
    """
    addresses = tuple(line.strip() for line in first(form, "addresses").splitlines() if line.strip())
    check_addresses(addresses)
    days = first(form, "days").strip() or str(DAYS_DEFAULT)
    if not (days.isascii() and days.isdigit() and 0 < int(days[:6]) <= DAYS_MAX):
        raise InputError("web.number", field=visit.say("web.invite_days"), value=days[:20])
    roles = form.get("role", [])
    if unknown := [role for role in roles if role not in GRANTABLE_ROLES]:
        raise InputError("web.choice", field="role", value=unknown[0][:40])
    return Offer(
        station=read_station(visit.request.match_info["station"]),
        addresses=addresses,
        days=int(days),
        roles=roles,
    )


async def _new_form(visit: Visit, form: Form, error: BanjianError | None) -> web.Response:
    def work(ledger: Ledger) -> dict[str, object]:
        registry = ledger.knowledge.registry
        return {
            "places": [
                (str(place.station), f"{place.name} {place.station}") for place in registry.stations()
            ],
            "prefix": registry.station_of_log[:6],
            "county": at_county(ledger),
            "message": error and message_of(visit.say, error, Names(visit.say, registry=registry)),
        }

    values = await visit.read(work)
    given = {name: texts[0] for name, texts in form.items()}
    typed = await typing.here(visit, "/stations/new")
    response = await render(
        visit,
        "station_new.html",
        **values,
        kept_here=typed,
        levels=LEVELS[1:],
        given=given,
        once=new_word(visit),
    )
    response.set_status(200 if error is None else status_of(error))
    return response


async def _station_page(visit: Visit, form: Form, error: BanjianError | None) -> web.Response:
    """Return the page of one station.

    Raises:
        InputError: ``web.no_page``.
    """
    wanted = visit.request.match_info["station"]

    def work(ledger: Ledger) -> dict[str, object]:
        registry = ledger.knowledge.registry
        line = next((one for one in _lines(ledger) if one.station == wanted), None)
        if line is None:
            raise InputError("web.no_page", path=wanted[:40])
        return {
            "line": line,
            "staff_here": _people_at(visit, ledger, wanted),
            "top": wanted == registry.station_of_log,
            "county": at_county(ledger),
            "held": [row.number for row in open_cases_of(ledger, line.station)],
            "message": error and message_of(visit.say, error, Names(visit.say, registry=registry)),
        }

    values = await visit.read(work)
    response = await render(
        visit,
        "station.html",
        kept_here=await typing.here(visit, f"/stations/{wanted}"),
        **values,
        roles=GRANTABLE_ROLES,
        given={name: texts[0] for name, texts in form.items()},
        chosen=form.get("role", ["window"]),
        days=DAYS_DEFAULT,
        once=new_word(visit),
    )
    response.set_status(200 if error is None else status_of(error))
    return response


def _people_at(visit: Visit, ledger: Ledger, station: str) -> Sequence[PersonLine]:
    return [one for one in person_lines(visit.say, ledger.knowledge.registry) if one.station == station]


def _lines(ledger: Ledger) -> list[PlaceLine]:
    registry = ledger.knowledge.registry
    here = {log.station for log in ledger.logs() if log.own and log.kind == "station"}
    people: dict[str, int] = {}
    for held in registry.keys():  # noqa: SIM118 - a query, not a mapping
        if held.kind in ("staff", "registrar"):
            people[held.station] = people.get(held.station, 0) + 1

    def line(place: Station) -> PlaceLine:
        return PlaceLine(
            station=place.station,
            name=place.name,
            level=place.level,
            above=station_name(registry, place.upstream),
            people=people.get(place.station, 0),
            here=place.station in here,
        )

    return [line(place) for place in registry.stations()]
