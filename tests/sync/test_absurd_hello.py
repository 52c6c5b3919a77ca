"""What a station says of itself is for people: no number and no character of it breaks a board above."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from ledger.errors import EncodingError
from ledger.facade.base.peers import Contact
from ledger.facade.transfer.feeds import START, FeedPlace
from ledger.limits import INT_MAX, MOMENT_MS_MAX, WAITING_MAX
from ledger.types import LogId
from sync.core.framing import ANSWER, Splitter
from sync.core.messages import Answer, Hello, Refused, decode_answer, decode_hello
from sync.core.responder import Responder
from tests.cli.conftest import Terminal
from tests.sync.world import COUNTY, START_MS, TOWN, VILLAGE, World, settled

ABSURD = {"waiting": 2**62, "oldest_ms": INT_MAX, "version": "\x1b[31m\n\x7f"}
SHOWN = "?[31m??"


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World.after(settled(TOWN), tmp_path)
    return made


def _hello(world: World) -> Hello:
    contact = Contact(station=VILLAGE, heard_at_ms=INT_MAX, said_at_ms=INT_MAX, **ABSURD)  # type: ignore[arg-type]
    return Hello(
        ledger_id=world.genesis.ledger_id(), station=TOWN, sent_at_ms=INT_MAX, logs=(), branches=(),
        county=None, proofs_from=(), feed=FeedPlace(number=0, chain=START), contacts=(contact,), **ABSURD,
    )  # type: ignore[arg-type]  # fmt: skip


def _open(world: World) -> Responder:
    responder = Responder(world[COUNTY].exchange, TOWN, now_ms=START_MS, version="test")
    responder.open(decode_hello(_hello(world).pack()))
    return responder


def _board(world: World) -> str:
    world.close()
    folder = world[COUNTY].path
    (folder / "banjian.toml").write_text(f'station = "{COUNTY}"\n', encoding="utf-8")
    terminal = Terminal(folder=folder)
    terminal.clock.set("2026-03-03 09:00")
    terminal.ok("board", "--json")
    terminal.ok("sync", "status")
    return terminal.ok("board").out


def test_what_is_said_is_cut_down_to_what_can_be(world: World) -> None:
    found = decode_hello(_hello(world).pack())
    assert (found.sent_at_ms, found.waiting, found.oldest_ms) == (MOMENT_MS_MAX, WAITING_MAX, MOMENT_MS_MAX)
    assert found.version == SHOWN
    (one,) = found.contacts
    assert (one.heard_at_ms, one.said_at_ms, one.version) == (MOMENT_MS_MAX, MOMENT_MS_MAX, SHOWN)


def test_the_board_above_is_shown(world: World) -> None:
    _open(world)
    shown = _board(world)
    assert str(WAITING_MAX) in shown
    assert "\x1b[31m" not in shown


def test_what_was_stored_before_is_shown_too(world: World) -> None:
    _open(world)
    world.close()
    with closing(sqlite3.connect(world[COUNTY].path / "ledger.db")) as db:
        changed = db.execute(
            "UPDATE peers SET heard_at_ms = ?, waiting = ?, oldest_ms = ?, said_at_ms = ?, version = ?",
            (INT_MAX, 2**62, INT_MAX, INT_MAX, ABSURD["version"]),
        )
        assert changed.rowcount == 2
        db.commit()
    assert [one.version for one in world[COUNTY].exchange.peers.all()] == [SHOWN, SHOWN]
    assert str(2**62) not in _board(world)


def _answer(world: World) -> Answer:
    responder = Responder(world[COUNTY].exchange, TOWN, now_ms=START_MS, version="test")
    responder.open(decode_hello(_hello(world).pack()))
    first = next(iter(Splitter().feed(next(responder.answer()))))
    assert first.kind == ANSWER
    return decode_answer(first.payload)


def test_an_answer_is_cut_down_and_its_codes_are_codes(world: World) -> None:
    true = _answer(world)
    found = decode_answer(replace(true, answered_at_ms=INT_MAX, version="\x1b]0;").pack())
    assert (found.answered_at_ms, found.version) == (MOMENT_MS_MAX, "?]0;")
    for code in ("\x1b[2J", "", "Package.Root", "x" * 65):
        refused = (Refused(log_id=LogId(bytes(16)), first_seq=0, code=code),)
        with pytest.raises(EncodingError, match=r"sync\.field"):
            decode_answer(replace(true, refused=refused).pack())
