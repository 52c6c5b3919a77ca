"""The routes of what holds now."""

from __future__ import annotations

from aiohttp import web

from stations.web.overview import county, figures, hall, lights, today
from stations.web.scope import of_cases
from stations.web.tablesheets import with_excel
from stations.web.visit import open_page, page


def add_routes(router: web.UrlDispatcher) -> None:
    """Add the pages; the hall screen asks for nobody signed in."""
    router.add_get("/", page(today.today))
    router.add_get("/find", page(of_cases(today.find)))
    router.add_get("/day-clear", page(of_cases(with_excel(today.day_clear))))
    router.add_get("/board", page(with_excel(county.board)))
    router.add_get("/conflicts", page(of_cases(with_excel(county.conflicts))))
    router.add_get("/monthly", page(figures.monthly))
    router.add_get("/lights", page(of_cases(lights.show)))
    router.add_get("/hall", open_page(hall.show))
