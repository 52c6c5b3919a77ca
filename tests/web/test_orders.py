"""12345 orders: imported by row, answered, exported in the columns in which they came."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path

import pytest
from python_calamine import CalamineWorkbook

from ledger.errors import InputError
from stations.orders import Order, answered, merged
from tests.sheetin.workbooks import make
from tests.web.counterdesk import Counter, Desk, Page, serving

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
    page = desk.post("/orders/answer", {"order_no": "HL001", "reply": "已修好", "unit": "供电所"})
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
    assert desk.post("/orders/answer", {"order_no": "HL010", "reply": "长" * 1001}).code == "order.reply"
    assert desk.post("/orders", {}, {"file": ("a.xlsx", b"no")}).code == "sheet.text_file"


def test_an_import_never_empties_what_was_answered_here() -> None:
    held = Order(order_no="1", title="a", reply="done", done_on="2026-03-01", by="x")
    orders, new, changed = merged([held], [Order(order_no="1", title="a")])
    assert (orders, new, changed) == ([held], 0, 0)
    with pytest.raises(InputError) as refused:
        merged([], [Order(order_no=str(n), title="a") for n in range(10_001)])
    assert refused.value.code == "order.too_many"
    (opened,) = answered(orders, "1", {"reply": " "}, by="y", today=date(2026, 3, 2))
    assert (opened.done_on, opened.light(date(2026, 3, 2))) == ("", "green")


def test_the_roster_s_template_is_read_back_once_filled(desk: Desk) -> None:
    raw = desk.get("/rosters/template").raw
    rows = CalamineWorkbook.from_filelike(io.BytesIO(raw)).get_sheet_by_index(0).to_python()
    assert [str(cell).rstrip("*") for cell in rows[0]] == ["姓名", "证件号码", "电话", "地址", "说明"]
