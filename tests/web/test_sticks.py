"""Sticks on the screen: registered, written, read, acknowledged; strange ones are not written to."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Thread

import pytest

from ledger.errors import ConfigError
from ledger.facade import Ledger
from ledger.types import LedgerId
from stations.cli.counterday.demo import COUNTY
from stations.config import load_config
from stations.kept.stickbook import MARKER, find_sticks, register_stick, require_stick
from tests.cli.conftest import INSURANCE, Terminal, county, founded
from tests.sync.conftest import folder_of
from tests.sync.test_bundle_cli import NEW, village
from tests.web.counterdesk import Counter, Desk, Page, serving

__all__ = ["county", "founded", "village"]


@dataclass
class Two:
    """A village without a network and its county, each with the same stick."""

    village: Desk
    county: Desk
    stick: Path
    strange: Path
    hands: Terminal
    upper: Terminal


def serve(terminal: Terminal, sticks: tuple[Path, ...], stack: ExitStack) -> Counter:
    folder = folder_of(terminal)
    config = replace(
        load_config(folder), stick_dirs=tuple(str(one) for one in sticks), listen="", upstream=()
    )
    return stack.enter_context(serving(folder, clock=terminal.clock, config=config))


@pytest.fixture
def two(county: Terminal, village: Terminal, tmp_path: Path) -> Iterator[Two]:
    stick, strange = tmp_path / "stick", tmp_path / "strange"
    stick.mkdir()
    strange.mkdir()
    county.ok("bundle", "export", "--to", str(stick), "--for", NEW)
    village.ok("bundle", "import", str(stick))
    village.ok("station", "open", NEW, "--as", "W305")
    village.ok("receive", INSURANCE, "--name", "张三", "--materials", "all", "--as", "W305")
    for file in stick.iterdir():
        file.unlink()
    with ExitStack() as stack:
        below = serve(village, (stick, strange, tmp_path / "gone"), stack).desk("W305")
        above = serve(county, (stick,), stack).desk("R001")
        yield Two(village=below, county=above, stick=stick, strange=strange, hands=village, upper=county)


def finished(desk: Desk, page: Page) -> Page:
    job = re.search(r"/job/[0-9a-f]+", page.text)
    assert job, page.text
    for _ in range(400):
        page = desk.get(job.group())
        if "hx-trigger" not in page.text.partition('id="job"')[2].partition(">")[0]:
            return page
        time.sleep(0.05)
    raise TimeoutError(page.text)


def test_a_stick_goes_up_and_its_acknowledgement_comes_back(two: Two) -> None:
    path = {"path": str(two.stick)}
    page = two.village.get("/sticks")
    assert page.text.count("没有登记的 U 盘") == 2 and "/sticks/write" not in page.text
    refused = two.village.post("/sticks/write", {**path, "receiver": COUNTY})
    assert refused.code == "stick.strange" and list(two.stick.iterdir()) == []
    page = two.village.post("/sticks/register", {**path, "name": "\ufeff红色\u202e 16G"})
    assert "已登记：红色 16G" in page.text
    done = finished(two.village, two.village.post("/sticks/write", {**path, "receiver": COUNTY}))
    told = re.findall(r'<p class="told">(.*?)</p>', done.text)
    assert len(told) == 1 and "到“红色 16G”，给 " in told[0] and COUNTY not in told[0], told
    assert "签名" not in done.text.partition("<main")[2], "nothing is signed by writing a stick"
    page = two.village.get("/sticks")
    assert "还在您手上吗" in page.text and "未见回执" in page.text

    assert "红色 16G" in two.county.get("/sticks").text  # registered for the whole county
    done = finished(two.county, two.county.post("/sticks/read", path))
    assert "新收 2 条" in done.text and "写了回执 1 份" in done.text, done.text
    told = re.findall(r'<p class="told">(.*?)</p>', done.text)
    assert len(told) == 1 and told[0].startswith("来自") and NEW not in told[0], told
    assert two.county.get("/find?q=张三").code == "web.no_cases"  # a registrar reads no cases
    with Ledger.open(folder_of(two.upper), clock=two.upper.clock, write=False) as ledger:
        assert [row.applicant for row in ledger.find("张三")] == ["张三"]
    assert two.county.get("/board").text.count("（U 盘）") == 1

    done = finished(two.village, two.village.post("/sticks/read", path))
    assert re.search(r"等上级确认的 [1-9]\d* 条变为 0 条", done.text), done.text
    # One's own bundle still lies on the stick: that is nothing to worry about.
    assert "没有办成" not in done.text and "留在盘上" in done.text, done.text
    page = two.village.get("/sticks")
    assert "还在您手上吗" not in page.text and "对方已收" in page.text

    for day, silent in (("2026-03-08", False), ("2026-03-15", True)):
        two.hands.clock.set(f"{day} 09:00")
        two.county.sign_in("R001")
        board = two.county.get("/board").text
        assert "（U 盘）" in board and ("天没有联系" in board) == silent, day


def test_the_list_of_sticks_stays_true(two: Two) -> None:
    """Receipts tell what arrived, not the clock; a later stick takes the place of an earlier one."""
    path, up = {"path": str(two.stick)}, {"path": str(two.stick), "receiver": COUNTY}
    two.village.post("/sticks/register", {**path, "name": "红色 16G"})
    finished(two.village, two.village.post("/sticks/write", up))
    finished(two.village, two.village.post("/sticks/write", up))
    page = two.village.get("/sticks").text
    assert page.count("还在您手上吗") == 1 and page.count("后来又写了一份") == 1

    finished(two.county, two.county.post("/sticks/read", path))
    finished(two.village, two.village.post("/sticks/read", path))
    finished(two.village, two.village.post("/sticks/write", up))
    page = two.village.get("/sticks").text
    assert page.count("没有新记录") == 1 and page.count("对方已收") == 2 and "还在您手上吗" not in page

    # With the clock behind, the next act seems to be older than the sticks that were confirmed.
    two.hands.clock.set("2026-03-01 09:00")
    two.hands.ok("receive", INSURANCE, "--name", "李四", "--materials", "all", "--as", "W305")
    page = two.village.get("/sticks").text
    assert page.count("没有新记录") == 1 and page.count("对方已收") == 2 and "还在您手上吗" not in page
    finished(two.village, two.village.post("/sticks/write", up))
    page = two.village.get("/sticks").text
    assert page.count("还在您手上吗") == 1 and page.count("对方已收") == 2


def test_a_strange_stick_is_read_and_nothing_is_written_to_it(two: Two) -> None:
    (two.strange / "照片.jpg").write_bytes(b"\xff\xd8\xff")
    before = {file.name for file in two.strange.iterdir()}
    done = finished(two.village, two.village.post("/sticks/read", {"path": str(two.strange)}))
    assert "别的文件 1 个没有动" in done.text
    assert {file.name for file in two.strange.iterdir()} == before


def test_folders_that_are_no_stick_are_refused(two: Two) -> None:
    for path in ("/etc", str(two.stick.parent), str(two.stick.parent / "gone"), ""):
        for what in ("write", "read", "register"):
            answer = two.village.post(f"/sticks/{what}", {"path": path, "name": "x"})
            assert (answer.status, answer.code) == (422, "stick.gone"), (path, what)
    assert two.village.post("/sticks/register", {"path": str(two.stick), "name": " "}).code == "stick.name"


def test_only_a_stick_of_this_ledger_is_registered(tmp_path: Path) -> None:
    mine, other = LedgerId(bytes(32)), LedgerId(bytes(31) + b"\x01")
    (stick,) = find_sticks([str(tmp_path)], mine)
    register_stick(stick, "红色", "ab", other)
    (again,) = find_sticks([str(tmp_path)], mine)
    assert (again.name, again.stick) == ("", "")
    with pytest.raises(ConfigError) as refused:
        require_stick([again], str(tmp_path), registered=True)
    assert refused.value.code == "stick.strange"
    for raw in (b"", b"[]", b"\xff", b"[" * 4096, json.dumps({"ledger": mine.hex()}).encode()):
        (tmp_path / MARKER).write_bytes(raw)
        assert find_sticks([str(tmp_path)], mine)[0].stick == ""
    register_stick(again, "蓝色", "cd", mine)
    assert find_sticks([str(tmp_path)], mine)[0].name == "蓝色"


@pytest.mark.skipif(os.name == "nt", reason="no pipes have names on this system")
def test_what_bears_the_name_of_the_stick_s_file_and_is_none_is_not_waited_for(tmp_path: Path) -> None:
    number = LedgerId(b"\x01" * 16)
    found: dict[str, str] = {}
    for name in ("pipe", "device", "huge"):
        (tmp_path / name).mkdir()
    os.mkfifo(tmp_path / "pipe" / MARKER)
    (tmp_path / "device" / MARKER).symlink_to("/dev/zero")
    with (tmp_path / "huge" / MARKER).open("wb") as file:
        file.truncate(1 << 33)

    def ask() -> None:
        found.update({one.path: one.stick for one in find_sticks(map(str, tmp_path.iterdir()), number)})

    asking = Thread(target=ask, daemon=True)
    asking.start()
    asking.join(10)
    assert found == {str(tmp_path / name): "" for name in ("pipe", "device", "huge")}
