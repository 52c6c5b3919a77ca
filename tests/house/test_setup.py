"""The set-up script on checkouts of the same shape: real environments, a lock without packages, no network.

The interpreters that lack pip or venv are real as well: copies of this one that see its standard library but
for the parts taken away, as Debian ships it without python3-venv.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import json
import os
import runpy
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house.sources import ROOT
from tests.unprivileged import folder_of_nobody, run_unprivileged

pytestmark = pytest.mark.layer("linux")

# Builds an editable install with the standard library alone, so that nothing has to be fetched.
BACKEND = """
import zipfile
from pathlib import Path

def build_editable(folder, config_settings=None, metadata_directory=None):
    name, info = "sample-1-py3-none-any.whl", "sample-1.dist-info"
    with zipfile.ZipFile(Path(folder, name), "w") as wheel:
        wheel.writestr("sample.pth", str(Path.cwd()))
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\\nName: sample\\nVersion: 1\\n")
        tags = "Generator: x\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"
        wheel.writestr(f"{info}/WHEEL", f"Wheel-Version: 1.0\\n{tags}")
        wheel.writestr(f"{info}/RECORD", "sample.pth,,\\n")
    return name
"""
PROJECT = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]

[project]
name = "sample"
version = "1"
"""
TOOLS = ("sh", "dirname", "id", "env")


def new_checkout(folder: Path) -> Path:
    """Make a checkout with the real set-up scripts, a small project and locks without packages."""
    (folder / ".ci").mkdir(parents=True)
    for name in ("setup", "setup.py"):
        shutil.copy2(ROOT / ".ci" / name, folder / ".ci" / name)
    (folder / "pyproject.toml").write_text(PROJECT, encoding="utf-8")
    (folder / "backend.py").write_text(BACKEND, encoding="utf-8")
    for name in ("requirements.lock", "requirements-test.lock"):
        (folder / name).write_text("# nothing\n", encoding="utf-8")
    return folder


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout where nothing was set up."""
    return new_checkout(tmp_path / "checkout")


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A checkout that was set up, moved away from its place, and that place."""
    around = tmp_path_factory.mktemp("once")
    place, kept = new_checkout(around / "checkout"), around / "kept"
    done = set_up(place, new_tools(around / "tools"), sys.executable)
    assert done.returncode == 0, done.stderr
    place.rename(kept)
    return kept, place


@pytest.fixture
def ready(once: tuple[Path, Path]) -> Iterator[Path]:
    """A checkout after its first set-up: a copy to the last byte and time, at the place that it knows."""
    kept, place = once
    shutil.copytree(kept, place, symlinks=True)
    yield place
    shutil.rmtree(place)


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """A folder for PATH with what the scripts call, and without apt-get, virtualenv or any Python."""
    return new_tools(tmp_path / "tools")


def new_tools(folder: Path) -> Path:
    """Make a folder for PATH with what the scripts call, and nothing else."""
    folder.mkdir()
    for name in TOOLS:
        found = shutil.which(name)
        assert found
        (folder / name).symlink_to(found)
    return folder


def interpreter_without(folder: Path, *modules: str, pip: bool) -> Path:
    """Return an interpreter of its own prefix that lacks some modules; ``pip`` lends it ours."""
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    library = folder / "lib" / version
    library.mkdir(parents=True)
    base = Path(sysconfig.get_path("stdlib", vars={"installed_base": sys.base_prefix}))
    for part in base.iterdir():
        if part.name not in {*modules, "site-packages", "dist-packages", "__pycache__"}:
            (library / part.name).symlink_to(part)
    (folder / "bin").mkdir()
    program = folder / "bin" / "python3"
    shutil.copy2(os.path.realpath(sys.executable), program)
    if pip:
        place = Path(site_of(program))
        place.mkdir(parents=True, exist_ok=True)
        found = importlib.util.find_spec("pip")
        assert found is not None and found.origin is not None
        (place / "pip").symlink_to(Path(found.origin).parent)
    return program


def site_of(program: Path) -> str:
    """Return the folder where an interpreter looks for installed packages."""
    question = "import site; print(site.getsitepackages()[-1])"
    return subprocess.run(
        [program, "-c", question], capture_output=True, text=True, check=True
    ).stdout.strip()


def set_up(
    checkout: Path, tools: Path, python: str | Path, level: str = "run", *, file_bytes_max: int = -1
) -> subprocess.CompletedProcess[str]:
    """Run the real script offline with one interpreter."""

    def limit() -> None:
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes_max, file_bytes_max))

    environment = {"PATH": str(tools), "PYTHON": str(python), "PIP_NO_INDEX": "1", "LANG": "C.UTF-8"}
    command = [str(checkout / ".ci" / "setup"), level]
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, check=False,
        preexec_fn=limit if file_bytes_max >= 0 else None,
    )  # fmt: skip


def stamp_of(checkout: Path) -> Path:
    """Return where the stamp lies."""
    return checkout / ".venv" / "banjian-setup.json"


def imports_project(checkout: Path) -> bool:
    """Return whether the environment runs and sees the checkout."""
    command = [str(checkout / ".venv" / "bin" / "python"), "-c", "import backend"]
    return subprocess.run(command, cwd="/", capture_output=True, check=False).returncode == 0


def test_second_run_does_nothing(ready: Path, tools: Path) -> None:
    assert imports_project(ready)
    written = stamp_of(ready).stat()

    second = set_up(ready, tools, sys.executable)
    assert (second.returncode, second.stdout, second.stderr) == (0, "", "")
    assert stamp_of(ready).stat().st_mtime_ns == written.st_mtime_ns


def test_a_new_lock_or_a_higher_level_is_installed(ready: Path, tools: Path) -> None:
    kept = ready / ".venv" / "kept"
    kept.touch()
    assert "test" not in json.loads(stamp_of(ready).read_text(encoding="utf-8"))

    complete = set_up(ready, tools, sys.executable, "test")
    assert complete.returncode == 0
    assert "apt-get install -y chromium" in complete.stderr  # PATH holds neither a browser nor apt-get
    assert "test" in json.loads(stamp_of(ready).read_text(encoding="utf-8"))
    assert set_up(ready, tools, sys.executable, "run").stderr == ""

    (ready / "requirements.lock").write_text("# newer\n", encoding="utf-8")
    again = set_up(ready, tools, sys.executable)
    assert again.returncode == 0 and "Installing" in again.stderr
    assert kept.exists()

    (ready / "requirements.lock").write_text("no-such-package==1 --hash=sha256:" + "0" * 64, encoding="utf-8")
    failed = set_up(ready, tools, sys.executable)
    assert failed.returncode == 1 and "安装依赖失败" in failed.stderr
    assert not stamp_of(ready).exists()


def out_of_reach(lock: Path) -> None:
    """Let a lock ask for what no index here has, as every package is without a network."""
    lock.write_text("no-such-package==1 --hash=sha256:" + "0" * 64, encoding="utf-8")


def test_what_runs_goes_on_running_when_the_packages_of_the_tests_cannot_be_had(
    ready: Path, tools: Path
) -> None:
    out_of_reach(ready / "requirements-test.lock")
    for _ in range(2):
        failed = set_up(ready, tools, sys.executable, "test")
        assert failed.returncode == 1 and "安装依赖失败" in failed.stderr
        assert imports_project(ready)
        again = set_up(ready, tools, sys.executable)
        assert (again.returncode, again.stderr) == (0, "")


def test_an_environment_waits_aside_until_the_new_one_stands_and_an_interrupted_one_is_mended(
    ready: Path, tools: Path
) -> None:
    kept = ready / ".venv" / "kept"
    kept.touch()
    out_of_reach(ready / "requirements.lock")
    for _ in range(2):  # completed in place the first time, built anew the second
        assert set_up(ready, tools, sys.executable).returncode == 1
        assert kept.exists() and imports_project(ready)

    (ready / ".venv").rename(ready / ".venv.old")  # cut off while the new one was being built
    (ready / ".venv" / "bin").mkdir(parents=True)
    assert set_up(ready, tools, sys.executable).returncode == 1
    assert kept.exists() and imports_project(ready)

    # As an interruption leaves it: no stamp, half of the files.
    assert not stamp_of(ready).exists()
    next((ready / ".venv" / "lib").glob("python*/site-packages/sample.pth")).unlink()
    assert not imports_project(ready)
    (ready / "requirements.lock").write_text("# newest\n", encoding="utf-8")
    mended = set_up(ready, tools, sys.executable)
    assert mended.returncode == 0, mended.stderr
    assert imports_project(ready) and stamp_of(ready).exists()
    assert not kept.exists() and not (ready / ".venv.old").exists()


@pytest.mark.parametrize("missing", [("ensurepip",), ("ensurepip", "venv")], ids=["ensurepip", "venv"])
def test_without_a_way_round_the_one_line_is_told(
    checkout: Path, tools: Path, tmp_path: Path, missing: tuple[str, ...]
) -> None:
    python = interpreter_without(tmp_path / "python", *missing, pip=False)
    done = set_up(checkout, tools, python)
    assert done.returncode == 1
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    assert done.stderr.splitlines()[-1] == f"    sudo apt-get install -y {version}-venv"
    assert not stamp_of(checkout).exists()


@pytest.mark.layer("unprivileged")
def test_a_checkout_of_somebody_else_is_no_fault_of_the_python(checkout: Path) -> None:
    # Nobody may be barred from the interpreter's folder: the script is read here, and run as nobody.
    with folder_of_nobody(checkout) as folder:
        script = runpy.run_path(str(folder / ".ci" / "setup.py"))
        before = sorted(folder.rglob("*"))
        folder.chmod(0o500)

        def refused() -> None:
            told = io.StringIO()
            with contextlib.redirect_stderr(told):
                assert script["main"](["run"]) == 1
            text = told.getvalue()
            assert "不能在" in text and "Permission denied" in text and str(folder) in text
            assert "apt-get" not in text

        run_unprivileged(refused)
        assert sorted(folder.rglob("*")) == before


def test_what_kept_the_environment_from_being_made_is_told(checkout: Path, tools: Path) -> None:
    # No file may grow, as on a full disk.
    done = set_up(checkout, tools, sys.executable, file_bytes_max=1024)
    assert done.returncode == 1
    assert "建不了 .venv" in done.stderr and "File too large" in done.stderr
    assert "apt-get" not in done.stderr and not stamp_of(checkout).exists()


def test_without_ensurepip_the_pip_of_the_machine_is_borrowed(
    checkout: Path, tools: Path, tmp_path: Path
) -> None:
    python = interpreter_without(tmp_path / "python", "ensurepip", pip=True)
    done = set_up(checkout, tools, python)
    assert done.returncode == 0, done.stderr
    assert imports_project(checkout)


@pytest.mark.layer("root")
def test_root_lets_apt_get_bring_what_is_missing(checkout: Path, tools: Path, tmp_path: Path) -> None:
    python = interpreter_without(tmp_path / "python", "ensurepip", pip=False)
    source = Path(importlib.util.find_spec("ensurepip").origin or "").parent  # type: ignore[union-attr]
    library = next((tmp_path / "python" / "lib").iterdir())
    asked = tmp_path / "asked"
    (tools / "ln").symlink_to(shutil.which("ln") or "")
    (tools / "apt-get").write_text(
        f'#!/bin/sh\necho "$@" >>"{asked}"\n[ "$1" = update ] || ln -s "{source}" "{library}"\n',
        encoding="utf-8",
    )
    (tools / "apt-get").chmod(0o755)

    done = set_up(checkout, tools, python)
    assert done.returncode == 0, done.stderr
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    assert asked.read_text(encoding="utf-8").splitlines() == ["update -qq", f"install -y -qq {version}-venv"]
    assert imports_project(checkout)


def test_an_interpreter_that_does_not_run_is_named(checkout: Path, tools: Path) -> None:
    done = set_up(checkout, tools, "/nowhere/python3")
    assert done.returncode == 1
    assert "/nowhere/python3" in done.stderr


def test_without_any_python_the_one_line_is_told(checkout: Path, tools: Path) -> None:
    if os.path.exists("/usr/bin/python3"):  # the script knows that place by name
        script = checkout / ".ci" / "setup"
        script.write_text(
            script.read_text(encoding="utf-8").replace(" /usr/bin/python3", ""), encoding="utf-8"
        )
    done = set_up(checkout, tools, "")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "    sudo apt-get install -y python3 python3-venv"


def test_unknown_level_is_refused(checkout: Path, tools: Path) -> None:
    assert set_up(checkout, tools, sys.executable, "everything").returncode == 2


def test_clean_takes_away_the_environment_that_waits_aside(tmp_path: Path) -> None:
    shutil.copy(ROOT / "Makefile", tmp_path / "Makefile")
    folders = [tmp_path / name for name in (".venv", ".venv.old", "ledger/__pycache__")]
    for folder in (*folders, *(tmp_path / name for name in ("sync", "stations", "audit", "tests"))):
        folder.mkdir(parents=True)
    subprocess.run(["make", "clean"], cwd=tmp_path, check=True, capture_output=True)
    assert not any(folder.exists() for folder in folders) and (tmp_path / "ledger").exists()
