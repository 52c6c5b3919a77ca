"""Both command lines speak alike: the language that is asked for, and what a table shows of a cell."""

from __future__ import annotations

import io

import pytest

from audit import cli as audit_cli
from ledger.texts.language import choose_language
from ledger.texts.tables import print_table
from stations.cli import main as station_main


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


def test_a_cell_stays_one_line_whatever_it_carries() -> None:
    out = io.StringIO()
    print_table(out, ["act", "reason"], [["1", "one\ntwo\x1b[31m\u202e"]])
    assert len(out.getvalue().splitlines()) == 2
    assert not {"\x1b", "\u202e"} & set(out.getvalue())
