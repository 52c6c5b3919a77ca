"""Vectors of provisional grants: one that holds, with an act that rests on it, and those that must fail."""

from __future__ import annotations

from ledger.formats.act import Act, ActHeader, new_act
from ledger.formats.body import facts_hash, new_body
from ledger.formats.keys import Ed25519Signer, prove_possession
from ledger.limits import GRANT_MS_MAX
from ledger.registry.grant import PROVISIONAL_GRANT, Grant, grant_facts, read_grant
from ledger.types import CaseId, Facts, StationId
from tests.vectors.positive import Json
from tests.vectors.spoil import Case, changed
from tests.vectors.world import BEGIN_MS, CLERK, LEDGER_ID, TOWN, VILLAGE, seed, signer

HEAD, NEW = signer("head T001"), signer("new key of clerk C001")
GIVEN_MS = BEGIN_MS + 86_400_000


def _signed(
    action: str, station: StationId, by: Ed25519Signer, facts: Facts, at_ms: int
) -> tuple[Act, bytes]:
    raw = new_body(facts, seed(f"salt of {action} at {at_ms}")[:16])
    header = ActHeader(
        LEDGER_ID,
        CaseId(b""),
        (),
        action,
        by.key_id,
        station,
        9,
        2,
        at_ms,
        facts_hash(raw),
        len(raw),
        b"",
        0,
        (),
    )
    return new_act(header, by), raw


def _facts(**other: object) -> Facts:
    facts = grant_facts(
        staff_no="C001", replaces=CLERK.key_id, public_key=NEW.public_key,
        possession=prove_possession(NEW, LEDGER_ID), reason="forgotten", until_ms=GIVEN_MS + GRANT_MS_MAX,
    )  # fmt: skip
    return {**facts, **other}  # type: ignore[dict-item]


def given() -> Grant:
    """Return the grant of the vectors."""
    act, raw = _signed(PROVISIONAL_GRANT, TOWN, HEAD, _facts(), GIVEN_MS)
    return read_grant(act, raw, ledger_id=LEDGER_ID)


def grant_vector(_world: object) -> Json:
    """A grant, what it says, and an act that rests on it; what the county makes of both is not here."""
    grant = given()
    facts: Facts = {"item": "000131001000", "number": "1", "grant": grant.carried()}
    act, raw = _signed("receive", VILLAGE, NEW, facts, GIVEN_MS + 3_600_000)
    return {
        "ledger_id": LEDGER_ID.hex(), "grantor_public_key": HEAD.public_key.hex(), "act": grant.act.raw.hex(),
        "sig": grant.act.sig.hex(), "facts": grant.facts_raw.hex(), "grant_id": grant.grant_id.hex(),
        "staff_no": grant.staff_no, "replaces": grant.replaces.hex(), "public_key": grant.public_key.hex(),
        "key_id": grant.key_id.hex(), "until_ms": grant.until_ms,
        "resting_act": act.raw.hex(), "resting_sig": act.sig.hex(), "resting_facts": raw.hex(),
    }  # fmt: skip


def grant_cases() -> list[Case]:
    """Return what must fail of the form of grants."""
    grant = given()
    forms: list[tuple[str, Facts, int, str]] = [
        ("another field", _facts(role="head"), GIVEN_MS, "grant.form"),
        ("reason of its own", _facts(reason="compromised"), GIVEN_MS, "grant.form"),
        ("x25519", _facts(alg="x25519"), GIVEN_MS, "grant.form"),
        ("limit as text", _facts(until_ms="1"), GIVEN_MS, "grant.form"),
        ("limit true", _facts(until_ms=True), GIVEN_MS, "grant.form"),
        ("a millisecond too long", _facts(), GIVEN_MS - 1, "grant.limit"),
        ("past when given", _facts(until_ms=GIVEN_MS), GIVEN_MS, "grant.limit"),
        ("proof of another key", _facts(possession=prove_possession(HEAD, LEDGER_ID)), GIVEN_MS,
         "grant.possession"),
        ("key of small order", _facts(public_key=bytes(32)), GIVEN_MS, "grant.possession"),
    ]  # fmt: skip
    made = [
        (name, *_signed(PROVISIONAL_GRANT, TOWN, HEAD, facts, at_ms), error)
        for name, facts, at_ms, error in forms
    ]
    lacking = _facts()
    del lacking["reason"]
    made.append(("no reason", *_signed(PROVISIONAL_GRANT, TOWN, HEAD, lacking, GIVEN_MS), "grant.form"))
    made.append(("another action", *_signed("note", TOWN, HEAD, _facts(), GIVEN_MS), "grant.form"))
    common = {"ledger_id": LEDGER_ID, "sig": grant.act.sig}
    return [
        *((name, "grant", {**common, "act": act.raw, "facts": raw}, error) for name, act, raw, error in made),
        ("facts of another", "grant", {**common, "act": grant.act.raw, "facts": made[0][2]}, "grant.form"),
        ("within a case", "grant",
         {**common, "act": changed(changed(grant.act.raw, 2, bytes(16)), 3, (bytes(32),)),
          "facts": grant.facts_raw}, "grant.form"),
        ("another ledger", "grant",
         {**common, "act": changed(grant.act.raw, 1, bytes(32)), "facts": grant.facts_raw}, "grant.form"),
        ("no act", "grant", {**common, "act": b"\x90", "facts": grant.facts_raw}, "grant.form"),
    ]  # fmt: skip
