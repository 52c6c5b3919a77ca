"""The tables of a page as an Excel file: what stands on the page, table by table, every cell as text.

Only for pages that show all their lines: lists of which a page shows the first write workbooks of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from html.parser import HTMLParser

from aiohttp import web

from ledger.days.calendar import local_date
from stations.papers.sheets import Sheet
from stations.web.lists import send_workbook
from stations.web.visit import Page, Visit

TABLE = "data-sortable"
"""What a table has that is a list: it is sorted, filtered, printed and taken away."""
SAID = "data-said"
"""What a cell says, where that is not what stands in it: the label of a box is the same ticked or not."""
_NAMING = frozenset(("title", "h1", "h2", "h3"))
_VOID = frozenset(("br", "img", "input", "meta", "link", "hr", "wbr", "col", "source"))
_NAME_CHARS_MAX = 24


def with_excel(handler: Page) -> Page:
    """Let a page be taken away as Excel with ``format=xlsx``, unless it writes a workbook of its own."""

    async def answered(visit: Visit) -> web.StreamResponse:
        response = await handler(visit)
        if visit.request.query.get("format") != "xlsx" or response.status != 200:
            return response
        if not isinstance(response, web.Response) or response.content_type != "text/html":
            return response
        text = response.text or ""
        title, sheets = await visit.office.access.aside(lambda: tables_of(text))
        return await send_workbook(visit, f"{title} {local_date(visit.now_ms()).isoformat()}", sheets)

    return answered


def tables_of(text: str) -> tuple[str, list[Sheet]]:
    """Return the title of a page, and a sheet for each of its lists; one empty sheet where it has none."""
    reader = _Reader()
    reader.feed(text)
    title = reader.title or "banjian"
    sheets = [
        Sheet(
            name=_name(number, name, len(reader.tables)), headings=tuple(headings), rows=_even(rows, headings)
        )
        for number, (name, headings, rows) in enumerate(reader.tables, start=1)
        if headings
    ]
    return title, sheets or [Sheet(name=title[:_NAME_CHARS_MAX], headings=(title,), rows=())]


def _name(number: int, name: str, count: int) -> str:
    """Return the name of a sheet: no two of a workbook have the same."""
    short = name[:_NAME_CHARS_MAX]
    return f"{number} {short}" if count > 1 else short


def _even(rows: Sequence[Sequence[str]], headings: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """Return rows as long as the headings: a workbook has no ragged ones."""
    count = len(headings)
    return tuple(tuple([*row, *[""] * count][:count]) for row in rows)


class _Reader(HTMLParser):
    """Reads the lists of a page; what is not printed or not read aloud is left out."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.title = ""
        self.tables: list[tuple[str, list[str], list[list[str]]]] = []
        self._open: list[tuple[str, bool]] = []
        self._heading = ""
        self._text: list[str] | None = None
        self._in_list = False
        self._said: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Go into an element."""
        if tag in _VOID:
            self._say(" ")
            return
        given = dict(attrs)
        classes = (given.get("class") or "").split()
        mute = self._mute or given.get("aria-hidden") == "true" or "no-print" in classes or tag == "button"
        self._open.append((tag, mute))
        if tag == "table" and TABLE in given:
            self._in_list = True
            self.tables.append((self._heading or self.title, [], []))
        elif tag == "tr" and self._in_list:
            self.tables[-1][2].append([])
        elif tag in _NAMING or (tag in ("td", "th") and self._in_list):
            self._text, self._said = [], given.get(SAID)
        else:
            self._say(" ")

    def handle_endtag(self, tag: str) -> None:
        """Leave an element, and those in it that nobody closed."""
        while self._open and self._open.pop()[0] != tag:
            pass
        text = "" if self._text is None else " ".join("".join(self._text).split())
        if tag == "table":
            self._in_list = False
        elif tag == "title":
            self.title, self._text = text, None
        elif tag in _NAMING:
            self._heading, self._text = text, None
        elif tag in ("td", "th") and self._in_list:
            _, headings, rows = self.tables[-1]
            rows[-1].append(text if self._said is None else self._said)
            self._text = None
        elif tag == "thead" and self._in_list:
            _, headings, rows = self.tables[-1]
            headings += rows.pop() if rows else []
        else:
            self._say(" ")

    def handle_data(self, data: str) -> None:
        """Take in a text."""
        if not self._mute:
            self._say(data)

    @property
    def _mute(self) -> bool:
        return bool(self._open) and self._open[-1][1]

    def _say(self, text: str) -> None:
        if self._text is not None:
            self._text.append(text)
