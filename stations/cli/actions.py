"""Every action of the case types as a command: ``banjian ACTION CASE``; an opening action needs no case.

Nothing here knows a single action, but for one comfort: who countersigns or declines need not name the act
that waits.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from ledger.cases.shape import CaseState
from ledger.cases.waiting import candidates
from ledger.data import case_types as shipped_case_types
from ledger.errors import BanjianError, ConfigError, RuleError
from ledger.facade import Command, Home, Ledger
from ledger.facade.opened.soundness import require_rules
from ledger.rules.casetype import CaseType
from ledger.rules.catalogue import Rules
from ledger.types import ActId, CaseId, Facts
from stations.cli.amending import AMEND, amended_personal
from stations.cli.call import App, Call
from stations.cli.done import show_done
from stations.cli.fields import (
    ABOUT_WAITING,
    ActionCommand,
    collect_actions,
    known_stations,
    name_materials,
    number_params,
    option_params,
    read_facts,
)
from stations.cli.grammar import Param, Spec
from stations.cli.keyring import signing_key
from stations.cli.personal import personal_params, read_personal
from stations.cli.receive import find_item
from stations.cli.session import desk, station_for
from stations.cli.types import MomentType, claimed_ms
from stations.texts import Say
from stations.words.factvalues import type_changes


def action_specs(say: Say, case_types: Iterable[CaseType], taken: frozenset[str]) -> list[Spec]:
    """Return a command for each action of the case types; ``taken`` names are written by hand elsewhere."""
    specs = []
    order = {code: rank for rank, code in enumerate(collect_actions(shipped_case_types()))}
    found = collect_actions(case_types)
    for code, command in sorted(found.items(), key=lambda pair: order.get(pair[0], len(order))):
        name = code.replace("_", "-")
        if name not in taken:
            specs.append(_spec(command, name, say))
    return specs


def known_case_types(folder: Path | None, app: App) -> list[CaseType]:
    """Return the case types of a ledger, those that ship with the product where there is none.

    Before the first download none has come: the commands are there, and say what is to be done.
    """
    if folder is not None and Home(folder).exists:
        try:
            with Ledger.open(Home(folder), clock=app.clock, randomness=app.randomness, write=False) as ledger:
                catalogue = ledger.knowledge.catalogue
                # Where the ledger's own are lost, the command is to say so itself, and not to be unknown.
                require_rules(ledger.parts)
                found = list(catalogue.case_types(catalogue.size).values())
                return found if ledger.knowledge.registry.size else list(shipped_case_types())
        except BanjianError:
            # The command itself will meet the same fault and report it; help must not fail because of it.
            return list(shipped_case_types())
    return list(shipped_case_types())


def act_on_case(call: Call, command: ActionCommand, case: str | None, values: Mapping[str, object]) -> int:
    """Perform one action and show what it did."""
    signer = signing_key(call)
    now_ms = call.app.clock.now_ms()
    with desk(call) as at:
        case_id = at.ledger.resolve(case) if case else None
        if case_id is None and not command.opens:
            raise ConfigError("cli.missing", option="CASE", command=f"banjian {call.command}")
        station = station_for(call, at.ledger, signer.key_id)
        facts = _facts(at.ledger, command, case_id, values, now_ms=now_ms)
        known_stations(command, facts, at.ledger.knowledge.registry)
        if command.code == AMEND and case_id is not None:
            page = at.ledger.case(case_id, now_ms=now_ms)
            personal = amended_personal(page, facts, values)
        else:
            personal = read_personal(values)
        done = at.perform(
            Command(
                action=command.code,
                station=station,
                case=case_id,
                facts=facts,
                personal=personal,
                occurred_at_ms=claimed_ms(values.get("at"), now_ms),
                same_number=bool(values.get("same_number")),
            ),
            signer,
        )
        page = show_done(call, at.ledger, done, action=command.code, actor=signer.key_id, station=station)
    return 0 if page.kept_only(done.act_id) is None else 1


def _spec(command: ActionCommand, name: str, say: Say) -> Spec:
    params = [Param(name="CASE", required=not command.opens)]
    fields = option_params(command, say)
    used = {param.name for param in fields}
    params += fields
    people = personal_params(opening=command.opens or command.code == AMEND)
    params += [param for param in people if param.name not in used]
    params.append(Param(name="at", type=MomentType(), rare=True))
    params += number_params(command)

    def run(call: Call, *, case: str | None, **values: object) -> int:
        return act_on_case(call, command, case, values)

    first = command.first
    words = say.pick(first.name)
    needed = sorted({spec.second for spec in command.specs.values() if spec.second})
    if needed:
        words += say("action.second", roles=say("list.and").join(say(f"role.{role}") for role in needed))
    return Spec(
        path=(name,),
        run=run,
        params=params,
        signs=True,
        help=words,
        group="counter" if command.opens else "case",
    )


def _facts(
    ledger: Ledger,
    command: ActionCommand,
    case_id: CaseId | None,
    values: Mapping[str, object],
    *,
    now_ms: int,
) -> Facts:
    if case_id is None:
        named = values.get("item")
        wanted = find_item(ledger, named) if isinstance(named, str) else None
        facts = read_facts(command, values, now_ms=now_ms, item=wanted)
        if wanted is not None:
            facts["item"] = wanted.base_code
            name_materials(facts, wanted)
        return facts
    state, rules = ledger.state(case_id)
    acts = [step.act.act_id for step in state.steps]
    facts = read_facts(command, values, now_ms=now_ms, acts=acts, item=rules.item)
    spec = rules.case_type.actions.get(command.code)
    if spec is not None and "item" in spec.facts:
        # The case says which item it is; another one is refused by its own reason.
        facts.setdefault("item", rules.item.base_code)
        if isinstance(facts["item"], str) and facts["item"] != rules.item.base_code:
            facts["item"] = find_item(ledger, facts["item"]).base_code
    name_materials(facts, rules.item)
    if command.code in ABOUT_WAITING and "target" not in facts:
        facts["target"] = _the_one_that_waits(state, rules, command.code, now_ms)
    changes = facts.get("changes")
    if changes is not None:
        amended = next((step.action for step in state.steps if step.act.act_id == facts.get("target")), "")
        shape = rules.case_type.actions.get(amended)
        fields = {} if shape is None else shape.facts
        facts["changes"] = type_changes(changes, fields, action=amended, acts=acts)
    return facts


def _the_one_that_waits(state: CaseState, rules: Rules, action: str, now_ms: int) -> ActId:
    """Return the act that is meant, so that nobody copies 64 digits at the counter; of several one chooses.

    Raises:
        RuleError: ``case.nothing_pending``, ``cli.pending``.
    """
    meant = candidates(state, rules, action, now_ms)
    if not meant:
        raise RuleError("case.nothing_pending")
    if len(meant) != 1:
        raise RuleError("cli.pending", count=len(meant))
    return meant[0]
