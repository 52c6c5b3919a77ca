"""Closing a station: whose cases would be left without anybody to act on them."""

from __future__ import annotations

from ledger.errors import RuleError
from ledger.facade import CaseRow, Ledger
from ledger.types import StationId

NAMED_MAX = 10
"""Case numbers in one message; the list of cases of the station has them all."""


def open_cases_of(ledger: Ledger, station: StationId) -> list[CaseRow]:
    """Return the open cases whose papers lie at a station, as far as is known here."""
    return [row for row in ledger.worklist(station=station, names=False) if row.custodian == station]


def require_empty(ledger: Ledger, station: StationId) -> None:
    """Refuse to close a station that holds open cases: nobody could go on with them there.

    Raises:
        RuleError: ``station.holds_cases`` with how many there are and the most urgent numbers.
    """
    held = open_cases_of(ledger, station)
    if held:
        numbers = tuple(row.number for row in held[:NAMED_MAX])
        raise RuleError("station.holds_cases", station=station, count=len(held), cases=numbers)
