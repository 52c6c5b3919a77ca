"""Acts that belong to no case: opening logs, the registry, the catalogue; and erasure.

The registry refuses before anything is signed: the same judgement that every other station will make later is
asked with the act as it would be stored.
"""

from __future__ import annotations

from ledger import registry_actions
from ledger.act import decode_act
from ledger.authority import Refusal, check_log_opening
from ledger.body import new_body
from ledger.calendar import parse_calendar
from ledger.checkpoint import Checkpoint, log_origin, open_checkpoint
from ledger.errors import AuthorityError, DataError, StoreError
from ledger.facade.bodies import erase_personal
from ledger.facade.casekeys import CaseKeys
from ledger.facade.clock import Clock, Randomness
from ledger.facade.doubt import REASONS
from ledger.facade.home import SEED_BYTES, Home
from ledger.facade.opening import HeldLog, Holdings
from ledger.facade.ownlog import OwnLog, stored_nodes
from ledger.facade.signing import SALT_BYTES, county_facts, sign_bodies
from ledger.facade.tables import TOKENS
from ledger.facade.types import Performed, SignedAct
from ledger.facade.writing import Writer
from ledger.genesis import LogGenesis, LogKind
from ledger.keys import Ed25519Signer, Signer, prove_possession
from ledger.knowledge import CATALOGUE_ACTIONS, PUBLISH_CALENDAR, Knowledge
from ledger.lint import lint_publication
from ledger.merkle import root_at
from ledger.registry import RegistryAct, Thread
from ledger.store import schema
from ledger.store.contract import Store
from ledger.types import CaseId, Facts, StationId

NO_THREAD = Thread(case_id=CaseId(b""), parents=())


class CountyDesk:
    """Writes into the registry and the catalogue log, and opens logs."""

    def __init__(
        self,
        *,
        store: Store,
        home: Home,
        writer: Writer,
        case_keys: CaseKeys,
        knowledge: Knowledge,
        holdings: Holdings,
        own: dict[str, OwnLog],
        clock: Clock,
        randomness: Randomness,
    ) -> None:
        self._store = store
        self._home = home
        self._writer = writer
        self._case_keys = case_keys
        self._knowledge = knowledge
        self._holdings = holdings
        self._own = own
        self._clock = clock
        self._randomness = randomness

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

        A log of that kind and station that was sealed here is named as the parent of the new one.

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
                one of the same station.
        """
        self._require_none(kind, station)
        registry = self._knowledge.registry
        if ledger_genesis is None:
            allowed = check_log_opening(
                registry, kind, actor_key_id=signer.key_id, station=station, registry_size=registry.size
            )
            if isinstance(allowed, Refusal):
                raise allowed.as_error()
        seed = self._randomness(SEED_BYTES)
        log_signer = Ed25519Signer.from_seed(seed)
        parent = self._holdings.predecessor(kind, station)
        checkpoint = None if parent is None else self._head_of(parent, newest)
        genesis = LogGenesis(
            ledger_id=registry.ledger_id,
            kind=kind,
            station=station,
            log_public_key=log_signer.public_key,
            reason="first" if parent is None else REASONS.get(parent.state, "lost"),
            nonce=self._randomness(16),
            parent_log=b"" if parent is None else parent.genesis.log_id(),
            parent_size=0 if checkpoint is None else checkpoint.size,
            parent_root=b"" if checkpoint is None else checkpoint.root,
        )
        log = OwnLog(genesis, log_signer)
        self._home.write_log_seed(log.log_id, seed)
        facts = registry_actions.open_log(genesis=genesis.pack(), ledger_genesis=ledger_genesis)
        signed = self._sign("open_log", facts, signer, station=station)
        self._writer.append_county_act(log, signed, genesis_of=log)
        self._holdings.add(HeldLog(name=log.name, genesis=genesis, own=True, state=""))
        self._own[log.name] = log
        if kind == "registry":
            self._learn_registry(log, signed)
        elif kind == "catalogue":
            self._learn_catalogue(log, signed)
        return log

    def register(self, action: str, facts: Facts, signer: Signer, *, personal: Facts | None) -> Performed:
        """Store one act of the registry log, if it will take effect or wait for a second root key."""
        log = self._log("registry")
        thread = self._thread(action, facts)
        signed = self._sign(action, facts, signer, station=log.station, thread=thread, personal=personal)
        self._require_effect(log, signed, facts, signer, thread=thread, personal=personal)
        performed = self._writer.append_county_act(log, signed)
        self._learn_registry(log, signed)
        return performed

    def publish(self, action: str, facts: Facts, signer: Signer) -> Performed:
        """Store one act of the catalogue log, if it is well-formed, sound and by a registrar."""
        log = self._log("catalogue")
        standing = self._knowledge.resolver.standing(
            actor_key_id=signer.key_id,
            station=log.station,
            registry_size=self._knowledge.registry.size,
            action=action,
        )
        if standing.blocked:
            raise AuthorityError(
                standing.blocked, key=signer.key_id, station=log.station, action=action,
                size=self._knowledge.registry.size,
            )  # fmt: skip
        self._check_publication(action, facts)
        signed = self._sign(action, facts, signer, station=log.station)
        performed = self._writer.append_county_act(log, signed)
        self._learn_catalogue(log, signed)
        return performed

    def enrol_service_key(self, station: StationId, purpose: str, registrar: Signer) -> Performed:
        """Make a signing service key (``receipt`` or ``kiosk``), keep it here, and enrol it.

        The key takes its place only once the enrolment is known to hold: it may replace one in use.

        Raises:
            AuthorityError: the registrar may not enrol it; the key kept here before stays.
        """
        seed = self._randomness(SEED_BYTES)
        signer = Ed25519Signer.from_seed(seed)
        facts = registry_actions.enrol_service(
            purpose=purpose,
            station=station,
            alg=signer.alg,
            public_key=signer.public_key,
            possession=prove_possession(signer, self._knowledge.registry.ledger_id),
        )
        log = self._log("registry")
        signed = self._sign("enrol_service", facts, registrar, station=log.station)
        self._require_effect(log, signed, facts, registrar)
        self._home.write_service_seed(station, purpose, seed)
        performed = self._writer.append_county_act(log, signed)
        self._learn_registry(log, signed)
        return performed

    def erase(self, case_id: CaseId) -> int:
        """Delete key, personal bodies and search tokens of a case."""
        with self._store.write() as tx:
            tx.delete(schema.CASE_KEYS, {"case_id": case_id})
            tx.delete(TOKENS, {"case_id": case_id})
            count = erase_personal(tx, case_id)
        self._case_keys.forget(case_id)
        self._store.scrub()
        return count

    def _require_none(self, kind: LogKind, station: StationId) -> None:
        for log in self._own.values():
            if log.kind == kind and not log.doubt and (kind != "station" or log.station == station):
                raise StoreError("log.open", station=station)

    def _require_effect(
        self,
        log: OwnLog,
        signed: SignedAct,
        facts: Facts,
        signer: Signer,
        *,
        thread: Thread = NO_THREAD,
        personal: Facts | None = None,
    ) -> None:
        registry = self._knowledge.registry
        refusal = registry.refusal(
            RegistryAct(
                act_id=signed.act_id,
                action=decode_act(signed.raw).action,
                actor_key_id=signer.key_id,
                facts=facts,
                personal=personal,
                case_id=thread.case_id,
                parents=thread.parents,
                position=registry.size + 1,
                station=log.station,
            )
        )
        if refusal is not None:
            raise refusal.as_error()

    def _check_publication(self, action: str, facts: Facts) -> None:
        if action not in CATALOGUE_ACTIONS:
            raise DataError("catalogue.shape", where=action, field="action")
        if action == PUBLISH_CALENDAR:
            parse_calendar(facts)
            return
        faults = lint_publication(self._knowledge.catalogue, action, facts)
        if faults:
            first = faults[0]
            raise DataError(
                "catalogue.lint", count=len(faults), rule=first.code, where=first.where, field=first.field
            )

    def _head_of(self, sealed: HeldLog, newest: bytes) -> Checkpoint:
        """Return how far a sealed log is known to have come: here, or where somebody saw more of it."""
        log = OwnLog(sealed.genesis, None)
        with self._store.read() as tx:
            log.load(tx)
            if not newest:
                return log.checkpoint()
            seen = open_checkpoint(newest, log_origin(log.log_id), sealed.genesis.log_public_key)
            if seen.size > log.size:
                return seen
            if root_at(seen.size, stored_nodes(tx, log.name, log.kind)) != seen.root:
                raise DataError("merge.inconsistent", log=log.log_id)
        return log.checkpoint()

    def _log(self, kind: LogKind) -> OwnLog:
        for log in self._own.values():
            if log.kind == kind and not log.doubt:
                return log
        raise StoreError("log.none", station=kind)

    def _thread(self, action: str, facts: Facts) -> Thread:
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

    def _learn_registry(self, log: OwnLog, signed: SignedAct) -> None:
        frame = self._frame(log)
        self._knowledge.apply_registry(frame, facts=signed.facts, personal=signed.personal or None)

    def _learn_catalogue(self, log: OwnLog, signed: SignedAct) -> None:
        self._knowledge.apply_catalogue(self._frame(log), facts=signed.facts)

    def _frame(self, log: OwnLog) -> bytes:
        with self._store.read() as tx:
            frame = tx.frame(log.name, log.size)
        if frame is None:
            raise StoreError("log.head", log=log.log_id)
        return frame
