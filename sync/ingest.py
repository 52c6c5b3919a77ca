"""From the bytes of a section to verified records: the part of taking in that may run on any core.

Nothing here touches the ledger: keys are found through a function that only reads. What comes out is handed
to the thread that owns the ledger, which checks roots and writes.
"""

from __future__ import annotations

from typing import NamedTuple

from ledger.errors import EncodingError
from ledger.excerpt import CheckedExcerpt, check_excerpt, decode_excerpt
from ledger.package import PackageContent, decode_package
from ledger.types import LedgerId, LogId
from ledger.verified import KeyFinder, VerifiedRecord, verify_records
from sync.framing import BRANCH, EXCERPT, PACKAGE, Section


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


Prepared = PreparedPackage | PreparedExcerpt


def prepare(section: Section, *, ledger_id: LedgerId, public_key: KeyFinder) -> Prepared:
    """Decode a section and verify what it carries.

    Raises:
        EncodingError: ``sync.section`` for another kind; ``encoding.*``, ``package.*``, ``excerpt.*``.
        DataError: ``package.checkpoint``, ``excerpt.*``, ``proof.multi`` and the like.
    """
    if section.kind in (PACKAGE, BRANCH):
        content = decode_package(section.payload)
        seqs = range(content.first_seq, content.last_seq + 1)
        records = verify_records(
            seqs,
            content.frames,
            facts=content.facts,
            personal=content.personal,
            ledger_id=ledger_id,
            public_key=public_key,
        )
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
        )
        return PreparedExcerpt(checked, found)
    raise EncodingError("sync.section")
