"""The county's own logs and keys: one of each kind, in order, and a refusal costs nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from ledger.errors import BanjianError, StoreError
from ledger.facade import Home, Ledger
from ledger.facade.cases.writing import Writer
from ledger.formats.genesis import LogKind
from ledger.types import StationId
from tests.facade.counter import (
    COUNTY,
    FELLING,
    REGISTRAR,
    ROOTS,
    TOWNSHIP,
    Dice,
    FakeClock,
    act,
    enrol,
    found_county,
    receive,
    signer,
)


def lose_log_keys(place: Path) -> None:
    for path in Home(place).secrets_dir.glob("log-*.key"):
        path.unlink()


def reopen_county_logs(ledger: Ledger) -> None:
    ledger.open_county_log("registry", COUNTY, ROOTS[0])
    ledger.open_county_log("catalogue", COUNTY, REGISTRAR)


@pytest.mark.parametrize(
    ("kind", "station"),
    [("registry", COUNTY), ("catalogue", COUNTY), ("catalogue", TOWNSHIP), ("station", COUNTY)],
)
def test_a_second_sound_log_is_refused(ledger: Ledger, kind: LogKind, station: StationId) -> None:
    before = len(ledger.logs())
    with pytest.raises(StoreError, match=r"log.open"):
        ledger.open_county_log(kind, station, ROOTS[0] if kind == "registry" else REGISTRAR)
    assert len(ledger.logs()) == before


def test_county_logs_given_up_twice_keep_their_order(place: Path, clock: FakeClock) -> None:
    """The second incarnation is shorter than the first, so the third names a smaller size."""
    lose_log_keys(place)
    with Ledger.open(place, clock=clock, randomness=Dice("second"), write=True) as ledger:
        reopen_county_logs(ledger)
        for number in range(3):
            enrol(ledger, f"N{number}", COUNTY, ("window",))
        ledger.publish("publish_items", {"items": [], "withdrawn": [FELLING]}, REGISTRAR)
    lose_log_keys(place)
    with Ledger.open(place, clock=clock, randomness=Dice("third"), write=True) as ledger:
        reopen_county_logs(ledger)
        enrol(ledger, "N4", COUNTY, ("window",))
        acts = [outcome.act_id for outcome in ledger.knowledge.registry.outcomes()]
        items = dict(ledger.knowledge.catalogue.items(ledger.knowledge.catalogue.size))
        versions = [len(ledger.knowledge.catalogue.items(size)) for size in range(40)]
    with Ledger.open(place, clock=clock, randomness=Dice("fourth"), write=False) as ledger:
        assert [outcome.act_id for outcome in ledger.knowledge.registry.outcomes()] == acts
        assert dict(ledger.knowledge.catalogue.items(ledger.knowledge.catalogue.size)) == items
        assert [len(ledger.knowledge.catalogue.items(size)) for size in range(40)] == versions


def test_a_folder_that_only_bears_the_name_of_a_half_made_one_is_left_alone(
    tmp_path: Path, clock: FakeClock
) -> None:
    mine = tmp_path / "county.part" / "thesis.txt"
    mine.parent.mkdir()
    mine.write_text("years of work", encoding="utf-8")
    with pytest.raises(BanjianError, match=r"home.exists"):
        found_county(tmp_path / "county", clock)
    assert mine.read_text(encoding="utf-8") == "years of work"
    mine.unlink()
    found_county(tmp_path / "county", clock)


def test_a_refused_enrolment_leaves_the_service_key_in_place(ledger: Ledger) -> None:
    seed = ledger.home.service_seed(COUNTY, "receipt")
    assert seed is not None
    for purpose, by in (("receipt", signer("V1")), ("../keys/x", REGISTRAR)):
        with pytest.raises(BanjianError):
            ledger.enrol_service_key(COUNTY, purpose, by)
    assert ledger.home.service_seed(COUNTY, "receipt") == seed
    assert not list(ledger.home.keys_dir.iterdir())


def test_actions_that_nobody_knows_are_refused(ledger: Ledger) -> None:
    before = [log.size for log in ledger.logs()]
    with pytest.raises(BanjianError, match=r"registry.action_unknown"):
        ledger.register("promote", {}, REGISTRAR)
    for action in ("publish_news", "enrol_staff"):
        with pytest.raises(BanjianError, match=r"catalogue.shape"):
            ledger.publish(action, {}, REGISTRAR)
    assert [log.size for log in ledger.logs()] == before


def test_a_log_that_could_not_be_opened_can_be_opened_later(
    place: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise StoreError("store.disk_full", file="ledger.db")

    lose_log_keys(place)
    with Ledger.open(place, clock=clock, randomness=Dice("second"), write=True) as ledger:
        with monkeypatch.context() as patch:
            patch.setattr(Writer, "append_opening", fail)
            with pytest.raises(StoreError, match=r"store.disk_full"):
                receive(ledger)
        assert receive(ledger).seq == 2


def test_a_reader_sees_what_the_writer_wrote(place: Path, clock: FakeClock) -> None:
    with (
        Ledger.open(place, clock=clock, randomness=Dice("writer"), write=True) as writer,
        Ledger.open(place, clock=clock, randomness=Dice("reader"), write=False) as reader,
    ):
        case = receive(writer).case_id
        assert reader.case(case).state.status == "received"
        act(writer, "C1", "accept", case)
        page = reader.case(case)
        assert (page.state.status, page.row.status) == ("accepted", "accepted")


def test_cases_of_other_stations_do_not_use_up_a_search(ledger: Ledger) -> None:
    for _ in range(6):
        receive(ledger, "C1")
    mine = {receive(ledger, "T1").case_id for _ in range(2)}
    for text in ("赵小明", "zxm", "990121", "食品经营许可"):
        assert {row.case_id for row in ledger.find(text, station=TOWNSHIP, limit=3)} == mine
        assert len(ledger.find(text, limit=3)) == 3
        among = {row.case_id for row in ledger.find(text, limit=3, among={TOWNSHIP}.__contains__)}
        assert among == mine and not ledger.find(text, limit=3, among=lambda _: False)
