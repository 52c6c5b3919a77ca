"""The floors are kept, and each contract fails on a violation (shown on a small tree of the same shape)."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.house.sources import ROOT, contracts

# A tree of the same shape, with every module that a contract names and one import of each outside package.
MODULES: Mapping[str, str] = {
    **{f"ledger/{path.name}": "" for path in sorted((ROOT / "ledger").glob("*.py"))},
    **{
        f"ledger/{path.parent.name}/__init__.py": ""
        for path in sorted((ROOT / "ledger").glob("*/__init__.py"))
    },
    "ledger/codec.py": "import msgpack\n",
    "ledger/clocks/__init__.py": "from ledger import cases, days, rules\n",
    "ledger/cases/__init__.py": "from ledger import codec, registry\n",
    "ledger/reader/__init__.py": "from ledger import types\n",
    "ledger/store/__init__.py": "import eventsourcing\nimport psycopg\nfrom ledger import platform\n",
    "ledger/projections/__init__.py": "import eventsourcing\nfrom ledger import store\n",
    "ledger/facade/__init__.py": "from ledger import projections, reader, store\n",
    "ledger/facade/base/__init__.py": "",
    "ledger/facade/logs/__init__.py": "from ledger.facade import base\n",
    "ledger/facade/cases/__init__.py": "from ledger.facade import base, logs\n",
    "ledger/facade/transfer/__init__.py": "from ledger.facade import cases\n",
    "ledger/facade/opened/__init__.py": "from ledger.facade import transfer\n",
    "ledger/facade/peering/__init__.py": "from ledger.facade import opened\n",
    "sync/__init__.py": "",
    **{f"sync/{path.name}": "" for path in sorted((ROOT / "sync").glob("[!_]*.py"))},
    **{f"sync/{path.parent.name}/__init__.py": "" for path in sorted((ROOT / "sync").glob("*/__init__.py"))},
    "sync/line/__init__.py": "import aiohttp\nfrom ledger import facade\nfrom sync import core, preparing\n",
    "audit/__init__.py": "from ledger import codec, reader, texts\n",
    **{f"audit/{path.name}": "" for path in sorted((ROOT / "audit").glob("[!_]*.py"))},
    **{
        f"audit/{path.parent.name}/__init__.py": "" for path in sorted((ROOT / "audit").glob("*/__init__.py"))
    },
    "audit/telling/__init__.py": "from audit import checking, reading\n",
    "audit/checking/__init__.py": "from audit import reading\n",
    "stations/__init__.py": "import audit\nimport aiohttp\nimport sync.line\n",
    **{f"stations/{path.name}": "" for path in sorted((ROOT / "stations").glob("[!_]*.py"))},
    "stations/__main__.py": "from stations import start\n",
    **{
        f"stations/{path.parent.name}/__init__.py": ""
        for path in sorted((ROOT / "stations").glob("*/__init__.py"))
    },
    "stations/cli/__init__.py": "from stations import server, web, words\n",
    **{f"stations/web/{path.name}": "" for path in sorted((ROOT / "stations/web").glob("*.py"))},
    **{
        f"stations/web/{path.parent.name}/__init__.py": ""
        for path in sorted((ROOT / "stations/web").glob("*/__init__.py"))
    },
    "stations/web/site.py": "from stations.web import overview\n",
    "stations/web/overview/__init__.py": "from stations.web import beside, render\n",
}
VIOLATIONS = [
    ("ledger/types.py", "import sync", "stations above audit and sync"),
    ("ledger/store/__init__.py", "import stations", "stations above audit and sync"),
    ("sync/line/__init__.py", "import audit", "stations above audit and sync"),
    ("audit/__init__.py", "import sync", "stations above audit and sync"),
    ("ledger/types.py", "from ledger import facade", "the facade is for"),
    ("ledger/store/__init__.py", "from ledger.facade import x", "the facade is for"),
    ("ledger/facade/logs/__init__.py", "from ledger.facade import cases", "the floors of the facade"),
    ("ledger/facade/opened/__init__.py", "from ledger.facade import peering", "the floors of the facade"),
    ("ledger/types.py", "from ledger import projections", "projections stand below"),
    ("ledger/types.py", "def f():\n    from ledger import store", "stores stand below"),
    ("ledger/reader/__init__.py", "from ledger import store", "audit needs the pure floor"),
    ("ledger/cases/__init__.py", "from ledger import clocks", "the floors of ledger"),
    ("ledger/known/__init__.py", "import ledger.clocks", "the floors of ledger"),
    ("ledger/formats/__init__.py", "from ledger import registry", "the floors of ledger"),
    ("ledger/errors.py", "from ledger import formats", "the floors of ledger"),
    ("ledger/types.py", "import ledger.reader", "the reader is for"),
    ("ledger/types.py", "import ledger.platform", "the operating system"),
    ("audit/__init__.py", "import ledger.platform", "the operating system"),
    ("ledger/types.py", "import ledger.intact", "what is left of a damaged program"),
    ("ledger/types.py", "import ledger.texts", "package data"),
    ("ledger/types.py", "from ledger import calendars", "package data"),
    ("ledger/types.py", "from ledger.data import x", "package data"),
    ("audit/__init__.py", "from ledger import facade", "audit needs the pure floor"),
    ("audit/__init__.py", "import aiohttp", "audit needs the pure floor"),
    ("audit/reading/__init__.py", "from audit import checking", "the floors of audit"),
    ("audit/checking/__init__.py", "from audit import telling", "the floors of audit"),
    ("audit/telling/__init__.py", "from audit import cli", "the floors of audit"),
    ("stations/web/render.py", "from stations.web import cases", "the site above its parts"),
    ("stations/web/cases/__init__.py", "from stations.web.overview import x", "the site above its parts"),
    ("stations/web/office/__init__.py", "from stations.web import overview", "the site above its parts"),
    ("sync/core/__init__.py", "from sync import line", "the floors of sync"),
    ("sync/stick/__init__.py", "import sync.line", "the floors of sync"),
    ("sync/core/__init__.py", "import aiohttp", "the network is for"),
    ("stations/web/render.py", "from stations.cli import x", "the floors of a station"),
    ("stations/words/__init__.py", "from stations import office", "the floors of a station"),
    ("stations/kept/__init__.py", "import stations.serving", "the floors of a station"),
    ("stations/__init__.py", "import msgpack", "one module knows msgpack"),
    ("ledger/types.py", "import msgpack", "one module knows msgpack"),
    ("sync/line/__init__.py", "import eventsourcing", "stores and projections know eventsourcing"),
    ("stations/__init__.py", "import psycopg", "stores know PostgreSQL"),
    ("ledger/types.py", "import psycopg_pool", "stores know PostgreSQL"),
    ("ledger/store/__init__.py", "import aiohttp", "the network is for"),
    ("ledger/types.py", "from aiohttp import web", "the network is for"),
]


def lint(root: Path) -> tuple[int, str]:
    """Run the linter on a tree; return its exit status and what it says."""
    program = (
        "import sys; from importlinter.cli import lint_imports_command; sys.exit(lint_imports_command())"
    )
    command = [sys.executable, "-c", program, "--no-logo", "--no-cache"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def plant(root: Path, extra: Mapping[str, str]) -> Path:
    """Write the small tree with the project's own contracts, and more lines for some modules."""
    settings = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    (root / "pyproject.toml").write_text(settings, encoding="utf-8")
    for name, text in MODULES.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + extra.get(name, "") + "\n", encoding="utf-8")
    return root


def broken(output: str) -> list[str]:
    """Return the names of the contracts that the linter calls broken."""
    return re.findall(r"^(.*) BROKEN", output, re.MULTILINE)


def test_the_floors_are_kept() -> None:
    status, output = lint(ROOT)
    assert status == 0, output


def test_the_small_tree_is_clean(tmp_path: Path) -> None:
    status, output = lint(plant(tmp_path, {}))
    assert status == 0, output


@pytest.mark.parametrize(("where", "line", "contract"), VIOLATIONS)
def test_violation_is_seen(tmp_path: Path, where: str, line: str, contract: str) -> None:
    status, output = lint(plant(tmp_path, {where: line}))
    assert status == 1, output
    assert any(name.startswith(contract) for name in broken(output)), output


def test_every_contract_has_its_violation() -> None:
    names = {str(contract["name"]) for contract in contracts()}
    assert {name for name in names if not any(name.startswith(start) for *_, start in VIOLATIONS)} == set()
