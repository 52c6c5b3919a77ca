"""Keys that this process made for logs and services, until a person has signed for them.

The machine's own keys are made where they are used; the person who opens the log or enrols the key may sign
in another process, which is told the public half alone. What nobody signs for is forgotten at the end.
"""

from __future__ import annotations

from ledger.errors import DataError, RuleError, StoreError
from ledger.facade.base.clock import Randomness
from ledger.facade.base.home import SEED_BYTES, Home
from ledger.facade.logs.countyseen import newest_evidence
from ledger.facade.logs.doubt import REASONS
from ledger.facade.logs.opening import HeldLog
from ledger.facade.logs.ownlog import OwnLog, stored_nodes
from ledger.facade.logs.succession import Succession
from ledger.formats.checkpoint import Checkpoint, log_origin, open_checkpoint
from ledger.formats.genesis import LogGenesis, LogKind
from ledger.formats.keys import Ed25519Signer, prove_possession
from ledger.formats.merkle import root_at
from ledger.registry import actions as registry_actions
from ledger.registry.registry import Registry
from ledger.store.contract import Store
from ledger.types import Facts, LedgerId, StationId

DRAFTS_MAX = 64
"""Keys kept at once; the oldest goes first."""


class Drafts:
    """Makes keys and remembers them; nothing reaches the disk before it is asked for.

    Args:
        home: where seeds are kept once they are needed.
        store: to read the head of a log that is to be continued.
        succession: which log a new one has to continue.
        randomness: source of keys and nonces.
    """

    def __init__(self, *, home: Home, store: Store, succession: Succession, randomness: Randomness) -> None:
        self._home = home
        self._store = store
        self._succession = succession
        self._randomness = randomness
        self._logs: dict[bytes, bytes] = {}
        self._services: dict[bytes, bytes] = {}

    def new_log(
        self, ledger_id: LedgerId, kind: LogKind, station: StationId, *, newest: bytes = b""
    ) -> LogGenesis:
        """Make the key of a new log and return its genesis; a sealed one of its kind here is its parent.

        Args:
            ledger_id: the pinned ledger.
            kind: kind of the log.
            station: station of the log.
            newest: newest checkpoint of the sealed log that anybody holds, if that may be more than is here;
                of registry or catalogue, one of the log to go on from, where that stands beside what counts.

        Raises:
            DataError: ``checkpoint.origin`` for a checkpoint of another log; ``merge.inconsistent`` when it
                contradicts what is here; ``note.*``.
            StoreError: ``log.not_first`` for a registry or catalogue where one exists, and none that it can
                continue.
        """
        seed = self._randomness(SEED_BYTES)
        parent = self._succession.chosen(kind, station, newest) or self._succession.predecessor(kind, station)
        if parent is None and self._succession.is_begun(kind):
            raise StoreError("log.not_first", log=kind, station=station)
        checkpoint = None if parent is None else self._head_of(parent, newest)
        genesis = LogGenesis(
            ledger_id=ledger_id,
            kind=kind,
            station=station,
            log_public_key=Ed25519Signer.from_seed(seed).public_key,
            reason="first" if parent is None else REASONS.get(parent.state, "lost"),
            nonce=self._randomness(16),
            parent_log=b"" if parent is None else parent.genesis.log_id(),
            parent_size=0 if checkpoint is None else checkpoint.size,
            parent_root=b"" if checkpoint is None else checkpoint.root,
        )
        _remember(self._logs, genesis.log_id(), seed)
        return genesis

    def keep_log(self, genesis: LogGenesis) -> OwnLog:
        """Write the key of a drafted log to the disk and return the log, still without entries.

        Raises:
            StoreError: ``log.no_draft`` when this process did not draft it.
        """
        seed = self._logs.pop(genesis.log_id(), None)
        if seed is None:
            raise StoreError("log.no_draft", log=genesis.log_id())
        log = OwnLog(genesis, Ed25519Signer.from_seed(seed))
        self._home.write_log_seed(log.log_id, seed)
        return log

    def new_service(self, ledger_id: LedgerId, station: StationId, purpose: str) -> Facts:
        """Make a signing service key and return the facts that enrol it."""
        seed = self._randomness(SEED_BYTES)
        signer = Ed25519Signer.from_seed(seed)
        _remember(self._services, signer.public_key, seed)
        return registry_actions.enrol_service(
            purpose=purpose,
            station=station,
            alg=signer.alg,
            public_key=signer.public_key,
            possession=prove_possession(signer, ledger_id),
        )

    def keep_service(self, facts: Facts) -> None:
        """Write a drafted service key to the disk; a key that was made elsewhere is not kept here."""
        public_key = facts.get("public_key")
        seed = self._services.pop(public_key, None) if isinstance(public_key, bytes) else None
        if seed is not None:
            self._home.write_service_seed(StationId(str(facts["station"])), str(facts["purpose"]), seed)

    def _head_of(self, sealed: HeldLog, newest: bytes) -> Checkpoint | None:
        """Return how far a sealed log is known to have come: here, or where somebody saw more of it.

        None for one of which single records alone came back, and that nobody has seen signed.
        """
        log = OwnLog(sealed.genesis, None)
        with self._store.read() as tx:
            told = newest_evidence(tx, log.name)
            if tx.size(log.name):
                log.load(tx)
            elif not newest and told is None:
                return None
            if not newest and told is not None:
                # A station proved it: what it and others hold must lead into the new log.
                return told
            if not newest:
                return log.checkpoint()
            seen = open_checkpoint(newest, log_origin(log.log_id), sealed.genesis.log_public_key)
            if seen.size > log.size:
                return seen
            if root_at(seen.size, stored_nodes(tx, log.name, log.kind)) != seen.root:
                raise DataError("merge.inconsistent", log=log.log_id)
        return log.checkpoint()


def check_founded(genesis: LogGenesis) -> None:
    """Refuse a registry that begins anew: without the ledger's genesis in it, it counts nowhere.

    Raises:
        StoreError: ``log.not_first``.
    """
    if genesis.kind == "registry" and genesis.reason == "first":
        raise StoreError("log.not_first", log=genesis.kind, station=genesis.station)


def require_below(registry: Registry, main: StationId | None, station: StationId) -> None:
    """Refuse to record for a station that does not stand below the main one: nobody would pass that on.

    Args:
        registry: the newest registry held here.
        main: the station for which this machine sends and receives; None where it does neither.
        station: whose log would be written here.

    Raises:
        RuleError: ``log.not_below``.
    """
    if main is not None and station != main and main not in registry.line(station):
        raise RuleError("log.not_below", station=station, main=main)


def _remember(known: dict[bytes, bytes], name: bytes, seed: bytes) -> None:
    while len(known) >= DRAFTS_MAX:
        del known[next(iter(known))]
    known[name] = seed
