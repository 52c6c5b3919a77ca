"""Both command lines speak alike: the language that is asked for, and what a table shows of a cell."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping

import pytest

from audit import cli as audit_cli
from audit.telling.factwords import FactWords
from audit.telling.words import Words
from ledger.data import case_types
from ledger.registry.registry import Registry
from ledger.rules.factspec import FactSpec
from ledger.texts import Language
from ledger.texts.language import choose_language
from ledger.texts.tables import print_table
from ledger.types import LedgerId
from stations.cli import main as station_main
from stations.texts import Say
from stations.words.casenames import value_name
from stations.words.fieldnames import field_name

YEARS = {"10", "30"}
"""Values that are numbers, and stand for themselves."""


@pytest.mark.parametrize(
    ("words", "language"),
    [
        (("--lang", "en"), "en"),
        (("--lang=zh",), "zh"),
        (("--lang", "zh", "--lang", "en"), "en"),
        (("--lang=en", "--lang=zh"), "zh"),
    ],
)
def test_both_programs_take_the_same_language_from_the_same_words(
    words: tuple[str, ...], language: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BANJIAN_LANG", "en" if language == "zh" else "zh")
    told = []
    for run in (station_main.main, audit_cli.main):
        assert run(["nothing-of-that-name", *words]) == 2
        told.append(any("\u4e00" <= character <= "\u9fff" for character in capsys.readouterr().err))
    assert told == [language == "zh"] * 2


@pytest.mark.parametrize(
    ("env", "language"),
    [
        ({"BANJIAN_LANG": "en", "LANG": "zh_CN.UTF-8"}, "en"),
        ({"LC_ALL": "en_GB.UTF-8", "LANG": "zh_CN.UTF-8"}, "en"),
        ({"BANJIAN_LANG": "fr", "LANG": "fr_FR.UTF-8"}, "zh"),
        ({}, "zh"),
    ],
)
def test_without_an_option_the_surroundings_choose(env: dict[str, str], language: str) -> None:
    assert choose_language(["verify"], env) == language


def leaves(
    action: str, facts: Mapping[str, FactSpec], before: str = ""
) -> Iterator[tuple[str, str, FactSpec]]:
    """Yield every field of an action by its dotted path."""
    for name, spec in facts.items():
        yield action, f"{before}{name}", spec
        yield from leaves(action, spec.fields, f"{before}{name}.")


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_field_and_value_is_called_alike(language: Language) -> None:
    """By the audit and on the pages of the station; and no field of any action goes without a name."""
    say = Say(language=language, page=True)
    names = FactWords(words=Words(language), registry=Registry(LedgerId(bytes(32))), rules=None)
    fields = [
        leaf
        for case_type in case_types()
        for action in case_type.actions.values()
        for leaf in leaves(action.code, action.facts)
    ]
    assert len(fields) > 300
    for action, path, spec in fields:
        assert names.field(action, path) == field_name(say, action, path)
        for value in spec.values:
            assert names.value(action, path, value) == value_name(say, value)
    values = {value for _, _, spec in fields for value in spec.values}
    if language == "zh":
        assert {path for action, path, _ in fields if names.field(action, path).isascii()} == set()
        assert {value for value in values if names.value("", "", value).isascii()} == YEARS


def test_what_a_program_elsewhere_signed_moves_no_cursor() -> None:
    names = FactWords(words=Words("zh"), registry=Registry(LedgerId(bytes(32))), rules=None)
    assert names.value("note", "note_code", "a\x1b[2J\nb") == "a[U+001B][2J[U+000A]b"
    assert names.value("note", "note_code", None) == names.value("note", "note_code", "") == "（空）"


def test_a_cell_stays_one_line_whatever_it_carries() -> None:
    out = io.StringIO()
    print_table(out, ["act", "reason"], [["1", "one\ntwo\x1b[31m\u202e"]])
    assert len(out.getvalue().splitlines()) == 2
    assert not {"\x1b", "\u202e"} & set(out.getvalue())
