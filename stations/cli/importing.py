"""``banjian catalogue import`` and ``banjian registry import``: lists from Excel, checked whole, then signed.

Nothing is signed while the file has one fault. What was broken off half-way is found and finished by running
the same import again.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ledger.errors import AuthorityError, BanjianError, ConfigError
from ledger.facade import Ledger
from ledger.formats.envelope import read_envelope
from ledger.formats.keys import key_id
from ledger.types import KeyId
from stations.cli.call import Call
from stations.cli.importshow import show_difference, show_faults, show_notices
from stations.cli.keyring import key_file, signing_key
from stations.cli.session import desk, reading
from stations.imports.requests import read_requests
from stations.imports.work import (
    Aims,
    ListKind,
    ReadList,
    Work,
    empty_pages,
    faults_of,
    held_pages,
    office_list,
    plan_list,
    read_list,
    sign_work,
)
from stations.sheetin.book import Book, open_book
from stations.sheetin.faults import Faults
from stations.sheetin.template import write_template
from stations.words.differences import difference_object, fault_object

REFUSED = 1


Aim = Callable[[Ledger, Faults], Aims]
"""Says who would sign and what comes with the file; may note faults."""


def items(
    call: Call, *, file: str | None, sheet: str | None, replace: bool, dry_run: bool,
    template: str | None, filled: bool,
) -> int:  # fmt: skip
    """Import the list of items, or write its template."""
    if template is not None:
        return _template(call, template, "items", filled=filled)
    read = read_list("items", _book(file), sheet=sheet or "")
    return _run(
        call, read, lambda _ledger, _faults: Aims(registrar=KeyId(b""), replace=replace), dry_run=dry_run
    )


def stations(
    call: Call, *, file: str | None, sheet: str | None, dry_run: bool, template: str | None, filled: bool
) -> int:
    """Import the list of stations, or write its template."""
    if template is not None:
        return _template(call, template, "stations", filled=filled)
    read = read_list("stations", _book(file), sheet=sheet or "")
    return _run(
        call,
        read,
        lambda ledger, _: Aims(registrar=_registrar(call, ledger, dry_run=dry_run)),
        dry_run=dry_run,
    )


def staff(
    call: Call, *, file: str | None, sheet: str | None, requests: str | None, dry_run: bool,
    template: str | None, filled: bool,
) -> int:  # fmt: skip
    """Import the list of staff, or write its template."""
    if template is not None:
        return _template(call, template, "staff", filled=filled)
    read = read_list("staff", _book(file), sheet=sheet or "")
    folder = None if requests is None else Path(requests)

    def aim(ledger: Ledger, faults: Faults) -> Aims:
        return Aims(
            registrar=_registrar(call, ledger, dry_run=dry_run),
            requests=read_requests(folder, ledger.ledger_id, faults),
        )

    code = _run(call, read, aim, dry_run=dry_run)
    if code == 0:
        _how_to_ask(call, waiting=call.done.get("waiting", 0))
    return code


def either(call: Call, *, file: str, sheet: str | None, requests: str | None, dry_run: bool) -> int:
    """Import a list of stations or of staff, whichever its headings say it is."""
    if office_list(_book(file), sheet=sheet or "") == "stations":
        return stations(call, file=file, sheet=sheet, dry_run=dry_run, template=None, filled=False)
    return staff(
        call, file=file, sheet=sheet, requests=requests, dry_run=dry_run, template=None, filled=False
    )


def _run(call: Call, read: ReadList, aim: Aim, *, dry_run: bool) -> int:
    """Plan, show, and sign what is planned."""
    with reading(call) as ledger:
        work, faults = _plan(read, ledger, aim)
    call.done["waiting"] = work.difference.count("waiting")
    show_notices(call, faults)
    if faults.count:
        return _refuse(call, work, faults, dry_run=dry_run)
    show_difference(call, work.difference, full=dry_run)
    if dry_run or not work.count:
        call.line(call.say("import.dry_run", count=work.count) if work.count else call.say("import.nothing"))
        _answer(call, work, faults, dry_run=dry_run, signed=0)
        return 0
    signer = signing_key(call)
    with desk(call) as at:
        # Planned anew: somebody may have written since. Beside a server each act is checked once more there.
        work, faults = _plan(read, at.ledger, aim)
        if faults.count:
            return _refuse(call, work, faults, dry_run=dry_run)
        signed = 0
        try:
            for stored in sign_work(work, at, signer):
                signed = stored
        except BanjianError:
            if signed:
                call.hint("import.broken_off", signed=signed, count=work.count)
            raise
        call.line(call.say("import.done", count=signed))
        _answer(call, work, faults, dry_run=False, signed=signed)
    return 0


def _plan(read: ReadList, ledger: Ledger, aim: Aim) -> tuple[Work, Faults]:
    faults = faults_of(read)
    return plan_list(read, ledger, aim(ledger, faults), faults), faults


def _refuse(call: Call, work: Work, faults: Faults, *, dry_run: bool) -> int:
    show_faults(call, faults)
    _answer(call, work, faults, dry_run=dry_run, signed=0)
    return REFUSED


def _answer(call: Call, work: Work, faults: Faults, *, dry_run: bool, signed: int) -> None:
    found = {} if faults.count else difference_object(call.say, work.difference)
    call.emit(
        {
            "ok": not faults.count,
            "dry_run": dry_run,
            "signed": signed,
            **found,
            "faults": faults.count,
            "errors": [fault_object(call.say, fault) for fault in faults.in_order()],
            "notices": [fault_object(call.say, notice) for notice in faults.notices],
        }
    )


def _how_to_ask(call: Call, *, waiting: str | int) -> None:
    if waiting:
        with reading(call) as ledger:
            number = ledger.ledger_id.hex()
        call.hint("import.waiting_next", count=waiting, ledger_id=number)


def _template(call: Call, out: str, kind: ListKind, *, filled: bool) -> int:
    pages = empty_pages(kind)
    if filled:
        with reading(call) as ledger:
            pages = held_pages(kind, ledger, call.say.language)
    write_template(Path(out), pages, language=call.say.language)
    rows = sum(len(page.rows) for page in pages)
    call.line(call.say("import.template_filled" if filled else "import.template", file=out, count=rows))
    call.emit({"file": out, "rows": rows})
    return 0


def _book(file: str | None) -> Book:
    if file is None:
        raise ConfigError("cli.missing", option="FILE", command="banjian … import")
    return open_book(Path(file))


def _registrar(call: Call, ledger: Ledger, *, dry_run: bool) -> KeyId:
    """Return the key that would sign, without asking for its passphrase.

    Raises:
        AuthorityError: ``key.*`` when no single key is meant; ``registry.not_registrar``. A dry run then
            judges by the first registrar.
    """
    registry = ledger.knowledge.registry
    try:
        header = read_envelope(key_file(call).read_bytes())
        number = key_id(header.alg, header.public_key)
        held = registry.authority(number)
        if held is not None and held.kind == "registrar":
            return number
        raise AuthorityError("registry.not_registrar", action="enrol_station")
    except AuthorityError:
        first = next((held for held in registry.keys() if held.kind == "registrar"), None)  # noqa: SIM118
        if dry_run and first is not None:
            return first.key_id
        raise
