"""What each registry action would change, or why it changes nothing; pure, one function for each action.

Each effect takes the state before the act, the act (facts already checked against the schema), the record
of the key that signed it and the position at which it would take effect.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType

from ledger.formats.keys import X25519
from ledger.registry.authority import Refusal
from ledger.registry.keys import bytes_of, int_of, key_refusal, new_key, retired, text_of
from ledger.registry.state import (
    Change,
    CloseStation,
    EndCertificates,
    KeyRecord,
    RegistryAct,
    RegistryState,
    SetKey,
    SetStation,
)
from ledger.registry.station import Station, has_subordinates, may_lie_under, scope_base
from ledger.types import KeyId, StationId

EffectOrRefusal = Refusal | tuple[Change, ...]
Effect = Callable[[RegistryState, RegistryAct, KeyRecord, int], EffectOrRefusal]

ROOTS_MIN = 2
"""Root keys that must stay live: with fewer, no root act could ever take effect again."""


def _appoint_registrar(
    state: RegistryState, act: RegistryAct, _actor: KeyRecord, _position: int
) -> EffectOrRefusal:
    staff_no = text_of(act.facts, "staff_no")
    refusal = key_refusal(state, act.facts) or _person_refusal(state, "registrar", staff_no)
    if refusal is not None:
        return refusal
    scope = text_of(act.facts, "scope")
    return (
        SetKey(
            record=new_key(
                act,
                kind="registrar",
                staff_no=staff_no,
                station=scope_base(scope),
                grants=frozenset({("registrar", scope)}),
            )
        ),
    )


def _dismiss_registrar(
    state: RegistryState, act: RegistryAct, _actor: KeyRecord, position: int
) -> EffectOrRefusal:
    record = _live_key(state, KeyId(bytes_of(act.facts, "key_id")))
    if isinstance(record, Refusal):
        return record
    if record.kind != "registrar":
        return Refusal(code="registry.not_registrar_key", params={"key": record.key_id})
    return (retired(record, act, position),)


def _enrol_station(
    state: RegistryState, act: RegistryAct, actor: KeyRecord, _position: int
) -> EffectOrRefusal:
    station = StationId(text_of(act.facts, "station"))
    upstream = StationId(text_of(act.facts, "upstream"))
    level = text_of(act.facts, "level")
    if state.open_station(station) is not None:
        return Refusal(code="registry.station_enrolled", params={"station": station})
    above = state.open_station(upstream) if upstream else None
    if upstream and above is None:
        return Refusal(code="registry.station_unknown", params={"station": upstream})
    if not (_covers(state, actor, station) or (upstream and _covers_below(state, actor, upstream))):
        return Refusal(code="registry.out_of_scope", params={"scope": station})
    if above is None:
        if level != "county" or any(state.tree.open_at(state.size)):
            return Refusal(code="registry.upstream", params={"station": station, "level": level})
    elif not may_lie_under(level, above.level):
        return Refusal(code="registry.upstream", params={"station": station, "level": level})
    enrolled = Station(
        station=station,
        name=text_of(act.facts, "name"),
        level=level,
        upstream=upstream,
        code_system=text_of(act.facts, "code_system"),
    )
    return (SetStation(station=enrolled, thread=act.thread),)


def _close_station(
    state: RegistryState, act: RegistryAct, actor: KeyRecord, _position: int
) -> EffectOrRefusal:
    station = StationId(text_of(act.facts, "station"))
    if state.open_station(station) is None:
        return Refusal(code="registry.station_unknown", params={"station": station})
    if not _covers(state, actor, station):
        return Refusal(code="registry.out_of_scope", params={"scope": station})
    if any(below.upstream == station for below in state.tree.open_at(state.size)):
        return Refusal(code="registry.station_has_subordinates", params={"station": station})
    return (CloseStation(station=station),)


def _end_certificates(
    state: RegistryState, act: RegistryAct, actor: KeyRecord, _position: int
) -> EffectOrRefusal:
    station = StationId(text_of(act.facts, "station"))
    if state.open_station(station) is None:
        return Refusal(code="registry.station_unknown", params={"station": station})
    if not _covers(state, actor, station):
        return Refusal(code="registry.out_of_scope", params={"scope": station})
    return (EndCertificates(station=station, before_ms=int_of(act.facts, "before_ms")),)


def _enrol_staff(state: RegistryState, act: RegistryAct, actor: KeyRecord, _position: int) -> EffectOrRefusal:
    staff_no = text_of(act.facts, "staff_no")
    station = StationId(text_of(act.facts, "station"))
    refusal = (
        _station_refusal(state, actor, station)
        or key_refusal(state, act.facts)
        or _person_refusal(state, "staff", staff_no)
    )
    if refusal is not None:
        return refusal
    record = new_key(act, kind="staff", staff_no=staff_no, station=station)
    if "replaces" in act.facts:
        # Of the person's keys none is live here: that was refused above.
        old = state.key(KeyId(bytes_of(act.facts, "replaces")))
        if old is None or old.kind != "staff" or old.staff_no != staff_no:
            return Refusal(code="registry.replaces", params={"staff_no": staff_no})
        # A registrar of one township must not hand on what only the county could grant.
        for _, scope in sorted(old.grants):
            if not _covers_scope(state, actor, scope):
                return Refusal(code="registry.out_of_scope", params={"scope": scope})
        record = replace(record, grants=old.grants, stand_ins=old.stand_ins)
    return (SetKey(record=record),)


def _grant_role(state: RegistryState, act: RegistryAct, actor: KeyRecord, _position: int) -> EffectOrRefusal:
    role, scope = text_of(act.facts, "role"), text_of(act.facts, "scope")
    record = _live_staff(state, text_of(act.facts, "staff_no"))
    if isinstance(record, Refusal):
        return record
    if state.open_station(scope_base(scope)) is None:
        return Refusal(code="registry.station_unknown", params={"station": scope_base(scope)})
    if not _covers_scope(state, actor, scope):
        return Refusal(code="registry.out_of_scope", params={"scope": scope})
    stand_ins = record.stand_ins
    away = text_of(act.facts, "stand_in_for") if "stand_in_for" in act.facts else ""
    # Two at one counter hold the same role; one more act says that the one stands in for the other.
    if (role, scope) in record.grants and (not away or (role, scope, away) in stand_ins):
        return Refusal(code="registry.role_held", params=_role_params(record, role, scope))
    if away:
        colleague = _live_staff(state, away)
        if isinstance(colleague, Refusal):
            return colleague
        if colleague.staff_no == record.staff_no:
            return Refusal(code="registry.stand_in_self", params={"staff_no": record.staff_no})
        stand_ins |= {(role, scope, colleague.staff_no)}
    return (SetKey(record=replace(record, grants=record.grants | {(role, scope)}, stand_ins=stand_ins)),)


def _end_role(state: RegistryState, act: RegistryAct, actor: KeyRecord, _position: int) -> EffectOrRefusal:
    role, scope = text_of(act.facts, "role"), text_of(act.facts, "scope")
    record = _live_staff(state, text_of(act.facts, "staff_no"))
    if isinstance(record, Refusal):
        return record
    if (role, scope) not in record.grants:
        return Refusal(code="registry.role_not_held", params=_role_params(record, role, scope))
    if not _covers_scope(state, actor, scope):
        return Refusal(code="registry.out_of_scope", params={"scope": scope})
    left = frozenset(item for item in record.stand_ins if item[:2] != (role, scope))
    return (SetKey(record=replace(record, grants=record.grants - {(role, scope)}, stand_ins=left)),)


def _enrol_service(
    state: RegistryState, act: RegistryAct, actor: KeyRecord, _position: int
) -> EffectOrRefusal:
    purpose = text_of(act.facts, "purpose")
    station = StationId(text_of(act.facts, "station"))
    refusal = _station_refusal(state, actor, station) or key_refusal(state, act.facts)
    if refusal is not None:
        return refusal
    if (purpose == "bundle") != (text_of(act.facts, "alg") == X25519):
        return Refusal(code="registry.purpose", params={"purpose": purpose, "alg": text_of(act.facts, "alg")})
    grants = frozenset({("kiosk", str(station))}) if purpose == "kiosk" else frozenset()
    return (SetKey(record=new_key(act, kind="service", purpose=purpose, station=station, grants=grants)),)


def _retire_key(state: RegistryState, act: RegistryAct, actor: KeyRecord, position: int) -> EffectOrRefusal:
    record = _live_key(state, KeyId(bytes_of(act.facts, "key_id")))
    if isinstance(record, Refusal):
        return record
    if record.kind in ("root", "registrar"):
        if actor.kind != "root":
            return Refusal(code="registry.not_root", params={"action": act.action})
        if record.kind == "root" and state.live_roots() <= ROOTS_MIN:
            return Refusal(code="registry.root_last", params={"key": record.key_id})
    elif actor.kind != "registrar":
        return Refusal(code="registry.not_registrar", params={"action": act.action})
    elif not _covers(state, actor, record.station):
        return Refusal(code="registry.out_of_scope", params={"scope": record.station})
    return (retired(record, act, position),)


EFFECTS: Mapping[str, Effect] = MappingProxyType(
    {
        "appoint_registrar": _appoint_registrar,
        "dismiss_registrar": _dismiss_registrar,
        "enrol_station": _enrol_station,
        "close_station": _close_station,
        "end_certificates": _end_certificates,
        "enrol_staff": _enrol_staff,
        "grant_role": _grant_role,
        "end_role": _end_role,
        "enrol_service": _enrol_service,
        "retire_key": _retire_key,
    }
)
"""Effect of every action but ``open_log`` and ``countersign``, which the judge knows by itself."""


def is_root_act(state: RegistryState, act: RegistryAct) -> bool:
    """Tell whether an act needs a second root key: appointments, dismissals, and ends of such keys."""
    if act.action == "retire_key":
        record = state.key(KeyId(bytes_of(act.facts, "key_id")))
        return record is not None and record.kind in ("root", "registrar")
    return act.action in ("appoint_registrar", "dismiss_registrar")


def _person_refusal(state: RegistryState, kind: str, staff_no: str) -> Refusal | None:
    """Return why a person cannot be enrolled: one live key for each staff number and kind."""
    known = state.person(kind, staff_no)
    if known is not None and known.retirement is None:
        return Refusal(code="registry.staff_enrolled", params={"staff_no": staff_no})
    return None


def _station_refusal(state: RegistryState, actor: KeyRecord, station: StationId) -> Refusal | None:
    if state.open_station(station) is None:
        return Refusal(code="registry.station_unknown", params={"station": station})
    if not _covers(state, actor, station):
        return Refusal(code="registry.out_of_scope", params={"scope": station})
    return None


def _live_key(state: RegistryState, wanted: KeyId) -> KeyRecord | Refusal:
    record = state.key(wanted)
    if record is None:
        return Refusal(code="registry.key_unknown", params={"key": wanted})
    if record.retirement is not None:
        return Refusal(code="registry.key_retired", params={"key": wanted})
    return record


def _live_staff(state: RegistryState, staff_no: str) -> KeyRecord | Refusal:
    record = state.person("staff", staff_no)
    if record is None or record.retirement is not None:
        return Refusal(code="registry.staff_unknown", params={"staff_no": staff_no})
    return record


def _role_params(record: KeyRecord, role: str, scope: str) -> dict[str, str | int | bytes | tuple[str, ...]]:
    return {"staff_no": record.staff_no, "role": role, "scope": scope}


def _covers(state: RegistryState, actor: KeyRecord, station: StationId) -> bool:
    """Tell whether a station lies in the registrar's scope, enrolled or not."""
    return any(
        scope_base(scope) == station or state.tree.covers(scope, station, state.tree_version)
        for _, scope in actor.grants
    )


def _covers_below(state: RegistryState, actor: KeyRecord, station: StationId) -> bool:
    """Tell whether everything below a station lies in the registrar's scope."""
    return any(
        has_subordinates(scope) and state.tree.covers(scope, station, state.tree_version)
        for _, scope in actor.grants
    )


def _covers_scope(state: RegistryState, actor: KeyRecord, scope: str) -> bool:
    reach = _covers_below if has_subordinates(scope) else _covers
    return reach(state, actor, scope_base(scope))
