"""Drafts: each form has its own, each station and person theirs; they are found again, and end."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ledger.facade import Home, Ledger
from ledger.facade.base.clock import SystemClock
from ledger.registry import actions as registry_actions
from ledger.types import CaseId, StationId
from stations.county.people import REGISTRAR_NO, signer_of
from stations.web.drafts import KEPT_MAX, Draft, Drafts
from tests.facade.counter import PERMIT
from tests.web import desk as hallway
from tests.web.counterdesk import Counter, Desk, serving, window
from tests.web.offices import COUNTY, OTHER_VILLAGE, SEED, VILLAGE, found_hall
from tests.web.seat import ALLOWANCE

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

PATH = f"/receive/{ALLOWANCE}"
HERE = f"/receive/{PERMIT}"


@pytest.fixture(scope="module")
def counter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Counter]:
    with serving(tmp_path_factory.mktemp("drafts") / "county") as one:
        yield one


@pytest.fixture
def desk(counter: Counter) -> Iterator[Desk]:
    """A clerk's browser; nothing is left of what was typed in it."""
    one = counter.desk("C1")
    yield one
    for path in (counter.folder / "drafts").glob("*"):
        path.unlink()


def typed(desk: Desk, name: str, page: str = HERE) -> str:
    """Open a form and type a name; returns the draft's word."""
    word = desk.get(page).field("draft")
    kept = desk.send(f"{page}/draft", {"draft": word, "applicant.name": name})
    assert kept.status == 200 and f"draft={word}" in kept.text, kept.text
    return word


async def test_each_station_has_its_own_draft(tmp_path: Path) -> None:
    hall = found_hall(tmp_path)
    with Ledger.open(Home(hall.folder), clock=SystemClock(), write=True, station=StationId(COUNTY)) as ledger:
        role = registry_actions.grant_role(staff_no="V003", role="window", scope=StationId(OTHER_VILLAGE))
        ledger.register("grant_role", role, signer_of(REGISTRAR_NO, seed=SEED))
    hall.start()
    try:
        async with hallway.Desk(hall) as desk:
            await desk.sign_in("V003")
            seen = {}
            for station in (VILLAGE, OTHER_VILLAGE):
                await desk.get(PATH)
                await desk.post("/station", {"station": station, "next": PATH})
                page = await desk.get(PATH)
                before, desk.word = page.text, page.word
                draft = {"draft": page.text.partition('name="draft" value="')[2][:16]}
                kept = await desk.post(f"{PATH}/draft", {**draft, "applicant.name": f"草稿{station[-5:]}"})
                assert kept.status == 200, (station, kept.code)
                seen[station] = (before, (await desk.get(PATH)).text)
        assert "草稿1" not in seen[VILLAGE][0] and f"草稿{VILLAGE[-5:]}" in seen[VILLAGE][1]
        assert f"草稿{VILLAGE[-5:]}" not in seen[OTHER_VILLAGE][0] + seen[OTHER_VILLAGE][1]
        assert f"草稿{OTHER_VILLAGE[-5:]}" in seen[OTHER_VILLAGE][1]
    finally:
        hall.stop()


def test_a_draft_that_is_written_down_while_its_form_ends_does_not_come_back(
    counter: Counter, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    word, keep, ends = desk.get(HERE).field("draft"), Drafts.keep, [desk]

    def keep_late(drafts: Drafts, draft: Draft) -> None:
        if ends:
            # On the way to the disk: the page of the same browser ends the form meanwhile.
            assert ends.pop().send(f"{HERE}/draft/drop", {"dropped": word, "back": "/"}).status == 303
        keep(drafts, draft)

    monkeypatch.setattr(Drafts, "keep", keep_late)
    assert desk.send(f"{HERE}/draft", {"draft": word, "applicant.name": "迟到"}).status == 204
    assert not ends and not list((counter.folder / "drafts").glob("*"))
    assert "迟到" not in desk.get(HERE).text


def test_two_forms_side_by_side_keep_two_drafts(counter: Counter, desk: Desk) -> None:
    first, second = typed(desk, "左边的人"), typed(desk, "右边的人")
    assert first != second
    page = desk.get(HERE)
    assert "左边的人" in page.text and "右边的人" in page.text
    assert 'value="左边的人"' not in page.text and 'value="右边的人"' not in page.text
    assert 'value="左边的人"' in desk.get(f"{HERE}?draft={first}").text
    assert desk.get(f"{HERE}?draft={second}").field("draft") == second
    listed = desk.get("/receive").text
    assert f'href="{HERE}?draft={first}"' in listed and f'href="{HERE}?draft={second}"' in listed
    # Nobody else sees or changes them.
    other = counter.desk("C4")
    assert "左边的人" not in other.get(f"{HERE}?draft={first}").text + other.get("/receive").text
    assert other.send(f"{HERE}/draft", {"draft": first, "applicant.name": "别人"}).status == 403
    other.send(f"{HERE}/draft/drop", {"dropped": first})
    assert 'value="左边的人"' in desk.get(f"{HERE}?draft={first}").text
    # Signed, one of them is gone; what a slow page still sends of it is not kept again.
    fields = {"draft": first, "applicant.name": "左边的人", "once": "two-forms"}
    assert desk.send(HERE, fields).status == 303
    assert desk.send(f"{HERE}/draft", {"draft": first, "applicant.name": "左边的人"}).status == 204
    page = desk.get(HERE)
    assert "左边的人" not in page.text and "右边的人" in page.text
    desk.send(f"{HERE}/draft/drop", {"dropped": second})
    assert "右边的人" not in desk.get(HERE).text + desk.get("/receive").text


def test_no_draft_gives_way_to_another_and_no_word_names_another_file(counter: Counter, desk: Desk) -> None:
    words = []
    for n in range(KEPT_MAX):
        counter.clock.wall_ms += 1000  # type: ignore[attr-defined]
        words.append(typed(desk, f"第{n}人"))
    form = desk.get(HERE)
    fields = {"draft": form.field("draft"), "applicant.name": "多出来的人"}
    refused = desk.send(f"{HERE}/draft", fields)
    assert (refused.status, refused.code) == (422, "web.drafts_full")
    # What is there already is kept anew, and what is not kept is signed as ever.
    assert desk.send(f"{HERE}/draft", {"draft": words[0], "applicant.name": "改过的人"}).status == 200
    assert desk.send(HERE, {**fields, "once": form.field("once")}).status == 303
    kept = {path.stem for path in (counter.folder / "drafts").iterdir()}
    assert kept == set(words)
    for word in ("", "../keys/C1", "0" * 15 + "G", "0" * 17):
        assert desk.send(f"{HERE}/draft", {"draft": word, "applicant.name": "谁"}).status == 403, word
    assert {path.stem for path in (counter.folder / "drafts").iterdir()} == kept


def test_a_refused_form_keeps_its_draft(counter: Counter, desk: Desk) -> None:
    word = typed(desk, "填错的人")
    refused = desk.send(HERE, {"draft": word, "applicant.name": "填错的人", "applicant.id_no": "12345"})
    assert refused.status == 422 and refused.field("draft") == word
    assert 'value="12345"' in refused.text and 'value="填错的人"' in refused.text


def test_papers_that_go_back_have_drafts_too(counter: Counter, desk: Desk) -> None:
    page = f"{HERE}/return"
    word = typed(desk, "退件的人", page)
    assert "退件的人" not in desk.get(HERE).text, "a draft of another form"
    assert f'href="{page}?draft={word}"' in desk.get("/receive").text
    again = desk.get(f"{page}?draft={word}")
    assert 'value="退件的人"' in again.text
    fields = {"draft": word, "once": "return", "f.reason": "other", "applicant.name": "退件的人"}
    done = desk.send(page, fields)
    assert done.status == 303, done.text
    assert "退件的人" not in desk.get(page).text


def _fill(tab: Page, name: str) -> None:
    tab.goto(HERE)
    with tab.expect_response("**/draft"):
        tab.locator("#applicant-name").fill(name)
        tab.keyboard.press("Tab")
    tab.wait_for_url(f"**{HERE}?draft=*")


@pytest.mark.layer("browser")
def test_what_is_typed_and_sent_at_once_is_kept_where_the_station_ends_on_the_way(
    counter: Counter, desk: Desk, chromium_browser: Browser
) -> None:
    context = window(chromium_browser, desk)
    tab = context.new_page()
    tab.goto(HERE)
    # It still says that it is there; what is signed comes nowhere any more.
    tab.route(
        f"**{HERE}", lambda route: route.abort() if route.request.method == "POST" else route.continue_()
    )
    tab.locator("#applicant-name").fill("半路断")
    with tab.expect_event("requestfailed", lambda request: request.url.endswith(HERE)):
        tab.locator("form[data-once] button:not([type=button]):not(.plain)").last.click(no_wait_after=True)
    context.close()
    assert "半路断" in desk.get("/receive").text


@pytest.mark.layer("browser")
def test_two_tabs_of_one_clerk(counter: Counter, desk: Desk, chromium_browser: Browser) -> None:
    context = window(chromium_browser, desk)
    left, right = context.new_page(), context.new_page()
    _fill(left, "甲人")
    _fill(right, "乙人")
    # Both are loaded again, as after a crash of the browser: each has what was typed in it.
    for tab, name, other in ((left, "甲人", "乙人"), (right, "乙人", "甲人")):
        tab.reload()
        assert tab.locator("#applicant-name").input_value() == name
        assert tab.locator(".drafts a").all_inner_texts() == [other]
    left.bring_to_front()
    left.locator("#applicant-name").focus()
    left.keyboard.press("Control+Enter")
    left.wait_for_url("**/slip")
    right.reload()
    assert right.locator("#applicant-name").input_value() == "乙人"
    assert right.locator(".drafts").count() == 0
    # Found from the list of items as well, and thrown away there.
    right.goto("/receive")
    right.locator(".drafts a").click()
    right.wait_for_url(f"**{HERE}?draft=*")
    assert right.locator("#applicant-name").input_value() == "乙人"
    right.locator('form[action$="/draft/drop"] button').click()
    right.wait_for_url(f"**{HERE}")
    assert right.locator("#applicant-name").input_value() == ""
    case = re.findall(r"/case/([0-9a-f]+)/slip", left.url)[0]
    with counter.ledger() as ledger:
        assert ledger.case(CaseId(bytes.fromhex(case))).row.applicant == "甲人"
    context.close()
