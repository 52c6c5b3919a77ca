"""What acts say, in words: acts by action, person, station and moment, stations and materials by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ledger.facade import CasePage, Ledger
from ledger.registry import Registry
from ledger.types import Facts, StationId, Value
from stations.cli.casenames import action_name, author_name, station_name, value_name
from stations.cli.fieldnames import field_name
from stations.cli.naming import Names
from stations.cli.types import show_moment
from stations.texts import Say

UNTOLD = frozenset(("salt", "item", "number", "token_hash"))
"""Facts that a page shows elsewhere or not at all."""
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
