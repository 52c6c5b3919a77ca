"""Both programs agree on provisional grants: sound, confirmed, refused, expired and hostile ones."""

from collections.abc import Callable

import pytest

from tests.audit.test_grants import FORGERIES, Forgery, craft, put_grant, reach_further, settle
from tests.second_reader.test_synced_ledgers import agreed
from tests.sync.grants import DAY_MS, carry, confirm, put, receive, refuse, reset
from tests.sync.grants import world as world
from tests.sync.test_grants import test_a_grantor_whose_role_ended_grants_no_more as grantor_ended
from tests.sync.world import COUNTY, TOWN, VILLAGE, World, signer


def sound(world: World) -> None:
    carry(world, reset(world), VILLAGE)
    receive(world, VILLAGE)


def confirmed(world: World) -> None:
    grant = reset(world, lasts_ms=DAY_MS)
    carry(world, grant, VILLAGE)
    receive(world, VILLAGE)
    world.settle(VILLAGE, TOWN)
    confirm(world, grant)
    world[VILLAGE].clock.time_ms += 2 * DAY_MS
    put(world, grant.carried())
    world.settle(TOWN, VILLAGE)
    receive(world, VILLAGE)


def expired(world: World) -> None:
    grant = reset(world, lasts_ms=DAY_MS)
    world[VILLAGE].clock.time_ms += 2 * DAY_MS
    put(world, grant.carried())


def refused(world: World) -> None:
    grant = reset(world)
    carry(world, grant, VILLAGE)
    receive(world, VILLAGE)
    refuse(world)
    put(world, grant.carried())
    world.settle(TOWN, VILLAGE)
    put(world, grant.carried())


def in_its_log(world: World) -> None:
    world.do(TOWN, "receive", item="990101400014", applicant_kind="person", channel="counter", materials=[])
    for wanted in (Forgery(by=(TOWN, "officer")), Forgery(lasts_ms=8 * DAY_MS), Forgery(staff_no="S02h")):
        raw, sig, facts = craft(world, wanted)
        put_grant(world, raw, sig, facts)


def other_key(world: World) -> None:
    """A key that is enrolled later carries the grant of another one."""
    reset(world)
    grant = reset(world, key=signer("a second new key"))
    put(world, grant.carried())


STORIES: dict[str, tuple[Callable[[World], None], set[str]]] = {
    "sound": (sound, {"grant.given"}),
    "confirmed": (confirmed, {"grant.given"}),
    "expired": (expired, {"grant.given", "grant.expired"}),
    "refused": (refused, {"grant.given", "act.key_ended", "grant.old_key"}),
    "grantor ended": (grantor_ended, {"grant.given"}),
    "hostile ones in a log": (in_its_log, {"grant.grantor", "grant.limit", "grant.self"}),
    "another key": (other_key, {"grant.given", "authority.key_unknown"}),
}


@pytest.mark.parametrize("name", STORIES)
def test_both_agree_on_a_story(world: World, name: str) -> None:
    play, expected = STORIES[name]
    play(world)
    settle(world)
    for station in (VILLAGE, TOWN, COUNTY):
        codes = {code for code, _ in agreed(world[station].path)}
        grants = {code for code in codes if code.startswith(("grant.", "act.", "authority."))}
        # The village has nothing of the township's own log.
        assert grants <= expected if station == VILLAGE else grants == expected, station


@pytest.mark.parametrize("name", FORGERIES)
def test_both_agree_on_hostile_grants(world: World, name: str) -> None:
    wanted, code = FORGERIES[name]
    world.enrol(TOWN, "head", "S99")
    reach_further(world)
    world.settle(TOWN, VILLAGE)
    put(world, craft(world, wanted))
    settle(world)
    for station in (VILLAGE, TOWN, COUNTY):
        assert (code, "warning") in agreed(world[station].path), station
