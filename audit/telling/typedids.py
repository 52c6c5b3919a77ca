"""Ids as an auditor types them: their first digits, which stand for every id that begins so."""

from __future__ import annotations

from typing import Final

DIGITS_MIN: Final = 6
"""Fewer digits mean no id: a staff number or a house number would find somebody's act."""


def bounds_of(typed: str, *, id_bytes: int) -> tuple[bytes, bytes] | None:
    """Return the least and the greatest id that begins as typed; None for what begins no id.

    Args:
        typed: hexadecimal digits; capitals and spaces, with which groups are parted on paper, do not count.
        id_bytes: length of a whole id.
    """
    digits = "".join(typed.split()).lower()
    if not DIGITS_MIN <= len(digits) <= 2 * id_bytes:
        return None
    try:
        return bytes.fromhex(digits.ljust(2 * id_bytes, "0")), bytes.fromhex(digits.ljust(2 * id_bytes, "f"))
    except ValueError:
        return None
