"""Restored, cloned, rolled back: the old log is sealed and kept, work goes on in a new one."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from ledger.errors import StoreError
from ledger.facade import Home, Ledger
from ledger.facade.base.home import RESTORED_MARKER
from ledger.facade.logs.ownlog import newest_checkpoint
from ledger.formats.checkpoint import log_origin, open_checkpoint
from stations.checkup.doctor import examine
from stations.config import StationConfig
from tests.facade.counter import COUNTY, TOWNSHIP, Dice, FakeClock, act, receive, signer


def restore_older_database(place: Path, clock: FakeClock) -> None:
    """Work on after a copy was made, then put the copy back; the sentinel knows better."""
    shutil.copytree(place, place.with_name("copy"))
    with Ledger.open(place, clock=clock, randomness=Dice("more"), write=True) as ledger:
        done = receive(ledger)
        ledger.checkpoint(done.log_id)
    shutil.copy(place.with_name("copy") / "ledger.db", place / "ledger.db")
    for tail in ("-wal", "-shm"):
        (place / f"ledger.db{tail}").unlink(missing_ok=True)


def lay_another_database(place: Path, clock: FakeClock, *, more: int = 1) -> None:
    """Work on in a copy and here, then put what the copy did in the place of what was done here."""
    copy = place.with_name("copy")
    shutil.copytree(place, copy)
    for folder, times in ((copy, more), (place, 1)):
        with Ledger.open(folder, clock=clock, randomness=Dice(folder.name), write=True) as ledger:
            for _ in range(times):
                done = receive(ledger)
            ledger.checkpoint(done.log_id)
    shutil.copy(copy / "ledger.db", place / "ledger.db")
    for tail in ("-wal", "-shm"):
        (place / f"ledger.db{tail}").unlink(missing_ok=True)


def lay_a_longer_database(place: Path, clock: FakeClock) -> None:
    lay_another_database(place, clock, more=3)


def mark_restored(place: Path, clock: FakeClock) -> None:
    (place / RESTORED_MARKER).write_text("copy", encoding="utf-8")


def move_to_another_machine(place: Path, clock: FakeClock) -> None:
    Home(place).sentinel_dir.joinpath("machine").write_bytes(b"another")


def lose_log_keys(place: Path, clock: FakeClock) -> None:
    for path in Home(place).secrets_dir.glob("log-*.key"):
        path.unlink()


def restore_by_the_book(place: Path, clock: FakeClock) -> None:
    """A backup holds no keys of logs: they are gone with the machine."""
    mark_restored(place, clock)
    lose_log_keys(place, clock)


def swap_log_keys(place: Path, clock: FakeClock) -> None:
    """Lay the key of one log where another log's is looked for, and the other way round."""
    one, other, *_ = sorted(Home(place).secrets_dir.glob("log-*.key"))
    seeds = one.read_bytes(), other.read_bytes()
    for path in Home(place).secrets_dir.glob("log-*.key"):
        path.write_bytes(seeds[0] if path.read_bytes() != seeds[0] else seeds[1])


def flip_a_bit(place: Path, clock: FakeClock) -> None:
    for path in Home(place).secrets_dir.glob("log-*.key"):
        seed = path.read_bytes()
        path.write_bytes(bytes((seed[0] ^ 1,)) + seed[1:])


def lose_sentinels(place: Path, clock: FakeClock) -> None:
    for path in Home(place).sentinel_dir.glob("*.note"):
        path.unlink()


@pytest.mark.parametrize(
    ("break_it", "doubt", "reason"),
    [
        (restore_older_database, "log.sentinel_ahead", "restored"),
        (mark_restored, "log.restored", "restored"),
        (move_to_another_machine, "log.machine_changed", "cloned"),
        (lose_log_keys, "log.key_missing", "lost"),
        (restore_by_the_book, "log.restored", "restored"),
        (swap_log_keys, "log.key_other", "lost"),
        (flip_a_bit, "log.key_other", "lost"),
        (lose_sentinels, "log.sentinel_missing", "restored"),
        (lay_another_database, "log.sentinel_other", "restored"),
        (lay_a_longer_database, "log.sentinel_other", "restored"),
    ],
)
def test_work_goes_on_in_a_new_log(
    place: Path, clock: FakeClock, break_it: Callable[[Path, FakeClock], None], doubt: str, reason: str
) -> None:
    with Ledger.open(place, clock=clock, randomness=Dice("first"), write=True) as ledger:
        case = receive(ledger).case_id
        old = ledger.case(case).state
    break_it(place, clock)
    with Ledger.open(place, clock=clock, randomness=Dice("second"), write=True) as ledger:
        logs = {log.log_id: log for log in ledger.logs()}
        before = {key: log for key, log in logs.items() if (log.station, log.kind) == (COUNTY, "station")}
        assert [log.doubt for log in before.values()] == [doubt]
        done = act(ledger, "C1", "accept", case)
        assert done.log_id not in before
        assert ledger.case(case).state.steps[0].act.act_id == old.steps[0].act.act_id
        assert ledger.case(case).state.status == "accepted"
        after = {log.log_id: log for log in ledger.logs()}
        (sealed,) = before
        assert after[sealed].doubt == doubt
        assert (after[sealed].size, done.seq) == (before[sealed].size, 2)
        genesis = ledger.parts.holdings.logs[done.log_id.hex()].genesis
        assert (genesis.reason, genesis.parent_log, genesis.parent_size) == (
            reason,
            sealed,
            before[sealed].size,
        )
    with Ledger.open(place, clock=clock, randomness=Dice("third"), write=True) as ledger:
        assert act(ledger, "C1", "start_review", case).log_id == done.log_id


@pytest.mark.parametrize("break_it", [swap_log_keys, flip_a_bit])
def test_nothing_is_signed_with_a_key_that_is_not_the_logs_own(
    place: Path, clock: FakeClock, break_it: Callable[[Path, FakeClock], None]
) -> None:
    with Ledger.open(place, clock=clock, randomness=Dice("first"), write=True) as ledger:
        done = receive(ledger)
        ledger.checkpoint(done.log_id)
        receive(ledger)
    home = Home(place)
    sentinels = {path.name: path.read_bytes() for path in home.sentinel_dir.glob("*.note")}
    break_it(place, clock)
    with Ledger.open(place, clock=clock, write=False) as ledger:
        checks = examine(
            home, StationConfig(), ledger, now_ms=clock.now_ms(), thorough=False, key_fits=True
        )  # fmt: skip
    assert "log.key_other" in {check.params.get("reason") for check in checks}
    for name in ("second", "third"):
        with Ledger.open(place, clock=clock, randomness=Dice(name), write=True) as ledger:
            newest = receive(ledger)
            ledger.checkpoint(newest.log_id)
            assert newest.log_id != done.log_id
            assert ledger.rolled_back == ()
            with ledger.store.read() as tx:
                note = newest_checkpoint(tx, done.log_id.hex())
            genesis = ledger.parts.holdings.logs[done.log_id.hex()].genesis
            assert note is not None
            open_checkpoint(note, log_origin(done.log_id), genesis.log_public_key)
    assert {name: (home.sentinel_dir / name).read_bytes() for name in sentinels} == sentinels


def test_a_number_is_not_minted_twice_by_a_restored_log(place: Path, clock: FakeClock) -> None:
    with Ledger.open(place, clock=clock, randomness=Dice("first"), write=True) as ledger:
        first = receive(ledger).number
    lose_log_keys(place, clock)
    with Ledger.open(place, clock=clock, randomness=Dice("second"), write=True) as ledger:
        second = receive(ledger).number
    assert first.split("-")[4] == second.split("-")[4] == "0001"
    assert first.split("-")[3] != second.split("-")[3]


def test_logs_of_one_database_go_back_together(place: Path, clock: FakeClock) -> None:
    with Ledger.open(place, clock=clock, randomness=Dice("first"), write=True) as ledger:
        before = receive(ledger)
        receive(ledger, "T1")
        assert ledger.rolled_back == ()
        for log in ledger.logs():
            ledger.checkpoint(log.log_id)
    shutil.copytree(place, place.with_name("copy"))
    with Ledger.open(place, clock=clock, randomness=Dice("more"), write=True) as ledger:
        lost = receive(ledger)
        ledger.checkpoint(receive(ledger, "T1").log_id)
    shutil.copy(place.with_name("copy") / "ledger.db", place / "ledger.db")
    for tail in ("-wal", "-shm"):
        (place / f"ledger.db{tail}").unlink(missing_ok=True)
    with Ledger.open(place, clock=clock, randomness=Dice("second"), write=True) as ledger:
        assert set(ledger.rolled_back) == {"log.file_older", "log.sentinel_ahead"}
        doubts = {(log.kind, log.station): log.doubt for log in ledger.logs() if log.own}
        assert doubts["station", TOWNSHIP] == "log.sentinel_ahead"
        assert {doubt for who, doubt in doubts.items() if who != ("station", TOWNSHIP)} == {"log.file_older"}
        again = receive(ledger)
        assert again.log_id != before.log_id and again.number != lost.number
        with pytest.raises(StoreError) as closed:
            ledger.register("end_role", {}, signer("R1"))
        assert closed.value.code == "log.county_none"
    with Ledger.open(place, clock=clock, randomness=Dice("third"), write=True) as ledger:
        assert ledger.rolled_back == ()
        checks = {
            one.code
            for one in examine(
                Home(place), StationConfig(), ledger, now_ms=clock.now_ms(), thorough=False, key_fits=True
            )
        }
        assert "doctor.log_end_missing" in checks or "doctor.log_doubt" in checks


def test_a_backup_laid_over_a_ledger_by_hand_is_not_continued(place: Path, clock: FakeClock) -> None:
    """No sentinel knows of what was done since its last checkpoint: two people would get one number."""
    copy = place.with_name("backup.db")
    with Ledger.open(place, clock=clock, randomness=Dice("before"), write=True) as ledger:
        ledger.store.backup(copy, without_tables=("case_keys",))
        lost = receive(ledger, "T1")
        number = ledger.case(lost.case_id).state.number
    for tail in ("-wal", "-shm"):
        (place / f"ledger.db{tail}").unlink(missing_ok=True)
    shutil.copy(copy, place / "ledger.db")
    with Ledger.open(place, clock=clock, randomness=Dice("after"), write=False) as ledger:
        assert not Home(place).restored, "who reads writes nothing"
    with Ledger.open(place, clock=clock, randomness=Dice("after"), write=True) as ledger:
        assert ledger.rolled_back == ("log.restored",)
        again = receive(ledger, "T1")
        assert again.log_id != lost.log_id
        assert ledger.case(again.case_id).state.number != number
    assert not Home(place).restored
    with Ledger.open(place, clock=clock, randomness=Dice("then"), write=True) as ledger:
        assert ledger.rolled_back == () and receive(ledger, "T1").log_id == again.log_id
