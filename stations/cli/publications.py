"""``banjian publications``: grants to be made public (双公示), with their last day and light."""

from __future__ import annotations

from datetime import date, timedelta

from ledger.clocks.publication import public_name
from ledger.days.calendar import local_date
from ledger.facade import Ledger
from ledger.facade.opened.publishing import Grant, list_grants
from ledger.types import StationId
from stations.cli.call import Call
from stations.papers.sheets import Sheet
from stations.texts import Say
from stations.words.casenames import station_name
from stations.words.cells import Cell, light_cell
from stations.words.rows import status_name

HEADINGS = (
    "light", "number", "item", "public_name", "credit_code", "decided_on", "decided_at", "document_no",
    "certificate_no", "publish_by", "published_on", "status",
)  # fmt: skip
DEFAULT_DAYS = 365
"""How far back the list looks when no first day is given."""


def show_publications(
    call: Call,
    ledger: Ledger,
    *,
    station: StationId | None,
    since: date | None,
    until: date | None,
    all_: bool,
) -> None:
    """Print the list; grants that are recorded as public only with ``all_``."""
    first, last = period(call, since, until)
    grants = found_grants(call, ledger, station=station, first=first, last=last, all_=all_)
    where = station or call.say("worklist.everywhere")
    call.line(call.say("publications.title", station=where, first=first, last=last, count=len(grants)))
    for grant in grants:
        call.emit(_object(grant))
    names = [call.say(f"head.{name}") for name in HEADINGS]
    call.table(names, [_cells(call.say, ledger, grant) for grant in grants])


def publications_sheet(
    call: Call, ledger: Ledger, *, station: StationId | None, since: date | None, until: date | None
) -> Sheet:
    """Return every grant of a period as a sheet, those that are public already included."""
    first, last = period(call, since, until)
    grants = found_grants(call, ledger, station=station, first=first, last=last, all_=True)
    rows = [
        tuple(cell if isinstance(cell, str) else cell.text for cell in _cells(call.say, ledger, grant))
        for grant in grants
    ]
    headings = tuple(call.say(f"head.{name}") for name in HEADINGS)
    return Sheet(name=call.say("export.publications"), headings=headings, rows=tuple(rows))


def found_grants(
    call: Call, ledger: Ledger, *, station: StationId | None, first: date, last: date, all_: bool
) -> list[Grant]:
    """Return the grants of a period, without those that are public already unless ``all_``."""
    now_ms = call.app.clock.now_ms()
    grants = list_grants(ledger, first=first, last=last, station=station, now_ms=now_ms)
    return [grant for grant in grants if all_ or grant.publication.published_on is None]


def period(call: Call, since: date | None, until: date | None) -> tuple[date, date]:
    """Return the first and the last day of decisions: the last year where nothing was said."""
    last = until or local_date(call.app.clock.now_ms())
    return since or last - timedelta(days=DEFAULT_DAYS), last


def _cells(say: Say, ledger: Ledger, grant: Grant) -> list[Cell]:
    known, row = grant.publication, grant.row
    status = status_name(say, ledger, row)
    if known.published_on is not None and known.late:
        status = say("publications.late", status=status)
    return [
        light_cell(known.light, say.name(f"light.{known.light}")),
        row.number,
        row.item_name,
        public_name(row.applicant, firm=grant.firm) or "—",
        grant.firm_no,
        known.decided_on.isoformat(),
        station_name(ledger.knowledge.registry, known.decided_at),
        known.document_no,
        known.certificate_no,
        known.due_on.isoformat(),
        known.published_on.isoformat() if known.published_on is not None else "",
        status,
    ]


def _object(grant: Grant) -> dict[str, object]:
    known, row = grant.publication, grant.row
    return {
        "case_id": row.case_id.hex(),
        "number": row.number,
        "item_code": row.item_code,
        "item_name": row.item_name,
        "public_name": public_name(row.applicant, firm=grant.firm),
        "credit_code": grant.firm_no,
        "decided_on": known.decided_on.isoformat(),
        "decided_at": known.decided_at,
        "document_no": known.document_no,
        "certificate_no": known.certificate_no,
        "publish_by": known.due_on.isoformat(),
        "published_on": known.published_on.isoformat() if known.published_on is not None else None,
        "light": known.light,
        "late": known.late,
        "revoked": known.revoked,
        "provisional": known.provisional,
    }
