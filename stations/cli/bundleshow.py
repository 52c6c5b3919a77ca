"""What is on a stick: the header of each part, and its content where this machine has the key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ledger.errors import BanjianError, ConfigError, DataError
from ledger.facade.base.home import Home
from ledger.facade.peering.machinekeys import opening_seed
from ledger.formats.bundle import (
    SECTION_BRANCH,
    SECTION_EXCERPT,
    SECTION_PACKAGE,
    BundleHeader,
    Manifest,
    OpenedPart,
    Section,
    open_part,
    read_bundle_header,
)
from ledger.formats.excerpt import decode_excerpt
from ledger.formats.package import decode_package
from ledger.types import LogId, StationId
from stations.cli.call import Call
from stations.cli.session import reading
from stations.kept.sticks import as_named, find_files, read_part
from stations.words.moments import show_moment
from sync.stick.bundleforms import plain


@dataclass(slots=True, kw_only=True)
class _Range:
    """Positions of a log that a part holds."""

    kind: str
    first: int
    last: int
    records: int = 0


@dataclass(slots=True, kw_only=True)
class _Content:
    """What can be read of an opened part."""

    manifest: Manifest
    listed: int
    read: int = 0
    faults: list[DataError] = field(default_factory=list)
    ranges: dict[tuple[LogId, str], _Range] = field(default_factory=dict)


def show(call: Call, *, path: Sequence[str]) -> int:
    """Show the parts in folders and files."""
    files, foreign = find_files(Path(one) for one in path)
    home, stations = _surroundings(call)
    worst = 0
    for file in files:
        try:
            raw = read_part(file.path)
            header = read_bundle_header(raw)
            content = _content(home, header, raw)
        except BanjianError as found:
            worst, error = 1, as_named(file, found)
            message = call.say.message(error.code, error.params)
            call.line(f"{file.path.name}: ■ {message.what} [{error.code}]")
            call.emit({"file": str(file.path), "error": error.code})
            continue
        _print(call, file.path, header, content, size=len(raw), stations=stations)
    if not files:
        call.hint("bundle.nothing_here", foreign=foreign)
    return worst if files else 1


def _surroundings(call: Call) -> tuple[Home | None, Mapping[LogId, StationId]]:
    """Return the installation whose key may open parts, and the stations of its logs; neither is needed."""
    try:
        with reading(call) as ledger:
            return ledger.home, {log.log_id: log.station for log in ledger.logs()}
    except ConfigError:
        return None, {}


def _content(home: Home | None, header: BundleHeader, raw: bytes) -> _Content | None:
    seed = None if home is None else opening_seed(home, header.receiver, header.receiver_key)
    if seed is None:
        return None
    opened: OpenedPart = open_part(raw, seed)
    found = _Content(manifest=opened.manifest, listed=opened.section_count)
    for outcome in opened.outcomes:
        if isinstance(outcome, DataError):
            found.faults.append(outcome)
            continue
        found.read += 1
        try:
            _note(found, outcome)
        except DataError as error:
            found.faults.append(error)
    return found


def _note(found: _Content, section: Section) -> None:
    if section.kind in (SECTION_PACKAGE, SECTION_BRANCH):
        package = decode_package(plain(section))
        first, last, count = package.first_seq, package.last_seq, len(package.frames)
        log_id = package.log_id
    elif section.kind == SECTION_EXCERPT:
        excerpt = decode_excerpt(plain(section))
        first, last, count = excerpt.positions[0], excerpt.positions[-1], len(excerpt.frames)
        log_id = excerpt.log_id
    else:
        return
    known = found.ranges.setdefault((log_id, section.kind), _Range(kind=section.kind, first=first, last=last))
    known.first, known.last = min(known.first, first), max(known.last, last)
    known.records += count


def _print(
    call: Call,
    path: Path,
    header: BundleHeader,
    content: _Content | None,
    *,
    size: int,
    stations: Mapping[LogId, StationId],
) -> None:
    call.line(
        call.say(
            "bundle.header", file=path.name, receiver=header.receiver, part=header.part, parts=header.parts,
            size=max(1, size >> 10),
        )
    )  # fmt: skip
    answer: dict[str, object] = {
        "file": str(path),
        "receiver": header.receiver,
        "bundle": header.bundle_id.hex(),
        "part": header.part,
        "parts": header.parts,
        "bytes": size,
    }
    if content is None:
        call.line(call.say("bundle.sealed_to", receiver=header.receiver))
        call.emit(answer)
        return
    _print_content(call, content, answer, stations)


def _print_content(
    call: Call, content: _Content, answer: dict[str, object], stations: Mapping[LogId, StationId]
) -> None:
    manifest = content.manifest
    call.line(
        call.say(
            "bundle.manifest", kind=call.say(f"bundle.kind.{manifest.kind}"), sender=manifest.sender,
            created=show_moment(manifest.created_at_ms), read=content.read, listed=content.listed,
        )
    )  # fmt: skip
    rows = []
    logs = []
    for (log_id, kind), held in sorted(content.ranges.items()):
        station = stations.get(log_id, StationId(""))
        words = call.say(f"bundle.section.{kind}")
        rows.append(
            (log_id.hex()[:12], station or "—", words, f"{held.first}-{held.last}", str(held.records))
        )
        logs.append(
            {
                "log": log_id.hex(), "station": station, "kind": kind, "first": held.first, "last": held.last,
                "records": held.records,
            }
        )  # fmt: skip
    if rows:
        heads = ("log", "station", "kind", "range", "entries")
        call.table([call.say(f"head.bundle_{name}") for name in heads], rows)
    for code, fault in {one.code: one for one in content.faults}.items():
        call.line(f"▲ {call.say.message(code, fault.params).what} [{code}]")
    call.emit(
        {
            **answer, "kind": manifest.kind, "sender": manifest.sender, "ledger_id": manifest.ledger_id.hex(),
            "created_at_ms": manifest.created_at_ms, "sections": content.listed, "read": content.read,
            "faults": [one.code for one in content.faults], "logs": logs,
            "prerequisites": [{"log": log.hex(), "size": needed} for log, needed in manifest.prerequisites],
        }
    )  # fmt: skip
