"""Rows made anew: when a calendar arrives or changes every light moves, without any act."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from ledger.cases.shape import CaseState
from ledger.errors import BanjianError
from ledger.facade.base.tables import (
    APPLICANTS,
    CASES,
    EXTERNALS,
    GRANTS,
    MARKS,
    NUMBERS,
    TOKENS,
    case_cells,
)
from ledger.facade.base.vault import CaseKey, Vault
from ledger.facade.cases.caseacts import StoredAct
from ledger.facade.cases.linked import is_amended, linked_rows
from ledger.facade.cases.moved import held_before
from ledger.facade.cases.secondsight import forget_all_seconds
from ledger.facade.cases.twins import applicant_rows
from ledger.facade.cases.views import MARK_CALENDARS, MARK_ROWS, ROWS, CaseView
from ledger.facade.logs.bodies import Place, place_in
from ledger.formats.body import open_body
from ledger.identity import may_name_people, search_keys
from ledger.known.knowledge import Knowledge
from ledger.limits import PERSONAL_BYTES_MAX
from ledger.registry.authority import PROVISIONAL_GRANT
from ledger.store import schema
from ledger.store.contract import ReadTx, Store, WriteTx
from ledger.store.tables import OneOf, Row, cursor
from ledger.types import ActId, CaseId, Facts

BATCH = 200
"""Cases that are made anew at once: enough for few statements, few enough to stay in the caches."""
PAGE = 10_000
"""Rows of the table of acts that are read at once."""
GARBAGE_AFTER = 50_000
"""New objects after which Python looks for cycles: cases make none, and a look walks over all of them."""


def calendars_changed(store: Store, knowledge: Knowledge) -> bool:
    """Return whether the rows were computed with other calendars than those known now."""
    with store.read() as tx:
        row = tx.get(MARKS, (MARK_CALENDARS,))
        return row is None or row[1] != knowledge.calendars.version


def are_lists_older(tx: ReadTx) -> bool:
    """Return whether another version of this program wrote the rows, which say less or otherwise than now."""
    row = tx.get(MARKS, (MARK_ROWS,))
    return row is None or row[1] != ROWS


def has_older_lists(tx: ReadTx) -> bool:
    """Return whether there is anything to list of which another version of this program wrote the rows."""
    return are_lists_older(tx) and any(True for _ in tx.select(schema.ACTS, {}, limit=1))


def follow_calendars(store: Store, view: CaseView, knowledge: Knowledge) -> None:
    """Make the lights anew if the rows were computed with other calendars than those known now."""
    if calendars_changed(store, knowledge):
        renew_lights(store, view, knowledge)


def renew_lights(store: Store, view: CaseView, knowledge: Knowledge) -> int:
    """Compute the rows of all open cases with the newest calendars; returns how many there are.

    Every clock that now ends earlier than was said is written down for the case's owner.
    """
    with store.write() as tx:
        before = held_before(tx, knowledge.calendars)
        rows = tx.select(CASES, {"open": 1}, columns=("case_id",))
        cases = [CaseId(row[0]) for row in rows if isinstance(row[0], bytes)]
        count = sum(view.renew(tx, batch, before=before) for batch in _batches(cases))
        view.mark_calendars(tx)
    return count


def rebuild_views(
    store: Store, view: CaseView, vault: Vault, *, also: Callable[[WriteTx], None] | None = None
) -> int:
    """Drop all rows of the views and make them anew from frames, bodies and keys.

    Args:
        store: the store.
        view: the view of cases.
        vault: opens personal data, for the search.
        also: what else is done in the same transaction, once the rows are there.
    """
    with _few_collections(), store.write() as tx:
        for table in (CASES, TOKENS, APPLICANTS, NUMBERS, EXTERNALS, GRANTS):
            tx.delete(table, {})
        forget_all_seconds(tx)
        places, grants = _openings(tx)
        tx.insert_missing(GRANTS, grants)
        count = 0
        # In the order of their openings the frames of a batch lie close together.
        for batch in _batches(sorted(places, key=places.__getitem__)):
            made = view.rebuild(tx, batch)
            rows = case_cells([one.row for one in made])
            tx.insert_missing(NUMBERS, [row for one in made for row in one.numbers])
            tokens, applicants = found_by(tx, vault, [(one.state, one.acts) for one in made])
            tx.insert_missing(TOKENS, tokens)
            tx.insert_missing(APPLICANTS, applicants)
            count += len(rows)
        view.mark_calendars(tx)
        tx.upsert(MARKS, [(MARK_ROWS, ROWS)])
        if also is not None:
            also(tx)
    return count


@contextmanager
def _few_collections() -> Iterator[None]:
    """Let Python look for cycles no oftener than after so many objects, and afterwards as before."""
    before = gc.get_threshold()
    if before[0]:
        gc.set_threshold(max(before[0], GARBAGE_AFTER), *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


def _openings(tx: WriteTx) -> tuple[dict[CaseId, Place], list[Row]]:
    """Return log and position of the opening of each case, and of each provisional grant.

    Read in pages, for there are many acts.
    """
    places: dict[CaseId, Place] = {}
    grants: list[Row] = []
    after: Row | None = None
    while page := list(tx.select(schema.ACTS, {}, limit=PAGE, after=after)):
        for row in page:
            case_id, act_id = row[:2]
            if row[4] == PROVISIONAL_GRANT:
                grants.append(place_in(row))
            elif isinstance(act_id, bytes) and isinstance(case_id, bytes) and act_id.startswith(case_id):
                places[CaseId(case_id)] = place_in(row)
        after = cursor(schema.ACTS, page[-1])
    return places, grants


def found_by(
    tx: ReadTx, vault: Vault, cases: Sequence[tuple[CaseState, Sequence[StoredAct]]]
) -> tuple[list[Row], list[Row]]:
    """Return the search tokens of everybody named in some cases, and the links of cases with applicants."""
    tokens: dict[Row, None] = {}
    applicants: list[Row] = []
    asked = OneOf(tuple(state.case_id for state, _ in cases))
    keys = {row[0]: row[1] for row in tx.select(schema.CASE_KEYS, {"case_id": asked})}
    for state, acts in cases:
        case_id, wrapped = state.case_id, keys.get(state.case_id)
        if not isinstance(wrapped, bytes):
            continue
        key, amended = vault.unwrap(case_id, wrapped), is_amended(state)
        bodies: dict[ActId, Facts] = {}
        for act in acts:
            personal = _people(act, key)
            if personal is None:
                continue
            tokens.update(((token, case_id), None) for token in vault.tokens(search_keys(personal)))
            if amended:
                bodies[act.act_id] = personal
            elif act.act_id.startswith(case_id):
                applicants += applicant_rows(vault, case_id, personal)
        applicants += linked_rows(vault, state, bodies.get) if amended else []
    return list(tokens), applicants


def _people(act: StoredAct, key: CaseKey) -> Facts | None:
    """Return a personal body that names people; None where there is none or it cannot be opened."""
    if not (isinstance(act.nonce, bytes) and isinstance(act.personal, bytes)):
        return None
    try:
        body = key.open(act.personal, act_id=act.act_id, nonce=act.nonce)
        return open_body(body, limit_bytes=PERSONAL_BYTES_MAX) if may_name_people(body) else None
    except BanjianError:
        return None


def _batches(case_ids: Sequence[CaseId]) -> Iterator[Sequence[CaseId]]:
    for first in range(0, len(case_ids), BATCH):
        yield case_ids[first : first + BATCH]
