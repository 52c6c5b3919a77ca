"""The routes of the counter's further work: platform, rosters, documents, pads, attachments, sticks, jobs."""

from __future__ import annotations

import asyncio

from aiohttp import web

from stations.province.known import KnownCases
from stations.web import (
    attaching,
    beside,
    besidelist,
    jobs,
    orderpages,
    pads,
    printing,
    rosterprint,
    rosters,
    rostersign,
    stickpages,
)
from stations.web.besidecases import KNOWN
from stations.web.visit import page


def add_counter(application: web.Application) -> None:
    """Give an application these pages, and what they remember while it runs."""
    application[jobs.JOBS] = jobs.Jobs()
    application[KNOWN] = KnownCases()
    application[rosters.TURN] = asyncio.Lock()
    application[pads.TURN] = asyncio.Lock()
    application[orderpages.TURN] = asyncio.Lock()
    application.on_shutdown.append(_close)
    add_routes(application.router)


def add_routes(router: web.UrlDispatcher) -> None:
    """Add the pages; each is for people who have signed in."""
    router.add_get("/job/{job}", page(jobs.show))
    router.add_post("/job/{job}/cancel", page(jobs.cancel))
    router.add_get("/platform", page(beside.show))
    router.add_post("/platform/enter", page(beside.enter))
    router.add_get("/platform/list", page(besidelist.show))
    router.add_post("/platform/list", page(besidelist.read))
    router.add_post("/platform/link", page(besidelist.link))
    router.add_get("/platform/differences", page(besidelist.differences))
    router.add_get("/case/{case}/print/{act}", page(printing.show))
    router.add_get("/print.css", page(printing.offsets))
    router.add_get("/pads", page(pads.show))
    router.add_post("/pads", page(pads.make))
    router.add_get("/pads/enter", page(pads.enter))
    router.add_get("/pads/{first}", page(pads.sheet))
    router.add_post("/attach", page(attaching.begin))
    router.add_put("/attach/{upload}/{index}", page(attaching.put))
    router.add_post("/attach/{upload}", page(attaching.finish))
    router.add_get("/case/{case}/attachment/{hash}", page(attaching.show))
    router.add_get("/sticks", page(stickpages.show))
    router.add_post("/sticks/register", page(stickpages.register))
    router.add_post("/sticks/write", page(stickpages.write))
    router.add_post("/sticks/read", page(stickpages.read))
    router.add_get("/orders", page(orderpages.show))
    router.add_post("/orders", page(orderpages.read))
    router.add_post("/orders/answer", page(orderpages.answer))
    router.add_get("/rosters/template", page(rosters.template))
    router.add_get("/rosters", page(rosters.list_all))
    router.add_post("/rosters", page(rosters.make))
    router.add_get("/roster/{roster}", page(rosters.show))
    router.add_post("/roster/{roster}/tick", page(rosters.tick))
    router.add_post("/roster/{roster}/ticks", page(rosters.ticks))
    router.add_post("/roster/{roster}/drop", page(rosters.drop))
    router.add_get("/roster/{roster}/sign", page(rostersign.show))
    router.add_post("/roster/{roster}/sign", page(rostersign.sign))
    router.add_get("/roster/{roster}/receipts", page(rosterprint.receipts))
    router.add_get("/roster/{roster}/missing", page(rosterprint.missing))


async def _close(application: web.Application) -> None:
    await application[jobs.JOBS].close()
