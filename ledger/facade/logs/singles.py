"""Single records behind the whole end of a log: they came back from below, and no receipt names them.

The station above is given them with the next session; that it took them is noted here, for it signs nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final

from ledger.facade.base.synctables import SYNC_MARKS
from ledger.facade.logs.bodies import Place
from ledger.facade.logs.lostends import single_places
from ledger.formats.rank import recorded_at_ms
from ledger.limits import INT_MAX
from ledger.store import schema
from ledger.store.contract import ReadTx, WriteTx
from ledger.types import LogId, StationId

_PASSED_ON: Final = "passed_on"


def waiting_singles(tx: ReadTx, upstream: StationId, log_id: LogId, after: int) -> tuple[int, int]:
    """Return how many single records of a log a station above has not taken, and since when (0 for none).

    Args:
        tx: a consistent view.
        upstream: the station directly above.
        log_id: the log.
        after: entries of it that are held whole and undisputed.
    """
    places = single_places(tx, log_id.hex(), after=after)
    row = tx.get(SYNC_MARKS, (_mark(upstream, log_id),))
    if not places or (row is not None and row[1] == _digest(places)):
        return 0, 0
    times = [_recorded_at(tx, place) for place in places]
    return len(places), min(times)


def note_passed_on(tx: WriteTx, upstream: StationId, log_id: LogId, places: Sequence[Place]) -> None:
    """A station above was given the single records of a log and has refused none."""
    tx.upsert(SYNC_MARKS, [(_mark(upstream, log_id), _digest(places))])


def _mark(upstream: StationId, log_id: LogId) -> str:
    return f"{_PASSED_ON}:{upstream}:{log_id.hex()}"


def _digest(places: Sequence[Place]) -> str:
    told = "\n".join(sorted(f"{place.log} {place.seq}" for place in places))
    return hashlib.sha256(told.encode("ascii")).hexdigest()


def _recorded_at(tx: ReadTx, place: Place) -> int:
    row = next(tx.select(schema.SPARSE, {"log": place.log, "seq": place.seq}, limit=1), None)
    at_ms = INT_MAX if row is None or not isinstance(row[3], bytes) else recorded_at_ms(row[3])
    return 0 if at_ms == INT_MAX else at_ms
