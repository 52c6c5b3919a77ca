"""Planted bugs: patches of shipped code, chosen by an environment variable, that the tests must find.

Nothing of this is in the product; ``tests/conftest.py`` and the simulation's command put a bug in when
``BANJIAN_PLANTED`` names one. ``test_killed.py`` shows for each of them which tests fail then.
"""

from __future__ import annotations

import os

VARIABLE = "BANJIAN_PLANTED"


def plant() -> None:
    """Put in the bug that the environment names, if any."""
    name = os.environ.get(VARIABLE, "")
    if not name:
        return
    from tests.planted.bugs import BUGS

    {bug.__name__: bug for bug in BUGS}[name]()


def settings() -> dict[str, str]:
    """Return the SQLite settings that a planted bug makes behind the store's back."""
    if not os.environ.get(VARIABLE):
        return {}
    from tests.planted.bugs import SETTINGS

    return dict(SETTINGS)
