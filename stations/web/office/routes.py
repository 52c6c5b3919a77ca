"""The routes of who looks after the office."""

from __future__ import annotations

from aiohttp import web

from stations.web.office import (
    catalogue,
    firststick,
    imports,
    joins,
    keeping,
    leaver,
    mykey,
    newkeys,
    people,
    places,
    progress,
    rejoin,
    reopening,
    sticks,
    training,
)

_PARTS = (
    people, places, joins, imports, catalogue, keeping, leaver, mykey, newkeys, progress, firststick, sticks,
    training, rejoin, reopening,
)  # fmt: skip


def add_routes(router: web.UrlDispatcher) -> None:
    """Add every page of this part."""
    for part in _PARTS:
        part.add_routes(router)
