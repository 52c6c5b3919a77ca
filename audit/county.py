"""The county's own logs, folded first: who may do what, what is offered, which days are worked.

Source: docs/protocol.md, "Registry".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from audit.findings import Finding, error, from_error
from audit.judge import Judge
from audit.openings import Opening
from audit.source import Source
from audit.subtree import BATCH
from ledger.calendars import calendar_set
from ledger.checkpoint import receipt_name
from ledger.entry import decode_entry
from ledger.errors import BanjianError
from ledger.frame import split_frame
from ledger.genesis import LedgerGenesis, decode_ledger_genesis, ledger_id
from ledger.knowledge import Knowledge
from ledger.registry import Registry
from ledger.types import ActId, LedgerId

PENDING = "registry.pending"
"""A root act that waits for the countersign of a second root key."""


def read_ledger_genesis(
    registry: Opening, report: Callable[[Finding], None]
) -> tuple[LedgerId, LedgerGenesis] | None:
    """Return id and genesis of the ledger, from entry 1 of its registry log."""
    try:
        genesis = decode_ledger_genesis(registry.ledger_genesis)
    except BanjianError as raised:
        report(from_error(raised, log=registry.name, seq=1))
        return None
    found = ledger_id(registry.ledger_genesis)
    if registry.genesis.ledger_id != found:
        report(error("ledger.genesis", log=registry.name, seq=1))
    return found, genesis


def fold_county(
    source: Source,
    pinned: LedgerId,
    genesis: LedgerGenesis | None,
    registry: Opening,
    catalogues: list[Opening],
    *,
    known_at_ms: int | None = None,
) -> Judge:
    """Return the judge that registry and catalogue give; frames that cannot be read hold their position.

    Args:
        source: the file.
        pinned: id of the ledger.
        genesis: its genesis.
        registry: the registry log.
        catalogues: catalogue logs; the first counts.
        known_at_ms: leave out what was recorded later; None for everything.
    """
    division = genesis.division_code if genesis is not None else ""
    knowledge = Knowledge(pinned, calendar_set(division=division))
    verdicts: dict[ActId, str] = {}
    for frame, facts in _frames(source, registry, known_at_ms):
        knowledge.apply_registry(frame, facts=facts, personal=None)
    for outcome in knowledge.registry.outcomes():
        if outcome.refusal is not None:
            verdicts[outcome.act_id] = outcome.refusal.code
        elif outcome.pending:
            verdicts[outcome.act_id] = PENDING
    for catalogue in catalogues[:1]:
        for frame, facts in _frames(source, catalogue, known_at_ms):
            verdict = knowledge.apply_catalogue(frame, facts=facts)
            if verdict.code and verdict.position > 1:
                verdicts[verdict.act_id] = verdict.code
    return Judge(knowledge, verdicts=verdicts, receipt_keys=_receipt_keys(knowledge.registry))


def _frames(
    source: Source, opening: Opening, known_at_ms: int | None
) -> Iterator[tuple[bytes, bytes | None]]:
    expected = 1
    for first in range(1, opening.size + 1, BATCH):
        for row in source.events(opening.name, first, min(first + BATCH - 1, opening.size)):
            if not isinstance(row.seq, int) or row.seq < expected:
                continue
            while expected < row.seq:
                yield b"", None
                expected += 1
            frame = row.frame if isinstance(row.frame, bytes) else b""
            if known_at_ms is not None and _recorded_at_ms(frame) > known_at_ms:
                return
            yield frame, row.facts if isinstance(row.facts, bytes) else None
            expected += 1


def _recorded_at_ms(frame: bytes) -> int:
    try:
        return decode_entry(split_frame(frame).entry_raw).recorded_at_ms
    except BanjianError:
        return 0


def _receipt_keys(registry: Registry) -> dict[str, tuple[bytes, ...]]:
    """Return every key that ever gave receipts, by key name: old receipts outlive their keys."""
    sizes = {registry.size, *(ended.position - 1 for ended in registry.retirements().values())}
    found: dict[str, dict[bytes, None]] = {}
    for size in sorted(sizes):
        for held in registry.keys(size=size):
            if held.purpose == "receipt":
                found.setdefault(receipt_name(held.station), {})[held.public_key] = None
    return {name: tuple(keys) for name, keys in found.items()}
