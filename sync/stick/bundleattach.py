"""Attachments in bundles: written behind the acts, in files of their own.

What was once put on a stick is put there again until the station above has signed that it has it, or has
said so in a session. Up to a limit, for photos are larger than everything else; the next stick has the rest.

Source: docs/protocol.md, "Attachments on sticks".
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from ledger.errors import AuthorityError, StoreError
from ledger.facade.base.clock import Randomness
from ledger.facade.peering.exchange import Exchange
from ledger.formats.bundle import SECTION_ATTACHMENT, BundleHeader, Manifest, Section, seal_part
from ledger.formats.keys import X25519, key_id
from ledger.limits import BUNDLE_PARTS_MAX
from sync.attachforms import Offer
from sync.stick.bundleforms import file_name
from sync.stick.bundlewriting import LINE_BYTES, PART_ROOM_BYTES, Order, SealedPart, bundle_kind
from sync.stick.stickattach import PIECE_BYTES_MAX, Piece


class GivingStore(Protocol):
    """Attachments that lie here, as far as an export asks."""

    def chunk(self, content: bytes, index: int) -> bytes:
        """Return a chunk.

        Raises:
            StoreError: ``attach.damaged``.
        """

    def damaged(self, content: bytes) -> None:
        """Be told that an attachment cannot be read: it does not lie here any more."""


def write_attachments(
    exchange: Exchange,
    order: Order,
    offers: Sequence[Offer],
    store: GivingStore,
    *,
    randomness: Randomness,
) -> Iterator[SealedPart]:
    """Yield the parts of a bundle with attachments and nothing else.

    Args:
        exchange: the ledger.
        order: for whom; a station above.
        offers: the attachments.
        store: where they lie.
        randomness: source of the bundle's id.

    Raises:
        AuthorityError: ``bundle.unrelated``, ``bundle.no_key``.
    """
    kind, public_key = bundle_kind(exchange, order.receiver), exchange.carried.key_of(order.receiver)
    if public_key is None:
        raise AuthorityError("bundle.no_key", station=order.receiver)
    places = [(offer, index) for offer in offers for index in range(offer.head.chunks)]
    each = max(1, (order.part_bytes - PART_ROOM_BYTES) // (PIECE_BYTES_MAX + LINE_BYTES))
    places = places[: each * BUNDLE_PARTS_MAX]
    parts, bundle_id = -(-len(places) // each), randomness(16)
    for number in range(1, parts + 1):
        sections = list(_sections(places[(number - 1) * each : number * each], store))
        header = BundleHeader(
            receiver=order.receiver, receiver_key=key_id(X25519, public_key), bundle_id=bundle_id,
            part=number, parts=parts,
        )  # fmt: skip
        manifest = Manifest(
            kind=kind, ledger_id=exchange.held.ledger_id, sender=exchange.station,
            created_at_ms=order.now_ms, prerequisites=(),
        )  # fmt: skip
        raw = seal_part(header, manifest, sections=sections, public_key=public_key)
        name = file_name(header, order.now_ms)
        yield SealedPart(name=name, raw=raw, header=header, manifest=manifest, entries=0)


def _sections(places: Sequence[tuple[Offer, int]], store: GivingStore) -> Iterator[Section]:
    for offer, index in places:
        try:
            chunk = store.chunk(offer.hash, index)
        except StoreError:
            # The others go; the station above asks for it as long as it lacks it.
            store.damaged(offer.hash)
            continue
        piece = Piece(hash=offer.hash, case_id=offer.case_id, head=offer.head, index=index, chunk=chunk)
        yield Section(kind=SECTION_ATTACHMENT, encoding="", payload=piece.pack())
