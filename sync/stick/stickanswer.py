"""What of attachments is taken from a stick, and what is said of them on the way back.

Source: docs/protocol.md, "Attachments on sticks".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from ledger.errors import DataError
from ledger.facade.peering.exchange import Exchange
from ledger.formats.bundle import SECTION_ATTACHED, Manifest, Section
from ledger.formats.checkpoint import receipt_name
from ledger.types import StationId
from sync.attachforms import WANTED_MAX
from sync.stick.bundleforms import plain
from sync.stick.stickattach import (
    ATTACHED_MAX,
    AttachedSection,
    Piece,
    attached_point,
    decode_attached,
    decode_piece,
)


class TakingStore(Protocol):
    """Where an import puts attachments."""

    def take(self, piece: Piece) -> None:
        """Keep a chunk of what an act names; the last one completes it.

        Raises:
            InputError: ``attach.*``.
            DataError: ``attach.differs``.
            StoreError: the disk's own reasons.
        """


def attached_section(
    exchange: Exchange, receiver: StationId, arrived: Sequence[bytes], *, now_ms: int
) -> bytes:
    """Return what has arrived from the receiver of a bundle and below it; empty where nothing is to be said.

    Args:
        exchange: the ledger.
        receiver: for whom.
        arrived: what the stick brought that is answered: that is named first.
        now_ms: this station's clock.
    """
    held = exchange.attached.whole_below(receiver)
    first = [one for one in arrived if one in held]
    whole = tuple(sorted(list(dict.fromkeys([*first, *sorted(held)]))[:ATTACHED_MAX]))
    wanted = tuple(dict.fromkeys(one.hash for one in exchange.attached.to_get(receiver, WANTED_MAX)))
    if not whole and not wanted:
        return b""
    line = exchange.receiving.receipts.sign(attached_point(receiver, whole), now_ms) if whole else ""
    return AttachedSection(whole=whole if line else (), wanted=wanted, line=line).pack()


def take_section(
    exchange: Exchange, section: Section, store: TakingStore | None, manifest: Manifest
) -> bytes:
    """Take a section about attachments; returns the hash of the attachment that a chunk belongs to.

    Args:
        exchange: the ledger.
        section: of one of the two kinds.
        store: where chunks are put; None leaves them on the stick.
        manifest: which way it goes, and who is said to have written it.

    Raises:
        EncodingError: ``sync.field``, ``encoding.*``.
        DataError: ``sync.section`` where it has no place; ``cosignature.signature`` where what has arrived is
            not signed by the sender; as ``TakingStore.take``.
    """
    if section.kind == SECTION_ATTACHED:
        if manifest.kind == "up" or manifest.sender not in exchange.held.line()[1:2]:
            raise DataError("sync.section")
        _take_attached(exchange, decode_attached(plain(section)), manifest.sender)
        return b""
    if manifest.kind != "up":
        raise DataError("sync.section")
    if store is None:
        return b""
    piece = decode_piece(plain(section))
    store.take(piece)
    return piece.hash


def _take_attached(exchange: Exchange, told: AttachedSection, sender: StationId) -> None:
    if told.whole:
        if not exchange.carried.confirms(sender, attached_point(exchange.station, told.whole), told.line):
            raise DataError("cosignature.signature", name=receipt_name(sender))
        exchange.attached.mark(told.whole, given=True)
    exchange.attached.mark(told.wanted, given=False)
