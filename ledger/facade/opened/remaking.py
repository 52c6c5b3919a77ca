"""Lists made anew: all of them when somebody asks, and those that another version of this program wrote.

A newer program may understand an act otherwise than the one that wrote its case's row. Then all cases are
judged again when the ledger is opened for writing, in small transactions; which version the rows are of is
written down at the end, so that a power cut before it only makes the next start do it again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ledger.errors import DataError, EncodingError, StoreError
from ledger.facade.base.synctables import AWAITING
from ledger.facade.base.tables import CASES, MARKS
from ledger.facade.base.vault import Vault
from ledger.facade.cases.renewal import are_lists_older, rebuild_views
from ledger.facade.cases.views import MARK_ROWS, ROWS, CaseView
from ledger.facade.logs.treerows import Trees
from ledger.facade.opened.parts import Parts
from ledger.facade.transfer.mergedrows import remake_merged
from ledger.store.contract import ReadTx, Store, WriteTx
from ledger.store.tables import Table
from ledger.types import CaseId, Watch

BATCH = 100
"""Cases that are judged in one transaction."""
_ROW_MISSING = "store.row_missing"


def remake(store: Store, parts: Parts, *, view: CaseView, vault: Vault, now_ms: Callable[[], int]) -> int:
    """Make every row that people look at anew from the frames; returns how many cases there are."""
    parts.book.forget_all()
    Trees(store, parts.holdings).mend(now_ms)

    def also(tx: WriteTx) -> None:
        parts.feeds.look_at_all(tx)
        remake_merged(tx, parts.holdings.of_kind("merge"))

    return rebuild_views(store, view, vault, also=also)


def follow_program(store: Store, parts: Parts, *, view: CaseView, watch: Watch | None = None) -> None:
    """Judge all cases again if another version of this program wrote the lists; else do nothing.

    Args:
        store: the open store, as its one writer.
        parts: the parts of the ledger.
        view: of the cases.
        watch: told how many cases of how many are done; not where there is none.
    """
    with store.read() as tx:
        if not are_lists_older(tx):
            return
        listed = _ids(tx, CASES)
        known = [*dict.fromkeys((*listed, *_ids(tx, AWAITING)))]
    total = len(listed)
    for first in range(0, len(known), BATCH):
        if watch is not None and first < total:
            watch(first, total)
        batch = known[first : first + BATCH]
        if not _judged(store, view, batch):
            # One whose record is rotten here must not hold up the others; the audit tells of it.
            for case_id in batch:
                _judged(store, view, (case_id,))
    parts.book.forget_all()
    with store.write() as tx:
        parts.feeds.look_at_all(tx)
        tx.upsert(MARKS, [(MARK_ROWS, ROWS)])
    if watch is not None and listed:
        watch(total, total)


def _ids(tx: ReadTx, table: Table) -> list[CaseId]:
    rows = tx.select(table, {}, columns=("case_id",))
    return [CaseId(row[0]) for row in rows if isinstance(row[0], bytes)]


def _judged(store: Store, view: CaseView, case_ids: Sequence[CaseId]) -> bool:
    """Judge cases again in one transaction; tells whether all of them could be folded."""
    try:
        with store.write() as tx:
            view.judge_again(tx, case_ids)
    except (DataError, EncodingError):
        return False
    except StoreError as error:
        if error.code != _ROW_MISSING:
            raise
        return False
    return True
