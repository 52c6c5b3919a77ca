"""``make screens``: pictures of every page, from a small county at work, into ``docs/screens``.

With a width behind the folder, all of each page as a screen of that width shows it, for somebody who looks
whether anything is cut or lies over something else.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
import zlib
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from ledger.facade import Home
from ledger.facade.base.clock import SystemClock
from stations.office.training import CLERK_NO, found_training
from stations.office.training import VILLAGE as PRACTICE_VILLAGE
from tests.layers import CHROMIUM_WORDS, chromium, probe_browser, probe_chinese_font
from tests.web.doubtedpage import doubted_page
from tests.web.firstpages import first_pages, first_seat, invite_by_stick, joined_pages
from tests.web.laying import lay
from tests.web.offices import (
    COUNTY,
    OTHER_VILLAGE,
    PASSPHRASE,
    PLACES,
    ROOT,
    TOWNSHIP,
    VILLAGE,
    Office,
    found,
    free_port,
)
from tests.web.pictured import DOUBTED, PLAYED, PRACTICE, STAGED
from tests.web.playedpages import played_pages, receive_known
from tests.web.routes import filled
from tests.web.seat import ALLOWANCE, Seat, take_seat

BYTES_MAX = 70_000
PRACTICE_SEAT = "practice"
PERMIT, INSURANCE, AID = "990101200012", "990103000030", "990102700027"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """One picture: file name, path of the page, who sees it, words about it."""

    name: str
    path: str
    who: str
    zh: str
    en: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Camera:
    """Where pictures go, what folder they must not name, and what width shows pages whole; 0 for none."""

    target: Path
    folder: Path
    width: int = 0


def shots(cases: Sequence[str], laid: Mapping[str, str]) -> list[Shot]:
    """Return the pictures to take."""
    samples = {
        "first": cases[0], "second": cases[1], "case": cases[0], "item": ALLOWANCE, "action": "note",
        "station": VILLAGE, **laid,
    }  # fmt: skip
    return [
        Shot(name=name, path=filled(path, samples), who=who, zh=zh, en=en)
        for name, path, who, zh, en in STAGED
    ]


def main(arguments: Sequence[str]) -> int:
    """Take every picture; return 1 where this machine cannot, or a page has none or too large a one."""
    missing = probe_browser() or probe_chinese_font()
    if missing:
        print(f"no pictures: {missing}", file=sys.stderr)
        return 1
    target = Path(arguments[0]) if arguments else ROOT / "docs" / "screens"
    width = int(arguments[1]) if len(arguments) > 1 else 0
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        offices = found(Path(folder))
        serving = [*(offices[station] for station in (COUNTY, TOWNSHIP, VILLAGE)), _practice(Path(folder))]
        browser = driver.chromium.launch(
            executable_path=chromium(), args=[*CHROMIUM_WORDS, "--disable-lcd-text"]
        )
        try:
            for office in serving:
                office.start()
            for office in serving[1:3]:
                office.run("sync", "now")
            camera = Camera(target=target, folder=Path(folder), width=width)
            taken, lacking = _take(browser, serving, camera)
            taken.append(_doubted(browser, offices[OTHER_VILLAGE], camera))
        finally:
            for office in reversed(serving):
                office.stop()
    if width:
        print(f"{len(taken)} pictures in {target}")
        return 0
    _write_gallery(target, taken)
    heavy = [path.name for path in target.glob("*.png") if path.stat().st_size > BYTES_MAX]
    print(f"{len(taken)} pictures in {target}")
    for words, names in (("too large", heavy), ("no page", lacking)):
        if names:
            print(f"{words}: {', '.join(names)}", file=sys.stderr)
    return 1 if heavy or lacking else 0


def _practice(folder: Path) -> Office:
    """Return a training ledger's only installation."""
    home = Home(folder / "practice" / "ledger")
    found_training(home, name="赵学员", passphrase=PASSPHRASE, clock=SystemClock(), randomness=os.urandom)
    (home.path.parent / "passphrase.txt").write_text(PASSPHRASE + "\n", encoding="utf-8")
    place = replace(PLACES[0], station=PRACTICE_VILLAGE)
    office = Office(place=place, folder=home.path, web_port=free_port())
    office.write_settings()
    return office


def _take(browser: Browser, serving: Sequence[Office], camera: Camera) -> tuple[list[Shot], list[str]]:
    """Take the pictures; returns those and the names of shots that no page answered."""
    county, township, village, practice = serving
    seats = {
        "V001": take_seat(browser, village),
        "T001": take_seat(browser, township),
        "T003": take_seat(browser, township),
        "C001": take_seat(browser, county),
        "R001": take_seat(browser, county),
        "": take_seat(browser, village),
        PRACTICE_SEAT: take_seat(browser, practice),
    }
    for who, seat in seats.items():
        if who:
            seat.sign_in(CLERK_NO if who == PRACTICE_SEAT else who)
    seats["phone"] = take_seat(browser, village, width=390, height=844)
    seats["phone"].sign_in("V003")
    cases = _play(seats)
    with ThreadPoolExecutor(1) as aside:
        # The browser's own loop runs in this thread.
        laying = lay((county, township, village), camera.folder, cases[1])
        laid = aside.submit(asyncio.run, laying).result()
    wanted = shots(cases, laid)
    wanted += [Shot(name=name, path=path, who=PRACTICE_SEAT, zh=zh, en=en) for name, path, zh, en in PRACTICE]
    taken = [shot for shot in wanted if _shoot(seats[shot.who], shot, camera)]
    lacking = [shot.name for shot in wanted if shot not in taken]
    # What is done for these would show on the pages before.
    taken += _played(seats, camera)
    return [*_first_day(browser, county, seats["R001"], camera), *taken], lacking


def _played(seats: Mapping[str, Seat], camera: Camera) -> list[Shot]:
    """Take the pages that come of what three people do."""
    words = {name: (zh, en) for name, zh, en in PLAYED}
    taken = []
    for seat, name in played_pages(seats["V001"], seats["T001"], seats["T003"]):
        _take_picture(seat, name, camera)
        zh, en = words[name]
        taken.append(Shot(name=name, path="", who="", zh=zh, en=en))
    return taken


def _doubted(browser: Browser, office: Office, camera: Camera) -> Shot:
    """Take the picture of a page under a clock that cannot be right."""
    name, zh, en = DOUBTED
    with doubted_page(browser, office) as seat:
        _take_picture(seat, name, camera)
    return Shot(name=name, path="", who="", zh=zh, en=en)


def _first_day(browser: Browser, county: Office, registrar: Seat, camera: Camera) -> list[Shot]:
    """Take the pages that are shown before anything is in place, then those of a village that joins."""
    taken = []
    with first_seat(browser, camera.folder / "first") as seat:
        for name, zh, en in first_pages(seat, invite_by_stick(county)):
            _take_picture(seat, name, camera)
            taken.append(Shot(name=name, path="", who="", zh=zh, en=en))
    with first_seat(browser, camera.folder / "joining") as seat:
        for where, name, zh, en in joined_pages(seat, registrar):
            _take_picture(where, name, camera)
            if where is seat:
                taken.append(Shot(name=name, path="", who="", zh=zh, en=en))
    return taken


def _shoot(seat: Seat, shot: Shot, camera: Camera) -> bool:
    """Take one picture; False for what is no page, or refused."""
    answer = seat.context.request.get(seat.office.base + shot.path)
    if (
        answer.status != 200
        or "text/html" not in answer.headers.get("content-type", "")
        or "<!doctype" not in answer.text()
    ):
        return False
    seat.go(shot.path)
    _take_picture(seat, shot.name, camera)
    return True


def _take_picture(seat: Seat, name: str, camera: Camera) -> None:
    """Take a picture of the page that is open."""
    usual = seat.page.viewport_size
    if camera.width:
        seat.page.set_viewport_size({"width": camera.width, "height": 844})
    seat.page.wait_for_load_state("load")
    seat.page.wait_for_timeout(250)
    # Folders are named as an office would name them, not after where the pictures are taken.
    seat.page.evaluate(_RENAME, [str(camera.folder), "/srv/banjian"])
    picture = seat.page.screenshot(full_page=bool(camera.width))
    (camera.target / f"{name}.png").write_bytes(picture if camera.width else packed(seat, picture))
    if usual is not None:
        seat.page.set_viewport_size(usual)


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
        # The county finds the pair.
        receive_known(seat)
    for seat in (town, village, town, village):
        seat.sync()
    return cases


def _write_gallery(target: Path, taken: Sequence[Shot]) -> None:
    lines = ["# Screens 页面", "", "Taken by `make screens` from a small made-up county at work.", ""]
    for shot in taken:
        title = shot.zh if shot.zh == shot.en else f"{shot.zh} · {shot.en}"
        lines += [f"## {title}", "", f"![{shot.zh}]({shot.name}.png)", ""]
    (target / "README.md").write_text("\n".join(lines), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
