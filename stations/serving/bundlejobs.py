"""Exports and imports of bundles as jobs: a request as JSON values in, steps as JSON values out.

The command line runs them itself under the lock; beside a running server, the server runs the same job step
by step on the thread that owns the ledger and hands the steps over the local socket. Last comes ``done``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path

from ledger.errors import BanjianError, ConfigError
from ledger.facade.base.clock import Clock, Randomness
from ledger.facade.peering.exchange import Exchange
from ledger.limits import BUNDLE_PART_BYTES_MAX
from ledger.types import LogId, StationId
from stations.kept.sticks import (
    FileReport,
    Imported,
    acknowledge,
    export_attachments,
    export_to,
    import_from,
)
from stations.serving.stickattach import StickAttachments
from stations.serving.wire import error_object
from stations.version import version
from sync.attachforms import Offer
from sync.stick.bundlewriting import Collected, Order, SealedPart

EXPORT, IMPORT = "export", "import"
ATTACHMENTS_MIB, ATTACHMENTS_MIB_MAX = 512, 64 << 10
"""How much of attachments goes onto a stick unless somebody says otherwise, and at most."""
PART_KIB_MIN, PART_KIB_MAX = 16, BUNDLE_PART_BYTES_MAX >> 10
Step = dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class BundleJob:
    """What is to be done; all paths are absolute.

    Attributes:
        work: ``export`` or ``import``.
        paths: the folder that is exported to; the files and folders that are imported.
        receiver: for whom an export is; "" for the station above.
        everything: export all from the beginning.
        acknowledge: write acknowledgements after an import.
        part_kib: largest part of an export; 0 for the largest that there is.
        attachments_mib: how much of attachments an export upward carries; 0 for none.
    """

    work: str
    paths: tuple[str, ...]
    receiver: str = ""
    everything: bool = False
    acknowledge: bool = True
    part_kib: int = 0
    attachments_mib: int = ATTACHMENTS_MIB

    def as_object(self) -> Step:
        """Return the request as JSON values."""
        return {
            "work": self.work,
            "paths": list(self.paths),
            "receiver": self.receiver,
            "everything": self.everything,
            "acknowledge": self.acknowledge,
            "part_kib": self.part_kib,
            "attachments_mib": self.attachments_mib,
        }


def decode_job(held: Mapping[str, object]) -> BundleJob:
    """Return a job from JSON values.

    Raises:
        ConfigError: ``serve.request``.
    """
    paths, work, part_kib = held.get("paths"), held.get("work"), held.get("part_kib", 0)
    attachments_mib = held.get("attachments_mib", ATTACHMENTS_MIB)
    if work not in (EXPORT, IMPORT) or not isinstance(paths, list) or not paths:
        raise ConfigError("serve.request")
    if not isinstance(part_kib, int) or not 0 <= part_kib <= PART_KIB_MAX:
        raise ConfigError("serve.request")
    if not isinstance(attachments_mib, int) or not 0 <= attachments_mib <= ATTACHMENTS_MIB_MAX:
        raise ConfigError("serve.request")
    return BundleJob(
        work=str(work),
        paths=tuple(str(path) for path in paths),
        receiver=str(held.get("receiver") or ""),
        everything=held.get("everything") is True,
        acknowledge=held.get("acknowledge") is True,
        part_kib=part_kib,
        attachments_mib=attachments_mib,
    )


def run_job(
    exchange: Exchange, job: BundleJob, *, clock: Clock, randomness: Randomness, cores: Executor
) -> Iterator[Step]:
    """Yield the steps of a job; each runs shortly, on the thread that owns the ledger.

    Records of an import are verified on ``cores``.

    Raises:
        BanjianError: as ``export_to`` and ``import_from``; ``bundle.no_upstream`` when nobody stands above
            and no receiver is named.
    """
    if job.work == EXPORT:
        return _export(exchange, job, clock=clock, randomness=randomness)
    return _import(exchange, job, clock=clock, randomness=randomness, cores=cores)


def _export(exchange: Exchange, job: BundleJob, *, clock: Clock, randomness: Randomness) -> Iterator[Step]:
    line = exchange.held.line()
    if not job.receiver and len(line) < 2:
        raise ConfigError("bundle.no_upstream", station=exchange.station)
    order = Order(
        receiver=StationId(job.receiver or line[1]),
        now_ms=clock.now_ms(),
        version=version(),
        everything=job.everything,
        part_bytes=job.part_kib << 10 or BUNDLE_PART_BYTES_MAX,
    )
    folder, parts, entries = Path(job.paths[0]), list[Step](), 0
    ends = _ends(exchange, order.receiver) if order.receiver in line else {}
    for step in export_to(exchange, folder, order, randomness=randomness):
        if isinstance(step, Collected):
            yield {"step": "collected", "entries": step.entries, "total": step.entries_total}
            continue
        entries += step.entries
        parts.append(_part_object(folder, step))
        yield {"step": "written", **parts[-1]}
    offers, left = list[Offer](), 0
    if order.receiver in line[1:2] and job.attachments_mib:
        store = StickAttachments(exchange, clock=clock, randomness=randomness)
        offers, left = store.to_give(job.attachments_mib << 20)
        for part in export_attachments(exchange, folder, order, offers, store, randomness=randomness):
            parts.append(_part_object(folder, part))
            yield {"step": "written", **parts[-1]}
    yield {
        "step": "done",
        "receiver": order.receiver,
        "kind": "up" if order.receiver in line else "down",
        "entries": entries,
        "ends": ends,
        "attachments": len(offers),
        "attachments_left": left,
        "files": parts,
    }


def _ends(exchange: Exchange, receiver: StationId) -> dict[str, int]:
    """Return how far the logs go, by id in hex, that a station above has not confirmed to their ends."""
    confirmed = exchange.carried.confirmed(receiver)
    states = exchange.held.states(exchange.held.scope(exchange.station), county=False)
    return {one.log_id.hex(): one.size for one in states if one.size > confirmed.get(one.log_id, 0)}


def _import(
    exchange: Exchange, job: BundleJob, *, clock: Clock, randomness: Randomness, cores: Executor
) -> Iterator[Step]:
    result = Imported()
    paths = [Path(path) for path in job.paths]
    store = StickAttachments(exchange, clock=clock, randomness=randomness)
    steps = import_from(exchange, paths, result, now_ms=clock.now_ms(), cores=cores, attachments=store)
    for step in steps:
        yield {"step": "read", "file": step.file, "files": step.files, "read": step.read, "of": step.listed}
    written: list[Step] = []
    unanswered: list[Step] = []
    folder = paths[0] if paths[0].is_dir() else paths[0].parent
    for sender in result.senders if job.acknowledge else ():
        try:
            parts = acknowledge(
                exchange,
                folder,
                sender,
                now_ms=clock.now_ms(),
                version=version(),
                randomness=randomness,
                arrived=result.arrived,
            )
            written += [{"receiver": sender, **_part_object(folder, part)} for part in parts]
        except BanjianError as error:
            # The import stands whatever becomes of the answer; the next import writes it again.
            unanswered.append({"receiver": sender, "error": error_object(error)})
    yield {
        "step": "done",
        "complete": result.complete,
        "new": sum(part.new for part in result.parts),
        "attachments": len(result.arrived),
        "foreign": result.foreign,
        "waiting_before": result.waiting_before,
        "waiting_after": result.waiting_after,
        "files": [_file_object(file) for file in result.files],
        "missing_logs": [
            {
                "log": one.log_id.hex(), "station": one.station, "kind": _kind(exchange, one.log_id),
                "have": one.held, "needed": one.needed,
            }
            for one in result.missing_logs
        ],
        "missing_parts": [
            {"sender": one.sender, "numbers": list(one.numbers), "parts": one.parts}
            for one in result.missing_parts
        ],
        "acknowledgements": written,
        "receipts_fault": exchange.receiving.receipts.fault(),
        "unanswered": unanswered,
    }  # fmt: skip


def _file_object(file: FileReport) -> Step:
    found: Step = {"file": str(file.path), "another": file.is_anothers}
    if file.error is not None:
        found["error"] = error_object(file.error)
    part = file.part
    if part is not None:
        found |= {
            "sender": part.manifest.sender,
            "kind": part.manifest.kind,
            "created_at_ms": part.manifest.created_at_ms,
            "part": part.header.part,
            "parts": part.header.parts,
            "sections": part.listed,
            "read": part.read,
            "torn": part.torn,
            "new": part.new,
            "receipts": part.receipts,
            "not_taken": [
                {**error_object(one.error), "log": one.log_id.hex(), "first": one.first_seq}
                for one in part.not_taken
            ],
            "given_up": [{"log": log_id.hex(), "code": code} for log_id, code in part.sealed],
        }
    return found


def _part_object(folder: Path, part: SealedPart) -> Step:
    return {
        "file": str(folder / part.name),
        "bytes": len(part.raw),
        "entries": part.entries,
        "part": part.header.part,
        "parts": part.header.parts,
    }


def _kind(exchange: Exchange, log_id: LogId) -> str:
    genesis = exchange.held.genesis(log_id)
    return "" if genesis is None else genesis.kind
