"""Every address of the site, from its own router, with samples for what stands in braces."""

from __future__ import annotations

import re
from collections.abc import Mapping

from aiohttp import web

from stations.web.site import add_routes

HOLE = re.compile(r"{(\w+)}")


def routes() -> list[tuple[str, str]]:
    """Return method and path of every route, ``/case/{case}`` with its braces; not the files of /static."""
    application = web.Application()
    add_routes(application.router)
    found = {
        (route.method, route.resource.canonical)
        for route in application.router.routes()
        if route.resource is not None and route.method != "HEAD"
    }
    return sorted((method, path) for method, path in found if not path.startswith("/static"))


def filled(path: str, samples: Mapping[str, str]) -> str:
    """Return a path with its braces filled in; "" when there is no sample for one of them."""
    holes = HOLE.findall(path)
    if any(hole not in samples for hole in holes):
        return ""
    return HOLE.sub(lambda hole: samples[hole.group(1)], path)
