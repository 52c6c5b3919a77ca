"""Makes ledger files from the page alone: a small fictional county whose every key the test holds."""

import base64
import hashlib
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgpack
import reader_formats as f
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

COUNTY, VILLAGE = "990121000000-00", "990121001001-00"
START = 1767574860000
TABLES = """
PRAGMA application_id = 1112165425;
PRAGMA user_version = 1;
CREATE TABLE stored_events (originator_id TEXT, originator_version INTEGER, topic TEXT, state BLOB);
CREATE TABLE acts (
    case_id BLOB, act_id BLOB, log TEXT, seq INTEGER, action TEXT, PRIMARY KEY (case_id, act_id)
);
CREATE TABLE bodies (
    log TEXT, seq INTEGER, facts BLOB, nonce BLOB, personal BLOB, PRIMARY KEY (log, seq)
);
CREATE TABLE case_keys (case_id BLOB, wrapped BLOB);
CREATE TABLE logs (log TEXT, kind TEXT, station TEXT, genesis BLOB, own INTEGER, state TEXT);
CREATE TABLE heads (log TEXT, size INTEGER, entry_hash BLOB, recorded_at_ms INTEGER);
CREATE TABLE tree (log TEXT, level INTEGER, "index" INTEGER, hash BLOB);
CREATE TABLE checkpoints (log TEXT, size INTEGER, note BLOB);
CREATE TABLE receipts (log TEXT, size INTEGER, name TEXT, line BLOB);
CREATE TABLE sparse (log TEXT, seq INTEGER, act_id BLOB, frame BLOB, size INTEGER);
CREATE TABLE sparse_notes (log TEXT, size INTEGER, note BLOB);
CREATE TABLE sparse_nodes (log TEXT, size INTEGER, low INTEGER, high INTEGER, hash BLOB);
CREATE TABLE county_checkpoints (
    number INTEGER, log TEXT, size INTEGER, note BLOB, received_at_ms INTEGER, state TEXT
);
"""


def pack(value: Any) -> bytes:
    """Encode a header or a body."""
    data = msgpack.packb(_sorted(value))
    return bytes(data)


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value, key=str.encode)}
    return [_sorted(item) for item in value] if isinstance(value, list | tuple) else value


def private_key(name: str) -> Ed25519PrivateKey:
    """Return the key of a name."""
    return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(name.encode()).digest())


def public(name: str) -> bytes:
    """Return the public key of a name."""
    return private_key(name).public_key().public_bytes_raw()


def key_id(name: str) -> bytes:
    """Return the key id of a name."""
    return f.key_id("ed25519", public(name))


def fixed(name: str, length: int = 16) -> bytes:
    """Return bytes that look random and are the same each time."""
    return hashlib.sha256(b"fixed" + name.encode()).digest()[:length]


def sign_line(name: str, kind: int, key: str, blob: bytes) -> bytes:
    """Return a signature line of a note."""
    value = base64.b64encode(f.note_key_hash(name, kind, public(key)) + blob).decode()
    return f"\u2014 {name} {value}\n".encode()


def receipt_line(station: str, key: str, checkpoint: bytes, time_s: int = 1767575765) -> bytes:
    """Return a cosignature on the three lines of a checkpoint."""
    message = f"cosignature/v1\ntime {time_s}\n".encode() + checkpoint
    blob = time_s.to_bytes(8, "big") + private_key(key).sign(message)
    return sign_line(f"banjian/receipt/{station}", 4, key, blob)


@dataclass
class MadeLog:
    """A log under construction."""

    kind: str
    station: str
    genesis: bytes
    key: str
    frames: list[bytes] = field(default_factory=list)

    @property
    def log_id(self) -> bytes:
        """The id of the log."""
        return f.h("genesis", self.genesis)[:16]

    @property
    def checkpoint(self) -> bytes:
        """The three lines of the checkpoint of the whole log."""
        tree = f.Tree()
        for frame in self.frames:
            tree.append(f.split_frame(frame)[2])
        return f.checkpoint_text(self.log_id, len(tree), tree.root(len(tree)))


class Maker:
    """A county: three roots, a registrar R, a county counter, a village counter with clerk A."""

    def __init__(self) -> None:
        """Begin with no log."""
        self.roots = sorted(("root 1", "root 2", "root 3"), key=public)
        roots = [public(name) for name in self.roots]
        self.ledger_genesis = pack([1, 1, "training", "990121", 2, roots, START, fixed("ledger")])
        self.ledger_id = f.h("ledger", self.ledger_genesis)
        self.logs: dict[str, MadeLog] = {}
        self.facts: dict[bytes, bytes] = {}
        self.checkpoints: list[tuple[str, int, bytes]] = []
        self.receipts: list[tuple[str, int, str, bytes]] = []
        self.now = START

    def open(self, name: str, kind: str, station: str, signer: str, key: str = "", **more: Any) -> bytes:
        """Open a log."""
        key = key or f"log {name}"
        genesis = pack(
            [1, 1, self.ledger_id, kind, station, public(key), "first", b"", 0, b"", fixed(f"log {name}")]
        )
        self.logs[name] = MadeLog(kind, station, genesis, key)
        facts = {"genesis": genesis, **more.pop("facts", {})}
        return self.act(name, signer, "open_log", facts, **more)

    def act(self, log: str, signer: str, action: str, facts: dict[str, Any] | bytes, **more: Any) -> bytes:
        """Sign an act and write it behind a log; returns its id."""
        self.now += 60000
        made = self.logs[log]
        body = facts if isinstance(facts, bytes) else pack({"salt": fixed(f"{self.now}"), **facts})
        size = len(self.logs["registry"].frames)
        values = [
            1,
            more.get("ledger_id", self.ledger_id),
            more.get("case", b""),
            sorted(more.get("parents", ())),
            action,
            key_id(more.get("actor", signer)),
            more.get("station", made.station),
            more.get("size", size),
            0,
            self.now + more.get("ahead", 0),
            f.h("facts", body),
            len(body),
            b"",
            0,
            [],
        ]
        raw = pack(values)
        self.facts[f.h("act-id", raw)] = body
        self.write_entry(log, raw, private_key(signer).sign(b"banjian/act/1\n" + raw))
        return f.h("act-id", raw)

    def write_entry(self, log: str, act: bytes, signature: bytes) -> None:
        """Write an act behind a log."""
        made = self.logs[log]
        previous = (
            f.h("entry", f.split_frame(made.frames[-1])[2]) if made.frames else f.h("genesis", made.genesis)
        )
        entry = [
            1,
            made.log_id,
            len(made.frames) + 1,
            previous,
            f.h("act-id", act),
            f.h("act-sig", signature),
        ]
        entry += [self.now + 1500, fixed("boot"), self.now - START, b""]
        made.frames.append(pack([act, signature, pack(entry)]))

    def enrol(self, action: str, number: str, signer: str, **facts: Any) -> bytes:
        """Enrol the key of a name."""
        proof = private_key(number).sign(b"banjian/key-possession/1\n" + self.ledger_id + public(number))
        body = {"alg": "ed25519", "public_key": public(number), "possession": proof, **facts}
        return self.act("registry", signer, action, body)

    def staff(self, number: str, station: str, **facts: Any) -> bytes:
        """Enrol somebody."""
        return self.enrol("enrol_staff", number, "R", **{"staff_no": number, "station": station, **facts})

    def on(self, thread: bytes, signer: str, action: str, facts: dict[str, Any], **more: Any) -> bytes:
        """Write a registry act on the thread that an act opened."""
        more = {"case": thread[:16], "parents": [thread], **more}
        return self.act("registry", signer, action, facts, **more)

    def grant(
        self, thread: bytes, number: str, role: str, scope: str, signer: str = "R", *, away: str = ""
    ) -> bytes:
        """Grant a role, perhaps standing in for somebody."""
        facts = {"staff_no": number, "role": role, "scope": scope}
        if away:
            facts["stand_in_for"] = away
        return self.on(thread, signer, "grant_role", facts)

    def station(self, station: str, level: str, upstream: str = "", signer: str = "R") -> bytes:
        """Enrol a station."""
        facts = {"station": station, "name": "站点", "level": level, "code_system": "demo"}
        if upstream:
            facts["upstream"] = upstream
        return self.act("registry", signer, "enrol_station", facts)

    def found(self) -> "Maker":
        """Found the county; returns itself."""
        one, two, _ = self.roots
        facts = {"ledger_genesis": self.ledger_genesis}
        self.founding = self.open("registry", "registry", COUNTY, one, facts=facts, size=0)
        self.appointment = self.enrol("appoint_registrar", "R", one, staff_no="R", scope=f"{COUNTY}/*")
        self.on(self.appointment, two, "countersign", {"target": self.appointment})
        self.county = self.station(COUNTY, "county")
        self.village = self.station(VILLAGE, "village", COUNTY)
        self.clerk = self.staff("A", VILLAGE)
        self.window = self.grant(self.clerk, "A", "window", VILLAGE)
        self.enrol("enrol_service", "receipt", "R", purpose="receipt", station=COUNTY)
        self.enrol("enrol_service", "kiosk", "R", purpose="kiosk", station=VILLAGE)
        self.open("catalogue", "catalogue", COUNTY, "R")
        self.act("catalogue", "R", "publish_items", {"items": [], "withdrawn": []})
        self.open("village", "station", VILLAGE, "A")
        self.case = self.act("village", "A", "receive", {"item": "000131001000", "number": "1"})
        self.note = self.act("village", "A", "note", {}, case=self.case[:16], parents=[self.case])
        return self

    def sign_heads(self, names: Iterable[str] = ()) -> None:
        """Sign a checkpoint of each log, and a receipt on those of station logs."""
        for name in names or self.logs:
            log = self.logs[name]
            self.sign_head(log)
            if log.kind == "station":
                line = receipt_line(COUNTY, "receipt", log.checkpoint)
                self.receipts.append((log.log_id.hex(), len(log.frames), f"banjian/receipt/{COUNTY}", line))

    def sign_head(self, log: MadeLog) -> None:
        """Sign a checkpoint of a whole log."""
        origin = f"banjian/log/{log.log_id.hex()}"
        note = log.checkpoint + b"\n"
        note += sign_line(origin, 1, log.key, private_key(log.key).sign(log.checkpoint))
        self.checkpoints.append((log.log_id.hex(), len(log.frames), note))

    def write(self, path: Path) -> Path:
        """Write the ledger file."""
        logs = [
            (log.log_id.hex(), log.kind, log.station, log.genesis, log.frames) for log in self.logs.values()
        ]
        write_file(path, logs, self.facts, self.checkpoints, self.receipts)
        return path


def write_file(
    path: Path,
    logs: Iterable[tuple[str, str, str, bytes, list[bytes]]],
    facts: dict[bytes, bytes],
    checkpoints: Iterable[tuple[str, int, bytes]],
    receipts: Iterable[tuple[str, int, str, bytes]],
    *,
    own: int = 1,
) -> None:
    """Write a ledger file with these logs, at the station that wrote them all or at none of theirs."""
    db = sqlite3.connect(path)
    db.executescript("PRAGMA synchronous = OFF; PRAGMA journal_mode = MEMORY;" + TABLES)
    for name, kind, station, genesis, frames in logs:
        db.execute("INSERT INTO logs VALUES (?, ?, ?, ?, ?, '')", (name, kind, station, genesis, own))
        for seq, frame in enumerate(frames, 1):
            row = (name, seq, topic_of(kind, seq, frame), frame)
            db.execute("INSERT INTO stored_events VALUES (?, ?, ?, ?)", row)
        derive(db, name)
    place_bodies(db, {act_id: (body, None, None) for act_id, body in facts.items()})
    db.executemany("INSERT INTO checkpoints VALUES (?, ?, ?)", checkpoints)
    db.executemany("INSERT INTO receipts VALUES (?, ?, ?, ?)", receipts)
    db.commit()
    db.close()


def place_bodies(db: sqlite3.Connection, bodies: dict[bytes, tuple[Any, Any, Any]]) -> None:
    """Put bodies where the table of acts says that their acts stand."""
    for act_id, log, seq in db.execute("SELECT act_id, log, seq FROM acts").fetchall():
        if act_id in bodies:
            db.execute("INSERT OR REPLACE INTO bodies VALUES (?, ?, ?, ?, ?)", (log, seq, *bodies[act_id]))


def topic_of(kind: str, seq: int, state: bytes) -> str:
    """Return the topic under which a frame or leaf is stored."""
    if kind == "merge" and seq > 1:
        return "merge_leaf"
    try:
        return f.decode_act(f.split_frame(state)[0]).action
    except f.Refused:
        return "opaque"


def derive(db: sqlite3.Connection, log: str) -> None:
    """Make heads, tree and acts of a log again from its frames, as far as they can be read."""
    for table in ("heads", "tree", "acts"):
        db.execute(f"DELETE FROM {table} WHERE log = ?", (log,))
    tree = f.Tree()
    head = (0, b"", 0)
    query = "SELECT originator_version, topic, state FROM stored_events WHERE originator_id = ? ORDER BY 1"
    for seq, topic, state in db.execute(query, (log,)).fetchall():
        if topic == "merge_leaf":
            tree.append(state)
            head = (seq, f.h("entry", state), f.check_merge_leaf(state))
            continue
        try:
            act, _, entry = f.split_frame(state)
        except f.Refused:
            continue
        tree.append(entry)
        try:
            head = (seq, f.h("entry", entry), f.decode_entry(entry).recorded_at_ms)
        except f.Refused:
            head = (seq, f.h("entry", entry), 0)
        try:
            known = f.decode_act(act)
        except f.Refused:
            continue
        row = (known.thread, known.act_id, log, seq, known.action)
        db.execute("INSERT OR IGNORE INTO acts VALUES (?, ?, ?, ?, ?)", row)
    db.execute("INSERT INTO heads VALUES (?, ?, ?, ?)", (log, *head))
    for level, nodes in enumerate(tree.levels):
        if level >= 3:
            db.executemany(
                "INSERT INTO tree VALUES (?, ?, ?, ?)",
                [(log, level, at, node) for at, node in enumerate(nodes)],
            )
