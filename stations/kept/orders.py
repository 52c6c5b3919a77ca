"""12345 orders as a list beside the ledger: imported from Excel, answered here, taken away as Excel.

An order is no case and no act: the hotline's own platform stays the place where it is answered. The list
lies encrypted beside the ledger and never syncs; a backup holds it. No answer is lost: what somebody
overwrites, or a list that is read again, is kept with who gave it and when.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import date, timedelta

from ledger.errors import InputError, RuleError, StoreError
from stations.kept.sealed import SealedFolder
from stations.sheetin.columns import sheet_list
from stations.sheetin.faults import Faults
from stations.sheetin.keyed import OWN, read_keyed
from stations.sheetin.records import Record

FOLDER = "orders"
ORDERS_MAX = 10_000
AHEAD_DAYS = 2
"""So many days before its limit an order turns yellow."""
REPLY_CHARS_MAX = 1000
EDITED = ("unit", "state", "reply", "satisfaction")
"""What is filled in here; the list of the hotline's platform may say it too."""
ENDED = frozenset(
    ("已办结", "办结", "已完结", "完结", "已结案", "结案", "已归档", "办理完毕", "closed", "done")
)
"""States with which the hotline's platform says that nothing is to be done any more, where it has a reply."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Earlier:
    """What stood in an order before it was changed.

    Attributes:
        by: who had answered; "" for what came with a list.
        at: when, as 2026-03-02 09:30; "" where it is not known.
    """

    unit: str = ""
    state: str = ""
    reply: str = ""
    satisfaction: str = ""
    by: str = ""
    at: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One order; days as 2026-03-02, with the time where the list has one; texts as they stand in the list.

    Attributes:
        done_on: when it was answered here, or a list first said so; "" while it is open.
        by: who answered it here; "" for a reply that came with a list.
        at: when, as 2026-03-02 09:30.
        listed_reply: what a list says instead of an answer that was given here; "" where they agree.
        version: how often it was changed; an answer names the one that its author saw.
        earlier: what stood here before, the oldest first.
        own: what stands in columns of the office's own that lists had, by what tells these from each other.
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
    at: str = ""
    listed_reply: str = ""
    version: int = 0
    earlier: Sequence[Earlier] = field(default=())
    own: Mapping[str, str] = field(default_factory=dict)

    def light(self, today: date, *, time: str = "") -> str:
        """Return ``done``, ``red``, ``yellow`` or ``green``; "" where no limit is known.

        Args:
            today: in China.
            time: of that day, as 17:00, for limits that name one.
        """
        if self.done_on:
            return "done"
        if not self.due_on:
            return ""
        day, _, limit = self.due_on.partition(" ")
        if day < today.isoformat() or (limit and self.due_on < f"{today.isoformat()} {time}"):
            return "red"
        return "yellow" if day <= (today + timedelta(days=AHEAD_DAYS)).isoformat() else "green"


Columns = tuple[tuple[str, str], ...]
"""Fields in the order in which a list has them, each with the heading that the list gives it."""
_TEXTS = tuple(one.name for one in fields(Order) if one.name not in ("version", "earlier", "own"))
_ANSWER = ("reply", "done_on", "by", "at", "listed_reply")
_LISTED = tuple(name for name in _TEXTS if name not in ("done_on", "by", "at", "listed_reply"))


def read_orders(raw: bytes, name: str) -> tuple[list[Order], Columns, Faults]:
    """Return the orders of a workbook, the columns in which they stand, and what is wrong, row by row.

    Args:
        raw: the workbook.
        name: its name, for messages.

    Raises:
        InputError: ``sheet.*`` when it is no workbook or holds no such list.
    """
    faults = Faults()
    read = read_keyed(raw, name, "orders", faults, make=_order, key="order_no", twice="order.twice")
    orders = [replace(order, own=read.own[record.row.number]) for record, order in read.rows]
    return orders, read.columns, faults


def merged(before: Sequence[Order], read: Sequence[Order], *, today: date) -> tuple[list[Order], int, int]:
    """Return the list with what was read, and how many orders are new and changed; nothing is dropped.

    Raises:
        InputError: ``order.too_many``.
    """
    known = {order.order_no: order for order in before}
    new = changed = 0
    for order in read:
        held = known.get(order.order_no)
        new += held is None
        updated = _ended(order if held is None else _with_listed(held, order), today)
        changed += held is not None and updated != held
        known[order.order_no] = updated
    if len(known) > ORDERS_MAX:
        raise InputError("order.too_many", count=len(known), most=ORDERS_MAX)
    return sorted(known.values(), key=lambda one: (bool(one.done_on), one.due_on or "9999")), new, changed


def answered(
    orders: Sequence[Order], order_no: str, told: Mapping[str, str], *, by: str, at: str
) -> list[Order]:
    """Return the list with one order answered, passed on, or opened again where ``told`` says ``reopen``.

    Args:
        orders: the list.
        order_no: which one.
        told: what was typed, by ``EDITED``; the ``version`` that was seen; ``reopen`` to take an answer back.
        by: who answers.
        at: when, as 2026-03-02 09:30.

    Raises:
        InputError: ``order.none``; ``order.reply`` for an answer that is too long; ``order.empty`` for none
            where one was given.
        RuleError: ``order.moved_on`` when somebody else, or a list, has changed the order by now.
    """
    held = next((order for order in orders if order.order_no == order_no), None)
    if held is None:
        raise InputError("order.none", no=order_no[:40])
    if any(len(told.get(name, "")) > REPLY_CHARS_MAX for name in EDITED):
        raise InputError("order.reply", most=REPLY_CHARS_MAX)
    if told.get("version", "") != str(held.version):
        raise RuleError("order.moved_on", no=order_no, by=held.by or "—")
    said = {name: told.get(name, "").strip() for name in EDITED}
    if told.get("reopen"):
        said["reply"] = ""
    elif held.reply and not said["reply"]:
        raise InputError("order.empty", no=order_no)
    if all(getattr(held, name) == text for name, text in said.items()) and not held.listed_reply:
        return list(orders)
    done_on = (held.done_on or at[:10]) if said["reply"] else ""
    noted = {**said, "done_on": done_on, "by": by, "at": at, "listed_reply": ""}
    updated = _with_texts(_changed(held), noted)
    return [updated if order is held else order for order in orders]


def _with_listed(held: Order, read: Order) -> Order:
    """Return an order with what a list says of it; an answer given here stays, and both are shown.

    One that was done and is sent out again is open again: it wants another answer within its new limit.
    """
    said = {name: text for name in _LISTED if (text := getattr(read, name))}
    if held.done_on and read.state not in ENDED and _is_sent_again(held, read):
        if read.reply == held.reply:
            said.pop("reply", None)
        held = replace(_changed(held), own={**held.own, **read.own})
        return _with_texts(held, {**dict.fromkeys(_ANSWER, ""), **said})
    if held.by and read.reply:
        said.pop("reply")
        said["listed_reply"] = "" if read.reply == held.reply else read.reply
    held = replace(held, own={**held.own, **read.own})
    if all(getattr(held, name) == text for name, text in said.items()):
        return held
    told_anew = any(name in said and said[name] != getattr(held, name) for name in (*EDITED, "listed_reply"))
    return _with_texts(_changed(held) if told_anew else held, said)


def _is_sent_again(held: Order, read: Order) -> bool:
    """Tell whether a list says a later day of assignment, or a later limit, than was known.

    A list that was drawn up before the answer arrived says those of before, and its state proves nothing.
    """
    pairs = ((held.assigned_on, read.assigned_on), (held.due_on, read.due_on))
    return any(_is_later(after, before) for before, after in pairs if before)


def _is_later(after: str, before: str) -> bool:
    """Compare moments as far as both are told: one may name a time of the day."""
    told = min(len(after), len(before))
    return after[:told] > before[:told]


def _changed(held: Order) -> Order:
    """Return an order that is about to be changed: what it said is kept."""
    before = Earlier(**{one.name: getattr(held, one.name) for one in fields(Earlier)})
    kept = (*held.earlier, before) if any(getattr(held, name) for name in EDITED) else held.earlier
    return replace(held, version=held.version + 1, earlier=kept)


def _with_texts(held: Order, texts: Mapping[str, str]) -> Order:
    before = {name: str(getattr(held, name)) for name in _TEXTS}
    return replace(_of_texts({**before, **texts}), version=held.version, earlier=held.earlier, own=held.own)


def _of_texts(texts: Mapping[str, str]) -> Order:
    return Order(
        order_no=texts["order_no"],
        title=texts["title"],
        caller=texts.get("caller", ""),
        phone=texts.get("phone", ""),
        assigned_on=texts.get("assigned_on", ""),
        due_on=texts.get("due_on", ""),
        unit=texts.get("unit", ""),
        state=texts.get("state", ""),
        reply=texts.get("reply", ""),
        satisfaction=texts.get("satisfaction", ""),
        done_on=texts.get("done_on", ""),
        by=texts.get("by", ""),
        at=texts.get("at", ""),
        listed_reply=texts.get("listed_reply", ""),
    )


def _ended(order: Order, today: date) -> Order:
    ended = order.reply and order.state in ENDED
    return replace(order, done_on=today.isoformat()) if ended and not order.done_on else order


def keep_orders(folder: SealedFolder, station: str, orders: Sequence[Order]) -> None:
    """Keep the list of a station, durably."""
    raw = json.dumps([asdict(order) for order in orders], ensure_ascii=False)
    folder.keep(f"list-{station}", raw.encode("utf-8"))


def keep_columns(folder: SealedFolder, station: str, columns: Columns) -> None:
    """Keep the columns of the list that a station read last, durably: its orders go back in them."""
    folder.keep(f"columns-{station}", json.dumps(columns, ensure_ascii=False).encode("utf-8"))


def load_columns(folder: SealedFolder, station: str) -> Columns:
    """Return the columns of the list that a station read last; empty where none were kept.

    Raises:
        StoreError: ``sealed.unreadable``.
    """
    raw = folder.read(f"columns-{station}")
    if raw is None:
        return ()
    try:
        return tuple((str(name), str(heading)) for name, heading in json.loads(raw) if _is_listed(str(name)))
    except (ValueError, TypeError) as error:
        raise StoreError("sealed.unreadable", path=station) from error


def _is_listed(name: str) -> bool:
    return name in _LISTED or name.startswith(OWN)


def columns_of(orders: Sequence[Order], came: Columns) -> Columns:
    """Return the columns of the list that was read last, and those of the office's own that others had."""
    held = dict.fromkeys(key for order in orders for key in order.own)
    more = ((f"{OWN}{key}", key.partition("\n")[0]) for key in held)
    return (*came, *(column for column in more if column not in came))


def cell_of(order: Order, name: str) -> str:
    """Return what stands in a column of an order; "" for nothing."""
    return order.own.get(name.removeprefix(OWN), "") if name.startswith(OWN) else str(getattr(order, name))


def load_orders(folder: SealedFolder, station: str) -> list[Order]:
    """Return the list of a station.

    Raises:
        StoreError: ``sealed.unreadable``.
    """
    raw = folder.read(f"list-{station}")
    if raw is None:
        return []
    try:
        return [_order_of(held) for held in json.loads(raw)]
    except (ValueError, TypeError, AttributeError) as error:
        raise StoreError("sealed.unreadable", path=station) from error


def _order_of(held: Mapping[str, object]) -> Order:
    """Return a kept order; what an older program did not keep is empty."""
    version, earlier, own = held.get("version"), held.get("earlier"), held.get("own")
    return replace(
        _of_texts({name: str(held.get(name, "")) for name in _TEXTS}),
        version=version if isinstance(version, int) else 0,
        earlier=tuple(
            Earlier(**{one.name: str(kept.get(one.name, "")) for one in fields(Earlier)})
            for kept in (earlier if isinstance(earlier, list) else ())
        ),
        own={str(key): str(text) for key, text in own.items()} if isinstance(own, dict) else {},
    )


def _order(record: Record) -> Order | None:
    texts = {
        column.field: record.text(column.field)
        for column in sheet_list("orders").columns
        if record.text(column.field)
    }
    return _of_texts(texts) if "order_no" in texts and "title" in texts else None
