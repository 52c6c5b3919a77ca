"""The county's checkpoints on their way down: made and proven there, checked, kept and handed on below.

The county proves each new checkpoint from the one that the asking station holds. A township cannot prove
anything itself; so it tells which ones the stations below it hold, and hands the proofs on that it is given;
they are stored, for a stick may go out weeks later. What a station below held before the township knew of it
is proven one session later.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ledger.errors import DataError
from ledger.facade.base.clock import Clock
from ledger.facade.base.synctables import COUNTY_BRIDGES, COUNTY_PROOFS, SYNC_FINDINGS
from ledger.facade.logs.bodies import Place
from ledger.facade.logs.countyseen import UNPROVEN, ancestors, newest_note, newest_seen, seen_hash
from ledger.facade.logs.ownlog import newest_checkpoint
from ledger.facade.opened.parts import Parts
from ledger.facade.peering.carried import Carried
from ledger.facade.peering.receiving import Receiving
from ledger.facade.transfer.excerpts import excerpts
from ledger.facade.transfer.outgoing import Outgoing
from ledger.formats.checkpoint import LOG_ORIGIN_PREFIX, read_checkpoint
from ledger.formats.excerpt import CheckedExcerpt, check_excerpt, decode_excerpt, encode_excerpt
from ledger.formats.genesis import LogGenesis
from ledger.known.verified import verify_records
from ledger.store.contract import ReadTx, Store, WriteTx
from ledger.types import LogId, StationId

CountyPlace = tuple[LogId, int]
"""Merge log and size of a county checkpoint."""
HASH_BYTES = 32
ASKED_MAX = 4_096
"""Checkpoints that were asked for in the name of others before that may be done again."""
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
        self._asked: set[CountyPlace] = set()
        self._asks_for_others = False
        self._in_name_of: LogId | None = None

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
        places = self._places_below()
        sizes = {size for log_id, size in places if held is None or log_id == held[0]}
        return tuple(sorted(sizes)[-BELOW_MAX:])

    def question(self) -> tuple[CountyPlace | None, tuple[int, ...]]:
        """Return what to say upward: the newest checkpoint held here, and the sizes held below.

        Now and then in the name of stations below that hold one of an older merge log, which they cannot
        leave without a proof: what it is that they hold, and their sizes. Nobody asks for the same twice.
        """
        held, self._in_name_of = self.held(), None
        with self._store.read() as tx:
            waiting = sorted(place for place in self._places_below() if self._may_ask(tx, held, place))
        # Every other time at most: made-up checkpoints must not keep this station from its own.
        self._asks_for_others = bool(waiting) and not self._asks_for_others
        if not self._asks_for_others:
            return held, self.sizes_below()
        if len(self._asked) > ASKED_MAX:
            self._asked.clear()
        log_id = waiting[0][0]
        places = [place for place in waiting if place[0] == log_id][:BELOW_MAX]
        self._asked.update(places)
        self._in_name_of = log_id
        return places[0], tuple(size for _, size in places)

    def news(self, held: CountyPlace | None, sizes: Iterable[int]) -> CountyNews | None:
        """Return the newest checkpoint with proofs for somebody below; None where there is none to give.

        Whoever holds one of an older merge log is told of the next one alone, with proofs up to where that
        goes on.

        Args:
            held: the newest one that the asking station holds.
            sizes: those that the stations below it hold, of the same merge log.
        """
        merge_log = self._parts.merge_log
        if merge_log.log is None:
            return self._handed_on(held)
        newest = merge_log.sign()
        known = {name: log.genesis for name, log in self._parts.holdings.logs.items()}
        given = merge_log.next_of(known, None if held is None else held[0])
        asked = {*sizes} if held is None else {*sizes, held[1]}
        with self._store.read() as tx:
            current = given.log_id() == merge_log.log.log_id
            note = newest if current else newest_checkpoint(tx, given.log_id().hex())
            if note is None:
                return None
            base, end = given.log_id(), read_checkpoint(note).size
            if held is not None and held[0] == given.parent_log:
                base, end = held[0], given.parent_size
            elif held is not None and held[0] != base:
                asked.discard(held[1])
            return CountyNews(
                note=note,
                opening=encode_excerpt(merge_log.opening(tx, given.log_id())),
                proofs=merge_log.proofs(tx, base, sizes=asked, new_size=end),
            )

    def take(self, news: CountyNews, *, now_ms: int) -> str:
        """Keep a county checkpoint if it continues the one held; returns "" or the code why it does not.

        Raises:
            BanjianError: the checkpoint is none of the county's; nothing was stored.
        """
        excerpt = check_excerpt(decode_excerpt(news.opening))
        log_id, parent = excerpt.content.log_id, excerpt.genesis.parent_log
        if _log_of(read_checkpoint(news.note).origin) != log_id:
            raise DataError("merge.unknown_log", log=log_id)
        held, in_name_of = self.held(), self._in_name_of
        self._in_name_of = None
        if log_id.hex() not in self._parts.holdings.logs:
            self._take_opening(excerpt, now_ms)
        base = in_name_of if in_name_of is not None else None if held is None else held[0]
        if base is not None and base == parent:
            self._keep_bridges(news, base)
        # What was asked for others proves nothing from what is held here, though a size may be the same.
        proofs = {} if in_name_of is not None else dict(news.proofs)
        proof: Sequence[bytes] = proofs.get(0 if held is None else held[1], ())
        if held is not None and held[0] == log_id and not proof:
            same = read_checkpoint(news.note).size <= held[1]
            if not same:
                # The carrier could not prove it yet; the next session will.
                return ""
        with self._store.write() as tx:
            outcome = self._parts.county_seen.take(tx, news.note, proof, now_ms=now_ms)
            seen = seen_hash(tx)
            if outcome.code:
                _note_once(tx, outcome.code, log_id.hex(), size=outcome.checkpoint.size, now_ms=now_ms)
            elif outcome.new:
                # What could not be proven before needs nobody any more.
                tx.delete(SYNC_FINDINGS, {"code": UNPROVEN, "log": log_id.hex()})
                if held is not None and held[0] == parent:
                    _keep_last_proofs(tx, news, excerpt.genesis)
            if outcome.told:
                told = (outcome.told, log_id.hex(), outcome.checkpoint.size, now_ms, "", 0)
                tx.insert_missing(SYNC_FINDINGS, [told])
            if not outcome.code and base != parent and in_name_of is None:
                _keep_proofs(tx, news)
        self._parts.writer.county_seen = seen
        return outcome.code

    def _places_below(self) -> set[CountyPlace]:
        return {*self._below.values(), *self._carried.county_below()}

    def _may_ask(self, tx: ReadTx, held: CountyPlace | None, place: CountyPlace) -> bool:
        """Whether a station below holds a checkpoint of an older log, and nothing is here to lead it on."""
        if held is None or place[0] == held[0] or place in self._asked:
            return False
        if tx.get(COUNTY_BRIDGES, (place[0].hex(), place[1])) is not None:
            return False
        return place[0].hex() in ancestors(tx, held[0].hex())

    def _handed_on(self, held: CountyPlace | None) -> CountyNews | None:
        """Return the newest checkpoint that was taken, with the proofs that came with it.

        Somebody who holds one of an older merge log is given what leads on from there, once that is here.
        """
        with self._store.read() as tx:
            newest = newest_note(tx)
            if newest is None:
                return None
            point = read_checkpoint(newest)
            name = point.origin.removeprefix(LOG_ORIGIN_PREFIX)
            if held is not None and held[0].hex() != name:
                bridge = tx.get(COUNTY_BRIDGES, (held[0].hex(), held[1]))
                if bridge is not None and isinstance(bridge[3], bytes) and isinstance(bridge[4], bytes):
                    opening = next(excerpts(tx, self._outgoing, [Place(str(bridge[2]), 1)]), None)
                    if opening is None:
                        return None
                    proof = (held[1], _hashes(bridge[4]))
                    return CountyNews(note=bridge[3], opening=encode_excerpt(opening), proofs=(proof,))
                if self._may_ask(tx, (_log_of(point.origin), point.size), held):
                    return None
            opening = next(excerpts(tx, self._outgoing, [Place(name, 1)]), None)
            if opening is None:
                # It has changed on this disk: checkpoints wait until it is healed.
                return None
            rows = tx.select(COUNTY_PROOFS, {"log": name, "size": point.size}, order_by=("old_size",))
            proofs = tuple(
                (row[2], _hashes(row[3]))
                for row in rows
                if isinstance(row[2], int) and isinstance(row[3], bytes)
            )
        return CountyNews(note=newest, opening=encode_excerpt(opening), proofs=proofs)

    def _keep_bridges(self, news: CountyNews, parent: LogId) -> None:
        name = _log_of(read_checkpoint(news.note).origin).hex()
        rows = [(parent.hex(), old, name, news.note, b"".join(proof)) for old, proof in news.proofs]
        with self._store.write() as tx:
            tx.upsert(COUNTY_BRIDGES, rows)

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


def _note_once(tx: WriteTx, code: str, log: str, *, size: int, now_ms: int) -> None:
    """Keep a finding about a merge log, until people settle it: the county signs ever new ones."""
    if next(tx.select(SYNC_FINDINGS, {"code": code, "log": log, "settled": 0}, limit=1), None) is None:
        tx.insert_missing(SYNC_FINDINGS, [(code, log, size, now_ms, "", 0)])


def _keep_last_proofs(tx: WriteTx, news: CountyNews, genesis: LogGenesis) -> None:
    """Let the proofs up to the end of the older log lead into the next one: the county may lack them."""
    parent, name = genesis.parent_log.hex(), genesis.log_id().hex()
    rows = tx.select(COUNTY_PROOFS, {"log": parent, "size": genesis.parent_size})
    tx.insert_missing(COUNTY_BRIDGES, [(parent, row[2], name, news.note, row[3]) for row in list(rows)])


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
