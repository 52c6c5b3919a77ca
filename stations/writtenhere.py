"""Which logs are written on this machine: whether it is the county's, and whose desks stand here."""

from __future__ import annotations

from ledger.facade import Ledger
from ledger.types import StationId


def writes_registry(ledger: Ledger) -> bool:
    """Tell whether the registry is written here: this is the county's machine."""
    return any(log.own and log.kind == "registry" for log in ledger.logs())


def stations_here(ledger: Ledger) -> list[StationId]:
    """Return the stations whose logs are written here, sorted."""
    return sorted({log.station for log in ledger.logs() if log.own and log.kind == "station"})
