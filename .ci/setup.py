"""Sets up ``.venv`` in the checkout: an environment, the locked packages, this checkout as editable install.

A stamp in the environment holds the digests of the locks and of pyproject.toml, the interpreter and the
checkout. It is written last and removed first: with the right stamp nothing is done and no network is
touched; without a stamp (an interrupted set-up) the environment is built anew. What worked goes on working
when that fails: adding the level ``test`` touches nothing of the level ``run``, whose stamp stays, and an old
environment waits aside until the new one stands. Standard library alone; names no package index.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
VENV = CHECKOUT / ".venv"
PYTHON = VENV / "bin" / "python"
ASIDE = CHECKOUT / ".venv.old"
STAMP = VENV / "banjian-setup.json"
LOCKS = {"run": CHECKOUT / "requirements.lock", "test": CHECKOUT / "requirements-test.lock"}
# Settings of the caller that would send packages elsewhere than into the environment.
FOREIGN = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "PIP_USER", "PIP_TARGET", "PIP_PREFIX", "PIP_ROOT")

LAST_WORDS = 12
"""Most lines that are told of what a command said before it failed."""


class SetupError(Exception):
    """Set-up cannot go on; the text is for the user."""


def say(chinese: str, english: str) -> None:
    """Tell the user, in both languages."""
    print(f"{chinese} / {english}", file=sys.stderr, flush=True)


def own_environment() -> dict[str, str]:
    """Return the variables of a command without the caller's foreign settings."""
    kept = {name: value for name, value in os.environ.items() if name not in FOREIGN}
    return {**kept, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}


def run(command: Sequence[str | Path], *, quiet: bool = False) -> bool:
    """Run a command without the caller's foreign settings; return whether it went well."""
    output = subprocess.DEVNULL if quiet else None
    try:
        return subprocess.run(command, env=own_environment(), stdout=output, stderr=output).returncode == 0
    except OSError:
        return False


def tried(command: Sequence[str | Path]) -> str:
    """Run a command quietly; return its last words when it failed, "" when it went well."""
    try:
        done = subprocess.run(
            command, env=own_environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            encoding="utf-8", errors="replace",
        )  # fmt: skip
    except OSError as error:
        return str(error)
    words = done.stdout.strip().splitlines()[-LAST_WORDS:]
    return "" if done.returncode == 0 else "\n".join(words) or f"{command[0]}: {done.returncode}"


def digest(path: Path) -> str:
    """Return the SHA-256 of a file in hex."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def wanted() -> dict[str, str]:
    """Return what the stamp has to say, besides the locks, for the environment to be of use."""
    return {
        "project": digest(CHECKOUT / "pyproject.toml"),
        "interpreter": os.path.realpath(sys.executable),
        "version": sys.version,
        "checkout": str(CHECKOUT),
    }


def read_stamp() -> dict[str, str]:
    """Return the stamp; empty when there is none or the environment does not run."""
    try:
        stamp = json.loads(STAMP.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return stamp if isinstance(stamp, dict) and run([PYTHON, "-c", ""], quiet=True) else {}


def is_ready(stamp: dict[str, str], level: str) -> bool:
    """Return whether the stamped environment already holds the level."""
    same = all(stamp.get(name) == value for name, value in wanted().items())
    return same and stamp.get(level) == digest(LOCKS[level])


def has_pip(python: str | Path) -> bool:
    """Return whether an interpreter has pip."""
    return run([python, "-m", "pip", "--version"], quiet=True)


def pip_command() -> list[str | Path]:
    """Return a pip that installs into the environment: its own, or the machine's pointed at it."""
    if has_pip(PYTHON):
        return [PYTHON, "-m", "pip"]
    borrowed: list[str | Path] = [sys.executable, "-m", "pip", "--python", PYTHON]
    return borrowed if run([*borrowed, "--version"], quiet=True) else []


def lacks_parts() -> bool:
    """Return whether this Python came without what makes environments, as Debian ships it."""
    return not all(importlib.util.find_spec(name) for name in ("venv", "ensurepip"))


def try_create() -> str:
    """Try the ways to an environment that need nothing installed.

    Returns:
        "" when one worked; else what the last one that said something said.
    """
    ways: list[list[str | Path]] = []
    if importlib.util.find_spec("venv"):
        ways += [[sys.executable, "-m", "venv", *how, VENV] for how in ((), ("--without-pip",))]
    if importlib.util.find_spec("virtualenv"):
        ways.append([sys.executable, "-m", "virtualenv", "--python", sys.executable, VENV])
    if command_line := shutil.which("virtualenv"):
        ways.append([command_line, "--python", sys.executable, VENV])
    said = "no venv, no virtualenv, no pip"
    for command in ways:
        shutil.rmtree(VENV, ignore_errors=True)
        failed = tried(command)
        if not failed and pip_command():
            return ""
        said = failed or said
    return said


def require_room() -> None:
    """Refuse where nothing can be written into the checkout: that is no fault of the Python.

    Raises:
        OSError: the system's reason.
    """
    Path(tempfile.mkdtemp(prefix=".venv-", dir=CHECKOUT)).rmdir()


def create() -> None:
    """Create the environment anew; as root on Debian and Ubuntu with what apt-get has.

    Raises:
        SetupError: when nothing works; the text holds the one line that mends it, or what went wrong.
    """
    failed = try_create()
    if not failed:
        return
    if not lacks_parts():
        raise SetupError(f"建不了 .venv，原因如下： / .venv cannot be made. This is why:\n{failed}")
    package = f"python{sys.version_info[0]}.{sys.version_info[1]}-venv"
    apt = shutil.which("apt-get")
    if apt and os.geteuid() == 0:
        say(f"缺少 venv 或 pip，正在安装 {package}。", f"venv or pip is missing: installing {package}.")
        run([apt, "update", "-qq"])
        os.environ["DEBIAN_FRONTEND"] = "noninteractive"
        if run([apt, "install", "-y", "-qq", package]):
            importlib.invalidate_caches()
            failed = try_create()
            if not failed:
                return
    raise SetupError(
        f"{failed}\n"
        f"这台机器的 Python（{sys.executable}）缺少 venv 和 pip。请运行下面一行，再重来一次。"
        f" / This Python ({sys.executable}) lacks venv and pip. Run this line, then try again:\n"
        f"    sudo apt-get install -y {package}"
    )


def set_aside() -> None:
    """Move the environment out of the way of a new one."""
    shutil.rmtree(ASIDE, ignore_errors=True)  # of a set-up that was cut off when all was done
    if VENV.exists():
        VENV.rename(ASIDE)


def put_back() -> None:
    """Put the environment that was set aside back in its place."""
    if ASIDE.exists():
        shutil.rmtree(VENV, ignore_errors=True)
        ASIDE.rename(VENV)


def install(level: str, *, with_checkout: bool) -> None:
    """Install the locked packages, and the checkout unless it is installed already.

    Raises:
        SetupError: when pip fails.
    """
    pip = pip_command()
    if not pip:
        raise SetupError("环境里没有 pip，请再运行一次。 / The environment has no pip: run this again.")
    quiet = ["--quiet", "--no-input"]
    say("正在安装依赖（需要网络）……", "Installing the locked packages (needs the network) ...")
    if not run([*pip, "install", *quiet, "--require-hashes", "--requirement", LOCKS[level]]):
        raise SetupError(
            "安装依赖失败，原因见上。请检查网络和 pip 设置，再运行一次。"
            " / Installing failed, see above. Check the network and pip's settings, then run this again."
        )
    if with_checkout and not run(
        [*pip, "install", *quiet, "--no-deps", "--no-build-isolation", "--editable", CHECKOUT]
    ):
        raise SetupError("安装本项目失败，原因见上。 / Installing this checkout failed, see above.")


def missing_tools() -> list[str]:
    """Return the Debian packages that tests of the pages need and this machine lacks."""
    names = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
    missing = [] if any(map(shutil.which, names)) else ["chromium"]
    fonts = Path("/usr/share/fonts")
    if not any(fonts.rglob("NotoSansCJK*")) or not shutil.which("fc-list"):
        missing += ["fontconfig", "fonts-noto-cjk"]
    return missing


def offer_tools(*, fresh: bool) -> None:
    """Install a browser and a Chinese face where that may be done; else say what the tests will leave out.

    Args:
        fresh: whether the environment was set up just now: the network is asked once, not at each run.
    """
    missing = missing_tools() if sys.platform == "linux" else []
    apt = shutil.which("apt-get")
    if missing and fresh and apt and os.geteuid() == 0:
        say(
            f"正在安装 {' '.join(missing)}（页面测试用）。",
            f"Installing {' '.join(missing)} for tests of the pages.",
        )
        os.environ["DEBIAN_FRONTEND"] = "noninteractive"
        run([apt, "update", "-qq"], quiet=True)
        run([apt, "install", "-y", "-qq", "--no-install-recommends", *missing], quiet=True)
        missing = missing_tools()
    if missing:
        line = f"sudo apt-get install -y {' '.join(missing)}"
        say(
            f"这台机器没有 {' '.join(missing)}，页面的浏览器测试会跳过。要补上请运行：{line}",
            f"This machine lacks {' '.join(missing)}: tests in a browser are skipped. To mend it: {line}",
        )


def set_up(level: str) -> None:
    """Bring the environment to a level, ``run`` or ``test``.

    Raises:
        SetupError: when it cannot be done here; nothing is stamped then.
    """
    ready = is_ready(read_stamp(), level)
    if not ready:
        build(level)
    if level == "test":
        offer_tools(fresh=not ready)


def build(level: str) -> None:
    """Make the environment anew or complete it, and stamp it.

    Raises:
        SetupError: when it cannot be done here; nothing is stamped then.
    """
    if ASIDE.exists() and not STAMP.exists():
        put_back()  # a set-up was cut off before the new environment stood
    stamp = read_stamp()
    if is_ready(stamp, "run"):
        install(level, with_checkout=False)
    elif stamp and all(stamp.get(name) == wanted()[name] for name in ("interpreter", "version", "checkout")):
        STAMP.unlink()
        install(level, with_checkout=True)
    else:
        say("正在创建 .venv ……", "Creating .venv ...")
        build_anew(level)
    stamp = {**wanted(), "run": digest(LOCKS["run"])}
    if level == "test":
        stamp["test"] = digest(LOCKS["test"])
    fresh = STAMP.with_suffix(".new")
    fresh.write_text(json.dumps(stamp, indent=1), encoding="utf-8")
    fresh.replace(STAMP)
    shutil.rmtree(ASIDE, ignore_errors=True)
    say("环境已就绪。", "The environment is ready.")


def build_anew(level: str) -> None:
    """Build an environment in place of the one that is there, which comes back when that fails.

    Raises:
        SetupError: when it cannot be done here.
        OSError: the folder cannot be written.
    """
    require_room()
    set_aside()
    try:
        create()
        install(level, with_checkout=True)
    except BaseException:
        put_back()
        raise


def main(arguments: Sequence[str]) -> int:
    """Set up the level named by the one argument; return the exit status."""
    if len(arguments) != 1 or arguments[0] not in LOCKS:
        print("usage: .ci/setup run|test", file=sys.stderr)
        return 2
    with Path(__file__).open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two set-ups at once would build into one folder
        try:
            set_up(arguments[0])
        except SetupError as error:
            print(error, file=sys.stderr)
            return 1
        except OSError as error:
            reason = f"{error.strerror or error}: {error.filename or CHECKOUT}"
            say(
                f"不能在 {CHECKOUT} 里建 .venv（{reason}）。"
                "请把源码取到一个可以写、有空间的文件夹里，再运行一次。",
                f".venv cannot be made in {CHECKOUT} ({reason}). Check the sources out into a folder that"
                " you may write to and that has room, then run this again.",
            )
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
