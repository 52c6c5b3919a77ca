"""Commands of a page of the documentation, pasted into a shell with the real programs."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
_BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def commands(name: str) -> list[str]:
    """Return the blocks of commands on a page."""
    return _BLOCK.findall((ROOT / name).read_text(encoding="utf-8"))


def paste(folder: Path, script: str) -> str:
    """Run a script in a folder, with both programs on the path; returns what it printed.

    Servers that a failed command left behind end with it.
    """
    programs = folder / "bin"
    programs.mkdir(exist_ok=True)
    for name, module in (("banjian", "stations.start"), ("banjian-audit", "audit.start")):
        program = programs / name
        line = f"import sys; from {module} import main; sys.exit(main())"
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -c "{line}" "$@"\n', encoding="utf-8")
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
