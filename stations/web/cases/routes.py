"""The routes of one case: received, shown, acted on, printed, with attachments and numbered pads."""

from __future__ import annotations

import asyncio

from aiohttp import web

from stations.web.cases import (
    acting,
    attaching,
    casepage,
    drafting,
    pads,
    printing,
    receiving,
    returning,
    slips,
    steps,
)
from stations.web.scope import of_cases
from stations.web.tablesheets import with_excel
from stations.web.visit import page


def prepare(application: web.Application) -> None:
    """Give an application what these pages remember while it runs."""
    application[pads.TURN] = asyncio.Lock()


def add_routes(router: web.UrlDispatcher) -> None:
    """Add the pages; each is for people who have signed in."""
    router.add_get("/receive", page(receiving.choose))
    router.add_post("/receive-way", page(steps.choose_way))
    router.add_post("/receive/{item}/draft/step", page(receiving.go_on))
    router.add_get("/receive/{item}/draft/step", page(steps.come_back))
    router.add_get("/receive/{item}", page(receiving.show))
    router.add_post("/receive/{item}", page(receiving.receive))
    for form in ("/receive/{item}", "/receive/{item}/return", "/case/{case}/do/{action}"):
        router.add_post(f"{form}/draft", page(drafting.keep))
        router.add_post(f"{form}/draft/drop", page(drafting.drop))
    router.add_post("/unsigned/drop", page(drafting.drop_unsigned))
    router.add_post("/receive/{item}/person", page(receiving.check_person))
    router.add_get("/receive/{item}/return", page(returning.show))
    router.add_post("/receive/{item}/return", page(returning.give_back))
    router.add_get("/case/{case}", page(with_excel(casepage.show)))
    router.add_get("/case/{case}/slip", page(slips.show))
    router.add_get("/case/{case}/do/{action}", page(acting.show))
    router.add_post("/case/{case}/do/{action}", page(acting.act))
    router.add_get("/case/{case}/print/{act}", page(printing.show))
    router.add_get("/print.css", page(printing.offsets))
    router.add_get("/pads", page(of_cases(pads.show)))
    router.add_post("/pads", page(of_cases(pads.make)))
    router.add_get("/pads/enter", page(of_cases(pads.enter)))
    router.add_get("/pads/{first}", page(of_cases(pads.sheet)))
    router.add_post("/attach", page(attaching.begin))
    router.add_put("/attach/{upload}/{index}", page(attaching.put))
    router.add_post("/attach/{upload}", page(attaching.finish))
    router.add_get("/case/{case}/attachment/{hash}", page(attaching.show))
    router.add_post("/case/{case}/attachment/{hash}/fetch", page(attaching.fetch))
