"""Where ``banjian`` begins: with the standard library alone, so that a damaged program can tell."""

from __future__ import annotations

from collections.abc import Callable

from ledger.intact import started


def main() -> int:
    """Run the command and return its exit code; 2 when files of the program are missing."""
    return started(_load)


def _load() -> Callable[[], int]:
    # Everything compiled comes with this import.
    from stations.cli.main import main as run

    return run
