"""The pages of who looks after the office: people, stations, newcomers, lists, catalogue, keeping."""

from __future__ import annotations

from aiohttp import web

from stations.web import (
    catalogue,
    imports,
    joins,
    keeping,
    leaver,
    mykey,
    people,
    places,
    progress,
    training,
)

_PARTS = (
    people, places, joins, imports, catalogue, keeping, leaver, mykey, progress, training
)  # fmt: skip


def add_routes(router: web.UrlDispatcher) -> None:
    """Add every page of this part."""
    for part in _PARTS:
        part.add_routes(router)
