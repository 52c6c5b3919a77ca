"""Threads that read one ledger: an older view never takes back what a newer one taught."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from ledger.facade import Home, Ledger
from ledger.facade.logs.ownlog import OwnLog
from ledger.facade.opened.current import Current
from ledger.facade.opened.parts import read_mark
from ledger.registry import actions as registry_actions
from ledger.store.contract import ReadTx
from ledger.types import LogId, StationId
from tests.facade.counter import REGISTRAR, TOWNSHIP, VILLAGE, Dice, FakeClock, found_county


class Late:
    """A store whose view was opened a while ago."""

    def __init__(self, tx: ReadTx) -> None:
        self._tx = tx

    @contextmanager
    def read(self) -> Iterator[ReadTx]:
        """Hand out the old view."""
        yield self._tx


def test_an_older_view_takes_back_nothing(tmp_path: Path) -> None:
    clock = FakeClock()
    found_county(tmp_path / "county", clock)
    opened, written = threading.Event(), threading.Event()
    seen: list[bool] = []
    with (
        Ledger.open(tmp_path / "county", clock=clock, randomness=Dice("w"), write=True) as writer,
        Ledger.open(tmp_path / "county", clock=clock, randomness=Dice("r"), write=False) as reader,
    ):
        current = reader._current

        def slow() -> None:
            with reader.store.read() as tx:
                # A view begins with the first look.
                assert read_mark(tx, current.parts.county_logs) == current.parts.mark
                opened.set()
                assert written.wait(30)
                late = Current(
                    Late(tx),  # type: ignore[arg-type]
                    current._load,
                    writable=False,
                    sentinels=dict,
                )
                late.parts = current.parts
                with late.reading() as (_, parts):
                    seen.append(parts.mark < current.parts.mark)
                seen.append(late.parts.mark == current.parts.mark)

        thread = threading.Thread(target=slow)
        thread.start()
        assert opened.wait(30)
        grant = registry_actions.grant_role(staff_no="V1", role="head", scope=VILLAGE)
        writer.register("grant_role", grant, REGISTRAR)
        reader.refresh()
        written.set()
        thread.join(30)
    assert seen == [True, True]


def test_what_a_writer_signs_while_a_reader_looks_is_no_doubt_of_its_logs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The checkpoint outside the database knows more than the view that was opened before it was written."""
    clock, done = FakeClock(), list[int]()
    found_county(tmp_path / "county", clock)
    load = OwnLog.load

    with Ledger.open(tmp_path / "county", clock=clock, randomness=Dice("w"), write=True) as writer:

        def meanwhile() -> None:
            grant = registry_actions.grant_role(staff_no="V1", role="head", scope=VILLAGE)
            writer.register("grant_role", grant, REGISTRAR)
            for log in writer.logs():
                writer.checkpoint(log.log_id)

        def slow(self: OwnLog, tx: ReadTx) -> None:
            load(self, tx)
            if self.kind == "registry" and not done:
                done.append(self.size)
                meanwhile()

        monkeypatch.setattr(OwnLog, "load", slow)
        with Ledger.open(tmp_path / "county", clock=clock, randomness=Dice("r"), write=False) as reader:
            assert done and {log.doubt for log in reader.parts.own.values()} == {""}
            # The same where it had the ledger open, and takes in what came.
            revoke = registry_actions.end_role(staff_no="V1", role="head", scope=VILLAGE)
            writer.register("end_role", revoke, REGISTRAR)
            done.clear()
            reader.refresh()
            assert done and {log.doubt for log in reader.parts.own.values()} == {""}


def test_a_log_that_is_opened_before_a_reader_looks_is_not_held_without_sentinel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, done = FakeClock(), list[LogId]()
    found_county(tmp_path / "county", clock)
    look = Home.sentinels

    with Ledger.open(tmp_path / "county", clock=clock, randomness=Dice("w"), write=True) as writer:

        def late(self: Home) -> Mapping[LogId, str]:
            found = look(self)
            if not done:
                enrolled = registry_actions.enrol_station(
                    station=StationId("990121001299-00"), name="新村", level="village", upstream=TOWNSHIP,
                    code_system="statistics",
                )  # fmt: skip
                writer.register("enrol_station", enrolled, REGISTRAR)
                done.append(writer.open_station_log(StationId("990121001299-00"), REGISTRAR))
                writer.checkpoint(done[0])
            return found

        monkeypatch.setattr(Home, "sentinels", late)
        with Ledger.open(tmp_path / "county", clock=clock, randomness=Dice("r"), write=False) as reader:
            assert {log.log_id: log.doubt for log in reader.logs()}[done[0]] == ""
    writer.home.sentinel_path(done[0]).unlink()
    with Ledger.open(tmp_path / "county", clock=clock, randomness=Dice("r"), write=False) as reader:
        assert {log.log_id: log.doubt for log in reader.logs()}[done[0]] == "log.sentinel_missing"
