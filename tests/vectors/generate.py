"""Write the vectors: ``python -m tests.vectors.generate``. The same bytes every time.

Vectors of a released format are never edited; a new version of a format brings new files. The sealed bundle
is the one random thing: it is made when ``bundle_sealed.json`` does not exist, and kept.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from ledger.formats.bundle import seal_part
from tests.vectors import chains, grants, pins, positive, positive_bundle, positive_join, positive_travel
from tests.vectors.negative import negative_vectors
from tests.vectors.positive import BUNDLE_SEED, Json, x25519_public
from tests.vectors.positive_travel import bundle_parts
from tests.vectors.world import World, build_world

POSITIVE: dict[str, Callable[[World], Json]] = {
    "keys": positive.keys_vector,
    "encoding": positive.encoding_vector,
    "genesis": positive.genesis_vector,
    "chain": chains.chain_vector,
    "act": positive.act_vector,
    "body": positive.body_vector,
    "entry": positive.entry_vector,
    "frame": positive.frame_vector,
    "merkle": positive.merkle_vector,
    "multiproof": positive.multiproof_vector,
    "note": positive.note_vector,
    "merge": positive.merge_vector,
    "log": positive.log_vector,
    "package": positive_travel.package_vector,
    "package_kept": pins.kept_vector,
    "excerpt": positive_travel.excerpt_vector,
    "bundle": positive_travel.bundle_vector,
    "bundle_sections": positive_bundle.bundle_sections_vector,
    "stick_attachments": positive_bundle.stick_attachments_vector,
    "envelope": positive_travel.envelope_vector,
    "invite": positive_travel.invite_vector,
    "join": positive_join.join_vector,
    "rejection": positive_join.rejection_vector,
    "attachments": positive_join.attachments_vector,
    "grant": grants.grant_vector,
}
"""File name (without .json) and what makes it."""
FOLDER = Path(__file__).parent
SEALED = "bundle_sealed.json"


def render(value: Json) -> bytes:
    """Return the bytes of a vector file."""
    return (json.dumps(value, ensure_ascii=False, indent=1) + "\n").encode()


def build(sealed: bytes) -> dict[str, bytes]:
    """Return the bytes of every file that regenerates, by name.

    Args:
        sealed: the stored sealed bundle; negative vectors are made from it.
    """
    world = build_world()
    files = {f"{name}.json": render(make(world)) for name, make in POSITIVE.items()}
    files["negative.json"] = render(negative_vectors(world, sealed))
    return files


def stored_bundle() -> bytes:
    """Return the bytes of the stored sealed bundle."""
    return bytes.fromhex(json.loads((FOLDER / SEALED).read_text(encoding="utf-8"))["bytes"])


def main() -> None:
    """Write all files."""
    if not (FOLDER / SEALED).exists():
        header, manifest, sections = bundle_parts(build_world())
        sealed = seal_part(header, manifest, sections=sections, public_key=x25519_public(BUNDLE_SEED))
        (FOLDER / SEALED).write_bytes(render({"bytes": sealed.hex()}))
    for name, content in build(stored_bundle()).items():
        (FOLDER / name).write_bytes(content)


if __name__ == "__main__":
    main()
