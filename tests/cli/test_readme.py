"""The README's commands work when pasted, in both languages the same; its links lead somewhere."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
_BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def _commands(name: str) -> list[str]:
    return _BLOCK.findall((ROOT / name).read_text(encoding="utf-8"))


def test_both_languages_show_the_same_commands():
    assert _commands("README.md") == _commands("README.zh.md")
    assert "make demo" in (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["README.md", "README.zh.md"])
def test_links_lead_to_files(name: str):
    for target in re.findall(r"\]\(([^)#]+)\)", (ROOT / name).read_text(encoding="utf-8")):
        assert (ROOT / target).exists(), target


def test_the_commands_work_when_pasted(tmp_path: Path):
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, module in (("banjian", "stations.cli.main"), ("banjian-audit", "audit.cli")):
        script = programs / name
        line = f"import sys; from {module} import main; sys.exit(main())"
        script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -c "{line}" "$@"\n', encoding="utf-8")
        script.chmod(0o755)
    secret = tmp_path / "passphrase.txt"
    secret.write_text("correct horse battery\n", encoding="utf-8")
    env = {
        **os.environ,
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "BANJIAN_PASSPHRASE_FILE": str(secret),
    }
    script = "set -e\n" + "\n".join(_commands("README.md"))
    with (tmp_path / "out").open("w+") as out, (tmp_path / "err").open("w+") as err:
        ran = subprocess.Popen(
            ["sh", "-c", script], cwd=tmp_path, env=env, stdout=out, stderr=err, start_new_session=True
        )
        try:
            code = ran.wait(timeout=300)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(ran.pid, signal.SIGKILL)  # servers that a failed command left behind
    said = (tmp_path / "out").read_text(encoding="utf-8")
    assert code == 0, said[-2000:] + (tmp_path / "err").read_text(encoding="utf-8")
    assert "已办结" in said and "代收代办" in said and "演练" in said
    assert "县已收：3 条，全部" in said
    assert (tmp_path / "cases.xlsx").exists() and list((tmp_path / "backup").glob("banjian-*/ledger.db"))
