"""Bundles as jobs of a page: step by step on the thread that owns the ledger, told in words."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from pathlib import Path
from typing import cast

from ledger.registry.registry import Registry
from stations.kept.stickbook import Stick, find_sticks
from stations.serving.bundlejobs import BundleJob, Step, run_job
from stations.serving.wire import error_of
from stations.web.jobs import Job
from stations.web.render import message_of
from stations.web.visit import Visit
from stations.words.casenames import station_name
from stations.words.naming import Names


async def plugged(visit: Visit) -> list[Stick]:
    """Return the sticks that are plugged in now."""
    further, ledger_id = visit.office.config.stick_dirs, visit.office.thread.ledger_id
    return await visit.office.access.aside(lambda: find_sticks(further, ledger_id))


async def steps_of(visit: Visit, work: BundleJob) -> AsyncGenerator[Step, None]:
    """Run a job step by step on the thread that owns the ledger; others get their turn in between.

    Raises:
        BanjianError: as ``stations.serving.bundlejobs.run_job``.
    """
    thread, clock, randomness = visit.office.thread, visit.office.clock, visit.office.randomness
    cores = visit.office.network.cores
    steps = await thread.exchange(
        lambda exchange: run_job(exchange, work, clock=clock, randomness=randomness, cores=cores)
    )
    while (step := await thread.exchange(lambda _: next(steps, None))) is not None:
        yield step


async def registry_of(visit: Visit) -> Registry:
    """Return the registry as it is known here: stations are told by their names."""
    return await visit.read(lambda ledger: ledger.knowledge.registry)


def tell_read(visit: Visit, job: Job, step: Step, registry: Registry) -> None:
    """Tell what became of each file that was read."""
    say, names = visit.say, Names(visit.say, registry=registry)
    senders = dict.fromkeys(
        station_name(registry, str(one["sender"])) for one in list_of(step, "files") if "sender" in one
    )
    job.done = job.total
    for one in list_of(step, "files"):
        name = Path(str(one["file"])).name
        if "sender" not in one:
            if not one["another"]:
                message = message_of(say, error_of(cast(Step, one["error"])), names)
                job.failed(name, message.what, message.next_step)
            continue
        for left in list_of(one, "not_taken"):
            message = message_of(say, error_of(left), names)
            job.failed(name, message.what, message.next_step)
    for one in list_of(step, "missing_parts"):
        numbers = say("list.and").join(str(number) for number in cast(Sequence[int], one["numbers"]))
        sender = station_name(registry, str(one["sender"]))
        job.failed("", say("bundle.missing_parts", sender=sender, numbers=numbers, parts=one["parts"]))
    if list_of(step, "acknowledgements") and step["receipts_fault"]:
        message = names.message(str(step["receipts_fault"]), {"station": visit.station})
        job.failed("", message.what, message.next_step)
    job.result = say(
        "web.stick_read",
        new=count_of(step, "new"),
        before=count_of(step, "waiting_before"),
        after=count_of(step, "waiting_after"),
        answers=len(list_of(step, "acknowledgements")),
        foreign=count_of(step, "foreign"),
    )
    if senders:
        job.result = say("web.stick_from", senders=say("list.and").join(senders)) + job.result
    if count_of(step, "attachments"):
        job.result += " " + say("bundle.attachments_taken", count=count_of(step, "attachments"))
    # A stick goes round: what is for others on it is nothing to worry about.
    if others := sum(bool(one["another"]) for one in list_of(step, "files")):
        job.result += say("web.stick_others", count=others)


def count_of(step: Step, name: str) -> int:
    """Return a number of a step; 0 where it has none."""
    value = step.get(name)
    return value if isinstance(value, int) else 0


def list_of(step: Step, name: str) -> list[Step]:
    """Return a list of a step; empty where it has none."""
    return cast(list[Step], step.get(name) or [])
