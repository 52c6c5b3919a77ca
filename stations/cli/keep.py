"""Keeping a ledger well: ``doctor``, ``backup``, ``checkpoint``, ``erase``, ``rebuild``, ``serve``."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from ledger.errors import ConfigError, StoreError
from ledger.facade import Command, Home
from ledger.types import CaseId
from stations.checkup.checks import Check, found
from stations.checkup.doctor import examine
from stations.checkup.told import check_message
from stations.cli.call import Call
from stations.cli.grammar import Param, Spec
from stations.cli.keyring import signing_key
from stations.cli.session import desk, making_lists, reading, station_for
from stations.cli.types import OneOf, WholeNumber
from stations.config import StationConfig
from stations.kept import platformlist
from stations.kept.attachments import Attachments, drop_case
from stations.kept.backup import make_backup
from stations.kept.erasures import ErasureLook
from stations.kept.platformlist import before_erasing, blank_erased
from stations.kept.rosters import FOLDER, blank_cases
from stations.kept.sealed import SealedFolder
from stations.keyless import open_to_examine
from stations.office.rootkeys import are_unkept, finish_leaving
from stations.words.cells import Styled
from stations.words.erased import held_elsewhere

_SIGNS = {"ok": ("✓", "green"), "warning": ("▲", "yellow"), "error": ("■", "bold red")}
ERASE_GROUNDS = ("applicant_request", "period_over", "entered_by_mistake")


def doctor(call: Call, *, full: bool) -> int:
    """Look at everything that could go wrong tomorrow."""
    home = call.home()
    config, clock = call.config(), call.app.clock
    ledger, key_fits = open_to_examine(home, clock=clock, randomness=call.app.randomness)
    with ledger:
        call.training = ledger.training
        checks = examine(home, config, ledger, now_ms=clock.now_ms(), thorough=full, key_fits=key_fits)
    checks.append(_server(home))
    worst = any(check.level == "error" for check in checks)
    rows = []
    for check in checks:
        message = check_message(call.say, check)
        sign, style = _SIGNS[check.level]
        rows.append(
            (
                Styled(text=f"{sign} {call.say(f'level_of.{check.level}')}", style=style),
                call.say(f"doctor.name.{check.name}"),
                message.what,
                message.next_step if check.level != "ok" else "",
            )
        )
    call.table([call.say(f"head.{name}") for name in ("result", "check", "found", "next")], rows)
    call.emit(
        {
            "ok": not worst,
            "checks": [
                {"check": check.name, "level": check.level, "code": check.code, **check.params}
                for check in checks
            ],
        }
    )
    return 1 if worst else 0


def _server(home: Home) -> Check:
    from stations.cli.asking import NO_ANSWER
    from stations.cli.remote import STATUS_TIMEOUT_S, status_remote

    try:
        status = json.loads(status_remote(home))
    except StoreError as error:
        if error.code == NO_ANSWER:
            return found("server", "warning", "doctor.server_silent", seconds=STATUS_TIMEOUT_S)
        # Commands work without one; whoever waits for pages or for stations below sees why here.
        return found("server", "ok", "doctor.no_server")
    return found("server", "ok", "doctor.server", pid=status["pid"], count=len(status["logs"]))


def backup(call: Call, *, to: str | None) -> int:
    """Write a backup while the station works."""
    folder = to or call.config().backup_dir
    if not folder:
        raise ConfigError("backup.no_folder")
    with reading(call, whole=False) as ledger:
        done = make_backup(ledger, Path(folder), now_ms=call.app.clock.now_ms())
    call.line(call.say("backup.done", folder=done.folder, size=max(1, done.size_bytes >> 10)))
    call.emit({"folder": str(done.folder), "size_bytes": done.size_bytes, "case_keys": done.case_key_count})
    if not done.noted:
        call.notice("backup.unnoted", {})
    call.hint("backup.next")
    return 0


def checkpoint(call: Call) -> int:
    """Sign the heads of the logs kept here."""
    with desk(call, whole=False) as at:
        for log in at.ledger.logs():
            if not log.own or log.doubt:
                continue
            note = at.checkpoint(log.log_id)
            call.line(note)
            call.emit({"log_id": log.log_id.hex(), "station": log.station, "size": log.size, "note": note})
    return 0


def erase(call: Call, *, case: str, ground: str, yes: bool) -> int:
    """Erase the personal data of a case; signatures, proofs and clocks stay."""
    signer = signing_key(call)
    with desk(call) as at:
        ledger = at.ledger
        case_id = ledger.resolve(case)
        number = ledger.state(case_id)[0].number
        if not yes:
            raise ConfigError("erase.confirm", number=number)
        station = station_for(call, ledger, signer.key_id)
        command = Command(action="erase", station=station, case=case_id, facts={"ground": ground})
        lists = SealedFolder(call.home(), platformlist.FOLDER, call.app.randomness)
        before_erasing(lists, ledger, case_id)
        count = at.erase(command, signer)
        drop_case(Attachments(call.home(), call.app.randomness), ledger, case_id)
        _drop_typed(call, case_id)
        blank_erased(lists, ledger, ErasureLook().look(ledger))
        call.done.update(case=case_id.hex(), erased=count)
        call.line(call.say("erase.done", number=number, count=count))
        elsewhere = held_elsewhere(ledger, case_id)
        if elsewhere:
            call.line(call.say("erase.elsewhere", stations=elsewhere))
        call.emit({"number": number, "case_id": case_id.hex(), "erased": count, "ground": ground})
    call.hint("erase.next")
    return 0


def _drop_typed(call: Call, case_id: CaseId) -> None:
    """Throw away what else says of a case's people: drafts, forms that came too late, lines of lists."""
    # aiohttp takes a tenth of a second to import: only who erases pays for it.
    from stations.web.drafts import Drafts
    from stations.web.unsigned import KeptForms

    path = f"/case/{case_id.hex()}"
    Drafts(call.home(), call.app.randomness).drop_below(path)
    KeptForms(call.home(), call.app.randomness).drop_below(path)
    blank_cases(SealedFolder(call.home(), FOLDER, call.app.randomness), {case_id.hex()})


def rebuild(call: Call) -> int:
    """Make all lists anew from the signed records."""
    with desk(call, whole=False) as at:
        count = at.rebuild()
        call.line(call.say("rebuild.done", count=count))
        call.emit({"cases": count})
    return 0


def serve(
    call: Call,
    *,
    dir_: str | None,
    port: int | None,
    no_web: bool,
    listen: str | None,
    upstream: tuple[str, ...],
) -> int:
    """Hold the lock, show the pages, answer the command line, keep in step with the stations around."""
    # aiohttp takes a tenth of a second to import: only the server pays for it.
    from stations import server

    if dir_ is not None:
        call.directory = Path(dir_)
    if not no_web and not _first_day(call, port):
        return 0
    home = call.home()

    config = call.config()
    if listen is not None:
        config = replace(config, listen=listen)
    if upstream:
        config = replace(config, upstream=upstream)

    if no_web:
        config = replace(config, web="")
    elif port is not None:
        host = config.web.rpartition(":")[0] or "127.0.0.1"
        config = replace(config, web=f"{host}:{port}")

    def started(at: server.Listening) -> None:
        call.emit({"listening": at.socket, "address": at.network, "pages": at.pages})
        call.line(call.say("serve.listening", name=at.socket))
        if at.pages:
            call.line(call.say("serve.pages", address=at.pages))
        if at.fault is not None:
            call.notice(at.fault.code, at.fault.params)
        for code in at.rolled_back:
            call.notice(code, {})
        if at.network:
            call.line(call.say("serve.network", address=at.network))
        for above in config.upstream[:1]:
            call.line(call.say("serve.upstream", address=above))
        call.app.out.flush()

    app = call.app
    server.serve(
        home,
        config=config,
        clock=app.clock,
        randomness=app.randomness,
        started=started,
        watch=making_lists(call),
    )
    call.hint("serve.stopped")
    return 0


def _first_day(call: Call, port: int | None) -> bool:
    """Lead through the first day where it is not over; False when that was broken off.

    It is not over in a named folder that is empty, and where nobody keeps the root keys of a county yet.
    """
    folder = call.folder()
    home = Home(folder.absolute())
    placed = home.exists
    if placed:
        finish_leaving(home)
        if not are_unkept(home):
            return True
    elif folder.exists() and any(folder.iterdir()):
        return True
    from stations.web.firstday.site import serve_first_day

    settings = call.config() if placed else StationConfig()
    app, address = call.app, settings.web if port is None else f"127.0.0.1:{port}"
    if not address:
        return True

    def started(pages: str) -> None:
        call.emit({"first_day": True, "pages": pages})
        call.line(call.say("serve.first_keys" if placed else "serve.first_day", address=pages))
        app.out.flush()

    return serve_first_day(
        home,
        address=address,
        clock=app.clock,
        randomness=app.randomness,
        started=started,
    )


SPECS = (
    Spec(path=("doctor",), run=doctor, params=(Param(name="full", flag=True),), group="keep"),
    Spec(path=("backup",), run=backup, params=(Param(name="to"),), group="keep"),
    Spec(path=("checkpoint",), run=checkpoint, group="keep"),
    Spec(
        path=("erase",),
        run=erase,
        params=(
            Param(name="CASE", required=True),
            Param(name="ground", type=OneOf(ERASE_GROUNDS), required=True),
            Param(name="yes", flag=True),
        ),
        signs=True,
        group="keep",
    ),
    Spec(path=("rebuild",), run=rebuild, group="keep"),
    Spec(
        path=("serve",),
        run=serve,
        params=(
            Param(name="DIR"),
            Param(name="port", type=WholeNumber()),
            Param(name="no-web", flag=True),
            Param(name="listen"),
            Param(name="upstream", many=True),
        ),
        group="keep",
    ),
)
