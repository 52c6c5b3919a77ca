"""By which number an applicant is known now: as received, or as a correction that takes effect has it since.

The link of a case with its applicant is written with its opening. Where something was amended it follows the
acts: a corrected number takes the case to others of that number and away from those of the old one; a
correction that turns out to have no effect takes it back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ledger.cases.shape import CaseState
from ledger.errors import DataError, EncodingError, StoreError
from ledger.facade.base.tables import APPLICANTS
from ledger.facade.base.vault import Vault
from ledger.facade.cases.people import AMEND, PersonalOf, people_now
from ledger.facade.cases.twins import applicant_rows
from ledger.facade.logs.bodies import stored_personal
from ledger.store.contract import WriteTx
from ledger.store.tables import Row
from ledger.types import ActId, CaseId, Facts

Linker = Callable[[WriteTx, Iterable[CaseState]], None]
"""Takes the newest states of cases, in the transaction of the acts and behind their bodies."""


def is_amended(state: CaseState) -> bool:
    """Tell whether something of a case was ever amended, with effect or without."""
    return AMEND in [step.act.action for step in state.steps]


def linked_rows(vault: Vault, state: CaseState, personal_of: PersonalOf) -> list[Row]:
    """Return the row that links a case with its applicant as known now; none where no number is known.

    Args:
        vault: makes the token of the number.
        state: the case.
        personal_of: opens the personal bodies of its acts.
    """
    people = people_now(state.steps, personal_of)
    return applicant_rows(vault, state.case_id, {"applicant": dict(people.get("applicant", {}))})


def linker(vault: Vault) -> Linker:
    """Return what lets the links of amended cases follow their acts; others keep the one of their opening."""

    def follow(tx: WriteTx, states: Iterable[CaseState]) -> None:
        for state in states:
            if is_amended(state):
                _follow(tx, vault, state)

    return follow


def _follow(tx: WriteTx, vault: Vault, state: CaseState) -> None:
    try:
        wanted = set(linked_rows(vault, state, _as_far_as_sound(tx, vault, state.case_id)))
    except StoreError:
        # A key that opens nothing here is told by the check-up; the link stays as it was.
        return
    held = set(tx.select(APPLICANTS, {"case_id": state.case_id}))
    for token, case_id in held - wanted:
        tx.delete(APPLICANTS, {"token": token, "case_id": case_id})
    tx.insert_missing(APPLICANTS, list(wanted - held))


def _as_far_as_sound(tx: WriteTx, vault: Vault, case_id: CaseId) -> PersonalOf:
    """Return what opens the personal bodies of a case; one that its author signed as none names nobody."""
    opened = stored_personal(tx, vault, case_id)

    def personal_of(act_id: ActId) -> Facts | None:
        try:
            return opened(act_id)
        except (DataError, EncodingError):
            return None

    return personal_of
