"""What acts say, in words: acts by action, person, station and moment, stations and materials by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ledger.cases.shape import CaseAct
from ledger.facade import CasePage, Ledger
from ledger.registry.registry import Registry
from ledger.registry.standin import stood_in_for
from ledger.types import Facts, StationId, Value
from stations.texts import Say
from stations.words.casenames import action_name, author_name, person_words, station_name, value_name
from stations.words.factpaths import STAND_IN
from stations.words.fieldnames import field_name
from stations.words.moments import show_moment
from stations.words.naming import Names

UNTOLD = frozenset(("salt", "item", "number", "token_hash"))
"""Facts that a page shows elsewhere or not at all."""
PERSONAL_FIELDS = "personal_fields"
"""What an amendment changed about people: ``applicant.name``."""
TOLD_DIGITS = 8
"""First digits by which reasons name an act."""
SHORT_DIGITS = 12
"""Digits of an act's id where the act is not in the case."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FactWords:
    """Words for facts of the acts of one case.

    Attributes:
        acts: the acts of the case in words, the oldest first.
        papers: names of the item's materials.
    """

    say: Say
    registry: Registry
    acts: Mapping[bytes, str]
    papers: Mapping[str, str]

    def told(self, action: str, facts: Facts, *, act: CaseAct | None = None) -> list[tuple[str, str]]:
        """Return what facts say; hashes and what stands elsewhere are left out.

        Args:
            action: what was done.
            facts: the facts.
            act: whose facts they are: whom its author stood in for is then held against the registry.
        """
        told = []
        for name, value in facts.items():
            if name in UNTOLD or isinstance(value, bytes):
                continue
            if name == PERSONAL_FIELDS:
                words = self._people(value)
            elif name == STAND_IN and act is not None:
                words = self._stand_in(str(value), act)
            else:
                words = self.value(action, name, value)
            if words:
                told.append((field_name(self.say, action, name), words))
        return told

    def _people(self, value: Value) -> str:
        """Return which fields about people were corrected, by their names on the form."""
        names = [str(one) for one in value] if isinstance(value, list) else []
        keys = {name: f"person.{name}" for name in names}
        return "、".join(self.say(key) if self.say.has(key) else name for name, key in keys.items())

    def _stand_in(self, staff_no: str, act: CaseAct) -> str:
        """Return who was stood in for; that it is the author's word alone where no registry bears it out."""
        who = person_words(self.registry, staff_no)
        known = staff_no in stood_in_for(self.registry, act.staff_no, station=act.station)
        return who if known else self.say("web.stand_in_unregistered", who=who)

    def value(self, action: str, name: str, value: Value) -> str:
        """Return what one field says."""
        if isinstance(value, list):
            return "、".join(self._one(one) for one in value)
        if isinstance(value, dict):
            return "、".join(
                f"{field_name(self.say, action, f'{name}.{key}')} {self._one(one)}"
                for key, one in value.items()
            )
        if isinstance(value, bool):
            return "✓" if value else "—"
        return self._one(value, papers=False)

    def _one(self, value: Value, *, papers: bool = True) -> str:
        if isinstance(value, bytes):
            return self.acts.get(value, value.hex()[:SHORT_DIGITS])
        text = str(value)
        if papers and text in self.papers:
            return self.papers[text]
        place = self.registry.station(StationId(text))
        return value_name(self.say, text) if place is None else f"{place.name} {text}"


def words_of(say: Say, ledger: Ledger, page: CasePage) -> FactWords:
    """Return the words for facts of a case."""
    return FactWords(
        say=say,
        registry=ledger.knowledge.registry,
        acts=acts_in_words(say, ledger, page),
        papers={code: say.pick(paper.name) for code, paper in page.rules.item.materials.items()},
    )


def names_of(say: Say, ledger: Ledger, page: CasePage) -> Names:
    """Return the names for messages about a case: of its stations, papers and acts."""
    return Names(
        say,
        case_types=(page.rules.case_type,),
        registry=ledger.knowledge.registry,
        item=page.rules.item,
        acts={act.hex()[:TOLD_DIGITS]: words for act, words in acts_in_words(say, ledger, page).items()},
    )


def acts_in_words(say: Say, ledger: Ledger, page: CasePage) -> dict[bytes, str]:
    """Return each act of a case as action, person, station and moment, the oldest first."""
    registry, kind = ledger.knowledge.registry, page.rules.case_type
    return {
        step.act.act_id: " ".join(
            (
                action_name(say, kind, step.action),
                author_name(say, ledger, step.act),
                station_name(registry, step.act.station),
                show_moment(step.act.occurred_at_ms),
            )
        )
        for step in page.state.steps
    }


def acts_since(words: Mapping[bytes, str], page: CasePage, heads: str) -> list[str]:
    """Return the acts that a form knew nothing of, in words, the oldest first.

    Args:
        words: as ``acts_in_words`` has them.
        heads: what the form remembers, as ``heads_of`` makes it.
    """
    parents = {step.act.act_id: step.act.parents for step in page.state.steps}
    begun = {heads[at : at + 16] for at in range(0, len(heads), 16)}
    left, known = [act_id for act_id in parents if act_id.hex()[:16] in begun], set()
    while left:
        act_id = left.pop()
        if act_id not in known:
            known.add(act_id)
            left.extend(parents.get(act_id, ()))
    return [text for act_id, text in words.items() if act_id not in known]
