"""The lists as data: complete, in both languages, and every fault has its texts."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from ledger.data import case_types
from ledger.lint.catalogue import lint_item
from ledger.registry.schema import GRANTABLE_ROLES
from ledger.registry.station import LEVELS
from ledger.rules.casetype import LEGAL_BASES
from ledger.rules.item import MATERIAL_SOURCES
from ledger.texts import catalogue
from stations.sheetin.columns import WORD_TABLES, ListName, sheet_list, word_spellings, words
from stations.sheetin.values import read_value

ROOT = Path(__file__).parents[2]
LISTS: tuple[ListName, ...] = ("items", "materials", "proofs", "stations", "staff")
PLACEHOLDER = re.compile(r"{(\w+)}")


def test_the_words_are_those_of_the_ledger() -> None:
    assert tuple(words("level").names) == LEVELS
    assert tuple(words("legal_basis").names) == LEGAL_BASES
    assert tuple(words("role").names) == GRANTABLE_ROLES
    assert tuple(words("source").names) == MATERIAL_SOURCES
    assert set(words("case_type").names) == {kind.code for kind in case_types()}
    document = tomllib.loads((ROOT / "stations/sheetin/lists.toml").read_text(encoding="utf-8"))
    assert set(document["words"]) == set(WORD_TABLES), "docs/excel.md has every table"


@pytest.mark.parametrize("table", WORD_TABLES)
def test_no_word_means_two_things(table: str) -> None:
    for value, spellings in word_spellings(table).items():
        assert all(words(table).value(word) == value for word in spellings), (table, value)


@pytest.mark.parametrize("name", LISTS)
def test_each_example_can_be_taken(name: ListName) -> None:
    for column in sheet_list(name).columns:
        assert column.about.zh and column.about.en
        if column.example:
            assert read_value(column, column.example) is not None, column.field


def test_every_code_of_a_fault_has_its_texts() -> None:
    zh, en = catalogue("zh"), catalogue("en")
    sources = [*(ROOT / "stations/sheetin").glob("*.py"), *(ROOT / "stations/imports").glob("*.py")]
    text = "".join(path.read_text(encoding="utf-8") for path in sources)
    codes = set(re.findall(r'"((?:sheet|row|cell|request)\.[a-z_]+)"', text))
    assert len(codes) > 45
    for code in codes:
        assert zh[code].keys() == en[code].keys(), code
        for part in zh[code]:
            assert set(PLACEHOLDER.findall(zh[code][part])) == set(PLACEHOLDER.findall(en[code][part])), code
    raised = set(
        re.findall(
            r'(?:\.add|Unclear|InputError|ConfigError)\(\s*"((?:sheet|row|cell|request)\.[a-z_]+)"', text
        )
    )
    assert len(raised) > 35 and all(zh[code].get("next") for code in raised)
    written = {code for code in zh if code.startswith(("sheet.", "row.", "cell.", "request."))}
    assert written == codes, "no text that nobody says"


def test_the_linters_findings_on_items_speak_of_columns() -> None:
    """What a person reads of an item in a sheet names the columns, not the fields of the published form."""
    source = Path(lint_item.__code__.co_filename).read_text(encoding="utf-8")
    of_items = set(re.findall(r'yield "(lint\.[a-z_]+)"', source))
    # Words of a column are checked before the linter sees them, and capacities are made from two columns.
    before = {
        "lint.level_unknown", "lint.basis_unknown", "lint.value_unknown_item", "lint.capacity_missing",
        "lint.material_source", "lint.type_unknown",
    }  # fmt: skip
    for code in of_items - before:
        for language in ("zh", "en"):
            said = catalogue(language)[f"excel.{code}"]  # type: ignore[index]
            assert not re.search(r"[a-z]+_[a-z]+|\blegal_days\b", said["what"] + said["next"]), code
