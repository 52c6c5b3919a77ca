"""Provisional grants in the files of all three levels: told as they are, and hostile ones without effect."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from io import StringIO

import pytest

from audit.checking.verify import verify_ledger
from audit.telling.replay import Replay, replay_case
from audit.telling.tell import print_replay, replay_json
from audit.telling.words import Words
from ledger.facade.cases.signing import sign_bodies
from ledger.formats.body import new_body
from ledger.formats.keys import Signer, prove_possession
from ledger.registry import actions as registry_actions
from ledger.registry.grant import PROVISIONAL_GRANT
from ledger.types import CaseId, Facts, StationId, Value
from tests.audit.test_synced import ALWAYS, QUIET
from tests.sync.grants import CLERK, DAY_MS, NEW, carry, confirm, put, receive, reset
from tests.sync.grants import world as world
from tests.sync.world import COUNTY, FELLING, TOWN, TOWN_2, VILLAGE, VILLAGE_2, World, signer

RECEIVED: Mapping[str, object] = {"applicant_kind": "person", "channel": "counter", "materials": []}


def found(world: World, station: StationId) -> set[str]:
    """Return what an audit of the file of a station finds besides the usual."""
    report = verify_ledger(world[station].path)
    assert not [one for one in report.findings if one.severity == "error"], station
    return {one.code for one in report.findings} - ALWAYS - QUIET


def told(world: World, station: StationId, case: CaseId) -> Replay:
    """Return what a replay of a case tells from the file of a station."""
    return replay_case(world[station].path, case.hex(), now_ms=world[station].clock.time_ms)


def settle(world: World) -> None:
    world.settle(VILLAGE, TOWN)
    for station in (VILLAGE, TOWN, COUNTY):
        world[station].close()


def test_files_are_sound_and_say_who_gave_which_key(world: World) -> None:
    carry(world, reset(world), VILLAGE)
    case = receive(world, VILLAGE)
    settle(world)
    assert found(world, VILLAGE) == set()
    assert found(world, TOWN) == found(world, COUNTY) == {"grant.given"}
    replay = told(world, COUNTY, case)
    shown = replay_json(replay, Words("en"))["acts"]
    assert isinstance(shown, list)
    assert isinstance(shown[0], dict)
    assert shown[0]["effective"] is True
    assert shown[0]["staff_no"] == CLERK
    under = shown[0]["under"]
    assert isinstance(under, dict)
    assert (under["staff_no"], under["station"]) == ("S02h", TOWN)
    out = StringIO()
    print_replay(replay, Words("zh"), out)
    assert f"〔凭 {TOWN} S02h 的临时授权〕" in out.getvalue()


def test_a_grant_that_no_log_holds_is_told(world: World) -> None:
    world.do(TOWN, "receive", item=FELLING, applicant="王五", **RECEIVED)
    grant = craft(world, Forgery())
    case = put(world, grant)
    settle(world)
    assert found(world, COUNTY) == {"grant.not_logged"}
    assert told(world, COUNTY, case).view.acts[0].blocked == ""


def test_a_confirmed_grant_stands_and_a_refused_one_is_late(world: World) -> None:
    carry(world, reset(world), VILLAGE)
    confirm(world, reset(world, station=TOWN, key=signer("a second new key")))
    unseen = receive(world, VILLAGE)
    settle(world)
    assert found(world, COUNTY) == {"grant.given", "act.key_ended"}
    replay = told(world, COUNTY, unseen)
    assert replay.view.state is not None
    assert replay.view.state.steps[0].effective


@dataclass(frozen=True, kw_only=True)
class Forgery:
    """A grant as somebody might make it."""

    by: tuple[StationId, str] = (TOWN, "head")
    signed_by: Signer | None = None
    station: StationId = TOWN
    staff_no: str = CLERK
    lasts_ms: int = DAY_MS
    prover: Signer = NEW
    change: Callable[[list[Value]], list[Value]] = list
    more: Facts = field(default_factory=dict)


FORGERIES: Mapping[str, tuple[Forgery, str]] = {
    "forged signature": (Forgery(signed_by=signer("a thief")), "grant.signature"),
    "own key": (Forgery(staff_no="S02h"), "grant.self"),
    "wrong station": (Forgery(by=(VILLAGE_2, "head"), station=VILLAGE_2), "grant.station"),
    "no head": (Forgery(by=(TOWN, "officer")), "grant.grantor"),
    "no role there": (Forgery(by=(VILLAGE_2, "head")), "grant.grantor"),
    "an equal": (Forgery(staff_no="S99"), "grant.rank"),
    "more than the township has": (Forgery(staff_no="S98"), "grant.scope"),
    "nobody": (Forgery(staff_no="S97"), "grant.old_key"),
    "wrong proof": (Forgery(prover=signer("a thief")), "grant.possession"),
    "too long": (Forgery(lasts_ms=8 * DAY_MS), "grant.limit"),
    "past already": (Forgery(lasts_ms=0), "grant.limit"),
    "another field": (Forgery(more={"role": "head"}), "grant.form"),
    "no grant at all": (Forgery(change=lambda parts: [b"", *parts[1:]]), "grant.form"),
}


def craft(world: World, wanted: Forgery) -> list[Value]:
    """Return a grant, sound or not, that stands in no log."""
    town = world[TOWN].ledger
    registry = town.knowledge.registry
    person = registry.staff(wanted.staff_no)
    author = world.key(*wanted.by)
    now_ms = world[TOWN].clock.now_ms()
    facts: Facts = {
        "staff_no": wanted.staff_no,
        "replaces": bytes(16) if person is None else person.key_id,
        "alg": "ed25519",
        "public_key": NEW.public_key,
        "possession": prove_possession(wanted.prover, town.ledger_id),
        "reason": "forgotten",
        "until_ms": now_ms + wanted.lasts_ms,
        **wanted.more,
    }
    signed = sign_bodies(
        ledger_id=town.ledger_id, case_id=CaseId(b""), parents=(), action=PROVISIONAL_GRANT,
        station=wanted.station, registry_size=registry.size, catalogue_version=1, occurred_at_ms=now_ms,
        facts=new_body(facts, bytes(16)), personal=b"", signer=author,
    )  # fmt: skip
    sig = signed.sig if wanted.signed_by is None else wanted.signed_by.sign(b"banjian/act/1\n" + signed.raw)
    return wanted.change([signed.raw, sig, signed.facts])


def reach_further(world: World) -> None:
    """Enrol somebody at the village who may do something in another township as well."""
    county, key = world[COUNTY].ledger, signer("S98")
    enrolled = registry_actions.enrol_staff(
        staff_no="S98", station=VILLAGE, alg=key.alg, public_key=key.public_key,
        possession=prove_possession(key, county.ledger_id),
    )  # fmt: skip
    county.register("enrol_staff", enrolled, world.registrar)
    for scope in (VILLAGE, TOWN_2):
        role = registry_actions.grant_role(staff_no="S98", role="window", scope=scope)
        county.register("grant_role", role, world.registrar)


@pytest.mark.parametrize("name", FORGERIES)
def test_hostile_grants_have_no_effect_anywhere(world: World, name: str) -> None:
    wanted, code = FORGERIES[name]
    world.enrol(TOWN, "head", "S99")
    reach_further(world)
    world.settle(TOWN, VILLAGE)
    case = put(world, craft(world, wanted))
    settle(world)
    for station in (VILLAGE, TOWN, COUNTY):
        replay = told(world, station, case)
        assert [act.blocked for act in replay.view.acts] == [code], station
        assert code in found(world, station)


def test_a_hostile_grant_in_its_own_log_is_told(world: World) -> None:
    raw, sig, facts = craft(world, Forgery(by=(TOWN, "officer")))
    world.do(TOWN, "receive", item=FELLING, applicant="王五", **RECEIVED)
    put_grant(world, raw, sig, facts)
    settle(world)
    assert found(world, COUNTY) == {"grant.grantor"}


def put_grant(world: World, raw: Value, sig: Value, facts: Value) -> None:
    from ledger.facade.base.types import SignedAct

    assert isinstance(raw, bytes)
    assert isinstance(sig, bytes)
    assert isinstance(facts, bytes)
    town = world[TOWN].ledger
    log = town.parts.station_log(TOWN)
    assert log is not None
    town.parts.writer.append_county_act(log, SignedAct(raw=raw, sig=sig, facts=facts))
