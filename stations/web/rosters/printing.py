"""What comes of a roster on paper: the receipts, several on a sheet, and the list of who is missing."""

from __future__ import annotations

from collections.abc import Sequence

import segno
from aiohttp import web

from ledger.days.calendar import local_date
from ledger.facade import Ledger
from ledger.facade.cases.attachednames import is_erased
from ledger.types import CaseId
from stations.kept.rosters import Roster, RosterRow
from stations.papers.sheets import Sheet
from stations.papers.slip import Slip, grouped, slip_of
from stations.web.lists import send_workbook
from stations.web.render import render
from stations.web.rosters.lists import received_rows, roster_of
from stations.web.visit import Visit

AT_ONCE = 50
"""Cases that one turn of a reading thread looks at."""
PER_SHEET = (2, 4, 6)


async def receipts(visit: Visit) -> web.Response:
    """Show the receipts of a roster, several on a sheet of A4."""
    roster = await roster_of(visit)
    received = await received_rows(visit, roster)
    rows = [row for row in roster.rows if row.no in received]
    slips: list[tuple[Slip, str, str]] = []
    for start in range(0, len(rows), AT_ONCE):
        part = rows[start : start + AT_ONCE]

        def work(ledger: Ledger, part: Sequence[RosterRow] = part) -> list[tuple[Slip, str, str]]:
            return [_slip(visit, ledger, roster, row) for row in part]

        slips += await visit.read(work)
    wanted = visit.request.query.get("per", "4")
    per = int(wanted) if wanted in {str(one) for one in PER_SHEET} else 4
    return await render(
        visit,
        "roster_receipts.html",
        roster=roster,
        per=per,
        choices=PER_SHEET,
        sheets=[slips[start : start + per] for start in range(0, len(slips), per)],
        count=len(slips),
    )


async def missing(visit: Visit) -> web.StreamResponse:
    """Show who has not come yet; as Excel when asked."""
    roster = await roster_of(visit)
    received = await received_rows(visit, roster)
    rows = [row for row in roster.rows if not row.here and row.no not in received]
    if visit.request.query.get("format") == "xlsx":
        say = visit.say
        sheet = Sheet(
            name=say("web.roster_missing"),
            headings=tuple(say(f"web.roster_{name}") for name in ("no", "name", "id_no", "phone", "address")),
            rows=tuple((str(row.no), row.name, row.id_no, row.phone, row.address) for row in rows),
        )
        day = local_date(visit.now_ms()).isoformat()
        return await send_workbook(visit, f"{roster.title} {say('web.roster_missing')} {day}", [sheet])
    return await render(visit, "roster_missing.html", roster=roster, rows=rows)


def _slip(visit: Visit, ledger: Ledger, roster: Roster, row: RosterRow) -> tuple[Slip, str, str]:
    page = ledger.case(CaseId(bytes.fromhex(row.case)), now_ms=visit.now_ms())
    token = "" if is_erased(page.state) else row.token
    slip = slip_of(ledger, visit.say, page, token=token, note=roster.note)
    made = segno.make(slip.number, error="m")
    return slip, grouped(token), made.svg_inline(scale=2, border=1, svgclass=None, lineclass=None)
