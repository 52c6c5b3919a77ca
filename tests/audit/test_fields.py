"""Every field of every record kind is altered by hand; each alteration is an error with its code."""

from __future__ import annotations

from pathlib import Path

import pytest

from audit.checking.verify import verify_ledger
from audit.telling.notes import read_storage_key
from ledger.facade import Command, Home, Ledger
from ledger.formats.checkpoint import cosign, open_checkpoint, receipt_name
from ledger.formats.frame import encode_frame, split_frame
from ledger.formats.genesis import decode_log_genesis, genesis_hash
from ledger.formats.keys import Ed25519Signer
from ledger.types import CaseId
from tests.audit.forge import (
    ACT_FIELDS,
    ENTRY_FIELDS,
    altered,
    change_act,
    change_entry,
    frame_of,
    log_of,
    put_frame,
    repair,
)
from tests.audit.ledgers import COUNTY, NOON_MS, REGISTRAR, VILLAGE, StepClock, Stream, ask, hurt

MIDDLE = 5
LAST = 13


def errors(folder: Path, **options: object) -> set[str]:
    report = verify_ledger(folder, **options)  # type: ignore[arg-type]
    found = {finding.code for finding in report.findings if finding.severity == "error"}
    assert report.ok == (not found)
    return found


@pytest.mark.parametrize("field", ACT_FIELDS)
def test_field_of_an_act_that_its_entry_pins(copy: Path, field: str) -> None:
    change_act(copy, log_of(copy, "station", VILLAGE), MIDDLE, field, pinned=False)
    assert "frame.act" in errors(copy)


@pytest.mark.parametrize("field", ACT_FIELDS)
def test_field_of_an_act_with_its_entry_made_to_fit(copy: Path, field: str) -> None:
    change_act(copy, log_of(copy, "station", VILLAGE), MIDDLE, field, pinned=True)
    found = errors(copy)
    assert {"entry.chain", "tree.row", "checkpoint.root"} <= found
    expected = {
        "version": "act.version",
        "case_id": "act.field",
        "parents": "act.field",
        "ledger_id": "act.ledger",
        "action": "frame.topic",
    }
    assert expected.get(field, "acts.missing") in found
    assert ("act.signature" in found) == (field not in ("version", "case_id", "parents", "actor"))


@pytest.mark.parametrize(
    "field", [name for name in ACT_FIELDS if name not in ("version", "case_id", "parents")]
)
@pytest.mark.parametrize("checkpoints", [True, False])
def test_field_of_an_act_with_everything_unsigned_made_to_fit(
    copy: Path, field: str, checkpoints: bool
) -> None:
    log = log_of(copy, "station", VILLAGE)
    (genesis,) = ask(copy, "SELECT genesis FROM logs WHERE log = ?", (log,))[0]
    assert isinstance(genesis, bytes)
    change_act(copy, log, MIDDLE, field, pinned=True)
    repair(copy, log, genesis_hash(genesis), checkpoints=checkpoints)
    found = errors(copy)
    assert ("act.signature" if field != "actor" else "authority.key_unknown") in found
    assert ("checkpoint.root" in found) == checkpoints
    assert "sentinel.other" in found


@pytest.mark.parametrize("field", ENTRY_FIELDS)
@pytest.mark.parametrize("seq", [MIDDLE, LAST])
def test_field_of_an_entry(copy: Path, field: str, seq: int) -> None:
    change_entry(copy, log_of(copy, "station", VILLAGE), seq, field)
    found = errors(copy)
    expected = {
        "version": "entry.version",
        "log_id": "entry.log",
        "seq": "entry.sequence",
        "previous": "entry.chain",
        "act_id": "frame.act",
        "sig_hash": "frame.signature",
    }
    assert expected.get(field, "checkpoint.root") in found
    assert found & {"checkpoint.root", "checkpoint.unproven"}
    assert "head.row" in found if seq == LAST and field not in ("version", "seq") else True


@pytest.mark.parametrize("part", range(3))
def test_every_part_of_a_frame(copy: Path, part: int) -> None:
    log = log_of(copy, "station", VILLAGE)
    frame = bytearray(frame_of(copy, log, MIDDLE))
    frame[(10, len(frame) // 2, len(frame) - 3)[part]] ^= 0x40
    put_frame(copy, log, MIDDLE, bytes(frame))
    assert errors(copy)


def test_signature_of_an_act(copy: Path) -> None:
    log = log_of(copy, "station", VILLAGE)
    act_raw, sig, entry_raw = split_frame(frame_of(copy, log, MIDDLE))
    put_frame(copy, log, MIDDLE, encode_frame(act_raw, bytes((sig[0] ^ 1,)) + sig[1:], entry_raw))
    assert errors(copy) == {"frame.signature", "act.signature"}


MOVED = {
    ("stored_events", "originator_version"),
    ("checkpoints", "size"),
    ("tree", "level"),
    ("tree", "index"),
    ("bodies", "seq"),
}
"""Key columns that a small step would bring onto another row."""

COLUMNS = [
    ("stored_events", "originator_id", "log.gap"),
    ("stored_events", "originator_version", "log.gap"),
    ("stored_events", "topic", "frame.topic"),
    ("acts", "act_id", "acts.orphan"),
    ("acts", "log", "acts.row"),
    ("acts", "seq", "acts.row"),
    ("acts", "case_id", "acts.row"),
    ("acts", "action", "acts.row"),
    ("bodies", "log", "body.orphan"),
    ("bodies", "seq", "body.orphan"),
    ("bodies", "facts", "act.facts_hash"),
    ("logs", "log", "log.unlisted"),
    ("logs", "kind", "log.row"),
    ("logs", "station", "log.row"),
    ("logs", "genesis", "log.row"),
    ("heads", "log", "head.missing"),
    ("heads", "size", "head.row"),
    ("heads", "entry_hash", "head.row"),
    ("heads", "recorded_at_ms", "head.row"),
    ("tree", "log", "tree.missing"),
    ("tree", "level", "tree.missing"),
    ("tree", "index", "tree.missing"),
    ("tree", "hash", "tree.row"),
    ("checkpoints", "log", "head.unlisted"),
    ("checkpoints", "size", "checkpoint.row"),
    ("checkpoints", "note", "checkpoint.origin"),
]


@pytest.mark.parametrize(("table", "column", "code"), COLUMNS)
def test_column_of_every_table(copy: Path, table: str, column: str, code: str) -> None:
    village = log_of(copy, "station", VILLAGE)
    where = _where(copy, table, village)
    ((old, *_), *_) = ask(copy, f'SELECT "{column}" FROM {table} WHERE {where}')
    new = altered(old)
    if (table, column) == ("heads", "size"):
        new = LAST - 1
    if (table, column) in MOVED:
        assert isinstance(old, int)
        new = old + 50
    hurt(copy, (f'UPDATE {table} SET "{column}" = ? WHERE {where}', (new,)))
    assert code in errors(copy)


def _where(copy: Path, table: str, village: str) -> str:
    if table == "stored_events":
        return f"originator_id = '{village}' AND originator_version = {MIDDLE}"
    if table in ("acts", "bodies"):
        return f"log = '{village}' AND seq = {MIDDLE}"
    return f"log = '{village}'" + (" AND level = 3" if table == "tree" else "")


@pytest.mark.parametrize(
    ("table", "column", "code"),
    [
        ("bodies", "personal", "personal.cipher"),
        ("bodies", "nonce", "personal.cipher"),
        ("case_keys", "wrapped", "personal.key"),
    ],
)
def test_personal_bodies_with_the_storage_key(
    sound: Home, copy: Path, table: str, column: str, code: str
) -> None:
    ((old,),) = ask(copy, f'SELECT "{column}" FROM {table} WHERE "{column}" IS NOT NULL LIMIT 1')
    hurt(copy, (f'UPDATE {table} SET "{column}" = ? WHERE "{column}" = ?', (altered(old), old)))
    assert errors(copy) == set()
    assert code in errors(copy, storage_key=sound.storage_key())


def test_state_of_a_log_that_is_none(copy: Path) -> None:
    hurt(copy, "UPDATE logs SET state = NULL")
    report = verify_ledger(copy)
    told = [one.params for one in report.findings if one.code == "log.row"]
    assert errors(copy) == {"log.row"} and {str(one["field"]) for one in told} == {"state"}
    # It counts as one that is written on, so that what a log of this folder needs is still asked for.
    for note in (copy / "sentinel").glob("*.note"):
        note.unlink()
    assert "sentinel.missing" in {one.code for one in verify_ledger(copy).findings}


def test_nonce_beside_a_body_that_has_none(copy: Path) -> None:
    hurt(copy, "UPDATE bodies SET nonce = zeroblob(12) WHERE personal IS NULL")
    assert errors(copy) == {"personal.unexpected"}


def test_shortened_personal_body_is_found_without_any_key(copy: Path) -> None:
    ((old,),) = ask(copy, "SELECT personal FROM bodies WHERE personal IS NOT NULL LIMIT 1")
    assert isinstance(old, bytes)
    hurt(copy, ("UPDATE bodies SET personal = ? WHERE personal = ?", (old[:-1], old)))
    assert errors(copy) == {"personal.length"}


def warned(folder: Path, **options: object) -> dict[str, object]:
    """Return the warnings of an audit, with what they count, and what is said of erased and sealed bodies."""
    report = verify_ledger(folder, **options)  # type: ignore[arg-type]
    assert report.ok
    return {one.code: one.params.get("count") for one in report.findings if one.code != "trust.unpinned"}


def test_erasure_by_an_act_is_no_error(copy: Path) -> None:
    ((case_id,), *_) = ask(copy, "SELECT case_id FROM acts WHERE action = 'receive' ORDER BY seq")
    assert isinstance(case_id, bytes)
    before = warned(copy)["personal.sealed"]
    assert isinstance(before, int)
    with Ledger.open(
        Home(copy), clock=StepClock(NOON_MS + 3_600_000), randomness=Stream("erase"), write=True
    ) as ledger:
        erase = Command(
            action="erase", station=VILLAGE, case=CaseId(case_id), facts={"ground": "applicant_request"}
        )
        assert ledger.erase(erase, REGISTRAR) == 1
    assert warned(copy) == {"log.uncovered": 1, "personal.erased": 1, "personal.sealed": before - 1}


def test_personal_bodies_without_an_act_that_erased_them(copy: Path) -> None:
    before = warned(copy)["personal.sealed"]
    hurt(copy, "UPDATE bodies SET nonce = NULL, personal = NULL")
    assert warned(copy) == {"personal.taken": before}
    # Where others wrote the logs, their keys and sentinels lie elsewhere too.
    hurt(copy, "UPDATE logs SET own = 0")
    for beside in [*(copy / "secrets").glob("log-*.key"), *(copy / "sentinel").glob("*.note")]:
        beside.unlink()
    assert warned(copy) == {"personal.erased": before}


@pytest.mark.parametrize("with_key", [False, True])
def test_personal_bodies_without_the_keys_of_their_cases(copy: Path, sound: Home, with_key: bool) -> None:
    options = {"storage_key": read_storage_key(sound.secrets_dir / "storage.key")} if with_key else {}
    before = warned(copy)["personal.sealed"]
    hurt(copy, "DELETE FROM case_keys")
    assert warned(copy, **options) == {"personal.no_key": before}
    # the folder of a backup: its keys lie in a table beside it
    (copy / "RESTORED").touch()
    assert warned(copy, **options) == {}


@pytest.mark.parametrize("fault", ["none", "line", "name", "size", "key"])
def test_receipts(sound: Home, copy: Path, fault: str) -> None:
    village = log_of(copy, "station", VILLAGE)
    ((size, note, genesis),) = ask(
        copy,
        "SELECT c.size, c.note, l.genesis FROM checkpoints c JOIN logs l USING (log) WHERE log = ?",
        (village,),
    )
    assert isinstance(note, bytes) and isinstance(genesis, bytes) and isinstance(size, int)
    checkpoint = open_checkpoint(note, f"banjian/log/{village}", decode_log_genesis(genesis).log_public_key)
    seed = sound.service_seed(COUNTY, "receipt")
    assert seed is not None
    signer = Ed25519Signer.from_seed(bytes(32) if fault == "key" else seed)
    name = receipt_name(COUNTY)
    line = cosign(checkpoint, name, signer, time_s=1_772_600_000).encode()
    if fault == "line":
        line = line[:-10] + bytes((line[-10] ^ 1,)) + line[-9:]
    if fault == "name":
        name = receipt_name(VILLAGE)
    row = (village, size + (fault == "size"), name, line)
    hurt(copy, ("INSERT INTO receipts VALUES (?, ?, ?, ?)", row))
    expected = {
        "none": set(),
        "line": {"cosignature.signature", "note.malformed"},
        "name": {"receipt.key_unknown"},
        "size": {"log.truncated"},
        "key": {"cosignature.key"},
    }[fault]
    report = verify_ledger(copy)
    found = {finding.code for finding in report.findings} - {"trust.unpinned", "personal.sealed"}
    assert found == expected or (fault == "line" and len(found & expected) == 1)
