"""Which attachments the acts of cases name, which of them lie here, and which the station above has.

What an act names is part of the act; the rest is only this installation's memory of what still has to be
carried: losing it costs a question to the station above, nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from ledger.errors import RuleError
from ledger.facade.base.audience import subtree
from ledger.facade.base.concern import concerned_stations
from ledger.facade.base.synctables import ATTACHED
from ledger.facade.cases.attachednames import is_erased
from ledger.facade.opened.parts import Parts
from ledger.store.contract import ReadTx, Store
from ledger.store.tables import OneOf, Range, Row, Where
from ledger.types import CaseId, StationId


class Named(NamedTuple):
    """An attachment that an act names.

    Attributes:
        hash: what the act names it by, 32 bytes.
        size: bytes of its content.
        station: where the act was recorded.
        held: whether its content lies here.
        given: whether the station above has said that it has it.
    """

    hash: bytes
    case_id: CaseId
    size: int
    station: StationId
    held: bool
    given: bool


class Attached:
    """Answers which attachments are to be carried where.

    Args:
        store: the open store, as its one writer.
        parts: the working parts of the ledger.
    """

    def __init__(self, store: Store, parts: Parts) -> None:
        self._store = store
        self._parts = parts

    def named(self, case_id: CaseId, content: bytes) -> Named | None:
        """Return an attachment of a case as its acts name it; None when none does, or the case was erased."""
        with self._store.read() as tx:
            row = tx.get(ATTACHED, (content, case_id))
            if row is None or self._is_gone(tx, case_id):
                return None
        return _named(row)

    def concerns(self, case_id: CaseId, station: StationId) -> bool:
        """Tell whether a case has to do with a station or one below it: who may have its attachments."""
        with self._store.read() as tx:
            try:
                state = self._parts.book.load(tx, case_id).state
            except RuleError:
                return False
        return not concerned_stations(state).isdisjoint(self._scope(station))

    def to_give(self, limit: int) -> Sequence[Named]:
        """Return attachments that lie here and of which the station above has not said that it has them."""
        with self._store.read() as tx:
            return [_named(row) for row in tx.select(ATTACHED, {"held": 1, "given": 0}, limit=limit)]

    def to_get(self, below: StationId, limit: int) -> Sequence[Named]:
        """Return attachments that were named at a station or below it and do not lie here."""
        scope = tuple(self._scope(below))
        with self._store.read() as tx:
            found = tx.select(ATTACHED, {"held": 0, "station": OneOf(scope)}, limit=limit)
            return [one for row in found if not self._is_gone(tx, (one := _named(row)).case_id)]

    def whole_below(self, station: StationId) -> frozenset[bytes]:
        """Return the hashes of attachments that were named at a station or below it and lie here."""
        scope = tuple(self._scope(station))
        with self._store.read() as tx:
            rows = tx.select(ATTACHED, {"held": 1, "station": OneOf(scope)})
            return frozenset(row[0] for row in rows if isinstance(row[0], bytes))

    def not_seen(self) -> Sequence[bytes]:
        """Return the hashes of attachments that are not known to lie here."""
        with self._store.read() as tx:
            return sorted({row[0] for row in tx.select(ATTACHED, {"held": 0}) if isinstance(row[0], bytes)})

    def held_after(self, content: bytes, limit: int) -> list[Named]:
        """Return attachments that are said to lie here, by their hashes, from the one behind a hash on."""
        with self._store.read() as tx:
            found = tx.select(ATTACHED, {"held": 1, "hash": Range(above=content)}, limit=limit)
            return [_named(row) for row in found]

    def held_count(self) -> int:
        """Return how many attachments are said to lie here, once for each case that names them."""
        with self._store.read() as tx:
            return tx.count(ATTACHED, {"held": 1})

    def mark(self, contents: Iterable[bytes], *, held: bool | None = None, given: bool | None = None) -> None:
        """Remember that some attachments lie here or not, and that the station above has them or not."""
        wanted = tuple(dict.fromkeys(contents))
        if not wanted:
            return
        with self._store.write() as tx:
            rows = list(tx.select(ATTACHED, {"hash": OneOf(wanted)}))
            tx.upsert(ATTACHED, [_marked(row, held=held, given=given) for row in rows])

    def _scope(self, station: StationId) -> frozenset[StationId]:
        return subtree(self._parts.knowledge.registry, station) | {station}

    def _is_gone(self, tx: ReadTx, case_id: CaseId) -> bool:
        return _is_erased(tx, self._parts, case_id)


def named_among(tx: ReadTx, contents: Iterable[bytes]) -> frozenset[bytes]:
    """Return which of some attachments, by their hashes, an act of a case names that is not erased."""
    rows = tx.select(ATTACHED, {"hash": OneOf(tuple(contents))}, columns=("hash",))
    return frozenset(row[0] for row in rows if isinstance(row[0], bytes))


def absent(tx: ReadTx, parts: Parts, station: StationId, *, held_too: bool) -> list[Named]:
    """Return the attachments named at a station that are not known to lie here; those of erased cases never.

    Args:
        tx: a consistent view.
        parts: the parts of the ledger as of that view.
        station: where their acts were recorded.
        held_too: those as well that are said to lie here.
    """
    where: Where = {"station": station} if held_too else {"station": station, "held": 0}
    found = [_named(row) for row in tx.select(ATTACHED, where)]
    return [one for one in found if not _is_erased(tx, parts, one.case_id)]


def _is_erased(tx: ReadTx, parts: Parts, case_id: CaseId) -> bool:
    try:
        return is_erased(parts.book.load(tx, case_id).state)
    except RuleError:
        return False


def _named(row: Row) -> Named:
    content, case_id, size, station, held, given = row
    return Named(
        content if isinstance(content, bytes) else b"",
        CaseId(case_id if isinstance(case_id, bytes) else b""),
        size if isinstance(size, int) else 0,
        StationId(str(station)),
        bool(held),
        bool(given),
    )


def _marked(row: Row, *, held: bool | None, given: bool | None) -> Row:
    known_held, known_given = row[4:]
    return (
        *row[:4],
        known_held if held is None else int(held),
        known_given if given is None else int(given),
    )
