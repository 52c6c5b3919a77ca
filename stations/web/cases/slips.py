"""The receipt slip on paper: 80 mm or A4, large type when wanted, number, QR, the honest sentence."""

from __future__ import annotations

import segno
from aiohttp import web

from ledger.facade import Ledger
from ledger.facade.cases.attachednames import is_erased
from stations.papers.slip import Slip, grouped, slip_of
from stations.web.cases.casepage import case_of
from stations.web.cases.printing import offset_mm
from stations.web.render import render
from stations.web.scope import Scope
from stations.web.visit import Visit


async def show(visit: Visit) -> web.Response:
    """Show the slip of a case, ready to print."""
    case_id = case_of(visit)
    token, note = visit.browser.slips.get(case_id.hex(), ("", ""))

    def work(ledger: Ledger) -> Slip:
        page = ledger.case(case_id, now_ms=visit.now_ms())
        Scope(ledger.knowledge.registry, visit.person).require(page.state)
        shown = "" if is_erased(page.state) else token
        return slip_of(ledger, visit.say, page, token=shown, note=note)

    slip = await visit.read(work)
    paper = visit.request.query.get("paper", "80mm")
    return await render(
        visit,
        "slip.html",
        slip=slip,
        case=case_id.hex(),
        token=grouped(slip.token),
        qr=segno.make(slip.number, error="m").svg_inline(scale=3, border=2, svgclass=None, lineclass=None),
        paper=paper if paper in ("80mm", "a4") else "80mm",
        large="large" in visit.request.query,
        top=offset_mm(visit.request.query.get("top", "0")),
        left=offset_mm(visit.request.query.get("left", "0")),
    )
