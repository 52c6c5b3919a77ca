"""Measurements of the write path: durable signed appends, one by one, and where their time goes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from statistics import median
from time import perf_counter

from bench.figures import Figures, tell
from bench.office import STATION
from bench.split import watched
from bench.workload import Task, Workload
from bench.yard import CommitYard
from ledger.facade import Ledger
from ledger.formats.keys import Signer

ROUNDS = 10
YARD_COMMITS = 400
YARD_ROW_BYTES = 900
"""What an act holds in bytes: two bodies, header, signature, entry."""
SPLIT_ACTS = 1_200


def measure_append(ledger: Ledger, keys: Mapping[str, Signer], folder: Path, acts: int) -> Figures:
    """Return rates of ``acts`` appends through the whole command path and of raw commits, taken in turns."""
    tasks = Workload(STATION).tasks(acts)
    yard = CommitYard(folder, YARD_ROW_BYTES)
    ours: list[float] = []
    raw: list[float] = []
    for number in range(ROUNDS):
        count = acts // ROUNDS + (number < acts % ROUNDS)
        raw.append(yard.rate(YARD_COMMITS))
        ours.append(count / perform_all(ledger, keys, islice(tasks, count)))
        tell(f"append {number + 1}/{ROUNDS}: {ours[-1]:.0f}/s; raw commits {raw[-1]:.0f}/s")
    yard.close()
    return {
        "append_per_s": round(median(ours)),
        "yard_commit_per_s": round(median(raw)),
        "append_ratio": round(median(one / other for one, other in zip(ours, raw, strict=True)), 3),
        "append_first_per_s": round(ours[0]),
        "append_last_per_s": round(ours[-1]),
    }


def measure_split(ledger: Ledger, keys: Mapping[str, Signer]) -> Figures:
    """Return microseconds of one append by what they are spent on; the watch itself costs a little."""
    tasks = Workload(STATION, seed=7).tasks(SPLIT_ACTS)
    with watched() as watch:
        spent_s = perform_all(ledger, keys, tasks)
    told = {name: round(own_ns / SPLIT_ACTS / 1000) for name, own_ns in sorted(watch.own_ns.items())}
    told["other"] = round(spent_s * 1e6 / SPLIT_ACTS) - sum(told.values())
    return {"append_us": told}


def perform_all(ledger: Ledger, keys: Mapping[str, Signer], tasks: Iterator[Task]) -> float:
    """Perform every task and return the seconds that this took, the making of the tasks left out."""
    spent_s = 0.0
    for task in tasks:
        started = perf_counter()
        done = ledger.perform(task.command, keys[task.actor])
        spent_s += perf_counter() - started
        script = task.script
        script.case_id, script.last = done.case_id, done.act_id
        script.token = done.token or script.token
    return spent_s
