"""What a clerk sees when something goes wrong: a sentence, the next step, a code; never a traceback."""

from __future__ import annotations

from pathlib import Path

import pytest

from ledger.errors import ConfigError
from stations.cli import calendars
from stations.cli import main as faulty
from stations.cli.types import parse_moment
from stations.config import load_config
from tests.cli.conftest import Terminal


def test_an_unknown_command_names_near_ones():
    result = Terminal().run("calender")
    assert result.code == 2 and "calendar" in result.err and "[cli.command_unknown]" in result.err


def test_without_a_ledger_nothing_is_made(tmp_path: Path):
    terminal = Terminal(folder=tmp_path / "nowhere")
    result = terminal.run("worklist")
    assert result.code == 2 and "[home.missing]" in result.err
    assert not (tmp_path / "nowhere").exists()


def test_no_folder_named_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    result = Terminal().run("worklist")
    assert result.code == 2 and "[cli.no_directory]" in result.err


def test_english_when_asked():
    assert "There is no command nothing" in Terminal().run("nothing", "--lang", "en").err


def test_a_fault_of_the_program_leaves_a_file_without_messages(
    county: Terminal, monkeypatch: pytest.MonkeyPatch
):
    person = "吴老根 990121195803121017"

    def broken(*args: object, **kwargs: object) -> None:
        raise ZeroDivisionError(person)

    monkeypatch.setattr(calendars, "due_report", broken)
    result = county.run("calendar", "due", "2026-02-13", "5")
    assert result.code == 2 and "[internal]" in result.err and "Traceback" not in result.err + result.out
    assert county.folder is not None
    (left,) = (county.folder / "log").glob("error-*.txt")
    text = left.read_text(encoding="utf-8")
    assert "ZeroDivisionError" in text and "calendars.py" in text
    assert "吴老根" not in text and "990121195803121017" not in text
    county.env["BANJIAN_DEBUG"] = "1"
    with pytest.raises(ZeroDivisionError):
        county.run("calendar", "due", "2026-02-13", "5")


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("find", "王小明"), "find"),
        (("find", "王-小明", "--lang", "zh"), "find"),
        (("staff", "add", "王小明", "--name", "王小明"), "staff add"),
        (("--lang", "zh", "find", "王小明"), ""),
        (("王小明", "find"), ""),
    ],
)
def test_the_file_of_a_fault_holds_no_word_that_names_somebody(
    county: Terminal, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], named: str
):
    def broken(*args: object, **kwargs: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(faulty, "_run", broken)
    assert "[internal]" in county.run(*words).err
    assert county.folder is not None
    (left,) = (county.folder / "log").glob("error-*.txt")
    first, *rest = left.read_text(encoding="utf-8").splitlines()
    assert first.split() == ["command:", *named.split()]
    assert "王" not in "".join(rest)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ('statoin = "x"', "config.unknown_key"),
        ("station = 5", "config.value"),
        ("slip_width = 0", "config.value"),
        ("slip_width = true", "config.value"),
        ("station = ", "config.syntax"),
    ],
)
def test_a_wrong_setting_is_an_error(tmp_path: Path, text: str, code: str):
    (tmp_path / "banjian.toml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_config(tmp_path)
    assert caught.value.code == code


def test_settings_are_read_with_a_byte_order_mark_and_defaults_hold(tmp_path: Path):
    (tmp_path / "banjian.toml").write_bytes("\ufeffslip_width = 32\n".encode())
    config = load_config(tmp_path)
    assert config.slip_width == 32 and config.backup_warn_days == 7


@pytest.mark.parametrize("text", ["25:00", "2026-02-30 10:00", "soon", "10", "2026-02-13"])
def test_a_wrong_moment_is_an_error(text: str):
    with pytest.raises(ConfigError):
        parse_moment(text, "--at")
