"""What the menu offers to whom: the first lines stand on every page, the others behind "more"."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ledger.registry.authority import ROLES
from stations.web.browsers import Person

ANYBODY: frozenset[str] = frozenset()
REGISTRAR = frozenset(("registrar",))
CASEWORK = frozenset(ROLES) - REGISTRAR
"""Whose work is cases: everybody but who keeps the registry alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of the menu.

    Attributes:
        where: path of the page.
        key: words of its name: ``web.nav_<key>``.
        group: ``bar`` for the bar on every page; else the heading on the page of all others.
        roles: who is offered it: whoever holds one of them; everybody when empty.
    """

    where: str
    key: str
    group: str
    roles: frozenset[str] = ANYBODY


MENU = (
    Entry(where="/", key="today", group="bar"),
    Entry(where="/receive", key="receive", group="bar", roles=CASEWORK),
    Entry(where="/cases", key="cases", group="bar", roles=CASEWORK),
    Entry(where="/safe", key="safe", group="bar"),
    Entry(where="/more", key="more", group="bar"),
    Entry(where="/day-clear", key="dayclear", group="counter", roles=CASEWORK),
    Entry(where="/rosters", key="rosters", group="counter", roles=CASEWORK),
    Entry(where="/pads", key="pads", group="counter", roles=CASEWORK),
    Entry(where="/sticks", key="sticks", group="keep"),
    Entry(where="/platform", key="platform", group="counter", roles=CASEWORK),
    Entry(where="/orders", key="orders", group="counter", roles=CASEWORK),
    Entry(where="/lights", key="lights", group="county", roles=CASEWORK),
    Entry(where="/board", key="board", group="county"),
    Entry(where="/conflicts", key="conflicts", group="county", roles=CASEWORK),
    Entry(where="/monthly", key="monthly", group="county"),
    Entry(where="/hall", key="hall", group="county"),
    Entry(where="/people", key="people", group="office", roles=REGISTRAR),
    Entry(where="/stations", key="stations", group="office", roles=REGISTRAR),
    Entry(where="/joins", key="joins", group="office", roles=REGISTRAR),
    Entry(where="/import/staff", key="import_staff", group="office", roles=REGISTRAR),
    Entry(where="/import/stations", key="import_stations", group="office", roles=REGISTRAR),
    Entry(where="/import/items", key="import_items", group="office", roles=REGISTRAR),
    Entry(where="/publish", key="publish", group="office", roles=REGISTRAR),
    Entry(
        where="/leaver", key="leaver", group="office", roles=frozenset(("registrar", "head", "supervisor"))
    ),
    Entry(
        where="/new-keys",
        key="newkeys",
        group="office",
        roles=frozenset(("registrar", "head", "supervisor")),
    ),
    Entry(where="/catalogue", key="catalogue", group="office"),
    Entry(where="/calendars", key="calendars", group="office"),
    Entry(where="/keep", key="keep", group="keep"),
    Entry(where="/my-key", key="mykey", group="keep"),
    Entry(where="/join-again", key="rejoin", group="keep"),
    Entry(where="/reopen", key="reopen", group="keep", roles=REGISTRAR),
)
GROUPS = ("counter", "county", "office", "keep")


def menu_of(person: Person | None, group: str) -> Iterable[Entry]:
    """Return the lines of a group that somebody is offered."""
    roles = ANYBODY if person is None else person.roles
    return [one for one in MENU if one.group == group and (not one.roles or one.roles & roles)]
