"""Case types as data: what may be done with a case, by whom, from which state, and which clocks run.

This module reads the published form (``docs/casetypes.md``) into frozen values and checks the facts of an
action against it. What guards and effects mean lies in ``ledger.cases.guards`` and ``ledger.cases.effects``;
whether a case type makes sense as a whole is the linter's question (``ledger.lint.catalogue``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from ledger.errors import DataError
from ledger.rules.factspec import FactSpec, parse_fact_specs
from ledger.rules.published import as_map, bilingual, read_flag, read_text, read_texts
from ledger.types import Bilingual, Value

SAME: Final = "="
"""Target state of an action that leaves the state as it is."""
ANY: Final = "*"
"""Source state that stands for every state of an open case."""
OPENING: Final = ""
"""Source state of an action that opens a case."""

LEGAL_BASES: Final = ("许可", "确认", "给付", "公共服务", "内部", "其他")
WHERES: Final = ("any", "receive_levels", "accept_levels", "decide_level")
CUSTODIES: Final = ("own", "none", "offer", "take", "decline", "recall")
EXPIRIES: Final = ("deemed_accepted", "red", "finding", "lapse_allowed")


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionSpec:
    """One action of a case type.

    ``from_states`` holds state codes, ``ANY`` or ``OPENING``; ``to_state`` a state code or ``SAME``.
    ``second`` is the role of the other person whose countersignature brings the effect, "" for none.
    ``commutes`` means: no conflict with any concurrent action except those in ``conflicts_with``.
    ``complete_to`` is the state once the organ has all of the correction list, "" for no change.
    """

    code: str
    name: Bilingual
    from_states: frozenset[str]
    to_state: str
    by: frozenset[str]
    where: str
    facts: Mapping[str, FactSpec]
    required_facts: tuple[str, ...]
    once: bool
    second: str
    custody: str
    commutes: bool
    conflicts_with: frozenset[str]
    irreversible: bool
    guards: tuple[str, ...]
    effects: tuple[str, ...]
    prints: str
    complete_to: str
    opens: bool
    any_state: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockSpec:
    """One clock of a case type; names in ``start`` … ``extend`` are action codes or derived events.

    Two clocks may share a code when they apply to different legal bases: one clock to the reader, two rules.
    ``amount`` counts units, names a field of the item (``item.legal_days``) or of the starting act's facts
    (``facts.due``); ``applies_to`` lists legal bases, None for all. ``law_en`` says ``law`` in English, or in
    Chinese where the type gives no English. After its end an event of ``restart`` begins the limit anew; one
    of ``go_on`` takes the end back, and what is left of the limit runs on.
    """

    code: str
    name: Bilingual
    start: tuple[str, ...]
    stop: tuple[str, ...]
    restart: tuple[str, ...]
    go_on: tuple[str, ...]
    amount: int | str
    unit: str
    expiry: str
    applies_to: frozenset[str] | None
    pause: tuple[str, ...]
    resume: tuple[str, ...]
    extend: tuple[str, ...]
    extend_amount: int
    law: str
    law_en: str
    local_rule: str
    yellow: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseType:
    """A case type as published: states follow from its actions, clocks only name them."""

    code: str
    name: Bilingual
    states: Mapping[str, Bilingual]
    final_states: frozenset[str]
    actions: Mapping[str, ActionSpec]
    clocks: Mapping[str, ClockSpec]


def parse_case_type(raw: Value) -> CaseType:
    """Read one case type from its published form.

    Raises:
        DataError: ``catalogue.shape`` naming the place and the field that is not as documented.
    """
    data = as_map(raw, where="case_type", field="case_type")
    code = read_text(data, "code", where="case_type")
    common = as_map(data.get("common_facts", {}), where=code, field="common_facts")
    read: dict[str, FactSpec] = {}
    actions = {
        name: _action(name, as_map(spec, where=code, field=name), common, read, where=f"{code}.{name}")
        for name, spec in as_map(data.get("actions"), where=code, field="actions").items()
    }
    clocks = {
        name: _clock(name, as_map(spec, where=code, field=name), where=f"{code}.{name}")
        for name, spec in as_map(data.get("clocks"), where=code, field="clocks").items()
    }
    states = as_map(data.get("states"), where=code, field="states")
    state_names = {name: bilingual(text, where=f"{code}.{name}") for name, text in states.items()}
    return CaseType(
        code=code,
        name=bilingual(data.get("name"), where=code),
        states=MappingProxyType(state_names),
        final_states=frozenset(read_texts(data, "final_states", where=code)),
        actions=MappingProxyType(actions),
        clocks=MappingProxyType(clocks),
    )


def _action(
    code: str,
    raw: Mapping[str, Value],
    common: Mapping[str, Value],
    read: dict[str, FactSpec],
    *,
    where: str,
) -> ActionSpec:
    """Read one action; ``read`` keeps the common facts that were read for another one."""
    from_states = frozenset(read_texts(raw, "from", where=where))
    facts = {**parse_fact_specs(raw.get("facts", {}), where=where)}
    for name, spec in common.items():
        if name not in facts:
            if name not in read:
                read |= parse_fact_specs({name: spec}, where=where)
            facts[name] = read[name]
    second = raw.get("second")
    return ActionSpec(
        code=code,
        name=bilingual(raw.get("name"), where=where),
        from_states=from_states,
        to_state=read_text(raw, "to", where=where),
        by=frozenset(read_texts(raw, "by", where=where)),
        where=read_text(raw, "where", where=where, default="any"),
        facts=MappingProxyType(facts),
        required_facts=tuple(name for name, spec in facts.items() if spec.required),
        once=read_flag(raw, "once", where=where),
        second="" if second is None else read_text(raw, "second", where=where),
        custody=read_text(raw, "custody", where=where, default="own"),
        commutes=read_flag(raw, "commutes", where=where),
        conflicts_with=frozenset(read_texts(raw, "conflicts_with", where=where)),
        irreversible=read_flag(raw, "irreversible", where=where),
        guards=read_texts(raw, "guards", where=where),
        effects=read_texts(raw, "effects", where=where),
        prints=read_text(raw, "prints", where=where, default=""),
        complete_to=read_text(raw, "complete_to", where=where, default=""),
        opens=OPENING in from_states,
        any_state=ANY in from_states,
    )


def _clock(code: str, raw: Mapping[str, Value], *, where: str) -> ClockSpec:
    amount, yellow, applies = raw.get("amount"), raw.get("yellow"), raw.get("applies_to")
    if isinstance(amount, bool) or not isinstance(amount, int | str):
        raise DataError("catalogue.shape", where=where, field="amount")
    if not isinstance(yellow, int | None):
        raise DataError("catalogue.shape", where=where, field="yellow")
    extend_amount = raw.get("extend_amount", 0)
    if not isinstance(extend_amount, int):
        raise DataError("catalogue.shape", where=where, field="extend_amount")
    law = read_text(raw, "law", where=where, default="")
    return ClockSpec(
        code=read_text(raw, "code", where=where, default=code),
        name=bilingual(raw.get("name"), where=where),
        start=read_texts(raw, "start", where=where),
        stop=read_texts(raw, "stop", where=where),
        restart=read_texts(raw, "restart", where=where),
        go_on=read_texts(raw, "go_on", where=where),
        amount=amount,
        unit=read_text(raw, "unit", where=where),
        expiry=read_text(raw, "expiry", where=where),
        applies_to=None if applies is None else frozenset(read_texts(raw, "applies_to", where=where)),
        pause=read_texts(raw, "pause", where=where),
        resume=read_texts(raw, "resume", where=where),
        extend=read_texts(raw, "extend", where=where),
        extend_amount=extend_amount,
        law=law,
        law_en=read_text(raw, "law_en", where=where, default=law),
        local_rule=read_text(raw, "local_rule", where=where, default=""),
        yellow=yellow,
    )
