"""The one way into a log: entry, bodies, head, tree, views in one transaction; then checkpoint and sentinel.

Order of a checkpoint: commit the entries, sign the head, write the sentinel, store the note, let the next
writer in. A crash between any two leaves a sentinel that is behind the entries, never ahead of them, and no
stored note without a sentinel.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from ledger.cases.case import check
from ledger.cases.judge import ERASE
from ledger.cases.shape import CaseAct, CaseState
from ledger.errors import AuthorityError, DataError, RuleError, StoreError
from ledger.facade.base.casekeys import CaseKeys
from ledger.facade.base.clock import Clock
from ledger.facade.base.home import Home
from ledger.facade.base.ondemand import OnDemand
from ledger.facade.base.tables import APPLICANTS, NUMBERS, TOKENS
from ledger.facade.base.types import Decided, Noted, Performed, SignedAct
from ledger.facade.base.vault import Vault
from ledger.facade.cases.attachednames import is_erased
from ledger.facade.cases.casebook import CaseBook
from ledger.facade.cases.deskrules import DeskRules
from ledger.facade.cases.erased import erase_rows
from ledger.facade.cases.externals import require_own_number
from ledger.facade.cases.numbers import PAPER, number_row, paper_row
from ledger.facade.cases.people import AMEND
from ledger.facade.cases.twins import applicant_rows
from ledger.facade.cases.views import CaseView
from ledger.facade.logs.comingback import note_given_up
from ledger.facade.logs.countyseen import keep_seen, newest_seen
from ledger.facade.logs.lostends import BESIDE_CHAIN
from ledger.facade.logs.ownlog import NewEntry, OwnLog
from ledger.formats.act import Act, case_of, read_act, verify_act
from ledger.formats.body import check_facts, check_personal
from ledger.formats.checkpoint import checkpoint_hash
from ledger.identity import check_personal as check_people
from ledger.identity import search_keys
from ledger.known.knowledge import Knowledge
from ledger.registry.grant import signing_key
from ledger.rules.catalogue import Rules
from ledger.store import schema
from ledger.store.contract import Store, WriteTx
from ledger.store.tables import Row
from ledger.types import ActId, CaseId, Facts


class Writer:
    """Appends signed acts to own logs.

    Args:
        store: the open store, as its one writer.
        home: where sentinels go.
        vault: for personal bodies.
        view: the inline view of cases, told of each record before it is stored.

    Attributes:
        county_seen: hash of the newest county checkpoint held here, which every entry names; or nothing.
        noted: is told each act of no case before it is stored; None for nobody.
    """

    def __init__(
        self,
        *,
        store: Store,
        home: Home,
        vault: Vault,
        case_keys: CaseKeys,
        clock: Clock,
        view: CaseView,
        book: CaseBook,
        rules: DeskRules,
        knowledge: Knowledge,
    ) -> None:
        self._store = store
        self._home = home
        self._vault = vault
        self._clock = clock
        self._view = view
        self._book = book
        self._rules = rules
        self._knowledge = knowledge
        self._case_keys = case_keys
        self.county_seen = b""
        self.noted: Noted | None = None

    def append_case_act(self, log: OwnLog, decided: Decided) -> Performed:
        """Store an act of a case that this process checked and signed itself.

        Raises:
            RuleError: ``case.moved_on`` when the case has other heads by now; ``number.taken`` when another
                case carries the number by now. Nothing was written.
            StoreError: the store's own reasons; nothing was written.
        """
        signed, act, case_id = decided.signed, decided.act, decided.case_id
        entry = self._entry(log, signed, act.act_id, recorded_at_ms=act.recorded_at_ms)
        erases = act.action == ERASE and is_erased(decided.after)
        try:
            with self._store.write() as tx:
                if self._follows(tx, decided):
                    self._view.expect(log.name, entry.seq, case_id, decided.after, decided.rules)
                self._write(tx, log, signed, entry, act.act_id, case_id, act.action)
                if erases:
                    erase_rows(tx, case_id)
                if decided.personal is not None:
                    self._write_tokens(tx, case_id, decided.personal)
                    if not act.parents:
                        tx.insert_missing(APPLICANTS, applicant_rows(self._vault, case_id, decided.personal))
                number = act.facts.get("number")
                if not act.parents and isinstance(number, str):
                    _keep_number(tx, number, case_id, log)
                    paper = paper_row(act.facts, case_id, log.name)
                    if paper is not None:
                        tx.insert_missing(NUMBERS, [paper])
        except BaseException:
            self._view.forget_expected()
            self._book.forget(case_id)
            raise
        self._committed(log, entry, signed)
        if erases:
            self._case_keys.forget(case_id)
        return Performed(
            act_id=act.act_id, case_id=case_id, log_id=log.log_id, seq=entry.seq,
            number=signed.number, token=signed.token,
        )  # fmt: skip

    def append_foreign(self, log: OwnLog, signed: SignedAct) -> Performed:
        """Store an act that another process of this machine signed, after checking everything in it.

        Raises:
            AuthorityError: ``act.not_effective`` when the author had no authority; with the reason.
            DataError: signature, bodies or ledger do not hold.
            RuleError: ``case.moved_on``, ``act.outdated`` when it cites a registry or catalogue that is not
                the newest, ``platform.number_used``, ``platform.number_held``, or the reason why the act
                would be without effect.
            InputError: facts or personal data are not of their form.
        """
        known = read_act(signed.raw, signed.sig)
        header = known.header
        facts = check_facts(header, signed.facts)
        public_key = self._knowledge.registry.public_key(header.actor) or signing_key(facts, header.actor)
        if header.ledger_id != self._knowledge.registry.ledger_id or public_key is None:
            raise DataError("act.other_ledger")
        verify_act(signed.raw, signed.sig, public_key)
        personal = check_personal(header, signed.personal) if header.personal_hash else None
        act = self._knowledge.resolver.case_act(
            known, recorded_at_ms=self._clock.now_ms(), facts=facts, log_station=log.station
        )
        if act.blocked:
            raise AuthorityError("act.not_effective", reason=act.blocked)
        before, after, rules = self._check_foreign(known, act, personal, same_number=signed.same_number)
        return self.append_case_act(log, Decided(signed, act, case_of(known), personal, before, after, rules))

    def append_county_act(self, log: OwnLog, signed: SignedAct) -> Performed:
        """Store an act that belongs to no case: of the registry or catalogue log, or a provisional grant."""
        return self._append_of_no_case(log, signed, ())

    def append_opening(self, log: OwnLog, signed: SignedAct) -> Performed:
        """Store the act that opens a log, as its first record, and the row that says so."""
        genesis = log.genesis
        row = (log.name, genesis.kind, genesis.station, genesis.pack(), 1, "")
        return self._append_of_no_case(log, signed, (row,))

    def _append_of_no_case(self, log: OwnLog, signed: SignedAct, opened: Sequence[Row]) -> Performed:
        known = read_act(signed.raw, signed.sig)
        case_id = case_of(known)
        entry = self._entry(log, signed, known.act_id)
        if self.noted is not None:
            self.noted(signed)
        with self._store.write() as tx:
            if opened:
                tx.insert(schema.LOGS, opened)
            self._write(tx, log, signed, entry, known.act_id, case_id, known.header.action)
        self._committed(log, entry, signed)
        return Performed(act_id=known.act_id, case_id=case_id, log_id=log.log_id, seq=entry.seq)

    def seal(self, doubts: Sequence[tuple[OwnLog, str]]) -> None:
        """Write down that this machine came back from an older state: own logs not continued, and why.

        Their last entries get a checkpoint where the key is here: without one they could never be given to
        anybody. The sentinel stays as it is, for it may know more than the log.
        """
        with self._store.write() as tx:
            if any(state != BESIDE_CHAIN for _, state in doubts) or not doubts:
                note_given_up(tx, self._clock.now_ms(), kinds={log.kind for log, _ in doubts})
            for log, state in doubts:
                row = tx.get(schema.LOGS, (log.name,))
                if row is None:
                    continue
                tx.upsert(schema.LOGS, [(*row[:5], state)])
                note = log.sign_last()
                if note:
                    tx.insert_missing(schema.CHECKPOINTS, [(log.name, log.size, note)])

    def checkpoint(self, log: OwnLog) -> bytes:
        """Sign the head of a log, store the note and write the sentinel; returns the note.

        Raises:
            StoreError: ``log.closed``; or the store's own reasons.
        """
        if log.kind == "merge":
            # Its leaves are written behind the back of this object.
            with self._store.read() as tx:
                log.load(tx)
        note = log.sign_head()
        self._home.write_sentinel(log.log_id, note.decode("utf-8"))
        with self._store.write() as tx:
            tx.insert_missing(schema.CHECKPOINTS, [(log.name, log.size, note)])
            if log.kind == "merge" and newest_seen(tx) != log.checkpoint():
                keep_seen(tx, note, now_ms=self._clock.now_ms(), state="")
        log.sealed()
        if log.kind == "merge":
            self.county_seen = checkpoint_hash(log.checkpoint())
        return note

    def _entry(self, log: OwnLog, signed: SignedAct, known_id: ActId, *, recorded_at_ms: int = 0) -> NewEntry:
        if log.doubt or log.signer is None:
            raise StoreError("log.closed", log=log.log_id, reason=log.doubt or "log.key_missing")
        return log.next_entry(
            signed.raw, signed.sig, known_id,
            clock=self._clock, county_seen=self.county_seen, recorded_at_ms=recorded_at_ms,
        )  # fmt: skip

    def _check_foreign(
        self, known: Act, act: CaseAct, personal: Facts | None, *, same_number: bool
    ) -> tuple[CaseState | None, CaseState, Rules]:
        """Ask what was asked when the act was prepared: its author may have asked something else."""
        newest = (self._knowledge.registry.size, self._knowledge.catalogue.size)
        if (known.header.registry_size, known.header.catalogue_version) != newest:
            # A key retired meanwhile would otherwise go on under the registry that it was prepared with.
            raise RuleError("act.outdated", action=act.action)
        if personal is not None:
            check_people(personal, corrects=act.action == AMEND)
        with OnDemand(self._store) as reading:
            state: CaseState | None = None
            if not act.parents:
                rules = self._book.rules_for_opening(act)
            else:
                state, rules, _ = self._book.load(reading.tx(), case_of(known))
                if state.heads != act.parents:
                    raise RuleError("case.moved_on", number=state.number)
            after = check(state, rules, act)
            self._rules.require(reading, state, rules, act, personal)
            if not same_number:
                require_own_number(reading.tx, state, act.facts)
        return state, after, rules

    def _follows(self, tx: WriteTx, decided: Decided) -> bool:
        """Return whether the case is still the one that was judged; else its row needs another fold.

        Raises:
            RuleError: ``case.moved_on`` when it has other heads.
        """
        if decided.before is None:
            # Acts that follow this one may have come from elsewhere before it.
            return not tx.count(schema.ACTS, {"case_id": decided.case_id})
        state = self._book.load(tx, decided.case_id).state
        if state.heads != decided.act.parents:
            raise RuleError("case.moved_on", number=state.number)
        return state is decided.before

    def _write(
        self,
        tx: WriteTx,
        log: OwnLog,
        signed: SignedAct,
        entry: NewEntry,
        known_id: ActId,
        case_id: CaseId,
        action: str,
    ) -> None:
        tx.append(log.name, entry.seq, [(action, entry.frame)])
        tx.insert(schema.ACTS, [(case_id, known_id, log.name, entry.seq, action)])
        nonce = sealed = None
        if signed.personal:
            nonce = self._vault.nonce()
            sealed = self._case_keys.get(tx, case_id).seal(signed.personal, act_id=known_id, nonce=nonce)
        tx.insert(schema.BODIES, [(log.name, entry.seq, signed.facts, nonce, sealed)])
        log.write_head(tx, entry)

    def _write_tokens(self, tx: WriteTx, case_id: CaseId, personal: Facts) -> None:
        keys = search_keys(personal)
        if keys:
            tx.insert_missing(TOKENS, [(token, case_id) for token in self._vault.tokens(keys)])

    def _committed(self, log: OwnLog, entry: NewEntry, signed: SignedAct) -> None:
        self._case_keys.committed()
        log.adopt(entry, len(signed.facts) + len(signed.personal))
        if log.is_due:
            # The act is safe, so a failing checkpoint must not tell otherwise; the next entry tries again.
            with suppress(StoreError):
                self.checkpoint(log)


def _keep_number(tx: WriteTx, number: str, case_id: CaseId, log: OwnLog) -> None:
    """Two commands beside a server may have minted the same number: the second must mint anew."""
    if any(row[3] != PAPER for row in tx.select(NUMBERS, {"number": number})):
        raise RuleError("number.taken", number=number)
    tx.insert(NUMBERS, [number_row(number, case_id, log.name)])
