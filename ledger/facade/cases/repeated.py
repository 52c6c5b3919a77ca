"""Printed numbers that several cases bear: which, and by which cases.

Two cases under one number are no error of the store: a machine was copied, or somebody signs what is not so.
Both stay, and whoever looks after them is told.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from ledger.facade.base.synctables import SYNC_FINDINGS
from ledger.facade.base.tables import CASES, NUMBERS, STATUS
from ledger.facade.cases.numbers import PAPER, VOIDED
from ledger.facade.logs.bodies import ASKED_MAX
from ledger.store.contract import ReadTx
from ledger.store.tables import OneOf, Range, Row, Where, cursor
from ledger.types import CaseId

NUMBER_REPEATED: Final = "audit.number_repeated"
"""Code under which an opening is noted whose printed number another case bears."""
ENOUGH: Final = 2
"""Cases of a number by which it is known to be repeated."""
ROWS_AT_ONCE: Final = 4 * ASKED_MAX
"""Rows of numbers that are read at once; mostly a number has one."""


SHOWN_MAX: Final = 8
"""Cases of a number that are shown one by one; of the others their number."""


class Repeated(NamedTuple):
    """A printed number that several cases bear.

    Attributes:
        number: as it is printed.
        case_ids: the first of its cases, in the order of their ids; ``SHOWN_MAX`` at most.
        more: how many more there are, counted by the database; such as were voided are among them.
    """

    number: str
    case_ids: tuple[CaseId, ...]
    more: int = 0


def repeated_numbers(tx: ReadTx) -> list[Repeated]:
    """Return the printed numbers that were found to be borne by several cases, until somebody has seen it.

    One bad station can let very many cases bear a number: of each only the first ones are read.
    """
    noted = tx.select(SYNC_FINDINGS, {"code": NUMBER_REPEATED, "settled": 0}, order_by=("found_at_ms",))
    bearing = bearers(tx, list(dict.fromkeys(str(row[4]) for row in noted)), enough=SHOWN_MAX)
    return [
        Repeated(number, tuple(sorted(cases)), _more(tx, number, cases))
        for number, cases in bearing.items()
        if len(cases) > 1
    ]


def _more(tx: ReadTx, number: str, shown: set[CaseId]) -> int:
    """Return how many cases beside some bear a number, or bore it until they were voided."""
    if len(shown) < SHOWN_MAX:
        return 0
    behind: Where = {"number": number, "case_id": Range(above=max(shown))}
    return tx.count(NUMBERS, behind) - tx.count(NUMBERS, {**behind, "day": PAPER})


def bearers(tx: ReadTx, numbers: Sequence[str], *, enough: int = ENOUGH) -> dict[str, set[CaseId]]:
    """Return the cases that bear each number as their own; one that was voided gives its number free.

    Args:
        tx: the lists.
        numbers: the numbers that are asked for, each once.
        enough: with how many cases of a number to stop.
    """
    found: dict[str, set[CaseId]] = {}
    for first in range(0, len(numbers), ASKED_MAX):
        asked = numbers[first : first + ASKED_MAX]
        rows = list(tx.select(NUMBERS, {"number": OneOf(tuple(asked))}, limit=ROWS_AT_ONCE))
        if len(rows) < ROWS_AT_ONCE:
            _collect(tx, rows, found, enough=enough)
            continue
        # Some number stands in very many rows: of each only as many are read as are needed.
        for number in asked:
            for page in _pages_of(tx, number):
                _collect(tx, page, found, enough=enough)
                if len(found[number]) >= enough:
                    break
    return found


def _collect(tx: ReadTx, rows: Iterable[Row], found: dict[str, set[CaseId]], *, enough: int) -> None:
    """Add the cases of some rows, of each number as few as are enough."""
    for number, case_id, _, day, _ in rows:
        cases = found.setdefault(str(number), set())
        if len(cases) >= enough or day == PAPER or not isinstance(case_id, bytes):
            continue
        if not _is_voided(tx, CaseId(case_id)):
            cases.add(CaseId(case_id))


def _pages_of(tx: ReadTx, number: str) -> Iterator[list[Row]]:
    """Yield the rows of a number, page by page; none is empty."""
    after: Row | None = None
    while rows := list(tx.select(NUMBERS, {"number": number}, limit=ASKED_MAX, after=after)):
        yield rows
        after = cursor(NUMBERS, rows[-1])


def _is_voided(tx: ReadTx, case_id: CaseId) -> bool:
    row = tx.get(CASES, (case_id,))
    return row is not None and row[STATUS] == VOIDED
