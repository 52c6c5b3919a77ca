"""A form that is sent while the browser is locked comes back filled, to its author alone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from stations.web.unsigned import KEEP, STEP, TYPED
from tests.facade.counter import FELLING, PERMIT
from tests.web.counterdesk import PASSPHRASE, Counter, Desk, Page, serving
from tests.web.routes import filled, routes
from tests.web.test_actions import page_of, received

if TYPE_CHECKING:
    from playwright.sync_api import Browser
    from playwright.sync_api import Page as Tab

PIN = {"C1": "1357", "C4": "2468"}
NOT_KEPT = ("/sign-in", "/switch", "/language", "/lock", "/pin", "/sign-out", "/station", KEEP, TYPED)
"""Forms in which nobody types anything but what opens a key."""
OPEN = ("/api/", "/first-day", "/my-key")
"""Pages that ask nobody to sign in, or by headers alone."""


@pytest.fixture(scope="module")
def counter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Counter]:
    with serving(tmp_path_factory.mktemp("unsigned") / "county") as one:
        yield one


def seated(counter: Counter, *people: str) -> Desk:
    """Return a browser in which people chose PINs; the last one acts."""
    desk = Desk(counter.port)
    for staff_no in people:
        desk.sign_in(staff_no)
        assert desk.send("/pin", {"pin": PIN[staff_no], "again": PIN[staff_no]}).status == 303
    return desk


def back(desk: Desk, staff_no: str, where: str = "/") -> Page:
    """Give the PIN; returns the page that comes next."""
    desk.word = desk.get("/sign-in").field("form")
    page = desk.post("/switch", {"staff_no": staff_no, "pin": PIN[staff_no], "next": where})
    desk.word = page.field("form")
    return page


def late(desk: Desk, path: str, fields: dict[str, str], page: str) -> str:
    """Lock the browser, then send a form of a page; returns where the browser is led."""
    assert desk.send("/lock").status == 303
    origin = f"http://127.0.0.1:{desk.port}"
    answer = desk.send(path, fields, headers={"Referer": origin + page})
    assert answer.status == 303, answer.text
    return answer.headers["Location"]


def test_every_form_is_kept_for_its_author_alone(counter: Counter) -> None:
    desk = seated(counter, "C1", "C4")
    samples = {"case": "00" * 16, "item": PERMIT, "action": "note", "no": "C1", "kind": "staff"}
    samples |= {"roster": "0" * 16, "station": "990121001000-00", "hash": "0" * 64, "job": "0" * 16}
    samples |= {"upload": "0" * 16, "request": "0" * 16}
    missed = []
    for method, route in routes():
        path = filled(route, samples)
        if method != "POST" or route in NOT_KEPT or route.startswith(OPEN) or not path:
            continue
        desk.word = desk.get("/more").field("form")
        where = late(desk, path, {"text": '写了<半天>的"话"', "passphrase": "never kept"}, "/more")
        assert where == "/sign-in?next=/more", path
        other = back(desk, "C1", "/more")
        mine = back(desk, "C4", "/more")
        told = "写了&lt;半天&gt;的&#34;话&#34;"
        if told in other.text or told not in mine.text or "never kept" in mine.text:
            missed.append(path)
        # A draft that comes so late is the form itself.
        desk.post(
            "/unsigned/drop", {"action": path.removesuffix(STEP).removesuffix("/draft"), "next": "/more"}
        )
        assert told not in desk.get("/more").text, path
    assert missed == []


def test_the_only_name_is_chosen_already_and_of_several_none(counter: Counter) -> None:
    for people, chosen in ((("C1",), ["C1"]), (("C1", "C4"), [])):
        desk = seated(counter, *people)
        desk.send("/lock")
        form = desk.get("/sign-in").text.partition('action="/switch"')[2].partition("</form>")[0]
        assert re.findall(r'value="(\w+)" required', form) == list(people)
        assert re.findall(r'value="(\w+)" required checked', form) == chosen


def test_a_form_sent_after_signing_in_anew_is_kept(counter: Counter) -> None:
    desk = Desk(counter.port)
    desk.sign_in("C1")
    opened = desk.get(f"/receive/{PERMIT}").field("form")
    desk.send("/lock")
    desk.sign_in("C1")
    now, desk.word = desk.word, opened
    answer = desk.send(
        f"/receive/{PERMIT}",
        {"applicant.name": "旧页人", "once": "x"},
        headers={"Referer": f"http://127.0.0.1:{desk.port}/receive/{PERMIT}"},
    )
    assert (answer.status, answer.code) == (403, "web.signed_in_anew")
    assert f'<a href="/receive/{PERMIT}">' in answer.text
    assert 'value="旧页人"' in desk.get(f"/receive/{PERMIT}").text
    desk.word = now
    desk.send("/sign-out")
    desk.sign_in("C1")
    assert "旧页人" not in desk.get(f"/receive/{PERMIT}").text, "who signs out leaves nothing behind"


def _unlock(tab: Tab, staff_no: str) -> None:
    tab.locator(f'form[action="/switch"] input[value="{staff_no}"]').check()
    tab.locator("#pin").fill(PIN[staff_no])
    tab.locator('form[action="/switch"] button').click()
    tab.wait_for_load_state()


@pytest.mark.layer("browser")
def test_after_the_pin_the_form_is_filled_and_signed(counter: Counter, chromium_browser: Browser) -> None:
    base = f"http://127.0.0.1:{counter.port}"
    context = chromium_browser.new_context(locale="zh-CN")
    # A page that hears of the lock goes away by itself; this one does not hear.
    context.route("**/events", lambda route: route.abort())
    tab = context.new_page()
    tab.goto(f"{base}/sign-in")
    tab.locator('form[action="/sign-in"] input[value="C1"]').check()
    tab.locator("#passphrase").fill(PASSPHRASE)
    tab.locator('form[action="/sign-in"] button').click()
    tab.locator("#pin").fill(PIN["C1"])
    tab.locator("#again").fill(PIN["C1"])
    tab.locator('form[action="/pin"] button').first.click()
    tab.goto(f"{base}/receive/{PERMIT}")
    tab.locator("#applicant-name").fill("锁屏中的人")
    papers = tab.locator('input[name="f.materials"]')
    papers.nth(1).check()
    tab.locator("#text").fill("第一行\n第二行")
    # Nobody touched a key for long: the station locks by itself.
    counter.clock.ticks_ms += 3_600_000  # type: ignore[attr-defined]
    tab.keyboard.press("Control+Enter")
    tab.wait_for_url("**/sign-in?**")
    assert "内容已" in tab.locator(".told").inner_text() or "留着" in tab.locator(".told").inner_text()
    _unlock(tab, "C1")
    assert tab.url.startswith(f"{base}/receive/{PERMIT}?draft=")
    assert tab.locator("#applicant-name").input_value() == "锁屏中的人"
    assert tab.locator("#text").input_value() == "第一行\n第二行"
    assert [papers.nth(n).is_checked() for n in range(2)] == [False, True]
    tab.keyboard.press("Control+Enter")
    tab.wait_for_url("**/slip")
    case = re.findall(r"/case/([0-9a-f]+)/slip", tab.url)[0]
    tab.goto(f"{base}/receive/{PERMIT}")
    assert tab.locator("#applicant-name").input_value() == "", "what was signed is forgotten"
    # A page whose form no server code fills again, and a file that must be chosen again.
    tab.goto(f"{base}/rosters")
    tab.locator('select[name="item"]').select_option(FELLING)
    tab.locator('input[name="title"]').fill("东门林木")
    tab.locator('input[name="file"]').set_input_files(
        {"name": "名单.xlsx", "mimeType": "application/octet-stream", "buffer": b"PK" + bytes(1 << 21)}
    )
    counter.clock.ticks_ms += 3_600_000  # type: ignore[attr-defined]
    tab.locator('form[action="/rosters"] button').click()
    tab.wait_for_url("**/sign-in?**")
    _unlock(tab, "C1")
    assert tab.locator('input[name="title"]').input_value() == "东门林木"
    assert tab.locator('select[name="item"]').input_value() == FELLING
    assert "名单.xlsx" in tab.locator(".unsigned").inner_text()
    tab.locator(".unsigned button").click()
    tab.wait_for_load_state()
    assert not tab.locator(".unsigned").count() and tab.locator('input[name="title"]').input_value() == ""
    assert tab.goto(f"{base}/case/{case}").status == 200  # type: ignore[union-attr]
    context.close()


def test_a_restart_loses_nothing_that_waits(tmp_path: Path) -> None:
    folder, path = tmp_path / "county", f"/receive/{PERMIT}"
    with serving(folder) as counter:
        desk = Desk(counter.port)
        desk.sign_in("C1")
        words = [desk.get(path).field("draft") for _ in range(2)]
        late(desk, path, {"draft": words[0], "applicant.name": "左页人", "text": "说了很多"}, path)
        late(desk, path, {"draft": words[1], "applicant.name": "右页人"}, f"{path}?draft={words[1]}")
        (first, second) = sorted((folder / "unsigned").iterdir())
        assert "左页人".encode() not in first.read_bytes() + second.read_bytes()
        clock = counter.clock
    with serving(folder, clock=clock) as counter:
        other, desk = counter.desk("C4"), Desk(counter.port)
        assert "左页人" not in other.get(path).text + other.get("/").text
        desk.sign_in("C1")
        # Two pages of one form: each is filled in where it stood, the other one is offered.
        page = desk.get(f"{path}?draft={words[0]}")
        assert 'value="左页人"' in page.text and "说了很多" in page.text
        assert page.field("draft") == words[0] and f'href="{path}?draft={words[1]}"' in page.text
        assert 'value="右页人"' in desk.get(f"{path}?draft={words[1]}").text
        signed = {"draft": words[0], "once": page.field("once"), "applicant.name": "左页人"}
        assert desk.send(path, signed).status == 303
        assert f'href="{path}?draft={words[1]}"' in desk.get(path).text, "the other one waits"
        assert "左页人" not in desk.get(path).text, "what was signed is forgotten"
        assert len(list((folder / "unsigned").iterdir())) == 1
        # A second browser of the same person is not offered it as well: it would be signed twice.
        assert "右页人" not in counter.desk("C1").get(path).text
    with serving(folder, clock=clock) as counter:
        clock.wall_ms += 31 * 86_400_000  # type: ignore[attr-defined]
        assert "右页人" not in counter.desk("C1").get(path).text
        assert not list((folder / "unsigned").iterdir())


def test_what_is_thrown_away_takes_its_draft_along_and_nothing_else(counter: Counter) -> None:
    desk, path = seated(counter, "C1"), f"/receive/{PERMIT}"
    words = {}
    for name in ("不要的人", "要留的人"):
        words[name] = desk.get(path).field("draft")
        kept = desk.send(f"{path}/draft", {"draft": words[name], "applicant.name": name})
        assert kept.status == 200, kept.text
    for name, word in words.items():
        late(desk, path, {"draft": word, "applicant.name": name, "once": word}, path)
        assert back(desk, "C1", path).status == 200
    desk.post("/unsigned/drop", {"action": path, "draft": words["不要的人"], "next": path})
    # Neither the form nor its draft is offered anywhere; a page that is still open does not bring it back.
    for where in (path, "/receive", "/more", f"{path}?draft={words['不要的人']}"):
        assert "不要的人" not in desk.get(where).text, where
    slow = desk.send(f"{path}/draft", {"draft": words["不要的人"], "applicant.name": "不要的人"})
    assert slow.status == 204 and "不要的人" not in desk.get("/receive").text
    # The other form waits as before, and so does its draft, until it is thrown away by way of the draft.
    assert 'value="要留的人"' in desk.get(f"{path}?draft={words['要留的人']}").text
    assert f"draft={words['要留的人']}" in desk.get("/receive").text
    desk.send(f"{path}/draft/drop", {"dropped": words["要留的人"]})
    assert "要留的人" not in desk.get(path).text + desk.get("/receive").text


def test_nobody_throws_away_what_is_somebody_elses(counter: Counter) -> None:
    desk, path = seated(counter, "C1"), f"/receive/{PERMIT}"
    word = desk.get(path).field("draft")
    desk.send(f"{path}/draft", {"draft": word, "applicant.name": "别人的件"})
    late(desk, path, {"draft": word, "applicant.name": "别人的件", "once": word}, path)
    other = counter.desk("C4")
    other.post("/unsigned/drop", {"action": path, "draft": word, "next": path})
    other.post("/unsigned/drop", {"action": path, "draft": "../../ledger.db", "next": path})
    assert 'value="别人的件"' in back(desk, "C1", f"{path}?draft={word}").text
    assert f"draft={word}" in desk.get("/receive").text


def test_a_form_is_filled_in_under_its_own_pad_number_alone(counter: Counter) -> None:
    desk, path = seated(counter, "C1"), f"/receive/{PERMIT}"
    sheet = desk.post("/pads", {"count": "10"}).text
    one, two = list(dict.fromkeys(re.findall(r"<strong>([0-9A-Z-]{30,})</strong>", sheet)))[:2]
    word = desk.get(f"{path}?pad={one}").field("draft")
    late(desk, path, {"draft": word, "pad": one, "applicant.name": "一号纸上的人"}, f"{path}?pad={one}")
    back(desk, "C1")
    other = desk.get(f"{path}?pad={two}")
    assert f'name="pad" value="{two}"' in other.text and "一号纸上的人" not in other.text
    assert other.field("draft") != word
    mine = desk.get(f"{path}?pad={one}")
    assert f'name="pad" value="{one}"' in mine.text and 'value="一号纸上的人"' in mine.text
    # What was not written on a pad is not entered under its number either.
    desk.post("/unsigned/drop", {"action": path, "draft": word, "next": "/"})
    plain = desk.get(path).field("draft")
    late(desk, path, {"draft": plain, "applicant.name": "没用纸的人"}, path)
    back(desk, "C1")
    assert "没用纸的人" not in desk.get(f"{path}?pad={two}").text
    assert 'value="没用纸的人"' in desk.get(f"{path}?draft={plain}").text


def test_an_amendment_is_filled_in_for_its_own_act_alone(counter: Counter) -> None:
    desk = seated(counter, "C1")
    case = received(desk, "改一处")
    desk.post(f"/case/{case}/do/note", {"text": "先记一笔"})
    first, second = (step.act.act_id.hex() for step in page_of(counter, case).state.steps[:2])
    path = f"/case/{case}/do/amend"
    page = desk.get(f"{path}?target={first}")
    fields = {name: page.field(name) for name in ("draft", "heads")}
    typed = {**fields, "f.target": first, "f.reason": "抄错了一位"}
    late(desk, path, typed, f"{path}?target={first}")
    back(desk, "C1")
    other = desk.get(f"{path}?target={second}")
    assert other.field("f.target") == second and "抄错了一位" not in other.text
    mine = desk.get(f"{path}?target={first}")
    assert mine.field("f.target") == first and "抄错了一位" in mine.text


def test_a_form_that_stood_at_a_draft_s_address_is_found_there(counter: Counter) -> None:
    desk, path = seated(counter, "C1"), f"/receive/{PERMIT}"
    gone = f"{path}?draft={'ab' * 8}"
    word = desk.get(gone).field("draft")
    late(desk, path, {"draft": word, "applicant.name": "旧址上的人"}, gone)
    back(desk, "C1")
    assert f'href="{path}?draft={word}"' in desk.get("/more").text
    assert 'value="旧址上的人"' not in desk.get(path).text, "a fresh page is offered it"
    for where in (gone, f"{path}?draft={word}"):
        assert 'value="旧址上的人"' in desk.get(where).text


def test_what_was_typed_is_shown_under_the_names_of_its_form(counter: Counter) -> None:
    desk = seated(counter, "C1")
    page = f"/receive/{PERMIT}"
    typed = {
        "applicant.name": "欧名目", "applicant.id_no": "11010519491231002X", "agent.phone": "13800000001",
        "f.channel": "phone", "text": "腿脚不便",
    }  # fmt: skip
    shown = back(desk, "C1", late(desk, page, typed, page).partition("next=")[2].replace("%2F", "/")).text
    told = dict(re.findall(r"<li><small>([^<]+)</small> ([^<]*)</li>", shown))
    assert told["申请人姓名或名称"] == "欧名目" and told["证件号码"] == "11010519491231002X"
    assert told["代理人电话"] == "13800000001" and told["说明（涉及个人的话写在这里）"] == "腿脚不便"
    assert not [name for name in told if re.search(r"[a-z]", name)]


def test_the_page_of_the_pin_says_after_how_long_a_browser_is_locked(counter: Counter) -> None:
    desk = seated(counter, "C1")
    assert "离开 10 分钟 自动锁定" in desk.get("/pin").text
