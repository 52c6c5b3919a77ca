"""Power cuts in what is no case work: enrolling, publishing, erasing, making the rows anew."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from ledger.errors import BanjianError
from ledger.facade import Command, Home, Ledger
from ledger.facade.base.tables import CASES
from ledger.known.knowledge import PUBLISH_ITEMS
from ledger.store import schema
from ledger.types import CaseId
from tests.faults.check import check_after
from tests.faults.day import SHORT_DAY, Confirmed, Day
from tests.faults.office import VILLAGE, Dice, FakeClock, enrol, signer

pytestmark = pytest.mark.layer("vfs")
EVERY_OPERATIONS = 4


def enrol_someone(ledger: Ledger) -> None:
    enrol(ledger, "v3", VILLAGE)


def withdraw_an_item(ledger: Ledger) -> None:
    ledger.publish(PUBLISH_ITEMS, {"items": [], "withdrawn": ["990100100001"]}, signer("r1"))


def erase_a_case(ledger: Ledger) -> None:
    wanted = Command(
        action="erase", station=VILLAGE, case=first_case(ledger), facts={"ground": "applicant_request"}
    )
    ledger.erase(wanted, signer("r1"))


def make_rows_anew(ledger: Ledger) -> None:
    ledger.rebuild()


def first_case(ledger: Ledger) -> CaseId:
    """Return the case with the smallest id."""
    with ledger.store.read() as tx:
        return min(CaseId(row[0]) for row in tx.select(CASES, {}) if isinstance(row[0], bytes))


def worked_office(home: Home) -> list[Confirmed]:
    """Work a short day and return the promises."""
    day = Day("county", SHORT_DAY)
    with Ledger.open(home, clock=FakeClock(), randomness=Dice("county"), write=True) as ledger:
        while not day.over:
            day.work(ledger)
    return day.confirmed


@pytest.mark.parametrize("deed", [enrol_someone, withdraw_an_item, erase_a_case, make_rows_anew])
def test_a_deed_is_whole_or_not_at_all(home: Home, tmp_path: Path, deed: Callable[[Ledger], None]) -> None:
    from tests.faults.cuts import open_on
    from tests.faults.disk import Disk, PowerCutError

    confirmed = worked_office(home)
    with Ledger.open(home, write=False) as ledger:
        case = first_case(ledger)
    done, at = False, 1
    while not done:
        path = tmp_path / "cut"
        shutil.rmtree(path, ignore_errors=True)
        shutil.copytree(home.path, path)
        disk = Disk(path, f"{deed.__name__} {at}")
        disk.cut_at = at
        try:
            with disk.mounted(), open_on(disk, dice=Dice(f"deed {at}"), planted={}) as ledger:
                deed(ledger)
                done = True
        except (BanjianError, PowerCutError):
            assert disk.dead
        disk.write_images(path, random.Random(at))
        disk.close()
        check_after(path, confirmed, erased={case})
        if done and deed is erase_a_case:
            with Ledger.open(path, write=False) as ledger, ledger.store.read() as tx:
                assert tx.count(schema.CASE_KEYS, {"case_id": case}) == 0
        at += EVERY_OPERATIONS
    assert at > 2 * EVERY_OPERATIONS
