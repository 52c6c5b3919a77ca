"""What the applicants of many cases are called, or their numbers: three statements for a thousand of them.

Cases in which something was amended are few; the text of each of them is read from its folded acts.
"""

from __future__ import annotations

from collections.abc import Sequence

from ledger.errors import BanjianError
from ledger.facade.base.vault import Vault
from ledger.facade.cases.casebook import CaseBook
from ledger.facade.cases.people import AMEND, people_now
from ledger.facade.logs.bodies import ASKED_MAX, Place, bodies_at, by_log, place_in, stored_personal
from ledger.formats.body import open_body
from ledger.limits import PERSONAL_BYTES_MAX
from ledger.store import schema
from ledger.store.contract import ReadTx
from ledger.store.tables import Cell, OneOf, Row
from ledger.types import ActId, CaseId


def applicant_texts(
    tx: ReadTx, vault: Vault, book: CaseBook, case_ids: Sequence[CaseId], *, field: str = "name"
) -> dict[CaseId, str]:
    """Return a text of each case's applicant as it was amended last.

    Cases of which it is erased, not known or not held here are left out.

    Args:
        tx: a consistent view.
        vault: to open personal bodies.
        book: to fold the cases in which something was amended.
        case_ids: the cases.
        field: of ``ledger.identity``: ``name``, ``id_no``.
    """
    texts: dict[CaseId, str] = {}
    for first in range(0, len(case_ids), ASKED_MAX):
        wanted = OneOf(tuple(case_ids[first : first + ASKED_MAX]))
        openings, amended = _openings(tx, wanted)
        bodies = bodies_at(tx, by_log(place for _, _, place in openings))
        keys = {row[0]: row[1] for row in tx.select(schema.CASE_KEYS, {"case_id": wanted})}
        for case_id, act_id, place in openings:
            text = _text(vault, case_id, act_id, bodies.get(place), keys.get(case_id), field)
            if case_id in amended and isinstance(keys.get(case_id), bytes):
                changed = _amended_text(tx, vault, book, case_id, field)
                text = text if changed is None else changed
            if text:
                texts[case_id] = text
    return texts


def _openings(tx: ReadTx, wanted: OneOf) -> tuple[list[tuple[CaseId, ActId, Place]], set[CaseId]]:
    """Return where the opening act of each case stands, and the cases in which something was amended."""
    openings: list[tuple[CaseId, ActId, Place]] = []
    amended: set[CaseId] = set()
    for row in tx.select(schema.ACTS, {"case_id": wanted}):
        case_id, act_id, _, _, action = row
        if not (isinstance(case_id, bytes) and isinstance(act_id, bytes)):
            continue
        # The id of an opening act begins with the id of its case.
        if act_id.startswith(case_id):
            openings.append((CaseId(case_id), ActId(act_id), place_in(row)))
        elif action == AMEND:
            amended.add(CaseId(case_id))
    return openings, amended


def _amended_text(tx: ReadTx, vault: Vault, book: CaseBook, case_id: CaseId, field: str) -> str | None:
    """Return a text as it was amended last: only what takes effect counts, in the order of the acts.

    It is "" where it was taken away, None where the acts cannot be folded.
    """
    try:
        people = people_now(book.load(tx, case_id).state.steps, stored_personal(tx, vault, case_id))
    except BanjianError:
        return None
    return people.get("applicant", {}).get(field, "")


def _text(vault: Vault, case_id: CaseId, act_id: ActId, body: Row | None, wrapped: Cell, field: str) -> str:
    nonce, sealed = (None, None) if body is None else body[3:]
    if not (isinstance(wrapped, bytes) and isinstance(nonce, bytes) and isinstance(sealed, bytes)):
        return ""
    try:
        raw = vault.unwrap(case_id, wrapped).open(sealed, act_id=act_id, nonce=nonce)
        applicant = open_body(raw, limit_bytes=PERSONAL_BYTES_MAX).get("applicant")
    except BanjianError:
        return ""
    text = applicant.get(field) if isinstance(applicant, dict) else None
    return text if isinstance(text, str) else ""
