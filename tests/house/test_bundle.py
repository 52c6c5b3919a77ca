"""The offline bundle of this machine: installed without any index, damaged, mended, altered, downgraded."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PYTHON = f"{sys.version_info[0]}.{sys.version_info[1]}"
APP = Path(".local", "share", "banjian", "current")
NAMES = {"x86_64": "linux-x86_64", "aarch64": "linux-aarch64"}

pytestmark = [pytest.mark.layer("linux"), pytest.mark.layer("packages")]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The unpacked bundle for this machine and interpreter."""
    out = tmp_path_factory.mktemp("dist")
    name = NAMES[platform.machine()]
    command = [sys.executable, str(ROOT / "deploy" / "build.py"), name, "--python", PYTHON, "--out", str(out)]
    subprocess.run(command, check=True, capture_output=True, timeout=240)
    return next(path for path in out.iterdir() if path.is_dir())


@pytest.fixture
def home(tmp_path: Path) -> Path:
    place = tmp_path / "home"
    place.mkdir()
    return place


@dataclass(frozen=True)
class Installed:
    """A home folder into which it was installed, a copy of it that nobody touches, and what was said."""

    home: Path
    kept: Path
    said: str


@pytest.fixture(scope="module")
def once(bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """A home folder in which it was installed for the first time, with ledger and port of its own choice."""
    around = tmp_path_factory.mktemp("installed")
    place, kept = around / "home", around / "kept"
    place.mkdir()
    first = _install(bundle, place, "--data", "our ledger", "--port", "8751", cwd=place)
    assert first.returncode == 0, first.stderr
    place.rename(kept)
    return Installed(home=place, kept=kept, said=first.stderr)


@pytest.fixture
def installed(once: Installed) -> Iterator[Path]:
    """That home folder after the first time: a copy to the last byte and time, at the place that it knows."""
    shutil.copytree(once.kept, once.home, symlinks=True)
    yield once.home
    shutil.rmtree(once.home)


def _environment(home: Path) -> Mapping[str, str]:
    """Return an environment in which no index can be reached and our own interpreter is the first."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "PYTHON"))}
    programs = home.parent / "programs"
    programs.mkdir(exist_ok=True)
    link = programs / "python3"
    if not link.exists():
        link.symlink_to(os.path.realpath(sys.executable))
    for name in ("systemctl", "loginctl"):
        # No session of systemd is touched, and the installer says how to start it by hand.
        if not (programs / name).exists():
            (programs / name).symlink_to("/bin/false")
    path = f"{programs}{os.pathsep}/usr/bin{os.pathsep}/bin"
    return {**kept, "HOME": str(home), "PIP_INDEX_URL": "http://127.0.0.1:9/", "PATH": path}


def _install(
    bundle: Path, home: Path, *words: str, cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", str(bundle / "install.sh"), "--user", *(words or ("--no-service", "--port", "8750"))],
        env=_environment(home),
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=240,
    )


def _version(home: Path) -> str:
    program = home / APP / "bin" / "banjian"
    ran = subprocess.run([program, "--version"], env=_environment(home), capture_output=True, text=True)
    return ran.stdout


def _unit(home: Path) -> tuple[Path, str]:
    """Return where the service is described, and the line that starts it as it was first chosen."""
    unit = home / ".config" / "systemd" / "user" / "banjian.service"
    program = home / APP / "bin" / "banjian"
    return unit, f'ExecStart="{program}" serve "{home / "our ledger"}" --port 8751'


def _damaged(home: Path) -> str:
    script = "from ledger.intact import damaged_files; print(damaged_files())"
    python = home / APP / "bin" / "python"
    ran = subprocess.run([python, "-c", script], capture_output=True, text=True, cwd=home)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def test_it_installs_without_network_mends_itself_keeps_what_was_chosen_and_refuses_what_is_older(
    bundle: Path, installed: Path
):
    home = installed
    version = (bundle / "VERSION").read_text().strip()
    assert version in _version(home)
    # An antivirus takes a file away: the program can name it, and installing again brings it back.
    assert _damaged(home) == "[]\n"
    next((home / APP).resolve().glob("lib/python*/site-packages/stations/papers/slip.py")).unlink()
    assert _damaged(home) == "['stations/papers/slip.py']\n"
    for pattern in ("_cffi_backend*.so", "nacl/_sodium*.so", "cryptography/hazmat/bindings/_rust*.so"):
        next((home / APP).resolve().glob(f"lib/python*/site-packages/{pattern}")).unlink()
        for program, words in (("banjian", ["doctor", "."]), ("banjian-audit", ["verify", "x.db"])):
            ran = subprocess.run([home / APP / "bin" / program, *words], capture_output=True, text=True)
            assert ran.returncode == 2 and "Traceback" not in ran.stderr
            assert "杀毒软件的隔离区" in ran.stderr and "antivirus's quarantine" in ran.stderr
            assert pattern.split("/")[-1].split("*")[0] in ran.stderr
    # It names nothing else: the ledger, the port and the service stay as they were chosen.
    again = _install(bundle, home, "--service")
    assert again.returncode == 0, again.stderr
    assert _damaged(home) == "[]\n"
    unit, command = _unit(home)
    assert command in unit.read_text(encoding="utf-8").splitlines()
    assert str(home / "our ledger") in again.stderr and "8751" in again.stderr
    told = home / APP / "VERSION"
    for newer in ("99.0", f"{version.partition('.dev')[0]}.post1"):
        told.write_text(f"{newer}\n")
        older = _install(bundle, home)
        assert older.returncode == 1 and "降级" in older.stderr and "downgrade" in older.stderr
        assert told.read_text() == f"{newer}\n"
        # The second time the installed program cannot say itself which version is the newer one.
        (home / APP / "bin" / "python").unlink(missing_ok=True)
    assert not list((home / APP.parent).glob("*.new"))


def test_an_upgrade_that_names_nothing_keeps_what_an_installer_of_former_days_wrote_into_the_unit(
    bundle: Path, once: Installed, installed: Path
):
    unit, command = _unit(installed)
    assert command in unit.read_text(encoding="utf-8").splitlines()
    assert "systemd" in once.said
    # An installer of former days kept nothing: the unit tells.
    (installed / APP.parent / "settings.json").unlink()
    third = _install(bundle, installed, "--service")
    assert third.returncode == 0, third.stderr
    assert command in unit.read_text(encoding="utf-8").splitlines()
    assert str(installed / "our ledger") in third.stderr and "8751" in third.stderr


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--port",), "--port 后面要写出值"),
        (("--data",), "--data 后面要写出值"),
        (("--port", "99999"), "端口应为 1024 到 65535"),
        (("--data", ""), "台账的文件夹不能用"),
        (("--prot", "8710"), "不认识的选项：--prot"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_installed(
    bundle: Path, home: Path, words: tuple[str, ...], told: str
):
    refused = _install(bundle, home, *words)
    assert refused.returncode == 1 and told in refused.stderr, refused.stderr
    assert "Nothing was installed" in refused.stderr
    assert not (home / ".local").exists()


def test_an_altered_bundle_installs_nothing(bundle: Path, home: Path, tmp_path: Path):
    altered = tmp_path / "altered"
    subprocess.run(["cp", "-r", str(bundle), str(altered)], check=True)
    with next((altered / "wheels").glob("msgpack-*.whl")).open("r+b") as wheel:
        wheel.seek(100)
        wheel.write(b"\x00\x01")
    refused = _install(altered, home)
    assert refused.returncode == 1 and "安装包不完整" in refused.stderr
    assert not (home / ".local").exists()
