"""What was taken over from others is what its manifest says, byte by byte, with its licence beside it."""

from __future__ import annotations

import re
import tomllib
from hashlib import sha256
from pathlib import Path

import pytest

from tests.house.sources import ROOT

FOLDERS = ("stations/web/static/vendor", "tests/web/vendor")


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_file_is_the_one_that_was_taken_over(folder: str):
    here = ROOT / folder
    manifest = tomllib.loads((here / "MANIFEST.toml").read_text(encoding="utf-8"))
    known = {path.name for path in here.iterdir() if path.suffix in (".js", ".css", ".woff2")}
    assert known == set(manifest)
    for name, told in manifest.items():
        assert sha256((here / name).read_bytes()).hexdigest() == told["sha256"], name
        assert all(told[key] for key in ("name", "version", "licence", "source"))
        assert list(here.glob(f"{Path(name).name.split('.')[0]}.LICENSE*")), f"no licence beside {name}"


def test_pages_load_nothing_from_elsewhere():
    templates = ROOT / "stations" / "web" / "templates"
    for path in [*templates.rglob("*.html"), ROOT / "stations/web/static/app.css"]:
        # What a template reckons is no address.
        text = re.sub(r"{{.*?}}", "x", path.read_text(encoding="utf-8"))
        assert "//" not in text.replace("https://127.0.0.1", "").replace("https://10.1.1.5:8443", "").replace(
            'xmlns="http://www.w3.org', ""
        ), path
        assert " style=" not in text and " onclick=" not in text and "<script>" not in text, path


def test_pictures_are_light_and_shown():
    folder = ROOT / "docs" / "screens"
    gallery = (folder / "README.md").read_text(encoding="utf-8")
    pictures = sorted(folder.glob("*.png"))
    assert len(pictures) > 15
    for path in pictures:
        assert path.stat().st_size < 70_000, f"{path.name}: run make screens"
        assert f"({path.name})" in gallery, f"{path.name}: run make screens"
    for name in ("README.md", "README.zh.md"):
        text = (ROOT / name).read_text(encoding="utf-8")
        assert text.count("](docs/screens/") >= 6
