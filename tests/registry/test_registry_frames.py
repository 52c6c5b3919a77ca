"""From stored bytes to the fold: what fails before it holds its position and blocks nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.formats.entry import Entry, sig_hash
from ledger.formats.frame import encode_frame
from ledger.formats.keys import prove_possession
from ledger.registry.frames import read_registry_act, read_registry_frame
from ledger.registry.registry import Registry
from tests.registry.office import (
    LEDGER_ID,
    LOG_GENESIS,
    TOWN,
    VILLAGE,
    Office,
    Stored,
    new_office,
    proof,
    signer,
)

OFFICE = new_office()


def frame_of(stored: Stored, seq: int) -> bytes:
    entry = Entry(
        log_id=LOG_GENESIS.log_id(),
        seq=seq,
        previous=bytes(32),
        act_id=stored.act.act_id,
        sig_hash=sig_hash(stored.act.sig),
        recorded_at_ms=seq,
        boot_id=bytes(16),
        monotonic_ms=seq,
        county_seen=b"",
    )
    return encode_frame(stored.act.raw, stored.act.sig, entry.pack())


def fold_until(count: int) -> Registry:
    registry = Registry(LEDGER_ID)
    for position, stored in enumerate(OFFICE.log[:count], start=1):
        raw = frame_of(stored, position)
        registry.apply(
            read_registry_frame(
                registry, raw, position=position, facts=stored.facts, personal=stored.personal
            )
        )
    return registry


def test_frames_fold_like_acts() -> None:
    assert fold_until(len(OFFICE.log)).outcomes() == OFFICE.registry.outcomes()


@pytest.mark.parametrize(
    ("raw", "code"),
    [(b"", "encoding."), (b"\xc1", "encoding."), (encode_frame(b"\x90", b"x", b"x"), "act.field")],
)
def test_opaque_frames_hold_their_position(raw: bytes, code: str) -> None:
    registry = fold_until(3)
    outcome = registry.apply(read_registry_frame(registry, raw, position=4, facts=None))
    assert outcome.refusal is not None and outcome.refusal.code.startswith(code)
    assert registry.size == 4 and tuple(registry.keys()) == tuple(fold_until(3).keys())


def test_a_forged_signature_does_not_use_up_the_genuine_act() -> None:
    office = new_office()
    office.staff("second")
    genuine = office.log[-1]
    again = Registry(LEDGER_ID)
    forged = Stored(genuine.act._replace(sig=bytes(64)), genuine.facts, None)
    outcomes = []
    for position, stored in enumerate([*office.log[:-1], forged, genuine, genuine], start=1):
        act = read_registry_act(again, stored.act, position=position, facts=stored.facts)
        outcomes.append(again.apply(act))
    forged_outcome, genuine_outcome, repeated = outcomes[-3:]
    assert forged_outcome.refusal is not None and forged_outcome.refusal.code == "act.signature"
    assert genuine_outcome.effective
    assert repeated.refusal is not None and repeated.refusal.code == "registry.duplicate"
    assert again.outcome(genuine.act.act_id) == genuine_outcome
    assert again.outcome(genuine.act.act_id, size=forged_outcome.position) == forged_outcome


def test_a_forgery_before_the_enrolment_of_its_key_does_not_use_up_the_genuine_act() -> None:
    office = new_office()
    proposal = office.appoint("second")
    office.countersign(proposal)
    office.station("990121001009-00", "village", TOWN, by="second")
    *before, proposed, countersigned, genuine = office.log
    forged = Stored(genuine.act._replace(sig=bytes(64)), genuine.facts, None)
    again = Registry(LEDGER_ID)
    outcomes = []
    for position, stored in enumerate([*before, forged, proposed, countersigned, genuine], start=1):
        act = read_registry_act(again, stored.act, position=position, facts=stored.facts)
        outcomes.append(again.apply(act))
    early = outcomes[len(before)].refusal
    assert early is not None and early.code == "registry.actor_unknown"
    assert outcomes[-1].effective


@given(flip=st.integers(min_value=0, max_value=511), at=st.integers(min_value=0))
def test_no_flipped_bit_of_a_signature_takes_effect(flip: int, at: int) -> None:
    position = at % len(OFFICE.log)
    stored = OFFICE.log[position]
    sig = bytearray(stored.act.sig)
    sig[flip // 8] ^= 1 << flip % 8
    registry = PREFIXES[position]
    act = read_registry_act(
        registry, stored.act._replace(sig=bytes(sig)), position=position + 1, facts=stored.facts
    )
    assert act.blocked == "act.signature"


def test_a_personal_body_that_does_not_fit_withholds_the_name_alone() -> None:
    registry = fold_until(len(OFFICE.log))
    facts = {"staff_no": "new", "station": VILLAGE, **proof("new")}
    office = Office(registry=registry, log=list(OFFICE.log))
    office.act("enrol_staff", facts, signer("registrar"), personal={"name": "王小明"})
    stored = office.log[-1]
    other = fold_until(len(OFFICE.log))
    act = read_registry_act(other, stored.act, position=other.size + 1, facts=stored.facts, personal=b"\x80")
    assert act.personal is None and other.apply(act).effective
    assert "new" not in other.names and registry.names["new"] == "王小明"


def test_a_proof_made_for_another_ledger_does_not_count_here() -> None:
    stolen = {**proof("new"), "possession": prove_possession(signer("new"), bytes([1]) * 32)}
    outcome = new_office().act(
        "enrol_staff", {"staff_no": "new", "station": VILLAGE, **stolen}, signer("registrar")
    )
    assert outcome.refusal is not None and outcome.refusal.code == "registry.possession"


PREFIXES = [fold_until(count) for count in range(len(OFFICE.log))]
