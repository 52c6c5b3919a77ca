"""What follows when registry or catalogue have grown, and when what was known of them must be forgotten.

A longer registry adds to what was known, and cases stay as they are. Where the logs had to be folded anew,
any case may look otherwise: all are judged again, in small transactions. What the logs were like is written
down at the end, so that a power cut before it only makes the next start do it again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress

from ledger.errors import DataError, EncodingError
from ledger.facade.base.synctables import AWAITING, SYNC_FINDINGS, SYNC_MARKS
from ledger.facade.base.tables import CASES, MARKS
from ledger.facade.cases.awaited import MARK_LOOKED, has_findings, looked_at, sizes_of, waiting_detail
from ledger.facade.cases.casebook import CaseBook
from ledger.facade.cases.latecomers import renew_latecomers
from ledger.facade.cases.renewal import follow_calendars
from ledger.facade.cases.views import CaseView
from ledger.facade.logs.countyfold import CountyFold
from ledger.facade.transfer.leakedkeys import note_leaked
from ledger.facade.transfer.withouteffect import AUTHORITY, judge_waiting_again
from ledger.formats.act import ActHeader, decode_act
from ledger.formats.body import check_facts
from ledger.formats.frame import split_frame
from ledger.formats.rank import recorded_at_ms
from ledger.registry.authority import KEY_UNKNOWN
from ledger.registry.grant import signing_key
from ledger.registry.registry import Registry
from ledger.store.contract import ReadTx, Store
from ledger.store.tables import Cell, Row
from ledger.types import CaseId

MARK_COUNTY = "county_logs"
BATCH = 100
"""Cases that are judged in one transaction."""


def learn_county(store: Store, view: CaseView, *, book: CaseBook, fold: CountyFold) -> None:
    """Take in what came of registry and catalogue; judge again what waited for it or rests on it."""
    with store.read() as tx:
        anew = fold.follow(tx)
    book.forget_all()
    renew_latecomers(store, view, fold.knowledge, anew=anew)
    _judge_waiting(store, book, fold, anew=anew)
    note_leaked(store, fold.knowledge.registry, fold.holdings, anew=anew)
    if anew:
        _judge_all(store, view, book, fold.knowledge.registry)
    if _marked(store) != fold.mark:
        _mark(store, fold.mark)
    follow_calendars(store, view, fold.knowledge)


def finish_judging(store: Store, view: CaseView, *, book: CaseBook, fold: CountyFold) -> None:
    """Judge again what a power cut broke off, and make the lights anew if calendars have come."""
    anew = is_folded_anew(store, fold)
    _judge_waiting(store, book, fold, anew=anew)
    note_leaked(store, fold.knowledge.registry, fold.holdings, anew=anew)
    if anew:
        _judge_all(store, view, book, fold.knowledge.registry)
        _mark(store, fold.mark)
    follow_calendars(store, view, fold.knowledge)


def is_folded_anew(store: Store, fold: CountyFold) -> bool:
    """Tell whether registry and catalogue count otherwise than when all cases were judged last."""
    return _marked(store) != fold.mark


def _judge_waiting(store: Store, book: CaseBook, fold: CountyFold, *, anew: bool) -> None:
    """Look again at the findings that may stand otherwise, and write down for which sizes that was done.

    For acts whose key was not known that has been done right before.
    """
    with store.read() as tx:
        since, waits = looked_at(tx), has_findings(tx, KEY_UNKNOWN)
        waits = waits or tx.get(SYNC_MARKS, (MARK_LOOKED,)) is not None
    now = sizes_of(fold.knowledge)
    looked = judge_waiting_again(
        store, fold.knowledge, book=book, holdings=fold.holdings, anew=anew, since=since
    )
    # Where nothing ever waited, there is nothing to write down; but a mark must not say too much.
    if since != now and (looked or waits):
        with store.write() as tx:
            tx.upsert(SYNC_MARKS, [(MARK_LOOKED, f"{now.registry} {now.catalogue}")])


def _judge_all(store: Store, view: CaseView, book: CaseBook, registry: Registry) -> None:
    with store.read() as tx:
        known = {CaseId(row[0]): None for table in (CASES, AWAITING) for row in tx.select(table, {})
                 if isinstance(row[0], bytes)}  # fmt: skip
    for batch in _batches(list(known)):
        try:
            _judge(store, view, book, registry, batch)
        except (DataError, EncodingError):
            for case_id in batch:
                # One whose record is rotten here must not hold up the others; the audit tells of it.
                with suppress(DataError, EncodingError):
                    _judge(store, view, book, registry, (case_id,))
    book.forget_all()


def _judge(
    store: Store, view: CaseView, book: CaseBook, registry: Registry, case_ids: Sequence[CaseId]
) -> None:
    with store.write() as tx:
        view.judge_again(tx, case_ids)
        rows = [
            *_without_key(tx, case_ids, book, registry),
            *_without_authority(tx, case_ids, book, registry),
        ]
        tx.insert_missing(SYNC_FINDINGS, rows)


def _without_authority(
    tx: ReadTx, case_ids: Sequence[CaseId], book: CaseBook, registry: Registry
) -> Iterator[Row]:
    """Yield a finding for each act whose author, as all is known by now, may not have done it."""
    for stored in book.stored(tx, case_ids):
        if stored.opaque:
            continue
        act = book.act(stored)
        if act.blocked.startswith(AUTHORITY) and act.blocked != KEY_UNKNOWN:
            header = decode_act(split_frame(stored.frame).act_raw)
            detail = waiting_detail(act.blocked, header, registry)
            yield (act.blocked, *stored.place, recorded_at_ms(stored.frame), detail, 0)


def _without_key(tx: ReadTx, case_ids: Sequence[CaseId], book: CaseBook, registry: Registry) -> Iterator[Row]:
    """Yield a finding for each act that came when its key was known: it counts again once the key is."""
    for act in book.stored(tx, case_ids):
        if act.opaque:
            continue
        header = decode_act(split_frame(act.frame).act_raw)
        if registry.public_key(header.actor) is None and not _tells_key(act.facts, header):
            found_at_ms = recorded_at_ms(act.frame)
            detail = waiting_detail(KEY_UNKNOWN, header, registry)
            yield (KEY_UNKNOWN, *act.place, found_at_ms, detail, 0)


def _tells_key(body: Cell, header: ActHeader) -> bool:
    """Tell whether an act carries a grant that tells the key it was signed with."""
    if not isinstance(body, bytes):
        return False
    try:
        return signing_key(check_facts(header, body), header.actor) is not None
    except (DataError, EncodingError):
        return False


def _batches(case_ids: Sequence[CaseId]) -> list[Sequence[CaseId]]:
    return [case_ids[first : first + BATCH] for first in range(0, len(case_ids), BATCH)]


def _marked(store: Store) -> str:
    with store.read() as tx:
        row = tx.get(MARKS, (MARK_COUNTY,))
    return "" if row is None else str(row[1])


def _mark(store: Store, text: str) -> None:
    with store.write() as tx:
        tx.upsert(MARKS, [(MARK_COUNTY, text)])
