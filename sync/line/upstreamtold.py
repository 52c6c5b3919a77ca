"""What the station above answered, in words that are true here: its disk is not this disk.

Errors travel with class, code and values. Most of them say the same at both ends; those that speak of "this
machine" become errors of their own, which name the station that they are about.
"""

from __future__ import annotations

from ledger.errors import BanjianError, EncodingError, StoreError

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
    if error.code in ("sync.not_http", "sync.torn"):
        return StoreError("sync.torn", address=station)
    return error
