"""``banjian catalogue import`` and ``banjian registry import``: lists from Excel, checked whole, then signed.

Nothing is signed while the file has one fault. What was broken off half-way is found and finished by running
the same import again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ledger.envelope import read_envelope
from ledger.errors import AuthorityError, BanjianError, ConfigError
from ledger.facade import Ledger
from ledger.keys import key_id
from ledger.knowledge import PUBLISH_ITEMS
from ledger.types import Facts, KeyId
from stations.cli.call import Call
from stations.cli.importshow import (
    difference_object,
    fault_object,
    show_difference,
    show_faults,
    show_notices,
)
from stations.cli.keyring import key_file, signing_key
from stations.cli.session import reading, writing
from stations.imports.difference import Difference, PlannedAct
from stations.imports.fill import item_pages, staff_page, station_page
from stations.imports.itembook import read_item_book
from stations.imports.itemlist import plan_items
from stations.imports.requests import read_requests
from stations.imports.stafflist import plan_staff
from stations.imports.stationlist import plan_stations
from stations.imports.trial import try_acts
from stations.sheetin.book import Book, open_book
from stations.sheetin.columns import ListName, sheet_list
from stations.sheetin.faults import Faults
from stations.sheetin.header import find_sheet
from stations.sheetin.records import Record, read_records
from stations.sheetin.template import Page, write_template

REFUSED = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class _Work:
    """What an import would do: the difference, and acts of the registry or one publication."""

    difference: Difference
    acts: tuple[PlannedAct, ...] = ()
    publication: Facts | None = None

    @property
    def count(self) -> int:
        """How many acts would be signed."""
        return len(self.acts) + bool(self.publication)


Planner = Callable[[Ledger, Faults], _Work]


def items(
    call: Call, *, file: str | None, sheet: str | None, replace: bool, dry_run: bool,
    template: str | None, filled: bool,
) -> int:  # fmt: skip
    """Import the list of items, or write its template."""
    if template is not None:
        empty = [Page(sheet_list=sheet_list(name)) for name in ("items", "materials")]
        return _template(
            call, template, empty, lambda ledger: item_pages(ledger.knowledge.catalogue, call.say.language),
            filled=filled,
        )  # fmt: skip
    book, faults = _book(file), Faults()
    rows = read_item_book(book, faults, named=sheet or "")

    def plan(ledger: Ledger, found: Faults) -> _Work:
        made = plan_items(rows, ledger.knowledge.catalogue, found, replace=replace)
        return _Work(difference=made.difference, publication=made.facts or None)

    return _run(call, plan, faults, dry_run=dry_run)


def stations(
    call: Call, *, file: str | None, sheet: str | None, dry_run: bool, template: str | None, filled: bool
) -> int:
    """Import the list of stations, or write its template."""
    if template is not None:
        return _template(
            call, template, [Page(sheet_list=sheet_list("stations"))],
            lambda ledger: [station_page(ledger.knowledge.registry, call.say.language)], filled=filled,
        )  # fmt: skip
    faults = Faults()
    rows = _records(file, "stations", sheet, faults)

    def plan(ledger: Ledger, found: Faults) -> _Work:
        registry = ledger.knowledge.registry
        made = plan_stations(rows, registry, found)
        try_acts(registry, made.acts, _registrar(call, ledger, dry_run=dry_run), found)
        return _Work(difference=made.difference, acts=made.acts)

    return _run(call, plan, faults, dry_run=dry_run)


def staff(
    call: Call, *, file: str | None, sheet: str | None, requests: str | None, dry_run: bool,
    template: str | None, filled: bool,
) -> int:  # fmt: skip
    """Import the list of staff, or write its template."""
    if template is not None:
        return _template(
            call, template, [Page(sheet_list=sheet_list("staff"))],
            lambda ledger: [staff_page(ledger.knowledge.registry, call.say.language)], filled=filled,
        )  # fmt: skip
    faults = Faults()
    rows = _records(file, "staff", sheet, faults)
    folder = None if requests is None else Path(requests)

    def plan(ledger: Ledger, found: Faults) -> _Work:
        registry = ledger.knowledge.registry
        made = plan_staff(rows, registry, read_requests(folder, ledger.ledger_id, found), found)
        try_acts(registry, made.acts, _registrar(call, ledger, dry_run=dry_run), found)
        return _Work(difference=made.difference, acts=made.acts)

    code = _run(call, plan, faults, dry_run=dry_run)
    if code == 0:
        _how_to_ask(call, waiting=call.done.get("waiting", 0))
    return code


def _run(call: Call, plan: Planner, read: Faults, *, dry_run: bool) -> int:
    """Plan, show, and sign what is planned; ``read`` are the faults of the file itself."""
    faults = _copy(read)
    with reading(call) as ledger:
        work = plan(ledger, faults)
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
    with writing(call) as ledger:
        # Planned anew under the lock: somebody may have written since.
        faults = _copy(read)
        work = plan(ledger, faults)
        if faults.count:
            return _refuse(call, work, faults, dry_run=dry_run)
        signed = 0
        try:
            if work.publication:
                ledger.publish(PUBLISH_ITEMS, work.publication, signer)
                signed += 1
            for act in work.acts:
                ledger.register(act.action, act.facts, signer, personal=act.personal)
                signed += 1
        except BanjianError:
            if signed:
                call.hint("import.broken_off", signed=signed, count=work.count)
            raise
        call.line(call.say("import.done", count=signed))
        _answer(call, work, faults, dry_run=False, signed=signed)
    return 0


def _refuse(call: Call, work: _Work, faults: Faults, *, dry_run: bool) -> int:
    show_faults(call, faults)
    _answer(call, work, faults, dry_run=dry_run, signed=0)
    return REFUSED


def _answer(call: Call, work: _Work, faults: Faults, *, dry_run: bool, signed: int) -> None:
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


def _template(
    call: Call,
    out: str,
    empty: list[Page],
    held: Callable[[Ledger], list[Page]],
    *,
    filled: bool,
) -> int:
    pages = empty
    if filled:
        with reading(call) as ledger:
            pages = held(ledger)
    write_template(Path(out), pages, language=call.say.language)
    rows = sum(len(page.rows) for page in pages)
    call.line(call.say("import.template_filled" if filled else "import.template", file=out, count=rows))
    call.emit({"file": out, "rows": rows})
    return 0


def _book(file: str | None) -> Book:
    if file is None:
        raise ConfigError("cli.missing", option="FILE", command="banjian … import")
    return open_book(Path(file))


def _records(file: str | None, name: ListName, sheet: str | None, faults: Faults) -> list[Record]:
    wanted = sheet_list(name)
    grid, header = find_sheet(_book(file), wanted, named=sheet or "")
    return read_records(grid, header, wanted, faults)


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


def _copy(faults: Faults) -> Faults:
    return Faults(found=list(faults.found), notices=list(faults.notices), count=faults.count)
