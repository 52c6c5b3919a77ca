"""The first day with a real process: ``banjian serve`` on a folder that has no ledger yet."""

from __future__ import annotations

import json
import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests import forked
from tests.forked import ROOT
from tests.web.adminsite import Visitor

SECRET = "a long passphrase"


@dataclass
class Wizard:
    """``banjian serve`` on a folder, from its first day on."""

    folder: Path
    port: int
    process: forked.Process | subprocess.Popen[str]
    told: list[dict[str, object]] = field(default_factory=list)

    @property
    def visitor(self) -> Visitor:
        """A new browser."""
        return Visitor(f"http://127.0.0.1:{self.port}")

    def wait_for_station(self) -> None:
        """Wait until the same process answers as the station's server."""
        assert self.process.stdout is not None
        line = json.loads(self.process.stdout.readline())
        assert "listening" in line and line["pages"] == f"http://127.0.0.1:{self.port}/", line


@contextmanager
def first_day(folder: Path, *, expect: str = "first_day") -> Iterator[Wizard]:
    """Start ``banjian serve`` on a folder, on a port of its own; its first line must say what is expected."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = int(taken.getsockname()[1])
    words = ["serve", str(folder), "--port", str(port), "--json"]
    env = {**os.environ, "PYTHONPATH": str(ROOT), "BANJIAN_LANG": "zh"}
    with forked.popen(words, env=env, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            assert expect in json.loads(process.stdout.readline())
            yield Wizard(folder=folder, port=port, process=process)
        finally:
            process.kill()


COUNTY_FORM = {
    "name": "溪山县政务服务中心", "code": "990121", "registrar_name": "李登记", "registrar_no": "R001",
    **{
        f"{field}-{key}": f"{SECRET} {key}"
        for field in ("passphrase", "again")
        for key in ("registrar", "root-1", "root-2", "root-3")
    },
}  # fmt: skip
