"""Vectors that must fail, each with the code of its error."""

from __future__ import annotations

from tests.vectors.grants import grant_cases
from tests.vectors.negative_proofs import multiproof_cases, note_cases, proof_cases
from tests.vectors.negative_records import (
    act_cases,
    body_cases,
    entry_cases,
    frame_cases,
    genesis_cases,
    key_cases,
    merge_cases,
)
from tests.vectors.negative_travel import (
    bundle_cases,
    envelope_cases,
    excerpt_cases,
    invite_cases,
    package_cases,
)
from tests.vectors.pins import pin_cases
from tests.vectors.positive import Json
from tests.vectors.world import World


def negative_vectors(world: World, sealed_bundle: bytes) -> Json:
    """Return all negative vectors as JSON."""
    cases = [
        *act_cases(world), *body_cases(world), *entry_cases(world), *frame_cases(world),
        *genesis_cases(world), *key_cases(), *note_cases(world), *proof_cases(), *merge_cases(world),
        *package_cases(world), *bundle_cases(sealed_bundle), *envelope_cases(world), *invite_cases(world),
        *multiproof_cases(), *excerpt_cases(world), *pin_cases(world), *grant_cases(),
    ]  # fmt: skip
    return [
        {"name": f"{kind}: {name}", "kind": kind, "input": {key: _json(item) for key, item in given.items()},
         "error": error}
        for name, kind, given, error in cases
    ]  # fmt: skip


def _json(value: bytes | str | int | list[str] | list[int]) -> Json:
    if isinstance(value, bytes):
        return value.hex()
    return [*value] if isinstance(value, list) else value
