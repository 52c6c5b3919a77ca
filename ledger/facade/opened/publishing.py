"""The list of grants to be made public (双公示), folded from the cases of a period."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import date, timedelta
from typing import NamedTuple, Protocol

from ledger.cases.guards import PERMIT
from ledger.cases.shape import CaseState
from ledger.clocks.publication import DECIDING, Publication, publication_of
from ledger.days.calendar import day_start_ms, local_date
from ledger.facade.base.tables import CASES
from ledger.facade.base.types import CaseRow
from ledger.facade.cases.casebook import Folded
from ledger.facade.cases.people import people_now
from ledger.facade.opened.parts import Parts
from ledger.store import schema
from ledger.store.contract import ReadTx
from ledger.store.tables import OneOf, Range, Where
from ledger.types import CaseId, StationId

_ASKED_MAX = 512
"""Cases folded at a time."""
_SECOND_PERSON = timedelta(days=60)
_BODIES = frozenset(("firm", "organ", "group"))


class Grant(NamedTuple):
    """One line of the list: the case, what is to be made public, and the holder's number if it is a firm."""

    row: CaseRow
    publication: Publication
    firm: bool
    firm_no: str


class Readable(Protocol):
    """An open ledger, as far as the list needs it."""

    def reading(self) -> AbstractContextManager[tuple[ReadTx, Parts]]:
        """Open a consistent view."""


def list_grants(
    ledger: Readable, *, first: date, last: date, station: StationId | None, now_ms: int
) -> list[Grant]:
    """Return the grants decided from one day to another, both included, the first due first.

    Args:
        ledger: the open ledger.
        first: first day of decisions.
        last: last day of decisions.
        station: the station that decided; None for all.
        now_ms: the moment for lights.
    """
    with ledger.reading() as (tx, parts):
        found = list(_Grants(parts).read(tx, first=first, last=last, station=station, now_ms=now_ms))
    return sorted(found, key=lambda grant: (grant.publication.due_on, grant.row.number))


class _Grants:
    """Finds the grants of a period."""

    def __init__(self, parts: Parts) -> None:
        self._knowledge = parts.knowledge
        self._book = parts.book
        self._reader = parts.reader

    def read(
        self, tx: ReadTx, *, first: date, last: date, station: StationId | None, now_ms: int
    ) -> Iterator[Grant]:
        today = local_date(now_ms)
        for state, rules, _ in self._folded(tx, self._decided(tx, first, last)):
            known = publication_of(state, rules, self._knowledge.calendars, today)
            if known is None or not first <= known.decided_on <= last:
                continue
            if station is not None and known.decided_at != station:
                continue
            firm, firm_no = self._holder(tx, state)
            row = self._reader.row(tx, state.case_id, now_ms)
            yield Grant(row=row, publication=known, firm=firm, firm_no=firm_no)

    def _folded(self, tx: ReadTx, cases: Sequence[CaseId]) -> Iterator[Folded]:
        for start in range(0, len(cases), _ASKED_MAX):
            yield from self._book.fold_many(tx, cases[start : start + _ASKED_MAX])

    def _decided(self, tx: ReadTx, first: date, last: date) -> list[CaseId]:
        """Return the permits decided in the period, or shortly before: a second person may have followed."""
        codes = tuple(sorted(self._knowledge.catalogue.codes_with(PERMIT)))
        earliest = max(0, day_start_ms(first - _SECOND_PERSON))
        opened = Range(below=day_start_ms(last + timedelta(days=1)))
        # A case whose last act is older than the period was not decided in it.
        where: Where = {"item": OneOf(codes), "opened_at_ms": opened, "last_at_ms": Range(at_least=earliest)}
        cases = [row[0] for row in tx.select(CASES, where)]
        found: set[CaseId] = set()
        for start in range(0, len(cases), _ASKED_MAX):
            asked = OneOf(tuple(cases[start : start + _ASKED_MAX]))
            rows = tx.select(schema.ACTS, {"case_id": asked, "action": DECIDING})
            found |= {CaseId(row[0]) for row in rows if isinstance(row[0], bytes)}
        return sorted(found)

    def _holder(self, tx: ReadTx, state: CaseState) -> tuple[bool, str]:
        """Return whether the grant went to a firm or body, and the number under which firms are public.

        What nobody said to be a firm counts as a person: a name shown by mistake cannot be taken back.
        """
        opening = state.steps[0].act
        people = people_now(state.steps, lambda act_id: self._reader.personal(tx, state.case_id, act_id))
        said = people.get("applicant", {})
        kind = opening.facts.get("applicant_kind")
        firm = kind in _BODIES if isinstance(kind, str) else said.get("id_kind") == "firm"
        number = said.get("id_no")
        shown = firm and said.get("id_kind") == "firm" and number is not None
        return firm, str(number) if shown else ""
