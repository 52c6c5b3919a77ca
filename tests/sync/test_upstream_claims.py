"""What a station above says of a village's own log moves nothing; what the log's own key signed does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ledger.facade.logs.heldstates import BranchState, LogState
from ledger.facade.logs.ownlog import newest_checkpoint
from ledger.facade.peering.between import sync_status
from ledger.formats.checkpoint import Checkpoint, log_origin, sign_checkpoint
from ledger.formats.entry import entry_hash
from ledger.formats.frame import split_frame
from ledger.formats.keys import Ed25519Signer
from ledger.limits import STATION_HISTORIES_MAX
from ledger.types import LogId
from sync.core.framing import ANSWER, NOTE, Splitter, encode_section
from sync.core.messages import Answer, Fork, decode_answer
from tests.sync.test_forks import copy, put_back
from tests.sync.world import TOWN, VILLAGE, World, settled

UNPROVEN = "log.upstream_unproven"
Lie = Callable[[Answer], Answer]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World.after(settled(TOWN, VILLAGE), tmp_path)
    made.receive(VILLAGE, applicant="甲")
    made.settle(VILLAGE, TOWN)
    yield made
    made.close()


def own_log(world: World) -> LogId:
    """Return the one log that the village goes on writing."""
    held = world[VILLAGE].exchange.held
    (found,) = (log.log_id for log in world[VILLAGE].ledger.logs() if held.is_open_own(log.log_id))
    return found


def said(lie: Lie, *notes: bytes) -> Callable[[Iterator[bytes]], Iterator[bytes]]:
    """Return what changes an answer, and puts notes behind its first section."""

    def down(sections: Iterator[bytes]) -> Iterator[bytes]:
        for raw in sections:
            section = next(Splitter().feed(raw))
            if section.kind != ANSWER:
                yield raw
                continue
            yield encode_section(ANSWER, lie(decode_answer(section.payload)).pack())
            yield from (encode_section(NOTE, note) for note in notes)

    return down


def longer(log_id: LogId, size: int) -> Lie:
    """Return the claim that a log has more entries than there are."""
    state = LogState(log_id, size, bytes(32))
    return lambda answer: replace(answer, logs=(*(one for one in answer.logs if one.log_id != log_id), state))


def other(log_id: LogId, size: int) -> Lie:
    """Return the claim that another history of a log is held."""
    fork = Fork(log_id=log_id, roots=((size, bytes(32)), (0, bytes(32))))
    return lambda answer: replace(answer, forks=(*answer.forks, fork))


def beside(log_id: LogId, first_hash: bytes, size: int) -> Lie:
    """Return the claim that the log's own history is held as a divergent one."""
    branch = BranchState(log_id, first_hash, size, size, bytes(32))
    return lambda answer: replace(answer, branches=(*answer.branches, branch))


def lies(world: World) -> dict[str, Lie]:
    """Return every kind of claim about the village's own log."""
    log_id, exchange = own_log(world), world[VILLAGE].exchange
    size = exchange.held.size(log_id)
    with world[VILLAGE].ledger.store.read() as tx:
        frame = tx.frame(log_id.hex(), size)
    assert frame is not None
    last = entry_hash(split_frame(frame).entry_raw)
    return {
        "ahead": longer(log_id, size + 1),
        "fork": other(log_id, size),
        "branch": beside(log_id, last, size),
    }


@pytest.mark.parametrize("how", ["ahead", "fork", "branch"])
def test_a_bare_word_is_told_and_changes_nothing(world: World, how: str) -> None:
    log_id, lie = own_log(world), lies(world)[how]
    for _ in range(3):
        requester = world.session(VILLAGE, down=said(lie))
        assert requester.progress.sealed == []
        assert [note.code for note in requester.progress.notes] == [UNPROVEN]
        assert requester.divergent == []
        assert not requester.more
    status = sync_status(world[VILLAGE].ledger, VILLAGE)
    assert status.given_up == ()
    assert [one.code for one in status.findings] == [UNPROVEN]
    case = world.receive(VILLAGE, applicant="乙")
    assert own_log(world) == log_id
    assert [note.code for one in world.sync(VILLAGE) for note in one.notes] == []
    assert sync_status(world[VILLAGE].ledger, VILLAGE).findings == ()
    assert world.digest(TOWN, case) == world.digest(VILLAGE, case)


def test_no_number_of_claims_uses_up_the_logs_of_a_village(world: World) -> None:
    log_id = own_log(world)
    for number in range(STATION_HISTORIES_MAX + 2):
        size = world[VILLAGE].exchange.held.size(log_id)
        assert world.session(VILLAGE, down=said(longer(log_id, size + 9))).progress.sealed == []
        world.receive(VILLAGE, applicant=f"甲{number}")
    world.settle(VILLAGE, TOWN)
    levels = sync_status(world[VILLAGE].ledger, VILLAGE).levels
    assert [level.waiting for level in levels] == [0, 0]
    assert own_log(world) == log_id


def test_proof_that_another_key_signed_is_refused(world: World) -> None:
    log_id = own_log(world)
    size = world[VILLAGE].exchange.held.size(log_id)
    point = Checkpoint(origin=log_origin(log_id), size=size + 1, root=bytes(32))
    forged = sign_checkpoint(point, Ed25519Signer.from_seed(bytes(32)))
    progress = world.session(VILLAGE, down=said(longer(log_id, size + 1), forged)).progress
    assert progress.sealed == []
    assert {note.code for note in progress.notes} == {UNPROVEN, "note.unsigned"}
    assert own_log(world) == log_id


def test_a_checkpoint_that_agrees_proves_nothing(world: World) -> None:
    log_id = own_log(world)
    with world[VILLAGE].ledger.store.read() as tx:
        note = newest_checkpoint(tx, log_id.hex())
    assert note is not None
    progress = world.session(VILLAGE, down=said(lies(world)["ahead"], note)).progress
    assert (progress.sealed, [one.code for one in progress.notes]) == ([], [UNPROVEN])
    assert own_log(world) == log_id


def test_what_the_own_key_signed_is_proof_at_once(world: World) -> None:
    """The township says no word of more than its log state and the note."""
    image = copy(world, VILLAGE, "image")
    log_id = own_log(world)
    world.receive(VILLAGE, applicant="乙")
    world.sync(VILLAGE)
    put_back(world, VILLAGE, image)
    first = world.session(VILLAGE)
    assert first.progress.sealed == [(log_id, "log.upstream_ahead")]
    # What it lacked came in the same session.
    assert world[VILLAGE].ledger.find("乙")


def test_another_history_is_proven_in_the_first_session(world: World) -> None:
    image = copy(world, VILLAGE, "image")
    log_id = own_log(world)
    world.receive(VILLAGE, applicant="乙")
    world.sync(VILLAGE)
    put_back(world, VILLAGE, image)
    for name in ("丙", "丁"):
        world.receive(VILLAGE, applicant=name)
    first = world.session(VILLAGE)
    assert first.progress.sealed == [(log_id, "log.upstream_other")]
    world.settle(VILLAGE, TOWN)
    assert {len(world[station].ledger.find(name)) for station in (VILLAGE, TOWN) for name in "乙丙丁"} == {1}
