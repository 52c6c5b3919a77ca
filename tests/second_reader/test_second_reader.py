"""The second reader accepts what the product writes and refuses what somebody altered."""

import hashlib
import json
import random
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

import ledger_maker as made  # noqa: E402
import reader  # noqa: E402
import reader_formats as f  # noqa: E402
import reader_grants as grants  # noqa: E402
import reader_sticks as sticks  # noqa: E402
import reader_travel as travel  # noqa: E402
from ledger_maker import COUNTY, VILLAGE, Maker, pack  # noqa: E402

from audit.checking.verify import verify_ledger  # noqa: E402
from ledger.errors import BanjianError  # noqa: E402
from ledger.facade import Ledger  # noqa: E402
from ledger.facade.peering.between import merge  # noqa: E402
from ledger.formats.excerpt import check_excerpt, decode_excerpt  # noqa: E402
from ledger.formats.package import decode_package  # noqa: E402
from ledger.types import LedgerId  # noqa: E402
from tests.facade import counter  # noqa: E402

VECTORS = HERE.parent / "vectors"
unhex = bytes.fromhex


def vector(name: str) -> Any:
    """Return the content of a vector file."""
    return json.loads((VECTORS / name).read_text(encoding="utf-8"))


def codes(answer: dict[str, Any]) -> set[str]:
    """Return the codes of an answer's findings."""
    return {one["code"] for severity in ("errors", "warnings", "notices") for one in answer[severity]}


# --- a log that the product made --------------------------------------------------------------------


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder in which the product founded a county and worked for a while."""
    folder = tmp_path_factory.mktemp("second") / "home"
    clock = counter.FakeClock()
    counter.found_county(folder, clock)
    ledger = Ledger.open(folder, clock=clock, randomness=counter.Dice("second"), write=True)
    for _ in range(3):
        case = counter.receive(ledger, "C1", "990100100001").case_id
        for action in ("accept", "start_review", "note", "note"):
            counter.act(ledger, "C1", action, case)
    with closing(sqlite3.connect(folder / "ledger.db")) as db:
        names = [name for (name,) in db.execute("SELECT log FROM logs")]
    for name in names:
        ledger.checkpoint(unhex(name))
    merge(ledger)
    for _ in range(2):
        counter.act(ledger, "C1", "note", case)
    ledger.close()
    return folder


@pytest.fixture(scope="module")
def bare(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the product's file, with nothing left that guards its tables."""
    path = tmp_path_factory.mktemp("bare") / "ledger.db"
    with closing(sqlite3.connect(home / "ledger.db")) as source, closing(sqlite3.connect(path)) as db:
        source.backup(db)
        db.execute("PRAGMA journal_mode = DELETE")
        for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            db.execute(f'DROP TRIGGER "{name}"')
        db.commit()
    return path


@pytest.fixture
def copy(bare: Path, tmp_path: Path) -> Path:
    """Return a copy that a test may alter."""
    return Path(shutil.copy(bare, tmp_path / "ledger.db"))


@contextmanager
def altering(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a copy for changes, without care for power cuts."""
    with closing(sqlite3.connect(path)) as db:
        db.executescript("PRAGMA synchronous = OFF; PRAGMA journal_mode = MEMORY")
        yield db
        db.commit()


def test_product_file_is_verified(home: Path) -> None:
    """Every log of the file, every signature, every tree and every personal body is as the page says."""
    with closing(sqlite3.connect(home / "ledger.db")) as db:
        count = db.execute("SELECT count(*) FROM stored_events").fetchone()[0]
        ledger_id = f.decode_act(
            f.split_frame(db.execute("SELECT state FROM stored_events").fetchone()[0])[0]
        )
    arguments = [str(home / "ledger.db"), "--trust", ledger_id.ledger_id.hex()]
    arguments += ["--storage-key", str(home / "secrets" / "storage.key")]
    done = subprocess.run(
        [sys.executable, str(HERE / "reader.py"), *arguments], capture_output=True, check=False, timeout=20
    )
    answer = json.loads(done.stdout)
    behind = [{"code": "merge.behind", "where": "2"}]
    assert answer == {"ok": True, "records": count, "errors": [], "warnings": [], "notices": behind}
    assert done.returncode == 0
    assert count > 70


def test_only_the_unsigned_end_may_be_cut(copy: Path) -> None:
    """Two acts stand behind the last checkpoint: the file without them is a shorter, good one."""
    with altering(copy) as db:
        county = log_of(db)
        (size,) = db.execute("SELECT max(size) FROM checkpoints WHERE log = ?", (county,)).fetchone()
        db.execute("DELETE FROM bodies WHERE log = ? AND seq > ?", (county, size))
        for seq in range(size + 1, len(frames(db, county)) + 1):
            remove(db, county, seq)
        made.derive(db, county)
    assert reader.verify(copy)[0] == 0


# --- alterations of the product's file --------------------------------------------------------------


def log_of(db: sqlite3.Connection, kind: str = "station", station: str = COUNTY) -> str:
    """Return the name of a log."""
    row = db.execute("SELECT log FROM logs WHERE kind = ? AND station = ?", (kind, station)).fetchone()
    return str(row[0])


def frames(db: sqlite3.Connection, log: str) -> list[bytes]:
    """Return the frames of a log."""
    query = "SELECT state FROM stored_events WHERE originator_id = ? ORDER BY originator_version"
    return [state for (state,) in db.execute(query, (log,))]


def remove(db: sqlite3.Connection, log: str, seq: int) -> None:
    """Delete one frame."""
    db.execute("DELETE FROM stored_events WHERE originator_id = ? AND originator_version = ?", (log, seq))


def put(db: sqlite3.Connection, log: str, seq: int, state: bytes) -> None:
    """Write one frame over the one at its position."""
    remove(db, log, seq)
    row = (log, seq, made.topic_of("", seq, state), state)
    db.execute(
        "INSERT INTO stored_events (originator_id, originator_version, topic, state) VALUES (?, ?, ?, ?)", row
    )


def parts(db: sqlite3.Connection, log: str, seq: int) -> list[bytes]:
    """Return act, signature and entry at a position."""
    return list(f.split_frame(frames(db, log)[seq - 1]))


def flip(data: bytes, at: int, bit: int = 1) -> bytes:
    """Change one bit."""
    at %= len(data)
    return data[:at] + bytes([data[at] ^ bit]) + data[at + 1 :]


def flip_part(part: int, at: int, kind: str = "station") -> Callable[[sqlite3.Connection], None]:
    """Return the alteration: one bit of act (0), signature (1) or entry (2) at position 4 of a log."""

    def alter(db: sqlite3.Connection) -> None:
        log = log_of(db, kind)
        values = parts(db, log, 4)
        values[part] = flip(values[part], at)
        put(db, log, 4, pack(values))

    return alter


def forge(db: sqlite3.Connection, log: str, pairs: list[tuple[bytes, bytes]], **change: int) -> None:
    """Write a log anew from acts and signatures, with right chain, tree and heads, but no checkpoints."""
    old = [f.decode_entry(f.split_frame(state)[2]) for state in frames(db, log)]
    query = "SELECT act_id, facts, nonce, personal FROM bodies JOIN acts USING (log, seq) WHERE log = ?"
    bodies = {act_id: tuple(body) for act_id, *body in db.execute(query, (log,))}
    previous = old[0].previous
    db.execute("DELETE FROM stored_events WHERE originator_id = ?", (log,))
    db.execute("DELETE FROM checkpoints WHERE log = ?", (log,))
    for seq, (act, signature) in enumerate(pairs, 1):
        like = old[min(seq, len(old)) - 1]
        recorded = like.recorded_at_ms - (change.get("back", 0) if seq == len(pairs) else 0)
        entry = [1, unhex(log), seq, previous, f.h("act-id", act), f.h("act-sig", signature)]
        entry += [recorded, like.boot_id, like.monotonic_ms, b""]
        previous = f.h("entry", pack(entry))
        put(db, log, seq, pack([act, signature, pack(entry)]))
    made.derive(db, log)
    made.place_bodies(db, bodies)


def pairs_of(db: sqlite3.Connection, log: str) -> list[tuple[bytes, bytes]]:
    """Return acts and signatures of a log."""
    return [f.split_frame(state)[:2] for state in frames(db, log)]


def forged(change: Callable[[list[tuple[bytes, bytes]]], Any], kind: str = "station") -> Any:
    """Return the alteration: a log written anew after a change of its acts and signatures."""

    def alter(db: sqlite3.Connection) -> None:
        log = log_of(db, kind)
        pairs = pairs_of(db, log)
        change(pairs)
        forge(db, log, pairs)

    return alter


def foreign_key(pairs: list[tuple[bytes, bytes]]) -> None:
    """Sign act 4 with somebody else's key."""
    signature = made.private_key("stranger").sign(b"banjian/act/1\n" + pairs[3][0])
    pairs[3] = (pairs[3][0], signature)


def malleable(pairs: list[tuple[bytes, bytes]]) -> None:
    """Add the group order to S."""
    signature = pairs[3][1]
    s = int.from_bytes(signature[32:], "little") + f.L
    pairs[3] = (pairs[3][0], signature[:32] + s.to_bytes(32, "little"))


def change_field(index: int, value: Any, key: str = "") -> Callable[[list[tuple[bytes, bytes]]], None]:
    """Return the change: another value in a field of act 4, signed by nobody or by a stranger."""

    def change(pairs: list[tuple[bytes, bytes]]) -> None:
        values = f.decode(pairs[3][0], 4096, body=False)
        values[index] = value
        act = pack(values)
        signature = made.private_key(key).sign(b"banjian/act/1\n" + act) if key else pairs[3][1]
        pairs[3] = (act, signature)

    return change


def swap_frames(db: sqlite3.Connection) -> None:
    """Exchange two frames."""
    log = log_of(db)
    third, fourth = frames(db, log)[2:4]
    put(db, log, 3, fourth)
    put(db, log, 4, third)


def swap_bodies(db: sqlite3.Connection) -> None:
    """Exchange the facts of two acts."""
    one, two = db.execute("SELECT log, seq, facts FROM bodies LIMIT 2").fetchall()
    db.execute("UPDATE bodies SET facts = ? WHERE log = ? AND seq = ?", (two[2], *one[:2]))
    db.execute("UPDATE bodies SET facts = ? WHERE log = ? AND seq = ?", (one[2], *two[:2]))


def cut_tail(db: sqlite3.Connection) -> None:
    """Delete the end of a log with everything that follows from it; the checkpoint stays."""
    log = log_of(db)
    for seq in range(10, len(frames(db, log)) + 1):
        remove(db, log, seq)
    made.derive(db, log)


def cut_heads(db: sqlite3.Connection) -> None:
    """Delete the last frame only."""
    remove(db, log_of(db), len(frames(db, log_of(db))))


def remove_log(kind: str) -> Callable[[sqlite3.Connection], None]:
    """Return the alteration: every row of a log gone but its checkpoints."""

    def alter(db: sqlite3.Connection) -> None:
        log = log_of(db, kind)
        db.execute("DELETE FROM stored_events WHERE originator_id = ?", (log,))
        for table in ("logs", "heads", "tree", "acts"):
            db.execute(f"DELETE FROM {table} WHERE log = ?", (log,))

    return alter


def genesis_flip(db: sqlite3.Connection) -> None:
    """Change a bit of the genesis in the opening facts."""
    where = "WHERE log = ? AND seq = 1"
    (body,) = db.execute(f"SELECT facts FROM bodies {where}", (log_of(db),)).fetchone()
    db.execute(f"UPDATE bodies SET facts = ? {where}", (flip(body, 60), log_of(db)))


def foreign_ledger(db: sqlite3.Connection) -> None:
    """Put a log of another county in place of the registry."""
    maker = Maker().found()
    other = maker.logs["registry"]
    for seq, frame in enumerate(other.frames, 1):
        put(db, other.log_id.hex(), seq, frame)
        facts = maker.facts[f.h("act-id", f.split_frame(frame)[0])]
        db.execute("INSERT INTO bodies VALUES (?, ?, ?, NULL, NULL)", (other.log_id.hex(), seq, facts))


def reencode(part: int) -> Callable[[sqlite3.Connection], None]:
    """Return the alteration: the version of act (0) or entry (2) in a longer form, all hashes made again."""

    def alter(db: sqlite3.Connection) -> None:
        log = log_of(db)
        if part == 0:
            pairs = pairs_of(db, log)
            act = pairs[3][0]
            pairs[3] = (act[:1] + b"\xcc\x01" + act[2:], pairs[3][1])
            forge(db, log, pairs)
            return
        values = parts(db, log, len(frames(db, log)))
        values[2] = values[2][:1] + b"\xcc\x01" + values[2][2:]
        put(db, log, len(frames(db, log)), pack(values))
        made.derive(db, log)

    return alter


def frame_bytes(change: Callable[[bytes], bytes]) -> Callable[[sqlite3.Connection], None]:
    """Return the alteration: other bytes for the last frame of a log."""

    def alter(db: sqlite3.Connection) -> None:
        log = log_of(db)
        states = frames(db, log)
        put(db, log, len(states), change(states[-1]))

    return alter


def sql(statement: str, *values: Any) -> Callable[[sqlite3.Connection], None]:
    """Return the alteration: one statement."""
    return lambda db: db.execute(statement, values) and None


def checkpoint(change: Callable[[bytes], bytes]) -> Callable[[sqlite3.Connection], None]:
    """Return the alteration: other bytes for the newest checkpoint of a log."""

    def alter(db: sqlite3.Connection) -> None:
        where = "WHERE log = ? ORDER BY size DESC LIMIT 1"
        size, note = db.execute(f"SELECT size, note FROM checkpoints {where}", (log_of(db),)).fetchone()
        row = (change(note), log_of(db), size)
        db.execute("UPDATE checkpoints SET note = ? WHERE log = ? AND size = ?", row)

    return alter


def resigned_checkpoint(note: bytes) -> bytes:
    """Return the checkpoint signed by a stranger under the log's name."""
    text = f.parse_note(note)[0]
    name = text.decode().split("\n")[0]
    return text + b"\n" + made.sign_line(name, 1, "stranger", made.private_key("stranger").sign(text))


def loose_bit(note: bytes) -> bytes:
    """Set an unused bit in the base64 of the signature."""
    digits = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    return note[:-3] + digits[digits.index(note[-3]) | 1 :][:1] + note[-2:]


def forged_receipt(db: sqlite3.Connection) -> None:
    """Insert a receipt by a key that nobody enrolled."""
    log = log_of(db)
    tree = f.Tree()
    for state in frames(db, log):
        tree.append(f.split_frame(state)[2])
    (size,) = db.execute("SELECT max(size) FROM checkpoints WHERE log = ?", (log,)).fetchone()
    line = made.receipt_line(COUNTY, "stranger", f.checkpoint_text(unhex(log), size, tree.root(size)))
    db.execute("INSERT INTO receipts VALUES (?, ?, ?, ?)", (log, size, f"banjian/receipt/{COUNTY}", line))


def move_act(db: sqlite3.Connection) -> None:
    """Log an act of the county once more in the village's log."""
    county, village = log_of(db), log_of(db, "station", "990121001201-00")
    forge(db, village, [*pairs_of(db, village), pairs_of(db, county)[4]])


def body_twice(db: sqlite3.Connection) -> None:
    """Log an act once more, and leave its bodies at both places."""
    log = log_of(db)
    pairs = pairs_of(db, log)
    forge(db, log, [*pairs, pairs[4]])
    copied = "SELECT log, ?, facts, nonce, personal FROM bodies WHERE log = ? AND seq = 5"
    db.execute(f"INSERT INTO bodies {copied}", (len(pairs) + 1, log))


def time_back(db: sqlite3.Connection) -> None:
    """Let the station clock fall within a boot."""
    log = log_of(db)
    forge(db, log, pairs_of(db, log), back=3_600_000)


def sparse_forged(db: sqlite3.Connection) -> None:
    """Keep a single frame whose signature was changed."""
    log = log_of(db)
    act, signature, entry = parts(db, log, 5)
    values = [act, flip(signature, 3), entry]
    put = "INSERT INTO sparse (act_id, log, seq, frame, size) VALUES (?, ?, 5, ?, 5)"
    db.execute(put, (f.h("act-id", act), log, pack(values)))


def swap_registry(pairs: list[tuple[bytes, bytes]]) -> None:
    """Let a role stand before the key that holds it was enrolled."""
    pairs[7], pairs[8] = pairs[8], pairs[7]


def drop_four(pairs: list[tuple[bytes, bytes]]) -> None:
    """Forget the last four acts of the registry."""
    del pairs[-4:]


STRANGER = made.key_id("stranger")


def leaf_changed(kind: int, at: int, value: Any) -> Callable[[sqlite3.Connection], None]:
    """Return the change of one field in the last leaf of a kind of the merge log."""

    def change(db: sqlite3.Connection) -> None:
        query = (
            "SELECT originator_version, state FROM stored_events WHERE topic = 'merge_leaf' "
            "ORDER BY originator_version DESC"
        )
        seq, state = next(row for row in db.execute(query).fetchall() if row[1][1] == kind)
        values = f.decode(state, 512, body=False)
        values[at] = value
        where = "topic = 'merge_leaf' AND originator_version = ?"
        db.execute(f"UPDATE stored_events SET state = ? WHERE {where}", (pack(values), seq))

    return change


def leaf_left_out(db: sqlite3.Connection) -> None:
    """Take a leaf out of the merge log, and let everything that nobody signed agree."""
    log = log_of(db, "merge")
    query = "SELECT max(originator_version) FROM stored_events WHERE originator_id = ?"
    last = db.execute(query, (log,)).fetchone()[0]
    remove(db, log, last - 2)
    for seq in (last - 1, last):
        where = "originator_id = ? AND originator_version = ?"
        db.execute(f"UPDATE stored_events SET originator_version = ? WHERE {where}", (seq - 1, log, seq))
    made.derive(db, log)


ALTERED: dict[str, tuple[Any, str]] = {
    "bit of an act": (flip_part(0, -20), "frame.act"),
    "bit of a signature": (flip_part(1, 20), "frame.signature"),
    "bit of the entry's predecessor": (flip_part(2, 30), "entry.chain"),
    "bit of the entry's boot id": (flip_part(2, -12), "checkpoint.root"),
    "bit of the entry's log id": (flip_part(2, 6), "entry.log"),
    "bit of an act of the registry": (flip_part(0, -20, "registry"), "frame.act"),
    "bit of a catalogue entry": (flip_part(2, -12, "catalogue"), "checkpoint.root"),
    "facts changed": (sql("UPDATE bodies SET facts = zeroblob(40)"), "act.facts_hash"),
    "facts swapped": (swap_bodies, "act.facts_hash"),
    "facts emptied": (sql("UPDATE bodies SET facts = NULL"), "act.facts_missing"),
    "bodies deleted": (sql("DELETE FROM bodies"), "act.facts_missing"),
    "bodies of no log": (sql("INSERT INTO bodies VALUES ('00', 1, x'80', NULL, NULL)"), "body.orphan"),
    "bodies behind the end": (sql("UPDATE bodies SET seq = 999 WHERE seq = 9"), "body.orphan"),
    "bodies at two places": (body_twice, "body.orphan"),
    "genesis in the opening facts": (genesis_flip, "act.facts_hash"),
    "genesis in the list of logs": (sql("UPDATE logs SET genesis = zeroblob(125)"), "log.row"),
    "station in the list of logs": (sql("UPDATE logs SET station = '990121009999-00'"), "log.row"),
    "a log that may be given up or not": (sql("UPDATE logs SET state = NULL"), "log.row"),
    "frames swapped": (swap_frames, "entry.sequence"),
    "frame deleted in the middle": (lambda db: remove(db, log_of(db), 5), "log.gap"),
    "first frame deleted": (lambda db: remove(db, log_of(db), 1), "log.gap"),
    "end cut off": (cut_tail, "log.truncated"),
    "last frame cut off": (cut_heads, "log.truncated"),
    "station log deleted": (remove_log("station"), "head.unlisted"),
    "registry deleted": (remove_log("registry"), "ledger.no_registry"),
    "second registry": (foreign_ledger, "ledger.second_registry"),
    "act signed by a stranger": (forged(foreign_key), "act.signature"),
    "S plus group order": (forged(malleable), "act.signature"),
    "act of a stranger": (forged(change_field(5, STRANGER, "stranger")), "authority.key_unknown"),
    "other station": (forged(change_field(6, VILLAGE)), "act.other_station"),
    "other ledger": (forged(change_field(1, bytes(32))), "act.ledger"),
    "other action": (forged(change_field(4, "decide")), "act.signature"),
    "registry not yet held": (forged(change_field(7, 999)), "act.signature"),
    "no registry": (forged(change_field(7, 0)), "act.signature"),
    "registry before the key": (forged(change_field(7, 6)), "act.signature"),
    "happened after it was recorded": (forged(change_field(9, 1 << 50)), "time.claimed_ahead"),
    "registry acts in another order": (forged(swap_registry, "registry"), "registry.parent"),
    "registry act repeated": (forged(lambda p: p.append(p[8]), "registry"), "registry.duplicate"),
    "registry without countersign": (forged(lambda p: p.pop(2), "registry"), "registry.pending"),
    "registry without last grants": (forged(drop_four, "registry"), "authority.registry_ahead"),
    "registry act signed by a stranger": (forged(foreign_key, "registry"), "act.signature"),
    "act replayed": (forged(lambda p: p.append(p[4])), "act.repeated"),
    "opening replayed": (forged(lambda p: p.append(p[0])), "act.misplaced"),
    "act in another station's log": (move_act, "act.other_station"),
    "act dropped and chain made again": (forged(lambda p: p.pop(4)), "body.orphan"),
    "longer form in an act": (reencode(0), "encoding.canonical"),
    "longer form in an entry": (reencode(2), "encoding.canonical"),
    "longer form of a frame": (frame_bytes(lambda s: b"\xdc\x00\x03" + s[1:]), "encoding.canonical"),
    "bytes behind a frame": (frame_bytes(lambda s: s + b"\x00"), "encoding.malformed"),
    "frame cut": (frame_bytes(lambda s: s[:-1]), "encoding.malformed"),
    "frame too long": (frame_bytes(lambda s: s + bytes(20000)), "encoding.limit"),
    "frame empty": (frame_bytes(lambda s: b""), "encoding.malformed"),
    "clock runs backwards": (time_back, "time.backwards"),
    "checkpoint signature": (checkpoint(resigned_checkpoint), "note.unsigned"),
    "checkpoint size": (checkpoint(lambda n: n.replace(b"\n16\n", b"\n15\n")), "note.signature"),
    "checkpoint of another log": (checkpoint(lambda n: flip(n, 20)), "checkpoint.origin"),
    "checkpoint with a loose base64 bit": (checkpoint(loose_bit), "note.malformed"),
    "checkpoint without signature": (checkpoint(lambda n: n.split(b"\n\n")[0] + b"\n\n"), "note.malformed"),
    "checkpoint under other size": (sql("UPDATE checkpoints SET size = size + 9"), "checkpoint.row"),
    "receipt by a stranger": (forged_receipt, "cosignature.key"),
    "receipt beyond the end": (sql("INSERT INTO receipts VALUES ('00', 1, 'x', x'00')"), "head.unlisted"),
    "node of the tree": (sql("UPDATE tree SET hash = zeroblob(32) WHERE level = 4"), "tree.row"),
    "node of the tree missing": (sql("DELETE FROM tree WHERE level = 3 AND \"index\" = 1"), "tree.missing"),
    "head": (sql("UPDATE heads SET size = size + 1"), "log.truncated"),
    "row of acts": (sql("UPDATE acts SET action = 'void' WHERE action = 'note'"), "acts.row"),
    "row of acts missing": (sql("DELETE FROM acts WHERE action = 'note'"), "acts.missing"),
    "personal body cut": (sql("UPDATE bodies SET personal = substr(personal, 2)"), "personal.length"),
    "half a personal body": (sql("UPDATE bodies SET nonce = NULL"), "personal.cipher"),
    "personal body of nobody": (
        sql("UPDATE bodies SET nonce = zeroblob(12), personal = zeroblob(40) WHERE personal IS NULL"),
        "personal.unexpected",
    ),
    "nonce of no personal body": (
        sql("UPDATE bodies SET nonce = zeroblob(12) WHERE personal IS NULL"),
        "personal.unexpected",
    ),
    "name that is no log": (sql("UPDATE stored_events SET originator_id = upper(originator_id)"), "log.name"),
    "leaf of another entry": (leaf_changed(1, 3, bytes(32)), "merge.frame"),
    "leaf of a log that is not here": (leaf_changed(1, 1, bytes(16)), "merge.frame"),
    "leaf of a position that is not here": (leaf_changed(1, 2, 999), "merge.frame"),
    "leaf of another kind": (leaf_changed(1, 0, 3), "merge.version"),
    "leaf left out": (leaf_left_out, "merge.order"),
    "head leaf with another root": (leaf_changed(2, 3, bytes(32)), "merge.head"),
    "head leaf beyond the end": (leaf_changed(2, 2, 999), "merge.head"),
    "leaf under another topic": (
        sql("UPDATE stored_events SET topic = 'note' WHERE topic = 'merge_leaf'"), "frame.topic",
    ),
    "county checkpoint of another size": (
        sql("UPDATE county_checkpoints SET size = size + 1"), "checkpoint.row",
    ),
    "county checkpoint that is none": (sql("UPDATE county_checkpoints SET note = x'00'"), "note.malformed"),
    "single frame forged": (sparse_forged, "frame.signature"),
    "table dropped": (sql("DROP TABLE heads"), "file.damaged"),
}  # fmt: skip


@pytest.mark.parametrize("name", ALTERED)
def test_altered_file_is_refused(copy: Path, name: str) -> None:
    """The finding that the page asks for is among the errors."""
    alter, code = ALTERED[name]
    with altering(copy) as db:
        alter(db)
        db.commit()
    exit_code, answer = reader.verify(copy)
    assert code in codes(answer)
    assert (exit_code, answer["ok"]) == ((1, False) if answer["errors"] else (0, True))


def test_personal_body_is_opened(copy: Path, home: Path) -> None:
    """With the storage key a changed ciphertext is found; without it nothing but the length is known."""
    with altering(copy) as db:
        kept = "SELECT log, seq, personal FROM bodies WHERE personal IS NOT NULL"
        for log, seq, text in db.execute(kept).fetchall():
            db.execute("UPDATE bodies SET personal = ? WHERE log = ? AND seq = ?", (flip(text, 4), log, seq))
        db.commit()
    key = (home / "secrets" / "storage.key").read_bytes()
    assert reader.verify(copy)[0] == 0
    expected = {"merge.behind", "personal.cipher", "trust.unpinned"}
    assert codes(reader.verify(copy, storage_key=key)[1]) == expected


@pytest.mark.parametrize("pragma", ["application_id", "user_version"])
def test_another_kind_of_file(copy: Path, pragma: str) -> None:
    """A database that is no ledger is not read."""
    with altering(copy) as db:
        db.execute(f"PRAGMA {pragma} = 7")
        db.commit()
    assert reader.verify(copy)[0] == 2


def test_no_file(tmp_path: Path) -> None:
    """What is missing, empty, a folder or no database has exit code 2."""
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "noise").write_bytes(random.Random(1).randbytes(9000))
    for name in ("missing", "empty", "noise", "."):
        assert reader.verify(tmp_path / name)[0] == 2


def test_other_ledger_is_not_trusted(copy: Path) -> None:
    """A file whose registry founds another ledger than the one on paper is refused."""
    assert {"trust.other_ledger", "act.ledger"} <= codes(reader.verify(copy, bytes(32))[1])


def test_noise_never_stops_the_reader(copy: Path) -> None:
    """Bytes of the file changed at random give an answer, whatever it is."""
    dice = random.Random(20260302)
    whole = copy.read_bytes()
    for _ in range(40):
        data = bytearray(whole)
        for _ in range(dice.choice((1, 20, 400))):
            data[dice.randrange(100, len(data))] = dice.randrange(256)
        copy.write_bytes(data)
        assert reader.verify(copy)[0] in {0, 1, 2}


def test_noise_in_frames_never_stops_the_reader(copy: Path) -> None:
    """Bytes of frames and facts changed at random are found."""
    dice = random.Random(7)
    with altering(copy) as db:
        rows = db.execute("SELECT rowid, state FROM stored_events").fetchall()
        bodies = db.execute("SELECT log, seq, facts FROM bodies").fetchall()
        for _ in range(20):
            for row, state in dice.sample(rows, 5):
                data = flip(state, dice.randrange(len(state)), 1 << dice.randrange(8))
                db.execute("UPDATE stored_events SET state = ? WHERE rowid = ?", (data, row))
            for log, seq, body in dice.sample(bodies, 2):
                data = flip(body, dice.randrange(len(body)))
                db.execute("UPDATE bodies SET facts = ? WHERE log = ? AND seq = ?", (data, log, seq))
            db.commit()
            assert reader.verify(copy)[0] == 1


# --- a county made from the page, whose keys the test holds -----------------------------------------


def test_made_county_is_verified(tmp_path: Path) -> None:
    """The file that the page describes is good, with receipts."""
    maker = Maker().found()
    maker.sign_heads()
    path = maker.write(tmp_path / "made.db")
    assert reader.verify(path, maker.ledger_id)[1] == {
        "ok": True,
        "records": 14,
        "errors": [],
        "warnings": [],
        "notices": [],
    }


def restart(maker: Maker) -> tuple[str, str, str]:
    """Found the registry of a county alone, without any registrar."""
    one, two, three = maker.roots
    facts = {"ledger_genesis": maker.ledger_genesis}
    maker.founding = maker.open("registry", "registry", COUNTY, one, facts=facts, size=0)
    return one, two, three


def same_root(m: Maker) -> None:
    """Let the root that appointed a registrar countersign alone."""
    one, _, _ = restart(m)
    target = m.enrol("appoint_registrar", "R", one, staff_no="R", scope=f"{COUNTY}/*")
    m.on(target, one, "countersign", {"target": target})
    m.station(COUNTY, "county")


def not_countersigned(m: Maker) -> None:
    """Let a registrar act who was never countersigned."""
    one, _, _ = restart(m)
    m.enrol("appoint_registrar", "R", one, staff_no="R", scope=f"{COUNTY}/*")
    m.station(COUNTY, "county")


def no_root(m: Maker) -> None:
    """Found a ledger by a key that is no root."""
    facts = {"ledger_genesis": m.ledger_genesis}
    m.open("registry", "registry", COUNTY, "stranger", facts=facts, size=0)


def root_log_key(m: Maker) -> None:
    """Let the registry log have a root key."""
    facts = {"ledger_genesis": m.ledger_genesis}
    m.open("registry", "registry", COUNTY, m.roots[0], key=m.roots[0], facts=facts, size=0)


def narrow_registrar(m: Maker) -> None:
    """Let a registrar of the village enrol at the county."""
    one, two, _ = m.found().roots
    target = m.enrol("appoint_registrar", "Q", one, staff_no="Q", scope=f"{VILLAGE}/*")
    m.on(target, two, "countersign", {"target": target})
    m.enrol("enrol_staff", "X", "Q", staff_no="X", station=COUNTY)


def narrow_grant(m: Maker) -> None:
    """Let a registrar of one station grant a role for everything below it."""
    one, two, _ = m.found().roots
    target = m.enrol("appoint_registrar", "Q", one, staff_no="Q", scope=VILLAGE)
    m.on(target, two, "countersign", {"target": target})
    m.grant(m.clerk, "A", "head", f"{VILLAGE}/*", "Q")


def two_roots_stay(m: Maker) -> None:
    """Retire two of three root keys."""
    one, two, three = m.found().roots
    for gone, first, second in ((three, one, two), (two, one, two)):
        facts = {"key_id": made.key_id(gone), "reason": "retired", "log_sizes": []}
        target = m.on(m.founding, first, "retire_key", facts)
        m.on(m.founding, second, "countersign", {"target": target}, parents=[target])


def retired(m: Maker, reason: str, sizes: list[Any], size: int | None = None) -> None:
    """Retire the clerk's key and let it sign once more."""
    m.found()
    before = len(m.logs["registry"].frames)
    m.on(m.clerk, "R", "retire_key", {"key_id": made.key_id("A"), "reason": reason, "log_sizes": sizes})
    more = {"size": before} if size == 0 else {}
    m.act("village", "A", "note", {}, case=m.case[:16], parents=[m.note], **more)


def role_ended(m: Maker) -> None:
    """End the clerk's only role and let the clerk sign."""
    m.found()
    m.on(m.clerk, "R", "end_role", {"staff_no": "A", "role": "window", "scope": VILLAGE})
    m.act("village", "A", "note", {}, case=m.case[:16], parents=[m.note])


def after(write: Callable[[Maker], Any]) -> Callable[[Maker], None]:
    """Return the scenario: a good county, and something more."""
    return lambda m: write(m.found()) and None


def closed_station(m: Maker) -> None:
    """Close the village and let the clerk sign there."""
    m.found()
    m.on(m.village, "R", "close_station", {"station": VILLAGE})
    m.act("village", "A", "note", {}, case=m.case[:16], parents=[m.note])


def receipt_by(key: str, station: str = COUNTY, text: bytes = b"") -> Callable[[Maker], None]:
    """Return the scenario: a receipt by a key in the name of a station."""

    def write(m: Maker) -> None:
        log = m.found().logs["village"]
        m.sign_head(log)
        line = made.receipt_line(station, key, text or log.checkpoint)
        m.receipts.append((log.log_id.hex(), len(log.frames), f"banjian/receipt/{station}", line))

    return write


def wrong_root(m: Maker) -> None:
    """Let a log sign a root that its entries do not have."""
    log = m.found().logs["village"]
    text = f.checkpoint_text(log.log_id, 2, bytes(32))
    name = f"banjian/log/{log.log_id.hex()}"
    note = text + b"\n" + made.sign_line(name, 1, log.key, made.private_key(log.key).sign(text))
    m.checkpoints.append((log.log_id.hex(), 2, note))


def longer_facts(m: Maker) -> bytes:
    """Sign facts in a longer form than the shortest."""
    body = pack({"item": "1", "number": "1", "salt": bytes(16)}).replace(b"\xa11", b"\xd9\x011", 1)
    return m.act("village", "A", "receive", body)


def other_parent(m: Maker) -> bytes:
    """Name a parent that belongs to another case."""
    case = m.act("village", "A", "receive", {"item": "1", "number": "2"})
    return m.act("village", "A", "note", {}, case=case[:16], parents=[m.note])


def stands_in_twice(m: Maker) -> None:
    """Let the clerk, who holds the role, stand in with it for a colleague, and once more."""
    m.found().staff("B", VILLAGE)
    for _ in range(2):
        m.grant(m.clerk, "A", "window", VILLAGE, away="B")


def stood_in_for(*, registered: bool) -> Callable[[Maker], None]:
    """Return the scenario: the clerk says for whom the receipt was, before or after the registry does."""

    def write(m: Maker) -> None:
        m.found().staff("B", VILLAGE)
        if registered:
            m.grant(m.clerk, "A", "window", VILLAGE, away="B")
        for away in ("B", "不存在的人 V999"):
            m.act("village", "A", "receive", {"item": "1", "number": away, "stand_in_for": away})

    return write


def no_text_stood_in_for(m: Maker) -> None:
    """Say in place of somebody's number something that is none."""
    m.found()
    for number, away in enumerate(([], {}, 7, None)):
        m.act("village", "A", "receive", {"item": "1", "number": str(number), "stand_in_for": away})


def small_key(m: Maker) -> bytes:
    """Enrol a key of small order."""
    facts = {"staff_no": "X", "station": COUNTY, "public_key": b"\x01" + bytes(31)}
    return m.enrol("enrol_staff", "X", "R", **facts)


FORGED: dict[str, tuple[Callable[[Maker], None], str]] = {
    "countersigned by the same root": (same_root, "registry.countersign_same"),
    "never countersigned": (not_countersigned, "registry.pending"),
    "founded by no root": (no_root, "authority.key_unknown"),
    "registry log with a root key": (root_log_key, "authority.key_unknown"),
    "two of three roots retired": (two_roots_stay, "registry.root_last"),
    "registrar out of scope": (narrow_registrar, "registry.out_of_scope"),
    "grant wider than the registrar": (narrow_grant, "registry.out_of_scope"),
    "clerk enrols": (
        after(lambda m: m.station("990121001002-00", "village", COUNTY, "A")),
        "registry.not_registrar",
    ),
    "village over village": (
        after(lambda m: m.station("990121001002-00", "village", VILLAGE)),
        "registry.upstream",
    ),
    "second top": (after(lambda m: m.station("990121009000-00", "county")), "registry.out_of_scope"),
    "station enrolled twice": (
        after(lambda m: m.station(VILLAGE, "village", COUNTY)),
        "registry.station_enrolled",
    ),
    "station closed over another": (
        after(lambda m: m.on(m.county, "R", "close_station", {"station": COUNTY})),
        "registry.station_has_subordinates",
    ),
    "certificates ended before no moment": (
        after(lambda m: m.on(m.county, "R", "end_certificates", {"station": COUNTY, "before_ms": -1})),
        "registry.field_value",
    ),
    "certificates ended by nobody who may": (
        after(lambda m: m.on(m.county, "A", "end_certificates", {"station": COUNTY, "before_ms": 1})),
        "registry.not_registrar",
    ),
    "key enrolled twice": (after(lambda m: m.staff("A", VILLAGE)), "registry.key_enrolled"),
    "possession by another": (
        after(lambda m: m.staff("X", VILLAGE, public_key=made.public("Y"))),
        "registry.possession",
    ),
    "key of small order": (after(small_key), "registry.key_weak"),
    "nobody stood in for": (stood_in_for(registered=False), "act.stand_in_unregistered"),
    "somebody stood in for, and nobody": (stood_in_for(registered=True), "act.stand_in_unregistered"),
    "no text stood in for": (no_text_stood_in_for, "act.stand_in_unregistered"),
    "same stand-in registered twice": (stands_in_twice, "registry.role_held"),
    "role granted twice": (after(lambda m: m.grant(m.clerk, "A", "window", VILLAGE)), "registry.role_held"),
    "role that does not exist": (
        after(lambda m: m.grant(m.clerk, "A", "king", VILLAGE)),
        "registry.field_value",
    ),
    "grant on another thread": (after(lambda m: m.grant(m.village, "A", "head", VILLAGE)), "registry.thread"),
    "unknown fact": (after(lambda m: m.staff("X", VILLAGE, more=1)), "registry.field_unknown"),
    "unknown action": (after(lambda m: m.act("registry", "R", "note", {})), "registry.action_unknown"),
    "second opening of the registry": (
        after(lambda m: m.act("registry", m.roots[0], "open_log", {"genesis": b""})),
        "registry.already_open",
    ),
    "registry act of another ledger": (
        after(lambda m: m.act("registry", "R", "enrol_station", {}, ledger_id=bytes(32))),
        "registry.other_ledger",
    ),
    "actor named is not the signer": (
        after(lambda m: m.act("registry", "X", "enrol_station", {}, actor="R")),
        "act.signature",
    ),
    "role ended": (role_ended, "authority.no_role"),
    "key retired": (lambda m: retired(m, "retired", []), "authority.key_retired"),
    "station closed": (closed_station, "authority.station_closed"),
    "key too new": (after(lambda m: m.act("village", "A", "receive", {}, size=5)), "authority.key_too_new"),
    "no registry cited": (
        after(lambda m: m.act("village", "A", "receive", {}, size=0)),
        "authority.registry_none",
    ),
    "root signs a case": (after(lambda m: m.act("village", m.roots[0], "receive", {})), "authority.root_key"),
    "receipt key signs a case": (
        after(lambda m: m.act("village", "receipt", "receive", {})),
        "authority.purpose",
    ),
    "clerk publishes": (
        after(lambda m: m.open("other", "catalogue", VILLAGE, "A")),
        "authority.not_registrar",
    ),
    "log opened by a root": (
        after(lambda m: m.open("x", "station", VILLAGE, m.roots[1])),
        "authority.no_role",
    ),
    "receipt by a kiosk": (receipt_by("kiosk", VILLAGE), "receipt.key_unknown"),
    "receipt in the name of another": (receipt_by("receipt", VILLAGE), "receipt.key_unknown"),
    "receipt on another checkpoint": (receipt_by("receipt", COUNTY, b"x\n1\nx\n"), "cosignature.signature"),
    "signed root that the log has not": (wrong_root, "checkpoint.root"),
    "facts in a longer form": (after(longer_facts), "encoding.canonical"),
    "facts without salt": (after(lambda m: m.act("village", "A", "receive", pack({}))), "body.salt"),
    "parent of another case": (after(other_parent), "audit.case_awaiting"),
    "happened later than recorded": (
        after(lambda m: m.act("village", "A", "receive", {}, ahead=900_000)),
        "time.claimed_ahead",
    ),
}


def found_by_audit(path: Path, ledger_id: bytes) -> set[tuple[str, str]]:
    """Return what the product's own audit finds, without cases and without what lies behind checkpoints."""
    report = verify_ledger(path, trust=LedgerId(ledger_id))
    left_out = {
        "log.no_checkpoint", "log.uncovered", "personal.sealed", "time.backdated", "time.late_entry",
        "time.entered_before", "sentinel.missing",
    }  # fmt: skip
    return {
        (one.code, one.severity)
        for one in report.findings
        if one.code not in left_out and not one.code.startswith(("audit.", "case."))
    }


@pytest.mark.parametrize("name", FORGED)
def test_forged_county_is_refused(tmp_path: Path, name: str) -> None:
    """Right hashes, right trees and right signatures do not make authority: two programs agree on that."""
    write, code = FORGED[name]
    maker = Maker()
    write(maker)
    path = maker.write(tmp_path / "made.db")
    exit_code, answer = reader.verify(path, maker.ledger_id)
    assert code in codes(answer)
    assert exit_code == (1 if answer["errors"] else 0)
    assert found_by_audit(path, maker.ledger_id) == {
        (one["code"], severity.rstrip("s"))
        for severity in ("errors", "warnings", "notices")
        for one in answer[severity]
        if not one["code"].startswith("audit.")
    }


@pytest.mark.parametrize("reason", ["retired", "compromised"])
def test_late_acts_are_kept(tmp_path: Path, reason: str) -> None:
    """An act of a retired key that cites an older registry is noted, and untouched if the county held it."""
    late, held = Maker(), Maker()
    retired(late, reason, [], size=0)
    log_id = held.found().logs["village"].log_id
    held = Maker()
    retired(held, reason, [[log_id, 4]], size=0)
    answer = reader.verify(late.write(tmp_path / "late.db"), late.ledger_id)[1]
    # the receiving act and the opening are behind the sizes listed as well
    assert answer["ok"] and {one["code"] for one in answer["warnings"]} == {"act.key_ended"}
    answer = reader.verify(held.write(tmp_path / "held.db"), held.ledger_id)[1]
    assert answer["ok"] and not answer["warnings"]


# --- vectors ----------------------------------------------------------------------------------------


def test_vectors_of_records() -> None:
    """Keys, geneses, acts, entries, frames, bodies and trees have the bytes of the vectors."""
    keys = vector("keys.json")
    for key in keys["keys"]:
        assert f.key_id("ed25519", unhex(key["public_key"])).hex() == key["key_id"]
    assert f.key_id("x25519", unhex(keys["x25519"]["public_key"])).hex() == keys["x25519"]["key_id"]
    assert f.possesses(*(unhex(keys["possession"][name]) for name in ("ledger_id", "public_key", "proof")))
    for case in keys["verify"]:
        signature = unhex(case["signature"])
        assert f.verify_ed25519(unhex(case["public_key"]), unhex(case["message"]), signature) is case["valid"]
    geneses = vector("genesis.json")
    ledger = f.decode_ledger_genesis(unhex(geneses["ledger"]["bytes"]))
    assert ledger.ledger_id.hex() == geneses["ledger"]["ledger_id"]
    for case in geneses["logs"]:
        genesis = f.decode_log_genesis(unhex(case["bytes"]))
        assert (genesis.hash.hex(), genesis.log_id.hex()) == (case["genesis_hash"], case["log_id"])
    for case in vector("entry.json"):
        raw = unhex(case["bytes"])
        f.decode_entry(raw)
        assert (f.h("entry", raw).hex(), f.leaf_hash(raw).hex()) == (case["entry_hash"], case["leaf_hash"])
    frame = vector("frame.json")
    act, _, _ = f.check_frame(unhex(frame["bytes"]))
    assert act.raw.hex() == frame["act"]
    body = vector("body.json")
    raw = unhex(body["bytes"])
    assert f.decode_body(raw)["salt"].hex() == body["salt"]
    assert (f.h("facts", raw).hex(), f.h("personal", raw).hex()) == (
        body["facts_hash"],
        body["personal_hash"],
    )
    for case in vector("encoding.json"):
        f.decode(unhex(case["bytes"]), 65536, body=True)


@pytest.mark.parametrize("case", vector("chain.json"), ids=lambda case: case["name"])
def test_vectors_of_the_county_s_chains(case: dict[str, Any]) -> None:
    """Of the logs of one kind those count that the page says, and so far."""
    founds = {log["log_id"]: b"x" * log["founds"] for log in case["logs"]}
    geneses = {log["log_id"]: f.decode_log_genesis(unhex(log["genesis"])) for log in case["logs"]}
    held = [reader.Log(name, genesis=genesis) for name, genesis in geneses.items()]
    for order in (held, held[::-1]):
        chain = reader.chain_of(order, lambda log: founds[log.name])
        counted = [log.genesis.parent_size for log in chain[1:]] + [case["logs"][0]["size"]]
        found = [{"log_id": log.name, "counted": size} for log, size in zip(chain, counted, strict=True)]
        assert found == case["chain"]


def test_vectors_of_trees_and_notes() -> None:
    """Roots, proofs, notes, checkpoints and receipts verify."""
    merkle = vector("merkle.json")
    tree = f.Tree()
    for size, root in enumerate(merkle["roots"]):
        assert tree.root(size).hex() == root
        if size < len(merkle["leaves"]):
            tree.append(unhex(merkle["leaves"][size]))
    for case in merkle["inclusion"]:
        proof = [unhex(step) for step in case["proof"]]
        f.check_inclusion(unhex(case["leaf_hash"]), case["index"], case["size"], proof, unhex(case["root"]))
    for case in merkle["consistency"]:
        roots = unhex(case["old_root"]), unhex(case["new_root"])
        f.check_consistency(
            case["old_size"], case["new_size"], *roots, [unhex(step) for step in case["proof"]]
        )
    notes = vector("note.json")
    note, point, receipt = notes["note"], notes["checkpoint"], notes["receipt"]
    f.verify_note(note["text"].encode(), note["name"], unhex(note["public_key"]))
    size, root = f.verify_checkpoint(point["text"].encode(), point["origin"], unhex(point["public_key"]))
    assert (size, root.hex()) == (point["size"], point["root"])
    text = f.parse_note(receipt["cosigned_note"].encode())[0]
    assert f.h("checkpoint", text).hex() == point["checkpoint_hash"]
    key = unhex(receipt["public_key"])
    assert f.verify_receipt(receipt["line"].encode(), text, receipt["name"], key) == receipt["time_s"]
    merge = vector("merge.json")
    tree = f.Tree()
    for number, leaf in enumerate(merge["leaves"]):
        tree.append(unhex(leaf))
        (f.check_merge_leaf if number else f.decode_entry)(unhex(leaf))
    genesis = f.decode_log_genesis(unhex(merge["genesis"]))
    origin = f"banjian/log/{genesis.log_id.hex()}"
    size, root = f.verify_checkpoint(merge["checkpoint"].encode(), origin, genesis.public_key)
    assert tree.root(size) == root and size == len(tree)


def test_vectors_of_what_travels() -> None:
    """Packages rebuild the very frames, bundles open to them, invites and envelopes are read."""
    village = next(log for log in vector("log.json")["logs"] if log["name"] == "village")
    genesis = f.decode_log_genesis(f.decode_body(unhex(village["facts"][0]))["genesis"])
    packages = vector("package.json")
    for data in packages.values():
        rebuilt = travel.read_package(unhex(data), genesis.public_key)
        assert [pack([r.act, r.signature, r.entry]).hex() for r in rebuilt] == village["frames"]
        tree = f.Tree()
        tree.append(b"")
        with pytest.raises(f.Refused, match=r"package\.gap"):
            travel.read_package(unhex(data), genesis.public_key, tree)
    bundle = vector("bundle.json")
    sealed = unhex(vector("bundle_sealed.json")["bytes"])
    manifest, payloads = travel.read_bundle(sealed, unhex(bundle["private_key"]))
    assert pack(manifest).hex() == bundle["sections"][0]
    assert [payload.hex() for payload in payloads] == bundle["sections"][1:]
    invite = vector("invite.json")
    values = travel.read_invite(unhex(invite["bytes"]))
    assert values[2].hex() == invite["registrar_public_key"]
    assert f.decode_ledger_genesis(values[1]).ledger_id.hex() == invite["ledger_id"]
    envelope = vector("envelope.json")
    assert travel.open_envelope(unhex(envelope["bytes"]), envelope["passphrase"]).hex() == envelope["seed"]


def test_vectors_of_attachments_on_sticks() -> None:
    """A chunk is what its attachment has there; what has arrived counts with the sender's signature alone."""
    given = vector("stick_attachments.json")
    content = bytes.fromhex("ffd8ff") + bytes(sticks.CHUNK)
    (raw,) = map(unhex, given["attachment"])
    named, index, chunk, salt, size = sticks.read_attachment(raw)
    assert (named.hex(), index, size) == (given["hash"], 1, len(content))
    assert chunk == content[sticks.CHUNK :]
    assert hashlib.sha256(b"banjian/attachment/1\n" + salt + content).digest() == named
    told, key = unhex(given["attached"]), unhex(given["receipt_public_key"])
    who = {"sender": given["sender"], "receiver": given["receiver"], "public_key": key}
    whole, wanted = sticks.read_attached(told, **who)
    assert named in whole and wanted == [bytes([255]) * 32]
    with pytest.raises(f.Refused, match=r"cosignature\.signature"):
        sticks.read_attached(told, **{**who, "receiver": given["sender"]})
    with pytest.raises(f.Refused, match=r"cosignature\.signature"):
        sticks.read_attached(told.replace(named, bytes([254]) * 32), **who)


def test_what_a_station_signs_against_itself_is_no_reason_to_refuse_a_package() -> None:
    """Acts or entries that nobody can read, places that are wrong, facts that are none, another's body."""
    given = vector("package_kept.json")
    rebuilt = travel.read_package(unhex(given["bytes"]), unhex(given["public_key"]))
    assert [pack([r.act, r.signature, r.entry]).hex() for r in rebuilt] == given["frames"]


def test_padding_of_a_package_changes_nothing() -> None:
    """Values that no index names, values twice and lengths that go without saying are passed over by both."""
    raw = unhex(vector("package.json")["personal_withheld"])
    values = f.decode(raw, 1 << 25, body=False)
    values[9][0] += [values[9][0][0], bytes(16)]
    values[15] = [64] * sum(kind < 2 for kind in values[8])
    values[13].reverse()
    village = next(log for log in vector("log.json")["logs"] if log["name"] == "village")
    genesis = f.decode_log_genesis(f.decode_body(unhex(village["facts"][0]))["genesis"])
    rebuilt = travel.read_package(pack(values), genesis.public_key)
    assert [pack([r.act, r.signature, r.entry]).hex() for r in rebuilt] == village["frames"]
    assert decode_package(pack(values)) == decode_package(raw)


def test_noise_in_packages_is_refused() -> None:
    """A package with a bit changed somewhere is refused, and nothing else is raised."""
    dice = random.Random(3)
    village = next(log for log in vector("log.json")["logs"] if log["name"] == "village")
    genesis = f.decode_log_genesis(f.decode_body(unhex(village["facts"][0]))["genesis"])
    whole = unhex(vector("package.json")["bytes"])
    receipts = range(whole.index(b"banjian/receipt") - 8, whole.index(b"banjian/receipt") + 140)
    for at in (at for at in dice.sample(range(len(whole)), 300) if at not in receipts):
        with pytest.raises(f.Refused):
            travel.read_package(flip(whole, at, 1 << dice.randrange(8)), genesis.public_key)


def test_excerpts_of_the_vectors() -> None:
    """Every excerpt is proven from the log id alone, and its frames are those of the log."""
    logs = {log["log_id"]: log for log in vector("log.json")["logs"]}
    for data in vector("excerpt.json").values():
        log = logs[f.decode(unhex(data), 1 << 25, body=False)[1].hex()]
        for at, (frame, facts, _) in travel.read_excerpt(unhex(data)).items():
            assert (frame.hex(), facts.hex()) == (log["frames"][at - 1], log["facts"][at - 1])
    for one in vector("multiproof.json"):
        hashes = map(unhex, one["leaf_hashes"])
        leaves = dict(zip(one["indexes"], hashes, strict=True))
        assert travel.root_of_several(one["size"], leaves, [*map(unhex, one["nodes"])]).hex() == one["root"]


def test_noise_in_excerpts_is_refused_by_both() -> None:
    """An excerpt with a bit changed is refused with one code by both readers, or the bit is in a receipt."""
    dice = random.Random(5)
    passed = 0
    for whole in map(unhex, vector("excerpt.json").values()):
        for at in range(len(whole)):
            altered = flip(whole, at, 1 << dice.randrange(8))
            try:
                check_excerpt(decode_excerpt(altered))
            except BanjianError as error:
                with pytest.raises(f.Refused) as refused:
                    travel.read_excerpt(altered)
                same = refused.value.code == error.code
                assert same or {error.code[:9], refused.value.code[:9]} == {"encoding."}, at
            else:
                travel.read_excerpt(altered)
                passed += 1
    assert 0 < passed < 200


def refuse(kind: str, given: dict[str, Any]) -> None:
    """Run what a negative vector is for."""
    raw = unhex(given.get("bytes", ""))
    names = ("ledger_id", "public_key", "act_sig", "proof", "act", "log_id", "previous", "checkpoint")
    b = {name: unhex(given[name]) for name in names if isinstance(given.get(name), str)}
    simple: dict[str, Callable[[bytes], Any]] = {
        "act": f.decode_act,
        "entry": f.decode_entry,
        "frame": f.check_frame,
        "ledger_genesis": f.decode_ledger_genesis,
        "log_genesis": f.decode_log_genesis,
        "merge_leaf": f.check_merge_leaf,
        "excerpt": travel.read_excerpt,
        "invite": travel.read_invite,
    }
    if kind in simple:
        simple[kind](raw)
    elif kind == "body":
        f.decode_body(raw, given["limit_bytes"])
    elif kind == "act_signature":
        f.check_act_signature(raw, b["public_key"], b["act_sig"])
    elif kind in {"facts", "personal"}:
        f.check_body(f.decode_act(b["act"]), kind, raw)
    elif kind == "entry_link":
        f.check_link(f.decode_entry(raw), b["log_id"], given["seq"], b["previous"])
    elif kind == "public_key":
        f.check_enrollable(given["alg"], raw)
    elif kind == "possession":
        if not f.possesses(b["ledger_id"], b["public_key"], b["proof"]):
            raise f.Refused("key.possession")
    elif kind == "note":
        f.verify_note(raw, given["name"], b["public_key"])
    elif kind == "checkpoint":
        f.verify_checkpoint(raw, given["origin"], b["public_key"])
    elif kind == "package":
        travel.read_package(raw, b["public_key"])
    elif kind == "multiproof":
        leaves = dict(zip(given["indexes"], map(unhex, given["leaf_hashes"]), strict=True))
        travel.root_of_several(given["size"], leaves, [*map(unhex, given["nodes"])])
    elif kind == "bundle":
        travel.read_bundle(raw, unhex(given["private_key"]))
    elif kind == "envelope":
        travel.open_envelope(raw, given["passphrase"])
    elif kind == "grant":
        body = {"grant": [b["act"], unhex(given["sig"]), unhex(given["facts"])]}
        grants.carried_grant(body, b["ledger_id"])
    elif kind == "receipt":
        f.verify_receipt(given["line"].encode(), b["checkpoint"], given["name"], b["public_key"])
    else:
        proof = [unhex(step) for step in given["proof"]]
        if kind == "inclusion":
            leaf, root = unhex(given["leaf_hash"]), unhex(given["root"])
            f.check_inclusion(leaf, given["index"], given["size"], proof, root)
        else:
            roots = unhex(given["old_root"]), unhex(given["new_root"])
            f.check_consistency(given["old_size"], given["new_size"], *roots, proof)


@pytest.mark.parametrize("case", vector("negative.json"), ids=lambda case: case["name"])
def test_negative_vectors(case: dict[str, Any]) -> None:
    """What must be refused is refused, with the code; which of the encoding codes is not normative."""
    with pytest.raises(f.Refused) as refused:
        refuse(case["kind"], case["input"])
    wanted = case["error"]
    assert refused.value.code == wanted or (
        wanted.startswith("encoding.") and refused.value.code.startswith("encoding.")
    )


def test_logs_of_the_vectors(tmp_path: Path) -> None:
    """The four logs of the vectors are a good ledger, from the ledger id to the receipt."""
    given = vector("log.json")
    facts, logs, checkpoints, receipts = {}, [], [], []
    for log in given["logs"]:
        states = [unhex(state) for state in log["frames"]]
        name, size = log["log_id"], len(states)
        for state, body in zip(states, log["facts"], strict=True):
            facts[f.h("act-id", f.split_frame(state)[0])] = unhex(body)
        opening = f.decode_body(unhex(log["facts"][0]))
        if log["kind"] == "merge":
            states += [unhex(leaf) for leaf in given["merge_leaves_after_entry_1"]]
            size = len(states)
        station = f.decode_log_genesis(opening["genesis"]).station
        logs.append((name, log["kind"], station, opening["genesis"], states))
        checkpoints.append((name, size, log["checkpoint"].encode()))
        receipts += [(name, size, f"banjian/receipt/{COUNTY}", line.encode()) for line in log["receipts"]]
    path = tmp_path / "vectors.db"
    made.write_file(path, logs, facts, checkpoints, receipts, own=0)
    code, answer = reader.verify(path, unhex(given["ledger_id"]))
    assert (code, answer["errors"], answer["warnings"], answer["notices"]) == (0, [], [], [])
