"""One item in three forms: as published, as the cells of a row, as words for people.

The cells are the middle: what a file says is laid over the cells of the item that is held, and the published
form is made of the result, so that a column which the file leaves out changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from ledger.registry.station import LEVELS
from ledger.rules.casetype import CaseType
from ledger.rules.item import Item, Material, ProofKind
from ledger.types import Bilingual, Facts
from ledger.types import Value as Fact
from stations.imports.difference import EMPTY, plain
from stations.sheetin.columns import Column, words
from stations.sheetin.values import Value

Cells = dict[str, Value | None]
"""Fields of the list of items and what they mean; None where an item has no such limit."""

OUTSIDE: Final = ("village", "kiosk", "agent")
YES_NO: Final = {True: Bilingual(zh="是", en="yes"), False: Bilingual(zh="否", en="no")}
NONE: Final = Bilingual(zh="无", en="none")


def cells_of(item: Item) -> Cells:
    """Return an item as the cells of its row."""
    capacity = item.receipt_capacity
    return {
        "base_code": item.base_code,
        "name": item.name.zh,
        "name_en": item.name.en,
        "legal_basis": item.legal_basis,
        "subject": item.subject,
        "receive_levels": in_order(item.receive_levels),
        "receiving_points": in_order(level for level in capacity if capacity[level] == "receiving_point"),
        "accept_levels": in_order(item.accept_levels),
        "decide_level": item.decide_level,
        "case_type": item.case_type,
        "legal_days": item.legal_days,
        "promised_days": item.promised_days,
        "unit": item.unit,
        "forward_days": item.forward_days,
        "post_check_days": item.post_check_days,
        "yellow_days": item.yellow_days,
        "steps": item.steps,
        "quota": item.quota,
        "proof_commitment": item.proof_commitment,
        "approval_commitment": item.approval_commitment,
        "certificate": item.certificate,
        "local_rule": item.local_rule,
    }


def default_cell(field: str, cells: Mapping[str, Value | None]) -> Value | None:
    """Return what an empty cell means, by the other cells of the row; None where it means no limit."""
    receive, decide = _texts(cells.get("receive_levels")), str(cells.get("decide_level") or "")
    if field == "receiving_points":
        return in_order(level for level in receive if level not in OUTSIDE or level == decide)
    if field == "accept_levels":
        return in_order({*(level for level in receive if level not in OUTSIDE), decide} - {""})
    defaults: Mapping[str, Value] = {
        "name_en": str(cells.get("name") or ""),
        "subject": "person",
        "unit": "working_days",
        "forward_days": 0,
        "steps": (),
        "quota": False,
        "proof_commitment": False,
        "approval_commitment": False,
        "certificate": "",
        "local_rule": "",
    }
    return defaults.get(field)


def published(cells: Mapping[str, Value | None], materials: list[Fact], proofs: list[Fact]) -> Facts:
    """Return the published form of an item; what is not so is left out, as in the files that ship."""
    receive, points = _texts(cells["receive_levels"]), _texts(cells["receiving_points"])
    facts: Facts = {
        "base_code": _fact(cells["base_code"]),
        "name": {"zh": _fact(cells["name"]), "en": _fact(cells["name_en"])},
        "legal_basis": _fact(cells["legal_basis"]),
        "subject": _fact(cells["subject"]),
        "receive_levels": list(receive),
        "accept_levels": list(_texts(cells["accept_levels"])),
        "decide_level": _fact(cells["decide_level"]),
        "case_type": _fact(cells["case_type"]),
        "receipt_capacity": {
            # A level of the one column that the other lacks is for the linter to name.
            level: "receiving_point" if level in points else "applicant_agent"
            for level in in_order({*receive, *points})
        },
        "legal_days": _fact(cells["legal_days"]),
        "promised_days": _fact(cells["promised_days"]),
        "unit": _fact(cells["unit"]),
        "forward_days": _fact(cells["forward_days"]),
        "materials": materials,
    }
    for field in (
        "steps", "quota", "proof_commitment", "approval_commitment", "post_check_days", "yellow_days",
        "certificate", "local_rule",
    ):  # fmt: skip
        value = cells[field]
        if value is not None and value not in ((), False, ""):
            facts[field] = _fact(value)
    if proofs:
        facts["proofs"] = proofs
    return facts


def material_fact(material: Material) -> Facts:
    """Return a material in its published form."""
    fact: Facts = {
        "code": material.code,
        "name": {"zh": material.name.zh, "en": material.name.en},
        "source": material.source,
    }
    if material.deferrable:
        fact["deferrable"] = True
    if material.promise:
        fact["promise"] = True
    return fact


def proof_fact(proof: ProofKind) -> Facts:
    """Return a kind of village proof in its published form."""
    fact: Facts = {
        "code": proof.code,
        "name": {"zh": proof.name.zh, "en": proof.name.en},
    }
    if proof.allowed:
        fact["allowed"] = True
    if proof.go_to.zh or proof.go_to.en:
        fact["go_to"] = {"zh": proof.go_to.zh, "en": proof.go_to.en}
    if proof.source:
        fact["source"] = proof.source
    return fact


def name_of(column: Column, value: Value | None, case_types: Mapping[str, CaseType]) -> Bilingual:
    """Return what a cell means in words that can be read in again; ``EMPTY`` for an empty one."""
    if value is None or value == "":
        return EMPTY
    if column.field == "case_type":
        known = case_types.get(str(value))
        return plain(str(value)) if known is None else known.name
    if isinstance(value, bool):
        return YES_NO[value]
    if isinstance(value, tuple):
        return _joined(column, value)
    if column.kind == "choice":
        return words(column.words).names.get(str(value), plain(str(value)))
    return plain(str(value))


def in_order(levels: Iterable[str]) -> tuple[str, ...]:
    """Return levels from the county down."""
    given = set(levels)
    return tuple(level for level in LEVELS if level in given)


def _joined(column: Column, values: tuple[str, ...]) -> Bilingual:
    if not values:
        return NONE
    names = words(column.words).names if column.words else {}
    parts = [names.get(value, plain(value)) for value in values]
    return Bilingual(zh="、".join(part.zh for part in parts), en=", ".join(part.en for part in parts))


def _texts(value: Value | None) -> tuple[str, ...]:
    return value if isinstance(value, tuple) else ()


def _fact(value: Value | None) -> Fact:
    return list(value) if isinstance(value, tuple) else value
