"""The cases that somebody acted on are found among what is stored: no case is folded, no act read twice."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from ledger.facade import Ledger
from ledger.facade.cases import caseacts, casebook
from ledger.facade.opened.desklists import signed_by
from ledger.registry import actions as registry_actions
from stations.web.keyholders import keys_of
from tests.facade.counter import (
    REGISTRAR,
    Dice,
    FakeClock,
    act,
    found_county,
    receive,
    signer,
)
from tests.web.counterdesk import Counter, Desk, keys, serving

CASES = 40


class Office(NamedTuple):
    """A served county, and who acted on which of its cases."""

    counter: Counter
    mine: set[str]
    others: set[str]
    ended: str


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    folder, clock = tmp_path_factory.mktemp("mine") / "county", FakeClock()
    found_county(folder, clock)
    keys(folder)
    with Ledger.open(folder, clock=clock, randomness=Dice("mine"), write=True) as ledger:
        cases = [receive(ledger).case_id for _ in range(CASES)]
        touched = cases[::4]
        for case in touched:
            act(ledger, "C4", "note", case)
        ended = touched[-1]
        act(ledger, "C1", "withdraw", ended, proof="signature")
        act(ledger, "C1", "close", ended)
    with serving(folder, clock=clock) as counter:
        yield Office(
            counter=counter,
            mine={one.hex() for one in touched},
            others={one.hex() for one in cases} - {one.hex() for one in touched},
            ended=ended.hex(),
        )


@pytest.fixture
def folds(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """The folds from now on."""
    done: list[object] = []
    real = casebook.fold_case

    def counted(acts, rules):  # type: ignore[no-untyped-def]
        done.append(acts)
        return real(acts, rules)

    monkeypatch.setattr(casebook, "fold_case", counted)
    return done


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The acts that are decoded from now on."""
    done: list[bytes] = []
    real = caseacts.reread_frame

    def counted(raw):  # type: ignore[no-untyped-def]
        done.append(raw)
        return real(raw)

    monkeypatch.setattr(caseacts, "reread_frame", counted)
    return done


def listed(desk: Desk, path: str) -> set[str]:
    return set(re.findall(r'href="/case/([0-9a-f]{32})"', desk.get(path).text))


def test_the_page_folds_none_and_reads_each_act_once(
    office: Office, folds: list[object], read: list[bytes]
) -> None:
    desk = office.counter.desk("C4")
    assert listed(desk, "/cases?mine=1") == office.mine - {office.ended}
    acts = len(read)
    # Each case that is listed has its receipt, and those that were touched one act more.
    assert folds == [] and acts == CASES + len(office.mine) - 2
    assert listed(desk, "/cases?mine=1&closed=1") == office.mine
    assert len(read) == acts + 4, "the acts of the case that is closed"
    assert listed(desk, "/cases?mine=1&closed=1&q=高") == set()
    assert len(read) == acts + 4 and folds == []
    assert listed(office.counter.desk("C1"), "/cases?mine=1&closed=1") == office.mine | office.others
    assert listed(office.counter.desk("C3"), "/cases?mine=1&closed=1") == set()
    assert len(read) == acts + 4 and folds == []


def test_what_is_signed_next_is_found_at_once(office: Office, folds: list[object]) -> None:
    desk, case = office.counter.desk("C2"), min(office.others)
    assert listed(desk, "/cases?mine=1") == set()
    before = len(folds)
    assert desk.post(f"/case/{case}/do/note", {"text": "看过"}).code == ""
    assert len(folds) > before, "what counts folds counts some"
    assert listed(desk, "/cases?mine=1") == {case}


def test_a_key_that_ended_is_still_hers(tmp_path: Path) -> None:
    clock = FakeClock()
    found_county(tmp_path / "county", clock)
    with Ledger.open(tmp_path / "county", clock=clock, randomness=Dice("ended"), write=True) as ledger:
        case = receive(ledger, "C4").case_id
        facts = registry_actions.retire_key(key_id=signer("C4").key_id, reason="retired", log_sizes=())
        ledger.register("retire_key", facts, REGISTRAR)
        rows = ledger.worklist()
        assert [row.case_id for row in signed_by(ledger, rows, keys_of(ledger, "C4"))] == [case]
        assert signed_by(ledger, rows, keys_of(ledger, "C1")) == []
