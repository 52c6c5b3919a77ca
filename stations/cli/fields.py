"""Facts as options: the schema of an action in the case type becomes what its command takes.

An action that appears in the catalogue is a command at once. Where several case types have an action of the
same name, its command takes the fields of all; the ledger checks them against the case's own type.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import click

from ledger.cases.guards import LAWFUL_GROUNDS
from ledger.cases.judge import COUNTERSIGN, DECLINE
from ledger.errors import AuthorityError, ConfigError, InputError
from ledger.facade.cases.externals import FIELD as EXTERNAL_NO
from ledger.registry.registry import Registry
from ledger.rules.casetype import ActionSpec, CaseType
from ledger.rules.factspec import FactSpec
from ledger.rules.item import Item
from ledger.typedtime import narrow
from ledger.types import ActId, Facts, StationId, Value
from stations.cli.grammar import Param
from stations.cli.types import (
    DateType,
    MomentType,
    OneOf,
    StaffType,
    StationType,
    TextType,
    WholeNumber,
    on_day_of,
)
from stations.texts import Say
from stations.words.factpaths import FILLED_IN, RARE_FIELDS, STAND_IN, leaves, option_of
from stations.words.factvalues import FREE_TEXTS, scalar, split_list

ABOUT_WAITING = frozenset((COUNTERSIGN, DECLINE))
"""Actions whose ``target`` is an act that waits for a second person."""
_ALL_FIELDS = ("materials", "missing", "originals")
_ALL_WORDS = frozenset(("all", "全部", "所有", "全都"))
_NEXT_PAIR = re.compile(r"[,，、;；](?=\s*[A-Za-z][\w-]*\s*[=\uff1d])")
"""Where the next FIELD=VALUE begins: a comma within a value parts nothing."""
_EQUALS = re.compile(r"[=\uff1d]")


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldOption:
    """One option of an action's command and the place in the facts that it fills.

    Attributes:
        option: ``late-entry-paper-no``.
        path: ``("late_entry", "paper_no")``.
        spec: type and limits; values are those of all case types together.
        required: whether every case type that has the action demands it.
    """

    option: str
    path: tuple[str, ...]
    spec: FactSpec
    required: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionCommand:
    """One action as a command: its name in two languages and its options.

    Attributes:
        code: action code, ``request_correction``.
        specs: the action in each case type that has it, by case type code.
        fields: options in the order of the schema, required ones first.
    """

    code: str
    specs: Mapping[str, ActionSpec]
    fields: tuple[FieldOption, ...]

    @property
    def first(self) -> ActionSpec:
        """Any one of the specs, for names."""
        return next(iter(self.specs.values()))

    @property
    def opens(self) -> bool:
        """Whether the action can open a case."""
        return any(spec.opens for spec in self.specs.values())


def collect_actions(case_types: Iterable[CaseType]) -> dict[str, ActionCommand]:
    """Return the actions of all case types, by code."""
    found: dict[str, dict[str, ActionSpec]] = {}
    for case_type in case_types:
        for code, spec in case_type.actions.items():
            found.setdefault(code, {})[case_type.code] = spec
    return {
        code: ActionCommand(code=code, specs=specs, fields=_merge(list(specs.values())))
        for code, specs in found.items()
    }


def number_params(command: ActionCommand) -> list[Param]:
    """Return the option with which another system's number is noted all the same, where one can be noted."""
    notes = any(field.path[0] in (EXTERNAL_NO, "changes") for field in command.fields)
    return [Param(name="same-number", flag=True, rare=True)] if notes else []


def option_params(command: ActionCommand, say: Say, *, without: Sequence[str] = ()) -> list[Param]:
    """Return the parameters of an action's command; ``without`` names options written by hand."""
    return [
        Param(
            name=field.option,
            type=StaffType() if field.path[-1] == STAND_IN else _param_type(field.spec, say),
            flag=field.spec.type == "bool",
            many=field.spec.type in ("list", "fields"),
            help=_help(field, say, action=command.code),
            rare=field.path[0] in RARE_FIELDS,
        )
        for field in command.fields
        if field.option not in (*without, *FILLED_IN)
    ]


def read_facts(
    command: ActionCommand,
    values: Mapping[str, object],
    *,
    now_ms: int,
    acts: Sequence[ActId] = (),
    item: Item | None = None,
) -> Facts:
    """Return the facts that the given options say; what was not given is left out.

    Args:
        command: the action.
        values: parsed options by Python name.
        now_ms: the day that a time of day alone means.
        acts: acts of the case, so that the beginning of an id is enough.
        item: whose materials are named: a name that holds a comma itself stays whole.

    Raises:
        ConfigError: ``cli.act``, ``cli.hex``, ``cli.pair``.
    """
    facts: Facts = {}
    whole = names_of_materials(item).keys() if item is not None else ()
    for field in command.fields:
        given = values.get(field.option.replace("-", "_"))
        if given is None or given is False or given == ():
            continue
        value = _value(field, given, now_ms=now_ms, acts=acts, whole=whole)
        place = facts
        for name in field.path[:-1]:
            inner = place.setdefault(name, {})
            if isinstance(inner, dict):
                place = inner
        place[field.path[-1]] = value
    return facts


def name_materials(facts: Facts, item: Item) -> None:
    """Turn names of materials, proofs and grounds into their codes; ``all`` in ``materials`` means every one.

    Raises:
        InputError: ``cli.material`` for a word in a list of materials that the item does not know: on a slip,
            a typing error would stand as a paper that was handed in.
    """
    codes = names_of_materials(item)
    proofs: dict[str, str] = {}
    for code, kind in item.proofs.items():
        short = kind.name.zh.partition("（")[0]
        proofs.update({kind.name.zh: code, kind.name.en: code, short: code})
    kind_of_proof = facts.get("proof_kind")
    if isinstance(kind_of_proof, str):
        facts["proof_kind"] = proofs.get(kind_of_proof, kind_of_proof)
    ground = facts.get("ground")
    if isinstance(ground, str):
        facts["ground"] = _lawful_grounds().get(ground, ground)
    for name, value in facts.items():
        if not isinstance(value, list):
            continue
        if name in _ALL_FIELDS and len(value) == 1 and str(value[0]).casefold() in _ALL_WORDS:
            facts[name] = list(item.materials)
        else:
            facts[name] = [codes.get(word, word) if isinstance(word, str) else word for word in value]
        if name in _ALL_FIELDS:
            _only_known(facts[name], item)


def names_of_materials(item: Item) -> dict[str, str]:
    """Return the codes of an item's materials by their names in both languages."""
    return {name: code for code, paper in item.materials.items() for name in (paper.name.zh, paper.name.en)}


def known_stations(command: ActionCommand, facts: Facts, registry: Registry) -> None:
    """Refuse a station that the registry does not know: a case handed to it would wait there for ever.

    Raises:
        AuthorityError: ``registry.station_unknown``.
    """
    for field in command.fields:
        value = facts.get(field.path[0])
        if field.spec.type != "station" or len(field.path) > 1 or not isinstance(value, str):
            continue
        if registry.station(StationId(value)) is None:
            raise AuthorityError("registry.station_unknown", station=value[:40])


def _lawful_grounds() -> dict[str, str]:
    """Return the codes of the lawful grounds of a suspension by their names. Source: 行政许可法 Art. 45."""
    return {
        say.name(f"ground.{code}"): code
        for say in (Say(language="zh"), Say(language="en"))
        for code in LAWFUL_GROUNDS
    }


def _only_known(words: Value, item: Item) -> None:
    for word in words if isinstance(words, list) else []:
        if item.materials and isinstance(word, str) and word not in item.materials:
            choices = tuple(paper.name.zh for paper in item.materials.values())
            raise InputError("cli.material", value=word[:60], choices=choices)


def _pairs(given: Sequence[object], option: str) -> Facts:
    pairs: Facts = {}
    for text in (part for one in given for part in _NEXT_PAIR.split(str(one))):
        parts = _EQUALS.split(text, maxsplit=1)
        name = narrow(parts[0]).strip().replace("-", "_")
        if len(parts) != 2 or not name or name in pairs:
            raise ConfigError("cli.pair", option=option, value=text[:80])
        pairs[name] = parts[1].strip()
    return pairs


def _merge(specs: Sequence[ActionSpec]) -> tuple[FieldOption, ...]:
    merged: dict[tuple[str, ...], FieldOption] = {}
    for spec in specs:
        for path, fact, required in leaves(spec.facts):
            known = merged.get(path)
            if known is not None:
                fact = _joined(known.spec, fact)
                required = required and known.required
            # The command finds what waits by itself.
            required = required and not (spec.code in ABOUT_WAITING and path == ("target",))
            merged[path] = FieldOption(option=option_of(path), path=path, spec=fact, required=required)
    everywhere = [path for path in merged if all(_has(spec.facts, path) for spec in specs)]
    options = [field if field.path in everywhere else _optional(field) for field in merged.values()]
    return tuple(sorted(options, key=lambda field: not field.required))


def _has(facts: Mapping[str, FactSpec], path: tuple[str, ...]) -> bool:
    spec = facts.get(path[0])
    if spec is None:
        return False
    return len(path) == 1 or _has(spec.fields, path[1:])


def _optional(field: FieldOption) -> FieldOption:
    return FieldOption(option=field.option, path=field.path, spec=field.spec, required=False)


def _joined(one: FactSpec, other: FactSpec) -> FactSpec:
    if one.type != other.type or one.of != other.of:
        return FactSpec(type="text")
    return FactSpec(type=one.type, values=one.values | other.values, of=one.of)


def _param_type(spec: FactSpec, say: Say) -> click.ParamType[object] | None:
    if spec.type == "enum":
        complete = all(say.has(f"value.{value}") for value in spec.values)
        return OneOf(sorted(spec.values), name="CODE" if complete else "")
    if spec.type == "int":
        return WholeNumber()
    if spec.type == "date":
        return DateType()
    if spec.type == "ms":
        return MomentType()
    if spec.type == "station":
        return StationType()
    kind = TextType()
    kind.name = {
        "act": "ACT",
        "bytes": "FILE|HEX",
        "list": "TEXT",
        "fields": "FIELD=VALUE",
    }.get(spec.type, "TEXT")
    return kind


def _help(field: FieldOption, say: Say, *, action: str) -> str:
    path = ".".join(field.path)
    keys = (f"field.{action}.{path}", f"field.{path}", f"field.{field.path[-1]}")
    words = say(next((key for key in keys if say.has(key)), keys[-1]))
    if words.startswith("field."):
        words = field.path[-1]
    values = [value for value in sorted(field.spec.values) if say.has(f"value.{value}")]
    if values:
        words += say("list.open") + say("list.and").join(
            f"{value} {say(f'value.{value}')}" for value in values
        )
        words += say("list.close")
    if field.path[-1] in FREE_TEXTS:
        words += say("list.each")
    elif field.spec.type in ("list", "fields"):
        words += say("list.many_fields" if field.spec.type == "fields" else "list.many")
    return f"* {words}" if field.required else words


def _value(
    field: FieldOption, given: object, *, now_ms: int, acts: Sequence[ActId], whole: Collection[str]
) -> Value:
    kind, option = field.spec.type, f"--{field.option}"
    if kind == "fields" and isinstance(given, tuple):
        return _pairs(given, option)
    if kind == "list" and isinstance(given, tuple):
        return [
            scalar(field.spec.of, word, option, acts=acts)
            for text in given
            for word in split_list(field.path[-1], str(text), whole=whole)
        ]
    if isinstance(given, bool):
        return given
    if isinstance(given, int):
        return on_day_of(given, now_ms) if kind == "ms" else given
    if isinstance(given, date):
        return given.isoformat()
    return scalar(kind, str(given), option, acts=acts)
