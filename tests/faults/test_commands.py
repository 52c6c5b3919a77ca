"""Bad input at the front door: each is refused with a code, and no log has grown by it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ledger.errors import BanjianError
from ledger.facade import Command, Home, Ledger
from ledger.formats.envelope import KdfParams, open_key, seal_key
from ledger.formats.keys import Ed25519Signer, prove_possession
from ledger.hashing import digest
from ledger.registry import actions as facts_of
from ledger.types import CaseId, StationId
from tests.faults.check import check_after
from tests.faults.day import PROOF
from tests.faults.office import TOWN, VILLAGE, Dice, FakeClock, enrol, signer

GOOD: dict[str, Any] = {"item": PROOF, "materials": ["m01"], "proof_kind": "collective_member"}
SMALL_ORDER = (
    bytes(32),
    b"\x01" + bytes(31),
    bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"),
    bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"),
    b"\xec" + b"\xff" * 30 + b"\x7f",
)
"""Points of order 4, 1, 8, 8 and 2. Source: Chalkias et al., Taming the many EdDSAs, 2020, table 2."""
DEEP: list[Any] = []
for _ in range(64):
    DEEP = [DEEP]


@pytest.fixture
def ledger(home: Home) -> Iterator[Ledger]:
    """Return an open office; at the end everything in it still holds."""
    with Ledger.open(home, clock=FakeClock(), randomness=Dice("commands"), write=True) as opened:
        yield opened
    check_after(home.path, [])


def entries(ledger: Ledger) -> list[tuple[bytes, int]]:
    """Return the size of every log."""
    return [(info.log_id, info.size) for info in ledger.logs()]


def refused(ledger: Ledger, call: Callable[[], object]) -> str:
    """Return the code with which a call is refused, after which no log and no list has changed."""
    before, rows = entries(ledger), ledger.worklist(include_closed=True)
    with pytest.raises(BanjianError) as told:
        call()
    assert entries(ledger) == before
    assert ledger.worklist(include_closed=True) == rows
    return told.value.code


def opening(**changes: Any) -> Command:
    """Return a receiving command with some of it changed."""
    fields: dict[str, Any] = {"action": "receive", "station": VILLAGE, "facts": GOOD, **changes}
    return Command(**fields)


OPENINGS = {
    "no item": (opening(facts={}), "case.no_item"),
    "item is a number": (opening(facts={**GOOD, "item": 7}), "case.no_item"),
    "unknown item": (opening(facts={**GOOD, "item": "000000000000"}), "catalogue.no_item"),
    "unknown action": (opening(action="recieve"), "case.no_action"),
    "empty action": (opening(action=""), "case.no_action"),
    "unknown field": (opening(facts={**GOOD, "colour": "red"}), "case.facts_unknown"),
    "text too long": (opening(facts={**GOOD, "external_no": "x" * 61}), "case.facts_value"),
    "list too long": (opening(facts={**GOOD, "materials": ["m01"] * 65}), "case.facts_value"),
    "wrong type": (opening(facts={**GOOD, "materials": "m01"}), "case.facts_value"),
    "a float": (opening(facts={**GOOD, "materials": [1.5]}), "case.facts_value"),
    "too deep": (opening(facts={**GOOD, "materials": DEEP}), "case.facts_value"),
    "negative": (opening(facts={**GOOD, "paper": {"page_count": -1}}), "case.facts_value"),
    "unknown station": (opening(station=StationId("990121009009-00")), "log.none"),
    "no station": (opening(station=StationId("")), "log.none"),
    "other place's key": (opening(station=TOWN), "authority.no_role"),
    "case not known": (opening(action="accept", case=CaseId(bytes(16)), facts={}), "case.unknown"),
    "time before all time": (opening(occurred_at_ms=-1), "act.field"),
    "time after all time": (opening(occurred_at_ms=1 << 70), "act.field"),
    "name is a number": (opening(personal={"applicant": {"name": 7}}), "identity.person"),
    "name of controls": (opening(personal={"applicant": {"name": "王\x00芳"}}), "identity.name"),
    "wrong check digit": (opening(personal={"applicant": {"id_no": "11010519491231002A"}}), "identity.shape"),
    "personal too large": (opening(personal={"text": "字" * 200_000}), "encoding.limit"),
    "personal too deep": (opening(personal={"text": DEEP}), "encoding.depth"),
    "personal too long": (opening(personal={"text": ["x"] * 5_000}), "encoding.malformed"),
    "personal with a huge number": (opening(personal={"text": 1 << 70}), "encoding.type"),
    "personal with a float": (opening(personal={"text": 1.5}), "encoding.type"),
    "half a character": (opening(personal={"text": "\ud800"}), "identity.hidden"),
    "attachment without hash": (opening(attachments=((b"", 1),)), "act.field"),
    "too many attachments": (opening(attachments=((bytes(32), 1),) * 33), "act.field"),
}


@pytest.mark.parametrize("name", OPENINGS)
def test_a_bad_command_is_refused_and_writes_nothing(ledger: Ledger, name: str) -> None:
    command, code = OPENINGS[name]
    assert refused(ledger, lambda: ledger.perform(command, signer("v1"))) == code
    assert ledger.perform(opening(), signer("v1")).number, "a good one goes through afterwards"


def test_a_command_again_is_refused(ledger: Ledger) -> None:
    case = ledger.perform(opening(), signer("v1")).case_id
    accept = opening(action="accept", case=case, facts={})
    ledger.perform(accept, signer("v1"))
    assert refused(ledger, lambda: ledger.perform(accept, signer("v1"))) == "case.state"


def test_an_act_handed_in_twice_is_stored_once(ledger: Ledger) -> None:
    signed = ledger.prepare(opening(), signer("v1"))
    first = ledger.submit(signed, VILLAGE)
    code = refused(ledger, lambda: ledger.submit(signed, VILLAGE))
    assert code == "store.duplicate"
    assert ledger.state(first.case_id)[0].status == "received"


def test_a_foreign_key_is_refused(ledger: Ledger) -> None:
    stranger = signer("nobody enrolled me")
    assert refused(ledger, lambda: ledger.perform(opening(), stranger)) == "authority.key_unknown"
    assert refused(ledger, lambda: ledger.open_station_log(VILLAGE, stranger)) == "log.open"
    facts = facts_of.close_station(station=VILLAGE)
    code = refused(ledger, lambda: ledger.register("close_station", facts, stranger))
    assert code == "registry.actor_unknown"


def test_a_retired_key_is_refused(ledger: Ledger) -> None:
    facts = facts_of.retire_key(key_id=signer("v2").key_id, reason="retired", log_sizes=())
    ledger.register("retire_key", facts, signer("r1"))
    assert refused(ledger, lambda: ledger.perform(opening(), signer("v2"))).startswith("authority.")


@pytest.mark.parametrize("index", range(len(SMALL_ORDER)))
def test_a_small_order_key_is_not_enrolled(ledger: Ledger, index: int) -> None:
    facts = facts_of.enrol_staff(
        staff_no="weak",
        station=VILLAGE,
        alg="ed25519",
        public_key=SMALL_ORDER[index],
        possession=bytes(64),
    )
    personal = facts_of.staff_personal(name="弱")
    code = refused(ledger, lambda: ledger.register("enrol_staff", facts, signer("r1"), personal=personal))
    assert code == "registry.key_weak"


def test_a_key_without_its_holder_is_not_enrolled(ledger: Ledger) -> None:
    """The proof of possession of another key, or for another ledger."""
    key, other = signer("new"), signer("other")
    for possession in (prove_possession(other, ledger.ledger_id), prove_possession(key, bytes(32))):  # type: ignore[arg-type]
        facts = facts_of.enrol_staff(
            staff_no="new", station=VILLAGE, alg=key.alg, public_key=key.public_key, possession=possession
        )
        personal = facts_of.staff_personal(name="新")
        code = refused(
            ledger, lambda f=facts, p=personal: ledger.register("enrol_staff", f, signer("r1"), personal=p)
        )
        assert code == "registry.possession"
    enrol(ledger, "new", VILLAGE)


def test_a_wrong_passphrase_opens_no_key_and_says_so() -> None:
    seed = signer("v1")
    cheap = KdfParams(memory_kib=8_192, iterations=1)
    blob = seal_key(
        digest(b"tests/faults/seed\n", b"v1"),
        "正确的口令 1",
        salt=bytes(16),
        nonce=bytes(12),
        label="v1",
        params=cheap,
    )
    assert Ed25519Signer.from_seed(open_key(blob, "正确的口令 1").seed).key_id == seed.key_id
    for wrong in ("正确的口令 2", "", "正确的口令 1 ", "x" * 10_000):
        with pytest.raises(BanjianError) as told:
            open_key(blob, wrong)
        assert told.value.code == "key.passphrase"
    for damaged in (blob[:-1], blob[:40], b"", blob[:-1] + bytes([blob[-1] ^ 1])):
        with pytest.raises(BanjianError) as told:
            open_key(damaged, "正确的口令 1")
        assert told.value.code in {"key.envelope", "key.passphrase"} or told.value.code.startswith(
            "encoding."
        )
