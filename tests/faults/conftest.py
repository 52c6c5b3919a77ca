"""One founded office for all fault tests; each test works in a copy."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from ledger.facade import Home
from tests.faults.office import found_office


@pytest.fixture(scope="session")
def office(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of an office that nobody works in."""
    return found_office(tmp_path_factory.mktemp("office") / "home").path


@pytest.fixture
def home(office: Path, tmp_path: Path) -> Home:
    """Return an office of the test's own."""
    path = tmp_path / "home"
    shutil.copytree(office, path)
    return Home(path)
