"""A station whose clock cannot be right: it is behind what was recorded there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ledger.facade import Command, Ledger
from ledger.facade.base.clock import SystemClock
from ledger.types import StationId
from stations.county.people import signer_of
from tests.web.offices import SEED, STAFF, Office
from tests.web.seat import ALLOWANCE, Seat, take_seat

if TYPE_CHECKING:
    from playwright.sync_api import Browser

AHEAD_MS = 3 * 3_600_000


class FastClock(SystemClock):
    """The machine's clock before somebody, or a new battery, set it back."""

    def now_ms(self) -> int:
        """Return three hours more than the machine's clock."""
        return super().now_ms() + AHEAD_MS


@contextmanager
def doubted_page(browser: Browser, office: Office) -> Iterator[Seat]:
    """Receive something under a fast clock, then serve under the machine's own; yields a clerk's first page.

    Args:
        browser: opens the page.
        office: serves not yet; the station above it does, and has what comes down.
    """
    office.start()
    office.run("sync", "now")
    office.stop()
    station = StationId(office.place.station)
    staff_no = STAFF[station][0][0]
    with Ledger.open(
        office.folder, clock=FastClock(), randomness=os.urandom, write=True, station=station
    ) as ledger:
        facts, personal = {"item": ALLOWANCE}, {"applicant": {"name": "方玉梅"}}
        command = Command(action="receive", station=station, facts=facts, personal=personal)
        ledger.perform(command, signer_of(staff_no, seed=SEED))
    office.start()
    try:
        seat = take_seat(browser, office)
        seat.sign_in(staff_no)
        seat.go("/")
        seat.page.locator(".clock-doubt").wait_for()
        yield seat
    finally:
        office.stop()
