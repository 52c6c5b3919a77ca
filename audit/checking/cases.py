"""Cases folded again from signed bytes: acts without effect, conflicts, repeated numbers.

Nothing here is a fault of the files. A ledger keeps what was done at the counter, also what counts for
nothing; the audit says so, act by act. Cases come one after another, so memory does not grow with the ledger.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from types import MappingProxyType
from typing import Final

from audit.reading.findings import Finding, notice, warning
from audit.reading.judge import AWAITING, Place
from audit.reading.openings import base_of
from audit.reading.ranks import stored_act
from audit.reading.source import CaseRecord
from ledger.cases.case import fold_case
from ledger.cases.judge import ERASE, SETTLED_WAITING
from ledger.cases.shape import CaseAct, CaseFinding, CaseState, Step
from ledger.clocks.notices import calendar_notices
from ledger.errors import BanjianError, RuleError
from ledger.formats.body import check_facts
from ledger.formats.rank import recorded_at_ms
from ledger.known.knowledge import Knowledge
from ledger.registry.authority import PROVISIONAL_GRANT
from ledger.rules.catalogue import Rules
from ledger.types import ActId, Facts, StationId

NO_CASE = frozenset(("open_log", PROVISIONAL_GRANT))
"""Acts that open a thread and no case."""
NOT_BLOCKED: Final[Mapping[Place, str]] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseView:
    """One case as the audit folds it.

    Attributes:
        acts: the acts that decode, resolved.
        places: where each of them stands.
        state: None when it cannot be folded; ``reason`` says why.
        notices: what the newest calendar says of the case.
    """

    case_id: bytes
    acts: tuple[CaseAct, ...]
    places: Mapping[ActId, Place]
    rules: Rules | None
    state: CaseState | None
    reason: str = ""
    notices: tuple[CaseFinding, ...] = ()


class CaseFolder:
    """Folds cases from stored records.

    Args:
        knowledge: registry, catalogue, calendars.
        stations: station of each station log, by name, those of single frames among them.
        county: names of the logs that hold no acts of cases.
        blocked: code of a failed check, by log name and position.
    """

    def __init__(
        self,
        knowledge: Knowledge,
        *,
        stations: Mapping[str, StationId],
        county: Collection[str],
        blocked: Mapping[Place, str] = NOT_BLOCKED,
    ) -> None:
        self._knowledge = knowledge
        self._stations = stations
        self._county = county
        self._blocked = blocked

    def fold(
        self, case_id: bytes, records: Iterable[CaseRecord], *, beyond: Iterable[CaseRecord] = ()
    ) -> CaseView | None:
        """Return one case; None for a thread that is no case (registry, catalogue, opening of a log).

        Args:
            case_id: the case.
            records: its acts.
            beyond: acts that are to count for nothing; what was done with knowledge of one stands where that
                one stood.
        """
        over = {act.act_id: act.parents for _, act in self._read(beyond)}
        acts: list[CaseAct] = []
        places: dict[ActId, Place] = {}
        for record, act in self._read(records):
            acts.append(_without(act, over) if over else act)
            places[act.act_id] = (record.log, record.seq)
        return self.fold_acts(case_id, acts, places)

    def _read(self, records: Iterable[CaseRecord]) -> Iterator[tuple[CaseRecord, CaseAct]]:
        for record in records:
            act = None if base_of(record.log) in self._county else self._act(record)
            if act is not None:
                yield record, act

    def fold_acts(
        self, case_id: bytes, acts: Sequence[CaseAct], places: Mapping[ActId, Place]
    ) -> CaseView | None:
        """Return the case of acts that were read; None for a thread that is no case."""
        opening = next((act for act in acts if not act.parents), None)
        if not acts or (opening is not None and opening.action in NO_CASE):
            return None
        rules: Rules | None = None
        state: CaseState | None = None
        reason = ""
        notices: tuple[CaseFinding, ...] = ()
        try:
            rules = self._rules(case_id, opening)
            state = fold_case(acts, rules)
            notices = calendar_notices(state, rules, self._knowledge.calendars)
        except BanjianError as raised:
            reason = raised.code
        return CaseView(
            case_id=case_id, acts=tuple(acts), places=places, rules=rules, state=state, reason=reason,
            notices=notices,
        )  # fmt: skip

    def _rules(self, case_id: bytes, opening: CaseAct | None) -> Rules:
        if opening is None:
            raise RuleError("case.unknown", case=case_id)
        item = opening.facts.get("item")
        if not isinstance(item, str):
            raise RuleError("case.no_item")
        return self._knowledge.rules(item, opening.catalogue_version)

    def _act(self, record: CaseRecord) -> CaseAct | None:
        act = stored_act(record.frame)
        if act is None:
            return None
        blocked = self._blocked.get((record.log, record.seq), "")
        facts: Facts | None = None
        if record.facts is not None:
            try:
                facts = check_facts(act.header, record.facts)
            except BanjianError as raised:
                blocked = blocked or raised.code
        station = self._stations.get(base_of(record.log), StationId(""))
        return self._knowledge.resolver.case_act(
            act,
            recorded_at_ms=recorded_at_ms(record.frame),
            facts=facts,
            log_station=station,
            blocked=blocked,
        )


def _without(act: CaseAct, over: Mapping[ActId, Sequence[ActId]]) -> CaseAct:
    """Return an act with the parents of its parents in place of those that count for nothing.

    Behind nothing else than such acts, the opening among them, it stays as it was.
    """
    found: set[ActId] = set()
    waiting = list(act.parents)
    seen: set[ActId] = set()
    while waiting:
        parent = waiting.pop()
        if parent not in over:
            found.add(parent)
        elif parent not in seen:
            seen.add(parent)
            waiting += over[parent]
    return act._replace(parents=tuple(sorted(found))) if found and found != set(act.parents) else act


def is_erased(view: CaseView) -> bool:
    """Return whether an act erased the personal data of a case; any such act where it cannot be folded."""
    if view.state is None:
        return any(act.action == ERASE for act in view.acts)
    return any(step.effective and step.act.action == ERASE for step in view.state.steps)


_NO_FAULT: Final = SETTLED_WAITING | {AWAITING}
"""Reasons that nobody need look at: an act that waits for the registry, or one that was declined."""


def case_findings(view: CaseView) -> list[Finding]:
    """Return what is worth knowing about one case."""
    state = view.state
    if state is None:
        return [notice("audit.case_unfolded", case=view.case_id, reason=view.reason)]
    found = [
        _without_effect(view, state, step)
        for step in state.steps
        if not step.effective and step.reason and step.reason not in _NO_FAULT and not step.conflict
    ]
    for conflict in state.conflicts:
        make = warning if conflict.is_open else notice
        code = "audit.conflict" if conflict.is_open else "audit.conflict_settled"
        acts = len(conflict.kept) + len(conflict.contested)
        found.append(make(code, case=view.case_id, number=state.number, count=acts))
    if state.awaiting:
        count = len(state.awaiting)
        found.append(notice("audit.case_awaiting", case=view.case_id, number=state.number, count=count))
    found += [
        Finding(
            code=one.code,
            severity="notice",
            case=view.case_id,
            act=one.acts[0] if one.acts else b"",
            params=dict(one.params),
        )
        for one in (*state.findings, *view.notices)
    ]
    return found


def _without_effect(view: CaseView, state: CaseState, step: Step) -> Finding:
    log, seq = view.places.get(step.act.act_id, ("", 0))
    about = step.params.get("action", step.act.action)
    return Finding(
        code="audit.without_effect",
        severity="notice",
        log=log,
        seq=seq,
        act=step.act.act_id,
        case=view.case_id,
        # The values of the reason's own text come along, so that it can be told in full.
        params={
            **step.params,
            # Why a countersignature fails is told of the act that waits.
            **({} if about == step.act.action else {"about": about}),
            "number": state.number,
            "action": step.act.action,
            "reason": step.reason,
        },
    )


class CaseNumbers:
    """The numbers that cases bear, to find one that comes twice.

    Args:
        report: takes findings.
    """

    def __init__(self, report: Callable[[Finding], None]) -> None:
        self._report = report
        self._seen: set[int] = set()

    def take(self, case_id: bytes, number: str) -> None:
        """Take the number of the next case, "" for none."""
        if not number:
            return
        # Eight bytes of a hash for each case: a county of millions still fits in memory.
        mark = int.from_bytes(sha256(number.encode("utf-8")).digest()[:8], "big")
        if mark in self._seen:
            self._report(warning("audit.number_repeated", case=case_id, number=number))
        self._seen.add(mark)
