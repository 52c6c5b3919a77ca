"""The materials and the village proofs of items, from sheets of their own or from rows below the items."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ledger.rules.item import Item, Material, ProofKind
from ledger.types import Facts
from ledger.types import Value as Fact
from stations.imports.itemforms import material_fact, proof_fact
from stations.sheetin.faults import Faults, Place
from stations.sheetin.records import Record
from stations.sheetin.values import is_none


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """Materials or proofs of one item: their published form in order, and the place of each by code."""

    facts: list[Fact]
    places: Mapping[str, Place]


def by_item(records: Iterable[Record], field: str = "item") -> dict[str, list[Record]]:
    """Return records by the item that they belong to."""
    found: dict[str, list[Record]] = {}
    for record in records:
        code = record.text(field)
        if code:
            found.setdefault(code, []).append(record)
    return found


def held_materials(item: Item | None) -> list[Fact]:
    """Return the materials of an item that is held."""
    return [] if item is None else [material_fact(material) for material in item.materials.values()]


def held_proofs(item: Item | None) -> list[Fact]:
    """Return the proofs of an item that is held."""
    return [] if item is None else [proof_fact(proof) for proof in item.proofs.values()]


def read_materials(records: Sequence[Record], held: Item | None, faults: Faults) -> Parts:
    """Return the materials that the rows of one item name.

    A row without code takes the code of the material of the same name that is held, else the next free one;
    a column that the file leaves out keeps what is held. A code or a name that stands twice is a fault.
    """
    known = {} if held is None else dict(held.materials)
    by_name = {material.name.zh: material for material in known.values()}
    named = [record for record in records if record.text("material")]
    if len(named) == 1 and is_none(named[0].text("material")):
        return Parts(facts=[], places={})
    taken = {*known, *(record.text("material_code") for record in named)}
    facts: dict[str, Fact] = {}
    places: dict[str, Place] = {}
    names: dict[str, Place] = {}
    for record in named:
        name = record.text("material")
        same = known.get(record.text("material_code")) or by_name.get(name)
        code = record.text("material_code") or (same.code if same is not None else _free(taken))
        taken.add(code)
        place = record.place("material")
        if code in facts or name in names:
            other = places[code] if code in facts else names[name]
            faults.add("cell.duplicate", place, name, other=other.cell)
            continue
        facts[code] = _material(record, code, same)
        places[code] = names[name] = place
    return Parts(facts=list(facts.values()), places=places)


def read_proofs(records: Sequence[Record], held: Item | None, faults: Faults) -> Parts:
    """Return the village proofs that the rows of one item name; a code that stands twice is a fault."""
    known = {} if held is None else dict(held.proofs)
    facts: dict[str, Fact] = {}
    places: dict[str, Place] = {}
    for record in records:
        code = record.text("proof_code")
        place = record.place("proof_code")
        if code in facts:
            faults.add("cell.duplicate", place, code, other=places[code].cell)
        elif code and not record.broken:
            facts[code] = _proof(record, code, known.get(code))
            places[code] = place
    return Parts(facts=list(facts.values()), places=places)


def _free(taken: set[str]) -> str:
    number = 1
    while f"m{number:02d}" in taken:
        number += 1
    return f"m{number:02d}"


def _material(record: Record, code: str, held: Material | None) -> Facts:
    name = record.text("material")
    fact: Facts = {
        "code": code,
        "name": {"zh": name, "en": _english(record, "material_en", name, held)},
        "source": record.text("source")
        or (held.source if held is not None and "source" not in record.given else "applicant"),
    }
    for field in ("deferrable", "promise"):
        kept = held is not None and (held.deferrable if field == "deferrable" else held.promise)
        if record.values.get(field, kept if field not in record.given else False) is True:
            fact[field] = True
    return fact


def _proof(record: Record, code: str, held: ProofKind | None) -> Facts:
    name = record.text("proof")
    fact: Facts = {
        "code": code,
        "name": {"zh": name, "en": _english(record, "proof_en", name, held)},
    }
    if record.values.get("allowed") is True:
        fact["allowed"] = True
    go_to = record.text("go_to")
    if "go_to" not in record.given and held is not None:
        go_to = held.go_to.zh
    if go_to:
        same = held is not None and held.go_to.zh == go_to and "go_to_en" not in record.given
        english = held.go_to.en if held is not None and same else ""
        fact["go_to"] = {"zh": go_to, "en": record.text("go_to_en") or english or go_to}
    law = held.source if held is not None and "law" not in record.given else record.text("law")
    if law:
        fact["source"] = law
    return fact


def _english(record: Record, field: str, name: str, held: Material | ProofKind | None) -> str:
    """Return the English name: as written, as held for a name that stays, else the Chinese one."""
    kept = ""
    if field not in record.given and held is not None and held.name.zh == name:
        kept = held.name.en
    return record.text(field) or kept or name
