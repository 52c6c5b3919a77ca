"""Which log goes on from which: what a genesis claims counts only where its writer had a right to claim it.

A genesis names its parent by itself, and whoever knows the id of a log can name it. So a log continues
another one only if both are of the same ledger, kind and station, and a key that had the authority to open
such a log signed its opening act. Any other claim changes nothing; it is kept, and where kind or station are
others it is told as ``log.foreign_parent``.

Source: docs/protocol.md, "Continued logs".
"""

from __future__ import annotations

from collections.abc import Iterator

from ledger.errors import BanjianError
from ledger.facade.logs.countyfold import COUNTY_KINDS, CountyFold
from ledger.facade.logs.lostends import UPSTREAM_OTHER
from ledger.facade.logs.opening import HeldLog, Holdings
from ledger.formats.act import verify_act
from ledger.formats.chain import may_continue, second_firsts
from ledger.formats.checkpoint import log_of_origin, read_checkpoint
from ledger.formats.frame import act_in
from ledger.formats.genesis import LogGenesis
from ledger.registry.authority import Refusal, check_log_opening
from ledger.store import schema
from ledger.store.contract import ReadTx, Store
from ledger.types import KeyId, LogId, StationId


class Succession:
    """Follows logs from one to the next, as far as the data bear it out.

    Args:
        store: the open store.
        holdings: its logs.
        fold: registry and catalogue as they count.
    """

    def __init__(self, store: Store, holdings: Holdings, fold: CountyFold) -> None:
        self._store = store
        self._holdings = holdings
        self._fold = fold
        self._judged: dict[str, tuple[str, bool]] = {}

    def is_continued(self, log_id: LogId) -> bool:
        """Whether another log goes on from a log that is held: what came late of it has no effect."""
        return any(True for _ in self._successors(log_id))

    def continued_at(self, log_id: LogId) -> int | None:
        """Return up to where the next log goes on from a log; None where none does."""
        after = min(self._successors(log_id), key=lambda log: log.name, default=None)
        return None if after is None else after.genesis.parent_size

    def elsewhere(self, log_id: LogId) -> bool:
        """Whether a log that is not written here goes on from a log."""
        return any(not log.own for log in self._successors(log_id))

    def predecessor(self, kind: str, station: StationId) -> HeldLog | None:
        """Return the log that a new one of a kind and station has to continue; None where it is the first.

        Of registry and catalogue it is the end of what counts. Of others one that no log continues yet:
        sealed here, or of another machine. What was given up here because another machine goes on with it is
        continued here all the same, beside that machine: it is at work, and two that took each other's logs
        would give up one at every sync.
        """
        newest = self._newest(kind)
        if newest is not None and newest.genesis.station == station:
            return newest
        ended = [
            log
            for log in self._holdings.logs.values()
            if (log.genesis.kind, log.genesis.station) == (kind, station)
            and (log.state or not log.own)
            and self.is_rightful(log)
        ]
        free = [log for log in ended if not self.is_continued(log.genesis.log_id())]
        own = [log for log in ended if log.own and not self._goes_on_here(log)]
        beside = [log for log in own if log.state == UPSTREAM_OTHER]
        return next(iter([log for log in free if log.own] + beside + free), None)

    def chosen(self, kind: str, station: StationId, note: bytes) -> HeldLog | None:
        """Return the log of registry or catalogue that somebody named by a checkpoint to go on from it.

        Only one that stands beside those that count, written for the same station and continued by nobody:
        of two that begin anew people choose one by going on from it.

        Raises:
            EncodingError: ``note.*``, ``checkpoint.malformed`` for what is no checkpoint.
        """
        if not note or kind not in COUNTY_KINDS:
            return None
        log = self._holdings.logs.get(log_of_origin(read_checkpoint(note).origin).hex())
        if log is None or (log.genesis.kind, log.genesis.station) != (kind, station):
            return None
        beside = self._fold.is_beside(kind, log.name)
        return log if beside and not self.is_continued(log.genesis.log_id()) else None

    def _goes_on_here(self, log: HeldLog) -> bool:
        return any(after.own for after in self._successors(log.genesis.log_id()))

    def is_begun(self, kind: str) -> bool:
        """Whether registry or catalogue exist already: whoever opens such a log then must continue it.

        Where this machine was put back they do, and so does the merge log, whatever of them has come yet.
        """
        if self._holdings.put_back and kind != "station":
            return True
        own = (log for log in self._holdings.logs.values() if log.own and log.genesis.kind == kind)
        return kind in COUNTY_KINDS and (self._newest(kind) is not None or any(True for _ in own))

    def in_order(self, kind: str) -> list[HeldLog]:
        """Return the logs of registry or catalogue: those that count from the first on, then all others."""
        chain = [self._holdings.logs[name] for name in self._fold.chain(kind)]
        return chain + [log for log in self._holdings.of_kind(kind) if log not in chain]

    def opener(self, log_id: LogId) -> KeyId | None:
        """Return the key that signed the opening of a log that is held; None where that cannot be read."""
        with self._store.read() as tx:
            try:
                return act_in(_opening_frame(tx, log_id.hex())).header.actor
            except BanjianError:
                return None

    def false_claims(self, genesis: LogGenesis) -> list[tuple[LogId, LogId]]:
        """Return which claims about a log are false by kind or station: its own, or to be its successor.

        Returns:
            Pairs of the log that claims and the one that it names.
        """
        parent = self._holdings.logs.get(genesis.parent_log.hex())
        found = [] if parent is None else [(genesis, parent.genesis)]
        found += [
            (log.genesis, genesis)
            for log in self._holdings.logs.values()
            if log.genesis.parent_log == genesis.log_id()
        ]
        return [
            (after.log_id(), before.log_id()) for after, before in found if not may_continue(after, before)
        ]

    def second_first(self, genesis: LogGenesis) -> list[tuple[LogId, LogId]]:
        """Return a log with one of its station that is held, where both begin anew; nothing elsewhere."""
        log_id = genesis.log_id()
        others = [log for log in self._holdings.logs.values() if log.genesis.log_id() != log_id]
        begun = [log.genesis.log_id() for log in others if second_firsts((log.genesis, genesis))]
        return [(log_id, other) for other in begun[:1]]

    def _newest(self, kind: str) -> HeldLog | None:
        chain = self._fold.chain(kind)
        return self._holdings.logs[chain[-1]] if chain else None

    def _successors(self, log_id: LogId) -> Iterator[HeldLog]:
        before = self._holdings.logs.get(log_id.hex())
        claims = [log for log in self._holdings.logs.values() if log.genesis.parent_log == log_id]
        for log in claims:
            if before is not None and may_continue(log.genesis, before.genesis) and self.is_rightful(log):
                yield log

    def is_rightful(self, log: HeldLog, *, or_waiting: bool = False) -> bool:
        """Whether a key that might open such a log signed its opening act, by the registry as it is here.

        Args:
            log: a log that is held.
            or_waiting: what to say where only a longer registry can tell.
        """
        if log.own:
            return True
        mark, held = self._judged.get(log.name, ("", False))
        if mark == (now := f"={self._fold.mark}"):
            return held
        with self._store.read() as tx:
            refusal = self._refusal(tx, log)
        if refusal is not None and refusal.awaiting:
            return or_waiting
        self._judged[log.name] = (now, refusal is None)
        return refusal is None

    def _refusal(self, tx: ReadTx, log: HeldLog) -> Refusal | None:
        registry = self._fold.knowledge.registry
        try:
            act = act_in(_opening_frame(tx, log.name))
            public_key = registry.public_key(act.header.actor)
            if public_key is not None:
                verify_act(act.raw, act.sig, public_key)
        except BanjianError as error:
            return Refusal(code=error.code)
        allowed = check_log_opening(
            registry, log.genesis.kind, actor_key_id=act.header.actor, station=log.genesis.station,
            registry_size=act.header.registry_size,
        )  # fmt: skip
        return allowed if isinstance(allowed, Refusal) else None


def _opening_frame(tx: ReadTx, name: str) -> bytes:
    """Return the first frame of a log, held whole or in single records; empty where neither is here."""
    frame = tx.frame(name, 1)
    if frame is not None:
        return frame
    row = next(tx.select(schema.SPARSE, {"log": name, "seq": 1}, limit=1), None)
    return row[3] if row is not None and isinstance(row[3], bytes) else b""
