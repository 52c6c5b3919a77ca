"""A station with a valid key signs nonsense: kept without effect and told, and nothing else is blocked."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from audit.checking.verify import verify_ledger
from ledger.codec import pack_header
from ledger.errors import BanjianError, DataError
from ledger.facade.base.tables import VIEW_TABLES
from ledger.facade.base.types import SignedAct
from ledger.facade.peering.board import read_board
from ledger.formats.act import act_id, decode_act, new_act
from ledger.formats.body import new_body, personal_hash
from ledger.formats.entry import Entry
from ledger.formats.excerpt import encode_excerpt
from ledger.formats.package import encode_package
from ledger.limits import INT_MAX
from ledger.registry import actions as registry_actions
from ledger.types import CaseId, LedgerId, LogId, StationId
from sync.core.framing import EXCERPT, PACKAGE, Section
from sync.core.ingest import PreparedExcerpt, prepare
from tests.sync.evil import EvilStation
from tests.sync.world import COUNTY, START_MS, TOWN, VILLAGE, VILLAGE_2, World, settled, signer

sys.path.insert(0, str(Path(__file__).parents[1] / "second_reader"))
import reader

Nonsense = Callable[[EvilStation], object]


def version_two(entry: Entry) -> bytes:
    return pack_header((2, *entry))


def garbage_act(evil: EvilStation) -> object:
    raw = b"\x93\x01\x02\x03 garbage"
    return evil.add(SignedAct(raw=raw, sig=bytes(64), facts=b""))


def odd_personal(evil: EvilStation) -> object:
    odd, made = b"no body at all", evil.sign()
    header = decode_act(made.raw)._replace(personal_hash=personal_hash(odd), personal_len=len(odd))
    act = new_act(header, evil.world.key(evil.station, "window"))
    return evil.add(SignedAct(raw=act.raw, sig=act.sig, facts=made.facts), personal=odd)


def spoilt(evil: EvilStation) -> object:
    made = evil.sign()
    return evil.add(SignedAct(raw=made.raw, sig=bytes(64), facts=made.facts))


NONSENSE: dict[str, tuple[Nonsense, set[str]]] = {
    "another log": (
        lambda evil: evil.add(evil.sign(), lambda e: e._replace(log_id=LogId(bytes(16)))), {"entry.log"}
    ),
    "another position": (
        lambda evil: evil.add(evil.sign(), lambda e: e._replace(seq=99)), {"entry.sequence"}
    ),
    "position one": (lambda evil: evil.add(evil.sign(), lambda e: e._replace(seq=1)), {"entry.sequence"}),
    "another predecessor": (
        lambda evil: evil.add(evil.sign(), lambda e: e._replace(previous=bytes(32))), {"entry.chain"}
    ),
    "all three": (
        lambda evil: evil.add(
            evil.sign(), lambda e: e._replace(log_id=LogId(bytes(16)), seq=7, previous=bytes(32))
        ),
        {"entry.log", "entry.sequence", "entry.chain"},
    ),
    "no entry": (lambda evil: evil.add(evil.sign(), lambda e: b"\x01 no entry"), {"encoding.malformed"}),
    "version two": (lambda evil: evil.add(evil.sign(), version_two), {"entry.version"}),
    "no act": (garbage_act, {"encoding.malformed"}),
    "no signature": (spoilt, {"act.signature"}),
    "another ledger": (
        lambda evil: evil.add(evil.sign(ledger_id=LedgerId(b"\x07" * 32))), {"act.ledger"}
    ),
    "recorded in the far future": (
        lambda evil: evil.add(evil.sign(), lambda e: e._replace(recorded_at_ms=INT_MAX)), set()
    ),
    "recorded at the beginning of time": (
        lambda evil: evil.add(evil.sign(), lambda e: e._replace(recorded_at_ms=0)), set()
    ),
    "a counter that falls": (
        lambda evil: evil.add(evil.sign(), lambda e: e._replace(monotonic_ms=0)), set()
    ),
    "occurred in the far future": (lambda evil: evil.add(evil.sign(occurred_at_ms=INT_MAX)), set()),
    "a registry from the future": (lambda evil: evil.add(evil.sign(registry_size=10**9)), set()),
    "a catalogue from the future": (lambda evil: evil.add(evil.sign(catalogue_version=10**9)), set()),
    "the same act twice": (lambda evil: [evil.add(made) for made in [evil.sign()] * 2], set()),
    "the same act twice, first in no place": (
        lambda evil: [
            evil.add(made, lambda e, gone=gone: e._replace(seq=gone) if gone else e)  # type: ignore[misc]
            for made in [evil.sign()] for gone in (77, 0)
        ],
        {"entry.sequence"},
    ),
    "with a personal body that it does not have": (
        lambda evil: evil.add(evil.sign(), personal=b"\x80"), set()
    ),
    "with a personal body that is none": (odd_personal, set()),
    "opened again": (lambda evil: evil.add(evil.sign("open_log", {"genesis": bytes(9)})), {"act.misplaced"}),
}  # fmt: skip


UNPINNED: dict[str, Nonsense] = {
    "pins another act": lambda evil: evil.add(evil.sign(), lambda e: e._replace(act_id=act_id(b"x"))),
    "pins another signature": lambda evil: evil.add(evil.sign(), lambda e: e._replace(sig_hash=bytes(32))),
    "pins another act than one that is none": lambda evil: evil.add(
        SignedAct(raw=b"garbage", sig=bytes(64), facts=b""), lambda e: e._replace(act_id=act_id(b"x"))
    ),
    "without facts": lambda evil: evil.add(evil.sign(), facts=b""),
    "with other facts": lambda evil: evil.add(evil.sign(), facts=new_body({}, bytes(16))),
    "without facts, by an unknown key": lambda evil: evil.add(evil.sign(signer=signer("nobody")), facts=b""),
    "without facts, in no place": lambda evil: evil.add(evil.sign(), lambda e: e._replace(seq=99), facts=b""),
}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World.after(settled(TOWN, VILLAGE), tmp_path)
    yield made
    made.close()


def effective(world: World, station: StationId, case: bytes) -> bool:
    try:
        return world[station].ledger.state(CaseId(case))[0].steps[0].effective
    except BanjianError:
        return False


def views(world: World, station: StationId) -> dict[str, set[object]]:
    with world[station].ledger.store.read() as tx:
        return {table.name: set(tx.select(table, {})) for table in VIEW_TABLES}


def audited(world: World, station: StationId) -> tuple[set[tuple[str, str]], set[tuple[str, str]]]:
    """Return code and severity of what both programs find of a ledger, with the storage key at hand."""
    place = world[station]
    key = place.ledger.home.storage_key()
    place.close()
    report = verify_ledger(place.path, storage_key=key)
    _, answer = reader.verify(place.path / "ledger.db", storage_key=key)
    first = {(one.code, one.severity) for one in report.findings}
    second = {
        (one["code"], severity.rstrip("s"))
        for severity in ("errors", "warnings", "notices")
        for one in answer[severity]
    }
    assert report.ok == answer["ok"]
    return first, second


LEFT_OUT = (
    "audit.",
    "case.",
    "log.no_checkpoint",
    "log.uncovered",
    "personal.",
    "time.backdated",
    "time.late_entry",
    "time.entered_before",
    "merge.behind",
)


def compared(found: set[tuple[str, str]]) -> set[tuple[str, str]]:
    return {one for one in found if not one[0].startswith(LEFT_OUT)}


def check(world: World, expected: set[str]) -> None:
    for station in (TOWN, COUNTY):
        first, second = audited(world, station)
        assert not {code for code, severity in first if severity == "error"}, station
        assert {(code, "warning") for code in expected} <= first, (station, first)
        assert compared(first) == compared(second), station


@pytest.mark.parametrize("name", NONSENSE)
def test_nonsense_is_kept_without_effect_and_blocks_nothing(world: World, name: str) -> None:
    make, expected = NONSENSE[name]
    evil = EvilStation(world)
    before = evil.add(evil.sign())
    bad = make(evil)
    after = evil.add(evil.sign())
    assert evil.send() == []
    honest = world.receive(VILLAGE)
    world.settle(VILLAGE, TOWN)
    assert [one.notes for one in world.sync(TOWN)] == [[]]
    for station in (TOWN, COUNTY):
        assert effective(world, station, before) and effective(world, station, after)
        if expected and isinstance(bad, bytes):
            assert not effective(world, station, bad)
        assert world.digest(station, honest) == world.digest(VILLAGE, honest)
        assert world[station].exchange.held.size(evil.log_id) == len(evil.lines)
        made = views(world, station)
        world[station].ledger.rebuild()
        assert views(world, station) == made
        world[station].close()
        if expected and isinstance(bad, bytes):
            assert not effective(world, station, bad)
        with world[station].ledger.reading() as (tx, parts):
            assert read_board(
                world[station].ledger.store, tx, parts, station, now_ms=world[station].clock.time_ms
            )
        assert world[station].ledger.worklist(station=COUNTY) == []
    check(world, expected)


@pytest.mark.parametrize("name", ["all three", "position one", "no entry", "no act"])
def test_a_history_that_begins_with_nonsense_is_kept_beside_the_log(world: World, name: str) -> None:
    """Its first entry does not tell where it stands, or says another place."""
    make, expected = NONSENSE[name]
    evil = EvilStation(world)
    for _ in range(3):
        evil.add(evil.sign())
    other = evil.history(evil.lines[:2])
    make(other)
    after = other.add(other.sign())
    assert evil.send() == []
    assert other.send(first=3, diverges=True) == []
    grown = other.add(other.sign())
    assert other.send(first=len(other.lines), diverges=True) == []
    world.settle(VILLAGE, TOWN)
    for station in (TOWN, COUNTY):
        (branch,) = world[station].exchange.held.histories(evil.log_id).values()
        assert (branch.first_seq, branch.size) == (3, len(other.lines))
        assert effective(world, station, after) and effective(world, station, grown)
    check(world, expected | {"log.branch"})


@pytest.mark.parametrize("name", UNPINNED)
def test_what_no_pin_holds_stops_its_own_log_alone(world: World, name: str) -> None:
    """Kept, it would take the position of what the entry names, and a receipt would say that that is here."""
    evil = EvilStation(world)
    before = evil.add(evil.sign())
    assert evil.send() == []
    size = len(evil.lines)
    UNPINNED[name](evil)
    after = evil.add(evil.sign())
    assert evil.send(first=size + 1) == ["package.pins"]
    other = evil.history(evil.lines[:2])
    UNPINNED[name](other)
    assert other.send(first=2, diverges=True) == ["package.pins"]
    honest = world.receive(VILLAGE)
    world.settle(VILLAGE, TOWN)
    for station in (TOWN, COUNTY):
        assert world[station].exchange.held.size(evil.log_id) == size
        assert not world[station].exchange.held.histories(evil.log_id)
        assert effective(world, station, before) and not effective(world, station, after)
        assert world.digest(station, honest) == world.digest(VILLAGE, honest)
    check(world, set())


def test_one_entry_behind_two_histories_begins_two_branches(world: World) -> None:
    """Only an entry that lies about its predecessor can stand first in two of them."""
    evil = EvilStation(world)
    for _ in range(4):
        evil.add(evil.sign())
    lie = evil.sign()

    def astray(entry: Entry) -> Entry:
        return entry._replace(previous=b"\x05" * 32, recorded_at_ms=START_MS)

    first = evil.history(evil.lines[:2])
    first.add(first.sign())
    second = evil.history(first.lines[:3])
    first.add(first.sign())
    second.add(lie, astray)
    third = evil.history(evil.lines[:3])
    third.add(lie, astray)
    for one, start in ((evil, 1), (first, 3), (second, 4), (third, 4)):
        assert one.send(first=start, diverges=one is not evil) == []
    world.settle(VILLAGE, TOWN)
    for station in (TOWN, COUNTY):
        found = world[station].exchange.held.histories(evil.log_id)
        assert sorted((one.first_seq, one.size) for one in found.values()) == [(3, 4), (4, 4), (4, 4)]
        assert world[TOWN].exchange.held.waiting(COUNTY) == (0, 0)
    check(world, {"log.branch", "entry.chain"})


def test_a_log_without_an_opening_is_refused_and_holds_nothing_up(world: World) -> None:
    evil = EvilStation(world)
    evil.lines.clear()
    evil.add(evil.sign())
    assert evil.send() == ["log.opening"]
    honest = world.receive(VILLAGE)
    world.settle(VILLAGE, TOWN)
    assert world.digest(COUNTY, honest) == world.digest(VILLAGE, honest)
    check(world, set())


def test_an_unknown_key_does_not_make_the_file_unsound(world: World) -> None:
    evil = EvilStation(world)
    evil.add(evil.sign(signer=signer("nobody")))
    assert evil.send() == []
    world.settle(VILLAGE, TOWN)
    check(world, {"authority.key_unknown"})


def test_a_divergent_history_that_is_not_what_its_entries_pin_is_refused(world: World) -> None:
    evil = EvilStation(world)
    evil.add(evil.sign())
    assert evil.send() == []
    other = evil.history(evil.lines[:1])
    other.add(other.sign(), facts=new_body({"item": "x"}, bytes(16)))
    assert other.send(diverges=True) == ["package.pins"]
    held = world[TOWN].exchange.held
    assert held.branches(frozenset({VILLAGE_2})) == []
    sound = evil.history(evil.lines[:1])
    sound.add(sound.sign())
    assert sound.send(diverges=True) == []
    assert len(held.branches(frozenset({VILLAGE_2}))) == 1


def test_single_records_of_another_countys_log_are_not_stored(world: World) -> None:
    evil = EvilStation(world)
    evil.genesis = replace(evil.genesis, ledger_id=LedgerId(bytes(32)))
    evil.log_id, evil.lines = evil.genesis.log_id(), []
    evil.add(evil.sign("open_log", registry_actions.open_log(genesis=evil.genesis.pack())))
    exchange = world[TOWN].exchange
    section = Section(EXCERPT, encode_excerpt(evil.excerpt([1])))
    found = prepare(section, ledger_id=exchange.held.ledger_id, public_key=exchange.public_key)
    assert isinstance(found, PreparedExcerpt)
    with pytest.raises(DataError, match=r"log\.other_ledger"):
        exchange.receiving.take_excerpt(found.checked, found.records, now_ms=START_MS)
    assert exchange.held.genesis(evil.log_id) is None


def test_a_package_that_names_another_predecessor_than_is_held_is_refused(world: World) -> None:
    """Its entry agrees with it and its root is right: only what is held tells that the chain is broken."""
    evil = EvilStation(world)
    evil.add(evil.sign())
    assert evil.send() == []
    size = len(evil.lines)
    broken = evil.add(evil.sign(), lambda entry: entry._replace(previous=b"\x05" * 32))
    content = replace(evil.package(size + 1), previous=b"\x05" * 32)
    assert evil._take(TOWN, Section(PACKAGE, encode_package(content))) == ["package.root"]
    assert world[TOWN].exchange.held.size(evil.log_id) == size
    assert evil.send(first=size + 1) == []
    world.settle(VILLAGE, TOWN)
    for station in (TOWN, COUNTY):
        assert not effective(world, station, broken)
    check(world, {"entry.chain"})


SINGLE = {
    "pins another act": "frame.act",
    "pins another signature": "frame.signature",
    "pins another act than one that is none": "frame.act",
    "without facts": "excerpt.pins",
    "with other facts": "act.facts_hash",
    "without facts, by an unknown key": "excerpt.pins",
    "without facts, in no place": "entry.sequence",
}
"""With which code each of them is refused as a single record."""


@pytest.mark.parametrize(("name", "code"), SINGLE.items())
def test_single_records_that_no_pin_holds_are_refused_and_the_sound_one_is_taken(
    world: World, name: str, code: str
) -> None:
    evil = EvilStation(world)
    before = evil.add(evil.sign())
    UNPINNED[name](evil)
    try:
        found = evil.give([1, 3])
    except DataError as error:
        found = [error.code]
    assert found == [code]
    assert evil.log_id.hex() not in world[TOWN].ledger.parts.holdings.logs
    assert evil.give([1, 2]) == []
    assert effective(world, TOWN, before)
    check(world, set())
