"""Vectors of what travels: packages, bundles, envelopes, invites."""

from __future__ import annotations

from dataclasses import replace

from ledger.formats.bundle import (
    BundleHeader,
    Manifest,
    Section,
    pack_manifest,
)
from ledger.formats.envelope import KdfParams, seal_key
from ledger.formats.excerpt import ExcerptContent, encode_excerpt
from ledger.formats.invite import Invite, encode_invite
from ledger.formats.keys import key_id
from ledger.formats.merkle import Tree, leaf_hash, multiproof
from ledger.formats.package import encode_package
from ledger.formats.packageform import PackageContent
from tests.vectors.positive import BUNDLE_SEED, Json, x25519_public
from tests.vectors.world import (
    BEGIN_MS,
    COUNTY,
    LEDGER,
    LEDGER_ID,
    REGISTRAR,
    TOWN,
    VILLAGE,
    Log,
    World,
    seed,
)

PASSPHRASE = "石桥村 2026 \uff21\uff22\uff23"
"""With three full-width letters: NFKC makes them ABC."""
ENVELOPE_COSTS = KdfParams(memory_kib=8192, iterations=1, lanes=1)


def package_content(world: World, log: Log) -> PackageContent:
    """Return a whole log as one package."""
    receipts = (world.receipt,) if log is world.village else ()
    return PackageContent(
        log_id=log.log_id,
        first_seq=1,
        previous=log.genesis.genesis_hash(),
        frames=tuple(log.frames),
        facts=tuple(log.facts),
        personal=tuple(log.personal),
        checkpoint=log.note(),
        receipts=receipts,
    )


def package_vector(world: World) -> Json:
    """The village log as a package, whole and with a personal body withheld."""
    content = package_content(world, world.village)
    withheld = PackageContent(
        log_id=content.log_id,
        first_seq=1,
        previous=content.previous,
        frames=content.frames,
        facts=content.facts,
        personal=tuple(b"" for _ in content.personal),
        checkpoint=content.checkpoint,
    )
    return {"bytes": encode_package(content).hex(), "personal_withheld": encode_package(withheld).hex()}


def excerpt_content(world: World, log: Log, positions: tuple[int, ...]) -> ExcerptContent:
    """Return some entries of a log as an excerpt at its newest checkpoint."""
    leaves = log.entries + (world.merge_leaves if log is world.merge else [])
    nodes = {(level, index): node for level, index, node in Tree().extend(map(leaf_hash, leaves))}
    return ExcerptContent(
        log_id=log.log_id,
        checkpoint=log.note(),
        positions=positions,
        frames=tuple(log.frames[position - 1] for position in positions),
        nodes=multiproof(
            len(leaves), [position - 1 for position in positions], lambda level, index: nodes[level, index]
        ),
        facts=tuple(log.facts[position - 1] for position in positions),
        personal=tuple(log.personal[position - 1] for position in positions),
        receipts=(world.receipt,) if log is world.village else (),
    )


def excerpt_vector(world: World) -> Json:
    """Two entries of the village log, three of the registry without personal bodies, one of the merge log."""
    registry = excerpt_content(world, world.registry, (1, 5, 8))
    return {
        "village": encode_excerpt(excerpt_content(world, world.village, (1, 3))).hex(),
        "personal_withheld": encode_excerpt(replace(registry, personal=(b"",) * 3)).hex(),
        "merge_opening": encode_excerpt(excerpt_content(world, world.merge, (1,))).hex(),
    }


def bundle_parts(world: World) -> tuple[BundleHeader, Manifest, tuple[Section, ...]]:
    """Return the content of the bundle vector before sealing."""
    header = BundleHeader(
        receiver=COUNTY,
        receiver_key=key_id("x25519", x25519_public(BUNDLE_SEED)),
        bundle_id=seed("bundle")[:16],
        part=1,
        parts=1,
    )
    manifest = Manifest(
        kind="up",
        ledger_id=LEDGER_ID,
        sender=VILLAGE,
        created_at_ms=world.now_ms,
        prerequisites=((world.registry.log_id, 9), (world.catalogue.log_id, 2)),
    )
    sections = (
        Section(kind="package", encoding="", payload=encode_package(package_content(world, world.village))),
        Section(kind="checkpoint", encoding="", payload=world.village.note()),
    )
    return header, manifest, sections


def bundle_vector(world: World) -> Json:
    """Header and sections of a bundle before sealing."""
    header, manifest, sections = bundle_parts(world)
    return {
        "header": header.pack().hex(),
        "private_key": BUNDLE_SEED.hex(),
        "sections": [pack_manifest(manifest, sections).hex(), *(one.payload.hex() for one in sections)],
    }


def envelope_vector(world: World) -> Json:
    """The clerk's key in an envelope of the least costs."""
    blob = seal_key(
        seed("clerk C001"), PASSPHRASE, salt=seed("envelope salt")[:16], nonce=seed("envelope nonce")[:12],
        label="C001", params=ENVELOPE_COSTS,
    )  # fmt: skip
    return {"passphrase": PASSPHRASE, "seed": seed("clerk C001").hex(), "label": "C001", "bytes": blob.hex()}


def new_invite() -> Invite:
    """Return the content of the invite vector."""
    return Invite(
        ledger_genesis=LEDGER.pack(),
        registrar_public_key=REGISTRAR.public_key,
        county_name="青川县",
        kind="station",
        station=VILLAGE,
        station_name="石桥村便民服务站",
        upstream=TOWN,
        roles=("window",),
        addresses=("https://10.20.30.40:8443",),
        ca_fingerprint=seed("county CA"),
        issued_at_ms=BEGIN_MS,
        expires_at_ms=BEGIN_MS + 7 * 86_400_000,
        token=seed("token")[:16],
    )


def invite_vector(world: World) -> Json:
    """An invite for the village station."""
    return {
        "bytes": encode_invite(new_invite(), REGISTRAR).hex(),
        "registrar_public_key": REGISTRAR.public_key.hex(),
        "ledger_id": LEDGER_ID.hex(),
    }
