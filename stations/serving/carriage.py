"""Attachments on their way: given to the station above behind the acts, fetched from it when somebody asks.

What came from below or above is believed only by its hash, which acts name. Files are read and written on
threads of their own, so that no clerk waits for them.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import TypeVar

from ledger import platform
from ledger.errors import BanjianError, InputError
from ledger.facade import Home
from ledger.facade.base.clock import Clock, Randomness
from ledger.facade.peering.attached import Attached, Named
from ledger.facade.peering.between import attached_of
from ledger.types import CaseId, StationId
from stations.kept.attachments import Attachment, Attachments
from stations.kept.lostfiles import is_readable
from stations.serving.ledgerthread import LedgerThread
from sync.attachforms import WANTED_MAX, Answer, Head, Lacking, Offer
from sync.line.client_attach import Above, fetch, give

T = TypeVar("T")

ROOM_BYTES_MIN = 512 << 20
"""Free space below which nothing is taken from others: acts need it."""
OFFERED_MAX = 1_000
"""Attachments that are looked at for giving in one go; the next go takes the others."""
ASK_EVERY_MS = 3_600_000
"""How often the station above is asked what it lacks when there is nothing to give."""


class Carriage:
    """Gives, takes and fetches attachments for one installation.

    Args:
        thread: owns the ledger.
        home: where the attachments lie.
        above: whom to call; None where there is no station above, or nobody there has answered yet.
        log: the installation's own; takes what fails while nobody waits for it.
    """

    def __init__(
        self,
        thread: LedgerThread,
        home: Home,
        *,
        clock: Clock,
        randomness: Randomness,
        above: Callable[[], Above | None],
        log: logging.Logger,
    ) -> None:
        self._thread = thread
        self._home = home
        self._clock = clock
        self._store = Attachments(home, randomness)
        self._above = above
        self._log = log
        self._fetching: dict[bytes, asyncio.Task[None]] = {}
        self._putting = asyncio.Lock()
        self._asked_at_ms = -ASK_EVERY_MS

    async def sweep(self) -> None:
        """Find out which attachments lie here that the ledger does not know to be here."""
        unknown = await self._ask(lambda attached: attached.not_seen())
        if not unknown:
            return

        def look() -> list[bytes]:
            return [content for content in unknown if is_readable(self._store, content)]

        found = await asyncio.to_thread(look)
        await self._ask(lambda attached: attached.mark(found, held=True))

    async def brought(self, contents: Sequence[bytes]) -> None:
        """Be told that an act was signed which names attachments that lie here."""
        await self._ask(lambda attached: attached.mark(contents, held=True))

        def note() -> None:
            for content in contents:
                self._store.note_signed(content.hex())

        await asyncio.to_thread(note)

    async def give(self) -> int:
        """Give the station above what it lacks; returns how many chunks went.

        Raises:
            BanjianError: as ``sync.line.client_attach.give``.
        """
        above = self._above()
        run = _Giving(self._thread, self._store)
        await run.begin()
        now_ms = self._clock.monotonic_ms()
        if above is None or (run.is_empty and now_ms - self._asked_at_ms < ASK_EVERY_MS):
            return 0
        sent = await give(run, above)
        self._asked_at_ms = now_ms
        return sent

    async def fetch(
        self, case_id: CaseId, content: bytes, told: Callable[[int, int], Awaitable[None]] | None = None
    ) -> None:
        """Fetch an attachment from the station above.

        Raises:
            InputError: ``attach.not_here`` where no station above can be asked.
            BanjianError: as ``sync.line.client_attach.fetch``.
        """
        above = self._above()
        if above is None:
            raise InputError("attach.not_here")
        # What cannot be read here must not keep the good one from coming.
        await asyncio.to_thread(self._drop_damaged, content)
        await fetch(self, above, case_id, content, told=told)
        # What came from there need not be offered there.
        await self._ask(lambda attached: attached.mark([content], given=True))

    async def damaged(self, content: bytes) -> None:
        """Be told that an attachment cannot be read here: it is missing from now on."""
        await self._ask(partial(_forget, [content]))

    def _drop_damaged(self, content: bytes) -> None:
        if self._store.held(content) is not None and not is_readable(self._store, content):
            self._store.drop(content.hex())

    async def close(self) -> None:
        """End what is being fetched."""
        tasks = list(self._fetching.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def offered(self, offers: tuple[Offer, ...], *, peer: StationId) -> Answer:
        """Return which chunks of what a peer offers are taken; a `sync.line.server_attach.AttachDesk`."""
        named, wanted = await self._ask(
            lambda attached: (
                [attached.named(one.case_id, one.hash) for one in offers],
                attached.to_get(peer, WANTED_MAX),
            )
        )
        taken = [
            one for one, known in zip(offers, named, strict=True) if known and known.size == one.head.size
        ]
        refused = [(one.hash, "attach.unnamed") for one in offers if one not in taken]
        async with self._putting:
            lacking, whole, too_much = await asyncio.to_thread(lambda: self._compare(taken))
        await self._mark_here([one.hash for one in whole])
        told = {one.hash for one in offers}
        return Answer(
            lacking=tuple(lacking),
            refused=(*refused, *too_much),
            wanted=tuple(dict.fromkeys(one.hash for one in wanted if one.hash not in told)),
        )

    async def put(self, content: bytes, index: int, raw: bytes, *, peer: StationId) -> None:
        """Keep a chunk that a peer gives."""
        coming = await asyncio.to_thread(lambda: self._store.coming(content.hex()))
        if coming is None:
            raise InputError("attach.unknown")
        await self.keep(content, index, raw)

    async def head(self, case_id: CaseId, content: bytes, *, peer: StationId) -> Head:
        """Return what a peer may fetch; what does not lie here is fetched from above meanwhile."""
        await self._require(case_id, content, peer)
        held = await asyncio.to_thread(lambda: self._store.held(content))
        if held is not None:
            return held.head
        if self._above() is None:
            raise InputError("attach.not_here")
        if content not in self._fetching:
            task = asyncio.create_task(self._fetch_quietly(case_id, content))
            self._fetching[content] = task
            task.add_done_callback(lambda _: self._fetching.pop(content, None))
        raise InputError("attach.on_its_way")

    async def chunk(self, case_id: CaseId, content: bytes, index: int, *, peer: StationId) -> bytes:
        """Return a chunk of it."""
        await self._require(case_id, content, peer)

        def read() -> bytes:
            held = self._store.held(content)
            if held is None or index >= held.chunks:
                raise InputError("attach.not_here")
            return self._store.chunk(held, index)

        return await asyncio.to_thread(read)

    async def begin(self, content: bytes, head: Head) -> Sequence[int]:
        """Return which chunks of an attachment are missing here; a `sync.line.client_attach.FetchDesk`."""

        def work() -> tuple[Attachment, list[int]]:
            begun = self._store.begin_known(content.hex(), head, at_ms=self._clock.now_ms())
            return begun, [] if begun.hash else self._store.missing(begun)

        async with self._putting:
            begun, missing = await asyncio.to_thread(work)
        if begun.hash:
            await self._mark_here([content])
        return missing

    async def keep(self, content: bytes, index: int, raw: bytes) -> None:
        """Keep a chunk; the last one completes the attachment.

        Raises:
            DataError: ``attach.differs``.
            InputError: ``attach.unknown``, ``attach.chunk``.
        """

        def work() -> bool:
            coming = self._store.coming(content.hex())
            if coming is None:
                raise InputError("attach.unknown")
            if not coming.hash:
                self._store.put(coming, index, raw)
                if self._store.missing(coming):
                    return False
                self._store.finish(coming)
            return True

        async with self._putting:
            whole = await asyncio.to_thread(work)
        if whole:
            await self._mark_here([content])

    def _compare(self, offers: Sequence[Offer]) -> tuple[list[Lacking], list[Offer], list[tuple[bytes, str]]]:
        lacking: list[Lacking] = []
        whole: list[Offer] = []
        too_much: list[tuple[bytes, str]] = []
        room = platform.disk_free_bytes(self._home.path) - ROOM_BYTES_MIN
        for one in offers:
            held = self._store.held(one.hash)
            if held is not None:
                whole.append(one)
                continue
            room -= one.head.size
            if room < 0:
                too_much.append((one.hash, "attach.no_room"))
                continue
            try:
                begun = self._store.begin_known(one.hash.hex(), one.head, at_ms=self._clock.now_ms())
            except InputError as error:
                too_much.append((one.hash, error.code))
                continue
            lacking.append(Lacking(hash=one.hash, chunks=tuple(self._store.missing(begun))))
        return lacking, whole, too_much

    async def _require(self, case_id: CaseId, content: bytes, peer: StationId) -> None:
        """Refuse what no act names, and a case that does not concern the peer: it learns nothing of either.

        Raises:
            InputError: ``attach.not_here``.
        """
        named = await self._ask(
            lambda attached: attached.named(case_id, content) if attached.concerns(case_id, peer) else None
        )
        if named is None:
            raise InputError("attach.not_here")

    async def _fetch_quietly(self, case_id: CaseId, content: bytes) -> None:
        try:
            await self.fetch(case_id, content)
        except BanjianError as error:
            # Who wants it asks again, and hears then.
            self._log.info(error.code, extra={"code": error.code})

    async def _mark_here(self, contents: Sequence[bytes]) -> None:
        if contents:
            await self._ask(lambda attached: attached.mark(contents, held=True))

    async def _ask(self, work: Callable[[Attached], T]) -> T:
        return await ask(self._thread, work)


async def ask(thread: LedgerThread, work: Callable[[Attached], T]) -> T:
    """Run something with what the ledger knows of attachments, on its thread."""
    return await thread.run(lambda: work(attached_of(thread.held)))


class _Giving:
    """One go of giving: a `sync.line.client_attach.GiveDesk`."""

    def __init__(self, thread: LedgerThread, store: Attachments) -> None:
        self._thread = thread
        self._store = store
        self._waiting: list[Named] = []

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits."""
        return not self._waiting

    async def begin(self) -> None:
        """Look up what waits."""
        self._waiting = list(await ask(self._thread, lambda attached: attached.to_give(OFFERED_MAX)))

    async def offers(self, limit: int) -> Sequence[Offer]:
        """Return the next attachments that wait; none when all were offered."""
        offers: list[Offer] = []
        while self._waiting and not offers:
            part, self._waiting = self._waiting[:limit], self._waiting[limit:]
            offers, gone = await asyncio.to_thread(self._look, part)
            await ask(self._thread, partial(_forget, gone))
        return offers

    async def chunk_of(self, content: bytes, index: int) -> bytes:
        """Return a chunk that lies here."""

        def read() -> bytes:
            held = self._store.find(content.hex())
            if held is None or index >= held.chunks:
                raise InputError("attach.not_here")
            return self._store.chunk(held, index)

        return await asyncio.to_thread(read)

    async def damaged(self, content: bytes) -> None:
        """Be told that an attachment cannot be read: it does not lie here any more."""
        await ask(self._thread, partial(_forget, [content]))

    async def settled(self, answer: Answer, *, whole: Sequence[bytes]) -> None:
        """Remember what the station above has, and what it wants again."""

        def work(attached: Attached) -> None:
            attached.mark(whole, given=True)
            attached.mark(answer.wanted, given=False)

        await ask(self._thread, work)

    def _look(self, named: Sequence[Named]) -> tuple[list[Offer], list[bytes]]:
        """Return what can be offered, and the hashes of what does not lie here any more."""
        offers: list[Offer] = []
        gone: list[bytes] = []
        for one in named:
            held = self._store.held(one.hash)
            if held is None:
                gone.append(one.hash)
            else:
                offers.append(Offer(hash=one.hash, case_id=one.case_id, head=held.head))
        return offers, gone


def _forget(gone: Sequence[bytes], attached: Attached) -> None:
    attached.mark(gone, held=False)
