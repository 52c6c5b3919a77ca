"""Rows made anew: when a calendar arrives or changes every light moves, without any act."""

from __future__ import annotations

from collections.abc import Iterator

from ledger.body import open_body
from ledger.calendar import local_date
from ledger.errors import BanjianError
from ledger.facade.numbers import number_row
from ledger.facade.opening import read_personal
from ledger.facade.tables import CASES, MARKS, MOVED, NEVER_MS, NUMBERS, TOKENS
from ledger.facade.vault import Vault
from ledger.facade.views import MARK_CALENDARS, CaseView
from ledger.identity import search_keys
from ledger.knowledge import Knowledge
from ledger.limits import PERSONAL_BYTES_MAX
from ledger.store import schema
from ledger.store.contract import Store, WriteTx
from ledger.types import ActId, CaseId

BATCH = 500


def calendars_changed(store: Store, knowledge: Knowledge) -> bool:
    """Return whether the rows were computed with other calendars than those known now."""
    with store.read() as tx:
        row = tx.get(MARKS, (MARK_CALENDARS,))
    return row is None or row[1] != knowledge.calendars.version


def renew_lights(store: Store, view: CaseView, calendars: str) -> int:
    """Compute the rows of all open cases with the newest calendars; returns how many there are.

    A limit that became earlier is written down for the case's owner, under the version of the calendars.
    """
    with store.write() as tx:
        before = {
            CaseId(row[0]): row[14] for row in tx.select(CASES, {"open": 1}) if isinstance(row[0], bytes)
        }
        count = sum(view.rebuild(tx, batch) for batch in _batches(list(before)))
        moved = [
            (case_id, calendars, _last_day(old), _last_day(new))
            for case_id, old in before.items()
            if (row := tx.get(CASES, (case_id,))) is not None
            and isinstance(old, int)
            and isinstance(new := row[14], int)
            and new < old != NEVER_MS
        ]
        tx.upsert(MOVED, moved)
        view.mark(tx)
    return count


def _last_day(red_at_ms: int) -> str:
    return local_date(red_at_ms - 1).isoformat()


def rebuild_views(store: Store, view: CaseView, vault: Vault) -> int:
    """Drop all rows of the views and make them anew from frames, bodies and keys."""
    with store.write() as tx:
        for table in (CASES, TOKENS, NUMBERS):
            tx.delete(table, {})
        case_ids = sorted({row[3] for row in tx.select(schema.ACTS, {}) if isinstance(row[3], bytes)})
        count = sum(view.rebuild(tx, batch) for batch in _batches([CaseId(one) for one in case_ids]))
        _rebuild_numbers(tx)
        _rebuild_tokens(tx, vault)
        view.mark(tx)
    return count


def _rebuild_numbers(tx: WriteTx) -> None:
    rows = []
    for row in tx.select(CASES, {}):
        place = tx.get(schema.ACTS, _opening_key(tx, row[0]))
        if isinstance(row[1], str) and row[1] and isinstance(row[0], bytes) and place is not None:
            rows.append(number_row(row[1], CaseId(row[0]), str(place[1])))
    if rows:
        tx.insert_missing(NUMBERS, rows)


def _opening_key(tx: WriteTx, case_id: object) -> tuple[bytes]:
    for row in tx.select(schema.ACTS, {"case_id": case_id if isinstance(case_id, bytes) else b""}):
        if isinstance(row[0], bytes) and row[0][:16] == case_id:
            return (row[0],)
    return (b"",)


def _rebuild_tokens(tx: WriteTx, vault: Vault) -> None:
    for act, case, *_ in list(tx.select(schema.PERSONAL, {})):
        if not (isinstance(act, bytes) and isinstance(case, bytes)):
            continue
        raw = read_personal(tx, vault, ActId(act))
        if raw is None or tx.get(CASES, (case,)) is None:
            continue
        try:
            keys = search_keys(open_body(raw, limit_bytes=PERSONAL_BYTES_MAX))
        except BanjianError:
            continue
        tx.insert_missing(TOKENS, [(token, case) for token in vault.tokens(keys)])


def _batches(case_ids: list[CaseId]) -> Iterator[list[CaseId]]:
    for first in range(0, len(case_ids), BATCH):
        yield case_ids[first : first + BATCH]
