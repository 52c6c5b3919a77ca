"""Where stations listen, as invites of the county have said: so that the next one need not be told again.

::

    DIR/addresses/<station>   one address a line, in the order in which they are tried

Source: docs/protocol.md, "Joining".
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ledger.facade import Home
from ledger.platform import os_failure, write_durably
from ledger.types import StationId

ADDRESSES = "addresses"


def known_addresses(home: Home, station: StationId) -> tuple[str, ...]:
    """Return where a station listened when an invite last said so; empty where none did.

    Raises:
        StoreError: the disk's own reasons.
    """
    path = _path(home, station)
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise os_failure(error, path) from error
    return tuple(raw.decode("ascii", "replace").split())


def keep_addresses(home: Home, station: StationId, addresses: Sequence[str]) -> None:
    """Remember where a station listens.

    Raises:
        StoreError: the disk's own reasons.
    """
    path = _path(home, station)
    try:
        path.parent.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise os_failure(error, path.parent) from error
    write_durably(path, "\n".join(addresses).encode("ascii"))


def forget_addresses(home: Home, station: StationId) -> None:
    """Forget where a station listened: whoever joins there would join at the machine that was stolen."""
    path = _path(home, station)
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise os_failure(error, path) from error


def _path(home: Home, station: StationId) -> Path:
    return home.path / ADDRESSES / station
