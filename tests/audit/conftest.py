"""One ledger for all tests that hurt a copy of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from ledger.facade import Home
from tests.audit.ledgers import copy_home, make_ledger


@pytest.fixture(scope="session")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A ledger that nobody hurts."""
    return make_ledger(tmp_path_factory.mktemp("audit") / "sound", cases=12)


@pytest.fixture
def copy(sound: Home, tmp_path: Path) -> Path:
    """A copy to hurt."""
    return copy_home(sound, tmp_path / "copy")
