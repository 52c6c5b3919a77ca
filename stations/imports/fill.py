"""What is held, as the rows of a list: a filled template, which read in again changes nothing."""

from __future__ import annotations

from ledger.registry.registry import Registry
from ledger.registry.station import has_subordinates, scope_base
from ledger.rules.catalogue import Catalogue
from ledger.texts import Language
from ledger.types import Facts
from ledger.types import Value as Fact
from stations.imports.difference import EMPTY
from stations.imports.itemforms import NONE, YES_NO, cells_of, material_fact, name_of, proof_fact
from stations.sheetin.columns import sheet_list, words
from stations.sheetin.template import Page, pick


def item_pages(catalogue: Catalogue, language: Language) -> list[Page]:
    """Return the sheets of items, materials and village proofs as the catalogue has them now."""
    types = catalogue.case_types(catalogue.size)
    items: list[list[str]] = []
    materials: list[list[str]] = []
    proofs: list[list[str]] = []
    for code, item in catalogue.items(catalogue.size).items():
        cells = cells_of(item)
        row = []
        for column in sheet_list("items").columns:
            name = name_of(column, cells[column.field], types)
            row.append("" if name is EMPTY else pick(name, language))
        items.append(row)
        papers = [_material_row(code, material_fact(each), language) for each in item.materials.values()]
        materials += papers or [[code, pick(NONE, language), "", "", "", "", ""]]
        proofs += [_proof_row(code, proof_fact(proof), language) for proof in item.proofs.values()]
    pages = [
        Page(sheet_list=sheet_list("items"), rows=items),
        Page(sheet_list=sheet_list("materials"), rows=materials),
    ]
    return [*pages, Page(sheet_list=sheet_list("proofs"), rows=proofs)] if proofs else pages


def station_page(registry: Registry, language: Language) -> Page:
    """Return the sheet of the open stations."""
    levels = words("level").names
    rows = [
        [
            station.station[:12],
            station.station[13:],
            station.name,
            pick(levels[station.level], language),
            station.upstream,
            station.code_system,
        ]
        for station in registry.stations()
    ]
    return Page(sheet_list=sheet_list("stations"), rows=rows)


def staff_page(registry: Registry, language: Language) -> Page:
    """Return the sheet of the people with live keys: a row for each scope of their roles."""
    rows = []
    people = (held for held in registry.keys() if held.kind == "staff")  # noqa: SIM118 - a query, not a mapping
    for held in sorted(people, key=lambda one: one.staff_no):
        scopes: dict[str, list[str]] = {}
        for role, scope in sorted(held.grants):
            scopes.setdefault(scope, []).append(pick(words("role").names[role], language))
        name = registry.names.get(held.staff_no, "")
        for scope, roles in scopes.items() or {held.station: [pick(NONE, language)]}.items():
            row = [
                held.staff_no,
                name,
                held.station,
                "、".join(roles),
                _scope(scope, held.station, language),
                "",
            ]
            rows.append(row)
    return Page(sheet_list=sheet_list("staff"), rows=rows)


def _scope(scope: str, station: str, language: Language) -> str:
    if scope_base(scope) != station:
        return scope
    return pick(words("scope").names["below" if has_subordinates(scope) else "own"], language)


def _material_row(item: str, fact: Facts, language: Language) -> list[str]:
    source = words("source").names[str(fact["source"])]
    return [
        item,
        _part(fact["name"], "zh"),
        _part(fact["name"], "en"),
        str(fact["code"]),
        pick(source, language),
        pick(YES_NO[fact.get("deferrable") is True], language),
        pick(YES_NO[fact.get("promise") is True], language),
    ]


def _proof_row(item: str, fact: Facts, language: Language) -> list[str]:
    return [
        item,
        str(fact["code"]),
        _part(fact["name"], "zh"),
        _part(fact["name"], "en"),
        pick(YES_NO[fact.get("allowed") is True], language),
        _part(fact.get("go_to"), "zh"),
        _part(fact.get("go_to"), "en"),
        str(fact.get("source", "")),
    ]


def _part(name: Fact, language: str) -> str:
    return str(name.get(language, "")) if isinstance(name, dict) else ""
