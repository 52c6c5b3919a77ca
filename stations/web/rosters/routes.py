"""The routes of rosters."""

from __future__ import annotations

import asyncio

from aiohttp import web

from stations.web.cases import erased, sweeping
from stations.web.rosters import lists, printing, signing
from stations.web.scope import of_cases
from stations.web.tablesheets import with_excel
from stations.web.visit import page


def prepare(application: web.Application) -> None:
    """Give an application what these pages remember while it runs."""
    application[erased.TURN] = asyncio.Lock()
    application.on_startup.append(sweeping.begin)
    application.on_cleanup.append(sweeping.end)


def add_routes(router: web.UrlDispatcher) -> None:
    """Add the pages; each is for people who have signed in."""
    router.add_get("/rosters/template", page(lists.template))
    router.add_get("/rosters", page(of_cases(lists.list_all)))
    router.add_post("/rosters", page(of_cases(lists.make)))
    router.add_get("/roster/{roster}", page(of_cases(with_excel(lists.show))))
    router.add_post("/roster/{roster}/tick", page(of_cases(lists.tick)))
    router.add_post("/roster/{roster}/ticks", page(of_cases(lists.ticks)))
    router.add_post("/roster/{roster}/drop", page(of_cases(lists.drop)))
    router.add_get("/roster/{roster}/sign", page(of_cases(signing.show)))
    router.add_post("/roster/{roster}/sign", page(of_cases(signing.sign)))
    router.add_get("/roster/{roster}/receipts", page(of_cases(printing.receipts)))
    router.add_get("/roster/{roster}/missing", page(of_cases(printing.missing)))
