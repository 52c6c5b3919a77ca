"""Whether one more log, or one more history of a log, of a station may be taken from below.

Every header of a session names all of them. A station whose key is abused could open one log after the other,
until the header of its whole township is too long to be sent; so there is an end, far beyond any honest need.
"""

from __future__ import annotations

from collections.abc import Sequence

from ledger.errors import DataError
from ledger.facade.divergent import place_divergent
from ledger.facade.held import Held
from ledger.facade.parts import Parts
from ledger.genesis import LogGenesis
from ledger.limits import STATION_HISTORIES_MAX
from ledger.package import PackageContent
from ledger.store.contract import Store
from ledger.types import LogId, StationId
from ledger.verified import VerifiedRecord


class Room:
    """Counts the logs of each station and their divergent histories.

    Args:
        store: the open store.
        parts: the working parts of the ledger.
        held: what is here.
    """

    def __init__(self, store: Store, parts: Parts, held: Held) -> None:
        self._store = store
        self._parts = parts
        self._held = held

    def check_log(self, genesis: LogGenesis) -> None:
        """Refuse a station's log of which nothing is held, when there are too many; others go on.

        Raises:
            DataError: ``sync.too_many_logs``.
        """
        log_id = genesis.log_id()
        if genesis.kind == "station" and self._held.genesis(log_id) is None:
            self._check(log_id, genesis.station)

    def check_branch(self, content: PackageContent, records: Sequence[VerifiedRecord]) -> None:
        """Refuse a package that would begin one more history of a station's log, when there are too many.

        Raises:
            DataError: ``sync.too_many_logs``; as ``place_divergent``.
        """
        genesis = self._held.genesis(content.log_id)
        if genesis is None or genesis.kind != "station" or not self._is_full(genesis.station):
            return
        histories = self._held.histories(content.log_id)
        with self._store.read() as tx:
            end = self._held.end(tx, genesis)
            place = place_divergent(tx, end, histories, content, [one.entry_raw for one in records])
        if place.known < len(records) and not place.continues_log and place.name not in histories:
            self._check(content.log_id, genesis.station)

    def _check(self, log_id: LogId, station: StationId) -> None:
        if self._is_full(station):
            raise DataError("sync.too_many_logs", log=log_id, station=station, limit=STATION_HISTORIES_MAX)

    def _is_full(self, station: StationId) -> bool:
        logs = [
            held.genesis.log_id()
            for held in self._parts.holdings.logs.values()
            if held.genesis.kind == "station" and held.genesis.station == station
        ]
        return len(logs) + sum(len(self._held.histories(one)) for one in logs) >= STATION_HISTORIES_MAX
