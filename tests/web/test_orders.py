"""12345 orders: imported by row, answered, exported in the columns in which they came."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from pathlib import Path

import pytest
from python_calamine import CalamineWorkbook

from ledger.errors import BanjianError, InputError
from ledger.facade import Home
from stations.kept.orders import Order, answered, keep_orders, load_orders, merged
from stations.kept.sealed import SealedFolder
from tests.sheetin.workbooks import make
from tests.web.counterdesk import Counter, Desk, Page, serving

TODAY = date(2026, 3, 2)
HEAD = ["工单号", "诉求标题", "反映人", "来电号码", "派单时间", "截止时间", "承办部门", "回复内容"]


@pytest.fixture(scope="module")
def counter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Counter]:
    with serving(tmp_path_factory.mktemp("orders") / "county") as one:
        yield one


@pytest.fixture(scope="module")
def desk(counter: Counter) -> Desk:
    return counter.desk("T1")


def imported(desk: Desk, tmp_path: Path, rows: Sequence[Sequence[object]]) -> Page:
    raw = make(tmp_path / "orders.xlsx", 工单=[HEAD, *rows]).read_bytes()
    return desk.post("/orders", {}, {"file": ("工单.xlsx", raw)})


def answer(desk: Desk, number: str, **fields: str) -> Page:
    """Answer an order as it stands on the page now."""
    form = desk.get("/orders?closed=1").text.partition(f'name="order_no" value="{number}"')[2]
    version = form.partition('name="version" value="')[2].partition('"')[0]
    return desk.post("/orders/answer", {"order_no": number, "version": version, **fields})


def test_orders_come_in_are_answered_and_go_out(counter: Counter, desk: Desk, tmp_path: Path) -> None:
    page = imported(
        desk,
        tmp_path,
        [
            ["HL001", "路灯不亮", "张三", "13800001111", "2026-02-27", "2026-03-01", "", ""],
            ["HL002", "垃圾没收", "", "", "2026-03-02 08:30", "2026-03-03", "城关镇", ""],
            ["HL002", "垃圾没收", "", "", "", "", "", ""],
            ["HL003", "", "", "", "", "", "", ""],
            ["HL004", "占道", "", "", "昨天", "2026-03-20", "", ""],
        ],
    )
    assert "HL002 在第 3 行已出现过" in page.text and "B5" in page.text and "E6" in page.text
    assert "新增 3 件" in page.text
    page = desk.get("/orders")
    assert page.text.index("HL001") < page.text.index("HL002") < page.text.index("HL004")
    assert [colour in page.text for colour in ("light-red", "light-yellow", "light-green")] == [True] * 3
    page = answer(desk, "HL001", reply="已修好", unit="供电所")
    assert "路灯不亮" not in page.text and "已答复 1 / 3" in page.text
    assert "已修好" in desk.get("/orders?closed=1").text
    again = imported(desk, tmp_path, [["HL001", "路灯不亮（催）", "", "", "", "", "", ""]])
    assert "新增 0 件，更新 1 件" in again.text
    raw = desk.get("/orders?format=xlsx").raw
    rows = CalamineWorkbook.from_filelike(io.BytesIO(raw)).get_sheet_by_index(0).to_python()
    line = next(row for row in rows if row[0] == "HL001")
    assert line[1] == "路灯不亮（催）" and "已修好" in line and "13800001111" in line
    exported = desk.post("/orders", {}, {"file": ("again.xlsx", raw)})
    assert "新增 0 件，更新 0 件" in exported.text
    other = counter.desk("C1")
    assert "HL002" not in other.get("/orders?closed=1").text
    files = list((counter.folder / "orders").iterdir())
    assert files and all("路灯".encode() not in file.read_bytes() for file in files)


def test_what_does_not_hold_is_refused(desk: Desk, tmp_path: Path) -> None:
    assert desk.post("/orders/answer", {"order_no": "nobody", "reply": "x"}).code == "order.none"
    imported(desk, tmp_path, [["HL010", "长", "", "", "", "", "", ""]])
    assert answer(desk, "HL010", reply="长" * 1001).code == "order.reply"
    assert desk.post("/orders", {}, {"file": ("a.xlsx", b"no")}).code == "sheet.text_file"


def test_an_import_never_empties_what_was_answered_here() -> None:
    held = Order(order_no="1", title="a", reply="done", done_on="2026-03-01", by="x")
    orders, new, changed = merged([held], [Order(order_no="1", title="a")], today=TODAY)
    assert (orders, new, changed) == ([held], 0, 0)
    with pytest.raises(InputError) as refused:
        merged([], [Order(order_no=str(n), title="a") for n in range(10_001)], today=TODAY)
    assert refused.value.code == "order.too_many"


def test_an_old_reply_of_a_list_never_replaces_an_answer_given_here() -> None:
    held = Order(
        order_no="1", title="a", reply="已修好", done_on="2026-03-01", by="王芳", at="2026-03-01 09:00"
    )
    listed = Order(order_no="1", title="a", reply="已转供电所", state="办理中")
    ((order,), _, changed) = merged([held], [listed], today=TODAY)
    assert (order.reply, order.by, order.listed_reply, changed) == ("已修好", "王芳", "已转供电所", 1)
    assert [(one.reply, one.by, one.at) for one in order.earlier] == [("已修好", "王芳", "2026-03-01 09:00")]
    ((again,), _, unchanged) = merged([order], [listed], today=TODAY)
    assert (again, unchanged) == (order, 0)
    ((agreeing,), _, _) = merged([order], [Order(order_no="1", title="a", reply="已修好")], today=TODAY)
    assert agreeing.listed_reply == ""


def test_an_order_that_is_sent_out_again_is_open_again_and_keeps_its_answers() -> None:
    held = Order(
        order_no="1", title="a", assigned_on="2026-02-20", due_on="2026-02-25", state="已办结",
        reply="已修好", done_on="2026-02-24", by="王芳", at="2026-02-24 09:00", version=1,
    )  # fmt: skip
    stale = Order(
        order_no="1", title="a", assigned_on="2026-02-20 08:30", due_on="2026-02-25", state="办理中"
    )
    ((same,), _, _) = merged([held], [stale], today=TODAY)
    assert (same.done_on, same.reply) == ("2026-02-24", "已修好"), "drawn up before the answer arrived"
    again = Order(
        order_no="1", title="a", assigned_on="2026-03-01", due_on="2026-03-01", state="重办", reply="已修好"
    )
    ((open_,), _, changed) = merged([held], [again], today=TODAY)
    assert (open_.done_on, open_.reply, open_.by, changed) == ("", "", "", 1)
    assert open_.light(TODAY) == "red" and open_.due_on == "2026-03-01" and open_.version == 2
    assert [(one.reply, one.by) for one in open_.earlier] == [("已修好", "王芳")]
    (done,) = answered([open_], "1", {"reply": "换了灯", "version": "2"}, by="李强", at="2026-03-02 10:00")
    ((still,), _, _) = merged([done], [again], today=TODAY)
    assert (still.done_on, still.reply) == ("2026-03-02", "换了灯"), "the same list once more opens nothing"


def test_a_reply_that_came_with_a_list_stands_under_nobody_s_name() -> None:
    ((order,), new, _) = merged([], [Order(order_no="1", title="a", reply="已回访")], today=TODAY)
    assert (new, order.by, order.done_on) == (1, "", "")
    ((ended,), _, _) = merged([order], [Order(order_no="1", title="a", state="已办结")], today=TODAY)
    assert (ended.done_on, ended.light(TODAY), ended.by) == ("2026-03-02", "done", "")
    ((open_,), _, _) = merged([], [Order(order_no="2", title="b", state="已办结")], today=TODAY)
    assert open_.done_on == ""


def test_an_answer_is_taken_back_on_purpose_and_kept() -> None:
    held = Order(order_no="1", title="a", reply="已修好", done_on="2026-03-01", by="王芳", version=3)
    for told, code in (
        ({"reply": "改", "version": "2"}, "order.moved_on"),
        ({"reply": "改"}, "order.moved_on"),
        ({"reply": " ", "version": "3"}, "order.empty"),
    ):
        with pytest.raises(BanjianError) as refused:
            answered([held], "1", told, by="李强", at="2026-03-02 10:00")
        assert refused.value.code == code
    told = {"reply": "", "version": "3", "reopen": "1"}
    (opened,) = answered([held], "1", told, by="李强", at="2026-03-02 10:00")
    assert (opened.reply, opened.done_on, opened.light(TODAY), opened.version) == ("", "", "", 4)
    assert [(one.reply, one.by) for one in opened.earlier] == [("已修好", "王芳")]


def test_a_limit_that_is_not_known_shows_no_light() -> None:
    assert Order(order_no="1", title="a").light(TODAY) == ""
    assert Order(order_no="1", title="a", due_on="2026-03-20").light(TODAY) == "green"


def test_a_limit_has_the_time_that_the_list_gives_it() -> None:
    order = Order(order_no="1", title="a", due_on="2026-03-02 17:00")
    assert [order.light(TODAY, time=time) for time in ("09:00", "17:00", "17:01")] == ["yellow"] * 2 + ["red"]
    assert order.light(date(2026, 3, 3), time="08:00") == "red" and order.light(date(2026, 2, 1)) == "green"


def test_orders_go_back_in_the_columns_in_which_they_came(desk: Desk, tmp_path: Path) -> None:
    head = ["回复内容", "截止时间", "工单号", "诉求标题"]
    rows: list[list[object]] = [
        ["", "2026-03-9 17:30", "HL030", "路面塌陷"],
        ["", datetime(2026, 3, 10, 18, 0), "HL031", "井盖松动"],
        ["", "2026年3月1日9时", "HL032", "树枝挡路"],
        ["", "2026-3-2 17:00", "HL033", "污水外溢"],
    ]
    raw = make(tmp_path / "own.xlsx", 工单=[head, *rows]).read_bytes()
    page = desk.post("/orders", {}, {"file": ("工单.xlsx", raw)})
    assert "期限 2026-03-09 17:30" in page.text and "期限 2026-03-01 09:00" in page.text
    answer(desk, "HL030", reply="已围挡", unit="交通所")
    raw = desk.get("/orders?format=xlsx").raw
    told = CalamineWorkbook.from_filelike(io.BytesIO(raw)).get_sheet_by_index(0).to_python()
    ours = ["来电人", "联系电话", "派单日期", "承办单位", "办理状态", "满意度"]
    assert [str(cell) for cell in told[0]] == [*head, *ours]
    line = {str(row[2]): [str(cell) for cell in row] for row in told}
    assert (
        line["HL030"][:4] == ["已围挡", "2026-03-09 17:30", "HL030", "路面塌陷"] and "交通所" in line["HL030"]
    )
    assert (line["HL031"][1], line["HL033"][1]) == ("2026-03-10 18:00", "2026-03-02 17:00")
    again = desk.post("/orders", {}, {"file": ("again.xlsx", raw)})
    assert "新增 0 件，更新 0 件" in again.text


def test_what_is_not_understood_behind_a_day_is_told(desk: Desk, tmp_path: Path) -> None:
    rows: list[list[object]] = [
        ["HL041", "路灯不亮", "2026-03-9 下班前"],
        ["HL042", "积水", "2026-03-9 下午5:00"],
    ]
    raw = make(tmp_path / "rest.xlsx", 工单=[["工单号", "诉求标题", "截止时间"], *rows]).read_bytes()
    page = desk.post("/orders", {}, {"file": ("工单.xlsx", raw)})
    assert "后面的“下班前”不认得" in page.text and page.text.count("不认得") == 1
    assert "期限 2026-03-09 17:00" in page.text


def test_who_saves_later_sees_both_texts(counter: Counter, desk: Desk, tmp_path: Path) -> None:
    raw = make(
        tmp_path / "two.xlsx", 工单=[["单号", "诉求内容", "办结时限"], ["HL020", "井盖", "2026-03-09"]]
    ).read_bytes()
    page = desk.post("/orders", {}, {"file": ("工单.xlsx", raw)})
    assert "期限 2026-03-09" in page.text
    other = counter.desk("T2")
    answer(other, "HL020", reply="先到的答复", version="0")
    page = desk.post("/orders/answer", {"order_no": "HL020", "version": "0", "reply": "后到的答复"})
    assert (page.status, page.code) == (409, "order.moved_on")
    assert "先到的答复" in page.text and ">后到的答复</textarea>" in page.text
    answer(desk, "HL020", reply="合并的答复")
    page = desk.get("/orders?closed=1")
    assert "合并的答复" in page.text and "先到的答复" in page.text and "后到的答复" not in page.text


def test_a_kept_list_of_an_older_program_is_read(tmp_path: Path, counter: Counter) -> None:
    folder = SealedFolder(Home(counter.folder), "orders", lambda size: bytes(size))
    old = [{"order_no": "1", "title": "a", "reply": "x", "by": "y", "done_on": "2026-03-01"}]
    folder.keep("list-old", json.dumps(old).encode())
    (order,) = load_orders(folder, "old")
    assert (order.by, order.version, order.earlier) == ("y", 0, ())
    keep_orders(folder, "old", merged([order], [Order(order_no="1", title="b", state="z")], today=TODAY)[0])
    (read,) = load_orders(folder, "old")
    assert (read.title, read.version, [one.reply for one in read.earlier]) == ("b", 1, ["x"])


def test_the_roster_s_template_is_read_back_once_filled(desk: Desk) -> None:
    raw = desk.get("/rosters/template").raw
    rows = CalamineWorkbook.from_filelike(io.BytesIO(raw)).get_sheet_by_index(0).to_python()
    assert [str(cell).rstrip("*") for cell in rows[0]] == ["姓名", "证件号码", "电话", "地址", "说明"]


def test_a_sheet_of_orders_that_is_not_read_is_told(desk: Desk, tmp_path: Path) -> None:
    rows = [[f"TW00{number}", "路灯不亮", "", "", "", "", "", ""] for number in (1, 2)]
    raw = make(tmp_path / "two.xlsx", 工单=[HEAD, rows[0]], 补派=[HEAD, rows[1]]).read_bytes()
    page = desk.post("/orders", {}, {"file": ("工单.xlsx", raw)})
    assert "TW001" in page.text and "TW002" not in page.text
    assert "「补派」" in page.text and "没有读" in page.text and "处读不进来" not in page.text


def test_columns_of_the_office_s_own_go_back_as_they_came(desk: Desk, tmp_path: Path) -> None:
    head = ["序号", "工单号", "网格", "诉求标题", "备注", "备注", "登记日", "派单时间", "受理时间"]
    rows: list[list[object]] = [
        [1, "HL050", "=1+1", "路面塌陷", "急 ", "+86", datetime(2026, 3, 9), "2026-03-01", "2026-02-28"],
        [2, "HL051", "@网格", "井盖松动", "", "-3", datetime(2026, 3, 9, 8, 5), "2026-03-01", ""],
        [3, "HL052", "长" * 100, "占道", "", "", "", "", ""],
    ]
    raw = make(tmp_path / "own.xlsx", 工单=[head, *rows]).read_bytes()
    desk.post("/orders", {}, {"file": ("工单.xlsx", raw)})
    # A later list without those columns, and with one more, empties none of them.
    more = make(tmp_path / "more.xlsx", 工单=[["工单号", "诉求标题", "回访员"], ["HL051", "井盖松动", "钱"]])
    desk.post("/orders", {}, {"file": ("工单.xlsx", more.read_bytes())})
    told = taken_away(desk)
    assert [row[told[0].index("回访员")] for row in told if "HL051" in row] == ["钱"]
    assert "网格" in told[0] and "=1+1" in str(told)
    desk.post("/orders", {}, {"file": ("工单.xlsx", raw)})
    told = taken_away(desk)
    assert told[0][: len(head)] == head and told[0].count("回访员") == 1
    lines = {row[1]: row for row in told}
    days = ["2026-03-09", "2026-03-01", "2026-02-28"]
    assert lines["HL050"][:9] == ["1", "HL050", "=1+1", "路面塌陷", "急 ", "+86", *days]
    assert lines["HL051"][2:7] == ["@网格", "井盖松动", "", "-3", "2026-03-09 08:05"]
    assert lines["HL052"][2] == "长" * 100 and lines["HL051"][told[0].index("回访员")] == "钱"
    again = desk.post("/orders", {}, {"file": ("again.xlsx", desk.get("/orders?format=xlsx").raw)})
    assert "新增 0 件，更新 0 件" in again.text


def test_columns_that_mean_the_same_and_long_headings_go_back_too(desk: Desk, tmp_path: Path) -> None:
    """The hotline's list has three days and three people; one of each is read."""
    long = "是否属于" + "重复诉求、联名诉求或者历史遗留问题" * 3
    head = ["工单号", "诉求标题", "派单时间", "交办时间", "受理时间", "诉求人", "反映人", "联系人", long]
    row = ["HL060", "路灯不亮", "2026-03-01", "2026-03-02", "2026-03-03", "甲", "乙", "丙", "否"]
    raw = make(tmp_path / "same.xlsx", 工单=[head, row]).read_bytes()
    desk.post("/orders", {}, {"file": ("工单.xlsx", raw)})
    told = taken_away(desk)
    assert told[0][: len(head)] == head
    assert [line[: len(head)] for line in told if "HL060" in line] == [row]
    again = desk.post("/orders", {}, {"file": ("again.xlsx", desk.get("/orders?format=xlsx").raw)})
    assert "新增 0 件，更新 0 件" in again.text


def taken_away(desk: Desk) -> list[list[str]]:
    """Return the cells of the list as Excel, which must all be texts: no formula, no number."""
    raw = desk.get("/orders?format=xlsx").raw
    with zipfile.ZipFile(io.BytesIO(raw)) as packed:
        sheet = packed.read("xl/worksheets/sheet1.xml").decode()
    assert "<f>" not in sheet and sheet.count("<v>") == sheet.count('t="s"')
    return CalamineWorkbook.from_filelike(io.BytesIO(raw)).get_sheet_by_index(0).to_python()
