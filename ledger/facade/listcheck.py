"""What a check-up asks of the rows of cases: keys of bodies, lists and numbers beside the acts.

Tables are read a page at a time, in the order of their keys, and the two that belong together side by side:
a ledger of any length is looked through in the same memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from ledger.facade.bodies import sealed_bodies
from ledger.facade.casebook import Folded
from ledger.facade.numbers import number_rows
from ledger.facade.parts import Parts
from ledger.facade.synctables import AWAITING
from ledger.facade.tables import CASES, NUMBERS
from ledger.facade.views import NO_CASE_ACTIONS, case_row
from ledger.store import schema
from ledger.store.contract import ReadTx
from ledger.store.tables import OneOf, Row, Table
from ledger.types import CaseId

OPAQUE = "opaque"
CASES_AT_ONCE = 500
ROWS_AT_ONCE = 2_000
_BY_ACTS = CASES.column_names.index("clock")
"""Columns before this one follow from the acts alone, those behind it from the calendars as well."""
_NUMBER = CASES.column_names.index("number")
_ACT_COLUMNS = ("case_id", "act_id", "action")


class _Beside(NamedTuple):
    """A case as two tables have it: whether an act opens it, and its row in the lists."""

    case_id: CaseId
    opened: bool
    row: Row | None


def cases_without_key(tx: ReadTx) -> int:
    """Return of how many cases personal bodies lie here that nobody can open: erasing takes both away."""
    count = 0
    cases = _cases_with_acts(tx)
    while asked := list(islice(cases, CASES_AT_ONCE)):
        rows = tx.select(schema.CASE_KEYS, {"case_id": OneOf(tuple(asked))}, columns=("case_id",))
        keys = {row[0] for row in rows}
        count += sum(next(sealed_bodies(tx, case), None) is not None for case in asked if case not in keys)
    return count


def rows_that_differ(tx: ReadTx, parts: Parts, *, thorough: bool) -> int:
    """Return how many cases have no row in the view of cases, or other rows than their acts give.

    Args:
        tx: the store.
        parts: the parts of the ledger.
        thorough: folds every case; else only those without a row or without acts, or whose number has no row,
            are found.
    """
    count = 0
    cases = _side_by_side(tx)
    while asked := list(islice(cases, CASES_AT_ONCE)):
        differ = _unlisted(tx, asked) | _unnumbered(tx, asked)
        if thorough:
            differ |= _folded_otherwise(tx, parts, asked)
        count += len(differ)
    return count


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


def _folded_otherwise(tx: ReadTx, parts: Parts, asked: Sequence[_Beside]) -> set[CaseId]:
    found: set[CaseId] = set()
    rows = {one.case_id: one.row for one in asked}
    folded = list(parts.book.fold_many(tx, [one.case_id for one in asked if one.opened]))
    for one in folded:
        row = rows.get(one.state.case_id)
        if row is None or row[:_BY_ACTS] != _row(one, parts)[:_BY_ACTS]:
            found.add(one.state.case_id)
    return found | _numbered_otherwise(tx, folded)


def _row(folded: Folded, parts: Parts) -> Row:
    return case_row(folded.state, folded.rules, parts.knowledge.calendars)


def _numbered_otherwise(tx: ReadTx, folded: Sequence[Folded]) -> set[CaseId]:
    """Return the cases whose numbers, that of a paper or an emergency pad among them, stand otherwise.

    In which log a number was given is not asked: an act may stand in several.
    """
    wanted = {
        (row[0], row[1]): row[3:]
        for one in folded
        for act in one.acts
        if act.act_id.startswith(one.state.case_id)
        for row in number_rows(one.state, act.place.log)
    }
    if not wanted:
        return set()
    numbers = tuple({number for number, _ in wanted})
    held = {(row[0], row[1]): row[3:] for row in tx.select(NUMBERS, {"number": OneOf(numbers)})}
    return {case for (number, case), rest in wanted.items() if held.get((number, case)) != rest}
