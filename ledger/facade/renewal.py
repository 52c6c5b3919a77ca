"""Rows made anew: when a calendar arrives or changes every light moves, without any act."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ledger.body import open_body
from ledger.calendar import local_date
from ledger.errors import BanjianError
from ledger.facade.bodies import Place, bodies_at, place_in
from ledger.facade.numbers import number_row
from ledger.facade.tables import CASES, MARKS, MOVED, NEVER_MS, NUMBERS, TOKENS
from ledger.facade.vault import CaseKey, Vault
from ledger.facade.views import MARK_CALENDARS, CaseView
from ledger.identity import may_name_people, search_keys
from ledger.knowledge import Knowledge
from ledger.limits import PERSONAL_BYTES_MAX
from ledger.store import schema
from ledger.store.contract import Store, WriteTx
from ledger.store.tables import Cell, OneOf, Row, cursor
from ledger.types import ActId, CaseId

BATCH = 500
"""Cases that are made anew at once."""
PAGE = 10_000
"""Rows of the table of acts that are read at once."""


def calendars_changed(store: Store, knowledge: Knowledge) -> bool:
    """Return whether the rows were computed with other calendars than those known now."""
    with store.read() as tx:
        row = tx.get(MARKS, (MARK_CALENDARS,))
    return row is None or row[1] != knowledge.calendars.version


def follow_calendars(store: Store, view: CaseView, knowledge: Knowledge) -> None:
    """Make the lights anew if the rows were computed with other calendars than those known now."""
    if calendars_changed(store, knowledge):
        renew_lights(store, view, knowledge.calendars.version)


def renew_lights(store: Store, view: CaseView, calendars: str) -> int:
    """Compute the rows of all open cases with the newest calendars; returns how many there are.

    A limit that became earlier is written down for the case's owner, under the version of the calendars.
    """
    with store.write() as tx:
        before = {
            CaseId(row[0]): row[14] for row in tx.select(CASES, {"open": 1}) if isinstance(row[0], bytes)
        }
        count = sum(len(view.rebuild(tx, batch)) for batch in _batches(list(before)))
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
        places = _openings(tx)
        count = 0
        # In the order of their openings the frames of a batch lie close together.
        for batch in _batches(sorted(places, key=places.__getitem__)):
            rows = view.rebuild(tx, batch)
            tx.insert_missing(
                NUMBERS,
                [
                    number_row(number, case_id, places[case_id][0])
                    for case_id, row in rows.items()
                    if isinstance(number := row[1], str) and number
                ],
            )
            tx.insert_missing(TOKENS, list(_tokens(tx, vault, list(rows))))
            count += len(rows)
        view.mark(tx)
    return count


def _openings(tx: WriteTx) -> dict[CaseId, Place]:
    """Return log and position of the opening of each case; read in pages, for there are many acts."""
    places: dict[CaseId, Place] = {}
    after: Row | None = None
    while page := list(tx.select(schema.ACTS, {}, limit=PAGE, after=after)):
        for row in page:
            case_id, act_id = row[:2]
            if isinstance(act_id, bytes) and isinstance(case_id, bytes) and act_id.startswith(case_id):
                places[CaseId(case_id)] = place_in(row)
        after = cursor(schema.ACTS, page[-1])
    return places


def _tokens(tx: WriteTx, vault: Vault, case_ids: Sequence[CaseId]) -> Iterator[tuple[bytes, CaseId]]:
    """Yield the search tokens of everybody named in the personal bodies of some cases."""
    wanted = {"case_id": OneOf(tuple(case_ids))}
    keys: dict[CaseId, CaseKey] = {}
    for case_id, wrapped in tx.select(schema.CASE_KEYS, wanted):
        if isinstance(case_id, bytes) and isinstance(wrapped, bytes):
            keys[CaseId(case_id)] = vault.unwrap(CaseId(case_id), wrapped)
    acts = list(tx.select(schema.ACTS, wanted))
    bodies = bodies_at(tx, map(place_in, acts))
    for row in acts:
        case_id, act_id, body = CaseId(_bytes(row[0])), ActId(_bytes(row[1])), bodies.get(place_in(row))
        key = keys.get(case_id)
        if body is None or key is None:
            continue
        for token in vault.tokens(_people(act_id, body, key)):
            yield token, case_id


def _people(act_id: ActId, row: Row, key: CaseKey) -> frozenset[str]:
    """Return what the people of a personal body are found by; nobody where it cannot be opened."""
    nonce, ciphertext = row[3:]
    if not (isinstance(nonce, bytes) and isinstance(ciphertext, bytes)):
        return frozenset()
    try:
        body = key.open(ciphertext, act_id=act_id, nonce=nonce)
        if not may_name_people(body):
            return frozenset()
        return search_keys(open_body(body, limit_bytes=PERSONAL_BYTES_MAX))
    except BanjianError:
        return frozenset()


def _bytes(cell: Cell) -> bytes:
    return cell if isinstance(cell, bytes) else b""


def _batches(case_ids: Sequence[CaseId]) -> Iterator[Sequence[CaseId]]:
    for first in range(0, len(case_ids), BATCH):
        yield case_ids[first : first + BATCH]
