"""Two stations offline, for the demonstration: an act is signed at one while the other goes on.

Both stations keep their logs in one folder here, so there is nobody to sync with. What a package from the
village would bring is written just as its own log would hold it: the same signed act, as the next entry of
the village's log.
"""

from __future__ import annotations

from ledger.errors import StoreError
from ledger.facade import Command, Home, Ledger, SignedAct
from ledger.facade.logs.ownlog import OwnLog
from ledger.formats.act import act_id, decode_act
from ledger.formats.genesis import decode_log_genesis
from ledger.formats.keys import Ed25519Signer, Signer
from ledger.store import schema
from ledger.store.contract import ReadTx
from ledger.types import LogId, StationId
from stations.cli.counterday.demo import Stage


def sign_offline(stage: Stage, command: Command, staff_no: str) -> SignedAct:
    """Return an act that a person signs now, with the case as it stands; nobody else hears of it yet."""
    with _opened(stage, write=False) as ledger:
        return ledger.prepare(command, _signer(stage, staff_no))


def arrive(stage: Stage, signed: SignedAct) -> None:
    """Write an act into its own station's log although the case went on elsewhere; make the lists anew."""
    header = decode_act(signed.raw)
    with _opened(stage, write=True) as ledger:
        with ledger.store.write() as tx:
            log = _log_of(stage, tx, header.station)
            known_id = act_id(signed.raw)
            seen = ledger.parts.writer.county_seen
            entry = log.next_entry(signed.raw, signed.sig, known_id, clock=stage.clock, county_seen=seen)
            tx.append(log.name, entry.seq, [(header.action, entry.frame)])
            tx.insert(schema.ACTS, [(header.case_id, known_id, log.name, entry.seq, header.action)])
            tx.insert(schema.BODIES, [(log.name, entry.seq, signed.facts, None, None)])
            log.write_head(tx, entry)
        ledger.rebuild()


def _opened(stage: Stage, *, write: bool) -> Ledger:
    return Ledger.open(Home(stage.folder), clock=stage.clock, randomness=stage.randomness, write=write)


def _log_of(stage: Stage, tx: ReadTx, station: StationId) -> OwnLog:
    home = Home(stage.folder)
    for row in tx.select(schema.LOGS, {"station": station, "kind": "station"}):
        seed = home.log_seed(LogId(bytes.fromhex(str(row[0]))))
        if isinstance(row[3], bytes) and seed is not None:
            log = OwnLog(decode_log_genesis(row[3]), Ed25519Signer.from_seed(seed))
            log.load(tx)
            return log
    raise StoreError("log.none", station=station)


def _signer(stage: Stage, staff_no: str) -> Signer:
    return next(signer for path, signer in stage.signers.items() if path.stem == staff_no)
