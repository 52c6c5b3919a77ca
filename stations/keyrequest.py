"""Request to enrol a key that was made on another machine: public half and proof of possession, as text.

::

    banjian-key-request/1
    staff_no = "W002"
    ledger_id = "…64 hex…"
    public_key = "…64 hex…"
    possession = "…128 hex…"

The registrar compares the short number of the key by telephone before enrolling it.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass

from ledger.errors import DataError
from ledger.formats.keys import check_possession, check_public_key
from ledger.types import LedgerId

_HEAD = "banjian-key-request/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRequest:
    """Who asks, for which ledger (32 bytes), with which public key (32 bytes) and proof (64 bytes)."""

    staff_no: str
    ledger_id: LedgerId
    public_key: bytes
    possession: bytes


def encode_request(request: KeyRequest) -> str:
    """Return the text of a request."""
    return (
        f"{_HEAD}\n"
        f'staff_no = "{request.staff_no}"\n'
        f'ledger_id = "{request.ledger_id.hex()}"\n'
        f'public_key = "{request.public_key.hex()}"\n'
        f'possession = "{request.possession.hex()}"\n'
    )


def decode_request(text: str, *, ledger_id: LedgerId) -> KeyRequest:
    """Return a request, checked against the ledger that it is meant for.

    Raises:
        DataError: ``key.request`` for a damaged text; ``key.request_ledger`` for another ledger's;
            ``key.possession`` for a proof that does not hold.
    """
    head, _, body = text.removeprefix("\ufeff").replace("\r\n", "\n").partition("\n")
    try:
        table = tomllib.loads(body)
        request = KeyRequest(
            staff_no=str(table["staff_no"]),
            ledger_id=LedgerId(bytes.fromhex(str(table["ledger_id"]))),
            public_key=bytes.fromhex(str(table["public_key"])),
            possession=bytes.fromhex(str(table["possession"])),
        )
    except (tomllib.TOMLDecodeError, KeyError, ValueError, RecursionError) as error:
        raise DataError("key.request") from error
    if head.strip() != _HEAD:
        raise DataError("key.request")
    if request.ledger_id != ledger_id:
        raise DataError("key.request_ledger", ledger=ledger_id)
    check_public_key(request.public_key)
    check_possession(request.public_key, request.possession, ledger_id=ledger_id)
    return request
