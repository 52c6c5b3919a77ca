"""``make screens``: pictures of every page, from a small county at work, into ``docs/screens``.

Pages that this file does not name are taken as the county's registrar sees them, so that a new page has its
picture at once.
"""

from __future__ import annotations

import asyncio
import re
import sys
import tempfile
import zlib
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from ledger.calendar import local_date
from ledger.facade.clock import SystemClock
from tests.layers import CHROMIUM_WORDS, chromium, probe_browser, probe_chinese_font
from tests.sheetin.workbooks import make
from tests.web.desk import Desk
from tests.web.firstpages import first_pages, first_seat, invite_by_stick
from tests.web.furniture import ORDER_HEAD, lay_roster
from tests.web.offices import COUNTY, ROOT, TOWNSHIP, VILLAGE, Office, found
from tests.web.routes import filled, routes
from tests.web.seat import ALLOWANCE, Seat, take_seat

BYTES_MAX = 60_000
ID_NO = "11010519491231002X"
PERMIT, INSURANCE, AID = "990101200012", "990103000030", "990102700027"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """One picture: file name, path of the page, who sees it, words about it."""

    name: str
    path: str
    who: str
    zh: str
    en: str


STAGED = (
    ("sign-in", "/sign-in", "", "登录：用自己的钥匙", "Signing in with one's own key"),
    ("pin", "/pin", "V001", "短码", "The PIN"),
    ("today", "/", "V001", "今日（村）", "Today, at the village"),
    ("today-township", "/", "T001", "今日（乡镇）", "Today, at the township"),
    ("receive", "/receive?q=gl", "V001", "收件：找事项", "Receiving: the item by its initials"),
    ("receive-form", "/receive/{item}", "V001", "收件：填表", "Receiving: the form"),
    ("slip", "/case/{first}/slip", "V001", "收件凭证（80 毫米）", "The slip, 80 mm"),
    ("slip-a4", "/case/{first}/slip?paper=a4&large=1", "V001", "收件凭证（A4 大字）", "The slip, A4, large"),
    ("case", "/case/{second}", "T001", "一件的页面", "A case"),
    ("action", "/case/{second}/do/decide", "T001", "办一步", "An action"),
    ("return", "/receive/{item}/return", "V001", "当场告知退件", "Papers that go back on the spot"),
    ("cases", "/cases", "T001", "办件清单", "The list of cases"),
    ("find", "/find?q=oyxl", "V001", "到哪了？", "Where is it?"),
    ("day-clear", "/day-clear", "V001", "日清", "The day-clear list"),
    ("safe", "/safe", "V001", "是否保险", "What is safe"),
    ("more", "/more", "T001", "更多", "Everything else"),
    ("board", "/board", "C001", "各站点", "The station board"),
    ("conflicts", "/conflicts", "C001", "冲突与重复", "Conflicts and twins"),
    ("monthly", "/monthly", "C001", "月度统计", "Figures by month"),
    ("phone", "/case/{first}", "phone", "手机上", "On a phone"),
    ("roster", "/roster/{roster}", "V001", "花名册：逐人打勾或扫码", "A roster: ticked off or scanned"),
    ("roster-sign", "/roster/{roster}/sign", "V001", "花名册：一次确认", "A roster: one confirmation"),
    ("pad", "/pads/{first_pad}", "V001", "应急收据本", "An emergency pad"),
    ("document", "/case/{second}/print/{act}", "T001", "文书", "A document"),
    ("platform", "/platform", "T001", "平台补录", "Beside the provincial platform"),
    ("orders", "/orders", "T001", "12345 工单", "12345 orders"),
    ("sticks", "/sticks", "C001", "U 盘", "Sticks"),
    ("lights", "/lights", "C001", "红黄灯", "What presses, and why"),
    ("hall", "/hall", "", "大厅屏", "The hall screen"),
    ("people", "/people", "R001", "人员", "People"),
    ("enrol", "/enrol", "R001", "登记新人", "Enrolling somebody"),
    ("stations", "/stations", "R001", "站点", "Stations"),
    ("station", "/stations/{station}", "R001", "一个站点：邀请、关闭", "A station: inviting, closing"),
    ("import", "/import/staff", "R001", "从 Excel 导入", "Lists from Excel"),
    ("catalogue", "/catalogue", "R001", "事项目录", "The catalogue of items"),
    ("item", "/catalogue/{item}", "R001", "一个事项", "An item"),
    ("publish", "/publish", "R001", "发布规则", "Publishing rules"),
    ("keep", "/keep", "R001", "自检与备份", "Checks and backups"),
    ("new-keys", "/new-keys", "T003", "忘了口令：发新密钥", "A forgotten passphrase: new keys"),
    ("new-key", "/new-keys/V003", "T003", "当场发新密钥", "A new key on the spot"),
    ("leaver", "/leaver?no=V001", "R001", "离岗交接", "Who leaves hands over"),
    ("rejoin", "/join-again", "V001", "重新加入", "Joining again"),
    ("reopen", "/reopen", "R001", "恢复之后", "After a restore"),
    ("my-key", "/my-key", "", "自己的钥匙", "One's own key"),
)
"""Name, path, who sees it, words in both languages."""
ALIKE = frozenset((
    "/first-day", "/first-day/job/{job}", "/join-again/request", "/joins", "/pads", "/platform/differences",
    "/platform/list", "/rosters", "/stations/new", "/calendars",
))  # fmt: skip
"""Pages that look like one that has its picture, or are empty here."""
OF_CASES = (
    "/case",
    "/receive",
    "/roster",
    "/pads",
    "/platform",
    "/orders",
    "/lights",
    "/conflicts",
    "/day-clear",
)
"""What a registrar is not shown."""
PEOPLE = (
    ("王德福", "110105194902031000", "13900003101", "东门村一组"),
    ("陈桂芳", "110105195208171075", "13900003102", "东门村一组"),
    ("刘长根", "110105194711301143", "13900003103", "东门村二组"),
    ("杨秀珍", "110105195504121216", "13900003104", "东门村二组"),
    ("赵万山", "110105195010091280", "13900003105", "东门村三组"),
    ("古丽·买买提", "110105195806211356", "13900003106", "东门村三组"),
)


def shots(cases: Sequence[str], laid: Mapping[str, str]) -> list[Shot]:
    """Return the pictures to take: those that are staged, then every other page as who may see it does."""
    samples = {
        "first": cases[0], "second": cases[1], "case": cases[0], "item": ALLOWANCE, "action": "note",
        "station": VILLAGE, **laid,
    }  # fmt: skip
    staged = [
        Shot(name=name, path=filled(path, samples), who=who, zh=zh, en=en)
        for name, path, who, zh, en in STAGED
    ]
    shown = {_shape(shot.path.partition("?")[0]) for shot in staged}
    for method, route in routes():
        path = filled(route, samples)
        fresh = path and _shape(path) not in shown and not route.startswith(("/api/", "/events"))
        if method == "GET" and fresh:
            name = re.sub(r"[^a-z0-9]+", "-", route).strip("-")
            who = "C001" if route.startswith(OF_CASES) else "R001"
            staged.append(Shot(name=name, path=path, who=who, zh=route, en=route))
    return staged


def _shape(path: str) -> str:
    """Return a path without what differs from case to case."""
    return re.sub(r"/do/\w+$", "/do", re.sub(r"[0-9a-f]{32}", "case", path))


async def _lay(village: Office, town: Office, folder: Path, case: str) -> dict[str, str]:
    """Lay a roster, a pad and orders onto the desks; returns samples for addresses."""
    async with Desk(village) as desk:
        await desk.sign_in("V001")
        roster = await lay_roster(desk, folder, PEOPLE, title="东门村高龄津贴名单")
        for row in ("1", "2", "4"):
            await desk.post(f"/roster/{roster}/tick", {"row": row, "on": "1"})
        pad = await desk.post("/pads", {"count": "10"})
    async with Desk(town) as desk:
        await desk.sign_in("T001")
        today = local_date(SystemClock().now_ms())

        def ago(days: int) -> date:
            return today - timedelta(days)

        rows = [
            ["HL2611001", "路灯不亮", "张先生", "13900003201", ago(9), ago(1), "", ""],
            ["HL2611002", "井盖松动", "李女士", "13900003202", ago(3), ago(-1), "", ""],
            ["HL2611003", "广场噪声", "", "", ago(0), ago(-9), "", ""],
        ]  # fmt: skip
        book = make(folder / "orders.xlsx", 工单=[ORDER_HEAD, *rows])
        await desk.post("/orders", {}, files={"file": ("工单.xlsx", book.read_bytes())})
        page = (await desk.get(f"/case/{case}")).text
    act = re.findall(rf"/case/{case}/print/([0-9a-f]+)", page)[-1]
    return {"roster": roster, "first_pad": pad.where.rpartition("/")[2], "act": act}


def main(arguments: Sequence[str]) -> int:
    """Take every picture; return 1 where the machine has no browser or no Chinese face."""
    missing = probe_browser() or probe_chinese_font()
    if missing:
        print(f"no pictures: {missing}", file=sys.stderr)
        return 1
    target = Path(arguments[0]) if arguments else ROOT / "docs" / "screens"
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        offices = found(Path(folder))
        serving = [offices[station] for station in (COUNTY, TOWNSHIP, VILLAGE)]
        browser = driver.chromium.launch(
            executable_path=chromium(), args=[*CHROMIUM_WORDS, "--disable-lcd-text"]
        )
        try:
            for office in serving:
                office.start()
            for office in serving[1:]:
                office.run("sync", "now")
            taken = _take(browser, offices, target, Path(folder))
        finally:
            for office in reversed(serving):
                office.stop()
    _write_gallery(target, taken)
    heavy = [path.name for path in target.glob("*.png") if path.stat().st_size > BYTES_MAX]
    print(f"{len(taken)} pictures in {target}" + (f"; too large: {', '.join(heavy)}" if heavy else ""))
    return 1 if heavy else 0


def _take(browser: Browser, offices: dict[str, Office], target: Path, folder: Path) -> list[Shot]:
    seats = {
        "V001": take_seat(browser, offices[VILLAGE]),
        "T001": take_seat(browser, offices[TOWNSHIP]),
        "T003": take_seat(browser, offices[TOWNSHIP]),
        "C001": take_seat(browser, offices[COUNTY]),
        "R001": take_seat(browser, offices[COUNTY]),
        "": take_seat(browser, offices[VILLAGE]),
    }
    for who, seat in seats.items():
        if who:
            seat.sign_in(who)
    seats["phone"] = take_seat(browser, offices[VILLAGE], width=390, height=844)
    seats["phone"].sign_in("V003")
    cases = _play(seats)
    with ThreadPoolExecutor(1) as aside:
        # The browser's own loop runs in this thread.
        laying = _lay(offices[VILLAGE], offices[TOWNSHIP], folder, cases[1])
        laid = aside.submit(asyncio.run, laying).result()
    taken = [shot for shot in shots(cases, laid) if _shoot(seats[shot.who], shot, target, folder)]
    return [*_first_day(browser, offices[COUNTY], target, folder), *taken]


def _first_day(browser: Browser, county: Office, target: Path, folder: Path) -> list[Shot]:
    """Take the pages that are shown before anything is in place."""
    taken = []
    with first_seat(browser, folder / "first") as seat:
        for name, zh, en in first_pages(seat, invite_by_stick(county)):
            _take_picture(seat, name, target, folder)
            taken.append(Shot(name=name, path="", who="", zh=zh, en=en))
    return taken


def _shoot(seat: Seat, shot: Shot, target: Path, folder: Path) -> bool:
    """Take one picture; False for what is no page, or refused."""
    answer = seat.context.request.get(seat.office.base + shot.path)
    if (
        answer.status != 200
        or "text/html" not in answer.headers.get("content-type", "")
        or "<!doctype" not in answer.text()
    ):
        return False
    seat.go(shot.path)
    _take_picture(seat, shot.name, target, folder)
    return True


def _take_picture(seat: Seat, name: str, target: Path, folder: Path) -> None:
    """Take a picture of the page that is open."""
    seat.page.wait_for_load_state("load")
    seat.page.wait_for_timeout(250)
    # Folders are named as an office would name them, not after where the pictures are taken.
    seat.page.evaluate(_RENAME, [str(folder), "/srv/banjian"])
    (target / f"{name}.png").write_bytes(packed(seat, seat.page.screenshot()))


def packed(seat: Seat, png: bytes) -> bytes:
    """Return a picture of few colours: a third of the size, and nobody sees a difference."""
    page = seat.context.new_page()
    told = page.evaluate(_PALETTE, "data:image/png;base64," + b64encode(png).decode("ascii"))
    page.close()
    width, height, pixels = told["width"], told["height"], b64decode(told["pixels"])
    lines = b"".join(b"\0" + pixels[at * width : (at + 1) * width] for at in range(height))
    head = width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes((8, 3, 0, 0, 0))
    chunks = (
        (b"IHDR", head),
        (b"PLTE", bytes(told["palette"])),
        (b"IDAT", zlib.compress(lines, 9)),
        (b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        len(body).to_bytes(4, "big") + kind + body + zlib.crc32(kind + body).to_bytes(4, "big")
        for kind, body in chunks
    )


_RENAME = """([from, to]) => {
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) texts.currentNode.data = texts.currentNode.data.replaceAll(from, to);
}"""
_PALETTE = """async (url) => {
  const image = new Image();
  image.src = url;
  await image.decode();
  const canvas = document.createElement('canvas');
  const [width, height] = [canvas.width, canvas.height] = [image.width, image.height];
  const context = canvas.getContext('2d');
  context.drawImage(image, 0, 0);
  const data = context.getImageData(0, 0, width, height).data;
  const at = (pixel) => data[4 * pixel] << 16 | data[4 * pixel + 1] << 8 | data[4 * pixel + 2];
  const counts = new Map(), pixels = new Uint8Array(width * height);
  for (let one = 0; one < pixels.length; one += 1) counts.set(at(one), (counts.get(at(one)) || 0) + 1);
  const apart = (a, b) => [16, 8, 0].reduce((sum, by) => sum + ((a >> by & 255) - (b >> by & 255)) ** 2, 0);
  const left = new Map([...counts.keys()].map((key) => [key, Infinity])), palette = [];
  while (palette.length < 64 && left.size) {
    let next = null, most = -1;
    for (const [key, distance] of left) {
      const worth = (palette.length ? distance : 1) * Math.sqrt(counts.get(key));
      if (worth > most) [next, most] = [key, worth];
    }
    palette.push(next);
    left.delete(next);
    for (const [key, distance] of left) left.set(key, Math.min(distance, apart(key, next)));
  }
  const known = new Map(palette.map((key, index) => [key, index]));
  const nearest = (key) => palette.reduce(
    (best, other, index) => apart(key, other) < apart(key, palette[best]) ? index : best, 0);
  for (let one = 0; one < pixels.length; one += 1) {
    const key = at(one);
    if (!known.has(key)) known.set(key, nearest(key));
    pixels[one] = known.get(key);
  }
  let text = '';
  for (let from = 0; from < pixels.length; from += 8192) {
    text += String.fromCharCode(...pixels.subarray(from, from + 8192));
  }
  const bytes = palette.flatMap((key) => [key >> 16, key >> 8 & 255, key & 255]);
  return {width, height, palette: bytes, pixels: btoa(text)};
}"""
"""Keeps colours that a picture has much of, or that are far from those kept; others become the nearest."""


def _play(seats: dict[str, Seat]) -> list[str]:
    """Let the three stations work for a while; returns cases, the second one under way at the township."""
    village, town = seats["V001"], seats["T001"]
    first = village.receive("欧阳小莲")
    cases = [first, *(village.receive(name, item=item) for name, item in (
        ("买买提·艾力", ALLOWANCE), ("张建国", INSURANCE), ("李秀英", AID), ("王芳", PERMIT),
    ))]  # fmt: skip
    for case in cases[1:4]:
        village.act(case, "hand_over", to=TOWNSHIP)
    village.sync()
    for name in ("赵长河", "孙玉兰"):
        town.receive(name, item=ALLOWANCE)
    town.act(cases[1], "take_over")
    town.act(cases[1], "accept")
    town.act(cases[2], "take_over")
    for seat in (village, town):
        _receive_twin(seat)
    for seat in (town, village, town, village):
        seat.sync()
    return cases


def _receive_twin(seat: Seat) -> None:
    """Receive the same matter of the same person: the county finds the pair."""
    seat.go(f"/receive/{ALLOWANCE}")
    seat.page.locator("#applicant-name").fill("周国强")
    seat.page.locator("#applicant-id").fill(ID_NO)
    seat.tick_papers()
    seat.submit().click()
    seat.page.wait_for_url("**/slip")


def _write_gallery(target: Path, taken: Sequence[Shot]) -> None:
    lines = ["# Screens 页面", "", "Taken by `make screens` from a small made-up county at work.", ""]
    for shot in taken:
        title = shot.zh if shot.zh == shot.en else f"{shot.zh} · {shot.en}"
        lines += [f"## {title}", "", f"![{shot.zh}]({shot.name}.png)", ""]
    (target / "README.md").write_text("\n".join(lines), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
