"""Facts as a form: the schema of an action in the case type becomes fields, and what was typed facts.

An action that appears in the catalogue has its form at once. The same schema makes the options of the command
line (``stations.cli.fields``); here each type has the control that a counter wants for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime

from ledger.cases.guards import LAWFUL_GROUNDS
from ledger.cases.judge import ADJUDICATE
from ledger.cases.sense import LEAST, LINE_CHARS_MAX
from ledger.errors import BanjianError, InputError
from ledger.rules.casetype import ActionSpec
from ledger.rules.factspec import MS_MAX, TEXT_CHARS_MAX, FactSpec, value_fits
from ledger.rules.item import Item
from ledger.types import Facts, Value
from stations.texts import Say
from stations.words.casenames import value_name
from stations.words.factpaths import RARE_FIELDS, STAND_IN, leaves
from stations.words.fieldnames import field_name
from stations.words.moments import CHINA

PREFIX = "f."
"""What the names of fields of facts begin with in a form."""
EVIDENCE_FIELD = f"{PREFIX}evidence"
"""The control of what an act rests on: the hash of the first file attached, so that nobody types one."""
FILLED_IN = frozenset(("item", "number", "token_hash", "late_entry.entered_on", "waived"))
"""Facts that nobody types: the ledger or the page fills them in."""
EVIDENCE = frozenset(("evidence", "evidence_paper"))
"""One of the two is given; neither alone is required."""
MATERIAL_LISTS = frozenset(("materials", "missing", "originals", "absent", "commitments", "manifest"))
"""Lists whose elements are materials of the item."""
TRUE = ("on", "true", "1")
"""What a form says of a box that is ticked."""
Choice = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One control of a form.

    Attributes:
        name: of the control: ``f.late_entry.paper_no``.
        control: text, long, number, check, date, moment, choose, tick, lines, file.
        choices: (value, words) of what can be chosen or ticked.
        most: most characters of a text, or the largest number; 0 for no limit of its own.
        least: the smallest number.
        rare: whether it stands behind "more".
        given: what was typed before, for a form that is shown again.
        wrong: whether it is the one that was refused.
    """

    name: str
    path: tuple[str, ...]
    control: str
    label: str
    required: bool
    choices: Sequence[Choice] = ()
    most: int = 0
    least: int = 0
    rare: bool = False
    given: Sequence[str] = field(default=())
    wrong: bool = False

    @property
    def filled(self) -> bool:
        """Whether anything was typed or chosen."""
        return any(text.strip() for text in self.given)


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What the choices of a form come from.

    Attributes:
        stations: stations that a case can be handed to.
        acts: acts of the case, the newest first.
        disputed: acts of its open conflicts, the oldest first: those that an adjudication rules on.
        stand_ins: colleagues stood in for, by the dotted path of the field; without one it is left out.
    """

    item: Item
    stations: Sequence[Choice] = ()
    acts: Sequence[Choice] = ()
    disputed: Sequence[Choice] = ()
    stand_ins: Mapping[str, Sequence[Choice]] = field(default_factory=dict)


def fields_of(
    spec: ActionSpec,
    say: Say,
    around: Surroundings,
    given: Mapping[str, Sequence[str]],
    *,
    error: BanjianError | None = None,
) -> list[Field]:
    """Return the controls of an action's form, required ones first, rare ones last.

    Args:
        spec: the action.
        say: the language of the names.
        around: what the choices come from.
        given: what was typed before.
        error: what was refused; the field that it names is marked.
    """
    wrong = _refused(error)
    fields = [
        replace(
            _field(spec.code, path, fact, required, say, around, given),
            wrong=not wrong.isdisjoint((path[0], ".".join(path))),
        )
        for path, fact, required in leaves(spec.facts)
        if ".".join(path) not in FILLED_IN
        and (path[-1] != "proof_kind" or around.item.proofs)
        and (path[-1] != STAND_IN or around.stand_ins.get(".".join(path)))
    ]
    return sorted(fields, key=lambda one: (one.rare, not one.required, one.path[0] not in EVIDENCE))


def _refused(error: BanjianError | None) -> frozenset[str]:
    """Return the fields that an error is about."""
    if error is None:
        return frozenset()
    return EVIDENCE if error.code == "case.no_evidence" else frozenset((str(error.params.get("field", "")),))


def read_form(spec: ActionSpec, form: Mapping[str, Sequence[str]], *, whole: bool = True) -> Facts:
    """Return the facts that a form says; what was left empty is left out.

    Args:
        spec: the action.
        form: the form.
        whole: whether nothing is added to a group of fields; else ``require_whole`` is for whoever adds it.

    Raises:
        InputError: ``web.number``, ``web.date``, ``web.choice``, ``case.facts_missing`` or
            ``case.facts_value`` naming the field; ``web.number_range`` naming what it may be.
    """
    facts: Facts = {}
    for path, fact, _ in leaves(spec.facts):
        texts = [text.strip() for text in form.get(PREFIX + ".".join(path), []) if text.strip()]
        if not texts or ".".join(path) in FILLED_IN:
            continue
        value = _value(fact, texts, path)
        if value is None:
            continue
        place = facts
        for name in path[:-1]:
            inner = place.setdefault(name, {})
            if isinstance(inner, dict):
                place = inner
        place[path[-1]] = value
    if whole:
        require_whole(spec, facts)
    return facts


def require_known(spec: ActionSpec, form: Mapping[str, Sequence[str]]) -> None:
    """Refuse what ``read_form`` would leave out of what a program says; a page sends what its form has.

    Raises:
        InputError: ``web.api_field`` naming a field that the action has not, that the ledger fills in, or
            that is of another type.
    """
    known = {".".join(path): fact for path, fact, _ in leaves(spec.facts) if ".".join(path) not in FILLED_IN}
    for name, texts in form.items():
        if not name.startswith(PREFIX):
            continue
        fact = known.get(name.removeprefix(PREFIX))
        several = len(texts) > 1 and fact is not None and fact.type not in ("list", "fields")
        no_truth = fact is not None and fact.type == "bool" and any(one not in TRUE for one in texts)
        if fact is None or several or no_truth:
            raise InputError("web.api_field", field=f"facts.{name.removeprefix(PREFIX)}"[:60])


def require_whole(spec: ActionSpec, facts: Facts) -> None:
    """Refuse a group of fields of which one is missing or wrong by that field; the ledger names the group.

    Raises:
        InputError: ``case.facts_missing``, ``case.facts_value``.
    """
    for path, fact, _ in leaves(spec.facts):
        name, group = ".".join(path), facts.get(path[0])
        if len(path) == 1 or path[0] == "changes" or name in FILLED_IN or not isinstance(group, dict):
            continue
        value = group.get(path[-1])
        if value is None and fact.required:
            raise InputError("case.facts_missing", action=spec.code, field=name)
        if value is not None and not value_fits(fact, value):
            raise InputError("case.facts_value", action=spec.code, field=name)


def _field(
    action: str,
    path: tuple[str, ...],
    fact: FactSpec,
    required: bool,
    say: Say,
    around: Surroundings,
    given: Mapping[str, Sequence[str]],
) -> Field:
    control, choices = _control(action, path, fact, say, around)
    name = PREFIX + ".".join(path)
    return Field(
        name=name,
        path=path,
        control=control,
        label=field_name(say, action, ".".join(path)),
        # An item of proofs is received for one of them; what an amendment leaves as it is stays empty.
        required=required or (path == ("proof_kind",) and bool(around.item.proofs)),
        choices=choices,
        most=fact.max or 0,
        least=LEAST.get(".".join(path), 0),
        rare=path[0] in RARE_FIELDS,
        given=tuple(given.get(name, ())),
    )


def _control(
    action: str, path: tuple[str, ...], fact: FactSpec, say: Say, around: Surroundings
) -> tuple[str, Sequence[Choice]]:
    match fact.type:
        case "enum":
            return "choose", [(value, value_name(say, value)) for value in sorted(fact.values)]
        case "station":
            return "choose", around.stations
        case "act":
            return "choose", around.acts
        case "list" if path[-1] in MATERIAL_LISTS and around.item.materials:
            return "tick", [(code, say.pick(paper.name)) for code, paper in around.item.materials.items()]
        case "list" if fact.of == "act":
            return "tick", around.disputed if action == ADJUDICATE else around.acts
        case "list" | "fields":
            return "lines", ()
        case "bool":
            return "check", ()
        case "int":
            return "number", ()
        case "date":
            return "date", ()
        case "ms":
            return "moment", ()
        case "bytes" if path[-1] != "token":
            return "file", ()
    if (action, path) == ("suspend", ("ground",)):
        return "choose", [(code, value_name(say, code)) for code in sorted(LAWFUL_GROUNDS)]
    if path[-1] == STAND_IN:
        return "choose", around.stand_ins.get(".".join(path), ())
    if path[-1] == "proof_kind" and around.item.proofs:
        return "choose", [(code, say.pick(kind.name)) for code, kind in around.item.proofs.items()]
    return ("long" if (fact.max or TEXT_CHARS_MAX) > LINE_CHARS_MAX else "text"), ()


def _value(fact: FactSpec, texts: Sequence[str], path: tuple[str, ...]) -> Value | None:
    text = texts[0]
    match fact.type:
        case "bool":
            return True if text in TRUE else None
        case "int":
            if not text.isdecimal() or len(text) > 15:
                raise InputError("web.number", field=".".join(path), value=text[:40])
            least, most = LEAST.get(".".join(path), 0), fact.max or MS_MAX
            if not least <= int(text) <= most:
                raise InputError("web.number_range", field=".".join(path), value=text, least=least, most=most)
            return int(text)
        case "date":
            return _day(text, path).isoformat()
        case "ms":
            return moment_ms(text, ".".join(path))
        case "act":
            return _hex(text, path)
        case "bytes":
            return "".join(text.split()).upper().encode("utf-8") if path[-1] == "token" else _hex(text, path)
        case "list":
            return _members(FactSpec(type=fact.of), texts, path)
        case "fields":
            pairs = (line.partition("=") for line in _lines(texts))
            return {name.strip(): value.strip() for name, separator, value in pairs if separator}
    return text


def _members(element: FactSpec, texts: Sequence[str], path: tuple[str, ...]) -> list[Value]:
    members = (_value(element, (line,), path) for line in _lines(texts))
    return [one for one in members if one is not None]


def _lines(texts: Iterable[str]) -> list[str]:
    return [line.strip() for text in texts for line in text.splitlines() if line.strip()]


def _day(text: str, path: tuple[str, ...]) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise InputError("web.date", field=".".join(path), value=text[:40]) from error


def moment_ms(text: str, name: str) -> int:
    """Return the milliseconds of a moment as a browser sends it, in China time: ``2026-02-13T09:30``.

    Raises:
        InputError: ``web.date``.
    """
    try:
        return int(datetime.fromisoformat(text).replace(tzinfo=CHINA).timestamp() * 1000)
    except ValueError as error:
        raise InputError("web.date", field=name, value=text[:40]) from error


def _hex(text: str, path: tuple[str, ...]) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError as error:
        raise InputError("web.choice", field=".".join(path), value=text[:40]) from error
