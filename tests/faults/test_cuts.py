"""Power cuts: nothing confirmed is lost with full syncs, and the harness sees it when syncs are weaker."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

pytestmark = pytest.mark.layer("vfs")

SEEDS = range(8)
CUTS = 12
IMAGES = 2


@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_confirmed_is_lost(office: Path, tmp_path: Path, seed: int) -> None:
    from tests.faults.cuts import run_cuts

    tally = run_cuts(office, tmp_path, seed=str(seed), cuts=CUTS, images=IMAGES)
    assert tally.problems == []
    assert tally.cuts == CUTS
    assert tally.images == CUTS * IMAGES
    assert tally.confirmed > CUTS


def test_nothing_is_lost_without_checkpoints_of_the_database(office: Path, tmp_path: Path) -> None:
    from tests.faults.cuts import run_cuts

    assert run_cuts(office, tmp_path, seed="wal", cuts=CUTS, images=IMAGES, planted={}).problems == []


def test_weaker_syncs_are_caught(office: Path, tmp_path: Path) -> None:
    from tests.faults.cuts import SMALL_CHECKPOINTS, run_cuts

    weaker = {**SMALL_CHECKPOINTS, "synchronous": "NORMAL"}
    tallies = [run_cuts(office, tmp_path, seed=f"n{n}", cuts=CUTS, planted=weaker) for n in range(4)]
    assert all(any("lost" in line for line in tally.problems) for tally in tallies)


def test_a_disk_that_lies_is_caught(office: Path, tmp_path: Path) -> None:
    from tests.faults.cuts import run_cuts

    tallies = [run_cuts(office, tmp_path, seed=f"l{n}", cuts=CUTS, lying=True) for n in range(4)]
    assert all(tally.problems for tally in tallies)


def test_what_a_cut_leaves_is_what_the_writes_allow() -> None:
    from tests.faults.disk import SECTOR, Saved, torn

    old, new = b"o" * SECTOR * 4, b"n" * SECTOR * 4
    saved = Saved(old, [(0, new)])
    left = {torn(saved, random.Random(seed)) for seed in range(200)}
    assert {old, new} <= left
    assert all(set(image) <= set(b"on") and len(image) == len(old) for image in left)
    mixed = [image for image in left if b"no" in image or b"on" in image]
    assert any(image.find(b"no") % SECTOR for image in mixed), "no torn sector"
    assert any(image[SECTOR] != image[0] for image in mixed), "no order of its own"
    assert torn(Saved(old), random.Random(0)) == old
