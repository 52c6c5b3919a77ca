"""The lists of ``lists.toml`` as values: their columns, and headings and words by which these are known."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Final, Literal

from ledger.types import Bilingual
from stations.sheetin.clean import fold, fold_heading

ListName = Literal[
    "items",
    "items_with_materials",
    "materials",
    "proofs",
    "stations",
    "staff",
    "roster",
    "platform",
    "orders",
]
"""``items_with_materials``: items with their materials in the same sheet, in further rows."""
WORD_TABLES = (
    "level", "role", "scope", "legal_basis", "subject", "case_type", "unit", "source", "flag", "special",
)  # fmt: skip
Need = Literal["file", "new", ""]
GUIDE: Final = Bilingual(zh="填写说明", en="How to fill in")
"""Name of the sheet in which a template explains its columns: no list, whatever words stand in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column of a list.

    Attributes:
        field: name of the value in a record.
        kind: how a cell becomes a value; see ``values``.
        heading: the heading that templates carry.
        names: further headings by which the column is known.
        about: what to fill in.
        need: ``file``: must be there and filled; ``new``: must be filled for what is not held yet.
        words: table of words of a ``choice``.
        size: most characters of a text.
        key: whether the column names what a row is about.
        alone: whether a row in which nothing else stands is data all the same.
        example: one value.
    """

    field: str
    kind: str
    heading: Bilingual
    names: tuple[str, ...]
    about: Bilingual
    need: Need
    words: str
    size: int
    key: bool
    alone: bool
    example: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SheetList:
    """One list: its name on a sheet, and its columns in the order of the template."""

    name: ListName
    title: Bilingual
    names: tuple[str, ...]
    columns: tuple[Column, ...]

    def column(self, field: str) -> Column:
        """Return the column of a field."""
        return next(column for column in self.columns if column.field == field)


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """Words of one choice: the value behind each spelling, and the name of each value."""

    values: Mapping[str, str]
    names: Mapping[str, Bilingual]

    def value(self, text: str) -> str | None:
        """Return the value that a word means, None if it is not known."""
        return self.values.get(fold(text))


@cache
def sheet_list(name: ListName) -> SheetList:
    """Return one list of ``lists.toml``."""
    if name == "items_with_materials":
        items = sheet_list("items")
        more = [column for column in sheet_list("materials").columns if column.field != "item"]
        optional = (replace(column, need="") for column in more)
        return replace(items, name=name, columns=(*items.columns, *optional))
    table = _table(_document(), name)
    return SheetList(
        name=name,
        title=_both(table),
        names=_texts(table.get("names")),
        columns=tuple(_column(entry) for entry in _entries(table)),
    )


@cache
def words(name: str) -> Words:
    """Return the words of a choice; each value is known by itself as well."""
    values: dict[str, str] = {}
    names: dict[str, Bilingual] = {}
    for value, known in word_spellings(name).items():
        names[value] = Bilingual(zh=known[0], en=known[1])
        values.update({fold(word): value for word in (*known, value)})
    return Words(values=MappingProxyType(values), names=MappingProxyType(names))


@cache
def word_spellings(name: str) -> Mapping[str, tuple[str, ...]]:
    """Return every spelling of each value of a choice."""
    table = _table(_table(_document(), "words"), name)
    return MappingProxyType({value: _texts(spellings) for value, spellings in table.items()})


@cache
def note_beginnings() -> tuple[str, ...]:
    """Return the folded words with which notes below a table begin."""
    return tuple(fold(word) for word in _texts(_table(_document(), "notes").get("begin")))


@cache
def apart_beginnings() -> tuple[str, ...]:
    """Return the folded words that begin a note where no letter follows: other words begin with them."""
    return tuple(fold(word) for word in _texts(_table(_document(), "notes").get("begin_apart")))


@cache
def total_words() -> frozenset[str]:
    """Return the folded words that make a row one of totals where they stand in a column that is not read."""
    return frozenset(fold(word) for word in _texts(_table(_document(), "notes").get("totals")))


@cache
def ignored_headings() -> frozenset[str]:
    """Return the folded headings of columns that are passed over without a word."""
    return frozenset(fold_heading(word) for word in _texts(_table(_document(), "ignored").get("headings")))


@cache
def headings(name: ListName) -> Mapping[str, Column]:
    """Return the columns of a list by every folded heading."""
    found: dict[str, Column] = {}
    for column in sheet_list(name).columns:
        for heading in (column.heading.zh, column.heading.en, *column.names):
            # An item's own columns go before those of the materials that may stand beside them.
            found.setdefault(fold_heading(heading), column)
    return MappingProxyType(found)


def _column(entry: Mapping[str, object]) -> Column:
    need = str(entry.get("need", ""))
    size = entry.get("size", 0)
    return Column(
        field=str(entry["field"]),
        kind=str(entry["kind"]),
        heading=_both(entry),
        names=_texts(entry.get("names")),
        about=_both(_table(entry, "about")),
        need="file" if need == "file" else "new" if need == "new" else "",
        words=str(entry.get("words", "")),
        size=size if isinstance(size, int) else 0,
        key=entry.get("key") is True,
        alone=entry.get("alone") is True,
        example=str(entry.get("example", "")),
    )


@cache
def _document() -> Mapping[str, object]:
    text = (resources.files(__package__) / "lists.toml").read_text(encoding="utf-8")
    return MappingProxyType(tomllib.loads(text))


def _table(parent: Mapping[str, object], name: str) -> Mapping[str, object]:
    table = parent.get(name)
    if not isinstance(table, dict):
        raise KeyError(f"lists.toml has no table {name}")
    return table


def _entries(table: Mapping[str, object]) -> Sequence[Mapping[str, object]]:
    columns = table.get("columns")
    return [entry for entry in columns if isinstance(entry, dict)] if isinstance(columns, list) else []


def _texts(value: object) -> tuple[str, ...]:
    return tuple(str(entry) for entry in value) if isinstance(value, list) else ()


def _both(table: Mapping[str, object]) -> Bilingual:
    return Bilingual(zh=str(table["zh"]), en=str(table["en"]))
