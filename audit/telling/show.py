"""One act laid open: every field of its header and of its entry, its facts, and what was checked."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TextIO

from audit.checking.acts import sound_facts
from audit.reading.county import TRAINING, fold_county, read_ledger_genesis
from audit.reading.findings import Collector
from audit.reading.incarnations import choose_registry
from audit.reading.openings import BRANCH_MARK, Opening, base_of, read_openings
from audit.reading.ranks import stored_act
from audit.reading.source import EventRow, Source, database_of, open_database
from audit.telling.report import JsonValue, plain
from audit.telling.typedids import bounds_of
from audit.telling.words import Words
from ledger.errors import BanjianError, DataError, InputError
from ledger.formats.act import Act, read_act, verify_act
from ledger.formats.body import check_facts
from ledger.formats.entry import Entry, check_link, decode_entry
from ledger.formats.frame import check_pins, split_frame
from ledger.formats.genesis import LedgerGenesis
from ledger.registry.grant import signing_key
from ledger.types import Facts, LedgerId, LogId

_ACT_ID_BYTES = 32
_POSITION = re.compile("[0-9]{1,18}")
"""A position in a log; no log has one of more digits."""
_REF_SHOWN_MAX = 80


def show_act(path: Path, ref: str) -> dict[str, JsonValue]:
    """Return an act in full.

    Args:
        path: station folder or database.
        ref: first digits of the act's id in hexadecimal, or ``LOG:SEQ``.

    Raises:
        ConfigError: ``audit.no_file``.
        InputError: ``audit.act_unknown`` or ``audit.act_ambiguous``.
        DataError: ``encoding.*`` and the like for a frame that cannot be read.
        StoreError: the file cannot be opened.
    """
    collector = Collector()
    with open_database(database_of(path)) as file, Source(file, collector.add) as source:
        log, seq = _find(source, ref)
        row, lane = _row(source, log, seq, ref)
        frame = row.frame if row is not None else None
        if row is None or not isinstance(frame, bytes):
            raise InputError("audit.act_unknown", act=ref)
        parts = split_frame(frame)
        entry = decode_entry(parts.entry_raw)
        act = read_act(parts.act_raw, parts.sig)
        openings, branches = read_openings(source, collector.add)
        common = next((one.common for one in branches if one.name == log), 0)
        registry = choose_registry(openings, collector.add)
        founded = None if registry is None else read_ledger_genesis(registry, collector.add)
        faults: list[str] = []
        _note(faults, lambda: check_pins(entry, parts.act_raw, parts.sig))
        _note(
            faults, lambda: check_link(entry, log_id=_log_id(log), seq=seq + common, previous=entry.previous)
        )
        held = sound_facts(act.header, source.facts_at(row, log))
        _note(faults, lambda: _check_signature(source, openings, founded, act, held))
        facts: JsonValue = None
        try:
            body = source.facts_at(row, log)
            facts = plain(check_facts(act.header, body or b""))
        except BanjianError as raised:
            faults.append(raised.code)
        return {
            "ok": not faults,
            "training": founded is not None and founded[1].purpose == TRAINING,
            "act": act.act_id.hex(),
            "header": plain(act.header._asdict()),
            "signature": act.sig.hex(),
            "facts": facts,
            "entry": _entry(entry, log),
            "lane": lane,
            "faults": list(faults),
        }


def print_act(shown: Mapping[str, JsonValue], words: Words, out: TextIO) -> None:
    """Print an act for people, a line for each part."""
    if shown["training"]:
        print(words("audit.training"), file=out)
    for name, value in shown.items():
        if name != "training":
            text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            print(f"{words.name('audit.field', name)}: {text}", file=out)


def _entry(entry: Entry, log: str) -> JsonValue:
    made = plain(entry._asdict())
    return {"log": log, **made} if isinstance(made, dict) else made


def _row(source: Source, log: str, seq: int, ref: str) -> tuple[EventRow | None, str]:
    """Return the row of a frame, and whether it stands in a log, in a branch or alone."""
    digits = ref.strip().lower()
    for frame, topic in source.frames_at(log, seq):
        act = stored_act(frame)
        if act is not None and (":" in ref or act.act_id.hex().startswith(digits)):
            lane = "sparse" if topic is None else "branch" if BRANCH_MARK in log else "main"
            bodies = source.body(log, seq) or (None,) * 3
            return EventRow(seq, topic or act.header.action, frame, *bodies), lane
    rows = source.events(log, seq, seq)
    return (rows[0], "main") if rows else (None, "")


def _find(source: Source, ref: str) -> tuple[str, int]:
    log, _, number = ref.partition(":")
    if _POSITION.fullmatch(number):
        return log, int(number)
    bounds = bounds_of(ref, id_bytes=_ACT_ID_BYTES)
    if bounds is None:
        raise InputError("audit.act_unknown", act=ref[:_REF_SHOWN_MAX])
    found = [
        (name, seq)
        for name, seq in source.rows("SELECT log, seq FROM acts WHERE act_id BETWEEN ? AND ?", bounds)
        if isinstance(name, str) and isinstance(seq, int)
    ]
    if not found:
        raise InputError("audit.act_unknown", act=ref)
    if len(found) > 1:
        raise InputError("audit.act_ambiguous", act=ref, count=len(found))
    return found[0]


def _check_signature(
    source: Source,
    openings: Sequence[Opening],
    founded: tuple[LedgerId, LedgerGenesis] | None,
    act: Act,
    facts: Facts | None,
) -> None:
    if founded is None:
        raise DataError("audit.no_registry")
    judge = fold_county(source, founded[0], founded[1], openings, catalogue=False)
    public_key = judge.public_key(act.header.actor) or signing_key(facts, act.header.actor)
    if public_key is None:
        raise DataError("authority.key_unknown", key=act.header.actor)
    verify_act(act.raw, act.sig, public_key)


def _log_id(name: str) -> LogId:
    try:
        return LogId(bytes.fromhex(base_of(name)))
    except ValueError:
        return LogId(b"")


def _note(faults: list[str], check: Callable[[], None]) -> None:
    try:
        check()
    except BanjianError as raised:
        faults.append(raised.code)
