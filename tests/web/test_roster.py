"""Rosters: from Excel, ticked off and scanned, received by one confirmation, never doubled."""

from __future__ import annotations

import io
import json
import re
import sqlite3
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import pytest
from python_calamine import CalamineWorkbook
from stdnum.cn import ric

from ledger.facade import Home
from ledger.types import CaseId
from stations.config import StationConfig
from stations.kept.rosters import FOLDER, Roster, keep_roster, load_roster
from stations.kept.sealed import SealedFolder
from tests.facade.counter import FELLING, VILLAGE, Dice
from tests.sheetin.workbooks import make
from tests.web.counterdesk import NEW_VILLAGE, Counter, Desk, Page, found_with_new_village, serving

HEAD = ["序号", "姓名", "身份证号", "手机号码", "家庭住址", "备注"]


@pytest.fixture(scope="module")
def counter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Counter]:
    with serving(tmp_path_factory.mktemp("roster") / "county") as one:
        yield one


@pytest.fixture(scope="module")
def desk(counter: Counter) -> Desk:
    return counter.desk("V1")


def id_number(index: int) -> str:
    """Return a resident number that holds, another one for each index."""
    plain = f"1101051949{index // 100 % 12 + 1:02d}{index % 28 + 1:02d}{index % 1000:03d}"
    return plain + ric.calc_check_digit(plain + "0")


def people(count: int, first: int = 0) -> list[list[object]]:
    return [
        [n + 1, f"村民{first + n:03d}", id_number(first + n), f"138{first + n:08d}", "东门村", ""]
        for n in range(count)
    ]


def imported(desk: Desk, tmp_path: Path, rows: Sequence[Sequence[object]], title: str = "林木") -> Page:
    raw = make(tmp_path / "roster.xlsx", 名单=[["东门村参保名单"], HEAD, *rows]).read_bytes()
    return desk.post("/rosters", {"item": FELLING, "title": title}, {"file": ("名单.xlsx", raw)})


def name_of(page: Page) -> str:
    found = re.search(r'action="/roster/([0-9a-f]+)/tick"', page.text)
    assert found, page.text
    return found.group(1)


def folder(counter: Counter) -> SealedFolder:
    return SealedFolder(Home(counter.folder), FOLDER, Dice("sealed"))


def roster(counter: Counter, name: str) -> Roster:
    return load_roster(folder(counter), name)


def scan(desk: Desk, name: str, text: str) -> dict[str, object]:
    answer = desk._ask(
        "POST",
        f"/roster/{name}/tick",
        f"form={desk.word}&scan={text}".encode(),
        {"Content-Type": "application/x-www-form-urlencoded", "X-Banjian-Quick": "1"},
    )
    said = json.loads(answer.raw)
    assert isinstance(said, dict)
    return said


def received(desk: Desk, name: str, **fields: str) -> Page:
    """Confirm and wait for the job."""
    page = desk.post(f"/roster/{name}/sign", {"f.channel": "outreach", **fields})
    job = re.search(r"/job/[0-9a-f]+", page.text)
    assert job, page.text
    for _ in range(400):
        page = desk.get(job.group())
        if "hx-trigger" not in page.text.partition('id="job"')[2].partition(">")[0]:
            return page
        time.sleep(0.05)
    raise TimeoutError(page.text)


def cases(counter: Counter, id_no: str) -> list[str]:
    with counter.ledger() as ledger:
        return [row.number for row in ledger.find(id_no) if row.item_code == FELLING]


def test_an_evening_of_thirty(counter: Counter, desk: Desk, tmp_path: Path) -> None:
    page = imported(desk, tmp_path, people(30))
    name = name_of(page)
    assert "共 30 人 · 已到 0 · 已收件 0 · 未到 30" in page.text
    for index in range(25):
        said = scan(desk, name, id_number(index))
        assert said["good"] and said["row"] == f"row-{index + 1}"
    assert "已到 25" in str(said["counts"])
    desk.post(f"/roster/{name}/tick", {"row": "26", "on": "1"})
    done = received(desk, name)
    assert "已收 26 件" in done.text, done.text
    with counter.ledger() as ledger:
        for row in roster(counter, name).rows[:26]:
            state, _ = ledger.state(CaseId(bytes.fromhex(row.case)))
            assert state.number == row.number and state.received_station == VILLAGE
            assert state.steps[0].act.staff_no == "V1" and state.steps[0].act.facts["channel"] == "outreach"
            assert ledger.case(state.case_id).row.applicant == row.name
    assert roster(counter, name).note  # the slips name a signed head
    receipts = desk.get(f"/roster/{name}/receipts?per=6")
    assert receipts.text.count('class="slip small-slip"') == 26
    assert receipts.text.count('class="slips slips-6"') == 5
    workbook = CalamineWorkbook.from_filelike(io.BytesIO(desk.get(f"/roster/{name}/missing?format=xlsx").raw))
    rows = workbook.get_sheet_by_index(0).to_python()
    assert [str(row[1]) for row in rows[1:]] == [f"村民{n:03d}" for n in range(26, 30)]
    assert "已收件 26 · 未到 4" in desk.get(f"/roster/{name}").text


def test_every_fault_of_the_list_is_told_by_its_row_and_nothing_is_made(desk: Desk, tmp_path: Path) -> None:
    before = desk.get("/rosters").text.count('href="/roster/')
    good = people(2, 100)
    page = imported(
        desk,
        tmp_path,
        [
            *good,
            [3, "坏校验", "110105194912310021", "", "", ""],
            [4, "", id_number(102), "", "", ""],
            [5, "短证件", "11010519491231002", "", "", ""],
            [6, "村民100", id_number(100), "", "", ""],
            [7, "丢位数", 110105194912310000.0, "", "", ""],
        ],
    )
    assert (page.status, page.code) == (422, "roster.faults")
    for cell in ("C5", "B6", "C7", "C8", "C9"):
        assert cell in page.text, cell
    assert page.text.count('href="/roster/') == before


def test_who_is_not_on_the_list_and_whose_name_stands_twice_is_told(desk: Desk, tmp_path: Path) -> None:
    rows = people(3, 200)
    rows[0][1] = rows[1][1] = "王秀英"
    name = name_of(imported(desk, tmp_path, rows))
    assert "不在这张名单里" in str(scan(desk, name, id_number(999))["told"])
    assert "有 2 个 王秀英" in str(scan(desk, name, "王秀英")["told"])
    wide = id_number(200).translate({ord(c): ord(c) + 0xFEE0 for c in "0123456789X"})
    assert scan(desk, name, wide)["row"] == "row-1"
    assert "前面已经到了" in str(scan(desk, name, wide)["told"])
    refused = desk.post(f"/roster/{name}/tick", {"row": "99", "on": "1"})
    assert refused.code == "roster.no_row"


def test_a_name_is_found_as_people_write_it_and_a_number_by_its_tail(desk: Desk, tmp_path: Path) -> None:
    rows = people(4, 220)
    rows[0][1], rows[1][1] = "李　四", "买买提·艾力"
    name = name_of(imported(desk, tmp_path, rows))
    for typed, row in (
        ("李四", 1), ("李　四", 1), ("买买提•艾力", 2), ("买买提.艾力", 2), (id_number(222)[-4:], 3),
        (id_number(223)[-6:].lower(), 4),
    ):  # fmt: skip
        assert scan(desk, name, quote(typed))["row"] == f"row-{row}", typed
    for typed in ("222", "0" * 17, id_number(222)[:-1]):
        assert not scan(desk, name, typed)["good"], typed


def test_what_was_chosen_stays_when_a_list_is_refused(desk: Desk, tmp_path: Path) -> None:
    page = imported(desk, tmp_path, [], title="空名单")
    assert page.status == 422 and 'value="空名单"' in page.text
    assert f'<option value="{FELLING}" selected>' in page.text
    raw = make(tmp_path / "two.xlsx", 一组=[HEAD, *people(1)], 二组=[HEAD, *people(1, 1)]).read_bytes()
    page = desk.post("/rosters", {"item": FELLING, "title": "两组"}, {"file": ("两组.xlsx", raw)})
    assert page.code == "sheet.several" and "单独存成一个文件" in page.text


def test_a_sheet_that_is_not_read_is_told_by_name(desk: Desk, tmp_path: Path) -> None:
    raw = make(tmp_path / "two.xlsx", 名单=[HEAD, *people(1, 870)], 二组=[HEAD, *people(1, 871)]).read_bytes()
    page = desk.post("/rosters", {"item": FELLING, "title": "两组"}, {"file": ("两组.xlsx", raw)})
    assert "共 1 人" in page.text and "工作表「二组」也像名单，没有读" in page.text


def test_a_title_keeps_no_character_that_nobody_sees(counter: Counter, desk: Desk, tmp_path: Path) -> None:
    page = imported(desk, tmp_path, people(1, 900), title="林\u202e木\ufeff ")
    assert roster(counter, name_of(page)).title == "林木"


def test_going_on_after_a_crash_neither_loses_nor_doubles(
    counter: Counter, desk: Desk, tmp_path: Path
) -> None:
    name = name_of(imported(desk, tmp_path, people(3, 300)))
    scan(desk, name, id_number(300))
    received(desk, name)
    kept = roster(counter, name)
    first, second, third = kept.rows
    # The power failed after the second act was remembered and before it was stored.
    second.case, second.number, second.here, third.here = "0" * 32, "remembered", True, True
    keep_roster(folder(counter), kept)
    assert "已到 3 · 已收件 1" in desk.get(f"/roster/{name}").text
    assert "已收 2 件" in received(desk, name).text
    assert cases(counter, id_number(300)) == [first.number]
    again = roster(counter, name)
    for index, row in ((301, again.rows[1]), (302, again.rows[2])):
        assert cases(counter, id_number(index)) == [row.number]
    assert "已收 0 件" in received(desk, name).text
    assert [len(cases(counter, id_number(index))) for index in (300, 301, 302)] == [1, 1, 1]


def test_it_goes_on_for_who_confirmed_it_whoever_acts_meanwhile(counter: Counter, tmp_path: Path) -> None:
    first = counter.desk("V1")
    first.post("/pin", {"pin": "2580", "again": "2580", "next": "/"})
    name = name_of(imported(first, tmp_path, people(30, 900)))
    first.post(f"/roster/{name}/ticks", {"here": [str(n) for n in range(1, 31)]})
    started = first.send(f"/roster/{name}/sign")
    assert started.headers["Location"].startswith("/job/")
    first.send("/lock")
    first.sign_in("V2")
    for _ in range(200):
        if "已收件 30" in first.get(f"/roster/{name}").text:
            break
        time.sleep(0.05)
    with counter.ledger() as ledger:
        signed = [
            ledger.state(CaseId(bytes.fromhex(row.case)))[0].steps[0].act.staff_no
            for row in roster(counter, name).rows
        ]
    assert signed == ["V1"] * 30
    assert first.get(started.headers["Location"]).code == "web.no_page"  # the job is V1's alone


def test_the_same_matter_is_received_again_only_when_wanted(
    counter: Counter, desk: Desk, tmp_path: Path
) -> None:
    name = name_of(imported(desk, tmp_path, people(1, 400)))
    scan(desk, name, id_number(400))
    received(desk, name, skip="1")
    other = name_of(imported(desk, tmp_path, people(1, 400), title="第二张"))
    scan(desk, other, id_number(400))
    told = received(desk, other, skip="1")
    assert cases(counter, id_number(400))[0] in told.text and len(cases(counter, id_number(400))) == 1
    received(desk, other)
    assert len(cases(counter, id_number(400))) == 2


def test_without_script_ticks_are_kept_by_the_page_s_form(
    counter: Counter, desk: Desk, tmp_path: Path
) -> None:
    name = name_of(imported(desk, tmp_path, people(4, 500)))
    page = desk.post(f"/roster/{name}/ticks", {"here": ["1", "3"]})
    assert "已到 2" in page.text
    assert re.findall(r'name="shown" value="(\d+)"', page.text) == ["1", "3"]
    page = desk.post(f"/roster/{name}/ticks", {"here": ["3"], "shown": ["1", "3"], "go": "1"})
    assert "给 1 人收件" in page.text
    assert [row.no for row in roster(counter, name).rows if row.here] == [3]


def test_a_page_from_before_takes_nobody_elses_ticks_and_numbers_back(
    counter: Counter, desk: Desk, tmp_path: Path
) -> None:
    rows = people(8, 520)
    rows[5][2] = ""
    name = name_of(imported(desk, tmp_path, rows))
    old, beside = desk.get(f"/roster/{name}"), counter.desk("V2")
    for index in (520, 521, 522):
        scan(beside, name, id_number(index))
    beside.post(f"/roster/{name}/tick", {"row": "6", "number": id_number(540)})
    assert "shown" not in old.text.partition("<tbody>")[2]
    page = desk.post(f"/roster/{name}/ticks", {"here": "8", "go": "1"})
    assert "给 5 人收件" in page.text
    kept = roster(counter, name)
    assert [row.no for row in kept.rows if row.here] == [1, 2, 3, 6, 8]
    assert kept.row(6).id_no == id_number(540)
    # What the page showed and is ticked no more was taken back by whoever sent it; the number goes along.
    desk.post(f"/roster/{name}/ticks", {"here": ["1", "8"], "shown": ["1", "6", "8"]})
    kept = roster(counter, name)
    assert [row.no for row in kept.rows if row.here] == [1, 2, 3, 8] and not kept.row(6).id_no
    assert desk.post(f"/roster/{name}/ticks", {"here": "9"}).code == "roster.no_row"


def test_what_is_taken_away_says_who_came(counter: Counter, desk: Desk, tmp_path: Path) -> None:
    name = name_of(imported(desk, tmp_path, people(3, 560)))
    scan(desk, name, id_number(560))
    received(desk, name)
    scan(desk, name, id_number(561))
    raw = desk.get(f"/roster/{name}?format=xlsx").raw
    rows = CalamineWorkbook.from_filelike(io.BytesIO(raw)).get_sheet_by_index(0).to_python()
    assert [str(row[1]) for row in rows] == ["情况", "已收件", "已到", "未到"]


def test_a_roster_is_not_signed_for_another_station_than_the_button_says(tmp_path: Path) -> None:
    clock = found_with_new_village(tmp_path / "county")
    with serving(tmp_path / "county", clock=clock, config=StationConfig(station=NEW_VILLAGE)) as two:
        desk = two.desk("V2")

        def act_for(station: str) -> None:
            assert desk.send("/station", {"station": station, "next": "/"}).status == 303
            desk.word = desk.get("/").field("form")

        act_for(VILLAGE)
        name = name_of(imported(desk, tmp_path, people(1, 580)))
        scan(desk, name, id_number(580))
        act_for(NEW_VILLAGE)
        for where in ("", "/sign", "/receipts", "/missing"):
            page = desk.get(f"/roster/{name}{where}")
            assert (page.status, page.code) == (409, "roster.other_station"), where
        for where in ("/sign", "/ticks", "/drop"):
            page = desk.post(f"/roster/{name}{where}", {"f.channel": "outreach"})
            assert page.code == "roster.other_station", where
        act_for(VILLAGE)
        assert "已到 1 · 已收件 0" in desk.get(f"/roster/{name}").text


def test_who_is_unticked_meanwhile_is_not_received_and_the_list_stays_until_all_are(
    counter: Counter, desk: Desk, tmp_path: Path
) -> None:
    name = name_of(imported(desk, tmp_path, people(12, 950)))
    desk.post(f"/roster/{name}/ticks", {"here": [str(n) for n in range(1, 13)]})
    with (
        ThreadPoolExecutor(2) as senders,
        closing(sqlite3.connect(Home(counter.folder).database_path, isolation_level=None)) as held,
    ):
        # Nothing can be written for a moment: the job waits at its first row, and both wait behind it.
        held.execute("BEGIN IMMEDIATE")
        started = desk.send(f"/roster/{name}/sign", {"f.channel": "outreach"}).headers["Location"]
        unticked = senders.submit(desk.send, f"/roster/{name}/tick", {"row": "12", "on": "0"})
        dropped = senders.submit(desk.send, f"/roster/{name}/drop")
        time.sleep(0.4)
        held.execute("ROLLBACK")
    assert unticked.result().status == 303
    assert (dropped.result().status, dropped.result().code) == (409, "web.job_busy")
    page = desk.get(started)
    for _ in range(400):
        if "hx-trigger" not in page.text.partition('id="job"')[2].partition(">")[0]:
            break
        time.sleep(0.05)
        page = desk.get(started)
    assert "已收 11 件" in page.text and "12 村民961" in page.text and "勾被取消" in page.text
    assert [row.no for row in roster(counter, name).rows if row.case] == list(range(1, 12))
    assert cases(counter, id_number(961)) == []


def test_what_was_typed_for_all_is_checked_before_anything_is_signed(
    counter: Counter, desk: Desk, tmp_path: Path
) -> None:
    name = name_of(imported(desk, tmp_path, people(1, 600)))
    scan(desk, name, id_number(600))
    page = desk.post(f"/roster/{name}/sign", {"at": "2099-01-01T10:00"})
    assert page.code == "cli.future" and cases(counter, id_number(600)) == []
    page = desk.post(f"/roster/{name}/sign", {"at": "2026-02-27T10:00"})
    assert page.code == "case.another_day" and cases(counter, id_number(600)) == []


def test_a_list_signed_on_paper_is_entered_later_for_everybody(
    counter: Counter, desk: Desk, tmp_path: Path
) -> None:
    name = name_of(imported(desk, tmp_path, people(1, 650)))
    scan(desk, name, id_number(650))
    late = {"f.late_entry.paper_no": "花名册 7", "f.late_entry.reason": "outreach"}
    form = desk.get(f"/roster/{name}/sign").text
    assert all(f'name="{field}"' in form for field in late)
    received(desk, name, at="2026-02-27T10:00", **late)
    (number,) = cases(counter, id_number(650))
    with counter.ledger() as ledger:
        opened = ledger.state(ledger.resolve(number))[0].steps[0].act
    assert opened.facts["late_entry"]["paper_no"] == "花名册 7-1"
    assert number in desk.get("/find?q=花名册7").text
    assert opened.occurred_at_ms < opened.recorded_at_ms


def test_a_roster_is_for_its_station_and_goes_when_it_is_put_away(
    counter: Counter, desk: Desk, tmp_path: Path
) -> None:
    name = name_of(imported(desk, tmp_path, people(1, 700)))
    stranger = counter.desk("C1")
    assert (stranger.get(f"/roster/{name}").status, stranger.get(f"/roster/{name}").code) == (
        403,
        "web.scope",
    )
    assert "收起" in desk.post(f"/roster/{name}/drop").text
    gone = desk.get(f"/roster/{name}")
    assert gone.code == "roster.none"
    assert not (counter.folder / FOLDER / f"{name}.sealed").exists()


def test_a_roster_is_encrypted_on_the_disk(counter: Counter, desk: Desk, tmp_path: Path) -> None:
    name = name_of(imported(desk, tmp_path, people(1, 800)))
    raw = (counter.folder / FOLDER / f"{name}.sealed").read_bytes()
    assert id_number(800).encode() not in raw and "村民800".encode() not in raw
    (counter.folder / FOLDER / f"{name}.sealed").write_bytes(raw[:-1] + bytes([raw[-1] ^ 1]))
    assert desk.get(f"/roster/{name}").code == "sealed.unreadable"


def test_who_has_no_number_is_ticked_by_name_and_filled_in(
    counter: Counter, desk: Desk, tmp_path: Path
) -> None:
    rows = [
        *people(2, 820),
        [3, "小宝", "", "13900000001", "东门村", "新生儿"],
        [4, "丢证人", "", "", "", ""],
    ]
    page = imported(desk, tmp_path, rows)
    assert "4 人，其中 2 人没有证件号" in page.text
    name = name_of(page)
    said = scan(desk, name, quote("小宝"))
    assert said["good"] and said["number"] and 'data-fill="3"' in str(said["html"])
    assert scan(desk, name, "0001")["row"] == "row-3", "found by the telephone as well"
    fill = {"row": "4", "number": "110105194912310021"}
    assert desk.post(f"/roster/{name}/tick", fill).code == "identity.check_digit"
    assert desk.post(f"/roster/{name}/tick", {**fill, "number": "12345"}).code == "identity.shape"
    assert desk.post(f"/roster/{name}/tick", {**fill, "number": id_number(820)}).code == "roster.taken"
    wrong = id_number(830)
    desk.post(f"/roster/{name}/tick", {**fill, "number": wrong})
    assert roster(counter, name).row(4).id_no == wrong
    assert desk.post(f"/roster/{name}/tick", {**fill, "number": id_number(831)}).code == "roster.filled"
    # What was filled in for the wrong person goes with the tick; what the list says stays.
    desk.post(f"/roster/{name}/tick", {"row": "4", "on": "0"})
    desk.post(f"/roster/{name}/tick", {"row": "1", "on": "0"})
    assert (roster(counter, name).row(4).id_no, roster(counter, name).row(1).id_no) == ("", id_number(820))
    desk.post(f"/roster/{name}/ticks", {"here": "3", "number-4": id_number(831), "number-3": " "})
    assert [row.no for row in roster(counter, name).rows if row.here] == [3, 4]
    page = desk.get(f"/roster/{name}/sign")
    assert "有 1 人没有证件号：小宝" in page.text
    assert "已收 2 件" in received(desk, name, skip="1").text
    with counter.ledger() as ledger:
        (case,) = ledger.find("小宝")
        assert (case.applicant, case.status) == ("小宝", "received")
    assert len(cases(counter, id_number(831))) == 1
    # Without a number the name says whose matter is open already.
    other = name_of(imported(desk, tmp_path, [[1, "小宝", "", "", "", ""], [2, "小宝宝", "", "", "", ""]]))
    desk.post(f"/roster/{other}/ticks", {"here": ["1", "2"]})
    told = received(desk, other, skip="1").text
    assert "已收 1 件" in told and case.number in told


def test_a_list_without_numbers_is_one_unless_they_stand_under_a_strange_heading(
    desk: Desk, tmp_path: Path
) -> None:
    def sent(**sheets: Sequence[Sequence[object]]) -> Page:
        raw = make(tmp_path / "bare.xlsx", **sheets).read_bytes()
        return desk.post("/rosters", {"item": FELLING, "title": "户主"}, {"file": ("户主.xlsx", raw)})

    head = ["户主", "联系电话"]
    bare = sent(名单=[head, ["赵户", "13900000011"], ["钱户", ""], ["合计", "2"], ["填表人：孙", ""]]).text
    assert "2 人，其中 2 人没有证件号" in bare and "4 合计" in bare and "5 填表人" in bare
    strange = sent(名单=[[*head, "卡号"], ["赵户", "13900000011", id_number(840)]])
    assert strange.code == "sheet.column_missing" and "卡号" in strange.text
    alike = sent(名单=[head, ["赵户", "13900000011"], ["钱户", ""], ["赵户", "13900000011"]])
    assert alike.code == "roster.faults" and "A4" in alike.text and "第 2 行" in alike.text
    short = sent(名单=[[*head, "身份证号"], ["赵户", "", id_number(840)[:-1]], ["钱户", "", ""]])
    assert short.code == "roster.faults" and "C2" in short.text and "C3" not in short.text
    both = sent(一组=[HEAD, *people(1, 850)], 联系人=[head, ["赵户", "13900000011"]])
    assert "共 1 人" in both.text, "a sheet with numbers goes before one without"


def test_a_key_in_whose_place_another_one_works_signs_no_more_rows(counter: Counter, tmp_path: Path) -> None:
    head, first, fresh, count = counter.desk("C3"), counter.desk("T1"), "a fresh passphrase", 400
    name = name_of(imported(first, tmp_path, people(count, 2000)))
    first.post(f"/roster/{name}/ticks", {"here": [str(n) for n in range(1, count + 1)]})
    form = head.get("/new-keys/T1")
    started = first.send(f"/roster/{name}/sign").headers["Location"]
    # The tab of the job asks for nothing more: nobody but the job itself can notice.
    given = {"passphrase": fresh, "again": fresh, "reason": "forgotten", "days": "7"}
    assert head.send("/new-keys/T1", {"once": form.field("once"), **given}).status == 303
    anew = Desk(counter.port)
    anew.word = anew.get("/sign-in").field("form")
    assert anew.send("/sign-in", {"staff_no": "T1", "passphrase": fresh, "next": "/"}).status == 303
    page = anew.get(started)
    for _ in range(400):
        if "hx-trigger" not in page.text.partition('id="job"')[2].partition(">")[0]:
            break
        time.sleep(0.05)
        page = anew.get(started)
    assert "中途停止" in page.text and "这台电脑上不再用旧密钥" in page.text
    signed = [row for row in roster(counter, name).rows if row.case]
    assert len(signed) < count
