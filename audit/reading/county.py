"""The county's own logs, folded first: who may do what, what is offered, which days are worked.

Source: docs/protocol.md, "Registry".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from audit.reading.findings import Finding, error, from_error
from audit.reading.incarnations import Incarnation, chain_of
from audit.reading.judge import Judge, Place
from audit.reading.openings import Opening
from audit.reading.source import Source
from audit.reading.subtree import BATCH
from ledger.calendars import calendar_set
from ledger.errors import BanjianError
from ledger.formats.chain import lost_positions
from ledger.formats.checkpoint import receipt_name
from ledger.formats.entry import decode_entry
from ledger.formats.frame import split_frame
from ledger.formats.genesis import LedgerGenesis, decode_ledger_genesis, ledger_id
from ledger.known.knowledge import Knowledge
from ledger.registry.registry import Registry
from ledger.types import LedgerId

TRAINING = "training"
"""Purpose of a ledger whose cases are not real."""
PENDING = "registry.pending"
"""A root act that waits for the countersign of a second root key."""


def read_ledger_genesis(
    registry: Opening, report: Callable[[Finding], None]
) -> tuple[LedgerId, LedgerGenesis] | None:
    """Return id and genesis of the ledger, from entry 1 of its registry log."""
    if not registry.ledger_genesis:
        report(error("ledger.genesis", log=registry.name, seq=1))
        return None
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
    openings: Sequence[Opening],
    *,
    catalogue: bool = True,
    known_at_ms: int | None = None,
) -> Judge:
    """Return the judge that registry and catalogue give; frames that cannot be read hold their position.

    Args:
        source: the file.
        pinned: id of the ledger.
        genesis: its genesis.
        openings: the logs of the file.
        catalogue: fold the catalogue as well.
        known_at_ms: leave out what was recorded later; None for everything.
    """
    division = genesis.division_code if genesis is not None else ""
    knowledge = Knowledge(pinned, calendar_set(division=division))
    verdicts: dict[Place, str] = {}
    places: list[Place] = []
    chain = chain_of(openings, "registry")[0]
    for place, frame, facts in _frames(source, chain, known_at_ms):
        knowledge.apply_registry(frame, facts=facts, personal=None)
        places.append(place)
    for place, outcome in zip(places, knowledge.registry.outcomes(), strict=True):
        if outcome.refusal is not None:
            verdicts[place] = outcome.refusal.code
        elif outcome.pending:
            verdicts[place] = PENDING
    published = chain_of(openings, "catalogue")[0] if catalogue else []
    for place, frame, facts in _frames(source, published, known_at_ms):
        code = knowledge.apply_catalogue(frame, facts=facts).code
        if code and place[1] > 1:
            verdicts[place] = code
    return Judge(
        knowledge,
        verdicts=verdicts,
        receipt_keys=_receipt_keys(knowledge.registry),
        superseded=any(one.opening.size > one.size for one in chain),
    )


def _frames(
    source: Source, chain: Sequence[Incarnation], known_at_ms: int | None
) -> Iterator[tuple[Place, bytes, bytes | None]]:
    """Yield every position of a chain; one that the file does not hold is empty."""
    for incarnation in chain:
        name, size = incarnation.opening.name, min(incarnation.size, incarnation.opening.size)
        expected = 1
        for first in range(1, size + 1, BATCH):
            for row in source.events(name, first, min(first + BATCH - 1, size)):
                if not isinstance(row.seq, int) or row.seq < expected:
                    continue
                yield from (((name, seq), b"", None) for seq in range(expected, row.seq))
                frame = row.frame if isinstance(row.frame, bytes) else b""
                if known_at_ms is not None and _recorded_at_ms(frame) > known_at_ms:
                    return
                yield (name, row.seq), frame, source.facts_at(row, name)
                expected = row.seq + 1
        # What a successor continues and this file does not hold still counts its positions.
        lost = lost_positions(incarnation.size, expected - 1)
        yield from (((name, seq), b"", None) for seq in range(expected, expected + lost))


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
