"""The list of items against the catalogue: one publication of what is new or changes, seen by the linter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ledger.codec import pack_body
from ledger.errors import BanjianError
from ledger.known.knowledge import PUBLISH_ITEMS
from ledger.limits import PUBLISHED_FACTS_BYTES_MAX
from ledger.lint.catalogue import LintFault, lint_publication
from ledger.rules.casetype import CaseType
from ledger.rules.catalogue import Catalogue
from ledger.rules.item import Item, parse_item
from ledger.types import Bilingual, Facts
from stations.imports.difference import Difference, Entry
from stations.imports.itembook import ItemBook
from stations.imports.itemdiff import item_changes
from stations.imports.itemforms import Cells, cells_of, default_cell, published
from stations.imports.itemparts import (
    Parts,
    by_item,
    held_materials,
    held_proofs,
    read_materials,
    read_proofs,
)
from stations.sheetin.clean import fold
from stations.sheetin.columns import sheet_list, words
from stations.sheetin.faults import Faults, Place
from stations.sheetin.records import Record, require

_LINT_FIELDS = {"receipt_capacity": "receiving_points"}
_SALT_ROOM_BYTES = 64
_PART_FIELDS = ("materials", "proofs")


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemPlan:
    """The difference, and the facts of the publication that brings it about; empty when nothing changes."""

    difference: Difference
    facts: Facts


@dataclass(slots=True, kw_only=True)
class _Draft:
    """One item as the file would have it."""

    code: str
    place: Place
    record: Record | None
    held: Item | None
    facts: Facts = field(default_factory=dict)
    places: dict[str, Place] = field(default_factory=dict)


def plan_items(book: ItemBook, catalogue: Catalogue, faults: Faults, *, replace: bool) -> ItemPlan:
    """Return what the file changes in the catalogue; rows that cannot be taken are faults.

    Args:
        book: the rows of the file.
        catalogue: what is held.
        faults: takes what is wrong, the linter's findings at their rows among it.
        replace: whether items that the file does not have are withdrawn.
    """
    held = catalogue.items(catalogue.size)
    types = catalogue.case_types(catalogue.size)
    drafts = _drafts(book, held, types, faults)
    entries: list[Entry] = []
    unchanged: list[str] = []
    changed: list[_Draft] = []
    for draft in drafts:
        item = parse_item(draft.facts)
        changes = [] if draft.held is None else item_changes(draft.held, item, types)
        if draft.held is not None and not changes:
            unchanged.append(draft.code)
            continue
        changed.append(draft)
        is_new = draft.held is None
        entries.append(
            Entry(
                kind="new" if is_new else "changed",
                key=draft.code,
                name=item.name.zh,
                place=draft.place,
                # Of a new one what it is published with, where that is not empty.
                changes=tuple(item_changes(None, item, types) if is_new else changes),
            )
        )
    named = {*book.codes, *(draft.code for draft in drafts)}
    absent = [code for code in held if code not in named]
    if replace:
        entries += [
            Entry(kind="withdrawn", key=code, name=held[code].name.zh, place=Place()) for code in absent
        ]
    facts: Facts = {}
    if changed:
        facts["items"] = [draft.facts for draft in changed]
    if replace and absent:
        facts["withdrawn"] = list(absent)
    if facts:
        _lint(catalogue, {"items": [], **facts}, drafts, faults)
        _check_size({"items": [], **facts}, faults)
    difference = Difference(
        entries=tuple(entries), unchanged=tuple(unchanged), absent=() if replace else tuple(absent)
    )
    return ItemPlan(difference=difference, facts={"items": [], **facts} if facts else {})


def _drafts(
    book: ItemBook, held: Mapping[str, Item], types: Mapping[str, CaseType], faults: Faults
) -> list[_Draft]:
    rows: dict[str, Record] = {}
    for record in book.items:
        code = record.text("base_code")
        if code in rows:
            other = rows[code].place("base_code").cell
            faults.add("cell.duplicate", record.place("base_code"), code, other=other)
        elif code:
            rows[code] = record
    materials, proofs = by_item(book.materials), by_item(book.proofs)
    found: list[_Draft] = []
    for code in dict.fromkeys((*rows, *materials, *proofs)):
        row = rows.get(code)
        first = row or (materials.get(code) or proofs[code])[0]
        if row is None and code not in held:
            if code not in book.codes:
                faults.add("row.item_unknown", first.place("item"), code)
            continue
        cells = _cells(row, held.get(code), types, faults)
        if cells is None:
            continue
        draft = _Draft(code=code, place=first.place(), record=row, held=held.get(code))
        _fill(draft, cells, materials.get(code, ()), proofs.get(code, ()), faults)
        found.append(draft)
    return found


def _cells(
    record: Record | None, held: Item | None, types: Mapping[str, CaseType], faults: Faults
) -> Cells | None:
    """Return the cells of an item: those of the file over those held; None when the row has faults."""
    cells: Cells = {} if held is None else cells_of(held)
    if record is None:
        return cells
    wanted = sheet_list("items")
    needed = [
        column.field
        for column in wanted.columns
        if column.need == "new" and (held is None or column.field in record.given)
    ]
    if not require(record, needed, wanted, faults) or "name" not in record.values:
        return None
    if held is not None and held.name.en == held.name.zh and "name_en" not in record.given:
        cells.pop("name_en")
    for column in wanted.columns:
        if column.field in record.values:
            cells[column.field] = record.values[column.field]
    for column in wanted.columns:
        empty = column.field in record.given and column.field not in record.values
        if column.field not in cells or empty:
            cells[column.field] = default_cell(column.field, cells)
    if record.text("case_type"):
        code = _case_type(record.text("case_type"), types)
        if code is None:
            choices: tuple[Bilingual, ...] = tuple(kind.name for kind in types.values())
            faults.add("cell.choice", record.place("case_type"), record.text("case_type"), choices=choices)
            return None
        cells["case_type"] = code
    return cells


def _case_type(written: str, types: Mapping[str, CaseType]) -> str | None:
    for code, kind in types.items():
        if fold(written) in (fold(code), fold(kind.name.zh), fold(kind.name.en)):
            return code
    known = words("case_type").value(written)
    return known if known in types else None


def _fill(
    draft: _Draft,
    cells: Cells,
    materials: Sequence[Record],
    proofs: Sequence[Record],
    faults: Faults,
) -> None:
    papers = (
        read_materials(materials, draft.held, faults)
        if materials
        else Parts(facts=held_materials(draft.held), places={})
    )
    kinds = (
        read_proofs(proofs, draft.held, faults) if proofs else Parts(facts=held_proofs(draft.held), places={})
    )
    record = draft.record
    written = record is not None and "proof_commitment" in record.values
    kept = draft.held is not None and (record is None or "proof_commitment" not in record.given)
    if not written and not (kept and not materials):
        cells["proof_commitment"] = any(
            isinstance(paper, dict) and paper.get("promise") is True for paper in papers.facts
        )
    draft.facts = published(cells, papers.facts, kinds.facts)
    draft.places = {**papers.places, **kinds.places}


def _lint(catalogue: Catalogue, facts: Facts, drafts: Sequence[_Draft], faults: Faults) -> None:
    by_code = {draft.code: draft for draft in drafts}
    try:
        found = lint_publication(catalogue, PUBLISH_ITEMS, facts)
    except BanjianError as error:
        faults.add(error.code, Place(), "", **error.params)
        return
    for fault in found:
        draft = by_code.get(fault.where)
        place = Place() if draft is None else _lint_place(draft, fault.field, fault.value)
        name = Bilingual(zh=fault.value, en=fault.value) if draft is None else _value_name(draft, fault)
        faults.add(fault.code, place, fault.value, where=fault.where, field=fault.field, name=name)


def _check_size(facts: Facts, faults: Faults) -> None:
    size = len(pack_body(facts))
    limit = PUBLISHED_FACTS_BYTES_MAX - _SALT_ROOM_BYTES
    if size > limit:
        faults.add("sheet.publication", Place(), size=size // 1024, limit=limit // 1024)


def _value_name(draft: _Draft, fault: LintFault) -> Bilingual:
    """Return the value that the linter names in words of the list: a level, or a material by its name."""
    parts = draft.facts.get(fault.field)
    for part in parts if isinstance(parts, list) else []:
        if isinstance(part, dict) and part.get("code") == fault.value and isinstance(part["name"], dict):
            return Bilingual(zh=str(part["name"]["zh"]), en=str(part["name"]["en"]))
    return words("level").names.get(fault.value, Bilingual(zh=fault.value, en=fault.value))


def _lint_place(draft: _Draft, name: str, value: str) -> Place:
    if name in _PART_FIELDS:
        return draft.places.get(value, draft.place)
    if draft.record is None:
        return draft.place
    return draft.record.place(_LINT_FIELDS.get(name, name))
