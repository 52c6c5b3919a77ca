"""Giving attachments to the station above, and fetching from it, chunk by chunk; behind the acts.

What broke off goes on with the chunks that are missing: nothing is remembered here of how far it came.

Source: docs/protocol.md, "Attachments".
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import aiohttp

from ledger.errors import StoreError
from ledger.types import CaseId, StationId
from sync.attachforms import (
    ANSWER_BYTES_MAX,
    ATTACHMENTS_PATH,
    CHUNK_BYTES,
    HEAD_BYTES_MAX,
    OFFERS_MAX,
    Answer,
    Head,
    Lacking,
    Offer,
    decode_answer,
    decode_head,
    encode_offers,
)
from sync.line.problem import PROBLEM_BYTES_MAX, decode_problem
from sync.line.reaching import failed_call
from sync.line.upstreamtold import from_upstream

TIMEOUT = aiohttp.ClientTimeout(total=180, sock_connect=15, sock_read=90)
ROUNDS_MAX = 10_000
_GOOD = (200, 204)


@dataclass(frozen=True, slots=True, kw_only=True)
class Above:
    """Where a station above answers, and how it is called: asked anew for every request."""

    station: StationId
    address: str
    http: Callable[[], aiohttp.ClientSession]


class GiveDesk(Protocol):
    """What giving asks of the station."""

    async def offers(self, limit: int) -> Sequence[Offer]:
        """Return attachments of which the station above has not said that it has them."""

    async def chunk_of(self, content: bytes, index: int) -> bytes:
        """Return a chunk that lies here."""

    async def damaged(self, content: bytes) -> None:
        """Be told that a chunk of an attachment could not be read (``attach.damaged``)."""

    async def settled(self, answer: Answer, *, whole: Sequence[bytes]) -> None:
        """Be told which attachments the station above has whole, refuses, and wants."""


class FetchDesk(Protocol):
    """What fetching asks of the station."""

    async def begin(self, content: bytes, head: Head) -> Sequence[int]:
        """Return which chunks are missing here."""

    async def keep(self, content: bytes, index: int, raw: bytes) -> None:
        """Keep a chunk; the last one completes the attachment, or ends in ``attach.differs``."""


async def give(desk: GiveDesk, above: Above) -> int:
    """Give what the station above lacks until it has everything; returns the chunks of what is whole now.

    Raises:
        StoreError: ``sync.unreachable``, ``sync.torn``.
        BanjianError: what the station above refused.
    """
    sent = 0
    for number in range(ROUNDS_MAX):
        offers = tuple(await desk.offers(OFFERS_MAX))
        if number and not offers:
            break
        raw = await _call(above, "POST", "", encode_offers(offers), limit=ANSWER_BYTES_MAX)
        answer = decode_answer(raw)
        offered = {one.hash for one in offers}
        left = {content for content, _ in answer.refused}
        for lacking in answer.lacking:
            if lacking.hash not in offered:
                continue
            if await _give_one(desk, above, lacking):
                sent += len(lacking.chunks)
            else:
                # No reason to hold up the others.
                left.add(lacking.hash)
                await desk.damaged(lacking.hash)
        await desk.settled(answer, whole=[one.hash for one in offers if one.hash not in left])
    return sent


async def _give_one(desk: GiveDesk, above: Above, lacking: Lacking) -> bool:
    """Give what is lacking of an attachment; False when it cannot be read here."""
    for index in lacking.chunks:
        try:
            chunk = await desk.chunk_of(lacking.hash, index)
        except StoreError as error:
            if error.code != "attach.damaged":
                raise
            return False
        await _call(above, "PUT", f"/{lacking.hash.hex()}/{index}", chunk, limit=0)
    return True


async def fetch(
    desk: FetchDesk,
    above: Above,
    case_id: CaseId,
    content: bytes,
    *,
    told: Callable[[int, int], Awaitable[None]] | None = None,
) -> None:
    """Fetch an attachment of a case from the station above.

    Args:
        told: called with chunks that are here and chunks there are.

    Raises:
        InputError: ``attach.not_here``, ``attach.on_its_way`` there.
        DataError: ``attach.differs`` when it is not what the act names.
        StoreError: ``sync.unreachable``, ``sync.torn``.
    """
    path = f"/{case_id.hex()}/{content.hex()}"
    head = decode_head(await _call(above, "GET", path, None, limit=HEAD_BYTES_MAX))
    missing = await desk.begin(content, head)
    for done, index in enumerate(missing, start=head.chunks - len(missing) + 1):
        await desk.keep(content, index, await _call(above, "GET", f"{path}/{index}", None, limit=CHUNK_BYTES))
        if told is not None:
            await told(done, head.chunks)


async def _call(above: Above, method: str, path: str, body: bytes | None, *, limit: int) -> bytes:
    url = above.address.rstrip("/") + ATTACHMENTS_PATH + path
    try:
        async with above.http().request(method, url, data=body, timeout=TIMEOUT) as response:
            if response.status not in _GOOD:
                told = decode_problem(await response.content.read(PROBLEM_BYTES_MAX))
                raise from_upstream(told, above.station)
            raw = bytearray()
            async for part in response.content.iter_any():
                raw += part
                if len(raw) > limit:
                    raise StoreError("sync.torn", address=above.address)
            return bytes(raw)
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise failed_call(error, address=above.address) from error
