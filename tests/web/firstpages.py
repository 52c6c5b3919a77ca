"""The pages of a first day in a real browser, one after the other: nothing is in place, nobody signed in."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from playwright.sync_api import Error as PlaywrightError

from ledger.facade import Ledger
from ledger.formats.invite import encode_invite
from ledger.types import StationId
from stations.county.people import REGISTRAR_NO, signer_of
from stations.office.inviting import Offer, code_of_invite, make_invite
from tests.web.offices import PLACES, SEED, TOWNSHIP, VILLAGE, Office
from tests.web.seat import Seat, take_seat
from tests.web.wizard import COUNTY_FORM, SECRET, first_day

if TYPE_CHECKING:
    from playwright.sync_api import Browser

NEW_VILLAGE = "990121001203-00"
FIRST_PAGES = (
    ("/", "first-day-begins", "第一天：从哪里开始", "First day: how it begins"),
    ("/county", "first-county", "第一天：建一个县", "First day: founding a county"),
    ("/practise", "first-practise", "第一天：演练", "First day: a training ledger"),
    ("/join", "first-join", "第一天：加入一个县", "First day: joining a county"),
    ("/restore", "first-restore", "第一天：从备份恢复", "First day: from a backup"),
)
"""Path, name and words of the pages that open without anything typed before."""


def invite_by_stick(county: Office) -> bytes:
    """Return an invite of the village that names no address: nobody can be asked."""
    registrar = signer_of(REGISTRAR_NO, seed=SEED)
    offer = Offer(station=StationId(VILLAGE), addresses=(), roles=("window",))
    with Ledger.open(county.folder, write=False) as ledger:
        made = make_invite(ledger, registrar, offer, ca_fingerprint=bytes(32), randomness=os.urandom)
    return encode_invite(made, registrar)


@contextmanager
def first_seat(browser: Browser, folder: Path) -> Iterator[Seat]:
    """Sit down at the pages of a first day, on a folder that is not there yet."""
    with first_day(folder) as wizard:
        office = Office(place=PLACES[0], folder=folder, web_port=wizard.port)
        seat = take_seat(browser, office)
        yield seat
        seat.context.close()


def first_pages(seat: Seat, invite: bytes) -> Iterator[tuple[str, str, str]]:
    """Open every page on which somebody fills something in on a first day; yields name and words of each.

    Args:
        seat: at a first day.
        invite: of a county that nobody can be asked at.
    """
    page = seat.page
    for path, name, zh, en in FIRST_PAGES:
        seat.go(path)
        yield name, zh, en
    _compare(seat, invite)
    yield "first-compare", "第一天：核对邀请", "First day: the invite compared"
    _begin(seat)
    yield "first-asking", "第一天：等县里答复", "First day: the county is asked"
    page.locator('input[name="sure"]').check()
    page.locator('form[action="/join/drop"] button').click()
    page.wait_for_url("**/")
    seat.go("/county")
    for field, text in COUNTY_FORM.items():
        page.locator(f'input[name="{field}"]').fill(text)
    page.locator('form[action="/county"] button').click()
    page.wait_for_url("**/county/keys")
    yield "first-keys", "第一天：保管好根密钥", "First day: the root keys"


def joined_pages(seat: Seat, registrar: Seat) -> Iterator[tuple[Seat, str, str, str]]:
    """Let a new village join by files alone; yields whose page is open, its name and words.

    Args:
        seat: at a first day.
        registrar: signed in at the county.
    """
    registrar.go("/stations/new")
    form = registrar.page.locator('form[action="/stations/new"]')
    for field, text in (("station", NEW_VILLAGE), ("name", "南门村便民服务站")):
        form.locator(f'[name="{field}"]').fill(text)
    for field, choice in (("level", "village"), ("upstream", TOWNSHIP)):
        form.locator(f'[name="{field}"]').select_option(choice)
    form.locator("button").click()
    registrar.page.wait_for_url(f"**/stations/{NEW_VILLAGE}")
    form = registrar.page.locator('form[action$="/invite"]')
    form.locator('[name="addresses"]').fill("")
    form.locator("button").last.click()
    registrar.page.wait_for_url("**/invites/*")
    _compare(seat, registrar.context.request.get(f"{registrar.page.url}/file").body())
    _begin(seat)
    request = seat.context.request.get(f"{seat.office.base}/join/request").body()
    registrar.go("/joins")
    _send(registrar, "request", "南门村.join", request)
    where = registrar.page.locator('a[href^="/joins/answer/"]').get_attribute("href")
    yield registrar, "joins", "新站点加入", "Stations that join"
    answer = registrar.context.request.get(f"{registrar.office.base}{where}").body()
    registrar.page.locator('form[action$="/approve"] button').click()
    registrar.page.wait_for_load_state()
    _send(seat, "answer", "南门村.answer", answer)
    # The same process goes on as the station's, at the same address.
    for _ in range(200):
        seat.page.wait_for_timeout(100)
        with suppress(PlaywrightError):
            if seat.context.request.get(f"{seat.office.base}/first-day").status == 200:
                break
    seat.go("/first-day")
    yield seat, "first-waiting", "第一天：等数据下来", "First day: what comes down"


def _compare(seat: Seat, invite: bytes) -> None:
    """Give the code of an invite; the page that asks to compare it is open then."""
    seat.go("/join")
    seat.page.locator("#code").fill(code_of_invite(invite))
    seat.page.locator('form[action="/join"] button').click()
    seat.page.locator('input[name="compared"]').wait_for()


def _begin(seat: Seat) -> None:
    """Say that the invite is the right one, and who works here."""
    page = seat.page
    page.locator('input[name="compared"]').check()
    for field, text in (("no", "V009"), ("name", "冯新来"), ("passphrase", SECRET), ("again", SECRET)):
        page.locator(f'input[name="{field}"]').fill(text)
    page.locator('form[action="/join/begin"] button').first.click()
    page.locator('form[action="/join/answer"]').wait_for()


def _send(seat: Seat, field: str, name: str, raw: bytes) -> None:
    """Send a file with the form that has a field for it."""
    form = seat.page.locator(f'form:has(input[name="{field}"])')
    form.locator(f'input[name="{field}"]').set_input_files(
        {"name": name, "mimeType": "application/octet-stream", "buffer": raw}
    )
    form.locator("button").click()
    seat.page.wait_for_load_state()
