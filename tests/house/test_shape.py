"""The shape of shipped modules: short, told, typed, without what hides mistakes."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest

from tests.house.sources import Source, imports, shipped

MODULE_LINES_MAX = 400
FUNCTION_LINES_MAX = 60
UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX|HACK|NotImplementedError)\b")
# Who may import what from outside; import-linter holds the floors, this holds the single modules.
IMPORTERS = {
    "msgpack": ("ledger.codec",),
    "eventsourcing": ("ledger.store", "ledger.projections"),
    "nacl": ("ledger.formats.sodium",),
    "psycopg": ("ledger.store",),
    "psycopg_pool": ("ledger.store",),
    "aiohttp": ("sync.line", "stations"),
}
Function = ast.FunctionDef | ast.AsyncFunctionDef


def test_every_package_is_there() -> None:
    assert {source.path.split("/")[0] for source in shipped()} == {"ledger", "sync", "stations", "audit"}


@pytest.mark.parametrize("source", shipped(), ids=lambda source: source.path)
def test_module(source: Source) -> None:
    assert complaints(source) == []


def complaints(source: Source) -> list[str]:
    """Return what is wrong with a module, one line each."""
    return [*lengths(source), *undocumented(source), *hiding(source), *untyped(source), *strangers(source)]


def lengths(source: Source) -> Iterator[str]:
    """Yield modules and functions that are too long."""
    lines = source.text.count("\n")
    if lines > MODULE_LINES_MAX:
        yield f"{lines} lines, {MODULE_LINES_MAX} at most"
    for node in ast.walk(source.tree):
        if isinstance(node, Function):
            span = (node.end_lineno or node.lineno) - node.lineno + 1
            if span > FUNCTION_LINES_MAX:
                yield f"line {node.lineno}: {node.name} has {span} lines, {FUNCTION_LINES_MAX} at most"


def undocumented(source: Source) -> Iterator[str]:
    """Yield public names without a docstring: modules, classes, functions, methods of public classes."""
    if source.text.strip() and not ast.get_docstring(source.tree):
        yield "the module has no docstring"
    for node in source.tree.body:
        if not isinstance(node, Function | ast.ClassDef) or node.name.startswith("_"):
            continue
        if not ast.get_docstring(node):
            yield f"line {node.lineno}: {node.name} has no docstring"
        for part in node.body if isinstance(node, ast.ClassDef) else ():
            if not isinstance(part, Function) or part.name.startswith("_") or is_field(part):
                continue
            if not ast.get_docstring(part):
                yield f"line {part.lineno}: {node.name}.{part.name} has no docstring"


def is_field(function: Function) -> bool:
    """Return whether this is a field in the shape of a property; its name says what it is."""
    return [ast.unparse(name) for name in function.decorator_list] == ["property"]


def hiding(source: Source) -> Iterator[str]:
    """Yield assertions, handlers without a class, and marks of unfinished work."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Assert):
            yield f"line {node.lineno}: assert is gone under -O; raise an error of the tree"
        if isinstance(node, ast.ExceptHandler) and node.type is None:
            yield f"line {node.lineno}: a handler without a class"
    for index, line in enumerate(source.text.splitlines(), start=1):
        if UNFINISHED.search(line):
            yield f"line {index}: a mark of unfinished work"


def untyped(source: Source) -> Iterator[str]:
    """Yield uses of Any outside the one module that decodes foreign bytes."""
    if source.module == "ledger.codec":
        return
    for line, name in imports(source.tree):
        if name == "typing.Any":
            yield f"line {line}: Any belongs into ledger.codec alone"
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Attribute) and node.attr == "Any":
            yield f"line {node.lineno}: Any belongs into ledger.codec alone"


def strangers(source: Source) -> Iterator[str]:
    """Yield imports of packages that other modules are responsible for."""
    for line, name in imports(source.tree):
        allowed = IMPORTERS.get(name.split(".")[0])
        if allowed and not any(
            source.module == home or source.module.startswith(f"{home}.") for home in allowed
        ):
            yield f"line {line}: {name} belongs to {', '.join(allowed)}"


LONG = "def f() -> int:\n    '''Doc.'''\n" + "    x = 1\n" * 60 + "    return x\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("'''Doc.'''\n" + "x = 1\n" * 400, "401 lines"),
        ("'''Doc.'''\n" + LONG, "f has 63 lines"),
        ("x = 1\n", "the module has no docstring"),
        ("'''Doc.'''\ndef f() -> None: ...\n", "f has no docstring"),
        ("'''Doc.'''\nclass C:\n    '''Doc.'''\n    def m(self) -> None: ...\n", "C.m has no docstring"),
        ("'''Doc.'''\nassert 1\n", "assert is gone"),
        ("'''Doc.'''\ntry:\n    x = 1\nexcept:\n    x = 2\n", "a handler without a class"),
        ("'''Doc.'''\n# TO" + "DO later\n", "unfinished"),
        ("'''Doc.'''\nfrom typing import Any\n", "Any belongs"),
        ("'''Doc.'''\nimport typing\nx: typing.Any = 1\n", "Any belongs"),
        ("'''Doc.'''\nimport msgpack\n", "msgpack belongs to ledger.codec"),
        ("'''Doc.'''\nfrom aiohttp import web\n", "aiohttp.web belongs to sync.line"),
    ],
)
def test_the_rules_see(text: str, expected: str) -> None:
    source = Source(path="sync/made_up.py", module="sync.made_up", text=text)
    assert any(expected in line for line in complaints(source))


def test_the_rules_leave_the_rest() -> None:
    text = "'''Doc.'''\nimport msgpack\nfrom typing import Any\n\n\ndef f() -> None:\n    '''Doc.'''\n"
    source = Source(path="ledger/codec.py", module="ledger.codec", text=text)
    assert complaints(source) == []
