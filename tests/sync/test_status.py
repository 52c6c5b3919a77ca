"""``sync status`` as an operator reads it: where everything is, what stands in the way, why, and what to do.

Each story makes the thing happen between real servers over TLS, then asks the command in both languages.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from ledger.errors import BanjianError, StoreError
from ledger.facade.transfer.intake import Intake
from ledger.lawtime import DAY_MS
from ledger.texts import Language, catalogue
from stations.cli.counterday.demo import DemoClock
from stations.config import write_config
from stations.texts import GAP, Say
from sync.certs.pki import LEAF_DAYS
from sync.core import messages
from tests.cli.conftest import Terminal
from tests.sync.sticks import StickWorld
from tests.sync.test_over_tls import Serving, certified, certify
from tests.sync.world import COUNTY, START_MS, TOWN, VILLAGE, World

NOWHERE = "https://127.0.0.1:9"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A county, a township and a village in step, and something new in the village."""
    made = World.after(certified(TOWN, VILLAGE), tmp_path)
    made.sync(TOWN)
    made.sync(VILLAGE)
    made.receive(VILLAGE)
    yield made
    made.close()


class StationClock(DemoClock):
    """The clock of a station in the world, for its commands."""

    def __init__(self, now_ms: int) -> None:
        super().__init__()
        self.time_ms = now_ms

    def now_ms(self) -> int:
        return self.time_ms


def status(world: World, *, address: str = NOWHERE, later_ms: int = 0) -> tuple[dict, str, str]:
    """Return what the village's ``sync status`` says: as JSON, in Chinese, in English."""
    place = world[VILLAGE]
    place.close()
    if not (place.path / "banjian.toml").exists():
        write_config(place.path, station=VILLAGE, upstream=(address,) if address else ())
    terminal = Terminal(folder=place.path, clock=StationClock(place.clock.time_ms + later_ms))
    asked = [terminal.ok("sync", "status", "--json"), terminal.ok("sync", "status")]
    return asked[0].json, asked[1].out, terminal.ok("sync", "status", lang="en").out


def told(found: tuple[dict, str, str], code: str) -> None:
    """Require that both languages tell a reason in its own words, with its next step."""
    for text, language in zip(found[1:], ("zh", "en"), strict=True):
        entry = catalogue(language)[code]
        for words in (entry["what"], entry["next"]):
            pieces = [piece for piece in _fixed(words) if len(piece) > 3]
            assert all(piece in text for piece in pieces), (code, words, text)
            assert "{" not in text


def _fixed(text: str) -> list[str]:
    """Return the parts of a text between its places to fill in."""
    found, depth = [""], 0
    for letter in text:
        if letter in "{}":
            depth += 1 if letter == "{" else -1
            found.append("")
        elif not depth:
            found[-1] += letter
    return [piece.strip() for piece in found]


def attempt(
    world: World, *, upstream: Callable[[Serving], str] = lambda town: town.address
) -> BanjianError | None:
    """Let the village try to sync with its township once; returns why it did not."""

    async def story() -> BanjianError | None:
        async with (
            Serving(world[TOWN], listen=True) as town,
            Serving(world[VILLAGE], listen=False, upstream=upstream(town)) as village,
        ):
            try:
                await village.network.sync_now()
            except BanjianError as error:
                return error
            return None

    return asyncio.run(story())


def test_in_step_and_waiting_further_up(world: World) -> None:
    assert attempt(world) is None
    found = status(world)
    near, far = found[0]["levels"]
    assert (near["station"], near["waiting"], near["level"]) == (TOWN, 0, "township")
    assert (far["station"], far["waiting"], far["level"]) == (COUNTY, 2, "county")
    assert near["receipt_at_ms"] and found[0]["failure"] is None
    assert [one["code"] for one in found[0]["why"]] == ["sync.waits_above"]
    told(found, "sync.waits_above")
    # Where no address is set there is no next sync: word of it comes with a stick.
    (world[VILLAGE].path / "banjian.toml").unlink()
    by_stick = status(world, address="")
    assert [one["code"] for one in by_stick[0]["why"]] == ["sync.by_stick", "sync.waits_above_stick"]
    told(by_stick, "sync.waits_above_stick")
    assert "下次同步" not in by_stick[1] and "next sync" not in by_stick[2]
    assert "乡镇已收：2 条，全部" in found[1] and "回执" in found[1] and "receipt" in found[2]
    assert "还有 2 条没收，最早的是 2026-03-02" in found[1]


def test_upstream_down_for_weeks_says_since_when(world: World) -> None:
    place = world[VILLAGE]
    began_ms = place.clock.time_ms
    for _ in range(3):
        assert attempt(world, upstream=lambda town: NOWHERE).code == "sync.unreachable"
        place.clock.time_ms += 8 * DAY_MS
    found = status(world)
    failure = found[0]["failure"]
    assert failure["code"] == "sync.unreachable" and failure["since_ms"] - began_ms < DAY_MS
    assert found[0]["levels"][0]["waiting"] == 2
    told(found, "sync.unreachable")
    assert "从 2026-03-02" in found[1] and "2026-03-02" in found[2]
    assert attempt(world) is None
    assert status(world)[0]["failure"] is None


def test_upstream_full_is_not_told_as_a_full_disk_here(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> int:
        raise StoreError("store.disk_full", file="ledger.db")

    with monkeypatch.context() as patched:
        patched.setattr(Intake, "write_dense", full)
        assert attempt(world).code == "sync.upstream_full"
    found = status(world)
    assert found[0]["failure"]["code"] == "sync.upstream_full"
    assert found[0]["failure"]["params"] == {"station": TOWN} and TOWN in found[1]
    assert found[0]["levels"][0]["waiting"] == 2
    told(found, "sync.upstream_full")
    assert attempt(world) is None


def test_another_fault_of_the_ledger_above(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> int:
        raise StoreError("store.io", file="ledger.db")

    with monkeypatch.context() as patched:
        patched.setattr(Intake, "write_dense", broken)
        assert attempt(world).code == "sync.upstream_down"
    found = status(world)
    told(found, "sync.upstream_down")
    assert "store.io" in found[1]


def test_a_certificate_that_is_over(world: World) -> None:
    world[TOWN].clock.time_ms = START_MS + (LEAF_DAYS + 400) * DAY_MS
    assert attempt(world).code == "tls.expired"
    found = status(world)
    assert found[0]["failure"]["params"]["station"] == VILLAGE
    told(found, "tls.expired")
    assert "对方电脑的日期" in found[1] and "both machines" in found[2]


def test_a_clock_in_the_year_2000_syncs_and_is_told(world: World) -> None:
    world[VILLAGE].clock.time_ms = 946_684_800_000
    assert attempt(world) is None
    found = status(world)
    assert found[0]["failure"] is None and found[0]["levels"][0]["waiting"] == 0
    assert "sync.clock_slow" in [one["code"] for one in found[0]["why"]]
    told(found, "sync.clock_slow")
    days = (START_MS - 946_684_800_000) // DAY_MS
    assert found[0]["clock_off_ms"] // DAY_MS == days and f"慢 {days} 天" in found[1]
    world[VILLAGE].clock.time_ms = START_MS + 3 * DAY_MS
    world[VILLAGE].close()
    assert attempt(world) is None
    told(status(world), "sync.clock_fast")
    world[VILLAGE].clock.time_ms = world[TOWN].clock.time_ms
    assert attempt(world) is None
    assert abs(status(world)[0]["clock_off_ms"]) < 3_600_000


def test_the_address_of_another_county(world: World, tmp_path: Path) -> None:
    other = World(tmp_path / "other", seed="another county")
    (tmp_path / "other").mkdir(exist_ok=True)
    other.join(TOWN)
    certify(other, TOWN)

    async def story() -> None:
        async with (
            Serving(other[TOWN], listen=True) as town,
            Serving(world[VILLAGE], listen=False, upstream=town.address) as village,
        ):
            with suppress(BanjianError):
                await village.network.sync_now()

    asyncio.run(story())
    other.close()
    found = status(world)
    assert found[0]["failure"]["code"] in ("tls.other_ca", "tls.other_ledger")
    assert found[0]["levels"][0]["waiting"] == 2
    told(found, found[0]["failure"]["code"])


def test_an_upstream_with_an_older_protocol(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The village's program has been updated before that of its township."""
    pack = messages.Hello.pack

    def newer(self: messages.Hello) -> bytes:
        raw = bytearray(pack(self))
        raw[1 if raw[0] != 0xDC else 3] = 2
        return bytes(raw)

    monkeypatch.setattr(messages.Hello, "pack", newer)
    assert attempt(world).code == "sync.upstream_version"
    found = status(world)
    assert (found[0]["failure"]["params"]["ours"], found[0]["failure"]["params"]["theirs"]) == (2, 1)
    told(found, "sync.upstream_version")


def test_something_else_listens_at_the_address(world: World) -> None:
    """A program that speaks no TLS, as a proxy or a wrong port."""

    async def deaf(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        with suppress(ConnectionError):
            await writer.drain()
        writer.close()

    async def story() -> BanjianError | None:
        server = await asyncio.start_server(deaf, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with Serving(world[VILLAGE], listen=False, upstream=f"https://127.0.0.1:{port}") as village:
            try:
                await village.network.sync_now()
            except BanjianError as error:
                return error
            finally:
                server.close()
        return None

    error = asyncio.run(story())
    assert error is not None and error.code in ("tls.version", "tls.failed")
    told(status(world), error.code)


def test_what_is_stuck_and_which_log_was_given_up(world: World) -> None:
    """A section that the station above refuses, and a log of which it holds more: each with its next step."""
    exchange = world[VILLAGE].exchange
    (state,) = exchange.held.states(frozenset((VILLAGE,)), county=False)
    stuck = [("sync.log_scope", state.log_id.hex(), 2)]
    exchange.peers.note_stuck(stuck, now_ms=START_MS)
    exchange.give_up(state.log_id, "log.upstream_ahead")
    found = status(world)
    assert [(one["code"], one["seq"]) for one in found[0]["findings"]] == [("sync.log_scope", 2)]
    assert [one["code"] for one in found[0]["given_up"]] == ["log.upstream_ahead"]
    told(found, "sync.log_scope")
    told(found, "log.upstream_ahead")
    world[VILLAGE].exchange.peers.note_stuck([], now_ms=START_MS)
    assert status(world)[0]["findings"] == []


def test_what_is_said_of_a_session_names_no_log_and_no_value_stays_open(world: World) -> None:
    exchange = world[VILLAGE].exchange
    (state,) = exchange.held.states(frozenset((VILLAGE,)), county=False)
    stuck = [("sync.no_progress", "00" * 16, 0), ("authority.key_unknown", state.log_id.hex(), 2)]
    exchange.peers.note_stuck(stuck, now_ms=START_MS)
    _, zh, en = status(world)
    told((_, zh, en), "sync.no_progress")
    assert "00000000" not in zh + en and "第 0 条" not in zh
    assert "密钥 … 没有登记" not in zh and "没有登记" in zh and "{" not in zh + en


def test_no_kept_problem_of_any_code_shows_a_value_that_nobody_kept(world: World) -> None:
    """Of a problem that is kept only code, log and place are: texts that need more give way to the code."""
    exchange = world[VILLAGE].exchange
    (state,) = exchange.held.states(frozenset((VILLAGE,)), county=False)
    codes = sorted(code for code, entry in catalogue("zh").items() if "next" in entry)
    assert len(codes) > 300
    exchange.peers.note_stuck([(code, state.log_id.hex(), 9) for code in codes], now_ms=START_MS)
    _, zh, en = status(world)
    for text in (zh, en):
        assert "{" not in text and not re.findall(r"(?<![0-9a-f]{8})…", text)
    assert "package.gap" in zh and "package.gap" in en
    told((_, zh, en), "sync.log_scope")


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("page", [False, True])
def test_no_note_of_a_sync_shows_a_value_that_nobody_kept(language: Language, page: bool) -> None:
    """What ``sync now`` and pages say of a code alone: so notes of a session come, over the wire and here."""
    say = Say(language=language, page=page)
    for code in (code for code, entry in catalogue(language).items() if "next" in entry):
        told = say.reason(code, log="0123abcd")
        assert told and GAP not in told and "{" not in told


def test_nobody_tries_to_sync(world: World) -> None:
    assert status(world)[0]["why"] == []
    found = status(world, later_ms=5 * DAY_MS)
    assert [one["code"] for one in found[0]["why"]] == ["sync.not_tried"]
    told(found, "sync.not_tried")


def test_a_newcomer_is_not_told_to_stand_at_the_top(tmp_path: Path) -> None:
    world = World.after(certified(VILLAGE), tmp_path)
    found = status(world)
    world.close()
    assert [one["code"] for one in found[0]["why"]] == ["sync.not_begun"]
    told(found, "sync.not_begun")
    assert "最上级" not in found[1]


def test_a_folder_without_a_ledger_is_told_as_that(tmp_path: Path) -> None:
    refused = Terminal(folder=tmp_path / "nowhere").run("sync", "status")
    assert refused.code == 2 and "[home.missing]" in refused.err


def test_a_station_on_sticks(tmp_path: Path) -> None:
    world = StickWorld(tmp_path)
    for station in (TOWN, VILLAGE):
        world.join(station)
    world.sync(TOWN)
    world.carry(TOWN, VILLAGE, tmp_path / "down")
    world.receive(VILLAGE)
    found = status(world, address="", later_ms=40 * DAY_MS)
    world.close()
    assert [one["code"] for one in found[0]["why"]] == ["sync.by_stick"]
    told(found, "sync.by_stick")
    assert "还没有同步成功过" not in found[1]


def test_the_county_has_nobody_above(world: World) -> None:
    place = world[COUNTY]
    place.close()
    if not (place.path / "banjian.toml").exists():
        write_config(place.path, station=COUNTY, upstream=())
    found = Terminal(folder=place.path).ok("sync", "status")
    assert "最上级" in found.out and "▲" not in found.out
