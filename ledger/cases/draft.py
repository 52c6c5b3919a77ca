"""The state of a case while acts are being folded: the fields of ``CaseState``, writable.

Every field holds an immutable value that is replaced, never changed in place; only ``steps`` is a list. So a
draft is made from a state, and a state from a draft, by copying references.
"""

from __future__ import annotations

from collections.abc import Mapping
from operator import itemgetter
from typing import Final

from ledger.cases.shape import Amendment, CaseAct, CaseFinding, CaseState, Conflict, Step, Token
from ledger.errors import Param
from ledger.rules.catalogue import Rules
from ledger.types import ActId, CaseId, StationId

_values_of: Final = itemgetter(*CaseState._fields)


class Draft:
    """A writable ``CaseState``; the fields have the same names and meanings."""

    case_id: CaseId
    item_code: str
    case_type: str
    catalogue_version: int
    steps: list[Step]
    heads: tuple[ActId, ...]
    status: str
    number: str
    custodian: StationId
    offered_to: StationId
    capacity: str
    received_station: StationId
    received_level: str
    opened_at_ms: int
    organ_received: bool
    deciding_received: bool
    proof_commitments: frozenset[str]
    approval_commitment: bool
    promise_untrue: bool
    correction: frozenset[str]
    correction_due: str
    correction_count: int
    not_at_organ: frozenset[str]
    not_at_decider: frozenset[str]
    lying: frozenset[tuple[StationId, str]]
    on_the_way: frozenset[str]
    deficit: frozenset[str]
    deficit_due: str
    supplied: frozenset[str]
    originals: frozenset[str]
    suspended_for: str
    result: str
    result_by_organ: bool
    certificate_no: str
    at_village: bool
    external_no: str
    voided: bool
    tokens: tuple[Token, ...]
    amendments: tuple[Amendment, ...]
    pending: tuple[ActId, ...]
    done: frozenset[str]
    conflicts: tuple[Conflict, ...]
    awaiting: tuple[ActId, ...]
    findings: tuple[CaseFinding, ...]

    def __init__(self, state: CaseState) -> None:
        self.__dict__.update(zip(CaseState._fields, state, strict=True))
        self.steps = list(state.steps)

    def freeze(self) -> CaseState:
        """Return the state as it stands; the draft must not be used afterwards."""
        values = self.__dict__
        values["steps"] = tuple(self.steps)
        state: CaseState = tuple.__new__(CaseState, _values_of(values))
        return state

    def step_of(self, act_id: bytes) -> Step | None:
        """Return the step of an act, None when it is not (yet) part of the case."""
        for step in reversed(self.steps):
            if step.act.act_id == act_id:
                return step
        return None

    def note(self, code: str, acts: tuple[ActId, ...], params: Mapping[str, Param]) -> None:
        """Add a finding."""
        self.findings = (*self.findings, CaseFinding(code, acts, params))


def new_draft(opening: CaseAct, rules: Rules) -> Draft:
    """Return the draft of a case before its first act."""
    return Draft(
        CaseState(
            case_id=CaseId(opening.act_id[:16]),
            item_code=rules.item.base_code,
            case_type=rules.case_type.code,
            catalogue_version=rules.catalogue_version,
        )
    )
