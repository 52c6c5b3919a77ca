"""Publications before they are signed: what a file publishes, what the linter says, what would change.

The command line and the pages both come here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from datetime import date
from typing import Literal

from ledger.days.calendar import parse_calendar
from ledger.errors import ConfigError
from ledger.known.knowledge import PUBLISH_CALENDAR, PUBLISH_CASE_TYPES, PUBLISH_ITEMS, Knowledge
from ledger.lint.calendar import lint_published
from ledger.lint.catalogue import LintFault
from ledger.rules.casetype import CaseType
from ledger.rules.catalogue import Catalogue, read_publication
from ledger.rules.item import Item
from ledger.types import Bilingual, Facts, Value
from stations.imports.difference import EMPTY, Change, plain
from stations.imports.itemdiff import item_changes

Kind = Literal["new", "changed", "withdrawn"]
_CALENDAR_KEYS = ("year", "days_off", "make_up")
_VALUE_CHARS_MAX = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One item, case type or calendar that is new, changes or goes."""

    kind: Kind
    key: str
    name: Bilingual
    changes: Sequence[Change] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One publication looked at.

    Attributes:
        action: ``publish_items``, ``publish_case_types`` or ``publish_calendar``.
        faults: what the linter finds; with one of them nothing can be published.
        entries: what would change.
        unchanged: how many things the file says as they are held.
    """

    action: str
    facts: Facts
    faults: Sequence[LintFault]
    entries: Sequence[Entry]
    unchanged: int


def read_object(text: str, *, code: str, path: str) -> Facts:
    """Return the object that a JSON text holds.

    Raises:
        ConfigError: the given code for anything else; ``catalogue.repeated_key`` where an object has one key
            twice: of two values nobody can say which was meant.
    """

    def object_of(pairs: list[tuple[str, Value]]) -> dict[str, Value]:
        held: dict[str, Value] = {}
        for key, value in pairs:
            if key in held:
                raise ConfigError("catalogue.repeated_key", path=path, key=key)
            held[key] = value
        return held

    try:
        data = json.loads(text, object_pairs_hook=object_of)
    except (ValueError, RecursionError) as error:
        raise ConfigError(code, path=path) from error
    if not isinstance(data, dict):
        raise ConfigError(code, path=path)
    return data


def publications_in(data: Facts, *, path: str) -> list[tuple[str, Facts]]:
    """Return what a file publishes, case types before the items that use them.

    Raises:
        ConfigError: ``catalogue.file`` when it publishes nothing.
    """
    found: list[tuple[str, Facts]] = []
    if "case_types" in data:
        found.append((PUBLISH_CASE_TYPES, {"case_types": data["case_types"]}))
    if "items" in data or "withdrawn" in data:
        found.append((PUBLISH_ITEMS, {key: data[key] for key in ("items", "withdrawn") if key in data}))
    if not found and all(key in data for key in _CALENDAR_KEYS):
        found.append((PUBLISH_CALENDAR, data))
    if not found:
        raise ConfigError("catalogue.file", path=path)
    return found


def look_at(knowledge: Knowledge, publications: Sequence[tuple[str, Facts]]) -> list[Look]:
    """Return what publications would do, each after those before it.

    Raises:
        DataError: ``catalogue.shape``, ``calendar.*`` for what is not of its form.
    """
    held = knowledge.catalogue
    trial = held.copy()
    found = []
    for action, facts in publications:
        faults = lint_published(trial, knowledge.calendars, action, facts)
        if action == PUBLISH_CALENDAR:
            entries, unchanged = _calendar_entries(knowledge, facts)
        else:
            trial.apply(action, facts, position=trial.size + 1)
            entries, unchanged = _catalogue_entries(held, action, facts)
        found.append(Look(action=action, facts=facts, faults=faults, entries=entries, unchanged=unchanged))
    return found


def _catalogue_entries(held: Catalogue, action: str, facts: Facts) -> tuple[list[Entry], int]:
    parts = read_publication(action, facts)
    items, types = held.items(held.size), held.case_types(held.size)
    entries = [
        entry for item in parts.items if (entry := _item_entry(items.get(item.base_code), item, types))
    ]
    entries += [entry for kind in parts.case_types if (entry := _type_entry(types.get(kind.code), kind))]
    gone = [
        Entry(kind="withdrawn", key=code, name=items[code].name) for code in parts.withdrawn if code in items
    ]
    return [*entries, *gone], len(parts.items) + len(parts.case_types) - len(entries)


def _item_entry(held: Item | None, item: Item, types: Mapping[str, CaseType]) -> Entry | None:
    changes = item_changes(held, item, types)
    if held is not None and not changes:
        return None
    return Entry(
        kind="new" if held is None else "changed", key=item.base_code, name=item.name, changes=changes
    )


def _type_entry(held: CaseType | None, kind: CaseType) -> Entry | None:
    if held is None:
        return Entry(kind="new", key=kind.code, name=kind.name)
    before, after = dict(_leaves(held, "")), dict(_leaves(kind, ""))
    changes = [
        Change(
            field=plain(path),
            old=_value(before.get(path)),
            new=_value(after.get(path)),
        )
        for path in dict.fromkeys((*before, *after))
        if before.get(path) != after.get(path)
    ]
    return Entry(kind="changed", key=kind.code, name=kind.name, changes=changes) if changes else None


def _calendar_entries(knowledge: Knowledge, facts: Facts) -> tuple[list[Entry], int]:
    calendar = parse_calendar(facts)
    held = next(
        (
            one
            for one in knowledge.calendars.calendars
            if (one.region, one.year) == (calendar.region, calendar.year)
        ),
        None,
    )
    if held == calendar:
        return [], 1
    pairs = (
        (Bilingual(zh="放假日", en="days off"), "days_off"),
        (Bilingual(zh="调休上班日", en="make-up working days"), "make_up"),
        (Bilingual(zh="版本", en="version"), "version"),
        (Bilingual(zh="依据", en="source"), "source"),
    )
    changes = [
        Change(
            field=name,
            old=EMPTY if held is None else _value(getattr(held, field)),
            new=_value(getattr(calendar, field)),
        )
        for name, field in pairs
        if held is None or getattr(held, field) != getattr(calendar, field)
    ]
    kind: Kind = "new" if held is None else "changed"
    return [
        Entry(kind=kind, key=f"{calendar.region}-{calendar.year}", name=plain(calendar.name), changes=changes)
    ], 0


def _leaves(value: object, path: str) -> Iterator[tuple[str, object]]:
    """Yield every leaf of a published thing with its path; what has no parts is a leaf."""
    if isinstance(value, Bilingual):
        yield path, f"{value.zh} / {value.en}"
    elif is_dataclass(value) and not isinstance(value, type):
        for field in fields(value):
            yield from _leaves(getattr(value, field.name), f"{path}.{field.name}".lstrip("."))
    elif isinstance(value, Mapping):
        for key, part in value.items():
            yield from _leaves(part, f"{path}.{key}".lstrip("."))
    else:
        yield path, value


def _value(value: object) -> Bilingual:
    return plain(_text(value)[:_VALUE_CHARS_MAX])


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, frozenset | set):
        return "、".join(sorted(_text(one) for one in value))
    if isinstance(value, tuple | list):
        return "、".join(_text(one) for one in value)
    return str(value)
