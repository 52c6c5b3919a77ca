"""Settings of every test: layers of the machine, hypothesis profiles, a neutral locale."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, settings

from tests import planted
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
    for name in ("LC_ALL", "LANGUAGE"):
        os.environ.pop(name, None)
    os.environ["LANG"] = "C.UTF-8"
    settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if in_ci() else "dev"))
    config.pluginmanager.register(LayerPlugin(strict=in_ci()), "banjian-layers")
