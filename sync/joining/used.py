"""What the county remembers of an invite that was used: by whom, and when.

::

    DIR/joins/<token>.used       [1, station, hash of the TLS key, time in milliseconds]

Source: docs/protocol.md, "Joining".
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from ledger.codec import unpack_header
from ledger.errors import AuthorityError, EncodingError
from ledger.platform import os_failure
from ledger.registry.authority import PURPOSES
from ledger.registry.registry import Registry
from ledger.types import StationId
from sync.joining.joinforms import JoinRequest

_BYTES_MAX = 256


class Used(NamedTuple):
    """An invite that was used.

    Attributes:
        station: that it was for.
        holder: hash of the TLS key by which it was used.
        at_ms: when; no earlier than the certificates that had ended by then.
    """

    station: StationId
    holder: bytes
    at_ms: int


def read_used(path: Path) -> Used | None:
    """Return who used an invite, known by the hash of the TLS key; None when nobody did.

    Raises:
        EncodingError: ``join.used``: a record that cannot be read counts as used by somebody unknown.
    """
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise os_failure(error, path) from error
    try:
        fields = unpack_header(raw, limit=_BYTES_MAX)
    except EncodingError as error:
        raise EncodingError("join.used", file=path.name) from error
    _, station, holder, at_ms = fields if len(fields) == 4 else (0, "", "", "")
    if type(holder) is not bytes or type(station) is not str or type(at_ms) is not int:
        raise EncodingError("join.used", file=path.name)
    return Used(StationId(station), holder, at_ms)


def check_unknown_use(
    request: JoinRequest, registry: Registry, *, restored_ms: int, coming_back: bool
) -> None:
    """Refuse an invite of before this county was put back that somebody else may have used.

    Who used it after the backup was lost with the rest. A station that has joined with other keys used one;
    which stations have is known once the registry has come back.

    Args:
        request: with an invite that nobody used, as far as is known.
        registry: as it is here.
        restored_ms: when this county was put back last, 0 for never.
        coming_back: whether the registry may lack its end.

    Raises:
        AuthorityError: ``join.before_restore``.
    """
    invite = request.invite
    if invite.issued_at_ms > restored_ms:
        return
    asked = {one.public_key for one in request.services}
    enrolled = (key for purpose in PURPOSES for key in registry.service_keys(invite.station, purpose))
    if coming_back or any(key.public_key not in asked for key in enrolled):
        raise AuthorityError("join.before_restore", station=invite.station)
