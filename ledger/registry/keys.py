"""Keys in the registry: how a record is made from an act, what keeps a key out, how a key ends."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

from ledger.errors import BanjianError
from ledger.formats.keys import ED25519, X25519, check_possession, check_public_key, key_id
from ledger.registry.authority import Refusal, Retirement
from ledger.registry.state import KeyRecord, RegistryAct, RegistryState, SetKey
from ledger.types import Facts, LogId, StationId

_X25519_P = 2**255 - 19
_X25519_WEAK = frozenset(
    (
        0,
        1,
        325606250916557431795983626356110631294008115727848805560023387167927233504,
        39382357235489614581723060781553021112529911719440698176882885853963445705823,
        _X25519_P - 1,
    )
)
"""u of the points of small order on Curve25519 and its twist: no secret comes of them.

Source: RFC 7748, section 6.1.
"""


def text_of(facts: Facts, name: str) -> str:
    """Return a text field that the schema has checked; empty when absent."""
    return cast(str, facts.get(name, ""))


def int_of(facts: Facts, name: str) -> int:
    """Return an integer field that the schema has checked; 0 when absent."""
    return cast(int, facts.get(name, 0))


def bytes_of(facts: Facts, name: str) -> bytes:
    """Return a bytes field that the schema has checked; empty when absent."""
    return cast(bytes, facts.get(name, b""))


def new_key(
    act: RegistryAct,
    *,
    kind: str,
    station: StationId,
    staff_no: str = "",
    purpose: str = "",
    grants: frozenset[tuple[str, str]] = frozenset(),
) -> KeyRecord:
    """Return the record of a key that an act enrols; the name comes from the personal body, if held."""
    alg, public_key = text_of(act.facts, "alg"), bytes_of(act.facts, "public_key")
    name = (act.personal or {}).get("name", "")
    return KeyRecord(
        key_id=key_id(alg, public_key),
        alg=alg,
        public_key=public_key,
        kind=kind,
        staff_no=staff_no,
        purpose=purpose,
        station=station,
        name=name if isinstance(name, str) else "",
        grants=grants,
        thread=act.thread,
    )


def retired(record: KeyRecord, act: RegistryAct, position: int) -> SetKey:
    """Return the end of a key, with the log sizes that later sort what it signed into lanes."""
    pairs = cast("list[list[object]]", act.facts["log_sizes"])
    retirement = Retirement(
        position=position,
        act_id=act.act_id,
        reason=text_of(act.facts, "reason"),
        log_sizes=tuple((LogId(cast(bytes, log_id)), cast(int, size)) for log_id, size in pairs),
    )
    return SetKey(record=replace(record, retirement=retirement))


def key_refusal(state: RegistryState, facts: Facts) -> Refusal | None:
    """Return why a key cannot be enrolled: weak, known already, or not shown to be held."""
    alg, public_key = text_of(facts, "alg"), bytes_of(facts, "public_key")
    if alg == X25519:
        u = int.from_bytes(public_key, "little")
        if u >= _X25519_P or u in _X25519_WEAK:
            return Refusal(code="registry.key_weak")
    else:
        try:
            check_public_key(public_key, alg)
        except BanjianError:
            return Refusal(code="registry.key_weak")
    if public_key in state.public_keys:
        return Refusal(code="registry.key_enrolled", params={"key": key_id(alg, public_key)})
    if alg != ED25519:
        return Refusal(code="registry.possession") if "possession" in facts else None
    try:
        check_possession(public_key, bytes_of(facts, "possession"), ledger_id=state.ledger_id)
    except BanjianError:
        return Refusal(code="registry.possession")
    return None
