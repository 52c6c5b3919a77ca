"""Planted bugs: patches of shipped code, chosen by an environment variable, that the tests must find."""

from __future__ import annotations


def plant() -> None:
    """Put in the bug that the environment names, if any."""
