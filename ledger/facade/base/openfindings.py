"""Findings of one kind about places of logs that are open: kept once, remembered, settled where they end."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ledger.facade.base.synctables import SYNC_FINDINGS
from ledger.store.contract import Store
from ledger.store.tables import Row

Spot = tuple[str, int]
"""Name of a log, or of a divergent history of one, and a position in it."""


class OpenFindings:
    """Keeps the open findings of one code; they are read once and remembered.

    Args:
        store: the open store, as its one writer.
        code: of the findings.
    """

    def __init__(self, store: Store, code: str) -> None:
        self._store = store
        self._code = code
        self._open: dict[Spot, str] | None = None

    def known(self) -> Mapping[Spot, str]:
        """Return where something is wrong, with the detail that was kept."""
        return self._known()

    def note(self, found: Mapping[Spot, str], *, now_ms: int) -> None:
        """Keep what was found, place by place; what is known already stays as it is."""
        known = self._known()
        new = {spot: detail for spot, detail in found.items() if spot not in known}
        if new:
            with self._store.write() as tx:
                tx.upsert(SYNC_FINDINGS, [(self._code, *spot, now_ms, new[spot], 0) for spot in new])
            known.update(new)

    def settle(self, spots: Iterable[Spot]) -> None:
        """Settle what was found at some places, as far as anything was."""
        known = self._known()
        healed = [spot for spot in spots if spot in known] if known else []
        if not healed:
            return
        with self._store.write() as tx:
            rows = [tx.get(SYNC_FINDINGS, (self._code, *spot)) for spot in healed]
            tx.upsert(SYNC_FINDINGS, [_settled(row) for row in rows if row is not None])
        for spot in healed:
            known.pop(spot, None)

    def _known(self) -> dict[Spot, str]:
        if self._open is None:
            with self._store.read() as tx:
                rows = list(tx.select(SYNC_FINDINGS, {"code": self._code, "settled": 0}))
            self._open = {_spot(row): str(row[4]) for row in rows}
        return self._open


def _spot(row: Row) -> Spot:
    return str(row[1]), row[2] if isinstance(row[2], int) else 0


def _settled(row: Row) -> Row:
    return (*row[:5], 1)
