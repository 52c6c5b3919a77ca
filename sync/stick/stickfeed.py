"""How far a feed is taken that comes on sticks, in whatever order they come."""

from __future__ import annotations

from ledger.facade.peering.exchange import Exchange
from ledger.types import StationId
from sync.stick.bundleforms import FeedSection


def move_on(exchange: Exchange, sender: StationId, piece: FeedSection) -> None:
    """Move on in a feed, if the piece fits where this station stands and all its acts are here.

    One that begins anew is of an older stick, or of another feed: that it is when it goes past the place that
    is held, without passing through it. Until then only how far it has come is remembered.

    Args:
        exchange: the ledger.
        sender: the station above whose feed it is.
        piece: what was on the stick.
    """
    held, places = exchange.held.feed_held(sender), piece.places
    end, fits = places[-1], held in places
    begun = not fits and (piece.start.number == 0 or piece.start == exchange.feed_begun(sender))
    if not (fits or begun) or held == end or not exchange.carried.holds(piece.items):
        return
    if begun and end.number < held.number:
        exchange.take_feed_begun(sender, end)
    else:
        exchange.take_feed_place(sender, end)
