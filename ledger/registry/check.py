"""Whether the facts of a registry act fit their action; one answer for the author and for every reader."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType

from ledger.limits import INT_MAX
from ledger.registry.authority import Refusal
from ledger.registry.schema import SCHEMAS, Field
from ledger.registry.station import is_scope
from ledger.stationid import is_station_id
from ledger.types import Value

_STAFF_NO = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,31}")
_NOT_PRINTED = re.compile(r"[\x00-\x1f\x7f]")
_SALT = "salt"


def is_staff_no(text: str) -> bool:
    """Tell whether a text has the shape of a staff number: up to 32 letters, digits, dots and hyphens."""
    return _STAFF_NO.fullmatch(text) is not None


def check_facts(action: str, facts: Mapping[str, Value]) -> Refusal | None:
    """Return why the facts do not fit their action, or None.

    The salt that every body carries is passed over.
    """
    schema = SCHEMAS.get(action)
    if schema is None:
        return Refusal(code="registry.action_unknown", params={"action": action})
    known = {field.name for field in schema.facts}
    for name in facts:
        if name not in known and name != _SALT:
            return Refusal(code="registry.field_unknown", params={"action": action, "field": name})
    for field in schema.facts:
        if field.name not in facts:
            if field.required:
                return Refusal(code="registry.field_missing", params={"action": action, "field": field.name})
            continue
        if not fits(field, facts[field.name]):
            return Refusal(
                code="registry.field_value",
                params={"action": action, "field": field.name, "expected": expected(field)},
            )
    return None


def expected(field: Field) -> str:
    """Return in words of the schema what a field may hold."""
    if field.values:
        return " | ".join(field.values)
    return f"{field.type} (1..{field.size_max})" if field.size_max else field.type


def fits(field: Field, value: Value) -> bool:
    """Tell whether a value is what its field may hold."""
    return _CHECKS[field.type](field, value)


def _is_text(field: Field, value: Value) -> bool:
    return isinstance(value, str) and 0 < len(value) <= field.size_max and not _NOT_PRINTED.search(value)


def _is_enum(field: Field, value: Value) -> bool:
    return isinstance(value, str) and value in field.values


def _is_bytes(field: Field, value: Value) -> bool:
    return isinstance(value, bytes) and 0 < len(value) <= field.size_max


def _is_log_sizes(field: Field, value: Value) -> bool:
    """Pairs of log id and size, sorted by log id, each log once: one spelling for one statement."""
    if not isinstance(value, list) or len(value) > field.size_max:
        return False
    previous = b""
    for pair in value:
        if not isinstance(pair, list) or len(pair) != 2:
            return False
        log_id, size = pair
        if not isinstance(log_id, bytes) or len(log_id) != 16 or log_id <= previous:
            return False
        if type(size) is not int or not 0 <= size <= INT_MAX:
            return False
        previous = log_id
    return True


def _bytes_of(size: int) -> Callable[[Field, Value], bool]:
    return lambda _field, value: isinstance(value, bytes) and len(value) == size


def _text_like(holds: Callable[[str], bool]) -> Callable[[Field, Value], bool]:
    return lambda _field, value: isinstance(value, str) and holds(value)


_CHECKS: Mapping[str, Callable[[Field, Value], bool]] = MappingProxyType(
    {
        "text": _is_text,
        "enum": _is_enum,
        "bytes": _is_bytes,
        "log_sizes": _is_log_sizes,
        "time": lambda _field, value: type(value) is int and 0 <= value <= INT_MAX,
        "staff_no": _text_like(is_staff_no),
        "station": _text_like(is_station_id),
        "scope": _text_like(is_scope),
        "key_id": _bytes_of(16),
        "public_key": _bytes_of(32),
        "signature": _bytes_of(64),
        "act_id": _bytes_of(32),
    }
)
