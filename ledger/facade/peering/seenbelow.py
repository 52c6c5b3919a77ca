"""What stations below have seen of the logs that are written here: proof that this machine was put back.

An old disk image, put back without a word, knows of nothing that came after it. But checkpoints of its logs
went out meanwhile, signed by keys that are here. A station says with each session up to where it has seen
logs that are not of its subtree. When that is more of an own log than is here, or another history, it is
asked for the checkpoints themselves; one that this installation's own key signed is proof, and every log that
is written here is given up. What a station merely says moves nothing. When it is more of somebody else's log,
it is asked for the records, so that they reach whoever lost them.

Source: docs/protocol.md, "Sync".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

from ledger.errors import DataError
from ledger.facade.base.marks import kept_checkpoint
from ledger.facade.base.synctables import SPARSE_NOTES, SYNC_FINDINGS
from ledger.facade.logs.countyfold import COUNTY_KINDS
from ledger.facade.logs.countyseen import INCONSISTENT, UNPROVEN, keep_evidence, newest_evidence
from ledger.facade.logs.heldstates import LogState
from ledger.facade.logs.lostends import DOWNSTREAM_AHEAD, DOWNSTREAM_OTHER, LostEnd, lanes_of, lost_end
from ledger.facade.logs.opening import HeldLog
from ledger.facade.logs.ownlog import stored_nodes
from ledger.facade.opened.parts import Parts
from ledger.facade.peering.held import Held
from ledger.formats.checkpoint import Checkpoint, log_of_origin, open_checkpoint, read_checkpoint
from ledger.formats.genesis import LogGenesis
from ledger.formats.merkle import root_at
from ledger.store import schema
from ledger.store.contract import ReadTx, Store
from ledger.store.tables import Table
from ledger.types import LogId, StationId

MERGE: Final = "merge"
STATION: Final = "station"
NOTES_MAX: Final = 64
"""Checkpoints of one log that are given as proof: each lies twice as far back as the one before."""


class SeenBelow:
    """Says what was seen of logs from above, and judges what others say of the logs written here.

    Args:
        store: the open store, as its one writer.
        parts: the working parts of the ledger.
        held: what is here of every log.
        give_up: seals an own log with the code why.
    """

    def __init__(
        self, store: Store, parts: Parts, held: Held, *, give_up: Callable[[LogId, str], None]
    ) -> None:
        self._store = store
        self._parts = parts
        self._held = held
        self._give_up = give_up
        self._relayed: dict[LogId, bytes] = {}
        self._begun: dict[LogId, int] = {}

    def states(self) -> list[LogState]:
        """Return up to where logs were seen signed that are neither of this subtree nor held whole here."""
        scope = self._held.scope(self._held.station)
        logs = [one for one in self._parts.holdings.logs.values() if not one.own]
        seen = [
            one
            for one in logs
            if one.genesis.kind == MERGE or (one.genesis.kind == STATION and one.genesis.station not in scope)
        ]
        with self._store.read() as tx:
            notes = [note for log in seen for note in self._newest(tx, log)]
        return sorted({_state(read_checkpoint(note)) for note in notes})

    def notes(self, log_id: LogId) -> list[bytes]:
        """Return checkpoints of a log, oldest first: the newest one, and others ever further back."""
        held = self._parts.holdings.logs.get(log_id.hex())
        if held is None:
            return []
        with self._store.read() as tx:
            found = {note for table, name in _lanes(tx, held) for note in _spread(tx, table, name)}
        if log_id in self._relayed:
            found.add(self._relayed[log_id])
        return sorted(found, key=lambda note: (read_checkpoint(note).size, note))

    def in_doubt(self, states: Iterable[LogState]) -> bool:
        """Whether somebody says more, or other, of a log that goes on here than is here."""
        with self._store.read() as tx:
            return any(self._held.is_open_own(state.log_id) and self._verdict(tx, state) for state in states)

    def wanted(self, states: Iterable[LogState]) -> list[LostEnd]:
        """Return what to ask of somebody who says more, or other, of a log than is here."""
        found: dict[LogId, LostEnd] = {}
        scope = self._held.scope(self._held.station)
        with self._store.read() as tx:
            for state in states:
                held = self._parts.holdings.logs.get(state.log_id.hex())
                if held is None:
                    # Opened after the moment that this machine came back from, here or above.
                    found[state.log_id] = LostEnd(state.log_id, 0, ())
                elif self._asks(held) and self._is_more(tx, held, state, scope):
                    # Of somebody else's log nobody here can say where two histories part.
                    after = 0 if _is_of(held, scope) else self._seen_size(tx, held)
                    found[state.log_id] = lost_end(tx, held, after=after)
        return list(found.values())

    def is_in_step(self, states: Iterable[LogState]) -> bool:
        """Whether what somebody says of registry, catalogue and merge log, and of logs not known, is here."""
        with self._store.read() as tx:
            return all(self._is_here(tx, state) for state in states)

    def _is_here(self, tx: ReadTx, state: LogState) -> bool:
        held = self._parts.holdings.logs.get(state.log_id.hex())
        if held is None:
            return False
        if held.genesis.kind in COUNTY_KINDS:
            come = state.size <= tx.size(held.name) or self._held.has_branch(state)
            # Behind an end that is continued nothing counts any more: nobody is waited for because of it.
            return come or self._held.is_continued(state.log_id)
        if held.genesis.kind == MERGE and held.own:
            shown = newest_evidence(tx, held.name)
            return state.size <= max(tx.size(held.name), 0 if shown is None else shown.size)
        return True

    def take_note(self, note: bytes, agreed: int, *, station: StationId, now_ms: int) -> int:
        """Judge a checkpoint that a station below gives as proof.

        Args:
            note: the signed checkpoint.
            agreed: greatest size of that log at which both sides were found to agree in this session.
            station: who brings it.
            now_ms: the clock of this station.

        Returns:
            The greatest size at which both sides agree.

        Raises:
            EncodingError: ``note.*``, ``checkpoint.malformed``.
            DataError: ``checkpoint.origin``; ``sync.log_scope`` for a log that is not known here;
                ``note.unsigned``, ``note.signature``. Nothing has changed.
        """
        point = read_checkpoint(note)
        held = self._parts.holdings.logs.get(log_of_origin(point.origin).hex())
        if held is None:
            raise DataError("sync.log_scope", log=point.origin)
        open_checkpoint(note, point.origin, held.genesis.log_public_key)
        with self._store.read() as tx:
            if not held.own:
                if held.genesis.kind == MERGE and point.size > self._seen_size(tx, held):
                    # What leads there from here nobody can prove; but the county knows its own signature.
                    self._relayed[held.genesis.log_id()] = note
                return agreed
            code = self._verdict(tx, _state(point))
        if not code:
            return max(agreed, point.size)
        # Two histories may agree with what is here up to different sizes: this one at most before its end.
        self._doubt(held, note, code, min(agreed, point.size - 1), station=station, now_ms=now_ms)
        return agreed

    def _asks(self, held: HeldLog) -> bool:
        """Whether more of a log is of use here; lost ends of own logs are asked for by themselves."""
        log_id = held.genesis.log_id()
        if held.own:
            # Behind an end that is continued nothing counts; it is kept, so that people can read what it was.
            ended = self._held.is_ended(log_id)
            return self._held.is_open_own(log_id) or held.genesis.kind == MERGE or ended
        return held.genesis.kind == STATION or not self._held.is_continued(log_id)

    def _is_more(self, tx: ReadTx, held: HeldLog, state: LogState, scope: frozenset[StationId]) -> bool:
        if held.own:
            if self._held.is_ended(state.log_id):
                return state.size > tx.size(held.name)
            return bool(self._verdict(tx, state))
        if _is_of(held, scope):
            known = LogState(state.log_id, state.size, self._root(tx, held, state.size))
            return known != state and not self._held.has_branch(state)
        size = self._seen_size(tx, held)
        if self._recovering:
            # More comes from above meanwhile; but what one station below had, another one had not.
            size = self._begun.setdefault(state.log_id, size)
        return state.size > size

    @property
    def _recovering(self) -> bool:
        return bool(self._held.given_up())

    def take_opening(self, genesis: LogGenesis, *, station: StationId, now_ms: int) -> None:
        """Give up every log that goes on here where a registry comes that this very station went on in.

        No disk here knows of it, and a root key has signed it: an older disk was put back, from before this
        station had opened its logs anew. The end of the log before it proves nothing then.

        Args:
            genesis: of a log that is not held here, its opening checked.
            station: that brings it.
            now_ms: the clock of this station.
        """
        mine = genesis.kind == "registry" and genesis.station == self._held.station
        if not mine or not self._held.is_open_own(LogId(genesis.parent_log)):
            return
        self._give_up_all(DOWNSTREAM_AHEAD)
        with self._store.write() as tx:
            tx.insert_missing(
                SYNC_FINDINGS, [(DOWNSTREAM_AHEAD, genesis.log_id().hex(), 1, now_ms, station, 0)]
            )

    def judge(self, log_id: LogId, note: bytes) -> str:
        """Return "" when what is here of an own log leads to a checkpoint, else the code of the doubt.

        Args:
            log_id: a log that is written here.
            note: a checkpoint of it whose signature was checked.
        """
        with self._store.read() as tx:
            return self._verdict(tx, _state(read_checkpoint(note))._replace(log_id=log_id))

    def _doubt(
        self, held: HeldLog, note: bytes, code: str, agreed: int, *, station: StationId, now_ms: int
    ) -> None:
        """Give up every log that goes on here, and write down up to where both sides agreed."""
        if self._held.is_open_own(held.genesis.log_id()):
            self._give_up_all(code)
        elif code == DOWNSTREAM_AHEAD and held.state not in (DOWNSTREAM_AHEAD, DOWNSTREAM_OTHER):
            # That its end is lost was known when it was given up, and nothing was written after that. But the
            # next merge log must go on from the furthest that anybody has seen of this one.
            if held.genesis.kind == MERGE and not self._held.is_continued(held.genesis.log_id()):
                with self._store.write() as tx:
                    keep_evidence(tx, note, now_ms=now_ms, state=UNPROVEN)
            return
        with self._store.write() as tx:
            tx.insert_missing(SYNC_FINDINGS, [(code, held.name, agreed + 1, now_ms, station, 0)])
            if held.genesis.kind == MERGE:
                state = UNPROVEN if code == DOWNSTREAM_AHEAD else INCONSISTENT
                keep_evidence(tx, note, now_ms=now_ms, state=state)

    def _give_up_all(self, code: str) -> None:
        for log in [one for one in self._parts.own.values() if not one.doubt]:
            self._give_up(log.log_id, code)

    def _verdict(self, tx: ReadTx, state: LogState) -> str:
        """Return "" when what is here leads to a state of an own log, else the code of the doubt."""
        held = self._parts.holdings.logs[state.log_id.hex()]
        if state.size > tx.size(held.name):
            return DOWNSTREAM_AHEAD
        return "" if self._root(tx, held, state.size) == state.root else DOWNSTREAM_OTHER

    def _root(self, tx: ReadTx, held: HeldLog, size: int) -> bytes:
        """Return the root of a log at a size as it is held whole here, nothing beyond its end."""
        if size > tx.size(held.name):
            return b""
        row = tx.get(schema.CHECKPOINTS, (held.name, size))
        if row is not None and isinstance(row[2], bytes):
            return read_checkpoint(row[2]).root
        return root_at(size, stored_nodes(tx, held.name, held.genesis.kind))

    def _newest(self, tx: ReadTx, held: HeldLog) -> Iterator[bytes]:
        """Yield the newest checkpoint of each history of a log that is known here."""
        relayed = self._relayed.get(held.genesis.log_id())
        if relayed is not None:
            yield relayed
        for table, name in _lanes(tx, held):
            yield from _some(tx, table, name, [0])

    def _seen_size(self, tx: ReadTx, held: HeldLog) -> int:
        """Return up to where a log is held whole, or was seen signed."""
        if held.own or held.genesis.kind in COUNTY_KINDS:
            return tx.size(held.name)
        return max((read_checkpoint(note).size for note in self._newest(tx, held)), default=0)


def _is_of(held: HeldLog, scope: frozenset[StationId]) -> bool:
    """Whether a log is somebody else's station log within a subtree."""
    return held.genesis.kind == STATION and not held.own and held.genesis.station in scope


def _state(point: Checkpoint) -> LogState:
    return LogState(log_of_origin(point.origin), point.size, point.root)


def _lanes(tx: ReadTx, held: HeldLog) -> list[tuple[Table, str]]:
    """Return where checkpoints of a log are kept: table and name of each history."""
    if held.genesis.kind == MERGE:
        return [(schema.COUNTY_CHECKPOINTS, held.name)]
    if held.genesis.kind in COUNTY_KINDS:
        return [(schema.CHECKPOINTS, held.name)]
    return [(SPARSE_NOTES, name) for name in lanes_of(tx, held.name)]


def _spread(tx: ReadTx, table: Table, name: str) -> Iterator[bytes]:
    """Yield the newest checkpoint under a name, then one, two, four … further back, and the oldest."""
    count = tx.count(table, _where(table, name))
    steps = [0] + [1 << power for power in range(NOTES_MAX) if 1 << power < count]
    yield from _some(tx, table, name, sorted({*steps, max(count - 1, 0)}))


def _some(tx: ReadTx, table: Table, name: str, places: Sequence[int]) -> Iterator[bytes]:
    """Yield checkpoints under a name by their places, counted from the newest one."""
    column = table.column_names.index("note")
    wanted, last = set(places), max(places)
    rows = tx.select(table, _where(table, name), order_by=("size",), descending=True, limit=last + 1)
    for place, row in enumerate(rows):
        note = row[column]
        if place in wanted and isinstance(note, bytes) and kept_checkpoint(note) is not None:
            yield note


def _where(table: Table, name: str) -> dict[str, str]:
    return {"log": name, "state": ""} if table is schema.COUNTY_CHECKPOINTS else {"log": name}
