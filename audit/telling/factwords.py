"""What fields of acts and their values are called in a case that is told again, as the station shows them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from audit.telling.words import Words
from ledger.oneline import shown
from ledger.registry.registry import Registry
from ledger.rules.catalogue import Rules
from ledger.texts.facts import field_name, person_field_name, value_name
from ledger.types import StationId, Value

_SHORT_DIGITS: Final = 12
"""Hexadecimal digits by which texts name an act."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FactWords:
    """Names for what the acts of one case say.

    Attributes:
        words: the language.
        registry: as it was known then; names of stations.
        rules: item and case type; None where nobody knows them.
    """

    words: Words
    registry: Registry
    rules: Rules | None

    def field(self, action: str, path: str) -> str:
        """Return what a field of an action is called."""
        return field_name(self.words.language, action, path)

    def people(self, paths: Iterable[str]) -> str:
        """Return which fields about people an amendment changed."""
        fields = (shown(person_field_name(self.words.language, path)) for path in paths)
        return "、".join(fields)

    def value(self, action: str, name: str, value: Value) -> str:
        """Return what one field says."""
        if isinstance(value, list):
            said = "、".join(self._one(one) for one in value)
        elif isinstance(value, dict):
            fields = ((self.field(action, f"{name}.{key}"), self._one(one)) for key, one in value.items())
            said = "、".join(f"{field} {one}" for field, one in fields)
        elif isinstance(value, bool):
            said = "✓" if value else ""
        else:
            said = "" if value is None else self._one(value, papers=False)
        return said or self.words("audit.replay.nothing")

    def named(self, params: Mapping[str, object]) -> dict[str, object]:
        """Return the values of a reason with everything called by its name that has one."""
        named = self.words.named(params)
        action = params.get("action")
        by_param: Mapping[str, Callable[[str], str]] = {
            "action": self.action,
            "status": self.state,
            "state": self.state,
            "field": lambda code: self.field(action if isinstance(action, str) else "", code),
            "clock": lambda code: self.words.name("clock", code),
            **dict.fromkeys(("materials", "missing"), self.paper),
            **dict.fromkeys(("station", "custodian", "offered_to", "held"), self.station),
            **dict.fromkeys(("method", "proof", "ground"), self._value),
        }
        for param, name in by_param.items():
            value = params.get(param)
            if isinstance(value, str):
                named[param] = name(value) if value else "—"
            elif isinstance(value, tuple | list):
                named[param] = tuple(name(one) if isinstance(one, str) else one for one in value)
        if isinstance(why := params.get("why"), str) and why:
            # A reason within a reason: the values are the inner one's as well.
            inner = {name: one for name, one in params.items() if name != "why"}
            named["why"] = self.words(why, **self.named(inner)).rstrip("。.")
        return named

    def action(self, code: str) -> str:
        """Return the name of an action in the case type."""
        spec = None if self.rules is None else self.rules.case_type.actions.get(code)
        return code if spec is None else self.words.pick(spec.name)

    def state(self, code: str) -> str:
        """Return the name of a state in the case type."""
        name = None if self.rules is None else self.rules.case_type.states.get(code)
        return code if name is None else self.words.pick(name)

    def paper(self, code: str) -> str:
        """Return the name of a material of the item."""
        paper = None if self.rules is None else self.rules.item.materials.get(code)
        return code if paper is None else self.words.pick(paper.name)

    def station(self, number: str) -> str:
        """Return a station by name and number, as far as the registry knows it."""
        known = self.registry.station(StationId(number))
        return number if known is None else f"{known.name} {number}"

    def _one(self, value: Value, *, papers: bool = True) -> str:
        if isinstance(value, bytes):
            return value.hex()[:_SHORT_DIGITS]
        text = shown(str(value))
        if papers and (name := self.paper(text)) != text:
            return name
        return self.station(text) if self.registry.station(StationId(text)) is not None else self._value(text)

    def _value(self, code: str) -> str:
        return value_name(self.words.language, code)
