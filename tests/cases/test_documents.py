"""The documents name everything that a case type may use, and everything that ships."""

from __future__ import annotations

from pathlib import Path

from ledger.cases.effects import EFFECTS
from ledger.cases.guards import FACT_GUARDS, LAWFUL_GROUNDS, STATE_GUARDS
from ledger.data import case_types, items
from ledger.identity import ID_KINDS
from ledger.lint.clocks import DERIVED_EVENTS
from ledger.rules.casetype import CUSTODIES, WHERES
from ledger.rules.factspec import TYPES

ROOT = Path(__file__).resolve().parents[2]
CASE_TYPES = (ROOT / "docs" / "casetypes.md").read_text(encoding="utf-8")
GLOSSARY = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")


def test_the_vocabulary_is_documented() -> None:
    words = {*STATE_GUARDS, *FACT_GUARDS, *EFFECTS, *TYPES, *WHERES, *CUSTODIES, *DERIVED_EVENTS}
    words |= {*LAWFUL_GROUNDS, *ID_KINDS}
    assert sorted(word for word in words if f"`{word}`" not in CASE_TYPES) == []


def test_every_action_and_clock_that_ships_is_documented() -> None:
    for case_type in case_types():
        assert f"`{case_type.code}`" in CASE_TYPES
        for action in case_type.actions.values():
            assert f"| `{action.code}` | {action.name.zh} |" in CASE_TYPES
            for field in action.facts:
                assert field in CASE_TYPES
        for key, clock in case_type.clocks.items():
            assert f"| {case_type.code} | `{key}` | {clock.code} |" in CASE_TYPES


def test_every_item_that_ships_is_documented() -> None:
    for item in items():
        assert f"| {item.base_code} | {item.name.zh} | {item.legal_basis} | {item.case_type} |" in CASE_TYPES


def test_the_glossary_names_every_action() -> None:
    actions = {action for case_type in case_types() for action in case_type.actions}
    assert sorted(action for action in actions if f"`{action}`" not in GLOSSARY) == []
