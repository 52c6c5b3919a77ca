"""The registry as an office lives it: founding, registrars, stations, staff, roles, ends."""

from __future__ import annotations

import pytest

from ledger.errors import GapError
from ledger.registry.frames import read_registry_act
from ledger.registry.registry import Registry, RegistryOutcome
from ledger.types import StationId
from tests.registry.office import (
    COUNTY,
    GENESIS,
    LEDGER_ID,
    OTHER_TOWN,
    OTHER_VILLAGE,
    ROOTS,
    TOWN,
    VILLAGE,
    Office,
    answers,
    new_office,
    signer,
)


def code(outcome: object) -> str:
    refusal = getattr(outcome, "refusal", None)
    return "" if refusal is None else refusal.code


def test_three_roots_stand_from_the_first_entry() -> None:
    registry = Office().found().registry
    held = [registry.authority(root.key_id, size=1) for root in ROOTS]
    assert [item.kind for item in held if item] == ["root"] * 3
    assert [item.public_key for item in held if item] == list(GENESIS.root_public_keys)
    assert registry.authority(ROOTS[0].key_id, size=0) is None
    assert registry.station_of_log == COUNTY


def test_a_registrar_waits_for_a_second_root() -> None:
    office = Office().found()
    proposal = office.appoint("registrar")
    registrar = signer("registrar").key_id
    assert proposal.pending and office.registry.authority(registrar) is None
    assert [act.act_id for act in office.registry.pending()] == [proposal.act_id]
    assert code(office.countersign(proposal, ROOTS[0])) == "registry.countersign_same"
    assert code(office.countersign(proposal, signer("stranger"))) == "registry.actor_unknown"
    assert office.registry.authority(registrar) is None
    done = office.countersign(proposal, ROOTS[2])
    assert done.effective and office.registry.authority(registrar) is not None
    assert office.registry.authority(registrar, size=done.position - 1) is None
    outcome = office.registry.outcome(proposal.act_id)
    assert outcome is not None and outcome.effect_position == done.position
    earlier = office.registry.outcome(proposal.act_id, size=done.position - 1)
    assert earlier is not None and earlier.pending
    assert code(office.countersign(proposal, ROOTS[1])) == "registry.countersign_target"
    assert office.registry.pending() == ()


def test_a_registrar_cannot_countersign() -> None:
    office = new_office()
    proposal = office.appoint("second")
    assert code(office.countersign(proposal, signer("registrar"))) == "registry.not_root"
    assert office.registry.registrar("second") is None


def test_a_proposal_is_judged_again_at_its_countersign() -> None:
    office = new_office()
    first, second = office.appoint("same"), office.appoint("same")
    assert first.pending and second.pending
    assert office.countersign(first).effective
    assert code(office.countersign(second)) == "registry.key_enrolled"


def test_a_proposal_of_a_retired_root_stays_without_effect() -> None:
    office = new_office()
    proposal = office.appoint("late")
    retired = office.act(
        "retire_key",
        {"key_id": ROOTS[0].key_id, "reason": "compromised", "log_sizes": []},
        ROOTS[1],
    )
    assert retired.pending
    assert office.countersign(retired, ROOTS[2]).effective
    assert office.registry.authority(ROOTS[0].key_id) is None
    assert code(office.countersign(proposal, ROOTS[1])) == "registry.actor_retired"
    assert office.registry.registrar("late") is None


def test_two_roots_must_stay() -> None:
    office = new_office()
    facts = {"reason": "retired", "log_sizes": []}
    first = office.act("retire_key", {"key_id": ROOTS[0].key_id, **facts}, ROOTS[1])
    assert office.countersign(first, ROOTS[2]).effective
    again = office.act("retire_key", {"key_id": ROOTS[1].key_id, **facts}, ROOTS[2])
    assert code(again) == "registry.root_last"


def test_two_proposals_cannot_race_past_the_last_two_roots() -> None:
    office = new_office()
    facts = {"reason": "retired", "log_sizes": []}
    first = office.act("retire_key", {"key_id": ROOTS[0].key_id, **facts}, ROOTS[1])
    second = office.act("retire_key", {"key_id": ROOTS[1].key_id, **facts}, ROOTS[2])
    assert first.pending and second.pending
    assert office.countersign(first, ROOTS[2]).effective
    assert code(office.countersign(second, ROOTS[1])) == "registry.root_last"
    assert office.registry.authority(ROOTS[1].key_id) is not None


def test_roles_reach_as_far_as_their_scope() -> None:
    office = new_office()
    office.grant("clerk", "officer", f"{TOWN}/*")
    held = office.registry.staff("clerk")
    assert held is not None
    assert held.roles_at(VILLAGE) == {"window", "officer"}
    assert held.roles_at(TOWN) == {"officer"}
    assert held.roles_at(OTHER_VILLAGE) == held.roles_at(COUNTY) == frozenset()
    assert held.roles_at("990121009009-00") == frozenset()


def test_a_scope_takes_in_stations_enrolled_later() -> None:
    office = new_office()
    office.grant("clerk", "agent", f"{TOWN}/*")
    before = office.registry.size
    new_village = "990121001002-00"
    office.station(new_village, "village", TOWN)
    clerk = signer("clerk").key_id
    assert office.registry.roles_at(clerk, new_village) == {"agent"}
    assert office.registry.roles_at(clerk, new_village, size=before) == frozenset()


def test_a_role_ends_at_its_position_and_not_before() -> None:
    office = new_office()
    clerk = signer("clerk").key_id
    size = office.registry.size
    assert office.end("clerk", "window", VILLAGE).effective
    assert office.registry.roles_at(clerk, VILLAGE) == frozenset()
    assert office.registry.roles_at(clerk, VILLAGE, size=size) == {"window"}
    assert code(office.end("clerk", "window", VILLAGE)) == "registry.role_not_held"


def test_a_stand_in_says_for_whom() -> None:
    office = new_office()
    office.staff("b-post")
    assert office.grant("b-post", "window", VILLAGE, stand_in_for="clerk").effective
    office.retire("b-post")
    assert office.staff("b-post", key="b-post new", replaces="b-post").effective
    held = office.registry.staff("b-post")
    assert held is not None
    assert held.stands_in_for("window", VILLAGE) == {"clerk"}
    assert held.stands_in_for("head", VILLAGE) == held.stands_in_for("window", TOWN) == frozenset()
    office.end("b-post", "window", VILLAGE)
    ended = office.registry.staff("b-post")
    assert ended is not None and ended.stand_ins == frozenset()


def test_whoever_holds_a_role_is_registered_as_a_stand_in_with_it() -> None:
    office = new_office()
    for staff_no in ("b-post", "c-post"):
        office.staff(staff_no)
    assert office.grant("b-post", "window", VILLAGE).effective
    for staff_no in ("clerk", "c-post"):
        assert office.grant("b-post", "window", VILLAGE, stand_in_for=staff_no).effective
    held = office.registry.staff("b-post")
    assert held is not None and held.grants == {("window", VILLAGE)}
    assert held.stands_in_for("window", VILLAGE) == {"clerk", "c-post"}
    assert code(office.grant("b-post", "window", VILLAGE)) == "registry.role_held"
    assert office.end("b-post", "window", VILLAGE).effective
    ended = office.registry.staff("b-post")
    assert ended is not None and ended.stand_ins == frozenset() and ended.grants == frozenset()


def test_a_township_registrar_keeps_to_the_township() -> None:
    office = new_office()
    office.countersign(office.appoint("town", f"{TOWN}/*"))
    assert office.station("990121001002-00", "village", TOWN, by="town").effective
    assert (
        code(office.station("990121002002-00", "village", OTHER_TOWN, by="town")) == "registry.out_of_scope"
    )
    assert office.staff("helper", "990121001002-00", by="town").effective
    assert office.grant("helper", "window", f"{TOWN}/*", by="town").effective
    assert code(office.grant("helper", "window", f"{COUNTY}/*", by="town")) == "registry.out_of_scope"
    assert code(office.grant("helper", "window", OTHER_VILLAGE, by="town")) == "registry.out_of_scope"
    assert code(office.close(OTHER_VILLAGE, by="town")) == "registry.out_of_scope"


def test_a_registrar_of_one_station_cannot_grant_below_it() -> None:
    office = new_office()
    office.countersign(office.appoint("single", TOWN))
    assert office.grant("clerk", "window", TOWN, by="single").effective
    assert code(office.grant("clerk", "head", f"{TOWN}/*", by="single")) == "registry.out_of_scope"
    assert code(office.station("990121001003-00", "village", TOWN, by="single")) == "registry.out_of_scope"


def test_a_registrar_appointed_for_a_station_to_come_enrols_it() -> None:
    village = "990121001009-00"
    for scope in (village, f"{village}/*"):
        office = new_office()
        office.countersign(office.appoint("early", scope))
        assert code(office.staff("helper", village, by="early")) == "registry.station_unknown"
        assert code(office.station("990121001008-00", "village", TOWN, by="early")) == "registry.out_of_scope"
        assert office.station(village, "village", TOWN, by="early").effective
        assert office.staff("helper", village, by="early").effective


def test_a_new_key_takes_over_the_roles_of_the_old_one() -> None:
    office = new_office()
    assert code(office.staff("clerk", key="clerk new")) == "registry.staff_enrolled"
    office.retire("clerk")
    assert office.registry.staff("clerk") is None
    assert office.staff("clerk", key="clerk new", replaces="clerk").effective
    held = office.registry.staff("clerk")
    assert held is not None and held.key_id == signer("clerk new").key_id
    assert held.roles_at(VILLAGE) == {"window"}


def test_a_new_key_takes_over_what_the_old_one_held_at_its_retirement() -> None:
    office = new_office()
    assert (
        office.grant("clerk", "head", VILLAGE).effective and office.end("clerk", "window", VILLAGE).effective
    )
    office.retire("clerk")
    assert code(office.grant("clerk", "officer", VILLAGE)) == "registry.staff_unknown"
    assert code(office.end("clerk", "head", VILLAGE)) == "registry.staff_unknown"
    assert office.staff("clerk", key="clerk 2").effective
    office.retire("clerk 2")
    assert office.staff("clerk", key="clerk 3", replaces="clerk").effective, "not the last retired one"
    held = office.registry.staff("clerk")
    assert held is not None and held.roles_at(VILLAGE) == {"head"}


def test_without_replaces_a_new_key_begins_without_roles() -> None:
    office = new_office()
    office.retire("clerk", reason="compromised")
    assert office.staff("clerk", key="clerk new").effective
    held = office.registry.staff("clerk")
    assert held is not None and held.grants == frozenset()


def test_replacing_a_key_never_hands_on_more_than_the_registrar_may_grant() -> None:
    office = new_office()
    office.countersign(office.appoint("town", f"{TOWN}/*"))
    office.grant("clerk", "head", f"{COUNTY}/*")
    office.retire("clerk", by=signer("town"))
    outcome = office.staff("clerk", key="chosen by town", by="town", replaces="clerk")
    assert code(outcome) == "registry.out_of_scope"
    assert office.staff("clerk", key="chosen by county", replaces="clerk").effective


def test_retirement_keeps_what_the_county_had_seen() -> None:
    office = new_office()
    size = office.registry.size
    log_id, other = bytes(16), bytes([1]) * 16
    done = office.retire("clerk", reason="compromised", log_sizes=((other, 3), (log_id, 41)))
    clerk = signer("clerk").key_id
    ended = office.registry.retirement(clerk)
    assert ended is not None and ended.position == done.position and ended.reason == "compromised"
    assert [ended.seen_size(one) for one in (log_id, other, bytes([2]) * 16)] == [41, 3, 0]
    assert office.registry.retirements() == {clerk: ended}
    assert office.registry.retirement(clerk, size=size) is None
    assert office.registry.authority(clerk, size=size) is not None
    assert office.registry.public_key(clerk) == signer("clerk").public_key


def test_a_registrar_is_dismissed_by_two_roots_and_the_enrolments_stay() -> None:
    office = new_office()
    registrar = signer("registrar")
    assert code(office.retire("registrar", by=registrar)) == "registry.not_root"
    proposal = office.retire("registrar", by=ROOTS[1], action="dismiss_registrar")
    assert proposal.pending and office.staff("meanwhile").effective
    assert office.countersign(proposal, ROOTS[0]).effective
    assert code(office.staff("toolate")) == "registry.actor_retired"
    assert office.registry.staff("meanwhile") is not None


def test_a_closed_station_keeps_its_history_and_can_open_again() -> None:
    office = new_office()
    assert code(office.close(TOWN)) == "registry.station_has_subordinates"
    size = office.registry.size
    # A change elsewhere: so that nothing asked while folding remembers the line as of this size.
    office.station("990121003000-00", "township", COUNTY)
    assert office.close(OTHER_VILLAGE).effective
    closed = office.registry.station(OTHER_VILLAGE)
    assert closed is not None and not closed.is_open
    before = office.registry.station(OTHER_VILLAGE, size=size)
    assert before is not None and before.is_open
    assert OTHER_VILLAGE not in {one.station for one in office.registry.stations()}
    assert office.station(OTHER_VILLAGE, "village", TOWN).effective
    assert office.registry.line(OTHER_VILLAGE) == (OTHER_VILLAGE, TOWN, COUNTY)
    assert office.registry.line(OTHER_VILLAGE, size=size) == (OTHER_VILLAGE, OTHER_TOWN, COUNTY)


def test_the_certificates_of_a_station_end_before_the_latest_moment_that_a_registrar_named() -> None:
    office = new_office()

    def end(station: str, before_ms: object, by: str = "registrar") -> RegistryOutcome:
        return office.act("end_certificates", {"station": station, "before_ms": before_ms}, signer(by))  # type: ignore[dict-item]

    assert office.registry.certificates_end_ms(StationId(VILLAGE)) == 0
    assert end(VILLAGE, 7_000).effective and end(VILLAGE, 5_000).effective
    assert office.registry.certificates_end_ms(StationId(VILLAGE)) == 7_000
    assert office.registry.certificates_end_ms(StationId(OTHER_VILLAGE)) == 0
    for wrong in (-1, True, "7000", None):
        assert code(end(VILLAGE, wrong)) == "registry.field_value"
    assert code(end(VILLAGE, 9_000, by="clerk")) == "registry.not_registrar"
    office.countersign(office.appoint("town", f"{TOWN}/*"))
    assert code(end(OTHER_VILLAGE, 9_000, by="town")) == "registry.out_of_scope"
    office.close(VILLAGE)
    assert code(end(VILLAGE, 9_000)) == "registry.station_unknown"
    assert office.registry.certificates_end_ms(StationId(VILLAGE)) == 7_000


def test_service_keys_are_found_by_station_and_purpose() -> None:
    office = new_office()
    office.service("kiosk", "kiosk")
    office.service("receipts", "receipt", COUNTY)
    box = bytes([9]) + bytes(31)
    facts = {"purpose": "bundle", "station": COUNTY, "alg": "x25519", "public_key": box}
    assert office.act("enrol_service", facts, signer("registrar")).effective
    assert [one.public_key for one in office.registry.service_keys(COUNTY, "bundle")] == [box]
    assert [one.key_id for one in office.registry.service_keys(COUNTY, "receipt")] == [
        signer("receipts").key_id
    ]
    assert office.registry.service_keys(VILLAGE, "receipt") == ()
    kiosk = office.registry.authority(signer("kiosk").key_id)
    assert kiosk is not None and kiosk.roles_at(VILLAGE) == {"kiosk"} and kiosk.staff_no == ""
    assert office.retire("kiosk").effective
    assert office.registry.service_keys(VILLAGE, "kiosk") == ()


def test_names_come_from_personal_bodies_and_count_for_nothing() -> None:
    office = new_office()
    without = Registry(LEDGER_ID)
    for position, stored in enumerate(office.log, start=1):
        without.apply(read_registry_act(without, stored.act, position=position, facts=stored.facts))
    assert office.registry.names == {"registrar": "登记员registrar", "clerk": "员工clerk"}
    assert without.names == {}
    assert tuple(without.keys()) == tuple(office.registry.keys())
    held = office.registry.staff("clerk")
    assert held is not None and held.name == "员工clerk"
    assert without.staff("clerk") == held


def test_a_refold_gives_the_same_answers() -> None:
    office = new_office()
    again = Registry(LEDGER_ID)
    for position, stored in enumerate(office.log, start=1):
        act = read_registry_act(
            again, stored.act, position=position, facts=stored.facts, personal=stored.personal
        )
        again.apply(act)
    assert again.outcomes() == office.registry.outcomes()
    for size in range(office.registry.size + 1):
        assert answers(again, size) == answers(office.registry, size)


def test_a_thread_is_that_of_the_subject_and_an_unknown_subject_has_none() -> None:
    registry = new_office().registry
    facts = {"staff_no": "clerk", "role": "window", "scope": VILLAGE}
    person = registry.thread_for("end_role", facts)
    station = registry.thread_for("close_station", {"station": VILLAGE})
    assert person is not None and station is not None and person.case_id != station.case_id
    assert len(person.parents) == len(station.parents) == 1
    assert registry.thread_for("end_role", {**facts, "staff_no": "nobody"}) is None
    assert registry.thread_for("close_station", {"station": "990121009009-00"}) is None
    assert registry.thread_for("close_station", {}) is None


def test_positions_follow_each_other() -> None:
    office = new_office()
    stored = office.log[0]
    with pytest.raises(GapError) as raised:
        office.registry.apply(read_registry_act(office.registry, stored.act, position=99, facts=stored.facts))
    assert raised.value.code == "registry.order"


def test_another_ledger_founds_nothing_here() -> None:
    office = new_office()
    stranger = Registry(bytes([7]) * 32)
    for position, stored in enumerate(office.log, start=1):
        outcome = stranger.apply(
            read_registry_act(stranger, stored.act, position=position, facts=stored.facts)
        )
        assert code(outcome) == "registry.other_ledger"
    assert tuple(stranger.keys()) == () and stranger.stations() == ()
