"""An import in words: each fault with its place and its cure, and what would change."""

from __future__ import annotations

from ledger.texts import catalogue, render
from ledger.types import Bilingual
from stations.imports.difference import EMPTY, Change, Difference, Entry
from stations.sheetin.faults import Fault, Place
from stations.texts import Say


def fault_words(say: Say, fault: Fault) -> tuple[str, str]:
    """Return what is wrong, with its place before it, and the cure."""
    code = f"excel.{fault.code}" if f"excel.{fault.code}" in catalogue(say.language) else fault.code
    params = {name: _word(say, value) for name, value in fault.params.items()}
    if fault.code == "request.unusable":
        params["why"] = render(str(params["why"]), {"path": fault.value}, language=say.language).what
    message = render(code, {**params, "value": fault.value}, language=say.language)
    return f"{place_words(say, fault.place)}{message.what}", message.next_step


def place_words(say: Say, place: Place) -> str:
    """Return a place as words to stand before a message; "" for no place in particular."""
    if not place.sheet:
        return ""
    if not place.cell:
        return say("import.place_sheet", sheet=place.sheet)
    if not place.column:
        return say("import.place_row", sheet=place.sheet, row=place.row)
    if not place.heading:
        return say("import.place_cell", sheet=place.sheet, cell=place.cell)
    return say("import.place", sheet=place.sheet, cell=place.cell, heading=place.heading)


def fault_object(say: Say, fault: Fault) -> dict[str, object]:
    """Return a fault for programs."""
    what, cure = fault_words(say, fault)
    return {
        "code": fault.code,
        "sheet": fault.place.sheet,
        "cell": fault.place.cell,
        "row": fault.place.row,
        "column": fault.place.heading,
        "value": fault.value,
        "what": what,
        "next": cure,
    }


def difference_object(say: Say, difference: Difference) -> dict[str, object]:
    """Return the difference for programs."""
    kinds = ("new", "changed", "withdrawn", "waiting")
    found: dict[str, object] = {
        kind: [_entry_object(say, entry) for entry in difference.entries if entry.kind == kind]
        for kind in kinds
    }
    return {**found, "unchanged": list(difference.unchanged), "absent": list(difference.absent)}


def change_object(say: Say, change: Change) -> dict[str, str]:
    """Return one field that changes; what is empty is an empty text."""
    return {
        "field": say.pick(change.field),
        "old": "" if change.old is EMPTY else say.pick(change.old),
        "new": "" if change.new is EMPTY else say.pick(change.new),
    }


def _entry_object(say: Say, entry: Entry) -> dict[str, object]:
    return {
        "key": entry.key,
        "name": entry.name,
        "sheet": entry.place.sheet,
        "row": entry.place.row,
        "changes": [change_object(say, change) for change in entry.changes],
    }


def _word(say: Say, value: object) -> object:
    if isinstance(value, Bilingual):
        return say.pick(value)
    if isinstance(value, tuple):
        return say("list.and").join(str(_word(say, each)) for each in value)
    return value
