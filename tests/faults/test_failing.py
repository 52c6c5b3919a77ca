"""Full and failing disks: a clear answer, nothing half written, reads go on, work goes on afterwards."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from ledger.errors import StoreError
from ledger.facade.logs import ownlog

pytestmark = pytest.mark.layer("vfs")

ACTS = 13
"""Acts of the short day."""


@pytest.mark.parametrize(("fault", "reads"), [("full", False), ("error", False), ("error", True)])
def test_every_operation_of_a_day_fails_once(office: Path, tmp_path: Path, fault: str, reads: bool) -> None:
    from tests.faults.failing import EXPECTED, FailingOffice

    sweep = FailingOffice(office, tmp_path, seed="fail", fault=fault, reads=reads).sweep()
    assert sweep.problems == []
    assert sweep.acts == ACTS or sweep.reopened
    assert set(sweep.refused) == {EXPECTED[fault]}
    kinds = {"full"} if fault == "full" else {"write", "sync", "sentinel"} | ({"read"} if reads else set())
    assert kinds <= set(sweep.struck)
    assert sweep.refused.total() > 15 * ACTS


@pytest.mark.parametrize("fault", ["full", "error"])
def test_an_act_is_confirmed_though_its_checkpoint_fails(
    office: Path, tmp_path: Path, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.faults.failing import FailingOffice

    monkeypatch.setattr(ownlog, "CHECKPOINT_EVERY", 1)
    assert FailingOffice(office, tmp_path, seed="often", fault=fault).sweep().problems == []


@pytest.mark.parametrize("seed", range(4))
def test_a_failed_sync_then_a_kill_then_a_power_cut(office: Path, tmp_path: Path, seed: int) -> None:
    """What a failed sync left in the system's cache must not carry confirmed acts into the void."""
    from tests.faults.check import problems
    from tests.faults.failing import FailingOffice

    faulty = FailingOffice(office, tmp_path, seed=f"sync {seed}", fault="error", planted={})
    disk, day = faulty.disk, faulty.day
    with disk.mounted():
        ledger = faulty.open()
        for _ in range(3):
            day.work(ledger)
        while not ledger.store.reopen_needed:  # type: ignore[attr-defined]
            disk.fail_next_sync = True
            with pytest.raises(StoreError, match=r"store\.io"):
                day.work(ledger)
        disk.kill(ledger.close)
        ledger = faulty.open()
        day.resume(ledger)
        for _ in range(4):
            day.work(ledger)
        disk.cut()
        ledger.close()
    disk.write_images(faulty.home, random.Random(seed))
    disk.close()
    assert problems(faulty.home, day.confirmed) == []
