"""Codes in a message become the words that people use: actions, states, roles, levels, papers, stations.

Errors and reasons carry codes, because they are compared, stored and sent; only here, on the way to a screen,
do they get names. What has no name stays as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ledger.casetype import CaseType
from ledger.item import Item
from ledger.registry import Registry
from ledger.registry_schema import SCHEMAS
from ledger.texts import Message
from ledger.types import StationId
from stations.texts import Say


class Names:
    """Names for the values of messages, as far as the surroundings know them.

    Args:
        say: the language.
        case_types: where actions and states have their names; the shipped ones when none are given.
        registry: names of stations; None shows their numbers.
        item: names of papers; None shows their codes.
    """

    def __init__(
        self,
        say: Say,
        *,
        case_types: tuple[CaseType, ...] = (),
        registry: Registry | None = None,
        item: Item | None = None,
    ) -> None:
        self._say = say
        self._case_types = case_types
        self._registry = registry
        self._item = item
        self._by_param: Mapping[str, Callable[[str], str]] = {
            "action": self._action,
            "others": self._action,
            "status": self._state,
            "state": self._state,
            "role": self._role,
            "roles": self._role,
            "level": self._level,
            "levels": self._level,
            "materials": self._material,
            "missing": self._material,
            "station": self._station,
            "custodian": self._station,
            "offered_to": self._station,
            "held": self._station,
            "field": self._field,
            "why": self._reason,
            "reason": self._reason,
        }

    def message(self, code: str, params: Mapping[str, object]) -> Message:
        """Return the text of a code with named values."""
        return self._say.message(code, {name: self._named(name, value) for name, value in params.items()})

    def _named(self, param: str, value: object) -> object:
        name = self._by_param.get(param)
        if name is None:
            return value
        if isinstance(value, tuple | list):
            return tuple(name(item) if isinstance(item, str) else item for item in value)
        return name(value) if isinstance(value, str) and value else "—" if value == "" else value

    def _types(self) -> tuple[CaseType, ...]:
        if not self._case_types:
            # Reading the shipped types takes some milliseconds; only a message that needs them pays.
            from ledger.data import case_types

            self._case_types = case_types()
        return self._case_types

    def _action(self, code: str) -> str:
        for case_type in self._types():
            spec = case_type.actions.get(code)
            if spec is not None:
                return self._say.pick(spec.name)
        schema = SCHEMAS.get(code)
        return self._say.pick(schema.name) if schema is not None else self._say.name(f"action.{code}", code)

    def _state(self, code: str) -> str:
        for case_type in self._types():
            name = case_type.states.get(code)
            if name is not None:
                return self._say.pick(name)
        return code

    def _role(self, code: str) -> str:
        return self._say(f"role.{code}") if self._say.has(f"role.{code}") else code

    def _level(self, code: str) -> str:
        return self._say(f"level.{code}") if self._say.has(f"level.{code}") else code

    def _field(self, code: str) -> str:
        return f"{self._say(f'field.{code}')}({code})" if self._say.has(f"field.{code}") else code

    def _material(self, code: str) -> str:
        paper = None if self._item is None else self._item.materials.get(code)
        return self._say.pick(paper.name) if paper is not None else code

    def _station(self, number: str) -> str:
        known = None if self._registry is None else self._registry.station(StationId(number))
        return f"{known.name}({number})" if known is not None else number

    def _reason(self, code: str) -> str:
        message = self._say.message(code, {})
        return code if message.what == code or "{" in message.what else message.what.rstrip("。.")
