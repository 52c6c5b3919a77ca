"""Every reason for which a registry act has no effect, reached by a really signed act."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

import ledger.registry.registry as registry_module
from ledger.formats.act import new_act
from ledger.formats.body import facts_hash, new_body
from ledger.formats.genesis import LedgerGenesis
from ledger.formats.keys import prove_possession
from ledger.registry import actions as facts_of
from ledger.registry.frames import read_registry_act
from ledger.registry.registry import Registry, RegistryOutcome
from ledger.types import CaseId, StationId
from tests.registry.office import (
    COUNTY,
    GENESIS,
    LEDGER_ID,
    LOG_GENESIS,
    OTHER_TOWN,
    ROOTS,
    TOWN,
    VILLAGE,
    Office,
    Stored,
    answers,
    new_office,
    proof,
    signer,
)

NOBODY = bytes(16)
ENROL = {"staff_no": "new", "station": VILLAGE}


def enrol(office: Office, **changed: object) -> RegistryOutcome:
    facts = {**ENROL, **proof("new"), **changed}
    return office.act("enrol_staff", facts, signer("registrar"))


def founding(**changed: object) -> Callable[[Office], RegistryOutcome]:
    """Open the log of an empty office with some of the founding facts changed."""

    def build(office: Office) -> RegistryOutcome:
        facts = {"genesis": LOG_GENESIS.pack(), "ledger_genesis": GENESIS.pack(), **changed}
        return office.act("open_log", facts, ROOTS[0], thread=(b"", ()))

    return build


def self_signed(office: Office) -> RegistryOutcome:
    """A key that no genesis names opens the log."""
    facts = facts_of.open_log(genesis=LOG_GENESIS.pack(), ledger_genesis=GENESIS.pack())
    return office.act("open_log", facts, signer("stranger"), thread=(b"", ()))


def again(office: Office) -> RegistryOutcome:
    return office.store(office.log[-1])


def with_parents(office: Office, case_id: bytes, parents: tuple[bytes, ...]) -> RegistryOutcome:
    facts = facts_of.grant_role(staff_no="clerk", role="head", scope=VILLAGE)
    return office.act("grant_role", facts, signer("registrar"), thread=(case_id, parents))


def bad_signature(office: Office) -> RegistryOutcome:
    facts = facts_of.grant_role(staff_no="clerk", role="head", scope=VILLAGE)
    office.act("grant_role", facts, signer("stranger"))
    stored = office.log.pop()
    forged = new_act(stored.act.header._replace(registry_size=1), signer("stranger"))
    office.registry, office.log = refold(office.log)
    return office.store(replace(stored, act=forged._replace(header=forged.header, sig=bytes(64))))


def refold(log: list[Stored]) -> tuple[Registry, list[Stored]]:
    office = Office()
    for stored in log:
        office.store(stored)
    return office.registry, office.log


def other_ledger(office: Office) -> RegistryOutcome:
    facts = new_body({"x": 1}, bytes(16))
    header = office.log[-1].act.header._replace(
        ledger_id=bytes([5]) * 32, facts_hash=facts_hash(facts), facts_len=len(facts), actor=ROOTS[0].key_id
    )
    return office.store(Stored(new_act(header, ROOTS[0]), facts, None))


def without_facts(office: Office) -> RegistryOutcome:
    header = office.log[-1].act.header._replace(registry_size=3)
    return office.store(Stored(new_act(header, signer("registrar")), None, None))


def wrong_facts(office: Office) -> RegistryOutcome:
    header = office.log[-1].act.header._replace(registry_size=3)
    return office.store(Stored(new_act(header, signer("registrar")), new_body({}, bytes(16)), None))


def service(purpose: str, **changed: object) -> Callable[[Office], RegistryOutcome]:
    def build(office: Office) -> RegistryOutcome:
        facts = {"purpose": purpose, "station": VILLAGE, **proof("device"), **changed}
        facts = {name: value for name, value in facts.items() if value is not None}
        return office.act("enrol_service", facts, signer("registrar"))

    return build


def after(*steps: Callable[[Office], object]) -> Callable[[Office], RegistryOutcome]:
    """Do some steps that take effect, then the one that has none; its outcome is returned."""

    def build(office: Office) -> RegistryOutcome:
        for step in steps[:-1]:
            step(office)
        outcome = steps[-1](office)
        if not isinstance(outcome, RegistryOutcome):
            raise TypeError(outcome)
        return outcome

    return build


def station_facts(station: str, level: str, upstream: str | None) -> Callable[[Office], RegistryOutcome]:
    return lambda office: office.station(station, level, upstream)


def first_head(office: Office) -> bytes:
    return office.log[0].act.act_id


ON_EMPTY: list[tuple[str, Callable[[Office], RegistryOutcome]]] = [
    ("registry.not_founded", lambda office: office.station(COUNTY, "county", None, by="root 0")),
    ("registry.ledger_id", lambda o: o.act("open_log", {"genesis": b"x"}, ROOTS[0], thread=(b"", ()))),
    (
        "registry.field_missing",
        lambda o: o.act("open_log", {"ledger_genesis": GENESIS.pack()}, ROOTS[0], thread=(b"", ())),
    ),
    ("registry.ledger_id", founding(ledger_genesis=replace(GENESIS, nonce=bytes([1]) * 16).pack())),
    ("genesis.field", founding(genesis=replace(LOG_GENESIS, nonce=b"short").pack())),
    ("registry.genesis", founding(genesis=replace(LOG_GENESIS, kind="catalogue").pack())),
    ("registry.genesis", founding(genesis=replace(LOG_GENESIS, station=StationId(TOWN)).pack())),
    ("registry.genesis", founding(genesis=replace(LOG_GENESIS, ledger_id=bytes(32)).pack())),
    ("registry.genesis", founding(genesis=replace(LOG_GENESIS, log_public_key=ROOTS[2].public_key).pack())),
    ("registry.not_root", self_signed),
]

ON_OFFICE: list[tuple[str, Callable[[Office], RegistryOutcome]]] = [
    ("registry.action_unknown", lambda o: o.act("enrol_cat", {}, signer("registrar"))),
    ("registry.field_unknown", lambda o: enrol(o, nickname="x")),
    ("registry.field_value", lambda o: enrol(o, staff_no="no spaces")),
    ("registry.field_value", lambda o: enrol(o, public_key=b"short")),
    ("registry.facts_missing", without_facts),
    ("act.facts_hash", wrong_facts),
    ("registry.other_ledger", other_ledger),
    ("registry.actor_unknown", bad_signature),
    ("registry.already_open", founding()),
    ("registry.duplicate", again),
    (
        "registry.other_station",
        lambda o: o.act("close_station", {"station": VILLAGE}, signer("registrar"), station=StationId(TOWN)),
    ),
    (
        "registry.opening",
        lambda o: o.act(
            "enrol_staff",
            {**ENROL, **proof("new")},
            signer("registrar"),
            thread=(first_head(o)[:16], (first_head(o),)),
        ),
    ),
    ("registry.parent", lambda o: with_parents(o, first_head(o)[:16], (bytes([3]) * 32,))),
    ("registry.thread", lambda o: with_parents(o, first_head(o)[:16], (first_head(o),))),
    ("registry.thread", lambda o: with_parents(o, bytes(16), (first_head(o),))),
    ("registry.actor_unknown", lambda o: o.staff("new", by="stranger")),
    ("registry.actor_retired", after(lambda o: dismiss(o), lambda o: o.staff("new"))),
    ("registry.not_root", lambda o: propose(o, "registrar")),
    ("registry.not_root", lambda o: o.retire("registrar", by=signer("registrar"))),
    ("registry.not_registrar", lambda o: o.staff("new", by="clerk")),
    ("registry.not_registrar", lambda o: o.act("close_station", {"station": VILLAGE}, ROOTS[0])),
    ("registry.not_registrar", lambda o: o.retire("clerk", by=signer("clerk"))),
    ("registry.not_registrar", lambda o: o.retire("clerk", by=ROOTS[0])),
    ("registry.not_registrar", lambda o: o.grant("clerk", "head", VILLAGE, by="clerk")),
    (
        "registry.out_of_scope",
        after(
            town_registrar := lambda o: o.countersign(o.appoint("town", f"{TOWN}/*")),
            lambda o: o.staff("new", OTHER_TOWN, by="town"),
        ),
    ),
    (
        "registry.out_of_scope",
        after(
            town_registrar, lambda o: o.staff("far", OTHER_TOWN), lambda o: o.retire("far", by=signer("town"))
        ),
    ),
    (
        "registry.out_of_scope",
        after(
            town_registrar,
            lambda o: o.grant("clerk", "head", OTHER_TOWN),
            lambda o: o.end("clerk", "head", OTHER_TOWN, by="town"),
        ),
    ),
    ("registry.countersign_target", lambda o: o.act("countersign", {"target": first_head(o)}, ROOTS[1])),
    ("registry.countersign_same", lambda o: o.countersign(o.appoint("second"), ROOTS[0])),
    ("registry.key_weak", lambda o: enrol(o, public_key=bytes(32))),
    ("registry.key_weak", service("bundle", alg="x25519", public_key=bytes(32), possession=None)),
    ("registry.key_weak", service("bundle", alg="x25519", public_key=bytes([255]) * 32, possession=None)),
    ("registry.key_enrolled", lambda o: o.staff("new", key="clerk")),
    ("registry.key_enrolled", lambda o: o.staff("new", key="registry log")),
    ("registry.key_enrolled", lambda o: enrol(o, **of_root())),
    ("registry.key_enrolled", after(lambda o: o.retire("clerk"), lambda o: o.staff("new", key="clerk"))),
    ("registry.possession", lambda o: enrol(o, possession=prove_possession(signer("new"), bytes(32)))),
    ("registry.possession", lambda o: enrol(o, possession=prove_possession(signer("clerk"), LEDGER_ID))),
    ("registry.possession", service("kiosk", possession=None)),
    ("registry.possession", service("bundle", alg="x25519", public_key=bytes([9]) + bytes(31))),
    ("registry.key_unknown", lambda o: o.retire("nobody")),
    ("registry.key_retired", after(lambda o: o.retire("clerk"), lambda o: o.retire("clerk"))),
    ("registry.not_registrar_key", lambda o: o.retire("clerk", by=ROOTS[0], action="dismiss_registrar")),
    ("registry.root_last", after(lambda o: retire_root(o, 0, 1, 2), lambda o: propose_root_end(o, 1, 2))),
    ("registry.purpose", service("bundle")),
    (
        "registry.purpose",
        service("receipt", alg="x25519", public_key=bytes([9]) + bytes(31), possession=None),
    ),
    ("registry.station_unknown", lambda o: o.staff("new", "990121009009-00")),
    ("registry.station_unknown", lambda o: o.grant("clerk", "head", "990121009009-00/*")),
    ("registry.station_unknown", lambda o: o.close("990121009009-00")),
    ("registry.station_unknown", station_facts("990121001002-00", "kiosk", "990121001009-00")),
    ("registry.station_enrolled", station_facts(VILLAGE, "village", TOWN)),
    ("registry.out_of_scope", station_facts("990121003000-00", "township", None)),
    ("registry.upstream", lambda o: second_top(o, "township")),
    ("registry.upstream", lambda o: second_top(o, "county")),
    ("registry.upstream", station_facts("990121003000-00", "township", VILLAGE)),
    ("registry.upstream", lambda o: bare_office(o).station(COUNTY, "township", None)),
    ("registry.thread", lambda o: countersign_elsewhere(o)),
    (
        "registry.replaces",
        after(
            lambda o: o.staff("gone"),
            lambda o: o.retire("gone"),
            lambda o: o.staff("new", replaces="gone"),
        ),
    ),
    ("registry.upstream", station_facts("990121001002-00", "village", VILLAGE)),
    ("registry.upstream", station_facts("990121001002-00", "county", TOWN)),
    ("registry.station_has_subordinates", lambda o: o.close(TOWN)),
    ("registry.staff_enrolled", lambda o: o.staff("clerk", key="other")),
    ("registry.staff_enrolled", lambda o: same_registrar(o)),
    ("registry.staff_unknown", lambda o: o.grant("nobody", "head", VILLAGE)),
    ("registry.staff_unknown", lambda o: o.end("nobody", "head", VILLAGE)),
    ("registry.staff_unknown", lambda o: o.grant("clerk", "head", VILLAGE, stand_in_for="nobody")),
    (
        "registry.staff_unknown",
        after(lambda o: o.retire("clerk"), lambda o: o.grant("clerk", "head", VILLAGE)),
    ),
    ("registry.replaces", lambda o: o.staff("new", replaces="clerk")),
    ("registry.replaces", lambda o: o.staff("new", replaces="nobody")),
    ("registry.role_held", lambda o: o.grant("clerk", "window", VILLAGE)),
    (
        "registry.role_held",
        after(
            lambda o: o.staff("b-post"),
            lambda o: o.grant("b-post", "window", VILLAGE, stand_in_for="clerk"),
            lambda o: o.grant("b-post", "window", VILLAGE, stand_in_for="clerk"),
        ),
    ),
    ("registry.staff_unknown", lambda o: o.grant("clerk", "window", VILLAGE, stand_in_for="nobody")),
    ("registry.stand_in_self", lambda o: o.grant("clerk", "window", VILLAGE, stand_in_for="clerk")),
    ("registry.role_not_held", lambda o: o.end("clerk", "window", f"{VILLAGE}/*")),
    ("registry.stand_in_self", lambda o: o.grant("clerk", "head", VILLAGE, stand_in_for="clerk")),
]


def dismiss(office: Office) -> None:
    office.countersign(office.retire("registrar", by=ROOTS[1], action="dismiss_registrar"), ROOTS[0])


def propose(office: Office, by: str) -> RegistryOutcome:
    facts = facts_of.appoint_registrar(staff_no="second", scope=f"{TOWN}/*", **proof("second"))
    return office.act("appoint_registrar", facts, signer(by))


def of_root() -> dict[str, object]:
    return {"public_key": ROOTS[0].public_key, "possession": prove_possession(ROOTS[0], LEDGER_ID)}


def propose_root_end(office: Office, ended: int, by: int) -> RegistryOutcome:
    facts = {"key_id": ROOTS[ended].key_id, "reason": "retired", "log_sizes": []}
    return office.act("retire_key", facts, ROOTS[by])


def retire_root(office: Office, ended: int, by: int, second: int) -> None:
    office.countersign(propose_root_end(office, ended, by), ROOTS[second])


def second_top(office: Office, level: str) -> RegistryOutcome:
    office.countersign(office.appoint("other", "990121003000-00/*"))
    return office.station("990121003000-00", level, None, by="other")


def bare_office(office: Office) -> Office:
    """Take everything back but founding and registrar."""
    office.registry, office.log = refold(office.log[:3])
    return office


def countersign_elsewhere(office: Office) -> RegistryOutcome:
    proposal = office.appoint("second")
    facts = facts_of.countersign(target=proposal.act_id)
    return office.act("countersign", facts, ROOTS[1], thread=(first_head(office)[:16], (first_head(office),)))


def same_registrar(office: Office) -> RegistryOutcome:
    facts = facts_of.appoint_registrar(staff_no="registrar", scope=f"{TOWN}/*", **proof("third"))
    return office.act("appoint_registrar", facts, ROOTS[0])


def check(office: Office, expected: str, build: Callable[[Office], RegistryOutcome]) -> None:
    outcome = build(office)
    assert outcome.refusal is not None and outcome.refusal.code == expected
    assert not outcome.effective and not outcome.pending
    size = office.registry.size
    assert answers(office.registry, size)[:5] == answers(office.registry, size - 1)[:5]


@pytest.mark.parametrize(("expected", "build"), ON_EMPTY)
def test_a_log_that_is_not_validly_opened(expected: str, build: Callable[[Office], RegistryOutcome]) -> None:
    office = Office()
    check(office, expected, build)
    assert office.registry.station_of_log == "" and tuple(office.registry.keys()) == ()


@pytest.mark.parametrize(("expected", "build"), ON_OFFICE)
def test_an_act_without_effect(expected: str, build: Callable[[Office], RegistryOutcome]) -> None:
    check(new_office(), expected, build)


def test_an_opening_act_names_no_thread_even_without_predecessors() -> None:
    office = new_office()
    office.staff("new")
    stored = office.log.pop()
    office.registry, office.log = refold(office.log)
    act = read_registry_act(
        office.registry, stored.act, position=office.registry.size + 1, facts=stored.facts
    )
    outcome = office.registry.apply(replace(act, case_id=CaseId(first_head(office)[:16])))
    assert outcome.refusal is not None and outcome.refusal.code == "registry.opening"


def test_no_reason_is_left_out() -> None:
    folder = Path(registry_module.__file__).parent
    found = {
        code
        for path in folder.glob("registry*.py")
        for code in re.findall(r'"(registry\.[a-z_]+)"', path.read_text(encoding="utf-8"))
    }
    reached = {expected for expected, _ in ON_EMPTY + ON_OFFICE}
    # The only code that is raised instead: a caller who skips a position.
    assert found - reached == {"registry.order"}


def test_the_genesis_of_a_foreign_founder_is_no_way_in() -> None:
    mine = tuple(sorted(signer(f"thief {number}").public_key for number in range(3)))
    forged: LedgerGenesis = replace(GENESIS, root_public_keys=mine)
    office = Office()
    outcome = office.act(
        "open_log",
        facts_of.open_log(genesis=LOG_GENESIS.pack(), ledger_genesis=forged.pack()),
        signer("thief 0"),
        thread=(b"", ()),
    )
    assert outcome.refusal is not None and outcome.refusal.code == "registry.ledger_id"
    assert tuple(office.registry.keys()) == ()
