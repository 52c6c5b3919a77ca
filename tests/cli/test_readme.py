"""The README's commands work when pasted, in both languages the same; its links lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.cli.conftest import Terminal
from tests.cli.pasting import ROOT, commands, paste


def test_both_languages_show_the_same_commands():
    assert commands("README.md") == commands("README.zh.md")
    assert "make demo" in (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["README.md", "README.zh.md"])
def test_links_lead_to_files(name: str):
    for target in re.findall(r"\]\(([^)#]+)\)", (ROOT / name).read_text(encoding="utf-8")):
        assert (ROOT / target).exists(), target


def test_the_commands_work_when_pasted(tmp_path: Path):
    said = paste(tmp_path, "\n".join(commands("README.md")))
    assert "已办结" in said and "代收代办" in said and "演练" in said
    assert "县已收：3 条，全部" in said
    assert (tmp_path / "cases.xlsx").exists() and list((tmp_path / "backup").glob("banjian-*/ledger.db"))


def test_commands_of_the_installation_guide_are_understood(tmp_path: Path):
    text = (ROOT / "docs" / "install.md").read_text(encoding="utf-8")
    found = re.findall(r"banjian\.cmd ([^`\n]+)`", text)
    assert found
    for words in found:
        args = [
            re.sub(r"%USERPROFILE%\\banjian-ledger", str(tmp_path / "none"), one) for one in words.split()
        ]
        assert "[home.missing]" in Terminal().run(*args).err, words
