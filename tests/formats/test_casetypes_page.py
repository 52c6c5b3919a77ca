"""docs/casetypes.md names the fields of items and case types that the code reads, and what absence means.

Whoever writes another reader has the page alone: a field that is missing there is one that they miss.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path

import pytest

from ledger.data import shipped_case_types, shipped_items
from ledger.errors import DataError
from ledger.lint.clocks import DERIVED_EVENTS
from ledger.rules.casetype import CaseType, parse_case_type
from ledger.rules.item import Item, parse_item
from ledger.types import Value

TEXT = (Path(__file__).parents[2] / "docs" / "casetypes.md").read_text(encoding="utf-8")
HEADS = {
    "case type": "### Fields of a case type",
    "action": "### An action",
    "field": "### A field",
    "clock": "The fields of a clock;",
    "item": "## Items",
    "material": "| field of a material |",
    "proof": "| field of a village proof |",
}
SPECIAL = {"the key under which it stands in `clocks`": "key", "the text of `law`": "行政许可法 32(4)"}
"""Defaults that are another field's value, in the sample below."""


def fields_of(kind: str) -> dict[str, str]:
    """Return the fields of the first table after a heading, each with what holds where it is left out."""
    lines = TEXT[TEXT.index(HEADS[kind]) :].splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("| field"))
    found: dict[str, str] = {}
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        names, _, left_out = line[1:-1].split("|")
        for name in re.findall(r"`(\w+)`", names):
            found[name] = left_out.strip()
    return found


class Watched(dict[str, Value]):
    """A map that remembers what it was asked for."""

    def __init__(self, data: dict[str, Value]) -> None:
        super().__init__(data)
        self.asked: set[str] = set()

    def get(self, name: str, default: Value = None) -> Value:  # type: ignore[override]
        """Return a value."""
        self.asked.add(name)
        return super().get(name, default)


NAMED: Value = {"zh": "名", "en": "name"}


def sample() -> dict[str, dict[str, Value]]:
    """Return one of each kind; those of a case type lie in it."""
    clock: dict[str, Value] = {
        "name": NAMED, "start": ["organ_receipt"], "stop": ["accept"], "amount": 5, "unit": "working_days",
        "expiry": "red", "law": "行政许可法 32(4)",
    }  # fmt: skip
    field: dict[str, Value] = {"type": "text"}
    action: dict[str, Value] = {"name": NAMED, "to": "=", "facts": {"field": field}}
    case_type: dict[str, Value] = {
        "code": "test", "name": NAMED, "states": {}, "actions": {"act": action}, "clocks": {"key": clock},
    }  # fmt: skip
    material: dict[str, Value] = {"code": "m01", "name": NAMED, "source": "applicant"}
    proof: dict[str, Value] = {"code": "p01", "name": NAMED}
    item: dict[str, Value] = {
        "base_code": "990100100001", "name": NAMED, "legal_basis": "许可", "subject": "person",
        "decide_level": "county", "case_type": "test", "materials": [material], "proofs": [proof],
    }  # fmt: skip
    kinds = {"case type": case_type, "action": action, "field": field, "clock": clock}
    return {**kinds, "item": item, "material": material, "proof": proof}


def parsed(kinds: dict[str, dict[str, Value]], kind: str) -> CaseType | Item:
    """Read the sample that holds a kind."""
    if kind in ("item", "material", "proof"):
        return parse_item(kinds["item"])
    return parse_case_type(kinds["case type"])


def watched(kind: str) -> Watched:
    """Read a sample whose part of a kind remembers what was asked for."""
    kinds = sample()
    part = Watched(kinds[kind])
    if kind == "item":
        parse_item(part)
    elif kind in ("material", "proof"):
        parse_item({**kinds["item"], f"{kind}s": [part]})
    elif kind == "case type":
        parse_case_type(part)
    else:
        field = part if kind == "field" else kinds["field"]
        action = part if kind == "action" else {**kinds["action"], "facts": {"field": field}}
        clock = part if kind == "clock" else kinds["clock"]
        parse_case_type({**kinds["case type"], "actions": {"act": action}, "clocks": {"key": clock}})
    return part


@pytest.mark.parametrize("kind", HEADS)
def test_the_page_names_the_fields_that_are_read(kind: str) -> None:
    assert set(fields_of(kind)) == watched(kind).asked


@pytest.mark.parametrize("kind", HEADS)
def test_what_is_left_out_has_the_value_that_the_page_says(kind: str) -> None:
    for name, left_out in fields_of(kind).items():
        kinds = sample()
        held = kinds[kind]
        if not left_out:
            held.pop(name)
            with pytest.raises(DataError):
                parsed(kinds, kind)
            continue
        held.pop(name, None)
        absent = parsed(deepcopy(kinds), kind)
        held[name] = SPECIAL[left_out] if left_out in SPECIAL else json.loads(left_out.strip("`"))
        assert parsed(kinds, kind) == absent, name


def _published() -> Iterator[tuple[str, dict[str, Value]]]:
    for case_type in shipped_case_types():
        assert isinstance(case_type, dict)
        yield "case type", case_type
        for part, kind in (("actions", "action"), ("clocks", "clock")):
            held = case_type[part]
            assert isinstance(held, dict)
            for value in held.values():
                assert isinstance(value, dict)
                yield kind, value
    for item in shipped_items():
        assert isinstance(item, dict)
        yield "item", item


def test_nothing_that_ships_has_a_field_that_the_page_does_not_name() -> None:
    known = {kind: set(fields_of(kind)) for kind in HEADS}
    for kind, published in _published():
        assert published.keys() <= known[kind], (kind, published.keys() - known[kind])


def test_the_page_names_every_event_that_a_clock_may_listen_to() -> None:
    part = TEXT[TEXT.index("Derived events, for clocks:") : TEXT.index("| case type | key | code |")]
    for event in DERIVED_EVENTS:
        assert f"`{event}`" in part, event
