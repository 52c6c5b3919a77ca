"""What the site looks after by itself: what was erased elsewhere, uploads and words that nobody needs."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress

from aiohttp import web

from ledger.errors import BanjianError
from stations.kept.forgetting import Forgetting
from stations.serving.memory import Memory, give_back, is_large
from stations.web.cases.erased import TURN, forget_erased
from stations.web.cases.leftuploads import drop_left
from stations.web.oncewords import OnceWords
from stations.web.visit import OFFICE

SWEEP: web.AppKey[asyncio.Task[None]] = web.AppKey("sweep", asyncio.Task)
SWEEP_S = 60.0
LOOKS_PER_DROP = 1440
"""Uploads and one-time words, a file each, are looked at when the site starts, then once in so many looks."""
LOOKS_PER_SHRINK = 10
"""The caches of the database fill again in a moment of work: emptied each minute they would be none."""
log = logging.getLogger("banjian.web")


async def begin(application: web.Application) -> None:
    """Begin to look."""
    application[SWEEP] = asyncio.create_task(_sweep(application))


async def end(application: web.Application) -> None:
    """Look no more."""
    task = application[SWEEP]
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def _sweep(application: web.Application) -> None:
    office, turn, looks = application[OFFICE], application[TURN], 0
    words, memory = OnceWords(office.home, office.randomness), Memory()
    forgetting = Forgetting(office.home, office.randomness)
    while True:
        try:
            await forget_erased(office, turn, forgetting)
            if not looks % LOOKS_PER_DROP:
                await drop_left(office)
                await office.access.aside(lambda: words.drop_old(office.clock.now_ms()))
            if looks % LOOKS_PER_SHRINK == LOOKS_PER_SHRINK - 1 and is_large():
                await office.access.shrink()
                await office.access.aside(give_back)
            await office.access.aside(memory.look)
        except BanjianError as error:
            # What cannot be read now is looked at again.
            log.warning(error.code, extra={"code": error.code})
        except Exception:
            # The outermost loop: a fault is told, and the next look comes all the same.
            log.exception("sweep failed")
        looks += 1
        await asyncio.sleep(SWEEP_S)
