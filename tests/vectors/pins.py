"""Packages whose entries reach the signed root, some with something else under an entry than it pins."""

from __future__ import annotations

from dataclasses import replace

from ledger.codec import pack_header
from ledger.formats.act import act_id, encode_act
from ledger.formats.body import facts_hash
from ledger.formats.checkpoint import Checkpoint, log_origin, sign_checkpoint
from ledger.formats.entry import Entry, encode_entry, entry_hash, sig_hash
from ledger.formats.frame import encode_frame, split_frame
from ledger.formats.merkle import Tree, leaf_hash
from ledger.formats.package import encode_package
from ledger.formats.packageform import PackageContent
from tests.vectors.positive import Json
from tests.vectors.positive_travel import package_content
from tests.vectors.spoil import Case, flipped
from tests.vectors.world import Log, World

OTHER_BODY = b"\x82no body of any act"


def pin_cases(world: World) -> list[Case]:
    """Return packages that a carrier changed so that the root does not tell: each MUST be refused."""
    log = world.village
    content = package_content(world, log)
    second, third = (split_frame(frame) for frame in content.frames[1:3])
    swapped = encode_frame(second.act_raw, third.sig, third.entry_raw)
    clipped = encode_frame(third.act_raw[:-1], third.sig, third.entry_raw)
    resigned = encode_frame(third.act_raw, flipped(third.sig, 0), third.entry_raw)
    shorter = encode_frame(third.act_raw, third.sig[:-1], third.entry_raw)
    changes = [
        ("another act under an entry", _with(content, 2, swapped, facts=content.facts[1])),
        ("an act that nobody can read under an entry", _with(content, 2, clipped)),
        ("another signature under an entry", _with(content, 2, resigned)),
        ("a shorter signature under an entry", _with(content, 2, shorter)),
        ("facts withheld", _with(content, 2, facts=b"")),
        ("facts of another act", _with(content, 2, facts=content.facts[1])),
        ("facts with a bit changed", _with(content, 2, facts=flipped(content.facts[2], -1))),
        ("facts cut short", _with(content, 2, facts=content.facts[2][:-1])),
        ("facts of the opening withheld", _with(content, 0, facts=b"")),
    ]
    return [
        (name, "package", {"bytes": encode_package(one), "public_key": log.genesis.log_public_key},
         "package.pins")
        for name, one in changes
    ]  # fmt: skip


def kept_vector(world: World) -> Json:
    """A package of what a station signed against itself: nothing of it is a reason to refuse it."""
    log = world.village
    content = package_content(world, log)
    personal = list(content.personal)
    personal[2] = OTHER_BODY
    frames, facts = list(content.frames), list(content.facts)
    header = log.acts[2].header._replace(facts_hash=facts_hash(OTHER_BODY), facts_len=len(OTHER_BODY))
    for act_raw, body, change in (
        (b"no act at all", b"", {}),
        (encode_act(header), OTHER_BODY, {}),
        (log.acts[2].raw, facts[2], {"seq": 99}),
        (log.acts[2].raw, facts[2], {"previous": bytes(32)}),
    ):
        frames.append(_frame(log, frames, act_raw, change))
        facts.append(body)
        personal.append(b"")
    frames.append(encode_frame(log.acts[2].raw, bytes(64), pack_header((9, "no entry"))))
    facts.append(b"")
    personal.append(b"")
    tree = Tree()
    tree.extend(leaf_hash(split_frame(frame).entry_raw) for frame in frames)
    head = Checkpoint(origin=log_origin(log.log_id), size=tree.size, root=tree.root())
    made = replace(
        content, frames=tuple(frames), facts=tuple(facts), personal=tuple(personal), receipts=(),
        checkpoint=sign_checkpoint(head, log.signer),
    )  # fmt: skip
    return {
        "bytes": encode_package(made).hex(),
        "public_key": log.genesis.log_public_key.hex(),
        "frames": [frame.hex() for frame in frames],
        "personal_kept": [bool(body) and body != OTHER_BODY for body in personal],
    }


def _with(
    content: PackageContent, index: int, frame: bytes | None = None, *, facts: bytes | None = None
) -> PackageContent:
    frames, bodies = list(content.frames), list(content.facts)
    frames[index] = frames[index] if frame is None else frame
    bodies[index] = bodies[index] if facts is None else facts
    return replace(content, frames=tuple(frames), facts=tuple(bodies))


def _frame(log: Log, frames: list[bytes], act_raw: bytes, change: dict[str, object]) -> bytes:
    """Return the next frame of a log, with an entry that says something else of its place where asked."""
    sig = bytes(64)
    entry = Entry(
        log.log_id, len(frames) + 1, entry_hash(split_frame(frames[-1]).entry_raw), act_id(act_raw),
        sig_hash(sig), log.acts[-1].header.occurred_at_ms, bytes(16), 0, b"",
    )  # fmt: skip
    return encode_frame(act_raw, sig, encode_entry(entry._replace(**change)))  # type: ignore[arg-type]
