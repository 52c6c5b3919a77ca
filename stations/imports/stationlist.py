"""The list of stations against the registry: which to enrol, which to enrol anew under another name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ledger.registry import actions as registry_actions
from ledger.registry.registry import Registry
from ledger.registry.station import CODE_SYSTEM, COUNTY_DIGITS, Station, may_lie_under
from ledger.types import Bilingual, Facts, StationId
from stations.imports.difference import Change, Difference, Entry, Plan, PlannedAct, plain
from stations.imports.places import Places
from stations.sheetin.columns import SheetList, sheet_list, words
from stations.sheetin.faults import Faults
from stations.sheetin.records import Record, require

MAIN_UNIT = "00"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """One row of the list, understood; ``held`` is the station as the registry has it, open or closed."""

    record: Record
    station: StationId
    name: str
    level: str
    upstream: StationId
    code_system: str
    held: Station | None


def plan_stations(records: Sequence[Record], registry: Registry, faults: Faults) -> Plan:
    """Return what the list changes in the registry; rows that cannot be taken are faults.

    A station that has others below it keeps name, level and upstream: enrolling it anew would need them all
    closed first.
    """
    wanted = sheet_list("stations")
    numbered = _numbered(records, registry, faults)
    held = {station.station: station for station in registry.stations()}
    places = Places.of_stations(held.values())
    for station, record in numbered.items():
        places.add(station, record.text("name") or (held[station].name if station in held else ""))
    rows = []
    for station, record in numbered.items():
        row = _row(record, station, places, registry, faults)
        if row is not None:
            rows.append(row)
    acts: list[PlannedAct] = []
    entries: list[Entry] = []
    unchanged: list[str] = []
    above = {station.upstream for station in held.values()}
    for row in _parents_first(rows, held, faults):
        changes = _changes(row, wanted)
        is_open = row.held is not None and row.held.is_open
        if is_open and not changes:
            unchanged.append(row.station)
            continue
        if is_open and row.station in above:
            faults.add("row.station_above", row.record.place("name"), row.station)
            continue
        if is_open:
            closing = registry_actions.close_station(station=row.station)
            acts.append(_act("close_station", closing, row))
        acts.append(_act("enrol_station", _facts(row), row))
        entries.append(
            Entry(
                kind="changed" if is_open else "new",
                key=row.station,
                name=row.name,
                place=row.record.place(),
                changes=tuple(changes) if is_open else _described(row, wanted),
            )
        )
    absent = tuple(sorted(station for station in held if station not in numbered))
    difference = Difference(entries=tuple(entries), unchanged=tuple(unchanged), absent=absent)
    return Plan(difference=difference, acts=tuple(acts))


def _numbered(records: Sequence[Record], registry: Registry, faults: Faults) -> dict[StationId, Record]:
    """Return the rows by station id; codes of another county and ids that stand twice are faults."""
    county = registry.station_of_log
    found: dict[StationId, Record] = {}
    for record in records:
        division = record.text("division")
        if not division or "unit" in record.broken:
            continue
        base, _, ending = division.partition("-")
        unit = record.text("unit") or ending or MAIN_UNIT
        if ending and unit != ending:
            faults.add("row.unit_other", record.place("unit"), record.shown("unit"), unit=ending)
            continue
        station = StationId(f"{base}-{unit}")
        if station[:COUNTY_DIGITS] != county[:COUNTY_DIGITS]:
            faults.add("row.other_county", record.place("division"), division, county=county[:COUNTY_DIGITS])
        elif station in found:
            first = found[station].place("division").cell
            faults.add("cell.duplicate", record.place("division"), station, other=first)
        else:
            found[station] = record
    return found


def _row(
    record: Record, station: StationId, places: Places, registry: Registry, faults: Faults
) -> _Row | None:
    held = registry.station(station)
    wanted = sheet_list("stations")
    needed = [field for field in ("level",) if held is None or field in record.given]
    if not require(record, needed, wanted, faults):
        return None
    level = record.text("level") or (held.level if held is not None else "")
    upstream = _upstream(record, station, level, places, registry, faults)
    if upstream is None:
        return None
    kept = CODE_SYSTEM if held is None else held.code_system
    return _Row(
        record=record,
        station=station,
        name=record.text("name"),
        level=level,
        upstream=upstream,
        code_system=record.text("code_system") or kept,
        held=held,
    )


def _upstream(
    record: Record, station: StationId, level: str, places: Places, registry: Registry, faults: Faults
) -> StationId | None:
    """Return the station above: as written, as held, or as the code and the level say; None is a fault.

    A station that is closed may be one that an import was about to enrol anew: it keeps what it had, unless
    that is closed itself or cannot stand above the level that it comes back with.
    """
    written = record.text("upstream")
    if written:
        return places.find(written, record.place("upstream"), faults)
    held = registry.station(station)
    above_it = None if held is None else registry.station(held.upstream)
    if held is not None and (
        held.is_open
        or (above_it is not None and held.upstream in places and may_lie_under(level, above_it.level))
    ):
        return held.upstream
    county = registry.station_of_log
    if station == county:
        return StationId("")
    if level in ("county", "township"):
        return county
    above = f"{station[:9]}000" if level == "village" else station[:12]
    guessed = StationId(f"{above}-{MAIN_UNIT}")
    if guessed == station or guessed not in places:
        faults.add("row.upstream", record.place("upstream"), station, expected=guessed)
        return None
    return guessed


def _parents_first(rows: Sequence[_Row], held: Mapping[StationId, Station], faults: Faults) -> list[_Row]:
    """Return the rows so that each station comes after the one above it; circles are faults."""
    waiting = {row.station: row for row in rows}
    ordered: list[_Row] = []
    grown = True
    while waiting and grown:
        ready = [row for row in waiting.values() if row.upstream not in waiting or row.upstream in held]
        grown = bool(ready)
        for row in ready:
            ordered.append(row)
            del waiting[row.station]
    for row in waiting.values():
        faults.add("row.circle", row.record.place("upstream"), row.station)
    return ordered


def _changes(row: _Row, wanted: SheetList) -> list[Change]:
    held = row.held
    if held is None:
        return []
    pairs = (
        ("name", plain(held.name), plain(row.name)),
        ("level", _level(held.level), _level(row.level)),
        ("upstream", plain(held.upstream), plain(row.upstream)),
        ("code_system", plain(held.code_system), plain(row.code_system)),
    )
    return [
        Change(field=wanted.column(field).heading, old=old, new=new)
        for field, old, new in pairs
        if old != new
    ]


def _described(row: _Row, wanted: SheetList) -> tuple[Change, ...]:
    """Return what a new station is enrolled with: the reader sees what was filled in for empty cells."""
    pairs = (("level", _level(row.level)), ("upstream", plain(row.upstream)))
    return tuple(Change(field=wanted.column(field).heading, old=plain(""), new=new) for field, new in pairs)


def _level(level: str) -> Bilingual:
    return words("level").names.get(level, plain(level))


def _facts(row: _Row) -> Facts:
    return registry_actions.enrol_station(
        station=row.station,
        name=row.name,
        level=row.level,
        upstream=row.upstream or None,
        code_system=row.code_system,
    )


def _act(action: str, facts: Facts, row: _Row) -> PlannedAct:
    return PlannedAct(action=action, facts=facts, place=row.record.place("division"), key=row.station)
