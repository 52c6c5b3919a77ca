"""What a ledger is opened with: its logs and the ledger's genesis, read from the store."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from ledger.errors import BanjianError, EncodingError, StoreError
from ledger.facade.logs.bodies import read_facts
from ledger.formats.act import case_of
from ledger.formats.body import check_facts
from ledger.formats.chain import ChainLog, chain_logs
from ledger.formats.frame import act_in
from ledger.formats.genesis import (
    LedgerGenesis,
    LogGenesis,
    decode_ledger_genesis,
    decode_log_genesis,
    ledger_id,
)
from ledger.store import schema
from ledger.store.contract import ReadTx
from ledger.types import LogId, StationId

PAGE = 1_000
BRANCH_MARK = "~"
"""Between a log's id and the first divergent entry hash in the name of a branch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldLog:
    """A log that the store holds, as its row says."""

    name: str
    genesis: LogGenesis
    own: bool
    state: str


NO_STATION = StationId("")


class LogStations(dict[str, StationId]):
    """Station of each log by name; a branch of a forked log has the station of the log."""

    def get(self, name: str, default: StationId = NO_STATION) -> StationId:  # type: ignore[override]
        """Return the station of a log or of a branch of it."""
        return super().get(name.partition(BRANCH_MARK)[0], default)


@dataclass(slots=True)
class Holdings:
    """All logs of a store and the stations that they belong to.

    Attributes:
        put_back: whether this installation ever came back from an older state.
    """

    logs: dict[str, HeldLog] = field(default_factory=dict)
    stations: LogStations = field(default_factory=LogStations)
    put_back: bool = False

    def add(self, log: HeldLog) -> None:
        """Take a log in."""
        self.logs[log.name] = log
        self.stations[log.name] = log.genesis.station

    def remove(self, name: str) -> None:
        """Forget a log that was not stored after all."""
        self.logs.pop(name, None)
        self.stations.pop(name, None)

    def seal(self, name: str, *, state: str) -> None:
        """Remember that an own log is not continued, and why."""
        self.logs[name] = replace(self.logs[name], state=state)

    def of_kind(self, kind: str) -> list[HeldLog]:
        """Return the logs of a kind in the order of their incarnations, as they name each other."""
        found = {log.genesis.log_id(): log for log in self.logs.values() if log.genesis.kind == kind}

        def generation(log: HeldLog) -> int:
            # Sizes say nothing: a successor may be given up with fewer entries than the log before it.
            count, before = 0, found.get(LogId(log.genesis.parent_log))
            while before is not None:
                count, before = count + 1, found.get(LogId(before.genesis.parent_log))
            return count

        return sorted(found.values(), key=lambda log: (generation(log), log.name))


def read_holdings(tx: ReadTx) -> Holdings:
    """Return the logs of a store."""
    holdings = Holdings()
    for name, _kind, _station, genesis, own, state in tx.select(schema.LOGS, {}):
        if isinstance(name, str) and isinstance(genesis, bytes):
            holdings.add(
                HeldLog(name=name, genesis=decode_log_genesis(genesis), own=own == 1, state=str(state or ""))
            )
    return holdings


def read_ledger_genesis(tx: ReadTx, holdings: Holdings, pinned: bytes | None = None) -> LedgerGenesis:
    """Return the genesis of the ledger: the pinned one, else that of the first entry of its registry log.

    Args:
        tx: the store.
        holdings: its logs.
        pinned: bytes of the genesis with which the station joined; None when none is pinned.

    Raises:
        StoreError: ``ledger.no_registry`` when nothing is pinned and the store holds no registry log;
            ``ledger.other_registry`` when the registry log is that of another ledger;
            ``ledger.genesis_damaged`` when the pinned bytes are not a genesis.
    """
    held = _registry_genesis(tx, holdings, pinned)
    raw = held if pinned is None else pinned
    if raw is None:
        raise StoreError("ledger.no_registry")
    try:
        genesis = decode_ledger_genesis(raw)
    except EncodingError as error:
        raise StoreError("ledger.genesis_damaged") from error
    if held is not None and held != raw:
        raise StoreError("ledger.other_registry", pinned=ledger_id(raw), found=ledger_id(held))
    return genesis


def _registry_genesis(tx: ReadTx, holdings: Holdings, pinned: bytes | None) -> bytes | None:
    founded: dict[str, bytes | None] = {}
    for log in holdings.of_kind("registry"):
        try:
            founded[log.name] = founding_genesis(tx, log.name)
        except BanjianError:
            # What is pinned says what the ledger is; a look at the rest stays possible.
            if pinned is None:
                raise
    logs = [
        ChainLog(name, holdings.logs[name].genesis, tx.size(name), founds=True)
        for name, raw in founded.items()
        if raw is not None
    ]
    chain = chain_logs(logs)
    return founded[chain[0].name] if chain else None


def founding_genesis(tx: ReadTx, name: str) -> bytes | None:
    """Return the ledger genesis that the first entry of a log carries; None for a log without one.

    Raises:
        BanjianError: the first entry cannot be read.
    """
    frame = tx.frame(name, 1)
    if frame is None:
        return None
    act = act_in(frame)
    facts = read_facts(tx, case_of(act), act.act_id)
    raw = None if facts is None else check_facts(act.header, facts).get("ledger_genesis")
    return raw if isinstance(raw, bytes) else None


def read_frames(tx: ReadTx, name: str, *, after: int, last: int) -> Iterator[bytes]:
    """Yield the frames of a log behind a position, up to another, in pages."""
    for first in range(after + 1, last + 1, PAGE):
        for _, frame in tx.frames(name, first, min(first + PAGE - 1, last)):
            yield frame
