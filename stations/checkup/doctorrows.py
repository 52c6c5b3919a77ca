"""What ``banjian doctor`` finds in the tables of a ledger that somebody changed from outside."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence

from ledger.errors import StoreError
from ledger.facade import Home, Ledger
from ledger.facade.base.synctables import CHANGED_OUTSIDE, SYNC_FINDINGS
from ledger.facade.base.tables import CASES
from ledger.facade.logs.stretch import STRETCH_LIMIT
from ledger.facade.logs.treerows import lacking_nodes
from ledger.facade.opened.listcheck import Compared, cases_not_opened, cases_without_key, compare_lists
from ledger.facade.opened.looked import is_changed_outside
from ledger.facade.opened.soundness import disowned_logs, is_unfounded, rules_without_facts, stateless_logs
from ledger.facade.transfer.mergedrows import merged_differ
from ledger.intact import NAMED_MAX
from ledger.store.contract import ReadTx
from ledger.store.tables import OneOf
from ledger.types import CaseId
from stations.checkup.checks import Check, found
from stations.kept.pads import PadBook

ID_DIGITS = 12
"""How much of a case's id is shown: enough to find it by."""


def row_checks(
    home: Home,
    ledger: Ledger,
    *,
    thorough: bool,
    key_fits: bool,
    look: Callable[[], None] | None = None,
) -> Iterator[Check]:
    """Yield what was found of the keys of cases, of registry and catalogue, of logs and lists.

    Args:
        home: the installation.
        ledger: its ledger, open for reading.
        thorough: folds every case, to compare each line of the lists with its acts.
        key_fits: whether the storage key is there and opens personal data.
        look: called now and then; raises where it shall stop.
    """
    vault = ledger.vault if key_fits else None
    with ledger.reading() as (tx, parts):
        # The keys of a backup lie beside it, and come in with the first command that writes.
        waits = home.restored or home.case_keys() is not None
        unkeyed = [] if waits else cases_without_key(tx)
        named = _named(tx, unkeyed[:NAMED_MAX])
        closed = [] if vault is None or not thorough else cases_not_opened(tx, vault, look)
        closed_named = _named(tx, closed[:NAMED_MAX])
        lost = max(rules_without_facts(tx, parts), parts.knowledge.changed, is_unfounded(parts))
        skipped = [
            (str(row[1]), row[2] if isinstance(row[2], int) else 0, parts.holdings.stations.get(str(row[1])))
            for row in tx.select(SYNC_FINDINGS, {"code": STRETCH_LIMIT, "settled": 0})
        ]
        disowned, outside = disowned_logs(parts), is_changed_outside(tx)
        stateless, lacking = stateless_logs(tx, parts), lacking_nodes(tx, parts.holdings.logs.values())
        compared = None if lost else compare_lists(tx, parts, thorough=thorough, vault=vault, look=look)
        unmerged = merged_differ(tx, parts.holdings.of_kind("merge")) if thorough else 0
    for log in disowned:
        yield found("head", "error", "log.disowned", log=f"{log.kind} {log.station}", station=log.station)
    for tree in lacking:
        yield found("head", "error", "doctor.tree_lacks", log=f"{tree.kind} {tree.station}", count=tree.rows)
    for log in stateless:
        yield found("head", "error", "doctor.log_stateless", log=f"{log.kind} {log.station}")
    for name, seq, station in skipped:
        yield found("head", "warning", STRETCH_LIMIT, log=name[:8], seq=seq, station=station)
    if unkeyed:
        yield found("case_keys", "error", "doctor.case_keys_missing", count=len(unkeyed), numbers=named)
    if closed:
        yield found("case_keys", "error", "doctor.personal_changed", count=len(closed), numbers=closed_named)
    if not unkeyed and not closed:
        yield found("case_keys", "ok", "doctor.case_keys")
    if outside:
        yield found("rules", "warning", CHANGED_OUTSIDE)
    if compared is None:
        yield found("rules", "error", "doctor.rules_without_facts", count=lost)
    else:
        yield found("rules", "ok", "doctor.rules")
        yield from _list_checks(compared, unmerged, thorough=thorough)


def _list_checks(compared: Compared, unmerged: int, *, thorough: bool) -> Iterator[Check]:
    if compared.astray:
        yield found("lists", "error", "doctor.acts_astray", count=compared.astray)
    if compared.differ:
        yield found("lists", "error", "doctor.lists_differ", count=compared.differ)
    if compared.ungiven:
        yield found("lists", "error", "doctor.feeds_lack", count=compared.ungiven)
    if unmerged:
        yield found("lists", "error", "doctor.merged_differ", count=unmerged)
    if compared.older:
        yield found("lists", "warning", "doctor.lists_older")
    if not any((*compared, unmerged)):
        yield found("lists", "ok", "doctor.lists" if thorough else "doctor.lists_listed")


def _named(tx: ReadTx, cases: Sequence[CaseId]) -> str:
    """Return the numbers of cases, joined; the beginning of its id for one that has none here."""
    rows = tx.select(CASES, {"case_id": OneOf(tuple(cases))}, columns=("case_id", "number"))
    numbers = {row[0]: str(row[1]) for row in rows if row[1]} if cases else {}
    return "、".join(numbers.get(case) or case.hex()[:ID_DIGITS] for case in cases)


def pad_checks(home: Home, ledger: Ledger) -> Iterator[Check]:
    """Yield what was found of the lists of printed emergency numbers, for each log that has any.

    Args:
        home: the installation; the key of its lists fits.
        ledger: its ledger, open for reading.
    """
    for log in ledger.logs():
        if not log.own or log.doubt or log.kind != "station":
            continue
        book = PadBook(home, log.log_id, os.urandom)
        try:
            missing = book.missing(ledger)
        except StoreError:
            yield found("pads", "error", "doctor.pads_unreadable", station=log.station)
            continue
        if missing:
            yield found("pads", "warning", "doctor.pads_lost", station=log.station, count=missing)
        elif book.known(ledger) > 1:
            yield found("pads", "ok", "doctor.pads", station=log.station)
