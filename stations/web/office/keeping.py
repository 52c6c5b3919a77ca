"""Keeping an installation on pages: what ``doctor`` finds, backups, how to restore."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from ledger.errors import BanjianError, InputError
from ledger.facade import Ledger
from stations.checkup.checks import Check
from stations.checkup.doctor import examine
from stations.kept.backup import Backup, KeptBackup, last_backup_ms, list_backups, make_backup
from stations.texts import Say
from stations.web.answers import status_of
from stations.web.headers import from_here
from stations.web.office.desk import new_word, once
from stations.web.render import message_of, render
from stations.web.tablesheets import with_excel
from stations.web.visit import Visit, first, form_of, page

SHAPES = {"ok": "●", "warning": "▲", "error": "■"}


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckLine:
    """One thing that was looked at, in words."""

    level: str
    name: str
    what: str
    next_step: str


def add_routes(router: web.UrlDispatcher) -> None:
    """Add the pages of keeping."""
    router.add_get("/keep", page(with_excel(show)))
    router.add_post("/keep/backup", page(backup))


async def show(visit: Visit) -> web.Response:
    """Show what doctor finds, which backups there are, and how to restore."""
    return await _shown(visit, None)


async def backup(visit: Visit) -> web.StreamResponse:
    """Write a backup now; into the folder of the settings, or another that somebody at this machine names."""
    form = await form_of(visit)

    async def act() -> str:
        named = first(form, "folder").strip()
        configured = visit.office.config.backup_dir
        if named and named != configured and not from_here(visit.request):
            raise InputError("web.backup_here")
        folder = named or configured
        if not folder or "\0" in folder or not Path(folder).is_absolute():
            raise InputError("web.backup_folder", folder=folder[:200])
        now_ms = visit.now_ms()

        def write(ledger: Ledger) -> Backup:
            return make_backup(ledger, Path(folder), now_ms=now_ms)

        # It reads beside the one writer: whoever serves an applicant meanwhile does not wait for it.
        done = await asyncio.shield(visit.read(write))
        visit.tell("web.backup_done", folder=done.folder, size=max(1, done.size_bytes >> 10))
        return "/keep"

    try:
        return await once(visit, form, act)
    except BanjianError as error:
        return await _shown(visit, error, folder=first(form, "folder"))


async def _shown(visit: Visit, error: BanjianError | None, *, folder: str = "") -> web.Response:
    office, thorough = visit.office, "thorough" in visit.request.query
    home, config, now_ms = office.home, office.config, visit.now_ms()

    def work(ledger: Ledger) -> list[CheckLine]:
        checks = examine(home, config, ledger, now_ms=now_ms, thorough=thorough, key_fits=True)
        return [_line(visit.say, check) for check in checks]

    def backups() -> list[KeptBackup]:
        return list_backups(Path(config.backup_dir)) if config.backup_dir else []

    response = await render(
        visit,
        "keep.html",
        checks=await visit.read(work),
        shapes=SHAPES,
        thorough=thorough,
        backups=await office.access.aside(backups),
        backup_dir=config.backup_dir,
        last_ms=last_backup_ms(home),
        folder=folder,
        at_machine=from_here(visit.request),
        message=error and message_of(visit.say, error),
        once=new_word(visit),
    )
    response.set_status(200 if error is None else status_of(error))
    return response


def _line(say: Say, check: Check) -> CheckLine:
    message = say.message(check.code, check.params)
    return CheckLine(
        level=check.level,
        name=say(f"doctor.name.{check.name}"),
        what=message.what,
        next_step=message.next_step if check.level != "ok" else "",
    )
