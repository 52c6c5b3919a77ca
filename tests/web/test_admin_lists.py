"""Lists from Excel, publications, backups and hand-over on pages: shown before signed, refused whole."""

from __future__ import annotations

import json
import re
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from ledger.calendars import festivals, shipped, shipped_facts
from ledger.data import shipped_items
from ledger.days.calendar import parse_calendar
from ledger.days.year import statutory_days
from ledger.facade import Command, Ledger
from ledger.lint.calendar import lint_calendar
from ledger.types import StationId
from stations.config import CONFIG_NAME
from stations.sheetin.book import open_book
from tests.sheetin.workbooks import Page, make
from tests.web.adminsite import COUNTY, TOWNSHIP, VILLAGE, Answer, Serving, Visitor, found, signer_of

FELLING = "990101400014"
"""林木采伐许可: received from the village up."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    folder = tmp_path_factory.mktemp("lists")
    home = found(folder / "county")
    with (home.path / CONFIG_NAME).open("a", encoding="utf-8") as config:
        config.write(f"backup_dir = {json.dumps(str(folder / 'backups'))}\n")
    with Ledger.open(home, write=True) as ledger:
        for name in ("吴老根", "张三"):
            ledger.perform(
                Command(
                    action="receive",
                    station=StationId(VILLAGE),
                    facts={"item": FELLING, "applicant_kind": "person", "channel": "counter"},
                    personal={"applicant": {"name": name}},
                ),
                signer_of(home, "V001"),
            )
    with Serving(home) as serving:
        yield serving


@pytest.fixture(scope="module")
def registrar(site: Serving) -> Visitor:
    visitor = Visitor(site.address)
    visitor.sign_in("R001")
    return visitor


def _size(site: Serving) -> tuple[int, int]:
    with Ledger.open(site.home, write=False) as ledger:
        return ledger.knowledge.registry.size, ledger.knowledge.catalogue.size


def _cells(answer: Answer) -> list[list[str]]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "list.xlsx"
        path.write_bytes(answer.body)
        return [[str(cell) for cell in row] for row in open_book(path).grids[0].rows]


def _book(folder: Path, rows: list[list[object]]) -> bytes:
    path = folder / "list.xlsx"
    path.unlink(missing_ok=True)
    return make(path, 表=Page(rows=rows)).read_bytes()


def _send(visitor: Visitor, kind: str, name: str, content: bytes, **fields: str) -> Answer:
    return visitor.post(f"/import/{kind}", fields, files=[("list", name, content)])


def test_stations_are_shown_then_signed_once(site: Serving, registrar: Visitor, tmp_path: Path) -> None:
    rows: list[list[object]] = [
        ["站点编号", "站点名称", "层级", "上级站点"],
        ["990121001203", "南门村便民服务站", "村", "990121001000"],
    ]
    before = _size(site)
    look = _send(registrar, "stations", "站点.xlsx", _book(tmp_path, rows))
    assert look.status == 200 and "南门村便民服务站" in look.text and _size(site) == before
    done = registrar.post(look.path, {})
    assert done.path == "/stations" and "南门村便民服务站" in done.text
    assert _size(site)[0] == before[0] + 1
    assert registrar.get(look.path).code == "web.gone"
    again = _send(registrar, "stations", "站点.xlsx", _book(tmp_path, rows))
    assert "没有需要写入的" in again.text and "<button>签名写入" not in again.text


def test_a_long_list_tells_its_progress_and_is_stopped_and_finished(
    site: Serving, registrar: Visitor, tmp_path: Path
) -> None:
    rows: list[list[object]] = [["站点编号", "站点名称", "层级", "上级站点"]]
    rows += [[f"990121{100 + n}000", f"第{n}镇", "乡镇", "990121000000"] for n in range(2, 262)]
    before = _size(site)[0]
    book = _book(tmp_path, rows)
    look = _send(registrar, "stations", "长表.xlsx", book)
    running = registrar.post(look.path, {})
    assert running.path.startswith("/job/") and "长表.xlsx" in running.text
    stopped = registrar.post(f"{running.path}/cancel", {}, page=running.path)
    for _ in range(100):
        stopped = registrar.get(running.path)
        if "已停下。" in stopped.text:
            break
        time.sleep(0.1)
    assert "已停下。" in stopped.text
    done = int(stopped.text.split('<progress value="')[1].split('"')[0])
    assert _size(site)[0] == before + done < before + 260
    rest = registrar.post(_send(registrar, "stations", "长表.xlsx", book).path, {})
    assert f'max="{260 - done}"' in rest.text
    for _ in range(600):
        page = registrar.get(rest.path).text
        if "已签署并写入" in page:
            break
        time.sleep(0.1)
    assert _size(site)[0] == before + 260
    assert _clerk(site).get(rest.path).code == "web.no_page"


def test_a_list_is_signed_to_its_end_by_who_confirmed_it_whoever_acts_meanwhile(
    site: Serving, tmp_path: Path
) -> None:
    rows: list[list[object]] = [["站点编号", "站点名称", "层级", "上级站点"]]
    rows += [[f"990121{400 + n}000", f"北{n}镇", "乡镇", "990121000000"] for n in range(60)]
    visitor = Visitor(site.address)
    visitor.sign_in("R001")
    visitor.post("/pin", {"pin": "2580", "again": "2580", "next": "/"})
    before = _size(site)[0]
    running = visitor.post(_send(visitor, "stations", "北.xlsx", _book(tmp_path, rows)).path, {})
    assert running.path.startswith("/job/")
    visitor.post("/lock", {}, page="/import/stations")
    visitor.sign_in("V001")
    for _ in range(300):
        if _size(site)[0] == before + 60:
            break
        time.sleep(0.1)
    assert _size(site)[0] == before + 60
    assert visitor.get(running.path).code == "web.no_page"  # the job is R001's alone


def _clerk(site: Serving) -> Visitor:
    clerk = Visitor(site.address)
    clerk.sign_in("V001")
    return clerk


def test_every_fault_has_its_place_and_cure(site: Serving, registrar: Visitor, tmp_path: Path) -> None:
    rows: list[list[object]] = [
        ["站点编号", "站点名称", "层级", "上级站点"],
        ["990121001204", "北门村", "月球", "990121001000"],
        ["12", "短", "村", "990121001000"],
        ["990121001205", "甲村", "村", "990121009999"],
    ]
    before = _size(site)
    look = _send(registrar, "stations", "站点.xlsx", _book(tmp_path, rows))
    assert "<button>签名写入" not in look.text and "3 处错误" in look.text
    cells = _cells(registrar.get(f"{look.path}?format=xlsx"))
    assert [row[1] for row in cells[1:]] == ["2", "3", "4"] and all(row[4] and row[5] for row in cells[1:])
    assert [row[2] for row in cells[1:]] == ["C 层级", "A 站点编号", "D 上级站点"]
    refused = registrar.post(look.path, {})
    assert refused.path == look.path and _size(site) == before


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("照片.xlsx", b"\x89PNG\r\n\x1a\n" + bytes(64), "sheet.other_format"),
        ("旧表.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "sheet.old_format"),
        ("坏.xlsx", b"PK\x03\x04" + bytes(64), "sheet.damaged"),
        ("空.xlsx", b"", "web.no_file"),
    ],
)
def test_files_that_are_no_list_are_refused_by_name(
    registrar: Visitor, name: str, content: bytes, code: str
) -> None:
    answer = _send(registrar, "staff", name, content)
    assert answer.code == code and answer.status >= 400
    if content:
        assert name in answer.text and "/tmp" not in answer.text


def test_people_without_a_request_wait(site: Serving, registrar: Visitor, tmp_path: Path) -> None:
    rows: list[list[object]] = [
        ["工号", "姓名", "站点", "岗位"],
        ["V001", "赵东门", VILLAGE[:12], "窗口、档案"],
        ["W300", "冯新来", TOWNSHIP[:12], "窗口"],
    ]
    look = _send(registrar, "staff", "花名册.xlsx", _book(tmp_path, rows))
    assert "冯新来" in look.text and "等登记申请" in look.text
    assert registrar.post(look.path, {}).path == "/people"
    with Ledger.open(site.home, write=False) as ledger:
        registry = ledger.knowledge.registry
        held = registry.staff("V001")
        assert held is not None and ("archivist", VILLAGE) in held.grants and registry.staff("W300") is None


@pytest.mark.parametrize("kind", ["items", "stations", "staff"])
def test_templates_come_back_unchanged(site: Serving, registrar: Visitor, kind: str) -> None:
    assert registrar.get(f"/import/{kind}/template").body[:2] == b"PK"
    filled = registrar.get(f"/import/{kind}/template?filled=1").body
    look = _send(registrar, kind, "模板.xlsx", filled)
    assert look.status == 200 and "没有需要写入的" in look.text, look.text[-3000:]


def test_an_item_is_published_after_its_difference_was_seen(site: Serving, registrar: Visitor) -> None:
    item = dict(next(one for one in shipped_items() if isinstance(one, dict)))
    item["promised_days"] = 1
    before = _size(site)
    look = registrar.post(
        "/publish", {}, files=[("file", "item.json", json.dumps({"items": [item]}).encode())]
    )
    assert look.status == 200 and "<ins>1</ins>" in look.text and _size(site) == before
    done = registrar.post(look.path, {})
    assert done.path == "/catalogue" and _size(site)[1] == before[1] + 1
    assert registrar.get("/catalogue/" + str(item["base_code"])).status == 200


def test_what_the_linter_finds_cannot_be_published(site: Serving, registrar: Visitor) -> None:
    item = dict(next(one for one in shipped_items() if isinstance(one, dict)))
    item["case_type"] = "moon"
    before = _size(site)
    look = registrar.post("/publish", {}, files=[("file", "x.json", json.dumps({"items": [item]}).encode())])
    assert "lint." in look.text and "<button>签名发布" not in look.text
    assert registrar.post(look.path, {}).code == "web.publish_faults" and _size(site) == before
    for content, code in (
        (b"{}", "catalogue.file"), (b"[1]", "catalogue.file"), (b"\xff\xfe", "web.file_text"),
        (b'{"items": ' + b"[" * 200_000, "catalogue.file"),
        (b'{"items": ' + b"[" * 700 + b"]" * 700 + b"}", ""),
        (b'{"items": [1]}', "catalogue.shape"), (b'{"items": 7}', "catalogue.shape"),
        (b'{"year": 2027, "days_off": 3, "make_up": [], "region": "CN", "version": 1}', ""),
    ):  # fmt: skip
        answer = registrar.post("/publish", {}, files=[("file", "x.json", content)])
        assert 400 <= answer.status < 500 and (answer.code == code or not code), content[:40]


def _next_year(**other: object) -> dict[str, object]:
    days = statutory_days(2027, festivals()[2027])
    return {
        "region": "CN", "year": 2027, "version": 1, "days_off": sorted(day.isoformat() for day in days),
        "make_up": [], "source": "国办发明电〔2026〕9号", **other,
    }  # fmt: skip


def _look(registrar: Visitor, facts: object) -> Answer:
    return registrar.post("/publish", {}, files=[("file", "2027.json", json.dumps(facts).encode())])


def test_a_calendar_is_published(site: Serving, registrar: Visitor) -> None:
    look = _look(registrar, _next_year())
    assert "2027-01-01" in look.text, look.text
    assert registrar.post(look.path, {}).path == "/calendars"
    assert "国办发明电〔2026〕9号" in registrar.get("/calendars").text


def test_a_calendar_that_works_on_a_holiday_or_doubles_a_version_is_not_published(
    site: Serving, registrar: Visitor
) -> None:
    before = _size(site)
    for facts, code, told in (
        (_next_year(year=2028, days_off=[]), "lint.calendar_statutory", "2028-05-01"),
        (_next_year(version=2, make_up=["2027-10-01"], days_off=[]), "lint.calendar_statutory", "2027-10-01"),
        (
            _next_year(region="990121", make_up=["2027-05-01"], days_off=[]),
            "lint.calendar_statutory", "2027-05-01",
        ),
        ({**shipped_facts()[-1], "make_up": []}, "lint.calendar_version", "1"),
        (shipped_facts()[-1], "lint.calendar_held", "2026"),
        ({**shipped_facts()[-1], "version": 9}, "lint.calendar_gap", "1"),
    ):  # fmt: skip
        look = _look(registrar, facts)
        assert code in look.text and told in look.text, facts
        assert registrar.post(look.path, {}).code == "web.publish_faults" and _size(site) == before


def test_what_ships_has_no_fault_and_a_region_stands_on_the_nation_s_days() -> None:
    for calendar in shipped():
        assert lint_calendar(calendar, (), festivals().get(calendar.year)) == ()
    own = parse_calendar(
        {"region": "990121", "year": 2027, "version": 1, "days_off": [], "make_up": [], "source": "x"}
    )
    assert lint_calendar(own, (), festivals()[2027]) == ()
    turned = parse_calendar(
        {
            "region": "990121",
            "year": 2027,
            "version": 1,
            "days_off": [],
            "make_up": [],
            "source": "国\u202e办",
        }
    )
    assert [one.code for one in lint_calendar(turned, (), festivals()[2027])] == ["lint.name_hidden"]


def test_an_item_whose_name_turns_the_text_is_not_published(site: Serving, registrar: Visitor) -> None:
    item = dict(next(one for one in shipped_items() if isinstance(one, dict)))
    for name in ("采\u202e伐", "采\u200b伐"):
        item["name"] = {"zh": name, "en": "felling"}
        look = _look(registrar, {"items": [item]})
        assert "lint.name_hidden" in look.text and f"U+{ord(name[1]):04X}" in look.text


def test_a_difference_is_signed_as_it_was_read(site: Serving, registrar: Visitor) -> None:
    item = dict(next(one for one in shipped_items() if isinstance(one, dict)))
    first, second = (_look(registrar, {"items": [{**item, "promised_days": days}]}) for days in (2, 3))
    seen = re.findall(r'name="seen" value="(\d+)"', first.text)[0]
    assert registrar.post(second.path, {}).path == "/catalogue"
    before = _size(site)
    moved = registrar.post(first.path, {"seen": seen})
    assert (moved.status, moved.code) == (409, "web.published_meanwhile") and _size(site) == before
    assert "<del>3</del>" in moved.text and "<ins>2</ins>" in moved.text
    assert registrar.post(first.path, {}).path == "/catalogue" and _size(site)[1] == before[1] + 1


def test_a_backup_goes_to_the_settings_folder_and_is_listed(site: Serving, registrar: Visitor) -> None:
    assert registrar.post("/keep/backup", {"folder": "relative"}, page="/keep").code == "web.backup_folder"
    inside = str(site.home.path / "b")
    for folder in (inside, f"{site.home.path.parent}/elsewhere/../{site.home.path.name}/b"):
        assert registrar.post("/keep/backup", {"folder": folder}, page="/keep").code == "backup.inside"
    (site.home.path.parent / "aside").symlink_to(site.home.path)
    beside = str(site.home.path.parent / "aside" / "b")
    assert registrar.post("/keep/backup", {"folder": beside}, page="/keep").code == "backup.inside"
    assert registrar.post("/keep/backup", {"folder": "/tmp/a\0b"}, page="/keep").code == "web.backup_folder"
    assert not list(site.home.path.glob("b"))
    done = registrar.post("/keep/backup", {"folder": ""}, page="/keep")
    assert done.path == "/keep" and done.status == 200
    kept = list((site.home.path.parent / "backups").glob("banjian-*"))
    assert len(kept) == 1 and str(kept[0]) in done.text
    assert (kept[0] / "ledger.db").stat().st_size > 0 and not list(kept[0].glob("secrets/*"))
    assert "仔细检查的结果" in registrar.post("/keep/thorough", {}, page="/keep").text


def test_who_leaves_hands_over_what_she_received(site: Serving, registrar: Visitor) -> None:
    page = registrar.get("/leaver?no=V001")
    assert page.status == 200 and page.text.count('href="/case/') == 2
    cells = _cells(registrar.get("/leaver?no=V001&format=xlsx"))
    # Who ends a key is told what it leaves behind, and not of whom it is.
    names = {"吴老根", "张三"}
    assert len(cells) == 3 and names.isdisjoint(cell for row in cells for cell in row)
    assert not [name for name in names if name in page.text]
    head = Visitor(site.address)
    head.sign_in("H001")
    assert head.get("/leaver?no=V001").text.count('href="/case/') == 2
    assert names <= {cell for row in _cells(head.get("/leaver?no=V001&format=xlsx")) for cell in row}
    assert head.get("/leaver?no=NOBODY").code == "staff.unknown"
    assert registrar.get("/leaver?no=H001").text.count('href="/case/') == 0
    assert COUNTY in registrar.get("/people").text


def test_a_clerk_sees_rules_and_keeping_but_signs_nothing(site: Serving) -> None:
    clerk = Visitor(site.address)
    clerk.sign_in("V001")
    for path in ("/catalogue", "/calendars", "/keep", "/more"):
        answer = clerk.get(path)
        assert answer.status == 200 and "/publish" not in answer.text and 'href="/people' not in answer.text
    assert (
        clerk.post("/publish", {}, files=[("file", "x.json", b"{}")], page="/more").code
        == "web.registrar_only"
    )
    assert (
        clerk.post("/import/items", {}, files=[("list", "x.xlsx", b"PK")], page="/more").code
        == "web.registrar_only"
    )


def test_who_has_left_already_still_hands_over(site: Serving, registrar: Visitor) -> None:
    # The last test of this module: V001 signs nothing any more.
    gone = {"reason": "retired", "sure": "1"}
    assert registrar.post("/people/V001/retire", gone, page="/people/V001").path == "/people"
    with Ledger.open(site.home, write=False) as ledger:
        assert ledger.knowledge.registry.staff("V001") is None
    choices = registrar.get("/leaver").text
    assert 'value="V001"' in choices and "密钥已停用" in choices
    page = registrar.get("/leaver?no=V001")
    assert page.status == 200 and page.text.count('href="/case/') == 2
    assert len(_cells(registrar.get("/leaver?no=V001&format=xlsx"))) == 3


def test_a_registrar_is_told_that_cases_are_not_hers(site: Serving, registrar: Visitor) -> None:
    today = registrar.get("/").text
    assert "登记员管人员、站点和目录，不看群众的办件" in today and 'href="/more"' in today
    assert 'action="/find"' not in today and 'href="/cases"' not in today and "张三" not in today
    for path in (
        "/cases",
        "/cases?closed=1&format=xlsx",
        "/find?q=张三",
        "/lights",
        "/conflicts",
        "/platform",
    ):
        refused = registrar.get(quote(path, safe="/?=&"))
        assert refused.code == "web.no_cases" and "张三" not in refused.text, path
    # counts name nobody
    assert registrar.get("/board").status == registrar.get("/monthly").status == 200
