"""What answers the routes of joining: at the county the office itself, at a township the way to it.

Source: docs/protocol.md, "Joining".
"""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Callable, Sequence

from ledger.facade import Clock, Home
from ledger.registry.registry import Registry
from ledger.types import LedgerId, StationId
from sync.certs.credentials import read_ca_certificate
from sync.certs.pki import Leaf
from sync.joining.joinoffice import JoinOffice, check_in_force, check_station
from sync.line.client_join import pass_on_join, send_renewal

Run = Callable[[Callable[[], bytes]], Awaitable[bytes]]
"""Runs work on the thread that the ledger belongs to."""


class _Desk:
    """What the routes ask wherever they stand.

    Args:
        home: the installation's folder.
        ledger_id: the pinned ledger.
        registry: returns the registry as it is held here; only looked at.
        clock: by which certificates expire.
        coming_back: whether logs were given up here: then the registry may lack stations that the county's CA
            has certified, and they alone may hold the rest of it.
    """

    def __init__(
        self,
        home: Home,
        *,
        ledger_id: LedgerId,
        registry: Callable[[], Registry],
        clock: Clock,
        coming_back: Callable[[], bool] = lambda: False,
    ) -> None:
        self._registry = registry
        self._coming_back = coming_back
        self._clock = clock
        self._ca_certificate = read_ca_certificate(home, ledger_id)
        self.ledger_id = ledger_id

    def now_ms(self) -> int:
        """Return this installation's clock."""
        return self._clock.now_ms()

    def ca_certificate(self) -> bytes:
        """Return the county's CA, DER."""
        return self._ca_certificate

    def check_peer(self, leaf: Leaf) -> None:
        """Refuse a peer that the registry, as held here, does not know as open.

        Raises:
            AuthorityError: ``tls.station_unknown``, ``tls.station_closed``, ``tls.certificate_ended``.
        """
        if self._registry().station(leaf.station) is not None or not self._coming_back():
            check_station(self._registry(), leaf.station)
        check_in_force(self._registry(), leaf)


class OfficeDesk(_Desk):
    """Answers where the county's CA lies.

    Args:
        office: takes requests.
        home: the county's folder.
        ledger_id: the pinned ledger.
        registry: returns the registry as it is now; only looked at.
        clock: by which certificates expire.
        run: runs the office's work; files are read and written there.
        coming_back: as for the other desks.
    """

    def __init__(
        self,
        office: JoinOffice,
        home: Home,
        *,
        ledger_id: LedgerId,
        registry: Callable[[], Registry],
        clock: Clock,
        run: Run,
        coming_back: Callable[[], bool] = lambda: False,
    ) -> None:
        super().__init__(home, ledger_id=ledger_id, registry=registry, clock=clock, coming_back=coming_back)
        self._office = office
        self._run = run

    def check_peer(self, leaf: Leaf) -> None:
        """Refuse a peer that is not open, and one whose join was refused.

        Raises:
            AuthorityError: ``tls.station_unknown``, ``tls.station_closed``; ``join.rejected``.
        """
        super().check_peer(leaf)
        self._office.check_peer(leaf)

    async def join(self, request: bytes) -> bytes:
        """Return the answer to a join request; errors as ``JoinOffice.take``."""
        return await self._run(lambda: self._office.take(request))

    async def renew(self, request: bytes, *, peer: StationId) -> bytes:
        """Return the answer to a renewal; errors as ``JoinOffice.renew``."""
        return await self._run(lambda: self._office.renew(request, peer=peer))


class RelayDesk(_Desk):
    """Answers at a township: villages may reach it alone, so it passes requests on to its own upstream.

    Args:
        home: the township's folder.
        ledger_id: the pinned ledger.
        registry: returns the registry as it is held here.
        clock: by which certificates expire.
        addresses: where the own upstream listens, in the order in which they are tried.
        context: returns the TLS context for calling it.
        coming_back: as for the other desks.
    """

    def __init__(
        self,
        home: Home,
        *,
        ledger_id: LedgerId,
        registry: Callable[[], Registry],
        clock: Clock,
        addresses: Sequence[str],
        context: Callable[[], ssl.SSLContext],
        coming_back: Callable[[], bool] = lambda: False,
    ) -> None:
        super().__init__(home, ledger_id=ledger_id, registry=registry, clock=clock, coming_back=coming_back)
        self._addresses = addresses
        self._context = context

    async def join(self, request: bytes) -> bytes:
        """Return the county's answer to a join request; errors as ``pass_on_join``."""
        return await pass_on_join(
            request, ledger_id=self.ledger_id, addresses=self._addresses, context=self._context()
        )

    async def renew(self, request: bytes, *, peer: StationId) -> bytes:
        """Return the county's answer to a renewal of a subordinate; errors as ``send_renewal``.

        The county asks whether this township stands above the station; its signature the renewal carries.
        """
        return await send_renewal(
            request, ledger_id=self.ledger_id, addresses=self._addresses, context=self._context()
        )
