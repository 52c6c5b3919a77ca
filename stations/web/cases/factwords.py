"""What acts say, in words: acts by action, person, station and moment, stations and materials by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ledger.facade import CasePage, Ledger
from ledger.registry import Registry
from ledger.types import Facts, StationId, Value
from stations.cli.casenames import action_name, author_name, station_name, value_name
from stations.cli.types import show_moment
from stations.texts import Say
from stations.web.cases.factforms import field_name

UNTOLD = frozenset(("salt", "item", "number", "token_hash"))
"""Facts that a page shows elsewhere or not at all."""
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

    def told(self, action: str, facts: Facts) -> list[tuple[str, str]]:
        """Return what the facts of an act say; hashes and what stands elsewhere are left out."""
        told = []
        for name, value in facts.items():
            if name in UNTOLD or isinstance(value, bytes):
                continue
            words = self._value(action, name, value)
            if words:
                told.append((field_name(self.say, action, name), words))
        return told

    def _value(self, action: str, name: str, value: Value) -> str:
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
