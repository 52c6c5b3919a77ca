"""Each planted bug is found: the named part of the suite fails with it, and only because of it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house.sources import ROOT
from tests.planted.bugs import BUGS

FORKS, AFTER = "tests/sync/test_forks.py::", "tests/sync/test_after_restore.py::"
HURT = "tests/sync/test_hurt_sessions.py::"
SILENT = "tests/sync/test_put_back_silently.py::"
SEEDS = "tests/simulation/test_seeds.py::test_no_promise_is_broken"
WAITED = "test_acts_that_came_back_before_the_registry_they_rest_on_count_once_it_is_back[known before]"
KILLERS = {
    "no_new_log_after_regression": FORKS
    + "test_a_disk_image_put_back_silently_gets_its_end_back_and_a_new_log",
    "divergent_tail_dropped": FORKS + "test_a_rollback_that_went_on_is_a_fork_and_both_branches_are_kept",
    "height_only": FORKS + "test_a_rollback_that_went_on_is_a_fork_and_both_branches_are_kept",
    "hidden_fork": FORKS + "test_a_rollback_that_went_on_is_a_fork_and_both_branches_are_kept",
    "remembered_cursor": AFTER + "test_a_feed_that_began_again_is_not_taken_for_the_one_before",
    "awaiting_never_refolded": AFTER + WAITED,
    "cursor_before_content": HURT + "test_what_a_torn_answer_did_not_bring_is_given_again",
    "receipt_before_commit": HURT + "test_there_is_no_receipt_for_what_could_not_be_stored",
    "county_rollback_not_noticed": SILENT
    + "test_a_county_put_back_silently_gives_its_logs_up_and_gets_everything_back",
    "any_proof_believed": SILENT + "test_forged_and_foreign_proof_is_refused_and_moves_nothing",
    "synchronous_normal": SEEDS + "[cuts]",
    "signature_unchecked": "tests/sync/test_evil_packages.py::"
    + "test_nonsense_is_kept_without_effect_and_blocks_nothing[no signature]",
    "scope_left_out": "tests/sync/test_three_levels.py::test_a_village_never_sees_what_is_another_ones",
    "root_not_compared": HURT + "test_no_altered_byte_of_a_package_gets_into_the_log",
    "end_of_sealed_log_kept_back": (
        "tests/sync/test_sealed_logs.py::test_acts_behind_the_last_checkpoint_of_a_log_in_doubt_still_go_up"
    ),
}
"""Which test finds which bug; docs/simulation.md lists them."""


def test_every_bug_has_a_killer() -> None:
    assert {bug.__name__ for bug in BUGS} == set(KILLERS)


@pytest.fixture(scope="module")
def nursery() -> Iterator[subprocess.Popen[str]]:
    """The process whose children run what the bugs are planted in."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.planted.nursery"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as started:
        yield started
        assert started.stdin is not None
        started.stdin.close()
        assert started.wait(timeout=60) == 0


@pytest.mark.parametrize("bug", KILLERS)
def test_the_suite_finds_it(bug: str, nursery: subprocess.Popen[str], tmp_path: Path) -> None:
    # A run within a run shuts the folder of both to other users if it has none of its own: the database
    # server of the outer one, which has another user, would find its door closed.
    inner = f"--basetemp={tmp_path / 'inner'}"
    out = tmp_path / "out"
    asked = {"bug": bug, "words": ["-q", "-p", "no:cacheprovider", inner, KILLERS[bug]], "out": str(out)}
    assert nursery.stdin is not None and nursery.stdout is not None
    nursery.stdin.write(json.dumps(asked) + "\n")
    nursery.stdin.flush()
    code, said = int(nursery.stdout.readline()), out.read_text(encoding="utf-8")
    assert code == 1, said[-2_000:]
    assert re.search(r"^\d+ failed", said, re.MULTILINE), said[-2_000:]
