"""Documents of a case, ready to print: on white paper, or onto the office's own form by offset."""

from __future__ import annotations

from dataclasses import replace

from aiohttp import web

from ledger.errors import InputError
from ledger.facade import Ledger
from ledger.texts import Language
from ledger.types import ActId
from stations.papers.documents import Document, document_of
from stations.texts import Say
from stations.web.cases.casepage import case_of
from stations.web.render import render
from stations.web.scope import Scope
from stations.web.visit import Visit

OFFSET_MM_MAX = 200
ACT_ID_BYTES = 32
ROLL_MM = 72
"""What a printer for rolls of 80 mm reaches."""
ROLL_MOVED_MM_MAX = 42
"""Below 30 mm no line can be read: what is moved further runs over the edge."""


async def show(visit: Visit) -> web.Response:
    """Show the document of an act."""
    case_id, act = case_of(visit), _act(visit)
    query = visit.request.query
    language: Language = "en" if query.get("lang") == "en" else "zh"
    own_form = query.get("paper") == "own"

    def work(ledger: Ledger) -> Document:
        page = ledger.case(case_id, now_ms=visit.now_ms())
        Scope(ledger.knowledge.registry, visit.person).require(page.state)
        return document_of(ledger, Say(language=language), page, act)

    document = await visit.read(work)
    return await render(
        visit,
        "document.html",
        document=with_blank_head(document) if own_form else document,
        name=document.title,
        words=Say(language=language),
        case=case_id.hex(),
        act=act.hex(),
        own_form=own_form,
        lang=language,
        top=offset_mm(query.get("top", "0")),
        left=offset_mm(query.get("left", "0")),
    )


async def offsets(visit: Visit) -> web.Response:
    """Return the style that moves what is printed: pages carry no styles of their own."""
    top, left = (
        offset_mm(visit.request.query.get("top", "0")),
        offset_mm(visit.request.query.get("left", "0")),
    )
    # As margins, so that every page after the first is filled as usual, and nothing runs over the right edge.
    moved = f".moved {{ margin-top: {top}mm; margin-left: {left}mm; }}"
    # A roll is as wide as it is: what is moved to the right is narrower, or the browser shrinks all of it.
    wide = ROLL_MM - min(left, ROLL_MOVED_MM_MAX)
    roll = f" .moved.slip.paper-80mm {{ width: {wide}mm; }}" if left > 0 else ""
    text = f"@media print {{ {moved}{roll} }}\n"
    return web.Response(text=text, content_type="text/css", charset="utf-8")


def offset_mm(text: str) -> int:
    """Return an offset on paper in whole millimetres; it may be negative.

    Raises:
        InputError: ``document.offset``.
    """
    plain = text.strip() or "0"
    digits = plain.removeprefix("-")
    if not digits.isascii() or not digits.isdecimal() or len(digits) > 3 or int(digits) > OFFSET_MM_MAX:
        raise InputError("document.offset", value=text[:20], most=OFFSET_MM_MAX)
    return int(plain)


def _act(visit: Visit) -> ActId:
    text = visit.request.match_info["act"]
    try:
        act = bytes.fromhex(text)
    except ValueError as error:
        raise InputError("web.no_page", path=visit.request.path) from error
    if len(act) != ACT_ID_BYTES:
        raise InputError("web.no_page", path=visit.request.path)
    return ActId(act)


def with_blank_head(document: Document) -> Document:
    """Return a document for a form of the office's own: what is printed on it beforehand is left out."""
    return replace(document, organ="", title="")
