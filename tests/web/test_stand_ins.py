"""Standing in (顶岗): chosen among those whom the registry names, and refused for anybody else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.facade import Ledger
from ledger.registry.actions import end_role, grant_role
from ledger.types import Facts
from tests.facade.counter import COUNTY, PERMIT, REGISTRAR, Dice, FakeClock, found_county
from tests.web.counterdesk import Counter, Page, keys, serving

CHOICE = re.compile(r'<select id="f-stand_in_for".*?</select>', re.DOTALL)
REMARK = "现在的登记簿里没有这项顶岗登记"


def register(folder: Path, clock: FakeClock, action: str, facts: Facts) -> None:
    with Ledger.open(folder, clock=clock, randomness=Dice(f"more {action}"), write=True) as ledger:
        ledger.register(action, facts, REGISTRAR)


def founded(folder: Path) -> FakeClock:
    """Found the county; C1 and C2 hold the same role, and C1 stands in for C2 with it."""
    clock = FakeClock()
    found_county(folder, clock)
    keys(folder)
    facts = grant_role(staff_no="C1", role="officer", scope=COUNTY, stand_in_for="C2")
    register(folder, clock, "grant_role", facts)
    return clock


@pytest.fixture(scope="module")
def counter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Counter]:
    folder = tmp_path_factory.mktemp("standins") / "county"
    with serving(folder, clock=founded(folder)) as one:
        yield one


def receive(counter: Counter, who: str, away: str) -> Page:
    desk = counter.desk(who)
    once = desk.get(f"/receive/{PERMIT}").field("once")
    fields = {"once": once, "applicant.name": "顶岗件", "f.stand_in_for": away}
    return desk.send(f"/receive/{PERMIT}", fields)


def test_only_registered_colleagues_are_offered(counter: Counter) -> None:
    desk = counter.desk("C1")
    shown = CHOICE.search(desk.get(f"/receive/{PERMIT}").text)
    assert shown and re.findall(r'value="([^"]*)"[^>]*>([^<]*)<', shown.group()) == [
        ("", "—"), ("C2", "工C2 C2"),
    ]  # fmt: skip
    assert "f.stand_in_for" not in counter.desk("C4").get(f"/receive/{PERMIT}").text


@pytest.mark.parametrize(
    ("who", "away", "code"),
    [
        ("C1", "不存在的人 V999", "case.stand_in_unknown"),
        ("C1", "C1", "case.stand_in_unknown"),
        ("C1", "C3", "case.stand_in_role"),
        ("C1", "C4", "case.stand_in_unregistered"),
        ("C2", "C1", "case.stand_in_unregistered"),
    ],
)
def test_nobody_else_is_stood_in_for(counter: Counter, who: str, away: str, code: str) -> None:
    refused = receive(counter, who, away)
    assert (refused.status, refused.code) == (409, code)
    assert "--" not in refused.text.partition('class="problem"')[2].partition("</div>")[0]


def test_a_stand_in_is_told_by_name_and_doubted_where_the_registry_says_otherwise(tmp_path: Path) -> None:
    folder = tmp_path / "county"
    clock = founded(folder)
    with serving(folder, clock=clock) as counter:
        done = receive(counter, "C1", "C2")
        assert done.status == 303, done.text
        case, desk = done.headers["Location"].removesuffix("/slip"), counter.desk("C1")
        told, form = desk.get(case).text, desk.get(f"{case}/do/note").text
        assert "<dd>工C2 C2</dd>" in told and REMARK not in told
        assert CHOICE.search(form)
    register(folder, clock, "end_role", end_role(staff_no="C1", role="officer", scope=COUNTY))
    with serving(folder, clock=clock) as counter:
        desk = counter.desk("C1")
        assert f"工C2 C2（{REMARK}）" in desk.get(case).text
        assert "f.stand_in_for" not in desk.get(f"{case}/do/note").text


def test_an_amendment_offers_those_of_the_author(counter: Counter) -> None:
    case = receive(counter, "C1", "").headers["Location"].removesuffix("/slip")
    desk = counter.desk("C2")
    target = re.search(r"\?target=([0-9a-f]+)", desk.get(f"{case}/do/amend").text)
    assert target
    form = desk.get(f"{case}/do/amend?target={target.group(1)}").text
    assert 'name="f.changes.stand_in_for"' in form and 'name="f.stand_in_for"' not in form
    fields = {"f.target": target.group(1), "f.reason": "漏填", "f.changes.stand_in_for": "C4"}
    assert desk.post(f"{case}/do/amend", fields).code == "case.stand_in_unregistered"
    assert desk.post(f"{case}/do/amend", {**fields, "f.changes.stand_in_for": "C2"}).code == ""
