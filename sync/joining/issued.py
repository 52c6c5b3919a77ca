"""What the county remembers of the certificates and invites that it gave: each station's newest.

::

    DIR/joins/<station>.issued    [1, station, begin of the newest certificate in milliseconds]
    DIR/joins/<station>.invited   [1, station, when the newest invite was written, in milliseconds]

By them certificates and invites are ended (``end_certificates``), not by a clock: one that is slow would
leave those of the stolen machine in force, and say that it had ended them; one that was ahead has written
invites that lie behind every moment of today.

Source: docs/protocol.md, "Certificates".
"""

from __future__ import annotations

from contextlib import suppress

from ledger.codec import pack_header, unpack_header
from ledger.errors import EncodingError
from ledger.facade import Home
from ledger.platform import os_failure, write_durably
from ledger.types import StationId

ISSUED, INVITED = ".issued", ".invited"
_BYTES_MAX = 256


def newest_begin_ms(home: Home, station: StationId) -> int:
    """Return when the newest certificate of a station begins that was issued here; 0 where none is known.

    A record that cannot be read counts as none: the next certificate writes it anew.
    """
    return _newest_ms(home, station, ISSUED)


def newest_invite_ms(home: Home, station: StationId) -> int:
    """Return when the newest invite of a station was written here; 0 where none is known."""
    return _newest_ms(home, station, INVITED)


def note_issued(home: Home, station: StationId, *, begin_ms: int) -> None:
    """Remember a certificate, durably and before it leaves.

    Raises:
        StoreError: the disk's own reasons; the certificate must not leave.
    """
    _note(home, station, ISSUED, begin_ms)


def note_invited(home: Home, station: StationId, *, issued_at_ms: int) -> None:
    """Remember an invite, durably and before it leaves.

    Raises:
        StoreError: the disk's own reasons; the invite must not leave.
    """
    _note(home, station, INVITED, issued_at_ms)


def make_folder(home: Home) -> None:
    """Make the folder of what is remembered of joining, where there is none.

    Raises:
        StoreError: the disk's own reasons.
    """
    try:
        home.joins_dir.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise os_failure(error, home.joins_dir) from error


def _newest_ms(home: Home, station: StationId, ending: str) -> int:
    path = home.joins_dir / f"{station}{ending}"
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        return 0
    except OSError as error:
        raise os_failure(error, path) from error
    with suppress(EncodingError):
        fields = unpack_header(raw, limit=_BYTES_MAX)
        if len(fields) == 3 and fields[1] == station and type(fields[2]) is int:
            return fields[2]
    return 0


def _note(home: Home, station: StationId, ending: str, at_ms: int) -> None:
    make_folder(home)
    if at_ms > _newest_ms(home, station, ending):
        write_durably(home.joins_dir / f"{station}{ending}", pack_header((1, station, at_ms)))
