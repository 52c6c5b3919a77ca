"""Sections to be prepared and prepared packages, as bytes between processes of this program on one machine.

The form is Python's own and changes with its version: it is never stored, and never taken from anybody but
a process that this one started, or that started this one. It takes a fifth of the time that pickling takes.
"""

from __future__ import annotations

import marshal
from collections.abc import Mapping
from typing import NamedTuple, TypeAlias

from ledger.formats.act import Act, ActHeader
from ledger.formats.entry import Entry
from ledger.formats.packageform import PackageContent
from ledger.known.verified import VerifiedRecord
from ledger.types import KeyId, LedgerId
from sync.core.framing import Section
from sync.core.ingest import PreparedPackage


class Asked(NamedTuple):
    """A section to be prepared.

    Attributes:
        section: as it came.
        ledger_id: the pinned ledger.
        keys: the authors' keys that are known by now, None for a key that is known to be unknown.
    """

    section: Section
    ledger_id: LedgerId
    keys: Mapping[KeyId, bytes | None]


class Lacking(NamedTuple):
    """Answer that whoever asked has to say more keys."""

    actors: tuple[KeyId, ...]


Answer: TypeAlias = PreparedPackage | Lacking | None
"""None where the section cannot be prepared: whoever asked finds out why."""

BROKEN = (EOFError, ValueError, TypeError)
"""What reading bytes raises that are not whole."""


def pack_asked(asked: Asked) -> bytes:
    """Return a question as bytes."""
    return marshal.dumps((tuple(asked.section), asked.ledger_id, dict(asked.keys)))


def unpack_asked(raw: bytes) -> Asked:
    """Return the question that ``pack_asked`` made bytes of; raises one of ``BROKEN`` for others."""
    section, ledger_id, keys = marshal.loads(raw)
    return Asked(Section(*section), ledger_id, keys)


def pack_answer(answer: Answer) -> bytes:
    """Return an answer as bytes."""
    if isinstance(answer, PreparedPackage):
        content = answer.content
        values = (
            content.log_id, content.first_seq, content.previous, content.frames, content.facts,
            content.personal, content.checkpoint, content.receipts,
        )  # fmt: skip
        return marshal.dumps((values, [_plain(record) for record in answer.records], answer.diverges))
    return marshal.dumps(None if answer is None else list(answer.actors))


def unpack_answer(raw: bytes) -> Answer:
    """Return the answer that ``pack_answer`` made bytes of; raises one of ``BROKEN`` for others."""
    found = marshal.loads(raw)
    if found is None:
        return None
    if isinstance(found, list):
        return Lacking(tuple(found))
    (log_id, first_seq, previous, frames, facts, personal, checkpoint, receipts), records, diverges = found
    content = PackageContent(
        log_id=log_id, first_seq=first_seq, previous=previous, frames=frames, facts=facts, personal=personal,
        checkpoint=checkpoint, receipts=receipts,
    )  # fmt: skip
    return PreparedPackage(content, tuple(map(_record, records)), diverges)


_Plain: TypeAlias = tuple[object, ...]
"""The fields of a record, those that are named tuples as plain ones: no others can be handed over."""


def _plain(record: VerifiedRecord) -> _Plain:
    seq, topic, frame, act, case_id, entry, *rest = record
    plain_act = None if act is None else (tuple(act.header), *act[1:])
    return (seq, topic, frame, plain_act, case_id, None if entry is None else tuple(entry), *rest)


def _record(plain: _Plain) -> VerifiedRecord:
    seq, topic, frame, plain_act, case_id, plain_entry, *rest = plain
    # Calling a named tuple would do, were it not twice as slow.
    new = tuple.__new__
    act = entry = None
    if isinstance(plain_act, tuple):
        act = new(Act, (new(ActHeader, plain_act[0]), *plain_act[1:]))
    if isinstance(plain_entry, tuple):
        entry = new(Entry, plain_entry)
    record: VerifiedRecord = new(VerifiedRecord, (seq, topic, frame, act, case_id, entry, *rest))
    return record
