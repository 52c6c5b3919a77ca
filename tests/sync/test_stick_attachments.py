"""Attachments and the county's logs on sticks: up behind the acts, a signed receipt on the way back."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from ledger.codec import pack_header
from ledger.errors import BanjianError, DataError, EncodingError
from ledger.facade import Command, Home
from ledger.facade.base.home import RESTORED_MARKER
from ledger.formats.bundle import SECTION_ATTACHED, SECTION_ATTACHMENT, Manifest, Section, open_part
from ledger.types import CaseId, StationId
from stations.kept.attachments import Attachment, Attachments
from stations.serving.bundlejobs import EXPORT, IMPORT, BundleJob, Step, run_job
from stations.serving.stickattach import StickAttachments
from sync.attachforms import CHUNK_BYTES
from sync.stick.stickanswer import take_section
from sync.stick.stickattach import AttachedSection, Piece, attached_point, decode_attached, decode_piece
from tests.sync.sticks import StickWorld
from tests.sync.test_forks import copy, put_back
from tests.sync.world import COUNTY, FELLING, TOWN, VILLAGE, settled, signer

PHOTO = os.urandom(2 * CHUNK_BYTES + 4_321)
SCAN = os.urandom(90_000)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[StickWorld]:
    made = StickWorld.after(settled(TOWN, VILLAGE), tmp_path)
    yield made
    made.close()


def store(world: StickWorld, station: StationId) -> Attachments:
    return Attachments(Home(world[station].path), os.urandom)


def take(world: StickWorld, raw: bytes, file: str = "现场.jpg", station: StationId = VILLAGE) -> Attachment:
    return store(world, station).take(file, raw, by="W1", at_ms=world[station].clock.time_ms)


def receive(world: StickWorld, *kept: Attachment, station: StationId = VILLAGE) -> CaseId:
    command = Command(
        action="receive", station=station, attachments=tuple(one.named for one in kept),
        facts={"item": FELLING, "applicant_kind": "person", "channel": "counter", "materials": []},
        personal={"applicant": {"name": "张三", "id_kind": "other", "id_no": "N1"}},
    )  # fmt: skip
    return world[station].ledger.perform(command, world.key(station, "window")).case_id


def content(world: StickWorld, station: StationId, kept: Attachment) -> bytes:
    held = store(world, station)
    found = held.find(kept.hash)
    return b"" if found is None else b"".join(held.read(found))


def job(world: StickWorld, station: StationId, work: str, path: Path, **more: object) -> Step:
    """Run a job as the commands do, and return its last step."""
    path.mkdir(exist_ok=True)
    place = world[station]
    with ThreadPoolExecutor(2) as cores:
        asked = BundleJob(work=work, paths=(str(path),), **more)  # type: ignore[arg-type]
        *_, last = run_job(place.exchange, asked, clock=place.clock, randomness=place.randomness, cores=cores)
    return last


def waiting(world: StickWorld, station: StationId = VILLAGE) -> list[bytes]:
    return [one.hash for one in world[station].exchange.attached.to_give(100)]


def kinds(world: StickWorld, station: StationId, path: Path) -> dict[str, list[str]]:
    """Return the kinds of sections in each file that a station can open."""
    seed = world[station].exchange.carried.seed()
    assert seed is not None
    return {
        one.name: [kind for kind, _ in open_part(one.read_bytes(), seed).listed]
        for one in sorted(path.iterdir())
        if str(station) in one.name
    }


def test_a_village_that_lives_by_sticks_gets_its_photos_up(world: StickWorld, tmp_path: Path) -> None:
    photo, scan = take(world, PHOTO), take(world, SCAN, "材料.pdf")
    case, stick = receive(world, photo, scan), tmp_path / "stick"
    done = job(world, VILLAGE, EXPORT, stick)
    assert (done["attachments"], done["attachments_left"]) == (2, 0)
    # The acts stand in files of their own, that have their names before the first photo is written.
    found = kinds(world, TOWN, stick)
    alone = [one for one in found.values() if SECTION_ATTACHMENT in one]
    assert alone == [[SECTION_ATTACHMENT] * 4] and len(found) == 2
    assert len(waiting(world)) == 2, "only a receipt counts"
    taken = job(world, TOWN, IMPORT, stick)
    assert (taken["complete"], taken["attachments"]) == (True, 2)
    assert (content(world, TOWN, photo), content(world, TOWN, scan)) == (PHOTO, SCAN)
    assert job(world, VILLAGE, IMPORT, stick)["complete"]
    assert waiting(world) == []
    assert job(world, VILLAGE, EXPORT, tmp_path / "next")["attachments"] == 0
    # The township goes on in the same way.
    assert job(world, TOWN, EXPORT, stick)["attachments"] == 2
    assert job(world, COUNTY, IMPORT, stick)["complete"]
    assert content(world, COUNTY, photo) == PHOTO
    assert job(world, TOWN, IMPORT, stick)["complete"] and waiting(world, TOWN) == []
    assert world.digest(COUNTY, case) == world.digest(VILLAGE, case)


def test_what_does_not_fit_goes_next_time_and_acts_go_without(world: StickWorld, tmp_path: Path) -> None:
    photos = [take(world, os.urandom(700_000), f"{number}.jpg") for number in range(3)]
    receive(world, *photos)
    bare = job(world, VILLAGE, EXPORT, tmp_path / "bare", attachments_mib=0)
    assert (bare["attachments"], bare["attachments_left"]) == (0, 0)
    assert all(SECTION_ATTACHMENT not in one for one in kinds(world, TOWN, tmp_path / "bare").values())
    came = 0
    for number in range(3):
        stick = tmp_path / f"stick {number}"
        done = job(world, VILLAGE, EXPORT, stick, attachments_mib=1)
        assert (done["attachments"], done["attachments_left"]) == (1, 2 - number)
        job(world, TOWN, IMPORT, stick)
        job(world, VILLAGE, IMPORT, stick)
        came = sum(content(world, TOWN, one) != b"" for one in photos)
        assert came == number + 1
    assert waiting(world) == []


def test_small_parts_torn_lost_and_twice(world: StickWorld, tmp_path: Path) -> None:
    photo, stick = take(world, PHOTO), tmp_path / "stick"
    receive(world, photo)
    job(world, VILLAGE, EXPORT, stick, part_kib=300)
    parts = [stick / name for name, found in kinds(world, TOWN, stick).items() if SECTION_ATTACHMENT in found]
    assert len(parts) == 3
    torn, lost = parts[0], parts[1]
    kept = {one: one.read_bytes() for one in parts}
    torn.write_bytes(kept[torn][: len(kept[torn]) // 2])
    lost.unlink()
    assert job(world, TOWN, IMPORT, stick)["complete"] is False
    assert content(world, TOWN, photo) == b""
    job(world, VILLAGE, IMPORT, stick)
    assert len(waiting(world)) == 1
    for one in (torn, lost):
        one.write_bytes(kept[one])
    for _ in range(2):
        assert job(world, TOWN, IMPORT, stick)["complete"]
        assert content(world, TOWN, photo) == PHOTO
    job(world, VILLAGE, IMPORT, stick)
    assert waiting(world) == []


def test_a_receipt_that_the_township_did_not_sign_is_none(world: StickWorld) -> None:
    receive(world, take(world, PHOTO))
    exchange = world[VILLAGE].exchange
    (content_hash,) = waiting_of(world)
    whole = (content_hash,)
    point = attached_point(VILLAGE, whole)
    good = world[TOWN].exchange.receiving.receipts.sign(point, world[TOWN].clock.now_ms())
    for_other = world[TOWN].exchange.receiving.receipts.sign(attached_point(TOWN, whole), 0)
    of_other = world[COUNTY].exchange.receiving.receipts.sign(point, 0)
    for line in ("", for_other, of_other, good.replace("receipt/99", "receipt/98")):
        with pytest.raises(DataError) as caught:
            tell(world, AttachedSection(whole=whole, wanted=(), line=line))
        assert caught.value.code == "cosignature.signature"
        assert waiting_of(world) == [content_hash]
    tell(world, AttachedSection(whole=whole, wanted=(), line=good))
    assert exchange.attached.to_give(9) == []
    tell(world, AttachedSection(whole=(), wanted=whole, line=""))
    assert waiting_of(world) == [content_hash]


def waiting_of(world: StickWorld) -> list[bytes]:
    attached = world[VILLAGE].exchange.attached
    attached.mark(attached.not_seen(), held=True)
    return [one.hash for one in attached.to_give(9)]


def tell(world: StickWorld, told: AttachedSection) -> None:
    """Let the village read what a stick from the township says of attachments."""
    manifest = Manifest(
        kind="acknowledgement", ledger_id=world.genesis.ledger_id(), sender=TOWN, created_at_ms=0,
        prerequisites=(),
    )  # fmt: skip
    section = Section(kind=SECTION_ATTACHED, encoding="", payload=told.pack())
    take_section(world[VILLAGE].exchange, section, None, manifest)


def test_only_what_an_act_names_is_taken_and_only_as_it_names_it(world: StickWorld, tmp_path: Path) -> None:
    photo = take(world, SCAN)
    case = receive(world, photo)
    world.sync(VILLAGE)
    place = world[TOWN]
    taker = StickAttachments(place.exchange, clock=place.clock, randomness=place.randomness)
    good = Piece(hash=photo.named[0], case_id=case, head=photo.head, index=0, chunk=SCAN)
    for bad, code in (
        (replace(good, hash=bytes(32)), "attach.unnamed"),
        (replace(good, case_id=CaseId(bytes(16))), "attach.unnamed"),
        (replace(good, head=replace(good.head, size=good.head.size + 1)), "attach.unnamed"),
        (replace(good, chunk=SCAN[:-1] + b"?"), "attach.differs"),
        (replace(good, head=replace(good.head, salt=bytes(32))), "attach.differs"),
    ):
        with pytest.raises(BanjianError) as caught:
            taker.take(bad)
        assert caught.value.code == code
        assert content(world, TOWN, photo) == b""
    taker.take(good)
    assert content(world, TOWN, photo) == SCAN


@pytest.mark.parametrize(
    "change",
    [
        lambda fields: (2, *fields[1:]),
        lambda fields: fields[:-1],
        lambda fields: (*fields[:6], 1, fields[7]),
        lambda fields: (*fields[:7], fields[7] + b"x"),
        lambda fields: (*fields[:5], "a/b", *fields[6:]),
        lambda fields: (fields[0], fields[1][:31], *fields[2:]),
        lambda fields: (*fields[:2], b"", *fields[3:]),
    ],
)
def test_a_chunk_that_no_reader_takes(change) -> None:  # type: ignore[no-untyped-def]
    fields = (1, bytes(32), bytes(16), 3, bytes(32), "a.jpg", 0, b"abc")
    assert decode_piece(pack_header(fields)).pack() == pack_header(fields)
    with pytest.raises(EncodingError):
        decode_piece(pack_header(change(fields)))


@pytest.mark.parametrize(
    "fields",
    [
        (2, (), (), b""),
        (1, (), ()),
        (1, (bytes(31),), (), b""),
        (1, (b"\x01" * 32, bytes(32)), (), b""),
        (1, (bytes(32), bytes(32)), (), b""),
        (1, (), (bytes(32),) * 257, b""),
        (1, (), (), b"\xff"),
        (1, (), (), bytes(600)),
    ],
)
def test_an_answer_that_no_reader_takes(fields: tuple[object, ...]) -> None:
    with pytest.raises(EncodingError):
        decode_attached(pack_header(fields))  # type: ignore[arg-type]


# --- registry and catalogue upward --------------------------------------------------------------------------


def test_a_county_that_came_back_gets_its_registry_by_stick(world: StickWorld, tmp_path: Path) -> None:
    image = copy(world, COUNTY, "image")
    world.enrol(VILLAGE, "window", "S99")
    world.settle(TOWN)
    size = world[TOWN].exchange.registry_size
    put_back(world, COUNTY, image)
    (world[COUNTY].path / RESTORED_MARKER).touch()
    assert world[COUNTY].exchange.registry_size < size
    stick = tmp_path / "stick"
    # The county says what it holds, the township brings what is lacking.
    job(world, TOWN, EXPORT, stick)
    job(world, COUNTY, IMPORT, stick)
    job(world, TOWN, IMPORT, stick)
    job(world, TOWN, EXPORT, stick)
    assert job(world, COUNTY, IMPORT, stick)["complete"]
    assert world[COUNTY].exchange.registry_size == size
    assert world[COUNTY].ledger.knowledge.registry.public_key(signer("S99").key_id) is not None
    # In step, nothing of it travels any more.
    job(world, TOWN, IMPORT, stick)
    last = tmp_path / "last"
    job(world, TOWN, EXPORT, last)
    assert all("package" not in found for found in kinds(world, COUNTY, last).values())
