"""A log whose opener the station above does not know yet asks with one package a session, then goes whole."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.facade import Command
from ledger.types import LogId
from sync.core.framing import PACKAGE, Splitter
from sync.core.ingest import prepare
from tests.sync.world import FELLING, TOWN, VILLAGE, World, settled, signer

ACTS, PACKAGES = 600, 3


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    settled(TOWN, VILLAGE)(made)
    yield made
    made.close()


def work(world: World) -> LogId:
    """Let somebody whom only the village's registry knows open its log and fill some packages."""
    ledger = world[VILLAGE].ledger
    for _ in range(ACTS):
        facts = {"item": FELLING, "applicant_kind": "person", "channel": "counter", "materials": []}
        personal = {"applicant": {"name": "甲", "id_kind": "other", "id_no": "N1"}}
        command = Command(action="receive", station=VILLAGE, facts=facts, personal=personal)
        log_id = ledger.perform(command, signer("S99")).log_id
    ledger.checkpoint(log_id)
    return log_id


def given(world: World, log_id: LogId) -> tuple[int, list[str]]:
    """Run a session that brings this log alone; return how many packages of it went, and what was refused."""
    sent = 0
    splitter, held = Splitter(), world[TOWN].exchange

    def up(sections: Iterator[bytes]) -> Iterator[bytes]:
        nonlocal sent
        for raw in sections:
            (section,) = splitter.feed(raw)
            mine = True
            if section.kind == PACKAGE:
                made = prepare(section, ledger_id=held.held.ledger_id, public_key=held.public_key)
                mine = made.log_id == log_id
                sent += mine
            if mine:
                # What the village holds of the registry, it would give back: nobody asks it to here.
                yield raw

    requester = world.session(VILLAGE, up=up)
    return sent, [note.code for note in requester.progress.notes]


def test_what_is_refused_costs_one_package_a_session_until_the_registry_has_grown(world: World) -> None:
    world[TOWN].close()
    before = world.folder / "before"
    shutil.copytree(world[TOWN].path, before)
    world.enrol(VILLAGE, "window", "S99")
    world.settle(TOWN, VILLAGE)
    world[TOWN].close()
    shutil.rmtree(world[TOWN].path)
    before.rename(world[TOWN].path)
    log_id = work(world)
    behind = ["sync.registry_behind"]
    first, codes = given(world, log_id)
    assert first == PACKAGES and codes[:1] == behind
    for _ in range(3):
        assert given(world, log_id) == (1, behind)
    world.sync(TOWN)
    world.sync(VILLAGE)
    size = world[VILLAGE].exchange.held.size(log_id)
    assert world[TOWN].exchange.held.size(log_id) == size > ACTS
    assert given(world, log_id) == (0, [])
