"""Sessions whose bytes were altered on the way: the upper side stores what was signed, or nothing of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ledger.errors import BanjianError, StoreError
from ledger.facade.transfer.intake import Intake
from ledger.formats.package import encode_package
from ledger.types import StationId
from sync.core.framing import PACKAGE, Section, Splitter, encode_section
from sync.core.ingest import PreparedPackage, prepare
from tests.simulation.county import apply_request
from tests.sync.world import START_MS, TOWN, VILLAGE, World, settled

STEP = 7
"""Every so-many-th byte of a package is altered."""


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World.after(settled(TOWN, VILLAGE), tmp_path)
    yield made
    made.close()


def frames(world: World, station: StationId, log: str) -> list[bytes]:
    """Return the frames of a log as a station holds them."""
    with world[station].ledger.store.read() as tx:
        return [frame for _, frame in tx.frames(log, 1, 1_000)]


def altered(sections: list[Section], index: int, bit: int) -> bytes:
    """Return the sections with one bit of the package turned over, lengths and order as they were."""
    raw = bytearray()
    for section in sections:
        payload = bytearray(section.payload)
        if section.kind == PACKAGE:
            payload[index] ^= 1 << bit
        raw += encode_section(section.kind, bytes(payload))
    return bytes(raw)


def test_no_altered_byte_of_a_package_gets_into_the_log(world: World) -> None:
    for name in ("张三", "李四"):
        world.receive(VILLAGE, applicant=name)
    lower, upper = world[VILLAGE], world[TOWN]
    request: list[bytes] = []

    def watched(sections: Iterator[bytes]) -> Iterator[bytes]:
        for section in sections:
            request.append(section)
        return iter(())

    with pytest.raises(BanjianError):
        world.session(VILLAGE, up=watched)
    log = next(info for info in lower.ledger.logs() if info.own and info.kind == "station")
    theirs = frames(world, VILLAGE, log.log_id.hex())
    assert len(theirs) == 3
    sections = list(Splitter().feed(b"".join(request)))
    size = next(len(one.payload) for one in sections if one.kind == PACKAGE)
    for index in range(0, size, STEP):
        body = altered(sections, index, index % 8)
        apply_request(upper.exchange, VILLAGE, body, now_ms=upper.clock.now_ms())
        assert frames(world, TOWN, log.log_id.hex()) in ([], theirs), index
    world.settle(VILLAGE, TOWN)
    assert frames(world, TOWN, log.log_id.hex()) == theirs


def first_section(sections: Iterator[bytes]) -> Iterator[bytes]:
    """Let the first section pass and nothing more."""
    yield next(sections)


def test_what_a_torn_answer_did_not_bring_is_given_again(world: World) -> None:
    case = world.receive(VILLAGE)
    world.do(VILLAGE, "hand_over", case, to=TOWN)
    world.settle(VILLAGE)
    world.do(TOWN, "take_over", case)
    for _ in range(2):
        world.session(VILLAGE, down=first_section)
    world.sync(VILLAGE)
    assert world[VILLAGE].ledger.state(case)[0].custodian == TOWN


def test_there_is_no_receipt_for_what_could_not_be_stored(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.receive(VILLAGE)
    world.sync(VILLAGE)
    world.receive(VILLAGE, applicant="李四")

    def full(*_: object, **__: object) -> int:
        raise StoreError("store.disk_full", file="ledger.db")

    with monkeypatch.context() as patched:
        patched.setattr(Intake, "write_dense", full)
        with pytest.raises(StoreError):
            world.session(VILLAGE)
    world.session(VILLAGE, up=first_section)
    assert world[VILLAGE].exchange.held.waiting(TOWN)[0] == 1
    world.sync(VILLAGE)
    assert world[VILLAGE].exchange.held.waiting(TOWN)[0] == 0


def test_an_invented_personal_body_takes_no_effect_away(world: World) -> None:
    case = world.receive(VILLAGE)
    world.do(VILLAGE, "hand_over", case, to=TOWN)
    lower, upper = world[VILLAGE].exchange, world[TOWN].exchange
    log = next(info for info in world[VILLAGE].ledger.logs() if info.own and info.kind == "station")
    lower.seal_heads()
    content = lower.package(log.log_id, after=0)
    assert content is not None
    spoilt = replace(content, personal=tuple(b"invented" for _ in content.personal))
    prepared = prepare(
        Section(PACKAGE, encode_package(spoilt)), ledger_id=upper.held.ledger_id, public_key=upper.public_key
    )
    assert isinstance(prepared, PreparedPackage)
    upper.receiving.take_package(
        prepared.content, prepared.records, allowed=lambda genesis: True, now_ms=START_MS
    )
    rows = {row.case_id: row.offered_to for row in world[TOWN].ledger.worklist()}
    assert rows == {case: TOWN}
