"""Pages that come only of what somebody does, played at three stations in real browsers, one after the other.

A way through the receiving of one application, a number that was received before, a form that was refused,
a request for a second signature taken back, and a conflict with both its sides.
"""

from __future__ import annotations

from collections.abc import Iterator

from tests.web.offices import TOWNSHIP
from tests.web.seat import ALLOWANCE, Seat

KNOWN_NO, OTHER_NO, WRONG_NO = "11010519480615123X", "110105195009271284", "110105195009271281"
"""Received by ``receive_known``; somebody else's; one whose check digit is wrong."""


def receive_known(seat: Seat) -> None:
    """Receive an allowance for the person whose number is known then."""
    seat.go(f"/receive/{ALLOWANCE}")
    seat.page.locator("#applicant-name").fill("周国强")
    seat.page.locator("#applicant-id").fill(KNOWN_NO)
    seat.tick_papers()
    seat.submit().click()
    seat.page.wait_for_url("**/slip")


def played_pages(village: Seat, town: Seat, head: Seat) -> Iterator[tuple[Seat, str]]:
    """Let three people work; yields whose page is open and the name of its picture.

    Args:
        village: a clerk where ``receive_known`` was done.
        town: an officer at the township above.
        head: who rules on conflicts there.
    """
    for name in _steps(village):
        yield village, name
    for name in _warned(village):
        yield village, name
    yield town, _declined(town)
    for name in _torn(village, town, head):
        yield head, name


def _steps(seat: Seat) -> Iterator[str]:
    """Receive somebody's application a step at a time, then go back to the form on one page."""
    page = seat.page
    _take_way(seat, "steps")
    seat.go(f"/receive/{ALLOWANCE}")
    page.locator("#applicant-name").fill("杨秀珍")
    page.locator("#applicant-id").fill(OTHER_NO)
    page.locator("#applicant-phone").fill("13900003104")
    page.locator("#applicant-id").blur()
    page.locator("#person-check .good").wait_for()
    yield "step-applicant"
    _go_on(seat)
    page.locator("table.papers").wait_for()
    seat.tick_papers()
    yield "step-materials"
    _go_on(seat)
    page.locator("#text").fill("本人腿脚不便，领取时由女儿来取")
    yield "step-more"
    _go_on(seat)
    page.locator("dl.review").wait_for()
    yield "step-sign"
    _go_on(seat)
    page.wait_for_url("**/slip")
    _take_way(seat, "page")


def _take_way(seat: Seat, way: str) -> None:
    """Choose how applications are received from now on."""
    seat.go("/receive")
    seat.page.locator(f'form.ways button[value="{way}"]').click()
    seat.page.locator(f'form.ways button[value="{way}"][aria-pressed="true"]').wait_for()


def _go_on(seat: Seat) -> None:
    """Press the large button of a step: it leads to the next one, and signs on the last."""
    seat.page.locator("form.stepwise .actions button").first.click()


def _warned(seat: Seat) -> Iterator[str]:
    """Type a number that was received before, then one that cannot be right, and sign."""
    page = seat.page
    seat.go(f"/receive/{ALLOWANCE}")
    page.locator("#applicant-name").fill("周国强")
    page.locator("#applicant-id").fill(KNOWN_NO)
    page.locator("#applicant-id").blur()
    page.locator("#person-check .problem").wait_for()
    yield "duplicate"
    page.locator("#applicant-id").fill(WRONG_NO)
    seat.tick_papers()
    seat.submit().click()
    page.locator("main > .problem").wait_for()
    yield "refused"
    seat.go("/")


def _declined(seat: Seat) -> str:
    """Ask for a second signature; the page on which the request is taken back is open then."""
    case = seat.receive("孙玉兰")
    seat.act(case, "void", reason="wrong_item")
    seat.go(f"/case/{case}/do/decline")
    seat.fill("f.reason", "没有选错，继续办理")
    return "decline"


def _torn(village: Seat, town: Seat, head: Seat) -> Iterator[str]:
    """Let the township end an application while the village takes a paper for it, neither hearing of it."""
    names = iter(("何玉兰", "何金凤", "何春生", "何少华"))
    while not (case := _apart(village, town, next(names))):
        pass
    village.sync()
    head.go(f"/case/{case}")
    head.page.locator("#conflict").evaluate(_BELOW_THE_BAR)
    yield "conflict"
    head.go(f"/case/{case}/do/adjudicate")
    rings = head.page.locator("fieldset.ruling")
    for at in range(rings.count()):
        word = "set_aside" if "撤回" in rings.nth(at).locator("legend").inner_text() else "uphold"
        rings.nth(at).locator(f'input[value="{word}"]').check()
    head.fill("f.reason", "向申请人本人核实，愿意继续办理")
    yield "adjudicate"


def _apart(village: Seat, town: Seat, name: str) -> str:
    """Let both sign for a new case; returns it, or nothing where the village heard of the other first.

    Its server syncs by itself, and may do so in the tenth of a second between the two.
    """
    village.go(f"/receive/{ALLOWANCE}")
    village.page.locator("#applicant-name").fill(name)
    papers = village.page.locator('[name="f.materials"]')
    for at in range(papers.count() - 1):
        papers.nth(at).check()
    village.submit().click()
    village.page.wait_for_url("**/slip")
    case = village.page.url.rsplit("/", 2)[1]
    village.act(case, "hand_over", to=TOWNSHIP)
    village.sync()
    town.act(case, "take_over")
    town.sync()
    village.sync()
    town.go(f"/case/{case}/do/withdraw")
    town.fill("f.proof", "signature")
    village.go(f"/case/{case}/do/supply")
    village.page.locator('[name="f.materials"]').last.check()
    town.submit().click(no_wait_after=True)
    village.submit().click()
    town.page.wait_for_url(f"**/case/{case}")
    page = village.page
    signed, refused = page.locator("ol.timeline"), page.locator('main > .problem[role="alert"]')
    signed.or_(refused).first.wait_for()
    return "" if refused.count() else case


_BELOW_THE_BAR = """(one) => scrollTo(0, one.closest('section').getBoundingClientRect().top + scrollY
  - document.querySelector('header.top').offsetHeight - 16)"""
