"""Tables of both command lines: aligned by double width, coloured on a terminal, plain text elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TextIO

from ledger.oneline import shown

if TYPE_CHECKING:
    from rich.console import Console


@dataclass(frozen=True, slots=True, kw_only=True)
class Styled:
    """A cell with a colour; the colour is never the only sign."""

    text: str
    style: str


Cell = str | Styled
_WIDTH_UNBOUNDED = 10_000
_GAP = 2
_FOLDED_LEAST = 8


def cell_width(text: str) -> int:
    """Return how many columns a text takes on a screen or an 80 mm printer."""
    from rich.cells import cell_len

    return cell_len(text)


def print_table(out: TextIO, headings: Sequence[str], rows: Iterable[Sequence[Cell]]) -> None:
    """Print rows under headings; columns are as wide as what stands in them."""
    # rich takes 40 ms to import: only who prints a table pays for it.
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    terminal = out.isatty()
    table = Table(box=None, pad_edge=False, header_style="bold" if terminal else "", padding=(0, 2, 0, 0))
    found = [tuple(_shown(cell) for cell in row) for row in rows]
    for column, heading in enumerate(headings):
        # A number that is broken over two lines cannot be copied: columns of such words keep their width.
        whole = all(_is_word(row[column]) for row in found)
        table.add_column(Text(heading), overflow="fold", no_wrap=whole)
    for row in found:
        cells = [
            Text(cell.text, style=cell.style if terminal else "") if isinstance(cell, Styled) else Text(cell)
            for cell in row
        ]
        table.add_row(*cells)
    if terminal:
        screen = Console(file=out, highlight=False)
        if screen.width >= _least_width(headings, found):
            screen.print(table)
        else:
            for row in (tuple(headings), *found):
                _print_flowed(screen, row)
        return
    console = Console(file=out, width=_WIDTH_UNBOUNDED, highlight=False, no_color=True, force_terminal=False)
    with console.capture() as capture:
        console.print(table)
    for line in capture.get().splitlines():
        print(line.rstrip(), file=out)


def _shown(cell: Cell) -> Cell:
    """Return a cell of one line, whatever older or foreign acts carry."""
    return Styled(text=shown(cell.text), style=cell.style) if isinstance(cell, Styled) else shown(cell)


def _least_width(headings: Sequence[str], rows: Sequence[Sequence[Cell]]) -> int:
    """Return the columns below which a table would cut numbers or hide whole columns."""
    least = _GAP * (len(headings) - 1)
    for column, heading in enumerate(headings):
        cells = [row[column] for row in rows]
        widest = max([cell_width(_text(cell)) for cell in cells] + [cell_width(heading)])
        least += widest if all(_is_word(cell) for cell in cells) else min(widest, _FOLDED_LEAST)
    return least


def _print_flowed(screen: Console, row: Sequence[Cell]) -> None:
    """Print the cells of a row one after the other, further lines indented; nothing is left out or cut."""
    from rich.text import Text

    line = Text()
    for cell in row:
        text = _text(cell)
        if line.plain.strip() and line.cell_len + _GAP + cell_width(text) > screen.width:
            screen.print(line)
            line = Text(" " * _GAP)
        elif text and line.plain.strip():
            line.append(" " * _GAP)
        line.append(text, style=cell.style if isinstance(cell, Styled) else "")
    screen.print(line)


def _text(cell: Cell) -> str:
    return cell.text if isinstance(cell, Styled) else cell


def _is_word(cell: Cell) -> bool:
    text = _text(cell)
    return text == "—" or (text.isascii() and (" " not in text or text[:4].isdigit()))
