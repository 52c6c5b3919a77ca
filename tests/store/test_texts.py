"""Every code that the store raises has a text in both languages that says the same things."""

from __future__ import annotations

import re
import string
from pathlib import Path

from ledger.texts import catalogue

ROOT = Path(__file__).resolve().parents[2]
SOURCES = [
    *(ROOT / "ledger" / "store").glob("*.py"),
    *(ROOT / "ledger" / "reader").glob("*.py"),
    *(ROOT / "ledger" / "projections").glob("runner.py"),
    ROOT / "ledger" / "platform.py",
    ROOT / "ledger" / "sqlitefile.py",
]
CODE = re.compile(r'Error\(\s*"(store\.[a-z_]+)"')


def raised() -> set[str]:
    return {code for path in SOURCES for code in CODE.findall(path.read_text(encoding="utf-8"))}


def places(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_every_code_has_what_and_next_in_both_languages() -> None:
    assert len(raised()) > 25
    for code in raised():
        for language in ("zh", "en"):
            entry = catalogue(language)[code]  # type: ignore[arg-type]
            assert entry["what"], (code, language)
            assert entry["next"], (code, language)


def test_both_languages_name_the_same_values() -> None:
    for code in raised():
        zh, en = catalogue("zh")[code], catalogue("en")[code]
        for part in ("what", "next"):
            assert places(zh[part]) == places(en[part]), (code, part)
