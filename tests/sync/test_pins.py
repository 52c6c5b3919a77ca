"""Whoever carries records can change what no signed root covers: that is refused, and nothing is lost."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from audit.checking.verify import verify_ledger
from ledger.errors import DataError, StoreError
from ledger.facade.logs.rotten import ROTTEN
from ledger.facade.peering.syncstatus import SyncFinding, read_status
from ledger.formats.body import new_body
from ledger.formats.entry import decode_entry, encode_entry
from ledger.formats.excerpt import decode_excerpt, encode_excerpt
from ledger.formats.frame import FrameParts, encode_frame, split_frame
from ledger.formats.package import decode_package, encode_package
from ledger.formats.packageform import PackageContent
from ledger.limits import TREE_LEVEL_STORED_MIN
from ledger.types import CaseId, LogId, StationId
from stations.kept.sticks import Imported
from sync.core.framing import EXCERPT, PACKAGE, Splitter, encode_section
from sync.stick import bundlewriting
from tests.sync.sticks import StickWorld
from tests.sync.world import COUNTY, TOWN, VILLAGE, VILLAGE_2, World, settled

Spoil = Callable[[FrameParts, bytes], tuple[bytes, bytes]]
"""Makes frame and facts of a record anew."""


def flipped(raw: bytes) -> bytes:
    half = len(raw) // 2
    return raw[:half] + bytes([raw[half] ^ 1]) + raw[half + 1 :]


SPOILS: dict[str, Spoil] = {
    "a bit of the act": lambda p, f: (encode_frame(flipped(p.act_raw), p.sig, p.entry_raw), f),
    "no act at all": lambda p, f: (encode_frame(b"none", p.sig, p.entry_raw), b""),
    "a bit of the signature": lambda p, f: (encode_frame(p.act_raw, flipped(p.sig), p.entry_raw), f),
    "no facts": lambda p, f: (encode_frame(*p), b""),
    "other facts": lambda p, f: (encode_frame(*p), new_body({"item": "x"}, bytes(16))),
}


def spoilt(content: PackageContent, spoil: Spoil) -> PackageContent:
    """Return a package whose last record was changed."""
    frame, facts = spoil(split_frame(content.frames[-1]), content.facts[-1])
    return replace(content, frames=(*content.frames[:-1], frame), facts=(*content.facts[:-1], facts))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World.after(settled(TOWN, VILLAGE), tmp_path)
    yield made
    made.close()


@pytest.fixture
def sticks(tmp_path: Path) -> Iterator[StickWorld]:
    made = StickWorld.after(settled(TOWN, VILLAGE), tmp_path)
    yield made
    made.close()


def log_of(world: World, station: StationId) -> LogId:
    (log,) = (one for one in world[station].ledger.parts.own.values() if one.kind == "station")
    return log.genesis.log_id()


def findings(world: World, station: StationId) -> list[SyncFinding]:
    with world[station].ledger.reading() as (tx, parts):
        return list(read_status(world[station].ledger.store, tx, parts, station).findings)


def carrier(kind: int, log_id: LogId, change: Callable[[bytes], bytes]) -> Callable[..., Iterator[bytes]]:
    """Return a way on which the sections of a kind are changed, of one log."""

    def carry(pieces: Iterator[bytes]) -> Iterator[bytes]:
        splitter = Splitter()
        for data in pieces:
            for one in splitter.feed(data):
                mine = one.kind == kind and log_id in one.payload
                yield encode_section(one.kind, change(one.payload) if mine else one.payload)

    return carry


def sound(world: World, *stations: StationId) -> None:
    for station in stations:
        world[station].close()
        report = verify_ledger(world[station].path)
        assert not [one for one in report.findings if one.severity == "error"], station


@pytest.mark.parametrize("name", SPOILS)
def test_what_a_carrier_changed_is_refused_and_heals(world: World, name: str) -> None:
    case = world.receive(VILLAGE)
    world.sync(VILLAGE)
    log_id, held = log_of(world, VILLAGE), world[COUNTY].exchange.held
    size = held.size(log_id)

    def change(raw: bytes) -> bytes:
        return encode_package(spoilt(decode_package(raw), SPOILS[name]))

    told = world.session(TOWN, up=carrier(PACKAGE, log_id, change)).progress.notes
    assert [(one.code, one.log_id) for one in told] == [("package.pins", log_id)]
    assert held.size(log_id) == size
    world.session(VILLAGE)
    assert world[VILLAGE].exchange.held.waiting(TOWN) == (0, 0)
    assert world[VILLAGE].exchange.held.waiting(COUNTY)[0] > 0
    assert [(one.code, one.log) for one in findings(world, TOWN)] == [("package.pins", log_id.hex())]
    world.settle(TOWN, VILLAGE)
    assert world.digest(COUNTY, case) == world.digest(VILLAGE, case)
    assert world[VILLAGE].exchange.held.waiting(COUNTY) == (0, 0)
    assert findings(world, TOWN) == []
    sound(world, COUNTY, TOWN, VILLAGE)


def test_a_personal_body_that_does_not_fit_is_not_given(world: World) -> None:
    case = world.receive(VILLAGE)
    world.sync(VILLAGE)
    log_id = log_of(world, VILLAGE)

    def change(raw: bytes) -> bytes:
        content = decode_package(raw)
        return encode_package(
            replace(content, personal=tuple(new_body({"x": 1}, bytes(16)) for _ in content.personal))
        )

    assert world.session(TOWN, up=carrier(PACKAGE, log_id, change)).progress.notes == []
    assert world.digest(COUNTY, case) == world.digest(VILLAGE, case)
    sound(world, COUNTY)


REFUSALS = {
    "a bit of the act": "frame.act",
    "no act at all": "frame.act",
    "a bit of the signature": "frame.signature",
    "no facts": "excerpt.pins",
    "other facts": "act.facts_hash",
}


@pytest.mark.parametrize("name", SPOILS)
def test_a_changed_excerpt_is_refused_and_heals(world: World, name: str) -> None:
    case = taken_over(world)
    log_id = log_of(world, TOWN)
    given: list[bytes] = []

    def change(raw: bytes) -> bytes:
        content = decode_excerpt(raw)
        frame, facts = SPOILS[name](split_frame(content.frames[-1]), content.facts[-1])
        given.append(
            encode_excerpt(
                replace(content, frames=(*content.frames[:-1], frame), facts=(*content.facts[:-1], facts))
            )
        )
        return given[-1]

    before = world.digest(VILLAGE, case)
    if name == "no facts":
        notes = world.session(VILLAGE, down=carrier(EXCERPT, log_id, change)).progress.notes
        assert [one.code for one in notes] == [REFUSALS[name]]
    else:
        with pytest.raises(DataError) as caught:
            world.session(VILLAGE, down=carrier(EXCERPT, log_id, change))
        assert caught.value.code == REFUSALS[name]
    assert given
    assert world.digest(VILLAGE, case) == before
    world.sync(VILLAGE)
    assert world.digest(VILLAGE, case) == world.digest(TOWN, case)
    sound(world, VILLAGE)


def not_taken(found: Imported) -> list[str]:
    return [one.code for file in found.files if file.part for one in file.part.not_taken]


@pytest.mark.parametrize("name", SPOILS)
def test_on_a_stick_it_is_the_same(
    sticks: StickWorld, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = sticks.receive(VILLAGE)
    sticks.sync(VILLAGE)
    log_id = log_of(sticks, VILLAGE)

    def pack(content: PackageContent) -> bytes:
        return encode_package(spoilt(content, SPOILS[name]) if content.log_id == log_id else content)

    with monkeypatch.context() as patch:
        patch.setattr(bundlewriting, "encode_package", pack)
        files = sticks.export(TOWN, COUNTY, tmp_path / "spoilt")
    size = sticks[COUNTY].exchange.held.size(log_id)
    found = sticks.take(COUNTY, files)
    assert not_taken(found) == ["package.pins"]
    assert sticks[COUNTY].exchange.held.size(log_id) == size
    sticks.carry(TOWN, COUNTY, tmp_path / "genuine")
    assert sticks.digest(COUNTY, case) == sticks.digest(VILLAGE, case)
    sound(sticks, COUNTY)


# --- a disk that fails at the sender ------------------------------------------------------------


def taken_over(world: World) -> CaseId:
    """Return a case of the village that the township has taken over, which the village does not know yet."""
    case = world.receive(VILLAGE)
    world.do(VILLAGE, "hand_over", case, to=TOWN)
    world.settle(VILLAGE, TOWN)
    world.do(TOWN, "take_over", case)
    return case


FRAMES, BODIES = "originator_id = ? AND originator_version = ?", "log = ? AND seq = ?"


def rewrite(world: World, station: StationId, at: tuple[str, int], frame: bytes, facts: bytes | None) -> None:
    """Change a record of a ledger file behind the program's back, as a failing disk does."""
    world[station].close()
    with closing(sqlite3.connect(world[station].path / "ledger.db")) as db:
        triggers = db.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for name, _ in triggers:
            db.execute(f'DROP TRIGGER "{name}"')
        db.execute(f"UPDATE stored_events SET state = ? WHERE {FRAMES}", (frame, *at))
        db.execute(f"UPDATE bodies SET facts = ? WHERE {BODIES}", (facts, *at))
        for _, statement in triggers:
            db.execute(statement)
        db.commit()


def rebooted(entry_raw: bytes) -> bytes:
    """Return an entry that reads well and is not the one that was signed."""
    return encode_entry(decode_entry(entry_raw)._replace(boot_id=b"\x07" * 16))


@contextmanager
def rot(world: World, station: StationId, log_id: LogId, seq: int, what: str) -> Iterator[None]:
    """Let a record of a ledger file change; in the end it is healed."""
    at = (log_id.hex(), seq)
    world[station].close()
    with closing(sqlite3.connect(world[station].path / "ledger.db")) as db:
        (raw,) = db.execute(f"SELECT state FROM stored_events WHERE {FRAMES}", at).fetchone()
        (facts,) = db.execute(f"SELECT facts FROM bodies WHERE {BODIES}", at).fetchone()
    parts = split_frame(raw)
    changed = {
        "act": encode_frame(flipped(parts.act_raw), parts.sig, parts.entry_raw),
        "signature": encode_frame(parts.act_raw, flipped(parts.sig), parts.entry_raw),
        "frame": b"\xff" * len(raw),
        "entry": encode_frame(parts.act_raw, parts.sig, flipped(parts.entry_raw)),
        "boot of the entry": encode_frame(parts.act_raw, parts.sig, rebooted(parts.entry_raw)),
        "no entry": encode_frame(parts.act_raw, parts.sig, b"none"),
    }
    body = {"facts": b"\x80", "no facts": None}.get(what, facts)
    rewrite(world, station, at, changed.get(what, raw), body)
    yield
    rewrite(world, station, at, raw, facts)


def fill_subtree(world: World, station: StationId) -> None:
    """Let a log grow until no proof of what follows is made of the records that are there now."""
    for number in range(1 << TREE_LEVEL_STORED_MIN):
        world.receive(station, applicant=f"王{number}")


ROTS = ["act", "signature", "facts", "no facts", "frame", "entry", "boot of the entry", "no entry"]


@pytest.mark.parametrize("what", ROTS)
def test_a_rotten_record_is_not_sent_and_told(world: World, what: str) -> None:
    """The log goes up to the last checkpoint before it; all other logs go on."""
    world.receive(VILLAGE)
    log_id = log_of(world, VILLAGE)
    world[VILLAGE].exchange.seal_heads()
    good = world[VILLAGE].exchange.held.size(log_id)
    world.sync(VILLAGE)
    last = world.receive(VILLAGE, applicant="李四")
    world.sync(VILLAGE)
    end = world[TOWN].exchange.held.size(log_id)
    assert end > good
    other = world.receive(TOWN)
    with rot(world, TOWN, log_id, end, what):
        (done, *_) = world.sync(TOWN)
        assert done.notes == []
        assert world[COUNTY].exchange.held.size(log_id) == good
        assert world.digest(COUNTY, other) == world.digest(TOWN, other)
        told = [(ROTTEN, log_id.hex(), end)]
        assert [(one.code, one.log, one.seq) for one in findings(world, TOWN)] == told
        world[TOWN].close()
        world.sync(TOWN)
        assert [(one.code, one.log, one.seq) for one in findings(world, TOWN)] == told
    world.sync(TOWN)
    assert world.digest(COUNTY, last) == world.digest(VILLAGE, last)
    assert findings(world, TOWN) == []
    sound(world, COUNTY)


@pytest.mark.parametrize("what", ROTS)
def test_a_rotten_record_is_left_out_of_excerpts(world: World, what: str) -> None:
    other = world.receive(VILLAGE, applicant="李四")
    world.do(VILLAGE, "hand_over", other, to=TOWN)
    # Whoever is given records of a log is given its first one, too: that proof must hold.
    fill_subtree(world, TOWN)
    case = taken_over(world)
    log_id = log_of(world, TOWN)
    seq = world[TOWN].exchange.held.size(log_id)
    fill_subtree(world, TOWN)
    world.do(TOWN, "take_over", other)
    before = world.digest(VILLAGE, case)
    with rot(world, TOWN, log_id, seq, what):
        assert not [one.notes for one in world.sync(VILLAGE) if one.notes]
        assert world.digest(VILLAGE, other) == world.digest(TOWN, other)
        assert world.digest(VILLAGE, case) == before
        told = [(ROTTEN, log_id.hex(), seq)]
        assert [(one.code, one.log, one.seq) for one in findings(world, TOWN)] == told
        world.sync(VILLAGE)
        assert world.digest(VILLAGE, case) == before
    assert not [one.notes for one in world.sync(VILLAGE) if one.notes]
    assert world.digest(VILLAGE, case) == world.digest(TOWN, case) != before
    assert findings(world, TOWN) == []
    sound(world, VILLAGE)


@pytest.mark.parametrize("what", ROTS)
def test_a_stick_leaves_a_rotten_record_out(sticks: StickWorld, what: str, tmp_path: Path) -> None:
    sticks.receive(VILLAGE)
    sticks.sync(VILLAGE)
    log_id = log_of(sticks, VILLAGE)
    other = sticks.receive(TOWN)
    seq = sticks[TOWN].exchange.held.size(log_id)
    with rot(sticks, TOWN, log_id, seq, what):
        found = sticks.carry(TOWN, COUNTY, tmp_path / "one")
        assert not_taken(found) == []
        assert sticks.digest(COUNTY, other) == sticks.digest(TOWN, other)
        assert [(one.code, one.seq) for one in findings(sticks, TOWN)] == [(ROTTEN, seq)]
    sticks.carry(TOWN, COUNTY, tmp_path / "two")
    assert sticks[COUNTY].exchange.held.size(log_id) == seq
    assert findings(sticks, TOWN) == []


@contextmanager
def rot_personal(world: World, station: StationId, log_id: LogId, seq: int) -> Iterator[None]:
    """Let the encrypted body of a record change; in the end it is healed."""
    at = (log_id.hex(), seq)

    def write(sealed: bytes) -> None:
        world[station].close()
        with closing(sqlite3.connect(world[station].path / "ledger.db")) as db:
            db.execute(f"UPDATE bodies SET personal = ? WHERE {BODIES}", (sealed, *at))
            db.commit()

    world[station].close()
    with closing(sqlite3.connect(world[station].path / "ledger.db")) as db:
        (sealed,) = db.execute(f"SELECT personal FROM bodies WHERE {BODIES}", at).fetchone()
    write(flipped(sealed))
    yield
    write(sealed)


def test_a_rotten_personal_body_is_told_and_given_once_it_is_healed(world: World) -> None:
    case = world.receive(TOWN, applicant="赵六")
    log_id = log_of(world, TOWN)
    seq = world[TOWN].exchange.held.size(log_id)
    world.do(TOWN, "hand_over", case, to=VILLAGE)
    with rot_personal(world, TOWN, log_id, seq):
        assert not [one.notes for one in world.sync(VILLAGE) if one.notes]
        assert world.digest(VILLAGE, case) == world.digest(TOWN, case)
        assert not world[VILLAGE].ledger.find("赵六")
        told = [(ROTTEN, log_id.hex(), seq)]
        assert [(one.code, one.log, one.seq) for one in findings(world, TOWN)] == told
        world.sync(TOWN)
        assert world.digest(COUNTY, case) == world.digest(TOWN, case)
    world.sync(VILLAGE)
    assert [row.case_id for row in world[VILLAGE].ledger.find("赵六")] == [case]
    assert findings(world, TOWN) == []
    sound(world, VILLAGE, TOWN)


END = ["frame", "entry", "boot of the entry", "no entry"]


@pytest.mark.parametrize("what", END)
def test_a_rotten_end_takes_nothing_more_until_it_is_healed(world: World, what: str) -> None:
    """The station above cannot build on it: that log waits, with a code of its own, and the others go on."""
    world.join(VILLAGE_2)
    world.settle(VILLAGE_2)
    world.receive(VILLAGE)
    world.sync(VILLAGE)
    log_id = log_of(world, VILLAGE)
    seq = world[TOWN].exchange.held.size(log_id)
    waiting = world.receive(VILLAGE, applicant="李四")
    other = world.receive(VILLAGE_2)
    with rot(world, TOWN, log_id, seq, what):
        notes = [note.code for done in world.sync(VILLAGE) for note in done.notes]
        assert notes and set(notes) == {"sync.rotten_above"}
        world.sync(VILLAGE_2)
        world.sync(TOWN)
        assert world.digest(COUNTY, other) == world.digest(VILLAGE_2, other)
        assert (ROTTEN, log_id.hex(), seq) in [(one.code, one.log, one.seq) for one in findings(world, TOWN)]
    world.settle(VILLAGE, TOWN)
    assert world.digest(COUNTY, waiting) == world.digest(VILLAGE, waiting)
    assert findings(world, TOWN) == findings(world, VILLAGE) == []
    sound(world, COUNTY, TOWN, VILLAGE)


@pytest.mark.parametrize("what", END)
def test_what_a_receiver_has_already_may_be_rotten(world: World, what: str) -> None:
    """Nobody asks for it: what follows is given, and the log does not wait for it."""
    world.receive(VILLAGE)
    world.settle(VILLAGE, TOWN)
    log_id = log_of(world, VILLAGE)
    seq = world[COUNTY].exchange.held.size(log_id)
    fill_subtree(world, VILLAGE)
    fill_subtree(world, VILLAGE)
    last = world.receive(VILLAGE, applicant="李四")
    world.sync(VILLAGE)
    with rot(world, TOWN, log_id, seq, what):
        assert not [one.notes for one in world.sync(TOWN) if one.notes]
        assert world.digest(COUNTY, last) == world.digest(VILLAGE, last)
    sound(world, COUNTY)


@pytest.mark.parametrize("what", END)
def test_an_own_log_with_a_rotten_end_is_not_signed_any_further(world: World, what: str) -> None:
    """A root over what nobody signed would be a second history: the ledger does not open to write."""
    case = world.receive(TOWN)
    log_id = log_of(world, TOWN)
    seq = world[TOWN].exchange.held.size(log_id)
    world.receive(TOWN, applicant="李四")
    with rot(world, TOWN, log_id, seq, what), pytest.raises(StoreError) as caught:
        world[TOWN].ledger.logs()
    assert caught.value.code == "log.head"
    world.sync(TOWN)
    assert world.digest(COUNTY, case) == world.digest(TOWN, case)
    sound(world, COUNTY, TOWN)


@pytest.mark.parametrize("what", ["frame", "act", "facts", "no entry"])
def test_an_act_of_a_case_with_a_rotten_record_is_taken(world: World, what: str) -> None:
    case = world.receive(VILLAGE)
    world.do(VILLAGE, "hand_over", case, to=TOWN)
    world.settle(VILLAGE, TOWN)
    log_id = log_of(world, VILLAGE)
    seq = world[TOWN].exchange.held.size(log_id)
    fill_subtree(world, VILLAGE)
    world.sync(VILLAGE)
    world.do(VILLAGE, "note", case)
    other = world.receive(VILLAGE, applicant="李四")
    with rot(world, TOWN, log_id, seq, what):
        assert not [one.notes for one in world.sync(VILLAGE) if one.notes]
        assert world.digest(TOWN, other) == world.digest(VILLAGE, other)
    world[TOWN].ledger.rebuild()
    assert world.digest(TOWN, case) == world.digest(VILLAGE, case)
