"""One ledger for all tests that hurt a copy of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from audit.checking.codes import severities
from audit.reading.findings import Collector, Finding
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


@pytest.fixture(autouse=True)
def listed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every finding that any of these tests meets is one that the protocol's page lists."""
    known = severities()
    add = Collector.add

    def check(self: Collector, finding: Finding) -> None:
        assert finding.severity in known.get(finding.code, ()), (finding.code, finding.severity)
        add(self, finding)

    monkeypatch.setattr(Collector, "add", check)
