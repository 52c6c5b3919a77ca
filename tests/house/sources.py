"""The sources as the house rules see them: files, trees, names."""

from __future__ import annotations

import ast
import os
import subprocess
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("ledger", "sync", "stations", "audit")
PASSED_BY = {
    ".git",
    ".venv",
    ".venv.old",
    "__pycache__",
    ".mypy_cache",
    ".ruff_cache",
    ".pytest_cache",
    ".hypothesis",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One Python module of the product."""

    path: str
    module: str
    text: str

    @property
    def tree(self) -> ast.Module:
        """What the text says, read."""
        return _read(self.text)


@lru_cache(maxsize=1)
def _read(text: str) -> ast.Module:
    # One module's rules are looked at together. All modules kept are a million nodes, in every process that
    # collects the tests.
    return ast.parse(text)


@cache
def shipped(root: Path = ROOT) -> tuple[Source, ...]:
    """Return every module of the four packages."""
    found = []
    for package in PACKAGES:
        for path in sorted((root / package).rglob("*.py")):
            if "__pycache__" in path.parts:
                continue
            relative = path.relative_to(root)
            module = ".".join(relative.with_suffix("").parts).removesuffix(".__init__")
            text = path.read_text(encoding="utf-8")
            found.append(Source(path=str(relative), module=module, text=text))
    return tuple(found)


@cache
def project() -> dict[str, dict[str, object]]:
    """Return pyproject.toml."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def contracts() -> list[dict[str, object]]:
    """Return the floors' contracts."""
    linter = project()["tool"]["importlinter"]
    if not isinstance(linter, dict):
        raise TypeError("no import-linter settings")
    return list(linter["contracts"])


def upper_floor() -> frozenset[str]:
    """Return the modules of `ledger` above the pure floor: those that a contract protects by name."""
    names = {
        str(name)
        for contract in contracts()
        for name in contract.get("protected_modules", [])  # type: ignore[attr-defined]
    }
    return frozenset(name for name in names if name.startswith("ledger."))


def is_pure(module: str) -> bool:
    """Return whether a module belongs to the pure floor of `ledger`."""
    inside = module == "ledger" or module.startswith("ledger.")
    return inside and not any(module == name or module.startswith(f"{name}.") for name in upper_floor())


def pure(sources: tuple[Source, ...] | None = None) -> list[Source]:
    """Return the modules of the pure floor."""
    return [source for source in (shipped() if sources is None else sources) if is_pure(source.module)]


def imports(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield line and full name of everything imported, wherever it stands; ``from a import b`` is ``a.b``."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            for alias in node.names:
                yield node.lineno, f"{node.module}.{alias.name}"


@cache
def tracked() -> tuple[str, ...]:
    """Return the files that belong to the repository; without git, all but what is set up or cached."""
    listed = subprocess.run(["git", "-C", ROOT, "ls-files"], capture_output=True, text=True, check=False)
    if listed.returncode == 0 and listed.stdout:
        return tuple(name for name in listed.stdout.splitlines() if (ROOT / name).is_file())
    found = []
    for folder, folders, files in os.walk(ROOT):
        folders[:] = [name for name in folders if name not in PASSED_BY]
        found += [str(Path(folder, name).relative_to(ROOT)) for name in files]
    return tuple(sorted(found))
