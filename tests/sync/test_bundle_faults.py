"""Sticks that are torn, spoilt, forged: nothing is stored that does not prove itself, nothing is lost."""

from __future__ import annotations

import os
import shutil
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from ledger.errors import BanjianError
from ledger.facade import Command
from ledger.formats.bundle import (
    MAGIC,
    SECTION_BRANCH,
    SECTION_EXCERPT,
    SECTION_FEED,
    SECTION_HELLO,
    SECTION_PACKAGE,
    BundleHeader,
    Manifest,
    Section,
    bundle_public_key,
    open_part,
    read_bundle_header,
    seal_part,
)
from ledger.formats.keys import X25519, key_id
from ledger.formats.package import decode_package, encode_package
from ledger.limits import BUNDLE_SECTION_BYTES_MAX
from ledger.types import StationId
from stations.kept.sticks import find_files
from sync.core.messages import decode_hello
from sync.stick.bundleforms import compressed, plain
from sync.stick.bundlereading import IN_FLIGHT_MAX, PartReader
from sync.stick.bundlereport import PartReport
from tests.sync.sticks import StickWorld
from tests.sync.world import COUNTY, TOWN, VILLAGE, VILLAGE_2


def begin(world: StickWorld) -> None:
    """Let a township and two villages join; one village knows the county."""
    for station in (TOWN, VILLAGE, VILLAGE_2):
        world.join(station)
    world.sync(TOWN)
    world.sync(VILLAGE)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[StickWorld]:
    made = StickWorld.after(begin, tmp_path)
    yield made
    made.close()


def read(world: StickWorld, station: StationId, raw: bytes) -> PartReport | str:
    """Take in a part and return what became of it, or the code why nothing was taken."""
    place = world[station]
    with ThreadPoolExecutor(2) as cores:
        try:
            reader = PartReader(place.exchange, raw, now_ms=place.clock.now_ms(), cores=cores)
        except BanjianError as error:
            return error.code
        for _ in reader.run():
            pass
    return reader.report


def opened(
    world: StickWorld, receiver: StationId, raw: bytes
) -> tuple[BundleHeader, Manifest, list[Section]]:
    seed = world[receiver].exchange.carried.seed()
    assert seed is not None
    part = open_part(raw, seed)
    return part.header, part.manifest, list(part.sections)


def sealed(world: StickWorld, header: BundleHeader, manifest: Manifest, sections: list[Section]) -> bytes:
    """Seal as anybody can who knows the receiver's public key."""
    seed = world[header.receiver].exchange.carried.seed()
    assert seed is not None
    return seal_part(header, manifest, sections=sections, public_key=bundle_public_key(seed))


def frames(world: StickWorld, station: StationId, of: StationId) -> list[bytes]:
    """Return the frames of a station's log as another one holds them."""
    found: list[bytes] = []
    exchange = world[station].exchange
    for state in exchange.held.states(frozenset((of,)), county=False):
        after = 0
        while (content := exchange.package(state.log_id, after=after)) is not None:
            found += content.frames
            after = content.last_seq
    return found


def flips(raw: bytes, step: int = 1) -> Iterator[tuple[int, bytes]]:
    for place in range(0, len(raw), step):
        yield place, raw[:place] + bytes((raw[place] ^ 0x41,)) + raw[place + 1 :]


def test_torn_at_every_thousandth_byte(world: StickWorld, tmp_path: Path) -> None:
    """What was whole before the tear counts; here registry first, then the catalogue."""
    (file,) = world.export(TOWN, VILLAGE_2, tmp_path / "stick")
    raw = file.read_bytes()
    county, here = world[COUNTY].ledger.knowledge, world[VILLAGE_2].ledger.knowledge
    seen = set()
    for size in range(0, len(raw), 1000):
        found = read(world, VILLAGE_2, raw[:size])
        if isinstance(found, str):
            assert found in ("bundle.malformed", "bundle.truncated")
        else:
            assert found.torn and found.read < found.listed
        assert here.registry.size in (0, county.registry.size)
        assert here.catalogue.size in (0, county.catalogue.size)
        seen.add((here.registry.size > 0, here.catalogue.size > 0))
    assert (True, False) in seen
    found = read(world, VILLAGE_2, raw)
    assert isinstance(found, PartReport) and not found.torn and not found.not_taken
    assert (here.registry.size, here.catalogue.size) == (county.registry.size, county.catalogue.size)


def test_every_byte_of_a_part_changed(world: StickWorld, tmp_path: Path) -> None:
    case = world.receive(VILLAGE)
    (file,) = world.export(VILLAGE, TOWN, tmp_path / "stick")
    header, manifest, sections = opened(world, TOWN, file.read_bytes())
    raw = sealed(world, header, manifest, [one for one in sections if one.kind != SECTION_HELLO])
    truth = frames(world, VILLAGE, VILLAGE)
    for place, spoilt in flips(raw):
        found = read(world, TOWN, spoilt)
        assert isinstance(found, str) or found.not_taken, place
        assert frames(world, TOWN, VILLAGE) in ([], truth), place
    read(world, TOWN, raw)
    assert world.digest(TOWN, case) == world.digest(VILLAGE, case)


def test_every_byte_of_every_section_changed_and_sealed_again(world: StickWorld, tmp_path: Path) -> None:
    """Somebody who can open the bundle and knows the receiver's public key gets nothing wrong stored."""
    case = world.receive(VILLAGE)
    (file,) = world.export(VILLAGE, TOWN, tmp_path / "stick")
    header, manifest, sections = opened(world, TOWN, file.read_bytes())
    truth = frames(world, VILLAGE, VILLAGE)
    for index, section in enumerate(sections):
        payload = plain(section)
        for place, spoilt in flips(payload):
            changed = [*sections[:index], Section(kind=section.kind, encoding="", payload=spoilt)]
            if section.kind != SECTION_PACKAGE:
                changed = changed[-1:]
            read(world, TOWN, sealed(world, header, manifest, changed))
            assert frames(world, TOWN, VILLAGE) in ([], truth), (section.kind, place)
    found = read(world, TOWN, file.read_bytes())
    assert isinstance(found, PartReport) and not found.not_taken
    assert world.digest(TOWN, case) == world.digest(VILLAGE, case)
    assert world[TOWN].ledger.find("张三")


def without_bodies(section: Section, *, facts: bool = False) -> Section:
    """Return a package from which somebody has taken all bodies but the first: it still reaches its root."""
    content = decode_package(plain(section))
    none = (b"",) * (len(content.frames) - 1)
    bare = replace(content, personal=(content.personal[0], *none))
    bare = bare if facts else replace(bare, facts=(content.facts[0], *none))
    return Section(kind=SECTION_PACKAGE, encoding="", payload=encode_package(bare))


def test_a_package_without_its_facts_is_refused_and_taken_from_the_next_stick(
    world: StickWorld, tmp_path: Path
) -> None:
    case = world.receive(VILLAGE)
    (file,) = world.export(VILLAGE, TOWN, tmp_path / "stick")
    header, manifest, sections = opened(world, TOWN, file.read_bytes())
    (package,) = [one for one in sections if one.kind == SECTION_PACKAGE]
    found = read(world, TOWN, sealed(world, header, manifest, [without_bodies(package)]))
    assert isinstance(found, PartReport)
    assert [one.code for one in found.not_taken] == ["package.pins"]
    assert frames(world, TOWN, VILLAGE) == []
    read(world, TOWN, file.read_bytes())
    assert world.digest(TOWN, case) == world.digest(VILLAGE, case)


def test_personal_bodies_that_were_left_out_come_with_the_next_stick(
    world: StickWorld, tmp_path: Path
) -> None:
    case = world.receive(VILLAGE)
    (file,) = world.export(VILLAGE, TOWN, tmp_path / "stick")
    header, manifest, sections = opened(world, TOWN, file.read_bytes())
    (package,) = [one for one in sections if one.kind == SECTION_PACKAGE]
    read(world, TOWN, sealed(world, header, manifest, [without_bodies(package, facts=True)]))
    assert frames(world, TOWN, VILLAGE) == frames(world, VILLAGE, VILLAGE)
    assert not world[TOWN].ledger.find("张三")
    read(world, TOWN, file.read_bytes())
    assert [row.case_id for row in world[TOWN].ledger.find("张三")] == [case]
    assert world.digest(TOWN, case) == world.digest(VILLAGE, case)
    assert case in {row.case_id for row in world[TOWN].ledger.worklist(include_closed=True)}


def test_what_was_erased_does_not_come_back_with_an_old_stick(world: StickWorld, tmp_path: Path) -> None:
    case = world.receive(VILLAGE)
    (file,) = world.export(VILLAGE, TOWN, tmp_path / "stick")
    read(world, TOWN, file.read_bytes())
    world.do(VILLAGE, "hand_over", case, to=TOWN)
    world.carry(VILLAGE, TOWN, tmp_path / "later")
    world.do(TOWN, "take_over", case)
    command = Command(action="erase", station=TOWN, case=case, facts={"ground": "applicant_request"})
    assert world[TOWN].ledger.erase(command, world.key(TOWN, "head"))
    assert not world[TOWN].ledger.find("张三")
    read(world, TOWN, file.read_bytes())
    assert not world[TOWN].ledger.find("张三")


def test_a_registry_without_its_bodies_is_refused(world: StickWorld, tmp_path: Path) -> None:
    (file,) = world.export(TOWN, VILLAGE_2, tmp_path / "stick")
    header, manifest, sections = opened(world, VILLAGE_2, file.read_bytes())
    registry = next(one for one in sections if one.kind == SECTION_PACKAGE)
    found = read(world, VILLAGE_2, sealed(world, header, manifest, [without_bodies(registry)]))
    assert isinstance(found, PartReport)
    assert [one.code for one in found.not_taken] == ["bundle.bodies"]
    assert world[VILLAGE_2].ledger.knowledge.registry.size == 0
    read(world, VILLAGE_2, file.read_bytes())
    assert world[VILLAGE_2].ledger.knowledge.registry.size > 0


def test_a_registry_of_somebodys_own_is_refused(world: StickWorld, tmp_path: Path) -> None:
    """Another county's registry names another ledger; one opened by none of our root keys is none of ours."""
    other = StickWorld(tmp_path / "elsewhere", seed="elsewhere")
    for station in (TOWN, VILLAGE_2):
        other.join(station)
    other.sync(TOWN)
    (file,) = other.export(TOWN, VILLAGE_2, tmp_path / "stick")
    header, manifest, sections = opened(other, VILLAGE_2, file.read_bytes())
    other.close()
    seed = world[VILLAGE_2].exchange.carried.seed()
    assert seed is not None
    own = replace(header, receiver_key=key_id(X25519, bundle_public_key(seed)))
    assert read(world, VILLAGE_2, sealed(world, own, manifest, sections)) == "bundle.other_ledger"
    forged = replace(manifest, ledger_id=world[COUNTY].ledger.ledger_id)
    found = read(world, VILLAGE_2, sealed(world, own, forged, sections))
    assert isinstance(found, PartReport) and found.not_taken and not found.new
    assert world[VILLAGE_2].ledger.knowledge.registry.size == 0


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda manifest: replace(manifest, sender=TOWN), "bundle.sender"),
        (lambda manifest: replace(manifest, kind="down"), "bundle.sender"),
        (lambda manifest: replace(manifest, sender=StationId("990199000000-00")), "bundle.sender"),
        (lambda manifest: replace(manifest, ledger_id=bytes(32)), "bundle.other_ledger"),
    ],
)
def test_who_has_nothing_to_send_here(
    world: StickWorld, tmp_path: Path, change: Callable[[Manifest], Manifest], code: str
) -> None:
    world.receive(VILLAGE)
    (file,) = world.export(VILLAGE, TOWN, tmp_path / "stick")
    header, manifest, sections = opened(world, TOWN, file.read_bytes())
    assert read(world, TOWN, sealed(world, header, change(manifest), sections)) == code
    assert frames(world, TOWN, VILLAGE) == []


def test_a_bomb_and_a_kind_nobody_knows(world: StickWorld, tmp_path: Path) -> None:
    from backports import zstd

    world.receive(VILLAGE)
    (file,) = world.export(VILLAGE, TOWN, tmp_path / "stick")
    header, manifest, sections = opened(world, TOWN, file.read_bytes())
    bomb = Section(kind="package", encoding="zstd", payload=zstd.compress(bytes(200 << 20), level=3))
    junk = Section(kind="package", encoding="zstd", payload=b"no zstd at all")
    later = Section(kind="of_version_9", encoding="", payload=b"?")
    found = read(world, TOWN, sealed(world, header, manifest, [bomb, junk, later, *sections]))
    assert isinstance(found, PartReport)
    assert [one.code for one in found.not_taken] == ["bundle.limit", "bundle.compression"]
    assert frames(world, TOWN, VILLAGE) == frames(world, VILLAGE, VILLAGE)


def test_a_forged_statement_only_costs_room(world: StickWorld, tmp_path: Path) -> None:
    """Who lies about what the upper station holds makes the next stick longer, never shorter."""
    world.receive(VILLAGE)
    world.carry(VILLAGE, TOWN, tmp_path / "first")
    raw = world.confirm(TOWN, VILLAGE, tmp_path / "back")[0].read_bytes()
    header, manifest, sections = opened(world, VILLAGE, raw)
    hello = decode_hello(plain(next(one for one in sections if one.kind == SECTION_HELLO)))
    more = tuple(state._replace(size=state.size + 1000) for state in hello.logs)
    for logs, count in ((more, 0), ((), 3)):
        forged = Section(kind=SECTION_HELLO, encoding="", payload=replace(hello, logs=logs).pack())
        read(world, VILLAGE, sealed(world, header, manifest, [forged]))
        (file,) = world.export(VILLAGE, TOWN, tmp_path / f"next {count}")
        kinds = [one.kind for one in opened(world, TOWN, file.read_bytes())[2]]
        assert kinds.count(SECTION_PACKAGE) == count
    assert world[VILLAGE].exchange.held.waiting(TOWN)[0] == 0


def test_a_clone_is_found_by_stick(world: StickWorld, tmp_path: Path) -> None:
    """Two machines with one disk: both histories are kept at the township, and both machines learn of it."""
    world.receive(VILLAGE)
    world.carry(VILLAGE, TOWN, tmp_path / "before")
    world[VILLAGE].close()
    shutil.copytree(world[VILLAGE].path, tmp_path / "clone")
    case = world.receive(VILLAGE, applicant="甲")
    world.carry(VILLAGE, TOWN, tmp_path / "one")
    world[VILLAGE].close()
    shutil.move(world[VILLAGE].path, tmp_path / "original")
    shutil.copytree(tmp_path / "clone", world[VILLAGE].path)
    other = world.receive(VILLAGE, applicant="乙")
    files = world.export(VILLAGE, TOWN, tmp_path / "two")
    found = world.take(TOWN, files)
    assert found.complete and len(world[TOWN].exchange.held.branches(frozenset((VILLAGE,)))) == 1
    assert world.take(TOWN, files).complete
    assert world[TOWN].ledger.find("甲") and world[TOWN].ledger.find("乙")
    back = world.take(VILLAGE, world.confirm(TOWN, VILLAGE, tmp_path / "back"))
    assert [code for part in back.parts for _, code in part.sealed] == ["log.upstream_other"]
    third = world.receive(VILLAGE, applicant="丙")
    assert world.carry(VILLAGE, TOWN, tmp_path / "three").complete
    # The entry of the clone's own history stands in a branch there, which no receipt covers.
    assert world[VILLAGE].exchange.held.waiting(TOWN)[0] == 1
    for one in (case, other, third):
        assert world[TOWN].ledger.state(one)[0].status == "received"


def test_a_divergent_history_goes_on_a_stick_until_the_receiver_says_that_it_has_it(
    world: StickWorld, tmp_path: Path
) -> None:
    def branches(name: str, *, everything: bool = False) -> int:
        """Return how many sections of divergent histories a stick down holds, and let it be taken."""
        files = world.export(TOWN, VILLAGE, tmp_path / name, everything=everything)
        assert world.take(VILLAGE, files).complete
        return sum(
            section.kind == SECTION_BRANCH
            for file in files
            for section in opened(world, VILLAGE, file.read_bytes())[2]
        )

    world.receive(VILLAGE)
    world.carry(VILLAGE, TOWN, tmp_path / "before")
    world[VILLAGE].close()
    shutil.copytree(world[VILLAGE].path, tmp_path / "clone")
    world.receive(VILLAGE, applicant="甲")
    world.carry(VILLAGE, TOWN, tmp_path / "one")
    world[VILLAGE].close()
    shutil.move(world[VILLAGE].path, tmp_path / "original")
    shutil.move(tmp_path / "clone", world[VILLAGE].path)
    world.receive(VILLAGE, applicant="乙")
    # The clone has said itself what it holds.
    assert world.carry(VILLAGE, TOWN, tmp_path / "two").complete
    assert branches("to the clone") == 0
    world[VILLAGE].close()
    shutil.move(world[VILLAGE].path, tmp_path / "clone")
    shutil.move(tmp_path / "original", world[VILLAGE].path)
    assert world.carry(VILLAGE, TOWN, tmp_path / "three").complete
    held = world[TOWN].exchange.held.branches(frozenset((VILLAGE,)))
    assert world[VILLAGE].exchange.held.branches(frozenset((VILLAGE,))) == []
    assert branches("to the original") == 1
    assert world[VILLAGE].exchange.held.branches(frozenset((VILLAGE,))) == held
    # That one arrived nobody knows before it is said.
    assert branches("again") == 1
    assert world.carry(VILLAGE, TOWN, tmp_path / "four").complete
    assert branches("no more") == 0
    assert branches("everything", everything=True) == 1


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes have names on this system")
def test_what_is_no_file_is_left_alone_whatever_its_name(tmp_path: Path) -> None:
    """A pipe that bears the name of a part would let itself be waited for without end."""
    name = f"banjian-{TOWN}-20260301-{'0' * 12}-1of"
    (tmp_path / f"{name}4.bundle").mkdir()
    (tmp_path / f"{name}5.bundle").symlink_to("/dev/zero")
    os.mkfifo(tmp_path / f"{name}6.bundle")
    holder = os.open(tmp_path / f"{name}6.bundle", os.O_RDWR)
    os.write(holder, MAGIC)
    try:
        assert find_files([tmp_path]) == ([], 0)
    finally:
        os.close(holder)


@pytest.mark.skipif(os.name == "nt", reason="a name that is too long cannot be written there")
def test_what_a_damaged_stick_cannot_tell_of_hides_no_other_file(world: StickWorld, tmp_path: Path) -> None:
    """One file of which the system says nothing kept everything else from being read."""
    (good,) = world.export(TOWN, VILLAGE_2, tmp_path)
    for name in (f"banjian-{TOWN}-20260301-{'0' * 12}-1of4.bundle", "IMG_0001.jpg"):
        (tmp_path / name).symlink_to("x" * 300)
    found, foreign = find_files([tmp_path])
    assert {one.path.name for one in found} == {good.name, f"banjian-{TOWN}-20260301-{'0' * 12}-1of4.bundle"}
    assert foreign == 1
    result = world.take(VILLAGE_2, tmp_path)
    assert len(result.parts) == 1 and not result.complete


def test_foreign_files_are_left_alone(world: StickWorld, tmp_path: Path) -> None:
    (file,) = world.export(TOWN, VILLAGE_2, tmp_path)
    (tmp_path / f"{file.name}.exe").write_bytes(file.read_bytes())
    (tmp_path / file.name.replace("1of1", "2of2")).write_bytes(b"MZ" + bytes(100))
    (tmp_path / file.name.replace("1of1", "3of3")).write_bytes(MAGIC[:5])
    found, foreign = find_files([tmp_path])
    assert [one.path.name[-12:] for one in found] == ["-1of1.bundle", "-3of3.bundle"]
    assert foreign >= 2
    assert read_bundle_header(file.read_bytes()).receiver == VILLAGE_2


def test_the_place_in_the_feed_moves_only_with_its_acts(world: StickWorld, tmp_path: Path) -> None:
    case = world.receive(VILLAGE)
    world.do(VILLAGE, "hand_over", case, to=TOWN)
    world.carry(VILLAGE, TOWN, tmp_path / "up")
    world.do(TOWN, "take_over", case)
    world.do(TOWN, "accept", case, role="officer")
    held = world[VILLAGE].exchange.held
    (file,) = world.export(TOWN, VILLAGE, tmp_path / "down")
    header, manifest, sections = opened(world, VILLAGE, file.read_bytes())
    without = [one for one in sections if one.kind != SECTION_EXCERPT]
    assert len(without) < len(sections)
    read(world, VILLAGE, sealed(world, header, manifest, without))
    assert held.feed_held(TOWN).number == 0
    read(world, VILLAGE, file.read_bytes())
    place = held.feed_held(TOWN)
    assert place.number > 0 and world.digest(VILLAGE, case) == world.digest(TOWN, case)
    world.take(TOWN, world.confirm(VILLAGE, TOWN, tmp_path / "back"))
    world.do(TOWN, "start_review", case, role="officer")
    (second,) = world.export(TOWN, VILLAGE, tmp_path / "second")
    kinds = [one.kind for one in opened(world, VILLAGE, second.read_bytes())[2]]
    assert kinds.count(SECTION_EXCERPT) == kinds.count(SECTION_FEED) == 1
    read(world, VILLAGE, second.read_bytes())
    further = held.feed_held(TOWN)
    assert further.number == place.number + 1
    read(world, VILLAGE, file.read_bytes())
    assert world.digest(VILLAGE, case) == world.digest(TOWN, case)
    # An older stick from the start takes no place back.
    assert held.feed_held(TOWN) == further
    world.sync(VILLAGE)
    assert held.feed_held(TOWN) == further


def test_another_stick_does_not_give_what_a_village_may_not_see(world: StickWorld, tmp_path: Path) -> None:
    world.take(VILLAGE_2, world.export(TOWN, VILLAGE_2, tmp_path / "first"))
    world.receive(VILLAGE, applicant="不给看")
    world.carry(VILLAGE, TOWN, tmp_path / "up")
    for everything in (False, True):
        files = world.export(TOWN, VILLAGE_2, tmp_path / f"down {everything}", everything=everything)
        for file in files:
            for section in opened(world, VILLAGE_2, file.read_bytes())[2]:
                assert "不给看".encode() not in plain(section)


class Watched(ThreadPoolExecutor):
    """Cores that say how much was given to them, and how much of it was not fetched at once."""

    def __init__(self, ledger_thread: int) -> None:
        super().__init__(2)
        self.ledger_thread = ledger_thread
        self.given = self.under_way = self.most = 0

    def submit(self, work, /, *args, **kwargs):  # type: ignore[no-untyped-def]
        self.given, self.under_way = self.given + 1, self.under_way + 1
        self.most = max(self.most, self.under_way)

        def elsewhere():  # type: ignore[no-untyped-def]
            assert threading.get_ident() != self.ledger_thread
            return work(*args, **kwargs)

        future: Future = super().submit(elsewhere)
        fetch = future.result

        def result(timeout: float | None = None):  # type: ignore[no-untyped-def]
            self.under_way -= 1
            return fetch(timeout)

        future.result = result  # type: ignore[method-assign]
        return future


def test_records_are_verified_on_the_cores_within_bounds(world: StickWorld, tmp_path: Path) -> None:
    """As in a session: each section with records goes to the cores, and only some of them at once."""
    case = world.receive(VILLAGE)
    for _ in range(700):
        world.do(VILLAGE, "note", case)
    (file,) = world.export(VILLAGE, TOWN, tmp_path / "stick", part_bytes=1 << 25)
    _, _, sections = opened(world, TOWN, file.read_bytes())
    place = world[TOWN]
    raw = file.read_bytes()
    with Watched(threading.get_ident()) as cores:
        reader = PartReader(place.exchange, raw, now_ms=place.clock.now_ms(), cores=cores)
        assert list(reader.run()) == list(range(1, len(sections) + 1))
    assert cores.given == sum(one.kind == SECTION_PACKAGE for one in sections) >= 3
    assert 1 < cores.most <= IN_FLIGHT_MAX + 1
    assert reader.report.new == 702 and not reader.report.not_taken
    assert world.digest(TOWN, case) == world.digest(VILLAGE, case)


@pytest.mark.parametrize("kind", [SECTION_PACKAGE, SECTION_HELLO, SECTION_FEED])
def test_a_part_whose_sections_swell_takes_no_more_memory_for_having_many(
    world: StickWorld, tmp_path: Path, kind: str
) -> None:
    """A kilobyte each that is 32 MiB of nothing: whoever knows the receiver's public key makes them."""
    (file,) = world.export(VILLAGE, TOWN, tmp_path / "stick")
    header, manifest, _ = opened(world, TOWN, file.read_bytes())
    swelling = compressed(kind, bytes(BUNDLE_SECTION_BYTES_MAX))
    peaks = []
    for count in (8, 24):
        raw = sealed(world, header, manifest, [swelling] * count)
        tracemalloc.start()
        report = read(world, TOWN, raw)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert isinstance(report, PartReport) and len(report.not_taken) == count
    assert peaks[1] < peaks[0] + BUNDLE_SECTION_BYTES_MAX
