"""The layer plugin itself, run on small suites, alone and under xdist."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import layers, unprivileged

pytest_plugins = ["pytester"]

ROOT = Path(__file__).resolve().parents[2]
CONFTEST = """
from tests.layers import LayerPlugin

def pytest_configure(config):
    config.addinivalue_line("markers", "layer(name): a layer")
    probes = {{"here": lambda: None, "away": lambda: "no such machine"}}
    config.pluginmanager.register(LayerPlugin(probes, strict={strict}), "layers")
"""
MIXED = """
import pytest

@pytest.mark.layer("here")
def test_here():
    assert 1 + 1 == 2

@pytest.mark.layer("away")
def test_away():
    raise RuntimeError("must not run")

def test_plain():
    assert True
"""
WORKERS = pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "xdist"])


@pytest.fixture
def suite(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """An empty suite that can import the plugin; outer settings do not reach it."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)
    return pytester


def run(suite: pytest.Pytester, source: str, *arguments: str, strict: bool = True) -> pytest.RunResult:
    """Run one file of tests in a process of its own."""
    suite.makeconftest(CONFTEST.format(strict=strict))
    suite.makepyfile(source)
    return suite.runpytest_subprocess("-p", "no:cacheprovider", *arguments)


@WORKERS
def test_absent_layer_is_skipped_with_its_reason(suite: pytest.Pytester, workers: tuple[str, ...]) -> None:
    result = run(suite, MIXED, "-rs", *workers)
    assert result.ret == pytest.ExitCode.OK
    result.assert_outcomes(passed=2, skipped=1)
    result.stdout.fnmatch_lines(
        [
            "away * ran 0, skipped 1  skipped: no such machine",
            "here * ran 1, skipped 0",
            "SKIPPED*layer away: no such machine",
        ]
    )
    result.stdout.no_fnmatch_line("*skips that*")


@WORKERS
def test_stray_skip_fails_in_ci(suite: pytest.Pytester, workers: tuple[str, ...]) -> None:
    source = MIXED + "\ndef test_lazy():\n    pytest.skip('not today')\n"
    result = run(suite, source, *workers)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(
        ["*skips that fail this run*", "*test_lazy: skipped without a layer: not today"]
    )


def test_stray_skip_is_only_told_elsewhere(suite: pytest.Pytester) -> None:
    source = MIXED + "\ndef test_lazy():\n    pytest.skip('not today')\n"
    result = run(suite, source, strict=False)
    assert result.ret == pytest.ExitCode.OK
    result.stdout.fnmatch_lines(["*skips that would fail in CI*", "*test_lazy: skipped without a layer*"])


@WORKERS
def test_skipping_a_whole_module_fails_in_ci(suite: pytest.Pytester, workers: tuple[str, ...]) -> None:
    suite.makepyfile(test_other="def test_runs():\n    assert True\n")
    result = run(suite, "import pytest\npytest.importorskip('no_such_module_anywhere')\n", *workers)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["*skips that fail this run*", "*no_such_module_anywhere*"])


def test_a_test_of_a_present_layer_may_not_skip_itself(suite: pytest.Pytester) -> None:
    source = MIXED.replace("assert 1 + 1 == 2", "pytest.skip('too slow')")
    result = run(suite, source)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["*test_here: skipped without a layer: too slow"])


@WORKERS
def test_deselecting_a_present_layer_fails_in_ci(suite: pytest.Pytester, workers: tuple[str, ...]) -> None:
    result = run(suite, MIXED, "-k", "not here", *workers)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["layer here: 1 deselected, none ran, though this machine can run them"])


def test_deselecting_an_absent_layer_is_no_matter(suite: pytest.Pytester) -> None:
    result = run(suite, MIXED, "-k", "not away")
    assert result.ret == pytest.ExitCode.OK


def test_expected_failure_is_no_skip(suite: pytest.Pytester) -> None:
    source = "import pytest\n\n@pytest.mark.xfail\ndef test_known():\n    assert False\n"
    assert run(suite, source).ret == pytest.ExitCode.OK


def test_a_failure_stays_a_failure(suite: pytest.Pytester) -> None:
    result = run(suite, MIXED.replace("1 + 1 == 2", "1 + 1 == 3"))
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["here * ran 1, skipped 0"])


def test_unknown_layer_is_an_error(suite: pytest.Pytester) -> None:
    result = run(suite, MIXED.replace('"here"', '"hear"'))
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "unknown layer 'hear'" in result.stdout.str() + result.stderr.str()


@pytest.mark.parametrize("name", sorted(layers.LAYERS))
def test_every_probe_answers(name: str) -> None:
    answer = layers.LAYERS[name]()
    assert answer is None or (answer and "\n" not in answer)


def test_a_missing_module_is_named() -> None:
    assert layers.module_probe("json")() is None
    assert (
        layers.module_probe("json", "no_such_module_anywhere")() == "not installed: no_such_module_anywhere"
    )


@pytest.mark.parametrize(("value", "expected"), [("true", True), ("1", True), ("", False), ("false", False)])
def test_ci_is_told_by_the_environment(monkeypatch: pytest.MonkeyPatch, value: str, expected: bool) -> None:
    monkeypatch.setenv("CI", value)
    assert layers.in_ci() is expected


@pytest.mark.layer("unprivileged")
def test_work_is_done_by_somebody_whom_permissions_bind() -> None:
    with unprivileged.folder_of_nobody() as folder:
        (folder / "closed").mkdir(mode=0o500)
        with pytest.raises((AssertionError, PermissionError), match=r"PermissionError|Permission denied"):
            unprivileged.run_unprivileged((folder / "closed" / "file").touch)
        unprivileged.run_unprivileged((folder / "file").touch)
        assert (folder / "file").exists() and not (folder / "closed" / "file").exists()
