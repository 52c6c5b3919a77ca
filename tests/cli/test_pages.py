"""Help and documents: every command, code and setting has its page, and pages are what the program says."""

from __future__ import annotations

import importlib.util
import io
import os
import re
import tomllib
from dataclasses import fields
from pathlib import Path
from types import ModuleType

import pytest

from ledger.facade.base.clock import SystemClock
from stations.cli.call import App
from stations.cli.tree import all_specs
from stations.config import StationConfig
from stations.texts import Say, words
from tests.cli.conftest import Terminal

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    """The script that writes the pages."""
    spec = importlib.util.spec_from_file_location("docs_generate", ROOT / "docs" / "generate.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _paths() -> list[tuple[str, ...]]:
    app = App(
        clock=SystemClock(),
        randomness=os.urandom,
        out=io.StringIO(),
        err=io.StringIO(),
        env={},
        ask_secret=lambda prompt, twice: "",
    )
    return [spec.path for spec in all_specs(Say(language="zh"), None, app)]


@pytest.mark.parametrize("name", ["cli.md", "errors.md", "excel.md", "openapi.json"])
def test_the_page_is_what_the_generator_writes(generator: ModuleType, name: str):
    written = (ROOT / "docs" / name).read_text(encoding="utf-8")
    assert written == generator.PAGES[name](), f"run: python docs/generate.py ({name} is not current)"


def test_every_command_has_its_help_in_the_page():
    page = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    for path in _paths():
        shown = Terminal().ok(*path, "--help").out.rstrip()
        assert f"## banjian {' '.join(path)}\n" in page and shown in page, path


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_no_help_page_shows_a_bare_key(lang: str):
    for path in [(), *_paths()]:
        shown = Terminal().ok(*path, "-h", lang=lang).out
        assert not re.search(r"\b(cmd|opt|field|value|role|level|help)\.[a-z]", shown), (path, shown)


def test_both_languages_have_the_same_words_with_the_same_placeholders():
    zh, en = words("zh"), words("en")
    assert zh.keys() == en.keys()
    for key in zh:
        assert set(re.findall(r"{(\w+)}", zh[key])) == set(re.findall(r"{(\w+)}", en[key])), key


def test_every_setting_and_variable_is_in_the_page():
    page = (ROOT / "docs" / "config.md").read_text(encoding="utf-8")
    for field in fields(StationConfig):
        assert f"| `{field.name}` |" in page
    sources = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "stations").rglob("*.py"))
    for name in set(re.findall(r"BANJIAN_[A-Z_]+", sources)):
        assert name in page, name


def test_every_literal_key_that_the_program_says_exists():
    known = words("zh")
    for path in (ROOT / "stations").rglob("*.py"):
        for key in re.findall(r"""(?:\bsay|\.hint)\(\s*"([a-z_.-]+)\"""", path.read_text(encoding="utf-8")):
            assert key in known, (path.name, key)


def test_the_version_is_that_of_the_project() -> None:
    """``--version`` answers without a ledger."""
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))
    assert Terminal().ok("--version").out == f"banjian {project['project']['version']}\n"
