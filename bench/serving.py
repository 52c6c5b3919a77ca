"""Installations that serve, each in a process of its own that runs the code of ``banjian serve``."""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

from bench.figures import peak_rss_mb
from ledger.facade import Home
from ledger.facade.base.clock import SystemClock
from ledger.types import StationId
from stations.config import StationConfig
from stations.server import Listening, serve

ROOT = Path(__file__).resolve().parents[1]
INTERVAL_S = 24 * 3600


class Serving:
    """A process that serves an installation while the context lasts.

    Args:
        home: its folder.
        station: its main station.
        upstream: address of the station above, "" for none; without one it listens.
        pages: whether it shows pages to browsers.

    Attributes:
        address: where stations below call it, "" when it does not listen.
        pages: address of its pages, "" for none.
        pid: of the process.
        rss_mb: peak memory of the process, known at the end of the context, in MiB.
    """

    def __init__(self, home: Home, station: StationId, *, upstream: str = "", pages: bool = False) -> None:
        self._words = [str(home.path), station, upstream, *(["--pages"] if pages else [])]
        self._process: subprocess.Popen[str] | None = None
        self.address = self.pages = ""
        self.pid = 0
        self.rss_mb = 0.0

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.serving", *self._words],
            cwd=ROOT,
            # As the command line sets it for `banjian serve`.
            env={**os.environ, "PYPINYIN_NO_PHRASES": "true"},
            stdout=subprocess.PIPE,
            text=True,
        )
        told = self._told()
        self.address, self.pages, self.pid = str(told["address"]), str(told["pages"]), self._process.pid
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is None:
            return
        self._process.send_signal(signal.SIGTERM)
        if kind is None:
            self.rss_mb = float(str(self._told()["rss_mb"]))
        self._process.wait()

    def _told(self) -> dict[str, object]:
        if self._process is None or self._process.stdout is None:
            raise RuntimeError("not started")
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the serving process ended: {self._words}")
        told = json.loads(line)
        return dict(told)


def main() -> None:
    """Serve until SIGTERM; tell the address at the start and the peak memory at the end."""
    parser = argparse.ArgumentParser(prog="python -m bench.serving", description=main.__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("station")
    parser.add_argument("upstream")
    parser.add_argument("--pages", action="store_true")
    options = parser.parse_args()
    config = StationConfig(
        station=options.station,
        listen="" if options.upstream else "127.0.0.1:0",
        upstream=(options.upstream,) if options.upstream else (),
        sync_interval_s=INTERVAL_S,
        web="127.0.0.1:0" if options.pages else "",
    )

    def started(at: Listening) -> None:
        print(json.dumps({"address": at.network, "pages": at.pages}), flush=True)

    serve(Home(options.folder), config=config, clock=SystemClock(), randomness=os.urandom, started=started)
    print(json.dumps({"rss_mb": round(peak_rss_mb(), 1)}), flush=True)


if __name__ == "__main__":
    main()
