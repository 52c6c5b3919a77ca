"""A station with a valid key that signs whatever it is told to: entries, checkpoints, histories."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ledger.facade.base.types import SignedAct
from ledger.facade.cases.signing import sign_bodies
from ledger.formats.body import new_body
from ledger.formats.checkpoint import Checkpoint, log_origin, sign_checkpoint
from ledger.formats.entry import Entry, entry_hash, sig_hash
from ledger.formats.excerpt import ExcerptContent, encode_excerpt
from ledger.formats.frame import encode_frame, split_frame
from ledger.formats.genesis import LogGenesis
from ledger.formats.keys import Ed25519Signer, Signer
from ledger.formats.merkle import Tree, leaf_hash, multiproof_over
from ledger.formats.package import encode_package
from ledger.formats.packageform import PackageContent
from ledger.registry import actions as registry_actions
from ledger.types import ActId, CaseId, Facts, StationId
from sync.core.framing import BRANCH, EXCERPT, PACKAGE, Section
from sync.core.ingest import PreparedExcerpt, PreparedPackage, prepare
from sync.core.responder import Responder
from tests.sync.world import COUNTY, FELLING, START_MS, TOWN, VILLAGE_2, World

Change = Callable[[Entry], "Entry | bytes"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One position of a history: its frame and the bodies that are sent along."""

    frame: bytes
    facts: bytes
    personal: bytes = b""


class EvilStation:
    """The second village, with its clerk's key and a log of its own."""

    def __init__(self, world: World, station: StationId = VILLAGE_2) -> None:
        self.world, self.station = world, station
        self.key = Ed25519Signer.from_seed(bytes(32))
        self.genesis = LogGenesis(
            ledger_id=world.genesis.ledger_id(), kind="station", station=station,
            log_public_key=self.key.public_key, reason="first", nonce=bytes(16), parent_log=b"",
            parent_size=0, parent_root=b"",
        )  # fmt: skip
        self.log_id = self.genesis.log_id()
        self.lines: list[Line] = []
        self.count = 0
        self.add(self.sign("open_log", registry_actions.open_log(genesis=self.genesis.pack())))

    def sign(self, action: str = "receive", facts: Facts | None = None, **other: object) -> SignedAct:
        """Return an act of the clerk; an opening of a case if nothing is said."""
        self.count += 1
        knowledge = self.world[COUNTY].ledger.knowledge
        opening: Facts = {
            "item": FELLING, "number": f"X{self.count}", "token_hash": bytes(32), "materials": [],
            "applicant_kind": "person", "channel": "counter",
        }  # fmt: skip
        fields: dict[str, object] = {
            "ledger_id": self.genesis.ledger_id, "case_id": CaseId(b""), "parents": (), "personal": b"",
            "registry_size": knowledge.registry.size, "catalogue_version": knowledge.catalogue.size,
            "occurred_at_ms": START_MS + self.count * 1_000, "station": self.station,
            "signer": self.world.key(self.station, "window"),
        }  # fmt: skip
        fields |= other
        made = new_body(facts if facts is not None else opening, self.count.to_bytes(16, "big"))
        return sign_bodies(action=action, facts=made, **fields)  # type: ignore[arg-type]

    def add(
        self, made: SignedAct, change: Change = lambda entry: entry, facts: bytes | None = None,
        personal: bytes = b"",
    ) -> bytes:  # fmt: skip
        """Write an act into the log, in an entry changed at will; returns the id of its case."""
        previous = self.genesis.genesis_hash()
        if self.lines:
            previous = entry_hash(split_frame(self.lines[-1].frame).entry_raw)
        entry = Entry(
            self.log_id, len(self.lines) + 1, previous, made.act_id, sig_hash(made.sig),
            START_MS + len(self.lines) * 1_000, bytes(16), len(self.lines), b"",
        )  # fmt: skip
        changed = change(entry)
        raw = changed.pack() if isinstance(changed, Entry) else changed
        frame = encode_frame(made.raw, made.sig, raw)
        body = made.facts if facts is None else facts
        self.lines.append(Line(frame=frame, facts=body, personal=personal))
        return ActId(made.act_id)[:16]

    def history(self, lines: list[Line]) -> EvilStation:
        """Return the same station with another history of its log."""
        other = object.__new__(EvilStation)
        other.__dict__ |= self.__dict__ | {"lines": lines}
        return other

    def package(self, first: int = 1) -> PackageContent:
        """Return everything from a position on, under a checkpoint of the end."""
        tree = Tree()
        tree.extend(leaf_hash(split_frame(line.frame).entry_raw) for line in self.lines)
        checkpoint = Checkpoint(origin=log_origin(self.log_id), size=tree.size, root=tree.root())
        before = self.genesis.genesis_hash()
        if first > 1:
            before = entry_hash(split_frame(self.lines[first - 2].frame).entry_raw)
        given = self.lines[first - 1 :]
        return PackageContent(
            log_id=self.log_id, first_seq=first, previous=before,
            frames=tuple(line.frame for line in given), facts=tuple(line.facts for line in given),
            personal=tuple(line.personal for line in given), checkpoint=sign_checkpoint(checkpoint, self.key),
        )  # fmt: skip

    def send(self, to: StationId = TOWN, *, first: int = 1, diverges: bool = False) -> list[str]:
        """Give the log to a station as its responder takes it; returns the codes of what was refused."""
        payload = encode_package(self.package(first))
        return self._take(to, Section(BRANCH if diverges else PACKAGE, payload))

    def give(self, positions: Sequence[int], to: StationId = TOWN) -> list[str]:
        """Give single records of the log to a station, the first among them; returns what was refused."""
        return self._take(to, Section(EXCERPT, encode_excerpt(self.excerpt(positions))))

    def excerpt(self, positions: Sequence[int]) -> ExcerptContent:
        """Return single records of the log under a checkpoint of the end."""
        leaves = [leaf_hash(split_frame(line.frame).entry_raw) for line in self.lines]
        given = [self.lines[position - 1] for position in positions]
        return ExcerptContent(
            log_id=self.log_id, checkpoint=self.package().checkpoint, positions=tuple(positions),
            frames=tuple(line.frame for line in given), facts=tuple(line.facts for line in given),
            personal=tuple(line.personal for line in given),
            nodes=multiproof_over(
                len(leaves), [one - 1 for one in positions], lambda low, high: _root(leaves[low:high])
            ),
        )  # fmt: skip

    def _take(self, to: StationId, section: Section) -> list[str]:
        exchange = self.world[to].exchange
        prepared = prepare(section, ledger_id=self.genesis.ledger_id, public_key=exchange.public_key)
        assert isinstance(prepared, PreparedPackage | PreparedExcerpt)
        responder = Responder(exchange, self.station, now_ms=START_MS, version="evil")
        responder._hello, responder._scope = object(), exchange.held.scope(self.station)  # type: ignore[assignment]
        responder.take(prepared)
        return [one.code for one in responder._refused]


def _root(leaves: Sequence[bytes]) -> bytes:
    tree = Tree()
    tree.extend(leaves)
    return tree.root()


def heir(
    world: World, parent: bytes, *, station: StationId = VILLAGE_2, opener: Signer | None = None,
    number: int = 1, **opening: object,
) -> EvilStation:  # fmt: skip
    """Return a station whose new log says that it continues some log.

    Args:
        world: the county.
        parent: id of the log that it names.
        station: whose log it is said to be.
        opener: who signs its opening; the clerk of the station if nothing is said.
        number: another log for another number.
        opening: what else is said in the act that opens it.
    """
    evil = EvilStation(world, station)
    evil.key = Ed25519Signer.from_seed(number.to_bytes(32, "big"))
    evil.genesis = LogGenesis(
        ledger_id=world.genesis.ledger_id(), kind="station", station=station,
        log_public_key=evil.key.public_key, reason="restored" if parent else "first",
        nonce=number.to_bytes(16, "big"),
        parent_log=parent, parent_size=0, parent_root=b"",
    )  # fmt: skip
    evil.log_id, evil.lines = evil.genesis.log_id(), []
    signer = opener or world.key(station, "window")
    facts = registry_actions.open_log(genesis=evil.genesis.pack())
    evil.add(evil.sign("open_log", facts, signer=signer, **opening))
    return evil
