"""The routes beside other systems: platform and hotline orders."""

from __future__ import annotations

import asyncio

from aiohttp import web

from stations.province.known import KnownCases
from stations.web.beside import listed, orders, sheet
from stations.web.beside.cases import KNOWN
from stations.web.scope import of_cases
from stations.web.visit import page


def prepare(application: web.Application) -> None:
    """Give an application what these pages remember while it runs."""
    application[KNOWN] = KnownCases()
    application[orders.TURN] = asyncio.Lock()


def add_routes(router: web.UrlDispatcher) -> None:
    """Add the pages; each is for people who have signed in."""
    router.add_get("/platform", page(of_cases(sheet.show)))
    router.add_post("/platform/enter", page(of_cases(sheet.enter)))
    router.add_get("/platform/list", page(of_cases(listed.show)))
    router.add_post("/platform/list", page(of_cases(listed.read)))
    router.add_post("/platform/link", page(of_cases(listed.link)))
    router.add_get("/platform/differences", page(of_cases(listed.differences)))
    router.add_get("/orders", page(of_cases(orders.show)))
    router.add_post("/orders", page(of_cases(orders.read)))
    router.add_post("/orders/answer", page(of_cases(orders.answer)))
