"""Values between director and actors: JSON lines, in which bytes are written as ``{"hex": "..."}``."""

from __future__ import annotations

import json
from typing import cast

from ledger.types import Facts, Value

HEX = "hex"
LINE_BYTES_MAX = 256 << 20
Message = dict[str, object]


def encode(message: Message) -> bytes:
    """Return a message as one line."""
    return json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode("utf-8") + b"\n"


def decode(line: bytes) -> Message:
    """Return the message of a line.

    Raises:
        ValueError: it is none.
    """
    message = json.loads(line)
    if not isinstance(message, dict):
        raise ValueError("no object")
    return message


def to_plain(value: object) -> object:
    """Return a value of facts as JSON can hold it."""
    if isinstance(value, bytes):
        return {HEX: value.hex()}
    if isinstance(value, dict):
        return {name: to_plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [to_plain(one) for one in value]
    return value


def from_plain(value: object) -> Value:
    """Return what ``to_plain`` was given."""
    if isinstance(value, dict):
        if set(value) == {HEX}:
            return bytes.fromhex(value[HEX])
        return {name: from_plain(one) for name, one in value.items()}
    if isinstance(value, list):
        return [from_plain(one) for one in value]
    return cast(Value, value)


def facts_from_plain(value: object) -> Facts:
    """Return a map of facts."""
    found = from_plain(value)
    return found if isinstance(found, dict) else {}
