"""Stations and people as they are typed: by number in any characters, in part, or by name.

What is typed is looked up in the registry only where it is no whole number. What nothing or nobody is found
for stays as it was typed, and the command says that it is not there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import click

from ledger.errors import BanjianError, ConfigError
from ledger.facade import Home, Ledger
from ledger.registry.registry import Registry
from ledger.registry.station import has_subordinates, scope_base
from ledger.typedtime import narrow
from stations.cli.call import Call
from stations.cli.types import StaffType
from stations.office.newkeys import SUFFIX

_BELOW = "/*"


def look_up(
    call: Call, values: Mapping[str, str], types: Mapping[str, click.ParamType[object] | None]
) -> dict[str, str]:
    """Return values of a command, which are no whole numbers, with stations and people by their numbers.

    Raises:
        ConfigError: ``cli.several_meant`` with the choices.
    """
    found = dict(values)
    registry: list[Registry | None] = []
    for name, value in values.items():
        kind = types.get(name)
        if not value or (isinstance(kind, StaffType) and _is_key_here(call, value)):
            continue
        if not registry:
            registry.append(_registry(call))
        if registry[0] is not None:
            meant = _staff if isinstance(kind, StaffType) else _station
            found[name] = meant(registry[0], value, f"--{name.rstrip('_').replace('_', '-')}")
    return found


def _is_key_here(call: Call, value: str) -> bool:
    home = _folder(call)
    return home is not None and (home.keys_dir / f"{value}{SUFFIX}").is_file()


def _folder(call: Call) -> Home | None:
    try:
        return call.home()
    except BanjianError:
        return None


def _registry(call: Call) -> Registry | None:
    """Return the registry held; None where it cannot be read: the command will say why."""
    home = _folder(call)
    if home is None:
        return None
    try:
        with Ledger.open(home, clock=call.app.clock, randomness=call.app.randomness, write=False) as ledger:
            return ledger.knowledge.registry
    except BanjianError:
        return None


def _station(registry: Registry, typed: str, option: str) -> str:
    base, below = str(scope_base(typed)), _BELOW * has_subordinates(typed)
    places = {str(place.station): place.name for place in registry.stations()}
    found = _first_unequivocal(
        option,
        typed,
        places,
        (
            lambda number, _: number == base or number.rpartition("-")[0] == base,
            lambda _, name: _same(name, base),
            lambda _, name: len(base) > 1 and _folded(base) in _folded(name),
        ),
    )
    return typed if found is None else f"{found}{below}"


def _staff(registry: Registry, typed: str, option: str) -> str:
    people = {
        no: name for no, name in registry.names.items() if registry.staff_keys(no) or _registrar(registry, no)
    }
    found = _first_unequivocal(
        option,
        typed,
        people,
        (
            lambda no, _: no == typed,
            lambda no, _: no.casefold() == typed.casefold(),
            lambda _, name: _same(name, typed),
        ),
    )
    return typed if found is None else found


def _registrar(registry: Registry, no: str) -> bool:
    return registry.registrar(no) is not None


def _first_unequivocal(
    option: str,
    typed: str,
    names: Mapping[str, str],
    ways: Iterable[Callable[[str, str], bool]],
) -> str | None:
    """Return the one that is meant in the first way in which any is; None where none is.

    Raises:
        ConfigError: ``cli.several_meant``.
    """
    for way in ways:
        found = [number for number, name in names.items() if way(number, name)]
        if len(found) > 1:
            choices = tuple(f"{names[number]}({number})" for number in found)
            raise ConfigError("cli.several_meant", option=option, value=typed[:60], choices=choices)
        if found:
            return found[0]
    return None


def _same(name: str, typed: str) -> bool:
    return _folded(name) == _folded(typed)


def _folded(text: str) -> str:
    return "".join(narrow(text).split()).casefold()
