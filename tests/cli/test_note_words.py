"""What a sync could not settle is told in words, though nothing but its code travels and is kept."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.texts import Language, catalogue
from stations.texts import Say, words

ROOT = Path(__file__).parents[2]
PLACES = ("sync/core", "ledger/codec.py", "ledger/formats", "ledger/known", "ledger/facade")
"""Where what a session takes in is decoded, verified and stored, and where both sides refuse it."""
AREAS = frozenset(
    (
        *("act", "checkpoint", "cosignature", "county", "encoding", "entry", "excerpt", "facts", "frame"),
        *("genesis", "merge", "note", "package", "proof", "sync", "tree"),
    )
)
ELSEWHERE = frozenset(
    ("act.key_leaked", "act.misplaced", "act.not_effective", "sync.kept_beside", "sync.too_often")
)
"""Told where all their values are known, or as what ended a whole session."""


def codes() -> Iterator[str]:
    """Yield the codes of the catalogue that stand in the modules through which a session goes."""
    for place in PLACES:
        path = ROOT / place
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    yield node.value


NOTED = sorted(
    {one for one in codes() if one in catalogue("zh") and one.partition(".")[0] in AREAS} - ELSEWHERE
)


def test_there_are_codes() -> None:
    assert {"sync.log_scope", "package.pins", "encoding.limit", "sync.unreceipted"} <= set(NOTED)


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("page", [False, True], ids=["typed", "page"])
def test_each_reads_well_without_its_values(language: Language, page: bool) -> None:
    say = Say(language=language, page=page)
    bare = [code for code in NOTED if say.reason(code) == say("unkept.what", code=code)]
    assert bare == []
    assert not [code for code in NOTED if "{" in say.reason(code) or "…" in say.reason(code)]


@pytest.mark.parametrize("language", ["zh", "en"])
def test_words_without_values_are_of_codes_and_need_none(language: Language) -> None:
    held = {
        key.removeprefix("unkept_what."): text
        for key, text in words(language).items()
        if "unkept_what." in key
    }
    assert held and all(code in catalogue(language) and "{" not in text for code, text in held.items())
    other: Language = "en" if language == "zh" else "zh"
    assert held.keys() == {key.removeprefix("unkept_what.") for key in words(other) if "unkept_what." in key}


def test_what_is_kept_is_told_with_its_values() -> None:
    say = Say(language="en")
    assert "abcd" in say.reason("sync.log_scope", log="abcd")
    assert "[" not in say.reason("sync.log_scope") and "code" not in say.reason("sync.log_scope")
