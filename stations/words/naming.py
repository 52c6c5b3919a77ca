"""Codes in a message become the words that people use: actions, states, roles, levels, papers, stations.

Errors and reasons carry codes, because they are compared, stored and sent; only here, on the way to a screen,
do they get names. What has no name stays as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType

from ledger.oneline import shown
from ledger.registry.registry import Registry
from ledger.registry.schema import SCHEMAS
from ledger.rules.casetype import CaseType
from ledger.rules.item import Item
from ledger.texts import Message
from ledger.types import StationId
from stations.texts import Say
from stations.words.casenames import value_name
from stations.words.factpaths import FILLED_IN, option_of
from stations.words.fieldnames import field_name


class Names:
    """Names for the values of messages, as far as the surroundings know them.

    Args:
        say: the language.
        case_types: where actions and states have their names; the shipped ones when none are given.
        registry: names of stations; None shows their numbers.
        item: names of papers; None shows their codes.
        acts: acts in words by the first digits with which messages name them; else those digits stand.
    """

    def __init__(
        self,
        say: Say,
        *,
        case_types: tuple[CaseType, ...] = (),
        registry: Registry | None = None,
        item: Item | None = None,
        acts: Mapping[str, str] | None = None,
    ) -> None:
        self._say = say
        self._case_types = case_types
        self._registry = registry
        self._item = item
        self._acts = acts or {}
        self._by_param: Mapping[str, Callable[[str], str]] = {
            "action": self._action,
            "others": self._act,
            "acts": self._act,
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
            "steps": self._step,
            "field": self._field,
            "said": shown,
            "reason": self._reason,
            "clock": self._clock,
            "method": self._value,
            "proof": self._value,
            "ground": self._value,
        }

    def message(self, code: str, params: Mapping[str, object]) -> Message:
        """Return the text of a code with named values."""
        named = {name: self._named(name, value) for name, value in params.items()}
        if isinstance(why := params.get("why"), str) and why:
            # A reason within a reason: the values are the inner one's as well.
            named["why"] = self._reason(why, {name: one for name, one in params.items() if name != "why"})
        action, field, kind = (str(params.get(name, "")) for name in ("action", "field", "kind"))
        if code.startswith("case.facts_") and field:
            named["field"] = self._options(action, field)
        elif code.startswith("registry.field_") and field:
            named["field"] = self._registry_field(action, field)
            named["expected"] = self._expected(str(params.get("expected", "")))
        elif code == "case.proof_unknown" and kind in ("", "None"):
            named["kind"] = "—"
        elif code == "identity.shape" and self._say.has(f"id_kind.{kind}"):
            named["kind"] = self._say(f"id_kind.{kind}")
        role = params.get("whose", "")
        names_field = code in ("identity.hidden", "identity.misplaced", "identity.too_long")
        if names_field and self._say.has(f"person.{role}.{field}"):
            named["field"] = self._say(f"person.{role}.{field}")
        message, whose = self._say.message(code, named), f"whose.{role}"
        return replace(message, what=self._say(whose, text=message.what)) if self._say.has(whose) else message

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

    def _act(self, digits: str) -> str:
        return self._acts.get(digits, digits)

    def _value(self, code: str) -> str:
        return value_name(self._say, code)

    def _clock(self, code: str) -> str:
        return self._say.name(f"clock.{code}", code)

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

    def _step(self, code: str) -> str:
        return self._say.name(f"step.{code}", code)

    def _field(self, code: str) -> str:
        if self._say.page:
            person = f"person.{code}"
            name = self._say(person) if self._say.has(person) else field_name(self._say, "", code)
            return code if name == code.rpartition(".")[2] else name
        if self._say.has(f"person.{code}"):
            return self._say(f"person.{code}")
        return f"{self._say(f'field.{code}')}({code})" if self._say.has(f"field.{code}") else code

    def _options(self, action: str, field: str) -> str:
        """Return the options that fill a field of an action, with its name."""
        specs = [
            case_type.actions[action].facts for case_type in self._types() if action in case_type.actions
        ]
        inner = next((facts[field].fields for facts in specs if field in facts), {})
        if self._say.page and not inner:
            return field_name(self._say, action, field)
        if field in (*FILLED_IN, "item") or not (specs or self._say.has(f"field.{field}")):
            return self._field(field)
        typed = [
            name for name in inner or ("",) if option_of((field, name) if name else (field,)) not in FILLED_IN
        ]
        options = [f"--{option_of((field, name) if name else (field,))}" for name in typed]
        keys = [f"field.{field}.{name}" if name else f"field.{field}" for name in typed]
        names = [self._say(key) for key in keys if self._say.has(key)]
        if self._say.page and names:
            return self._say("list.and").join(names)
        told = self._say("list.open") + self._say("list.and").join(names) + self._say("list.close")
        return self._say("list.and").join(options) + (told if names else "")

    def _registry_field(self, action: str, field: str) -> str:
        schema = SCHEMAS.get(action)
        for known in (*schema.facts, *schema.personal) if schema is not None else ():
            if known.name == field:
                meaning = self._say.pick(known.meaning)
                return meaning if self._say.page else f"{meaning}({field})"
        return self._field(field)

    def _expected(self, pattern: str) -> str:
        """Return in words what the schema writes as ``text (1..64)``; lists of values stay as they are."""
        kind, _, size = pattern.removesuffix(")").partition(" (1..")
        if size and self._say.has(f"expected.{kind}_max"):
            return self._say(f"expected.{kind}_max", size=size)
        return self._say(f"expected.{kind}") if self._say.has(f"expected.{kind}") else pattern

    def _material(self, code: str) -> str:
        paper = None if self._item is None else self._item.materials.get(code)
        return self._say.pick(paper.name) if paper is not None else code

    def _station(self, number: str) -> str:
        known = None if self._registry is None else self._registry.station(StationId(number))
        return f"{known.name}({number})" if known is not None else number

    def _reason(self, code: str, params: Mapping[str, object] = MappingProxyType({})) -> str:
        message = self.message(code, params) if params else self._say.message(code, {})
        return code if message.what == code else message.what.rstrip("。.")
