"""What is safe where: the page behind the line on every page, and syncing now."""

from __future__ import annotations

from aiohttp import web

from ledger.facade import Ledger
from ledger.facade.logs.countyseen import INCONSISTENT, RESTORED, UNPROVEN
from ledger.facade.opened.looked import is_staying
from ledger.facade.peering.between import sync_status
from ledger.facade.peering.syncstatus import SyncStatus
from stations.kept.attachments import Attachments
from stations.kept.lostfiles import lost_files
from stations.serving.rereading import round_of
from stations.web.render import message_of, render, render_part, standing_of
from stations.web.syncjob import syncing
from stations.web.visit import Visit, see_other
from stations.web.watched import came_soon


async def show(visit: Visit) -> web.Response:
    """Show what each level has confirmed, what waits and why, and what to do."""

    def work(ledger: Ledger) -> SyncStatus:
        return sync_status(ledger, ledger.main_station or visit.station)

    store = Attachments(visit.office.home, visit.office.randomness)
    status = await visit.read(work)
    reading = await visit.office.access.aside(lambda: round_of(visit.office.home, visit.office.randomness))
    lost = await visit.read(lambda ledger: lost_files(ledger, store, ledger.main_station or visit.station))
    failure = status.link.failure
    lacking = status.receipt_key
    return await render(
        visit,
        "safe.html",
        status=status,
        failure=None if failure is None else visit.say.kept(failure.code, failure.params),
        lacking=visit.say.message(lacking, {"station": status.station}) if lacking else None,
        accept=any(one.code in (INCONSISTENT, UNPROVEN, RESTORED) for one in status.findings),
        staying=any(is_staying(one.code, one.detail) for one in status.findings),
        once=visit.office.randomness(12).hex(),
        lost=lost,
        reading=reading,
        given_up=[(name[:8], visit.say.reason(code, log=name[:8])) for name, code in status.given_up],
        findings=[
            (one, visit.say.kept(one.code, one.params), one.log[:8] if one.log.strip("0") else "")
            for one in status.findings
        ],
    )


async def line(visit: Visit) -> web.Response:
    """Return the line alone, for a page that is open."""
    return render_part(visit, "safety_line.html", **await standing_of(visit))


async def sync_now(visit: Visit) -> web.Response:
    """Sync with the station above until nothing more comes; the result at once, or a page of progress."""
    job = syncing(visit, about="/safe/sync", back="/safe")
    if not await came_soon(job):
        return see_other(job.page)
    if job.state == "done":
        visit.tell("web.told_words", words=job.result)
    elif job.error is not None:
        message = message_of(visit.say, job.error)
        key, told = ("web.sync_broke_off", job.note) if job.note else ("web.sync_failed", "")
        visit.tell(key, so_far=told, what=message.what, next=message.next_step, code=message.code)
    return see_other("/safe")
