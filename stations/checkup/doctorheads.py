"""What ``banjian doctor`` finds of logs written here: their heads, doubts, and what lies beside them."""

from __future__ import annotations

from collections.abc import Iterator

from ledger.errors import BanjianError
from ledger.facade import Home, Ledger
from ledger.facade.base.synctables import SECOND_FIRST
from ledger.facade.base.types import LogInfo
from ledger.facade.logs.countyfold import COUNTY_KINDS
from ledger.facade.logs.countyseen import entry_turned_back, entry_without_seen
from ledger.facade.logs.lostends import BESIDE_CHAIN
from ledger.facade.peering.between import lost_by_reopening, was_seen
from ledger.formats.chain import second_firsts
from ledger.formats.checkpoint import read_checkpoint
from ledger.formats.entry import decode_entry
from ledger.formats.frame import split_frame
from ledger.lawtime import DAY_MS
from stations.checkup.checks import Check, found

ACTS_NAMED_MAX = 12
UNCOVERED_MS_MAX = DAY_MS
"""How long entries may stand without a checkpoint outside the database: a day."""


def head_checks(home: Home, ledger: Ledger, *, now_ms: int, thorough: bool) -> Iterator[Check]:
    """Yield what was found of each log that is written here, and of other histories of it.

    Args:
        home: the installation.
        ledger: its ledger, open for reading.
        now_ms: the machine's clock.
        thorough: asks each entry for the county checkpoint that it names, not the newest one alone.
    """
    yield from _logs(home, ledger, now_ms=now_ms)
    yield from _without_seen(ledger, thorough=thorough)
    yield from _second_firsts(ledger)
    yield from _lost_by_reopening(ledger)


def _logs(home: Home, ledger: Ledger, *, now_ms: int) -> Iterator[Check]:
    logs = ledger.logs()
    for log in logs:
        if not log.own:
            continue
        name = f"{log.kind} {log.station}"
        if log.doubt == BESIDE_CHAIN:
            yield found("head", "ok", "doctor.log_beside_ended", log=name, size=log.size)
            continue
        is_beside = _is_beside(ledger, log)
        if is_beside and not log.doubt:
            yield found("head", "error", "doctor.log_beside", log=name, size=log.size)
            continue
        if is_beside:
            path = str(home.sentinel_path(log.log_id))
            yield found("head", "error", "doctor.log_not_counted", log=name, size=log.size, path=path)
            continue
        if log.doubt:
            missing = _kept_size(home, log) - log.size
            if not ledger.parts.succession.is_continued(log.log_id):
                yield _doubtful(log, name)
            elif missing > 0:
                code = f"doctor.{'merge' if log.kind == 'merge' else 'log'}_end_missing"
                yield found("head", "warning", code, log=name, missing=missing, reason=log.doubt)
            else:
                yield found("head", "ok", "doctor.log_continued", log=name, reason=log.doubt)
            continue
        yield _head(ledger, log, kept=_kept_size(home, log), now_ms=now_ms)


def _without_seen(ledger: Ledger, *, thorough: bool) -> Iterator[Check]:
    """Tell where the county checkpoints that own entries name are gone: another history would be taken."""
    with ledger.reading() as (tx, parts):
        for log in parts.own.values():
            if log.doubt or log.kind == "merge":
                continue
            after = 0 if thorough else max(0, log.size - 1)
            seq = entry_without_seen(tx, log.name, after=after)
            if seq:
                yield found(
                    "head", "error", "doctor.county_seen_lost", log=f"{log.kind} {log.station}", seq=seq
                )
            back = entry_turned_back(tx, log.name) if thorough else 0
            if back:
                yield found(
                    "head", "error", "doctor.county_seen_order", log=f"{log.kind} {log.station}", seq=back
                )


def _doubtful(log: LogInfo, name: str) -> Check:
    """A station's log is opened anew by the next action; one of the county stops until people reopen it."""
    if log.kind == "station":
        return found("head", "warning", "doctor.log_doubt", log=name, reason=log.doubt)
    return found("head", "error", "doctor.county_log_doubt", log=name, reason=log.doubt)


def _head(ledger: Ledger, log: LogInfo, *, kept: int, now_ms: int) -> Check:
    """Look at how much of a sound log nothing outside the database vouches for.

    A log gets a checkpoint with each printed receipt, with every 256th entry and when the day is closed: what
    stands without one for more than a day is worth a word, what was written today is not.
    """
    name = f"{log.kind} {log.station}"
    # The opening of a log tells of no work; it gets its checkpoint with what follows.
    first = max(kept, 1) + 1
    since_ms = _recorded_at_ms(ledger, log, first) if first <= log.size else 0
    if since_ms and now_ms - since_ms > UNCOVERED_MS_MAX:
        code = "doctor.head_behind" if kept else "doctor.head_alone"
        return found("head", "warning", code, log=name, size=log.size, sentinel=kept)
    if not kept and log.size:
        return found("head", "ok", "doctor.head_new", log=name, size=log.size)
    return found("head", "ok", "doctor.head", log=name, size=log.size, sentinel=kept)


def _recorded_at_ms(ledger: Ledger, log: LogInfo, seq: int) -> int:
    """Return when an entry was recorded; for one that says nothing of it, when the newest was."""
    if log.kind == "merge":
        return log.recorded_at_ms
    with ledger.reading() as (tx, _):
        frame = tx.frame(log.log_id.hex(), seq)
    try:
        return decode_entry(split_frame(frame or b"").entry_raw).recorded_at_ms
    except BanjianError:
        return log.recorded_at_ms


def _lost_by_reopening(ledger: Ledger) -> Iterator[Check]:
    for lost in lost_by_reopening(ledger):
        acts = "、".join(lost.acts[:ACTS_NAMED_MAX]) + ("、…" if len(lost.acts) > ACTS_NAMED_MAX else "")
        yield found(
            "head", "ok" if lost.seen else "warning", "doctor.reopened_early",
            log=f"{lost.log.genesis.kind} {lost.log.genesis.station}", count=lost.count, kept=len(lost.acts),
            why=acts or "—",
        )  # fmt: skip


def _second_firsts(ledger: Ledger) -> Iterator[Check]:
    """Tell of a station that is written here whether another machine began a log for it as well."""
    logs = ledger.parts.holdings.logs.values()
    here = {log.genesis.station for log in logs if log.own}
    for genesis, first in second_firsts(log.genesis for log in logs):
        if genesis.station in here:
            seen = was_seen(ledger, SECOND_FIRST, [one.log_id().hex() for one in (genesis, first)])
            yield found(
                "head", "ok" if seen else "warning", "doctor.log_second_first", station=genesis.station,
                log=genesis.log_id().hex()[:8], other=first.log_id().hex()[:8],
            )  # fmt: skip


def _is_beside(ledger: Ledger, log: LogInfo) -> bool:
    """Whether a log of registry or catalogue counts nowhere: it stands beside the chain that does."""
    return log.kind in COUNTY_KINDS and ledger.parts.fold.is_beside(log.kind, log.log_id.hex())


def _kept_size(home: Home, log: LogInfo) -> int:
    """Return how many entries of a log its sentinel knows of; 0 without one that can be read."""
    note = home.sentinel(log.log_id)
    try:
        return read_checkpoint(note.encode("utf-8")).size if note else 0
    except BanjianError:
        return 0
