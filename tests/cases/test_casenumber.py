"""Numbers that are minted offline, printed, read out over the phone and typed in again."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.cases.number import (
    ALPHABET,
    date_part,
    is_number,
    log_tag,
    mint,
    mint_pad,
    normalise,
    parse,
)
from ledger.errors import InputError
from ledger.types import LogId, StationId
from tests.cases.counter import at

STATION = StationId("990121001001-00")
LOG = LogId(bytes(range(16)))
NUMBER = mint(STATION, LOG, 42, date(2026, 11, 22))


def test_the_parts_come_back() -> None:
    found = parse(NUMBER)
    assert (found.station, found.day, found.ordinal, found.pad) == (STATION, "261122", 42, False)
    assert found.tag == log_tag(LOG)
    assert NUMBER.startswith("990121001001-00-261122-")


@pytest.mark.parametrize(
    "typed",
    [
        NUMBER.lower(),
        NUMBER.replace("-", ""),
        f"  {NUMBER} ",
        NUMBER.replace("-", " - "),
        "".join(chr(ord(c) + 0xFEE0) for c in NUMBER),
        NUMBER.replace("-", "—"),
        NUMBER.replace("-", "　"),
    ],
)
def test_it_is_taken_as_people_type_it(typed: str) -> None:
    assert normalise(typed) == NUMBER


@pytest.mark.parametrize(
    "typed", ["", "12", NUMBER[:-1], NUMBER + "0", NUMBER.replace("-0042", "-O042"), "9" * 40]
)
def test_what_is_no_number_is_refused(typed: str) -> None:
    assert not is_number(typed)


def test_no_single_wrong_character_passes() -> None:
    place = [index for index, char in enumerate(NUMBER) if char != "-" and index not in (13, 14)]
    for index in place:
        for other in ALPHABET:
            if other != NUMBER[index]:
                assert not is_number(NUMBER[:index] + other + NUMBER[index + 1 :])


@given(st.integers(1, 9_999_999), st.binary(min_size=16, max_size=16))
def test_no_exchange_of_neighbours_passes(ordinal: int, log: bytes) -> None:
    number = mint(STATION, LogId(log), ordinal, date(2026, 1, 2)).replace("-", "")
    for index in range(len(number) - 1):
        swapped = number[:index] + number[index + 1] + number[index] + number[index + 2 :]
        assert swapped == number or not is_number(swapped)


def test_restored_and_cloned_stations_mint_different_numbers() -> None:
    tags = {log_tag(LogId(bytes([n]) * 16)) for n in range(200)}
    assert len(tags) == 200


def test_pads_never_meet_running_numbers_and_carry_no_date() -> None:
    pad = mint_pad(STATION, LOG, 1, 3)
    assert len(set(pad)) == 3
    assert [(parse(number).pad, parse(number).day) for number in pad] == [(True, "000000")] * 3
    running = mint(STATION, LOG, 1, None)
    assert running not in pad


@pytest.mark.parametrize("ordinal", [0, -1, 10_000_000])
def test_ordinals_have_a_range(ordinal: int) -> None:
    with pytest.raises(InputError) as refused:
        mint(STATION, LOG, ordinal, None)
    assert refused.value.code == "number.ordinal"


@pytest.mark.parametrize(
    ("now", "believed"),
    [
        ("2026-11-22 00:00", True),
        ("2026-11-21 12:00", True),
        ("2026-11-19 00:00", False),
        ("2000-01-01 00:00", False),
        ("2099-01-01 00:00", False),
        ("2028-06-01 00:00", True),
    ],
)
def test_never_a_date_from_an_implausible_clock(now: str, believed: bool) -> None:
    day = date_part(at(now), known_ms=at("2026-11-22 08:00"))
    assert day == (date.fromisoformat(now[:10]) if believed else None)


def test_the_day_is_local() -> None:
    assert date_part(at("2026-11-22 00:00"), known_ms=0) == date(2026, 11, 22)
    assert date_part(at("2026-11-22 00:00") - 1, known_ms=0) == date(2026, 11, 21)
