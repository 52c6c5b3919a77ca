"""The county's checkpoints on their way down: made and proven there, checked, kept and handed on below.

The county proves each new checkpoint from the one that the asking station holds. A township cannot prove
anything itself; so it tells which ones the stations below it hold, and hands the proofs on that it is given.
What a station below held before the township knew of it is proven one session later.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ledger.checkpoint import LOG_ORIGIN_PREFIX, read_checkpoint
from ledger.errors import DataError
from ledger.excerpt import CheckedExcerpt, check_excerpt, decode_excerpt, encode_excerpt
from ledger.facade.clock import Clock
from ledger.facade.countyseen import newest_seen, seen_hash
from ledger.facade.parts import Parts
from ledger.facade.receiving import Receiving
from ledger.facade.synctables import SYNC_FINDINGS
from ledger.store.contract import Store
from ledger.types import LogId, StationId
from ledger.verified import verify_records

CountyPlace = tuple[LogId, int]
"""Merge log and size of a county checkpoint."""
BELOW_MAX = 256
"""Stations below whose checkpoints are remembered at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CountyNews:
    """A county checkpoint with what is needed to believe it.

    Attributes:
        note: the signed checkpoint.
        opening: an excerpt with the opening of its merge log.
        proofs: pairs of an earlier size and the hashes that lead from it to this checkpoint.
    """

    note: bytes
    opening: bytes
    proofs: tuple[tuple[int, tuple[bytes, ...]], ...]


class CountyLink:
    """Gives and takes county checkpoints; what is remembered of others is lost with the process.

    Args:
        store: the open store, as its one writer.
        parts: the working parts of the ledger.
        receiving: takes in the opening of the merge log.
        clock: the county's clock, for what it names in its merge log.
    """

    def __init__(self, store: Store, parts: Parts, *, receiving: Receiving, clock: Clock) -> None:
        self._store = store
        self._receiving = receiving
        self._parts = parts
        self._clock = clock
        self._below: dict[StationId, CountyPlace] = {}
        self._handed_on: CountyNews | None = None

    def merge(self) -> None:
        """Name in the merge log what was stored since, and sign it; nothing at other stations."""
        log = self._parts.merge_log
        if log.log is not None:
            log.run(self._clock.now_ms)
            log.sign()

    def held(self) -> CountyPlace | None:
        """Return which county checkpoint is the newest that is held and was accepted."""
        with self._store.read() as tx:
            newest = newest_seen(tx)
        return None if newest is None else (_log_of(newest.origin), newest.size)

    def heard_below(self, station: StationId, place: CountyPlace | None) -> None:
        """Remember which county checkpoint a station below holds, to ask for a proof from there."""
        self._below.pop(station, None)
        if place is not None:
            self._below[station] = place
        while len(self._below) > BELOW_MAX:
            del self._below[next(iter(self._below))]

    def sizes_below(self) -> tuple[int, ...]:
        """Return the sizes from which stations below need a proof."""
        held = self.held()
        sizes = {size for log_id, size in self._below.values() if held is None or log_id == held[0]}
        return tuple(sorted(sizes))

    def news(self, held: CountyPlace | None, sizes: Iterable[int]) -> CountyNews | None:
        """Return the newest checkpoint with proofs for somebody below; None where there is none to give.

        Args:
            held: the newest one that the asking station holds.
            sizes: those that the stations below it hold.
        """
        if self._parts.merge_log.log is None:
            return self._handed_on
        log_id = self._parts.merge_log.log.log_id
        asked = set(sizes)
        if held is not None and held[0] == log_id:
            asked.add(held[1])
        merge_log = self._parts.merge_log
        note = merge_log.sign()
        size = read_checkpoint(note).size
        with self._store.read() as tx:
            opening = encode_excerpt(merge_log.opening(tx, log_id))
            proofs = tuple(
                (old, merge_log.consistency(tx, log_id, old_size=old, new_size=size))
                for old in sorted(asked)
                if 0 < old <= size
            )
        return CountyNews(note=note, opening=opening, proofs=proofs)

    def take(self, news: CountyNews, *, now_ms: int) -> str:
        """Keep a county checkpoint if it continues the one held; returns "" or the code why it does not.

        Raises:
            BanjianError: the checkpoint is none of the county's; nothing was stored.
        """
        excerpt = check_excerpt(decode_excerpt(news.opening))
        if _log_of(read_checkpoint(news.note).origin) != excerpt.content.log_id:
            raise DataError("merge.unknown_log", log=excerpt.content.log_id)
        held = self.held()
        proof: Sequence[bytes] = dict(news.proofs).get(0 if held is None else held[1], ())
        if held is not None and held[0] == excerpt.content.log_id and not proof:
            same = read_checkpoint(news.note).size <= held[1]
            if not same:
                # The carrier could not prove it yet; the next session will.
                return ""
        if excerpt.content.log_id.hex() not in self._parts.holdings.logs:
            self._take_opening(excerpt, now_ms)
        with self._store.write() as tx:
            outcome = self._parts.county_seen.take(tx, news.note, proof, now_ms=now_ms)
            seen = seen_hash(tx)
            if outcome.code:
                name = excerpt.content.log_id.hex()
                row = (outcome.code, name, outcome.checkpoint.size, now_ms, "", 0)
                tx.insert_missing(SYNC_FINDINGS, [row])
        self._parts.writer.county_seen = seen
        if not outcome.code:
            self._handed_on = news
        return outcome.code

    def _take_opening(self, excerpt: CheckedExcerpt, now_ms: int) -> None:
        """Store the opening of a merge log as any frame of a log that is not held whole."""
        content, registry = excerpt.content, self._parts.knowledge.registry
        records = verify_records(
            content.positions,
            content.frames,
            facts=content.facts,
            personal=content.personal,
            ledger_id=registry.ledger_id,
            public_key=registry.public_key,
        )
        self._receiving.take_excerpt(excerpt, records, now_ms=now_ms)


def _log_of(origin: str) -> LogId:
    try:
        return LogId(bytes.fromhex(origin.removeprefix(LOG_ORIGIN_PREFIX)))
    except ValueError as error:
        raise DataError("merge.unknown_log", log=origin) from error
