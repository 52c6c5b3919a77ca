"""Cases out of stored records: decode, resolve, fold; the newest states are remembered."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence, Set
from typing import NamedTuple

from ledger.cases.case import fold_case
from ledger.cases.shape import CaseAct, CaseState
from ledger.errors import RuleError
from ledger.facade.cases.caseacts import ActReader, StoredAct
from ledger.known.knowledge import Knowledge
from ledger.rules.catalogue import Rules
from ledger.store.contract import ReadTx
from ledger.store.tables import Row
from ledger.types import CaseId, KeyId, StationId

STATES_MAX = 2_048


class Held(NamedTuple):
    """What is remembered of a case; ``row`` is its row of the view as stored, None where not known."""

    state: CaseState
    rules: Rules
    row: Row | None


class Folded(NamedTuple):
    """A case folded anew, and the stored acts that it was folded from."""

    state: CaseState
    rules: Rules
    acts: Sequence[StoredAct]


class CaseBook:
    """Reads cases from a store and keeps their newest states.

    Args:
        knowledge: registry, catalogue and calendars as held here.
        log_stations: station of each log by the log's name; the caller adds logs as they appear.
        remember: whether to keep states; only the writer may, since it alone knows when they change.
    """

    def __init__(
        self, knowledge: Knowledge, log_stations: Mapping[str, StationId], *, remember: bool = True
    ) -> None:
        self._states_max = STATES_MAX if remember else 0
        self._knowledge = knowledge
        self._acts = ActReader(knowledge, log_stations)
        self._states: OrderedDict[CaseId, Held] = OrderedDict()

    def load(self, tx: ReadTx, case_id: CaseId) -> Held:
        """Return state and rules of a case.

        Raises:
            RuleError: ``case.unknown`` when the opening act is not held here; ``catalogue.*`` when its
                catalogue version is not held here.
        """
        held = self.held(case_id)
        if held is not None:
            return held
        acts = self.acts(tx, case_id)
        rules = self._rules(case_id, acts)
        return self.remember(case_id, fold_case(acts, rules), rules)

    def held(self, case_id: CaseId) -> Held | None:
        """Return a remembered state with its rules; None when the store must be asked."""
        held = self._states.get(case_id)
        if held is not None:
            self._states.move_to_end(case_id)
        return held

    def rules_for_opening(self, act: CaseAct) -> Rules:
        """Return the rules under which an opening act puts its case."""
        item = act.facts.get("item")
        if not isinstance(item, str):
            raise RuleError("case.no_item")
        return self._knowledge.rules(item, act.catalogue_version)

    def remember(self, case_id: CaseId, state: CaseState, rules: Rules, row: Row | None = None) -> Held:
        """Keep the state of a case, with its row of the view where that is known to be stored."""
        held = self._states[case_id] = Held(state, rules, row)
        self._states.move_to_end(case_id)
        if len(self._states) > self._states_max:
            self._states.popitem(last=False)
        return held

    def forget(self, case_id: CaseId) -> None:
        """Drop a remembered state: a transaction failed, or records came from elsewhere."""
        self._states.pop(case_id, None)

    def forget_all(self) -> None:
        """Drop every remembered state: the registry or the catalogue has grown."""
        self._states.clear()

    def acts(self, tx: ReadTx, case_id: CaseId) -> list[CaseAct]:
        """Return every act of a case that is held here, in no particular order."""
        stored = self._acts.stored(tx, (case_id,)).get(case_id, [])
        return [self._acts.act(one) for one in stored]

    def act(self, stored: StoredAct) -> CaseAct:
        """Return a stored act, resolved."""
        return self._acts.act(stored)

    def stored(self, tx: ReadTx, case_ids: Sequence[CaseId]) -> Iterator[StoredAct]:
        """Yield every act of some cases as it is stored, not yet decoded."""
        for acts in self._acts.stored(tx, case_ids).values():
            yield from acts

    def stored_of(self, tx: ReadTx, case_ids: Sequence[CaseId]) -> Mapping[CaseId, Sequence[StoredAct]]:
        """Return every act of some cases as it is stored, by case."""
        return self._acts.stored(tx, case_ids)

    def signers(self, tx: ReadTx, case_ids: Sequence[CaseId]) -> Mapping[CaseId, Set[KeyId]]:
        """Return the keys that signed acts of each case, without folding any."""
        return self._acts.signers(tx, case_ids)

    def fold_many(self, tx: ReadTx, case_ids: Sequence[CaseId]) -> Iterator[Folded]:
        """Yield many cases folded anew; none of them is remembered.

        A case whose opening act, or the catalogue that it names, is not here yet is left out.
        """
        for case_id, stored in self._acts.stored(tx, case_ids).items():
            self.forget(case_id)
            acts = self._acts.readable(stored)
            try:
                rules = self._rules(case_id, acts)
            except RuleError:
                continue
            yield Folded(fold_case(acts, rules), rules, stored)

    def _rules(self, case_id: CaseId, acts: list[CaseAct]) -> Rules:
        opening = next((act for act in acts if not act.parents), None)
        if opening is None:
            raise RuleError("case.unknown", case=case_id)
        return self.rules_for_opening(opening)
