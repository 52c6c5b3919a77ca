"""Attachments between the disk and a stick."""

from __future__ import annotations

from ledger import platform
from ledger.errors import InputError, StoreError
from ledger.facade.base.clock import Clock, Randomness
from ledger.facade.peering.exchange import Exchange
from stations.kept.attachments import Attachments
from stations.serving.carriage import OFFERED_MAX, ROOM_BYTES_MIN
from sync.attachforms import Offer
from sync.stick.stickattach import Piece


class StickAttachments:
    """The attachments of one installation, as a job with a stick needs them.

    Args:
        exchange: the ledger; every method runs on its thread.
        clock: of this station.
        randomness: source of keys.
    """

    def __init__(self, exchange: Exchange, *, clock: Clock, randomness: Randomness) -> None:
        self._exchange = exchange
        self._clock = clock
        self._store = Attachments(exchange.home, randomness)

    def to_give(self, limit_bytes: int) -> tuple[list[Offer], int]:
        """Return what waits for the station above, up to a limit, and how many more attachments do.

        Args:
            limit_bytes: of all together; an attachment is given whole or not at all.
        """
        attached, offers = self._exchange.attached, list[Offer]()
        attached.mark([one for one in attached.not_seen() if self._store.held(one) is not None], held=True)
        left = used = 0
        for one in attached.to_give(OFFERED_MAX):
            held = self._store.held(one.hash)
            if held is None:
                self.damaged(one.hash)
            elif used + held.size > limit_bytes:
                left += 1
            else:
                used += held.size
                offers.append(Offer(hash=one.hash, case_id=one.case_id, head=held.head))
        return offers, left

    def chunk(self, content: bytes, index: int) -> bytes:
        """Return a chunk that lies here.

        Raises:
            StoreError: ``attach.damaged``.
        """
        held = self._store.find(content.hex())
        if held is None or index >= held.chunks:
            raise StoreError("attach.damaged", file="")
        return self._store.chunk(held, index)

    def damaged(self, content: bytes) -> None:
        """Remember that an attachment does not lie here any more."""
        self._exchange.attached.mark([content], held=False)

    def take(self, piece: Piece) -> None:
        """Keep a chunk of what an act names under its case; the last one completes the attachment.

        Raises:
            InputError: ``attach.unnamed``; ``attach.room`` when the disk is needed for acts; ``attach.size``,
                ``attach.chunk``.
            DataError: ``attach.differs``.
            StoreError: the disk's own reasons.
        """
        named = self._exchange.attached.named(piece.case_id, piece.hash)
        if named is None or named.size != piece.head.size:
            raise InputError("attach.unnamed")
        held = self._store.held(piece.hash)
        if held is None:
            if platform.disk_free_bytes(self._exchange.home.path) < ROOM_BYTES_MIN + piece.head.size:
                raise InputError("attach.room")
            begun = self._store.begin_known(piece.hash.hex(), piece.head, at_ms=self._clock.now_ms())
            if not begun.hash:
                self._store.put(begun, piece.index, piece.chunk)
                if self._store.missing(begun):
                    return
                self._store.finish(begun)
        if not named.held:
            self._exchange.attached.mark([piece.hash], held=True)
