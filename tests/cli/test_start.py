"""A program without its compiled parts still says, in both languages, what is wrong and what to do."""

from __future__ import annotations

import subprocess
import sys

import pytest

COMPILED = ("_cffi_backend", "nacl._sodium", "cryptography.hazmat.bindings._rust")


def _run(module: str, *words: str, without: str) -> subprocess.CompletedProcess[str]:
    program = (
        f"import sys; sys.modules[{without!r}] = None; sys.argv[1:] = {list(words)!r};"
        f"from {module} import main; sys.exit(main())"
    )
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("module", ["stations.start", "audit.start"])
def test_what_tells_of_damage_needs_the_standard_library_alone(module: str):
    program = (
        f"import sys; import {module};"
        "print([name for name in sys.modules if name.split('.')[0] not in sys.stdlib_module_names"
        " and name.split('.')[0] not in ('__main__', 'ledger', 'stations', 'audit')])"
    )
    ran = subprocess.run(
        [sys.executable, "-S", "-c", f"import sys; sys.path[:0] = ['.']; {program}"],
        capture_output=True,
        text=True,
    )
    assert (ran.returncode, ran.stdout) == (0, "[]\n"), ran.stderr


@pytest.mark.parametrize("without", COMPILED)
@pytest.mark.parametrize(
    ("module", "words"), [("stations.start", ("doctor",)), ("audit.start", ("verify", "x.db"))]
)
def test_a_part_that_cannot_be_loaded_is_told_without_a_traceback(
    module: str, words: tuple[str, ...], without: str
):
    ran = _run(module, *words, without=without)
    assert ran.returncode == 2 and ran.stdout == ""
    assert "程序不能启动" in ran.stderr and "The program cannot start" in ran.stderr
    assert without.rsplit(".", 1)[-1] in ran.stderr and "Traceback" not in ran.stderr
