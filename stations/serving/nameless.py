"""Answers that do not say which program gives them, and which version of it: only attackers ask for that."""

from __future__ import annotations

from aiohttp import web
from aiohttp.hdrs import SERVER


def make_nameless(application: web.Application) -> None:
    """Leave the name of the server program out of every answer of an application."""

    async def forget(_: web.Request, response: web.StreamResponse) -> None:
        response.headers.popall(SERVER, None)

    application.on_response_prepare.append(forget)
