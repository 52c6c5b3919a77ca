"""What an actor does on its ledger when the director says so: acts, sticks, backups, and what it tells."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ledger.cases.case import state_digest
from ledger.errors import BanjianError
from ledger.facade import Command, Ledger
from ledger.facade.base.clock import Clock
from ledger.facade.base.tables import CASES
from ledger.facade.peering.exchange import Exchange
from ledger.types import CaseId, StationId
from stations.county.forms import Message, facts_from_plain
from stations.county.people import signer_of
from stations.kept.backup import make_backup
from stations.kept.sticks import Imported, acknowledge, export_to, import_from
from stations.version import version
from sync.stick.bundlewriting import Order, SealedPart

LedgerJob = Callable[[Ledger, Message, int], object]
ExchangeJob = Callable[[Exchange, Message, Clock], object]


def act(ledger: Ledger, message: Message, seed: int) -> Message:
    """Perform one action with the key of somebody who works here."""
    case, personal, at = message.get("case"), message.get("personal"), message.get("at")
    command = Command(
        action=str(message["action"]),
        station=StationId(str(message["for"])),
        case=CaseId(bytes.fromhex(str(case))) if case else None,
        facts=facts_from_plain(message.get("facts", {})),
        personal=facts_from_plain(personal) if personal else None,
        occurred_at_ms=at if isinstance(at, int) else None,
    )
    done = ledger.perform(command, signer_of(str(message["staff"]), seed=seed))
    return {"act": done.act_id.hex(), "case": done.case_id.hex(), "token": done.token, "number": done.number}


def has(ledger: Ledger, message: Message, seed: int) -> list[str]:
    """Return the ids of the acts of a case that are held here."""
    case = CaseId(bytes.fromhex(str(message["case"])))
    return [step.act.act_id.hex() for step in ledger.state(case)[0].steps]


def contested(ledger: Ledger, message: Message, seed: int) -> list[Message]:
    """Return the conflicts of a case: what stands for now, what is contested, whether it is open."""
    state = ledger.state(CaseId(bytes.fromhex(str(message["case"]))))[0]
    names = {step.act.act_id: (step.action, step.act.station) for step in state.steps}
    return [
        {
            "kept": [one.hex() for one in found.kept],
            "contested": [one.hex() for one in found.contested],
            "open": found.is_open,
            "actions": [list(names[one]) for one in (*found.kept, *found.contested)],
        }
        for found in state.conflicts
    ]


def digests(ledger: Ledger, message: Message, seed: int) -> Message:
    """Return the digest of every case that is held here, as this station has it."""
    with ledger.store.read() as tx:
        cases = [CaseId(row[0]) for row in tx.select(CASES, {}) if isinstance(row[0], bytes)]
    return {case.hex(): _digest(ledger, case) for case in cases}


def _digest(ledger: Ledger, case: CaseId) -> str:
    try:
        return state_digest(ledger.state(case)[0]).hex()
    except BanjianError as error:
        return error.code


def backup(ledger: Ledger, message: Message, seed: int) -> str:
    """Make a backup, as ``banjian backup`` does; returns its folder."""
    return str(make_backup(ledger, Path(str(message["to"])), now_ms=ledger.clock.now_ms()).folder)


def logs(ledger: Ledger, message: Message, seed: int) -> list[Message]:
    """Return the logs that are held here."""
    return [
        {"log": log.log_id.hex(), "kind": log.kind, "station": log.station, "size": log.size, "own": log.own,
         "doubt": log.doubt}
        for log in ledger.logs()
    ]  # fmt: skip


def contacts(exchange: Exchange, message: Message, clock: Clock) -> Message:
    """Return what was heard of each station below: when, what waited there, what its clock said."""
    return {
        one.station: {"heard": one.heard_at_ms, "waiting": one.waiting, "said": one.said_at_ms}
        for one in exchange.peers.all()
    }


def waiting(exchange: Exchange, message: Message, clock: Clock) -> list[int]:
    """Return how many entries the station above has not confirmed, and since when the oldest waits (ms)."""
    line = exchange.held.line()
    return list(exchange.held.waiting(line[1])) if len(line) > 1 else [0, 0]


def export(exchange: Exchange, message: Message, clock: Clock) -> list[str]:
    """Write a bundle for a station onto a stick; returns its files."""
    folder = Path(str(message["stick"]))
    folder.mkdir(parents=True, exist_ok=True)
    order = Order(receiver=StationId(str(message["receiver"])), now_ms=clock.now_ms(), version=version())
    steps = export_to(exchange, folder, order, randomness=os.urandom)
    return [str(folder / step.name) for step in steps if isinstance(step, SealedPart)]


def take_in(exchange: Exchange, message: Message, clock: Clock) -> Message:
    """Take in the parts on a stick that are for this station."""
    files, found = message["files"], Imported()
    paths = [Path(str(one)) for one in files] if isinstance(files, list) else []
    with ThreadPoolExecutor(1) as cores:
        for _ in import_from(exchange, paths, found, now_ms=clock.now_ms(), cores=cores):
            pass
    return {
        "new": sum(part.new for part in found.parts),
        "receipts": sum(part.receipts for part in found.parts),
        "complete": found.complete,
        "senders": list(found.senders),
        "errors": [one.error.code for one in found.files if one.error is not None],
        "not_taken": sorted({one.code for part in found.parts for one in part.not_taken}),
    }


def confirm(exchange: Exchange, message: Message, clock: Clock) -> list[str]:
    """Write the acknowledgement for a sender onto its stick; returns its files."""
    folder = Path(str(message["stick"]))
    folder.mkdir(parents=True, exist_ok=True)
    parts = acknowledge(
        exchange, folder, StationId(str(message["receiver"])), now_ms=clock.now_ms(), version=version(),
        randomness=os.urandom,
    )  # fmt: skip
    return [str(folder / one.name) for one in parts]


WITH_LEDGER: Mapping[str, LedgerJob] = {
    "act": act, "has": has, "contested": contested, "digests": digests, "backup": backup, "logs": logs,
}  # fmt: skip
WITH_EXCHANGE: Mapping[str, ExchangeJob] = {
    "contacts": contacts, "waiting": waiting, "export": export, "import": take_in, "confirm": confirm,
}  # fmt: skip
