"""An error as it travels between stations: class, code and values, as JSON, so that both ends say the same.

Source: docs/protocol.md, "Errors on the wire".
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from ledger import errors
from ledger.errors import BanjianError, DataError, Param

PROBLEM_BYTES_MAX = 8 * 1024
_CODE = re.compile(r"[a-z0-9_]+(\.[a-z0-9_]+){0,4}", re.ASCII)
_VALUE_CHARS_MAX = 400
_KINDS: Mapping[str, type[BanjianError]] = {
    "InputError": errors.InputError,
    "RuleError": errors.RuleError,
    "AuthorityError": errors.AuthorityError,
    "DataError": errors.DataError,
    "EncodingError": errors.EncodingError,
    "StoreError": errors.StoreError,
    "ForkError": errors.ForkError,
    "GapError": errors.GapError,
    "ConfigError": errors.ConfigError,
}
_STATUS: Mapping[str, int] = {
    "InputError": 400,
    "DataError": 400,
    "EncodingError": 400,
    "AuthorityError": 403,
    "RuleError": 409,
    "ForkError": 409,
    "GapError": 409,
}
UNAVAILABLE = 503


def encode_problem(error: BanjianError) -> bytes:
    """Return the bytes of an error."""
    params = {name: _plain(value) for name, value in error.params.items()}
    answer = {"kind": type(error).__name__, "code": error.code, "params": params}
    return json.dumps(answer, ensure_ascii=False, separators=(",", ":")).encode("utf-8")


def decode_problem(raw: bytes) -> BanjianError:
    """Return the error that the other side told, in its own class.

    Whatever else came is the error ``sync.answer``: the other side is not one of ours, or of another version.
    """
    try:
        answer = json.loads(raw[:PROBLEM_BYTES_MAX])
    except (ValueError, RecursionError):
        return DataError("sync.answer")
    code = answer.get("code") if isinstance(answer, dict) else None
    if not isinstance(code, str) or _CODE.fullmatch(code) is None:
        return DataError("sync.answer")
    params: dict[str, Param] = {}
    held = answer.get("params")
    for name, value in held.items() if isinstance(held, dict) else ():
        if isinstance(value, list):
            params[name] = tuple(str(item)[:_VALUE_CHARS_MAX] for item in value[:32])
        elif isinstance(value, int | str):
            params[name] = value[:_VALUE_CHARS_MAX] if isinstance(value, str) else value
    kind = _KINDS.get(str(answer.get("kind")), errors.StoreError)
    return kind(code, **params)


def status_of(error: BanjianError) -> int:
    """Return the HTTP status under which an error travels."""
    return _STATUS.get(type(error).__name__, UNAVAILABLE)


def _plain(value: Param) -> object:
    if isinstance(value, bytes):
        return value.hex()
    return list(value) if isinstance(value, tuple) else value
