"""What goes into the write path and what comes out of the read path, as plain values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from types import MappingProxyType
from typing import NamedTuple, TypeAlias

from ledger.cases.permit import Permission
from ledger.cases.shape import CaseAct, CaseFinding, CaseState, Reason, Step
from ledger.clocks.clocks import ClockReading
from ledger.formats.act import act_id
from ledger.rules.catalogue import Rules
from ledger.types import ActId, CaseId, Facts, LogId, StationId


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """What a person wants to do to a case; the opening action has no case.

    Attributes:
        action: action code of the case type.
        station: the station that the person acts for.
        case: the case; None for an action that opens one.
        facts: the action's facts without salt; what the ledger fills in (number, token) may be left out.
        personal: names, numbers, people's text; None when there is nothing personal.
        occurred_at_ms: claimed time; None means now by the station clock.
        attachments: (hash, length) of each attachment.
        same_number: whether an external number is noted on purpose that another case has, or in place of the
            case's own.
    """

    action: str
    station: StationId
    case: CaseId | None = None
    facts: Facts = field(default_factory=dict)
    personal: Facts | None = None
    occurred_at_ms: int | None = None
    attachments: tuple[tuple[bytes, int], ...] = ()
    same_number: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedAct:
    """An act that its author has signed, with its bodies, ready for the station's log.

    Attributes:
        raw: the act's header, exactly as signed.
        sig: the author's signature.
        facts: bytes of the facts body.
        personal: bytes of the personal body; empty when there is none.
        number: the case number that the act carries, if it opens a case.
        token: the rating token to print on the slip; it is not in the act, only its hash.
        same_number: as in ``Command``: what the author confirmed is not asked again where it is stored.
    """

    raw: bytes
    sig: bytes
    facts: bytes
    personal: bytes = b""
    number: str = ""
    token: str = ""
    same_number: bool = False

    @property
    def act_id(self) -> ActId:
        """Id of the act, from its bytes."""
        return act_id(self.raw)


Noted: TypeAlias = Callable[[SignedAct], None]
"""Is told an act that is signed and not stored yet: who writes it down knows of it after a power cut."""


class Decided(NamedTuple):
    """A signed act on its way into a log, and what it makes of its case.

    Attributes:
        signed: the act with its bodies.
        act: the same as the fold takes it.
        case_id: its case.
        personal: its personal body; None when it has none.
        before: the state that it was judged by; None for an opening act.
        after: the state after it.
        rules: item and case type of the case.
    """

    signed: SignedAct
    act: CaseAct
    case_id: CaseId
    personal: Facts | None
    before: CaseState | None
    after: CaseState
    rules: Rules


@dataclass(frozen=True, slots=True, kw_only=True)
class Performed:
    """A confirmed action: it is in the log and survives a power cut.

    Attributes:
        act_id: id of the act.
        case_id: the case that it belongs to.
        log_id: the log that it stands in.
        seq: its position there, from 1.
        number: the case number ("" for acts that are no case acts).
        token: rating token to hand to the applicant, once.
    """

    act_id: ActId
    case_id: CaseId
    log_id: LogId
    seq: int
    number: str = ""
    token: str = ""


class CaseRow(NamedTuple):
    """One line of a list of cases, with its light as of the asked moment; a tuple, for lists are long.

    Attributes:
        light: ``green``, ``yellow``, ``red``, ``paused`` or ``done``.
        due_on: last day of the clock that governs the light; None when none runs.
        clock: code of that clock; "" when none runs.
        applicant: the applicant's name, "" when erased or not held here.
        result: ``grant`` or ``refuse``; "" while nothing is decided.
    """

    case_id: CaseId
    number: str
    item_code: str
    item_name: str
    status: str
    custodian: StationId
    offered_to: str
    received_station: StationId
    applicant: str
    opened_at_ms: int
    last_at_ms: int
    light: str
    clock: str
    due_on: date | None
    conflict: bool
    pending: bool
    open: bool
    result: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DayClear:
    """The day-clear list (日清) of one station and day.

    Attributes:
        received: cases opened here on that day, without those returned.
        returned: of those opened here on that day, whose papers were given back on the spot.
        not_accepted: received here or taken over, still before acceptance.
        overdue: red lights.
        at_risk: yellow lights.
        pending: waiting for a second person.
        offered: offered to this station and not yet taken over.
        awaiting_collection: issued or decided, not delivered.
        moved_earlier: open cases held here whose limit became earlier when a calendar arrived.
    """

    station: StationId
    day: date
    received: tuple[CaseRow, ...]
    returned: tuple[CaseRow, ...]
    not_accepted: tuple[CaseRow, ...]
    overdue: tuple[CaseRow, ...]
    at_risk: tuple[CaseRow, ...]
    pending: tuple[CaseRow, ...]
    offered: tuple[CaseRow, ...]
    awaiting_collection: tuple[CaseRow, ...]
    moved_earlier: tuple[CaseRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """How many acts of one kind a station saw on one day, by their claimed time."""

    day: date
    station: StationId
    action: str
    acts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LogInfo:
    """A log that this ledger holds.

    Attributes:
        size: number of entries.
        checkpoint_size: size of the newest stored checkpoint, 0 when there is none.
        doubt: "" or the code why this installation must not continue it.
    """

    log_id: LogId
    kind: str
    station: StationId
    own: bool
    size: int
    recorded_at_ms: int
    checkpoint_size: int
    doubt: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CasePage:
    """Everything that the page of a case shows.

    Attributes:
        row: the line that lists show.
        state: the folded case; ``state.steps`` holds every act, effective or not.
        clocks: every clock with its explanation, as of the asked moment.
        personal: personal body of each act; None where it is erased, withheld or absent.
        permissions: what the asking person may do now and, for the rest, why not.
        notices: what calendars and the applicant's other cases say, without changing the state.
        hindered: acts that wait for a second person and that nobody can sign as things stand, and why.
    """

    row: CaseRow
    state: CaseState
    rules: Rules
    clocks: tuple[ClockReading, ...]
    personal: Mapping[ActId, Facts | None]
    permissions: tuple[Permission, ...]
    notices: tuple[CaseFinding, ...] = ()
    hindered: Mapping[ActId, Reason] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def signable(self) -> tuple[ActId, ...]:
        """Acts that wait for a second person and that somebody can sign as things stand."""
        return tuple(act_id for act_id in self.state.pending if act_id not in self.hindered)

    def kept_only(self, act_id: ActId) -> Step | None:
        """Return the step of an act that is kept without effect; None where it has one, or may get it."""
        if act_id in self.state.pending:
            return None
        step = next((step for step in self.state.steps if step.act.act_id == act_id), None)
        return None if step is None or step.effective else step
