"""A fictional county office whose registry is made of really signed acts."""

from __future__ import annotations

from dataclasses import dataclass, field

from ledger.formats.act import Act, ActHeader, new_act
from ledger.formats.body import facts_hash, new_body, personal_hash
from ledger.formats.genesis import LedgerGenesis, LogGenesis
from ledger.formats.keys import Ed25519Signer, prove_possession
from ledger.hashing import digest
from ledger.registry import actions as facts_of
from ledger.registry.frames import read_registry_act
from ledger.registry.registry import Registry, RegistryOutcome
from ledger.types import CaseId, Facts, StationId

COUNTY = StationId("990121000000-00")
TOWN = StationId("990121001000-00")
VILLAGE = StationId("990121001001-00")
OTHER_TOWN = StationId("990121002000-00")
OTHER_VILLAGE = StationId("990121002001-00")
CODES = "demo-2026"


def signer(name: str) -> Ed25519Signer:
    """Return the signer that a name always gives."""
    return Ed25519Signer.from_seed(digest(b"tests/registry/seed\n", name.encode()))


ROOTS = sorted((signer(f"root {number}") for number in range(3)), key=lambda root: root.public_key)
GENESIS = LedgerGenesis(
    purpose="office",
    division_code="990121",
    root_public_keys=tuple(root.public_key for root in ROOTS),
    created_at_ms=1_767_225_600_000,
    nonce=bytes(16),
)
LEDGER_ID = GENESIS.ledger_id()
LOG_GENESIS = LogGenesis(
    ledger_id=LEDGER_ID,
    kind="registry",
    station=COUNTY,
    log_public_key=signer("registry log").public_key,
    reason="first",
    nonce=bytes(16),
)


@dataclass
class Stored:
    """What a log keeps of one act."""

    act: Act
    facts: bytes
    personal: bytes | None


@dataclass
class Office:
    """A registry log under construction; each method appends one really signed act."""

    registry: Registry = field(default_factory=lambda: Registry(LEDGER_ID))
    log: list[Stored] = field(default_factory=list)

    def act(
        self,
        action: str,
        facts: Facts,
        by: Ed25519Signer,
        *,
        personal: Facts | None = None,
        thread: tuple[bytes, tuple[bytes, ...]] | None = None,
        station: StationId = COUNTY,
    ) -> RegistryOutcome:
        """Sign an act and append it; the thread is the one that the registry names, unless given."""
        known = self.registry.thread_for(action, facts)
        if thread is None:
            # Of an unknown subject: hang it on entry 1, so that the subject is what the judge stumbles over.
            first = self.log[0].act.act_id if self.log else b""
            thread = (known.case_id, known.parents) if known else (first[:16], (first,))
        salt = digest(b"tests/registry/salt\n", len(self.log).to_bytes(8, "big"))[:16]
        raw_facts = new_body(facts, salt)
        raw_personal = new_body(personal, salt) if personal else None
        header = ActHeader(
            ledger_id=LEDGER_ID,
            case_id=CaseId(thread[0]),
            parents=thread[1],
            action=action,
            actor=by.key_id,
            station=station,
            registry_size=self.registry.size,
            catalogue_version=0,
            occurred_at_ms=1_767_225_600_000 + len(self.log),
            facts_hash=facts_hash(raw_facts),
            facts_len=len(raw_facts),
            personal_hash=personal_hash(raw_personal or b""),
            personal_len=len(raw_personal or b""),
            attachments=(),
        )
        return self.store(Stored(new_act(header, by), raw_facts, raw_personal))

    def store(self, stored: Stored) -> RegistryOutcome:
        """Append an act that exists already."""
        self.log.append(stored)
        return self.registry.apply(
            read_registry_act(
                self.registry,
                stored.act,
                position=len(self.log),
                facts=stored.facts,
                personal=stored.personal,
            )
        )

    def found(self) -> Office:
        """Open the registry log."""
        facts = facts_of.open_log(genesis=LOG_GENESIS.pack(), ledger_genesis=GENESIS.pack())
        self.act("open_log", facts, ROOTS[0])
        return self

    def appoint(self, name: str, scope: str = f"{COUNTY}/*") -> RegistryOutcome:
        """Propose a registrar by the first root key."""
        facts = facts_of.appoint_registrar(staff_no=name, scope=scope, **proof(name))
        return self.act("appoint_registrar", facts, ROOTS[0], personal={"name": f"登记员{name}"})

    def countersign(self, proposal: RegistryOutcome, by: Ed25519Signer = ROOTS[1]) -> RegistryOutcome:
        """Put a root act into effect."""
        return self.act("countersign", facts_of.countersign(target=proposal.act_id), by)

    def station(
        self, station: str, level: str, upstream: str | None, by: str = "registrar"
    ) -> RegistryOutcome:
        """Enrol a station."""
        facts = facts_of.enrol_station(
            station=StationId(station),
            name=f"站点{station}",
            level=level,
            upstream=None if upstream is None else StationId(upstream),
            code_system=CODES,
        )
        return self.act("enrol_station", facts, signer(by))

    def close(self, station: str, by: str = "registrar") -> RegistryOutcome:
        """Close a station."""
        return self.act("close_station", facts_of.close_station(station=StationId(station)), signer(by))

    def staff(
        self,
        staff_no: str,
        station: str = VILLAGE,
        *,
        key: str | None = None,
        by: str = "registrar",
        replaces: str | None = None,
    ) -> RegistryOutcome:
        """Enrol a member of staff whose key is named like the staff number, unless given."""
        facts = facts_of.enrol_staff(
            staff_no=staff_no,
            station=StationId(station),
            replaces=None if replaces is None else signer(replaces).key_id,
            **proof(key or staff_no),
        )
        personal = facts_of.staff_personal(name=f"员工{staff_no}")
        return self.act("enrol_staff", facts, signer(by), personal=personal)

    def grant(
        self, staff_no: str, role: str, scope: str, *, by: str = "registrar", stand_in_for: str | None = None
    ) -> RegistryOutcome:
        """Grant a role."""
        facts = facts_of.grant_role(staff_no=staff_no, role=role, scope=scope, stand_in_for=stand_in_for)
        return self.act("grant_role", facts, signer(by))

    def end(self, staff_no: str, role: str, scope: str, *, by: str = "registrar") -> RegistryOutcome:
        """End a role."""
        return self.act("end_role", facts_of.end_role(staff_no=staff_no, role=role, scope=scope), signer(by))

    def service(
        self, name: str, purpose: str, station: str = VILLAGE, *, by: str = "registrar"
    ) -> RegistryOutcome:
        """Enrol an Ed25519 service key."""
        facts = facts_of.enrol_service(purpose=purpose, station=StationId(station), **proof(name))
        return self.act("enrol_service", facts, signer(by))

    def retire(
        self,
        name: str,
        *,
        by: Ed25519Signer | None = None,
        reason: str = "retired",
        log_sizes: tuple[tuple[bytes, int], ...] = (),
        action: str = "retire_key",
    ) -> RegistryOutcome:
        """Retire a key by the name of its signer."""
        build = facts_of.retire_key if action == "retire_key" else facts_of.dismiss_registrar
        facts = build(key_id=signer(name).key_id, reason=reason, log_sizes=log_sizes)
        return self.act(action, facts, by or signer("registrar"))


def proof(name: str) -> dict[str, object]:
    """Return the key fields of an enrolment with a valid proof of possession."""
    key = signer(name)
    return {"alg": key.alg, "public_key": key.public_key, "possession": prove_possession(key, LEDGER_ID)}


def new_office() -> Office:
    """Return an office with a county registrar, five stations and one clerk with a role."""
    office = Office().found()
    office.countersign(office.appoint("registrar"))
    office.station(COUNTY, "county", None)
    office.station(TOWN, "township", COUNTY)
    office.station(VILLAGE, "village", TOWN)
    office.station(OTHER_TOWN, "township", COUNTY)
    office.station(OTHER_VILLAGE, "village", OTHER_TOWN)
    office.staff("clerk")
    office.grant("clerk", "window", VILLAGE)
    return office


def answers(registry: Registry, size: int) -> tuple[object, ...]:
    """Return everything that a registry says about one size, comparable."""
    stations = registry.stations(size=size)
    held = tuple(registry.keys(size=size))
    return (
        held,
        tuple(
            (item.key_id, item.name, tuple(item.roles_at(one.station) for one in stations)) for item in held
        ),
        stations,
        tuple(registry.line(one.station, size=size) for one in stations),
        tuple(
            (key_id, registry.retirement(key_id, size=size))
            for key_id in registry.retirements()
            if registry.retirement(key_id, size=size)
        ),
        tuple(registry.outcome(item.act_id, size=size) for item in registry.outcomes()[:size]),
    )
