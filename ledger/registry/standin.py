"""For whom somebody stands in (AB岗): what the registry says, and nobody's word besides it."""

from __future__ import annotations

from collections.abc import Iterable

from ledger.registry.authority import Authority
from ledger.registry.registry import Registry
from ledger.types import StationId


def stood_in_for(
    registry: Registry, staff_no: str, *, station: StationId, roles: Iterable[str] | None = None
) -> frozenset[str]:
    """Return the numbers of those for whom a person is registered to stand in at a station.

    Of somebody whose key has ended, it is what the last one could do: acts of that time are still corrected,
    and a provisional grant goes on with what the key before it had.

    Args:
        registry: the newest registry known.
        staff_no: who stands in.
        station: where.
        roles: with which of these roles; None for any.
    """
    held = _last_authority(registry, staff_no)
    if held is None:
        return frozenset()
    wanted = {role for role, _, _ in held.stand_ins} if roles is None else roles
    return frozenset[str]().union(*(held.stands_in_for(role, station) for role in wanted))


def _last_authority(registry: Registry, staff_no: str) -> Authority | None:
    live = registry.staff(staff_no)
    if live is not None:
        return live
    keys = registry.staff_keys(staff_no)
    ended = registry.retirement(keys[-1]) if keys else None
    return None if ended is None else registry.authority(keys[-1], size=ended.position - 1)
