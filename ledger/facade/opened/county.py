"""Acts that belong to no case: opening logs, the registry, the catalogue; and erasure.

A person signs with ``prepare`` in any process that reads the ledger; the one that writes checks everything
again in ``submit``. The registry refuses before anything is stored: the same judgement that every other
station will make later is asked with the act as it would be stored.
"""

from __future__ import annotations

from ledger.errors import AuthorityError, DataError, RuleError, StoreError
from ledger.facade.base.casekeys import CaseKeys
from ledger.facade.base.clock import Clock, Randomness
from ledger.facade.base.home import Home
from ledger.facade.base.types import Performed, SignedAct
from ledger.facade.cases.casebook import CaseBook
from ledger.facade.cases.erased import erase_rows, erased_bodies
from ledger.facade.cases.signing import county_facts, sign_bodies
from ledger.facade.cases.views import CaseView
from ledger.facade.cases.writing import Writer
from ledger.facade.logs.countyfold import COUNTY_KINDS, CountyFold
from ledger.facade.logs.drafts import Drafts, check_founded, require_below
from ledger.facade.logs.lostends import BESIDE_CHAIN
from ledger.facade.logs.opening import HeldLog, Holdings
from ledger.facade.logs.ownlog import OwnLog
from ledger.facade.logs.succession import Succession
from ledger.facade.transfer.rejudging import learn_county
from ledger.formats.act import ActHeader, decode_act, verify_act
from ledger.formats.body import check_facts, check_personal, new_body
from ledger.formats.genesis import OPEN_LOG, LogGenesis, LogKind, decode_log_genesis
from ledger.formats.keys import Signer
from ledger.known.knowledge import CATALOGUE_ACTIONS, Knowledge
from ledger.limits import SALT_BYTES
from ledger.lint.calendar import lint_published
from ledger.registry import actions as registry_actions
from ledger.registry.authority import Refusal, check_log_opening
from ledger.registry.registry import RegistryAct, Thread
from ledger.store.contract import Store
from ledger.types import CaseId, Facts, KeyId, StationId

NO_THREAD = Thread(case_id=CaseId(b""), parents=())


class CountyDesk:
    """Writes into the registry and the catalogue log, and opens logs.

    ``drafts`` holds the keys that this process made and nobody has signed for yet.
    """

    def __init__(
        self,
        *,
        store: Store,
        home: Home,
        writer: Writer,
        case_keys: CaseKeys,
        view: CaseView,
        book: CaseBook,
        fold: CountyFold,
        holdings: Holdings,
        succession: Succession,
        own: dict[str, OwnLog],
        clock: Clock,
        randomness: Randomness,
        main: StationId | None = None,
    ) -> None:
        self._main = main
        self._succession = succession
        self.drafts = Drafts(home=home, store=store, succession=succession, randomness=randomness)
        self._store = store
        self._writer = writer
        self._case_keys = case_keys
        self._view = view
        self._book = book
        self._fold = fold
        self._knowledge = fold.knowledge
        self._holdings = holdings
        self._own = own
        self._clock = clock
        self._randomness = randomness

    def register(
        self, action: str, facts: Facts, signer: Signer, *, personal: Facts | None = None
    ) -> Performed:
        """Sign and store one act of the registry or catalogue log, if it will take effect or wait."""
        return self._store_act(action, facts, self.prepare(action, facts, signer, personal=personal))

    def publish(self, action: str, facts: Facts, signer: Signer) -> Performed:
        """Sign and store one act of the catalogue log; lights follow at once."""
        if action not in CATALOGUE_ACTIONS:
            raise DataError("catalogue.shape", where=action, field="action")
        return self.register(action, facts, signer)

    def open_log(
        self,
        kind: LogKind,
        station: StationId,
        signer: Signer,
        *,
        ledger_genesis: bytes | None = None,
        newest: bytes = b"",
    ) -> OwnLog:
        """Make a log's key, open it with an act of the signer, and go on from there.

        A log of that kind and station that was sealed here is named as the parent of the new one. Registry
        and catalogue begin once.

        Args:
            kind: kind of the log.
            station: station of the log.
            signer: who opens it.
            ledger_genesis: in the first registry log of a ledger, the ledger's genesis.
            newest: newest checkpoint of the sealed log that anybody holds, where that may be more than what
                came back here: after a restore of the county, of its merge log.

        Raises:
            AuthorityError: the signer may not open such a log.
            DataError: ``checkpoint.origin`` for a checkpoint of another log; ``merge.inconsistent`` when it
                contradicts what is here; ``note.*``.
            StoreError: ``log.open`` when a sound log of the kind is written here already; of station logs,
                one of the same station; ``log.not_first``.

        A log of registry or catalogue that was opened here by mistake, beside the ones that count, is ended
        with the opening of the one that goes on.
        """
        genesis = self.draft_log(kind, station, newest=newest)
        return self._open(genesis, self.prepare_opening(genesis, signer, ledger_genesis=ledger_genesis))

    def draft_log(self, kind: LogKind, station: StationId, *, newest: bytes = b"") -> LogGenesis:
        """Make the key of a log that somebody is about to open; returns what they have to sign for.

        Raises:
            RuleError: ``log.not_below`` for a station outside what the main one sends and receives.
            StoreError: ``log.open``, ``log.not_first``.
        """
        if kind == "station":
            require_below(self._knowledge.registry, self._main, station)
        if self._succession.chosen(kind, station, newest) is None:
            self._require_none(kind, station)
        return self.drafts.new_log(self._knowledge.registry.ledger_id, kind, station, newest=newest)

    def draft_service_key(self, station: StationId, purpose: str) -> Facts:
        """Make a signing service key (``receipt`` or ``kiosk``) and return the facts that enrol it."""
        return self.drafts.new_service(self._knowledge.registry.ledger_id, station, purpose)

    def enrol_service_key(self, station: StationId, purpose: str, registrar: Signer) -> Performed:
        """Make a signing service key, keep it here, and enrol it.

        The key takes its place only once the enrolment is known to hold: it may replace one in use.

        Raises:
            AuthorityError: the registrar may not enrol it; the key kept here before stays.
        """
        return self.register("enrol_service", self.draft_service_key(station, purpose), registrar)

    def prepare(
        self, action: str, facts: Facts, signer: Signer, *, personal: Facts | None = None
    ) -> SignedAct:
        """Sign one act of the registry or catalogue log, if it would take effect or wait; nothing is stored.

        Raises:
            AuthorityError: the signer may not do that (``registry.*``, ``authority.*``).
            DataError: ``catalogue.*`` or ``calendar.*`` for data that would have no effect.
            StoreError: ``log.county_none`` when that log is not written here.
        """
        log = self._log(_kind_of(action))
        thread = self._thread(action, facts)
        if action in CATALOGUE_ACTIONS:
            self._check_publisher(action, signer.key_id, log)
            check_publication(self._knowledge, action, facts)
        signed = self._sign(action, facts, signer, station=log.station, thread=thread, personal=personal)
        if action not in CATALOGUE_ACTIONS:
            self._require_effect(log, signed, facts, personal)
        return signed

    def prepare_opening(
        self, genesis: LogGenesis, signer: Signer, *, ledger_genesis: bytes | None = None
    ) -> SignedAct:
        """Sign for the opening of a drafted log; nothing is stored.

        Raises:
            AuthorityError: the signer may not open such a log.
        """
        if ledger_genesis is None:
            check_founded(genesis)
            self._check_opener(genesis, signer.key_id)
        facts = registry_actions.open_log(genesis=genesis.pack(), ledger_genesis=ledger_genesis)
        return self._sign(OPEN_LOG, facts, signer, station=genesis.station)

    def submit(self, signed: SignedAct) -> Performed:
        """Store what another process of this machine prepared, after checking everything in it.

        Raises:
            RuleError: ``act.outdated`` when it cites a registry or catalogue that is not the newest.
            DataError: signature, bodies or ledger do not hold; the catalogue's own reasons.
            AuthorityError: it would have no effect; nothing was written.
            StoreError: ``log.no_draft`` for a log whose key was not made by this process; ``log.*``.
        """
        header = decode_act(signed.raw)
        registry = self._knowledge.registry
        public_key = registry.public_key(header.actor)
        if header.ledger_id != registry.ledger_id or public_key is None:
            raise DataError("act.other_ledger")
        verify_act(signed.raw, signed.sig, public_key)
        facts = check_facts(header, signed.facts)
        personal = check_personal(header, signed.personal) if header.personal_hash else None
        if (header.registry_size, header.catalogue_version) != (
            registry.size,
            self._knowledge.catalogue.size,
        ):
            raise RuleError("act.outdated", action=header.action)
        if header.action == OPEN_LOG:
            return self._submit_opening(header, signed, facts)
        log, thread = self._log(_kind_of(header.action)), self._thread(header.action, facts)
        if (header.station, header.case_id, header.parents) != (log.station, thread.case_id, thread.parents):
            raise RuleError("act.outdated", action=header.action)
        if header.action in CATALOGUE_ACTIONS:
            self._check_publisher(header.action, header.actor, log)
            check_publication(self._knowledge, header.action, facts)
        else:
            self._require_effect(log, signed, facts, personal)
        return self._store_act(header.action, facts, signed)

    def erase(self, case_id: CaseId) -> int:
        """Delete what is left of the personal data of a case; returns how many of its acts had a body."""
        with self._store.write() as tx:
            erase_rows(tx, case_id)
            count = erased_bodies(tx, case_id)
        self._case_keys.forget(case_id)
        try:
            self._store.scrub()
        except StoreError as error:
            # What was deleted is deleted; only the owner of the tables may have them rewritten on the
            # server's disk, and ``doctor`` says when that is due.
            if error.code != "store.not_permitted":
                raise
        return count

    def _submit_opening(self, header: ActHeader, signed: SignedAct, facts: Facts) -> Performed:
        raw = facts.get("genesis")
        if not isinstance(raw, bytes) or "ledger_genesis" in facts or header.case_id:
            raise DataError("act.other_ledger")
        genesis = decode_log_genesis(raw)
        if genesis.station != header.station or genesis.ledger_id != header.ledger_id:
            raise DataError("act.other_ledger")
        parent = genesis.parent_log.hex()
        if parent not in self._holdings.logs or not self._fold.is_beside(genesis.kind, parent):
            self._require_none(genesis.kind, genesis.station)
        check_founded(genesis)
        self._check_opener(genesis, header.actor)
        log = self._open(genesis, signed)
        return Performed(act_id=signed.act_id, case_id=CaseId(b""), log_id=log.log_id, seq=log.size)

    def _open(self, genesis: LogGenesis, signed: SignedAct) -> OwnLog:
        self._end_mistaken(genesis.kind)
        log = self.drafts.keep_log(genesis)
        self._writer.append_opening(log, signed)
        self._holdings.add(HeldLog(name=log.name, genesis=genesis, own=True, state=""))
        self._own[log.name] = log
        self._learn(log)
        if not self._is_beside(log):
            # What counted until now may stand beside what this one goes on from.
            self._end_mistaken(genesis.kind)
        return log

    def _store_act(self, action: str, facts: Facts, signed: SignedAct) -> Performed:
        log = self._log(_kind_of(action))
        self.drafts.keep_service(facts)
        performed = self._writer.append_county_act(log, signed)
        self._learn(log)
        return performed

    def _end_mistaken(self, kind: LogKind) -> None:
        """Write no further into logs of a kind that were opened here beside those that count."""
        for log in [one for one in self._own.values() if one.kind == kind and self._is_beside(one)]:
            self._writer.seal([(log, BESIDE_CHAIN)])
            self._holdings.seal(log.name, state=BESIDE_CHAIN)
            del self._own[log.name]

    def _is_beside(self, log: OwnLog) -> bool:
        """Whether a log of registry or catalogue counts nowhere: others are the chain."""
        return log.kind in COUNTY_KINDS and not log.doubt and self._fold.is_beside(log.kind, log.name)

    def _require_none(self, kind: LogKind, station: StationId) -> None:
        for log in self._own.values():
            if self._is_beside(log):
                continue
            if log.kind == kind and not log.doubt and (kind != "station" or log.station == station):
                raise StoreError("log.open", station=station)

    def _require_effect(self, log: OwnLog, signed: SignedAct, facts: Facts, personal: Facts | None) -> None:
        header, registry = decode_act(signed.raw), self._knowledge.registry
        refusal = registry.refusal(
            RegistryAct(
                act_id=signed.act_id,
                action=header.action,
                actor_key_id=header.actor,
                facts=facts,
                personal=personal,
                case_id=header.case_id,
                parents=header.parents,
                position=registry.size + 1,
                station=log.station,
            )
        )
        if refusal is not None:
            raise refusal.as_error()

    def _check_opener(self, genesis: LogGenesis, opener: KeyId) -> None:
        registry = self._knowledge.registry
        allowed = check_log_opening(
            registry,
            genesis.kind,
            actor_key_id=opener,
            station=genesis.station,
            registry_size=registry.size,
        )
        if isinstance(allowed, Refusal):
            raise allowed.as_error()

    def _check_publisher(self, action: str, publisher: KeyId, log: OwnLog) -> None:
        size = self._knowledge.registry.size
        standing = self._knowledge.resolver.standing(
            actor_key_id=publisher, station=log.station, registry_size=size, action=action
        )
        if standing.blocked:
            raise AuthorityError(
                standing.blocked, key=publisher, station=log.station, action=action, size=size
            )

    def _log(self, kind: LogKind) -> OwnLog:
        for log in self._own.values():
            if log.kind == kind and not log.doubt and not self._is_beside(log):
                return log
        if any(log.kind == kind and self._is_beside(log) for log in self._own.values()):
            raise StoreError(BESIDE_CHAIN, kind=kind)
        raise StoreError("log.county_none", kind=kind)

    def _thread(self, action: str, facts: Facts) -> Thread:
        if action in CATALOGUE_ACTIONS:
            return NO_THREAD
        schema = registry_actions.SCHEMAS.get(action)
        if schema is None:
            raise AuthorityError("registry.action_unknown", action=action)
        if schema.opening:
            return NO_THREAD
        found = self._knowledge.registry.thread_for(action, facts)
        if found is None:
            raise AuthorityError("registry.no_subject", action=action)
        return found

    def _sign(
        self,
        action: str,
        facts: Facts,
        signer: Signer,
        *,
        station: StationId,
        thread: Thread = NO_THREAD,
        personal: Facts | None = None,
    ) -> SignedAct:
        registry = self._knowledge.registry
        return sign_bodies(
            ledger_id=registry.ledger_id,
            case_id=thread.case_id,
            parents=thread.parents,
            action=action,
            station=station,
            registry_size=registry.size,
            catalogue_version=self._knowledge.catalogue.size,
            occurred_at_ms=self._clock.now_ms(),
            facts=county_facts(facts, self._randomness),
            personal=b"" if personal is None else new_body(personal, self._randomness(SALT_BYTES)),
            signer=signer,
        )

    def _learn(self, log: OwnLog) -> None:
        if log.kind in COUNTY_KINDS:
            learn_county(self._store, self._view, book=self._book, fold=self._fold)


def check_publication(knowledge: Knowledge, action: str, facts: Facts) -> None:
    """Refuse a publication that is not of its form or that the linter finds faults in.

    Raises:
        DataError: ``catalogue.*`` or ``calendar.*``.
    """
    faults = lint_published(knowledge.catalogue, knowledge.calendars, action, facts)
    if faults:
        first = faults[0]
        raise DataError(
            "catalogue.lint", count=len(faults), rule=first.code, where=first.where, field=first.field
        )


def _kind_of(action: str) -> LogKind:
    return "catalogue" if action in CATALOGUE_ACTIONS else "registry"
