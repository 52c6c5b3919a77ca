"""Records that changed on this machine's own disk: they are not sent, they are told, and told until healed.

Whoever is given such a record refuses everything that comes with it. So it is looked for before anything is
given, and the log ends there for others until the genuine record is back; all other logs go on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final, NamedTuple

from ledger.errors import BanjianError
from ledger.facade.base.openfindings import OpenFindings
from ledger.facade.logs.bodies import Place, read_facts
from ledger.formats.act import case_of
from ledger.formats.body import facts_hash
from ledger.formats.entry import decode_entry, entry_hash
from ledger.formats.frame import split_frame
from ledger.formats.packageform import PackageContent
from ledger.formats.writing import split_act
from ledger.known.verified import FACTS_MISSING
from ledger.store import schema
from ledger.store.contract import ReadTx, Store

CHANGED_ENTRY: Final = "entry.chain"
"""Why a record is rotten of which what stands behind it names another entry."""
PERSONAL: Final = "personal.cipher"
"""Why a record is rotten whose personal body its key does not open; the rest of it is given."""
UNFOUNDED: Final = "log.head"
"""Why the end of a log is rotten that the records which are here do not give, though none of them changed."""
ROTTEN: Final = "log.rotten"
"""Code under which such a record is noted, by log and position; why is the detail."""

LOOKED_AT_MAX: Final = 256
"""Records that are looked at again in one session."""


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
        _, act, entry, fault = split_act(frame)
    except BanjianError as error:
        return error.code
    if fault or act is None or entry is None:
        return fault
    if not facts:
        return FACTS_MISSING
    header = act.header
    fits = len(facts) == header.facts_len and facts_hash(facts) == header.facts_hash
    return "" if fits else "act.facts_hash"


def broken_entry(entries: Sequence[bytes], first_seq: int, head: bytes) -> int | None:
    """Return the last position whose entry is not the one that what stands behind it names; None for none.

    Args:
        entries: bytes of consecutive entries.
        first_seq: position of the first.
        head: hash of the last one, from what stands behind it; empty where that is not known.
    """
    wanted = head
    for index in range(len(entries) - 1, -1, -1):
        if wanted and entry_hash(entries[index]) != wanted:
            return first_seq + index
        try:
            wanted = decode_entry(entries[index]).previous
        except BanjianError:
            wanted = b""
    return None


def rotten_stretch(tx: ReadTx, name: str, first_seq: int, last_seq: int) -> Rotten | None:
    """Return what changed of some consecutive records of a log that is held whole; None where nothing did."""
    entries: list[bytes] = []
    for seq, frame in tx.frames(name, first_seq, last_seq):
        try:
            entries.append(split_frame(frame).entry_raw)
        except BanjianError as error:
            return Rotten(name, seq, error.code)
    found = broken_entry(entries, first_seq, next_link(tx, name, last_seq))
    return None if found is None else Rotten(name, found, CHANGED_ENTRY)


def next_link(tx: ReadTx, name: str, seq: int) -> bytes:
    """Return the hash of an entry as what stands behind it says: the next entry, or the row of the end."""
    head = tx.get(schema.HEADS, (name,))
    if head is not None and head[1] == seq:
        return head[2] if isinstance(head[2], bytes) else b""
    frame = tx.frame(name, seq + 1)
    try:
        return b"" if frame is None else decode_entry(split_frame(frame).entry_raw).previous
    except BanjianError:
        return b""


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
        self._findings = OpenFindings(store, ROTTEN)

    def logs(self) -> frozenset[str]:
        """Return the logs that cannot be given beyond such a record."""
        return frozenset(log for (log, _), reason in self._findings.known().items() if reason != PERSONAL)

    def note(self, found: Iterable[Rotten], *, now_ms: int) -> None:
        """Keep what was found; what is known already stays as it is."""
        self._findings.note({(one.log, one.seq): one.reason for one in found}, now_ms=now_ms)

    def given(self, log: str, positions: Sequence[int]) -> None:
        """Settle what was found of records that have now been given soundly."""
        if self._findings.known():
            self._findings.settle([(log, seq) for seq in positions])

    def look_again(self, opens: Callable[[ReadTx, Place], bool]) -> list[Place]:
        """Settle what is as it was again, though nobody has to be given it; returns where that was.

        Args:
            opens: whether the personal body of a record is opened by its key.
        """
        known = self._findings.known()
        if not known:
            return []
        with self._store.read() as tx:
            healed = [
                place
                for place, reason in list(known.items())[:LOOKED_AT_MAX]
                if (opens(tx, Place(*place)) if reason == PERSONAL else _is_sound(tx, *place))
            ]
        self._findings.settle(healed)
        return [Place(*place) for place in healed]


def _is_sound(tx: ReadTx, log: str, seq: int) -> bool:
    """Whether a record of a log that is held whole is what it was; single records wait to be given."""
    frame = tx.frame(log, seq)
    if frame is None:
        return False
    body = tx.get(schema.BODIES, (log, seq))
    facts = body[2] if body is not None and isinstance(body[2], bytes) else b""
    if not facts:
        facts = _facts_elsewhere(tx, frame)
    return not rotten_reason(frame, facts) and rotten_stretch(tx, log, seq, seq) is None


def _facts_elsewhere(tx: ReadTx, frame: bytes) -> bytes:
    """Return the facts of an act that stands twice: they are kept at its better place."""
    try:
        act = split_act(frame).act
    except BanjianError:
        return b""
    return b"" if act is None else read_facts(tx, case_of(act), act.act_id) or b""
