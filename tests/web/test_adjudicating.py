"""Two stations acted at once: the page shows both by words, and the head's form settles it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from ledger.facade import CasePage, Command, Ledger
from ledger.formats.act import act_id
from ledger.types import CaseId, Facts
from stations.cli.counterday.demo import Stage
from stations.cli.counterday.demoarrival import arrive
from stations.texts import Say
from stations.words.factwords import words_of
from tests.facade.counter import TOWNSHIP, Dice, FakeClock, act, found_county, receive, signer
from tests.web.counterdesk import Counter, keys, serving


@dataclass(frozen=True)
class Torn:
    """A served county with a case on which the county acted while the township did, unseen."""

    counter: Counter
    case: CaseId
    county: tuple[bytes, ...]
    township: bytes

    @property
    def withdrawn(self) -> bytes:
        """What the county did last."""
        return self.county[-1]

    @property
    def supplied(self) -> bytes:
        """What the township did."""
        return self.township

    @property
    def page(self) -> CasePage:
        """The case as it stands."""
        with self.counter.ledger() as ledger:
            return ledger.case(self.case)


@contextmanager
def tear(
    folder: Path, *, prepared: str, facts: Facts, then: Sequence[tuple[str, str, Facts]]
) -> Iterator[Torn]:
    """Serve a county that does acts on a case while the township does one unseen."""
    clock = FakeClock()
    found_county(folder, clock)
    keys(folder)
    with Ledger.open(folder, clock=clock, randomness=Dice("torn"), write=True) as ledger:
        case = receive(ledger, materials=["m01"]).case_id
        clock.set("2026-03-02 09:30")
        signed = ledger.prepare(
            Command(action=prepared, station=TOWNSHIP, case=case, facts=facts), signer("T1")
        )
        done = []
        for moment, action, said in then:
            clock.set(moment)
            done.append(act(ledger, "C1", action, case, **said).act_id)
    stage = Stage(folder=folder, language="zh", randomness=Dice("stage"), echo=None)
    stage.clock.set("2026-03-02 10:30")
    arrive(stage, signed)
    clock.set("2026-03-02 11:00")
    with serving(folder, clock=clock) as counter:
        yield Torn(counter=counter, case=case, county=tuple(done), township=act_id(signed.raw))


@pytest.fixture
def torn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Torn]:
    """A case that was withdrawn at the county while the township took papers."""
    withdrawal: Facts = {"proof": "signature"}
    with tear(
        tmp_path_factory.mktemp("torn") / "county",
        prepared="supply",
        facts={"materials": ["m03"]},
        then=[("2026-03-02 10:00", "withdraw", withdrawal)],
    ) as one:
        yield one


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


def test_the_head_settles_a_conflict_by_choosing_for_each_act(torn: Torn) -> None:
    desk, where = torn.counter.desk("C3"), f"/case/{torn.case.hex()}"
    assert torn.page.state.in_conflict
    form = desk.get(f"{where}/do/adjudicate")
    rings = re.findall(
        r'<legend>([^<]+)</legend>.*?name="rule\.([0-9a-f]+)" value="uphold" required>'
        r'.*?value="set_aside" required>',
        form.text,
        re.DOTALL,
    )
    assert [act for _, act in rings] == [torn.supplied.hex(), torn.withdrawn.hex()]
    assert rings[0][0] == "补交材料 工T1(T1) township 2026-03-02 09:30"
    assert 'name="f.uphold"' not in form.text and 'name="f.set_aside"' not in form.text
    fields = {f"rule.{torn.supplied.hex()}": "uphold", "f.reason": "申请人确认继续办理"}
    half = desk.post(f"{where}/do/adjudicate", fields)
    assert (half.status, half.code) == (409, "case.adjudicate_incomplete")
    problem = half.text.partition('role="alert"')[2].partition("</div>")[0]
    assert "撤回 工C1(C1) " in problem and torn.withdrawn.hex()[:8] not in problem
    assert re.search(rf'name="rule.{torn.supplied.hex()}" value="uphold" required checked', half.text)
    done = desk.post(
        f"{where}/do/adjudicate",
        {
            **fields,
            f"rule.{torn.withdrawn.hex()}": "set_aside",
            "heads": form.field("heads"),
            "once": "settle",
        },
    )
    assert "✓ 「裁定冲突」" in done.text and "b&#39;" not in done.text
    assert "不予采用哪些行为撤回 工C1(C1) " in re.sub(r"<[^>]+>", "", done.text)
    state = torn.page.state
    assert not state.in_conflict and state.status == "received"
    assert state.steps[-1].act.facts["uphold"] == [torn.supplied]
    assert state.steps[-1].act.facts["set_aside"] == [torn.withdrawn]


def test_an_act_that_is_none_is_refused_and_nothing_is_lost(torn: Torn) -> None:
    desk, where = torn.counter.desk("C3"), f"/case/{torn.case.hex()}/do/adjudicate"
    wrong = desk.post(where, {"rule.这不是": "uphold", "f.reason": "申请人确认继续办理"})
    assert (wrong.status, wrong.code) == (422, "web.choice")
    assert "维持哪些行为" in wrong.text and "申请人确认继续办理" in wrong.text
    assert torn.page.state.in_conflict


def test_the_sides_of_a_conflict_stand_in_words_and_in_order(tmp_path: Path) -> None:
    """What was told by digits and sorted by them is told by action, person, station and moment."""
    steps: list[tuple[str, str, Facts]] = [
        ("2026-03-02 09:41", "request_correction", {"missing": ["m02"], "due": "2026-03-20"}),
        ("2026-03-02 10:15", "withdraw", {"proof": "signature"}),
    ]
    materials: Facts = {"materials": ["m03"]}
    with tear(tmp_path / "county", prepared="supply", facts=materials, then=steps) as torn:
        page = torn.counter.desk("C1").get(f"/case/{torn.case.hex()}").text
        form = torn.counter.desk("C3").get(f"/case/{torn.case.hex()}/do/adjudicate").text
    both = page.partition('class="grid sides"')[2].partition("</section>")[0]
    sides = [re.findall(r"<li>2026-03-02 ([0-9:]{5})", side) for side in both.split("<article>")[1:]]
    assert sides == [["09:30"], ["09:41", "10:15"]]
    assert re.findall(r"<legend>[^<]+ ([0-9:]{5})</legend>", form) == ["09:30", "09:41", "10:15"]
    assert "与其他站点同时办理的记录（补交材料 工T1(T1) township 2026-03-02 09:30）冲突" in page


def test_parallel_acts_are_joined_once(torn: Torn) -> None:
    desk, where = torn.counter.desk("C1"), f"/case/{torn.case.hex()}"
    assert len(torn.page.state.heads) == 2 and f'href="{where}/do/merge"' in desk.get(where).text
    assert "✓ 「接合并行记录」" in desk.post(f"{where}/do/merge").text
    assert len(torn.page.state.heads) == 1 and "/do/merge" not in desk.get(where).text
    assert desk.post(f"{where}/do/merge").code == "case.nothing_to_join"


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
    desk, where = torn.counter.desk("C3"), f"/api/v1/case/{torn.case.hex()}"
    disputes = json.loads(desk.get(where).raw)["disputes"]
    assert disputes == [{"kept": [torn.supplied.hex()], "contested": [torn.withdrawn.hex()]}]
    facts = {"uphold": disputes[0]["contested"], "set_aside": disputes[0]["kept"], "reason": "查明"}
    answer = desk.call(f"{where}/act", {"action": "adjudicate", "facts": facts})
    assert answer.status == 200, answer.raw
    assert not torn.page.state.in_conflict and torn.page.state.status == "withdrawn"
    assert json.loads(desk.get(where).raw)["disputes"] == []
