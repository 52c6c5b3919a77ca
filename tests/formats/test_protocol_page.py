"""docs/protocol.md says what the code does: its tables, its examples, its error codes."""

from __future__ import annotations

import re
from pathlib import Path

from ledger.texts import catalogue
from tests.formats.protocol_tables import PAGE, fill, tables
from tests.vectors.generate import FOLDER
from tests.vectors.run import CHECKS

TEXT = PAGE.read_text(encoding="utf-8")
SOURCES = Path(__file__).parents[2] / "ledger"
MODULES = (
    *sorted((SOURCES / "formats").glob("*.py")),
    SOURCES / "codec.py",
    SOURCES / "registry" / "grant.py",
)


def raised_codes() -> set[str]:
    """Return every code that the format modules raise."""
    sources = (path.read_text(encoding="utf-8") for path in MODULES)
    return {code for source in sources for code in re.findall(r'Error\(\s*"([a-z_.]+)"', source)}


def test_tables_are_those_of_the_code() -> None:
    assert fill(TEXT) == TEXT, "run python -m tests.formats.protocol_tables"


def test_examples_stand_in_the_vectors() -> None:
    vectors = "".join(path.read_text(encoding="utf-8") for path in FOLDER.glob("*.json"))
    examples = [one for one in re.findall(r"\b[0-9a-f]{32,}\b", TEXT) if not one.isdecimal()]
    assert len(examples) > 10
    for example in examples:
        assert example in vectors, example
    for line in re.findall(r"^— \S+ \S+$", TEXT, re.MULTILINE):
        assert line in vectors, line


def test_every_code_of_the_formats_is_on_the_page_and_has_texts() -> None:
    codes = raised_codes()
    assert len(codes) > 50
    internal = {
        "act.actor",
        "proof.range",
    }  # raised to callers inside the program, never about received bytes
    for code in sorted(codes):
        generic = code.endswith((".field", ".version")) or code.startswith("encoding.")
        assert generic or code in internal or f"`{code}`" in TEXT, code
        for language in ("zh", "en"):
            assert code in catalogue(language), (code, language)


def test_every_kind_of_negative_vector_is_named_by_a_section() -> None:
    headings = " ".join(re.findall(r"^#+ (.*)$", TEXT, re.MULTILINE)).lower()
    words = {
        "act_signature": "act", "body": "bodies", "personal": "bodies", "entry_link": "entry",
        "ledger_genesis": "ledger genesis", "log_genesis": "log genesis", "public_key": "keys",
        "possession": "possession", "inclusion": "proofs", "consistency": "proofs",
        "multiproof": "proof of several leaves", "merge_leaf": "merge log",
        "envelope": "key envelope", "note": "signed note",
    }  # fmt: skip
    for kind in CHECKS:
        assert words.get(kind, kind) in headings, kind


def test_every_context_that_the_page_names_is_in_its_table() -> None:
    table = tables()["contexts"]
    for name in set(re.findall(r"banjian/[a-z-]+/1\\n", TEXT)):
        assert f"| `{name}` |" in table, name
