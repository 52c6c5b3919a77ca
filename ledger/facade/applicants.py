"""The applicants' names of many cases at once: three statements for a thousand of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ledger.body import open_body
from ledger.errors import BanjianError
from ledger.facade.bodies import ASKED_MAX, Place, bodies_at, by_log, place_in
from ledger.facade.vault import Vault
from ledger.limits import PERSONAL_BYTES_MAX
from ledger.store import schema
from ledger.store.contract import ReadTx
from ledger.store.tables import Cell, OneOf, Row
from ledger.types import ActId, CaseId


def applicant_names(tx: ReadTx, vault: Vault, case_ids: Sequence[CaseId]) -> dict[CaseId, str]:
    """Return the applicant's name of each case; cases whose name is erased or not held here are left out."""
    names: dict[CaseId, str] = {}
    for first in range(0, len(case_ids), ASKED_MAX):
        wanted = OneOf(tuple(case_ids[first : first + ASKED_MAX]))
        openings = list(_openings(tx, wanted))
        bodies = bodies_at(tx, by_log(place for _, _, place in openings))
        keys = {row[0]: row[1] for row in tx.select(schema.CASE_KEYS, {"case_id": wanted})}
        for case_id, act_id, place in openings:
            name = _name(vault, case_id, act_id, bodies.get(place), keys.get(case_id))
            if name:
                names[case_id] = name
    return names


def _openings(tx: ReadTx, wanted: OneOf) -> Iterator[tuple[CaseId, ActId, Place]]:
    for row in tx.select(schema.ACTS, {"case_id": wanted}):
        case_id, act_id = row[:2]
        # The id of an opening act begins with the id of its case.
        if isinstance(case_id, bytes) and isinstance(act_id, bytes) and act_id.startswith(case_id):
            yield CaseId(case_id), ActId(act_id), place_in(row)


def _name(vault: Vault, case_id: CaseId, act_id: ActId, body: Row | None, wrapped: Cell) -> str:
    nonce, sealed = (None, None) if body is None else body[3:]
    if not (isinstance(wrapped, bytes) and isinstance(nonce, bytes) and isinstance(sealed, bytes)):
        return ""
    try:
        raw = vault.unwrap(case_id, wrapped).open(sealed, act_id=act_id, nonce=nonce)
        applicant = open_body(raw, limit_bytes=PERSONAL_BYTES_MAX).get("applicant")
    except BanjianError:
        return ""
    name = applicant.get("name") if isinstance(applicant, dict) else None
    return name if isinstance(name, str) else ""
