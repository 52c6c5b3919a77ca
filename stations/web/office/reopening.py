"""After a restore: at the county, the stations that are waited for, logs opened anew, keys of the machine.

What the stations below hold of registry and catalogue goes on counting only as long as nobody has opened the
next log; so the page says who has not come yet, and opens nothing before. At any other station it says that
the county was restored, once somebody has asked there.

Source: docs/storage.md, "A county".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from aiohttp import web

from ledger.errors import BanjianError, InputError, RuleError
from ledger.facade import Ledger, LogInfo
from ledger.facade.peering.between import accept_county_note, mark_seen, stations_behind
from ledger.facade.peering.receiptkey import RECEIPT, receipt_key_fault
from ledger.formats.envelope import open_key
from ledger.formats.genesis import LogKind
from ledger.formats.keys import Ed25519Signer, Signer
from ledger.types import StationId
from stations.office.servicekeys import BUNDLE, enrol_service_keys, require_registry
from stations.web.answers import status_of
from stations.web.office.desk import (
    Noting,
    new_word,
    once,
    registrar_page,
    require_own_station,
    sent_file,
    sent_files,
)
from stations.web.render import message_of, render
from stations.web.visit import Visit, first, form_of, page

WHERE = "/reopen"
KINDS: Mapping[str, LogKind] = {"registry": "registry", "catalogue": "catalogue", "merge": "merge"}
FILE_BYTES_MAX = 64 * 1024
ROOT_ATTEMPTS = "root"


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """One log of the county: why it was given up here; "" for one that is written."""

    kind: str
    doubt: str


def add_routes(router: web.UrlDispatcher) -> None:
    """Add the pages; the county's are for registrars."""
    router.add_get(WHERE, registrar_page(show))
    router.add_post(f"{WHERE}/keys", registrar_page(enrol_keys))
    router.add_post(f"{WHERE}/accept", page(accept))
    router.add_post("/safe/seen", page(seen))
    router.add_post(f"{WHERE}/{{kind}}", registrar_page(reopen))


async def show(visit: Visit) -> web.Response:
    """Show which logs were given up here, who has not brought what they hold, and which keys are missing."""
    return await _shown(visit, None)


async def reopen(visit: Visit) -> web.StreamResponse:
    """Open the successor of a log of the county, once the stations below have synced."""
    form = await form_of(visit)
    kind = KINDS.get(visit.request.match_info["kind"])

    async def act(noted: Noting) -> str:
        if kind is None:
            raise InputError("web.no_page", path=visit.request.path[:80])
        if not first(form, "sure"):
            raise InputError("web.tick_first")
        anyway = bool(first(form, "anyway"))
        behind = [] if anyway else await visit.read(_behind)
        if behind:
            raise RuleError("county.stations_behind", stations=tuple(behind), count=len(behind), kind=kind)
        signer = await _root_key(visit, first(form, "passphrase")) if kind == "registry" else None
        seen = [one.raw for one in await sent_files(visit, "seen", limit=FILE_BYTES_MAX)]

        def work(ledger: Ledger) -> None:
            station = _county(ledger)
            require_registry(ledger, station, elsewhere="web.not_county")
            ledger.open_county_log(
                kind, station, signer or visit.person.signer, newest=seen[0] if seen else b""
            )

        await noted.write(work)
        visit.tell("web.reopen_done", kind=visit.say(f"kind.{kind}"))
        return WHERE

    try:
        return await once(visit, form, act, back=WHERE, opens=True)
    except BanjianError as error:
        return await _shown(visit, error)


async def enrol_keys(visit: Visit) -> web.StreamResponse:
    """Enrol the keys with which the county gives receipts and reads sticks."""
    form = await form_of(visit)

    async def act(noted: Noting) -> str:
        def work(ledger: Ledger) -> int:
            station = _county(ledger)
            require_registry(ledger, station, elsewhere="county.keys_elsewhere")
            done = enrol_service_keys(
                ledger,
                ledger.register,
                visit.person.signer,
                station,
                purposes=(RECEIPT, BUNDLE),
                randomness=visit.office.randomness,
            )
            return sum(one.now for one in done)

        visit.tell("web.reopen_keys_done", count=await noted.write(work))
        return WHERE

    try:
        return await once(visit, form, act, back=WHERE)
    except BanjianError as error:
        return await _shown(visit, error)


async def accept(visit: Visit) -> web.StreamResponse:
    """Go on from the county's newest checkpoint, because somebody has asked there.

    Raises:
        AuthorityError: ``web.scope`` for people who do not work at the station of this installation.
        InputError: ``web.tick_first``.
        RuleError: ``county.note_none``; ``county.note_own``.
    """
    form = await form_of(visit)
    await require_own_station(visit)

    async def act(noted: Noting) -> str:
        if not first(form, "sure"):
            raise InputError("web.tick_first")
        await noted.write(accept_county_note)
        visit.tell("web.accept_done")
        return "/safe"

    return await once(visit, form, act, back="/safe")


async def seen(visit: Visit) -> web.StreamResponse:
    """Tell no more what was found and stays as it is, because somebody has looked into it.

    Raises:
        AuthorityError: ``web.scope`` for people who do not work at the station of this installation.
        InputError: ``web.tick_first``.
    """
    form = await form_of(visit)
    await require_own_station(visit)

    async def act(noted: Noting) -> str:
        if not first(form, "sure"):
            raise InputError("web.tick_first")
        visit.tell("web.seen_done", count=await noted.write(mark_seen))
        return "/safe"

    return await once(visit, form, act, back="/safe")


def _county(ledger: Ledger) -> StationId:
    return ledger.main_station or ledger.knowledge.registry.station_of_log


def _behind(ledger: Ledger) -> list[StationId]:
    return stations_behind(ledger, _county(ledger))


async def _root_key(visit: Visit, passphrase: str) -> Signer:
    """Return the root key whose file and passphrase its keeper gave.

    Raises:
        InputError: ``web.no_file``.
        AuthorityError: ``key.passphrase``; ``web.too_often``.
        DataError: ``key.envelope``.
    """
    sent = await sent_file(visit, "root", limit=FILE_BYTES_MAX)
    opened = await visit.attempt(ROOT_ATTEMPTS, lambda: open_key(sent.raw, passphrase))
    return Ed25519Signer.from_seed(opened.seed)


def _doubt(visit: Visit, log: LogInfo) -> str:
    return visit.say.reason(log.doubt, log=log.log_id.hex()[:8])


async def _shown(visit: Visit, error: BanjianError | None) -> web.Response:
    def work(ledger: Ledger) -> dict[str, object]:
        registry, station = ledger.knowledge.registry, _county(ledger)
        own = [log for log in ledger.logs() if log.own]
        sound = {log.kind for log in own if not log.doubt}
        doubts = {log.kind: log for log in own if log.doubt}
        behind = stations_behind(ledger, station)
        return {
            "county": any(log.kind == "registry" for log in own),
            "logs": [
                LogLine(kind=kind, doubt="" if kind in sound else _doubt(visit, doubts[kind]))
                for kind in KINDS
                if kind in sound or kind in doubts
            ],
            "behind": [(one, known.name if (known := registry.station(one)) else "") for one in behind],
            "below": sum(one.upstream == station for one in registry.stations()),
            "key_fault": receipt_key_fault(ledger.home, registry, station),
        }

    values = await visit.read(work)
    response = await render(
        visit,
        "reopen.html",
        **values,
        message=error and message_of(visit.say, error),
        once=new_word(visit),
    )
    response.set_status(200 if error is None else status_of(error))
    return response
