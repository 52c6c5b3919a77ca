"""Items, case types and village proofs that ship with the product: what a new county publishes first.

The files are in the published form (``docs/casetypes.md``). Days of the items are demonstration values; a
county publishes its own. Nothing is read until asked for.
"""

from __future__ import annotations

import json
from functools import cache
from importlib import resources

from ledger.errors import ConfigError
from ledger.rules.casetype import CaseType, parse_case_type
from ledger.rules.item import Item, parse_item
from ledger.types import Value

VILLAGE_PROOF_ITEM = "990104200042"
"""The item whose proofs are governed by the list in ``village_proofs.json``."""


def shipped_case_types() -> list[Value]:
    """Return the case types in their published form: the fact ``case_types`` of ``publish_case_types``."""
    return list(_read("casetypes.json", "case_types"))


def shipped_items() -> list[Value]:
    """Return the items in their published form: the fact ``items`` of ``publish_items``."""
    items: list[Value] = []
    for raw in _read("items.json", "items"):
        if isinstance(raw, dict) and raw.get("base_code") == VILLAGE_PROOF_ITEM:
            items.append({**raw, "proofs": list(_read("village_proofs.json", "proofs"))})
        else:
            items.append(raw)
    return items


@cache
def case_types() -> tuple[CaseType, ...]:
    """Return the shipped case types, read into values."""
    return tuple(parse_case_type(raw) for raw in shipped_case_types())


@cache
def items() -> tuple[Item, ...]:
    """Return the shipped items, read into values."""
    return tuple(parse_item(raw) for raw in shipped_items())


@cache
def _read(name: str, key: str) -> tuple[Value, ...]:
    text = (resources.files(__package__) / name).read_text(encoding="utf-8")
    document = json.loads(text)
    entries = document.get(key) if isinstance(document, dict) else None
    if not isinstance(entries, list):
        raise ConfigError("catalogue.data", file=name)
    return tuple(entries)
