"""Settings of every test: layers of the machine, hypothesis profiles, a neutral locale."""

from __future__ import annotations

import gc
import os
import sys
from functools import lru_cache

import pytest
from hypothesis import HealthCheck, settings

from ledger.formats import envelope
from tests import planted, quickkeys
from tests.layers import LayerPlugin, in_ci
from tests.postgres import new_url, postgres_dsn, postgres_schema

__all__ = ["new_url", "postgres_dsn", "postgres_schema"]

# `ci` repeats exactly; `dev` looks elsewhere each time; `long` is for a night. HYPOTHESIS_PROFILE chooses.
settings.register_profile(
    "ci",
    derandomize=True,
    deadline=None,
    max_examples=60,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("dev", deadline=None, max_examples=60, print_blob=True)
settings.register_profile("long", deadline=None, max_examples=5000, print_blob=True)


def pytest_configure(config: pytest.Config) -> None:
    """Set up what holds for the whole run."""
    planted.plant()
    # Rubbish is looked for as seldom as the program itself does (stations/cli/main.py).
    gc.set_threshold(20_000, 20, 20)
    # One passphrase, salt and cost make one key: a file that many tests open is derived for once a process.
    envelope._derive = lru_cache(maxsize=1024)(envelope._derive)
    quickkeys.seal_quickly()
    # Hundreds of processes of the program are started. Where the machine says that no byte code is to be
    # written, each of them would compile every module again: a third of the run.
    sys.dont_write_bytecode = False
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    for name in ("LC_ALL", "LANGUAGE"):
        os.environ.pop(name, None)
    os.environ["LANG"] = "C.UTF-8"
    settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if in_ci() else "dev"))
    config.pluginmanager.register(LayerPlugin(strict=in_ci()), "banjian-layers")


SLOW_FIRST = (
    "house/test_bundle.py", "house/test_setup.py", "web/test_odd_queries.py",
    "cli/test_readme.py", "cli/test_restore_page.py", "cli/test_demo.py", "cli/test_demo_counter.py",
    "sync/test_evil_packages.py", "sync/test_pins.py", "web/test_new_keys.py", "web/test_looks.py",
    "web/test_morning.py", "faults/test_kills.py", "faults/test_cuts.py", "cli/test_postgres.py",
    "cli/test_serve.py", "planted/test_killed.py", "simulation/test_seeds.py", "sync/test_crowd.py",
    "sync/test_grants.py", "cli/test_reset.py", "web/test_counter.py", "web/test_first_day.py",
    "web/test_live.py", "web/test_demo_alive.py", "sync/test_nested_forks.py", "sync/test_county_chain.py",
    "web/test_locked_pages.py", "sync/test_altered_tables.py", "sync/test_stretches.py",
    "sync/test_slow_lines.py", "sync/test_bundle_faults.py", "audit/test_crew.py",
    "cli/test_lost_machine_page.py", "web/test_played_pages.py", "web/test_tabs.py", "web/test_typed.py",
    "web/test_typing.py", "cli/test_locales.py", "second_reader/test_synced_ledgers.py",
    "web/test_tables.py", "web/test_action_drafts.py", "cli/test_serve_silent.py", "web/test_unsigned.py",
    "web/test_training_prints.py", "web/test_security.py", "web/test_admin_lists.py",
)  # fmt: skip
"""Files that take longest, few tests though they hold: begun last, one worker would wait for the other."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    places = {name: place for place, name in enumerate(SLOW_FIRST)}

    def place(item: pytest.Item) -> int:
        return places.get("/".join(item.path.parts[-2:]), len(places))

    items.sort(key=place)


def pytest_collection_finish() -> None:
    """Take what was collected for good: some million objects that the collector need not walk again."""
    gc.collect()
    gc.freeze()
