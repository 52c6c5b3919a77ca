"""Envelopes that open at a fraction of the usual costs, for tests in which a key is only a means."""

from __future__ import annotations

from ledger.formats.envelope import KdfParams

QUICK = KdfParams(memory_kib=8_192, iterations=1, lanes=1)


def seal_quickly() -> None:
    """Let all keys that this process makes open so. What the program takes is tested where it is started."""
    from stations.office import newkeys

    newkeys.KdfParams = lambda: QUICK  # type: ignore[assignment, misc]
