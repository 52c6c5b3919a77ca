"""What the county sees at the end: read from its folder alone, once no station runs any more."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from ledger.cases.case import state_digest
from ledger.cases.shape import CaseFinding, CaseState
from ledger.errors import Param
from ledger.facade import Home, Ledger
from ledger.facade.base.clock import Clock
from ledger.facade.base.concern import concerned_stations
from ledger.facade.base.tables import CASES
from ledger.facade.base.types import CaseRow
from ledger.facade.peering.between import station_board, sync_status, twins
from ledger.facade.peering.board import BoardLine
from ledger.types import CaseId, StationId
from stations.county.plan import Plan

RED, OVERRUN = "red", "overrun_reason"


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A case as the county has it."""

    case_id: str
    number: str
    item: str
    status: str
    state_digest: str
    findings: tuple[CaseFinding, ...]
    conflicts: int
    in_conflict: bool
    scope: frozenset[str]
    acts: int

    def has_finding(self, code: str) -> bool:
        """Whether something of this kind was found in it."""
        return any(one.code == code for one in self.findings)


@dataclass(frozen=True, slots=True, kw_only=True)
class Overdue:
    """A case past its limit, with the reason that was given for it, "" for none."""

    number: str
    item: str
    custodian: str
    clock: str
    due_on: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncFound:
    """Something that the county found while it took records in."""

    code: str
    station: str
    log: str
    seq: int
    params: Mapping[str, Param]


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """Everything that the county shows.

    Attributes:
        board: the stations, as ``banjian board`` tells them.
        twins: cases of one applicant and item that were received twice.
        now_ms: the moment of all this.
        states: the folded state of every case, by id.
    """

    board: tuple[BoardLine, ...]
    cases: Mapping[str, Seen]
    lights: Mapping[str, int]
    overdue: tuple[Overdue, ...]
    twins: tuple[tuple[str, ...], ...]
    sync_findings: tuple[SyncFound, ...]
    states: Mapping[str, CaseState]
    now_ms: int

    def case(self, case_id: str) -> Seen | None:
        """Return a case by its id."""
        return self.cases.get(case_id)

    @property
    def acts(self) -> int:
        """Acts in all cases."""
        return sum(case.acts for case in self.cases.values())

    @property
    def conflicts(self) -> int:
        """Cases in which acts were made without knowledge of each other, settled or not."""
        return sum(case.conflicts > 0 for case in self.cases.values())

    @property
    def by_status(self) -> Mapping[str, int]:
        """Cases by state."""
        return Counter(case.status for case in self.cases.values())

    @property
    def case_findings(self) -> tuple[CaseFinding, ...]:
        """Findings in cases."""
        return tuple(one for case in self.cases.values() for one in case.findings)

    @property
    def findings(self) -> int:
        """Findings in cases and in logs."""
        return len(self.case_findings) + len(self.sync_findings)


def take_picture(home: Home, plan: Plan, *, clock: Clock) -> Picture:
    """Read the county's ledger.

    Args:
        home: the county's folder; nobody writes it.
        clock: stands at the end of the demonstration.
    """
    with Ledger.open(home, clock=clock, write=False) as ledger:
        with ledger.store.read() as tx:
            ids = sorted(CaseId(row[0]) for row in tx.select(CASES, {}) if isinstance(row[0], bytes))
        states = {case_id.hex(): ledger.state(case_id)[0] for case_id in ids}
        rows = ledger.worklist(include_closed=True)
        return Picture(
            board=tuple(station_board(ledger, StationId(plan.county.station))),
            cases=_cases(states, {row.case_id.hex(): row for row in rows}),
            lights=Counter(row.light for row in rows),
            overdue=_overdue(rows, states),
            twins=tuple(tuple(case.hex() for case in one.case_ids) for one in twins(ledger)),
            sync_findings=_sync_findings(ledger, plan.county.station),
            states=states,
            now_ms=clock.now_ms(),
        )


def digests_of(picture: Picture, stations: frozenset[str]) -> dict[str, str]:
    """Return the digests of the cases that stations of a subtree have to do with, by the county's records."""
    return {case_id: case.state_digest for case_id, case in picture.cases.items() if case.scope & stations}


def _cases(states: Mapping[str, CaseState], rows: Mapping[str, CaseRow]) -> dict[str, Seen]:
    found = {}
    for case_id, state in states.items():
        row = rows.get(case_id)
        found[case_id] = Seen(
            case_id=case_id,
            number=state.number,
            item=row.item_name if row is not None else state.item_code,
            status=state.status,
            state_digest=state_digest(state).hex(),
            findings=state.findings,
            conflicts=len(state.conflicts),
            in_conflict=state.in_conflict,
            scope=_scope(state),
            acts=len(state.steps),
        )
    return found


def _scope(state: CaseState) -> frozenset[str]:
    """Return who has a case: whom it concerns or ever did, and who wrote into it and keeps that."""
    return concerned_stations(state) | {step.act.station for step in state.steps}


def _overdue(rows: list[CaseRow], states: Mapping[str, CaseState]) -> tuple[Overdue, ...]:
    found = []
    for row in rows:
        reasons = [
            str(step.act.facts.get("reason", ""))
            for step in states[row.case_id.hex()].steps
            if step.action == OVERRUN and step.effective
        ]
        if row.light == RED or reasons:
            found.append(
                Overdue(
                    number=row.number,
                    item=row.item_name,
                    custodian=row.custodian,
                    clock=row.clock,
                    due_on=row.due_on.isoformat() if row.due_on else "",
                    reason=reasons[-1] if reasons else "",
                )
            )
    return tuple(sorted(found, key=lambda one: one.number))


def _sync_findings(ledger: Ledger, county: str) -> tuple[SyncFound, ...]:
    stations = {log.log_id.hex(): log.station for log in ledger.logs()}
    return tuple(
        SyncFound(
            code=one.code,
            station=stations.get(one.log.partition("~")[0], ""),
            log=one.log,
            seq=one.seq,
            params=one.params,
        )
        for one in sync_status(ledger, StationId(county)).findings
    )
