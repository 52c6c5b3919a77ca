"""What is asked of sections of a stick beyond what they prove by themselves, since nobody vouches for it.

Source: docs/protocol.md, "Bundle".
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from ledger.errors import AuthorityError, BanjianError, DataError
from ledger.facade.peering.exchange import Exchange
from ledger.formats.bundle import (
    SECTION_BRANCH,
    SECTION_EXCERPT,
    SECTION_PACKAGE,
    BundleHeader,
    OpenedPart,
    Section,
    open_part,
    read_bundle_header,
)
from ledger.formats.entry import entry_hash
from ledger.formats.frame import split_frame
from ledger.known.verified import KeyFinder, VerifiedRecord
from ledger.types import LedgerId
from sync.core import framing
from sync.core.ingest import Prepared, PreparedPackage, prepare
from sync.stick.bundleforms import plain
from sync.stick.bundlereport import without_frames

RECORDS = {
    SECTION_PACKAGE: framing.PACKAGE,
    SECTION_BRANCH: framing.BRANCH,
    SECTION_EXCERPT: framing.EXCERPT,
}
"""Kinds with records in them, and what a session calls the same."""


def check_registry(records: Iterable[VerifiedRecord], *, held: int) -> None:
    """Let records wait whose authors only a longer registry knows: stored now, they never count.

    Args:
        records: verified one by one.
        held: entries of the registry that are here.

    Raises:
        DataError: ``bundle.registry_behind``.
    """
    for record in records:
        if record.fault != "authority.key_unknown" or record.act is None:
            continue
        if record.act.header.registry_size > held:
            raise DataError("bundle.registry_behind", have=held, needed=record.act.header.registry_size)


def check_bodies(found: PreparedPackage) -> None:
    """Refuse registry and catalogue without bodies: what is applied without them has no effect for good.

    Raises:
        DataError: ``bundle.bodies``.
    """
    for record, personal in zip(found.records, found.content.personal, strict=True):
        lacks_facts = record.act is not None and record.act.header.facts_len and not record.facts_raw
        if lacks_facts or (personal and not record.personal_raw):
            raise DataError("bundle.bodies", log=found.log_id, seq=record.seq)


def behind(found: PreparedPackage, size: int) -> PreparedPackage:
    """Return what of a package lies behind the entries that are held."""
    content = found.content
    skip = size - content.first_seq + 1
    rest = replace(
        content,
        first_seq=size + 1,
        previous=entry_hash(split_frame(content.frames[skip - 1]).entry_raw),
        frames=content.frames[skip:],
        facts=content.facts[skip:],
        personal=content.personal[skip:],
    )
    return PreparedPackage(rest, found.records[skip:], found.diverges)


def check_header(exchange: Exchange, raw: bytes) -> BundleHeader:
    """Return the header of a part that is for this station.

    Raises:
        EncodingError: ``bundle.malformed``, ``bundle.version``, ``bundle.field``.
        DataError: ``bundle.truncated``.
        AuthorityError: ``bundle.receiver`` for one that is for another station.
    """
    header = read_bundle_header(raw)
    if header.receiver != exchange.station:
        raise AuthorityError("bundle.receiver", receiver=header.receiver)
    return header


def open_own_part(exchange: Exchange, raw: bytes) -> OpenedPart:
    """Open a part that is for this station.

    Raises:
        EncodingError, DataError: as ``open_part``.
        AuthorityError: ``bundle.receiver``; ``bundle.own_key`` when the key for sticks is not on this
            machine; ``bundle.other_key`` for a part sealed to another key than those that this machine has:
            to one of a machine before it, or to that of a station of the same id in another county.
    """
    header = check_header(exchange, raw)
    seed = exchange.carried.opening_seed(header.receiver_key)
    if seed is None:
        raise AuthorityError("bundle.own_key", station=exchange.station)
    try:
        return open_part(raw, seed)
    except AuthorityError as error:
        raise AuthorityError("bundle.other_key", receiver=header.receiver) from error


def prepared(section: Section, *, ledger_id: LedgerId, public_key: KeyFinder) -> Prepared | BanjianError:
    """Return the records of a section, verified, or why there are none; may run on any core.

    Args:
        section: of a kind in ``RECORDS``.
        ledger_id: of the ledger.
        public_key: finds the key of a log or person.
    """
    try:
        framed = framing.Section(RECORDS[section.kind], plain(section))
        return prepare(framed, ledger_id=ledger_id, public_key=public_key)
    except BanjianError as error:
        return without_frames(error)
