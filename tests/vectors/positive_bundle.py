"""What stands in bundles beyond packages and excerpts: hello, note with receipts, feed, county checkpoint."""

from __future__ import annotations

from hashlib import sha256

from ledger.facade.base.peers import Contact
from ledger.facade.logs.heldstates import LogState
from ledger.facade.peering.countylink import CountyNews
from ledger.facade.transfer.feeds import START, FeedPlace
from ledger.formats.act import case_of
from ledger.formats.bundle import Manifest, Section, pack_manifest
from ledger.formats.checkpoint import add_cosignature, cosign, receipt_name
from ledger.formats.excerpt import encode_excerpt
from ledger.formats.package import encode_package
from ledger.types import CaseId
from sync.attachforms import CHUNK_BYTES, Head
from sync.core.messages import Hello, pack_county
from sync.stick.bundleforms import FeedSection
from sync.stick.stickattach import AttachedSection, Piece, attached_point
from tests.vectors.positive import Json
from tests.vectors.positive_travel import excerpt_content, package_content
from tests.vectors.world import COUNTY, COUNTY_RECEIPTS, LEDGER_ID, VILLAGE, Log, World


def _state(log: Log) -> LogState:
    return LogState(log.log_id, log.head().size, log.head().root)


def feed_section(world: World) -> FeedSection:
    """Return a feed that gives the acts of the village's log, in its order."""
    acts = world.village.acts
    return FeedSection(
        start=FeedPlace(number=0, chain=START), items=tuple((case_of(act), act.act_id) for act in acts)
    )


def bundle_hello(world: World) -> Hello:
    """Return what the village says on a stick."""
    return Hello(
        ledger_id=LEDGER_ID,
        station=VILLAGE,
        sent_at_ms=world.now_ms,
        version="1.0.0",
        waiting=2,
        oldest_ms=world.now_ms - 60_000,
        logs=tuple(sorted(_state(log) for log in (world.registry, world.catalogue, world.village))),
        branches=(),
        county=(world.merge.log_id, world.merge.head().size),
        proofs_from=(),
        feed=feed_section(world).places[-1],
        contacts=(
            Contact(
                station=VILLAGE, heard_at_ms=world.now_ms, waiting=1, oldest_ms=0, said_at_ms=world.now_ms,
                version="1.0.0",
            ),
        ),
    )  # fmt: skip


def bundle_sections_vector(world: World) -> Json:
    """Each kind of section before compression and sealing, and the manifest that lists them all."""
    feed = feed_section(world)
    opening = encode_excerpt(excerpt_content(world, world.merge, (1,)))
    county = CountyNews(note=world.merge.note(), opening=opening, proofs=())
    package = encode_package(package_content(world, world.village))
    payloads = {
        "hello": bundle_hello(world).pack(),
        "checkpoint": add_cosignature(world.village.note(), world.receipt),
        "package": package,
        "branch": package,
        "county": pack_county(county),
        "excerpt": encode_excerpt(excerpt_content(world, world.village, (1, 3))),
        "feed": feed.pack(),
    }
    manifest = Manifest(
        kind="down",
        ledger_id=LEDGER_ID,
        sender=COUNTY,
        created_at_ms=world.now_ms,
        prerequisites=((world.registry.log_id, world.registry.head().size),),
    )
    sections = [Section(kind=kind, encoding="", payload=raw) for kind, raw in payloads.items()]
    return {
        "manifest": pack_manifest(manifest, sections).hex(),
        "sections": [{"kind": kind, "payload": raw.hex()} for kind, raw in payloads.items()],
        "feed_items": [[case_id.hex(), act_id.hex()] for case_id, act_id in feed.items],
        "feed_chain": [place.chain.hex() for place in feed.places],
    }


def stick_attachments_vector(world: World) -> Json:
    """Two chunks of an attachment on the way up, and what is said of it on the way back."""
    content, salt = b"\xff\xd8\xff" + bytes(CHUNK_BYTES), bytes(range(32))
    named = sha256(b"banjian/attachment/1\n" + salt + content).digest()
    head = Head(size=len(content), salt=salt, file="site.jpg")
    case_id = CaseId(bytes(range(16)))
    pieces = [
        Piece(
            hash=named, case_id=case_id, head=head, index=index,
            chunk=content[index * CHUNK_BYTES : (index + 1) * CHUNK_BYTES],
        )
        for index in range(head.chunks)
    ]  # fmt: skip
    whole = tuple(sorted((named, bytes(32))))
    line = cosign(
        attached_point(VILLAGE, whole), receipt_name(COUNTY), COUNTY_RECEIPTS,
        time_s=world.now_ms // 1000,
    )  # fmt: skip
    told = AttachedSection(whole=whole, wanted=(bytes([255]) * 32,), line=line)
    return {
        "content": "ffd8ff and 262144 zero bytes",
        "hash": named.hex(),
        "receiver": VILLAGE,
        "sender": COUNTY,
        "receipt_public_key": COUNTY_RECEIPTS.public_key.hex(),
        "attachment": [one.pack().hex() for one in pieces[1:]],
        "attachment_first_sha256": sha256(pieces[0].pack()).hexdigest(),
        "attached": told.pack().hex(),
    }
