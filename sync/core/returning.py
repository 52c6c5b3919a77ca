"""What the lower side gives back to an upper one that came back from an older disk.

The upper side says in ``wanted`` of which logs it lacks the end, or hears more than it holds. First it is
given checkpoints that prove it, then the entries: registry and catalogue in packages, others as single
records. The own lost end goes up as well, as far as it lives on in single records alone.

Source: docs/protocol.md, "Sync".
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from ledger.facade.logs.bodies import Place
from ledger.facade.peering.exchange import Exchange
from ledger.formats.excerpt import encode_excerpt
from ledger.types import LogId
from sync.core.framing import EXCERPT, NOTE, encode_section
from sync.core.giving import Spending, packages
from sync.core.messages import Wanted

NOTES_SHARE: Final = 4
"""Which part of what one session carries checkpoints take at most."""
NOTES_MAX: Final = 2_048
"""Checkpoints in one request: half of its sections."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What a question for a log was answered with.

    Attributes:
        wanted: the question; None for what goes up unasked.
        notes: checkpoints.
        size: entries of the log that were held whole.
        places: single records.
    """

    wanted: Wanted | None
    notes: tuple[bytes, ...] = ()
    size: int = 0
    places: tuple[Place, ...] = ()

    @property
    def empty(self) -> bool:
        """Whether there is nothing to give."""
        return not (self.notes or self.places or (self.wanted and self.size > self.wanted.after))


_NOTHING = Given(wanted=None)


@dataclass(slots=True)
class Returning:
    """Gives back, and does not give the same thing to the same question twice.

    Attributes:
        exchange: the ledger.
        done: what earlier sessions gave, and their upper side took; kept from session to session.
        cut: whether there were more logs to answer for than checkpoints of theirs had room.
    """

    exchange: Exchange
    done: dict[LogId, Given]
    cut: bool = False
    _now: dict[LogId, Given] = field(default_factory=dict)

    def can_give(self, wanted: Sequence[Wanted]) -> bool:
        """Whether there is something to give that was not given yet."""
        return any(True for _ in self._answers(wanted))

    def sections(self, wanted: Sequence[Wanted], left: Spending) -> Iterator[bytes]:
        """Yield the sections that answer what is wanted, checkpoints first: they open the way.

        They have a share of what a session carries; logs for which it does not suffice follow in the next.
        """
        answers = self._with_room(wanted, left.bytes // NOTES_SHARE)
        for _, given in answers:
            for note in given.notes:
                raw = encode_section(NOTE, note)
                left.take_note(len(raw))
                yield raw
        for log_id, given in answers:
            whole = True
            if given.wanted is not None and self.exchange.held.is_county_log(log_id):
                yield from packages(self.exchange, log_id, given.wanted.after, left)
                # Where the budget has ended, there may be more of it.
                whole = not left.spent
            count = yield from self._excerpts(given.places, left)
            if whole and count == len(given.places):
                self._now[log_id] = given

    def _with_room(self, wanted: Sequence[Wanted], room: int) -> list[tuple[LogId, Given]]:
        """Return the first answers whose checkpoints have room, one at least."""
        found: list[tuple[LogId, Given]] = []
        count = 0
        for log_id, given in self._answers(wanted):
            room -= sum(map(len, given.notes))
            count += len(given.notes)
            if found and (room < 0 or count > NOTES_MAX):
                self.cut = True
                break
            found.append((log_id, given))
        return found

    def own_ends(self, left: Spending) -> Iterator[bytes]:
        """Yield what came back from below of logs of this station and its subtree, in no whole log."""
        for end in self.exchange.held.single_ends():
            places = tuple(self.exchange.lost_places(end.log_id, end.after, ()))
            before = self.done.get(end.log_id, _NOTHING)
            # What earlier sessions could not carry follows behind what they gave.
            given = len(before.places) if before.places == places[: len(before.places)] else 0
            if before.wanted is not None or not before.places:
                given = 0
            elif given == len(places):
                continue
            given += yield from self._excerpts(places[given:], left)
            if given:
                self._now[end.log_id] = Given(wanted=None, places=places[:given])

    def passed_on(self) -> dict[LogId, tuple[Place, ...]]:
        """Return the single records that went up unasked in this session, by log."""
        return {log_id: given.places for log_id, given in self._now.items() if given.wanted is None}

    def ended(self, refused: frozenset[LogId]) -> None:
        """Remember what was given, now that the upper side has answered it.

        Args:
            refused: logs of which something was not taken and may be later.
        """
        self.done.update((log_id, given) for log_id, given in self._now.items() if log_id not in refused)

    def _answers(self, wanted: Sequence[Wanted]) -> Iterator[tuple[LogId, Given]]:
        """Yield what there is to give, registry first: without it nothing says who might open the others."""
        asked = {one.log_id: one for one in wanted}
        for one in [asked[log_id] for log_id in self.exchange.held.in_order(asked)]:
            given = self._answer(one)
            if not given.empty and self.done.get(one.log_id) != given:
                yield one.log_id, given

    def _answer(self, one: Wanted) -> Given:
        exchange = self.exchange
        genesis = exchange.held.genesis(one.log_id)
        # Who holds nothing of a log has no key to check a checkpoint with; a county that lost its merge log
        # has the opening from below, and goes on from the furthest that anybody has seen.
        checks = one.after or (genesis is not None and genesis.kind == "merge")
        notes = tuple(exchange.seen_below.notes(one.log_id)) if checks else ()
        if exchange.held.is_county_log(one.log_id):
            return Given(wanted=one, notes=notes, size=exchange.held.size(one.log_id))
        places = tuple(exchange.lost_places(one.log_id, one.after, one.positions))
        return Given(wanted=one, notes=notes, places=places)

    def _excerpts(self, places: Sequence[Place], left: Spending) -> Generator[bytes, None, int]:
        """Yield excerpts as far as the budget reaches; returns how many of the records were in them."""
        given = 0
        while given < len(places) and not left.spent:
            few = places[given : given + self.exchange.carried_count(places[given:])]
            for excerpt in self.exchange.excerpts(few):
                yield _counted(left, encode_section(EXCERPT, encode_excerpt(excerpt)))
            given += len(few)
        return given


def _counted(left: Spending, raw: bytes) -> bytes:
    left.take(len(raw))
    return raw
