"""The values of a case: the acts that go into the fold and the state that comes out of it.

Everything here is frozen.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from ledger.errors import Param
from ledger.lawtime import DAY_MS, LAW_OFFSET_MS
from ledger.types import ActId, CaseId, Facts, KeyId, StationId

ENDING: Final = frozenset(("withdraw", "lapse", "refuse_acceptance", "advise_and_return", "revoke"))
"""Actions that end a case: clocks that run end with them, and papers that travel afterwards start none."""
NO_PARAMS: Final[Mapping[str, Param]] = MappingProxyType({})


def local_day(at_ms: int) -> int:
    """Return the number of the local day (UTC+8) since 1970-01-01 for a time in milliseconds."""
    return (at_ms + LAW_OFFSET_MS) // DAY_MS


class Reason(NamedTuple):
    """Why something has no effect or may not be done: a stable code and what its text needs."""

    code: str
    params: Mapping[str, Param] = NO_PARAMS


class Under(NamedTuple):
    """The provisional grant that an act rests on: its id, the key replaced, who gave it where, until when."""

    grant_id: ActId
    replaces: KeyId
    staff_no: str
    station: StationId
    until_ms: int


class CaseAct(NamedTuple):
    """One act of one case, decoded and resolved: the input of the fold.

    A named tuple for the reason given in ``ledger.formats.act``. ``station_level`` and ``roles`` come from
    the registry at the size that the act names. ``blocked`` is the code of what keeps the act from ever
    taking effect (signature, key, authority), "" when nothing does. ``attachments`` are (hash, length) of
    what it names; they change no state. ``under`` is the provisional grant that it was judged by; None where
    the registry itself knows the key. ``facts`` do not repeat the grant.
    """

    act_id: ActId
    parents: tuple[ActId, ...]
    action: str
    station: StationId
    station_level: str
    actor: KeyId
    staff_no: str
    roles: frozenset[str]
    occurred_at_ms: int
    recorded_at_ms: int
    catalogue_version: int
    facts: Facts
    blocked: str = ""
    attachments: tuple[tuple[bytes, int], ...] = ()
    under: Under | None = None


class Step(NamedTuple):
    """One act in the one order and what became of it.

    ``reason`` is "" when the act took effect; ``effect_at_ms`` is then the act's own time, or that of the
    countersignature in ``by_countersign``. ``events`` are derived events for clocks: ``organ_receipt``,
    ``deciding_receipt``, ``full_supply``, ``deciding_supply``, ``agent_supply``, ``papers_to_forward``,
    ``papers_forwarded``, ``correction_cleared``, ``deficit_cleared``, ``late_supply``, ``already_answered``.
    """

    act: CaseAct
    effective: bool
    reason: str
    params: Mapping[str, Param]
    effect_at_ms: int
    by_countersign: ActId | None
    status_after: str
    conflict: bool
    events: tuple[str, ...]

    @property
    def action(self) -> str:
        """Code of the action."""
        return self.act.action


class Conflict(NamedTuple):
    """Acts made without knowledge of each other that cannot both stand.

    ``kept`` have their effect for the time being; ``contested`` are shown beside them without effect.
    ``settled_by`` is the adjudication, empty while the conflict is open.
    """

    kept: tuple[ActId, ...]
    contested: tuple[ActId, ...]
    settled_by: bytes

    @property
    def is_open(self) -> bool:
        """True until an adjudication names the acts."""
        return not self.settled_by


class CaseFinding(NamedTuple):
    """Something irregular in the acts of a case, for people to look at; it never changes the state."""

    code: str
    acts: tuple[ActId, ...]
    params: Mapping[str, Param] = NO_PARAMS


class Amendment(NamedTuple):
    """Fields of an earlier act, corrected by a later one; the original stays readable."""

    act_id: ActId
    target: ActId
    changes: Facts


class Token(NamedTuple):
    """The hash of a rating token handed out at one visit, and the rating that used it (empty: none yet)."""

    token_hash: bytes
    visit: ActId
    rating: bytes


_PUT_AWAY = frozenset(("closed", "archived"))


class CaseState(NamedTuple):
    """What a set of acts says about one case. Equal sets give equal states, in whatever order they came.

    A named tuple, for folding makes two for each case: as a frozen dataclass one took five times as long to
    make. ``steps`` holds every act in the one order; ``heads`` are the acts without successors, sorted:
    the parents of the next act. ``pending`` are acts that wait for a second person. ``not_at_organ`` and
    ``not_at_decider`` are materials of the correction list that were handed in, or accepted without, and have
    not come there yet: ``lying`` says at which stations (station, material), ``on_the_way`` what travels with
    a case on offer.
    """

    case_id: CaseId
    item_code: str
    case_type: str
    catalogue_version: int
    steps: tuple[Step, ...] = ()
    heads: tuple[ActId, ...] = ()
    status: str = ""
    number: str = ""
    custodian: StationId = StationId("")
    offered_to: StationId = StationId("")
    capacity: str = ""
    received_station: StationId = StationId("")
    received_level: str = ""
    opened_at_ms: int = 0
    organ_received: bool = False
    deciding_received: bool = False
    proof_commitments: frozenset[str] = frozenset()
    approval_commitment: bool = False
    promise_untrue: bool = False
    correction: frozenset[str] = frozenset()
    correction_due: str = ""
    correction_count: int = 0
    not_at_organ: frozenset[str] = frozenset()
    not_at_decider: frozenset[str] = frozenset()
    lying: frozenset[tuple[StationId, str]] = frozenset()
    on_the_way: frozenset[str] = frozenset()
    deficit: frozenset[str] = frozenset()
    deficit_due: str = ""
    supplied: frozenset[str] = frozenset()
    originals: frozenset[str] = frozenset()
    suspended_for: str = ""
    result: str = ""
    result_by_organ: bool = False
    certificate_no: str = ""
    at_village: bool = False
    external_no: str = ""
    voided: bool = False
    tokens: tuple[Token, ...] = ()
    amendments: tuple[Amendment, ...] = ()
    pending: tuple[ActId, ...] = ()
    done: frozenset[str] = frozenset()
    conflicts: tuple[Conflict, ...] = ()
    awaiting: tuple[ActId, ...] = ()
    findings: tuple[CaseFinding, ...] = ()

    @property
    def in_conflict(self) -> bool:
        """True while a conflict waits for adjudication."""
        return any(conflict.is_open for conflict in self.conflicts)

    @property
    def outcome(self) -> str:
        """The state that says what became of the case: that before it was closed and archived."""
        if self.status not in _PUT_AWAY:
            return self.status
        states = (step.status_after for step in reversed(self.steps) if step.effective)
        return next((state for state in states if state not in _PUT_AWAY), self.status)
