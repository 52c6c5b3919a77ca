"""What a check-up asks of the rows of cases: keys of bodies, lists and numbers beside the acts.

Tables are read a page at a time, in the order of their keys, and the two that belong together side by side:
a ledger of any length is looked through in the same memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import NamedTuple

from ledger.errors import DataError, StoreError
from ledger.facade.base.synctables import AWAITING
from ledger.facade.base.tables import APPLICANTS, CASES, LATE, MARKS, NUMBERS, TOKENS, case_cells
from ledger.facade.base.vault import Vault
from ledger.facade.cases.casebook import Folded
from ledger.facade.cases.numbers import number_rows
from ledger.facade.cases.renewal import found_by, has_older_lists
from ledger.facade.cases.views import MARK_CALENDARS, NO_CASE_ACTIONS, case_row
from ledger.facade.logs.bodies import sealed_bodies
from ledger.facade.opened.parts import Parts
from ledger.known.verified import OPAQUE
from ledger.registry.authority import NOT_FINAL
from ledger.store import schema
from ledger.store.contract import ReadTx
from ledger.store.tables import OneOf, Row, Table, Where
from ledger.types import CaseId

CASES_AT_ONCE = 500
ROWS_AT_ONCE = 2_000
ROW_MISSING, KEY_BROKEN = "store.row_missing", "vault.storage_key"
_LIGHTS = slice(CASES.column_names.index("clock"), CASES.column_names.index("flags"))
"""What follows from the calendars as well; everything else of a row follows from the acts alone."""
_NUMBER = CASES.column_names.index("number")
_ACT_COLUMNS = ("case_id", "act_id", "action")


class _Beside(NamedTuple):
    """A case as two tables have it: whether an act opens it, and its row in the lists."""

    case_id: CaseId
    opened: bool
    row: Row | None


class Compared(NamedTuple):
    """What a comparison of lists and acts found.

    Attributes:
        differ: cases without a row in the view of cases, or with other rows than their acts give.
        astray: cases of which the table of acts names an entry that is not there: nobody can fold them.
        ungiven: cases of which a station below would not be given all that it should have.
        older: whether another version of this program wrote the lists: what they say was not compared.
    """

    differ: int
    astray: int
    ungiven: int
    older: bool


def cases_without_key(tx: ReadTx) -> list[CaseId]:
    """Return the cases of which personal bodies lie here that nobody can open.

    Erasing takes both away; a backup from before the erasure brings the bodies back, and no key.
    """
    found: list[CaseId] = []
    cases = _cases_with_acts(tx)
    while asked := list(islice(cases, CASES_AT_ONCE)):
        rows = tx.select(schema.CASE_KEYS, {"case_id": OneOf(tuple(asked))}, columns=("case_id",))
        keys = {row[0] for row in rows}
        found += (case for case in asked if case not in keys and next(sealed_bodies(tx, case), None))
    return found


def cases_not_opened(tx: ReadTx, vault: Vault, look: Callable[[], None] | None = None) -> list[CaseId]:
    """Return the cases of which a personal body is here that the case's own key does not open: it changed.

    Args:
        tx: a consistent view.
        vault: unwraps the keys of cases; one that it does not unwrap is no matter of this.
        look: called before each few hundred cases; raises where it shall stop.
    """
    found: list[CaseId] = []
    cases = _cases_with_acts(tx)
    while asked := list(islice(cases, CASES_AT_ONCE)):
        if look is not None:
            look()
        for case, wrapped in tx.select(schema.CASE_KEYS, {"case_id": OneOf(tuple(asked))}):
            if isinstance(case, bytes) and isinstance(wrapped, bytes):
                found += [CaseId(case)] if _is_closed(tx, vault, CaseId(case), wrapped) else []
    return found


def _is_closed(tx: ReadTx, vault: Vault, case_id: CaseId, wrapped: bytes) -> bool:
    try:
        key = vault.unwrap(case_id, wrapped)
    except StoreError:
        return False
    try:
        for body in sealed_bodies(tx, case_id):
            key.open(body.ciphertext, act_id=body.act_id, nonce=body.nonce)
    except DataError:
        return True
    return False


def compare_lists(
    tx: ReadTx,
    parts: Parts,
    *,
    thorough: bool,
    vault: Vault | None = None,
    look: Callable[[], None] | None = None,
) -> Compared:
    """Compare the view of cases with the acts.

    Args:
        tx: the store.
        parts: the parts of the ledger.
        thorough: folds every case and compares its whole row; else only those without a row or without acts,
            or whose number has no row, are found.
        vault: opens personal data, to compare what cases are found by; None where its key does not fit.
        look: called before each few hundred cases; raises where it shall stop.
    """
    differ = astray = ungiven = 0
    lit, older = _are_lights_current(tx, parts), has_older_lists(tx)
    cases = _side_by_side(tx)
    while asked := list(islice(cases, CASES_AT_ONCE)):
        if look is not None:
            look()
        found = _unlisted(tx, asked) | _unnumbered(tx, asked)
        if thorough:
            rows = {one.case_id: one.row for one in asked}
            folded, lost = _folded(tx, parts, [one.case_id for one in asked if one.opened])
            if not older:
                found |= _listed_otherwise(folded, rows, parts, lit=lit)
                found |= _numbered_otherwise(tx, folded) | _waiting_unknown(tx, folded)
                found |= _searched_otherwise(tx, vault, folded) if vault is not None else set()
                sound = [one.case_id for one in asked if one.opened and one.case_id not in lost]
                ungiven += len(parts.feeds.ungiven(tx, sound))
            astray += len(lost)
            found -= lost
        differ += len(found)
    return Compared(differ, astray, ungiven, older)


def _pages(tx: ReadTx, table: Table, columns: Sequence[str] = ()) -> Iterator[Row]:
    """Yield all rows of a table in the order of its key, which comes first among the columns."""
    after: Row | None = None
    while page := list(tx.select(table, {}, columns=columns, limit=ROWS_AT_ONCE, after=after)):
        yield from page
        after = page[-1][: len(table.key)]


def _cases_with_acts(tx: ReadTx) -> Iterator[CaseId]:
    last = None
    for case_id, _ in _pages(tx, schema.ACTS, ("case_id", "act_id")):
        if case_id != last and isinstance(case_id, bytes):
            last = case_id
            yield CaseId(case_id)


def _opened_cases(tx: ReadTx) -> Iterator[CaseId]:
    last = None
    for case_id, act_id, action in _pages(tx, schema.ACTS, _ACT_COLUMNS):
        if case_id == last or not (isinstance(case_id, bytes) and isinstance(act_id, bytes)):
            continue
        if act_id.startswith(case_id) and action != OPAQUE and str(action) not in NO_CASE_ACTIONS:
            last = case_id
            yield CaseId(case_id)


def _side_by_side(tx: ReadTx) -> Iterator[_Beside]:
    """Walk acts and lists at once: both lie in the order of case ids."""
    acts = _opened_cases(tx)
    opened = next(acts, None)
    for row in _pages(tx, CASES):
        if not isinstance(row[0], bytes):
            continue
        listed = CaseId(row[0])
        while opened is not None and opened < listed:
            yield _Beside(opened, True, None)
            opened = next(acts, None)
        yield _Beside(listed, opened == listed, row)
        if opened == listed:
            opened = next(acts, None)
    while opened is not None:
        yield _Beside(opened, True, None)
        opened = next(acts, None)


def _unlisted(tx: ReadTx, asked: Sequence[_Beside]) -> set[CaseId]:
    """Return the cases that an act opens and no list has, and those that stand in a list without any act."""
    strange = {one.case_id for one in asked if not one.opened}
    missing = tuple(one.case_id for one in asked if one.row is None)
    waiting = {row[0] for row in tx.select(AWAITING, {"case_id": OneOf(missing)})} if missing else set()
    return strange | {case for case in missing if case not in waiting}


def _unnumbered(tx: ReadTx, asked: Sequence[_Beside]) -> set[CaseId]:
    """Return the cases by whose number nobody would find them."""
    wanted = {one.case_id: one.row[_NUMBER] for one in asked if one.row is not None and one.row[_NUMBER]}
    if not wanted:
        return set()
    rows = tx.select(NUMBERS, {"number": OneOf(tuple(wanted.values()))}, columns=("number", "case_id"))
    held = {(row[1], row[0]) for row in rows}
    return {case for case, number in wanted.items() if (case, number) not in held}


def _are_lights_current(tx: ReadTx, parts: Parts) -> bool:
    """Whether the lights were made with the calendars known now; else the next command to write does it."""
    row = tx.get(MARKS, (MARK_CALENDARS,))
    return row is not None and row[1] == parts.knowledge.calendars.version


def _folded(tx: ReadTx, parts: Parts, cases: Sequence[CaseId]) -> tuple[list[Folded], set[CaseId]]:
    """Return cases folded anew, and those that lack an entry: these are found one by one."""
    try:
        return list(parts.book.fold_many(tx, cases)), set()
    except StoreError as error:
        if error.code != ROW_MISSING:
            raise
    if len(cases) == 1:
        return [], set(cases)
    folded: list[Folded] = []
    lost: set[CaseId] = set()
    for case_id in cases:
        more, without = _folded(tx, parts, (case_id,))
        folded += more
        lost |= without
    return folded, lost


def _listed_otherwise(
    folded: Sequence[Folded], rows: Mapping[CaseId, Row | None], parts: Parts, *, lit: bool
) -> set[CaseId]:
    found: set[CaseId] = set()
    for one in folded:
        held = rows.get(one.state.case_id)
        made = case_row(one.state, one.rules, parts.knowledge.calendars)
        if held is None or _compared(held, lit=lit) != _compared(made, lit=lit):
            found.add(one.state.case_id)
    return found


def _compared(row: Row, *, lit: bool) -> Row:
    ((*_, open_, _, _, _, flags),) = case_cells([row])
    if lit and open_:
        return row
    # Calendars that came since an ended case was written have not touched its row.
    return (*row[: _LIGHTS.start], *(row[_LIGHTS] if lit else ()), flags & ~LATE)


def _searched_otherwise(tx: ReadTx, vault: Vault, folded: Sequence[Folded]) -> set[CaseId]:
    """Return the cases that are found by other names and numbers than the people in them have.

    One whose key is gone is told elsewhere; one whose key opens nothing cannot be found by anybody anew.
    """
    all_of_them = OneOf(tuple(one.state.case_id for one in folded))
    keyed = {row[0] for row in tx.select(schema.CASE_KEYS, {"case_id": all_of_them}, columns=("case_id",))}
    cases = [(one.state, one.acts) for one in folded if one.state.case_id in keyed]
    if not cases:
        return set()
    try:
        tokens, applicants = found_by(tx, vault, cases)
    except StoreError as error:
        if error.code != KEY_BROKEN:
            raise
        if len(folded) == 1:
            return {folded[0].state.case_id}
        return {case for one in folded for case in _searched_otherwise(tx, vault, (one,))}
    asked: Where = {"case_id": OneOf(tuple(state.case_id for state, _ in cases))}
    differ = set(tokens) ^ set(tx.select(TOKENS, asked)) | set(applicants) ^ set(tx.select(APPLICANTS, asked))
    return {CaseId(row[1]) for row in differ if isinstance(row[1], bytes)}


def _waiting_unknown(tx: ReadTx, folded: Sequence[Folded]) -> set[CaseId]:
    """Return the cases that a longer registry may change and that nobody would look at again then."""
    waiting = tuple(
        one.state.case_id for one in folded if any(step.reason in NOT_FINAL for step in one.state.steps)
    )
    if not waiting:
        return set()
    noted = {row[0] for row in tx.select(AWAITING, {"case_id": OneOf(waiting)})}
    return {case for case in waiting if case not in noted}


def _numbered_otherwise(tx: ReadTx, folded: Sequence[Folded]) -> set[CaseId]:
    """Return the cases whose numbers, that of a paper or an emergency pad among them, stand otherwise.

    An act may stand in several logs: its numbers are kept under the one at which the table of acts has it;
    a log goes on counting from those that are kept under its own name.
    """
    wanted = {
        (row[0], row[1]): row[2:]
        for one in folded
        for act in one.acts
        if act.act_id.startswith(one.state.case_id)
        for row in number_rows(one.state, act.place.log)
    }
    if not wanted:
        return set()
    numbers = tuple({number for number, _ in wanted})
    held = {(row[0], row[1]): row[2:] for row in tx.select(NUMBERS, {"number": OneOf(numbers)})}
    return {case for (number, case), rest in wanted.items() if held.get((number, case)) != rest}
