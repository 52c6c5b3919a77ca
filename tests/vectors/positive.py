"""Vectors that must hold: for each format the input, the exact bytes and what is computed from them."""

from __future__ import annotations

from typing import TypeAlias

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from ledger.codec import pack_body
from ledger.formats.body import facts_hash, new_body, personal_hash
from ledger.formats.checkpoint import add_cosignature, checkpoint_hash, receipt_name
from ledger.formats.entry import entry_hash, sig_hash
from ledger.formats.keys import key_id, prove_possession, verify
from ledger.formats.merkle import Tree, consistency_proof, inclusion_proof, leaf_hash, multiproof, root_at
from ledger.formats.note import sign_note
from ledger.types import Facts
from tests.vectors.world import (
    CLERK,
    COUNTY,
    COUNTY_RECEIPTS,
    LEDGER,
    LEDGER_ID,
    REGISTRAR,
    ROOTS,
    World,
    seed,
    signer,
)

Json: TypeAlias = "bool | int | str | list[Json] | dict[str, Json] | None"

RFC6962_LEAVES = [
    b"",
    b"\x00",
    b"\x10",
    b"\x20\x21",
    b"\x30\x31",
    b"\x40\x41\x42\x43",
    b"\x50\x51\x52\x53\x54\x55\x56\x57",
    bytes(range(0x60, 0x70)),
]
"""Leaves of the test tree of Certificate Transparency; its roots are published."""
POSITIVE_EDGES = (0, 127, 128, 255, 256, 65_535, 65_536, 2**32 - 1, 2**32, 2**63 - 1)
NEGATIVE_EDGES = (-1, -32, -33, -128, -129, -32_768, -32_769, -(2**31), -(2**31) - 1, -(2**63))
GROUP_ORDER = 2**252 + 27742317777372353535851937790883648493
FIELD = 2**255 - 19
BUNDLE_SEED = seed("bundle key of the county")


def x25519_public(private_key: bytes) -> bytes:
    """Return the public key of an X25519 private key."""
    return X25519PrivateKey.from_private_bytes(private_key).public_key().public_bytes_raw()


def keys_vector(world: World) -> Json:
    """Keys, ids, possession, and the edges of strict verification."""
    people = (("root 1", ROOTS[0]), ("root 2", ROOTS[1]), ("root 3", ROOTS[2]), ("registrar R001", REGISTRAR),
              ("clerk C001", CLERK), ("receipt key of the county", COUNTY_RECEIPTS))  # fmt: skip
    return {
        "keys": [
            {"name": name, "public_key": one.public_key.hex(), "key_id": one.key_id.hex()}
            for name, one in people
        ],
        "seed_rule": 'SHA-256("banjian test vector: " || name); the three roots are sorted by public key',
        "x25519": {
            "private_key": BUNDLE_SEED.hex(),
            "public_key": x25519_public(BUNDLE_SEED).hex(),
            "key_id": key_id("x25519", x25519_public(BUNDLE_SEED)).hex(),
        },
        "possession": {
            "ledger_id": LEDGER_ID.hex(),
            "public_key": CLERK.public_key.hex(),
            "proof": prove_possession(CLERK, LEDGER_ID).hex(),
        },
        "verify": [
            {"name": name, "public_key": key.hex(), "message": message.hex(), "signature": sig.hex(),
             "valid": valid}
            for name, key, message, sig, valid in ed25519_cases()
        ],
    }  # fmt: skip


def ed25519_cases() -> list[tuple[str, bytes, bytes, bytes, bool]]:
    """Return signatures at the edges: name, key, message, signature, whether it holds."""
    message = b"banjian"
    sig = CLERK.sign(message)
    large_s = (int.from_bytes(sig[32:], "little") + GROUP_ORDER).to_bytes(32, "little")
    identity = (1).to_bytes(32, "little")
    minus_one = (FIELD - 1).to_bytes(32, "little")
    order_4 = bytes(32)
    zero = bytes(32)
    cases: list[tuple[str, bytes, bytes, bytes, bool]] = [
        ("plain", CLERK.public_key, message, sig, True),
        ("empty message", CLERK.public_key, b"", CLERK.sign(b""), True),
        ("other message", CLERK.public_key, message + b"!", sig, False),
        ("other key", REGISTRAR.public_key, message, sig, False),
        ("S plus group order", CLERK.public_key, message, sig[:32] + large_s, False),
        (
            "S of the group order",
            CLERK.public_key,
            message,
            sig[:32] + GROUP_ORDER.to_bytes(32, "little"),
            False,
        ),
        ("short", CLERK.public_key, message, sig[:63], False),
        ("long", CLERK.public_key, message, sig + b"\x00", False),
        ("empty", CLERK.public_key, message, b"", False),
        ("R flipped", CLERK.public_key, message, bytes((sig[0] ^ 1,)) + sig[1:], False),
        ("S flipped", CLERK.public_key, message, sig[:32] + bytes((sig[32] ^ 1,)) + sig[33:], False),
        (
            "R not canonical: y = p + 1",
            CLERK.public_key,
            message,
            (FIELD + 1).to_bytes(32, "little") + zero,
            False,
        ),
        ("R negative zero", CLERK.public_key, message, (1 | 2**255).to_bytes(32, "little") + zero, False),
        ("key of order 1, R identity, S 0", identity, message, identity + zero, False),
        ("key of order 2, R identity, S 0", minus_one, message, identity + zero, False),
        ("key of order 4, R identity, S 0", order_4, message, identity + zero, False),
        ("key not canonical: y = p + 1", (FIELD + 1).to_bytes(32, "little"), message, identity + zero, False),
        ("key negative zero", (1 | 2**255).to_bytes(32, "little"), message, identity + zero, False),
        ("key not on the curve", (2).to_bytes(32, "little"), message, identity + zero, False),
        ("key too short", CLERK.public_key[:31], message, sig, False),
    ]
    for name, key, text, one, valid in cases:
        if verify(key, one, text) is not valid:
            raise ValueError(name)
    return cases


def encoding_vector(world: World) -> Json:
    """Bodies with every kind of value, and their canonical bytes."""
    bodies: list[tuple[str, Facts]] = [
        ("empty", {}),
        ("scalars", {"b": True, "a": None, "c": False}),
        ("integers", {str(value): value for value in POSITIVE_EDGES}),
        ("negative integers", {str(-value): value for value in NEGATIVE_EDGES}),
        ("text", {"zh": "办件", "long": "a" * 32, "empty": "", "astral": "𠮷", "combining": "e\u0301"}),
        ("bytes", {"empty": b"", "short": b"\x00\xff", "long": bytes(256)}),
        ("key order", {"z": 1, "é": 2, "𠮷": 3, "办": 4, "a": 5, "aa": 6, "A": 7, "": 8}),
        ("nested", {"list": [1, "x", [], {}], "map": {"b": [True], "a": {"c": b"d"}}}),
        ("deepest", {"1": {"2": {"3": {"4": {"5": {"6": {"7": {}}}}}}}}),
    ]  # fmt: skip
    return [
        {"name": name, "bytes": pack_body(body).hex(), "values": _describe(body)} for name, body in bodies
    ]


def _describe(value: object) -> Json:
    """Return a value as JSON in which bytes and integers are told apart from text and lose nothing."""
    if isinstance(value, dict):
        return {"map": [[key, _describe(item)] for key, item in value.items()]}
    if isinstance(value, list):
        return {"list": [_describe(item) for item in value]}
    if isinstance(value, bytes):
        return {"bytes": value.hex()}
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int):
        return {"int": str(value)}
    return str(value)


def genesis_vector(world: World) -> Json:
    """Ledger genesis and the genesis of each log."""
    logs = (world.registry, world.catalogue, world.village, world.merge)
    return {
        "ledger": {"bytes": LEDGER.pack().hex(), "ledger_id": LEDGER_ID.hex()},
        "logs": [
            {"name": log.name, "bytes": log.genesis.pack().hex(),
             "genesis_hash": log.genesis.genesis_hash().hex(), "log_id": log.log_id.hex()}
            for log in logs
        ],
    }  # fmt: skip


def act_vector(world: World) -> Json:
    """The acts of the village log with bodies, ids and signatures."""
    acts: list[Json] = []
    for act, facts, personal in zip(
        world.village.acts, world.village.facts, world.village.personal, strict=True
    ):
        header = act.header
        acts.append({
            "ledger_id": header.ledger_id.hex(), "case_id": header.case_id.hex(),
            "parents": [parent.hex() for parent in header.parents], "action": header.action,
            "actor_key_id": header.actor.hex(), "station": header.station,
            "registry_size": header.registry_size, "catalogue_version": header.catalogue_version,
            "occurred_at_ms": header.occurred_at_ms, "facts_hash": header.facts_hash.hex(),
            "facts_len": header.facts_len, "personal_hash": header.personal_hash.hex(),
            "personal_len": header.personal_len,
            "attachments": [[content.hex(), size] for content, size in header.attachments],
            "bytes": act.raw.hex(), "act_id": act.act_id.hex(), "public_key": CLERK.public_key.hex(),
            "act_sig": act.sig.hex(), "facts": facts.hex(), "personal": personal.hex(),
        })  # fmt: skip
    return acts


def body_vector(world: World) -> Json:
    """Bodies with salt and their two hashes."""
    salt = bytes(range(16))
    raw = new_body({"item": "000131001000", "urgent": False}, salt)
    return {
        "salt": salt.hex(),
        "bytes": raw.hex(),
        "facts_hash": facts_hash(raw).hex(),
        "personal_hash": personal_hash(raw).hex(),
    }


def entry_vector(world: World) -> Json:
    """The entries of the village log."""
    log = world.village
    return [
        {"bytes": entry.hex(), "entry_hash": entry_hash(entry).hex(), "leaf_hash": leaf_hash(entry).hex(),
         "sig_hash": sig_hash(act.sig).hex()}
        for entry, act in zip(log.entries, log.acts, strict=True)
    ]  # fmt: skip


def frame_vector(world: World) -> Json:
    """One frame and its parts."""
    log = world.village
    return {
        "bytes": log.frames[1].hex(),
        "act": log.acts[1].raw.hex(),
        "act_sig": log.acts[1].sig.hex(),
        "entry": log.entries[1].hex(),
    }


def merkle_vector(world: World) -> Json:
    """Roots and all proofs of the published test tree."""
    tree, nodes, roots = Tree(), {}, [Tree().root()]
    for leaf in RFC6962_LEAVES:
        for level, index, node in tree.append(leaf_hash(leaf)):
            nodes[level, index] = node
        roots.append(tree.root())

    def get(level: int, index: int) -> bytes:
        return nodes[level, index]

    count = len(RFC6962_LEAVES)
    inclusion: list[Json] = [
        {"index": index, "size": size, "leaf_hash": leaf_hash(RFC6962_LEAVES[index]).hex(),
         "root": roots[size].hex(), "proof": [one.hex() for one in inclusion_proof(index, size, get)]}
        for size in range(1, count + 1) for index in range(size)
    ]  # fmt: skip
    consistency: list[Json] = [
        {"old_size": old, "new_size": new, "old_root": roots[old].hex(), "new_root": roots[new].hex(),
         "proof": [one.hex() for one in consistency_proof(old, new, get)]}
        for new in range(count + 1) for old in range(new + 1)
    ]  # fmt: skip
    return {
        "leaves": [leaf.hex() for leaf in RFC6962_LEAVES],
        "roots": [root.hex() for root in roots],
        "inclusion": inclusion,
        "consistency": consistency,
    }


def multiproof_vector(world: World) -> Json:
    """Proofs of every choice of leaves in trees of one to five, and of some in larger ones."""
    nodes = {(level, index): node for level, index, node in Tree().extend(map(leaf_hash, RFC6962_LEAVES))}

    def get(level: int, index: int) -> bytes:
        return nodes[level, index]

    chosen = [
        (size, [index for index in range(size) if choice >> index & 1])
        for size in range(1, 6)
        for choice in range(1, 1 << size)
    ]
    return [
        {"size": size, "indexes": [*indexes], "root": root_at(size, get).hex(),
         "leaf_hashes": [nodes[0, index].hex() for index in indexes],
         "nodes": [one.hex() for one in multiproof(size, indexes, get)]}
        for size, indexes in [*chosen, (7, [0, 6]), (8, [0, 3, 4]), (8, [2, 3, 6, 7])]
    ]  # fmt: skip


def note_vector(world: World) -> Json:
    """A plain signed note, the checkpoint of the village log, and the county's receipt on it."""
    key = signer("note")
    note = sign_note("第一行\nsecond line\n", "example.invalid/note", key)
    log = world.village
    return {
        "note": {"name": "example.invalid/note", "public_key": key.public_key.hex(), "text": note.decode()},
        "checkpoint": {
            "origin": log.head().origin,
            "public_key": log.genesis.log_public_key.hex(),
            "size": log.head().size,
            "root": log.head().root.hex(),
            "text": log.note().decode(),
            "checkpoint_hash": checkpoint_hash(log.head()).hex(),
        },
        "receipt": {
            "name": receipt_name(COUNTY),
            "public_key": COUNTY_RECEIPTS.public_key.hex(),
            "time_s": world.now_ms // 1000 + 5,
            "line": world.receipt,
            "cosigned_note": add_cosignature(log.note(), world.receipt).decode(),
        },
    }


def merge_vector(world: World) -> Json:
    """The county's merge log: its first entry, the leaves after it, the checkpoint over all."""
    return {
        "genesis": world.merge.genesis.pack().hex(),
        "leaves": [leaf.hex() for leaf in (world.merge.entries[0], *world.merge_leaves)],
        "checkpoint": world.merge.note().decode(),
    }


def log_vector(world: World) -> Json:
    """Four whole logs as a verifier reads them, from the pinned ledger id on."""
    return {
        "ledger_id": LEDGER_ID.hex(),
        "merge_leaves_after_entry_1": [leaf.hex() for leaf in world.merge_leaves],
        "logs": [
            {
                "name": log.name,
                "kind": log.genesis.kind,
                "log_id": log.log_id.hex(),
                "frames": [frame.hex() for frame in log.frames],
                "facts": [raw.hex() for raw in log.facts],
                "personal": [raw.hex() for raw in log.personal],
                "checkpoint": log.note().decode(),
                "receipts": [world.receipt] if log is world.village else [],
            }
            for log in (world.registry, world.catalogue, world.village, world.merge)
        ],
    }
