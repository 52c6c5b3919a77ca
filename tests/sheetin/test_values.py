"""One cell in the kind of its column: what it means, or why it cannot be taken."""

from __future__ import annotations

from datetime import date

import pytest

from stations.sheetin.clean import Raw, Unclear
from stations.sheetin.columns import ListName, sheet_list, words
from stations.sheetin.values import Choice, Value, read_value


def _read(name: ListName, field: str, raw: Raw) -> Value | None:
    return read_value(sheet_list(name).column(field), raw)


@pytest.mark.parametrize(
    ("name", "field", "raw", "value"),
    [
        ("items", "base_code", "000131128000", "000131128000"),
        ("items", "base_code", 990100100001.0, "990100100001"),
        ("items", "base_code", "11990121MB0000000X4440131128000", "11990121MB0000000X4440131128000"),
        ("items", "name", 12.0, "12"),
        ("items", "receive_levels", "县级、乡（镇）；村（社区）", ("county", "township", "village")),
        ("items", "receive_levels", "县\n乡镇\n县", ("county", "township")),
        ("items", "receive_levels", "县 乡镇", ("county", "township")),
        ("items", "receive_levels", "township, bank point", ("township", "agent")),
        ("items", "receiving_points", "无", ()),
        ("items", "legal_basis", "行政许可", "许可"),
        ("items", "legal_days", 20.0, 20),
        ("items", "legal_days", "２０个工作日", 20),
        ("items", "legal_days", "20.0", 20),
        ("items", "legal_days", "无", None),
        ("items", "legal_days", "—", None),
        ("items", "promised_days", "即办", 0),
        ("items", "quota", "√", True),
        ("items", "quota", False, False),
        ("items", "quota", 1.0, True),
        ("items", "quota", "\uff2e\uff4f", False),
        ("items", "steps", "site_check2， notice7", ("site_check2", "notice7")),
        ("stations", "division", "990121001201－00", "990121001201-00"),
        ("stations", "unit", 1.0, "01"),
        ("stations", "unit", "1", "01"),
        ("stations", "unit", "a1", "A1"),
        ("stations", "upstream", 990121001000.0, "990121001000"),
        ("stations", "upstream", " 城关镇　便民服务中心", "城关镇 便民服务中心"),
        ("staff", "staff_no", "\uff36\uff10\uff10\uff11", "V001"),
        ("staff", "staff_no", 10023.0, "10023"),
        ("staff", "staff_no", "10023.0", "10023"),
        ("roster", "phone", 13800000001.0, "13800000001"),
        ("staff", "roles", "窗口/审批", ("window", "officer")),
        ("staff", "scope", "本站及下级", "below"),
        ("staff", "scope", "990121001000-00 / *", "990121001000-00/*"),
        ("staff", "scope", "城关镇便民服务中心", "城关镇便民服务中心"),
        ("staff", "name", "张\u3000三", "张三"),
        ("orders", "due_on", "2026-03-02 5:00 PM", "2026-03-02 17:00"),
        ("orders", "due_on", "2026/3/2 12:00 AM", "2026-03-02"),
        ("orders", "due_on", "2026/3/2 12:30 pm", "2026-03-02 12:30"),
        ("orders", "due_on", "2026年3月2日下午5:00", "2026-03-02 17:00"),
        ("orders", "due_on", "2026年3月2日 上午9点半", "2026-03-02 09:30"),
        ("orders", "due_on", "2026年3月2日17时30分", "2026-03-02 17:30"),
        ("orders", "due_on", "2026-03-02T17:00:59", "2026-03-02 17:00"),
        ("orders", "due_on", "2026-03-02 24:00", "2026-03-02 23:59"),
        ("orders", "due_on", "2026-03-02 24:00:00", "2026-03-02 23:59"),
        ("orders", "due_on", "2026-03-02 00:00", "2026-03-02"),
        ("orders", "due_on", "2026-03-02 下班前", "2026-03-02"),
        ("orders", "due_on", "2026-03-02 晚上12点", "2026-03-02 23:59"),
        ("orders", "due_on", "2026-03-02 晚8点", "2026-03-02 20:00"),
    ],
)
def test_meaning(name: ListName, field: str, raw: Raw, value: Value | None) -> None:
    assert _read(name, field, raw) == value


@pytest.mark.parametrize(
    ("name", "field", "raw", "code"),
    [
        ("items", "base_code", 131128000.0, "cell.code_zeros"),
        ("items", "base_code", "131128000", "cell.code_length"),
        ("items", "base_code", "甲", "cell.item_code"),
        ("items", "base_code", date(2026, 1, 2), "cell.date"),
        ("items", "name", "长" * 201, "cell.too_long"),
        ("items", "name", True, "cell.truth"),
        ("items", "legal_days", 2.5, "cell.days"),
        ("items", "legal_days", "-1", "cell.days"),
        ("items", "legal_days", 99999.0, "cell.days"),
        ("items", "legal_days", "20个自然日", "cell.days_unit"),
        ("items", "receive_levels", "县乡村", "cell.choice"),
        ("items", "quota", "也许", "cell.choice"),
        ("stations", "division", "9901210012", "cell.code_length"),
        ("stations", "division", 99012100120.0, "cell.code_zeros"),
        ("stations", "division", "东门村", "cell.division"),
        ("stations", "unit", "123", "cell.unit"),
        ("staff", "staff_no", "V 001?", "cell.staff_no"),
        ("staff", "roles", "登记员", "cell.choice"),
        ("orders", "due_on", "2026-03-02 上午17:00", "cell.day"),
        ("orders", "due_on", "2026-03-02 25:00", "cell.day"),
        ("orders", "due_on", "2026-03-02 晚上1点", "cell.day"),
    ],
)
def test_refusal(name: ListName, field: str, raw: Raw, code: str) -> None:
    with pytest.raises(Unclear) as caught:
        _read(name, field, raw)
    assert caught.value.code == code


def test_a_word_that_is_not_known_comes_with_those_that_are() -> None:
    with pytest.raises(Choice) as caught:
        _read("stations", "level", "地市")
    assert [choice.zh for choice in caught.value.choices] == ["县", "乡镇", "村", "自助终端", "银行网点"]


@pytest.mark.parametrize(
    "table", ["level", "legal_basis", "subject", "unit", "source", "role", "flag", "scope"]
)
def test_each_name_that_is_written_is_read_as_its_value(table: str) -> None:
    known = words(table)
    for value, name in known.names.items():
        assert known.value(name.zh) == known.value(name.en) == known.value(value) == value


def test_empty_cells_mean_nothing() -> None:
    for raw in ("", " \u00a0\u200b", "\u3000"):
        assert _read("items", "base_code", raw) is None
