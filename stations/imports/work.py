"""A list from Excel as work: read once, planned against what is held as often as needed, then signed.

The command line and the pages both come here. Nothing is signed while the file has one fault.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from ledger.errors import InputError
from ledger.facade import Ledger, Performed
from ledger.formats.keys import Signer
from ledger.known.knowledge import PUBLISH_ITEMS
from ledger.texts import Language
from ledger.types import Facts, KeyId
from stations.imports.difference import Difference, PlannedAct
from stations.imports.fill import item_pages, staff_page, station_page
from stations.imports.itembook import ItemBook, read_item_book
from stations.imports.itemlist import plan_items
from stations.imports.requests import FoundRequest
from stations.imports.stafflist import plan_staff
from stations.imports.stationlist import plan_stations
from stations.imports.trial import try_acts
from stations.sheetin.book import Book
from stations.sheetin.columns import sheet_list
from stations.sheetin.faults import Faults
from stations.sheetin.header import find_sheet, fits, sheets_named, tell_unread
from stations.sheetin.records import Record, read_records
from stations.sheetin.template import Page

ListKind = Literal["items", "stations", "staff"]
KINDS: tuple[ListKind, ...] = ("items", "stations", "staff")


class Office(Protocol):
    """Takes the acts of registry and catalogue: the ledger itself, or a desk beside the running server."""

    def register(
        self, action: str, facts: Facts, signer: Signer, *, personal: Facts | None = None
    ) -> Performed:
        """Sign and store one act of the registry."""

    def publish(self, action: str, facts: Facts, signer: Signer) -> Performed:
        """Sign and store one act of the catalogue."""


Step = Callable[[Office, Signer], Performed]
"""Signs and stores one act of an import."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadList:
    """The rows of a file, and what is wrong with the file itself.

    Attributes:
        book: of a list of items; None of others.
        rows: of stations or staff.
    """

    kind: ListKind
    faults: Faults
    book: ItemBook | None = None
    rows: Sequence[Record] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Aims:
    """How a list is to be taken.

    Attributes:
        registrar: the key that would sign.
        requests: key requests by staff number; of a list of staff alone.
        replace: whether items that the file does not have are withdrawn.
    """

    registrar: KeyId
    requests: Mapping[str, FoundRequest] = field(default_factory=dict)
    replace: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What an import would do: the difference, and acts of the registry or one publication."""

    difference: Difference
    acts: tuple[PlannedAct, ...] = ()
    publication: Facts | None = None

    @property
    def count(self) -> int:
        """How many acts would be signed."""
        return len(self.acts) + bool(self.publication)


def read_list(kind: ListKind, book: Book, *, sheet: str = "") -> ReadList:
    """Return the rows of a workbook.

    Raises:
        InputError: ``sheet.*`` when no sheet, or more than one, can be the list.
    """
    faults = Faults()
    if kind == "items":
        return ReadList(kind=kind, faults=faults, book=read_item_book(book, faults, named=sheet))
    wanted = sheet_list(kind)
    grid, header = find_sheet(book, wanted, named=sheet)
    if not sheet:
        tell_unread(book, [wanted], faults, read=[grid.name])
    return ReadList(kind=kind, faults=faults, rows=read_records(grid, header, wanted, faults))


def office_list(book: Book, *, sheet: str = "") -> Literal["stations", "staff"]:
    """Return which list of the registry a workbook holds; hidden sheets count where no other fits.

    Raises:
        InputError: ``sheet.which_list`` when none fits, or both; as ``sheets_named``.
    """
    grids = sheets_named(book, sheet) if sheet else book.grids
    for shown in (True, False):
        fitting = [grid for grid in grids if grid.visible is shown]
        # A list of staff may name stations as a list of stations does, never the other way round.
        staff = [grid for grid in fitting if fits(grid, sheet_list("staff"))]
        stations = [grid for grid in fitting if grid not in staff and fits(grid, sheet_list("stations"))]
        if bool(staff) != bool(stations):
            return "staff" if staff else "stations"
        if staff:
            break
    raise InputError("sheet.which_list", sheets=tuple(grid.name for grid in grids) or "—")


def faults_of(read: ReadList) -> Faults:
    """Return a copy of what is wrong with the file itself, for a plan to go on with."""
    return Faults(found=list(read.faults.found), notices=list(read.faults.notices), count=read.faults.count)


def plan_list(read: ReadList, ledger: Ledger, aims: Aims, faults: Faults) -> Work:
    """Return what the list changes in what is held now; ``faults`` takes what is wrong with it."""
    if read.book is not None:
        made = plan_items(read.book, ledger.knowledge.catalogue, faults, replace=aims.replace)
        return Work(difference=made.difference, publication=made.facts or None)
    registry = ledger.knowledge.registry
    if read.kind == "stations":
        plan = plan_stations(read.rows, registry, faults)
    else:
        plan = plan_staff(read.rows, registry, aims.requests, faults)
    try_acts(registry, plan.acts, aims.registrar, faults)
    return Work(difference=plan.difference, acts=plan.acts)


def steps(work: Work) -> list[Step]:
    """Return what is to be signed, one act each, in the order in which they hold."""
    found: list[Step] = []
    if work.publication:
        facts = work.publication
        found.append(lambda office, signer: office.publish(PUBLISH_ITEMS, facts, signer))
    found += [_step(act) for act in work.acts]
    return found


def sign_work(work: Work, office: Office, signer: Signer) -> Iterator[int]:
    """Sign and store one act after the other; yields how many are stored.

    Raises:
        BanjianError: what the ledger refuses; what was yielded is stored, the same list finishes the rest.
    """
    for signed, step in enumerate(steps(work), start=1):
        step(office, signer)
        yield signed


def _step(act: PlannedAct) -> Step:
    return lambda office, signer: office.register(act.action, act.facts, signer, personal=act.personal)


def empty_pages(kind: ListKind) -> list[Page]:
    """Return the sheets of a template with nothing in them."""
    names = ("items", "materials") if kind == "items" else (kind,)
    return [Page(sheet_list=sheet_list(name)) for name in names]


def held_pages(kind: ListKind, ledger: Ledger, language: Language) -> list[Page]:
    """Return the sheets of a template filled with what is held."""
    knowledge = ledger.knowledge
    if kind == "items":
        return item_pages(knowledge.catalogue, language)
    page = station_page if kind == "stations" else staff_page
    return [page(knowledge.registry, language)]
