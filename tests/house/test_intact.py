"""Files of the installed program that are gone or cut short are named, whatever the Python."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from ledger.intact import damaged_files

RECORD = """\
banjian/whole.py,sha256=x,3
banjian/short.py,sha256=x,4
banjian/gone.py,sha256=x,5
"banjian/gone, too.py",,
banjian/__pycache__/whole.pyc,,
../../bin/banjian,sha256=x,9
banjian-1.dist-info/RECORD,,

"""


def test_what_is_gone_or_short_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    info = tmp_path / "banjian-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: banjian\nVersion: 1\n", encoding="utf-8")
    (info / "RECORD").write_text(RECORD, encoding="utf-8")
    (tmp_path / "banjian").mkdir()
    (tmp_path / "banjian" / "whole.py").write_bytes(b"abc")
    (tmp_path / "banjian" / "short.py").write_bytes(b"abc")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    assert damaged_files() == ["banjian/gone, too.py", "banjian/gone.py", "banjian/short.py"]
