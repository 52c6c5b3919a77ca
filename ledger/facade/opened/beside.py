"""Two processes on one ledger: one signs, the other holds the lock and stores.

The signing one reads the ledger and holds the person's key; the storing one holds the keys of the machine.
What passes between them is signed acts, and the public halves of keys that the storing one made.
"""

from __future__ import annotations

from ledger.cases.judge import ERASE
from ledger.errors import DataError
from ledger.facade.base.turns import as_writer, in_turn
from ledger.facade.base.types import Performed, SignedAct
from ledger.facade.opened.granted import submit_grant
from ledger.facade.opened.ledger import Ledger
from ledger.facade.opened.performed import performed_already
from ledger.facade.opened.soundness import require_rules, require_rules_to_write
from ledger.formats.act import decode_act
from ledger.formats.genesis import OPEN_LOG, LogKind, decode_log_genesis
from ledger.formats.keys import Signer
from ledger.registry.authority import PROVISIONAL_GRANT
from ledger.types import Facts, StationId


@in_turn
def prepare_county(
    ledger: Ledger, action: str, facts: Facts, signer: Signer, *, personal: Facts | None = None
) -> SignedAct:
    """Check and sign one act of the registry or catalogue log without writing it.

    Raises:
        BanjianError: as ``Ledger.register`` and ``Ledger.publish``.
    """
    ledger.refresh()
    require_rules(ledger.parts)
    return ledger.parts.county.prepare(action, facts, signer, personal=personal)


@in_turn
def prepare_opening(ledger: Ledger, genesis: bytes, signer: Signer) -> SignedAct:
    """Check and sign for the opening of a log whose key the storing process made.

    Raises:
        DataError: ``act.other_ledger`` for a genesis of another ledger.
        AuthorityError: the signer may not open such a log.
    """
    ledger.refresh()
    asked = decode_log_genesis(genesis)
    if asked.ledger_id != ledger.ledger_id:
        raise DataError("act.other_ledger")
    return ledger.parts.county.prepare_opening(asked, signer)


@as_writer
def submit_act(ledger: Ledger, signed: SignedAct) -> Performed:
    """Store an act of a case that another process prepared; one that is stored already is answered alike.

    Raises:
        BanjianError: as ``Ledger.submit``; nothing was written.
    """
    return performed_already(ledger, signed) or ledger.submit(signed, decode_act(signed.raw).station)


@as_writer
def submit_county(ledger: Ledger, signed: SignedAct) -> Performed:
    """Store an act that belongs to no case and that another process prepared.

    It is one of the registry or catalogue log, the opening of a log, or a provisional grant. One that is
    stored already is answered alike.

    Raises:
        RuleError: ``act.outdated``; prepare it again.
        BanjianError: the act does not hold; nothing was written.
    """
    known = performed_already(ledger, signed)
    if known is not None:
        return known
    if decode_act(signed.raw).action == PROVISIONAL_GRANT:
        return submit_grant(ledger, signed)
    if decode_act(signed.raw).action != OPEN_LOG:
        # A new log may be the cure: it is asked for with its own words.
        require_rules_to_write(ledger.store, ledger.parts)
    return ledger.parts.county.submit(signed)


@as_writer
def submit_erasure(ledger: Ledger, signed: SignedAct) -> int:
    """Store an erasure that another process prepared; returns how many acts of the case had a personal body.

    Asked again, it deletes what may have come since.

    Raises:
        DataError: ``erase.other_act`` for an act that erases nothing.
        BanjianError: as ``Ledger.submit``; nothing was deleted.
    """
    header = decode_act(signed.raw)
    if header.action != ERASE:
        raise DataError("erase.other_act")
    done = performed_already(ledger, signed) or ledger.submit(signed, header.station)
    return ledger.parts.county.erase(done.case_id)


@as_writer
def draft_log(ledger: Ledger, kind: LogKind, station: StationId, *, newest: bytes = b"") -> bytes:
    """Make the key of a log that somebody is about to open; returns the genesis that they have to sign for.

    Args:
        ledger: the open ledger, as its writer.
        kind: which log.
        station: of the log.
        newest: newest checkpoint of the log given up that any station holds, if known.

    Raises:
        DataError: the checkpoint is none of that log, or contradicts it.
        StoreError: ``log.open`` when such a log is written here and sound.
    """
    return ledger.parts.county.draft_log(kind, station, newest=newest).pack()
