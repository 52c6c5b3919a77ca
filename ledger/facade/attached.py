"""Which attachments the acts of a case name: hash and length, as their authors signed them."""

from __future__ import annotations

from collections.abc import Mapping

from ledger.act import decode_act
from ledger.errors import BanjianError
from ledger.facade.caseacts import ActReader
from ledger.facade.parts import Parts
from ledger.frame import split_frame
from ledger.store.contract import ReadTx
from ledger.types import ActId, CaseId


def attachments_of(
    tx: ReadTx, parts: Parts, case_id: CaseId
) -> Mapping[ActId, tuple[tuple[bytes, int], ...]]:
    """Return (hash, length) of the attachments of each act that names any, in the author's order.

    Args:
        tx: one view of the store.
        parts: the parts of the ledger as of that view.
        case_id: the case.
    """
    found: dict[ActId, tuple[tuple[bytes, int], ...]] = {}
    stored = ActReader(parts.knowledge, {}).stored(tx, [case_id])
    for one in stored.get(case_id, ()):
        try:
            header = decode_act(split_frame(one.frame).act_raw)
        except BanjianError:
            # That an act cannot be read the case says itself; it names nothing that could be shown.
            continue
        if header.attachments:
            found[one.act_id] = header.attachments
    return found
