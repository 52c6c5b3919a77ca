"""Attachments between real stations over TLS: up behind the acts, down when asked for, believed by hash."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import aiohttp
import pytest

from ledger.codec import pack_header
from ledger.errors import BanjianError, DataError, EncodingError, InputError, StoreError
from ledger.facade import Command, Home
from ledger.facade.peering.between import station_board, sync_status
from ledger.types import CaseId, StationId
from stations.kept.attachments import Attachment, Attachments
from stations.kept.lostfiles import lost_files
from stations.serving.carriage import Carriage, ask
from stations.serving.rereading import FILES_MAX, ROUND_MS, Rereading, round_of
from stations.serving.weblog import web_log
from sync import attachforms
from sync.attachforms import ATTACHMENTS_PATH, CHUNK_BYTES, Head, Offer, decode_answer, encode_offers
from sync.certs.credentials import calling_context
from sync.line.problem import decode_problem
from tests.sync.test_over_tls import Serving, certified
from tests.sync.world import COUNTY, FELLING, TOWN, VILLAGE, VILLAGE_2, World

PHOTO = os.urandom(2 * CHUNK_BYTES + 4_321)


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World.after(certified(TOWN, VILLAGE, VILLAGE_2), tmp_path)
    return made


@dataclass
class Levels:
    """Three levels and a second village that serve."""

    county: Serving
    town: Serving
    village: Serving
    other: Serving

    async def settle(self) -> None:
        """Let everybody sync, upwards and down again, and carry what waits."""
        for serving in (self.town, self.village, self.other) * 2:
            await serving.network.sync_now()
            await carried(serving)


async def carried(serving: Serving) -> None:
    """Wait for what goes on behind a sync."""
    task = serving.network._carrying
    if task is not None:
        await task


def run(world: World, story: Callable[[Levels], Awaitable[None]]) -> None:
    async def main() -> None:
        async with AsyncExitStack() as stack:
            county = await stack.enter_async_context(Serving(world[COUNTY], listen=True))
            town = await stack.enter_async_context(Serving(world[TOWN], listen=True, upstream=county.address))
            below = [
                await stack.enter_async_context(Serving(world[one], listen=False, upstream=town.address))
                for one in (VILLAGE, VILLAGE_2)
            ]
            levels = Levels(county, town, *below)
            await levels.settle()
            await story(levels)

    asyncio.run(main())


def store_of(serving: Serving) -> Attachments:
    return Attachments(Home(serving.place.path), os.urandom)


def content_of(serving: Serving, kept: Attachment) -> bytes:
    """Return the content of an attachment at a station; b"" where it is not."""
    store = store_of(serving)
    found = store.find(kept.hash)
    return b"" if found is None else b"".join(store.read(found))


async def perform(serving: Serving, kept: Sequence[Attachment], **more: object) -> CaseId:
    """Sign an act with attachments and let them be carried."""
    place = serving.place
    command = Command(station=place.station, attachments=tuple(one.named for one in kept), **more)  # type: ignore[arg-type]
    key = World.key(None, place.station, "window")  # type: ignore[arg-type]
    done = await serving.thread.run(lambda: serving.thread.held.perform(command, key))
    await serving.network.carriage.brought([one.named[0] for one in kept])
    return done.case_id


async def receive(serving: Serving, *kept: Attachment) -> CaseId:
    return await perform(
        serving, kept, action="receive",
        facts={"item": FELLING, "applicant_kind": "person", "channel": "counter", "materials": []},
        personal={"applicant": {"name": "张三", "id_kind": "other", "id_no": "N1"}},
    )  # fmt: skip


def take(serving: Serving, raw: bytes = PHOTO, file: str = "林地照片.jpg") -> Attachment:
    return store_of(serving).take(file, raw, by="W1", at_ms=serving.place.clock.now_ms())


def test_a_photo_goes_up_behind_the_acts_and_comes_down_when_asked_for(world: World) -> None:
    async def story(levels: Levels) -> None:
        kept = take(levels.village)
        case = await receive(levels.village, kept)
        await levels.village.network.sync_now()
        await carried(levels.village)
        assert content_of(levels.town, kept) == PHOTO and not content_of(levels.county, kept)
        found = store_of(levels.town).find(kept.hash)
        assert found is not None and found.file == "林地照片.jpg"
        await levels.town.network.sync_now()
        await carried(levels.town)
        assert content_of(levels.county, kept) == PHOTO

        answer = take(levels.town, b"opinion", "意见.pdf")
        await perform(levels.village, (), action="hand_over", case=case, facts={"to": TOWN})
        await levels.settle()
        await perform(levels.town, (), action="take_over", case=case, facts={})
        await perform(levels.town, (answer,), action="note", case=case, facts={})
        await levels.settle()
        assert not content_of(levels.village, answer), "nobody asked"
        progress: list[tuple[int, int]] = []

        async def told(done: int, total: int) -> None:
            progress.append((done, total))

        await levels.village.network.carriage.fetch(case, answer.named[0], told)
        assert content_of(levels.village, answer) == b"opinion" and progress == [(1, 1)]
        with pytest.raises(InputError) as refused:
            await levels.other.network.carriage.fetch(case, answer.named[0])
        assert refused.value.code == "attach.not_here" and not content_of(levels.other, answer)

    run(world, story)


def test_what_lies_two_levels_up_is_on_its_way_first(world: World) -> None:
    async def story(levels: Levels) -> None:
        kept = take(levels.village)
        case = await receive(levels.village, kept)
        await levels.settle()
        store_of(levels.village).drop(kept.hash)
        store_of(levels.town).drop(kept.hash)
        with pytest.raises(InputError) as waits:
            await levels.village.network.carriage.fetch(case, kept.named[0])
        assert waits.value.code == "attach.on_its_way"
        await asyncio.gather(*levels.town.network.carriage._fetching.values())
        await levels.village.network.carriage.fetch(case, kept.named[0])
        assert content_of(levels.village, kept) == content_of(levels.town, kept) == PHOTO

    run(world, story)


def test_a_broken_line_costs_only_the_chunks_that_are_missing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(levels: Levels) -> None:
        kept = take(levels.village)
        await receive(levels.village, kept)
        given: list[int] = []
        really = Carriage.put

        async def breaks(self: Carriage, content: bytes, index: int, raw: bytes, *, peer: StationId) -> None:
            if len(given) == 2:
                given.append(-1)
                raise StoreError("store.disk_full", file="attachments")
            given.append(index)
            await really(self, content, index, raw, peer=peer)

        monkeypatch.setattr(Carriage, "put", breaks)
        await levels.village.network.sync_now()
        await carried(levels.village)
        assert given == [0, 1, -1] and not content_of(levels.town, kept)
        await levels.village.network.sync_now()
        await carried(levels.village)
        assert given == [0, 1, -1, 2] and content_of(levels.town, kept) == PHOTO
        await levels.village.network.sync_now()
        await carried(levels.village)
        assert given == [0, 1, -1, 2], "what is there is not given again"

    run(world, story)


def test_what_a_station_lost_is_given_again(world: World) -> None:
    async def story(levels: Levels) -> None:
        kept = take(levels.village)
        await receive(levels.village, kept)
        await levels.settle()
        store_of(levels.town).drop(kept.hash)
        await ask(levels.town.thread, lambda one: one.mark([kept.named[0]], held=False))
        levels.village.network.carriage._asked_at_ms = -(10**12)
        for _ in range(2):
            await levels.village.network.sync_now()
            await carried(levels.village)
        assert content_of(levels.town, kept) == PHOTO

    run(world, story)


def test_a_damaged_attachment_holds_up_no_other_one(world: World) -> None:
    async def story(levels: Levels) -> None:
        village = levels.village
        broken, *sound = [take(village, os.urandom(1_000), f"{number}.jpg") for number in range(4)]
        for one in (broken, *sound):
            await receive(village, one)
        (chunk,) = (village.place.path / "attachments" / broken.name).iterdir()
        raw = chunk.read_bytes()
        chunk.write_bytes(raw[:-1] + bytes([raw[-1] ^ 1]))
        await village.network.sync_now()
        await carried(village)
        assert all(content_of(levels.town, one) == content_of(village, one) for one in sound)
        assert store_of(levels.town).find(broken.hash) is None
        chunk.write_bytes(raw)
        await village.network.carriage.sweep()
        await village.network.sync_now()
        await carried(village)
        assert content_of(levels.town, broken) == content_of(village, broken)

    run(world, story)


def test_a_damaged_attachment_is_fetched_again_from_above(world: World) -> None:
    async def story(levels: Levels) -> None:
        village = levels.village
        kept = take(village)
        case = await receive(village, kept)
        await levels.settle()
        assert content_of(levels.town, kept) == PHOTO
        for chunk in (village.place.path / "attachments" / kept.name).iterdir():
            chunk.write_bytes(chunk.read_bytes()[:-1])
        await village.network.carriage.damaged(kept.named[0])
        ledger, store = village.thread.held, store_of(village)
        (lost,) = lost_files(ledger, store, village.place.station)
        assert (lost.hash, lost.case_id, lost.above) == (kept.hash, case, True)
        await village.network.carriage.fetch(case, kept.named[0])
        assert content_of(village, kept) == PHOTO
        assert lost_files(ledger, store, village.place.station, thorough=True) == []

    run(world, story)


def test_what_nobody_asks_for_is_read_again_within_days(world: World) -> None:
    async def story(levels: Levels) -> None:
        village, rotten = levels.village, list[str]()
        kept = [take(village, os.urandom(1_000), f"{n}.jpg") for n in range(FILES_MAX + 2)]
        case = await receive(village, *kept)
        ledger, store = village.thread.held, store_of(village)
        home, clock = Home(village.place.path), village.place.clock

        def reading() -> Rereading:
            # Another one each time, as after a restart: it goes on where the last one was.
            return Rereading(
                village.thread, home, clock=clock, randomness=os.urandom, log=web_log(home.path, clock)
            )

        for one in sorted(kept, key=lambda one: one.hash)[FILES_MAX - 1 :: 2]:
            (chunk,) = (village.place.path / "attachments" / one.name).iterdir()
            chunk.unlink() if rotten else chunk.write_bytes(chunk.read_bytes()[:-1])
            rotten.append(one.hash)
        assert lost_files(ledger, store, village.place.station) == [], "nobody knows of it"
        first = await reading().turn()
        assert (first.read, first.damaged, first.total, first.done_at_ms) == (8, 1, 10, 0)
        assert [one.hash for one in lost_files(ledger, store, village.place.station)] == rotten[:1]
        second = await reading().turn()
        assert (second.read, second.damaged, second.total) == (10, 2, 10)
        lost = lost_files(ledger, store, village.place.station)
        assert {one.hash for one in lost} == set(rotten) and {one.case_id for one in lost} == {case}
        through = await reading().turn()
        assert through.done_at_ms == through.last_done_at_ms > through.begun_at_ms
        assert await reading().turn() == through == round_of(home, os.urandom), "once a week is enough"
        clock.time_ms += ROUND_MS
        again = await reading().turn()
        assert (again.read, again.damaged, again.last_done_at_ms) == (8, 0, through.done_at_ms)
        # A clock that was set back, or a file that is damaged itself, ends no reading.
        (home.path / "reading" / "attachments.sealed").write_bytes(b"rotten too")
        assert (await reading().turn()).read == 8

    run(world, story)


def test_a_turn_of_reading_is_short_whatever_the_size(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(levels: Levels) -> None:
        village = levels.village
        await receive(village, *(take(village, os.urandom(1_000), f"{n}.jpg") for n in range(3)))
        home, clock = Home(village.place.path), village.place.clock
        reading = Rereading(
            village.thread, home, clock=clock, randomness=os.urandom, log=web_log(home.path, clock)
        )
        monkeypatch.setattr("stations.serving.rereading.BYTES_MAX", 1_500)
        assert [(await reading.turn()).read for _ in range(3)] == [1, 2, 3]
        assert (await reading.turn()).done_at_ms
        known = round_of(Home(village.place.path), os.urandom)
        village.place.clock.time_ms -= 3 * ROUND_MS
        assert (await reading.turn()).begun_at_ms < known.begun_at_ms, "a clock that was set back"

    run(world, story)


def test_an_act_signed_before_a_crash_has_its_attachment_carried_after_it(world: World) -> None:
    async def story(levels: Levels) -> None:
        kept = take(levels.village)
        carriage = levels.village.network.carriage
        carriage.brought = lambda contents: asyncio.sleep(0)  # type: ignore[method-assign,assignment]
        await receive(levels.village, kept)
        await levels.village.network.sync_now()
        await carried(levels.village)
        assert not content_of(levels.town, kept)
        await carriage.sweep()
        await levels.village.network.sync_now()
        await carried(levels.village)
        assert content_of(levels.town, kept) == PHOTO

    run(world, story)


def test_content_that_is_not_what_the_act_names_is_thrown_away(world: World) -> None:
    async def story(levels: Levels) -> None:
        kept = take(levels.village)
        case = await receive(levels.village, kept)
        await levels.village.network.sync_now()
        await carried(levels.village)
        store_of(levels.town).drop(kept.hash)
        above = levels.village.network._above()
        assert above is not None
        lie = Offer(hash=kept.named[0], case_id=case, head=replace(kept.head, file="../../evil.sh"))
        url = above.address + ATTACHMENTS_PATH
        async with above.http().post(url, data=encode_offers((lie,))) as response:
            assert decode_problem(await response.read()).code == "sync.field"
        lie = Offer(hash=kept.named[0], case_id=case, head=kept.head)
        async with above.http().post(url, data=encode_offers((lie,))) as response:
            (lacking,) = decode_answer(await response.read()).lacking
        assert lacking.chunks == (0, 1, 2)
        last = b""
        for index in lacking.chunks:
            raw = os.urandom(min(CHUNK_BYTES, len(PHOTO) - index * CHUNK_BYTES))
            async with above.http().put(f"{url}/{kept.hash}/{index}", data=raw) as response:
                last = await response.read()
        assert decode_problem(last).code == "attach.differs" and not content_of(levels.town, kept)
        assert store_of(levels.town).coming(kept.hash) is None
        await ask(levels.village.thread, lambda one: one.mark([kept.named[0]], given=False))
        await levels.village.network.sync_now()
        await carried(levels.village)
        assert content_of(levels.town, kept) == PHOTO

    run(world, story)


def test_what_no_act_names_is_not_taken_and_unknown_callers_get_nothing(world: World) -> None:
    async def story(levels: Levels) -> None:
        kept = take(levels.village)
        case = await receive(levels.village, kept)
        above = levels.village.network._above()
        assert above is not None
        url = above.address + ATTACHMENTS_PATH
        early = Offer(hash=kept.named[0], case_id=case, head=kept.head)
        other_size = replace(early, head=replace(kept.head, size=5))
        async with above.http().post(url, data=encode_offers((early,))) as response:
            answer = decode_answer(await response.read())
        assert answer.refused == ((kept.named[0], "attach.unnamed"),) and not answer.lacking
        await levels.village.network.sync_now()
        async with above.http().post(url, data=encode_offers((other_size,))) as response:
            assert decode_answer(await response.read()).refused == ((kept.named[0], "attach.unnamed"),)
        await carried(levels.village)
        expected = {
            ("PUT", f"/{'00' * 32}/0"): "attach.unknown",
            ("PUT", f"/{kept.hash}/400000"): "sync.field",
            ("PUT", f"/{kept.hash.upper()}/0"): "sync.field",
            ("GET", f"/{'00' * 16}/{kept.hash}"): "attach.not_here",
            ("GET", f"/{case.hex()}/{'00' * 32}"): "attach.not_here",
            ("GET", f"/{case.hex()}/{kept.hash}/3"): "attach.not_here",
        }
        for (method, path), code in expected.items():
            async with above.http().request(
                method, url + path, data=b"x" if method == "PUT" else None
            ) as response:
                assert decode_problem(await response.read()).code == code, path
        async with above.http().put(f"{url}/{kept.hash}/0", data=bytes(CHUNK_BYTES + 1)) as response:
            assert decode_problem(await response.read()).code == "encoding.limit"
        async with above.http().get(f"{url}/{case.hex()}/{kept.hash}/2") as response:
            assert response.status == 200 and await response.read() == PHOTO[2 * CHUNK_BYTES :]
        context = calling_context(Home(world[VILLAGE].path), levels.village.thread.ledger_id)
        context_without = type(context)(context.protocol)
        context_without.check_hostname, context_without.verify_mode = False, 0  # type: ignore[assignment]
        async with (
            aiohttp.ClientSession() as nobody,
            nobody.get(f"{url}/{case.hex()}/{kept.hash}", ssl=context_without) as response,
        ):
            assert decode_problem(await response.read()).code == "tls.no_certificate"

    run(world, story)


def test_erased_attachments_are_neither_given_nor_taken(world: World) -> None:
    async def story(levels: Levels) -> None:
        kept = take(levels.village)
        case = await receive(levels.village, kept)
        await levels.settle()
        later = take(levels.village)
        await perform(levels.village, (later,), action="note", case=case, facts={"note_code": "asked"})
        ledger = levels.village.thread.held
        assert sync_status(ledger, VILLAGE).levels[0].attachments == 1
        await levels.village.thread.run(lambda: erase(levels.village, case))
        assert sync_status(ledger, VILLAGE).levels[0].attachments == 0
        await levels.settle()
        with pytest.raises(InputError) as gone:
            await levels.village.network.carriage.fetch(case, kept.named[0])
        assert gone.value.code == "attach.not_here"

    def erase(serving: Serving, case: CaseId) -> None:
        ledger = serving.thread.held
        key = World.key(None, serving.place.station, "archivist")  # type: ignore[arg-type]
        command = Command(
            action="erase", station=serving.place.station, case=case, facts={"ground": "applicant_request"}
        )
        ledger.perform(command, key)

    world.enrol(VILLAGE, "archivist", "A1")
    run(world, story)


FORMS: dict[str, tuple[Callable[[bytes], object], tuple[object, ...]]] = {
    "another version": (attachforms.decode_offers, (2, ())),
    "no list": (attachforms.decode_offers, (1, 5)),
    "a short hash": (attachforms.decode_offers, (1, ((b"x", bytes(16), 1, bytes(32), "a"),))),
    "a short case": (attachforms.decode_offers, (1, ((bytes(32), b"", 1, bytes(32), "a"),))),
    "nothing in it": (attachforms.decode_offers, (1, ((bytes(32), bytes(16), 0, bytes(32), "a"),))),
    "too large": (attachforms.decode_offers, (1, ((bytes(32), bytes(16), 2**30 + 1, bytes(32), "a"),))),
    "a path": (attachforms.decode_offers, (1, ((bytes(32), bytes(16), 1, bytes(32), "a/b"),))),
    "a long name": (attachforms.decode_offers, (1, ((bytes(32), bytes(16), 1, bytes(32), "a" * 121),))),
    "a field too many": (attachforms.decode_offers, (1, ((bytes(32), bytes(16), 1, bytes(32), "a", 1),))),
    "too many": (attachforms.decode_offers, (1, ((bytes(32), bytes(16), 1, bytes(32), "a"),) * 65)),
    "chunks that go back": (decode_answer, (1, ((bytes(32), (1, 1)),), (), ())),
    "a chunk beyond": (decode_answer, (1, ((bytes(32), (attachforms.CHUNKS_MAX,)),), (), ())),
    "a code of its own": (decode_answer, (1, (), ((bytes(32), "Nein!"),), ())),
    "wanted by what": (decode_answer, (1, (), (), (b"x",))),
    "a head without salt": (attachforms.decode_head, (1, 5, b"", "a")),
}


@pytest.mark.parametrize("name", FORMS)
def test_each_malformed_form_is_refused_by_name(name: str) -> None:
    decode, fields = FORMS[name]
    with pytest.raises(EncodingError) as refused:
        decode(pack_header(fields))  # type: ignore[arg-type]
    assert refused.value.code == "sync.field"


def test_forms_come_back_as_they_went() -> None:
    head = Head(size=CHUNK_BYTES + 1, salt=bytes(range(32)), file="照片.jpg")
    assert attachforms.decode_head(head.pack()) == head and head.chunks == 2
    offers = (Offer(hash=bytes(32), case_id=CaseId(bytes(16)), head=head),)
    assert attachforms.decode_offers(encode_offers(offers)) == offers
    answer = attachforms.Answer(
        lacking=(attachforms.Lacking(hash=bytes(32), chunks=(0, 5)),),
        refused=((bytes(32), "attach.unnamed"),),
        wanted=(bytes(32),),
    )
    assert decode_answer(answer.pack()) == answer


def test_codes_of_carrying_have_words() -> None:
    for error in (DataError("attach.differs", file="x"), InputError("attach.on_its_way")):
        assert isinstance(error, BanjianError) and str(error)


def test_a_photo_that_has_not_gone_up_is_told_where_the_records_are_confirmed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(levels: Levels) -> None:
        village, town = levels.village, levels.town
        kept = take(village)
        case = await receive(village, kept)
        with monkeypatch.context() as cut:
            cut.setattr(Carriage, "put", _cut)
            for _ in range(2):
                for serving in (village, town):
                    await serving.network.sync_now()
                    await carried(serving)
        found = sync_status(village.thread.held, VILLAGE).levels
        assert [(one.waiting, one.attachments) for one in found] == [(0, 1), (0, 1)]
        assert _missing(town) == {TOWN: 0, VILLAGE: 1, VILLAGE_2: 0}
        await levels.settle()
        found = sync_status(village.thread.held, VILLAGE).levels
        assert [(one.waiting, one.attachments) for one in found] == [(0, 0), (0, 0)]
        assert _missing(town) == {TOWN: 0, VILLAGE: 0, VILLAGE_2: 0}
        # What came down from above is not offered there as if it had never been.
        store_of(village).drop(kept.hash)
        await ask(village.thread, lambda one: one.mark([kept.named[0]], held=False, given=False))
        await village.network.carriage.fetch(case, kept.named[0])
        assert sync_status(village.thread.held, VILLAGE).levels[0].attachments == 0

    run(world, story)


async def _cut(self: Carriage, content: bytes, index: int, raw: bytes, *, peer: StationId) -> None:
    raise StoreError("store.disk_full", file="attachments")


def _missing(serving: Serving) -> dict[StationId, int]:
    ledger = serving.thread.held
    return {one.station: one.attachments for one in station_board(ledger, serving.place.station)}
