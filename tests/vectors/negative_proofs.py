"""Notes, checkpoints, receipts and proofs that must fail."""

from __future__ import annotations

from ledger.formats.checkpoint import Checkpoint, receipt_name, sign_checkpoint
from ledger.formats.merkle import Tree, consistency_proof, inclusion_proof, leaf_hash, multiproof
from ledger.formats.note import sign_note
from tests.vectors.positive import RFC6962_LEAVES
from tests.vectors.spoil import Case, Given
from tests.vectors.world import (
    CLERK,
    COUNTY,
    COUNTY_RECEIPTS,
    World,
    signer,
)


def note_cases(world: World) -> list[Case]:
    """Return what must fail of notes."""
    key, name = signer("note"), "example.invalid/note"
    raw = sign_note("text\n", name, key)
    head, line = raw[: raw.index(b"\xe2")], raw[raw.index(b"\xe2") :]
    notes: list[tuple[str, bytes, str]] = [
        ("empty", b"", "note.malformed"),
        ("no blank line", b"text\n" + line, "note.malformed"),
        ("no signature", b"text\n\n", "note.malformed"),
        ("no newline at the end", raw[:-1], "note.malformed"),
        ("carriage return", raw.replace(b"\n", b"\r\n"), "note.malformed"),
        ("not UTF-8", b"\xff" + raw, "note.malformed"),
        ("hyphen for the dash", raw.replace(b"\xe2\x80\x94", b"-"), "note.malformed"),
        ("name with plus", raw.replace(b"example.", b"example+"), "note.malformed"),
        ("name with no-break space", raw.replace(b"example.", "example\u00a0".encode()), "note.malformed"),
        ("base64 without padding", raw.replace(b"=\n", b"\n"), "note.malformed"),
        ("base64 with loose bits", _loose_bits(raw), "note.malformed"),
        ("signature of 4 bytes", head + "\u2014 a AAAAAA==\n".encode(), "note.malformed"),
        ("too long", b"a" * 65_537, "note.limit"),
        ("65 signatures", head + line * 65, "note.limit"),
        ("text changed", b"t" + raw, "note.signature"),
        ("one good, one bad line of the key", raw + _wrong_line(raw), "note.signature"),
        ("name of another", raw.replace(b"invalid/note", b"invalid/nite"), "note.unsigned"),
    ]
    cases: list[Case] = [
        (case, "note", {"bytes": one, "name": name, "public_key": key.public_key}, error)
        for case, one, error in notes
    ]
    cases.append(
        (
            "key of another",
            "note",
            {"bytes": raw, "name": name, "public_key": CLERK.public_key},
            "note.unsigned",
        )
    )
    return cases + checkpoint_cases(world) + receipt_cases(world)


def _loose_bits(raw: bytes) -> bytes:
    """Return a note whose base64 ends in bits that no byte holds."""
    position = raw.rindex(b"=") - 1
    alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    letter = alphabet[alphabet.index(raw[position]) + 1]
    return raw[:position] + bytes((letter,)) + raw[position + 1 :]


def _wrong_line(raw: bytes) -> bytes:
    """Return a signature line of the same key with another signature."""
    line = raw[raw.index(b"\xe2") :]
    letter = b"A" if line[-9:-8] != b"A" else b"B"
    return line[:-9] + letter + line[-8:]


def checkpoint_cases(world: World) -> list[Case]:
    """Return what must fail of checkpoints."""
    log = world.village
    origin, note = log.head().origin, log.note()

    def signed(text: str) -> bytes:
        return sign_note(text, origin, log.signer)

    lines = log.head().text().split("\n")
    texts: list[tuple[str, bytes, str]] = [
        ("of another log", world.registry.note(), "checkpoint.origin"),
        ("unsigned by its log", sign_note(log.head().text(), origin, CLERK), "note.unsigned"),
        ("size changed", note.replace(b"\n4\n", b"\n5\n"), "note.signature"),
        ("leading zero", signed("\n".join((origin, "04", lines[2], ""))), "checkpoint.malformed"),
        ("negative size", signed("\n".join((origin, "-4", lines[2], ""))), "checkpoint.malformed"),
        ("size beyond 2^63-1", signed("\n".join((origin, str(2**63), lines[2], ""))), "checkpoint.malformed"),
        ("root of 31 bytes", signed("\n".join((origin, "4", "AA" * 20 + "A=", ""))), "note.malformed"),
        ("root of 30 bytes", signed("\n".join((origin, "4", "A" * 40, ""))), "checkpoint.malformed"),
        ("extension line", signed(log.head().text() + "more\n"), "checkpoint.malformed"),
        ("two lines", signed(f"{origin}\n4\n"), "checkpoint.malformed"),
    ]
    return [
        (
            name,
            "checkpoint",
            {"bytes": one, "origin": origin, "public_key": log.genesis.log_public_key},
            error,
        )
        for name, one, error in texts
    ]


def receipt_cases(world: World) -> list[Case]:
    """Return what must fail of receipts."""
    log = world.village
    given: Given = {
        "line": world.receipt,
        "checkpoint": log.note(),
        "name": receipt_name(COUNTY),
        "public_key": COUNTY_RECEIPTS.public_key,
    }
    other = Checkpoint(origin=log.head().origin, size=3, root=bytes(32))
    prefix, _, encoded = world.receipt.strip().rpartition(" ")
    position = 12
    letter = "A" if encoded[position] != "A" else "B"
    moved = f"{prefix} {encoded[:position]}{letter}{encoded[position + 1 :]}\n"
    return [
        ("on another checkpoint", "receipt", {**given, "checkpoint": sign_checkpoint(other, log.signer)},
         "cosignature.signature"),
        ("time changed", "receipt", {**given, "line": moved}, "cosignature.signature"),
        ("of another station", "receipt", {**given, "name": receipt_name(log.genesis.station)},
         "cosignature.key"),
        ("plain signature of the log", "receipt",
         {**given, "line": log.note().decode().split("\n\n")[1]}, "cosignature.key"),
        ("no line", "receipt", {**given, "line": "receipt"}, "note.malformed"),
    ]  # fmt: skip


def proof_cases() -> list[Case]:
    """Return what must fail of proofs."""
    tree, nodes = Tree(), {}
    roots = [tree.root()]
    for leaf in RFC6962_LEAVES:
        nodes.update({(level, index): node for level, index, node in tree.append(leaf_hash(leaf))})
        roots.append(tree.root())

    def get(level: int, index: int) -> bytes:
        return nodes[level, index]

    proof = [one.hex() for one in inclusion_proof(5, 7, get)]
    included: Given = {
        "leaf_hash": leaf_hash(RFC6962_LEAVES[5]), "index": 5, "size": 7, "proof": proof, "root": roots[7],
    }  # fmt: skip
    path = [one.hex() for one in consistency_proof(3, 7, get)]
    consistent: Given = {
        "old_size": 3,
        "new_size": 7,
        "old_root": roots[3],
        "new_root": roots[7],
        "proof": path,
    }
    empty: Given = {"old_size": 0, "new_size": 7, "old_root": roots[0], "new_root": roots[7], "proof": []}
    inclusion: list[tuple[str, Given]] = [
        ("other index", {"index": 4}),
        ("other size", {"size": 9}),
        ("index beyond the tree", {"index": 7}),
        ("size 0", {"size": 0, "index": 0}),
        ("other leaf", {"leaf_hash": leaf_hash(b"other")}),
        ("other root", {"root": roots[6]}),
        ("step missing", {"proof": proof[:-1]}),
        ("step too many", {"proof": [*proof, "00" * 32]}),
        ("step of 31 bytes", {"proof": ["00" * 31, *proof[1:]]}),
        ("steps swapped", {"proof": [proof[1], proof[0], *proof[2:]]}),
    ]
    consistency: list[tuple[str, Given]] = [
        ("other old size", {**consistent, "old_size": 2}),
        ("other new size", {**consistent, "new_size": 9}),
        ("old larger than new", {**consistent, "old_size": 7, "new_size": 3}),
        ("other old root", {**consistent, "old_root": roots[4]}),
        ("other new root", {**consistent, "new_root": roots[8]}),
        ("step missing", {**consistent, "proof": path[:-1]}),
        ("step too many", {**consistent, "proof": [*path, "00" * 32]}),
        ("no proof", {**consistent, "proof": []}),
        ("from nothing with a proof", {**empty, "proof": path}),
        ("from nothing with a root", {**empty, "old_root": roots[1]}),
        ("same size, other root", {**consistent, "old_size": 7, "proof": []}),
        ("same size with a proof", {**consistent, "old_size": 7, "old_root": roots[7]}),
    ]
    return [
        *((name, "inclusion", {**included, **change}, "proof.inclusion") for name, change in inclusion),
        *((name, "consistency", given, "proof.consistency") for name, given in consistency),
    ]


def multiproof_cases() -> list[Case]:
    """Return what must fail of proofs of several leaves."""
    nodes = {(level, index): node for level, index, node in Tree().extend(map(leaf_hash, RFC6962_LEAVES))}
    proof = [one.hex() for one in multiproof(7, (1, 4), lambda level, index: nodes[level, index])]
    hashes = [nodes[0, 1].hex(), nodes[0, 4].hex()]
    given: Given = {"size": 7, "indexes": [1, 4], "leaf_hashes": hashes, "nodes": proof}
    changes: list[tuple[str, Given]] = [
        ("no leaves", {"indexes": [], "leaf_hashes": []}),
        ("size 0", {"size": 0}),
        ("leaf outside", {"indexes": [1, 7]}),
        ("tree too small", {"size": 4}),
        ("other size", {"size": 6}),
        ("node missing", {"nodes": proof[:-1]}),
        ("no nodes", {"nodes": []}),
        ("node too many", {"nodes": [*proof, "00" * 32]}),
        ("node of 31 bytes", {"nodes": [*proof[:-1], "00" * 31]}),
        ("node of 33 bytes", {"nodes": ["00" * 33, *proof[1:]]}),
        ("leaf missing", {"indexes": [1], "leaf_hashes": hashes[:1]}),
    ]
    return [(name, "multiproof", {**given, **change}, "proof.multi") for name, change in changes]
