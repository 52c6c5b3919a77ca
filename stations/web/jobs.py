"""Long jobs of a page: row after row, with progress and cancel; what is done stays done.

Each row takes a turn of its own on the ledger's thread, so that whoever acts meanwhile waits for one row at
most. A job lives in this process alone: what it has done is in the ledger, and who starts it again goes on
with what is left.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass, field, replace

from aiohttp import web

from ledger.errors import AuthorityError, BanjianError, InputError, RuleError
from stations.web.render import message_of, render, render_part
from stations.web.standing import require_standing
from stations.web.visit import OFFICE, Visit, see_other

JOBS_MAX = 64
FAILURES_SHOWN_MAX = 200
KEPT, SIGNED = "web.job_words_kept", "web.job_words"
"""What is said of a job whose rows are kept, and of one whose rows are each signed."""
Steps = Callable[["Job"], AsyncGenerator[None, None]]
"""Does a job, one yield after each row."""


@dataclass(slots=True, kw_only=True)
class Job:
    """One job.

    Attributes:
        title: in the language of who started it.
        staff_no: who started it; nobody else sees it.
        about: what no second job may be about at the same time: the page, or what is said to be.
        back: path of the page to go on with.
        page: path of the job's own page.
        total: rows to do.
        state: ``running``, ``done``, ``cancelled`` or ``stopped``.
        note: words about what has come of it so far, where there is nothing to count.
        error: what stopped it.
        failures: what went wrong with single rows: (which, what, next step); the first of them.
        failed_count: with how many rows something went wrong.
        result: words about what came of it, when it is done.
        words: key of what is said to who wonders whether it may be stopped.
    """

    name: str
    title: str
    staff_no: str
    back: str
    total: int
    about: str
    page: str
    done: int = 0
    state: str = "running"
    wanted: bool = True
    failures: list[tuple[str, str, str]] = field(default_factory=list)
    failed_count: int = 0
    note: str = ""
    error: BanjianError | None = None
    result: str = ""
    words: str = KEPT
    task: asyncio.Task[None] | None = None

    @property
    def percent(self) -> int:
        """How much is done, in whole percent."""
        return 100 if not self.total else self.done * 100 // self.total

    def failed(self, which: str, what: str, next_step: str = "") -> None:
        """Note that a row could not be done."""
        self.failed_count += 1
        if len(self.failures) < FAILURES_SHOWN_MAX:
            self.failures.append((which, what, next_step))


class Jobs:
    """The jobs of a process, the newest last."""

    def __init__(self) -> None:
        self._jobs: OrderedDict[str, Job] = OrderedDict()

    def of(self, name: str, staff_no: str) -> Job:
        """Return a job of a person.

        Raises:
            InputError: ``web.no_page`` for one that is not, or is somebody else's.
        """
        job = self._jobs.get(name)
        if job is None or job.staff_no != staff_no:
            raise InputError("web.no_page", path=f"/job/{name[:40]}")
        return job

    def running(self, about: str) -> Job | None:
        """Return the job that is at work about something, None when none is."""
        return next(
            (job for job in self._jobs.values() if job.about == about and job.state == "running"), None
        )

    def start(
        self,
        visit: Visit,
        title: str,
        *,
        back: str,
        total: int,
        steps: Steps,
        about: str = "",
        under: str = "/job",
        owner: str | None = None,
        words: str = KEPT,
    ) -> Job:
        """Start a job for who acts in this visit; her own that is at work about the same when there is.

        Args:
            back: path of the page to go on with.
            about: see ``Job``; ``back`` by default.
            under: path under which its own page lies.
            owner: who may look at it; who acts by default, "" before anybody can sign in.
            words: see ``Job``.

        Raises:
            RuleError: ``web.job_busy`` while somebody else's job is at work about the same.
        """
        about, staff_no = about or back, visit.person.staff_no if owner is None else owner
        known = self.running(about)
        if known is not None and known.staff_no != staff_no:
            raise RuleError("web.job_busy")
        if known is not None:
            return known
        name = visit.office.randomness(8).hex()
        job = Job(
            name=name, title=title, staff_no=staff_no, back=back, total=total, about=about,
            page=f"{under}/{name}", words=words,
        )  # fmt: skip
        self._jobs[name] = job
        while len(self._jobs) > JOBS_MAX and next(iter(self._jobs.values())).state != "running":
            self._jobs.popitem(last=False)
        job.task = asyncio.create_task(_run(visit, job, steps))
        return job

    async def close(self) -> None:
        """End all jobs after the row that each is at."""
        for job in self._jobs.values():
            job.wanted = False
        await asyncio.gather(*(job.task for job in self._jobs.values() if job.task is not None))


JOBS: web.AppKey[Jobs] = web.AppKey("jobs", Jobs)


def jobs_of(visit: Visit) -> Jobs:
    """Return the jobs of the process."""
    return visit.request.app[JOBS]


def as_confirmed(visit: Visit) -> Visit:
    """Return the visit of who confirms a job now, for its steps.

    Somebody else may act in this browser before the job is done, or for another station; it goes on for who
    confirmed it.
    """
    return replace(visit, acting=replace(visit.person))


async def require_unlocked(visit: Visit) -> None:
    """Refuse to go on with the key that confirmed a job when it was dropped meanwhile, or is used no more.

    Asked before each row: no page need be open that would notice.

    Raises:
        AuthorityError: ``web.signed_out``; ``web.key_ended``; ``web.key_replaced``.
    """
    person = visit.person
    held = visit.browser.people.get(person.staff_no)
    if held is None or held.key_id != person.key_id:
        raise AuthorityError("web.signed_out")
    await require_standing(visit.office.access, visit.office.home, held)


async def show(visit: Visit) -> web.Response:
    """Show a job; a piece of the page while it goes on."""
    job = jobs_of(visit).of(visit.request.match_info["job"], visit.person.staff_no)
    if "HX-Request" in visit.request.headers:
        return render_part(visit, "job_part.html", job=job)
    return await render(visit, "job.html", job=job)


async def cancel(visit: Visit) -> web.Response:
    """End a job after the row that it is at."""
    job = jobs_of(visit).of(visit.request.match_info["job"], visit.person.staff_no)
    job.wanted = False
    return see_other(job.page)


async def _run(visit: Visit, job: Job, steps: Steps) -> None:
    try:
        async with aclosing(steps(job)) as rows:
            async for _ in rows:
                if not job.wanted:
                    job.state = "cancelled"
                    return
                # Whoever waits for the loop comes first.
                await asyncio.sleep(0)
    except BanjianError as error:
        message = message_of(visit.say, error)
        job.failed("", message.what, message.next_step)
        # Without the frames that it came through: they hold what the form brought.
        job.error, job.state = error.with_traceback(None), "stopped"
    else:
        job.state = "done"
    finally:
        if job.state == "running":
            job.state = "stopped"
        visit.request.app[OFFICE].network.news()
