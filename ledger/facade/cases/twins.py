"""Twins: one applicant whose same matter was received twice, at two places that did not know of each other.

They are linked and shown, never merged. Applicants are compared by keyed tokens of their numbers, so that no
number stands anywhere in clear. Where one of two applicants has no number, or the case was erased, two cases
of one item and day are twins that were entered from a paper of the same number: one paper, typed in twice.
What was voided is no twin, nor are papers that were given back on the spot: nothing was received.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from ledger.facade.base.tables import APPLICANTS, CASES, NUMBERS, RETURNED, STATUS, case_cells
from ledger.facade.base.vault import Vault
from ledger.facade.cases.numbers import PAPER, VOIDED
from ledger.facade.logs.bodies import ASKED_MAX
from ledger.identity import plain_number
from ledger.lawtime import DAY_MS
from ledger.store.contract import ReadTx
from ledger.store.tables import OneOf, Row
from ledger.types import CaseId, Facts

APART_MS_MAX = 90 * DAY_MS
"""How far apart two receipts may lie to be taken for one matter."""
PAPER_APART_MS_MAX = DAY_MS
"""The same for two entries of one paper: the day stands on it."""


class Twin(NamedTuple):
    """Cases of one applicant and item, received within the time; the earliest first."""

    item: str
    case_ids: tuple[CaseId, ...]


def applicant_rows(vault: Vault, case_id: CaseId, personal: Facts | None) -> list[Row]:
    """Return the row that links a case with its applicant; none where no number is known."""
    person = None if personal is None else personal.get("applicant")
    number = person.get("id_no") if isinstance(person, dict) else None
    if not isinstance(person, dict) or not isinstance(number, str) or not plain_number(number):
        return []
    kind = person.get("id_kind")
    token = vault.token(f"applicant:{kind if isinstance(kind, str) else ''}:{plain_number(number)}")
    return [(token, case_id)]


def find_twins(tx: ReadTx, *, only: CaseId | None = None, paper: str = "") -> list[Twin]:
    """Return all twins, or those of one case.

    Args:
        tx: a consistent view.
        only: a case whose twins are asked for; None for all.
        paper: number of the paper that this case was entered from, as ``ledger.cases.number.searched`` has
            it.
    """
    groups = _groups(tx) if only is None else _group_of(tx, only)
    found: set[Twin] = set()
    for cases in groups:
        found.update(_near(tx, cases, APART_MS_MAX))
    for cases in _papers(tx, None if only is None else paper):
        found.update(twin for twin in _near(tx, cases, PAPER_APART_MS_MAX) if _unnumbered(tx, twin))
    return sorted(found, key=lambda twin: twin.case_ids)


def _papers(tx: ReadTx, paper: str | None) -> Iterator[list[CaseId]]:
    """Yield the cases of each number of a paper, no number of a case, that several were entered from."""
    where = {"day": PAPER} if paper is None else {"number": paper, "day": PAPER}
    written: dict[str, list[CaseId]] = {}
    for row in tx.select(NUMBERS, where) if paper != "" else ():
        if isinstance(row[0], str) and isinstance(row[1], bytes):
            written.setdefault(row[0], []).append(CaseId(row[1]))
    yield from (cases for cases in written.values() if len(cases) > 1)


def _unnumbered(tx: ReadTx, twin: Twin) -> bool:
    """Tell whether numbers say nothing of these applicants: known ones are compared by them alone."""
    return any(next(tx.select(APPLICANTS, {"case_id": one}), None) is None for one in twin.case_ids)


def _groups(tx: ReadTx) -> Iterator[list[CaseId]]:
    """Yield the cases of each applicant who has several."""
    token: object = None
    cases: list[CaseId] = []
    for row in tx.select(APPLICANTS, {}):
        if row[0] != token:
            if len(cases) > 1:
                yield cases
            token, cases = row[0], []
        if isinstance(row[1], bytes):
            cases.append(CaseId(row[1]))
    if len(cases) > 1:
        yield cases


def _group_of(tx: ReadTx, case_id: CaseId) -> Iterator[list[CaseId]]:
    for row in tx.select(APPLICANTS, {"case_id": case_id}):
        rows = tx.select(APPLICANTS, {"token": row[0]})
        yield [CaseId(one[1]) for one in rows if isinstance(one[1], bytes)]


def _near(tx: ReadTx, cases: Iterable[CaseId], apart_ms_max: int) -> Iterator[Twin]:
    wanted = tuple(cases)
    rows: list[Row] = []
    for first in range(0, len(wanted), ASKED_MAX):
        rows += tx.select(CASES, {"case_id": OneOf(wanted[first : first + ASKED_MAX])})
    by_item: dict[str, list[tuple[int, CaseId]]] = {}
    for cells in case_cells([row for row in rows if row[STATUS] != VOIDED]):
        item, opened_at_ms = cells[2], cells[8]
        if cells[14] & RETURNED:
            continue
        if isinstance(item, str) and isinstance(opened_at_ms, int):
            # Rows that somebody emptied are told by the check-up.
            by_item.setdefault(item, []).append((opened_at_ms, cells[0]))
    for item, opened in sorted(by_item.items()):
        run: list[tuple[int, CaseId]] = []
        for one in sorted(opened):
            if run and one[0] - run[-1][0] > apart_ms_max:
                if len(run) > 1:
                    yield Twin(item, tuple(case_id for _, case_id in run))
                run = []
            run.append(one)
        if len(run) > 1:
            yield Twin(item, tuple(case_id for _, case_id in run))
