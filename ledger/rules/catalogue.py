"""The item catalogue: what the county's counters offer, and its versions.

A version is a position of the county's catalogue log: version n is what the first n entries say. A case is
governed to its end by the version that its opening act names.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

from ledger.errors import DataError, RuleError
from ledger.rules.casetype import CaseType, parse_case_type
from ledger.rules.item import Item, parse_item
from ledger.types import Value

__all__ = ["Catalogue", "Item", "Publication", "Rules", "read_publication"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rules:
    """Item and case type of one case, from the catalogue version that its opening act names.

    Equal only to itself, so that what follows from it can be remembered.
    """

    item: Item
    case_type: CaseType
    catalogue_version: int


class Publication(NamedTuple):
    """What one publish act says: items offered anew or changed, codes withdrawn, case types."""

    items: tuple[Item, ...] = ()
    withdrawn: tuple[str, ...] = ()
    case_types: tuple[CaseType, ...] = ()


@dataclass(slots=True)
class Catalogue:
    """All versions of items and case types; filled by publish acts in the order of the catalogue log."""

    size: int = 0
    _items: dict[str, list[tuple[int, Item | None]]] = field(default_factory=dict)
    _types: dict[str, list[tuple[int, CaseType]]] = field(default_factory=dict)
    _resolved: dict[tuple[str, int], Rules] = field(default_factory=dict)

    def apply(self, action: str, facts: Mapping[str, Value], *, position: int) -> None:
        """Take one entry of the catalogue log into account; ``position`` counts from 1, without gaps.

        Other actions (``open_log``, ``publish_calendar``) only move the version on. Authority and lint are
        checked by the caller before.

        Raises:
            DataError: ``catalogue.position`` for a gap, ``catalogue.shape`` for malformed data; nothing of a
                malformed act is kept, but the position counts as passed.
        """
        self.move_on(position)
        self.take(read_publication(action, facts))

    def move_on(self, position: int) -> None:
        """Count an entry of the log as passed, whatever it holds.

        Raises:
            DataError: ``catalogue.position`` for a gap.
        """
        if position != self.size + 1:
            raise DataError("catalogue.position", expected=self.size + 1, found=position)
        self.size = position

    def take(self, parts: Publication) -> None:
        """Let what the entry passed last has published hold from its position on."""
        position = self.size
        for item in parts.items:
            self._items.setdefault(item.base_code, []).append((position, item))
        for code in parts.withdrawn:
            self._items.setdefault(code, []).append((position, None))
        for case_type in parts.case_types:
            self._types.setdefault(case_type.code, []).append((position, case_type))

    def copy(self) -> Catalogue:
        """Return a catalogue that says the same, on which publications can be tried."""
        return Catalogue(
            size=self.size,
            _items={code: list(history) for code, history in self._items.items()},
            _types={code: list(history) for code, history in self._types.items()},
        )

    def rules(self, item_code: str, version: int) -> Rules:
        """Return item and case type as of a version.

        Raises:
            RuleError: ``catalogue.ahead`` when the version is not here yet, ``catalogue.no_item`` when the
                item did not exist or was withdrawn, ``catalogue.no_case_type`` when its type is missing.
        """
        key = (item_code, version)
        held = self._resolved.get(key)
        if held is not None:
            return held
        if version > self.size:
            raise RuleError("catalogue.ahead", version=version, held=self.size)
        item = _as_of(self._items.get(item_code, []), version)
        if item is None:
            raise RuleError("catalogue.no_item", item=item_code, version=version)
        case_type = _as_of(self._types.get(item.case_type, []), version)
        if case_type is None:
            raise RuleError("catalogue.no_case_type", item=item_code, case_type=item.case_type)
        rules = Rules(item=item, case_type=case_type, catalogue_version=version)
        self._resolved[key] = rules
        return rules

    def items(self, version: int) -> Mapping[str, Item]:
        """Return the items offered at a version, by base code."""
        found = ((code, _as_of(history, version)) for code, history in self._items.items())
        return {code: item for code, item in sorted(found) if item is not None}

    def codes_with(self, legal_basis: str) -> frozenset[str]:
        """Return the base codes of items that have a legal basis in any version, withdrawn ones included."""
        return frozenset(
            code
            for code, history in self._items.items()
            if any(item is not None and item.legal_basis == legal_basis for _, item in history)
        )

    def case_types(self, version: int) -> Mapping[str, CaseType]:
        """Return the case types of a version, by code."""
        found = ((code, _as_of(history, version)) for code, history in self._types.items())
        return {code: case_type for code, case_type in sorted(found) if case_type is not None}


def read_publication(action: str, facts: Mapping[str, Value]) -> Publication:
    """Read the facts of a publish act; other actions publish nothing.

    Raises:
        DataError: ``catalogue.shape`` when the facts are not of the published form.
    """
    if action == "publish_items":
        withdrawn = _list(facts.get("withdrawn", []), field="withdrawn")
        return Publication(
            items=tuple(parse_item(raw) for raw in _list(facts.get("items", []), field="items")),
            withdrawn=tuple(str(code) for code in withdrawn),
        )
    if action == "publish_case_types":
        published = _list(facts.get("case_types"), field="case_types")
        return Publication(case_types=tuple(parse_case_type(raw) for raw in published))
    return Publication()


def _as_of(history: list[tuple[int, T]], version: int) -> T | None:
    index = bisect_right(history, version, key=lambda pair: pair[0])
    return history[index - 1][1] if index else None


def _list(raw: Value, *, field: str) -> list[Value]:
    if not isinstance(raw, list):
        raise DataError("catalogue.shape", where="publish", field=field)
    return raw
