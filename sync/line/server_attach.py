"""The routes on which stations below give and fetch attachments, chunk by chunk, beside their sessions.

Acts never wait for these: a station that has no time for attachments refuses them, and nothing else.

Source: docs/protocol.md, "Attachments".
"""

from __future__ import annotations

import asyncio
from typing import Protocol

from aiohttp import web

from ledger.errors import EncodingError, StoreError
from ledger.types import CaseId, StationId
from sync.attachforms import (
    ATTACHMENTS_PATH,
    CASE_BYTES,
    CHUNK_BYTES,
    CHUNKS_MAX,
    HASH_BYTES,
    OFFER_BYTES_MAX,
    Answer,
    Head,
    Offer,
    decode_offers,
)
from sync.line.server_join import CONTENT_TYPE, JoinDesk, read_limited, require_peer, told

CALLS_MAX = 8
"""Calls at once: chunks are written durably, and acts come first."""
READ_TIMEOUT_S = 60.0
RETRY_AFTER_S = 10


class AttachDesk(Protocol):
    """What the routes ask of the station."""

    async def offered(self, offers: tuple[Offer, ...], *, peer: StationId) -> Answer:
        """Return which chunks of what a peer offers are taken."""

    async def put(self, content: bytes, index: int, raw: bytes, *, peer: StationId) -> None:
        """Keep a chunk that a peer gives (``attach.unknown``, ``attach.chunk``, ``attach.differs``)."""

    async def head(self, case_id: CaseId, content: bytes, *, peer: StationId) -> Head:
        """Return what a peer may fetch (``attach.not_here``, ``attach.on_its_way``, ``attach.scope``)."""

    async def chunk(self, case_id: CaseId, content: bytes, index: int, *, peer: StationId) -> bytes:
        """Return a chunk of it."""


def add_attachment_routes(application: web.Application, join: JoinDesk, desk: AttachDesk) -> None:
    """Add the routes to an application.

    Args:
        application: its ``client_max_size`` does not matter here.
        join: who may call at all.
        desk: what answers.
    """
    free = asyncio.Semaphore(CALLS_MAX)

    async def peer_of(request: web.Request) -> StationId:
        peer = require_peer(request, join).station
        if free.locked():
            raise StoreError("sync.busy", seconds=RETRY_AFTER_S)
        return peer

    async def body_of(request: web.Request, limit: int) -> bytes:
        async with asyncio.timeout(READ_TIMEOUT_S):
            return await read_limited(request, limit)

    async def offer(request: web.Request) -> web.StreamResponse:
        peer = await peer_of(request)
        async with free:
            offers = decode_offers(await body_of(request, OFFER_BYTES_MAX))
            answer = await desk.offered(offers, peer=peer)
        return web.Response(body=answer.pack(), content_type=CONTENT_TYPE)

    async def put(request: web.Request) -> web.StreamResponse:
        peer = await peer_of(request)
        async with free:
            raw = await body_of(request, CHUNK_BYTES)
            await desk.put(_hash(request), _index(request), raw, peer=peer)
        return web.Response(status=204)

    async def head(request: web.Request) -> web.StreamResponse:
        peer = await peer_of(request)
        async with free:
            found = await desk.head(_case(request), _hash(request), peer=peer)
        return web.Response(body=found.pack(), content_type=CONTENT_TYPE)

    async def chunk(request: web.Request) -> web.StreamResponse:
        peer = await peer_of(request)
        async with free:
            raw = await desk.chunk(_case(request), _hash(request), _index(request), peer=peer)
        return web.Response(body=raw, content_type=CONTENT_TYPE)

    router = application.router
    router.add_post(ATTACHMENTS_PATH, told(offer))
    router.add_put(f"{ATTACHMENTS_PATH}/{{hash}}/{{index}}", told(put))
    router.add_get(f"{ATTACHMENTS_PATH}/{{case}}/{{hash}}", told(head))
    router.add_get(f"{ATTACHMENTS_PATH}/{{case}}/{{hash}}/{{index}}", told(chunk))


def _hash(request: web.Request) -> bytes:
    return _hex(request, "hash", HASH_BYTES)


def _case(request: web.Request) -> CaseId:
    return CaseId(_hex(request, "case", CASE_BYTES))


def _hex(request: web.Request, name: str, length: int) -> bytes:
    text = request.match_info[name]
    if len(text) == 2 * length and text.isascii() and text.isalnum() and text == text.lower():
        try:
            return bytes.fromhex(text)
        except ValueError:
            pass
    raise EncodingError("sync.field", field=name)


def _index(request: web.Request) -> int:
    text = request.match_info["index"]
    if not text.isascii() or not text.isdecimal() or len(text) > 6 or int(text) >= CHUNKS_MAX:
        raise EncodingError("sync.field", field="index")
    return int(text)
