"""What stands on every answer of the pages, which names they answer to, and who sits at this machine."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection
from urllib.parse import urlsplit

from aiohttp import web

from ledger.errors import AuthorityError

_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' data: blob:; object-src 'none'; base-uri 'none'; "
        "form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}

_OF_PROXIES = ("Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP")


def dressed(response: web.StreamResponse, *, store: bool) -> web.StreamResponse:
    """Give an answer the headers of every answer; ``store`` lets browsers keep it."""
    if not response.prepared:
        for name, value in _HEADERS.items():
            response.headers.setdefault(name, value)
        response.headers.setdefault("Cache-Control", "no-cache" if store else "no-store")
    return response


def require_host(request: web.Request, own: Collection[str]) -> None:
    """Refuse a request that names a host by a name of the internet, unless it is one of ours.

    Raises:
        AuthorityError: ``web.host``.
    """
    name = request.host
    try:
        name = urlsplit(f"//{request.host}").hostname or ""
        if name == "localhost" or name in own:
            return
        ipaddress.ip_address(name)
    except ValueError as error:
        raise AuthorityError("web.host", host=name[:80]) from error


def from_here(request: web.Request) -> bool:
    """Tell whether a request comes from this machine, from a browser and not through a proxy that runs on it.

    A proxy passes on the name that the browser asked for, or says for whom it asks.
    """
    if any(name in request.headers for name in _OF_PROXIES):
        return False
    try:
        asked = urlsplit(f"//{request.host}").hostname or ""
        named = asked == "localhost" or ipaddress.ip_address(asked).is_loopback
        return named and ipaddress.ip_address(request.remote or "").is_loopback
    except ValueError:
        return False
