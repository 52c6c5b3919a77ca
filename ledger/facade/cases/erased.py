"""Cases whose personal data was erased: what is given to nobody, not taken in again, and who may hold it yet.

Each station erases what it holds itself, for each has its own duty to keep. But what one of them has erased
is passed on by nobody who knows of it: the next new machine, or an act under way, would bring it back.
"""

from __future__ import annotations

from collections.abc import Collection

from ledger.cases.judge import ERASE
from ledger.cases.shape import CaseState
from ledger.errors import DataError, EncodingError, RuleError
from ledger.facade.base.concern import concerned_stations
from ledger.facade.base.tables import APPLICANTS, TOKENS
from ledger.facade.cases.attachednames import is_erased
from ledger.facade.cases.casebook import CaseBook
from ledger.facade.logs.bodies import erase_personal
from ledger.formats.frame import decode_frame
from ledger.registry.registry import Registry
from ledger.store import schema
from ledger.store.contract import ReadTx, WriteTx
from ledger.store.tables import OneOf
from ledger.types import CaseId, StationId


def erased_among(tx: ReadTx, book: CaseBook, case_ids: Collection[CaseId]) -> frozenset[CaseId]:
    """Return those of some cases whose personal data was erased, here or elsewhere.

    Args:
        tx: the store.
        book: states of cases.
        case_ids: at most as many as one condition takes.
    """
    if not case_ids:
        return frozenset()
    rows = tx.select(schema.ACTS, {"case_id": OneOf(tuple(case_ids)), "action": ERASE})
    named = {CaseId(row[0]) for row in rows if isinstance(row[0], bytes)}
    return frozenset(case_id for case_id in named if _counts(tx, book, case_id))


def _counts(tx: ReadTx, book: CaseBook, case_id: CaseId) -> bool:
    """Whether an erasure of a case took effect, as far as that can be told.

    Before the opening of its case is here an erasure proves nothing: anybody may have written it. One in a
    case of which a record is rotten here counts.
    """
    known = book.held(case_id) is not None
    try:
        return is_erased(book.load(tx, case_id).state)
    except RuleError:
        return False
    except (DataError, EncodingError):
        return True
    finally:
        if not known:
            # Whoever asks may be writing: what is folded in between is not the state that stays.
            book.forget(case_id)


def erase_rows(tx: WriteTx, case_id: CaseId) -> None:
    """Delete key, search tokens and personal bodies of a case.

    In the transaction of the act that erases: a power cut between the two would leave the person on every
    page, and nobody would know.
    """
    tx.delete(schema.CASE_KEYS, {"case_id": case_id})
    tx.delete(TOKENS, {"case_id": case_id})
    tx.delete(APPLICANTS, {"case_id": case_id})
    erase_personal(tx, case_id)


def erased_bodies(tx: ReadTx, case_id: CaseId) -> int:
    """Return how many acts of a case had a personal body: all of them are gone once it was erased."""
    count = 0
    for log, seq in tx.select(schema.ACTS, {"case_id": case_id}, columns=("log", "seq")):
        frame = tx.frame(str(log), int(str(seq)))
        count += frame is not None and bool(decode_frame(frame).act.header.personal_hash)
    return count


def holding_yet(state: CaseState, registry: Registry, own: Collection[StationId]) -> list[StationId]:
    """Return the other stations that may hold a case's personal data, for nobody there has erased it.

    Args:
        state: of the case.
        registry: the newest registry held here.
        own: the stations of this installation.
    """
    done = {step.act.station for step in state.steps if step.act.action == ERASE and not step.act.blocked}
    found = {above for station in concerned_stations(state) for above in registry.line(station)}
    return sorted(found - done - frozenset(own))
