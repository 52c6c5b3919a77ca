"""How an import is shown: the difference, what was passed over, and every fault with its cure."""

from __future__ import annotations

from typing import Final

from stations.cli.call import Call
from stations.imports.difference import Change, Difference, Entry
from stations.sheetin.faults import Faults
from stations.texts import Say
from stations.words.cells import wrap_cells
from stations.words.differences import fault_words

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


def _print(call: Call, text: str, *, first: str = "", further: str = "") -> None:
    for index, line in enumerate(wrap_cells(text, _WIDTH - len(first))):
        print(f"{further if index else first}{line}", file=call.app.err)
