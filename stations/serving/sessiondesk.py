"""What the routes for stations below ask of the station that listens."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from typing import TypeVar

from ledger.errors import AuthorityError, BanjianError, StoreError
from ledger.facade.peering.exchange import Exchange
from ledger.types import LedgerId, StationId
from stations.serving.ledgerthread import LedgerThread
from stations.version import version
from sync.certs.pki import Leaf
from sync.core.ingest import Preparing
from sync.line.server_join import JoinDesk

T = TypeVar("T")


class SessionDesk:
    """What the session route asks of the station; everything about joining is handed on."""

    def __init__(
        self,
        join: JoinDesk,
        thread: LedgerThread,
        cores: Executor,
        prepare: Preparing,
        *,
        news: Callable[[], None],
    ) -> None:
        self.join_desk = join
        self.cores = cores
        self.prepare = prepare
        self.version = version()
        self._thread = thread
        self._news = news

    @property
    def ledger_id(self) -> LedgerId:
        """The pinned ledger."""
        return self.join_desk.ledger_id

    def now_ms(self) -> int:
        """Return the station's clock."""
        return self.join_desk.now_ms()

    def ca_certificate(self) -> bytes:
        """Return the county's CA, DER."""
        return self.join_desk.ca_certificate()

    def check_peer(self, leaf: Leaf) -> None:
        """Refuse a peer that the registry does not know as open; a new one may be known above already."""
        try:
            self.join_desk.check_peer(leaf)
        except AuthorityError:
            self._news()
            raise

    async def join(self, request: bytes) -> bytes:
        """Return the answer to a join request."""
        answer = await self.join_desk.join(request)
        self._news()
        return answer

    async def renew(self, request: bytes, *, peer: StationId) -> bytes:
        """Return the answer to a renewal."""
        return await self.join_desk.renew(request, peer=peer)

    async def on_ledger(self, work: Callable[[Exchange], T]) -> T:
        """Run something on the thread that owns the ledger."""
        return await self._thread.exchange(work)

    def refuse_new(self) -> BanjianError | None:
        """Return why no session can begin now; None when one can."""
        try:
            self._thread.check_writable()
        except StoreError as error:
            return error
        return None

    def session_ended(self, *, stored: int, is_beside: bool) -> None:
        """Let what came in go on to the station above soon; who was moved here may be known there already."""
        if stored or is_beside:
            self._news()
