"""The merge log under audit: sound when it tells what the file holds, an error when it does not."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from audit.checking.verify import Report, verify_ledger
from ledger.facade import Home, Ledger
from ledger.facade.base.synctables import FORK, SYNC_FINDINGS
from ledger.facade.peering.between import merge
from ledger.formats.checkpoint import Checkpoint, log_origin, sign_checkpoint
from ledger.formats.entry import entry_hash
from ledger.formats.frame import split_frame
from ledger.formats.keys import Ed25519Signer
from ledger.formats.merge import FrameLeaf, HeadLeaf, decode_merge_leaf
from ledger.formats.merkle import Tree, leaf_hash
from ledger.store import schema
from ledger.types import LogId
from tests.audit.forge import branch_of, forked, log_of, note_of
from tests.audit.ledgers import COUNTY, REGISTRAR, VILLAGE, StepClock, Stream, hurt, make_ledger, receive


@pytest.fixture(scope="module")
def merged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a county that merged twice and received one more case since."""
    home = make_ledger(tmp_path_factory.mktemp("merged") / "home")
    with Ledger.open(home, clock=StepClock(), randomness=Stream("merged"), write=True) as ledger:
        merge(ledger)
        for number in range(300):
            receive(ledger, number)
        merge(ledger)
        receive(ledger, 999)
        for log in ledger.logs():
            if log.kind != "merge":
                ledger.checkpoint(log.log_id)
    return home.path


@pytest.fixture
def copy(merged: Path, tmp_path: Path) -> Path:
    """Return a copy to hurt."""
    return Path(shutil.copytree(merged, tmp_path / "copy"))


def codes(report: Report, severity: str) -> set[str]:
    return {finding.code for finding in report.findings if finding.severity == severity}


def leaves(folder: Path) -> list[FrameLeaf | HeadLeaf]:
    """Return the leaves of the merge log behind its opening."""
    with closing(sqlite3.connect(folder / "ledger.db")) as db:
        rows = db.execute(
            "SELECT state FROM stored_events WHERE originator_id = ? AND originator_version > 1 "
            "ORDER BY originator_version",
            (log_of(folder, "merge"),),
        )
        return [decode_merge_leaf(row[0]) for row in rows]


def rewrite(folder: Path, changed: list[bytes]) -> None:
    """Put other leaves into the merge log, with everything that a county with its key can make fit."""
    name, home = log_of(folder, "merge"), Home(folder)
    signer = Ed25519Signer.from_seed(home.log_seed(LogId(bytes.fromhex(name))) or b"")
    tree = Tree()
    with closing(sqlite3.connect(home.database_path)) as db:
        first = db.execute(
            "SELECT state FROM stored_events WHERE originator_id = ? AND originator_version = 1", (name,)
        ).fetchone()[0]
        sizes = [row[0] for row in db.execute("SELECT size FROM checkpoints WHERE log = ?", (name,))]
    statements: list[tuple[str, tuple[object, ...]]] = [
        ("DELETE FROM stored_events WHERE originator_id = ? AND originator_version > 1", (name,)),
        ("DELETE FROM tree WHERE log = ?", (name,)),
        ("DELETE FROM checkpoints WHERE log = ?", (name,)),
    ]
    put = "INSERT INTO stored_events (originator_id, originator_version, topic, state) VALUES (?, ?, ?, ?)"
    note = b""
    for seq, leaf in enumerate([split_frame(first).entry_raw, *changed], start=1):
        if seq > 1:
            statements.append((put, (name, seq, "merge_leaf", leaf)))
        for level, index, node in tree.append(leaf_hash(leaf)):
            if level >= 3:
                statements.append(("INSERT INTO tree VALUES (?, ?, ?, ?)", (name, level, index, node)))
        if seq in (*sizes, len(changed) + 1):
            head = Checkpoint(origin=log_origin(LogId(bytes.fromhex(name))), size=seq, root=tree.root())
            note = sign_checkpoint(head, signer)
            statements.append(("INSERT INTO checkpoints VALUES (?, ?, ?)", (name, seq, note)))
    last = changed[-1]
    received_at_ms = decode_merge_leaf(last).received_at_ms
    statements.append(
        ("UPDATE heads SET size = ?, entry_hash = ?, recorded_at_ms = ? WHERE log = ?",
         (len(changed) + 1, entry_hash(last), received_at_ms, name))
    )  # fmt: skip
    hurt(folder, *statements)
    home.write_sentinel(LogId(bytes.fromhex(name)), note.decode())


def test_a_merged_county_is_sound(merged: Path) -> None:
    report = verify_ledger(merged)
    assert report.ok
    assert codes(report, "warning") == {"trust.unpinned"}
    behind = [one for one in report.findings if one.code == "merge.behind"]
    assert [dict(one.params) for one in behind] == [{"count": 1}]
    assert len([leaf for leaf in leaves(merged) if isinstance(leaf, HeadLeaf)]) >= 2


def test_rewriting_nothing_stays_sound(copy: Path) -> None:
    """So that what the other tests find is what they changed."""
    rewrite(copy, [leaf.pack() for leaf in leaves(copy)])
    report = verify_ledger(copy)
    assert report.ok, codes(report, "error")


def test_each_lie_of_a_county_with_its_key_is_found(merged: Path, tmp_path: Path) -> None:
    told = leaves(merged)
    frames = [index for index, leaf in enumerate(told) if isinstance(leaf, FrameLeaf)]
    heads = [index for index, leaf in enumerate(told) if isinstance(leaf, HeadLeaf)]
    middle, head = frames[len(frames) // 2], heads[0]
    frame, named = told[middle], told[head]
    assert isinstance(frame, FrameLeaf) and isinstance(named, HeadLeaf)
    fields = {"entry_hash": frame.entry_hash, "received_at_ms": frame.received_at_ms}

    def put(index: int, *new: bytes) -> list[bytes]:
        raw = [leaf.pack() for leaf in told]
        return [*raw[:index], *new, *raw[index + 1 :]]

    other_entry = FrameLeaf(log_id=frame.log_id, seq=frame.seq, entry_hash=bytes(32), received_at_ms=1)
    other_log = FrameLeaf(log_id=LogId(bytes(16)), seq=1, **fields)
    beyond = FrameLeaf(log_id=frame.log_id, seq=9_999, **fields)
    other_root = HeadLeaf(log_id=named.log_id, size=named.size, root=bytes(32), received_at_ms=1)
    of_station = HeadLeaf(log_id=frame.log_id, size=1, root=bytes(32), received_at_ms=1)
    too_far = HeadLeaf(log_id=named.log_id, size=9_999, root=named.root, received_at_ms=1)
    lies: dict[str, tuple[list[bytes], set[str]]] = {
        "another entry": (put(middle, other_entry.pack()), {"merge.frame", "merge.order"}),
        "a log that is not here": (put(middle, other_log.pack()), {"merge.frame", "merge.order"}),
        "a position that is not here": (put(middle, frame.pack(), beyond.pack()), {"merge.frame"}),
        "named twice": (put(middle, frame.pack(), frame.pack()), {"merge.order"}),
        "left out": (put(middle), {"merge.order"}),
        "another head": (put(head, other_root.pack()), {"merge.head"}),
        "a head of a station": (put(head, named.pack(), of_station.pack()), {"merge.head"}),
        "a head that is not reached": (put(head, too_far.pack()), {"merge.head"}),
    }
    for name, (changed, expected) in lies.items():
        folder = Path(shutil.copytree(merged, tmp_path / name))
        rewrite(folder, changed)
        assert codes(verify_ledger(folder), "error") == expected, name


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("UPDATE stored_events SET state = substr(state, 1, 40) WHERE {at}", "encoding.malformed"),
        (
            "UPDATE stored_events SET state = CAST(x'9503' || substr(state, 3) AS BLOB) WHERE {at}",
            "merge.version",
        ),
        ("UPDATE stored_events SET topic = 'note' WHERE {at}", "frame.topic"),
        ("DELETE FROM stored_events WHERE {at}", "log.gap"),
    ],
)
def test_damaged_leaves(copy: Path, statement: str, expected: str) -> None:
    at = f"originator_id = '{log_of(copy, 'merge')}' AND originator_version = 40"
    hurt(copy, (statement.format(at=at), ()))
    found = codes(verify_ledger(copy), "error")
    assert expected in found
    if expected != "frame.topic":
        assert found & {"checkpoint.root", "checkpoint.unproven"}


def test_a_frame_removed_after_it_was_merged(copy: Path) -> None:
    """The end of a station log cut off with all its own traces: the merge log still tells of it."""
    village = log_of(copy, "station", VILLAGE)
    with closing(sqlite3.connect(copy / "ledger.db")) as db:
        where = (village,)
        size = db.execute("SELECT size FROM heads WHERE log = ?", where).fetchone()[0]
    keep = size - 40
    hurt(
        copy,
        ("DELETE FROM stored_events WHERE originator_id = ? AND originator_version > ?", (village, keep)),
    )
    found = verify_ledger(copy)
    told = [one for one in found.findings if one.code == "merge.frame"]
    assert {dict(one.params)["position"] for one in told} == set(range(keep + 1, size))


def test_incarnations_and_branches_are_followed(copy: Path) -> None:
    home = Home(copy)
    village = log_of(copy, "station", VILLAGE)
    (home.secrets_dir / f"log-{log_of(copy, 'merge')}.key").unlink()
    with Ledger.open(home, clock=StepClock(), randomness=Stream("again"), write=True) as ledger:
        ledger.open_county_log("merge", COUNTY, REGISTRAR)
        with ledger.store.write() as tx:
            stored = [frame for _, frame in tx.frames(village, 1, 6)]
            frames = forked(stored[3:])
            branch = branch_of(village, frames)
            tx.append(branch, 1, [("receive", frame) for frame in frames])
            tx.insert(schema.CHECKPOINTS, [(branch, 6, note_of(home, village, stored[:3] + frames))])
            tx.insert(SYNC_FINDINGS, [(FORK, branch, 4, 1, VILLAGE, 0)])
        merge(ledger)
        for log in ledger.logs():
            if not log.doubt:
                ledger.checkpoint(log.log_id)
    report = verify_ledger(copy)
    assert not codes(report, "error")
    assert "merge.behind" not in codes(report, "notice")


def test_kept_evidence_is_told(copy: Path) -> None:
    with closing(sqlite3.connect(copy / "ledger.db")) as db:
        number, log, size, note = db.execute(
            "SELECT number, log, size, note FROM county_checkpoints ORDER BY number DESC LIMIT 1"
        ).fetchone()
    put = "INSERT INTO county_checkpoints VALUES (?, ?, ?, ?, 1, ?)"
    hurt(copy, (put, (number + 1, log, size, note, "merge.inconsistent")))
    report = verify_ledger(copy)
    assert report.ok and "merge.inconsistent" in codes(report, "warning")
    for row, expected in (
        ((number + 2, log, size + 1, note, ""), "checkpoint.row"),
        ((number + 2, "00" * 16, size, note, ""), "log.opening"),
        ((number + 3, log, size, note, ""), "checkpoint.row"),
        ((number + 2, log, size, note, "fine"), "checkpoint.row"),
        ((number + 2, log, size, b"x", ""), "note.malformed"),
    ):
        folder = Path(shutil.copytree(copy, copy.with_name(str(abs(hash(row))))))
        hurt(folder, (put, row))
        assert codes(verify_ledger(folder), "error") == {expected}
