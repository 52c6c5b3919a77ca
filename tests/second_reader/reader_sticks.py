"""What sticks say about attachments, as ``docs/protocol.md`` has it under "Attachments on sticks"."""

import base64
import hashlib
from typing import Any

from reader_formats import Refused, decode, verify_receipt

CHUNK = 262_144


def read_attachment(data: bytes) -> tuple[bytes, int, bytes, bytes, int]:
    """Return hash, index, chunk, salt and size of one chunk of an attachment."""
    values = _fields(data, CHUNK + 1_024, 8)
    _, content, case, size, salt, file, index, chunk = values
    good = (
        isinstance(content, bytes)
        and isinstance(case, bytes)
        and isinstance(salt, bytes)
        and isinstance(chunk, bytes)
        and isinstance(file, str)
        and (len(content), len(case), len(salt)) == (32, 16, 32)
        and len(file) <= 120
        and not set(file) & set("/\\\0")
    )
    if not good or not 1 <= size <= 1 << 30 or not 0 <= index * CHUNK < size:
        raise Refused("sync.field")
    if len(chunk) != min(CHUNK, size - index * CHUNK):
        raise Refused("sync.field", "chunk")
    return content, index, chunk, salt, size


def read_attached(
    data: bytes, *, sender: str, receiver: str, public_key: bytes
) -> tuple[list[bytes], list[bytes]]:
    """Return the hashes that have arrived by the sender's signature, and those that it lacks."""
    _, whole, wanted, line = _fields(data, 1 << 20, 4, elements=8_192)
    if any(not isinstance(one, bytes) or len(one) != 32 for one in [*whole, *wanted]):
        raise Refused("sync.field")
    if whole != sorted(set(whole)) or len(whole) > 8_192 or len(wanted) > 256 or len(line) > 512:
        raise Refused("sync.field")
    root = hashlib.sha256(b"banjian/attached/1\n" + b"".join(whole)).digest()
    text = f"banjian/attached/{receiver}\n{len(whole)}\n{base64.b64encode(root).decode()}\n"
    if whole:
        verify_receipt(line, text.encode(), f"banjian/receipt/{sender}", public_key)
    return whole, wanted


def _fields(data: bytes, limit: int, count: int, *, elements: int = 4_096) -> list[Any]:
    values: list[Any] = decode(data, limit, body=False, elements=elements)
    if len(values) != count or values[0] != 1:
        raise Refused("sync.field", "version")
    return values
