"""Erasures that are held here, and what they take out of the lists beside the ledger.

Nothing is looked at twice: the ledger is asked when something was written into it, and a list is decrypted
when it is another, or other erasures are held.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from ledger.cases.judge import ERASE
from ledger.cases.number import searched
from ledger.facade import Ledger
from ledger.facade.base.tables import CASES, EXTERNALS, NUMBERS
from ledger.facade.cases.erased import erased_among
from ledger.facade.cases.numbers import PAPER
from ledger.store import schema
from ledger.store.contract import ReadTx
from ledger.store.tables import OneOf, Row
from ledger.types import CaseId
from stations.kept.sealed import SealedFolder

ASKED_MAX: Final = 500
"""Cases of which the ledger is asked at a time."""
_Numbered = Mapping[str, Collection[CaseId]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasures:
    """Cases in which an act of erasing is held, whether it counts or not.

    Attributes:
        cases: their ids.
        external: those cases by their numbers in other systems, as they are looked for.
        numbers: by their numbers, and those of the papers they were entered from, as they are looked for.
    """

    cases: Collection[CaseId] = frozenset()
    external: _Numbered = field(default_factory=dict)
    numbers: _Numbered = field(default_factory=dict)

    def meant(self, *, cases: Iterable[str] = (), external: str = "", number: str = "") -> set[CaseId]:
        """Return those that are meant by an id in hexadecimal digits or by a number; "" for none."""
        found = {CaseId(bytes.fromhex(case)) for case in cases if case} & set(self.cases)
        found.update(self.external.get(searched(external), ()) if external else ())
        found.update(self.numbers.get(searched(number), ()) if number else ())
        return found


class ErasureLook:
    """Remembers from one look to the next what is held; for one reader at a time."""

    def __init__(self) -> None:
        self._written: object = None
        self._found = Erasures()

    def look(self, ledger: Ledger, written: object = None) -> Erasures:
        """Return the erasures that are held by now.

        Args:
            ledger: open for reading.
            written: what differs after every write; the ledger is not asked while it is the same.
        """
        if written is None or written != self._written:
            with ledger.reading() as (tx, _):
                self._found = _held(tx)
            self._written = written
        return self._found


def _held(tx: ReadTx) -> Erasures:
    cases = frozenset(_cases(tx.select(schema.ACTS, {"action": ERASE}, columns=("case_id",))))
    external: dict[str, set[CaseId]] = {}
    numbers: dict[str, set[CaseId]] = {}
    for some in _parts_of(cases):
        _add(external, tx.select(EXTERNALS, {"case_id": OneOf(some)}))
        _add(numbers, tx.select(CASES, {"case_id": OneOf(some)}, columns=("number", "case_id")))
    if cases:
        papers = tx.select(NUMBERS, {"day": PAPER}, columns=("number", "case_id"))
        _add(numbers, (row for row in papers if row[1] in cases))
    return Erasures(cases=cases, external=external, numbers=numbers)


def _add(known: dict[str, set[CaseId]], rows: Iterable[Row]) -> None:
    """Add the cases of rows that begin with a number and a case."""
    for number, case, *_ in rows:
        if number and isinstance(case, bytes):
            known.setdefault(str(number), set()).add(CaseId(case))


class _Looked(NamedTuple):
    mark: bytes
    erasures: Erasures
    doubtful: Collection[CaseId]


class ListWatch:
    """Looks at the lists of a folder, at each only when something is new.

    Args:
        folder: the lists, a file each.
    """

    def __init__(self, folder: SealedFolder) -> None:
        self._folder = folder
        self._looked: dict[str, _Looked] = {}

    def look(
        self, ledger: Ledger, erasures: Erasures, blank: Callable[[str], Collection[CaseId] | None]
    ) -> None:
        """Look at every list that is another by now, or for other erasures.

        Args:
            ledger: open for reading.
            erasures: what is held by now.
            blank: takes out of the list of a name what was erased; returns the cases in it of which an
                erasure is held that does not count yet, or None where it could not be read: that list is
                looked at again the next time.

        Raises:
            StoreError: of ``blank``: that list is looked at again the next time.
        """
        before, self._looked = self._looked, {}
        for name in self._folder.names():
            known, mark = before.pop(name, None), self._folder.mark(name)
            if known is None or known[:2] != (mark, erasures) or counting(ledger, known.doubtful):
                doubtful = blank(name)
                if doubtful is None:
                    continue
                known = _Looked(mark, erasures, doubtful)
            self._looked[name] = known


def counting(ledger: Ledger, cases: Collection[CaseId]) -> frozenset[CaseId]:
    """Return those of some cases whose erasure counts."""
    if not cases:
        return frozenset()
    with ledger.reading() as (tx, parts):
        return frozenset().union(*(erased_among(tx, parts.book, some) for some in _parts_of(cases)))


def _cases(rows: Iterable[Row]) -> Iterator[CaseId]:
    return (CaseId(row[0]) for row in rows if isinstance(row[0], bytes))


def _parts_of(cases: Iterable[CaseId]) -> Iterator[tuple[CaseId, ...]]:
    found = sorted(set(cases))
    return (tuple(found[at : at + ASKED_MAX]) for at in range(0, len(found), ASKED_MAX))
