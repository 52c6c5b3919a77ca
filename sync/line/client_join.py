"""Calling upstream for joining: fetch the CA, send the request, renew; and pass on what a subordinate sends.

Source: docs/protocol.md, "Joining".
"""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import aiohttp

from ledger.errors import BanjianError, DataError, StoreError
from ledger.formats.invite import Invite
from ledger.types import LedgerId
from sync.certs.pki import CERTIFICATE_BYTES_MAX, check_ca, fingerprint
from sync.certs.tls import fetching_context, joining_context
from sync.joining.joinforms import JOIN_ANSWER_BYTES_MAX, decode_answer, decode_renewal, decode_request
from sync.line.problem import PROBLEM_BYTES_MAX, decode_problem
from sync.line.reaching import NOT_REACHED, UNREACHABLE, failed_call, more_telling

T = TypeVar("T")
_TIMEOUT_S = 240
"""For a whole call: over the slowest lines a round trip takes half a minute, and a call takes some."""
_OK = 200
_CA_PATH = "/sync/1/ca"
_JOIN_PATH = "/sync/1/join"
_CERTIFICATE_PATH = "/sync/1/certificate"
_NOT_THERE = NOT_REACHED | {"join.other_ca", "sync.answer"}
"""A newcomer asks anybody for the CA: a login page answers as well, with something else."""


async def fetch_ca(address: str, *, invite: Invite) -> bytes:
    """Return the county's CA, DER, from a station that nobody vouches for yet: the invite tells the hash.

    Raises:
        DataError: ``join.other_ca`` when the fingerprint is another one.
        StoreError: ``sync.unreachable``.
    """
    certificate = await _call(
        address, "GET", _CA_PATH, context=fetching_context(), limit=CERTIFICATE_BYTES_MAX
    )
    if fingerprint(certificate) != invite.ca_fingerprint:
        raise DataError("join.other_ca")
    check_ca(certificate, ledger_id=invite.ledger_id)
    return certificate


async def join_online(raw: bytes) -> bytes:
    """Send a join request to the addresses of its invite and return the answer.

    Raises:
        ConfigError: ``join.no_address`` when the invite names none.
        BanjianError: what the county refused; ``sync.unreachable`` when no address answered.
    """
    request = decode_request(raw)

    async def attempt(address: str) -> bytes:
        ca_certificate = await fetch_ca(address, invite=request.invite)
        return await _call(
            address,
            "POST",
            _JOIN_PATH,
            body=raw,
            context=joining_context(ca_certificate, ledger_id=request.invite.ledger_id),
            limit=JOIN_ANSWER_BYTES_MAX,
        )

    return await first_that_answers(request.invite.addresses, attempt)


async def pass_on_join(
    raw: bytes, *, ledger_id: LedgerId, addresses: Sequence[str], context: ssl.SSLContext
) -> bytes:
    """Send a newcomer's request from here to the own upstream and return its answer.

    Raises:
        BanjianError: as ``join_online``; a request that does not hold, or of another ledger, goes no further.
    """
    request = decode_request(raw)
    if request.invite.ledger_id != ledger_id:
        raise DataError("join.other_ledger", expected=ledger_id, found=request.invite.ledger_id)

    async def attempt(address: str) -> bytes:
        return await _post(address, _JOIN_PATH, raw, context=context)

    return await first_that_answers(addresses, attempt)


async def send_renewal(
    raw: bytes, *, ledger_id: LedgerId, addresses: Sequence[str], context: ssl.SSLContext
) -> bytes:
    """Send a renewal, one's own or a subordinate's, upstream and return the answer.

    Raises:
        BanjianError: as ``pass_on_join``.
    """
    renewal = decode_renewal(raw)
    if renewal.ledger_id != ledger_id:
        raise DataError("join.other_ledger", expected=ledger_id, found=renewal.ledger_id)

    async def attempt(address: str) -> bytes:
        return await _post(address, _CERTIFICATE_PATH, raw, context=context)

    return await first_that_answers(addresses, attempt)


async def first_that_answers(addresses: Sequence[str], attempt: Callable[[str], Awaitable[T]]) -> T:
    """Try addresses in their order until a station of the county answers; its refusal is an answer.

    Raises:
        StoreError: ``join.no_address``; ``sync.unreachable`` when nobody answered anywhere.
        BanjianError: what the answer was, or who else answered at the last address that did.
    """
    found: BanjianError | None = None
    for address in addresses:
        try:
            return await attempt(address)
        except BanjianError as error:
            if error.code not in _NOT_THERE:
                raise
            found = more_telling(found, error)
    raise found or StoreError("join.no_address")


async def _post(address: str, path: str, body: bytes, *, context: ssl.SSLContext) -> bytes:
    answer = await _call(address, "POST", path, body=body, context=context, limit=JOIN_ANSWER_BYTES_MAX)
    decode_answer(answer)
    return answer


async def _call(
    address: str,
    method: str,
    path: str,
    *,
    context: ssl.SSLContext,
    limit: int,
    body: bytes = b"",
) -> bytes:
    """Return the body of a good answer; the context says who may be at the other end."""
    timeout = aiohttp.ClientTimeout(total=_TIMEOUT_S)
    connector = aiohttp.TCPConnector(ssl=context, limit=1)
    try:
        async with (
            aiohttp.ClientSession(connector=connector, timeout=timeout, trust_env=False) as session,
            session.request(method, address.rstrip("/") + path, data=body, allow_redirects=False) as response,
        ):
            if response.status != _OK:
                raise decode_problem(await read_bounded(response, PROBLEM_BYTES_MAX))
            return await read_bounded(response, limit)
    except (TimeoutError, aiohttp.ClientError, OSError) as error:
        raise failed_call(error, address=address, broken=UNREACHABLE) from error


async def read_bounded(response: aiohttp.ClientResponse, limit: int) -> bytes:
    """Return the body of an answer, never holding much more than its limit.

    Raises:
        DataError: ``sync.answer`` when more comes.
    """
    parts = bytearray()
    async for chunk in response.content.iter_chunked(16 * 1024):
        parts += chunk
        if len(parts) > limit:
            raise DataError("sync.answer")
    return bytes(parts)
