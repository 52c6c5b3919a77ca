"""Whether one more log, or one more history of a log, of a station may be taken from below.

Every header of a session names all of them. A station whose key is abused could open one log after the other,
until the header of its whole township is too long to be sent; so there is an end, far beyond any honest need.

The way out is an act that the registrar owes anyway: once the key that opened those logs has ended, they no
longer take the room of logs that keys in force open. They have an end of their own.

Source: docs/protocol.md, "What the upper station does".
"""

from __future__ import annotations

from collections.abc import Sequence

from ledger.errors import DataError
from ledger.facade.logs.divergent import place_divergent
from ledger.facade.opened.parts import Parts
from ledger.facade.peering.held import Held
from ledger.formats.genesis import LogGenesis
from ledger.formats.packageform import PackageContent
from ledger.known.verified import VerifiedRecord
from ledger.limits import SPENT_HISTORIES_MAX, STATION_HISTORIES_MAX
from ledger.store.contract import Store
from ledger.types import KeyId, LogId, StationId


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

    def check_log(self, genesis: LogGenesis, first: VerifiedRecord) -> None:
        """Refuse a station's log of which nothing is held, when there are too many; others go on.

        Args:
            genesis: of the log.
            first: its first record: who opened it.

        Raises:
            DataError: ``sync.too_many_logs``.
        """
        log_id = genesis.log_id()
        if genesis.kind == "station" and self._held.genesis(log_id) is None:
            opener = None if first.act is None else first.act.header.actor
            self._check(log_id, genesis.station, opener)

    def check_branch(self, content: PackageContent, records: Sequence[VerifiedRecord]) -> None:
        """Refuse a package that would begin one more history of a station's log, when there are too many.

        Raises:
            DataError: ``sync.too_many_logs``; as ``place_divergent``.
        """
        genesis = self._held.genesis(content.log_id)
        if genesis is None or genesis.kind != "station":
            return
        opener = self._parts.succession.opener(content.log_id)
        if not self._is_full(genesis.station, opener):
            return
        histories = self._held.histories(content.log_id)
        with self._store.read() as tx:
            end = self._held.end(tx, genesis)
            place = place_divergent(tx, end, histories, content, [one.entry_raw for one in records])
        if place.known < len(records) and not place.continues_log and place.name not in histories:
            self._check(content.log_id, genesis.station, opener)

    def _check(self, log_id: LogId, station: StationId, opener: KeyId | None) -> None:
        if self._is_full(station, opener):
            limit = SPENT_HISTORIES_MAX if self._has_ended(opener) else STATION_HISTORIES_MAX
            raise DataError("sync.too_many_logs", log=log_id, station=station, limit=limit)

    def _is_full(self, station: StationId, opener: KeyId | None) -> bool:
        """Whether a station has as many histories as it may of logs whose opener is as this one."""
        counts = {
            log_id: 1 + len(self._held.histories(log_id))
            for log_id in [
                held.genesis.log_id()
                for held in self._parts.holdings.logs.values()
                if held.genesis.kind == "station" and held.genesis.station == station
            ]
        }
        if sum(counts.values()) < STATION_HISTORIES_MAX:
            return False
        ended = self._has_ended(opener)
        same = (
            count
            for log_id, count in counts.items()
            if self._has_ended(self._parts.succession.opener(log_id)) == ended
        )
        return sum(same) >= (SPENT_HISTORIES_MAX if ended else STATION_HISTORIES_MAX)

    def _has_ended(self, key_id: KeyId | None) -> bool:
        return key_id is not None and self._parts.knowledge.registry.retirement(key_id) is not None
