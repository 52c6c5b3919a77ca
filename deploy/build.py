"""Builds what an office without internet installs from.

``python deploy/build.py PLATFORM [--python 3.12 ...] [--out DIR]``: one folder and one zip for each
platform, with the program, everything that it needs for 64-bit Python 3.11 to 3.13, the installer script,
and ``SHA256SUMS``. Every package is taken by the hashes of ``requirements.lock``; nothing is compiled,
neither here nor there. Needs the network, or a pip that knows where packages lie.
"""

from __future__ import annotations

import argparse
import hashlib
import shutil
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent
PYTHONS = ("3.11", "3.12", "3.13")
WINDOWS_ENCODINGS = {".ps1": "utf-8-sig", ".cmd": "ascii"}
BUILD_ONLY = frozenset(("hatchling", "pathspec", "pluggy", "tomlkit", "trove-classifiers"))
"""What builds the program's own wheel; an office does not build."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    """One kind of machine.

    Attributes:
        tags: wheel platform tags, for pip.
        markers: values for environment markers of requirements.
        scripts: folder beside this file with the installer.
    """

    tags: tuple[str, ...]
    markers: dict[str, str]
    scripts: str


_LINUX = {"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix"}
_WINDOWS = {"sys_platform": "win32", "platform_system": "Windows", "os_name": "nt"}
PLATFORMS = {
    "linux-x86_64": Platform(
        tags=("manylinux2014_x86_64", "manylinux_2_17_x86_64", "manylinux_2_28_x86_64"),
        markers={**_LINUX, "platform_machine": "x86_64"},
        scripts="linux",
    ),
    "linux-aarch64": Platform(
        tags=("manylinux2014_aarch64", "manylinux_2_17_aarch64", "manylinux_2_28_aarch64"),
        markers={**_LINUX, "platform_machine": "aarch64"},
        scripts="linux",
    ),
    "windows-x64": Platform(
        tags=("win_amd64",), markers={**_WINDOWS, "platform_machine": "AMD64"}, scripts="windows"
    ),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Build the named bundles; returns 0, or 1 when a package could not be had."""
    parser = argparse.ArgumentParser(description="Builds what an office without internet installs from.")
    parser.add_argument("platform", choices=[*PLATFORMS, "all"])
    parser.add_argument("--python", action="append", choices=PYTHONS, help="only for these; all by default")
    parser.add_argument("--out", type=Path, default=ROOT / "dist")
    options = parser.parse_args(arguments)
    names = list(PLATFORMS) if options.platform == "all" else [options.platform]
    try:
        for name in names:
            made = build(name, pythons=options.python or PYTHONS, out=options.out)
            print(f"{made}  {made.stat().st_size >> 20} MiB")
    except subprocess.CalledProcessError as error:
        print(f"没有做成：{error} / not built: {error}", file=sys.stderr)
        return 1
    return 0


def build(name: str, *, pythons: Sequence[str], out: Path) -> Path:
    """Build one bundle and return its zip.

    Raises:
        subprocess.CalledProcessError: pip could not get a package, or the wheel could not be built.
    """
    platform = PLATFORMS[name]
    folder = out / f"banjian-{program_version()}-{name}"
    shutil.rmtree(folder, ignore_errors=True)
    wheels = folder / "wheels"
    wheels.mkdir(parents=True)
    for python in pythons:
        wanted = folder / f"requirements-{python}.txt"
        wanted.write_text("".join(requirements_for(platform, python)), encoding="utf-8")
        download(wanted, wheels, platform, python)
    own = own_wheel(wheels)
    for python in pythons:
        with (folder / f"requirements-{python}.txt").open("a", encoding="utf-8") as wanted_too:
            wanted_too.write(own_requirement(own))
    copy_scripts(platform, folder)
    shutil.copy2(ROOT / "docs" / "install.md", folder / "INSTALL.md")
    shutil.copy2(ROOT / "LICENSE", folder / "LICENSE")
    (folder / "VERSION").write_text(program_version() + "\n", encoding="ascii")
    write_sums(folder)
    return zipped(folder)


def copy_scripts(platform: Platform, folder: Path) -> None:
    """Copy the installer, in the bytes that the system's own interpreter reads.

    PowerShell 5.1 of a Chinese Windows takes a script without a byte order mark for GBK, and the shell of
    Windows reads a batch file in the machine's code page, with lines that end in CR LF.

    Raises:
        UnicodeEncodeError: a batch file holds more than ASCII.
    """
    for script in sorted(
        path for part in ("both", platform.scripts) for path in (ROOT / "deploy" / part).iterdir()
    ):
        if not script.is_file():
            continue
        target = folder / script.name
        shutil.copy2(script, target)
        if script.suffix in WINDOWS_ENCODINGS:
            text = script.read_text(encoding="utf-8-sig")
            target.write_text(text, encoding=WINDOWS_ENCODINGS[script.suffix], newline="\r\n")


def program_version() -> str:
    """Return the version that ``pyproject.toml`` names."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return str(project["version"])


def requirements_for(platform: Platform, python: str) -> Iterator[str]:
    """Yield the lines of the lock that a platform needs, with their hashes and without markers.

    pip judges markers by the machine that it runs on, which is another one than the office's.
    """
    environment = {
        **platform.markers,
        "python_version": python,
        "python_full_version": f"{python}.0",
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
        "extra": "",
    }
    for block in _blocks((ROOT / "requirements.lock").read_text(encoding="utf-8")):
        requirement = Requirement(block[0].strip().rstrip("\\"))
        if requirement.name in BUILD_ONLY:
            continue
        if requirement.marker is None or requirement.marker.evaluate(environment):
            yield "".join([f"{requirement.name}{requirement.specifier} \\\n", *block[1:]])


def _blocks(lock: str) -> Iterator[list[str]]:
    block: list[str] = []
    for line in lock.splitlines(keepends=True):
        if line.startswith("#"):
            continue
        if block and not line.startswith(" "):
            yield block
            block = []
        block.append(line)
    if block:
        yield block


def download(wanted: Path, wheels: Path, platform: Platform, python: str) -> None:
    """Get every package as a wheel, by its hash."""
    tag = "cp" + python.replace(".", "")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes"]
    command += ["--only-binary=:all:", "--dest", str(wheels), "--requirement", str(wanted)]
    command += ["--implementation", "cp", "--python-version", python]
    command += ["--abi", tag, "--abi", "abi3", "--abi", "none"]
    for name in (*platform.tags, "any"):
        command += ["--platform", name]
    subprocess.run(command, check=True)


def own_wheel(wheels: Path) -> Path:
    """Build the program's own wheel with the locked build backend that is installed here; return its path."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
        subprocess.run([*command, "--wheel-dir", folder, str(ROOT)], check=True)
        (made,) = Path(folder).iterdir()
        return Path(shutil.copy2(made, wheels / made.name))


def own_requirement(wheel: Path) -> str:
    """Return the program's own line of a lock, so that it is installed with what it needs in one go."""
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    return f"banjian=={program_version()} \\\n    --hash=sha256:{digest}\n"


def write_sums(folder: Path) -> None:
    """Write the SHA-256 of every file, as ``sha256sum --check`` reads it."""
    lines = [
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(folder).as_posix()}\n"
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    ]
    (folder / "SHA256SUMS").write_text("".join(lines), encoding="ascii", newline="\n")


def zipped(folder: Path) -> Path:
    """Return a zip of a folder; scripts stay executable."""
    target = Path(f"{folder}.zip")
    target.unlink(missing_ok=True)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                archive.write(path, f"{folder.name}/{path.relative_to(folder).as_posix()}")
    return target


if __name__ == "__main__":
    sys.exit(main())
