"""A forger at work on a copy: change fields of signed records and repair as much around them as he can."""

from __future__ import annotations

from pathlib import Path

from ledger.codec import pack_header, unpack_header
from ledger.facade import Home
from ledger.formats.act import ActHeader, act_id, decode_act, new_act
from ledger.formats.body import facts_hash, new_body
from ledger.formats.checkpoint import Checkpoint, sign_checkpoint
from ledger.formats.entry import decode_entry, entry_hash, sig_hash
from ledger.formats.frame import encode_frame, split_frame
from ledger.formats.keys import Ed25519Signer
from ledger.formats.merkle import Tree, leaf_hash
from ledger.limits import TREE_LEVEL_STORED_MIN
from ledger.types import ActId, CaseId, Facts, LogId, StationId
from tests.audit.ledgers import VILLAGE, ask, hurt

ACT_FIELDS = (
    "version", "ledger_id", "case_id", "parents", "action", "actor", "station", "registry_size",
    "catalogue_version", "occurred_at_ms", "facts_hash", "facts_len", "personal_hash", "personal_len",
    "attachments",
)  # fmt: skip
ENTRY_FIELDS = (
    "version", "log_id", "seq", "previous", "act_id", "sig_hash", "recorded_at_ms", "boot_id", "monotonic_ms",
    "county_seen",
)  # fmt: skip


def log_of(folder: Path, kind: str, station: str = "") -> str:
    """Return the name of a log."""
    rows = ask(folder, "SELECT log FROM logs WHERE kind = ? AND station LIKE ?", (kind, station + "%"))
    return str(rows[0][0])


def frame_of(folder: Path, log: str, seq: int) -> bytes:
    """Return a stored frame."""
    rows = ask(
        folder,
        "SELECT state FROM stored_events WHERE originator_id = ? AND originator_version = ?",
        (log, seq),
    )
    assert isinstance(rows[0][0], bytes)
    return rows[0][0]


def put_frame(folder: Path, log: str, seq: int, frame: bytes) -> None:
    """Put other bytes in a frame's place."""
    statement = "UPDATE stored_events SET state = ? WHERE originator_id = ? AND originator_version = ?"
    hurt(folder, (statement, (frame, log, seq)))


def altered(value: object) -> object:
    """Return another value of the same kind and length, so that it decodes wherever it can."""
    if isinstance(value, bytes):
        return bytes((value[0] ^ 1,)) + value[1:] if value else bytes(32)
    if isinstance(value, int):
        return value + 1
    if isinstance(value, str):
        if value[0].isdigit():
            return str((int(value[0]) + 1) % 10) + value[1:]
        return ("b" if value[0] != "b" else "c") + value[1:]
    if isinstance(value, tuple):
        return (altered(value[0]), *value[1:]) if value else ((bytes(32), 1),)
    raise AssertionError(value)


def change_field(raw: bytes, index: int) -> bytes:
    """Return a header with one field changed, in canonical form."""
    fields = list(unpack_header(raw, limit=1 << 20))
    fields[index] = altered(fields[index])
    return pack_header(fields)


def change_act(folder: Path, log: str, seq: int, field: str, *, pinned: bool) -> None:
    """Change a field of an act; ``pinned`` lets its entry name the changed act."""
    act_raw, sig, entry_raw = split_frame(frame_of(folder, log, seq))
    changed = change_field(act_raw, ACT_FIELDS.index(field))
    if pinned:
        entry_raw = decode_entry(entry_raw)._replace(act_id=act_id(changed)).pack()
    put_frame(folder, log, seq, encode_frame(changed, sig, entry_raw))


def change_entry(folder: Path, log: str, seq: int, field: str) -> None:
    """Change a field of an entry."""
    act_raw, sig, entry_raw = split_frame(frame_of(folder, log, seq))
    changed = change_field(entry_raw, ENTRY_FIELDS.index(field))
    put_frame(folder, log, seq, encode_frame(act_raw, sig, changed))


def repair(folder: Path, log: str, genesis_hash: bytes, *, checkpoints: bool) -> None:
    """Make chain, pins, table of acts, tree and head agree again, as one without the log's key can.

    Args:
        folder: the copy.
        log: the log.
        genesis_hash: predecessor of entry 1.
        checkpoints: keep the stored checkpoints (they were signed and cannot be repaired).
    """
    rows = ask(
        folder,
        "SELECT originator_version, state FROM stored_events WHERE originator_id = ? ORDER BY 1",
        (log,),
    )
    statements: list[str | tuple[str, tuple[object, ...]]] = []
    tree, nodes, previous, recorded_at_ms = Tree(), [], genesis_hash, 0
    for seq, frame in rows:
        assert isinstance(frame, bytes)
        act_raw, sig, entry_raw = split_frame(frame)
        entry = decode_entry(entry_raw)._replace(
            previous=previous, act_id=act_id(act_raw), sig_hash=sig_hash(sig), seq=seq
        )
        raw = entry.pack()
        previous, recorded_at_ms = entry_hash(raw), entry.recorded_at_ms
        nodes += tree.append(leaf_hash(raw))
        known = act_id(act_raw)
        statements.append(
            (
                "UPDATE stored_events SET state = ? WHERE originator_id = ? AND originator_version = ?",
                (encode_frame(act_raw, sig, raw), log, seq),
            )
        )
        header = decode_act(act_raw)
        old = ask(folder, "SELECT act_id FROM acts WHERE log = ? AND seq = ?", (log, seq))[0][0]
        case_id = header.case_id or known[:16]
        if old != known:
            statements.append(
                (
                    "UPDATE acts SET act_id = ?, case_id = ?, action = ? WHERE log = ? AND seq = ?",
                    (known, case_id, header.action, log, seq),
                )
            )
    statements.append(("DELETE FROM tree WHERE log = ?", (log,)))
    for level, index, node in nodes:
        if level >= TREE_LEVEL_STORED_MIN:
            statements.append(("INSERT INTO tree VALUES (?, ?, ?, ?)", (log, level, index, node)))
    statements.append(
        (
            "UPDATE heads SET size = ?, entry_hash = ?, recorded_at_ms = ? WHERE log = ?",
            (len(rows), previous, recorded_at_ms, log),
        )
    )
    if not checkpoints:
        statements.append(("DELETE FROM checkpoints WHERE log = ?", (log,)))
    hurt(folder, *statements)


def append_act(
    home: Home,
    log: str,
    signer: Ed25519Signer,
    *,
    action: str,
    facts: Facts | None,
    case_id: bytes = b"",
    parents: tuple[bytes, ...] = (),
    station: str = VILLAGE,
    topic: str = "",
    late_ms: int = 0,
    sig: bytes | None = None,
) -> ActId:
    """Append an act to a log with the log's own key, asking nobody whether it may be done."""
    folder = home.path
    size, previous, recorded_at_ms = ask(
        folder, "SELECT size, entry_hash, recorded_at_ms FROM heads WHERE log = ?", (log,)
    )[0]
    assert isinstance(size, int) and isinstance(previous, bytes) and isinstance(recorded_at_ms, int)
    before = decode_entry(split_frame(frame_of(folder, log, size)).entry_raw)
    some = decode_act(split_frame(frame_of(folder, log, 1)).act_raw)
    registry = log_of(folder, "registry")
    (held,) = ask(folder, "SELECT size FROM heads WHERE log = ?", (registry,))[0]
    (published,) = ask(folder, "SELECT size FROM heads WHERE log = ?", (log_of(folder, "catalogue"),))[0]
    assert isinstance(held, int) and isinstance(published, int)
    body = new_body(facts or {}, bytes(16))
    at_ms = recorded_at_ms + 60_000
    header = ActHeader(
        some.ledger_id, CaseId(case_id), tuple(ActId(one) for one in parents), action, signer.key_id,
        StationId(station), held, published, at_ms - late_ms, facts_hash(body), len(body), b"", 0, (),
    )  # fmt: skip
    act = new_act(header, signer)
    used_sig = act.sig if sig is None else sig
    entry = before._replace(
        seq=size + 1, previous=previous, act_id=act.act_id, sig_hash=sig_hash(used_sig),
        recorded_at_ms=at_ms, monotonic_ms=before.monotonic_ms + 60_000,
    )  # fmt: skip
    raw = entry.pack()
    tree = _tree(folder, log, size)
    nodes = tree.append(leaf_hash(raw))
    name = topic or action
    statements: list[str | tuple[str, tuple[object, ...]]] = [
        (
            "INSERT INTO stored_events (originator_id, originator_version, topic, state) VALUES (?, ?, ?, ?)",
            (log, size + 1, name, encode_frame(act.raw, used_sig, raw)),
        ),
        (
            "INSERT INTO acts (case_id, act_id, log, seq, action) VALUES (?, ?, ?, ?, ?)",
            (case_id or act.act_id[:16], act.act_id, log, size + 1, name),
        ),
        (
            "UPDATE heads SET size = ?, entry_hash = ?, recorded_at_ms = ? WHERE log = ?",
            (size + 1, entry_hash(raw), at_ms, log),
        ),
    ]
    if facts is not None:
        statements.append(("INSERT INTO bodies (log, seq, facts) VALUES (?, ?, ?)", (log, size + 1, body)))
    for level, index, node in nodes:
        if level >= TREE_LEVEL_STORED_MIN:
            statements.append(("INSERT INTO tree VALUES (?, ?, ?, ?)", (log, level, index, node)))
    seed = home.log_seed(LogId(bytes.fromhex(log)))
    assert seed is not None
    checkpoint = Checkpoint(origin=f"banjian/log/{log}", size=size + 1, root=tree.root())
    note = sign_checkpoint(checkpoint, Ed25519Signer.from_seed(seed))
    statements.append(("INSERT INTO checkpoints (log, size, note) VALUES (?, ?, ?)", (log, size + 1, note)))
    hurt(folder, *statements)
    home.write_sentinel(LogId(bytes.fromhex(log)), note.decode())
    return act.act_id


def _tree(folder: Path, log: str, size: int) -> Tree:
    tree = Tree()
    tree.extend(leaf_hash(split_frame(frame_of(folder, log, seq)).entry_raw) for seq in range(1, size + 1))
    return tree


def forked(frames: list[bytes]) -> list[bytes]:
    """Return frames of the same acts that follow the same entry, as a second machine would write them."""
    previous, made = decode_entry(split_frame(frames[0]).entry_raw).previous, []
    for raw in frames:
        parts = split_frame(raw)
        entry = decode_entry(parts.entry_raw)._replace(previous=previous, county_seen=bytes(32)).pack()
        made.append(encode_frame(parts.act_raw, parts.sig, entry))
        previous = entry_hash(entry)
    return made


def branch_of(log: str, frames: list[bytes]) -> str:
    """Return the name under which a divergent history is kept."""
    return f"{log}~{entry_hash(split_frame(frames[0]).entry_raw).hex()}"


def note_of(home: Home, log: str, frames: list[bytes]) -> bytes:
    """Return a checkpoint over these frames from the first on, by the log's own key."""
    seed = home.log_seed(LogId(bytes.fromhex(log)))
    assert seed is not None
    tree = Tree()
    tree.extend(leaf_hash(split_frame(frame).entry_raw) for frame in frames)
    checkpoint = Checkpoint(origin=f"banjian/log/{log}", size=tree.size, root=tree.root())
    return sign_checkpoint(checkpoint, Ed25519Signer.from_seed(seed))


def fork(home: Home, log: str, first_seq: int) -> str:
    """Keep a second history of a log's last entries as a receiver keeps it; return the branch's name."""
    (size,) = ask(home.path, "SELECT size FROM heads WHERE log = ?", (log,))[0]
    assert isinstance(size, int)
    frames = [frame_of(home.path, log, seq) for seq in range(1, size + 1)]
    made = forked(frames[first_seq - 1 :])
    name, put = branch_of(log, made), "INSERT INTO checkpoints (log, size, note) VALUES (?, ?, ?)"
    event = "INSERT INTO stored_events (originator_id, originator_version, topic, state) VALUES (?, ?, ?, ?)"
    rows = [
        (event, (name, at, decode_act(split_frame(frame).act_raw).action, frame))
        for at, frame in enumerate(made, start=1)
    ]
    note = note_of(home, log, frames[: first_seq - 1] + made)
    hurt(home.path, *rows, (put, (name, size, note)))
    return name
