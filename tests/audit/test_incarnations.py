"""Logs that continue others, keys with two uses, acts in the wrong place: what the protocol asks of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from audit.checking.verify import Report, verify_ledger
from audit.reading.findings import Collector
from audit.reading.incarnations import chain_of, compare_parents, report_chains, report_reused_keys
from audit.reading.openings import read_openings
from audit.reading.source import Source, open_database
from ledger.codec import pack_header, unpack_header
from ledger.facade import Home, Ledger
from ledger.formats.checkpoint import Checkpoint, sign_checkpoint
from ledger.formats.entry import entry_hash
from ledger.formats.frame import encode_frame, split_frame
from ledger.formats.genesis import genesis_hash
from ledger.formats.keys import Ed25519Signer, prove_possession
from ledger.formats.merkle import Tree, leaf_hash
from ledger.registry import actions as registry_actions
from ledger.types import Facts, LogId
from tests.audit.forge import append_act, change_entry, frame_of, log_of, put_frame, repair
from tests.audit.ledgers import (
    CLERK,
    COUNTY,
    REGISTRAR,
    ROOTS,
    VILLAGE,
    StepClock,
    Stream,
    ask,
    hurt,
    receive,
    signer,
)
from tests.audit.test_sound import home_time


def codes(report: Report) -> dict[str, str]:
    return {finding.code: finding.severity for finding in report.findings}


def enrol_clerk(ledger: Ledger, name: str) -> None:
    key = signer(name)
    facts = registry_actions.enrol_staff(
        staff_no=name,
        alg=key.alg,
        public_key=key.public_key,
        possession=prove_possession(key, ledger.ledger_id),
        station=VILLAGE,
    )
    ledger.register("enrol_staff", facts, REGISTRAR, personal=registry_actions.staff_personal(name=name))


def go_on(copy: Path, name: str) -> None:
    """Lose the keys of all logs and go on in new ones, as after a restore."""
    home = Home(copy)
    for path in home.secrets_dir.glob("log-*.key"):
        path.unlink()
    clock = StepClock(home_time(home))
    with Ledger.open(home, clock=clock, randomness=Stream(name), write=True) as ledger:
        ledger.open_county_log("registry", COUNTY, ROOTS[0])
        ledger.open_county_log("catalogue", COUNTY, REGISTRAR)
        enrol_clerk(ledger, name)
        ledger.open_station_log(VILLAGE, CLERK)
        receive(ledger, 1)
        for log in ledger.logs():
            if log.own and not log.doubt:
                ledger.checkpoint(log.log_id)


def test_county_that_goes_on_in_new_logs_is_sound(copy: Path) -> None:
    """Acts cite positions that run on through all incarnations, twice over."""
    go_on(copy, "N1")
    go_on(copy, "N2")
    report = verify_ledger(copy)
    assert report.ok, report.findings
    assert set(codes(report)) <= {"trust.unpinned", "personal.sealed", "log.uncovered"}, report.findings
    assert sorted(log.kind for log in report.logs).count("registry") == 3


def test_parent_with_another_history(copy: Path) -> None:
    go_on(copy, "N1")
    old = next(log for log, size in _station_logs(copy) if size > 5)
    change_entry(copy, old, 4, "boot_id")
    repair(copy, old, _genesis_hash(copy, old), checkpoints=False)
    assert codes(verify_ledger(copy))["log.parent"] == "warning"


def test_entries_that_the_successor_leaves_out(copy: Path) -> None:
    go_on(copy, "N1")
    with open_database(copy / "ledger.db") as file, Source(file, Collector().add) as source:
        openings, _ = read_openings(source, Collector().add)
    first = chain_of(openings, "registry")[0][0].opening
    for held, code in ((first.size + 2, "log.superseded"), (first.size - 2, "log.truncated")):
        collector = Collector()
        changed = [replace(one, size=held) if one is first else one for one in openings]
        report_chains(changed, collector.add)
        assert [finding.code for finding in collector.kept] == [code]
    chain, beside = chain_of([*openings, replace(first, name="f" * 32, ledger_genesis=b"")], "registry")
    assert chain[0].size == first.size and [one.name for one in beside] == ["f" * 32]


def test_a_log_of_another_station_or_kind_is_no_successor(copy: Path) -> None:
    """Not in the chain, whatever it names; and whatever root it states, that is not compared."""
    go_on(copy, "N1")
    with open_database(copy / "ledger.db") as file, Source(file, Collector().add) as source:
        openings, _ = read_openings(source, Collector().add)
    chain, _ = chain_of(openings, "registry")
    last = chain[-1].opening
    elsewhere = replace(last.genesis, station=VILLAGE, parent_log=last.genesis.log_id(), parent_size=1)
    alien = replace(last, name="0" * 32, genesis=elsewhere)
    longer, beside = chain_of([*openings, alien], "registry")
    assert ([one.opening for one in longer], beside) == ([one.opening for one in chain], [alien])
    collector = Collector()
    compare_parents([*openings, alien], {last.name: {1: bytes(32)}}, {}, collector.add)
    assert [(one.code, one.log) for one in collector.kept] == [("log.foreign_parent", alien.name)]


def test_one_key_for_two_logs(copy: Path) -> None:
    with open_database(copy / "ledger.db") as file, Source(file, Collector().add) as source:
        openings, _ = read_openings(source, Collector().add)
    collector = Collector()
    report_reused_keys(openings, lambda _: False, collector.add)
    assert collector.kept == []
    twin = replace(openings[0], name="f" * 32)
    report_reused_keys([*openings, twin], lambda _: False, collector.add)
    assert [(one.code, one.log) for one in collector.kept] == [("log.key_reused", "f" * 32)]
    collector = Collector()
    report_reused_keys(openings, lambda one: one == openings[1].genesis.log_public_key, collector.add)
    assert [one.log for one in collector.kept] == [openings[1].name]


@pytest.mark.parametrize(
    ("kind", "station", "who", "action"),
    [
        ("station", VILLAGE, CLERK, "open_log"),
        ("station", COUNTY, REGISTRAR, "enrol_station"),
        ("station", COUNTY, REGISTRAR, "publish_items"),
        ("catalogue", COUNTY, REGISTRAR, "note"),
        ("catalogue", COUNTY, REGISTRAR, "open_log"),
    ],
)
def test_act_where_such_acts_do_not_count(
    copy: Path, kind: str, station: str, who: Ed25519Signer, action: str
) -> None:
    home = Home(copy)
    act = append_act(home, log_of(copy, kind, station), who, action=action, facts={}, station=station)
    report = verify_ledger(copy)
    assert report.ok, report.findings
    (finding,) = [one for one in report.findings if one.code == "act.misplaced"]
    assert (finding.severity, finding.act) == ("warning", act)


@pytest.mark.parametrize(
    ("kind", "code"), [("registry", "registry.duplicate"), ("catalogue", "catalogue.duplicate")]
)
def test_act_logged_again_counts_once(copy: Path, kind: str, code: str) -> None:
    """Whoever keeps the log cannot bring back what its author has changed since."""
    log = log_of(copy, kind)
    act_raw, sig, _ = split_frame(frame_of(copy, log, 3))
    _append_entry(copy, log, act_raw, sig)
    report = verify_ledger(copy)
    assert report.ok, report.findings
    (finding,) = [one for one in report.findings if one.code == code]
    assert finding.severity == "warning" and finding.seq > 3
    assert codes(report)["act.repeated"] == "notice"


@pytest.mark.parametrize("action", ["publish_calendar", "publish_items"])
def test_a_publication_of_another_shape_holds_its_position(copy: Path, action: str) -> None:
    """Versions of the catalogue are positions in its log, also behind what nobody can read."""
    home, log = Home(copy), log_of(copy, "catalogue")
    facts: Facts = {"name": 7} if action == "publish_calendar" else {"items": 7}
    act = append_act(home, log, REGISTRAR, action=action, facts=facts, station=COUNTY)
    report = verify_ledger(copy)
    assert report.ok, report.findings
    assert [
        one.act for one in report.findings if one.code.endswith(".shape") or one.code.startswith("calendar.")
    ] == [act]
    with Ledger.open(home, clock=StepClock(), randomness=Stream("reader"), write=False) as ledger:
        (size,) = (one.size for one in ledger.logs() if one.log_id.hex() == log)
        assert ledger.knowledge.catalogue.size == size


def test_entry_that_nobody_can_read_is_still_a_leaf(copy: Path) -> None:
    log = log_of(copy, "station", VILLAGE)
    act_raw, sig, _ = split_frame(frame_of(copy, log, 3))
    _append_entry(copy, log, act_raw, sig, spoil=True)
    report = verify_ledger(copy)
    assert codes(report)["entry.field"] == "error"
    assert not {"checkpoint.unproven", "checkpoint.root"} & set(codes(report))


def _append_entry(copy: Path, log: str, act_raw: bytes, sig: bytes, *, spoil: bool = False) -> None:
    """Let a log take an act again, or an entry of another form, under a root that it signs."""
    size = len(ask(copy, "SELECT 1 FROM stored_events WHERE originator_id = ?", (log,)))
    done = Home(copy)
    who = CLERK if spoil else REGISTRAR
    append_act(done, log, who, action="note", facts={}, topic="opaque", sig=sig)
    entry = list(unpack_header(split_frame(frame_of(copy, log, size + 1)).entry_raw, limit=512))
    ((again,),) = ask(copy, "SELECT act_id FROM acts WHERE log = ? AND seq = 3", (log,))
    entry[4] = again
    if spoil:
        entry[7] = b"too short"
    put_frame(copy, log, size + 1, encode_frame(act_raw, sig, pack_header(entry)))
    tree = Tree()
    nodes = tree.extend(
        leaf_hash(split_frame(frame_of(copy, log, seq)).entry_raw) for seq in range(1, size + 2)
    )
    seed = done.log_seed(LogId(bytes.fromhex(log)))
    assert seed is not None
    checkpoint = Checkpoint(origin=f"banjian/log/{log}", size=size + 1, root=tree.root())
    note = sign_checkpoint(checkpoint, Ed25519Signer.from_seed(seed))
    last_hash = entry_hash(pack_header(entry))
    topic = ask(
        copy, "SELECT topic FROM stored_events WHERE originator_id = ? AND originator_version = 3", (log,)
    )
    hurt(
        copy,
        ("UPDATE checkpoints SET note = ? WHERE log = ? AND size = ?", (note, log, size + 1)),
        ("UPDATE heads SET entry_hash = ? WHERE log = ?", (last_hash, log)),
        ("DELETE FROM bodies WHERE log = ? AND seq = ?", (log, size + 1)),
        ("DELETE FROM acts WHERE log = ? AND seq = ?", (log, size + 1)),
        ("DELETE FROM tree WHERE log = ?", (log,)),
        (
            "UPDATE stored_events SET topic = ? WHERE originator_id = ? AND originator_version = ?",
            (topic[0][0], log, size + 1),
        ),
        *(
            ("INSERT INTO tree VALUES (?, ?, ?, ?)", (log, level, index, node))
            for level, index, node in nodes
            if level >= 3
        ),
    )
    done.write_sentinel(LogId(bytes.fromhex(log)), note.decode())


def _genesis_hash(copy: Path, log: str) -> bytes:
    ((raw,),) = ask(copy, "SELECT genesis FROM logs WHERE log = ?", (log,))
    assert isinstance(raw, bytes)
    return genesis_hash(raw)


def _station_logs(copy: Path) -> list[tuple[str, int]]:
    rows = ask(
        copy,
        "SELECT h.log, h.size FROM heads h JOIN logs l ON l.log = h.log "
        "WHERE l.kind = 'station' AND l.station = ? ORDER BY h.size DESC",
        (VILLAGE,),
    )
    return [(str(log), int(str(size))) for log, size in rows]
