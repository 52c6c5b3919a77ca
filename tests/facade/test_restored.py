"""A backup brought back: personal data come with the key table, erased cases do not, work goes on."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from ledger.errors import StoreError
from ledger.facade import Command, Ledger
from ledger.facade.base.home import CASE_KEYS_NAME, RESTORED_MARKER
from stations.kept.backup import make_backup
from tests.facade.counter import APPLICANT, COUNTY, REGISTRAR, Dice, FakeClock, act, found_county, receive


def opened(place: Path, clock: FakeClock, label: str) -> Ledger:
    return Ledger.open(place, clock=clock, randomness=Dice(label), write=True)


def restore(folder: Path, place: Path, to: Path, *, keys: Path | None) -> Path:
    """Do by hand what ``stations.kept.backup`` tells: copy, key table, storage key."""
    shutil.copytree(folder, to)
    (to / "secrets").mkdir()
    shutil.copy(place / "secrets" / "storage.key", to / "secrets" / "storage.key")
    if keys is not None:
        shutil.copy(keys, to / CASE_KEYS_NAME)
    return to


def test_people_come_back_with_the_newest_key_table_and_erased_ones_do_not(
    place: Path, clock: FakeClock, tmp_path: Path
) -> None:
    with opened(place, clock, "office") as ledger:
        kept, gone = receive(ledger).case_id, receive(ledger).case_id
        folder = make_backup(ledger, tmp_path / "stick", now_ms=clock.now_ms()).folder
        wanted = Command(action="erase", station=COUNTY, case=gone, facts={"ground": "applicant_request"})
        ledger.erase(wanted, REGISTRAR)
        make_backup(ledger, tmp_path / "stick", now_ms=clock.now_ms() + 5_000)
    back = restore(folder, place, tmp_path / "back", keys=tmp_path / "stick" / CASE_KEYS_NAME)
    with opened(back, clock, "back") as ledger:
        assert [row.case_id for row in ledger.find("zxm")] == [kept]
        assert (ledger.case(kept).row.applicant, ledger.case(gone).row.applicant) == ("赵小明", "")
        assert act(ledger, "C1", "accept", kept).seq == 2
    assert not (back / CASE_KEYS_NAME).exists()
    assert not (back / RESTORED_MARKER).exists()
    with opened(back, clock, "later") as ledger:
        assert all(log.doubt for log in ledger.logs() if log.kind == "registry")
        assert act(ledger, "C1", "start_review", kept).seq == 3


def test_a_key_table_found_later_still_opens_what_was_sealed_before(
    place: Path, clock: FakeClock, tmp_path: Path
) -> None:
    with opened(place, clock, "office") as ledger:
        case = receive(ledger).case_id
        folder = make_backup(ledger, tmp_path / "stick", now_ms=clock.now_ms()).folder
    back = restore(folder, place, tmp_path / "back", keys=None)
    with opened(back, clock, "back") as ledger:
        assert ledger.case(case).row.applicant == "" and not ledger.find("zxm")
        note = act(ledger, "C1", "note", case, personal={"text": "电话已核对"})
        assert ledger.case(case).personal[note.act_id] == {"text": "电话已核对"}
    shutil.copy(tmp_path / "stick" / CASE_KEYS_NAME, back / CASE_KEYS_NAME)
    with opened(back, clock, "later") as ledger:
        page = ledger.case(case)
        assert page.row.applicant == APPLICANT["applicant"]["name"]  # type: ignore[index, call-overload]
        assert None not in [page.personal[step.act.act_id] for step in page.state.steps[-1:]]
        assert [row.case_id for row in ledger.find("zxm")] == [case]


def test_two_installations_on_one_stick_keep_both_key_tables(
    place: Path, clock: FakeClock, tmp_path: Path
) -> None:
    other = tmp_path / "training"
    found_county(other, clock, purpose="training", dice=Dice("another"))
    for folder in (place, other, place, other):
        clock.wall_ms += 2_000
        with opened(folder, clock, folder.name) as ledger:
            receive(ledger)
            make_backup(ledger, tmp_path / "stick", now_ms=clock.now_ms())
    tables = sorted((tmp_path / "stick").glob("case-keys*.txt"))
    assert len(tables) == 2
    assert len({table.read_text("ascii").splitlines()[0] for table in tables}) == 2
    with opened(place, clock, "wrong") as ledger:
        receive(ledger)
    for table in tables:
        shutil.copy(table, place / CASE_KEYS_NAME)
        if table.name == CASE_KEYS_NAME:
            opened(place, clock, "right").close()
            continue
        with pytest.raises(StoreError, match=r"home.case_keys"):
            opened(place, clock, "wrong")


@pytest.mark.skipif(os.name == "nt", reason="no pipes have names on this system")
def test_a_pipe_in_place_of_the_key_table_is_not_waited_for(
    place: Path, clock: FakeClock, tmp_path: Path
) -> None:
    (tmp_path / "stick").mkdir()
    os.mkfifo(tmp_path / "stick" / CASE_KEYS_NAME)
    with opened(place, clock, "pipe") as ledger:
        receive(ledger)
        make_backup(ledger, tmp_path / "stick", now_ms=clock.now_ms())
    assert (tmp_path / "stick" / CASE_KEYS_NAME).is_file()


def test_a_backup_is_for_its_owner_alone_and_tells_nothing_of_people(
    place: Path, clock: FakeClock, tmp_path: Path
) -> None:
    import sqlite3

    (place / "keys" / "C1.key").write_text("envelope", encoding="ascii")
    with opened(place, clock, "office") as ledger:
        receive(ledger)
        folder = make_backup(ledger, tmp_path / "stick", now_ms=clock.now_ms()).folder
    for name in ("keys/C1.key", "../case-keys.txt"):
        assert (folder / name).stat().st_mode & 0o077 == 0
    with sqlite3.connect(folder / "ledger.db") as copy:
        assert copy.execute("SELECT count(*) FROM search_tokens").fetchone() == (0,)
