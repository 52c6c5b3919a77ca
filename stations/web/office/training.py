"""The ten tasks of a training ledger; the ledger itself tells which are done."""

from __future__ import annotations

from aiohttp import web

from ledger.errors import InputError
from stations.office.training import tasks
from stations.web.render import render
from stations.web.visit import Visit, page


def add_routes(router: web.UrlDispatcher) -> None:
    """Add the page of tasks."""
    router.add_get("/training", page(show))


async def show(visit: Visit) -> web.Response:
    """Show the tasks.

    Raises:
        InputError: ``web.no_page`` in a ledger that is no training ledger.
    """
    if not visit.office.training:
        raise InputError("web.no_page", path="/training")
    found = await visit.read(lambda ledger: tasks(ledger, visit.person.key_id))
    return await render(visit, "training.html", tasks=found, count=sum(task.done for task in found))
