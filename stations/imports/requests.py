"""Key requests that lie in a folder: who has asked to be enrolled with which key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ledger.errors import ConfigError, DataError, InputError
from ledger.formats.keys import ED25519, key_id
from ledger.types import KeyId, LedgerId
from stations.keyrequest import KeyRequest, decode_request
from stations.sheetin.faults import Faults, Place

SUFFIX: Final = ".request"
REQUEST_BYTES_MAX: Final = 16 * 1024
REQUESTS_MAX: Final = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundRequest:
    """A key request, and the file that it came from."""

    request: KeyRequest
    file: str

    @property
    def key_id(self) -> KeyId:
        """The short number of the key: what is compared by telephone."""
        return key_id(ED25519, self.request.public_key)


def read_requests(folder: Path | None, ledger_id: LedgerId, faults: Faults) -> Mapping[str, FoundRequest]:
    """Return the requests (``*.request``) of a folder by staff number.

    A file that is no request for this ledger is told and passed over; two requests of one number with
    different keys are a fault: nobody can say here which one is hers.

    Raises:
        ConfigError: ``cli.folder`` when the folder cannot be read.
        InputError: ``sheet.requests_many``.
    """
    if folder is None:
        return {}
    try:
        paths = sorted(path for path in folder.iterdir() if path.suffix.lower() == SUFFIX)
    except OSError as error:
        raise ConfigError("cli.folder", path=str(folder)) from error
    if len(paths) > REQUESTS_MAX:
        raise InputError("sheet.requests_many", path=str(folder), limit=REQUESTS_MAX)
    found: dict[str, FoundRequest] = {}
    for path in paths:
        request = _read(path, ledger_id, faults)
        if request is None:
            continue
        known = found.get(request.staff_no)
        if known is None:
            found[request.staff_no] = FoundRequest(request=request, file=path.name)
        elif known.request.public_key != request.public_key:
            faults.add("request.two", Place(), request.staff_no, file=path.name, other=known.file)
    return found


def _read(path: Path, ledger_id: LedgerId, faults: Faults) -> KeyRequest | None:
    try:
        # A pipe would let itself be waited for without end, a device be read so.
        if not path.is_file() or path.stat().st_size > REQUEST_BYTES_MAX:
            raise DataError("key.request")
        return decode_request(path.read_text(encoding="utf-8-sig"), ledger_id=ledger_id)
    except DataError as error:
        faults.tell("request.unusable", Place(), path.name, why=error.code)
    except (OSError, UnicodeDecodeError):
        faults.tell("request.unusable", Place(), path.name, why="cli.file")
    return None
