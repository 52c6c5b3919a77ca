"""Whether an act that somebody signed stands in a log of this machine already.

Who handed an act over and heard nothing asks again, or looks here: its id is known before it is sent.
"""

from __future__ import annotations

from ledger.facade.base.types import Performed, SignedAct
from ledger.facade.opened.ledger import Ledger
from ledger.formats.act import case_of, read_act
from ledger.formats.frame import split_frame
from ledger.store import schema
from ledger.types import LogId


def performed_already(ledger: Ledger, signed: SignedAct) -> Performed | None:
    """Return where a signed act stands, with the number and the token that it was signed with.

    Args:
        ledger: the open ledger; one that is open for reading sees what another process has stored.
        signed: the act as its author signed it.

    Returns:
        None when no log written here holds these bytes and this signature.

    Raises:
        EncodingError: ``act.*`` for bytes that are no act.
    """
    known = read_act(signed.raw, signed.sig)
    with ledger.reading() as (tx, parts):
        row = tx.get(schema.ACTS, (case_of(known), known.act_id))
        if row is None:
            return None
        log, seq = str(row[2]), int(str(row[3]))
        held, frame = parts.holdings.logs.get(log), tx.frame(log, seq)
    if held is None or not held.own or frame is None:
        return None
    stored = split_frame(frame)
    if (stored.act_raw, stored.sig) != (signed.raw, signed.sig):
        return None
    return Performed(
        act_id=known.act_id,
        case_id=case_of(known),
        log_id=LogId(bytes.fromhex(log)),
        seq=seq,
        number=signed.number,
        token=signed.token,
    )
