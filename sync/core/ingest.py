"""From the bytes of a section to verified records: the part of taking in that may run on any core.

Nothing here touches the ledger: keys are found through a function that only reads. What comes out is handed
to the thread that owns the ledger, which checks roots and writes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import NamedTuple, Protocol

from ledger.errors import BanjianError, EncodingError
from ledger.formats.body import open_body
from ledger.formats.checkpoint import log_of_origin, read_checkpoint
from ledger.formats.excerpt import CheckedExcerpt, check_excerpt, decode_excerpt
from ledger.formats.genesis import decode_ledger_genesis
from ledger.formats.keys import ED25519, key_id, verify_all
from ledger.formats.package import decode_parsed
from ledger.formats.packageform import PackageContent
from ledger.known.verified import KeyFinder, SignatureCheck, VerifiedRecord, linked, verify_records
from ledger.limits import FACTS_BYTES_MAX
from ledger.types import KeyId, LedgerId, LogId
from sync.core.framing import BRANCH, EXCERPT, NOTE, PACKAGE, Section


class PreparedPackage(NamedTuple):
    """A package, or a package of a divergent history, with its records verified one by one."""

    content: PackageContent
    records: tuple[VerifiedRecord, ...]
    diverges: bool

    @property
    def log_id(self) -> LogId:
        """The log that it belongs to."""
        return self.content.log_id


class PreparedExcerpt(NamedTuple):
    """An excerpt whose proof holds, with its records verified one by one."""

    checked: CheckedExcerpt
    records: tuple[VerifiedRecord, ...]

    @property
    def log_id(self) -> LogId:
        """The log that it is taken from."""
        return self.checked.content.log_id


class PreparedNote(NamedTuple):
    """A checkpoint that is given as proof; who holds the log's key has to check it."""

    note: bytes
    log_id: LogId


Prepared = PreparedPackage | PreparedExcerpt | PreparedNote


class Preparing(Protocol):
    """Prepares a section, as ``prepare`` does."""

    def __call__(self, section: Section, *, ledger_id: LedgerId, public_key: KeyFinder) -> Prepared: ...


def continues(before: Prepared, after: Prepared) -> bool:
    """Return whether both are packages of one log and one history, the second behind the first."""
    return (
        isinstance(before, PreparedPackage)
        and isinstance(after, PreparedPackage)
        and not before.diverges
        and not after.diverges
        and before.log_id == after.log_id
        and before.content.last_seq + 1 == after.content.first_seq
    )


def prepare(
    section: Section,
    *,
    ledger_id: LedgerId,
    public_key: KeyFinder,
    signatures: SignatureCheck = verify_all,
) -> Prepared:
    """Decode a section and verify what it carries.

    Args:
        section: as it came.
        ledger_id: the pinned ledger.
        public_key: finds the keys of authors.
        signatures: checks all signatures of a section in one go.

    Raises:
        EncodingError: ``sync.section`` for another kind; ``encoding.*``, ``package.*``, ``excerpt.*``.
        DataError: ``package.checkpoint``, ``excerpt.*``, ``proof.multi``, ``checkpoint.origin`` and the like.
    """
    if section.kind in (PACKAGE, BRANCH):
        content, parsed = decode_parsed(section.payload)
        finder = _Keys(public_key, content.facts).find
        seqs = range(content.first_seq, content.last_seq + 1)
        records = verify_records(
            seqs,
            content.frames,
            facts=content.facts,
            personal=content.personal,
            ledger_id=ledger_id,
            public_key=finder,
            parsed=parsed,
            signatures=signatures,
        )
        records = linked(records, log_id=content.log_id, previous=content.previous, parsed=parsed)
        return PreparedPackage(content, records, section.kind == BRANCH)
    if section.kind == EXCERPT:
        checked = check_excerpt(decode_excerpt(section.payload))
        given = checked.content
        found = verify_records(
            given.positions,
            given.frames,
            facts=given.facts,
            personal=given.personal,
            ledger_id=ledger_id,
            public_key=public_key,
            signatures=signatures,
        )
        return PreparedExcerpt(checked, found)
    if section.kind == NOTE:
        return PreparedNote(section.payload, log_of_origin(read_checkpoint(section.payload).origin))
    raise EncodingError("sync.section")


class _Keys:
    """Finds the keys of authors; those of a registry that is only just coming, in the package itself.

    A key's id is a hash of the key, so it does not matter who tells it.
    """

    def __init__(self, known: KeyFinder, facts: Sequence[bytes]) -> None:
        self._known = known
        self._facts = facts
        self._told: dict[KeyId, bytes] | None = None

    def find(self, wanted: KeyId) -> bytes | None:
        """Return the public key of an id."""
        held = self._known(wanted)
        if held is not None:
            return held
        if self._told is None:
            self._told = dict(_told_keys(self._facts))
        return self._told.get(wanted)


def _told_keys(facts: Sequence[bytes]) -> Iterator[tuple[KeyId, bytes]]:
    for raw in facts:
        with suppress(BanjianError):
            body = open_body(raw, limit_bytes=FACTS_BYTES_MAX)
            genesis, alg, key = body.get("ledger_genesis"), body.get("alg"), body.get("public_key")
            if isinstance(genesis, bytes):
                for root in decode_ledger_genesis(genesis).root_public_keys:
                    yield key_id(ED25519, root), root
            if isinstance(alg, str) and isinstance(key, bytes):
                yield key_id(alg, key), key
