"""What a receiver establishes about each record before it stores it: encoding, author's signature, bodies.

What a signed root pins must be there: the act and the signature that an entry names, the facts that an act
names. Else somebody on the way changed it, and ``check_pinned`` refuses it: the genuine record may still
come. What is pinned is kept whatever is wrong inside it; what fails is told by ``fault``. An act whose
encoding, signature or key fails, or whose entry says wrongly where it stands, is stored under the topic
``opaque`` and takes no effect. Authority is not asked here: that is the matter of whoever folds the case.

Source: docs/protocol.md, "What a receiver stores".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final, NamedTuple, TypeAlias

from ledger.errors import BanjianError, DataError
from ledger.formats.act import Act, act_id, case_of, decode_act
from ledger.formats.body import check_facts, check_personal, open_body
from ledger.formats.entry import Entry, check_link, decode_entry, entry_hash
from ledger.formats.frame import Frame, pin_fault, split_frame
from ledger.formats.keys import Claim, verify_all
from ledger.hashing import CTX_ACT_SIGN
from ledger.limits import PERSONAL_BYTES_MAX, facts_bytes_max
from ledger.registry.authority import KEY_UNKNOWN
from ledger.registry.grant import signing_key
from ledger.types import CaseId, Facts, KeyId, LedgerId, LogId

OPAQUE: Final = "opaque"
"""Topic of a frame whose act fails a check when it is stored: kept, without effect."""
FACTS_MISSING: Final = "act.facts_missing"
"""Fault of an act whose facts did not come: not what its signed root names."""
NO_CASE: Final = CaseId(b"")

KeyFinder: TypeAlias = Callable[[KeyId], bytes | None]
"""Returns the public key of a key id, whatever its authority; None for a key that was never enrolled."""
SignatureCheck: TypeAlias = Callable[[Sequence[Claim]], Iterable[bool]]
"""Says of each claim whether its signature holds, as ``ledger.formats.keys.verify_all`` does."""


class VerifiedRecord(NamedTuple):
    """One record with everything that its receiver needs of it.

    Attributes:
        seq: position in its log, from 1.
        topic: the action, or ``opaque``.
        act: the act; None where it cannot be decoded.
        case_id: the case or thread of the act; empty without an act.
        entry: the entry; None where it cannot be decoded.
        entry_raw: its bytes; the leaf of the log.
        facts: the decoded facts; None where they are not here or are no body.
        facts_raw: bytes of the facts if they are those of the act, else empty.
        personal: the decoded personal body; None where it is not here or is no body.
        personal_raw: bytes of the personal body if they are those of the act, else empty.
        fault: code of the first check that failed, "" for none.
        unpinned: ``frame.act``, ``frame.signature``, ``act.facts_hash`` or ``act.facts_missing`` where it is
            not what its entry or its act pins, "" where it is.
    """

    seq: int
    topic: str
    frame: bytes
    act: Act | None
    case_id: CaseId
    entry: Entry | None
    entry_raw: bytes
    facts: Facts | None
    facts_raw: bytes
    personal: Facts | None
    personal_raw: bytes
    fault: str
    unpinned: str = ""


def verify_records(
    seqs: Sequence[int],
    frames: Sequence[bytes],
    *,
    facts: Sequence[bytes],
    personal: Sequence[bytes],
    ledger_id: LedgerId,
    public_key: KeyFinder,
    parsed: Sequence[Frame | None] = (),
    signatures: SignatureCheck = verify_all,
) -> tuple[VerifiedRecord, ...]:
    """Return the records of some frames and bodies, each checked by itself.

    Args:
        seqs: position of each frame.
        frames: frames that can at least be split into their three parts, as those of a package can.
        facts: bytes of the facts for each frame, or empty.
        personal: bytes of the personal body for each frame, or empty.
        ledger_id: the pinned ledger.
        public_key: finds the keys of authors.
        parsed: for each frame what ``ledger.formats.package.decode_parsed`` made of it, so that it is not
            decoded again; nothing to decode all.
        signatures: checks all signatures in one go; it may let other cores do it.

    Raises:
        EncodingError: ``frame.field`` or ``encoding.*`` for a frame that is no frame at all.
    """
    judged: list[_Judged] = []
    for index, seq in enumerate(seqs):
        whole = parsed[index] if parsed else None
        bodies = facts[index], personal[index]
        if whole is None:
            judged.append(_judge(seq, frames[index], bodies, ledger_id, public_key))
        else:
            judged.append(_judge_parsed(seq, whole, bodies, ledger_id, public_key))
    holds = iter(signatures([claim for _, claim in judged if claim is not None]))
    return tuple(record if claim is None or next(holds) else _unsigned(record) for record, claim in judged)


def linked(
    records: Sequence[VerifiedRecord], *, log_id: LogId, previous: bytes, parsed: Sequence[Frame | None]
) -> tuple[VerifiedRecord, ...]:
    """Return the records of a package, opaque where an entry says another log, position or predecessor.

    A station may sign what it likes: the root covers the entry, but what it says of itself is not so.

    Args:
        records: of consecutive entries.
        log_id: of the package.
        previous: hash of the entry before the first one.
        parsed: frames that were put together out of columns; their entries follow each other by themselves.
    """
    if None not in parsed:
        return tuple(records)
    found: list[VerifiedRecord] = []
    for record, whole in zip(records, parsed, strict=True):
        if whole is None and record.entry is not None:
            fault = link_fault(record.entry, log_id=log_id, seq=record.seq, previous=previous)
            record = record._replace(topic=OPAQUE, fault=fault) if fault else record
        found.append(record)
        previous = entry_hash(record.entry_raw)
    return tuple(found)


def known_by_now(
    records: Sequence[VerifiedRecord], *, ledger_id: LedgerId, public_key: KeyFinder
) -> Sequence[VerifiedRecord]:
    """Return some records, those anew whose author's key was not known when they were verified and now is.

    Records are verified while what came before them is still being stored; that may be the registry with
    their authors in it.

    Args:
        records: as ``verify_records`` and ``linked`` made them.
        ledger_id: the pinned ledger.
        public_key: finds the keys of authors, as of now.
    """
    late = [
        index
        for index, one in enumerate(records)
        if one.fault == KEY_UNKNOWN and one.act is not None and public_key(one.act.header.actor) is not None
    ]
    if not late:
        return records
    found = list(records)
    again = verify_records(
        [found[index].seq for index in late],
        [found[index].frame for index in late],
        facts=[found[index].facts_raw for index in late],
        personal=[found[index].personal_raw for index in late],
        ledger_id=ledger_id,
        public_key=public_key,
    )
    for index, one in zip(late, again, strict=True):
        found[index] = one
    return found


def check_pinned(records: Iterable[VerifiedRecord], *, log_id: LogId, code: str) -> None:
    """Check that records are what their entries and acts pin; what is not would take the place of what is.

    Args:
        records: of a package or an excerpt whose entries reach the signed root.
        log_id: of what they came in.
        code: of the error.

    Raises:
        DataError: ``code`` with the position of the first that is not, and why.
    """
    for record in records:
        if record.unpinned:
            raise DataError(code, log=log_id, seq=record.seq, reason=record.unpinned)


def link_fault(entry: Entry, *, log_id: LogId, seq: int, previous: bytes) -> str:
    """Return what an entry says wrongly of its place, "" for nothing: ``entry.log``, ``entry.sequence`` …"""
    try:
        check_link(entry, log_id=log_id, seq=seq, previous=previous)
    except BanjianError as error:
        return error.code
    return ""


def act_fault(frame: bytes, *, ledger_id: LedgerId, public_key: KeyFinder, facts: bytes = b"") -> str:
    """Return why the act of a frame can never take effect whatever its bodies are, "" for no reason.

    Args:
        frame: as stored.
        ledger_id: the pinned ledger.
        public_key: finds the keys of authors.
        facts: bytes of its facts, if held: a grant that they carry tells the author's key.

    Raises:
        EncodingError: ``frame.field`` or ``encoding.*`` for a frame that is no frame at all.
    """
    (record,) = verify_records(
        (1,), (frame,), facts=(facts,), personal=(b"",), ledger_id=ledger_id, public_key=public_key
    )
    if facts and record.facts is None:
        # What is wrong with the facts is said of them, not of the act.
        return act_fault(frame, ledger_id=ledger_id, public_key=public_key)
    return "" if record.fault == FACTS_MISSING else record.fault


_Judged: TypeAlias = "tuple[VerifiedRecord, Claim | None]"
"""A record of which all but the signature is checked, and the signature if that is still to be checked."""


def _judge(
    seq: int, frame: bytes, bodies: tuple[bytes, bytes], ledger_id: LedgerId, public_key: KeyFinder
) -> _Judged:
    parts = split_frame(frame)
    entry: Entry | None = None
    act: Act | None = None
    claim: Claim | None = None
    fault = unpinned = ""
    opened = _Bodies(None, b"", None, b"", "")
    try:
        entry = decode_entry(parts.entry_raw)
        known_id = act_id(parts.act_raw)
        unpinned = pin_fault(entry, known_id, parts.sig)
        act = Act(decode_act(parts.act_raw), parts.act_raw, parts.sig, known_id)
        opened = _open(act, *bodies)
        fault, claim = (unpinned, None) if unpinned else _claim(act, ledger_id, public_key, opened.facts)
    except BanjianError as error:
        fault = error.code
    lacking = "" if opened.facts_raw or act is None else opened.fault or FACTS_MISSING
    fault = fault or lacking
    topic = OPAQUE if fault or act is None else act.header.action
    case_id = NO_CASE if act is None else case_of(act)
    record = VerifiedRecord(
        seq, topic, frame, act, case_id, entry, parts.entry_raw,
        opened.facts, opened.facts_raw, opened.personal, opened.personal_raw, fault or opened.fault,
        unpinned or lacking,
    )  # fmt: skip
    return record, claim


def _judge_parsed(
    seq: int, frame: Frame, bodies: tuple[bytes, bytes], ledger_id: LedgerId, public_key: KeyFinder
) -> _Judged:
    """Judge a frame that is well-formed and pins its bodies: its author, and whether the bodies are any."""
    act, entry, entry_raw, raw = frame
    facts, other = _content(bodies[0], facts_bytes_max(act.header.action))
    fault, claim = _claim(act, ledger_id, public_key, facts)
    lacking = "" if bodies[0] else FACTS_MISSING
    fault = fault or lacking
    topic = OPAQUE if fault else act.header.action
    fault = fault or other
    personal, other = _content(bodies[1], PERSONAL_BYTES_MAX)
    made: VerifiedRecord = tuple.__new__(
        VerifiedRecord,
        (
            seq, topic, raw, act, case_of(act), entry, entry_raw, facts, bodies[0], personal, bodies[1],
            fault or other, lacking,
        ),
    )  # fmt: skip
    return made, claim


def _claim(
    act: Act, ledger_id: LedgerId, public_key: KeyFinder, facts: Facts | None
) -> tuple[str, Claim | None]:
    """Return why an act can never take effect whoever signed it, or else the signature to be checked.

    A key that the registry does not know may be told by a grant that the act carries.
    """
    if act.header.ledger_id != ledger_id:
        return "act.ledger", None
    key = public_key(act.header.actor) or signing_key(facts, act.header.actor)
    if key is None:
        return KEY_UNKNOWN, None
    return "", (key, act.sig, CTX_ACT_SIGN + act.raw)


def _unsigned(record: VerifiedRecord) -> VerifiedRecord:
    """Return a record whose signature does not hold; that counts before what is wrong with its bodies."""
    return record._replace(topic=OPAQUE, fault="act.signature")


def _content(raw: bytes, limit_bytes: int) -> tuple[Facts | None, str]:
    if not raw:
        return None, ""
    try:
        return open_body(raw, limit_bytes=limit_bytes), ""
    except BanjianError as error:
        return None, error.code


class _Bodies(NamedTuple):
    facts: Facts | None
    facts_raw: bytes
    personal: Facts | None
    personal_raw: bytes
    fault: str


def _open(act: Act, facts_raw: bytes, personal_raw: bytes) -> _Bodies:
    """Keep the bytes that the act pins, whether they are a body or not; leave all others aside."""
    facts, kept_facts, fault = _body(check_facts, act, facts_raw)
    personal, kept_personal, other = _body(check_personal, act, personal_raw)
    return _Bodies(facts, kept_facts, personal, kept_personal, fault or other)


def _body(check: Callable[..., Facts], act: Act, raw: bytes) -> tuple[Facts | None, bytes, str]:
    if not raw:
        return None, b"", ""
    try:
        return check(act.header, raw), raw, ""
    except BanjianError as error:
        pinned = error.code not in ("act.facts_hash", "act.personal_hash")
        return None, raw if pinned else b"", error.code
