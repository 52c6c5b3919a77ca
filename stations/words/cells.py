"""Cells and columns: lights as shape and word, texts measured and broken by double width."""

from __future__ import annotations

from collections.abc import Iterator

from ledger.texts.tables import Cell, Styled, cell_width

__all__ = ["Cell", "Styled", "cell_width", "light_cell", "pad", "wrap_cells"]

_LIGHTS = {
    "green": ("●", "green"),
    "yellow": ("▲", "yellow"),
    "red": ("■", "bold red"),
    "paused": ("‖", "cyan"),
    "done": ("✓", "dim"),
}


def light_cell(light: str, name: str) -> Styled:
    """Return a light as shape, word and colour: who cannot see colours reads the same."""
    shape, style = _LIGHTS.get(light, ("·", "dim"))
    return Styled(text=f"{shape} {name}", style=style)


def pad(text: str, width: int) -> str:
    """Return a text filled with spaces to so many columns."""
    return text + " " * max(0, width - cell_width(text))


def wrap_cells(text: str, width: int) -> list[str]:
    """Return a text in lines of at most so many columns, broken at spaces or between Chinese characters."""
    lines: list[str] = []
    for paragraph in text.splitlines() or [""]:
        line = ""
        for word in _short_words(paragraph, width):
            if line and cell_width(line + word.rstrip()) > width:
                lines.append(line.rstrip())
                line = word.lstrip()
            else:
                line += word
        lines.append(line.rstrip())
    return lines


def _short_words(text: str, width: int) -> Iterator[str]:
    """Yield the words of a text; one that is wider than a line alone comes in pieces."""
    for word in _words(text):
        piece = ""
        for character in word:
            if piece and cell_width(piece + character) > width:
                yield piece
                piece = ""
            piece += character
        yield piece


_NO_LINE_START = "，。；：、！？）》」』】％%,.;:!?)]}"


def _words(text: str) -> list[str]:
    """Split where a line may break; closing punctuation stays with what it closes."""
    parts: list[str] = []
    current = ""
    for character in text:
        wide = ord(character) > 0x2E7F
        if (wide and character not in _NO_LINE_START and current) or (
            current
            and (current[-1] == " " or ord(current[-1]) > 0x2E7F)
            and character != " "
            and (character not in _NO_LINE_START)
        ):
            parts.append(current)
            current = ""
        current += character
    if current:
        parts.append(current)
    return parts
