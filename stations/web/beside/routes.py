"""The routes beside other systems: platform and hotline orders."""

from __future__ import annotations

import asyncio

from aiohttp import web

from stations.province.known import KnownCases
from stations.web.beside import listed, orders, sheet
from stations.web.beside.cases import KNOWN
from stations.web.visit import page


def prepare(application: web.Application) -> None:
    """Give an application what these pages remember while it runs."""
    application[KNOWN] = KnownCases()
    application[orders.TURN] = asyncio.Lock()


def add_routes(router: web.UrlDispatcher) -> None:
    """Add the pages; each is for people who have signed in."""
    router.add_get("/platform", page(sheet.show))
    router.add_post("/platform/enter", page(sheet.enter))
    router.add_get("/platform/list", page(listed.show))
    router.add_post("/platform/list", page(listed.read))
    router.add_post("/platform/link", page(listed.link))
    router.add_get("/platform/differences", page(listed.differences))
    router.add_get("/orders", page(orders.show))
    router.add_post("/orders", page(orders.read))
    router.add_post("/orders/answer", page(orders.answer))
