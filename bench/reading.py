"""Measurements of everything that reads: verification, rebuild, pages, lists."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median
from time import perf_counter

from audit.checking.verify import verify_ledger
from bench.figures import Figures, tell
from bench.office import STATION, WalkingClock, found_office
from bench.workload import ACTIONS, Task, Workload
from bench.writing import perform_all
from bench.yard import VerifyYard
from ledger.facade import Ledger
from ledger.formats.keys import Signer
from ledger.store import schema
from ledger.types import CaseId

ROUNDS = 3
YARD_VERIFICATIONS = 16_384
YARD_MESSAGE_BYTES = 300
"""Size of the header of an act, which is what gets signed."""
PAGES = 200
LISTS = 9
PAGE_LINES = 50


def measure_verify(home: Path) -> Figures:
    """Return rates of the audit of a ledger file and of raw verifications, taken in turns.

    ``verify_*`` is everything that ``banjian-audit verify`` does: every byte, link, tree, signature,
    authority and body, and every case folded again. ``verify_records_*`` leaves the folding out.
    """
    yard = VerifyYard(YARD_VERIFICATIONS, YARD_MESSAGE_BYTES)
    found: dict[str, list[float]] = {"per_s": [], "raw": [], "whole": [], "records": []}
    for number in range(ROUNDS):
        before = yard.rate()
        whole = _verify_rate(home, cases=True)
        between = yard.rate()
        records = _verify_rate(home, cases=False)
        found["per_s"].append(whole)
        found["raw"].append((before + between) / 2)
        found["whole"].append(whole / found["raw"][-1])
        found["records"].append(records / ((between + yard.rate()) / 2))
        tell(
            f"verify {number + 1}/{ROUNDS}: {whole:.0f}/s, without folding {records:.0f}/s; "
            f"raw verifications {found['raw'][-1]:.0f}/s"
        )
    return {
        "verify_per_s": round(median(found["per_s"])),
        "yard_verify_per_s": round(median(found["raw"])),
        "verify_ratio": round(median(found["whole"]), 3),
        "verify_records_ratio": round(median(found["records"]), 3),
    }


def _verify_rate(home: Path, *, cases: bool) -> float:
    started = perf_counter()
    report = verify_ledger(home, cases=cases)
    spent_s = perf_counter() - started
    if not report.ok:
        raise RuntimeError(f"the audit found errors in a sound ledger: {report.findings[:3]}")
    return report.records / spent_s


def measure_rebuild(ledger: Ledger, acts: int) -> Figures:
    """Return how many acts a second and core the views, clocks included, are made anew from."""
    rates = []
    for number in range(ROUNDS):
        started = perf_counter()
        ledger.rebuild()
        rates.append(acts / (perf_counter() - started))
        tell(f"rebuild {number + 1}/{ROUNDS}: {rates[-1]:.0f}/s")
    return {"rebuild_per_s": round(median(rates))}


def measure_pages(home: Path, clock: WalkingClock, window: Signer) -> Figures:
    """Return milliseconds of the page of a case of twelve acts that nobody looked at before."""
    with Ledger.open(home, clock=clock, write=False) as ledger:
        ids = _full_cases(ledger)
        chosen = random.Random(1).sample(ids, min(PAGES, len(ids)))
        spent = [
            _ms(lambda case=case_id: ledger.case(case, actor_key=window.key_id, station=STATION))  # type: ignore[misc]
            for case_id in chosen
        ]
    return {"case_page_ms": round(median(spent), 3), "case_page_max_ms": round(max(spent), 3)}


def measure_worklist(home: Path, clock: WalkingClock, cases: int) -> Figures:
    """Return milliseconds of lists over so many open cases: all lines, and the first page with names."""
    keys = found_office(home, clock)
    with Ledger.open(home, clock=clock, write=True) as ledger:
        _open_cases(ledger, keys, cases)
    with Ledger.open(home, clock=clock, write=False) as ledger:
        whole = [_ms(lambda: ledger.worklist(station=STATION, names=False)) for _ in range(LISTS)]
        page = [_ms(lambda: ledger.worklist(station=STATION, limit=PAGE_LINES)) for _ in range(LISTS)]
        named = [_ms(lambda: ledger.worklist(station=STATION)) for _ in range(3)]
        lines = len(ledger.worklist(station=STATION, names=False))
    return {
        "worklist_cases": lines,
        "worklist_ms": round(median(whole), 1),
        "worklist_page_ms": round(median(page), 1),
        "worklist_named_ms": round(median(named), 1),
    }


def _open_cases(ledger: Ledger, keys: Mapping[str, Signer], cases: int) -> None:
    """Receive so many cases and accept every third, so that the list is of several kinds."""
    workload = Workload(STATION, seed=11)
    for first in range(0, cases, 1_000):
        scripts = [workload.new_case() for _ in range(min(1_000, cases - first))]
        spent_s = perform_all(ledger, keys, iter([workload.task(script) for script in scripts]))
        later: list[Task] = []
        for script in scripts[::3]:
            script.step = ACTIONS.index("request_correction")
            later.append(workload.task(script))
        spent_s += perform_all(ledger, keys, iter(later))
        tell(f"worklist: {first + len(scripts)} cases opened, the last thousand in {spent_s:.1f} s")


def _full_cases(ledger: Ledger) -> list[CaseId]:
    found: dict[bytes, int] = {}
    with ledger.store.read() as tx:
        for row in tx.select(schema.ACTS, {}):
            if isinstance(row[0], bytes):
                found[row[0]] = found.get(row[0], 0) + 1
    return [CaseId(case_id) for case_id, count in found.items() if case_id and count == len(ACTIONS)]


def _ms(work: Callable[[], object]) -> float:
    started = perf_counter()
    work()
    return (perf_counter() - started) * 1000
