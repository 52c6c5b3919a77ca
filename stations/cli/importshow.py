"""How an import is shown: the difference, what was passed over, and every fault with its cure."""

from __future__ import annotations

from typing import Final

from ledger.texts import catalogue, render
from ledger.types import Bilingual
from stations.cli.call import Call
from stations.cli.tables import wrap_cells
from stations.imports.difference import EMPTY, Change, Difference, Entry
from stations.sheetin.faults import Fault, Faults, Place
from stations.texts import Say

FAULTS_SHOWN_MAX: Final = 100
_WIDTH: Final = 78
_SIGNS: Final = {"new": "+", "changed": "~", "withdrawn": "-", "waiting": "?"}
_KEYS_SHOWN_MAX: Final = 12


def show_faults(call: Call, faults: Faults) -> None:
    """Print every fault to standard error, in the order of the file: place, what is wrong, the cure."""
    found = faults.in_order()
    for fault in found[:FAULTS_SHOWN_MAX]:
        what, cure = fault_words(call.say, fault)
        _print(call, what, first="✗ ", further="  ")
        if cure:
            _print(call, cure, first="  → ", further="    ")
    if faults.count > FAULTS_SHOWN_MAX:
        _print(call, call.say("import.more_faults", count=faults.count - FAULTS_SHOWN_MAX))
    _print(call, call.say("import.refused", count=faults.count))


def show_notices(call: Call, faults: Faults) -> None:
    """Print to standard error what was passed over."""
    for notice in faults.notices[:FAULTS_SHOWN_MAX]:
        what, cure = fault_words(call.say, notice)
        _print(call, what, first="! ", further="  ")
        if cure:
            _print(call, cure, first="  → ", further="    ")


def show_difference(call: Call, difference: Difference, *, full: bool) -> None:
    """Print the difference: counts, then what is new, changes, goes or waits.

    Args:
        call: the command.
        difference: what to show.
        full: also what new things are made of.
    """
    if call.json:
        return
    say = call.say
    counts = [
        say(f"import.{kind}", count=difference.count(kind))
        for kind in ("new", "changed", "withdrawn", "waiting")
        if difference.count(kind)
    ]
    counts.append(say("import.unchanged", count=len(difference.unchanged)))
    if difference.absent:
        counts.append(say("import.absent", count=len(difference.absent)))
    call.line(say("import.counts_gap").join(counts))
    for entry in difference.entries:
        row = say("import.row", sheet=entry.place.sheet, row=entry.place.row) if entry.place.row else ""
        call.line(f"{_SIGNS[entry.kind]} {entry.key}  {entry.name}{row}")
        if entry.kind == "changed" or (full and entry.kind != "withdrawn"):
            _changes(call, entry)
    if difference.absent and full:
        shown = say("list.and").join(difference.absent[:_KEYS_SHOWN_MAX])
        more = "…" if len(difference.absent) > _KEYS_SHOWN_MAX else ""
        for line in wrap_cells(say("import.absent_keys", keys=shown + more), _WIDTH):
            call.line(line)


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


def _changes(call: Call, entry: Entry) -> None:
    say = call.say
    if entry.kind == "changed":
        texts = [_changed(say, change) for change in entry.changes]
    else:
        gap = say("import.field_gap")
        texts = [
            gap.join(
                say("import.field", field=say.pick(c.field), value=say.pick(c.new)) for c in entry.changes
            )
        ]
    for text in texts:
        for index, line in enumerate(wrap_cells(text, _WIDTH - 6)):
            call.line(f"{'    ' if index == 0 else '      '}{line}")


def _changed(say: Say, change: Change) -> str:
    return say(
        "import.changed_field",
        field=say.pick(change.field),
        old=say.pick(change.old),
        new=say.pick(change.new),
    )


def _word(say: Say, value: object) -> object:
    if isinstance(value, Bilingual):
        return say.pick(value)
    if isinstance(value, tuple):
        return say("list.and").join(str(_word(say, each)) for each in value)
    return value


def _print(call: Call, text: str, *, first: str = "", further: str = "") -> None:
    for index, line in enumerate(wrap_cells(text, _WIDTH - len(first))):
        print(f"{further if index else first}{line}", file=call.app.err)
