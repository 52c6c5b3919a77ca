"""Why something of a station is not yet safe above, and what to do: from what is known, guessing nothing.

::

    sync.not_begun     nothing of the county has come yet, not even who stands above
    sync.keys_wait     the registrar has not enrolled service keys that this station asked for
    sync.new_keys_wait the same where an older key of the machine is in force: nothing stands still
    sync.staff_waits   the same of people's keys, of those who have no other that holds
    sync.by_stick      no address of a station above is set: sticks are the way
    sync.not_tried     nobody has tried to sync since: no program that would
    sync.waits_above   the next station has it, the one above that does not
    sync.waits_above_stick    the same where sticks alone bring word of it
    receipt_key.missing       this station can give no receipts to those below it
    receipt_key.not_enrolled
    sync.clock_slow    this clock and that of the station above are apart
    sync.clock_fast
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field

from ledger.errors import Param
from ledger.facade.peering.syncstatus import SyncStatus
from ledger.types import StationId
from sync.joining.approval import KeyState

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
UNTRIED_MS = HOUR_MS
CLOCK_OFF_MS = HOUR_MS
"""A session may last a quarter of an hour; what is apart by more than this is a wrong clock."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Why:
    """A reason by its code, with the values of its text."""

    code: str
    params: dict[str, Param] = field(default_factory=dict)


def reasons(
    found: SyncStatus,
    *,
    now_ms: int,
    has_address: bool,
    is_known: bool,
    keys: Sequence[KeyState] = (),
    in_force: Collection[str] = (),
) -> list[Why]:
    """Return the reasons beside the failure that stands, the weightiest first.

    Args:
        found: what is safe where.
        now_ms: this station's clock.
        has_address: whether the address of a station above is set.
        is_known: whether the registry that is held here knows this station.
        keys: those that this station asked for, with what the registry knows of them.
        in_force: purposes of which this machine has a key that the registry has in force.
    """
    # Before the registry has come nobody here knows which keys are enrolled.
    waiting = _waiting(found.station, keys, in_force)
    why = list(waiting) if is_known else [Why(code="sync.not_begun", params={"station": found.station})]
    if found.levels and not has_address:
        why.append(Why(code="sync.by_stick", params={"station": found.levels[0].station}))
    elif _is_untried(found, now_ms):
        why.append(Why(code="sync.not_tried", params={"waiting": found.levels[0].waiting}))
    if len(found.levels) > 1 and not found.levels[0].waiting and found.levels[1].waiting:
        near, far = found.levels[:2]
        code = "sync.waits_above" if has_address else "sync.waits_above_stick"
        why.append(Why(code=code, params={"station": near.station, "upper": far.station}))
    if found.receipt_key:
        why.append(Why(code=found.receipt_key, params={"station": found.station}))
    off_ms = found.link.clock_off_ms
    if abs(off_ms) > CLOCK_OFF_MS:
        days, hours = divmod(abs(off_ms) // HOUR_MS, 24)
        code = "sync.clock_slow" if off_ms > 0 else "sync.clock_fast"
        why.append(Why(code=code, params={"days": days, "hours": hours}))
    return why


def _waiting(station: StationId, keys: Sequence[KeyState], in_force: Collection[str]) -> Iterator[Why]:
    """Yield which keys wait for the registrar, with what cannot be done meanwhile."""
    services = [key.label for key in keys if key.kind == "service" and not key.enrolled]
    for code, purposes in (
        ("sync.keys_wait", tuple(one for one in services if one not in in_force)),
        ("sync.new_keys_wait", tuple(one for one in services if one in in_force)),
    ):
        if purposes:
            yield Why(code=code, params={"station": station, "purposes": purposes})
    staff = [key for key in keys if key.kind == "staff" and not key.enrolled]
    people = tuple(key.label for key in staff if not key.has_other)
    if people:
        yield Why(code="sync.staff_waits", params={"station": station, "people": people})


def _is_untried(found: SyncStatus, now_ms: int) -> bool:
    """Whether something waits, nothing stands in its way, and yet nobody tries."""
    if not found.levels or not found.levels[0].waiting or found.link.failure is not None:
        return False
    last_ms = max(found.link.tried_at_ms, found.levels[0].oldest_ms)
    return now_ms - last_ms > UNTRIED_MS
