"""Acts that a log covers and that can never count: not when they come, and not when they are read again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.errors import BanjianError
from ledger.facade.base.types import SignedAct
from ledger.facade.cases.signing import sign_bodies
from ledger.facade.logs.ownlog import OwnLog
from ledger.formats.act import Act, act_id, decode_act
from ledger.formats.body import new_body
from ledger.formats.genesis import LogGenesis
from ledger.formats.keys import Ed25519Signer
from ledger.formats.package import encode_package
from ledger.formats.packageform import PackageContent
from ledger.registry import actions as registry_actions
from ledger.types import CaseId, Facts, LedgerId
from sync.core.framing import PACKAGE, Section
from sync.core.ingest import PreparedPackage, prepare
from tests.sync.world import FELLING, START_MS, TOWN, VILLAGE_2, World, settled

OTHER = LedgerId(b"\x07" * 32)
RECEIVE: Facts = {"item": FELLING, "number": "X1", "token_hash": bytes(32), "materials": ["m01"]}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World.after(settled(TOWN), tmp_path)
    yield made
    made.close()


def signed(world: World, action: str, facts: Facts, ledger_id: LedgerId) -> SignedAct:
    """Return an act of the second village's clerk, for this ledger or another."""
    knowledge = world[TOWN].ledger.knowledge
    return sign_bodies(
        ledger_id=ledger_id, case_id=CaseId(b""), parents=(), action=action, station=VILLAGE_2,
        registry_size=knowledge.registry.size, catalogue_version=knowledge.catalogue.size,
        occurred_at_ms=START_MS, facts=new_body(facts, bytes(16)), personal=b"",
        signer=world.key(VILLAGE_2, "window"),
    )  # fmt: skip


def take(world: World, made: SignedAct) -> None:
    """Let the township take a log of the second village that covers an act."""
    key, ledger = Ed25519Signer.from_seed(bytes(32)), world[TOWN].ledger
    genesis = LogGenesis(
        ledger_id=ledger.ledger_id, kind="station", station=VILLAGE_2, log_public_key=key.public_key,
        reason="first", nonce=bytes(16), parent_log=b"", parent_size=0, parent_root=b"",
    )  # fmt: skip
    log = OwnLog(genesis, key)
    acts = [
        signed(world, "open_log", registry_actions.open_log(genesis=genesis.pack()), ledger.ledger_id),
        made,
    ]
    frames = []
    for one in acts:
        entry = log.next_entry(one.raw, one.sig, one.act_id, clock=world[TOWN].clock, county_seen=b"")
        log.adopt(entry)
        frames.append(entry.frame)
    content = PackageContent(
        log_id=log.log_id, first_seq=1, previous=genesis.genesis_hash(), frames=tuple(frames),
        facts=tuple(one.facts for one in acts), personal=(b"", b""), checkpoint=log.sign_head(),
    )  # fmt: skip
    exchange = world[TOWN].exchange
    section = Section(PACKAGE, encode_package(content))
    prepared = prepare(section, ledger_id=ledger.ledger_id, public_key=exchange.public_key)
    assert isinstance(prepared, PreparedPackage)
    exchange.receiving.take_package(
        prepared.content, prepared.records, allowed=lambda genesis: True, now_ms=START_MS
    )


def effect(world: World, made: SignedAct) -> bool:
    """Whether the act takes effect at the township."""
    case = CaseId(Act(decode_act(made.raw), made.raw, made.sig, act_id(made.raw)).act_id[:16])
    try:
        return world[TOWN].ledger.state(case)[0].steps[0].effective
    except BanjianError:
        return False


@pytest.mark.parametrize("kind", ["sound", "other ledger", "signature"])
def test_what_cannot_count_does_not_count_when_it_is_read_again(world: World, kind: str) -> None:
    made = signed(
        world, "receive", RECEIVE, OTHER if kind == "other ledger" else world[TOWN].ledger.ledger_id
    )
    if kind == "signature":
        made = SignedAct(raw=made.raw, sig=bytes(64), facts=made.facts)
    take(world, made)
    assert effect(world, made) == (kind == "sound")
    world[TOWN].ledger.rebuild()
    assert effect(world, made) == (kind == "sound")
    world[TOWN].close()
    assert effect(world, made) == (kind == "sound")
