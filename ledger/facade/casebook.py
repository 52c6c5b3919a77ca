"""Cases out of stored records: decode, resolve, fold; the newest states are remembered."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping

from ledger.act import Act, act_id, decode_act, verify_act
from ledger.body import check_facts
from ledger.case import CaseAct, CaseState, evolve, fold_case
from ledger.catalogue import Rules
from ledger.entry import decode_entry
from ledger.errors import BanjianError, RuleError, StoreError
from ledger.frame import FrameParts, split_frame
from ledger.knowledge import Knowledge
from ledger.store import schema
from ledger.store.contract import ReadTx
from ledger.types import CaseId, Facts, StationId

STATES_MAX = 2_048
OPAQUE = "opaque"
"""Topic and action of a stored frame that failed a check; it never takes effect."""


class CaseBook:
    """Reads cases from a store and keeps their newest states.

    Args:
        knowledge: registry, catalogue and calendars as held here.
        log_stations: station of each log by the log's name; the caller adds logs as they appear.
    """

    def __init__(self, knowledge: Knowledge, log_stations: Mapping[str, StationId]) -> None:
        self._knowledge = knowledge
        self._log_stations = log_stations
        self._states: OrderedDict[CaseId, tuple[CaseState, Rules]] = OrderedDict()

    def load(self, tx: ReadTx, case_id: CaseId) -> tuple[CaseState, Rules]:
        """Return state and rules of a case.

        Raises:
            RuleError: ``case.unknown`` when the opening act is not held here; ``catalogue.*`` when its
                catalogue version is not held here.
        """
        held = self._states.get(case_id)
        if held is not None:
            self._states.move_to_end(case_id)
            return held
        acts = self.acts(tx, case_id)
        rules = self._rules(case_id, acts)
        return self._remember(case_id, fold_case(acts, rules), rules)

    def rules_for_opening(self, act: CaseAct) -> Rules:
        """Return the rules under which an opening act puts its case."""
        item = act.facts.get("item")
        if not isinstance(item, str):
            raise RuleError("case.no_item")
        return self._knowledge.rules(item, act.catalogue_version)

    def take(self, tx: ReadTx, case_id: CaseId, act: CaseAct) -> tuple[CaseState, Rules]:
        """Return the state after one more act, which the store already holds.

        The quick way counts only where the act knows everything known before; else all is folded anew.
        """
        held = self._states.get(case_id)
        if held is not None and act.parents == held[0].heads:
            return self._remember(case_id, evolve(held[0], act, held[1]), held[1])
        if not act.parents:
            rules = self.rules_for_opening(act)
            if tx.count(schema.ACTS, {"case_id": case_id}) <= 1:
                return self._remember(case_id, fold_case((act,), rules), rules)
        self.forget(case_id)
        return self.load(tx, case_id)

    def forget(self, case_id: CaseId) -> None:
        """Drop a remembered state: a transaction failed, or records came from elsewhere."""
        self._states.pop(case_id, None)

    def forget_all(self) -> None:
        """Drop every remembered state: the registry or the catalogue has grown."""
        self._states.clear()

    def acts(self, tx: ReadTx, case_id: CaseId) -> list[CaseAct]:
        """Return every act of a case that is held here, in no particular order."""
        return [
            self._act(tx, row[1], row[2], row[4])
            for row in tx.select(schema.ACTS, {"case_id": case_id})
            if isinstance(row[1], str) and isinstance(row[2], int)
        ]

    def _act(self, tx: ReadTx, log: str, seq: int, action: object) -> CaseAct:
        frame = tx.frame(log, seq)
        if frame is None:
            raise StoreError("store.row_missing", log=log, seq=seq)
        parts = split_frame(frame)
        act = Act(decode_act(parts.act_raw), parts.act_raw, parts.sig, act_id(parts.act_raw))
        facts, blocked = self._facts(tx, act)
        if action == OPAQUE:
            blocked = self._fault(parts, act) or blocked
        return self._knowledge.resolver.case_act(
            act,
            recorded_at_ms=decode_entry(parts.entry_raw).recorded_at_ms,
            facts=facts,
            log_station=self._log_stations.get(log, StationId("")),
            blocked=blocked,
        )

    def _facts(self, tx: ReadTx, act: Act) -> tuple[Facts | None, str]:
        row = tx.get(schema.FACTS, (act.act_id,))
        if row is None or not isinstance(row[1], bytes):
            return None, ""
        try:
            return check_facts(act.header, row[1]), ""
        except BanjianError as error:
            return None, error.code

    def _fault(self, parts: FrameParts, act: Act) -> str:
        public_key = self._knowledge.registry.public_key(act.header.actor)
        if public_key is None:
            return "authority.key_unknown"
        try:
            verify_act(parts.act_raw, parts.sig, public_key)
        except BanjianError as error:
            return error.code
        return ""

    def _rules(self, case_id: CaseId, acts: list[CaseAct]) -> Rules:
        opening = next((act for act in acts if not act.parents), None)
        if opening is None:
            raise RuleError("case.unknown", case=case_id)
        return self.rules_for_opening(opening)

    def _remember(self, case_id: CaseId, state: CaseState, rules: Rules) -> tuple[CaseState, Rules]:
        self._states[case_id] = (state, rules)
        self._states.move_to_end(case_id)
        if len(self._states) > STATES_MAX:
            self._states.popitem(last=False)
        return state, rules
