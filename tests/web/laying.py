"""What lies on the desks of the small county when its pages are pictured: lists, pads, files sent."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path

from ledger.data import shipped_items
from ledger.days.calendar import local_date
from ledger.facade.base.clock import SystemClock
from tests.sheetin.workbooks import make
from tests.web.desk import Desk
from tests.web.furniture import ORDER_HEAD, Person, lay_roster
from tests.web.offices import TOWNSHIP, VILLAGE, Office
from tests.web.seat import ALLOWANCE

PLATFORM_HEAD = (
    "平台办件编号", "事项编码", "事项名称", "申请人", "证件号码", "办件状态", "办理结果", "受理时间",
)  # fmt: skip
PEOPLE = (
    ("王德福", "110105194902031000", "13900003101", "东门村一组"),
    ("陈桂芳", "110105195208171075", "13900003102", "东门村一组"),
    ("刘长根", "110105194711301143", "13900003103", "东门村二组"),
    ("杨秀珍", "110105195504121216", "13900003104", "东门村二组"),
    ("赵万山", "110105195010091280", "13900003105", "东门村三组"),
    ("古丽·买买提", "110105195806211356", "13900003106", "东门村三组"),
)


async def lay(offices: Sequence[Office], folder: Path, case: str) -> dict[str, str]:
    """Lay everything onto the desks of county, township and village; returns samples for addresses.

    Args:
        offices: these three, at work.
        folder: for workbooks.
        case: one with a document, held at the township.
    """
    county, town, village = offices
    return {
        **await _at_village(village, folder),
        **await _at_township(town, folder, case),
        **await _at_county(county, folder),
    }


async def _at_village(village: Office, folder: Path) -> dict[str, str]:
    async with Desk(village) as desk:
        await desk.sign_in("V001")
        signed = await _ticked(desk, folder, PEOPLE[:4], "东门村春节慰问名单", ("1", "2", "3", "4"))
        started = await desk.post(f"/roster/{signed}/sign", {"f.channel": "outreach"})
        roster = await _ticked(desk, folder, PEOPLE, "东门村高龄津贴名单", ("1", "2", "4"))
        pad = await desk.post("/pads", {"count": "10"})
    job = started.where.rpartition("/")[2]
    return {"roster": roster, "signed": signed, "job": job, "first_pad": pad.where.rpartition("/")[2]}


async def _ticked(desk: Desk, folder: Path, people: Sequence[Person], title: str, rows: Sequence[str]) -> str:
    roster = await lay_roster(desk, folder, people, title=title)
    for row in rows:
        await desk.post(f"/roster/{roster}/tick", {"row": row, "on": "1"})
    return roster


async def _at_township(town: Office, folder: Path, case: str) -> dict[str, str]:
    today = local_date(SystemClock().now_ms())

    def ago(days: int) -> date:
        return today - timedelta(days)

    orders = [
        ["HL2611001", "路灯不亮", "张先生", "13900003201", ago(9), ago(1), "", ""],
        ["HL2611002", "井盖松动", "李女士", "13900003202", ago(3), ago(-1), "", ""],
        ["HL2611003", "广场噪声", "", "", ago(0), ago(-9), "", ""],
    ]
    listed = [
        [f"3303822611{at:04}", ALLOWANCE, "高龄津贴申领", name, "", "已受理", "", today]
        for at, name in enumerate(("买买提·艾力", "赵长河", "孙玉兰", "周国强", "何不在"), 1)
    ]
    async with Desk(town) as desk:
        await desk.sign_in("T001")
        book = make(folder / "orders.xlsx", 工单=[ORDER_HEAD, *orders])
        await desk.post("/orders", {}, files={"file": ("工单.xlsx", book.read_bytes())})
        page = (await desk.get(f"/case/{case}")).text
        book = make(folder / "listed.xlsx", 办件=[PLATFORM_HEAD, *listed])
        await desk.post("/platform/list", {}, files={"file": ("平台导出.xlsx", book.read_bytes())})
    return {"act": re.findall(rf"/case/{case}/print/([0-9a-f]+)", page)[-1]}


async def _at_county(county: Office, folder: Path) -> dict[str, str]:
    staff = [
        ["V021", "高小满", VILLAGE, "收件员"],
        ["V022", "", VILLAGE, "收件员"],
        ["T021", "罗一平", TOWNSHIP, "看门"],
    ]
    item = next(
        dict(one) for one in shipped_items() if isinstance(one, dict) and one["base_code"] == ALLOWANCE
    )
    item |= {
        "promised_days": 3,
        "name": {"zh": "高龄津贴申领（八十周岁以上）", "en": "Allowance for the aged"},
    }
    async with Desk(county) as desk:
        await desk.sign_in("R001")
        invited = await desk.post(
            f"/stations/{VILLAGE}/invite", {"addresses": "", "days": "30", "role": "window"}
        )
        book = make(folder / "staff.xlsx", 人员=[["工号", "姓名", "站点", "岗位"], *staff])
        looked = await desk.post("/import/staff", {}, files={"list": ("人员.xlsx", book.read_bytes())})
        sent = {"file": ("事项.json", json.dumps({"items": [item]}).encode())}
        news = await desk.post("/publish", {}, files=sent)
    words = {"invite": invited, "list": looked, "news": news}
    return {name: answer.where.rpartition("/")[2] for name, answer in words.items()}
