"""When the station above held a log without one of its entries: the entry was not given to it before then.

A station gives everything that it has. So the newest receipt of the station directly above that leaves an
entry out is the least moment at which the entry was written, save that a stick may have been under way. No
clock of the station itself has a say in that.
"""

from __future__ import annotations

from bisect import bisect_left
from itertools import accumulate

from audit.reading.source import Cell, Source
from ledger.formats.checkpoint import read_cosignature_time_s, receipt_name
from ledger.limits import INT_MAX
from ledger.registry.registry import Registry
from ledger.types import StationId

_RECEIPTS = "SELECT size, line FROM receipts WHERE log = ? AND name = ? ORDER BY size"


class AboveTimes:
    """The receipts of one log by the station directly above, read when somebody first asks.

    Lines are not verified here: one that does not hold is an error of the file in any case.

    Args:
        source: the file.
        log: name of the log.
        station: whose log it is.
        registry: the newest registry known.
    """

    __slots__ = ("_known", "_log", "_registry", "_source", "_station")

    def __init__(self, source: Source, *, log: str, station: StationId, registry: Registry) -> None:
        self._source = source
        self._log = log
        self._station = station
        self._registry = registry
        self._known: tuple[list[int], list[int]] | None = None

    def without(self, seq: int) -> int:
        """Return the newest moment at which the station above confirmed less than this position.

        In milliseconds since 1970-01-01T00:00:00Z; 0 where it never did.
        """
        if self._known is None:
            self._known = self._read()
        sizes, newest_ms = self._known
        index = bisect_left(sizes, seq)
        return newest_ms[index - 1] if index else 0

    def _read(self) -> tuple[list[int], list[int]]:
        found = self._registry.station(self._station)
        if found is None or not found.upstream:
            return [], []
        asked = (self._log, receipt_name(found.upstream))
        rows = [
            (size, _time_ms(line))
            for size, line in self._source.rows(_RECEIPTS, asked, log=self._log)
            if isinstance(size, int)
        ]
        return [size for size, _ in rows], list(accumulate((at_ms for _, at_ms in rows), max))


def _time_ms(line: Cell) -> int:
    """Return the time that a receipt states; 0 for what is none, or of a time beyond all others."""
    if not isinstance(line, bytes):
        return 0
    time_s = read_cosignature_time_s(line.decode("utf-8", "replace"))
    return time_s * 1000 if time_s <= INT_MAX // 1000 else 0
