"""What the station above answered, in words that are true here: its disk is not this disk.

Errors travel with class, code and values. Most of them say the same at both ends; those that speak of "this
machine" become errors of their own, which name the station that they are about.
"""

from __future__ import annotations

from typing import Final

from ledger.errors import BanjianError, EncodingError, StoreError
from sync.core.pace import SECOND_MS, PaceRule

RETRY_MAX_S: Final = PaceRule().retry_max_ms // SECOND_MS
_COME_AGAIN: Final = ("sync.busy", "sync.too_often")
LOCAL_AREAS = ("store.", "log.", "serve.", "ledger.")
"""Beginnings of codes that are about the machine which told them."""


def from_upstream(error: BanjianError, station: str) -> BanjianError:
    """Return an error of the station above as this station has to tell it.

    Args:
        error: as it came.
        station: who answered; the address before the registry tells.
    """
    if error.code == "store.disk_full":
        return StoreError("sync.upstream_full", station=station)
    if isinstance(error, StoreError) and error.code.startswith(LOCAL_AREAS):
        return StoreError("sync.upstream_down", station=station, reason=error.code)
    if error.code == "sync.version":
        ours, theirs = error.params.get("version", 0), error.params.get("known", 0)
        return EncodingError("sync.upstream_version", station=station, ours=ours, theirs=theirs)
    if error.code in _COME_AGAIN:
        # What is told is what happens: nobody waits longer than its own bound, whatever the other side says.
        said = error.params.get("seconds")
        seconds = min(max(1, said), RETRY_MAX_S) if isinstance(said, int) else RETRY_MAX_S
        return StoreError(error.code, seconds=seconds)
    if error.code in ("sync.not_http", "sync.torn"):
        return StoreError("sync.torn", address=station)
    return error
