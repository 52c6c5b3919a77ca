"""Whatever the locale says: folders with Chinese names open, and what is printed into a file is UTF-8."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ledger.formats.envelope import KdfParams, read_envelope
from tests.cli.conftest import INSURANCE, PASSPHRASE, Terminal

LOCALES = {
    "C": {"LC_ALL": "C"},
    "C.UTF-8": {"LC_ALL": "C.UTF-8"},
    # as under any locale that is not UTF-8: Python takes words and names of files for something else
    "ascii": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
}
NAMES = {"utf-8": "溪山 台账".encode(), "gbk": "溪山 台账".encode("gbk")}

BEGIN = "import sys; from {}.start import main; sys.exit(main())"


class Desk:
    """A folder, and commands in processes of their own that work in it."""

    def __init__(self, folder: bytes, secret: Path, locale: str) -> None:
        self.folder = folder
        env = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": os.pathsep.join(sys.path),
            "BANJIAN_LANG": "zh",
            "BANJIAN_PASSPHRASE_FILE": str(secret),
            **LOCALES[locale],
        }
        self.env = {os.fsencode(name): os.fsencode(value) for name, value in env.items()}
        self.env[b"BANJIAN_DIR"] = folder

    def run(self, *words: str | bytes, program: str = "stations") -> subprocess.CompletedProcess[bytes]:
        """Run a command in the folder above, with its words in UTF-8."""
        typed = [word if isinstance(word, bytes) else word.encode() for word in words]
        return subprocess.run(
            [os.fsencode(sys.executable), b"-c", BEGIN.format(program).encode(), *typed],
            cwd=os.path.dirname(self.folder),
            env=self.env,
            capture_output=True,
            check=False,
            timeout=60,
        )

    def ok(self, *words: str | bytes, program: str = "stations") -> str:
        """Run a command that must succeed; returns what it printed."""
        ran = self.run(*words, program=program)
        assert ran.returncode == 0, ran.stderr.decode("utf-8", "replace")
        return ran.stdout.decode("utf-8")


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """The file with the passphrase."""
    path = tmp_path / "passphrase.txt"
    path.write_text(PASSPHRASE, encoding="utf-8")
    return path


def test_posix_is_another_name_of_c() -> None:
    """So that no day need be worked under both: the same streams, names of files and mode."""
    script = "import locale, sys; print(locale.setlocale(locale.LC_ALL, ''), locale.getencoding(), sys.flags,"
    script += " sys.getfilesystemencoding(), sys.getfilesystemencodeerrors(),"
    script += " [(one.encoding, one.errors) for one in (sys.stdin, sys.stdout, sys.stderr)])"
    for more in ({}, {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}):
        c, posix = (
            subprocess.run(
                [sys.executable, "-c", script], env={"LC_ALL": name, **more}, capture_output=True, check=True
            ).stdout
            for name in ("C", "POSIX")
        )
        assert c and posix == c


@pytest.mark.parametrize(("name", "locale"), [*(("utf-8", locale) for locale in LOCALES), ("gbk", "C")])
def test_a_day_in_a_folder_with_a_chinese_name(
    county: Terminal, tmp_path: Path, secret: Path, name: str, locale: str
) -> None:
    """Also where the folder was named by an older machine, whose bytes are no UTF-8."""
    assert county.folder is not None
    folder = os.fsencode(tmp_path / "here") + b"/" + NAMES[name]
    os.makedirs(os.path.dirname(folder))
    shutil.copytree(os.fsencode(county.folder), folder)
    desk = Desk(folder, secret, locale)
    received = desk.ok("receive", INSURANCE, "--name", "欧阳小莲", "--as", "V001", "--no-slip", "--json")
    number = json.loads(received)["number"]
    assert "欧阳小莲" in desk.ok("show", number) and number in desk.ok("find", "欧阳")
    desk.ok("export", "all", "--out", "导出.xlsx")
    assert (tmp_path / "here" / "导出.xlsx").exists()
    desk.ok("backup", "--to", "备份")
    assert (tmp_path / "here" / "备份").is_dir()
    desk.ok("checkpoint")
    desk.ok("doctor", "--full")
    for words in (("verify", folder), ("replay", NAMES[name], number)):
        told = desk.ok(*words, program="audit")
        assert any("\u4e00" <= one <= "\u9fff" for one in told)


def test_a_county_is_founded_and_served_though_the_locale_knows_no_chinese(
    tmp_path: Path, secret: Path
) -> None:
    folder = os.fsencode(tmp_path) + b"/" + NAMES["utf-8"]
    desk = Desk(folder, secret, "ascii")
    registrar = ("--registrar-name", "李登记", "--training")
    desk.ok("county", "create", folder, "--name", "溪山县政务服务中心", "--code", "990121", *registrar)
    assert "溪山县政务服务中心" in desk.ok("station", "list")
    # A program that was started, and not forked by a test, makes keys at the costs of docs/protocol.md.
    for key in ("keys/R001.key", "roots/root-1.key"):
        header = read_envelope((Path(os.fsdecode(folder)) / key).read_bytes())
        assert header.params == KdfParams(memory_kib=65_536, iterations=3, lanes=1)
    named_by_an_older_machine = os.fsencode(tmp_path) + b"/" + NAMES["gbk"]
    os.rename(folder, named_by_an_older_machine)
    desk = Desk(named_by_an_older_machine, secret, "ascii")
    command = [os.fsencode(sys.executable), b"-m", b"stations", b"serve", b".", b"--port", b"0"]
    with subprocess.Popen(command, cwd=desk.folder, env=desk.env, stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        assert "服务已启动" in server.stdout.readline().decode("utf-8")
        server.terminate()
    assert server.returncode == 0


def test_what_is_typed_in_another_encoding_is_told(county: Terminal, secret: Path) -> None:
    assert county.folder is not None
    desk = Desk(os.fsencode(county.folder), secret, "ascii")
    ran = desk.run("find", "欧阳".encode("gbk"))
    assert ran.returncode == 2 and b"[cli.encoding]" in ran.stderr
