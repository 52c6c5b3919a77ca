"""Fields of an action's facts by their paths, and what their options are called."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ledger.rules.factspec import FactSpec

RESERVED = frozenset(
    ("help", "json", "dir", "lang", "as", "key", "station", "at", "out", "case", "text", "name")
)
_RENAMED = {"help": "assist", "late-entry-paper-no": "late-entry-paper"}
FILLED_IN = ("number", "token-hash", "late-entry-entered-on", "waived", "personal-fields")
"""Facts that nobody types: the ledger fills them in."""
RARE_FIELDS = frozenset(("late_entry", "paper", "own_hand", "note_code", "stand_in_for"))
"""Facts that every action may carry and few do; the help lists them last."""
STAND_IN = "stand_in_for"
"""Who was stood in for (顶岗)."""


def option_of(path: tuple[str, ...]) -> str:
    """Return the option of a field; names that every command uses already get another one."""
    name = "-".join(path).replace("_", "-")
    return _RENAMED.get(name, f"field-{name}" if name in RESERVED else name)


def leaves(
    facts: Mapping[str, FactSpec], prefix: tuple[str, ...] = (), required: bool = True
) -> Iterator[tuple[tuple[str, ...], FactSpec, bool]]:
    """Yield each field that is no map, by its path, and whether it and all maps around it are demanded."""
    for name, spec in facts.items():
        path = (*prefix, name)
        if spec.type == "map":
            yield from leaves(spec.fields, path, required and spec.required)
        else:
            yield path, spec, required and spec.required
