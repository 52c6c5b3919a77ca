"""What the pictures of played pages are to show is on those pages, in a real browser at three stations."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.web.offices import TOWNSHIP, VILLAGE, Office
from tests.web.pictured import PLAYED
from tests.web.playedpages import KNOWN_NO, OTHER_NO, WRONG_NO, played_pages, receive_known
from tests.web.seat import Seat, take_seat

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.layer("browser")
SEEN = {
    "step-applicant": ("一、申请人", "校验位正确", "下一步：二、材料"),
    "step-materials": ("二、材料", "银行卡", "下一步：三、其他"),
    "step-more": ("三、其他", "附件", "下一步：四、核对签名"),
    "step-sign": ("四、核对签名", "杨秀珍", OTHER_NO, "签名收件"),
    "duplicate": ("这位申请人的同一事项已在办理",),
    "refused": ("校验位不符", "没有丢失", "请对照证件重新输入", "identity.check_digit"),
    "decline": ("不予复核／撤回待签", "作废（当日误录）", "王城关"),
    "conflict": ("两处同时办理，有冲突", "暂时有效的一方", "暂不计效力的一方", "撤回", "补交材料"),
    "adjudicate": ("裁定冲突", "撤回 王城关(T001)", "补交材料 赵东门(V001)", "不予采用"),
}
"""What stands in sight on the screen that is pictured."""
TYPED = {"duplicate": KNOWN_NO, "refused": WRONG_NO}


def seen(seat: Seat) -> str:
    """Return the texts of the page that stand on the screen as it is scrolled."""
    lines: list[str] = seat.page.evaluate(_SEEN)
    return "\n".join(lines)


_SEEN = """() => [...document.querySelectorAll('main *')].filter((one) => {
  const box = one.getBoundingClientRect();
  return one.checkVisibility() && box.width && box.top >= 0 && box.bottom <= innerHeight;
}).map((one) => one.innerText)"""


def test_each_page_shows_what_it_is_pictured_for(trio: dict[str, Office], chromium_browser: Browser) -> None:
    assert list(SEEN) == [name for name, _, _ in PLAYED]
    for left in (trio[VILLAGE].folder / "drafts").glob("*"):
        # What other tests typed at this counter is offered above the form, and pushes it off the screen.
        left.unlink()
    village, town, head = (take_seat(chromium_browser, trio[at]) for at in (VILLAGE, TOWNSHIP, TOWNSHIP))
    for seat, no in ((village, "V001"), (town, "T001"), (head, "T003")):
        seat.begin_as(no)
    receive_known(village)
    shown = []
    for seat, name in played_pages(village, town, head):
        shown.append(name)
        words = seen(seat)
        for text in SEEN[name]:
            assert text in words, (name, text, words)
        if name in TYPED:
            assert seat.page.locator("#applicant-id").input_value() == TYPED[name]
        if name == "conflict":
            sides = seat.page.locator(".sides article")
            left, right = (sides.nth(at).bounding_box() for at in range(2))
            assert left and right and left["y"] == right["y"] and left["x"] < right["x"]
        assert "没有办完的草稿" not in words, "nothing is left over from the picture before"
    assert shown == list(SEEN)
    # a wrong number, and each time that the village heard of what the township did before it signed
    refused, *heard = village.problems
    assert "422" in refused and all("409" in one for one in heard)
    assert [*town.problems, *head.problems] == []
    for seat in (village, town, head):
        seat.context.close()
