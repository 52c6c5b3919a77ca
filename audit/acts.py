"""The checks of one act: its own log, its author, its signature, its bodies, its row in the table of acts.

Source: docs/protocol.md, "What a verifier checks".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from audit.findings import Finding, error, from_error, notice, warning
from audit.judge import AWAITING, Judge
from audit.personal import PersonalReader
from audit.source import Cell, EventRow
from ledger.act import Act, ActHeader, case_of
from ledger.authority import REGISTRY_ACTIONS
from ledger.body import check_facts
from ledger.entry import Entry
from ledger.errors import BanjianError, Param
from ledger.genesis import LogGenesis
from ledger.hashing import CTX_ACT_SIGN
from ledger.keys import verify
from ledger.knowledge import CATALOGUE_ACTIONS
from ledger.types import ActId, Facts, LedgerId, LogId

OPEN_LOG = "open_log"
OPAQUE = "opaque"
"""Topic of a frame whose act failed a check when it was stored: kept, without effect."""
CLAIM_AHEAD_MS_MAX = 10 * 60_000
"""How far a claimed time may lie after the recorded one before it is worth a notice."""
CLAIM_BEHIND_MS_MAX = 24 * 3_600_000
"""How far it may lie before it without being a late entry from paper."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogContext:
    """What the checks of one log need; shared by threads, never changed.

    Attributes:
        name: name of the log in the file: the id in hex, and for a branch ``~`` and where it begins.
        genesis_hash: predecessor of entry 1.
        judge: registry and catalogue, folded.
        personal: opens personal bodies; None without the storage key.
    """

    name: str
    log_id: LogId
    ledger_id: LedgerId
    genesis: LogGenesis
    genesis_hash: bytes
    judge: Judge
    personal: PersonalReader | None = None


@dataclass(slots=True, kw_only=True)
class Tally:
    """What a batch counts beside its findings."""

    acts: int = 0
    indexed: int = 0
    opaque: int = 0
    awaiting: int = 0
    attachments: int = 0
    personal_sealed: int = 0
    personal_read: int = 0
    personal_erased: int = 0
    blocked: dict[tuple[str, int], str] = field(default_factory=dict)
    elsewhere: list[tuple[str, int, ActId, Cell, Cell]] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        """Take another tally into this one."""
        self.acts += other.acts
        self.indexed += other.indexed
        self.opaque += other.opaque
        self.awaiting += other.awaiting
        self.attachments += other.attachments
        self.personal_sealed += other.personal_sealed
        self.personal_read += other.personal_read
        self.personal_erased += other.personal_erased
        self.blocked.update(other.blocked)
        self.elsewhere.extend(other.elsewhere)


class ActChecker:
    """Checks the acts of one batch and keeps what it found.

    Args:
        context: the log.
        report: takes findings.
        tally: is counted up.
    """

    __slots__ = ("_context", "_ledger_id", "_public_key", "_report", "_station", "_tally")

    def __init__(self, context: LogContext, report: Callable[[Finding], None], tally: Tally) -> None:
        self._context = context
        self._report = report
        self._tally = tally
        self._ledger_id = context.ledger_id
        self._station = context.genesis.station
        self._public_key = context.judge.public_key

    def check(self, row: EventRow, act: Act, entry: Entry) -> None:
        """Check one act that decodes; every rule by itself, so that one fault hides no other."""
        header = act.header
        seq = entry.seq
        topic = row.topic
        self._tally.acts += 1
        if topic != header.action and topic != OPAQUE:
            self._find(error, "frame.topic", act, seq, expected=header.action, found=str(topic))
        if header.ledger_id != self._ledger_id:
            self._block(error, "act.ledger", act, seq)
        if header.station != self._station:
            self._find(
                warning, "act.other_station", act, seq, station=header.station, log_station=self._station
            )
        if is_misplaced(header.action, self._context.genesis.kind, seq):
            self._find(warning, "act.misplaced", act, seq, action=header.action)
        fault = self._signature_fault(act)
        if not fault:
            self._standing(act, seq)
        elif fault == AWAITING:
            self._await(act, seq)
        else:
            self._block(warning if topic == OPAQUE else error, fault, act, seq)
        if topic == OPAQUE:
            self._opaque(act, seq, fault)
        facts = self._facts(row, act, seq)
        self._index(row, act, seq)
        if header.personal_hash or row.personal_ciphertext is not None:
            self._personal(row, act, seq)
        if header.attachments:
            self._tally.attachments += len(header.attachments)
        behind_ms = entry.recorded_at_ms - header.occurred_at_ms
        if not -CLAIM_AHEAD_MS_MAX <= behind_ms <= CLAIM_BEHIND_MS_MAX:
            self._claimed_time(header, facts, act, seq, behind_ms)

    def _signature_fault(self, act: Act) -> str:
        public_key = self._public_key(act.header.actor)
        if public_key is None:
            ahead = act.header.registry_size > self._context.judge.knowledge.registry.size
            return AWAITING if ahead else "authority.key_unknown"
        return "" if verify(public_key, act.sig, CTX_ACT_SIGN + act.raw) else "act.signature"

    def _standing(self, act: Act, seq: int) -> None:
        judge = self._context.judge
        standing = judge.standing(act.header, (self._context.name, seq), self._context.genesis)
        if standing.code == AWAITING:
            self._await(act, seq)
        elif standing.code:
            severity = error if act.header.action == "open_log" and seq == 1 else warning
            header = act.header
            self._find(
                severity, standing.code, act, seq, key=header.actor,
                station=header.station, size=header.registry_size, action=header.action,
            )  # fmt: skip
        elif judge.retirements:
            lane = judge.lane(act.header.actor, self._context.log_id, seq)
            if lane:
                self._find(warning, "act.key_ended", act, seq, reason=lane)

    def _await(self, act: Act, seq: int) -> None:
        self._tally.awaiting += 1
        held = self._context.judge.knowledge.registry.size
        self._find(notice, AWAITING, act, seq, cited=act.header.registry_size, held=held)

    def _opaque(self, act: Act, seq: int, fault: str) -> None:
        self._tally.opaque += 1
        if not fault:
            self._find(notice, "frame.opaque_sound", act, seq)

    def _facts(self, row: EventRow, act: Act, seq: int) -> Facts | None:
        body = row.facts
        if type(body) is not bytes:
            body = None
        if body is None:
            self._block(error, "act.facts_missing", act, seq)
            return None
        try:
            return check_facts(act.header, body)
        except BanjianError as raised:
            # Right hash, but no body: that is what the author signed. Wrong hash: the file was changed.
            self._block(error if raised.code == "act.facts_hash" else warning, raised.code, act, seq)
            return None

    def _index(self, row: EventRow, act: Act, seq: int) -> None:
        """The table of acts leads everybody who asks for a case to its frames: it must say what they say."""
        if row.index_case is None:
            self._find(error, "acts.missing", act, seq)
            return
        header = act.header
        if row.index_log == self._context.name and row.index_seq == seq:
            self._tally.indexed += 1
        else:
            # After a restore an act may stand in two logs; the table names one. Looked at in the end.
            self._tally.elsewhere.append((self._context.name, seq, act.act_id, row.index_log, row.index_seq))
        if row.index_case != case_of(act):
            self._find(error, "acts.row", act, seq, field="case_id")
        elif row.index_action != row.topic:
            self._find(error, "acts.row", act, seq, field="action")
        elif row.index_occurred_at_ms != header.occurred_at_ms:
            self._find(error, "acts.row", act, seq, field="occurred_at_ms")

    def _personal(self, row: EventRow, act: Act, seq: int) -> None:
        header = act.header
        sealed, nonce = row.personal_ciphertext, row.personal_nonce
        if sealed is None and row.personal_case is None:
            self._tally.personal_erased += 1
            return
        if not header.personal_hash:
            self._find(error, "personal.unexpected", act, seq)
            return
        if row.personal_case != case_of(act):
            self._find(error, "personal.case", act, seq)
            return
        if type(sealed) is not bytes or type(nonce) is not bytes:
            self._find(error, "personal.cipher", act, seq)
            return
        reader = self._context.personal
        if reader is None or type(row.wrapped) is not bytes:
            self._tally.personal_sealed += 1
            if not reader_fits(len(sealed), len(nonce), header.personal_len):
                self._find(error, "personal.length", act, seq)
            return
        try:
            reader.check(
                header, act.act_id, case_of(act), wrapped=row.wrapped, nonce=nonce, ciphertext=sealed
            )
            self._tally.personal_read += 1
        except BanjianError as raised:
            self._report(from_error(raised, log=self._context.name, seq=seq, act=act.act_id))

    def _claimed_time(
        self, header: ActHeader, facts: Facts | None, act: Act, seq: int, behind_ms: int
    ) -> None:
        if behind_ms < 0:
            self._find(notice, "time.claimed_ahead", act, seq, minutes=-behind_ms // 60_000)
        elif not (facts and facts.get("late_entry")):
            self._find(notice, "time.backdated", act, seq, hours=behind_ms // 3_600_000)

    def _block(self, make: Callable[..., Finding], code: str, act: Act, seq: int) -> None:
        self._tally.blocked.setdefault((self._context.name, seq), code)
        self._find(make, code, act, seq, key=act.header.actor, size=act.header.registry_size)

    def _find(self, make: Callable[..., Finding], code: str, act: Act, seq: int, **params: Param) -> None:
        self._report(make(code, log=self._context.name, seq=seq, act=act.act_id, **params))


def is_misplaced(action: str, kind: str, seq: int) -> bool:
    """Return whether an act can count for nothing where it stands, whoever signed it.

    What the registry log holds is judged by the registry itself.
    """
    if action == OPEN_LOG:
        return seq > 1
    if kind == "station":
        return action in REGISTRY_ACTIONS or action in CATALOGUE_ACTIONS
    if kind == "catalogue":
        return action not in CATALOGUE_ACTIONS
    return kind == "merge"


def reader_fits(ciphertext_len: int, nonce_len: int, personal_len: int) -> bool:
    """Return whether a sealed body can be the one that the act names, by its lengths alone."""
    return nonce_len == 12 and ciphertext_len == personal_len + 16
