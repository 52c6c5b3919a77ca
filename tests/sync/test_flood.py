"""A small body with a great many sections: the session ends, and what is remembered of it is little."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from backports import zstd

from ledger.errors import EncodingError
from ledger.limits import SESSION_SECTIONS_MAX
from ledger.types import LogId
from sync.core.framing import ANSWER, END, EXCERPT, PACKAGE, Section, Splitter, encode_section
from sync.core.messages import REFUSALS_MAX, Refused, decode_answer, decode_hello
from sync.core.requester import Guesses, Requester
from sync.core.responder import Responder
from sync.core.stream import Unpacker
from tests.sync.test_absurd_hello import _hello as hello_of
from tests.sync.world import COUNTY, START_MS, TOWN, VILLAGE, World, settled

TINY = encode_section(PACKAGE, b"x")


def test_no_more_sections_than_the_limit_are_handed_out() -> None:
    body = zstd.compress(TINY * 3_000_000)
    assert len(body) < 16 * 1024
    found: list[Section] = []
    with pytest.raises(EncodingError, match=r"sync\.section_count"):
        found.extend(_each(body, found))
    assert len(found) == SESSION_SECTIONS_MAX
    assert len(list(Unpacker().feed(zstd.compress(TINY * SESSION_SECTIONS_MAX)))) == SESSION_SECTIONS_MAX


def _each(body: bytes, found: list[Section]) -> Iterator[Section]:
    for section in Unpacker().feed(body):
        found.append(section)
    yield from ()


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World.after(settled(TOWN, VILLAGE), tmp_path)
    return made


def _answer_of(responder: Responder) -> bytes:
    first = next(iter(Splitter().feed(next(responder.answer()))))
    assert first.kind == ANSWER
    return first.payload


def test_the_answer_tells_the_first_refusals_alone(world: World) -> None:
    responder = Responder(world[COUNTY].exchange, TOWN, now_ms=START_MS, version="test")
    responder.open(hello_of(world))
    for number in range(SESSION_SECTIONS_MAX):
        responder.refuse(EncodingError("package.version" if number else "package.limit"))
    told = decode_answer(_answer_of(responder)).refused
    assert len(told) == REFUSALS_MAX
    assert told[0].code == "package.limit"


def _requester(world: World) -> Requester:
    place = world[VILLAGE]
    return Requester(place.exchange, TOWN, now_ms=place.clock.now_ms(), version="test", guesses=Guesses())


def _hello_section(requester: Requester) -> bytes:
    return next(iter(Splitter().feed(next(requester.request([]))))).payload


def test_a_requester_remembers_little_of_a_flood(world: World) -> None:
    requester = _requester(world)
    for _ in range(SESSION_SECTIONS_MAX):
        requester.refuse(EncodingError("excerpt.version"))
    assert len(requester.progress.notes) == 2 * REFUSALS_MAX


def test_an_own_refusal_counts_though_the_upper_side_refused_in_the_same_words(world: World) -> None:
    case = world.receive(VILLAGE)
    world.do(VILLAGE, "hand_over", case, to=TOWN)
    world.settle(VILLAGE)
    world.do(TOWN, "take_over", case)
    held, same = (
        world[VILLAGE].exchange.held,
        Refused(log_id=LogId(bytes(16)), first_seq=0, code="act.version"),
    )
    before, requester = held.feed_held(TOWN), _requester(world)
    responder = Responder(world[TOWN].exchange, VILLAGE, now_ms=START_MS, version="test")
    responder.open(decode_hello(_hello_section(requester)))
    # The upper side could not read a section, and this one cannot read what comes down.
    responder.refuse(EncodingError(same.code))
    spoilt = 0
    for data in responder.answer():
        (section,) = Splitter().feed(data)
        if section.kind == ANSWER:
            requester.answered(decode_answer(section.payload))
        elif section.kind == EXCERPT:
            spoilt += 1
            requester.refuse(EncodingError(same.code))
        elif section.kind == END:
            requester.end()
    assert spoilt and requester.progress.notes == [same] * (1 + spoilt)
    assert held.feed_held(TOWN) == before
    world.sync(VILLAGE)
    assert held.feed_held(TOWN) != before
    assert world[VILLAGE].ledger.state(case)[0].custodian == TOWN
