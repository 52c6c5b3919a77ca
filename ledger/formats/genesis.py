"""Genesis: the birth certificates of a ledger and of each of its logs; their hashes are the ids.

Source: docs/protocol.md, "Ledger genesis" and "Log genesis".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from ledger.codec import HeaderFields, pack_header, unpack_header
from ledger.errors import BanjianError, EncodingError
from ledger.formats.keys import check_public_key
from ledger.hashing import CTX_GENESIS, CTX_LEDGER, digest
from ledger.limits import GENESIS_BYTES_MAX, INT_MAX
from ledger.stationid import is_station_id
from ledger.types import LedgerId, LogId, StationId

GENESIS_VERSION = 1
SUITE_ED25519_SHA256 = 1
ROOT_THRESHOLD = 2
ROOT_KEYS = 3
LOG_ID_BYTES = 16

Purpose = Literal["office", "training"]
LogKind = Literal["station", "registry", "catalogue", "merge"]
LogReason = Literal["first", "restored", "cloned", "moved", "lost", "replaced"]

PURPOSES: tuple[Purpose, ...] = ("office", "training")
LOG_KINDS: tuple[LogKind, ...] = ("station", "registry", "catalogue", "merge")
LOG_REASONS: tuple[LogReason, ...] = ("first", "restored", "cloned", "moved", "lost", "replaced")

OPEN_LOG = "open_log"
"""Action of the act that opens a log and states its genesis."""
_DIVISION = re.compile(r"[0-9]{6}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerGenesis:
    """What a ledger is: its purpose, county and the three root keys of which two must agree."""

    purpose: Purpose
    division_code: str
    root_public_keys: tuple[bytes, ...]
    created_at_ms: int
    nonce: bytes
    suite: int = SUITE_ED25519_SHA256
    threshold: int = ROOT_THRESHOLD

    def pack(self) -> bytes:
        """Return the canonical bytes; the root keys are sorted bytewise."""
        return pack_header((
            GENESIS_VERSION, self.suite, self.purpose, self.division_code, self.threshold,
            tuple(sorted(self.root_public_keys)), self.created_at_ms, self.nonce,
        ))  # fmt: skip

    def ledger_id(self) -> LedgerId:
        """Return the id of the ledger, 32 bytes: the one thing to pin."""
        return ledger_id(self.pack())


@dataclass(frozen=True, slots=True, kw_only=True)
class LogGenesis:
    """What a log is: one incarnation of one installation, with its own key and its predecessor."""

    ledger_id: LedgerId
    kind: LogKind
    station: StationId
    log_public_key: bytes
    reason: LogReason
    nonce: bytes
    parent_log: bytes = b""
    parent_size: int = 0
    parent_root: bytes = b""
    suite: int = SUITE_ED25519_SHA256

    def pack(self) -> bytes:
        """Return the canonical bytes."""
        return pack_header((
            GENESIS_VERSION, self.suite, self.ledger_id, self.kind, self.station, self.log_public_key,
            self.reason, self.parent_log, self.parent_size, self.parent_root, self.nonce,
        ))  # fmt: skip

    def genesis_hash(self) -> bytes:
        """Return the full hash, 32 bytes: the predecessor of entry 1."""
        return genesis_hash(self.pack())

    def log_id(self) -> LogId:
        """Return the id of the log, 16 bytes."""
        return log_id(self.pack())


def ledger_id(raw: bytes) -> LedgerId:
    """Return the id of a ledger from the bytes of its genesis."""
    return LedgerId(digest(CTX_LEDGER, raw))


def genesis_hash(raw: bytes) -> bytes:
    """Return the full hash of the bytes of a log genesis, 32 bytes."""
    return digest(CTX_GENESIS, raw)


def log_id(raw: bytes) -> LogId:
    """Return the id of a log from the bytes of its genesis."""
    return LogId(genesis_hash(raw)[:LOG_ID_BYTES])


def decode_ledger_genesis(raw: bytes) -> LedgerGenesis:
    """Return a ledger genesis.

    Raises:
        EncodingError: ``encoding.*`` for bytes that are not canonical; ``genesis.version``,
            ``genesis.suite``; ``genesis.field`` with the name of the first wrong field.

    Source: docs/protocol.md, "Ledger genesis".
    """
    fields = _fields(raw, 8)
    _, suite, purpose, division_code, threshold, roots, created_at_ms, nonce = fields
    _require(purpose in PURPOSES, "purpose")
    _require(type(division_code) is str and _DIVISION.fullmatch(division_code) is not None, "division_code")
    _require(type(threshold) is int and threshold == ROOT_THRESHOLD, "threshold")
    _require(type(roots) is tuple and len(roots) == ROOT_KEYS, "root_public_keys")
    _require(all(_is_public_key(key) for key in roots), "root_public_keys")
    _require(roots[0] < roots[1] < roots[2], "root_public_keys")
    _require(type(created_at_ms) is int and 0 <= created_at_ms <= INT_MAX, "created_at_ms")
    _require(type(nonce) is bytes and len(nonce) == 16, "nonce")
    return LedgerGenesis(
        purpose=purpose, division_code=division_code, root_public_keys=roots, created_at_ms=created_at_ms,
        nonce=nonce, suite=suite, threshold=threshold,
    )  # fmt: skip


def decode_log_genesis(raw: bytes) -> LogGenesis:
    """Return a log genesis.

    Raises:
        EncodingError: ``encoding.*`` for bytes that are not canonical; ``genesis.version``,
            ``genesis.suite``; ``genesis.field`` with the name of the first wrong field.

    Source: docs/protocol.md, "Log genesis".
    """
    fields = _fields(raw, 11)
    _, suite, ledger, kind, station, public_key, reason, parent_log, parent_size, parent_root, nonce = fields
    _require(type(ledger) is bytes and len(ledger) == 32, "ledger_id")
    _require(kind in LOG_KINDS, "kind")
    _require(type(station) is str and is_station_id(station), "station")
    _require(_is_public_key(public_key), "log_public_key")
    _require(reason in LOG_REASONS, "reason")
    _require(type(parent_log) is bytes and len(parent_log) == (0 if reason == "first" else 16), "parent_log")
    _require(type(parent_size) is int and 0 <= parent_size <= INT_MAX, "parent_size")
    _require(type(parent_root) is bytes and len(parent_root) == (32 if parent_size else 0), "parent_root")
    _require(not parent_size or bool(parent_log), "parent_size")
    _require(type(nonce) is bytes and len(nonce) == 16, "nonce")
    return LogGenesis(
        ledger_id=LedgerId(ledger), kind=kind, station=StationId(station), log_public_key=public_key,
        reason=reason, nonce=nonce, parent_log=parent_log, parent_size=parent_size, parent_root=parent_root,
        suite=suite,
    )  # fmt: skip


def _fields(raw: bytes, count: int) -> HeaderFields:
    fields = unpack_header(raw, limit=GENESIS_BYTES_MAX)
    _require(bool(fields) and type(fields[0]) is int, "version")
    if fields[0] != GENESIS_VERSION:
        raise EncodingError("genesis.version", version=fields[0])
    _require(len(fields) == count, "count")
    _require(type(fields[1]) is int, "suite")
    if fields[1] != SUITE_ED25519_SHA256:
        raise EncodingError("genesis.suite", suite=fields[1])
    return fields


def _is_public_key(value: object) -> bool:
    if type(value) is not bytes:
        return False
    try:
        check_public_key(value)
    except BanjianError:
        return False
    return True


def _require(holds: bool, field: str) -> None:
    if not holds:
        raise EncodingError("genesis.field", field=field)
