"""Records that must fail: acts, bodies, entries, frames, geneses, keys, merge leaves."""

from __future__ import annotations

from ledger.codec import pack_body, pack_header, unpack_header
from ledger.formats.keys import prove_possession
from ledger.limits import FACTS_BYTES_MAX, PERSONAL_BYTES_MAX
from tests.vectors.positive import FIELD
from tests.vectors.spoil import Case, Given, changed, flipped
from tests.vectors.world import (
    CLERK,
    LEDGER,
    LEDGER_ID,
    REGISTRAR,
    World,
    seed,
)


def act_cases(world: World) -> list[Case]:
    """Return what must fail of acts."""
    raw, sig = world.village.acts[2].raw, world.village.acts[2].sig
    parent = world.village.acts[1].act_id
    first, second = sorted((parent, seed("another parent")))
    fields: list[tuple[str, bytes, str]] = [
        ("empty", b"", "encoding.malformed"),
        ("map instead of array", b"\x80", "encoding.malformed"),
        ("truncated", raw[:-1], "encoding.malformed"),
        ("bytes behind the end", raw + b"\x00", "encoding.malformed"),
        ("longer than 4 KiB", pack_header((1, bytes(5000))), "encoding.limit"),
        ("longer form of the version", raw[:1] + b"\xcc\x01" + raw[2:], "encoding.canonical"),
        ("array16 for fifteen fields", b"\xdc\x00\x0f" + raw[1:], "encoding.canonical"),
        ("no fields", b"\x90", "act.field"),
        ("version 2", changed(raw, 0, 2), "act.version"),
        ("version as text", changed(raw, 0, "1"), "act.field"),
        ("a field too many", pack_header((*unpack_header(raw, limit=4096), 0)), "act.field"),
        ("ledger id of 31 bytes", changed(raw, 1, bytes(31)), "act.field"),
        ("case id of 15 bytes", changed(raw, 2, bytes(15)), "act.field"),
        ("parents without case", changed(raw, 2, b""), "act.field"),
        ("case without parents", changed(raw, 3, ()), "act.field"),
        ("parents not sorted", changed(raw, 3, (second, first)), "act.field"),
        ("parent named twice", changed(raw, 3, (parent, parent)), "act.field"),
        ("nine parents", changed(raw, 3, tuple(bytes((n,)) * 32 for n in range(9))), "act.field"),
        ("action in capitals", changed(raw, 4, "Note"), "act.field"),
        ("action as bytes", changed(raw, 4, b"note"), "act.field"),
        ("action not ASCII", changed(raw, 4, "办"), "act.field"),
        ("extension type", raw[:-1] + b"\xd4\x01\x00", "act.field"),
        ("nil", raw[:-1] + b"\xc0", "act.field"),
        ("float", raw[:-1] + b"\xcb" + bytes(8), "act.field"),
        ("action with newline", changed(raw, 4, "note\n"), "act.field"),
        ("action of 49 characters", changed(raw, 4, "a" * 49), "act.field"),
        ("key id of 15 bytes", changed(raw, 5, bytes(15)), "act.field"),
        ("station without unit", changed(raw, 6, "990121001001"), "act.field"),
        ("station with full-width digits", changed(raw, 6, "９90121001001-00"), "act.field"),
        ("registry size true", raw.replace(b"\x09\x02\xcf", b"\xc3\x02\xcf"), "act.field"),
        ("time negative", changed(raw, 9, -1), "act.field"),
        ("time beyond 2^63-1", changed(raw, 9, 2**63), "act.field"),
        ("facts hash empty", changed(raw, 10, b""), "act.field"),
        ("facts of no bytes", changed(raw, 11, 0), "act.field"),
        ("facts beyond 64 KiB", changed(raw, 11, FACTS_BYTES_MAX + 1), "act.field"),
        ("personal length without hash", changed(raw, 12, b""), "act.field"),
        ("personal hash without length", changed(raw, 13, 0), "act.field"),
        ("personal beyond 64 KiB", changed(raw, 13, PERSONAL_BYTES_MAX + 1), "act.field"),
        ("attachment without size", changed(raw, 14, ((bytes(32),),)), "act.field"),
        ("attachment of size 0", changed(raw, 14, ((bytes(32), 0),)), "act.field"),
        ("attachment named twice", changed(raw, 14, ((bytes(32), 1), (bytes(32), 2))), "act.field"),
        ("33 attachments", changed(raw, 14, tuple((bytes((n,)) * 32, 1) for n in range(33))), "act.field"),
    ]
    signatures: list[tuple[str, bytes, bytes, bytes]] = [
        ("act changed", changed(raw, 9, 1), sig, CLERK.public_key),
        ("signature changed", raw, flipped(sig, 0), CLERK.public_key),
        ("signature cut", raw, sig[:-1], CLERK.public_key),
        ("other key", raw, sig, REGISTRAR.public_key),
        ("signed without context", raw, CLERK.sign(raw), CLERK.public_key),
    ]
    return [
        *((name, "act", {"bytes": one}, error) for name, one, error in fields),
        *(
            (name, "act_signature", {"bytes": one, "act_sig": sig_of, "public_key": key}, "act.signature")
            for name, one, sig_of, key in signatures
        ),
    ]


def body_cases(world: World) -> list[Case]:
    """Return what must fail of bodys."""
    salt = b"\xa4salt\xc4\x10" + bytes(16)
    deep = pack_body({"salt": bytes(16)})
    for _ in range(8):
        deep = b"\x81\xa1a" + deep
    bodies: list[tuple[str, bytes, str]] = [
        ("empty", b"", "encoding.malformed"),
        ("array", b"\x90", "encoding.malformed"),
        ("truncated", b"\x82" + salt, "encoding.malformed"),
        ("two values", b"\x81" + salt + b"\x80", "encoding.malformed"),
        ("text that is not UTF-8", b"\x82\xa1a\xa1\xff" + salt, "encoding.malformed"),
        ("surrogate in text", b"\x82\xa1a\xa3\xed\xa0\x80" + salt, "encoding.malformed"),
        ("extension type", b"\x82\xa1a\xd4\x01\x00" + salt, "encoding.type"),
        ("timestamp", b"\x82\xa1a\xd6\xff" + bytes(4) + salt, "encoding.type"),
        ("never-used byte", b"\x82\xa1a\xc1" + salt, "encoding.malformed"),
        ("float", b"\x82\xa1a\xcb" + bytes(8) + salt, "encoding.type"),
        ("integer beyond 2^63-1", b"\x82\xa1a\xcf\x80" + bytes(7) + salt, "encoding.type"),
        ("key as bytes", b"\x82\xc4\x01a\xc0" + salt, "encoding.type"),
        ("key as integer", b"\x82\x01\xc0" + salt, "encoding.malformed"),
        ("keys not sorted", b"\x82\xa1z\xc0" + salt, "encoding.canonical"),
        ("key twice", b"\x83\xa1a\xc0\xa1a\xc0" + salt, "encoding.canonical"),
        ("longer form of an integer", b"\x82\xa1a\xcc\x01" + salt, "encoding.canonical"),
        ("longer form of a length", b"\x82\xa1a\xd9\x01b" + salt, "encoding.canonical"),
        ("map16 for two keys", b"\xde\x00\x02\xa1a\xc0" + salt, "encoding.canonical"),
        ("nested nine deep", deep, "encoding.depth"),
        ("without salt", b"\x81\xa1a\xc0", "body.salt"),
        ("salt of 15 bytes", pack_body({"salt": bytes(15)}), "body.salt"),
        ("salt as text", pack_body({"salt": "a" * 16}), "body.salt"),
        ("array of 4097 elements", b"\x82\xa1a\xdc\x10\x01" + b"\xc0" * 4097 + salt, "encoding.malformed"),
    ]
    log = world.village
    cases: list[Case] = [
        (name, "body", {"bytes": raw, "limit_bytes": FACTS_BYTES_MAX}, error) for name, raw, error in bodies
    ]
    cases.append(("too long", "body", {"bytes": bytes(65), "limit_bytes": 64}, "encoding.limit"))
    for kind, raw in (("facts", log.facts[1]), ("personal", log.personal[1])):
        error = f"act.{kind}_hash"
        cases += [
            ("changed", kind, {"bytes": flipped(raw, -1), "act": log.acts[1].raw}, error),
            ("cut", kind, {"bytes": raw[:-1], "act": log.acts[1].raw}, error),
            ("of another act", kind, {"bytes": raw, "act": log.acts[2].raw}, error),
        ]
    cases.append(
        ("of an act without", "personal", {"bytes": b"", "act": log.acts[0].raw}, "act.personal_hash")
    )
    return cases


def entry_cases(world: World) -> list[Case]:
    """Return what must fail of entrys."""
    log = world.village
    raw = log.entries[1]
    fields: list[tuple[str, bytes, str]] = [
        ("truncated", raw[:-1], "encoding.malformed"),
        ("too long", pack_header((1, bytes(600))), "encoding.limit"),
        (
            "longer form of the position",
            raw.replace(b"\x02\xc4\x20", b"\xcc\x02\xc4\x20", 1),
            "encoding.canonical",
        ),
        ("version 2", changed(raw, 0, 2), "entry.version"),
        ("log id of 32 bytes", changed(raw, 1, bytes(32)), "entry.field"),
        ("position 0", changed(raw, 2, 0), "entry.field"),
        ("predecessor empty", changed(raw, 3, b""), "entry.field"),
        ("act id of 16 bytes", changed(raw, 4, bytes(16)), "entry.field"),
        ("signature hash of 64 bytes", changed(raw, 5, bytes(64)), "entry.field"),
        ("time negative", changed(raw, 6, -1), "entry.field"),
        ("boot id empty", changed(raw, 7, b""), "entry.field"),
        ("counter as text", changed(raw, 8, "0"), "entry.field"),
        ("county_seen of 16 bytes", changed(raw, 9, bytes(16)), "entry.field"),
        ("a field too few", pack_header(unpack_header(raw, limit=512)[:-1]), "entry.field"),
    ]
    link: Given = {"bytes": raw, "log_id": log.log_id, "seq": 2, "previous": _previous(raw)}
    return [
        *((name, "entry", {"bytes": one}, error) for name, one, error in fields),
        ("of another log", "entry_link", {**link, "log_id": world.registry.log_id}, "entry.log"),
        ("position skipped", "entry_link", {**link, "seq": 3}, "entry.sequence"),
        ("other predecessor", "entry_link", {**link, "previous": bytes(32)}, "entry.chain"),
    ]


def _previous(entry: bytes) -> bytes:
    previous: bytes = unpack_header(entry, limit=512)[3]
    return previous


def frame_cases(world: World) -> list[Case]:
    """Return what must fail of frames."""
    log = world.village
    raw = log.frames[1]
    return [
        (name, "frame", {"bytes": one}, error)
        for name, one, error in (
            ("truncated", raw[:-1], "encoding.malformed"),
            ("too long", pack_header((bytes(17_000),)), "encoding.limit"),
            ("two parts", pack_header(unpack_header(raw, limit=16_384)[:2]), "frame.field"),
            ("act as text", changed(raw, 0, "act"), "frame.field"),
            ("signature empty", changed(raw, 1, b""), "frame.field"),
            ("signature of 129 bytes", changed(raw, 1, bytes(129)), "frame.field"),
            ("entry empty", changed(raw, 2, b""), "frame.field"),
            ("act of another entry", changed(raw, 0, log.acts[2].raw), "frame.act"),
            ("signature of another act", changed(raw, 1, log.acts[2].sig), "frame.signature"),
            ("act malformed", changed(raw, 0, b"\x90"), "act.field"),
            ("entry malformed", changed(raw, 2, b"\x90"), "entry.field"),
        )
    ]


def genesis_cases(world: World) -> list[Case]:
    """Return what must fail of genesiss."""
    ledger, log = LEDGER.pack(), world.village.genesis.pack()
    roots = LEDGER.root_public_keys
    small = (1).to_bytes(32, "little")
    ledgers: list[tuple[str, bytes, str]] = [
        ("truncated", ledger[:-1], "encoding.malformed"),
        ("version 2", changed(ledger, 0, 2), "genesis.version"),
        ("suite 2", changed(ledger, 1, 2), "genesis.suite"),
        ("unknown purpose", changed(ledger, 2, "game"), "genesis.field"),
        ("division code of 5 digits", changed(ledger, 3, "99012"), "genesis.field"),
        ("threshold 1", changed(ledger, 4, 1), "genesis.field"),
        ("two roots", changed(ledger, 5, roots[:2]), "genesis.field"),
        ("roots not sorted", changed(ledger, 5, (roots[1], roots[0], roots[2])), "genesis.field"),
        ("one root twice", changed(ledger, 5, (roots[0], roots[0], roots[1])), "genesis.field"),
        ("root of small order", changed(ledger, 5, tuple(sorted((small, *roots[:2])))), "genesis.field"),
        ("nonce of 15 bytes", changed(ledger, 7, bytes(15)), "genesis.field"),
    ]
    logs: list[tuple[str, bytes, str]] = [
        ("version 2", changed(log, 0, 2), "genesis.version"),
        ("suite 2", changed(log, 1, 2), "genesis.suite"),
        ("ledger id of 16 bytes", changed(log, 2, bytes(16)), "genesis.field"),
        ("unknown kind", changed(log, 3, "village"), "genesis.field"),
        ("station without unit", changed(log, 4, "990121001001"), "genesis.field"),
        ("log key of small order", changed(log, 5, small), "genesis.field"),
        ("unknown reason", changed(log, 6, "because"), "genesis.field"),
        ("first with a parent", changed(log, 7, bytes(16)), "genesis.field"),
        ("restored without a parent", changed(log, 6, "restored"), "genesis.field"),
        ("parent size without a root", changed(log, 8, 7), "genesis.field"),
        ("parent root without a size", changed(log, 9, bytes(32)), "genesis.field"),
    ]
    return [
        *((name, "ledger_genesis", {"bytes": one}, error) for name, one, error in ledgers),
        *((name, "log_genesis", {"bytes": one}, error) for name, one, error in logs),
    ]


def key_cases() -> list[Case]:
    """Return what must fail of keys."""
    keys: list[tuple[str, bytes, str]] = [
        ("31 bytes", bytes(31), "key.encoding"),
        ("order 1", (1).to_bytes(32, "little"), "key.small_order"),
        ("order 1, negative zero", (1 | 2**255).to_bytes(32, "little"), "key.small_order"),
        ("order 1, y = p + 1", (FIELD + 1).to_bytes(32, "little"), "key.small_order"),
        ("order 2", (FIELD - 1).to_bytes(32, "little"), "key.small_order"),
        ("order 4", bytes(32), "key.small_order"),
        ("order 4, other sign", (2**255).to_bytes(32, "little"), "key.small_order"),
        ("order 8", bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"),
         "key.small_order"),
        ("y = p + 3", (FIELD + 3).to_bytes(32, "little"), "key.encoding"),
        ("not on the curve", (2).to_bytes(32, "little"), "key.encoding"),
    ]  # fmt: skip
    proof: Given = {
        "public_key": CLERK.public_key, "proof": prove_possession(CLERK, LEDGER_ID), "ledger_id": LEDGER_ID,
    }  # fmt: skip
    cases: list[Case] = [
        (name, "public_key", {"bytes": one, "alg": "ed25519"}, error) for name, one, error in keys
    ]
    return [
        *cases,
        ("unknown algorithm", "public_key", {"bytes": CLERK.public_key, "alg": "rsa"}, "key.algorithm"),
        ("for another ledger", "possession", {**proof, "ledger_id": bytes(32)}, "key.possession"),
        ("by another key", "possession", {**proof, "public_key": REGISTRAR.public_key}, "key.possession"),
    ]


def merge_cases(world: World) -> list[Case]:
    """Return what must fail of merges."""
    raw = world.merge_leaves[-1]
    return [
        (name, "merge_leaf", {"bytes": one}, error)
        for name, one, error in (
            ("truncated", raw[:-1], "encoding.malformed"),
            ("kind 3", changed(raw, 0, 3), "merge.version"),
            ("kind as text", changed(raw, 0, "1"), "merge.field"),
            ("log id of 32 bytes", changed(raw, 1, bytes(32)), "merge.field"),
            ("position 0", changed(raw, 2, 0), "merge.field"),
            ("entry hash empty", changed(raw, 3, b""), "merge.field"),
            ("time negative", changed(raw, 4, -1), "merge.field"),
            ("an entry", world.merge.entries[0], "merge.field"),
        )
    ]
