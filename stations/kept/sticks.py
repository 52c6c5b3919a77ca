"""Bundles on a stick: written so that no half file bears the name of a part, read as far as they are ours.

Everything here works on an open ledger's ``Exchange`` and goes in short steps: the command line takes them
one after the other under the lock, a running server one at a time between other work.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from pathlib import Path

from ledger.errors import AuthorityError, BanjianError, ConfigError, DataError
from ledger.facade.base.clock import Randomness
from ledger.facade.peering.exchange import Exchange
from ledger.formats.bundle import open_part, read_bundle_header
from ledger.limits import BUNDLE_HEADER_BYTES_MAX, BUNDLE_MANIFEST_BYTES_MAX, BUNDLE_PART_BYTES_MAX
from ledger.platform import os_failure, write_durably
from ledger.types import LogId, StationId
from sync.attachforms import Offer
from sync.stick.bundleattach import GivingStore, write_attachments
from sync.stick.bundlechecks import check_header
from sync.stick.bundleforms import is_ours, missing_parts, receiver_of
from sync.stick.bundlereading import PartReader
from sync.stick.bundlereport import PartReport, without_frames
from sync.stick.bundlewriting import Collected, Order, SealedPart, write_bundle
from sync.stick.stickanswer import TakingStore

HEAD_BYTES = BUNDLE_MANIFEST_BYTES_MAX + BUNDLE_HEADER_BYTES_MAX + 1024
"""Enough of a part to read its manifest."""
PASSES_MAX = 100
_NO_HEAD = ("bundle.malformed", "bundle.truncated")
"""Codes of a file of which not even the header can be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How far an import has come: file of files, section of sections in it."""

    file: int
    files: int
    read: int
    listed: int


@dataclass(slots=True, kw_only=True)
class FileReport:
    """What became of one file; exactly one of ``part`` and ``error`` is set once it was read.

    Attributes:
        path: the file.
        part: what was taken of it, over all times that it was read.
        error: why nothing was taken.
        named: whether somebody named the file, rather than the folder that it lies in.
    """

    path: Path
    named: bool
    part: PartReport | None = None
    error: BanjianError | None = None

    @property
    def is_anothers(self) -> bool:
        """Whether it is for another station, on a stick that goes round: nothing to worry about."""
        return not self.named and self.error is not None and self.error.code == "bundle.receiver"


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingLog:
    """A log of which a part presupposes more than is here."""

    log_id: LogId
    station: StationId
    held: int
    needed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingParts:
    """Parts of a bundle that did not come."""

    bundle_id: bytes
    sender: StationId
    parts: int
    numbers: tuple[int, ...]


@dataclass(slots=True, kw_only=True)
class Imported:
    """What an import brought.

    Attributes:
        files: in the order in which they were read.
        foreign: files in the folders that are none of ours; they were left alone.
        waiting_before: entries that the station above had not confirmed before.
        waiting_after: and after.
    """

    files: list[FileReport] = field(default_factory=list)
    foreign: int = 0
    waiting_before: int = 0
    waiting_after: int = 0
    missing_logs: list[MissingLog] = field(default_factory=list)
    missing_parts: list[MissingParts] = field(default_factory=list)

    @property
    def parts(self) -> list[PartReport]:
        """The parts that were for this station."""
        return [one.part for one in self.files if one.part is not None]

    @property
    def senders(self) -> list[StationId]:
        """Who is to be told what came: whoever sent more than an acknowledgement."""
        told = [
            one.manifest.sender
            for one in self.parts
            if one.manifest.kind != "acknowledgement"
            and all(left.code != "bundle.sender" for left in one.not_taken)
        ]
        return list(dict.fromkeys(told))

    @property
    def arrived(self) -> tuple[bytes, ...]:
        """The attachments of which something was taken."""
        return tuple(dict.fromkeys(content for one in self.parts for content in one.attachments))

    @property
    def complete(self) -> bool:
        """Whether everything that was for this station was taken."""
        refused = any(one.error is not None and not one.is_anothers for one in self.files)
        left = any(one.not_taken for one in self.parts)
        return not (refused or left or self.missing_logs or self.missing_parts)


def export_to(
    exchange: Exchange, folder: Path, order: Order, *, randomness: Randomness
) -> Iterator[Collected | SealedPart]:
    """Write a bundle into a folder; yields how far it has come, and each part once it is safely there.

    Raises:
        ConfigError: ``bundle.folder`` when there is no such folder.
        AuthorityError: as ``write_bundle``.
        StoreError: ``store.disk_full``, ``store.read_only``, ``store.io``; the parts before are whole.
    """
    if not folder.is_dir():
        raise ConfigError("bundle.folder", path=str(folder))
    for step in write_bundle(exchange, order, randomness=randomness):
        if isinstance(step, SealedPart):
            write_durably(folder / step.name, step.raw)
        yield step


def export_attachments(
    exchange: Exchange,
    folder: Path,
    order: Order,
    offers: Sequence[Offer],
    store: GivingStore,
    *,
    randomness: Randomness,
) -> Iterator[SealedPart]:
    """Write attachments into a folder; yields each part once it is safely there.

    Raises:
        BanjianError: as ``export_to``.
    """
    for part in write_attachments(exchange, order, offers, store, randomness=randomness):
        write_durably(folder / part.name, part.raw)
        yield part


def find_files(paths: Iterable[Path]) -> tuple[list[FileReport], int]:
    """Return the files that are or claim to be parts, and how many others lie in the named folders.

    Raises:
        ConfigError: ``cli.file_none`` for a path that is neither file nor folder.
    """
    found: list[FileReport] = []
    foreign = 0
    for path in paths:
        if path.is_dir():
            for inner in sorted(path.iterdir()):
                # A pipe would let itself be waited for without end.
                is_file = _is_file(inner)
                if is_ours(inner.name) and is_file:
                    found.append(FileReport(path=inner, named=False))
                else:
                    foreign += is_file
        elif path.is_file():
            found.append(FileReport(path=path, named=True))
        else:
            raise ConfigError("cli.file_none", path=str(path))
    return found, foreign


def import_from(
    exchange: Exchange,
    paths: Iterable[Path],
    result: Imported,
    *,
    now_ms: int,
    cores: Executor,
    attachments: TakingStore | None = None,
) -> Iterator[Reading]:
    """Take in all parts that are ours, from files and folders, and fill in what became of them.

    Parts that came too early are read again after the others. Records are verified on ``cores``, as in a
    session, and stored one after the other here.

    Raises:
        ConfigError: ``cli.file_none``.
        StoreError: the ledger's store fails; what was taken before is stored.
    """
    result.files, result.foreign = find_files(paths)
    line = exchange.held.line()
    result.waiting_before = exchange.held.waiting(line[1])[0] if len(line) > 1 else 0
    result.files = _in_order(exchange, result.files)
    again = list(result.files)
    for _ in range(PASSES_MAX):
        before = sum(part.new for part in result.parts)
        for number, file in enumerate(again, start=1):
            for read, listed in _take(exchange, file, now_ms=now_ms, cores=cores, attachments=attachments):
                yield Reading(file=number, files=len(again), read=read, listed=listed)
        again = [one for one in again if one.part is not None and one.part.too_early]
        if not again or sum(part.new for part in result.parts) == before:
            break
    line = exchange.held.line()
    result.waiting_after = exchange.held.waiting(line[1])[0] if len(line) > 1 else 0
    result.missing_logs = _missing_logs(exchange, result.parts)
    result.missing_parts = _missing_parts(exchange, result.parts)


def acknowledge(
    exchange: Exchange,
    folder: Path,
    receiver: StationId,
    *,
    now_ms: int,
    version: str,
    randomness: Randomness,
    arrived: tuple[bytes, ...] = (),
) -> list[SealedPart]:
    """Write the acknowledgement for a sender into a folder.

    Raises:
        BanjianError: as ``export_to``.
    """
    order = Order(receiver=receiver, now_ms=now_ms, version=version, acknowledge=True, arrived=arrived)
    steps = export_to(exchange, folder, order, randomness=randomness)
    return [step for step in steps if isinstance(step, SealedPart)]


def read_part(path: Path, limit: int = BUNDLE_PART_BYTES_MAX + 1) -> bytes:
    """Return the bytes of a file up to a limit.

    Raises:
        StoreError: ``store.io``, ``store.read_only`` when the stick does not give them.
    """
    try:
        with path.open("rb") as file:
            return file.read(limit)
    except OSError as error:
        raise os_failure(error, path) from error


def as_named(file: FileReport, error: BanjianError) -> BanjianError:
    """Return why a file cannot be read, of one that by its name is a part: where its beginning is damaged.

    Nothing else is left of whom it is for.
    """
    receiver = receiver_of(file.path.name)
    if not receiver or error.code not in _NO_HEAD:
        return error
    return DataError("bundle.damaged", receiver=receiver)


def _refused(file: FileReport, error: BanjianError, station: StationId) -> BanjianError:
    """Return why nothing was taken of a file; one for another station is none of ours, damaged or not."""
    receiver = receiver_of(file.path.name)
    if error.code == "bundle.receiver" and receiver == station:
        # Not even for whom it is can be read as it was written.
        return DataError("bundle.damaged", receiver=receiver)
    found = as_named(file, error)
    if found.code == "bundle.damaged" and receiver != station:
        return AuthorityError("bundle.receiver", receiver=receiver)
    return found


def _is_file(path: Path) -> bool:
    """Whether there is a file, for all that a damaged stick tells: what it cannot tell of hides no other."""
    try:
        return path.is_file()
    except OSError:
        return True


def _in_order(exchange: Exchange, files: list[FileReport]) -> list[FileReport]:
    """Return files in the order in which they were written; those of which nobody can tell come last."""

    def written(file: FileReport) -> tuple[int, int, bytes, int, str]:
        try:
            raw = read_part(file.path, HEAD_BYTES)
            header = read_bundle_header(raw)
            seed = exchange.carried.opening_seed(header.receiver_key)
            made_ms = open_part(raw, seed).manifest.created_at_ms if seed is not None else 0
        except BanjianError:
            return 1, 0, b"", 0, file.path.name
        return 0, made_ms, header.bundle_id, header.part, file.path.name

    return sorted(files, key=written)


def _take(
    exchange: Exchange,
    file: FileReport,
    *,
    now_ms: int,
    cores: Executor,
    attachments: TakingStore | None,
) -> Iterator[tuple[int, int]]:
    before = file.part
    try:
        raw = read_part(file.path)
        check_header(exchange, raw)
        reader = PartReader(exchange, raw, now_ms=now_ms, cores=cores, attachments=attachments)
    except BanjianError as error:
        # Its frames hold the bytes of the whole part.
        file.error = without_frames(_refused(file, error, exchange.station))
        return
    file.part = reader.report
    if before is not None:
        reader.report.new, reader.report.sealed = before.new, before.sealed
    yield from ((read, reader.report.listed) for read in reader.run())


def _missing_logs(exchange: Exchange, parts: Iterable[PartReport]) -> list[MissingLog]:
    needed: dict[LogId, int] = {}
    for part in parts:
        for log_id, size in part.manifest.prerequisites:
            needed[log_id] = max(size, needed.get(log_id, 0))
    found: list[MissingLog] = []
    for log_id, size in sorted(needed.items()):
        held, genesis = exchange.held.size(log_id), exchange.held.genesis(log_id)
        if held < size:
            station = StationId("") if genesis is None else genesis.station
            found.append(MissingLog(log_id=log_id, station=station, held=held, needed=size))
    return found


def _missing_parts(exchange: Exchange, parts: Iterable[PartReport]) -> list[MissingParts]:
    """Return which parts came neither now nor, where they were taken whole, on another day."""
    seen: dict[bytes, list[PartReport]] = {}
    for part in parts:
        seen.setdefault(part.header.bundle_id, []).append(part)
    found: list[MissingParts] = []
    whole: dict[tuple[str, StationId, bool], int] = {}
    lacking: list[tuple[PartReport, tuple[int, ...]]] = []
    for group in seen.values():
        first = group[0]
        sender, bundle_id = first.manifest.sender, first.header.bundle_id
        if first.header.parts > 1:
            whole_ones = [one.header.part for one in group if not (one.torn or one.not_taken)]
            exchange.carried.take_parts(sender, bundle_id, whole_ones)
        came = {one.header.part for one in group} | exchange.carried.parts_taken(sender, bundle_id)
        numbers = missing_parts(came, first.header.parts)
        if numbers:
            lacking.append((first, numbers))
        else:
            way = first.manifest.kind, first.manifest.sender, first.is_attachments
            whole[way] = max(first.manifest.created_at_ms, whole.get(way, 0))
    for first, numbers in lacking:
        # A later bundle holds everything that was not confirmed, so also what the lost parts held.
        way = first.manifest.kind, first.manifest.sender, first.is_attachments
        if first.manifest.created_at_ms > whole.get(way, -1):
            found.append(
                MissingParts(
                    bundle_id=first.header.bundle_id,
                    sender=first.manifest.sender,
                    parts=first.header.parts,
                    numbers=numbers,
                )
            )
    return found
