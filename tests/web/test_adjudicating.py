"""Two stations acted at once: the page shows both by words, and the head's form settles it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from ledger.act import act_id
from ledger.facade import CasePage, Command, Ledger
from ledger.types import CaseId, Facts
from stations.demo import Stage
from stations.demoarrival import arrive
from stations.texts import Say
from stations.web.cases.factwords import words_of
from tests.facade.counter import TOWNSHIP, Dice, FakeClock, act, found_county, receive, signer
from tests.web.counterdesk import Counter, keys, serving


@dataclass(frozen=True)
class Torn:
    """A served county with a case that was withdrawn at the county while the township took papers."""

    counter: Counter
    case: CaseId
    withdrawn: bytes
    supplied: bytes

    @property
    def page(self) -> CasePage:
        """The case as it stands."""
        with self.counter.ledger() as ledger:
            return ledger.case(self.case)


@pytest.fixture
def torn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Torn]:
    folder, clock = tmp_path_factory.mktemp("torn") / "county", FakeClock()
    found_county(folder, clock)
    keys(folder)
    with Ledger.open(folder, clock=clock, randomness=Dice("torn"), write=True) as ledger:
        case = receive(ledger, materials=["m01"]).case_id
        supply = Command(action="supply", station=TOWNSHIP, case=case, facts={"materials": ["m03"]})
        clock.set("2026-03-02 09:30")
        signed = ledger.prepare(supply, signer("T1"))
        clock.set("2026-03-02 10:00")
        withdrawn = act(ledger, "C1", "withdraw", case, proof="signature").act_id
    stage = Stage(folder=folder, language="zh", randomness=Dice("stage"), echo=None)
    stage.clock.set("2026-03-02 10:30")
    arrive(stage, signed)
    clock.set("2026-03-02 11:00")
    with serving(folder, clock=clock) as counter:
        yield Torn(counter=counter, case=case, withdrawn=withdrawn, supplied=act_id(signed.raw))


def test_acts_that_a_ruling_names_and_stations_stand_in_words(torn: Torn) -> None:
    with torn.counter.ledger() as ledger:
        words = words_of(Say(language="zh"), ledger, torn.page)
    unknown = bytes(range(32))
    facts: Facts = {"uphold": [torn.supplied, unknown], "set_aside": [torn.withdrawn], "reason": "查明"}
    told = dict(words.told("adjudicate", facts))
    assert told["维持哪些行为"] == "补交材料 工T1(T1) township 2026-03-02 09:30、000102030405"
    assert told["不予采用哪些行为"].startswith("撤回 工C1(C1) ")
    assert told["不予采用哪些行为"].endswith(" 2026-03-02 10:00")
    assert [text for _, text in words.told("hand_over", {"to": TOWNSHIP})] == [f"township {TOWNSHIP}"]


def test_the_head_settles_a_conflict_by_ticking_its_acts(torn: Torn) -> None:
    desk, where = torn.counter.desk("C3"), f"/case/{torn.case.hex()}"
    assert torn.page.state.in_conflict
    form = desk.get(f"{where}/do/adjudicate")
    for name in ("f.uphold", "f.set_aside"):
        boxes = re.findall(rf'<input type="checkbox" name="{name}" value="([0-9a-f]+)"> ([^<]+)<', form.text)
        assert {act for act, _ in boxes} == {torn.supplied.hex(), torn.withdrawn.hex()}
        assert {"补交材料 工T1(T1) township 2026-03-02 09:30"} < {words for _, words in boxes}
    fields = {"f.uphold": torn.supplied.hex(), "f.reason": "申请人确认继续办理"}
    wrong = desk.post(f"{where}/do/adjudicate", {**fields, "f.set_aside": "这不是"})
    assert (wrong.status, wrong.code) == (422, "web.choice")
    assert re.search(rf'name="f.uphold" value="{torn.supplied.hex()}" checked', wrong.text)
    done = desk.post(
        f"{where}/do/adjudicate",
        {**fields, "f.set_aside": torn.withdrawn.hex(), "heads": form.field("heads"), "once": "settle"},
    )
    assert "✓ 「裁定冲突」" in done.text and "b&#39;" not in done.text
    assert "不予采用哪些行为撤回 工C1(C1) " in re.sub(r"<[^>]+>", "", done.text)
    state = torn.page.state
    assert not state.in_conflict and state.status == "received"
    assert state.steps[-1].act.facts["uphold"] == [torn.supplied]


def part_of(page: str, name: str) -> str:
    """Return what stands under a heading of the page of today; "" when it is not there."""
    return page.partition(f'id="part-{name}"')[2].partition("</section>")[0]


def test_a_conflict_presses_on_the_page_of_today(torn: Torn) -> None:
    number, holder = torn.page.state.number, torn.counter.desk("C1")
    head, elsewhere = torn.counter.desk("C3"), torn.counter.desk("V1")
    assert number in part_of(head.get("/").text, "adjudicate")
    assert number in part_of(holder.get("/").text, "conflict")
    assert number not in elsewhere.get("/").text
    fields = {"f.uphold": torn.supplied.hex(), "f.set_aside": torn.withdrawn.hex(), "f.reason": "查明"}
    head.post(f"/case/{torn.case.hex()}/do/adjudicate", fields)
    for desk in (head, holder):
        page = desk.get("/").text
        assert "part-adjudicate" not in page and "part-conflict" not in page


def test_a_program_rules_with_the_digits_of_acts(torn: Torn) -> None:
    desk = torn.counter.desk("C3")
    facts = {"uphold": [torn.withdrawn.hex()], "set_aside": [torn.supplied.hex()], "reason": "查明"}
    answer = desk.call(f"/api/v1/case/{torn.case.hex()}/act", {"action": "adjudicate", "facts": facts})
    assert answer.status == 200, answer.raw
    assert not torn.page.state.in_conflict and torn.page.state.status == "withdrawn"
