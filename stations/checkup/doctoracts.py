"""What ``banjian doctor`` finds of acts that came from elsewhere, are kept, and count for nothing."""

from __future__ import annotations

from collections.abc import Iterator

from ledger.facade import Ledger
from ledger.facade.peering.between import sync_status
from ledger.facade.peering.syncstatus import SyncFinding
from ledger.facade.transfer.withouteffect import is_without_effect
from ledger.intact import NAMED_MAX
from ledger.types import StationId
from stations.checkup.checks import Check, found


def act_checks(ledger: Ledger, station: StationId) -> Iterator[Check]:
    """Yield what nobody has looked into yet of acts without effect and of repeated numbers.

    Args:
        ledger: open for reading.
        station: the main station of the installation; "" before it has one.
    """
    if not station:
        return
    waiting = [
        one for one in sync_status(ledger, station).findings if is_without_effect(one.code, one.detail)
    ]
    if not waiting:
        yield found("acts", "ok", "doctor.acts")
        return
    named = list(dict.fromkeys(_named(one) for one in waiting))
    told = "、".join(named[:NAMED_MAX]) + ("、…" if len(named) > NAMED_MAX else "")
    count = sum(1 + one.more for one in waiting)
    yield found("acts", "warning", "doctor.acts_without_effect", count=count, named=told)


def _named(one: SyncFinding) -> str:
    return " ".join(part for part in (one.station, one.staff_no, one.code) if part)
