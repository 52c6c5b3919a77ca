"""A county for the cases of the law: founded once, and each file of tests works in a copy of its own.

Within a file each case is its own. What one file publishes, no other knows of: what a test expects of dates
must not hang on what ran before it.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ledger.facade import Ledger
from tests.facade.counter import Dice, FakeClock
from tests.law.county import Case, law_county


@pytest.fixture(scope="package")
def founded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, FakeClock]:
    """Return the folder of the county as it was founded, and its clock."""
    clock, folder = FakeClock(), tmp_path_factory.mktemp("law") / "county"
    law_county(folder, clock).close()
    return folder, clock


@pytest.fixture(scope="module")
def new_case(
    founded: tuple[Path, FakeClock], tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Callable[[str], Case]]:
    """Return what opens a case of an item, in the county of this file."""
    folder, clock = tmp_path_factory.mktemp("law") / "county", replace(founded[1])
    shutil.copytree(founded[0], folder)
    with Ledger.open(folder, clock=clock, randomness=Dice(request.module.__name__), write=True) as ledger:
        yield lambda item: Case(ledger, clock, item)
