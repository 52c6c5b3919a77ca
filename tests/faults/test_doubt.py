"""Restored, cloned or rolled back, with the power going in the middle of the change to a new log."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from ledger import platform
from ledger.errors import BanjianError
from ledger.facade import Home, Ledger
from ledger.facade.base.home import RESTORED_MARKER
from tests.faults.check import check_after, problems
from tests.faults.day import SHORT_DAY, Confirmed, Day
from tests.faults.office import VILLAGE, Dice, FakeClock

LOGS_OF_STATIONS = 3


@pytest.fixture
def worked(home: Home) -> tuple[Home, list[Confirmed]]:
    """Return an office in the middle of a day, with checkpoints."""
    day = Day("doubt", SHORT_DAY)
    with Ledger.open(home, clock=FakeClock(), randomness=Dice("doubt"), write=True) as ledger:
        for _ in range(8):
            day.work(ledger)
        for info in ledger.logs():
            ledger.checkpoint(info.log_id)
    return home, day.confirmed


def mark_restored(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    (home.path / RESTORED_MARKER).write_text("", encoding="ascii")


def move_to_another_machine(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine_id", lambda: bytes(15) + b"\x07")


def lose_log_keys(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    for path in home.secrets_dir.glob("log-*.key"):
        path.unlink()


def break_log_keys(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    for path in home.secrets_dir.glob("log-*.key"):
        path.write_bytes(path.read_bytes()[:31])


def swap_sentinels(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    notes = sorted(home.sentinel_dir.glob("*.note"))
    texts = [note.read_bytes() for note in notes]
    for note, text in zip(notes, texts[1:] + texts[:1], strict=True):
        note.write_bytes(text)


BREAKS = [mark_restored, move_to_another_machine, lose_log_keys, break_log_keys, swap_sentinels]


@pytest.mark.parametrize("broken", BREAKS)
def test_work_goes_on_and_no_second_new_log_is_opened(
    worked: tuple[Home, list[Confirmed]],
    monkeypatch: pytest.MonkeyPatch,
    broken: Callable[[Home, pytest.MonkeyPatch], None],
) -> None:
    home, confirmed = worked
    broken(home, monkeypatch)
    counts = []
    for boot in range(3):
        day = Day("doubt", SHORT_DAY)
        with Ledger.open(home, clock=FakeClock(), randomness=Dice(f"after {boot}"), write=True) as ledger:
            day.resume(ledger)
            while not day.over and len(day.confirmed) < 2:
                day.work(ledger)
            counts.append(len(ledger.logs()))
            sealed = [info for info in ledger.logs() if info.doubt]
            with ledger.store.read() as tx:
                assert all(tx.frame(note.log, note.seq) for note in confirmed)
            assert {note.log for note in day.confirmed}.isdisjoint(info.log_id.hex() for info in sealed)
        confirmed = [*confirmed, *day.confirmed]
    assert counts[-1] <= counts[0] + LOGS_OF_STATIONS - 1
    assert sum(info.station == VILLAGE and not info.doubt for info in logs_of(home)) == 1
    check_after(home.path, confirmed, doubt=True)


def test_an_older_database_put_back_is_found_by_the_sentinel(
    worked: tuple[Home, list[Confirmed]], tmp_path: Path
) -> None:
    home, confirmed = worked
    shutil.copy(home.database_path, tmp_path / "older.db")
    day = Day("doubt", SHORT_DAY)
    with Ledger.open(home, clock=FakeClock(), randomness=Dice("gone"), write=True) as ledger:
        day.resume(ledger)
        done = day.work(ledger)
        ledger.checkpoint(next(info.log_id for info in ledger.logs() if info.log_id.hex() == done.log))
    shutil.copy(tmp_path / "older.db", home.database_path)
    doubts = {info.log_id.hex(): info.doubt for info in logs_of(home)}
    assert doubts.pop(done.log) == "log.sentinel_ahead"
    assert set(doubts.values()) == {"log.file_older"}
    # what was done after the copy is gone from this machine; everything before it is there
    assert f"lost: {done.log}/{done.seq}" in problems(home.path, [*confirmed, done], doubt=True)
    day = Day("doubt", SHORT_DAY)
    with Ledger.open(home, clock=FakeClock(), randomness=Dice("again"), write=True) as ledger:
        day.resume(ledger)
        while not day.over:
            assert day.work(ledger).log != done.log or VILLAGE not in done.log
    assert done.log not in {note.log for note in day.confirmed}
    check_after(home.path, [*confirmed, *day.confirmed], doubt=True)


def test_a_deleted_database_is_never_made_anew(worked: tuple[Home, list[Confirmed]]) -> None:
    home, _ = worked
    home.database_path.unlink()
    with pytest.raises(BanjianError) as refused:
        Ledger.open(home, write=True)
    assert refused.value.code == "home.missing"
    assert not home.database_path.exists()


@pytest.mark.parametrize(("content", "code"), [(None, "home.storage_key"), (b"short", "home.storage_key")])
def test_the_storage_key_is_missed_in_words(home: Home, content: bytes | None, code: str) -> None:
    path = home.secrets_dir / "storage.key"
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(BanjianError) as refused:
        Ledger.open(home, write=True)
    assert refused.value.code == code


def test_another_storage_key_is_told(worked: tuple[Home, list[Confirmed]]) -> None:
    home, _ = worked
    home.write_storage_key(bytes(32))
    with pytest.raises(BanjianError) as refused, Ledger.open(home, write=True) as ledger:
        ledger.worklist(station=VILLAGE)
    assert refused.value.code == "vault.storage_key"


@pytest.mark.layer("vfs")
@pytest.mark.parametrize("broken", [mark_restored, lose_log_keys])
def test_power_cuts_while_the_log_is_given_up(
    worked: tuple[Home, list[Confirmed]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    broken: Callable[[Home, pytest.MonkeyPatch], None],
) -> None:
    """Cut in every sixth operation of sealing and opening the successor; the next boot finishes it."""
    from tests.faults.cuts import open_on
    from tests.faults.disk import Disk, PowerCutError

    origin, confirmed = worked
    broken(origin, monkeypatch)
    done, at = False, 0
    while not done:
        at += 6
        path = tmp_path / "cut"
        shutil.rmtree(path, ignore_errors=True)
        shutil.copytree(origin.path, path)
        disk, day = Disk(path, str(at)), Day("doubt", SHORT_DAY)
        disk.cut_at = at
        try:
            with disk.mounted(), open_on(disk, dice=Dice(f"cut {at}"), planted={}) as ledger:
                day.resume(ledger)
                day.work(ledger)
                done = True
        except (BanjianError, PowerCutError):
            assert disk.dead
        disk.write_images(path, random.Random(at))
        disk.close()
        assert problems(path, [*confirmed, *day.confirmed], doubt=True) == []
        after = Day("doubt", SHORT_DAY)
        with Ledger.open(Home(path), clock=FakeClock(), randomness=Dice(f"on {at}"), write=True) as ledger:
            after.resume(ledger)
            after.work(ledger)
            assert sum(info.station == VILLAGE and not info.doubt for info in ledger.logs()) <= 1
        check_after(path, [*confirmed, *day.confirmed, *after.confirmed], doubt=True)
    assert at > 30


def logs_of(home: Home) -> list[object]:
    """Return the logs as a reader sees them."""
    with Ledger.open(home, write=False) as ledger:
        return list(ledger.logs())
