"""The county's checkpoints on their way down: made and proven there, checked, kept and handed on below.

The county proves each new checkpoint from the one that the asking station holds. A township cannot prove
anything itself; so it tells which ones the stations below it hold, and hands the proofs on that it is given;
they are stored, for a stick may go out weeks later. What a station below held before the township knew of it
is proven one session later.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ledger.checkpoint import LOG_ORIGIN_PREFIX, read_checkpoint
from ledger.errors import DataError
from ledger.excerpt import CheckedExcerpt, check_excerpt, decode_excerpt, encode_excerpt
from ledger.facade.bodies import Place
from ledger.facade.carried import Carried
from ledger.facade.clock import Clock
from ledger.facade.countyseen import newest_note, newest_seen, seen_hash
from ledger.facade.excerpts import excerpts
from ledger.facade.outgoing import Outgoing
from ledger.facade.parts import Parts
from ledger.facade.receiving import Receiving
from ledger.facade.synctables import COUNTY_PROOFS, SYNC_FINDINGS
from ledger.store.contract import Store, WriteTx
from ledger.types import LogId, StationId
from ledger.verified import verify_records

CountyPlace = tuple[LogId, int]
"""Merge log and size of a county checkpoint."""
HASH_BYTES = 32
BELOW_MAX = 256
"""Stations below whose checkpoints are remembered, and sizes that are asked for, at once."""


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
    """Gives and takes county checkpoints.

    What sessions say of others is lost with the process, for the next session says it again; what sticks say
    is stored.

    Args:
        store: the open store, as its one writer.
        parts: the working parts of the ledger.
        receiving: takes in the opening of the merge log.
        outgoing: gives that opening on.
        carried: what stations said by stick.
        clock: the county's clock, for what it names in its merge log.
    """

    def __init__(
        self,
        store: Store,
        parts: Parts,
        *,
        receiving: Receiving,
        outgoing: Outgoing,
        carried: Carried,
        clock: Clock,
    ) -> None:
        self._store = store
        self._outgoing = outgoing
        self._carried = carried
        self._receiving = receiving
        self._parts = parts
        self._clock = clock
        self._below: dict[StationId, CountyPlace] = {}

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
        places = (*self._below.values(), *self._carried.county_below())
        sizes = {size for log_id, size in places if held is None or log_id == held[0]}
        return tuple(sorted(sizes)[-BELOW_MAX:])

    def news(self, held: CountyPlace | None, sizes: Iterable[int]) -> CountyNews | None:
        """Return the newest checkpoint with proofs for somebody below; None where there is none to give.

        Args:
            held: the newest one that the asking station holds.
            sizes: those that the stations below it hold.
        """
        if self._parts.merge_log.log is None:
            return self._handed_on()
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
            if not outcome.code:
                _keep_proofs(tx, news)
        self._parts.writer.county_seen = seen
        return outcome.code

    def _handed_on(self) -> CountyNews | None:
        """Return the newest checkpoint that was taken, with the proofs that came with it."""
        with self._store.read() as tx:
            newest = newest_note(tx)
            if newest is None:
                return None
            point = read_checkpoint(newest)
            name = point.origin.removeprefix(LOG_ORIGIN_PREFIX)
            opening = next(excerpts(tx, self._outgoing, [Place(name, 1)]))
            rows = tx.select(COUNTY_PROOFS, {"log": name, "size": point.size}, order_by=("old_size",))
            proofs = tuple(
                (row[2], _hashes(row[3]))
                for row in rows
                if isinstance(row[2], int) and isinstance(row[3], bytes)
            )
        return CountyNews(note=newest, opening=encode_excerpt(opening), proofs=proofs)

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


def _keep_proofs(tx: WriteTx, news: CountyNews) -> None:
    """Keep the proofs of the newest checkpoint instead of those of the one before."""
    point, newest = read_checkpoint(news.note), newest_seen(tx)
    if newest is None or point != newest:
        return
    name = point.origin.removeprefix(LOG_ORIGIN_PREFIX)
    held = {row[:3] for row in tx.select(COUNTY_PROOFS, {}) if row[:2] != (name, point.size)}
    for log, size, old in held:
        tx.delete(COUNTY_PROOFS, {"log": log, "size": size, "old_size": old})
    tx.upsert(COUNTY_PROOFS, [(name, point.size, old, b"".join(proof)) for old, proof in news.proofs])


def _hashes(raw: bytes) -> tuple[bytes, ...]:
    return tuple(raw[at : at + HASH_BYTES] for at in range(0, len(raw), HASH_BYTES))


def _log_of(origin: str) -> LogId:
    try:
        return LogId(bytes.fromhex(origin.removeprefix(LOG_ORIGIN_PREFIX)))
    except ValueError as error:
        raise DataError("merge.unknown_log", log=origin) from error
