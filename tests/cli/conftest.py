"""A county on disk, founded once through the real commands, and a fresh copy of it for each test."""

from __future__ import annotations

import io
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from stations.cli.call import App
from stations.cli.counterday.demo import COUNTY, TOWNSHIP, VILLAGE, DemoClock, Ran
from stations.cli.main import main

PASSPHRASE = "correct horse battery"
ITEM = "林木采伐许可"
INSURANCE = "城乡居民医保参保登记"


@dataclass
class Result:
    """How a command ended and what it printed, the two streams apart."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict:
        """The one object on standard output."""
        return json.loads(self.out)

    @property
    def lines(self) -> list[dict]:
        """The objects on standard output, one for each line."""
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def number(self) -> str:
        """The first case number in the output."""
        return Ran(words=(), exit_code=0, output=self.out).number


@dataclass
class Terminal:
    """Runs commands in this process: real files, real keys, a clock that the test sets."""

    folder: Path | None = None
    clock: DemoClock = field(default_factory=DemoClock)
    env: dict[str, str] = field(default_factory=dict)
    passphrase: str = PASSPHRASE
    signers: dict = field(default_factory=dict)

    def run(self, *words: str, lang: str = "zh") -> Result:
        """Run one command."""
        out, err = io.StringIO(), io.StringIO()
        env = {"BANJIAN_LANG": lang, **self.env}
        if self.folder is not None:
            env["BANJIAN_DIR"] = str(self.folder)
        app = App(
            clock=self.clock,
            randomness=os.urandom,
            out=out,
            err=err,
            env=env,
            ask_secret=lambda prompt, twice: self.passphrase,
            signers=self.signers,
        )
        return Result(code=main(list(words), app=app), out=out.getvalue(), err=err.getvalue())

    def ok(self, *words: str, lang: str = "zh") -> Result:
        """Run one command that must succeed."""
        result = self.run(*words, lang=lang)
        assert result.code == 0, result.err
        return result


@pytest.fixture(scope="session")
def founded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a founded county, one township, one village, and people."""
    folder = tmp_path_factory.mktemp("county") / "ledger"
    terminal = Terminal(folder=folder)
    terminal.clock.set("2026-03-02 08:30")
    terminal.ok(
        "county",
        "create",
        str(folder),
        "--name",
        "溪山县政务服务中心",
        "--code",
        "990121",
        "--registrar-name",
        "李登记",
    )
    terminal.ok("station", "add", TOWNSHIP, "--name", "城关镇便民服务中心", "--level", "township", "--open")
    terminal.ok(
        "station",
        "add",
        VILLAGE,
        "--name",
        "东门村便民服务站",
        "--level",
        "village",
        "--upstream",
        TOWNSHIP,
        "--open",
    )
    for no, station, roles in (
        ("V001", VILLAGE, ("window",)),
        ("T001", TOWNSHIP, ("window", "officer")),
        ("T002", TOWNSHIP, ("window",)),
        ("C001", COUNTY, ("window", "officer", "issuer", "head", "supervisor")),
    ):
        grants = [word for role in roles for word in ("--role", role)]
        terminal.ok("staff", "add", no, "--name", f"姓名{no}", "--at", station, *grants, "--as", "R001")
    return folder


@pytest.fixture
def county(founded: Path, tmp_path: Path) -> Iterator[Terminal]:
    """A terminal on a fresh copy of the founded county, on the morning after."""
    folder = tmp_path / "ledger"
    shutil.copytree(founded, folder)
    terminal = Terminal(folder=folder)
    terminal.clock.set("2026-03-03 09:00")
    yield terminal
