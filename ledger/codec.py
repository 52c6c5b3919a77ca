"""Canonical MessagePack: the only module that knows msgpack.

Headers are arrays in fixed order, bodies one map with sorted keys. A decoder takes only bytes that encode
again to themselves, so that one meaning has one hash.

Source: docs/protocol.md, "Encoding"; the MessagePack specification.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import msgpack

from ledger.errors import EncodingError
from ledger.limits import BODY_DEPTH_MAX, HEADER_ITEMS_MAX, INT_MAX, INT_MIN, body_items_max
from ledger.types import Facts, Value

HeaderValue: TypeAlias = "int | bytes | str | Sequence[HeaderValue]"
HeaderFields: TypeAlias = tuple[Any, ...]
"""Decoded header: the record's own decoder checks the type of every field."""

_UNPACK_ERRORS = (ValueError, msgpack.exceptions.UnpackException)
"""UnicodeDecodeError is a ValueError; ExtraData and FormatError as well."""
_pack = msgpack.Packer(autoreset=True).pack
"""One packer for all: making one costs as much as packing. A call never lets go of the interpreter's lock."""


def pack_header(fields: Sequence[HeaderValue]) -> bytes:
    """Return the canonical bytes of a header."""
    packed: bytes = _pack(fields)
    return packed


def unpack_header(raw: bytes, *, limit: int, items_max: int = HEADER_ITEMS_MAX) -> HeaderFields:
    """Return the fields of a header; nested arrays are tuples.

    The caller checks type and range of each field with ``type(x) is int`` and the like: a float, ``nil``,
    map or extension inside the array decodes here and fails there.

    Args:
        raw: the bytes as they came.
        limit: largest size in bytes.
        items_max: largest number of elements in one array.

    Raises:
        EncodingError: ``encoding.limit`` too long; ``encoding.malformed`` not MessagePack or not an array;
            ``encoding.canonical`` another encoding of the same values.
    """
    if len(raw) > limit:
        raise EncodingError("encoding.limit", size=len(raw), limit=limit)
    try:
        fields = msgpack.unpackb(raw, use_list=False, max_array_len=items_max)
        again = _pack(fields)
    except _UNPACK_ERRORS as error:
        raise EncodingError("encoding.malformed") from error
    if type(fields) is not tuple:
        raise EncodingError("encoding.malformed")
    if again != raw:
        raise EncodingError("encoding.canonical")
    return fields


def reread_header(raw: bytes) -> HeaderFields:
    """Return the fields of a header whose bytes were checked before; nothing but their form is checked here.

    Raises:
        EncodingError: ``encoding.malformed``.
    """
    try:
        fields = msgpack.unpackb(raw, use_list=False)
    except (TypeError, *_UNPACK_ERRORS) as error:
        raise EncodingError("encoding.malformed") from error
    if type(fields) is not tuple:
        raise EncodingError("encoding.malformed")
    return fields


def reread_body(raw: bytes) -> Facts:
    """Return the map of a body whose bytes were checked before; nothing but their form is checked here.

    Raises:
        EncodingError: ``encoding.malformed``.
    """
    try:
        body = msgpack.unpackb(raw)
    except (TypeError, *_UNPACK_ERRORS) as error:
        raise EncodingError("encoding.malformed") from error
    if type(body) is not dict:
        raise EncodingError("encoding.malformed")
    facts: Facts = body
    return facts


def pack_body(facts: Facts) -> bytes:
    """Return the canonical bytes of a body: map keys sorted by their UTF-8 bytes at every depth.

    Raises:
        EncodingError: ``encoding.type`` for a value that bodies do not hold (float, too large an integer,
            text that is not valid Unicode); ``encoding.depth`` when nested too deep.
    """
    if type(facts) is not dict:
        raise EncodingError("encoding.type", kind=type(facts).__name__)
    try:
        packed: bytes = _pack(_sorted(facts, 1))
    except UnicodeEncodeError as error:
        raise EncodingError("encoding.type", kind="text") from error
    return packed


def unpack_body(raw: bytes, *, limit_bytes: int) -> Facts:
    """Return the map that the canonical bytes of a body hold.

    Raises:
        EncodingError: ``encoding.limit``, ``encoding.malformed``, ``encoding.type``, ``encoding.depth`` or
            ``encoding.canonical`` (unsorted or repeated keys, longer forms of integers and lengths).
    """
    if len(raw) > limit_bytes:
        raise EncodingError("encoding.limit", size=len(raw), limit=limit_bytes)
    items_max = body_items_max(limit_bytes)
    try:
        body = msgpack.unpackb(raw, ext_hook=_refuse_ext, max_array_len=items_max, max_map_len=items_max)
    except _UNPACK_ERRORS as error:
        raise EncodingError("encoding.malformed") from error
    if type(body) is not dict:
        raise EncodingError("encoding.malformed")
    _check_map(body, 1)
    if _pack(body) != raw:
        raise EncodingError("encoding.canonical")
    facts: Facts = body
    return facts


def _sorted(value: Value, depth: int) -> Value:
    kind = type(value)
    if kind is str or kind is bytes or kind is bool or value is None:
        return value
    if kind is int:
        _check_int(value)
        return value
    if depth > BODY_DEPTH_MAX:
        raise EncodingError("encoding.depth", limit=BODY_DEPTH_MAX)
    if isinstance(value, dict):
        if not all(type(key) is str for key in value):
            raise EncodingError("encoding.type", kind="key")
        # The order of code points is the order of UTF-8 bytes.
        return {key: _sorted(value[key], depth + 1) for key in sorted(value)}
    if isinstance(value, list | tuple):
        return [_sorted(item, depth + 1) for item in value]
    raise EncodingError("encoding.type", kind=kind.__name__)


def _check_map(value: dict[Any, Any], depth: int) -> None:
    previous: str | None = None
    for key, item in value.items():
        if type(key) is not str:
            raise EncodingError("encoding.type", kind="key")
        if previous is not None and key <= previous:
            raise EncodingError("encoding.canonical")
        previous = key
        kind = type(item)
        if kind is str or kind is bytes or kind is bool or item is None:
            continue
        _check_other(item, depth + 1)


def _check_other(item: Any, depth: int) -> None:
    kind = type(item)
    if kind is str or kind is bytes or kind is bool or item is None:
        return
    if kind is int:
        _check_int(item)
        return
    if depth > BODY_DEPTH_MAX:
        raise EncodingError("encoding.depth", limit=BODY_DEPTH_MAX)
    if kind is dict:
        _check_map(item, depth)
    elif kind is list:
        for child in item:
            _check_other(child, depth + 1)
    else:
        raise EncodingError("encoding.type", kind=kind.__name__)


def _check_int(value: Any) -> None:
    if not INT_MIN <= value <= INT_MAX:
        raise EncodingError("encoding.type", kind="int")


def _refuse_ext(code: int, data: bytes) -> Any:
    raise EncodingError("encoding.type", kind="extension")
