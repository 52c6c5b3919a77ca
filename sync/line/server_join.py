"""The routes of joining: the CA for everybody, the join for newcomers, renewal for stations.

These are the only routes that a caller without certificate may use, and of them only the first two; every
other route of a listener begins with ``require_peer``.

Source: docs/protocol.md, "Joining".
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from typing import Protocol

from aiohttp import web

from ledger.errors import BanjianError, EncodingError
from ledger.types import LedgerId, StationId
from sync.certs.pki import Leaf
from sync.certs.tls import peer_leaf
from sync.joining.joinforms import JOIN_REQUEST_BYTES_MAX, RENEWAL_BYTES_MAX
from sync.line.attempts import Attempts
from sync.line.problem import UNAVAILABLE, encode_problem, status_of
from sync.line.server_broken import BROKEN, named

CA_PATH = "/sync/1/ca"
JOIN_PATH = "/sync/1/join"
CERTIFICATE_PATH = "/sync/1/certificate"
TOO_OFTEN = 429
_TOO_OFTEN = ("join.too_often", "sync.too_often")
RETRY_AFTER_S = 60
"""What 429 and 503 ask for where the error itself does not say how long."""
BODY_TIMEOUT_S = 120.0
"""For the whole body of a join or renewal: some kilobytes, over a line with round trips of 30 seconds."""
CONTENT_TYPE = "application/octet-stream"

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class JoinDesk(Protocol):
    """What the routes ask of the station: at the county the office itself, elsewhere the way to it."""

    @property
    def ledger_id(self) -> LedgerId:
        """The pinned ledger."""

    def now_ms(self) -> int:
        """Return the station's clock: the receiving side's, by which certificates expire."""

    def ca_certificate(self) -> bytes:
        """Return the county's CA, DER."""

    def check_peer(self, leaf: Leaf) -> None:
        """Refuse a peer that the registry does not know as open (``tls.station_closed`` …), or refused."""

    async def join(self, request: bytes) -> bytes:
        """Return the answer to a join request."""

    async def renew(self, request: bytes, *, peer: StationId) -> bytes:
        """Return the answer to a renewal that came from a peer."""


def add_join_routes(application: web.Application, desk: JoinDesk, attempts: Attempts) -> None:
    """Add the routes of joining to an application.

    Args:
        application: its ``client_max_size`` does not matter here: these bodies have limits of their own.
        desk: what answers.
        attempts: counts failures by address.
    """

    async def send_ca(request: web.Request) -> web.StreamResponse:
        return web.Response(body=desk.ca_certificate(), content_type="application/pkix-cert")

    async def take_join(request: web.Request) -> web.StreamResponse:
        address = _caller(request, desk)
        attempts.require(address)
        try:
            body = await read_limited(request, JOIN_REQUEST_BYTES_MAX)
            return web.Response(body=await desk.join(body), content_type=CONTENT_TYPE)
        except BanjianError:
            attempts.failed(address)
            raise

    async def renew(request: web.Request) -> web.StreamResponse:
        peer = require_peer(request, desk)
        attempts.require(peer.station)
        try:
            body = await read_limited(request, RENEWAL_BYTES_MAX)
            return web.Response(body=await desk.renew(body, peer=peer.station), content_type=CONTENT_TYPE)
        except BanjianError:
            attempts.failed(peer.station)
            raise

    application.router.add_get(CA_PATH, told(send_ca))
    application.router.add_post(JOIN_PATH, told(take_join))
    application.router.add_post(CERTIFICATE_PATH, told(renew))


def require_peer(request: web.Request, desk: JoinDesk) -> Leaf:
    """Return who calls, after checking certificate, ledger, expiry and that the registry has it open.

    Raises:
        AuthorityError: ``tls.no_certificate``, ``tls.expired``, ``tls.station_unknown``,
            ``tls.station_closed``; ``join.rejected``.
        DataError: ``tls.other_ledger``, ``tls.identity``, ``tls.key_algorithm``.
    """
    transport = request.transport
    held = None if transport is None else transport.get_extra_info("ssl_object")
    known = held if isinstance(held, ssl.SSLObject | ssl.SSLSocket) else None
    leaf = peer_leaf(known, ledger_id=desk.ledger_id, now_ms=desk.now_ms())
    desk.check_peer(leaf)
    return leaf


def told(handler: Handler) -> Handler:
    """Return a handler whose errors reach the caller with class, code and values."""

    async def answer(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except BanjianError as error:
            return problem_response(error)
        except BROKEN as error:
            return problem_response(named(error, request.remote or ""))

    return answer


def problem_response(error: BanjianError) -> web.Response:
    """Return the answer that tells an error."""
    headers: dict[str, str] = {}
    status = TOO_OFTEN if error.code in _TOO_OFTEN else status_of(error)
    if status in (TOO_OFTEN, UNAVAILABLE):
        headers["Retry-After"] = str(error.params.get("seconds", RETRY_AFTER_S))
    return web.Response(
        body=encode_problem(error), status=status, headers=headers, content_type="application/json"
    )


async def read_limited(request: web.Request, limit: int) -> bytes:
    """Return the body of a request, never holding more than its limit.

    Raises:
        EncodingError: ``encoding.limit``.
        TimeoutError: the other end took more than ``BODY_TIMEOUT_S`` for it.
    """
    parts = bytearray()
    async with asyncio.timeout(BODY_TIMEOUT_S):
        async for chunk in request.content.iter_chunked(16 * 1024):
            parts += chunk
            if len(parts) > limit:
                raise EncodingError("encoding.limit", size=len(parts), limit=limit)
    return bytes(parts)


def _caller(request: web.Request, desk: JoinDesk) -> str:
    """Return whose failures are counted: a station that passes requests on, else the address."""
    try:
        return require_peer(request, desk).station
    except BanjianError:
        return request.remote or "?"
