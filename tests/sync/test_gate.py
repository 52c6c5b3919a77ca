"""Who is let in: strangers are few and make room for each other; stations and the counter keep their own."""

from __future__ import annotations

from ledger.types import StationId
from stations.serving.gate import CONNECTIONS_MIN, DESCRIPTORS_KEPT, Gate, GateRule, Visitor, rule_within
from tests.sync.world import TOWN, VILLAGE

RULE = GateRule(connections_max=8, unproven_max=4, address_max=2, station_max=2)


class Street:
    """A gate, and who was sent off."""

    def __init__(self, rule: GateRule = RULE) -> None:
        self.gate = Gate(rule)
        self.gone: list[str] = []

    def arrive(self, name: str, address: str = "") -> Visitor | None:
        return self.gate.arrive(address or name, lambda: self.gone.append(name))

    def station(self, name: str, station: StationId) -> None:
        visitor = self.arrive(name)
        assert visitor is not None
        self.gate.proved(visitor, station)


def test_the_oldest_stranger_of_an_address_makes_room() -> None:
    street = Street()
    for name in ("one", "two", "three"):
        assert street.arrive(name, "192.0.2.1")
    assert street.arrive("four", "192.0.2.2")
    assert street.gone == ["one"] and len(street.gate) == 3


def test_strangers_of_many_addresses_make_room_among_themselves_alone() -> None:
    street = Street()
    street.station("town", TOWN)
    for number in range(20):
        assert street.arrive(str(number))
    assert street.gone == [str(number) for number in range(16)]
    assert len(street.gate) == 5


def test_of_one_station_the_oldest_connection_makes_room() -> None:
    street = Street()
    street.station("village", VILLAGE)
    for name in ("first", "second", "third"):
        street.station(name, TOWN)
    assert street.gone == ["first"]


def test_stations_fill_the_whole_and_nobody_is_sent_off_for_a_stranger() -> None:
    street = Street()
    for number in range(8):
        street.station(str(number), StationId(f"99012100{number:04d}-00"))
    assert street.arrive("late") is None
    assert street.gone == []


def test_who_has_left_takes_no_place() -> None:
    street = Street()
    for _ in range(50):
        visitor = street.arrive("same", "192.0.2.1")
        assert visitor is not None
        street.gate.leave(visitor)
    assert (len(street.gate), street.gone) == (0, [])
    gone = street.arrive("gone")
    assert gone is not None
    street.gate.leave(gone)
    street.gate.proved(gone, TOWN)
    assert len(street.gate) == 0


def test_a_rule_leaves_the_counter_its_descriptors() -> None:
    assert rule_within(1_024).connections_max == 512
    small = rule_within(400)
    assert small.connections_max == 400 - DESCRIPTORS_KEPT
    assert small.unproven_max == small.connections_max // 2
    assert rule_within(64).connections_max == CONNECTIONS_MIN
