"""A station with valid keys that signs nonsense and tells lies about everything it holds."""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress
from dataclasses import replace

import aiohttp

from ledger.errors import BanjianError
from ledger.facade.base.peers import Contact
from ledger.facade.base.types import SignedAct
from ledger.facade.cases.signing import sign_bodies
from ledger.facade.logs.heldstates import BranchState, LogState
from ledger.facade.logs.ownlog import NewEntry, OwnLog
from ledger.facade.transfer.feeds import FeedPlace
from ledger.formats.body import new_body
from ledger.formats.entry import decode_entry, entry_hash
from ledger.formats.frame import encode_frame, split_frame
from ledger.formats.genesis import LogGenesis
from ledger.formats.keys import Ed25519Signer, Signer
from ledger.formats.merkle import leaf_hash
from ledger.formats.package import encode_package
from ledger.formats.packageform import PackageContent
from ledger.registry import actions as registry_actions
from ledger.types import ActId, CaseId, Facts, LogId, StationId
from sync.core.framing import BRANCH, HELLO, PACKAGE, encode_section
from sync.core.messages import Hello
from sync.core.stream import CONTENT_TYPE, Packer
from tests.simulation.clerks import PROOF
from tests.simulation.county import COUNTY, EVIL, Clock, Randomness, signer, staff_key, upstream_of
from tests.simulation.world import World

SESSION = "http://above/sync/1/session"
KINDS = (
    "honest", "bad_signature", "unknown_key", "other_station", "no_authority", "registry", "garbage",
    "other_facts", "unknown_parent", "future", "twice", "other_ledger", "bad_signature", "fork",
    "astray", "no_entry",
)  # fmt: skip


class Evil:
    """Writes its own log, then another history of it, and sends them with lies.

    Args:
        world: whose seed decides what comes next.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.rng = random.Random(f"evil {world.seed}")
        self.randomness = Randomness(f"evil {world.seed}")
        self.clock = Clock()
        self.key = staff_key(EVIL, "window")
        self.upstream = upstream_of(EVIL) or COUNTY
        knowledge = world.main[self.upstream].ledger.knowledge
        self.registry_size, self.catalogue_version = knowledge.registry.size, knowledge.catalogue.size
        self.ledger_id = world.county.genesis.ledger_id()
        log_key = Ed25519Signer.from_seed(world.county.evil_seed)
        self.genesis = LogGenesis(
            ledger_id=self.ledger_id, kind="station", station=EVIL, log_public_key=log_key.public_key,
            reason="first", nonce=bytes(16), parent_log=b"", parent_size=0, parent_root=b"",
        )  # fmt: skip
        self.log = OwnLog(self.genesis, log_key)
        self.frames: list[bytes] = []
        self.facts: list[bytes] = []
        self.people: list[bytes] = []
        self.cases: list[tuple[CaseId, ActId]] = []
        self.signed: list[SignedAct] = []
        self._append(self._sign("open_log", registry_actions.open_log(genesis=self.genesis.pack())))

    async def run(self) -> None:
        """Go on until the healing begins."""
        while True:
            await asyncio.sleep(self.rng.expovariate(1 / 6_000))
            if self.world.healing:
                return
            for _ in range(self.rng.randint(1, 5)):
                self._nonsense(self.rng.choice(KINDS))
            await self._send()

    def _sign(
        self,
        action: str,
        facts: Facts,
        *,
        key: Signer | None = None,
        station: StationId = EVIL,
        **other: object,
    ) -> SignedAct:
        fields: dict[str, object] = {
            "ledger_id": self.ledger_id, "case_id": CaseId(b""), "parents": (), "personal": b"",
            "registry_size": self.registry_size, "catalogue_version": self.catalogue_version,
            "occurred_at_ms": self.clock.now_ms(),
        }  # fmt: skip
        fields |= other
        return sign_bodies(
            action=action, station=station, signer=key or self.key,
            facts=new_body(facts, self.randomness(16)), **fields,  # type: ignore[arg-type]
        )  # fmt: skip

    def _nonsense(self, kind: str) -> None:
        self.world.tally["evil acts"] += 1
        case, parent = self.rng.choice(self.cases) if self.cases else (CaseId(b""), ActId(bytes(32)))
        later: dict[str, object] = {"case_id": case, "parents": (parent,)} if self.cases else {}
        opening: Facts = {
            "item": PROOF, "number": f"E{len(self.frames)}", "token_hash": bytes(32), "materials": ["m01"],
            "proof_kind": "collective_member",
        }  # fmt: skip
        if kind == "bad_signature":
            made = self._sign("receive", opening)
            made = SignedAct(raw=made.raw, sig=bytes(64), facts=made.facts)
        elif kind == "unknown_key":
            made = self._sign("receive", opening, key=signer("nobody"))
        elif kind == "other_station":
            made = self._sign("receive", opening, station=self.rng.choice(self.world.stations))
        elif kind == "no_authority":
            made = self._sign("adjudicate", {"reason": "因为"}, **later)
        elif kind == "registry":
            made = self._sign("grant_role", {"staff_no": "S00w", "role": "head", "scope": COUNTY})
        elif kind == "garbage":
            made = SignedAct(raw=self.randomness(80), sig=bytes(64), facts=b"")
        elif kind == "other_facts":
            honest = self._sign("receive", opening)
            made = SignedAct(raw=honest.raw, sig=honest.sig, facts=self._sign("note", {}).facts)
        elif kind == "unknown_parent":
            made = self._sign(
                "note", {}, case_id=CaseId(self.randomness(16)), parents=(ActId(self.randomness(32)),)
            )
        elif kind == "future":
            made = self._sign("receive", opening, registry_size=10**6, occurred_at_ms=253_000_000_000_000)
        elif kind == "twice" and self.signed:
            made = self.rng.choice(self.signed)
        elif kind == "other_ledger":
            made = self._sign("receive", opening, ledger_id=bytes(32))
        elif kind == "fork" and len(self.frames) > 3:
            self._fork()
            return
        else:
            made = self._sign("receive", opening)
            self.cases.append((CaseId(made.act_id[:16]), made.act_id))
        self.signed.append(made)
        self._append(made, kind)

    def _append(self, made: SignedAct, kind: str = "") -> None:
        entry = self.log.next_entry(made.raw, made.sig, made.act_id, clock=self.clock, county_seen=b"")
        raw = entry.raw
        if kind == "astray":
            raw = (
                decode_entry(raw)._replace(seq=self.rng.randrange(1, 99), previous=self.randomness(32)).pack()
            )
        elif kind == "no_entry":
            raw = self.randomness(40)
        self._adopt(replace(entry, raw=raw, frame=encode_frame(made.raw, made.sig, raw)))
        self.facts.append(made.facts)
        self.people.append(self.randomness(30) if self.rng.random() < 0.1 else b"")

    def _adopt(self, entry: NewEntry) -> None:
        """Go on behind an entry, whatever it says of itself."""
        tree = self.log.tree.copy()
        tree.append(leaf_hash(entry.raw))
        self.log.adopt(replace(entry, entry_hash=entry_hash(entry.raw), tree=tree))
        self.frames.append(entry.frame)

    def _fork(self) -> None:
        """Begin its log again, behind the first entries or any others."""
        self.world.tally["evil forks"] += 1
        kept = self.rng.choice((0, self.rng.randrange(1, len(self.frames))))
        before = self.frames[:kept]
        self.log = OwnLog(self.genesis, self.log.signer)
        self.frames, self.facts, self.people = [], self.facts[:kept], self.people[:kept]
        for seq, frame in enumerate(before, start=1):
            raw = split_frame(frame).entry_raw
            self._adopt(
                NewEntry(
                    seq=seq, raw=raw, frame=frame, entry_hash=b"", recorded_at_ms=0, nodes=(),
                    tree=self.log.tree,
                )
            )  # fmt: skip
        if kept:
            self._append(self._sign("note", {"reason": str(self.rng.random())}))
            return
        self._append(self.signed[0] if self.signed and self.rng.random() < 0.3 else self._opening())

    def _opening(self) -> SignedAct:
        return self._sign("open_log", registry_actions.open_log(genesis=self.genesis.pack()))

    def _package(self) -> bytes:
        content = PackageContent(
            log_id=self.log.log_id,
            first_seq=1,
            previous=self.genesis.genesis_hash(),
            frames=tuple(self.frames[:256]),
            facts=tuple(self.facts[:256]),
            personal=tuple(self.people[:256]),
            checkpoint=self.log.sign_head(),
        )
        return encode_package(content)

    def _hello(self) -> bytes:
        rng, place = self.rng, self.world.main[self.upstream]
        others = [one.log_id for one in place.ledger.logs()] if place.up and not place.disk.dead else []
        logs = [LogState(log_id, rng.randrange(1, 500), self.randomness(32)) for log_id in others]
        logs.append(LogState(self.log.log_id, self.log.size, self.log.tree.root()))
        return Hello(
            ledger_id=self.ledger_id,
            station=EVIL if rng.random() < 0.9 else rng.choice(self.world.stations),
            sent_at_ms=rng.randrange(10**13),
            version="evil",
            waiting=10**9,
            oldest_ms=1,
            logs=tuple(sorted(rng.sample(logs, rng.randint(1, len(logs))))),
            branches=tuple(
                BranchState(log_id, self.randomness(32), 2, 9, self.randomness(32))
                for log_id in others[: rng.randint(0, 3)]
            ),
            county=(LogId(bytes(16)), 7) if rng.random() < 0.3 else None,
            proofs_from=(1, 5, 10**6),
            feed=FeedPlace(number=rng.randrange(100), chain=self.randomness(32)),
            contacts=(
                Contact(
                    station=rng.choice(self.world.stations), heard_at_ms=10**13, waiting=0, oldest_ms=0,
                    said_at_ms=0, version="evil",
                ),
            ),
        ).pack()  # fmt: skip

    async def _send(self) -> None:
        packer, rng = Packer(), self.rng
        sections = [encode_section(HELLO, self._hello())]
        with suppress(BanjianError):
            sections.append(encode_section(rng.choice((PACKAGE, PACKAGE, BRANCH)), self._package()))
        if rng.random() < 0.3:
            sections.append(encode_section(rng.choice((PACKAGE, BRANCH, 9)), self.randomness(200)))
        if rng.random() < 0.2:
            rng.shuffle(sections)
        body = b"".join(packer.pack(section) for section in sections) + packer.end()
        if rng.random() < 0.2:
            body = body[: rng.randrange(len(body))]
        self.world.tally["evil sessions"] += 1
        connector = aiohttp.UnixConnector(f"{EVIL}>{self.upstream}", force_close=True)
        with suppress(aiohttp.ClientError, TimeoutError, OSError):
            async with (
                aiohttp.ClientSession(connector=connector, trust_env=False) as http,
                http.post(SESSION, data=body, headers={"Content-Type": CONTENT_TYPE}) as response,
            ):
                await response.read()
