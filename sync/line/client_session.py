"""Calling the upstream: one session over HTTPS, or as many as it takes until nothing more comes.

Source: docs/protocol.md, "Sync".
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Sequence
from concurrent.futures import Executor
from functools import partial
from typing import Protocol, TypeVar

import aiohttp

from ledger.errors import AuthorityError, BanjianError, DataError, StoreError
from ledger.facade.peering.exchange import Exchange
from ledger.types import LedgerId, LogId, StationId
from sync.certs.pki import CERTIFICATE_BYTES_MAX
from sync.certs.tls import tls_failure
from sync.core.framing import ANSWER, END, PACKAGE, Section
from sync.core.giving import Budget
from sync.core.ingest import Prepared, prepare
from sync.core.messages import decode_answer
from sync.core.motion import Motion
from sync.core.progress import Progress
from sync.core.requester import Guesses, Requester
from sync.core.stream import CONTENT_TYPE, Packer, Unpacker
from sync.joining.joinoffice import ANSWERER_ENDED
from sync.line.client_join import read_bounded
from sync.line.outcome import Outcome, SoFar, outcome_of, so_far
from sync.line.problem import PROBLEM_BYTES_MAX, decode_problem
from sync.line.tears import Received, Tears
from sync.line.upstreamtold import from_upstream
from sync.preparing.inflight import drop

SESSION_PATH = "/sync/1/session"
CA_PATH = "/sync/1/ca"
CONNECT_S = 90.0
"""For connection and handshake: with a line of 30 seconds for a round trip two of them, and a lost packet."""
TIMEOUT = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S, sock_read=90)
ROUNDS_MAX = 10_000
"""Sessions in one go: a first download of a whole county stays far below."""
SESSION_TIMEOUT_S = 960.0
"""A little longer than the upper side waits, which says so itself; more comes in the next session."""
ASK_TIMEOUT = aiohttp.ClientTimeout(total=180, sock_connect=CONNECT_S)
IN_FLIGHT_MAX = 6
_OK = 200
NO_STATION = StationId("")
OTHER_STATION = "tls.other_station"

T = TypeVar("T")


class CallDesk(Protocol):
    """What calling asks of the station."""

    @property
    def ledger_id(self) -> LedgerId:
        """The pinned ledger."""

    @property
    def version(self) -> str:
        """Version of this program."""

    @property
    def cores(self) -> Executor:
        """Where sections are verified."""

    def now_ms(self) -> int:
        """Return the station's clock."""

    def http(self, station: StationId) -> aiohttp.ClientSession:
        """Return a client whose connections accept that station alone at the other end; any for ""."""

    async def on_ledger(self, work: Callable[[Exchange], T]) -> T:
        """Run something on the one thread that owns the ledger."""


class Caller:
    """Syncs with the station above; remembers between calls only where to begin.

    Args:
        desk: the station.
        addresses: where the stations above listen, in the order in which they are tried.
    """

    def __init__(
        self,
        desk: CallDesk,
        *,
        addresses: Sequence[str],
        budget: Budget | None = None,
    ) -> None:
        self._desk = desk
        self._addresses = addresses
        self._budget = budget
        self._stations: dict[str, StationId] = {}
        self._guesses: dict[StationId, Guesses] = {}
        self._received = Received()
        self._done: list[Progress] = []
        self._told: Callable[[SoFar], None] | None = None

    async def run(self, told: Callable[[SoFar], None] | None = None) -> Outcome:
        """Hold sessions until nothing more comes on either side, or nothing moves any more.

        The latter is a note of the outcome and a finding of the ledger: ``sync.no_progress``.

        Args:
            told: called after each session, be it one that broke, with what all of them have brought.

        Raises:
            StoreError: ``sync.unreachable``, ``sync.torn``, ``sync.too_slow``, ``sync.no_end``, or the
                store's own reasons.
            BanjianError: what the upstream refused; ``tls.*``.
        """
        self._received, self._done, self._told = Received(), [], told
        refused: set[str] = set()
        address = await self._first_that_answers(refused)
        divergent: list[tuple[LogId, int]] = []
        motion = Motion()
        tears = Tears()
        for _ in range(ROUNDS_MAX):
            upstream = self._stations[address]
            tears.begin(self._received)
            try:
                requester = await self._session(address, divergent)
            except AuthorityError as error:
                if error.code != ANSWERER_ENDED:
                    raise
                # Ended while it was known: another address may lead to a machine that is none of these.
                divergent, address = [], await self._first_that_answers(refused)
                continue
            except StoreError as error:
                line = self._guesses[upstream].line
                if not tears.goes_on(error, self._received, broke_upward=line.broke):
                    raise
                # Too much for this line: the next request asks what of it has come, and so where to go on.
                divergent, address = [], await self._first_that_answers(refused)
                continue
            divergent = requester.divergent
            if requester.is_beside and not requester.more:
                # It has told what it knows of the registry, and that this station is not below it.
                refused.add(address)
                address = await self._first_that_answers(refused)
                continue
            if not await self._desk.on_ledger(partial(_more, requester)):
                break
            if not await self._desk.on_ledger(partial(motion.goes_on, requester)):
                break
            if not self._stations[address]:
                # The registry has come: how far the feed of the station above was taken goes by its name.
                self._stations[address] = await self._identify(address)
        else:
            raise StoreError("sync.no_end", sessions=ROUNDS_MAX)
        return outcome_of(
            self._done,
            torn=tears.count,
            received_bytes=self._received.bytes,
        )

    @property
    def answered(self) -> tuple[str, StationId] | None:
        """Address and station of the station above that answered last, once the registry tells who it is."""
        known = [(address, self._stations.get(address)) for address in self._addresses]
        return next(((address, station) for address, station in known if station), None)

    async def _first_that_answers(self, refused: Collection[str] = ()) -> str:
        """Return the first address behind which a station above answers; who it is, is known then.

        An address that has answered before is not asked again: the session itself will tell. Who is there was
        not known before the registry came. A station that the registry here has elsewhere is asked for the
        registry first: this station may have been put under it.

        Args:
            refused: addresses whose stations say that this one is not below them.
        """
        last: BanjianError = StoreError("sync.unreachable", address="")
        for address in self._addresses:
            line = await self._desk.on_ledger(_line)
            known = self._stations.get(address)
            if address in refused:
                last = _refusal(line, self._stations.pop(address, NO_STATION))
                continue
            if known and known in line[1:]:
                return address
            try:
                await self._find_out(address)
            except (StoreError, DataError, AuthorityError) as error:
                if not isinstance(error, StoreError) and error.code not in (OTHER_STATION, ANSWERER_ENDED):
                    raise
                last = error
                continue
            return address
        raise last

    async def _find_out(self, address: str) -> None:
        try:
            self._stations[address] = await self._identify(address)
        except DataError as error:
            station = StationId(str(error.params.get("station", "")))
            if error.code != OTHER_STATION or not await self._learn(address, station):
                raise

    async def _learn(self, address: str, station: StationId) -> bool:
        """Ask a station that is not known to stand above for the registry; returns whether it does by that.

        It is given no records, and none are taken from it.
        """
        self._stations[address] = station
        for _ in range(ROUNDS_MAX):
            try:
                if not (await self._session(address, [], is_beside=True)).more:
                    break
            except (AuthorityError, DataError):
                break
        if station in (await self._desk.on_ledger(_line))[1:]:
            return True
        self._stations.pop(address, None)
        return False

    async def _identify(self, address: str) -> StationId:
        """Return which of the stations above answers there; "" before the registry tells who they are."""
        line = await self._desk.on_ledger(_line)
        if len(line) < 2:
            await self._ask(address, NO_STATION)
            return NO_STATION
        try:
            await self._ask(address, line[1])
        except DataError as error:
            other = StationId(str(error.params.get("station", "")))
            if error.code != OTHER_STATION or other not in line[2:]:
                raise
            await self._ask(address, other)
            return other
        return line[1]

    async def _ask(self, address: str, station: StationId) -> None:
        url = address.rstrip("/") + CA_PATH
        try:
            async with self._desk.http(station).get(
                url, timeout=ASK_TIMEOUT, allow_redirects=False
            ) as response:
                # Who answers is what matters; and that it ends.
                await read_bounded(response, CERTIFICATE_BYTES_MAX)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise tls_failure(error) or StoreError("sync.unreachable", address=address) from error

    async def _session(
        self, address: str, divergent: Sequence[tuple[LogId, int]], *, is_beside: bool = False
    ) -> Requester:
        desk, upstream = self._desk, self._stations[address]
        guesses = self._guesses.setdefault(upstream, Guesses())

        def begin(exchange: Exchange) -> tuple[Requester, Iterator[bytes]]:
            made = Requester(
                exchange,
                upstream,
                now_ms=desk.now_ms(),
                version=desk.version,
                guesses=guesses,
                budget=self._budget,
                is_beside=is_beside,
            )
            return made, made.request(list(divergent))

        requester, sections = await desk.on_ledger(begin)
        self._done.append(requester.progress)
        try:
            async with asyncio.timeout(SESSION_TIMEOUT_S):
                await self._call(address, requester, sections)
        except TimeoutError as error:
            raise StoreError("sync.too_slow") from error
        except BanjianError:
            # Somebody else may sit behind the address by now.
            self._stations.pop(address, None)
            raise
        finally:
            if self._told is not None:
                self._told(so_far(self._done))
        return requester

    async def _call(self, address: str, requester: Requester, sections: Iterator[bytes]) -> None:
        url = address.rstrip("/") + SESSION_PATH
        headers = {"Content-Type": CONTENT_TYPE}
        own: list[BanjianError] = []
        try:
            http = self._desk.http(self._stations[address])
            async with http.post(
                url,
                data=self._body(requester.progress, sections, own),
                headers=headers,
                timeout=TIMEOUT,
                allow_redirects=False,
            ) as response:
                if response.status != _OK:
                    told = decode_problem(await response.content.read(PROBLEM_BYTES_MAX))
                    raise from_upstream(told, self._stations[address] or address)
                await self._read(response, requester)
        except aiohttp.ClientConnectorError as error:
            raise tls_failure(error) or StoreError("sync.unreachable", address=address) from error
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            if own:
                # The line broke because this station could not go on with its request.
                raise own[0] from error
            raise tls_failure(error) or StoreError("sync.torn", address=address) from error

    async def _body(
        self, progress: Progress, sections: Iterator[bytes], own: list[BanjianError]
    ) -> AsyncIterator[bytes]:
        """Yield the request; ``own`` takes why it could not be made."""
        packer = Packer()
        while (section := await self._next(sections, own)) is not None:
            data = packer.pack(section)
            progress.sent_bytes += len(data)
            yield data
        yield packer.end()

    async def _next(self, sections: Iterator[bytes], own: list[BanjianError]) -> bytes | None:
        try:
            return await self._desk.on_ledger(lambda _: next(sections, None))
        except BanjianError as error:
            own.append(error)
            raise

    async def _read(self, response: aiohttp.ClientResponse, requester: Requester) -> None:
        unpacker = Unpacker()
        flying: deque[asyncio.Future[Prepared]] = deque()
        ended = False
        try:
            async for data in response.content.iter_any():
                self._received.bytes += len(data)
                for section in unpacker.feed(data):
                    self._received.sections += section.kind not in (ANSWER, END)
                    if section.kind in (ANSWER, PACKAGE, END):
                        await self._drain(flying, requester, 0)
                    ended = ended or section.kind == END
                    await self._take(section, requester, flying)
                    await self._drain(flying, requester, IN_FLIGHT_MAX)
            await self._drain(flying, requester, 0)
        finally:
            drop(flying)
        if not ended:
            raise StoreError("sync.torn", address=str(response.url.origin()))

    async def _take(
        self, section: Section, requester: Requester, flying: deque[asyncio.Future[Prepared]]
    ) -> None:
        if section.kind == ANSWER:
            answer = decode_answer(section.payload)
            await self._desk.on_ledger(lambda _: requester.answered(answer))
        elif section.kind == END:
            await self._desk.on_ledger(lambda _: requester.end())
        else:
            flying.append(await self._prepare(section))
            if section.kind == PACKAGE:
                # What follows may need the keys that are in it.
                await self._drain(flying, requester, 0)

    async def _prepare(self, section: Section) -> asyncio.Future[Prepared]:
        ledger_id = self._desk.ledger_id
        finder = await self._desk.on_ledger(lambda exchange: exchange.public_key)

        def work() -> Prepared:
            return prepare(section, ledger_id=ledger_id, public_key=finder)

        return asyncio.get_running_loop().run_in_executor(self._desk.cores, work)

    async def _drain(self, flying: deque[asyncio.Future[Prepared]], requester: Requester, left: int) -> None:
        while len(flying) > left:
            try:
                prepared = await flying.popleft()
            except DataError as error:
                requester.refuse(error)
                continue
            await self._desk.on_ledger(partial(_store, requester, prepared))


def _store(requester: Requester, prepared: Prepared, _: Exchange) -> None:
    requester.take(prepared)


def _line(exchange: Exchange) -> tuple[StationId, ...]:
    return exchange.held.line()


def _refusal(line: Sequence[StationId], station: StationId) -> BanjianError:
    """Return why a station of which this one is not below is none to sync with."""
    if station in line[1:]:
        return AuthorityError("sync.not_below", station=line[0])
    return DataError(OTHER_STATION, station=station)


def _more(requester: Requester, _: Exchange) -> bool:
    return requester.more
