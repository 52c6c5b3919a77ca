"""The pure floor of `ledger` reads no clock, no random source, no file, no socket, and starts no thread."""

from __future__ import annotations

import ast

import pytest

from tests.house.sources import Source, imports, is_pure, pure, shipped, upper_floor

# Whole modules that the pure floor has no business with.
BANNED_MODULES = frozenset(
    {
        *("time", "random", "secrets", "uuid"),
        *("threading", "multiprocessing", "concurrent", "asyncio", "subprocess", "signal"),
        *("socket", "ssl", "select", "selectors", "http", "urllib"),
        *("os", "io", "pathlib", "tempfile", "shutil", "sqlite3", "getpass", "platform", "logging"),
    }
)
# Calls that read a clock or the world although the module itself is of use.
BANNED_CALLS = frozenset({"now", "utcnow", "today", "urandom", "generate", "fromtimestamp"})
BANNED_NAMES = frozenset({"open", "input", "print", "exec", "eval", "__import__", "breakpoint"})
ENTROPY = "cryptography draws keys by itself here; the seed has to come in as an argument"


def breaches(tree: ast.AST) -> list[str]:
    """Return what a module of the pure floor must not do, one line each."""
    found = [
        f"line {line}: imports {name}" for line, name in imports(tree) if name.split(".")[0] in BANNED_MODULES
    ]
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        called = node.func
        if isinstance(called, ast.Name) and called.id in BANNED_NAMES:
            found.append(f"line {node.lineno}: calls {called.id}()")
        if isinstance(called, ast.Attribute) and called.attr in BANNED_CALLS:
            timezone_given = called.attr == "fromtimestamp" and (len(node.args) > 1 or node.keywords)
            if not timezone_given:
                found.append(f"line {node.lineno}: calls {ast.unparse(called)}()")
    return found


@pytest.mark.parametrize("source", pure(), ids=lambda source: source.path)
def test_pure_module_stays_pure(source: Source) -> None:
    assert breaches(source.tree) == []


@pytest.mark.parametrize(
    "text",
    [
        "import time",
        "import os.path",
        "from random import Random",
        "from uuid import uuid4",
        "def f():\n    import threading",
        "from datetime import datetime\nx = datetime.now()",
        "from datetime import datetime\nx = datetime.fromtimestamp(0)",
        "import datetime\nx = datetime.date.today()",
        "x = open('a')",
        "k = Ed25519PrivateKey.generate()",
        "import asyncio.locks",
    ],
)
def test_the_ban_sees(text: str) -> None:
    assert breaches(ast.parse(text))


def test_the_ban_leaves_the_rest() -> None:
    text = "from datetime import datetime, UTC\nimport hashlib\nx = datetime.fromtimestamp(0, UTC)\ny.open(1)"
    assert breaches(ast.parse(text)) == []


def test_the_floor_is_not_empty() -> None:
    names = {source.module for source in shipped()}
    assert {"ledger.types", "ledger.errors"} <= {source.module for source in pure()} <= names
    assert not is_pure("ledger.store.sqlite")
    assert not is_pure("stations.cli")
    assert {"ledger.store", "ledger.facade", "ledger.reader", "ledger.platform"} <= upper_floor()
