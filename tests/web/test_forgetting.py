"""Lists beside the ledger are looked at for erased people when something is new, and never for nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ledger.errors import StoreError
from ledger.facade import Command, Ledger
from ledger.types import CaseId
from stations.kept import platformlist, rosters
from stations.kept.erasures import ErasureLook, Erasures, ListWatch
from stations.kept.forgetting import Forgetting
from stations.kept.platformlist import KeptList, blank_list, keep_list, load_list
from stations.kept.rosters import Roster, RosterRow, keep_roster, load_roster
from stations.kept.sealed import SealedFolder
from stations.province.exported import ExportRow
from tests.facade.counter import COUNTY, PERMIT, REGISTRAR, VILLAGE, Dice, FakeClock, act, found_county

NAME = "aa"


class Place:
    """A ledger with a platform's list of two stations and a roster beside it."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.lists = SealedFolder(ledger.home, platformlist.FOLDER, Dice("lists"))
        self.rosters = SealedFolder(ledger.home, rosters.FOLDER, Dice("rosters"))
        self.cases = [receive(ledger, name) for name in ("甲", "乙", "丙")]
        for station, first in ((COUNTY, 1), (VILLAGE, 5)):
            rows = [
                ExportRow(row=no, external_no=f"P{no}", applicant=f"{station}{no}", case=case.hex())
                for no, case in enumerate(self.cases, start=first)
            ]
            keep_list(self.lists, station, KeptList(at_ms=1, by="C1", file="导出.xlsx", rows=rows))
        people = [RosterRow(no=1, name="甲", case=self.cases[0].hex())]
        keep_roster(self.rosters, Roster(
            name=NAME, station=VILLAGE, item=PERMIT, title="t", by="C1", made_at_ms=1, rows=people
        ))  # fmt: skip
        self.forgetting = Forgetting(ledger.home, Dice("forgetting"))

    def look(self) -> None:
        self.forgetting.look(self.ledger, self.ledger.store.writes())

    def erase(self, case: CaseId) -> None:
        facts = {"ground": "applicant_request"}
        self.ledger.erase(Command(action="erase", station=COUNTY, case=case, facts=facts), REGISTRAR)

    def shown(self) -> list[str]:
        """Return who stands in the lists."""
        kept = [load_list(self.lists, station) for station in (COUNTY, VILLAGE)]
        names = [row.applicant for one in kept if one is not None for row in one.rows]
        return [*names, *(row.name for row in load_roster(self.rosters, NAME).rows)]


def receive(ledger: Ledger, name: str) -> CaseId:
    return act(ledger, "C1", "receive", personal={"applicant": {"name": name}}, item=PERMIT).case_id


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    found_county(tmp_path / "county", FakeClock())
    with Ledger.open(tmp_path / "county", clock=FakeClock(), randomness=Dice("x"), write=True) as ledger:
        yield Place(ledger)


@contextmanager
def decrypted(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Yield the names of the files that are decrypted meanwhile."""
    names: list[str] = []
    real = SealedFolder.read

    def read(folder: SealedFolder, name: str) -> bytes | None:
        names.append(name)
        return real(folder, name)

    with monkeypatch.context() as patched:
        patched.setattr(SealedFolder, "read", read)
        yield names


def test_nothing_is_decrypted_where_nothing_changed(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    with decrypted(monkeypatch) as names:
        place.look()
        assert len(names) == 3, "each list once when the program starts"
        names.clear()
        for _ in range(3):
            place.look()
        receive(place.ledger, "丁")
        place.look()
        assert not names, "another case is no erasure"


def test_what_changed_is_looked_at_once(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.look()
    with decrypted(monkeypatch) as names:
        kept = load_list(place.lists, VILLAGE)
        assert kept is not None
        names.clear()
        keep_list(place.lists, VILLAGE, kept)
        for _ in range(3):
            place.look()
        assert names == [f"list-{VILLAGE}"], "the list that was read again"
        names.clear()
        place.erase(place.cases[0])
        place.look()
        assert len(names) == 3, "another erasure"
        names.clear()
        for _ in range(3):
            place.look()
        assert len(names) <= 3, "what was changed by the look itself, once"
    gone = {f"{COUNTY}1", f"{VILLAGE}5", "甲"}
    assert place.shown().count("") == 3 and not gone & set(place.shown())
    assert {f"{COUNTY}2", f"{VILLAGE}6", f"{VILLAGE}7"} <= set(place.shown())


def test_a_list_that_names_whom_an_erasure_took_before_it_was_read(place: Place) -> None:
    place.erase(place.cases[0])
    place.look()
    again = [ExportRow(row=1, external_no="P9", applicant="又来了", case=place.cases[0].hex())]
    keep_list(place.lists, VILLAGE, KeptList(at_ms=2, by="C1", file="又.xlsx", rows=again))
    place.look()
    assert "又来了" not in place.shown()


def test_an_erasure_that_counts_later_is_seen_then(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    held, watch = Erasures(cases=frozenset(place.cases[:1])), ListWatch(place.lists)

    def look() -> None:
        watch.look(place.ledger, held, lambda name: blank_list(place.lists, name, place.ledger, held))

    look()
    with decrypted(monkeypatch) as names:
        look()
        assert not names and f"{COUNTY}1" in place.shown()
        place.erase(place.cases[0])
        look()
    assert f"{COUNTY}1" not in place.shown() and f"{COUNTY}2" in place.shown()


def test_what_could_not_be_kept_is_tried_again(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise StoreError("store.disk_full", file="list")

    place.erase(place.cases[0])
    with monkeypatch.context() as patched:
        patched.setattr(SealedFolder, "keep", full)
        with pytest.raises(StoreError):
            place.look()
    place.look()
    assert place.shown().count("") == 3


def test_what_could_not_be_read_is_tried_again(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """A scanner of viruses, or a disk, let nobody read it just then."""

    def denied(folder: SealedFolder, name: str) -> bytes | None:
        raise StoreError("store.denied", path=name)

    place.erase(place.cases[0])
    with monkeypatch.context() as patched:
        patched.setattr(SealedFolder, "read", denied)
        place.look()
    place.look()
    assert place.shown().count("") == 3


def test_nobody_is_erased_while_a_list_that_may_name_them_cannot_be_read(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who is named there by name alone could be found by nobody afterwards."""
    rows = [ExportRow(row=1, external_no="P77", applicant="甲")]
    keep_list(place.lists, VILLAGE, KeptList(at_ms=1, by="C1", file="导出.xlsx", rows=rows))

    def failing(folder: SealedFolder, name: str) -> bytes | None:
        raise StoreError("store.io", file=name, detail="EIO")

    with monkeypatch.context() as patched:
        patched.setattr(SealedFolder, "read", failing)
        with pytest.raises(StoreError):
            platformlist.before_erasing(place.lists, place.ledger, place.cases[0])
    # One that was damaged for good names nobody any more, and bars no erasure.
    next((place.ledger.home.path / platformlist.FOLDER).glob(f"*{COUNTY}*")).write_bytes(bytes(40))
    platformlist.before_erasing(place.lists, place.ledger, place.cases[0])
    place.erase(place.cases[0])
    place.look()
    kept = load_list(place.lists, VILLAGE)
    assert kept is not None and [row.applicant for row in kept.rows] == [""]


def test_the_ledger_is_asked_when_something_was_written(place: Place) -> None:
    look, written = ErasureLook(), place.ledger.store.writes()
    first = look.look(place.ledger, written)
    assert look.look(place.ledger, written) is first
    place.erase(place.cases[0])
    assert place.ledger.store.writes() != written
    assert list(look.look(place.ledger, place.ledger.store.writes()).cases) == place.cases[:1]
