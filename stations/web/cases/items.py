"""Finding an item as clerks do: by a part of its name, its initials in pinyin, or its code."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from ledger.errors import InputError
from ledger.facade import Ledger
from ledger.identity import pinyin_initials
from ledger.rules.item import Item
from ledger.types import StationId


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """An item in the list to choose from.

    Attributes:
        capacity: ``receiving_point`` or ``applicant_agent`` at the asking station; "" where it is none's.
    """

    code: str
    name: str
    subject: str
    capacity: str
    decide_level: str


def find_items(ledger: Ledger, text: str, station: StationId, *, language: str) -> Sequence[Found]:
    """Return every item that a text may mean, those that the station may receive first, then by code."""
    place = ledger.knowledge.registry.station(station)
    level = "" if place is None else place.level
    wanted = _plain(text)
    found = [
        Found(
            code=code,
            name=item.name.zh if language == "zh" else item.name.en,
            subject=item.subject,
            capacity=item.receipt_capacity.get(level, "") if level in item.receive_levels else "",
            decide_level=item.decide_level,
        )
        for code, item in _items(ledger).items()
        if not wanted or _means(wanted, item)
    ]
    found.sort(key=lambda one: (not one.capacity, one.code))
    return found


def received_here(ledger: Ledger, station: StationId) -> Sequence[Item]:
    """Return the items that a station may receive, by code."""
    place = ledger.knowledge.registry.station(station)
    if place is None:
        return ()
    return [item for _, item in sorted(_items(ledger).items()) if place.level in item.receive_levels]


def item_of(ledger: Ledger, code: str) -> Item:
    """Return an item of the newest catalogue.

    Raises:
        InputError: ``receive.item_unknown``.
    """
    item = _items(ledger).get(code)
    if item is None:
        raise InputError("receive.item_unknown", text=code[:60])
    return item


def _items(ledger: Ledger) -> Mapping[str, Item]:
    catalogue = ledger.knowledge.catalogue
    return catalogue.items(catalogue.size)


def _means(wanted: str, item: Item) -> bool:
    names = (_plain(item.name.zh), _plain(item.name.en), item.base_code.lower())
    if any(wanted in name for name in names):
        return True
    return wanted.isascii() and wanted.isalpha() and any(wanted in word for word in _initials(item.name.zh))


@lru_cache(maxsize=2048)
def _initials(name: str) -> frozenset[str]:
    return pinyin_initials(name)


def _plain(text: str) -> str:
    return unicodedata.normalize("NFKC", text).strip().lower()
