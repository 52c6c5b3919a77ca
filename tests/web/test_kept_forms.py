"""Forms that wait for their authors: in memory on the loop, on the disk aside; gone when they must be."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ledger.errors import StoreError
from ledger.facade import Home, Ledger
from ledger.types import CaseId
from stations.config import StationConfig
from stations.texts import Say
from stations.web.browsers import BROWSERS_MAX, FORGET_MS, Browsers
from stations.web.unsigned import KEEP, KEPT_MAX, KeptForms, Unsigned, UnsignedForms
from tests.facade.counter import PERMIT, VILLAGE, Dice
from tests.web.counterdesk import NEW_VILLAGE, Counter, Desk, Page, found_with_new_village, serving
from tests.web.test_actions import received

STATION = "990121001000-00"


@pytest.fixture(scope="module")
def counter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Counter]:
    with serving(tmp_path_factory.mktemp("kept") / "county") as one:
        yield one


def form(draft: str, *, action: str = "/receive/x", page: str = "/receive/x", at_ms: int = 0) -> Unsigned:
    fields = {"draft": (draft,), "text": ("写了一半",)}
    return Unsigned(
        staff_no="C1", station=STATION, action=action, page=page, fields=fields, files=(), at_ms=at_ms
    )


def waiting(forms: UnsignedForms) -> list[str]:
    return [one.draft for one in forms.of("C1", STATION)]


def disk(folder: Path) -> int:
    return len(list((folder / "unsigned").glob("*.sealed")))


def test_what_waits_changes_at_once_and_the_disk_follows_aside(counter: Counter) -> None:
    forms = UnsignedForms(KeptForms(Home(counter.folder), Dice("one")))
    for number in range(KEPT_MAX):
        forms.keep(form(str(number)))()
    durably = forms.keep(form("new"))
    # Whoever reads on the loop meanwhile never sees a change by the thread of the disk.
    expected = [*(str(number) for number in range(1, KEPT_MAX)), "new"]
    assert waiting(forms) == expected and disk(counter.folder) == KEPT_MAX
    assert "new" not in {one.draft for one in _left(counter)}
    durably()
    assert waiting(forms) == expected and {one.draft for one in _left(counter)} == set(expected)
    forms.drop_all("C1")
    assert disk(counter.folder) == 0


def test_late_forms_of_one_push_out_none_of_a_colleague(counter: Counter) -> None:
    forms = UnsignedForms(KeptForms(Home(counter.folder), Dice("two")))
    colleague = replace(form("colleague"), staff_no="C2")
    forms.keep(colleague)()
    for number in range(KEPT_MAX + 3):
        forms.keep(form(str(number)))()
    assert [one.draft for one in forms.of("C2", STATION)] == ["colleague"]
    assert waiting(forms) == [str(number) for number in range(3, KEPT_MAX + 3)]
    assert disk(counter.folder) == KEPT_MAX + 1
    for staff_no in ("C1", "C2"):
        forms.drop_all(staff_no)
    assert disk(counter.folder) == 0


def test_a_disk_that_takes_nothing_leaves_the_form_in_memory(counter: Counter) -> None:
    forms, folder = UnsignedForms(KeptForms(Home(counter.folder), Dice("two"))), counter.folder / "unsigned"
    shutil.rmtree(folder, ignore_errors=True)
    folder.write_bytes(b"")
    with pytest.raises(StoreError):
        forms.keep(form("typed"))()
    folder.unlink()
    assert waiting(forms) == ["typed"]


def _late(desk: Desk, case: str, text: str) -> None:
    """Lock a browser whose person typed into an action of a case, then send it."""
    path = f"/case/{case}/do/note"
    desk.word = desk.get(path).field("form")
    assert desk.send("/lock").status == 303
    answer = desk.send(path, {"text": text}, headers={"Referer": f"http://127.0.0.1:{desk.port}{path}"})
    assert answer.status == 303 and answer.headers["Location"].startswith("/sign-in"), answer.text


def _with_pin(counter: Counter, staff_no: str) -> Desk:
    desk = counter.desk(staff_no)
    assert desk.send("/pin", {"pin": "1357", "again": "1357"}).status == 303
    return desk


def _back(desk: Desk, staff_no: str, where: str) -> Page:
    desk.word = desk.get("/sign-in").field("form")
    return desk.post("/switch", {"staff_no": staff_no, "pin": "1357", "next": where})


def test_erasing_takes_along_what_waits_of_anybody_about_the_case(counter: Counter) -> None:
    first = counter.desk("C1")
    case, other = received(first, "钱删除"), received(first, "孙留下")
    with counter.ledger() as ledger:
        by = ledger.state(CaseId(bytes.fromhex(case)))[1].case_type.actions["erase"].by
    desk, second = _with_pin(counter, "C1"), _with_pin(counter, "C4")
    _late(desk, other, "别的办件的话")
    _back(desk, "C1", "/more")
    _late(desk, case, "住在村东头的话")
    _late(second, case, "另一人写的话")
    # Of a browser that a process before this one knew.
    path = f"/case/{case}/do/note"
    earlier = form("d", action=path, page=path, at_ms=counter.clock.now_ms())
    UnsignedForms(KeptForms(Home(counter.folder), Dice("before"))).keep(earlier)()
    assert disk(counter.folder) == 4
    registrar = counter.desk("C3" if "head" in by else "C2")
    assert not registrar.post(f"/case/{case}/do/erase", {"f.ground": "applicant_request"}).code
    assert disk(counter.folder) == 1
    assert "住在村东头的话" not in _back(desk, "C1", path).text
    assert "别的办件的话" in desk.get(f"/case/{other}/do/note").text
    assert "另一人写的话" not in _back(second, "C4", path).text
    # Typed when it was erased already, or erased by an act that came by sync: it goes when somebody looks.
    _late(desk, case, "后到的话")
    assert disk(counter.folder) == 2
    assert registrar.get(f"/case/{case}").status == 200 and disk(counter.folder) == 1
    assert "后到的话" not in _back(desk, "C1", path).text
    # Or when its author is back, by PIN or passphrase, before anybody looked.
    for again in (_back, lambda desk, no, _: desk.sign_in(no)):
        _late(desk, case, "又后到的话")
        again(desk, "C1", path)
        assert disk(counter.folder) == 1 and "又后到的话" not in desk.get(path).text


def test_changing_the_station_in_one_tab_tells_what_became_of_another(tmp_path: Path) -> None:
    folder, new = tmp_path / "county", NEW_VILLAGE
    clock = found_with_new_village(folder)
    with Ledger.open(folder, clock=clock, randomness=Dice("names"), write=False) as ledger:
        names = {
            place: held.name for place in (new, VILLAGE) if (held := ledger.knowledge.registry.station(place))
        }
    with serving(folder, clock=clock, config=StationConfig(station=new)) as counter:
        desk, path = counter.desk("V2"), f"/receive/{PERMIT}"
        desk.send("/station", {"station": VILLAGE, "next": "/"})
        opened = desk.word = desk.get(path).field("form")
        assert desk.send("/station", {"station": new, "next": "/"}).status == 303
        desk.word = opened
        fields = {"applicant.name": "换站人", "kept.action": path, "kept.page": path}
        kept = desk.send(KEEP, fields)
        assert json.loads(kept.raw) == {"kept": True}
        page = desk.get(path)
        assert Say(language="zh")("web.station_kept", station=names[VILLAGE]) in page.text
        assert "换站人" not in page.text
        desk.word = page.field("form")
        assert desk.send("/station", {"station": VILLAGE, "next": "/"}).status == 303
        page = desk.get(path)
        assert 'value="换站人"' in page.text and names[VILLAGE] + "填到一半" not in page.text


def test_what_waits_in_a_browser_that_was_closed_is_found_at_the_next_one(counter: Counter) -> None:
    closed = counter.desk("C1")
    case = received(closed, "周隔夜")
    path = f"/case/{case}/do/note"
    _late(closed, case, "昨天写到一半的话")
    # The station is not started anew in between; while the browser may come back nobody else is offered it.
    assert "昨天写到一半的话" not in counter.desk("C1").get(path).text
    counter.clock.ticks_ms += FORGET_MS + 1  # type: ignore[attr-defined]
    assert "昨天写到一半的话" not in counter.desk("C4").get(path).text
    assert "昨天写到一半的话" in counter.desk("C1").get(path).text
    assert "昨天写到一半的话" not in counter.desk("C1").get(path).text, "offered once"


def test_a_browser_that_gives_way_to_others_leaves_what_waits_in_it(counter: Counter) -> None:
    kept = KeptForms(Home(counter.folder), Dice("many"))
    browsers = Browsers(lambda: 0, Dice("cookies"), lock_ms=1000, kept=kept)
    first = browsers.of("")
    for count in range(BROWSERS_MAX + 1):
        browser = browsers.of("") if count else first
        browser.words["word"] = ("C1", STATION)
        browsers.touch(browser)
        if not count:
            browser.unsigned.keep(form("typed"))()
            assert "typed" not in {one.draft for one in kept.take_up("C1", 0).values()}
    assert [one.draft for one in kept.take_up("C1", 0).values()] == ["typed"]
    assert not waiting(first.unsigned)


def _left(counter: Counter) -> list[Unsigned]:
    """Return what a process that starts now would find on the disk."""
    return list(KeptForms(Home(counter.folder), Dice("left")).take_up("C1", 0).values())
