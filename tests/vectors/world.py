"""A fictional county whose every byte follows from published seeds: the ground of all vectors."""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256

from ledger.formats.act import Act, ActHeader, case_of, new_act
from ledger.formats.body import facts_hash, new_body, personal_hash
from ledger.formats.checkpoint import (
    Checkpoint,
    checkpoint_hash,
    cosign,
    log_origin,
    receipt_name,
    sign_checkpoint,
)
from ledger.formats.entry import Entry, entry_hash, sig_hash
from ledger.formats.frame import encode_frame
from ledger.formats.genesis import LedgerGenesis, LogGenesis, LogKind
from ledger.formats.keys import Ed25519Signer, Signer, prove_possession
from ledger.formats.merge import FrameLeaf, HeadLeaf
from ledger.formats.merkle import Tree, leaf_hash
from ledger.registry import actions as facts_of
from ledger.types import CaseId, Facts, LogId, StationId

COUNTY = StationId("990121000000-00")
TOWN = StationId("990121001000-00")
VILLAGE = StationId("990121001001-00")
BEGIN_MS = 1_767_574_800_000
"""2026-01-05, 09:00 in China."""


def seed(name: str) -> bytes:
    """Return 32 bytes that a name always gives."""
    return sha256(b"banjian test vector: " + name.encode()).digest()


def signer(name: str) -> Ed25519Signer:
    """Return the signer that a name always gives."""
    return Ed25519Signer.from_seed(seed(name))


ROOTS = sorted((signer(f"root {number}") for number in (1, 2, 3)), key=lambda root: root.public_key)
REGISTRAR = signer("registrar R001")
CLERK = signer("clerk C001")
COUNTY_RECEIPTS = signer("receipt key of the county")

LEDGER = LedgerGenesis(
    purpose="training",
    division_code="990121",
    root_public_keys=tuple(root.public_key for root in ROOTS),
    created_at_ms=BEGIN_MS,
    nonce=seed("ledger")[:16],
)
LEDGER_ID = LEDGER.ledger_id()


@dataclass
class Log:
    """A log under construction, as its station keeps it."""

    name: str
    genesis: LogGenesis
    signer: Signer
    frames: list[bytes] = field(default_factory=list)
    entries: list[bytes] = field(default_factory=list)
    acts: list[Act] = field(default_factory=list)
    facts: list[bytes] = field(default_factory=list)
    personal: list[bytes] = field(default_factory=list)
    tree: Tree = field(default_factory=Tree)

    @property
    def log_id(self) -> LogId:
        """Id of the log."""
        return self.genesis.log_id()

    @property
    def previous(self) -> bytes:
        """What the next entry names as its predecessor."""
        return entry_hash(self.entries[-1]) if self.entries else self.genesis.genesis_hash()

    def head(self) -> Checkpoint:
        """Return the checkpoint of everything so far."""
        return Checkpoint(origin=log_origin(self.log_id), size=self.tree.size, root=self.tree.root())

    def note(self) -> bytes:
        """Return the signed checkpoint of everything so far."""
        return sign_checkpoint(self.head(), self.signer)


@dataclass
class World:
    """All logs of the county."""

    registry: Log
    catalogue: Log
    village: Log
    merge: Log
    now_ms: int = BEGIN_MS
    county_seen: bytes = b""
    merge_leaves: list[bytes] = field(default_factory=list)
    receipt: str = ""

    def add(
        self,
        log: Log,
        action: str,
        person: Ed25519Signer,
        facts: Facts,
        personal: Facts | None = None,
        parents: tuple[Act, ...] = (),
        attachments: tuple[tuple[bytes, int], ...] = (),
    ) -> Act:
        """Sign an act, put it into a log and return it."""
        self.now_ms += 60_000
        number = len(log.frames) + 1
        facts_raw = new_body(facts, seed(f"{log.name} facts salt {number}")[:16])
        personal_raw = b""
        if personal is not None:
            personal_raw = new_body(personal, seed(f"{log.name} personal salt {number}")[:16])
        header = ActHeader(
            ledger_id=LEDGER_ID,
            case_id=case_of(parents[0]) if parents else CaseId(b""),
            parents=tuple(sorted(parent.act_id for parent in parents)),
            action=action,
            actor=person.key_id,
            station=log.genesis.station,
            registry_size=len(self.registry.frames),
            catalogue_version=len(self.catalogue.frames),
            occurred_at_ms=self.now_ms,
            facts_hash=facts_hash(facts_raw),
            facts_len=len(facts_raw),
            personal_hash=personal_hash(personal_raw),
            personal_len=len(personal_raw),
            attachments=attachments,
        )
        act = new_act(header, person)
        entry = Entry(
            log_id=log.log_id,
            seq=number,
            previous=log.previous,
            act_id=act.act_id,
            sig_hash=sig_hash(act.sig),
            recorded_at_ms=self.now_ms + 1_500,
            boot_id=seed(f"boot of {log.genesis.station}")[:16],
            monotonic_ms=self.now_ms - BEGIN_MS + 1_500,
            county_seen=self.county_seen,
        ).pack()
        log.frames.append(encode_frame(act.raw, act.sig, entry))
        log.entries.append(entry)
        log.acts.append(act)
        log.facts.append(facts_raw)
        log.personal.append(personal_raw)
        log.tree.append(leaf_hash(entry))
        return act

    def merge_leaf(self, leaf: FrameLeaf | HeadLeaf) -> None:
        """Add a leaf to the merge log."""
        self.merge_leaves.append(leaf.pack())
        self.merge.tree.append(leaf_hash(leaf.pack()))


def new_log(name: str, kind: LogKind, station: StationId) -> Log:
    """Return an empty log with its genesis."""
    key = signer(f"log key of {name}")
    genesis = LogGenesis(
        ledger_id=LEDGER_ID,
        kind=kind,
        station=station,
        log_public_key=key.public_key,
        reason="first",
        nonce=seed(f"log {name}")[:16],
    )
    return Log(name=name, genesis=genesis, signer=key)


def build_world() -> World:
    """Return the county with its four logs."""
    world = World(
        registry=new_log("registry", "registry", COUNTY),
        catalogue=new_log("catalogue", "catalogue", COUNTY),
        village=new_log("village", "station", VILLAGE),
        merge=new_log("merge", "merge", COUNTY),
    )
    _registry(world)
    world.add(world.catalogue, "open_log", REGISTRAR, {"genesis": world.catalogue.genesis.pack()})
    world.add(world.catalogue, "publish_items", REGISTRAR, {"items": [], "withdrawn": []})
    world.add(world.merge, "open_log", REGISTRAR, {"genesis": world.merge.genesis.pack()})
    for log in (world.registry, world.catalogue):
        head = log.head()
        world.merge_leaf(
            HeadLeaf(log_id=log.log_id, size=head.size, root=head.root, received_at_ms=world.now_ms)
        )
    world.county_seen = checkpoint_hash(world.merge.head())
    _village(world)
    for number, entry in enumerate(world.village.entries, start=1):
        world.merge_leaf(
            FrameLeaf(
                log_id=world.village.log_id,
                seq=number,
                entry_hash=entry_hash(entry),
                received_at_ms=world.now_ms + 5_000,
            )
        )
    world.receipt = cosign(
        world.village.head(), receipt_name(COUNTY), COUNTY_RECEIPTS, time_s=world.now_ms // 1000 + 5
    )
    return world


def _registry(world: World) -> None:
    log, add = world.registry, world.add
    founding: Facts = {"genesis": log.genesis.pack(), "ledger_genesis": LEDGER.pack()}
    add(log, "open_log", ROOTS[0], founding)
    appointed = add(
        log,
        "appoint_registrar",
        ROOTS[0],
        facts_of.appoint_registrar(
            staff_no="R001",
            alg="ed25519",
            public_key=REGISTRAR.public_key,
            possession=prove_possession(REGISTRAR, LEDGER_ID),
            scope=f"{COUNTY}/*",
        ),
        {"name": "李登记"},
    )
    add(log, "countersign", ROOTS[1], facts_of.countersign(target=appointed.act_id), None, (appointed,))
    for station, name, level, upstream in (
        (COUNTY, "青川县政务服务中心", "county", None),
        (TOWN, "白水镇便民服务中心", "township", COUNTY),
        (VILLAGE, "石桥村便民服务站", "village", TOWN),
    ):
        add(
            log,
            "enrol_station",
            REGISTRAR,
            facts_of.enrol_station(
                station=station, name=name, level=level, upstream=upstream, code_system="demo-2026"
            ),
        )
    enrolled = add(
        log,
        "enrol_staff",
        REGISTRAR,
        facts_of.enrol_staff(
            staff_no="C001",
            station=VILLAGE,
            alg="ed25519",
            public_key=CLERK.public_key,
            possession=prove_possession(CLERK, LEDGER_ID),
        ),
        {"name": "王小窗", "phone": "13900000000"},
    )
    granted = facts_of.grant_role(staff_no="C001", role="window", scope=VILLAGE)
    add(log, "grant_role", REGISTRAR, granted, None, (enrolled,))
    add(
        log,
        "enrol_service",
        REGISTRAR,
        facts_of.enrol_service(
            purpose="receipt",
            station=COUNTY,
            alg="ed25519",
            public_key=COUNTY_RECEIPTS.public_key,
            possession=prove_possession(COUNTY_RECEIPTS, LEDGER_ID),
        ),
    )


def _village(world: World) -> None:
    log, add = world.village, world.add
    add(log, "open_log", CLERK, {"genesis": log.genesis.pack()})
    received = add(
        log,
        "receive",
        CLERK,
        {"item": "000131001000", "channel": "counter", "materials": [{"name": "01", "copies": 1}]},
        {"applicant": {"name": "张三", "phone": "13800000000"}, "note": "老人，子女代办"},
        (),
        ((sha256(b"scanned page").digest(), 182_044),),
    )
    noted = add(log, "note", CLERK, {"note_code": "called"}, {"text": "已电话告知"}, (received,))
    add(log, "hand_over", CLERK, {"to": TOWN, "note_code": None, "urgent": False}, None, (noted,))
