"""What is safe where, for the line on every page: from receipts of the stations above, nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ledger.errors import Param
from ledger.facade import Ledger
from ledger.facade.peering.between import sync_status
from ledger.facade.peering.syncstatus import LevelStatus
from ledger.types import StationId


@dataclass(frozen=True, slots=True, kw_only=True)
class Safety:
    """What stands on the line.

    Attributes:
        entries: records stored on this machine.
        levels: what each station above has confirmed, the nearest first.
        heard_at_ms: last good contact with the station above; 0 for never.
        failure: code of what fails now; "" for nothing.
        since_ms: since when it fails.
        findings: how many things were found and not settled.
        grade: ``all`` when the highest level has everything, ``some`` when records or attachments wait,
            ``here`` at the top and where there is nothing yet: of nothing no level has given a receipt.
    """

    entries: int
    levels: tuple[LevelStatus, ...]
    heard_at_ms: int
    failure: str
    params: Mapping[str, Param]
    since_ms: int
    findings: int
    grade: str


def read_safety(ledger: Ledger, station: StationId) -> Safety:
    """Return what is safe where of the installation."""
    status = sync_status(ledger, ledger.main_station or station)
    failure = status.link.failure
    waiting = any(level.waiting or level.attachments for level in status.levels)
    return Safety(
        entries=status.entries,
        levels=status.levels,
        heard_at_ms=status.link.done_at_ms,
        failure="" if failure is None else failure.code,
        params={} if failure is None else failure.params,
        since_ms=0 if failure is None else failure.since_ms,
        findings=len(status.findings),
        grade="some" if waiting else "all" if status.levels and status.entries else "here",
    )
