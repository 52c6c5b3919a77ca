"""People as lists and pages show them: number, name, where, which roles, standing in for whom, key."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ledger.registry.authority import Authority
from ledger.registry.registry import Registry
from ledger.registry.station import has_subordinates, scope_base
from ledger.types import StationId
from stations.texts import Say
from stations.words.casenames import station_name


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantLine:
    """One role of a person.

    Attributes:
        role: code.
        scope: as it was granted: what ending it must name.
        where: the scope in words.
        stands_in_for: names of the colleagues for whom the person stands in with it.
    """

    role: str
    scope: str
    where: str
    stands_in_for: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonLine:
    """Somebody with a live key; with ``ended``, one whose last key was retired."""

    no: str
    name: str
    kind: str
    station: StationId
    place: str
    grants: Sequence[GrantLine]
    key: str
    ended: bool = False


def person_lines(say: Say, registry: Registry) -> list[PersonLine]:
    """Return everybody with a live key of staff or registrar, registrars first, then by number."""
    people = [held for held in registry.keys() if held.kind in ("staff", "registrar")]  # noqa: SIM118
    people.sort(key=lambda held: (held.kind != "registrar", held.staff_no))
    return [person_line(say, registry, held) for held in people]


def former_lines(say: Say, registry: Registry) -> list[PersonLine]:
    """Return everybody whose keys were all retired, by number: their cases may lie about still."""
    live = {held.staff_no for held in registry.keys()}  # noqa: SIM118
    found: dict[str, Authority] = {}
    for key, retirement in registry.retirements().items():
        was = registry.authority(key, size=retirement.position - 1)
        if was is not None and was.kind in ("staff", "registrar") and was.staff_no not in live:
            found[was.staff_no] = was
    return [replace(person_line(say, registry, was), ended=True) for _, was in sorted(found.items())]


def person_line(say: Say, registry: Registry, held: Authority) -> PersonLine:
    """Return one person."""
    return PersonLine(
        no=held.staff_no,
        name=registry.names.get(held.staff_no, ""),
        kind=held.kind,
        station=held.station,
        place=station_name(registry, held.station),
        grants=[
            GrantLine(
                role=role,
                scope=scope,
                where=scope_words(say, registry, scope),
                stands_in_for=[
                    registry.names.get(no, no)
                    for one, where, no in sorted(held.stand_ins)
                    if (one, where) == (role, scope)
                ],
            )
            for role, scope in sorted(held.grants)
        ],
        key=held.key_id.hex(),
    )


def scope_words(say: Say, registry: Registry, scope: str) -> str:
    """Return a scope in words: the station's name, with or without those below it."""
    name = station_name(registry, scope_base(scope))
    return say("web.scope_below", place=name) if has_subordinates(scope) else name


def scope_choices(say: Say, registry: Registry) -> list[tuple[str, str]]:
    """Return the scopes that a role can be granted for, with their words."""
    found = []
    for place in registry.stations():
        found.append((str(place.station), f"{place.name} {place.station}"))
        if any(other.upstream == place.station for other in registry.stations()):
            found.append((f"{place.station}/*", say("web.scope_below", place=place.name)))
    return found


def grant_words(say: Say, line: PersonLine) -> str:
    """Return all roles of a person in one line, for a cell of a sheet."""
    words = []
    for one in line.grants:
        text = f"{say(f'role.{one.role}')}@{one.where}"
        if one.stands_in_for:
            text += say("web.stands_in", who=say("list.and").join(one.stands_in_for))
        words.append(text)
    return "；".join(words)
