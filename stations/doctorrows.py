"""What ``banjian doctor`` finds in the tables of a ledger that somebody changed from outside."""

from __future__ import annotations

import os
from collections.abc import Iterator

from ledger.errors import StoreError
from ledger.facade import Home, Ledger
from ledger.facade.listcheck import cases_without_key, rows_that_differ
from ledger.facade.looked import is_changed_outside
from ledger.facade.soundness import disowned_logs, is_unfounded, rules_without_facts
from ledger.facade.stretch import STRETCH_LIMIT
from ledger.facade.synctables import CHANGED_OUTSIDE, SYNC_FINDINGS
from stations.checks import Check, found
from stations.pads import PadBook


def row_checks(home: Home, ledger: Ledger, *, thorough: bool) -> Iterator[Check]:
    """Yield what was found of the keys of cases, of registry and catalogue, of logs and lists.

    Args:
        home: the installation.
        ledger: its ledger, open for reading.
        thorough: folds every case, to compare each line of the lists with its acts.
    """
    with ledger.reading() as (tx, parts):
        # The keys of a backup lie beside it, and come in with the first command that writes.
        waits = home.restored or home.case_keys() is not None
        unkeyed = 0 if waits else cases_without_key(tx)
        lost = max(rules_without_facts(tx, parts), parts.knowledge.changed, is_unfounded(parts))
        skipped = [
            (str(row[1]), row[2] if isinstance(row[2], int) else 0, parts.holdings.stations.get(str(row[1])))
            for row in tx.select(SYNC_FINDINGS, {"code": STRETCH_LIMIT, "settled": 0})
        ]
        disowned, outside = disowned_logs(parts), is_changed_outside(tx)
        differ = 0 if lost else rows_that_differ(tx, parts, thorough=thorough)
    for log in disowned:
        yield found("head", "error", "log.disowned", log=f"{log.kind} {log.station}", station=log.station)
    for name, seq, station in skipped:
        yield found("head", "warning", STRETCH_LIMIT, log=name[:8], seq=seq, station=station)
    if unkeyed:
        yield found("case_keys", "error", "doctor.case_keys_missing", count=unkeyed)
    else:
        yield found("case_keys", "ok", "doctor.case_keys")
    if outside:
        yield found("rules", "warning", CHANGED_OUTSIDE)
    if lost:
        yield found("rules", "error", "doctor.rules_without_facts", count=lost)
    else:
        yield found("rules", "ok", "doctor.rules")
        code = "doctor.lists_differ" if differ else "doctor.lists"
        yield found("lists", "error" if differ else "ok", code, count=differ)


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
