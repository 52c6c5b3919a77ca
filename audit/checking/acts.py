"""The checks of one act: its own log, its author, its signature, its bodies, its row in the table of acts.

Source: docs/protocol.md, "What a verifier checks".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from audit.checking.tally import Tally
from audit.reading.abovetimes import AboveTimes
from audit.reading.findings import Finding, Severity, error, from_error, notice, warning
from audit.reading.judge import AWAITING, Judge
from audit.reading.personal import NONCE_BYTES, PersonalReader
from audit.reading.source import Cell, EventRow, Source
from ledger.cases.shape import local_day
from ledger.cases.toldday import NIGHT_EDGE_MS, date_of, entered_on
from ledger.errors import BanjianError, Param
from ledger.formats.act import Act, ActHeader, case_of
from ledger.formats.body import check_facts
from ledger.formats.entry import Entry
from ledger.formats.genesis import OPEN_LOG, LogGenesis
from ledger.formats.keys import verify
from ledger.hashing import CTX_ACT_SIGN
from ledger.known.opening import is_misplaced
from ledger.lawtime import DAY_MS
from ledger.registry.authority import PROVISIONAL_GRANT
from ledger.registry.grant import signing_key
from ledger.types import Facts, KeyId, LedgerId, LogId, StationId

OPAQUE = "opaque"
"""Topic of a frame whose act failed a check when it was stored: kept, without effect."""
PAPER_SHOWN_MAX = 40
"""Characters of a paper's number that a finding repeats: what a case type lets one have."""
TAG_BYTES = 16
"""What AES-GCM adds to a body."""
CLAIM_AHEAD_MS_MAX = 10 * 60_000
"""How far a claimed time may lie after the recorded one before it is worth a notice."""
CLAIM_BEHIND_MS_MAX = DAY_MS
"""How far it may lie before it without being a late entry from paper."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogContext:
    """What the checks of one log need.

    Attributes:
        name: name of the log in the file: the id in hex, and for a branch ``~`` and where it begins.
        genesis_hash: predecessor of entry 1.
        common: entries of the log before the first one that stands here: those that a branch shares with it.
        judge: registry and catalogue, folded.
        personal: opens personal bodies; None without the storage key.
        source: where the rare row is looked up that does not lie beside its frame.
        authors: answers that were given before.
        above: when the station above held the log without some entry; None where its receipts tell nothing.
        written_here: whether this installation wrote the log: it had every personal body, and the keys.
        continued_here: whether it goes on writing it: no entry of it ever came from elsewhere.
    """

    name: str
    log_id: LogId
    ledger_id: LedgerId
    genesis: LogGenesis
    genesis_hash: bytes
    judge: Judge
    source: Source
    personal: PersonalReader | None = None
    common: int = 0
    authors: dict[tuple[KeyId, int, str, StationId], bytes | None] = field(default_factory=dict)
    above: AboveTimes | None = None
    written_here: bool = False
    continued_here: bool = False


class _Carried(NamedTuple):
    """What an act says in its facts, if they are its own; their bytes; and when its entry was recorded."""

    facts: Facts | None
    body: Cell
    recorded_at_ms: int


class ActChecker:
    """Checks the acts of one batch and keeps what it found.

    Args:
        context: the log.
        report: takes findings.
        tally: is counted up.
        signatures: takes those that ``verify_all`` is to verify.
    """

    __slots__ = ("_authors", "_context", "_ledger_id", "_report", "_signatures", "_tally")

    def __init__(
        self,
        context: LogContext,
        report: Callable[[Finding], None],
        tally: Tally,
        signatures: list[Unverified],
    ) -> None:
        self._context = context
        self._report = report
        self._tally = tally
        self._ledger_id = context.ledger_id
        self._authors = context.authors
        self._signatures = signatures

    def check(self, row: EventRow, act: Act, entry: Entry, seq: int) -> None:
        """Check one act that decodes; every rule by itself, so that one fault hides no other."""
        header = act.header
        self._tally.acts += 1
        body, nonce, sealed = row.facts, row.nonce, row.personal
        if body is None:
            place = (self._context.name, seq)
            body, nonce, sealed = self._context.source.bodies_elsewhere(act, place) or (body, nonce, sealed)
        public_key = self._author(header)
        if public_key is None or row.topic != header.action or header.ledger_id != self._ledger_id:
            self._check_author(row.topic, act, seq, body, entry.recorded_at_ms)
        else:
            self._signatures.append((public_key, act, seq, self))
        facts = self._facts(body, act, seq)
        if header.personal_hash or sealed is not None or nonce is not None:
            self._personal(nonce, sealed, act, seq)
        if header.attachments:
            self._tally.attachments += len(header.attachments)
        behind_ms = entry.recorded_at_ms - header.occurred_at_ms
        if not -CLAIM_AHEAD_MS_MAX <= behind_ms <= CLAIM_BEHIND_MS_MAX:
            self._claimed_time(facts, act, seq, behind_ms)
        if facts and "late_entry" in facts:
            self._late_entry(facts, act, seq, behind_ms)
        if facts and "stand_in_for" in facts and self._context.genesis.kind == "station":
            self._stand_in(facts, act, seq)

    def refuse(self, act: Act, seq: int) -> None:
        """Take the news that the signature of an act does not hold."""
        place = (self._context.name, seq)
        if place not in self._tally.broken:
            # What was found later than this would have been counts for less.
            self._tally.blocked.pop(place, None)
        self._block(error, "act.signature", act, seq)

    def _author(self, header: ActHeader) -> bytes | None:
        """Return the key that signed, when only the signature is left to check; most acts ask the same."""
        question = (header.actor, header.registry_size, header.action, header.station)
        try:
            return self._authors[question]
        except KeyError:
            self._authors[question] = found = self._plain_author(header)
            return found

    def _plain_author(self, header: ActHeader) -> bytes | None:
        context = self._context
        judge, genesis = context.judge, context.genesis
        if genesis.kind != "station" or header.action == OPEN_LOG or header.station != genesis.station:
            return None
        if (
            header.action == PROVISIONAL_GRANT
            or header.actor in judge.retirements
            or is_misplaced(header.action, genesis.kind, 0)
        ):
            return None
        plain = not judge.standing(header, (context.name, 0), genesis).code
        return judge.public_key(header.actor) if plain else None

    def _check_author(self, topic: Cell, act: Act, seq: int, body: Cell, recorded_at_ms: int) -> None:
        header = act.header
        carried = _Carried(sound_facts(header, body), body, recorded_at_ms)
        if topic != header.action and topic != OPAQUE:
            self._find(error, "frame.topic", act, seq, expected=header.action, found=str(topic))
        if header.ledger_id != self._ledger_id:
            self._block(warning if topic == OPAQUE else error, "act.ledger", act, seq)
        station = self._context.genesis.station
        if header.station != station:
            self._find(warning, "act.other_station", act, seq, station=header.station, log_station=station)
        if is_misplaced(header.action, self._context.genesis.kind, seq + self._context.common):
            self._find(warning, "act.misplaced", act, seq, action=header.action)
        fault = self._signature_fault(act, carried.facts)
        if not fault:
            self._standing(act, seq, carried)
        elif fault == AWAITING:
            self._await(act, seq)
            if topic == OPAQUE:
                # Stored as one that never counts; a longer registry does not change that here.
                self._tally.blocked.setdefault((self._context.name, seq), "authority.key_unknown")
                self._tally.doubted.add(case_of(act))
        else:
            # It may have been stored when its key was known, by entries that turned out not to count.
            forgotten = fault == "authority.key_unknown" and self._context.judge.superseded
            self._block(warning if topic == OPAQUE or forgotten else error, fault, act, seq)
        if topic == OPAQUE:
            foreign = header.ledger_id != self._ledger_id
            self._opaque(act, seq, sound=type(body) is bytes and not fault and not foreign)

    def _signature_fault(self, act: Act, facts: Facts | None) -> str:
        judge = self._context.judge
        public_key = judge.public_key(act.header.actor) or signing_key(facts, act.header.actor)
        if public_key is None:
            ahead = act.header.registry_size > judge.knowledge.registry.size
            return AWAITING if ahead else "authority.key_unknown"
        return "" if verify(public_key, act.sig, CTX_ACT_SIGN + act.raw) else "act.signature"

    def _standing(self, act: Act, seq: int, carried: _Carried) -> None:
        judge = self._context.judge
        standing = judge.standing(
            act.header, (self._context.name, seq), self._context.genesis,
            facts=carried.facts, recorded_at_ms=carried.recorded_at_ms,
        )  # fmt: skip
        if standing.code == AWAITING:
            self._await(act, seq)
        elif standing.code:
            opens = act.header.action == OPEN_LOG and seq + self._context.common == 1
            severity = error if opens else warning
            header = act.header
            self._find(
                severity, standing.code, act, seq, key=header.actor,
                station=header.station, size=header.registry_size, action=header.action,
            )  # fmt: skip
        else:
            if judge.retirements:
                lane = judge.lane(
                    act.header.actor, self._context.log_id, seq + self._context.common, under=standing.under
                )
                if lane:
                    self._find(warning, "act.key_ended", act, seq, reason=lane)
            under = standing.under
            if under is not None and not self._context.source.is_logged(under.grant_id, under.station):
                self._find(notice, "grant.not_logged", act, seq, station=under.station)
            if act.header.action == PROVISIONAL_GRANT and self._context.genesis.kind == "station":
                self._grant(act, seq, carried)

    def _grant(self, act: Act, seq: int, carried: _Carried) -> None:
        """Tell of a grant in its log: given, or why it has no force."""
        if carried.facts is None or type(carried.body) is not bytes:
            return
        fault = self._context.judge.grant_fault(act, carried.body)
        station, staff_no = act.header.station, str(carried.facts.get("staff_no", ""))
        make, code = (warning, fault) if fault else (notice, "grant.given")
        self._find(make, code, act, seq, station=station, staff_no=staff_no)

    def _await(self, act: Act, seq: int) -> None:
        self._tally.awaiting += 1
        held = self._context.judge.knowledge.registry.size
        self._find(notice, AWAITING, act, seq, cited=act.header.registry_size, held=held)

    def _opaque(self, act: Act, seq: int, *, sound: bool) -> None:
        self._tally.opaque += 1
        if sound and (self._context.name, seq) not in self._tally.broken:
            self._find(notice, "frame.opaque_sound", act, seq)

    def _facts(self, body: Cell, act: Act, seq: int) -> Facts | None:
        if type(body) is not bytes:
            # No honest receiver takes in an act without them: somebody took them away.
            self._block(error, "act.facts_missing", act, seq)
            return None
        try:
            return check_facts(act.header, body)
        except BanjianError as raised:
            # Right hash, but no body: that is what the author signed. Wrong hash: the file was changed.
            self._block(error if raised.code == "act.facts_hash" else warning, raised.code, act, seq)
            return None

    def _personal(self, nonce: Cell, sealed: Cell, act: Act, seq: int) -> None:
        header = act.header
        if sealed is None and nonce is None:
            self._tally.personal_erased += 1
            if self._context.written_here:
                self._tally.taken[case_of(act)] += 1
        elif not header.personal_hash:
            self._find(error, "personal.unexpected", act, seq)
        elif type(sealed) is not bytes or type(nonce) is not bytes:
            self._find(error, "personal.cipher", act, seq)
        else:
            self._open(nonce, sealed, act, seq)

    def _open(self, nonce: bytes, sealed: bytes, act: Act, seq: int) -> None:
        case_id, reader = case_of(act), self._context.personal
        wrapped = self._context.source.wrapped_key(case_id)
        if wrapped is None:
            # Whoever stores a body encrypts it under a key of its own: the key was here.
            self._tally.unkeyed[case_id] += 1
        elif reader is None:
            self._tally.personal_sealed += 1
        if reader is None or type(wrapped) is not bytes:
            if len(nonce) != NONCE_BYTES or len(sealed) != act.header.personal_len + TAG_BYTES:
                self._find(error, "personal.length", act, seq)
            return
        try:
            reader.check(act.header, act.act_id, case_id, wrapped=wrapped, nonce=nonce, ciphertext=sealed)
            self._tally.personal_read += 1
        except BanjianError as raised:
            # Right hash, but no body: that is what the author signed.
            signed = raised.code.startswith(("encoding.", "body."))
            told: Severity = "warning" if signed else "error"
            self._report(from_error(raised, severity=told, log=self._context.name, seq=seq, act=act.act_id))

    def _claimed_time(self, facts: Facts | None, act: Act, seq: int, behind_ms: int) -> None:
        if behind_ms < 0:
            self._find(notice, "time.claimed_ahead", act, seq, minutes=-behind_ms // 60_000)
        elif not (facts and facts.get("late_entry")):
            self._find(notice, "time.backdated", act, seq, hours=behind_ms // 3_600_000)

    def _late_entry(self, facts: Facts, act: Act, seq: int, behind_ms: int) -> None:
        """Tell of a time that is one person's word, however little it lies behind: limits run from it."""
        late = facts["late_entry"]
        said = late.get("paper_no") if isinstance(late, dict) else None
        paper = "".join(filter(str.isprintable, said))[:PAPER_SHOWN_MAX] if isinstance(said, str) else ""
        self._find(notice, "time.late_entry", act, seq, paper=paper, hours=max(0, behind_ms) // 3_600_000)
        self._day_of_typing(facts, act, seq, act.header.occurred_at_ms + behind_ms)

    def _stand_in(self, facts: Facts, act: Act, seq: int) -> None:
        """Tell of somebody stood in for of whom the registry that the act cites says nothing."""
        said, registry, header = facts["stand_in_for"], self._context.judge.knowledge.registry, act.header
        held = registry.authority(header.actor, size=min(header.registry_size, registry.size))
        if held is None or header.registry_size > registry.size:
            # a key under a grant goes on with what the one before it had; an act that waits is judged later
            return
        known = {no for role, _, _ in held.stand_ins for no in held.stands_in_for(role, header.station)}
        if not isinstance(said, str) or said not in known:
            shown = "".join(filter(str.isprintable, str(said)))[:PAPER_SHOWN_MAX]
            self._find(notice, "act.stand_in_unregistered", act, seq, staff_no=shown, station=header.station)

    def _day_of_typing(self, facts: Facts, act: Act, seq: int, recorded_at_ms: int) -> None:
        """Compare the day on which an act says that it was typed with what others than its author say."""
        entered = entered_on(facts)
        if entered is None:
            return
        above = self._context.above
        known_ms = max(recorded_at_ms, 0 if above is None else above.without(seq)) - NIGHT_EDGE_MS
        if entered < local_day(known_ms):
            params = {"entered": date_of(entered), "known": date_of(local_day(known_ms))}
            self._find(notice, "time.entered_before", act, seq, **params)

    def _block(self, make: Callable[..., Finding], code: str, act: Act, seq: int) -> None:
        self._tally.blocked.setdefault((self._context.name, seq), code)
        self._tally.doubted.add(case_of(act))
        self._find(make, code, act, seq, key=act.header.actor, size=act.header.registry_size)

    def _find(self, make: Callable[..., Finding], code: str, act: Act, seq: int, **params: Param) -> None:
        self._report(make(code, log=self._context.name, seq=seq, act=act.act_id, **params))


Unverified: TypeAlias = tuple[bytes, Act, int, ActChecker]
"""Public key, act, position, and who is to be told."""


def verify_all(signatures: Sequence[Unverified]) -> None:
    """Verify signatures, one after the other.

    They take most of the time of an audit, and a tenth less when nothing else runs between them.
    """
    for public_key, act, seq, checker in signatures:
        if not verify(public_key, act.sig, CTX_ACT_SIGN + act.raw):
            checker.refuse(act, seq)


def sound_facts(header: ActHeader, body: Cell) -> Facts | None:
    """Return the facts of an act; None where they are missing, not its own, or no body."""
    if type(body) is not bytes:
        return None
    try:
        return check_facts(header, body)
    except BanjianError:
        return None
