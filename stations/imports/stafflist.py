"""The list of staff against the registry: whom to enrol, which roles to grant and end, who is missing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ledger.registry import actions as registry_actions
from ledger.registry.authority import Authority
from ledger.registry.registry import Registry
from ledger.registry.station import has_subordinates, scope_base
from ledger.types import Bilingual, StationId
from stations.imports.difference import EMPTY, Change, Difference, Entry, Kind, Plan, PlannedAct, plain
from stations.imports.places import Places
from stations.imports.requests import FoundRequest
from stations.sheetin.columns import sheet_list, words
from stations.sheetin.faults import Faults, Place
from stations.sheetin.records import Record

Grant = tuple[str, str]
"""Role and scope."""
_ZEROS = re.compile(r"(?<![0-9])0+(?=[0-9])")
_KEY = Bilingual(zh="密钥编号（请打电话核对）", en="Key number (compare by telephone)")
_WITH_BELOW = Bilingual(zh="{place} 含下级", en="{place} and below")


@dataclass(slots=True, kw_only=True)
class _Person:
    """One person of the list: the rows that name her add up."""

    record: Record
    station: StationId
    grants: dict[Grant, Place] = field(default_factory=dict)


def plan_staff(
    records: Sequence[Record], registry: Registry, requests: Mapping[str, FoundRequest], faults: Faults
) -> Plan:
    """Return what the list changes in the registry; rows that cannot be taken are faults.

    People without a key are enrolled with the key of their request; without a request they wait. Roles of
    those who are enrolled become what the list says, except where they stand in for a colleague.
    """
    acts: list[PlannedAct] = []
    entries: list[Entry] = []
    unchanged: list[str] = []
    people = _people(records, registry, faults)
    for staff_no, person in people.items():
        held = registry.staff(staff_no)
        if held is not None:
            changes, changed = _role_acts(staff_no, person, held)
            _compare(staff_no, person, held, registry, requests.get(staff_no), faults)
            acts += changed
            if changes:
                entries.append(_entry("changed", staff_no, person, changes))
            else:
                unchanged.append(staff_no)
            continue
        found = requests.get(staff_no)
        if found is None:
            entries.append(_entry("waiting", staff_no, person, _granted(person.grants)))
            continue
        acts += _enrolment(staff_no, person, found)
        key = Change(field=_KEY, old=EMPTY, new=plain(found.key_id.hex()))
        entries.append(_entry("new", staff_no, person, [key, *_granted(person.grants)]))
    for staff_no, found in requests.items():
        if staff_no not in people and registry.staff(staff_no) is None:
            faults.tell("request.stranger", Place(), found.file, no=staff_no)
    listed = {held.staff_no for held in registry.keys() if held.kind == "staff"}  # noqa: SIM118
    difference = Difference(
        entries=tuple(entries),
        unchanged=tuple(unchanged),
        absent=tuple(sorted(listed - people.keys())),
    )
    return Plan(difference=difference, acts=tuple(acts))


def _people(records: Sequence[Record], registry: Registry, faults: Faults) -> dict[str, _Person]:
    places = Places.of_stations(registry.stations())
    people: dict[str, _Person] = {}
    alike = {_loose(held.staff_no): held.staff_no for held in registry.keys() if held.staff_no}  # noqa: SIM118
    for record in records:
        staff_no = record.text("staff_no")
        written = record.text("station")
        if not staff_no or not written or "name" in record.broken:
            continue
        station = places.find(written, record.place("station"), faults)
        scope = None if station is None else _scope(record, station, places, faults)
        if station is None or scope is None:
            continue
        person = people.get(staff_no)
        if person is None:
            person = people[staff_no] = _Person(record=record, station=station)
            other = alike.setdefault(_loose(staff_no), staff_no)
            if other != staff_no and registry.staff(staff_no) is None:
                faults.tell("row.number_alike", record.place("staff_no"), staff_no, other=other)
        elif record.text("name") != person.record.text("name"):
            faults.add(
                "row.other_person", record.place("name"), record.shown("name"), no=staff_no,
                other=person.record.place("name").cell,
            )  # fmt: skip
            continue
        for role in record.texts("roles"):
            if (role, scope) in person.grants:
                other = person.grants[role, scope].cell
                faults.add("row.role_twice", record.place("roles"), record.shown("roles"), other=other)
            else:
                person.grants[role, scope] = record.place("roles")
    return people


def _loose(staff_no: str) -> str:
    """Return a number as Excel and a hurried hand may leave it: without case and without leading zeros."""
    return _ZEROS.sub("", staff_no.casefold())


def _scope(record: Record, station: StationId, places: Places, faults: Faults) -> str | None:
    written = record.text("scope")
    if written in ("", "own"):
        return station
    if written == "below":
        return f"{station}/*"
    found = places.find(written.removesuffix("/*"), record.place("scope"), faults)
    if found is None:
        return None
    return f"{found}/*" if has_subordinates(written) else found


def _compare(
    staff_no: str,
    person: _Person,
    held: Authority,
    registry: Registry,
    found: FoundRequest | None,
    faults: Faults,
) -> None:
    """Note what an import cannot change in somebody who is enrolled."""
    name = registry.names.get(staff_no, "")
    written = person.record.text("name")
    if name and written and name != written:
        # A number that has passed to somebody else: her roles would go to the holder of the old key.
        faults.add("row.name_held", person.record.place("name"), written, no=staff_no, held=name)
    if person.station != held.station:
        faults.tell(
            "row.station_held", person.record.place("station"), person.station, no=staff_no, held=held.station
        )
    if found is not None and found.key_id != held.key_id:
        faults.tell("request.enrolled", Place(), found.file, no=staff_no)


def _role_acts(staff_no: str, person: _Person, held: Authority) -> tuple[list[Change], list[PlannedAct]]:
    standing_in = {(role, scope) for role, scope, _ in held.stand_ins}
    ended = sorted(held.grants - person.grants.keys() - standing_in)
    granted = [grant for grant in person.grants if grant not in held.grants]
    acts = [
        PlannedAct(
            action="end_role",
            facts=registry_actions.end_role(staff_no=staff_no, role=role, scope=scope),
            place=person.record.place("roles"),
            key=staff_no,
        )
        for role, scope in ended
    ]
    acts += _grants(staff_no, {grant: person.grants[grant] for grant in granted})
    wanted = sheet_list("staff").column("roles").heading
    changes = [Change(field=wanted, old=_grant_name(grant), new=EMPTY) for grant in ended]
    changes += [Change(field=wanted, old=EMPTY, new=_grant_name(grant)) for grant in granted]
    return changes, acts


def _enrolment(staff_no: str, person: _Person, found: FoundRequest) -> list[PlannedAct]:
    facts = registry_actions.enrol_staff(
        staff_no=staff_no,
        station=person.station,
        alg="ed25519",
        public_key=found.request.public_key,
        possession=found.request.possession,
    )
    personal = registry_actions.staff_personal(name=person.record.text("name"))
    enrol = PlannedAct(
        action="enrol_staff",
        facts=facts,
        place=person.record.place("staff_no"),
        key=staff_no,
        personal=personal,
    )
    return [enrol, *_grants(staff_no, person.grants)]


def _grants(staff_no: str, grants: Mapping[Grant, Place]) -> list[PlannedAct]:
    return [
        PlannedAct(
            action="grant_role",
            facts=registry_actions.grant_role(staff_no=staff_no, role=role, scope=scope),
            place=place,
            key=staff_no,
        )
        for (role, scope), place in grants.items()
    ]


def _entry(kind: Kind, staff_no: str, person: _Person, changes: Sequence[Change]) -> Entry:
    return Entry(
        kind=kind,
        key=staff_no,
        name=person.record.text("name"),
        place=person.record.place(),
        changes=tuple(changes),
    )


def _granted(grants: Iterable[Grant]) -> list[Change]:
    heading = sheet_list("staff").column("roles").heading
    return [Change(field=heading, old=EMPTY, new=_grant_name(grant)) for grant in grants]


def _grant_name(grant: Grant) -> Bilingual:
    role, scope = grant
    name = words("role").names.get(role, plain(role))
    place = scope_base(scope)
    if has_subordinates(scope):
        return Bilingual(
            zh=f"{name.zh}@{_WITH_BELOW.zh.format(place=place)}",
            en=f"{name.en}@{_WITH_BELOW.en.format(place=place)}",
        )
    return Bilingual(zh=f"{name.zh}@{place}", en=f"{name.en}@{place}")
