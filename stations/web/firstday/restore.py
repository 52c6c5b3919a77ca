"""The first day of a machine in place of a lost one: a backup is chosen, compared, copied, put in place."""

from __future__ import annotations

import asyncio
from pathlib import Path

from aiohttp import web

from ledger.errors import BanjianError, InputError
from ledger.types import LedgerId
from stations.kept.backup import KeptBackup
from stations.kept.restoring import find_backups, forget_broken_off, look, restore
from stations.kept.stickbook import find_sticks
from stations.web.firstday.join import require_not_begun
from stations.web.firstday.shared import FIRST, Copying, FirstDay, go_on, page_of, require_none, sent, typed

WHERE, PROGRESS = "/restore", "/restore/progress"
NO_LEDGER = LedgerId(bytes(32))
BACKUPS_MAX = 50


def add_routes(router: web.UrlDispatcher) -> None:
    """Add the pages of restoring."""
    router.add_get(WHERE, _show)
    router.add_post(WHERE, _look)
    router.add_post(f"{WHERE}/begin", _begin)
    router.add_get(PROGRESS, _progress)
    router.add_post(f"{WHERE}/cancel", _cancel)
    router.add_post(f"{WHERE}/go", _go)


async def end(first: FirstDay) -> None:
    """Give up a copy that is under way: the process was asked to stop."""
    copying = first.copying
    if copying is not None and copying.task is not None:
        copying.wanted = False
        await copying.task


async def _show(request: web.Request) -> web.StreamResponse:
    first = request.app[FIRST]
    require_none(first)
    require_not_begun(first.home)
    return await _choose(first, "", None)


async def _look(request: web.Request) -> web.StreamResponse:
    """Look for backups in a folder: only who sits at these pages names one, no address does."""
    first, form = request.app[FIRST], await typed(request)
    require_none(first)
    require_not_begun(first.home)
    return await _choose(first, form.get("folder", ""), None)


async def _choose(first: FirstDay, folder: str, error: BanjianError | None, chosen: str = "") -> web.Response:
    """Return the page on which a backup is chosen: of a folder that was named, else of what is plugged in."""

    def found() -> list[KeptBackup]:
        if folder:
            return find_backups(Path(folder))
        plugged = [Path(one.path) for one in find_sticks((), NO_LEDGER)]
        every = [one for path in plugged for one in find_backups(path)]
        return sorted(every, key=lambda one: one.at_ms, reverse=True)

    backups = await asyncio.to_thread(found) if not folder or Path(folder).is_absolute() else []
    first.backup_at_ms = max((one.at_ms for one in backups), default=0)
    if folder and not backups and error is None:
        error = InputError("restore.none", path=folder[:200])
    return page_of(
        first, "first_restore.html", error=error, backups=backups, shown=BACKUPS_MAX, where=folder,
        chosen=chosen or (str(backups[0].folder) if backups else ""),
    )  # fmt: skip


async def _begin(request: web.Request) -> web.StreamResponse:
    """Compare the backup with the keys from the safe, then copy."""
    first, form = request.app[FIRST], await typed(request)
    folder, where = form.get("backup", ""), form.get("folder", "")
    try:
        require_none(first)
        require_not_begun(first.home)
        if first.copying is not None and first.copying.state == "running":
            return web.Response(status=303, headers={"Location": PROGRESS})
        if not folder or not Path(folder).is_absolute():
            raise InputError("restore.choose")
        storage, ca = await sent(request, "storage_key"), await sent(request, "ca_key")
        source = await asyncio.to_thread(lambda: look(Path(folder), storage_key=storage, ca_key=ca))
        if source.key_table is None and not form.get("without"):
            raise InputError("restore.no_table")
    except BanjianError as error:
        return await _choose(first, where, error, folder)
    copying = first.copying = Copying(source=source)
    copying.task = asyncio.create_task(_copy(first, copying))
    return web.Response(status=303, headers={"Location": PROGRESS})


async def _copy(first: FirstDay, copying: Copying) -> None:
    """Copy piece by piece, beside the pages."""
    await asyncio.to_thread(forget_broken_off, first.home)
    steps = restore(first.home, copying.source)
    try:
        while (done := await asyncio.to_thread(next, steps, None)) is not None:
            copying.done = done
            if not copying.wanted:
                await asyncio.to_thread(steps.close)
                copying.state = "cancelled"
                return
    except BanjianError as error:
        copying.error, copying.state = error, "stopped"
        return
    copying.state = "done"


async def _progress(request: web.Request) -> web.StreamResponse:
    first = request.app[FIRST]
    copying = first.copying
    if copying is None:
        return web.Response(status=303, headers={"Location": WHERE})
    return page_of(first, "first_copying.html", error=copying.error, copying=copying, mega=1 << 20)


async def _cancel(request: web.Request) -> web.StreamResponse:
    copying = request.app[FIRST].copying
    if copying is not None:
        copying.wanted = False
    return web.Response(status=303, headers={"Location": PROGRESS})


async def _go(request: web.Request) -> web.StreamResponse:
    """Go on as the station that was restored: to what has to be done next there."""
    first = request.app[FIRST]
    copying = first.copying
    if copying is None or copying.state != "done":
        raise InputError("restore.choose")
    return go_on(first, f"/sign-in?next={'/reopen' if copying.source.is_county else '/join-again'}")
