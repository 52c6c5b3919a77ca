"""12345 orders as a list beside the ledger: imported from Excel, answered here, taken away as Excel.

An order is no case and no act: the hotline's own platform stays the place where it is answered. The list
lies encrypted beside the ledger and never syncs.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from datetime import date, timedelta
from pathlib import Path

from ledger.errors import InputError, StoreError
from stations.sealed import SealedFolder
from stations.sheetin.book import read_book
from stations.sheetin.columns import sheet_list
from stations.sheetin.faults import Faults
from stations.sheetin.header import find_sheet
from stations.sheetin.records import Record, read_records

FOLDER = "orders"
ORDERS_MAX = 10_000
AHEAD_DAYS = 2
"""So many days before its limit an order turns yellow."""
REPLY_CHARS_MAX = 1000
EDITED = ("unit", "state", "reply", "satisfaction")
"""What is filled in here; an import replaces them only where the list says something."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One order; days as 2026-03-02, texts as they stand in the list.

    Attributes:
        done_on: when it was answered here; "" while it is open.
        by: who answered it.
    """

    order_no: str
    title: str
    caller: str = ""
    phone: str = ""
    assigned_on: str = ""
    due_on: str = ""
    unit: str = ""
    state: str = ""
    reply: str = ""
    satisfaction: str = ""
    done_on: str = ""
    by: str = ""

    def light(self, today: date) -> str:
        """Return ``done``, ``red``, ``yellow`` or ``green``."""
        if self.done_on:
            return "done"
        if not self.due_on:
            return "green"
        if self.due_on < today.isoformat():
            return "red"
        return "yellow" if self.due_on <= (today + timedelta(days=AHEAD_DAYS)).isoformat() else "green"


def read_orders(raw: bytes, name: str) -> tuple[list[Order], Faults]:
    """Return the orders of a workbook, and what is wrong with it, row by row.

    Args:
        raw: the workbook.
        name: its name, for messages.

    Raises:
        InputError: ``sheet.*`` when it is no workbook or holds no such list.
    """
    wanted, faults = sheet_list("orders"), Faults()
    grid, header = find_sheet(read_book(raw, Path(name)), wanted)
    orders: list[Order] = []
    seen: dict[str, int] = {}
    for record in read_records(grid, header, wanted, faults):
        order = _order(record)
        if order is None:
            continue
        if order.order_no in seen:
            faults.add("order.twice", record.place("order_no"), order.order_no, row=seen[order.order_no])
            continue
        seen[order.order_no] = record.row.number
        orders.append(order)
    return orders, faults


def merged(before: Sequence[Order], read: Sequence[Order]) -> tuple[list[Order], int, int]:
    """Return the list with what was read, and how many orders are new and changed; nothing is dropped.

    Raises:
        InputError: ``order.too_many``.
    """
    known = {order.order_no: order for order in before}
    new = changed = 0
    for order in read:
        held = known.get(order.order_no)
        if held is None:
            new += 1
            known[order.order_no] = order
            continue
        said = {one.name: getattr(order, one.name) for one in fields(Order) if getattr(order, one.name)}
        updated = replace(held, **said)
        changed += updated != held
        known[order.order_no] = updated
    if len(known) > ORDERS_MAX:
        raise InputError("order.too_many", count=len(known), most=ORDERS_MAX)
    return sorted(known.values(), key=lambda one: (bool(one.done_on), one.due_on or "9999")), new, changed


def answered(
    orders: Sequence[Order], order_no: str, told: Mapping[str, str], *, by: str, today: date
) -> list[Order]:
    """Return the list with one order answered, or opened again by an empty answer.

    Raises:
        InputError: ``order.none``; ``order.reply`` for an answer that is too long.
    """
    if all(order.order_no != order_no for order in orders):
        raise InputError("order.none", no=order_no[:40])
    if any(len(text) > REPLY_CHARS_MAX for text in told.values()):
        raise InputError("order.reply", most=REPLY_CHARS_MAX)
    said = {name: told.get(name, "").strip() for name in EDITED}
    done_on = today.isoformat() if said["reply"] else ""
    return [
        replace(order, **said, done_on=order.done_on or done_on if done_on else "", by=by)
        if order.order_no == order_no
        else order
        for order in orders
    ]


def keep_orders(folder: SealedFolder, station: str, orders: Sequence[Order]) -> None:
    """Keep the list of a station, durably."""
    raw = json.dumps([asdict(order) for order in orders], ensure_ascii=False)
    folder.keep(f"list-{station}", raw.encode("utf-8"))


def load_orders(folder: SealedFolder, station: str) -> list[Order]:
    """Return the list of a station.

    Raises:
        StoreError: ``sealed.unreadable``.
    """
    raw = folder.read(f"list-{station}")
    if raw is None:
        return []
    names = [one.name for one in fields(Order)]
    try:
        return [Order(**{name: str(held.get(name, "")) for name in names}) for held in json.loads(raw)]
    except (ValueError, TypeError, AttributeError) as error:
        raise StoreError("sealed.unreadable", path=station) from error


def _order(record: Record) -> Order | None:
    texts = {
        column.field: record.text(column.field)
        for column in sheet_list("orders").columns
        if record.text(column.field)
    }
    return Order(**texts) if "order_no" in texts and "title" in texts else None
