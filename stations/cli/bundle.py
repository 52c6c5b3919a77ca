"""``banjian bundle``: to and from a stick, where there is no network."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TextIO, cast

from ledger.errors import BanjianError
from ledger.facade.peering.between import exchange_of
from stations.cli.bundleshow import show
from stations.cli.call import Call
from stations.cli.grammar import Param, Spec
from stations.cli.servicekeys import enrol_bundle
from stations.cli.session import exchanging
from stations.cli.types import StationType, WholeNumber
from stations.serving.bundlejobs import (
    ATTACHMENTS_MIB,
    ATTACHMENTS_MIB_MAX,
    EXPORT,
    IMPORT,
    PART_KIB_MAX,
    PART_KIB_MIN,
    BundleJob,
    Step,
    run_job,
)
from stations.serving.wire import error_of
from stations.words.cells import Cell, Styled
from stations.words.moments import show_moment


def export(
    call: Call,
    *,
    to: str,
    for_: str | None,
    all_: bool,
    part_kib: int | None,
    no_attachments: bool,
    attachments_mib: int | None,
) -> int:
    """Write what a station has not confirmed into a folder, sealed to it."""
    job = BundleJob(
        work=EXPORT,
        paths=(str(Path(to).absolute()),),
        receiver=for_ or "",
        everything=all_,
        part_kib=min(part_kib or 0, PART_KIB_MAX),
        attachments_mib=0 if no_attachments else min(attachments_mib or ATTACHMENTS_MIB, ATTACHMENTS_MIB_MAX),
    )
    done = _run(call, job)
    files = _steps(done, "files")
    rows = [(Path(str(one["file"])).name, _size(one), str(one["entries"])) for one in files]
    call.table([call.say(f"head.bundle_{name}") for name in ("file", "size", "entries")], rows)
    receiver = str(done["receiver"])
    if done["attachments"] or done["attachments_left"]:
        call.line(call.say("bundle.attachments", count=done["attachments"], left=done["attachments_left"]))
    if not done["entries"]:
        call.line(call.say("bundle.nothing_new", receiver=receiver))
    call.emit(_without_step(done))
    call.hint("bundle.export_next", folder=to, receiver=receiver)
    return 0


def import_(call: Call, *, path: Sequence[str], no_ack: bool) -> int:
    """Take in everything on a stick that is for this station, and write the acknowledgement beside it."""
    paths = tuple(str(Path(one).absolute()) for one in path)
    done = _run(call, BundleJob(work=IMPORT, paths=paths, acknowledge=not no_ack))
    files = _steps(done, "files")
    heads = ("file", "from", "kind", "created", "new", "result")
    call.table([call.say(f"head.bundle_{name}") for name in heads], [_row(call, one) for one in files])
    if done["attachments"]:
        call.line(call.say("bundle.attachments_taken", count=done["attachments"]))
    steps = _tell_steps(call, files)
    _tell_waiting(call, done)
    _tell_missing(call, done)
    written = _steps(done, "acknowledgements")
    for one in written:
        name = Path(str(one["file"])).name
        # A file without receipts tells the sender nothing of what is safe here.
        key = "bundle.acknowledged" if done["receipts_fault"] == "" else "bundle.answered"
        call.line(call.say(key, receiver=one["receiver"], file=name))
    if written and done["receipts_fault"]:
        call.notice(str(done["receipts_fault"]), {"station": call.config().station})
    for one in _steps(done, "unanswered"):
        error = error_of(cast(Step, one["error"]))
        call.notice(error.code, error.params)
    call.emit(_without_step(done))
    if not any("sender" in one for one in files):
        if not steps:
            call.hint("bundle.nothing_here", foreign=done["foreign"])
        return 1
    if written:
        call.hint("bundle.import_next")
    return 0 if done["complete"] else 1


def _run(call: Call, job: BundleJob) -> Step:
    """Run a job under the lock, or through the running server; returns its last step."""
    progress = _Progress(call)
    last: Step = {}
    try:
        with exchanging(call) as ledger:
            if ledger is None:
                # aiohttp takes a tenth of a second to import: only who asks the server pays for it.
                from stations.cli.remote import bundle_remote

                return bundle_remote(call.home(), job, progress.show)
            app = call.app
            with ThreadPoolExecutor(os.cpu_count() or 1, thread_name_prefix="verify") as cores:
                for step in run_job(
                    exchange_of(ledger), job, clock=app.clock, randomness=app.randomness, cores=cores
                ):
                    last = step
                    progress.show(step)
    finally:
        progress.end()
    return last


class _Progress:
    """One line on a terminal that changes; nothing elsewhere."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._err: TextIO | None = call.app.err if call.app.err.isatty() and not call.json else None

    def show(self, step: Step) -> None:
        key = f"bundle.step.{step['step']}"
        if self._err is not None and self._call.say.has(key):
            words = {name: value for name, value in step.items() if name != "step"}
            print(f"\r\x1b[K{self._call.say(key, **words)}", end="", file=self._err, flush=True)

    def end(self) -> None:
        if self._err is not None:
            print("\r\x1b[K", end="", file=self._err, flush=True)


def _row(call: Call, one: Step) -> tuple[Cell, ...]:
    name = Path(str(one["file"])).name
    if "sender" not in one:
        return name, "—", "—", "—", "—", _refusal(call, one)
    return (
        name,
        str(one["sender"]),
        call.say(f"bundle.kind.{one['kind']}"),
        show_moment(cast(int, one["created_at_ms"])),
        str(one["new"]),
        _result(call, one),
    )


def _refusal(call: Call, one: Step) -> Cell:
    error: BanjianError = error_of(cast(Step, one["error"]))
    if one["another"]:
        return Styled(text=call.say("bundle.another", receiver=error.params["receiver"]), style="dim")
    message = call.say.message(error.code, error.params)
    return Styled(text=f"■ {message.what} [{error.code}]", style="bold red")


def _result(call: Call, one: Step) -> Cell:
    errors = {str(left["code"]): error_of(left) for left in _steps(one, "not_taken")}
    given_up = _steps(one, "given_up")
    if not errors and not given_up:
        return Styled(text=f"✓ {call.say('bundle.taken')}", style="green")
    words = [f"{call.say.message(code, error.params).what} [{code}]" for code, error in errors.items()]
    words += [f"{call.say('bundle.given_up')} [{left['code']}]" for left in given_up]
    return Styled(text="▲ " + " ".join(words), style="yellow")


def _tell_steps(call: Call, files: Sequence[Step]) -> list[str]:
    """Tell what to do about everything that was not taken, each thing once; returns what was told."""
    left = [cast(Step, one["error"]) for one in files if "error" in one and not one["another"]]
    left += [error for one in files for error in _steps(one, "not_taken")]
    errors = [error_of(one) for one in left]
    steps = list(dict.fromkeys(call.say.message(one.code, one.params).next_step for one in errors))
    for step in filter(None, steps):
        call.line(f"→ {step}")
    return steps


def _tell_waiting(call: Call, done: Step) -> None:
    before, after = cast(int, done["waiting_before"]), cast(int, done["waiting_after"])
    if before or after:
        call.line(call.say("bundle.waiting", before=before, after=after))


def _tell_missing(call: Call, done: Step) -> None:
    for one in _steps(done, "missing_parts"):
        numbers = call.say("list.and").join(str(number) for number in cast(list[int], one["numbers"]))
        call.line(call.say("bundle.missing_parts", sender=one["sender"], numbers=numbers, parts=one["parts"]))
    for one in _steps(done, "missing_logs"):
        kind = str(one["kind"] or "unknown")
        log = call.say(f"bundle.log.{kind}", station=one["station"], log=str(one["log"])[:12])
        call.line(call.say("bundle.missing_log", log=log, have=one["have"], needed=one["needed"]))


def _steps(held: Step, name: str) -> list[Step]:
    return cast(list[Step], held.get(name) or [])


def _size(one: Step) -> str:
    return f"{max(1, cast(int, one['bytes']) >> 10)} KiB"


def _without_step(done: Step) -> Step:
    return {name: value for name, value in done.items() if name != "step"}


_PATHS = Param(name="PATH", required=True, many=True)

SPECS = (
    Spec(
        path=("bundle", "export"),
        run=export,
        params=(
            Param(name="to", required=True),
            Param(name="for", type=StationType()),
            Param(name="all", flag=True),
            Param(name="no-attachments", flag=True),
            Param(name="attachments-mib", type=WholeNumber(least=1), rare=True),
            Param(name="part-kib", type=WholeNumber(least=PART_KIB_MIN), rare=True),
        ),
        group="keep",
    ),
    Spec(
        path=("bundle", "import"),
        run=import_,
        params=(_PATHS, Param(name="no-ack", flag=True)),
        group="keep",
    ),
    Spec(path=("bundle", "show"), run=show, params=(_PATHS,), group="keep"),
    Spec(path=("bundle", "key"), run=enrol_bundle, signs=True, group="keep"),
)
