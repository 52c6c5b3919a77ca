"""Forms that wait for their authors: in memory on the loop, on the disk aside; gone when they must be."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.errors import StoreError
from ledger.facade import Home
from stations.web.unsigned import KEPT_MAX, KeptForms, Unsigned, UnsignedForms
from tests.facade.counter import Dice
from tests.web.counterdesk import Counter, serving

STATION = "990121001000-00"


@pytest.fixture(scope="module")
def counter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Counter]:
    with serving(tmp_path_factory.mktemp("kept") / "county") as one:
        yield one


def form(draft: str, *, action: str = "/receive/x", page: str = "/receive/x", at_ms: int = 0) -> Unsigned:
    fields = {"draft": (draft,), "text": ("写了一半",)}
    return Unsigned(
        staff_no="C1", station=STATION, action=action, page=page, fields=fields, files=(), at_ms=at_ms
    )


def waiting(forms: UnsignedForms) -> list[str]:
    return [one.draft for one in forms.of("C1", STATION)]


def disk(folder: Path) -> int:
    return len(list((folder / "unsigned").glob("*.sealed")))


def test_what_waits_changes_at_once_and_the_disk_follows_aside(counter: Counter) -> None:
    forms = UnsignedForms(KeptForms(Home(counter.folder), Dice("one")))
    for number in range(KEPT_MAX):
        forms.keep(form(str(number)))()
    durably = forms.keep(form("new"))
    # Whoever reads on the loop meanwhile never sees a change by the thread of the disk.
    expected = [*(str(number) for number in range(1, KEPT_MAX)), "new"]
    assert waiting(forms) == expected and disk(counter.folder) == KEPT_MAX
    assert "new" not in {one.draft for one in _left(counter)}
    durably()
    assert waiting(forms) == expected and {one.draft for one in _left(counter)} == set(expected)
    forms.drop_all("C1")
    assert disk(counter.folder) == 0


def test_a_disk_that_takes_nothing_leaves_the_form_in_memory(counter: Counter) -> None:
    forms, folder = UnsignedForms(KeptForms(Home(counter.folder), Dice("two"))), counter.folder / "unsigned"
    shutil.rmtree(folder, ignore_errors=True)
    folder.write_bytes(b"")
    with pytest.raises(StoreError):
        forms.keep(form("typed"))()
    folder.unlink()
    assert waiting(forms) == ["typed"]


def _left(counter: Counter) -> list[Unsigned]:
    """Return what a process that starts now would find on the disk."""
    return list(KeptForms(Home(counter.folder), Dice("left")).take_up("C1", 0).values())
