"""What the menu offers to whom: the first lines stand on every page, the others behind "more"."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from stations.web.browsers import Person

ANYBODY: frozenset[str] = frozenset()


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
    Entry(where="/receive", key="receive", group="bar"),
    Entry(where="/cases", key="cases", group="bar"),
    Entry(where="/safe", key="safe", group="bar"),
    Entry(where="/more", key="more", group="bar"),
    Entry(where="/day-clear", key="dayclear", group="counter"),
    Entry(where="/rosters", key="rosters", group="counter"),
    Entry(where="/pads", key="pads", group="counter"),
    Entry(where="/sticks", key="sticks", group="keep"),
    Entry(where="/platform", key="platform", group="counter"),
    Entry(where="/orders", key="orders", group="counter"),
    Entry(where="/lights", key="lights", group="county"),
    Entry(where="/board", key="board", group="county"),
    Entry(where="/conflicts", key="conflicts", group="county"),
    Entry(where="/monthly", key="monthly", group="county"),
    Entry(where="/hall", key="hall", group="county"),
)
GROUPS = ("counter", "county", "office", "keep")


def menu_of(person: Person | None, group: str) -> Iterable[Entry]:
    """Return the lines of a group that somebody is offered."""
    roles = ANYBODY if person is None else person.roles
    return [one for one in MENU if one.group == group and (not one.roles or one.roles & roles)]
