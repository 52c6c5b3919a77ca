"""The published vectors: they regenerate byte for byte, the good ones hold, the bad ones fail as stated."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ledger.codec import pack_body, unpack_body
from ledger.errors import BanjianError
from ledger.formats.act import decode_act, verify_act
from ledger.formats.body import check_facts
from ledger.formats.bundle import Section, open_part, pack_manifest
from ledger.formats.chain import ChainLog, chain_logs
from ledger.formats.checkpoint import open_checkpoint, open_cosignature, read_checkpoint
from ledger.formats.entry import check_link, entry_hash
from ledger.formats.envelope import open_key
from ledger.formats.excerpt import check_excerpt, decode_excerpt, encode_excerpt
from ledger.formats.frame import decode_frame
from ledger.formats.genesis import decode_log_genesis
from ledger.formats.invite import decode_invite
from ledger.formats.keys import Ed25519Signer, verify
from ledger.formats.merkle import Tree, leaf_hash, multiproof_root, verify_consistency, verify_inclusion
from ledger.formats.note import open_note
from ledger.formats.package import (
    check_package,
    decode_package,
    decode_parsed,
    encode_package,
)
from ledger.known.verified import check_pinned, verify_records
from ledger.registry.frames import read_registry_frame
from ledger.registry.grant import decode_carried, signing_key
from ledger.registry.registry import Registry
from ledger.types import LedgerId
from tests.vectors.generate import FOLDER, SEALED, build, stored_bundle
from tests.vectors.positive import BUNDLE_SEED
from tests.vectors.positive_travel import bundle_parts, excerpt_content, package_content
from tests.vectors.run import run
from tests.vectors.world import COUNTY_RECEIPTS, build_world, seed


def load(name: str) -> Any:
    """Return the content of a vector file."""
    return json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))


NEGATIVE = load("negative")


def test_every_file_regenerates_byte_for_byte() -> None:
    made = build(stored_bundle())
    stored = {path.name: path.read_bytes() for path in FOLDER.glob("*.json") if path.name != SEALED}
    assert made.keys() == stored.keys()
    for name, content in made.items():
        assert content == stored[name], name


@pytest.mark.parametrize("vector", NEGATIVE, ids=[vector["name"] for vector in NEGATIVE])
def test_negative_vector_fails_with_its_code(vector: Any) -> None:
    with pytest.raises(BanjianError) as caught:
        run(vector["kind"], vector["input"])
    assert caught.value.code == vector["error"]


def test_there_are_negative_vectors_for_every_format() -> None:
    assert len(NEGATIVE) >= 60
    assert len({vector["name"] for vector in NEGATIVE}) == len(NEGATIVE)
    assert len({vector["kind"] for vector in NEGATIVE}) == 25


def test_what_a_station_signs_against_itself_is_kept() -> None:
    vector = load("package_kept")
    content, parsed = decode_parsed(bytes.fromhex(vector["bytes"]))
    assert [frame.hex() for frame in content.frames] == vector["frames"]
    check_package(content, tree=Tree(), public_key=bytes.fromhex(vector["public_key"]))
    records = verify_records(
        range(1, len(content.frames) + 1), content.frames, facts=content.facts, personal=content.personal,
        ledger_id=LedgerId(bytes(32)), public_key=lambda _: None, parsed=parsed,
    )  # fmt: skip
    check_pinned(records, log_id=content.log_id, code="package.pins")
    assert [bool(record.personal_raw) for record in records] == vector["personal_kept"]


def test_the_continued_one_of_two_that_begin_anew_goes_first() -> None:
    cases = {case["name"]: case for case in load("chain")}
    for kind in ("registry", "catalogue"):
        case = cases[f"{kind}: begun anew, the greater id continued: that one"]
        least, chosen, after = (log["log_id"] for log in case["logs"])
        assert least < chosen
        assert case["chain"] == [{"log_id": chosen, "counted": 9}, {"log_id": after, "counted": 10}]
        alone = cases[f"{kind}: begun anew, none continued: the least id"]
        assert [link["log_id"] for link in alone["chain"]] == [min(log["log_id"] for log in alone["logs"])]
    founded = cases["registry: the one with the ledger's genesis first"]
    assert founded["chain"] == [
        {"log_id": log["log_id"], "counted": 10} for log in founded["logs"] if log["founds"]
    ]


def test_the_chains_follow_from_the_logs_in_any_order() -> None:
    for case in load("chain"):
        logs = [
            ChainLog(
                log["log_id"], decode_log_genesis(bytes.fromhex(log["genesis"])), log["size"], log["founds"]
            )
            for log in case["logs"]
        ]
        for order in (logs, logs[::-1]):
            assert [(link.name, link.size) for link in chain_logs(order)] == [
                (link["log_id"], link["counted"]) for link in case["chain"]
            ]


def test_signatures_at_the_edges() -> None:
    cases = load("keys")["verify"]
    for case in cases:
        found = verify(*(bytes.fromhex(case[name]) for name in ("public_key", "signature", "message")))
        assert found is case["valid"], case["name"]
    assert {case["valid"] for case in cases} == {True, False}


def test_keys_follow_from_their_names() -> None:
    for key in load("keys")["keys"][3:]:
        signer = Ed25519Signer.from_seed(seed(key["name"]))
        assert (signer.public_key.hex(), signer.key_id.hex()) == (key["public_key"], key["key_id"])


def test_bodies_decode_and_encode_to_themselves() -> None:
    for vector in load("encoding"):
        raw = bytes.fromhex(vector["bytes"])
        assert pack_body(unpack_body(raw, limit_bytes=65_536)) == raw, vector["name"]


def test_proofs_hold() -> None:
    vectors = load("merkle")
    tree = Tree()
    assert tree.root().hex() == vectors["roots"][0]
    for size, leaf in enumerate(vectors["leaves"], start=1):
        tree.append(leaf_hash(bytes.fromhex(leaf)))
        assert tree.root().hex() == vectors["roots"][size]
    for one in vectors["inclusion"]:
        proof = [bytes.fromhex(step) for step in one["proof"]]
        root, leaf = bytes.fromhex(one["root"]), bytes.fromhex(one["leaf_hash"])
        verify_inclusion(leaf, one["index"], size=one["size"], proof=proof, root=root)
    for one in vectors["consistency"]:
        old_root, new_root = bytes.fromhex(one["old_root"]), bytes.fromhex(one["new_root"])
        proof = [bytes.fromhex(step) for step in one["proof"]]
        verify_consistency(
            one["old_size"], one["new_size"], old_root=old_root, new_root=new_root, proof=proof
        )


def test_proofs_of_several_leaves_hold() -> None:
    vectors = load("multiproof")
    for one in vectors:
        hashes = (bytes.fromhex(leaf) for leaf in one["leaf_hashes"])
        leaves = dict(zip(one["indexes"], hashes, strict=True))
        nodes = [bytes.fromhex(node) for node in one["nodes"]]
        assert multiproof_root(one["size"], leaves, nodes).hex() == one["root"]
    assert len(vectors) == 60


def test_notes_checkpoint_and_receipt_hold() -> None:
    vectors = load("note")
    note = vectors["note"]
    open_note(note["text"].encode(), note["name"], bytes.fromhex(note["public_key"]))
    point = vectors["checkpoint"]
    key = bytes.fromhex(point["public_key"])
    checkpoint = open_checkpoint(point["text"].encode(), point["origin"], key)
    assert (checkpoint.size, checkpoint.root.hex()) == (point["size"], point["root"])
    receipt = vectors["receipt"]
    given = open_cosignature(
        receipt["line"], checkpoint, name=receipt["name"], public_key=bytes.fromhex(receipt["public_key"])
    )
    assert given.time_s == receipt["time_s"]
    assert open_checkpoint(receipt["cosigned_note"].encode(), point["origin"], key) == checkpoint


def test_a_third_party_reads_the_logs_from_the_pinned_id_alone() -> None:
    """From ledger id and files: chain, roots, signatures of logs, authority of every registry act."""
    vectors = load("log")
    registry = Registry(LedgerId(bytes.fromhex(vectors["ledger_id"])))
    for log in vectors["logs"]:
        frames = [bytes.fromhex(raw) for raw in log["frames"]]
        facts = unpack_body(bytes.fromhex(log["facts"][0]), limit_bytes=65_536)
        genesis = decode_log_genesis(facts["genesis"] if isinstance(facts["genesis"], bytes) else b"")
        previous, tree = genesis.genesis_hash(), Tree()
        for seq, raw in enumerate(frames, start=1):
            frame = decode_frame(raw)
            check_link(frame.entry, log_id=genesis.log_id(), seq=seq, previous=previous)
            previous = entry_hash(frame.entry_raw)
            tree.append(leaf_hash(frame.entry_raw))
        if genesis.kind == "merge":
            tree.extend(leaf_hash(bytes.fromhex(leaf)) for leaf in vectors["merge_leaves_after_entry_1"])
        note = log["checkpoint"].encode()
        checkpoint = open_checkpoint(note, read_checkpoint(note).origin, genesis.log_public_key)
        assert (checkpoint.size, checkpoint.root) == (tree.size, tree.root())
        if genesis.kind != "registry":
            continue
        for seq, raw in enumerate(frames, start=1):
            act = read_registry_frame(registry, raw, position=seq, facts=bytes.fromhex(log["facts"][seq - 1]))
            outcome = registry.apply(act)
            assert outcome.refusal is None, outcome
    assert registry.size == 9


def test_package_rebuilds_the_stored_bytes() -> None:
    world = build_world()
    raw = bytes.fromhex(load("package")["bytes"])
    content = decode_package(raw)
    assert content == package_content(world, world.village)
    assert encode_package(content) == raw
    checked = check_package(content, tree=Tree(), public_key=world.village.genesis.log_public_key)
    assert checked.tree.root() == world.village.tree.root()
    assert content.receipts == (world.receipt,)
    name = "banjian/receipt/990121000000-00"
    point = read_checkpoint(content.checkpoint)
    assert open_cosignature(world.receipt, point, name=name, public_key=COUNTY_RECEIPTS.public_key)


def test_package_without_personal_bodies_reaches_the_same_root() -> None:
    world = build_world()
    content = decode_package(bytes.fromhex(load("package")["personal_withheld"]))
    assert content.frames == tuple(world.village.frames)
    assert set(content.personal) == {b""}
    check_package(content, tree=Tree(), public_key=world.village.genesis.log_public_key)


def test_excerpts_prove_their_frames() -> None:
    world = build_world()
    vectors = {name: bytes.fromhex(raw) for name, raw in load("excerpt").items()}
    village = check_excerpt(decode_excerpt(vectors["village"]))
    assert village.content == excerpt_content(world, world.village, (1, 3))
    assert village.genesis == world.village.genesis
    assert encode_excerpt(village.content) == vectors["village"]
    registry = check_excerpt(decode_excerpt(vectors["personal_withheld"])).content
    assert (registry.positions, set(registry.personal)) == ((1, 5, 8), {b""})
    merge = check_excerpt(decode_excerpt(vectors["merge_opening"]))
    assert (merge.genesis.kind, merge.content.positions, merge.checkpoint.size) == ("merge", (1,), 7)


def test_stored_bundle_opens_with_the_published_key() -> None:
    header, manifest, sections = bundle_parts(build_world())
    opened = open_part(stored_bundle(), BUNDLE_SEED)
    found = tuple(opened.sections)
    assert (opened.header, opened.manifest, found) == (header, manifest, sections)
    assert pack_manifest(manifest, sections).hex() == load("bundle")["sections"][0]
    assert [one.payload.hex() for one in found] == load("bundle")["sections"][1:]
    assert all(isinstance(one, Section) for one in found)


def test_envelope_opens_with_half_width_letters_as_well() -> None:
    vector = load("envelope")
    blob = bytes.fromhex(vector["bytes"])
    for passphrase in (vector["passphrase"], "石桥村 2026 ABC"):
        opened = open_key(blob, passphrase)
        assert (opened.seed.hex(), opened.label) == (vector["seed"], vector["label"])


def test_invite_opens() -> None:
    vector = load("invite")
    invite = decode_invite(bytes.fromhex(vector["bytes"]))
    assert invite.ledger_id.hex() == vector["ledger_id"]
    assert invite.registrar_public_key.hex() == vector["registrar_public_key"]


def test_an_act_that_rests_on_a_grant_tells_its_key() -> None:
    vector = load("grant")
    ledger_id, raw = LedgerId(bytes.fromhex(vector["ledger_id"])), bytes.fromhex(vector["resting_act"])
    header = decode_act(raw)
    facts = check_facts(header, bytes.fromhex(vector["resting_facts"]))
    key = signing_key(facts, header.actor)
    assert key is not None
    verify_act(raw, bytes.fromhex(vector["resting_sig"]), key)
    grant = decode_carried(facts["grant"], ledger_id=ledger_id)
    verify_act(grant.act.raw, grant.act.sig, bytes.fromhex(vector["grantor_public_key"]))
    found = (grant.grant_id, grant.staff_no, grant.replaces, grant.public_key, grant.key_id, grant.until_ms)
    assert [one.hex() if isinstance(one, bytes) else one for one in found] == [
        vector[name] for name in ("grant_id", "staff_no", "replaces", "public_key", "key_id", "until_ms")
    ]
    assert signing_key({**facts, "grant": [b"", b""]}, header.actor) is None
    assert signing_key(facts, grant.replaces) is None
