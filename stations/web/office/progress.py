"""The time between joining and the first sign-in: what has come down, and whose key waits for a registrar.

Nobody can be signed in yet, so it is shown to whoever sits at this machine, and as soon as one person may
sign in it leads there. What comes down comes by network or by stick (``firststick``).
"""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from ledger.errors import BanjianError
from ledger.facade import Ledger
from ledger.facade.peering.between import sync_status
from ledger.formats.envelope import read_envelope
from ledger.formats.keys import key_id
from stations.texts import Say
from stations.web.jobs import jobs_of
from stations.web.keyholders import SUFFIX
from stations.web.office.desk import require_here
from stations.web.office.firststick import NOBODY, UNDER, WHERE, nobody_yet
from stations.web.office.stickjobs import plugged
from stations.web.render import message_of, render
from stations.web.syncjob import syncing
from stations.web.visit import Visit, open_page, see_other
from stations.web.watched import came_soon


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingKey:
    """A key in this folder: whose, its number, whether the registry knows it here."""

    label: str
    number: str
    known: bool


def add_routes(router: web.UrlDispatcher) -> None:
    """Add the pages of the first download."""
    router.add_get("/first-day", open_page(show))
    router.add_post("/first-day/sync", open_page(sync_now))


async def show(visit: Visit) -> web.StreamResponse:
    """Show how far the first download is; lead on as soon as somebody may sign in."""
    require_here(visit)
    return await _shown(visit, None)


async def sync_now(visit: Visit) -> web.StreamResponse:
    """Ask the station above now, while nobody can sign in to do it."""
    require_here(visit)
    if not await nobody_yet(visit):
        return see_other("/sign-in")
    job = syncing(visit, about=WHERE, back=WHERE, under=UNDER, owner=NOBODY)
    if not await came_soon(job):
        return see_other(job.page)
    if job.error is not None:
        return await _shown(visit, job.error)
    return see_other(WHERE)


async def _shown(visit: Visit, error: BanjianError | None) -> web.StreamResponse:
    if not await nobody_yet(visit):
        if "HX-Request" in visit.request.headers:
            return web.Response(headers={"HX-Redirect": "/sign-in"})
        return see_other("/sign-in")

    def work(ledger: Ledger) -> dict[str, object]:
        station = ledger.main_station
        status = sync_status(ledger, station) if station is not None else None
        failure = None if status is None else status.link.failure
        registry = ledger.knowledge.registry
        return {
            "registry_size": registry.size,
            "catalogue_size": ledger.knowledge.catalogue.size,
            "station": station or "",
            "heard_at_ms": 0 if status is None else status.link.done_at_ms,
            "failure": failure and visit.say.message(failure.code, failure.params),
            "keys": _keys(visit, ledger, visit.say),
        }

    values = await visit.read(work)
    return await render(
        visit,
        "progress.html",
        **values,
        online=bool(visit.office.config.upstream),
        sticks=await plugged(visit),
        job=jobs_of(visit).running(WHERE),
        message=error and message_of(visit.say, error),
    )


def _keys(visit: Visit, ledger: Ledger, say: Say) -> list[WaitingKey]:
    found = []
    for path in sorted(visit.office.home.keys_dir.glob(f"*{SUFFIX}")):
        try:
            header = read_envelope(path.read_bytes())
        except (OSError, BanjianError):
            found.append(WaitingKey(label=path.stem, number=say("web.key_damaged"), known=False))
            continue
        number = key_id(header.alg, header.public_key)
        found.append(
            WaitingKey(
                label=header.label,
                number=number.hex(),
                known=ledger.knowledge.registry.is_known_key(number),
            )
        )
    return found
