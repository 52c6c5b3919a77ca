"""What negative vectors are made of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from ledger.codec import HeaderValue, pack_header, unpack_header

Given: TypeAlias = Mapping[str, bytes | str | int | list[str] | list[int]]
Case: TypeAlias = tuple[str, str, Given, str]
"""Name, kind, input, expected code."""


def changed(raw: bytes, index: int, value: HeaderValue) -> bytes:
    """Return a header with one field replaced."""
    fields = list(unpack_header(raw, limit=2**25, items_max=2**14))
    fields[index] = value
    return pack_header(fields)


def flipped(raw: bytes, index: int) -> bytes:
    """Return bytes with the lowest bit of one of them flipped."""
    position = index % len(raw)
    return raw[:position] + bytes((raw[position] ^ 1,)) + raw[position + 1 :]
