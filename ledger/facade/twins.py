"""Twins: one applicant whose same matter was received twice, at two places that did not know of each other.

They are linked and shown, never merged. Applicants are compared by keyed tokens of their numbers, so that no
number stands anywhere in clear; who has no number, or whose case was erased, has no twins.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from ledger.facade.tables import APPLICANTS, CASES, case_cells
from ledger.facade.vault import Vault
from ledger.identity import plain_number
from ledger.store.contract import ReadTx
from ledger.store.tables import OneOf, Row
from ledger.types import CaseId, Facts

APART_MS_MAX = 90 * 24 * 3_600_000
"""How far apart two receipts may lie to be taken for one matter."""
_ASKED_MAX = 1_024


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


def find_twins(tx: ReadTx, *, only: CaseId | None = None) -> list[Twin]:
    """Return all twins, or those of one case.

    Args:
        tx: a consistent view.
        only: a case whose twins are asked for; None for all.
    """
    groups = _groups(tx) if only is None else _group_of(tx, only)
    found: list[Twin] = []
    for cases in groups:
        found += _near(tx, cases)
    return sorted(found, key=lambda twin: twin.case_ids)


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


def _near(tx: ReadTx, cases: Iterable[CaseId]) -> Iterator[Twin]:
    wanted = tuple(cases)
    rows: list[Row] = []
    for first in range(0, len(wanted), _ASKED_MAX):
        rows += tx.select(CASES, {"case_id": OneOf(wanted[first : first + _ASKED_MAX])})
    by_item: dict[str, list[tuple[int, CaseId]]] = {}
    for cells in case_cells(rows):
        by_item.setdefault(cells[2], []).append((cells[8], cells[0]))
    for item, opened in sorted(by_item.items()):
        run: list[tuple[int, CaseId]] = []
        for one in sorted(opened):
            if run and one[0] - run[-1][0] > APART_MS_MAX:
                if len(run) > 1:
                    yield Twin(item, tuple(case_id for _, case_id in run))
                run = []
            run.append(one)
        if len(run) > 1:
            yield Twin(item, tuple(case_id for _, case_id in run))
