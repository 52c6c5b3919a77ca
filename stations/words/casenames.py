"""Names of actions, states and stations: from the case type itself, so that new data needs no new texts."""

from __future__ import annotations

from ledger.cases.shape import CaseAct, CaseState
from ledger.facade import Ledger
from ledger.registry.registry import Registry
from ledger.rules.casetype import CaseType
from ledger.types import StationId
from stations.texts import Say


def action_name(say: Say, case_type: CaseType, action: str) -> str:
    """Return the name of an action in a case type; its text or code when the type has none."""
    spec = case_type.actions.get(action)
    return say.pick(spec.name) if spec is not None else say.name(f"action.{action}")


def state_name(say: Say, case_type: CaseType, state: str) -> str:
    """Return the name of a state in a case type."""
    name = case_type.states.get(state)
    return say.pick(name) if name is not None else say.name(f"state.{state}")


def station_name(registry: Registry, station: str) -> str:
    """Return the name of a station, its number when it is not enrolled."""
    known = registry.station(StationId(station)) if station else None
    return known.name if known is not None else station


def value_name(say: Say, value: str) -> str:
    """Return the name of a value that facts may take; the value itself when it has none."""
    for key in (f"value.{value}", f"role.{value}"):
        if say.has(key):
            return say(key)
    return say.name(f"ground.{value}", value)


def basis_name(say: Say, basis: str) -> str:
    """Return the name of an item's legal basis; the word of the catalogue itself when it is not known."""
    key = f"legal_basis.{basis}"
    return say(key) if say.has(key) else basis


def author_name(say: Say, ledger: Ledger, act: CaseAct) -> str:
    """Return who did something, with the number, and the provisional grant that it rests on, if it does."""
    name = ledger.staff_name(act.actor, act.staff_no)
    if act.staff_no and act.staff_no != name:
        name = f"{name}({act.staff_no})"
    if act.under is None:
        return name
    return say("show.under", who=name, place=station_name(ledger.knowledge.registry, act.under.station))


def person_words(registry: Registry, staff_no: str) -> str:
    """Return a person by name and number, as far as the registry knows a name."""
    name = registry.names.get(staff_no, "")
    return f"{name} {staff_no}" if name and name != staff_no else staff_no


def capacity_words(say: Say, state: CaseState) -> str:
    """Return as whom the station took a case in, and whether the organ has it by now; "" for neither."""
    if not state.capacity:
        return ""
    since = f"capacity.{state.capacity}_received"
    return say(since if state.organ_received and say.has(since) else f"capacity.{state.capacity}")
