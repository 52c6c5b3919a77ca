"""What the facts of an action may hold: fields, types, limits; checked before signing and in every fold.

Fields that nobody declared are refused: facts are replicated and kept, so personal data must not slip in
under a name that nobody looked at.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from types import MappingProxyType
from typing import Final

from ledger.errors import DataError
from ledger.stationid import is_station_id
from ledger.types import Value

TYPES: Final = frozenset(
    ("text", "int", "bool", "date", "ms", "station", "act", "bytes", "list", "enum", "map", "fields"),
)
SALT: Final = "salt"
"""The field that every body carries besides its own."""
TEXT_CHARS_MAX: Final = 200
LIST_COUNT_MAX: Final = 64
BYTES_MAX: Final = 64
MS_MAX: Final = 253_402_300_799_999
"""Last millisecond of the year 9999."""

_SPEC_FIELDS = frozenset(("type", "required", "values", "max", "of", "fields", "amend"))
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True, slots=True, kw_only=True)
class FactSpec:
    """One field of an action's facts.

    ``fields`` as a type is a map of fields of another action, checked by a guard against that action.
    ``max`` counts characters, bytes or elements, or is the largest integer, by type. ``amend`` says that a
    later ``amend`` act may correct the field: true only for fields that steer neither state nor clocks.
    """

    type: str
    required: bool = False
    values: frozenset[str] = frozenset()
    max: int | None = None
    of: str = ""
    fields: Mapping[str, FactSpec] = field(default_factory=lambda: MappingProxyType({}))
    amend: bool = False


def parse_fact_specs(raw: Value, *, where: str) -> Mapping[str, FactSpec]:
    """Read the ``facts`` map of an action.

    Raises:
        DataError: ``catalogue.shape`` when the data are not of the documented form.
    """
    if not isinstance(raw, dict):
        raise DataError("catalogue.shape", where=where, field="facts")
    return MappingProxyType({name: _parse_one(spec, where=f"{where}.{name}") for name, spec in raw.items()})


def first_problem(
    specs: Mapping[str, FactSpec], facts: Mapping[str, Value], *, required: Iterable[str] | None = None
) -> tuple[str, str] | None:
    """Return the code and the field of the first fault, or None when the facts are in order.

    Codes: ``case.facts_missing``, ``case.facts_unknown``, ``case.facts_value``.

    Args:
        specs: the declared fields.
        facts: what was typed.
        required: names of the fields that must be there, in the order of ``specs``; None to look for them.
    """
    if required is None:
        required = [name for name, spec in specs.items() if spec.required]
    for name in required:
        if name not in facts:
            return "case.facts_missing", name
    for name, value in facts.items():
        known = specs.get(name)
        if known is None:
            if name == SALT:
                continue
            return "case.facts_unknown", name
        if not value_fits(known, value):
            return "case.facts_value", name
    return None


def value_fits(spec: FactSpec, value: Value) -> bool:
    """Tell whether one value has the declared type and keeps its limit."""
    kind = spec.type
    if isinstance(value, str):
        if kind == "text":
            return 0 < len(value) <= (TEXT_CHARS_MAX if spec.max is None else spec.max)
        return _text_fits(spec, kind, value)
    if isinstance(value, bool):
        return kind == "bool"
    if isinstance(value, int):
        if kind == "int":
            return 0 <= value <= (MS_MAX if spec.max is None else spec.max)
        return kind == "ms" and 0 <= value <= MS_MAX
    if isinstance(value, bytes):
        if kind == "act":
            return len(value) == 32
        return kind == "bytes" and 0 < len(value) <= (BYTES_MAX if spec.max is None else spec.max)
    if isinstance(value, list):
        if kind != "list" or len(value) > (LIST_COUNT_MAX if spec.max is None else spec.max):
            return False
        element = _element(spec.of, spec.values)
        # A list of at most so many; a generator would cost as much as the checks.
        return all([value_fits(element, item) for item in value])  # noqa: C419
    if not isinstance(value, dict):
        return False
    if kind == "fields":
        return len(value) <= (LIST_COUNT_MAX if spec.max is None else spec.max)
    return kind == "map" and first_problem(spec.fields, value) is None


@lru_cache(maxsize=256)
def _element(kind: str, values: frozenset[str]) -> FactSpec:
    return FactSpec(type=kind, values=values)


def _text_fits(spec: FactSpec, kind: str, value: str) -> bool:
    if kind == "enum":
        return value in spec.values
    if kind == "station":
        return is_station_id(value)
    if kind == "date":
        return is_date(value)
    return False


@lru_cache(maxsize=4096)
def is_date(value: str) -> bool:
    """Tell whether a text is a day of the calendar in the form 2026-02-13."""
    if not value.isascii() or _DATE.fullmatch(value) is None:
        return False
    try:
        date.fromisoformat(value)
    except ValueError:
        return False
    return True


def _parse_one(raw: Value, *, where: str) -> FactSpec:
    if not isinstance(raw, dict) or raw.keys() - _SPEC_FIELDS:
        raise DataError("catalogue.shape", where=where, field="facts")
    kind, required, amend = raw.get("type"), raw.get("required", False), raw.get("amend", False)
    values, limit, element = raw.get("values", []), raw.get("max"), raw.get("of", "")
    if kind not in TYPES or not isinstance(required, bool) or not isinstance(amend, bool):
        raise DataError("catalogue.shape", where=where, field="type")
    if not isinstance(kind, str) or not isinstance(element, str) or not isinstance(limit, int | None):
        raise DataError("catalogue.shape", where=where, field="max")
    if not isinstance(values, list) or not all(isinstance(item, str) for item in values):
        raise DataError("catalogue.shape", where=where, field="values")
    if (kind == "list") != (element in TYPES - {"list", "map", "fields"}) or (kind == "enum" and not values):
        raise DataError("catalogue.shape", where=where, field="of" if kind == "list" else "values")
    return FactSpec(
        type=kind,
        required=required,
        values=frozenset(item for item in values if isinstance(item, str)),
        max=limit,
        of=element,
        fields=parse_fact_specs(raw.get("fields", {}), where=where),
        amend=amend,
    )
