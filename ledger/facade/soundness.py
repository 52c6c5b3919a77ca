"""What a check-up asks of a ledger's own tables: keys of cases, views beside the acts, readable rules."""

from __future__ import annotations

from collections.abc import Sequence

from ledger.errors import StoreError
from ledger.facade.bodies import sealed_bodies
from ledger.facade.countyfold import COUNTY_KINDS
from ledger.facade.doubt import log_signer
from ledger.facade.parts import Parts
from ledger.facade.synctables import AWAITING
from ledger.facade.tables import CASES, NUMBERS
from ledger.facade.views import NO_CASE_ACTIONS, case_row
from ledger.genesis import LogGenesis
from ledger.store import schema
from ledger.store.contract import ReadTx
from ledger.store.tables import OneOf
from ledger.types import CaseId

OPAQUE = "opaque"
CASES_AT_ONCE = 500
_BY_ACTS = CASES.column_names.index("clock")
"""Columns before this one follow from the acts alone, those behind it from the calendars as well."""
_NUMBER = CASES.column_names.index("number")


def cases_without_key(tx: ReadTx) -> int:
    """Return of how many cases personal bodies lie here that nobody can open: erasing takes both away."""
    keys = {row[0] for row in tx.select(schema.CASE_KEYS, {}, columns=("case_id",))}
    cases = {row[0] for row in tx.select(schema.ACTS, {}, columns=("case_id",))}
    return sum(
        next(sealed_bodies(tx, CaseId(case)), None) is not None
        for case in cases - keys
        if isinstance(case, bytes)
    )


def rows_that_differ(tx: ReadTx, parts: Parts, *, thorough: bool) -> int:
    """Return how many cases have no row in the view of cases, or another than their acts give.

    Args:
        tx: the store.
        parts: the parts of the ledger.
        thorough: folds every case; else only those without a row, or whose number has none, are found.
    """
    held = {row[0]: row for row in tx.select(CASES, {})}
    numbers = {(row[0], row[1]) for row in tx.select(NUMBERS, {}, columns=("number", "case_id"))}
    waiting = {row[0] for row in tx.select(AWAITING, {})}
    opened = [
        CaseId(row[0])
        for row in tx.select(schema.ACTS, {}, columns=("case_id", "act_id", "action"))
        if isinstance(row[0], bytes) and isinstance(row[1], bytes) and row[1].startswith(row[0])
        if str(row[2]) not in NO_CASE_ACTIONS and row[2] != OPAQUE
    ]
    differ = {case for case in opened if case not in held and case not in waiting}
    differ |= {
        CaseId(case)
        for case, row in held.items()
        if isinstance(case, bytes) and row[_NUMBER] and (row[_NUMBER], case) not in numbers
    }
    return len(differ | _folded_otherwise(tx, parts, opened) if thorough else differ)


def _folded_otherwise(tx: ReadTx, parts: Parts, cases: Sequence[CaseId]) -> set[CaseId]:
    found: set[CaseId] = set()
    calendars = parts.knowledge.calendars
    for first in range(0, len(cases), CASES_AT_ONCE):
        asked = cases[first : first + CASES_AT_ONCE]
        rows = {row[0]: row for row in tx.select(CASES, {"case_id": OneOf(tuple(asked))})}
        for folded in parts.book.fold_many(tx, asked):
            row, case_id = case_row(folded.state, folded.rules, calendars), folded.state.case_id
            if case_id not in rows or rows[case_id][:_BY_ACTS] != row[:_BY_ACTS]:
                found.add(case_id)
    return found


def require_rules(parts: Parts) -> None:
    """Refuse where registry or catalogue were changed on this disk: nobody can say who may do what, and how.

    Raises:
        StoreError: ``ledger.registry_unfounded`` when the registry's first entry founds nothing;
            ``ledger.rules_changed`` when other entries of registry or catalogue lost what they said.
    """
    if is_unfounded(parts):
        raise StoreError("ledger.registry_unfounded")
    if parts.knowledge.changed:
        raise StoreError("ledger.rules_changed", count=parts.knowledge.changed)


def is_unfounded(parts: Parts) -> bool:
    """Tell whether the beginning of a registry lies here and founds nothing.

    A station that has just joined holds none yet; one that holds a later log waits for the one before it.
    """
    if parts.knowledge.registry.station_of_log:
        return False
    sizes = dict(zip(parts.county_logs, parts.mark[1:], strict=True))
    return any(
        sizes.get(log.name) and not log.genesis.parent_log for log in parts.holdings.of_kind("registry")
    )


def disowned_logs(parts: Parts) -> list[LogGenesis]:
    """Return the logs whose signing key lies here and that are said to be written elsewhere.

    One that another log goes on from is told of no more: it came back to a machine that had lost it.
    """
    found = []
    for path in sorted(parts.home.secrets_dir.glob("log-*.key")):
        log = parts.holdings.logs.get(path.stem.removeprefix("log-"))
        if log is None or log.own or log_signer(log.genesis, parts.home) is None:
            continue
        if not parts.succession.is_continued(log.genesis.log_id()):
            found.append(log.genesis)
    return found


def rules_without_facts(tx: ReadTx, parts: Parts) -> int:
    """Return how many entries of registry and catalogue lie here without their facts: they say nothing."""
    lost = 0
    for log in parts.holdings.logs.values():
        if log.genesis.kind in COUNTY_KINDS:
            bodies = tx.select(schema.BODIES, {"log": log.name}, columns=("seq", "facts"))
            told = {row[0] for row in bodies if isinstance(row[1], bytes)}
            lost += sum(seq not in told for seq in range(1, tx.size(log.name) + 1))
    return lost
