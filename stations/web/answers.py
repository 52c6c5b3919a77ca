"""Answers for programs: plain JSON, and problems with the same code and words that pages show."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields, is_dataclass
from datetime import date

from aiohttp import web

from ledger.errors import AuthorityError, BanjianError, ConfigError, InputError, RuleError, StoreError

_STATUS: tuple[tuple[type[BanjianError], int], ...] = (
    (InputError, 422),
    (RuleError, 409),
    (AuthorityError, 403),
    (ConfigError, 409),
    (StoreError, 503),
)
_NOT_THERE = frozenset(("case.unknown",))
"""Nothing forbids it: what the address names is not held here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Why something was refused: stable code, what happened, what to do next."""

    code: str
    what: str
    next: str


def status_of(error: BanjianError) -> int:
    """Return the HTTP status of an error: by who must act."""
    if error.code in _NOT_THERE:
        return 404
    return next((status for kind, status in _STATUS if isinstance(error, kind)), 400)


def plain(value: object) -> object:
    """Return a value as JSON has it."""
    if is_dataclass(value) and not isinstance(value, type):
        return {one.name: plain(getattr(value, one.name)) for one in fields(value)}
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    return value


def answer(value: object, status: int = 200) -> web.Response:
    """Return an answer of the API."""
    text = json.dumps(plain(value), ensure_ascii=False)
    response = web.Response(text=text, status=status, content_type="application/json", charset="utf-8")
    response.enable_compression()
    return response
