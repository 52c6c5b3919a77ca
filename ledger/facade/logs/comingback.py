"""Coming back from an older state: which stations below have brought what they hold since then.

Whoever opens the next registry or catalogue ends the log before it where it stands: acts of it that come
later have no effect. So the stations below come first. The moment at which the own logs were given up is
written down, and of each station below the moment at which everything had come that it says it holds of
registry, catalogue and merge log.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from ledger.facade.base.marks import kept_number
from ledger.facade.base.peers import ways_of
from ledger.facade.base.synctables import REOPENED_EARLY, SYNC_FINDINGS, SYNC_MARKS
from ledger.facade.logs.doubt import LOST_DISK
from ledger.facade.logs.lostends import BESIDE_CHAIN
from ledger.facade.logs.opening import HeldLog, Holdings
from ledger.facade.logs.succession import Succession
from ledger.formats.genesis import LogGenesis
from ledger.registry.registry import Registry
from ledger.store.contract import ReadTx, WriteTx
from ledger.types import StationId

GIVEN_UP: Final = "given_up_at_ms"
"""Mark of the moment at which logs of the county were given up here last."""
OWN_GIVEN_UP: Final = "own_given_up_at_ms"
"""The same of any log that was written here, also that of a township."""
IN_STEP: Final = "in_step_at_ms "
"""Beginning of the marks of stations below that have brought everything, each with the station behind it."""
PURPOSES: Final = ("bundle", "receipt")
"""Service keys that a station gets when it joins."""


def note_given_up(tx: WriteTx, now_ms: int, *, kinds: Collection[str]) -> None:
    """Remember when logs were given up here: from now on the stations below are waited for.

    Args:
        tx: a transaction.
        now_ms: the clock of this station.
        kinds: of the logs.
    """
    tx.upsert(SYNC_MARKS, [(OWN_GIVEN_UP, str(now_ms))])
    if any(kind != "station" for kind in kinds):
        tx.upsert(SYNC_MARKS, [(GIVEN_UP, str(now_ms))])


def note_lost(tx: WriteTx, now_ms: int, *, kind: str) -> None:
    """Remember that a log of this machine came back of which its disk knew nothing.

    With the first of them the waiting begins: whoever brought it is in step with that very session.
    """
    if not _given_up_ms(tx, GIVEN_UP):
        note_given_up(tx, now_ms, kinds={kind})


def row_of(genesis: LogGenesis, station: StationId, *, put_back: bool) -> HeldLog:
    """Return what a log that comes from others is here: theirs, or one that this machine wrote and lost.

    Nobody else writes logs of the county's own kinds, so that such a log of this very station was written by
    the machine that stood here before; and no disk tells of it any more.

    Args:
        genesis: of the log.
        station: the main station of this installation.
        put_back: whether this installation ever came back from an older state.
    """
    lost = genesis.kind != "station" and genesis.station == station and put_back
    return HeldLog(name=genesis.log_id().hex(), genesis=genesis, own=lost, state=LOST_DISK if lost else "")


def ever_given_up(tx: ReadTx) -> bool:
    """Whether this installation ever came back from an older state."""
    return bool(_given_up_ms(tx, OWN_GIVEN_UP))


def restored_at_ms(tx: ReadTx) -> int:
    """Return when this installation came back from an older state last, by its clock then; 0 for never."""
    return _given_up_ms(tx, OWN_GIVEN_UP)


def note_in_step(tx: WriteTx, station: StationId, now_ms: int) -> None:
    """Remember that a station below has brought everything that it says it holds."""
    tx.upsert(SYNC_MARKS, [(IN_STEP + station, str(now_ms))])


def waits_for_below(holdings: Holdings) -> bool:
    """Whether a log of the county was given up here that nobody has opened anew."""
    logs = list(holdings.logs.values())
    continued = {log.genesis.parent_log for log in logs}
    return any(
        log.own
        and log.state not in ("", BESIDE_CHAIN)
        and log.genesis.kind != "station"
        and log.genesis.log_id() not in continued
        for log in logs
    )


def may_lack_stations(holdings: Holdings) -> bool:
    """Whether the registry here may have lost an end that knows stations of which nobody else has heard.

    Where it is written: until it is opened anew. Between, the registry grows by what is brought, and nobody
    can say when that is all; whoever is certified is heard from the first loss on.
    """
    own = [log for log in holdings.logs.values() if log.own]
    if any(log.genesis.kind == "registry" for log in own):
        return waits_for_below(holdings)
    return holdings.put_back or any(log.state for log in own)


def stations_behind(
    tx: ReadTx, holdings: Holdings, registry: Registry, station: StationId
) -> list[StationId]:
    """Return the direct subordinates that have joined and have not brought everything since the restore.

    Those that were heard by stick alone are left out: a stick brings nothing of registry or catalogue up.

    Args:
        tx: a consistent view.
        holdings: the logs that are held here.
        registry: as it is held here.
        station: the main station of this installation.
    """
    since_ms = _given_up_ms(tx, GIVEN_UP)
    if not since_ms or not waits_for_below(holdings):
        return []
    return _behind(tx, registry, station, since_ms)


def own_behind(tx: ReadTx, registry: Registry, station: StationId) -> tuple[int, list[StationId]]:
    """Return when a log was given up here last, and the direct subordinates not heard to their end since.

    A township that was put back as well has brought the county all of the registry only once its villages
    have brought it theirs.
    """
    since_ms = _given_up_ms(tx, OWN_GIVEN_UP)
    return since_ms, _behind(tx, registry, station, since_ms) if since_ms else []


def note_reopened_early(tx: WriteTx, held: HeldLog, size: int, *, station: StationId, now_ms: int) -> None:
    """Remember that a station below holds more of an own log than its successor goes on from.

    Nobody takes those entries any more. It is only said, but those who lost them should hear of it.

    Args:
        tx: a transaction.
        held: the log.
        size: entries that the station says it holds.
        station: who says so.
        now_ms: the clock of this station.
    """
    where = {"code": REOPENED_EARLY, "log": held.name}
    known = [row[2] for row in tx.select(SYNC_FINDINGS, where) if isinstance(row[2], int)]
    if size > max(known, default=0):
        tx.delete(SYNC_FINDINGS, where)
        tx.insert(SYNC_FINDINGS, [(REOPENED_EARLY, held.name, size, now_ms, station, 0)])


def lost_by_reopening(tx: ReadTx, succession: Succession, holdings: Holdings) -> list[tuple[HeldLog, int]]:
    """Return the own logs that were opened anew too early, and how many entries that left out."""
    found: list[tuple[HeldLog, int]] = []
    for row in tx.select(SYNC_FINDINGS, {"code": REOPENED_EARLY}):
        log = holdings.logs.get(str(row[1]))
        counted = None if log is None else succession.continued_at(log.genesis.log_id())
        if log is not None and counted is not None and isinstance(row[2], int):
            found.append((log, row[2] - counted))
    return found


def _behind(tx: ReadTx, registry: Registry, station: StationId, since_ms: int) -> list[StationId]:
    below = [one.station for one in registry.stations() if one.upstream == station]
    return [one for one in below if _is_met(tx, registry, one) and kept_number(tx, IN_STEP + one) < since_ms]


def _is_met(tx: ReadTx, registry: Registry, station: StationId) -> bool:
    """Whether a station calls by network: it was heard so, or has joined and was not heard at all."""
    ways = ways_of(tx, station)
    if ways:
        return "sessions" in ways
    return any(registry.service_keys(station, purpose) for purpose in PURPOSES)


def _given_up_ms(tx: ReadTx, name: str) -> int:
    """Return when logs were given up, 0 for never; that it happened stays known of a mark nobody can read."""
    return max(0, kept_number(tx, name, unreadable=1))
