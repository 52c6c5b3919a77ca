"""A village, its township and the county without any network: everything goes by sticks, by real commands."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from ledger.facade import Home
from stations.cli.counterday.demo import COUNTY
from tests.cli.conftest import ITEM, Terminal
from tests.sync.conftest import folder_of

TOWN, VILLAGE = "990121003000-00", "990121003001-00"


def joined(county: Terminal, station: str, name: str, level: str, upstream: str, staff: str) -> Terminal:
    """Let a station join by stick; it holds nothing yet."""
    place = folder_of(county).parent / level
    file, request, answer = (str(place.with_suffix(f".{end}")) for end in ("invite", "request", "answer"))
    county.ok(
        "invite", "station", station, "--name", name, "--level", level, "--upstream", upstream, "--address",
        "https://127.0.0.1:9", "--out", file, "--as", "R001", "--role", "window", "--role", "officer",
    )  # fmt: skip
    made = Terminal(clock=county.clock)
    made.ok("join", file, str(place), "--yes", "--staff", staff, "--request-out", request)
    county.ok("join", "take", request, "--answer-out", answer)
    made.ok("join", "finish", answer, str(place))
    made.folder = place
    return made


@pytest.fixture
def town(county: Terminal) -> Terminal:
    return joined(county, TOWN, "北关镇便民服务中心", "township", COUNTY, "T301=北关乙")


@pytest.fixture
def village(county: Terminal, town: Terminal) -> Terminal:
    made = joined(county, VILLAGE, "北关村便民服务站", "village", TOWN, "W301=北关甲")
    county.ok("join", "approve", "--all", "--as", "R001")
    return made


def write(at: Terminal, stick: Path, *words: str) -> list[Path]:
    stick.mkdir(exist_ok=True)
    done = at.ok("bundle", "export", "--to", str(stick), "--json", *words).json
    return [Path(one["file"]) for one in done["files"]]


def take(at: Terminal, *paths: Path) -> dict:
    return at.ok("bundle", "import", *(str(one) for one in paths), "--json").json


def levels(at: Terminal) -> dict[str, int]:
    """What ``sync status`` says waits at each station above."""
    return {one["station"]: one["waiting"] for one in at.ok("sync", "status", "--json").json["levels"]}


def test_a_case_goes_from_village_to_township_to_county_and_back(
    county: Terminal, town: Terminal, village: Terminal, tmp_path: Path
) -> None:
    parts = write(county, tmp_path / "founding", "--for", TOWN, "--part-kib", "16")
    assert len(parts) > 2
    early = town.run("bundle", "import", *(str(one) for one in reversed(parts[1:])), "--json")
    assert early.code == 1 and early.json["missing_logs"] and early.json["missing_parts"]
    assert take(town, *reversed(parts))["complete"]
    first = write(town, tmp_path / "first", "--for", VILLAGE)
    assert take(village, *first)["complete"] and take(village, *first)["new"] == 0
    town.ok("station", "open", TOWN, "--as", "T301")
    village.ok("station", "open", VILLAGE, "--as", "W301")
    number = village.ok("receive", ITEM, "--name", "张三", "--materials", "all", "--as", "W301").number
    for lost in write(village, tmp_path / "lost"):
        lost.unlink()
    village.ok("hand-over", number, "--to", TOWN, "--as", "W301")
    up = write(village, tmp_path / "up")
    assert take(town, *up)["new"] == 3 and take(town, *up)["new"] == 0
    assert levels(village) == {TOWN: 3, COUNTY: 3}
    take(village, tmp_path / "up")
    assert levels(village) == {TOWN: 0, COUNTY: 3}
    town.ok("take-over", number, "--as", "T301")
    town.ok("accept", number, "--as", "T301")
    town.ok("hand-over", number, "--to", COUNTY, "--as", "T301")
    write(town, tmp_path / "to county")
    assert take(county, tmp_path / "to county")["complete"]
    county.ok("take-over", number, "--as", "C001")
    county.ok("hand-over", number, "--to", VILLAGE, "--as", "C001")
    old = write(county, tmp_path / "county 1", "--for", TOWN)
    county.ok("bundle", "import", str(tmp_path / "to county"))
    new = write(county, tmp_path / "county 2", "--for", TOWN)
    assert take(town, *new)["complete"] and take(town, *old)["complete"]
    write(town, tmp_path / "home", "--for", VILLAGE)
    assert take(village, tmp_path / "home")["complete"]
    assert levels(village) == {TOWN: 0, COUNTY: 0} and levels(town) == {COUNTY: 0}
    assert "县已收：3 条，全部" in village.ok("sync", "status").out
    village.ok("take-over", number, "--as", "W301")
    write(village, tmp_path / "last")
    assert take(town, tmp_path / "last")["complete"]
    write(town, tmp_path / "last county")
    assert take(county, tmp_path / "last county")["complete"]
    seen = [
        [step["action"] for step in at.ok("show", number, "--json").json["steps"]]
        for at in (village, town, county)
    ]
    assert seen[0] == seen[1] == seen[2]
    assert seen[0] == [
        "receive", "hand_over", "take_over", "accept", "hand_over", "take_over", "hand_over", "take_over",
    ]  # fmt: skip


def test_a_county_older_than_sticks_enrols_its_key(county: Terminal, town: Terminal, tmp_path: Path) -> None:
    county.ok("join", "approve", "--all", "--as", "R001")
    take(town, *write(county, tmp_path / "before", "--for", TOWN))
    held = county.ok("bundle", "key", "--as", "R001", "--json").json
    assert not held["enrolled_now"]
    # The machine never had a key, or lost it: a new one is enrolled, and a second call changes nothing.
    secret = Home(folder_of(county)).secrets_dir / f"bundle-{COUNTY}.key"
    shutil.move(secret, tmp_path / "lost.key")
    made = county.ok("bundle", "key", "--as", "R001", "--json").json
    assert made["enrolled_now"] and made["key_id"] != held["key_id"]
    assert county.ok("bundle", "key", "--as", "R001", "--json").json == {**made, "enrolled_now": False}
    assert "早已登记" in county.ok("bundle", "key", "--as", "R001").out
    outdated = county.run("bundle", "import", *map(str, write(town, tmp_path / "outdated")))
    assert outdated.code == 1 and "[bundle." in outdated.out
    take(town, *write(county, tmp_path / "after", "--for", TOWN))
    assert take(county, *write(town, tmp_path / "up"))["complete"]
    nobody = town.run("bundle", "key")
    assert nobody.code == 2 and "[bundle.key_elsewhere]" in nobody.err and "banjian join" in nobody.err
    stranger = county.run("bundle", "key", "--as", "C001")
    secret.unlink()
    assert stranger.code == 0
    refused = county.run("bundle", "key", "--as", "C001")
    assert refused.code == 1 and "[registry." in refused.err
