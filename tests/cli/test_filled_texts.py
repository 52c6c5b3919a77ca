"""Every text gets the values that it asks for, in both languages, and shows no more of them than fits."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from audit.telling.words import Words
from ledger.texts import SHOWN_MAX, Language, catalogue, render
from stations.texts import Say, words

ROOT = Path(__file__).parents[2]
LANGUAGES: tuple[Language, ...] = ("zh", "en")
PLACE = re.compile(r"\{(\w+)\}")


@cache
def trees() -> dict[Path, ast.Module]:
    """Return every module of the product, read."""
    return {
        path: ast.parse(path.read_text("utf-8"))
        for package in ("ledger", "sync", "stations", "audit")
        for path in sorted((ROOT / package).rglob("*.py"))
    }


@pytest.fixture(scope="module", autouse=True)
def forgotten() -> Iterator[None]:
    """A million nodes, kept no longer than these tests last: the collector would walk them ever after."""
    yield
    trees.cache_clear()


def asked(code: str, language: Language) -> set[str]:
    """Return the values that a text asks for."""
    entry = catalogue(language)[code]
    return set(PLACE.findall(entry.get("what", "") + entry.get("next", "")))


def calls() -> Iterator[tuple[str, ast.Call, str, dict[str, ast.expr]]]:
    """Yield every call of the product with where it stands, its name, and its named values.

    Calls that hand on what somebody else collected (``**params``) are left out.
    """
    for path, tree in trees().items():
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call) or any(one.arg is None for one in node.keywords):
                continue
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            values = {one.arg: one.value for one in node.keywords if one.arg}
            yield f"{path.relative_to(ROOT)}:{node.lineno}", node, name, values


def literal(node: ast.expr | None) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def told() -> Iterator[tuple[str, str, set[str]]]:
    """Yield each place that tells a code of its own, the code, and the values that it gives."""
    for where, node, name, values in calls():
        if name.endswith("Error") and node.args:
            yield where, literal(node.args[0]), set(values)
        elif name == "found" and len(node.args) >= 3:
            yield where, literal(node.args[2]), set(values)
        elif name in ("Refusal", "Why"):
            params = values.get("params")
            if params is None or isinstance(params, ast.Dict):
                keys = params.keys if isinstance(params, ast.Dict) else []
                yield where, literal(values.get("code")), {literal(key) for key in keys}


@pytest.mark.parametrize("language", LANGUAGES)
def test_whoever_tells_a_code_gives_all_values_of_its_text(language: Language) -> None:
    found = [(where, code, given) for where, code, given in told() if code in catalogue(language)]
    assert len(found) > 500
    missing = [
        (where, code, asked(code, language) - given)
        for where, code, given in found
        if asked(code, language) - given
    ]
    assert missing == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_whoever_says_words_gives_all_their_values(language: Language) -> None:
    known, found, missing = words(language), 0, []
    for where, node, name, values in calls():
        key = literal(node.args[0]) if node.args else ""
        if name in ("say", "hint") and key in known:
            found += 1
            if lacking := set(PLACE.findall(known[key])) - set(values):
                missing.append((where, key, lacking))
    assert found > 200 and missing == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_value_that_nobody_kept_leaves_no_brace(language: Language) -> None:
    for code in catalogue(language):
        for message in (Say(language=language).message(code, {}), Words(language).message(code, {})):
            assert "{" not in message.what + message.next_step, code


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    "value",
    ["9" * 400, 10**400, -(10**400), 10**20_000, ("x" * 500, "y")],
    ids=["text", "number", "negative", "huge", "list"],
)
def test_a_value_from_a_stranger_is_cut(language: Language, value: object) -> None:
    texts = [code for code in catalogue(language) if asked(code, language) == {"value"}]
    assert texts
    empty = {code: render(code, {"value": ""}, language=language).what for code in texts}
    for code in texts:
        what = render(code, {"value": value}, language=language).what
        times = catalogue(language)[code].get("what", "").count("{value}")
        assert len(what) <= len(empty[code]) + times * (SHOWN_MAX + 2), code
        assert not times or "…" in what


def test_a_value_that_can_be_read_is_shown_whole() -> None:
    for value in ("9" * SHOWN_MAX, 10**70, -7, 0, b"\x00" * 32):
        shown = value.hex() if isinstance(value, bytes) else str(value)
        code = next(code for code in catalogue("zh") if asked(code, "zh") == {"value"})
        assert shown in render(code, {"value": value}, language="zh").what


def test_a_place_to_go_to_is_shown_whole() -> None:
    path = "/" + "folder/" * 40
    assert path in render("tls.not_joined", {"path": path}, language="en").what
