"""12345 orders on the screen: imported, answered, exported in the columns in which they came, read or not.

What the list has no column for, the answer above all, follows under headings of our own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from aiohttp import web

from ledger.days.calendar import local_date
from ledger.errors import AuthorityError, BanjianError
from ledger.facade import Ledger
from stations.kept.orders import (
    EDITED,
    FOLDER,
    Order,
    answered,
    cell_of,
    columns_of,
    keep_columns,
    keep_orders,
    load_columns,
    load_orders,
    merged,
    read_orders,
)
from stations.kept.sealed import SealedFolder
from stations.papers.sheets import Sheet
from stations.sheetin.columns import sheet_list
from stations.sheetin.header import UNREAD
from stations.web import typed as typing
from stations.web.answers import status_of
from stations.web.lists import lines_max, send_workbook, wants_workbook
from stations.web.render import message_of, render
from stations.web.visit import Visit, first, form_of, see_other, upload_of
from stations.words.differences import fault_words
from stations.words.moments import show_moment

TURN: web.AppKey[asyncio.Lock] = web.AppKey("orders", asyncio.Lock)
SHOWN_MAX = 300
NOTHING: Final[Mapping[str, Mapping[str, str]]] = MappingProxyType({})
FAULTS_SHOWN_MAX = 100
ROLES = ("window", "officer", "kiosk", "agent", "supervisor")
"""Who may import and answer: those who may note a platform's number in a case."""


async def show(visit: Visit) -> web.StreamResponse:
    """Show the orders of the station, those that press first; all of them as Excel when asked."""
    if wants_workbook(visit):
        return await _workbook(visit)
    return await _shown(visit, None, ())


async def read(visit: Visit) -> web.StreamResponse:
    """Take in a list; rows that cannot be taken are told, the others are taken.

    Raises:
        AuthorityError: ``web.role_only``.
    """
    await _require_role(visit)
    today = local_date(visit.now_ms())
    try:
        upload = await upload_of(visit, "file")
        aside = visit.office.access.aside
        orders, columns, faults = await aside(lambda: read_orders(upload.raw, upload.name))
        counts = await _changed(visit, lambda before: merged(before, orders, today=today))
        await aside(lambda: keep_columns(_folder(visit), visit.station, columns))
    except BanjianError as error:
        return await _shown(visit, error, ())
    visit.tell("web.orders_read", new=counts[0], changed=counts[1])
    unread = [notice for notice in faults.notices if notice.code in (*UNREAD, "cell.behind_day")]
    told = [fault_words(visit.say, one) for one in [*unread, *faults.in_order()][:FAULTS_SHOWN_MAX]]
    return await _shown(visit, None, told, fault_count=faults.count) if told else see_other("/orders")


async def answer(visit: Visit) -> web.StreamResponse:
    """Note the answer to an order; what was typed for one that has changed by now is shown beside it.

    Raises:
        AuthorityError: ``web.role_only``.
    """
    await _require_role(visit)
    form = await form_of(visit)
    told = {name: first(form, name) for name in (*EDITED, "version", "reopen")}
    number, by, at = first(form, "order_no"), visit.person.name, show_moment(visit.now_ms())
    try:
        await _changed(visit, lambda before: (answered(before, number, told, by=by, at=at), 0, 0))
    except BanjianError as error:
        return await _shown(visit, error, (), refused={number: told})
    visit.tell("web.order_answered", no=number)
    return see_other("/orders")


async def _require_role(visit: Visit) -> None:
    person, station = visit.person, visit.station

    def held(ledger: Ledger) -> bool:
        return not person.roles_at(ledger.knowledge.registry, station).isdisjoint(ROLES)

    if not await visit.read(held):
        raise AuthorityError("web.role_only", roles=ROLES)


async def _changed(
    visit: Visit, change: Callable[[Sequence[Order]], tuple[list[Order], int, int]]
) -> tuple[int, int]:
    station, folder = visit.station, _folder(visit)

    def work() -> tuple[int, int]:
        orders, new, changed = change(load_orders(folder, station))
        keep_orders(folder, station, orders)
        return new, changed

    async with visit.request.app[TURN]:
        return await visit.office.access.aside(work)


def _folder(visit: Visit) -> SealedFolder:
    return SealedFolder(visit.office.home, FOLDER, visit.office.randomness)


async def _orders(visit: Visit) -> list[Order]:
    return await visit.office.access.aside(lambda: load_orders(_folder(visit), visit.station))


async def _shown(
    visit: Visit,
    error: BanjianError | None,
    faults: Sequence[tuple[str, str]],
    *,
    fault_count: int = 0,
    refused: Mapping[str, Mapping[str, str]] = NOTHING,
) -> web.Response:
    orders, today = await _orders(visit), local_date(visit.now_ms())
    time = show_moment(visit.now_ms()).rpartition(" ")[2]
    query = visit.request.query.get("q", "").strip()
    closed = "closed" in visit.request.query
    typed = await typing.here(visit, "/orders")
    wanted = {*refused, *(typed.restored.form.get("order_no", ()) if typed.restored else ())}
    shown = [
        (order, order.light(today, time=time))
        for order in orders
        if order.order_no in wanted
        or ((closed or not order.done_on) and any(query in text for text in (order.order_no, order.title)))
    ]
    # What was refused, or is gone on with, stands first: there the typed text is.
    shown.sort(key=lambda pair: pair[0].order_no not in wanted)
    most = lines_max(visit, SHOWN_MAX)
    response = await render(
        visit,
        "orders.html",
        orders=shown[:most],
        refused=refused,
        kept_here=typed,
        edited=EDITED,
        count=len(shown),
        most=most,
        q=query,
        closed=closed,
        answered=sum(bool(order.done_on) for order in orders),
        total=len(orders),
        faults=faults,
        fault_count=fault_count,
        message=None if error is None else message_of(visit.say, error),
    )
    response.set_status(200 if error is None else status_of(error))
    return response


async def _workbook(visit: Visit) -> web.Response:
    orders, wanted = await _orders(visit), sheet_list("orders")
    came = await visit.office.access.aside(lambda: load_columns(_folder(visit), visit.station))
    listed = {field for field, _ in came}
    ours = tuple(
        (one.field, visit.say.pick(one.heading)) for one in wanted.columns if one.field not in listed
    )
    columns = (*columns_of(orders, came), *ours)
    sheet = Sheet(
        name=visit.say.pick(wanted.title),
        headings=tuple(heading for _, heading in columns),
        rows=tuple(tuple(cell_of(order, name) for name, _ in columns) for order in orders),
    )
    day = local_date(visit.now_ms()).isoformat()
    return await send_workbook(visit, f"{visit.say.pick(wanted.title)} {day}", [sheet])
