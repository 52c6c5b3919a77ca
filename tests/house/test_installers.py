"""The installers' own parts: what was chosen holds, the order of versions, units, bytes for Windows."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
CHOICES = ROOT / "deploy" / "both" / "choices.py"
POWERSHELL = (ROOT / "deploy" / "windows" / "install.ps1").read_text(encoding="utf-8-sig")


def _ask(*words: str, given: str = "", was: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(CHOICES), *words],
        input=given,
        env={"BANJIAN_WAS": was, "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=60,
    )


def _settled(base: Path, *words: str, was: str = "") -> dict[str, object]:
    asked = _ask(
        *("settle", "--kept", str(base / "settings.json"), "--usual-data", "/srv/usual", *words), was=was
    )
    assert asked.returncode == 0, asked.stderr
    chosen = json.loads(asked.stdout)
    assert isinstance(chosen, dict)
    return chosen


def _build() -> ModuleType:
    spec = importlib.util.spec_from_file_location("deploy_build", ROOT / "deploy" / "build.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_what_was_chosen_holds_until_something_else_is_named(tmp_path: Path):
    assert _settled(tmp_path) == {"data": "/srv/usual", "port": 8710, "service": "yes"}
    first = _settled(tmp_path, "--data=/srv/our ledger", "--port=8720", "--service=no")
    (tmp_path / "settings.json").write_text(json.dumps(first))
    assert _settled(tmp_path) == {"data": "/srv/our ledger", "port": 8720, "service": "no"}
    assert _settled(tmp_path, "--port=8730", "--service=yes") == {
        "data": "/srv/our ledger",
        "port": 8730,
        "service": "yes",
    }


@pytest.mark.parametrize(
    "was",
    [
        "/opt/banjian/current/bin/banjian serve /srv/old ledger --port 8725",
        '-m stations serve "/srv/old ledger" --port 8725',
    ],
)
def test_an_installation_that_kept_nothing_is_read_from_how_it_was_started(tmp_path: Path, was: str):
    chosen = _settled(tmp_path, was=was)
    assert (chosen["data"], chosen["port"]) == ("/srv/old ledger", 8725)


def test_a_damaged_record_is_told_and_nothing_is_guessed(tmp_path: Path):
    (tmp_path / "settings.json").write_text("{")
    asked = _ask("settle", "--kept", str(tmp_path / "settings.json"), "--usual-data", "/srv/usual")
    assert asked.returncode == 2 and "读不出" in asked.stderr and "cannot be read" in asked.stderr


@pytest.mark.parametrize("port", ["", "0", "80", "99999", "８７１０", "87a0", "-1", "8710 "])
def test_a_port_that_cannot_be_is_refused(tmp_path: Path, port: str):
    words = ["settle", "--kept", str(tmp_path / "s"), "--usual-data", "/srv/usual", f"--port={port}"]
    asked = _ask(*words)
    assert (asked.returncode, asked.stdout) == (2, "")
    assert "端口应为" in asked.stderr and "port must be" in asked.stderr


@pytest.mark.parametrize("data", ["", " ", "/srv/a\nb", "app-1.0/ledger"])
def test_a_folder_that_cannot_be_is_refused(tmp_path: Path, data: str):
    asked = subprocess.run(
        [
            sys.executable,
            str(CHOICES),
            "settle",
            "--kept",
            "settings.json",
            "--usual-data",
            "/x",
            f"--data={data}",
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert (asked.returncode, asked.stdout) == (2, "")
    assert "没有安装任何东西" in asked.stderr and "Nothing was installed" in asked.stderr


def test_a_relative_folder_becomes_a_full_path(tmp_path: Path):
    base, here = tmp_path / "base", tmp_path / "here"
    here.mkdir()
    words = ["settle", "--kept", str(base / "settings.json"), "--usual-data", "/x", "--data=our ledger"]
    asked = subprocess.run(
        [sys.executable, str(CHOICES), *words], cwd=here, capture_output=True, text=True, check=True
    )
    assert json.loads(asked.stdout)["data"] == str(here / "our ledger")


@pytest.mark.parametrize(
    ("new", "old"),
    [
        ("0.9", "0.10"),
        ("1.0.dev3", "1.0.dev4"),
        ("1.0.dev4", "1.0"),
        ("1.0rc1", "1.0"),
        ("1.0", "1.0.post1"),
        ("1.0.0.1", "1.0.0.2"),
        ("0.1", "99.0"),
    ],
)
def test_versions_are_ordered_as_the_packager_orders_them(new: str, old: str):
    assert _ask("older", new, old).returncode == 0
    assert _ask("older", old, new).returncode == 1
    assert _ask("older", new, new).returncode == 1


def test_what_is_no_version_is_refused():
    asked = _ask("older", "1.0", "what")
    assert asked.returncode == 2 and "版本" in asked.stderr


def test_the_unit_quotes_what_systemd_would_read_otherwise(tmp_path: Path):
    data = '/srv/our "ledger" 50% $HOME/办件\\x'
    unit = tmp_path / "banjian.service"
    made = _ask(
        *("unit", "--template", str(ROOT / "deploy/linux/banjian.service"), "--program", "/bin/true"),
        *("--user", "", "--wanted", "default.target"),
        given=json.dumps({"data": data, "port": 8710, "service": "yes"}),
    )
    assert made.returncode == 0, made.stderr
    line = next(line for line in made.stdout.splitlines() if line.startswith("ExecStart="))
    told = '"/bin/true" serve "/srv/our \\"ledger\\" 50%% $$HOME/办件\\\\x" --port 8710'
    assert line == f"ExecStart={told}"
    assert "@" not in made.stdout
    unit.write_text(made.stdout, encoding="utf-8")
    if shutil.which("systemd-analyze") is None:
        return
    checked = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(unit)], capture_output=True, text=True, timeout=60
    )
    assert "banjian.service" not in checked.stderr, checked.stderr


def test_scripts_for_windows_are_in_the_bytes_that_windows_reads(tmp_path: Path):
    build = _build()
    build.copy_scripts(build.PLATFORMS["windows-x64"], tmp_path)
    script = (tmp_path / "install.ps1").read_bytes()
    assert script.startswith(b"\xef\xbb\xbf# Installs") and "台账" in script.decode("utf-8-sig")
    starter = (tmp_path / "install.cmd").read_bytes()
    assert starter.isascii() and starter.startswith(b"@echo off\r\n")
    for text in (script, starter):
        assert text.count(b"\n") == text.count(b"\r\n") > 3
    assert (tmp_path / "choices.py").read_bytes() == CHOICES.read_bytes()


def test_scripts_for_linux_keep_their_bytes_and_their_mode(tmp_path: Path):
    build = _build()
    build.copy_scripts(build.PLATFORMS["linux-x86_64"], tmp_path)
    assert (tmp_path / "install.sh").read_bytes() == (ROOT / "deploy/linux/install.sh").read_bytes()
    assert (tmp_path / "install.sh").stat().st_mode & 0o111
    assert (tmp_path / "choices.py").exists() and not (tmp_path / "install.ps1").exists()


def test_no_program_is_called_where_its_first_line_of_errors_ends_the_script():
    # PowerShell 5.1 under Stop: only inside the two functions that set Continue.
    bodies = re.findall(r"^function (?:Quiet|Loud)\(.*?^\}", POWERSHELL, re.MULTILINE | re.DOTALL)
    assert len(bodies) == 2 and all("$ErrorActionPreference = 'Continue'" in body for body in bodies)
    rest = POWERSHELL
    for body in bodies:
        rest = rest.replace(body, "")
    code = [line for line in rest.splitlines() if not line.lstrip().startswith("#")]
    assert not [line for line in code if re.search(r"(?:^|[=(;{|]\s*|\s)& |2>", line)]


def test_every_program_called_has_its_exit_code_looked_at():
    lines = POWERSHELL.splitlines()
    calls = [
        number
        for number, line in enumerate(lines)
        if re.search(r"(?<!function )\b(?:Quiet|Loud) ['$\"]", line)
    ]
    assert len(calls) >= 8
    assert all("$LASTEXITCODE" in lines[number + 1] for number in calls)


def test_the_former_program_is_left_alone_until_the_new_one_starts():
    tried = POWERSHELL.index("banjian.exe\" @('--version')")
    for late in (
        "Stop-Process",
        "Set-Content -LiteralPath $marker",
        "WriteAllText($kept",
        '"$base\\$current" -Recurse',
    ):
        assert POWERSHELL.index(late) > tried, late
