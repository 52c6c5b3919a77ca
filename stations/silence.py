"""For how long a station below has not been heard, and whether its way of coming takes less than that."""

from __future__ import annotations

from typing import NamedTuple

from ledger.facade.base.peers import BY_STICK
from ledger.facade.peering.board import BoardLine
from ledger.lawtime import DAY_MS

LOOK_DAYS, BAD_DAYS = 1, 3
BY_STICK_LOOK_DAYS, BY_STICK_BAD_DAYS = 10, 20
"""A stick comes every five to nine days: one that is late is worth a look, two in a row are trouble."""


class Silence(NamedTuple):
    """How a station is without a word.

    Attributes:
        days: whole days since it was heard; 0 for a station that never was.
        by_stick: whether a stick brought the last word.
        silent: whether somebody should look, since by its way of coming it should have been heard.
        trouble: whether something is wrong there.
    """

    days: int
    by_stick: bool
    silent: bool
    trouble: bool


def silence_of(line: BoardLine, *, now_ms: int) -> Silence:
    """Return how a station of the board is without a word.

    Args:
        line: what is known of it; not the station that looks.
        now_ms: of the machine's clock.
    """
    days = max(line.silent_ms(now_ms), 0) // DAY_MS
    by_stick = line.via == BY_STICK
    look_days, bad_days = (BY_STICK_LOOK_DAYS, BY_STICK_BAD_DAYS) if by_stick else (LOOK_DAYS, BAD_DAYS)
    return Silence(days=days, by_stick=by_stick, silent=days >= look_days, trouble=days >= bad_days)
