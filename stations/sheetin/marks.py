"""What a sheet's XML says and the reading library does not: hidden rows, errors, formulas without result.

It is read as a stream before the library sees the sheet, so that one stray cell in the last row of Excel
cannot make the library lay out seventeen thousand million cells.

Source: ECMA-376 part 1, 18.3.1 (row, c, f, v).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from xml.parsers import expat

from stations.sheetin.clean import Unclear
from stations.sheetin.faults import column_number

_ERROR_CHARS_MAX = 40
_MARKS_MAX = 100_000


@dataclass(slots=True, kw_only=True)
class Marks:
    """What one sheet's XML says, rows and columns from 0; ``rows`` and ``columns`` span what is filled."""

    rows: int = 0
    columns: int = 0
    hidden_rows: set[int] = field(default_factory=set)
    hidden_columns: set[int] = field(default_factory=set)
    errors: dict[tuple[int, int], str] = field(default_factory=dict)
    without_result: set[tuple[int, int]] = field(default_factory=set)


def read_marks(xml: bytes) -> Marks:
    """Return the marks of one worksheet part.

    Raises:
        Unclear: ``sheet.damaged`` for what is not XML, or XML with declarations that a workbook never has.
    """
    scan = _Scan()
    parse(xml, start=scan.start, end=scan.end, text=scan.text)
    return scan.marks


Start = Callable[[str, dict[str, str]], None]
"""Takes the name and the attributes of an element."""


def parse(
    xml: bytes,
    *,
    start: Start,
    end: Callable[[str], None] | None = None,
    text: Callable[[str], None] | None = None,
) -> None:
    """Run expat over a part; names come without their prefix.

    Raises:
        Unclear: ``sheet.damaged``.
    """
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = text
    parser.StartDoctypeDeclHandler = _refuse
    try:
        parser.Parse(xml, True)
    except expat.ExpatError as error:
        raise Unclear("sheet.damaged") from error


def local(name: str) -> str:
    """Return an XML name without its prefix."""
    return name.rpartition(":")[2]


def _refuse(*_declaration: object) -> None:
    raise Unclear("sheet.damaged")


class _Scan:
    """Follows rows and cells; cells may leave out their addresses, and then follow each other."""

    def __init__(self) -> None:
        self.marks = Marks()
        self._row = -1
        self._column = -1
        self._kind = ""
        self._formula = False
        self._value = ""
        self._inside = False

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        tag = local(name)
        if tag == "row":
            self._start_row(attributes)
        elif tag == "c":
            self._start_cell(attributes)
        elif tag == "f":
            self._formula = True
        elif tag in ("v", "t"):
            self._inside = True
        elif tag == "col" and _true(attributes.get("hidden", "")):
            first, last = _number(attributes.get("min", "")), _number(attributes.get("max", ""))
            self.marks.hidden_columns.update(range(first - 1, min(last, first + 255)))

    def text(self, data: str) -> None:
        if self._inside and len(self._value) < _ERROR_CHARS_MAX:
            self._value += data

    def end(self, name: str) -> None:
        tag = local(name)
        if tag in ("v", "t"):
            self._inside = False
        elif tag == "c":
            self._end_cell()

    def _start_row(self, attributes: Mapping[str, str]) -> None:
        given = _number(attributes.get("r", ""))
        self._row = given - 1 if given else self._row + 1
        self._column = -1
        if _true(attributes.get("hidden", "")) and len(self.marks.hidden_rows) < _MARKS_MAX:
            self.marks.hidden_rows.add(self._row)

    def _start_cell(self, attributes: Mapping[str, str]) -> None:
        letters = attributes.get("r", "").rstrip("0123456789")
        plain = letters.isascii() and letters.isalpha() and len(letters) <= 3
        self._column = column_number(letters) - 1 if plain else self._column + 1
        self._kind, self._formula, self._value = attributes.get("t", ""), False, ""

    def _end_cell(self) -> None:
        marks = self.marks
        if self._value:
            marks.rows = max(marks.rows, self._row + 1)
            marks.columns = max(marks.columns, self._column + 1)
            if self._kind == "e" and len(marks.errors) < _MARKS_MAX:
                marks.errors[self._row, self._column] = self._value
        elif self._formula and self._kind != "str" and len(marks.without_result) < _MARKS_MAX:
            marks.without_result.add((self._row, self._column))


def _true(text: str) -> bool:
    return text in ("1", "true", "on")


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 8 else 0
