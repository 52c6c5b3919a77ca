"""Beside the provincial platform: what to type in, the number that comes back, its list, differences."""

from __future__ import annotations

import io
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

from ledger.errors import ConfigError
from ledger.facade import Home
from ledger.types import CaseId
from stations.province.settings import load_settings
from tests.facade.counter import FELLING, PERMIT
from tests.sheetin.workbooks import make
from tests.web.counterdesk import Counter, Desk, Page, serving

STARS = "\uff0a" * 3
HEAD = ["平台办件编号", "事项编码", "事项名称", "申请人", "证件号码", "办件状态", "办理结果", "受理时间"]


@pytest.fixture(scope="module")
def counter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Counter]:
    with serving(tmp_path_factory.mktemp("platform") / "county") as one:
        yield one


@pytest.fixture(scope="module")
def desk(counter: Counter) -> Desk:
    return counter.desk("C1")


def receive(desk: Desk, name: str, id_no: str = "", item: str = PERMIT) -> str:
    """Receive a case as a clerk does; returns its id."""
    form = desk.get(f"/receive/{item}")
    answer = desk.send(
        f"/receive/{item}", {"once": form.field("once"), "applicant.name": name, "applicant.id_no": id_no}
    )
    assert answer.status == 303, answer.text
    return answer.headers["Location"].split("/")[2]


def workbook(tmp_path: Path, rows: Sequence[Sequence[object]]) -> bytes:
    return make(tmp_path / "list.xlsx", 办件=[["办件导出清单"], HEAD, *rows]).read_bytes()


def read_list(desk: Desk, tmp_path: Path, rows: Sequence[Sequence[object]]) -> Page:
    return desk.post("/platform/list", {}, {"file": ("导出.xlsx", workbook(tmp_path, rows))})


def finished(desk: Desk, page: Page) -> Page:
    """Wait for the job of a page."""
    job = re.search(r"/job/[0-9a-f]+", page.text)
    assert job, page.text
    for _ in range(200):
        page = desk.get(job.group())
        if "hx-trigger" not in page.text.partition('id="job"')[2].partition(">")[0]:
            return page
        time.sleep(0.05)
    raise TimeoutError(page.text)


def sheet(raw: bytes) -> list[list[str]]:
    book = CalamineWorkbook.from_filelike(io.BytesIO(raw))
    return [[str(cell) for cell in row] for row in book.get_sheet_by_index(0).to_python()]


def test_a_case_is_to_be_typed_in_until_its_number_is_noted(counter: Counter, desk: Desk) -> None:
    case = receive(desk, "陈待录", "11010519491231002X")
    page = desk.get("/platform")
    assert page.status == 200 and "陈待录" in page.text and 'data-copy="11010519491231002X"' in page.text
    answer = desk.post(
        "/platform/enter", {"case": case, "f.external_no": "33038226001", "next": f"/case/{case}"}
    )
    assert "33038226001" in answer.text and "工C1" in answer.text
    with counter.ledger() as ledger:
        state, _ = ledger.state(CaseId(bytes.fromhex(case)))
    step = state.steps[-1]
    assert (step.action, step.act.staff_no) == ("link_external", "C1")
    assert step.act.facts["platform"] == "省一体化平台" and step.act.facts["entered_on"] == "2026-03-02"
    assert "陈待录" not in desk.get("/platform").text
    assert "陈待录" in desk.get("/find?q=33038226001").text
    assert "陈待录" not in counter.desk("V1").get("/find?q=33038226001").text


def test_a_number_sent_several_times_at_one_moment_is_signed_once(counter: Counter, desk: Desk) -> None:
    case = receive(desk, "双录入")
    fields = {"case": case, "f.external_no": "33038226077", "once": "b" * 24}
    with ThreadPoolExecutor(4) as senders:
        answers = list(senders.map(lambda _: desk.send("/platform/enter", fields), range(4)))
    answers.append(desk.send("/platform/enter", fields))
    assert {(one.status, one.headers.get("Location")) for one in answers} == {(303, "/platform")}
    with counter.ledger() as ledger:
        state, _ = ledger.state(CaseId(bytes.fromhex(case)))
    assert [step.action for step in state.steps].count("link_external") == 1


def test_another_number_under_the_word_of_one_that_was_signed_is_asked_about(tmp_path: Path) -> None:
    folder = tmp_path / "county"
    with serving(folder) as counter:
        desk, clock = counter.desk("C1"), counter.clock
        case, other = receive(desk, "先录的"), receive(desk, "后录的")
        fields = {"case": case, "f.external_no": "33038226078", "once": "c" * 24}
        others = [{**fields, "f.external_no": "33038226079"}, {**fields, "case": other}]
        assert desk.send("/platform/enter", fields).status == 303
        # "Back" in a browser, and another number or case: nobody is told that it is noted.
        assert [desk.send("/platform/enter", one).code for one in others] == ["web.signed_before"] * 2
    with serving(folder, clock=clock) as counter:
        desk = counter.desk("C1")
        assert desk.send("/platform/enter", fields).status == 303
        assert [desk.send("/platform/enter", one).code for one in others] == ["web.signed_before"] * 2
        assert (external_of(counter, case), external_of(counter, other)) == ("33038226078", "")


def test_two_people_of_a_station_do_not_link_the_same_list_at_once(
    counter: Counter, desk: Desk, tmp_path: Path
) -> None:
    first, second = counter.desk("V1"), counter.desk("V2")
    number = "11010519491231088X"
    receive(first, "周两人", number, item=FELLING)
    read_list(first, tmp_path, [["33038226088", FELLING, "林木", "周两人", number, "受理", "", "2026-03-02"]])
    # Nothing can be written for a moment: the first one's job waits at its first row.
    with closing(sqlite3.connect(Home(counter.folder).database_path, isolation_level=None)) as held:
        held.execute("BEGIN IMMEDIATE")
        started = first.send("/platform/link")
        again = first.send("/platform/link")
        refused = second.send("/platform/link")
        held.execute("ROLLBACK")
    assert started.headers["Location"] == again.headers["Location"]
    assert (refused.status, refused.code) == (409, "web.job_busy")
    assert "已关联 1 件" in finished(first, first.get(started.headers["Location"])).text


def test_the_sheet_names_every_paper_that_was_handed_in(counter: Counter, desk: Desk) -> None:
    form = desk.get(f"/receive/{PERMIT}")
    first, second, third = re.findall(r'name="f.materials" value="([^"]+)"', form.text)[:3]
    fields = {"once": form.field("once"), "applicant.name": "补材料", "f.materials": first}
    case = desk.send(f"/receive/{PERMIT}", fields).headers["Location"].split("/")[2]
    wanted = {"f.missing": [second, third], "f.due": "2026-03-12"}
    assert desk.post(f"/case/{case}/do/request_correction", wanted).code == ""
    assert desk.post(f"/case/{case}/do/supply", {"f.materials": second}).code == ""
    with counter.ledger() as ledger:
        papers = ledger.case(CaseId(bytes.fromhex(case))).rules.item.materials
        names = [papers[code].name.zh for code in (first, second)]
    rows = sheet(desk.get("/platform?format=xlsx").raw)
    line = next(row for row in rows if "补材料" in row)
    assert line[rows[0].index("材料")] == "；".join(names)


def test_the_sheet_follows_the_platforms_own_order(counter: Counter, desk: Desk) -> None:
    receive(desk, "林排序")
    config = counter.folder / "platform.toml"
    config.write_text(
        'name = "浙里办"\nfields = ["applicant", "item_code", "number"]\n[headings]\napplicant = "申办者"\n',
        encoding="utf-8",
    )
    try:
        rows = sheet(desk.get("/platform?format=xlsx").raw)
        assert rows[0] == ["申办者", "事项编码", "本地编号"]
        assert any(row[:2] == ["林排序", PERMIT] for row in rows[1:])
        config.write_text('fields = ["colour"]\n', encoding="utf-8")
        refused = desk.get("/platform")
        assert (refused.status, refused.code) == (409, "platform.field") and "applicant" in refused.text
    finally:
        config.unlink()


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("name = ", "platform.syntax"),
        ("colour = 1", "platform.key"),
        ("name = 3", "platform.value"),
        ("fields = []", "platform.value"),
        ("[states]\nopen = ['x']", "platform.value"),
        ("[headings]\ncolour = 'x'", "platform.field"),
    ],
)
def test_settings_that_do_not_hold_are_refused(tmp_path: Path, text: str, code: str) -> None:
    (tmp_path / "platform.toml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as refused:
        load_settings(tmp_path)
    assert refused.value.code == code


HIDDEN = "\u00d7"
"""What some platforms write in place of stars."""


def test_the_list_links_each_case_by_an_act_of_its_own_after_a_dry_run(
    counter: Counter, desk: Desk, tmp_path: Path
) -> None:
    mine = receive(desk, "周一一", "11010519491231002X")
    other = receive(desk, "吴二二")
    third = receive(desk, "冯三三")
    rows = [
        ["33038226101", PERMIT, "", "周一一", "11010519491231002X", "已受理", "", "2026-03-02 10:22:33"],
        ["33038226102", PERMIT, "", "吴二二", "3303********1234", "办结", "准予许可", "2026/3/2"],
        ["33038226103", PERMIT, "", "郑没有", "", "已受理", "", "2026-03-02"],
        ["33038226101", PERMIT, "", "周一一", "", "已受理", "", "2026-03-02"],
        ["33038226104", PERMIT, "", "孙坏日", "", "已受理", "", "不清楚"],
        ["33038226105", PERMIT, "", "冯三三", f"3303{HIDDEN * 8}1234", "已受理", "", "2026-03-02"],
    ]
    page = read_list(desk, tmp_path, rows)
    assert page.status == 200 and "可关联 <strong>3</strong>" in page.text
    assert "这里没有 <strong>2</strong>" in page.text
    assert "H7" in page.text and "不清楚" in page.text  # the row's fault names its cell
    assert "33038226101 在第 3 行已出现过" in page.text
    with counter.ledger() as ledger:
        assert not ledger.state(CaseId(bytes.fromhex(mine)))[0].external_no  # looking writes nothing
    done = finished(desk, desk.post("/platform/link"))
    assert "已关联 3 件" in done.text
    with counter.ledger() as ledger:
        for case, number in ((third, "33038226105"), (mine, "33038226101"), (other, "33038226102")):
            state = ledger.state(CaseId(bytes.fromhex(case)))[0]
            assert state.external_no == number and state.steps[-1].act.staff_no == "C1"
        told = ledger.case(CaseId(bytes.fromhex(other))).personal[state.steps[-1].act.act_id]
    assert told is not None and "结果 准予许可" in str(told["text"])
    assert "关联" in desk.get("/platform/list").text
    again = desk.post("/platform/link")
    assert "已关联 0 件" in finished(desk, again).text


def test_two_cases_of_one_person_are_not_guessed_at(desk: Desk, tmp_path: Path) -> None:
    receive(desk, "双件人")
    receive(desk, "双件人")
    page = read_list(desk, tmp_path, [["33038226201", PERMIT, "", "双件人", "", "已受理", "", ""]])
    assert "对上不止一件 <strong>1</strong>" in page.text and "可关联" not in page.text.partition("<table")[0]


def test_differences_are_told_both_ways(counter: Counter, desk: Desk, tmp_path: Path) -> None:
    case = receive(desk, "钱状态")
    desk.post("/platform/enter", {"case": case, "f.external_no": "33038226301"})
    receive(desk, "冯未录")
    rows = [
        ["33038226301", PERMIT, "", "钱状态", "", "已办结", "准予许可", "2026-03-02"],
        ["33038226399", PERMIT, "", "平台独有", "", "已受理", "", "2026-03-02"],
        ["33038226398", PERMIT, "", "怪词", "", "天马行空", "", "2026-03-02"],
    ]
    told = read_list(desk, tmp_path, rows)
    assert "天马行空" in told.text
    table = {row[4]: row for row in sheet(desk.get("/platform/differences?format=xlsx").raw)[1:]}
    assert table["钱状态"][0] == "状态不同" and table["钱状态"][5:7] == ["已收件", "已办结 准予许可"]
    assert table["平台独有"][0] == "平台有、这里没有"
    assert table["冯未录"][0] == "没有录入平台"
    assert "平台独有" in desk.get("/platform/differences").text


def enter(desk: Desk, case: str, number: str, **fields: str) -> Page:
    return desk.post("/platform/enter", {"case": case, "f.external_no": number, **fields})


def external_of(counter: Counter, case: str) -> str:
    with counter.ledger() as ledger:
        return ledger.state(CaseId(bytes.fromhex(case)))[0].external_no


def test_one_number_is_noted_in_one_case_unless_somebody_says_so(
    counter: Counter, desk: Desk, tmp_path: Path
) -> None:
    first, second = receive(desk, "号一"), receive(desk, "号二")
    enter(desk, first, "33038226501")
    refused = enter(desk, second, "33038226501")
    assert (refused.status, refused.code) == (409, "platform.number_used")
    assert 'value="33038226501"' in refused.text and "same_number" in refused.text
    with counter.ledger() as ledger:
        assert ledger.state(CaseId(bytes.fromhex(first)))[0].number in refused.text
    act = desk.post(f"/case/{second}/do/link_external", {"f.external_no": "33038226501"})
    assert (act.status, act.code) == (409, "platform.number_used") and "same_number" in act.text
    held = desk.post(f"/case/{first}/do/link_external", {"f.external_no": "33038226502"})
    assert (held.code, external_of(counter, first)) == ("platform.number_held", "33038226501")
    form = desk.get(f"/receive/{PERMIT}")
    again = {"once": form.field("once"), "applicant.name": "号三", "f.external_no": "33038226501"}
    assert desk.post(f"/receive/{PERMIT}", again).code == "platform.number_used"
    assert enter(desk, second, "33038226501", same_number="1").code == ""
    assert external_of(counter, second) == "33038226501"
    read_list(desk, tmp_path, [["33038226501", PERMIT, "", "号一", "", "已受理", "", "2026-03-02"]])
    told = sheet(desk.get("/platform/differences?format=xlsx").raw)
    assert [row[0] for row in told if row[4] == "号二"][:2] == [
        "几件办件记着同一个编号", "编号相同，申请人、证件或事项不同",
    ]  # fmt: skip
    assert "号二" in desk.get("/platform/differences").text


def test_a_linked_row_of_another_person_or_item_is_told(counter: Counter, desk: Desk, tmp_path: Path) -> None:
    names = {"33038226511": "对不上", "33038226512": "对得上", "33038226513": "事项错"}
    for number, name in names.items():
        enter(desk, receive(desk, name), number)
    rows = [
        ["33038226511", PERMIT, "", "别的人", "", "已受理", "", "2026-03-02"],
        ["33038226512", PERMIT, "", "对**", "", "收件", "", "2026-03-02"],
        ["33038226513", FELLING, "", "事项错", "", "收件", "", "2026-03-02"],
    ]
    read_list(desk, tmp_path, rows)
    table = [
        row
        for row in sheet(desk.get("/platform/differences?format=xlsx").raw)
        if row[0].startswith("编号相同")
    ]
    assert [(row[2], row[5].split()[0], row[6].split()[0]) for row in table] == [
        ("33038226511", "对不上", "别的人"), ("33038226513", "事项错", "事项错"),
    ]  # fmt: skip


def test_a_number_is_taken_off_by_emptying_it(counter: Counter, desk: Desk) -> None:
    case = receive(desk, "撤编号")
    enter(desk, case, "33038226521")
    with counter.ledger() as ledger:
        link = ledger.state(CaseId(bytes.fromhex(case)))[0].steps[-1].act.act_id.hex()
    fields = {"f.target": link, "f.reason": "记错了件", "f.changes.platform": "省一体化平台"}
    desk.post(f"/case/{case}/do/amend", {**fields, "f.changes.external_no": ""})
    assert external_of(counter, case) == ""
    assert "撤编号" in desk.get("/platform").text
    assert "撤编号" not in desk.get("/find?q=33038226521").text
    nothing = desk.post(f"/case/{case}/do/amend", {**fields, "f.changes.external_no": ""})
    assert nothing.code == "amend.nothing"
    assert enter(desk, receive(desk, "接编号"), "33038226521").code == ""


@pytest.mark.parametrize(
    ("number", "day", "code"),
    [
        ("3303\u202e8226", "2026-03-02", "case.hidden_character"),
        ("3303\u200b8226", "2026-03-02", "case.hidden_character"),
        ("33038226531", "2026-03-03", "case.absurd_day"),
        ("33038226531", "1900-01-01", "case.absurd_day"),
        ("33038226531", "2024-03-01", "case.external_day"),
        ("33038226531", "2026-02-31", "web.date"),
    ],
)
def test_what_is_no_number_or_day_is_refused_and_given_back(
    counter: Counter, desk: Desk, number: str, day: str, code: str
) -> None:
    case = receive(desk, "怪编号")
    page = enter(desk, case, number, **{"f.entered_on": day})
    assert (page.code, external_of(counter, case)) == (code, "")
    shown = number.replace("\u202e", "[U+202E]").replace("\u200b", "[U+200B]")
    assert f'name="f.external_no" required maxlength="60" autocomplete="off" value="{shown}"' in page.text


def test_a_number_is_not_noted_on_what_somebody_has_changed(counter: Counter, desk: Desk) -> None:
    case = receive(desk, "两人录")
    old = desk.get("/platform").text.partition(f'name="case" value="{case}"')[2]
    heads = old.partition('name="heads" value="')[2].partition('"')[0]
    assert heads
    enter(desk, case, "33038226541", heads=heads)
    late = enter(desk, case, "33038226542", heads=heads)
    assert (late.status, late.code) == (409, "web.moved_on")
    assert "33038226542" in late.text and external_of(counter, case) == "33038226541"


def test_what_is_no_list_is_refused_and_the_list_before_stays(desk: Desk, tmp_path: Path) -> None:
    read_list(desk, tmp_path, [["33038226401", PERMIT, "", "留下来", "", "", "", ""]])
    for name, raw, code in (
        ("a.xlsx", b"", "sheet.empty_file"),
        ("a.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "sheet.old_format"),
        ("a.xlsx", make(tmp_path / "other.xlsx", 名单=[["颜色"], ["红"]]).read_bytes(), "sheet.no_header"),
    ):
        answer = desk.post("/platform/list", {}, {"file": (name, raw)})
        assert (answer.status, answer.code) == (422, code)
        assert "留下来" in answer.text
    assert desk.post("/platform/list", {}, {}).code == "web.no_file"


def test_the_number_is_asked_of_who_may_note_it(counter: Counter, desk: Desk) -> None:
    receive(desk, "谁来录")
    assert 'action="/platform/enter"' in desk.get("/platform").text
    page = counter.desk("C3").get("/platform")  # a head: neither window nor officer
    assert "谁来录" in page.text and 'action="/platform/enter"' not in page.text
    assert "由窗口或经办人员登记" in page.text


def test_a_case_of_others_is_not_linked_by_who_has_no_scope(counter: Counter, desk: Desk) -> None:
    case = receive(desk, "县里的")
    stranger = counter.desk("V1")
    answer = stranger.post("/platform/enter", {"case": case, "f.external_no": "1"})
    assert (answer.status, answer.code) == (403, "web.scope")
    assert "县里的" not in stranger.get("/platform").text


def test_a_corrected_number_is_the_word_of_who_corrected_it(counter: Counter) -> None:
    first, second = counter.desk("C1"), counter.desk("C4")
    case = receive(first, "程更正号")
    enter(first, case, "33038226888")
    assert _said_by(first, case) == "工C1"
    with counter.ledger() as ledger:
        link = ledger.state(CaseId(bytes.fromhex(case)))[0].steps[-1].act.act_id.hex()
    fields = {"f.target": link, "f.reason": "抄错一位", "f.changes.external_no": "33038226889"}
    assert second.post(f"/case/{case}/do/amend", fields).code == ""
    assert external_of(counter, case) == "33038226889" and _said_by(second, case) == "工C4"
    # Whoever corrects something else of that act has not said the number.
    fields = {"f.target": link, "f.reason": "平台写错", "f.changes.platform": "另一个平台"}
    assert first.post(f"/case/{case}/do/amend", fields).code == ""
    assert _said_by(first, case) == "工C4"


def _said_by(desk: Desk, case: str) -> str:
    told = re.search(
        r'<span class="number">33038226\d+</span><br><small>(\S+)', desk.get(f"/case/{case}").text
    )
    assert told is not None
    return told[1]


def test_what_was_closed_without_a_result_is_not_done_for_the_platform(desk: Desk, tmp_path: Path) -> None:
    withdrawn, linked, returned = (receive(desk, name) for name in ("程撤回甲", "程撤回乙", "程退件"))
    enter(desk, linked, "33038226777")
    for case in (withdrawn, linked):
        desk.post(f"/case/{case}/do/withdraw", {"f.proof": "signature"})
    desk.post(f"/case/{returned}/do/advise_and_return", {"f.reason": "other_office", "f.go_to": "林业局"})
    for case in (withdrawn, linked, returned):
        desk.post(f"/case/{case}/do/close", {})
        assert "已办结" in desk.get(f"/case/{case}").text
    pending = desk.get("/platform").text
    assert "程撤回甲" not in pending and "程退件" not in pending
    read_list(desk, tmp_path, [["33038226777", PERMIT, "", "程撤回乙", "", "已撤回", "", "2026-03-02"]])
    told = desk.get("/platform/differences").text
    assert "程撤回甲" not in told and "程撤回乙" not in told and "程退件" not in told


def test_an_english_page_names_items_in_english_and_copies_chinese_for_the_platform(counter: Counter) -> None:
    desk = counter.desk("C1")
    case = receive(desk, "程双语")
    desk.post("/language", {"language": "en", "next": "/"})
    assert "程双语" in desk.get("/cases").text
    for where in ("/", "/cases", "/day-clear"):
        row = desk.get(where).text.partition(f'/case/{case}"')[2].partition("</tr>")[0]
        assert "食品经营许可" not in row and "food business permit" in row, (where, row)
    copied = desk.get("/platform").text
    assert "食品经营许可" in copied and 'data-copy="food' not in copied


def test_a_list_holds_only_what_one_has_acted_on_oneself(counter: Counter) -> None:
    mine, other = counter.desk("C1"), counter.desk("C4")
    own, theirs = receive(mine, "程自己的"), receive(other, "程别人的")
    assert 'href="/cases?mine=1"' in mine.get("/").text
    page = mine.get("/cases?mine=1").text
    assert own in page and "程自己的" in page and theirs not in page
    mine.post(f"/case/{theirs}/do/note", {"f.note_code": "asked"})
    assert theirs in mine.get("/cases?mine=1").text and own not in other.get("/cases?mine=1").text
    assert "程别人的" in mine.get(f"/cases?mine=1&q={quote('程别人')}").text
    names = [row[3] for row in sheet(other.get("/cases?mine=1&format=xlsx").raw)]
    assert "程别人的" in names and "程自己的" not in names


def outcomes(page: Page) -> dict[str, str]:
    """Return what is said of each row of the list, by the platform's number."""
    found = re.findall(
        r'class="match match-([a-z]+)">[^<]*</span>(?: <label.*?</label>)?</td><td class="number">(\d+)</td>',
        page.text,
    )
    return {number: outcome for outcome, number in found}


def numbered(desk: Desk, case: str) -> str:
    """Return our own number of a case."""
    found = re.search(r"\d{12}-\d{2}-\d{6}-[0-9A-Z]{4}-\d{4}-.", desk.get(f"/case/{case}").text)
    assert found is not None
    return found[0]


def test_a_row_that_contradicts_the_case_is_never_linked(
    counter: Counter, desk: Desk, tmp_path: Path
) -> None:
    first = "11010519491231002X"
    second = "11010519491231102" + ric.calc_check_digit("110105194912311020")
    digits, own = receive(desk, "许数字", first), receive(desk, "许编号", first)
    full = receive(desk, "许全号", second)
    unknown = receive(desk, "许无号")
    head = [*HEAD[:1], "本地编号", *HEAD[1:]]
    rows: list[list[object]] = [
        ["33038229001", "", PERMIT, "", "许数字", "330***********9999", "已受理", "", "2026-03-02"],
        [
            "33038229002",
            numbered(desk, own),
            FELLING,
            "林木采伐许可",
            "乙别人",
            "",
            "已受理",
            "",
            "2026-03-02",
        ],
        ["33038229003", "", PERMIT, "", "别姓名", second, "已受理", "", "2026-03-02"],
        ["33038229004", "", PERMIT, "", "许无号", f"330{STARS}9999", "已受理", "", "2026-03-02"],
    ]
    raw = make(tmp_path / "contrary.xlsx", 办件=[head, *rows]).read_bytes()
    page = desk.post("/platform/list", {}, {"file": ("导出.xlsx", raw)})
    assert outcomes(page) == {
        "33038229001": "differs", "33038229002": "differs", "33038229003": "differs", "33038229004": "link",
    }  # fmt: skip
    # Both sides stand beside each other, and what is contrary is named.
    line = page.text.partition("33038229002")[2].partition("</tr>")[0]
    assert "乙别人" in line and "许编号" in line and "林木采伐许可" in line and "食品经营许可" in line
    told = {row[2]: row for row in sheet(desk.get("/platform/list?format=xlsx").raw)}
    assert told["33038229001"][1] == "不符：证件号码" and told["33038229002"][1] == "不符：申请人、事项"
    assert told["33038229003"][1] == "不符：申请人" and told["33038229003"][8] == "许全号"
    assert "已关联 1 件" in finished(desk, desk.post("/platform/link")).text
    assert [external_of(counter, case) for case in (digits, own, full)] == ["", "", ""]
    assert external_of(counter, unknown) == "33038229004"
    # Where somebody has linked it by hand all the same, the differences say so.
    enter(desk, digits, "33038229001")
    table = {(row[0], row[2]): row for row in sheet(desk.get("/platform/differences?format=xlsx").raw)}
    told_there = table["编号相同，申请人、证件或事项不同", "33038229001"][6]
    assert told_there.endswith("330***********9999")


def test_what_a_platform_hides_or_spells_otherwise_is_no_contradiction(
    counter: Counter, desk: Desk, tmp_path: Path
) -> None:
    one = "11010519491231002X"
    shown = [
        ("阿卜杜拉·买买提", "阿卜杜拉•买买提", one),
        ("艾力·吐尔逊", "艾力．吐尔逊", "110105XXXXXXXX002X"),
        ("汪某小", "汪某小", f"110105{chr(0x25CF) * 8}002X"),
        ("汪小明", "汪○明", "身份证：110105********002X"),
        ("汪大明", "汪某某", "110105491231002"),
    ]
    cases = [receive(desk, name, one) for name, _, _ in shown]
    rows: list[list[object]] = [
        [f"3303822970{at}", numbered(desk, case), "QT-9999", "平台自己的叫法", name, number, "已受理"]
        for at, (case, (_, name, number)) in enumerate(zip(cases, shown, strict=True))
    ]
    # Who is somebody else, and whose number is another one, is no more the same than before.
    others = [receive(desk, name, one) for name in ("汪别明", "汪再明")]
    rows += [
        ["33038229711", numbered(desk, others[0]), PERMIT, "", "李某某", one, "已受理"],
        ["33038229712", numbered(desk, others[1]), PERMIT, "", "汪再明", "110105XXXXXXXX0214", "已受理"],
    ]
    head = [*HEAD[:1], "本地编号", *HEAD[1:6]]
    raw = make(tmp_path / "hidden.xlsx", 办件=[head, *rows]).read_bytes()
    page = desk.post("/platform/list", {}, {"file": ("导出.xlsx", raw)})
    told = {row[2]: row for row in sheet(desk.get("/platform/list?format=xlsx").raw)}
    assert outcomes(page) == {f"3303822970{at}": "link" for at in range(5)} | {
        "33038229711": "differs", "33038229712": "differs",
    }  # fmt: skip
    assert told["33038229700"][1] == "可关联，但事项不同，请先核对", (
        "the other item is told before it is linked"
    )
    # One press links what nobody has to look at; of the others only those that somebody has compared.
    assert "关联 0 件" in page.text and "另有 5 件写法不同" in page.text
    assert "已关联 0 件" in finished(desk, desk.post("/platform/link")).text
    ticked = finished(desk, desk.post("/platform/link", {"compared": ["33038229703", "33038229711"]}))
    assert "已关联 1 件" in ticked.text
    numbers = [external_of(counter, case) for case in (*cases, *others)]
    assert numbers == ["", "", "", "33038229703", "", "", ""]


def test_what_is_hidden_altogether_is_no_sign_that_another_item_is_the_same(
    counter: Counter, desk: Desk, tmp_path: Path
) -> None:
    one = "11010519491231002X"
    cases = [receive(desk, "江全藏", one), receive(desk, "江没号"), receive(desk, "江写号", one)]
    shown = [(STARS, "*****"), ("江**", one), ("江*号", "1101..........002X")]
    rows = [
        [f"3303822973{at}", numbered(desk, case), "QT-9999", "平台自己的叫法", name, number, "已受理"]
        for at, (case, (name, number)) in enumerate(zip(cases, shown, strict=True))
    ]
    head = [*HEAD[:1], "本地编号", *HEAD[1:6]]
    raw = make(tmp_path / "all_hidden.xlsx", 办件=[head, *rows]).read_bytes()
    page = desk.post("/platform/list", {}, {"file": ("导出.xlsx", raw)})
    assert outcomes(page) == {"33038229730": "differs", "33038229731": "differs", "33038229732": "link"}


def test_a_name_without_its_dot_is_the_same_name(desk: Desk, tmp_path: Path) -> None:
    receive(desk, "哈力克·买买提")
    rows = [["33038229740", PERMIT, "", "哈力克买买提", "", "已受理", "", "2026-03-02"]]
    assert outcomes(read_list(desk, tmp_path, rows)) == {"33038229740": "link"}


def test_an_item_under_another_code_and_the_same_name_is_no_difference_either(
    desk: Desk, tmp_path: Path
) -> None:
    for at, name in enumerate(("江同名", "江异名")):
        enter(desk, receive(desk, name), f"3303822975{at}")
    with_title = ["QT-9999", "食品经营许可（新办）"]
    rows = [
        ["33038229750", *with_title, "江同名", "", "已受理", "", "2026-03-02"],
        ["33038229751", "QT-9999", "平台自己的叫法", "江异名", "", "已受理", "", "2026-03-02"],
    ]
    read_list(desk, tmp_path, rows)
    table = sheet(desk.get("/platform/differences?format=xlsx").raw)
    told = [row[2] for row in table if row[0].startswith("编号相同，申请人")]
    assert "33038229750" not in told and "33038229751" in told


def test_an_item_under_another_code_and_the_same_name_finds_the_case(desk: Desk, tmp_path: Path) -> None:
    one = "11010519491231002X"
    receive(desk, "江自编", one)
    receive(desk, "江自名")
    rows = [
        [f"3303822976{at}", "QT-9999", title, name, number, "已受理", "", "2026-03-02"]
        for at, (title, name, number) in enumerate(
            [
                ("食品经营许可（新办）", "江自编", one),
                ("食品经营许可（新办）", "江自名", ""),
                ("平台自己的叫法", "江自名", ""),
                ("", "江自名", ""),
            ]
        )
    ]
    assert outcomes(read_list(desk, tmp_path, rows)) == {
        "33038229760": "link", "33038229761": "link", "33038229762": "absent", "33038229763": "absent",
    }  # fmt: skip


def test_an_older_form_of_a_number_finds_the_case(desk: Desk, tmp_path: Path) -> None:
    receive(desk, "汪老号", "110105193803070558"[:17] + ric.calc_check_digit("110105193803070558"))
    page = read_list(
        desk, tmp_path, [["33038229720", PERMIT, "", "汪老号", "110105380307055", "已受理", "", ""]]
    )
    assert outcomes(page) == {"33038229720": "link"}


def test_a_case_that_ended_neither_bars_nor_takes_the_number_of_another_one(
    counter: Counter, desk: Desk, tmp_path: Path
) -> None:
    void, voided, back, ended = (receive(desk, name) for name in ("魏作废", "魏重录", "魏退件", "魏撤回"))
    again = {}
    second = counter.desk("C4")
    for case in (void, voided):
        assert desk.post(f"/case/{case}/do/void", {"f.reason": "duplicate"}).code == ""
        assert second.post(f"/case/{case}/do/countersign").code == ""
        assert "已作废" in desk.get(f"/case/{case}").text
    desk.post(f"/case/{back}/do/advise_and_return", {"f.reason": "other_office", "f.go_to": "林业局"})
    desk.post(f"/case/{ended}/do/withdraw", {"f.proof": "signature"})
    for name in ("魏重录", "魏退件"):
        again[name] = receive(desk, name)
    rows = [
        ["33038229101", PERMIT, "", "魏作废", "", "已受理", "", "2026-03-02"],
        ["33038229102", PERMIT, "", "魏重录", "", "已受理", "", "2026-03-02"],
        ["33038229103", PERMIT, "", "魏退件", "", "已受理", "", "2026-03-02"],
        ["33038229104", PERMIT, "", "魏撤回", "", "已受理", "", "2026-03-02"],
    ]
    found = outcomes(read_list(desk, tmp_path, rows))
    assert found == {
        "33038229101": "void", "33038229102": "link", "33038229103": "link", "33038229104": "link",
    }  # fmt: skip
    # What ended is meant on its own day alone.
    rows[3][0], rows[3][7] = "33038229105", "2026-02-20"
    assert outcomes(read_list(desk, tmp_path, rows))["33038229105"] == "absent"
    assert "已关联 2 件" in finished(desk, desk.post("/platform/link")).text
    assert external_of(counter, again["魏重录"]) == "33038229102"
    assert external_of(counter, again["魏退件"]) == "33038229103"


def test_rows_that_could_not_be_read_are_remembered(desk: Desk, tmp_path: Path) -> None:
    case, other = receive(desk, "贺读不出"), receive(desk, "贺读得出")
    enter(desk, case, "330382200000000301")
    enter(desk, other, "33038229302")
    rows: list[list[object]] = [
        [330382200000000301.0, PERMIT, "", "贺读不出", "", "已受理", "", "2026-03-02"],
        ["33038229302", PERMIT, "", "贺读得出", "", "已受理", "", "2026-03-02"],
    ]
    read_list(desk, tmp_path, rows)
    for where in ("/platform/list", "/platform/differences"):
        assert "有 1 行没读出平台编号（A3）" in desk.get(where).text, where
    table = {row[4]: row[0] for row in sheet(desk.get("/platform/differences?format=xlsx").raw)}
    assert table["贺读不出"] == "清单里没读到（有几行没读出编号）"
    rows[0][0] = "33038229399"
    read_list(desk, tmp_path, rows)
    page = desk.get("/platform/differences")
    assert "没读出平台编号" not in page.text
    table = {row[4]: row[0] for row in sheet(desk.get("/platform/differences?format=xlsx").raw) if row[1]}
    assert table["贺读不出"] == "平台清单里没有"


def test_items_are_named_in_the_language_of_the_page(counter: Counter, tmp_path: Path) -> None:
    desk = counter.desk("C1")
    case = receive(desk, "程英文")
    enter(desk, case, "33038229401")
    read_list(desk, tmp_path, [["33038229401", PERMIT, "", "别英文", "", "已受理", "", "2026-03-02"]])
    desk.post("/language", {"language": "en", "next": "/"})
    for where in ("/platform/differences", "/platform/list"):
        line = desk.get(where).text.partition(f'/case/{case}"')[2].partition("</tr>")[0]
        assert "food business permit" in line and "食品经营许可" not in line, where


def test_papers_and_legal_bases_are_named_in_the_language_of_the_page(counter: Counter) -> None:
    desk = counter.desk("C1")
    case = receive(desk, "程英文件")
    assert desk.post(f"/case/{case}/do/accept").code == ""
    papers = 'class="papers-list"'
    assert "受理通知书" in desk.get(f"/case/{case}").text.partition(papers)[2].partition("</ul>")[0]
    desk.post("/language", {"language": "en", "next": "/"})
    listed = desk.get(f"/case/{case}").text.partition(papers)[2].partition("</ul>")[0]
    assert "accept" in listed and not re.search("[\u4e00-\u9fff]", listed)
    row = desk.get("/catalogue").text.partition(f"/catalogue/{PERMIT}")[2].partition("</tr>")[0]
    assert "permit" in row and "许可" not in row
    assert "许可" not in desk.get(f"/catalogue/{PERMIT}").text.partition("<dl")[2].partition("</dl>")[0]
