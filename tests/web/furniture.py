"""What lies on a clerk's desk besides cases: a roster, a pad, an order, an attachment, a document, a job."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from tests.sheetin.workbooks import make
from tests.web.desk import Desk
from tests.web.seat import ALLOWANCE

ROSTER_HEAD = ("序号", "姓名", "身份证号", "手机号码", "家庭住址", "备注")
ORDER_HEAD = ("工单号", "诉求标题", "反映人", "来电号码", "派单时间", "截止时间", "承办部门", "回复内容")
ORDER = "HL990121"
WORKBOOK = "名单.xlsx"
ROSTER_TITLE = "东门金丝名单"
CHUNK = b"a scan that only the village may see"
Person = tuple[str, str, str, str]
"""Name, number, telephone, address."""


async def furnish(
    desk: Desk, folder: Path, case: str, person: Person, *, above: str, order: str = ORDER, pads: int = 3
) -> dict[str, str]:
    """Lay everything there is onto the desk of who has signed in; returns samples for addresses.

    Args:
        desk: somebody who may receive and write a note.
        folder: for workbooks.
        case: one of the station's.
        person: who stands in the roster and in the order.
        above: station to which the case is handed over for a moment, for the document of that.
        order: number of the order.
        pads: how many pads are printed; the last is the sample.
    """
    samples = {"roster": await lay_roster(desk, folder, (person,)), **await lay_upload(desk), "index": "0"}
    assert (await desk.post(f"/roster/{samples['roster']}/tick", {"row": "1", "on": "1"})).status == 303
    started = await desk.post(f"/roster/{samples['roster']}/sign", {"f.channel": "outreach"})
    assert started.where.startswith("/job/"), started.code
    samples["job"] = started.where.rpartition("/")[2]
    samples["roster"] = await lay_roster(desk, folder, (person,))
    for _ in range(pads):
        # Ordinals begin at one for every station: the last batch is nobody else's.
        pad = await desk.post("/pads", {"count": "20"})
        assert pad.status == 303, pad.code
    samples["first"] = pad.where.rpartition("/")[2]
    samples["pad"] = re.findall(r">[○✓] ([^<]+)<", (await desk.get("/pads")).text)[0]
    name, _, phone, _ = person
    orders = make(
        folder / "orders.xlsx", 工单=[ORDER_HEAD, [order, "路灯不亮", name, phone, "2026-02-27", "", "", ""]]
    )
    assert (await desk.post("/orders", {}, files={"file": ("工单.xlsx", orders.read_bytes())})).status == 303
    noted = await desk.post(f"/case/{case}/do/note", {"text": "附件"}, files={"files": ("影.txt", CHUNK)})
    assert noted.status == 303, noted.code
    for action, fields in (
        ("hand_over", {"f.to": above}),
        ("recall_hand_over", {"f.reason": "wrong_station"}),
    ):
        done = await desk.post(f"/case/{case}/do/{action}", fields)
        assert done.status == 303, done.code
    page = (await desk.get(f"/case/{case}")).text
    samples["hash"] = re.findall(rf"/case/{case}/attachment/([0-9a-f]+)", page)[0]
    samples["act"] = re.findall(rf"/case/{case}/print/([0-9a-f]+)", page)[0]
    return samples


async def lay_roster(desk: Desk, folder: Path, people: Sequence[Person], *, title: str = ROSTER_TITLE) -> str:
    """Make a roster; returns its name."""
    rows = [[at, *person, ""] for at, person in enumerate(people, 1)]
    book = make(folder / "roster.xlsx", 名单=[ROSTER_HEAD, *rows])
    sent = {"file": (WORKBOOK, book.read_bytes())}
    made = await desk.post("/rosters", {"item": ALLOWANCE, "title": title}, files=sent)
    assert made.status == 303, made.code
    return made.where.rpartition("/")[2]


async def lay_upload(desk: Desk) -> dict[str, str]:
    """Bring a file in one chunk that waits to be finished."""
    begun = await desk.post("/attach", {"file": "影.txt", "size": str(len(CHUNK))})
    upload = begun.text.partition('"upload": "')[2].partition('"')[0]
    assert upload, begun.text
    assert (await desk.put(f"/attach/{upload}/0", CHUNK)).status == 200
    return {"upload": upload}
