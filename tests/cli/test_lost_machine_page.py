"""The page on lost machines, its commands word by word: a village's machine, a township's; real programs.

Only the addresses are other ones here. Each block says on which machine it is typed.
"""

from __future__ import annotations

import json
import re
import shlex
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests import forked
from tests.cli.processes import env_of, served

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the test server is ended by a signal")
COUNTY, TOWN, VILLAGE = "990121000000-00", "990121001000-00", "990121001002-00"
PAGE = "docs/lost-machine.md"


class Drill:
    """Three machines, a stick that lies where all of them find it, and servers that come and go."""

    def __init__(self, folder: Path, ports: Mapping[str, int]) -> None:
        self.folder = folder
        self.machines = {name: folder / name for name in ("county", "town", "village")}
        self.ports = ports
        self.servers: dict[str, ExitStack] = {}

    def type(self, machine: Path, line: str) -> subprocess.CompletedProcess[str]:
        """Type a line on a machine, in the folder where sticks and invites lie."""
        words = shlex.split(line)
        assert words[0] == "banjian"
        env = {**env_of(machine), "BANJIAN_DIR": str(machine)}
        return forked.run(words[1:], env=env, cwd=self.folder, timeout=120)

    def ok(self, name: str, line: str) -> str:
        """Type a line that must succeed; returns what was said."""
        done = self.type(self.machines[name], line)
        assert done.returncode == 0, (name, line, done.stdout, done.stderr)
        return done.stdout + done.stderr

    def address(self, name: str) -> str:
        """Return where a machine listens."""
        return f"https://127.0.0.1:{self.ports[name]}"

    def up(self, name: str, folder: Path | None = None) -> None:
        """Let a machine listen; another folder stands for the machine that was stolen."""
        stack = ExitStack()
        stack.enter_context(
            served(folder or self.machines[name], "--listen", f"127.0.0.1:{self.ports[name]}")
        )
        self.servers[name] = stack

    def down(self, *names: str) -> None:
        """End servers."""
        for name in names or tuple(self.servers):
            self.servers.pop(name).close()

    def steal(self, name: str) -> Path:
        """Take a machine away, as it is; the office has it no more."""
        thief = self.folder / f"stolen-{name}"
        shutil.move(self.machines[name], thief)
        return thief

    def follow(self, name: str, block: str) -> None:
        """Type a block of the page where it says, with the addresses of this drill."""
        head, *lines = block.splitlines()
        where = {
            "# at the county": "county",
            "# in each village": "village",
            "# on the new machine": name,
            "# on the machine that was found": name,
        }
        (machine,) = {known for begin, known in where.items() if head.startswith(begin)}
        for line in lines:
            words = line.replace("https://10.20.1.1:8443", self.address("town"))
            words = words.replace("https://10.20.0.1:8443", self.address("county"))
            # What the page calls "ledger" is the folder on the new machine.
            self.ok(machine, re.sub(r"\bledger\b", name, words))


def free_port() -> int:
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        return int(made.getsockname()[1])


def blocks(heading: str) -> list[str]:
    """Return the blocks of commands under a heading of the page."""
    text = (forked.ROOT / PAGE).read_text(encoding="utf-8")
    (section,) = (one for one in text.split("\n## ") if one.startswith(heading))
    return re.findall(r"^```sh\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Begun:
    """Machines at rest with all that lies beside them, moved away from the place that they know."""

    kept: Path
    place: Path
    ports: Mapping[str, int]


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Begun:
    """A county, a township and a village in step; a case of the village is everywhere."""
    around = tmp_path_factory.mktemp("lost")
    place = around / "drill"
    (place / "stick").mkdir(parents=True)
    ports = {name: free_port() for name in ("county", "town")}
    made = Drill(place, ports)
    made.ok("county", "banjian county create county --name 溪山县 --code 990121 --registrar-name 李登记")
    made.ok("county", "banjian county keys")
    made.up("county")
    for name, station, level, above, people in (
        ("town", TOWN, "township", "county", "T001=王城关"),
        ("village", VILLAGE, "village", "town", "V002=李东门"),
    ):
        under = f"--upstream {TOWN}" if name == "village" else ""
        made.ok(
            "county",
            f"banjian invite station {station} --name {name} --level {level} {under}"
            f" --address {made.address(above)} --out {name}.invite",
        )
        made.ok(name, f"banjian join {name}.invite {name} --yes --staff {people}")
        made.ok("county", "banjian join approve --all --as R001")
        if name == "town":
            made.ok("town", "banjian sync now")
            made.up("town")
    made.ok("town", "banjian sync now")
    made.ok("village", "banjian sync now")
    receive(made, "先来的人")
    made.ok("village", "banjian sync now")
    made.down()
    return Begun(kept=place.rename(around / "kept"), place=place, ports=ports)


@pytest.fixture
def drill(begun: Begun) -> Iterator[Drill]:
    """A copy of them to the last byte and time, at the place that they know; county and township listen."""
    shutil.copytree(begun.kept, begun.place, symlinks=True, ignore=shutil.ignore_patterns("*.sock"))
    made = Drill(begun.place, begun.ports)
    try:
        for name in begun.ports:
            made.up(name)
        yield made
    finally:
        made.down()
        shutil.rmtree(begun.place)


def test_the_request_with_the_names_goes_once_its_keys_are_enrolled(drill: Drill) -> None:
    assert not (drill.machines["town"] / "join.request").exists()
    assert not (drill.machines["village"] / "join.request").exists()
    other = drill.folder / "other"
    drill.ok(
        "county",
        "banjian invite station 990121001003-00 --name 另一村 --level village --upstream 990121001000-00"
        " --out other.invite",
    )
    drill.type(other, "banjian join other.invite other --yes --staff V003=钱某")
    assert (other / "join.request").stat().st_mode & 0o077 == 0


def receive(drill: Drill, name: str) -> None:
    drill.ok("village", f"banjian receive 城乡居民医保参保登记 --name {name} --as V002 --no-slip")


def refused(drill: Drill, machine: Path, line: str, code: str) -> None:
    done = drill.type(machine, line)
    assert done.returncode != 0 and f"[{code}]" in done.stderr, (line, done.stdout, done.stderr)


def told_of_a_stick_from_the_thief(drill: Drill, thief: Path) -> None:
    """With the passphrase it signs on; by stick it reaches the county, which says what it is."""
    (drill.folder / "their-stick").mkdir()
    for line in (
        "banjian receive 城乡居民医保参保登记 --name 假的人 --as V002 --no-slip",
        f"banjian bundle export --to their-stick --for {COUNTY}",
    ):
        done = drill.type(thief, line)
        assert done.returncode == 0, (done.stdout, done.stderr)
    # It is taken in, and no answer can be sealed to the machine.
    taken = drill.type(drill.machines["county"], "banjian bundle import their-stick")
    assert taken.returncode == 0 and "没有登记U盘收件密钥" in taken.stderr
    assert "V002 的密钥因泄露已停用" in drill.ok("county", "banjian sync status")
    assert "用了泄露的密钥" in drill.ok("county", "banjian board")
    number = json.loads(drill.ok("county", "banjian find 假的人 --json").splitlines()[0])["number"]
    assert "泄露后停用的密钥" in drill.ok("county", f"banjian show {number}")


def test_a_lost_machine_of_a_village(drill: Drill) -> None:
    thief = drill.steal("village")
    ending, inviting, joining, approving, syncing = blocks("A village's machine")
    drill.follow("village", ending)
    drill.ok("town", "banjian sync now")
    refused(drill, thief, "banjian sync now", "tls.certificate_ended")
    refused(
        drill,
        drill.machines["county"],
        f"banjian bundle export --to stick --for {VILLAGE}",
        "bundle.no_key",
    )
    told_of_a_stick_from_the_thief(drill, thief)
    for block in (inviting, joining, approving):
        drill.follow("village", block)
    drill.ok("town", "banjian sync now")
    drill.follow("village", syncing)
    assert "先来的人" in drill.ok("village", "banjian find 先来的人")
    receive(drill, "后来的人")
    drill.ok("village", "banjian sync now")
    assert "后来的人" in drill.ok("town", "banjian find 后来的人")
    # A stick for the number is for the new machine.
    drill.ok("county", f"banjian bundle export --to stick --for {VILLAGE}")
    drill.ok("village", "banjian bundle import stick")
    assert "[bundle.other_key]" in drill.type(thief, "banjian bundle import stick").stdout
    refused(drill, thief, "banjian sync now", "tls.certificate_ended")


def test_a_machine_that_turns_up_again(drill: Drill) -> None:
    """What it had not sent comes on a stick, and with its next sync where it goes on itself."""
    exporting, importing, inviting, joining, approving, syncing = blocks("When the machine turns up again")
    receive(drill, "没报的人")
    drill.follow("village", blocks("A village's machine")[0])
    drill.ok("town", "banjian sync now")
    refused(drill, drill.machines["village"], "banjian sync now", "tls.certificate_ended")
    for block in (exporting, importing):
        drill.follow("village", block)
    assert "没报的人" in drill.ok("county", "banjian find 没报的人")
    for block in (inviting, joining, approving):
        drill.follow("village", block)
    drill.ok("town", "banjian sync now")
    drill.follow("village", syncing)
    assert "没报的人" in drill.ok("town", "banjian find 没报的人")
    refused(
        drill,
        drill.machines["village"],
        "banjian receive 城乡居民医保参保登记 --name 后来的人 --as V002 --no-slip",
        "authority.key_retired",
    )
    drill.ok("village", "banjian receive 城乡居民医保参保登记 --name 后来的人 --as V002-2 --no-slip")
    drill.ok("village", "banjian sync now")
    assert "后来的人" in drill.ok("town", "banjian find 后来的人")


def test_a_lost_machine_of_a_township(drill: Drill) -> None:
    drill.down("town")
    thief = drill.steal("town")
    ending, hearing, writing, inviting, joining, approving, syncing = blocks("A township's machine")
    drill.follow("town", ending)
    drill.follow("town", hearing)
    # The thief answers where the township did, and does not know of anything.
    drill.up("town", thief)
    receive(drill, "后来的人")
    refused(drill, drill.machines["village"], "banjian sync now", "tls.answerer_ended")
    assert drill.type(thief, "banjian find 后来的人").returncode != 0
    refused(drill, thief, "banjian sync now", "tls.certificate_ended")
    drill.follow("town", writing)
    drill.ok("county", "banjian bundle import stick")
    assert "后来的人" in drill.ok("county", "banjian find 后来的人")
    drill.down("town")
    for block in (inviting, joining, approving, syncing):
        drill.follow("town", block)
    drill.up("town")
    assert "先来的人" in drill.ok("town", "banjian find 先来的人")
    receive(drill, "最后的人")
    drill.ok("village", "banjian sync now")
    assert "最后的人" in drill.ok("town", "banjian find 最后的人")
