"""What lies in the repository: the folders, the locks, and nothing of the machine it was made on."""

from __future__ import annotations

import re

import pytest

from tests.house.sources import ROOT, project, tracked

TOP_LEVEL = {
    *("ledger", "sync", "stations", "audit", "tests", "docs", "bench", "deploy", ".ci"),
    *("pyproject.toml", "README.md", "README.zh.md", "Makefile", "CHANGELOG.md", "LICENSE"),
    *("requirements.lock", "requirements-test.lock", ".gitignore", ".gitattributes", ".editorconfig"),
}
LOCKS = ("requirements.lock", "requirements-test.lock")
TEXT = (
    ".py",
    ".md",
    ".toml",
    ".json",
    ".sh",
    ".html",
    ".js",
    ".css",
    ".svg",
    ".txt",
    ".yml",
    ".lock",
    ".http",
)
FOREIGN = {
    "a folder of one machine": re.compile(r"(?<![\w.:/])/(?:work|root|home/\w+|Users/\w+)/"),
    "a package index": re.compile(r"pypi\.|files\.pythonhosted|/simple/|--(?:extra-)?index-url|--find-links"),
    "a private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
}
PIN = re.compile(r"^([a-z0-9][a-z0-9.-]*)==([^ ;\\]+)")


def foreign_parts(text: str) -> list[str]:
    """Return what a tracked text must not hold."""
    return [what for what, pattern in FOREIGN.items() if pattern.search(text)]


def test_top_level_is_what_it_should_be() -> None:
    assert {name.split("/")[0] for name in tracked()} - TOP_LEVEL == set()


@pytest.mark.parametrize("name", ["ledger", "sync", "stations", "audit", "tests"])
def test_package_is_there(name: str) -> None:
    assert any(path.startswith(f"{name}/") for path in tracked())


def test_no_file_names_machine_index_or_key() -> None:
    texts = [name for name in tracked() if name.endswith(TEXT) or "." not in name.split("/")[-1]]
    assert len(texts) > 50
    found = {
        name: parts
        for name in texts
        if name != "tests/house/test_tree.py"
        and (parts := foreign_parts((ROOT / name).read_bytes().decode("utf-8", "replace")))
    }
    assert found == {}


@pytest.mark.parametrize(
    "text",
    [
        "see /ro" + "ot/x",
        "open('/ho" + "me/me/x')",
        "--index-url https://example.org",
        "https://mirror.example/pypi/simple/rich/",
        "-----BEGIN PRIVATE KEY-----",
    ],
)
def test_the_rule_sees(text: str) -> None:
    assert foreign_parts(text)


@pytest.mark.parametrize("text", ["docs/root/x", "https://example.org/work/flow", "the home folder /etc/x"])
def test_the_rule_leaves_the_rest(text: str) -> None:
    assert foreign_parts(text) == []


def read_lock(name: str) -> dict[str, tuple[str, int]]:
    """Return version and number of hashes by package; every line has to be understood."""
    pins: dict[str, tuple[str, int]] = {}
    package = ""
    for line in (ROOT / name).read_text(encoding="utf-8").splitlines():
        pin = PIN.match(line)
        if pin:
            package = pin[1]
            pins[package] = (pin[2], 0)
        elif re.fullmatch(r" {4}--hash=sha256:[0-9a-f]{64}(?: \\)?", line):
            version, count = pins[package]
            pins[package] = (version, count + 1)
        elif line and not line.startswith("#"):
            pytest.fail(f"{name}: {line!r} is neither a pin nor a hash")
    return pins


@pytest.mark.parametrize("name", LOCKS)
def test_lock_has_a_hash_for_everything(name: str) -> None:
    pins = read_lock(name)
    assert pins
    assert [package for package, (_, hashes) in pins.items() if hashes == 0] == []


def test_the_two_locks_agree() -> None:
    smaller, larger = (read_lock(name) for name in LOCKS)
    assert smaller.items() <= larger.items()


def test_locks_hold_what_the_project_asks_for() -> None:
    settings = project()["project"]
    extras = settings["optional-dependencies"]
    if not isinstance(extras, dict):
        raise TypeError("no extras")
    asked = {"requirements.lock": [*settings["dependencies"], *extras["postgres"]]}  # type: ignore[misc]
    asked["requirements-test.lock"] = [*asked["requirements.lock"], *extras["test"]]
    for name, requirements in asked.items():
        wanted = {re.split(r"[\[<>=; ]", text)[0].lower().replace(".", "-") for text in requirements}
        assert wanted - set(read_lock(name)) == set()
