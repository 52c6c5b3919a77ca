"""Every ledger that the demonstration leaves, looked at by ``banjian-audit``: in processes of their own."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

WORKERS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the audit says of one ledger: its exit code, and findings by severity and code."""

    path: str
    exit_code: int
    findings: tuple[tuple[str, str], ...]
    text: str = ""


async def verify(paths: Sequence[Path]) -> list[Verdict]:
    """Return the verdict on each ledger, in the given order."""
    shares = [paths[number::WORKERS] for number in range(WORKERS)]
    found = await asyncio.gather(*(_verify_some(share) for share in shares if share))
    by_path = {verdict.path: verdict for share in found for verdict in share}
    return [by_path[str(path)] for path in paths]


async def _verify_some(paths: Sequence[Path]) -> list[Verdict]:
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "stations.county.verifying", *map(str, paths), stdout=asyncio.subprocess.PIPE
    )
    out, _ = await child.communicate()
    told = {one["path"]: one for one in map(json.loads, out.decode("utf-8").splitlines())}
    return [
        Verdict(
            path=str(path),
            # Of one that the process did not come to there is no verdict: that is no good one.
            exit_code=one.get("exit_code", child.returncode or 1),
            findings=tuple((severity, code) for severity, code in one.get("findings", ())),
            text=one.get("text", ""),
        )
        for path in paths
        for one in [told.get(str(path), {})]
    ]


def _main(paths: Sequence[str]) -> None:
    # The audit is a program of its own; only its command line is used here.
    from audit.cli import main

    for path in paths:
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = main(["verify", path, "--json"])
        try:
            findings = json.loads(out.getvalue())["findings"]
        except (ValueError, KeyError):
            findings = []
        told = {
            "path": path,
            "exit_code": code,
            "findings": [[one["severity"], one["code"]] for one in findings],
            "text": err.getvalue(),
        }
        print(json.dumps(told), flush=True)


if __name__ == "__main__":
    _main(sys.argv[1:])
