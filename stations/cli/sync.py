"""``banjian sync``: sync now with the station above, and what of this installation is safe where."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence

from ledger.errors import BanjianError, ConfigError, StoreError
from ledger.facade import Home, Ledger
from ledger.facade.opened.looked import is_staying
from ledger.facade.peering.between import mark_seen, sync_status
from ledger.facade.peering.machinekeys import BUNDLE, RECEIPT, has_key_in_force
from ledger.facade.peering.syncstatus import LevelStatus, SyncFinding, SyncStatus
from ledger.types import StationId
from stations.cli.call import Call
from stations.cli.grammar import Spec
from stations.cli.joinsettle import kept_request
from stations.cli.session import exchanging, reading
from stations.config import StationConfig
from stations.syncwhy import Why, reasons
from stations.words.moments import show_moment
from sync.joining.approval import key_states
from sync.joining.joinforms import decode_request
from sync.line.outcome import Outcome, SoFar


def now(call: Call) -> int:
    """Sync with the station above until nothing more comes on either side."""
    home, config = call.home(), call.config()
    by_now: list[SoFar] = []
    try:
        outcome = _outcome(call, home, config, by_now.append)
    except BanjianError:
        _tell_so_far(call, by_now)
        raise
    _tell(call, outcome)
    return 0


def _outcome(call: Call, home: Home, config: StationConfig, told: Callable[[SoFar], None]) -> Outcome:
    try:
        return _here(call, home, config, told)
    except StoreError as error:
        if error.code != "store.locked":
            raise
        from stations.cli.remote import sync_remote

        return sync_remote(home, told)


def status(call: Call) -> int:
    """Tell what is stored here, at the township and at the county, and what stands in the way of the rest."""
    config, asked = call.config(), kept_request(call.home())
    with reading(call, whole=False) as ledger:
        station = _station(config)
        found = sync_status(ledger, station)
        registry = ledger.knowledge.registry
        states = () if asked is None else key_states(registry, decode_request(asked))
        is_known = registry.station(station) is not None
        in_force = [one for one in (BUNDLE, RECEIPT) if has_key_in_force(call.home(), registry, station, one)]
    why = (
        [Why(code="ledger.training")]
        if call.training
        else reasons(
            found,
            now_ms=call.app.clock.now_ms(),
            has_address=bool(config.upstream),
            is_known=is_known,
            keys=states,
            in_force=in_force,
        )
    )
    call.emit(_object(found, why))
    if not call.json:
        _show(call, found, why)
    return 0


def seen(call: Call) -> int:
    """Tell what was found and stays as it is, and tell it no more: somebody has looked into it."""
    with reading(call, whole=False) as ledger:
        found = [
            one
            for one in sync_status(ledger, _station(call.config())).findings
            if is_staying(one.code, one.detail)
        ]
    _show_findings(call, found)
    with exchanging(call) as held:
        if held is None:
            from stations.cli.remote import mark_seen_remote

            count = mark_seen_remote(call.home())
        else:
            count = mark_seen(held)
    call.line(call.say("sync.seen" if count else "sync.seen_none", count=count))
    call.emit({"seen": [{"code": one.code, "log": one.log, "seq": one.seq} for one in found]})
    return 0


def _station(config: StationConfig) -> StationId:
    if not config.station:
        raise ConfigError("ledger.no_station")
    return StationId(config.station)


def _here(call: Call, home: Home, config: StationConfig, told: Callable[[SoFar], None]) -> Outcome:
    """Sync in this process, which holds the lock meanwhile."""
    from stations.serving.ledgerthread import LedgerThread
    from stations.serving.network import Network

    station = _station(config)
    clock, randomness = call.app.clock, call.app.randomness

    async def work() -> Outcome:
        thread = LedgerThread()
        network = Network(thread, home, config=config, clock=clock, randomness=randomness)
        try:
            await thread.open(
                lambda: Ledger.open(home, clock=clock, randomness=randomness, write=True, station=station)
            )
            return await network.sync_once(told)
        finally:
            await network.stop()
            await thread.close()

    return asyncio.run(work())


def _tell_so_far(call: Call, by_now: Sequence[SoFar]) -> None:
    """Tell what has come and stays, though the sync as a whole did not go well."""
    if not by_now or not by_now[-1]:
        return
    last = by_now[-1]
    call.emit({"sessions": last.sessions, "sent_packages": last.sent, "stored_records": last.stored})
    call.line(call.say("sync.so_far", sessions=last.sessions, sent=last.sent, stored=last.stored))


def _tell(call: Call, outcome: Outcome) -> None:
    call.emit(
        {
            "sessions": outcome.sessions,
            "torn": outcome.torn,
            "sent_packages": outcome.sent,
            "stored_records": outcome.stored,
            "sent_bytes": outcome.sent_bytes,
            "received_bytes": outcome.received_bytes,
            "notes": list(outcome.notes),
            "sealed": [{"log": log_id.hex(), "code": code} for log_id, code in outcome.sealed],
        }
    )
    call.line(
        call.say(
            "sync.done_but" if outcome.notes else "sync.done",
            sessions=outcome.sessions, sent=outcome.sent, stored=outcome.stored,
            up_kib=outcome.sent_bytes // 1024, down_kib=outcome.received_bytes // 1024,
        )
    )  # fmt: skip
    if outcome.torn:
        call.line(call.say("sync.torn", count=outcome.torn))
    for log_id, code in outcome.sealed:
        name = log_id.hex()[:8]
        call.line(call.say("sync.sealed", log=name, reason=call.say.reason(code, log=name)))
    for code in outcome.notes:
        call.line(call.say("sync.note", reason=call.say.reason(code)))
    call.hint("sync.next")


def _show(call: Call, found: SyncStatus, why: Sequence[Why]) -> None:
    call.line(call.say("sync.here", station=found.station, count=found.entries))
    if not found.levels and not any(one.code == "sync.not_begun" for one in why):
        call.line(call.say("sync.top"))
    for level in found.levels:
        call.line(_level(call, level))
    link = found.link
    if link.done_at_ms:
        call.line(call.say("sync.last", when=show_moment(link.done_at_ms)))
    elif found.levels and not any(one.code == "sync.by_stick" for one in why):
        call.line(call.say("sync.never"))
    if link.failure is not None:
        message = call.say.kept(link.failure.code, link.failure.params)
        call.line(call.say("sync.failing", when=show_moment(link.failure.since_ms), reason=message.what))
        call.line(f"  → {message.next_step}")
    for reason_ in why:
        message = call.say.message(reason_.code, reason_.params)
        call.line(call.say("sync.why", reason=message.what))
        call.line(f"  → {message.next_step}")
    for name, code in found.given_up:
        message = call.say.kept(code, {"log": name[:8]})
        call.line(call.say("sync.given_up", log=name[:8], reason=message.what))
        if message.next_step:
            call.line(f"  → {message.next_step}")
    _show_findings(call, found.findings)
    if any(is_staying(one.code, one.detail) for one in found.findings):
        call.hint("sync.seen_hint")


def _show_findings(call: Call, findings: Sequence[SyncFinding]) -> None:
    for one in findings:
        message = call.say.kept(one.code, one.params)
        if one.log.strip("0"):
            call.line(
                call.say(
                    "sync.finding", where=_where(call, one), log=one.log[:8], seq=one.seq, code=one.code,
                    reason=message.what,
                )
            )  # fmt: skip
        else:
            # It is about the session, not about a record of some log.
            call.line(call.say("sync.note", reason=message.what))
        if message.next_step:
            call.line(f"  → {message.next_step}")
        if one.more:
            call.line(call.say("sync.finding_more", count=one.more))


def _where(call: Call, one: SyncFinding) -> str:
    """Return of which station a finding is, and who signed what it is about, as far as that is known."""
    if one.staff_no:
        return call.say("sync.finding_staff", station=one.station, staff_no=one.staff_no)
    return call.say("sync.finding_station", station=one.station) if one.station else ""


def _level(call: Call, level: LevelStatus) -> str:
    name = call.say(f"level.{level.level}") if level.level else level.station
    receipt = ""
    if level.receipt_at_ms:
        receipt = call.say("sync.receipt", when=show_moment(level.receipt_at_ms))
    if not level.waiting:
        line = call.say("sync.level_all", level=name, station=level.station, count=level.confirmed)
    else:
        line = call.say(
            "sync.level_waiting", level=name, station=level.station, count=level.confirmed,
            waiting=level.waiting, since=show_moment(level.oldest_ms),
        )  # fmt: skip
    if level.attachments:
        line += call.say("sync.level_attachments", count=level.attachments)
    return line + receipt


def _object(found: SyncStatus, why: Sequence[Why]) -> Mapping[str, object]:
    failure = found.link.failure
    return {
        "station": found.station,
        "stored_here": found.entries,
        "levels": [
            {
                "station": one.station, "name": one.name, "level": one.level, "confirmed": one.confirmed,
                "waiting": one.waiting, "oldest_ms": one.oldest_ms, "receipt_at_ms": one.receipt_at_ms,
                "attachments": one.attachments,
            }
            for one in found.levels
        ],
        "tried_at_ms": found.link.tried_at_ms,
        "done_at_ms": found.link.done_at_ms,
        "failure": None
        if failure is None
        else {"code": failure.code, "params": dict(failure.params), "since_ms": failure.since_ms},
        "why": [{"code": one.code, "params": one.params} for one in why],
        "clock_off_ms": found.link.clock_off_ms,
        "given_up": [{"log": name, "code": code} for name, code in found.given_up],
        "feed_number": found.feed_number,
        "findings": [
            {
                "code": one.code, "log": one.log, "seq": one.seq, "found_at_ms": one.found_at_ms,
                "station": one.station, "staff_no": one.staff_no, "more": one.more,
            }
            for one in found.findings
        ],
    }  # fmt: skip


SPECS = (
    Spec(path=("sync", "now"), run=now, group="sync"),
    Spec(path=("sync", "status"), run=status, group="sync"),
    Spec(path=("sync", "seen"), run=seen, group="sync"),
)
