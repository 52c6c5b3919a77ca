"""Packages, bundles, envelopes and invites that must fail."""

from __future__ import annotations

from dataclasses import replace

from ledger.codec import HeaderValue, pack_header, unpack_header
from ledger.formats.bundle import MAGIC
from ledger.formats.checkpoint import Checkpoint, log_origin, sign_checkpoint
from ledger.formats.excerpt import encode_excerpt
from ledger.formats.frame import encode_frame, split_frame
from ledger.formats.merkle import Tree, leaf_hash, multiproof
from ledger.formats.package import encode_package
from ledger.hashing import CTX_INVITE_SIGN
from tests.vectors.positive import BUNDLE_SEED
from tests.vectors.positive_travel import (
    PASSPHRASE,
    envelope_vector,
    excerpt_content,
    invite_vector,
    new_invite,
    package_content,
)
from tests.vectors.spoil import Case, changed, flipped
from tests.vectors.world import (
    CLERK,
    LEDGER,
    REGISTRAR,
    World,
    seed,
)


def package_cases(world: World) -> list[Case]:
    """Return what must fail of packages."""
    log = world.village
    content = package_content(world, log)
    raw = encode_package(content)
    fields = unpack_header(raw, limit=2**25)
    tables, columns, parents = fields[9], fields[10], fields[11]
    other = sign_checkpoint(Checkpoint(origin=log_origin(log.log_id), size=4, root=bytes(32)), log.signer)
    forged = replace(content, checkpoint=sign_checkpoint(log.head(), CLERK))
    later = sign_checkpoint(replace(log.head(), size=5), log.signer)
    damaged: list[tuple[str, bytes, str]] = [
        ("truncated", raw[:-1], "encoding.malformed"),
        ("version 2", changed(raw, 0, 2), "package.version"),
        ("log id of 32 bytes", changed(raw, 1, bytes(32)), "package.field"),
        ("of another log", changed(raw, 1, world.registry.log_id), "package.checkpoint"),
        ("first position 0", changed(raw, 2, 0), "package.field"),
        ("first position 2", changed(raw, 2, 2), "package.checkpoint"),
        ("predecessor changed", changed(raw, 3, bytes(32)), "package.root"),
        ("other ledger", changed(raw, 4, bytes(32)), "package.root"),
        ("other station", changed(raw, 5, "990121001002-00"), "package.root"),
        ("checkpoint of another root", changed(raw, 6, other), "package.root"),
        ("checkpoint of another size", changed(raw, 6, later), "package.checkpoint"),
        ("checkpoint by another key", encode_package(forged), "note.unsigned"),
        ("checkpoint missing", changed(raw, 6, b""), "note.malformed"),
        ("receipt as text", changed(raw, 7, ("x",)), "package.field"),
        ("no entries", changed(raw, 8, ()), "package.count"),
        ("257 entries", changed(raw, 8, (0,) * 257), "package.count"),
        ("unknown kind of entry", changed(raw, 8, (3, 0, 0, 0)), "package.field"),
        ("five tables", changed(raw, 9, tables[:5]), "package.field"),
        ("boot table empty", changed(raw, 9, ((), *tables[1:])), "package.field"),
        ("actor changed", changed(raw, 9, (*tables[:2], (bytes(16),), *tables[3:])), "package.root"),
        ("column too short", changed(raw, 10, (columns[0][:-1], *columns[1:])), "package.field"),
        ("time below zero", changed(raw, 10, (*columns[:2], (1, *columns[2][1:]), *columns[3:])),
         "package.field"),
        ("parent outside", changed(raw, 11, ((), (), (8,), parents[3])), "package.field"),
        ("parent is itself", changed(raw, 11, ((), (), (0,), parents[3])), "package.field"),
        ("parents missing", changed(raw, 11, parents[:-1]), "package.field"),
        ("attachments dropped", changed(raw, 12, ()), "package.root"),
        ("attachments of no entry", changed(raw, 12, ((9, ((bytes(32), 1),)),)), "package.field"),
        ("withheld though present", changed(raw, 13, ((1, 0, bytes(32), 7),)), "package.field"),
        ("opaque without an entry", changed(raw, 14, (b"x",)), "package.field"),
        ("signature lengths", changed(raw, 15, (64, 64, 64, 63)), "package.field"),
        ("signature changed", changed(raw, 16, flipped(fields[16], 70)), "package.root"),
        ("a signature missing", changed(raw, 16, fields[16][:-64]), "package.field"),
        ("facts changed", changed(raw, 17, (flipped(fields[17][0], -1), *fields[17][1:])), "package.root"),
        ("facts of another entry", changed(raw, 17, (fields[17][1], *fields[17][1:])), "package.root"),
        ("facts missing", changed(raw, 17, (b"", *fields[17][1:])), "act.field"),
        ("personal body dropped", changed(raw, 18, (b"",) * 4), "package.root"),
    ]  # fmt: skip
    return [
        (name, "package", {"bytes": one, "public_key": log.genesis.log_public_key}, error)
        for name, one, error in damaged
    ]


def excerpt_cases(world: World) -> list[Case]:
    """Return what must fail of excerpts."""
    log = world.village
    content = excerpt_content(world, log, (1, 3))
    raw = encode_excerpt(content)
    frames, nodes, facts = content.frames, content.nodes, content.facts
    first, third = (split_frame(frame) for frame in frames)
    swapped = encode_frame(first.act_raw, third.sig, third.entry_raw)
    resigned = encode_frame(third.act_raw, flipped(third.sig, 0), third.entry_raw)
    clipped = encode_frame(third.act_raw, third.sig, third.entry_raw[:-1])
    other = sign_checkpoint(Checkpoint(origin=log_origin(log.log_id), size=4, root=bytes(32)), log.signer)
    smaller = sign_checkpoint(replace(log.head(), size=2), log.signer)
    foreign = sign_checkpoint(log.head(), CLERK)
    later = encode_excerpt(excerpt_content(world, log, (1, 4)))
    damaged: list[tuple[str, bytes, str]] = [
        ("truncated", raw[:-1], "encoding.malformed"),
        ("a package", encode_package(package_content(world, log)), "excerpt.field"),
        ("version 2", changed(raw, 0, 2), "excerpt.version"),
        ("log id of 32 bytes", changed(raw, 1, bytes(32)), "excerpt.field"),
        ("of another log", changed(raw, 1, world.registry.log_id), "excerpt.checkpoint"),
        ("checkpoint missing", changed(raw, 2, b""), "note.malformed"),
        ("checkpoint of another root", changed(raw, 2, other), "excerpt.root"),
        ("checkpoint before the last entry", changed(raw, 2, smaller), "excerpt.checkpoint"),
        ("checkpoint by another key", changed(raw, 2, foreign), "note.unsigned"),
        ("checkpoint of another log", changed(raw, 2, world.registry.note()), "excerpt.checkpoint"),
        ("receipt as text", changed(raw, 3, ("x",)), "excerpt.field"),
        ("65 receipts", changed(raw, 3, (b"x",) * 65), "excerpt.field"),
        ("no entries", changed(raw, 4, ()), "excerpt.count"),
        ("258 entries", changed(raw, 4, (1,) * 258), "excerpt.count"),
        ("without the first entry", changed(raw, 4, (2, 1)), "excerpt.field"),
        ("position twice", changed(raw, 4, (1, 0)), "excerpt.field"),
        ("position below", changed(raw, 4, (1, -1)), "excerpt.field"),
        ("position beyond all", changed(raw, 4, (1, 2**63 - 1)), "excerpt.field"),
        ("another position", changed(raw, 4, (1, 1)), "proof.multi"),
        ("a frame missing", changed(raw, 5, frames[:1]), "excerpt.field"),
        ("a frame too many", changed(raw, 5, (*frames, frames[1])), "excerpt.field"),
        ("a frame of two strings", changed(raw, 5, (frames[0], pack_header((b"x", b"y")))), "frame.field"),
        ("frames swapped", changed(raw, 5, frames[::-1]), "excerpt.opening"),
        ("frame of another position", changed(later, 4, (1, 2)), "excerpt.root"),
        ("position beyond the checkpoint", changed(later, 4, (1, 4)), "excerpt.checkpoint"),
        ("entry changed", changed(raw, 5, (frames[0], clipped)), "excerpt.root"),
        ("act of another entry", changed(raw, 5, (frames[0], swapped)), "frame.act"),
        ("signature changed", changed(raw, 5, (frames[0], resigned)), "frame.signature"),
        ("node changed", changed(raw, 6, (flipped(nodes[0], 5), *nodes[1:])), "excerpt.root"),
        ("node missing", changed(raw, 6, nodes[:-1]), "proof.multi"),
        ("node too many", changed(raw, 6, (*nodes, bytes(32))), "proof.multi"),
        ("nodes swapped", changed(raw, 6, nodes[::-1]), "excerpt.root"),
        ("node as text", changed(raw, 6, ("x", *nodes[1:])), "excerpt.field"),
        ("facts of the opening missing", changed(raw, 7, (b"", facts[1])), "excerpt.opening"),
        ("facts of another opening", changed(raw, 7, (world.merge.facts[0], facts[1])), "excerpt.opening"),
        ("salt of the opening changed", changed(raw, 7, (flipped(facts[0], -1), facts[1])), "act.facts_hash"),
        ("facts changed", changed(raw, 7, (facts[0], flipped(facts[1], -1))), "act.facts_hash"),
        ("facts for one of two", changed(raw, 7, facts[:1]), "excerpt.field"),
        ("personal body changed", changed(raw, 8, (b"", flipped(content.personal[1], -1))),
         "act.personal_hash"),
        ("personal body of none", changed(raw, 8, (b"x", content.personal[1])), "act.personal_hash"),
        ("an entry that says another place", _misplaced(world), "entry.sequence"),
        ("a leaf of a merge log", _merge_leaf(world), "frame.field"),
    ]  # fmt: skip
    return [(name, "excerpt", {"bytes": one}, error) for name, one, error in damaged]


def _misplaced(world: World) -> bytes:
    """Return an excerpt of a log in which its own station put the third entry at position 2 as well."""
    log = world.village
    leaves = [log.entries[0], log.entries[2], log.entries[2]]
    tree = Tree()
    nodes = {(level, index): node for level, index, node in tree.extend(map(leaf_hash, leaves))}
    head = Checkpoint(origin=log_origin(log.log_id), size=3, root=tree.root())
    content = excerpt_content(world, log, (1, 3))
    return encode_excerpt(
        replace(
            content, positions=(1, 2), checkpoint=sign_checkpoint(head, log.signer),
            nodes=multiproof(3, (0, 1), lambda level, index: nodes[level, index]),
        )
    )  # fmt: skip


def _merge_leaf(world: World) -> bytes:
    opening = excerpt_content(world, world.merge, (1,))
    raw = encode_excerpt(opening)
    with_leaf = changed(changed(raw, 4, (1, 1)), 5, (*opening.frames, world.merge_leaves[0]))
    return changed(changed(with_leaf, 7, (*opening.facts, b"")), 8, (b"", b""))


def bundle_cases(sealed: bytes) -> list[Case]:
    """Return what must fail of bundles."""
    start = len(MAGIC) + 4
    size = int.from_bytes(sealed[len(MAGIC) : start], "big")
    header = sealed[start : start + size]
    rest = sealed[start + size :]

    def with_header(raw: bytes) -> bytes:
        return MAGIC + len(raw).to_bytes(4, "big") + raw + rest

    first = int.from_bytes(rest[:4], "big") + 4
    second = int.from_bytes(rest[first : first + 4], "big") + 4
    manifest, package, note = rest[:first], rest[first : first + second], rest[first + second :]
    cases: list[tuple[str, bytes, bytes, str]] = [
        ("another file", b"PK\x03\x04", BUNDLE_SEED, "bundle.malformed"),
        ("header torn", sealed[: start + 5], BUNDLE_SEED, "bundle.truncated"),
        ("no sections", sealed[: start + size], BUNDLE_SEED, "bundle.truncated"),
        ("section torn", sealed[:-1], BUNDLE_SEED, "bundle.truncated"),
        ("last section missing", with_header(header)[: -len(note)], BUNDLE_SEED, "bundle.truncated"),
        ("bit changed in the manifest", flipped(sealed, start + size + 60), BUNDLE_SEED, "bundle.sealed"),
        ("bit changed in a section", flipped(sealed, -1), BUNDLE_SEED, "bundle.sealed"),
        ("sections swapped", sealed[: start + size] + manifest + note + package, BUNDLE_SEED,
         "bundle.sealed"),
        ("section twice", sealed + note, BUNDLE_SEED, "bundle.sealed"),
        ("bytes behind the end", sealed + b"\x00\x00\x00\x00", BUNDLE_SEED, "bundle.sealed"),
        ("key of another", sealed, seed("bundle key of another"), "bundle.receiver"),
        ("version 2", with_header(changed(header, 0, 2)), BUNDLE_SEED, "bundle.version"),
        ("suite 2", with_header(changed(header, 1, 2)), BUNDLE_SEED, "bundle.field"),
        ("other receiver", with_header(changed(header, 2, "990121001000-00")), BUNDLE_SEED, "bundle.sealed"),
        ("other bundle", with_header(changed(header, 4, bytes(16))), BUNDLE_SEED, "bundle.sealed"),
        ("part 2 of 1", with_header(changed(header, 5, 2)), BUNDLE_SEED, "bundle.field"),
    ]  # fmt: skip
    return [(name, "bundle", {"bytes": one, "private_key": key}, error) for name, one, key, error in cases]


def envelope_cases(world: World) -> list[Case]:
    """Return what must fail of envelopes."""
    vector = envelope_vector(world)
    assert isinstance(vector, dict)
    raw = bytes.fromhex(str(vector["bytes"]))
    header = unpack_header(raw, limit=4096)[0]

    def with_header(index: int, value: HeaderValue) -> bytes:
        return changed(raw, 0, changed(header, index, value))

    cases: list[tuple[str, bytes, str, str]] = [
        ("wrong passphrase", raw, "石桥村 2027 ABC", "key.passphrase"),
        ("empty passphrase", raw, "", "key.passphrase"),
        ("ciphertext changed", flipped(raw, -1), PASSPHRASE, "key.passphrase"),
        ("label changed", with_header(9, "C002"), PASSPHRASE, "key.passphrase"),
        ("truncated", raw[:-1], PASSPHRASE, "key.envelope"),
        ("version 2", with_header(0, 2), PASSPHRASE, "key.envelope"),
        ("other derivation", with_header(1, "scrypt"), PASSPHRASE, "key.envelope"),
        ("a terabyte of memory", with_header(2, 2**30), PASSPHRASE, "key.envelope"),
        ("too little memory", with_header(2, 8), PASSPHRASE, "key.envelope"),
        ("a million passes", with_header(3, 1_000_000), PASSPHRASE, "key.envelope"),
        ("unknown algorithm", with_header(7, "rsa"), PASSPHRASE, "key.envelope"),
        ("label with a space", with_header(9, "C 001"), PASSPHRASE, "key.envelope"),
    ]
    return [
        (name, "envelope", {"bytes": one, "passphrase": words}, error) for name, one, words, error in cases
    ]


def invite_cases(world: World) -> list[Case]:
    """Return what must fail of invites."""
    vector = invite_vector(world)
    assert isinstance(vector, dict)
    raw = bytes.fromhex(str(vector["bytes"]))
    packed = new_invite().pack()

    def signed(index: int, value: HeaderValue) -> bytes:
        content = changed(packed, index, value)
        return pack_header((content, REGISTRAR.sign(CTX_INVITE_SIGN + content)))

    cases: list[tuple[str, bytes, str]] = [
        ("truncated", raw[:-1], "encoding.malformed"),
        ("signature changed", flipped(raw, -1), "invite.signature"),
        ("content changed", changed(raw, 0, changed(packed, 13, bytes(16))), "invite.signature"),
        ("signed without context", pack_header((packed, REGISTRAR.sign(packed))), "invite.signature"),
        ("version 2", signed(0, 2), "invite.version"),
        ("ledger genesis damaged", signed(1, LEDGER.pack()[:-1]), "invite.field"),
        ("registrar key of small order", signed(2, (1).to_bytes(32, "little")), "invite.field"),
        ("county name not UTF-8", signed(3, b"\xff"), "invite.field"),
        ("unknown kind", signed(4, "guest"), "invite.field"),
        ("station without unit", signed(5, "990121001001"), "invite.field"),
        ("upstream not a station", signed(7, "above"), "invite.field"),
        ("role in capitals", signed(8, ("WINDOW",)), "invite.field"),
        ("address without TLS", signed(9, ("http://10.20.30.40",)), "invite.field"),
        ("fingerprint of 20 bytes", signed(10, bytes(20)), "invite.field"),
        ("over before it begins", signed(12, new_invite().issued_at_ms), "invite.field"),
        ("token of 8 bytes", signed(13, bytes(8)), "invite.field"),
    ]
    return [(name, "invite", {"bytes": one}, error) for name, one, error in cases]
