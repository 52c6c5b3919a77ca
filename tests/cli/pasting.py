"""Commands of a page of the documentation, pasted into a shell with the real programs."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import signal
import subprocess
from pathlib import Path

from tests.forked import ROOT, in_a_shell, started

_BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def commands(name: str) -> list[str]:
    """Return the blocks of commands on a page."""
    return _BLOCK.findall((ROOT / name).read_text(encoding="utf-8"))


def paste(folder: Path, script: str, *, fork: bool = False) -> str:
    """Run a script in a folder, with both programs on the path; returns what it printed.

    Servers that a failed command left behind end with it.

    Args:
        fork: whether the programs are forked and not started, where that they start is not what is tested.
    """
    programs = folder / "bin"
    programs.mkdir(exist_ok=True)
    for name, module in (("banjian", "stations.start"), ("banjian-audit", "audit.start")):
        program = programs / name
        line = in_a_shell(module) if fork else f'exec {shlex.join(started(module))} "$@"'
        program.write_text(f"#!/bin/sh\n{line}\n", encoding="utf-8")
        program.chmod(0o755)
    secret = folder / "passphrase.txt"
    secret.touch(mode=0o600)
    secret.write_text("correct horse battery\n", encoding="utf-8")
    env = {
        **os.environ,
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "BANJIAN_PASSPHRASE_FILE": str(secret),
    }
    with (folder / "out").open("w+") as out, (folder / "err").open("w+") as err:
        ran = subprocess.Popen(
            ["sh", "-c", "set -e\n" + script],
            cwd=folder,
            env=env,
            stdout=out,
            stderr=err,
            start_new_session=True,
        )
        try:
            code = ran.wait(timeout=300)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(ran.pid, signal.SIGKILL)
    said = (folder / "out").read_text(encoding="utf-8")
    assert code == 0, said[-2000:] + (folder / "err").read_text(encoding="utf-8")
    return said
