"""Records that changed on this machine's own disk: they are not sent, they are told, and told until healed.

Whoever is given such a record refuses everything that comes with it. So it is looked for before anything is
given, and the log ends there for others until the genuine record is back; all other logs go on.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from ledger.act import act_id
from ledger.body import facts_hash
from ledger.entry import decode_entry
from ledger.errors import BanjianError
from ledger.facade.synctables import SYNC_FINDINGS
from ledger.frame import pin_fault
from ledger.package import PackageContent
from ledger.package_write import split_act
from ledger.store.contract import Store
from ledger.store.tables import Row
from ledger.verified import FACTS_MISSING

ROTTEN: Final = "log.rotten"
"""Code under which such a record is noted, by log and position; why is the detail."""


class Rotten(NamedTuple):
    """A record that is not what its entry and its act pin, and why."""

    log: str
    seq: int
    reason: str


def rotten_reason(frame: bytes, facts: bytes) -> str:
    """Return what of a stored record is not what its entry and its act pin, "" where all is.

    An entry or act that cannot be read pins nothing: a station may have signed it so.

    Args:
        frame: as it is stored.
        facts: as they are stored; empty where there are none.
    """
    try:
        parts, act = split_act(frame)
    except BanjianError as error:
        return error.code
    try:
        entry = decode_entry(parts.entry_raw)
    except BanjianError:
        return ""
    fault = pin_fault(entry, act_id(parts.act_raw) if act is None else act.act_id, parts.sig)
    if fault or act is None:
        return fault
    if not facts:
        return FACTS_MISSING
    header = act.header
    fits = len(facts) == header.facts_len and facts_hash(facts) == header.facts_hash
    return "" if fits else "act.facts_hash"


def first_rotten(content: PackageContent) -> Rotten | None:
    """Return the first record of a package that nobody would take; None where all are sound."""
    for index, (frame, facts) in enumerate(zip(content.frames, content.facts, strict=True)):
        reason = rotten_reason(frame, facts)
        if reason:
            return Rotten(content.log_id.hex(), content.first_seq + index, reason)
    return None


class RottenRecords:
    """Keeps what was found, until the same record is given soundly.

    Args:
        store: the open store, as its one writer.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._open: dict[tuple[str, int], Row] | None = None

    def logs(self) -> frozenset[str]:
        """Return the logs that cannot be given beyond such a record."""
        return frozenset(log for log, _ in self._known())

    def note(self, found: Iterable[Rotten], *, now_ms: int) -> None:
        """Keep what was found; what is known already stays as it is."""
        known = self._known()
        new = {(one.log, one.seq): one for one in found if (one.log, one.seq) not in known}
        rows: dict[tuple[str, int], Row] = {
            place: (ROTTEN, *place, now_ms, one.reason, 0) for place, one in new.items()
        }
        if rows:
            with self._store.write() as tx:
                tx.upsert(SYNC_FINDINGS, list(rows.values()))
            known.update(rows)

    def given(self, log: str, positions: Sequence[int]) -> None:
        """Settle what was found of records that have now been given soundly."""
        known = self._known()
        if not known:
            return
        healed = [(log, seq) for seq in positions if (log, seq) in known]
        if healed:
            with self._store.write() as tx:
                tx.upsert(SYNC_FINDINGS, [(*known[place][:5], 1) for place in healed])
            for place in healed:
                del known[place]

    def _known(self) -> dict[tuple[str, int], Row]:
        if self._open is None:
            with self._store.read() as tx:
                rows = list(tx.select(SYNC_FINDINGS, {"code": ROTTEN, "settled": 0}))
            self._open = {(str(row[1]), row[2] if isinstance(row[2], int) else 0): row for row in rows}
        return self._open
