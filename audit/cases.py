"""Cases folded again from signed bytes: acts without effect, conflicts, repeated numbers.

Nothing here is a fault of the files. A ledger keeps what was done at the counter, also what counts for
nothing;
the audit says so, act by act. Cases come one after another, so memory does not grow with the ledger.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from itertools import groupby

from audit.findings import Finding, notice, warning
from audit.judge import AWAITING
from audit.source import CaseRecord
from ledger.act import Act, act_id, decode_act
from ledger.body import check_facts
from ledger.case import CaseAct, CaseState, Step, fold_case
from ledger.catalogue import Rules
from ledger.entry import decode_entry
from ledger.errors import BanjianError, RuleError
from ledger.frame import split_frame
from ledger.knowledge import Knowledge
from ledger.types import ActId, Facts, StationId

OPEN_LOG = "open_log"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where an act stands."""

    log: str
    seq: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseView:
    """One case as the audit folds it.

    Attributes:
        acts: the acts that decode, resolved.
        places: where each of them stands.
        state: None when it cannot be folded; ``reason`` says why.
    """

    case_id: bytes
    acts: tuple[CaseAct, ...]
    places: Mapping[ActId, Place]
    rules: Rules | None
    state: CaseState | None
    reason: str = ""


class CaseFolder:
    """Folds cases from stored records.

    Args:
        knowledge: registry, catalogue, calendars.
        stations: station of each station log in the file, by name.
        county: names of the logs that hold no acts of cases.
        blocked: code of a failed check, by log name and position.
    """

    def __init__(
        self,
        knowledge: Knowledge,
        *,
        stations: Mapping[str, StationId],
        county: Collection[str],
        blocked: Mapping[tuple[str, int], str],
    ) -> None:
        self._knowledge = knowledge
        self._stations = stations
        self._county = county
        self._blocked = blocked

    def fold_all(self, records: Iterable[CaseRecord]) -> Iterator[CaseView]:
        """Yield every case of records that come grouped by case."""
        for case_id, group in groupby(records, key=lambda record: record.case_id):
            view = self.fold(case_id, group)
            if view is not None:
                yield view

    def fold(self, case_id: bytes, records: Iterable[CaseRecord]) -> CaseView | None:
        """Return one case; None for a thread that is no case (registry, catalogue, opening of a log)."""
        acts: list[CaseAct] = []
        places: dict[ActId, Place] = {}
        for record in records:
            act = None if record.log in self._county else self._act(record)
            if act is not None:
                acts.append(act)
                places[act.act_id] = Place(log=record.log, seq=record.seq)
        opening = next((act for act in acts if not act.parents), None)
        if not acts or (opening is not None and opening.action == OPEN_LOG):
            return None
        try:
            rules = self._rules(opening)
        except RuleError as raised:
            return CaseView(
                case_id=case_id, acts=tuple(acts), places=places, rules=None, state=None, reason=raised.code
            )
        try:
            state = fold_case(acts, rules)
        except BanjianError as raised:
            return CaseView(
                case_id=case_id, acts=tuple(acts), places=places, rules=rules, state=None, reason=raised.code
            )
        return CaseView(case_id=case_id, acts=tuple(acts), places=places, rules=rules, state=state)

    def _rules(self, opening: CaseAct | None) -> Rules:
        if opening is None:
            raise RuleError("case.unknown")
        item = opening.facts.get("item")
        if not isinstance(item, str):
            raise RuleError("case.no_item")
        return self._knowledge.rules(item, opening.catalogue_version)

    def _act(self, record: CaseRecord) -> CaseAct | None:
        try:
            parts = split_frame(record.frame)
            act = Act(decode_act(parts.act_raw), parts.act_raw, parts.sig, act_id(parts.act_raw))
            recorded_at_ms = decode_entry(parts.entry_raw).recorded_at_ms
        except BanjianError:
            return None
        blocked = self._blocked.get((record.log, record.seq), "")
        facts: Facts | None = None
        if record.facts is not None:
            try:
                facts = check_facts(act.header, record.facts)
            except BanjianError as raised:
                blocked = blocked or raised.code
        # Of a frame that came with its case from a log that is not here, only its own word is known.
        station = self._stations.get(record.log, act.header.station)
        return self._knowledge.resolver.case_act(
            act, recorded_at_ms=recorded_at_ms, facts=facts, log_station=station, blocked=blocked
        )


class CaseReporter:
    """Turns folded cases into findings.

    Args:
        report: takes findings.
    """

    def __init__(self, report: Callable[[Finding], None]) -> None:
        self._report = report
        self._numbers: set[int] = set()
        self.cases = 0

    def take(self, view: CaseView) -> None:
        """Report what is worth knowing about one case."""
        self.cases += 1
        state = view.state
        if state is None:
            self._report(notice("audit.case_unfolded", case=view.case_id, reason=view.reason))
            return
        for step in state.steps:
            if not step.effective and step.reason and step.reason != AWAITING and not step.conflict:
                self._without_effect(view, state, step)
        for conflict in state.conflicts:
            make = warning if conflict.is_open else notice
            code = "audit.conflict" if conflict.is_open else "audit.conflict_settled"
            acts = len(conflict.kept) + len(conflict.contested)
            self._report(make(code, case=view.case_id, number=state.number, count=acts))
        if state.awaiting:
            self._report(
                notice(
                    "audit.case_awaiting", case=view.case_id, number=state.number, count=len(state.awaiting)
                )
            )
        for found in state.findings:
            self._report(
                Finding(
                    code=found.code,
                    severity="notice",
                    case=view.case_id,
                    act=found.acts[0] if found.acts else b"",
                    params=found.params,
                )
            )
        self._number(state, view.case_id)

    def _without_effect(self, view: CaseView, state: CaseState, step: Step) -> None:
        place = view.places.get(step.act.act_id)
        self._report(
            Finding(
                code="audit.without_effect",
                severity="notice",
                log="" if place is None else place.log,
                seq=0 if place is None else place.seq,
                act=step.act.act_id,
                case=view.case_id,
                # The values of the reason's own text come along, so that it can be told in full.
                params={
                    **step.params,
                    "number": state.number,
                    "action": step.act.action,
                    "reason": step.reason,
                },
            )
        )

    def _number(self, state: CaseState, case_id: bytes) -> None:
        if not state.number:
            return
        # Eight bytes of a hash for each case: a county of millions still fits in memory.
        mark = int.from_bytes(sha256(state.number.encode("utf-8")).digest()[:8], "big")
        if mark in self._numbers:
            self._report(warning("audit.number_repeated", case=case_id, number=state.number))
        self._numbers.add(mark)
