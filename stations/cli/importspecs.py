"""The commands that import lists from Excel, declared without what they need to read a sheet."""

from __future__ import annotations

import importlib

from stations.cli.call import Call
from stations.cli.grammar import Param, Run, Spec


def _late(name: str) -> Run:
    """Return a command's work by its name in ``stations.cli.importing``, imported once it runs."""

    def run(call: Call, **given: object) -> int:
        work: Run = getattr(importlib.import_module("stations.cli.importing"), name)
        return work(call, **given)

    return run


_FILE = Param(name="FILE")
_SHEET = Param(name="sheet")
_COMMON = (
    Param(name="dry-run", flag=True),
    Param(name="template"),
    Param(name="filled", flag=True),
)

CATALOGUE_SPECS = (
    Spec(
        path=("catalogue", "import"),
        run=_late("items"),
        params=(_FILE, _SHEET, Param(name="replace", flag=True), *_COMMON),
        signs=True,
        group="setup",
    ),
)
REGISTRY_SPECS = (
    Spec(
        path=("registry", "import", "list"),
        run=_late("either"),
        params=(
            Param(name="FILE", required=True),
            _SHEET,
            Param(name="requests"),
            Param(name="dry-run", flag=True),
        ),
        signs=True,
        group="setup",
        fallback=True,
    ),
    Spec(
        path=("registry", "import", "stations"),
        run=_late("stations"),
        params=(_FILE, _SHEET, *_COMMON),
        signs=True,
        group="setup",
    ),
    Spec(
        path=("registry", "import", "staff"),
        run=_late("staff"),
        params=(_FILE, _SHEET, Param(name="requests"), *_COMMON),
        signs=True,
        group="setup",
    ),
)
