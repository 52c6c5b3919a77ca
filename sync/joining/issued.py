"""What the county remembers of the certificates that it issued: for each station, when the newest begins.

::

    DIR/joins/<station>.issued   [1, station, begin of the newest certificate in milliseconds]

By it certificates are ended (``end_certificates``), not by a clock: one that is slow would leave the stolen
machine's in force, and say that it had ended it.

Source: docs/protocol.md, "Certificates".
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from ledger.codec import pack_header, unpack_header
from ledger.errors import EncodingError
from ledger.facade import Home
from ledger.platform import os_failure, write_durably
from ledger.types import StationId

SUFFIX = ".issued"
_BYTES_MAX = 256


def newest_begin_ms(home: Home, station: StationId) -> int:
    """Return when the newest certificate of a station begins that was issued here; 0 where none is known.

    A record that cannot be read counts as none: the next certificate writes it anew.
    """
    path = _path(home, station)
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


def note_issued(home: Home, station: StationId, *, begin_ms: int) -> None:
    """Remember a certificate, durably and before it leaves.

    Raises:
        StoreError: the disk's own reasons; the certificate must not leave.
    """
    if begin_ms > newest_begin_ms(home, station):
        write_durably(_path(home, station), pack_header((1, station, begin_ms)))


def _path(home: Home, station: StationId) -> Path:
    return home.joins_dir / f"{station}{SUFFIX}"
