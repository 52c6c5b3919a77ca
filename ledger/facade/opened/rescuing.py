"""A county that lost its disk and has no backup: an empty folder that its stations fill again.

They hold registry and catalogue whole, as signed, and the county's newest checkpoint. The folder knows which
ledger it is and that it lost everything, no more; what the stations bring of the county's own logs is taken
as written here once, and people open the logs that go on, as after a restore.

Source: docs/storage.md, "A county without any backup".
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ledger.errors import DataError
from ledger.facade.base.clock import Randomness
from ledger.facade.base.home import RESTORED_MARKER, Home
from ledger.facade.opened.founding import found_empty
from ledger.facade.opened.setup import county_station, fresh_part, put_in_place
from ledger.formats.genesis import decode_ledger_genesis, ledger_id
from ledger.platform import write_durably
from ledger.types import LedgerId, StationId


def rescue_county(
    home: Home,
    genesis: bytes,
    *,
    expected: LedgerId,
    randomness: Randomness,
    finish: Callable[[Path, StationId], None] | None = None,
) -> StationId:
    """Make the county's installation anew, with nothing in it; returns the county's station.

    Args:
        home: where to; must not hold a ledger.
        genesis: the ledger's genesis, as every station keeps it.
        expected: the number of the ledger, as printed: whose genesis this must be.
        randomness: for the storage key.
        finish: puts settings into the folder before it takes its name.

    Raises:
        ConfigError: ``home.exists``.
        DataError: ``sync.other_ledger`` for the genesis of another ledger.
        EncodingError: ``genesis.*``, ``encoding.*`` for what is none.
        StoreError: the store's own reasons.
    """
    decoded = decode_ledger_genesis(genesis)
    if ledger_id(genesis) != expected:
        raise DataError("sync.other_ledger", expected=expected, found=ledger_id(genesis))
    part = fresh_part(home)
    found_empty(part, decoded, randomness=randomness)
    write_durably(part.path / RESTORED_MARKER, b"")
    station = county_station(decoded.division_code)
    if finish is not None:
        finish(part.path, station)
    put_in_place(part, home)
    return station
