"""The two headers of a session: what the lower station says first, and what the upper one answers.

Both state what their sender holds, read from its data; neither asks the other to remember anything.

Source: docs/protocol.md, "Sync".
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from ledger.codec import HeaderFields, pack_header, unpack_header
from ledger.errors import EncodingError
from ledger.facade.base.peers import Contact, plausible, printable
from ledger.facade.logs.heldstates import BranchState, LogState, ReceiptLine
from ledger.facade.peering.countylink import CountyNews
from ledger.facade.transfer.feeds import FeedPlace
from ledger.limits import INT_MAX, MOMENT_MS_MAX, NOTE_BYTES_MAX, PROOF_HASHES_MAX, WAITING_MAX
from ledger.stationid import is_station_id
from ledger.types import LedgerId, LogId, StationId
from sync.core.framing import HEADER_BYTES_MAX

SYNC_VERSION = 1
LOGS_MAX = 65_536
CONTACTS_MAX = 4_096
PROOFS_MAX = 256
VERSION_CHARS_MAX = 64
REFUSALS_MAX = 256
"""Refusals that one session tells or remembers; what is beyond is seen again when these are settled."""
_CODE = re.compile(r"[a-z0-9_.]{1,64}")

ItemT = TypeVar("ItemT")


@dataclass(frozen=True, slots=True, kw_only=True)
class Hello:
    """First section of a request.

    Attributes:
        station: who speaks; the certificate must say the same.
        sent_at_ms: its clock.
        version: version of its program.
        waiting: entries that its upstream has not confirmed, as far as it knows.
        oldest_ms: recorded time of the oldest of them; 0 for none.
        logs: what it holds of all logs that it sends or follows.
        branches: what it holds of divergent histories.
        county: (log id, size) of the newest county checkpoint that it holds; empty for none.
        proofs_from: sizes of county checkpoints that stations below hold.
        feed: how far it has taken the feed of the upper station.
        contacts: stations below that it has heard.
    """

    ledger_id: LedgerId
    station: StationId
    sent_at_ms: int
    version: str
    waiting: int
    oldest_ms: int
    logs: tuple[LogState, ...]
    branches: tuple[BranchState, ...]
    county: tuple[LogId, int] | None
    proofs_from: tuple[int, ...]
    feed: FeedPlace
    contacts: tuple[Contact, ...]

    def pack(self) -> bytes:
        """Return the canonical bytes."""
        return pack_header((
            SYNC_VERSION, self.ledger_id, self.station, self.sent_at_ms, self.version, self.waiting,
            self.oldest_ms, self.logs, self.branches, self.county or (), self.proofs_from,
            (self.feed.number, self.feed.chain),
            tuple(
                (one.station, one.heard_at_ms, one.waiting, one.oldest_ms, one.said_at_ms, one.version)
                for one in self.contacts
            ),
        ))  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Fork:
    """A log of which the two sides hold different histories: roots that the upper side has of it."""

    log_id: LogId
    roots: tuple[tuple[int, bytes], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """An own log whose end was lost here: what others hold of it is asked for.

    Attributes:
        after: entries that are held without gaps.
        positions: later positions that are held.
    """

    log_id: LogId
    after: int
    positions: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A section that was not taken, and why."""

    log_id: LogId
    first_seq: int
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """First section of an answer.

    Attributes:
        station: who answers; the certificate must say the same.
        answered_at_ms: its clock.
        logs: what it holds of the logs of the lower station's subtree, of registry and catalogue.
        branches: what it holds of their divergent histories.
        forks: logs whose histories differ.
        refused: sections that it did not take.
        wanted: own logs whose end was lost.
        receipts: newest cosignatures on the logs of the lower station's subtree.
        county: newest county checkpoint, if any.
        feed_start: where the excerpts of this answer begin in the feed.
        feed_end: where they end.
        feed_size: items of the whole feed, for progress.
        more: whether another session at once would bring more.
    """

    ledger_id: LedgerId
    station: StationId
    answered_at_ms: int
    version: str
    logs: tuple[LogState, ...]
    branches: tuple[BranchState, ...]
    forks: tuple[Fork, ...]
    refused: tuple[Refused, ...]
    wanted: tuple[Wanted, ...]
    receipts: tuple[ReceiptLine, ...]
    county: CountyNews | None
    feed_start: FeedPlace
    feed_end: FeedPlace
    feed_size: int
    more: bool

    def pack(self) -> bytes:
        """Return the canonical bytes."""
        county = self.county
        return pack_header((
            SYNC_VERSION, self.ledger_id, self.station, self.answered_at_ms, self.version, self.logs,
            self.branches,
            tuple((one.log_id, one.roots) for one in self.forks),
            tuple((one.log_id, one.first_seq, one.code) for one in self.refused),
            tuple((one.log_id, one.after, one.positions) for one in self.wanted),
            tuple((one.log_id, one.size, one.line.encode("utf-8")) for one in self.receipts),
            () if county is None else _county_fields(county),
            (self.feed_start.number, self.feed_start.chain), (self.feed_end.number, self.feed_end.chain),
            self.feed_size, int(self.more),
        ))  # fmt: skip


def pack_county(news: CountyNews) -> bytes:
    """Return the canonical bytes of a county checkpoint with its proofs, for a bundle."""
    return pack_header(_county_fields(news))


def decode_county(raw: bytes) -> CountyNews:
    """Return a county checkpoint with its proofs.

    Raises:
        EncodingError: ``encoding.*``; ``sync.field``.
    """
    found = _county(unpack_header(raw, limit=HEADER_BYTES_MAX))
    if found is None:
        raise EncodingError("sync.field", field="county")
    return found


def _county_fields(news: CountyNews) -> HeaderFields:
    return news.note, news.opening, news.proofs


def decode_hello(raw: bytes) -> Hello:
    """Return a hello.

    Raises:
        EncodingError: ``encoding.*``, ``sync.version``, ``sync.field`` with the name of a wrong field.
    """
    fields = _fields(raw, 13)
    (
        _, ledger, station, sent_at_ms, version, waiting, oldest_ms, logs, branches, county, proofs, feed,
        contacts,
    ) = fields  # fmt: skip
    return Hello(
        ledger_id=LedgerId(_bytes(ledger, 32, "ledger_id")),
        station=_station(station, "station"),
        sent_at_ms=min(_int(sent_at_ms, "sent_at_ms"), MOMENT_MS_MAX),
        version=printable(_text(version, "version")),
        waiting=min(_int(waiting, "waiting"), WAITING_MAX),
        oldest_ms=min(_int(oldest_ms, "oldest_ms"), MOMENT_MS_MAX),
        logs=_all(logs, _log_state, "logs", LOGS_MAX),
        branches=_all(branches, _branch_state, "branches", LOGS_MAX),
        county=_county_place(county),
        proofs_from=_all(proofs, lambda one: _int(one, "proofs_from"), "proofs_from", PROOFS_MAX),
        feed=_feed(feed, "feed"),
        contacts=_all(contacts, _contact, "contacts", CONTACTS_MAX),
    )


def decode_answer(raw: bytes) -> Answer:
    """Return an answer.

    Raises:
        EncodingError: as ``decode_hello``.
    """
    fields = _fields(raw, 16)
    (
        _, ledger, station, answered_at_ms, version, logs, branches, forks, refused, wanted, receipts, county,
        start, end, feed_size, more,
    ) = fields  # fmt: skip
    return Answer(
        ledger_id=LedgerId(_bytes(ledger, 32, "ledger_id")),
        station=_station(station, "station"),
        answered_at_ms=min(_int(answered_at_ms, "answered_at_ms"), MOMENT_MS_MAX),
        version=printable(_text(version, "version")),
        logs=_all(logs, _log_state, "logs", LOGS_MAX),
        branches=_all(branches, _branch_state, "branches", LOGS_MAX),
        forks=_all(forks, _fork, "forks", LOGS_MAX),
        refused=_all(refused, _refused, "refused", LOGS_MAX),
        wanted=_all(wanted, _wanted, "wanted", LOGS_MAX),
        receipts=_all(receipts, _receipt, "receipts", LOGS_MAX),
        county=_county(county),
        feed_start=_feed(start, "feed_start"),
        feed_end=_feed(end, "feed_end"),
        feed_size=_int(feed_size, "feed_size"),
        more=_int(more, "more") == 1,
    )


def _fields(raw: bytes, count: int) -> HeaderFields:
    fields = unpack_header(raw, limit=HEADER_BYTES_MAX, items_max=LOGS_MAX)
    if not fields or type(fields[0]) is not int:
        raise EncodingError("sync.field", field="version")
    if fields[0] != SYNC_VERSION:
        raise EncodingError("sync.version", version=fields[0], known=SYNC_VERSION)
    if len(fields) != count:
        raise EncodingError("sync.field", field="count")
    return fields


def _all(
    value: object, decode: Callable[[HeaderFields], ItemT], field: str, count_max: int
) -> tuple[ItemT, ...]:
    if type(value) is not tuple or len(value) > count_max:
        raise EncodingError("sync.field", field=field)
    return tuple(decode(one) for one in value)


def _tuple(value: object, count: int, field: str) -> HeaderFields:
    if type(value) is not tuple or len(value) != count:
        raise EncodingError("sync.field", field=field)
    return value


def _int(value: object, field: str) -> int:
    if type(value) is not int or not 0 <= value <= INT_MAX:
        raise EncodingError("sync.field", field=field)
    return value


def _bytes(value: object, count: int, field: str) -> bytes:
    if type(value) is not bytes or len(value) != count:
        raise EncodingError("sync.field", field=field)
    return value


def _blob(value: object, limit: int, field: str) -> bytes:
    if type(value) is not bytes or len(value) > limit:
        raise EncodingError("sync.field", field=field)
    return value


def _text(value: object, field: str) -> str:
    if type(value) is not str or len(value) > VERSION_CHARS_MAX or not value.isascii():
        raise EncodingError("sync.field", field=field)
    return value


def _code(value: object, field: str) -> str:
    # People read it on a terminal, where other characters would be commands.
    if type(value) is not str or _CODE.fullmatch(value) is None:
        raise EncodingError("sync.field", field=field)
    return value


def _station(value: object, field: str) -> StationId:
    if type(value) is not str or not is_station_id(value):
        raise EncodingError("sync.field", field=field)
    return StationId(value)


def _log_state(value: HeaderFields) -> LogState:
    log_id, size, root = _tuple(value, 3, "logs")
    return LogState(LogId(_bytes(log_id, 16, "logs")), _int(size, "logs"), _bytes(root, 32, "logs"))


def _branch_state(value: HeaderFields) -> BranchState:
    log_id, first_hash, first_seq, size, root = _tuple(value, 5, "branches")
    return BranchState(
        LogId(_bytes(log_id, 16, "branches")),
        _bytes(first_hash, 32, "branches"),
        _int(first_seq, "branches"),
        _int(size, "branches"),
        _bytes(root, 32, "branches"),
    )


def _fork(value: HeaderFields) -> Fork:
    log_id, roots = _tuple(value, 2, "forks")
    return Fork(log_id=LogId(_bytes(log_id, 16, "forks")), roots=_all(roots, _root, "forks", 128))


def _root(value: HeaderFields) -> tuple[int, bytes]:
    size, root = _tuple(value, 2, "forks")
    return _int(size, "forks"), _bytes(root, 32, "forks")


def _wanted(value: HeaderFields) -> Wanted:
    log_id, after, positions = _tuple(value, 3, "wanted")
    return Wanted(
        log_id=LogId(_bytes(log_id, 16, "wanted")),
        after=_int(after, "wanted"),
        positions=_all(positions, lambda one: _int(one, "wanted"), "wanted", LOGS_MAX),
    )


def _refused(value: HeaderFields) -> Refused:
    log_id, first_seq, code = _tuple(value, 3, "refused")
    return Refused(
        log_id=LogId(_bytes(log_id, 16, "refused")),
        first_seq=_int(first_seq, "refused"),
        code=_code(code, "refused"),
    )


def _receipt(value: HeaderFields) -> ReceiptLine:
    log_id, size, line = _tuple(value, 3, "receipts")
    raw = _blob(line, NOTE_BYTES_MAX, "receipts")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise EncodingError("sync.field", field="receipts") from error
    return ReceiptLine(LogId(_bytes(log_id, 16, "receipts")), _int(size, "receipts"), text)


def _county_place(value: object) -> tuple[LogId, int] | None:
    if value == ():
        return None
    log_id, size = _tuple(value, 2, "county")
    return LogId(_bytes(log_id, 16, "county")), _int(size, "county")


def _county(value: object) -> CountyNews | None:
    if value == ():
        return None
    note, opening, proofs = _tuple(value, 3, "county")
    return CountyNews(
        note=_blob(note, NOTE_BYTES_MAX, "county"),
        opening=_blob(opening, HEADER_BYTES_MAX, "county"),
        proofs=_all(proofs, _proof, "county", PROOFS_MAX),
    )


def _proof(value: HeaderFields) -> tuple[int, tuple[bytes, ...]]:
    size, hashes = _tuple(value, 2, "county")
    return _int(size, "county"), _all(
        hashes, lambda one: _bytes(one, 32, "county"), "county", PROOF_HASHES_MAX
    )


def _feed(value: object, field: str) -> FeedPlace:
    number, chain = _tuple(value, 2, field)
    return FeedPlace(number=_int(number, field), chain=_bytes(chain, 32, field))


def _contact(value: HeaderFields) -> Contact:
    station, heard_at_ms, waiting, oldest_ms, said_at_ms, version = _tuple(value, 6, "contacts")
    found = Contact(
        station=_station(station, "contacts"),
        heard_at_ms=_int(heard_at_ms, "contacts"),
        waiting=_int(waiting, "contacts"),
        oldest_ms=_int(oldest_ms, "contacts"),
        said_at_ms=_int(said_at_ms, "contacts"),
        version=_text(version, "contacts"),
    )
    return plausible(found)
