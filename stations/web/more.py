"""Everything that does not stand in the bar, by groups."""

from __future__ import annotations

from aiohttp import web

from stations.web.menu import GROUPS, menu_of
from stations.web.render import render
from stations.web.visit import Visit


async def show(visit: Visit) -> web.Response:
    """Show the pages that are offered to the person."""
    groups = [(group, menu_of(visit.person, group)) for group in GROUPS]
    return await render(visit, "more.html", groups=[pair for pair in groups if pair[1]])
