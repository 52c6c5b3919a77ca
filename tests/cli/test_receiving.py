"""Taking in an application: who brought it, and the number that the citizen's paper already carries."""

from __future__ import annotations

from datetime import date
from hashlib import sha256
from pathlib import Path

import pytest

from ledger.cases.number import mint
from ledger.facade import Ledger
from ledger.types import LogId, StationId
from stations.cli.counterday.demo import TOWNSHIP, VILLAGE, DemoClock
from stations.cli.rows import told_numbers
from tests.cases.counter import at
from tests.cli.conftest import ITEM, Result, Terminal

_RECEIVE = ("receive", ITEM, "--as", "V001", "--materials", "all", "--no-slip")


@pytest.mark.parametrize(
    ("name", "code"), [("", "identity.no_name"), ("　 ", "identity.no_name"), ("\u200b", "identity.name")]
)
def test_a_receipt_without_an_applicant_is_refused_and_nothing_is_signed(
    county: Terminal, name: str, code: str
) -> None:
    refused = county.run(*_RECEIVE, "--name", name)
    assert refused.code == 1 and f"[{code}]" in refused.err and "→" in refused.err
    assert county.ok("worklist", "--json").lines == []


def test_a_wrong_character_of_a_number_is_told_where_people_look_for_it(county: Terminal) -> None:
    number = county.ok(*_RECEIVE, "--name", "吴老根", "--json").json["number"]
    wrong = number[:-1] + ("0" if number[-1] != "0" else "1")
    for words in (("find", wrong), ("show", wrong), ("accept", wrong, "--as", "T001")):
        refused = county.run(*words)
        assert refused.code == 1 and "[number.check]" in refused.err, words
    assert county.ok("find", number[:-2]).out.count(number) == 1


def test_another_day_is_a_late_entry_or_refused_with_the_way_to_say_so(county: Terminal) -> None:
    for day in ("2026-03-02 16:40", "2000-01-01 09:00"):
        refused = county.run(*_RECEIVE, "--name", "吴老根", "--at", day)
        assert (
            refused.code == 1 and "[case.another_day]" in refused.err and "--late-entry-paper" in refused.err
        )
    assert county.ok("worklist", "--json").lines == []
    number = county.ok(*_RECEIVE, "--name", "吴老根", "--at", "08:10", "--json").json["number"]
    assert (
        county.run("hand-over", number, "--to", TOWNSHIP, "--as", "V001", "--at", "2026-03-02 23:00").code
        == 1
    )
    late = ("--late-entry-paper", "DM-0007", "--late-entry-reason", "power")
    county.ok(*_RECEIVE, "--name", "吴老根", "--at", "2026-03-02 16:40", *late)


def _late(county: Terminal, paper: str, *more: str) -> Result:
    words = ("--at", "2026-03-02 16:40", "--late-entry-paper", paper, "--late-entry-reason", "power")
    return county.run(*_RECEIVE, "--name", "吴老根", *words, "--json", *more)


def test_the_number_on_the_citizens_slip_stays_the_cases_number(county: Terminal) -> None:
    """The machine that printed the slip is gone; its log's tag is another than that of the log of today."""
    slip = mint(StationId(VILLAGE), LogId(bytes(32)), 9, date(2026, 3, 2))
    assert _late(county, f" {slip.lower()}").json["number"] == slip
    for asked in (slip, slip[:-2]):
        assert county.ok("find", asked, "--json").lines[0]["number"] == slip
    again = _late(county, slip)
    assert again.code == 1 and "[number.entered]" in again.err and slip in again.err
    wrong = _late(county, slip[:-1] + ("0" if slip[-1] != "0" else "1"))
    assert wrong.code == 1 and "[number.check]" in wrong.err
    assert len(county.ok("worklist", "--json").lines) == 1


def test_a_slip_entered_wrongly_and_voided_may_be_entered_again(county: Terminal) -> None:
    slip = mint(StationId(TOWNSHIP), LogId(bytes(32)), 9, date(2026, 3, 2))
    assert _late(county, slip, "--as", "T001").json["number"] == slip
    county.ok("void", slip, "--reason", "wrong_item", "--as", "T001")
    county.ok("countersign", slip, "--as", "T002")
    anew = _late(county, slip, "--as", "T001").json["number"]
    assert anew != slip
    assert {row["number"] for row in county.ok("find", slip, "--json").lines} == {slip, anew}
    assert county.ok("show", slip, "--json").json["number"] == slip
    assert "[number.entered]" in _late(county, slip, "--as", "T001").err


def test_a_case_is_found_by_the_number_of_its_paper(county: Terminal) -> None:
    other = mint(StationId(TOWNSHIP), LogId(bytes(32)), 9, date(2026, 3, 2))
    for paper, asked in (("城关 0042", "城关0042"), ("DM-0007", "dm-0007"), (other, other.replace("-", ""))):
        number = _late(county, paper).json["number"]
        assert number != paper
        assert [row["number"] for row in county.ok("find", asked, "--json").lines] == [number]
        assert county.ok("show", asked, "--json").json["number"] == number
    assert "[number.entered]" in _late(county, other).err


def test_one_number_of_two_cases_names_both_and_how_each_is_seen(county: Terminal) -> None:
    made = [_late(county, "收条 12", "--as", who).json for who in ("V001", "T001")]
    refused = county.run("show", "收条12")
    assert refused.code == 1 and "[case.ambiguous]" in refused.err and "吴老根" not in refused.err
    for one in made:
        short = one["case_id"][:8]
        assert f"{short} ({one['number']})" in refused.err
        assert county.ok("show", short, "--json").json["number"] == one["number"]


def test_a_list_tells_cases_of_one_number_apart(county: Terminal) -> None:
    """Two machines from one image of a disk give the same numbers; the county holds the cases of both."""
    for name in ("吴老根", "周小宝", "孙二"):
        county.ok(*_RECEIVE, "--name", name)
    with Ledger.open(county.folder, write=False) as ledger:
        first, second, third = ledger.worklist()
    rows = [first, second._replace(number=first.number), third]
    assert told_numbers(rows) == [
        f"{first.number} ({first.case_id.hex()[:8]})",
        f"{first.number} ({second.case_id.hex()[:8]})",
        third.number,
    ]


def test_a_late_entry_is_not_older_than_its_case(county: Terminal) -> None:
    """A correction notice from before the receipt would let the case lapse within a minute."""
    number = county.ok(*_RECEIVE, "--name", "吴老根", "--json").json["number"]
    county.ok("hand-over", number, "--to", TOWNSHIP, "--as", "V001")
    county.ok("take-over", number, "--as", "T001")
    told = ("request-correction", number, "--missing", "m01", "--due", "2026-02-10", "--as", "T001")
    late = ("--at", "2026-02-03 09:00", "--late-entry-paper", "9", "--late-entry-reason", "network")
    refused = county.run(*told, *late)
    assert refused.code == 1 and "[case.before_receipt]" in refused.err and "→" in refused.err
    assert county.ok("show", number, "--json").json["status"] != "correcting"


def test_another_organs_result_stands_on_its_file_or_its_paper(county: Terminal, tmp_path: Path) -> None:
    """The hash is computed from the file; where there is only paper, its number does."""
    file = tmp_path / "结果.pdf"
    file.write_bytes(b"%PDF granted")
    result = ("--result", "grant", "--organ", "溪山县医疗保障局", "--as", "C001", "--json")
    for platform, words, expected in (
        ("33-1", ("--evidence", str(file)), {"evidence": sha256(b"%PDF granted").digest()}),
        ("33-2", ("--evidence-paper", "溪医保〔2026〕7号"), {"evidence_paper": "溪医保〔2026〕7号"}),
    ):
        given = (*result, "--external-no", platform)
        receive = ("receive", "990103000030", "--as", "C001", "--name", "吴老根", "--no-slip", "--json")
        number = county.ok(*receive).json["number"]
        silent = county.run("record-result", number, *given)
        assert silent.code == 1 and "[case.no_evidence]" in silent.err
        missing = county.run("record-result", number, *given, "--evidence", str(tmp_path / "none.pdf"))
        assert missing.code == 2 and "[cli.hex]" in missing.err
        (tmp_path / "empty.pdf").touch()
        empty = county.run("record-result", number, *given, "--evidence", str(tmp_path / "empty.pdf"))
        assert empty.code == 2 and "[cli.file_empty]" in empty.err
        short = county.run("record-result", number, *given, "--evidence", "00ff")
        assert short.code == 1 and "[case.facts_value]" in short.err
        county.ok("record-result", number, *given, *words)
        with Ledger.open(county.folder, write=False) as ledger:
            facts = ledger.state(ledger.resolve(number))[0].steps[-1].act.facts
        assert {name: facts[name] for name in ("evidence", "evidence_paper") if name in facts} == expected


def test_nothing_is_done_with_a_case_before_it_was_received(county: Terminal) -> None:
    """A typed time is held against the receipt: of another day at night, and of the same day."""
    county.clock.set("2026-03-04 01:35")
    number = str(county.ok(*_RECEIVE, "--name", "吴老根", "--json").json["number"])
    county.clock.set("2026-03-04 01:40")
    offered = ("hand-over", number, "--to", TOWNSHIP, "--as", "V001")
    refused = county.run(*offered, "--at", "2026-03-03 23:50")
    assert refused.code == 1 and "[case.before_receipt]" in refused.err
    refused = county.run(*offered, "--at", "01:34")
    assert refused.code == 1 and "[case.before_receipt]" in refused.err
    county.ok(*offered, "--at", "01:35")


def test_a_time_before_what_was_done_last_is_an_entry_from_paper(county: Terminal) -> None:
    number = str(county.ok(*_RECEIVE, "--name", "吴老根", "--json").json["number"])
    county.ok("hand-over", number, "--to", TOWNSHIP, "--as", "V001")
    county.clock.set("2026-03-03 10:00")
    county.ok("take-over", number, "--as", "T001")
    county.clock.set("2026-03-03 11:00")
    accepted = ("accept", number, "--as", "T001", "--at", "09:30")
    refused = county.run(*accepted)
    assert refused.code == 1 and "[case.before_newest]" in refused.err
    assert "2026-03-03 09:30" in refused.err and "“接收”（2026-03-03 10:00）" in refused.err
    county.ok(*accepted, "--late-entry-paper", "9", "--late-entry-reason", "device")
    note = county.run("note", number, "--text", "来电询问", "--as", "V001", "--at", "08:59")
    assert note.code == 1 and "[case.before_receipt]" in note.err


class _AnyClock(DemoClock):
    """Also goes back: one process stands for stations whose clocks differ."""

    def set(self, moment: str) -> None:
        self._now_ms = 0
        super().set(moment)


@pytest.fixture
def differing(county: Terminal) -> Terminal:
    """A terminal whose clock may be set to that of any station."""
    county.clock = _AnyClock()
    return county


def _offered(county: Terminal, ahead: str) -> str:
    """Receive a case at the village by its own clock, and offer it; returns the number."""
    county.clock.set(ahead)
    number = str(county.ok(*_RECEIVE, "--name", "吴老根", "--json").json["number"])
    county.ok("hand-over", number, "--to", TOWNSHIP, "--as", "V001")
    return number


@pytest.mark.parametrize("ahead", ["2026-03-03 10:07", "2026-03-04 10:00"])
def test_clocks_of_stations_that_differ_stop_nobody(differing: Terminal, ahead: str) -> None:
    """The village's clock is seven minutes ahead, or a day: who takes over works by the own clock."""
    number = _offered(differing, ahead)
    differing.clock.set("2026-03-03 10:02")
    differing.ok("take-over", number, "--as", "T001", "--at", "10:00")
    differing.clock.set("2026-03-03 10:30")
    differing.ok("accept", number, "--as", "T001", "--at", "10:01")
    shown = differing.ok("show", number, "--json").json
    assert shown["status"] == "accepted"
    times = [step["occurred_at_ms"] // 60_000 for step in shown["steps"]]
    expected = [ahead, ahead, "2026-03-03 10:00", "2026-03-03 10:01"]
    assert times == [at(moment) // 60_000 for moment in expected]


@pytest.mark.parametrize(("claimed", "code"), [("10:03", 0), ("09:54", 1)])
def test_what_is_entered_late_has_the_same_margin_between_stations(
    differing: Terminal, claimed: str, code: int
) -> None:
    number = _offered(differing, "2026-03-03 10:05")
    differing.clock.set("2026-03-03 10:01")
    differing.ok("take-over", number, "--as", "T001")
    differing.clock.set("2026-03-03 11:00")
    late = ("--late-entry-paper", "9", "--late-entry-reason", "device")
    result = differing.run("accept", number, "--as", "T001", "--at", claimed, *late)
    assert result.code == code and ("[case.before_receipt]" in result.err) == bool(code)


def test_a_late_entry_of_the_own_station_has_no_margin(county: Terminal) -> None:
    number = str(county.ok(*_RECEIVE, "--name", "吴老根", "--as", "T001", "--json").json["number"])
    county.clock.set("2026-03-03 11:00")
    late = ("--late-entry-paper", "9", "--late-entry-reason", "device")
    refused = county.run("accept", number, "--as", "T001", "--at", "08:59", *late)
    assert refused.code == 1 and "[case.before_receipt]" in refused.err
    county.ok("accept", number, "--as", "T001", "--at", "09:00", *late)


def test_a_notice_typed_as_earlier_than_a_supply_does_not_wipe_it_out(county: Terminal) -> None:
    county.clock.set("2026-03-03 09:15")
    receive = ("receive", ITEM, "--as", "T001", "--name", "吴老根", "--no-slip", "--json")
    number = str(county.ok(*receive).json["number"])
    county.clock.set("2026-03-03 11:00")
    county.ok("supply", number, "--materials", "m01,m02", "--as", "T001", "--at", "10:15")
    notice = ("request-correction", number, "--missing", "m01,m02", "--due", "2026-03-20", "--as", "T001")
    refused = county.run(*notice, "--at", "09:45")
    assert refused.code == 1 and "[case.before_newest]" in refused.err and "10:15" in refused.err
    county.ok(*notice, "--at", "10:15")


def test_what_stands_beside_anything_is_held_against_the_receipt_alone(county: Terminal) -> None:
    """A call or a word of praise that is typed after the acceptance needs no paper."""
    number = str(county.ok(*_RECEIVE, "--name", "吴老根", "--as", "T001", "--json").json["number"])
    county.clock.set("2026-03-03 10:40")
    county.ok("accept", number, "--as", "T001")
    county.clock.set("2026-03-03 11:30")
    county.ok("note", number, "--text", "来电询问", "--as", "T001", "--at", "10:10")
    linked = ("link-external", number, "--external-no")
    county.ok(*linked, "33-1", "--as", "T001", "--at", "10:11")
    two = county.run(*linked, "33-2", "--as", "T001", "--at", "10:05")
    assert two.code == 1 and "[case.before_newest]" in two.err
    early = county.run("note", number, "--text", "来电询问", "--as", "T001", "--at", "08:59")
    assert early.code == 1 and "[case.before_receipt]" in early.err


@pytest.mark.parametrize(
    "answer", [("countersign",), ("decline", "--reason", "太早了")], ids=["countersigned", "declined"]
)
def test_nobody_answers_what_was_not_asked_yet(county: Terminal, answer: tuple[str, ...]) -> None:
    number = str(county.ok(*_RECEIVE, "--name", "吴老根", "--as", "T001", "--json").json["number"])
    county.clock.set("2026-03-03 10:44")
    county.ok("void", number, "--reason", "wrong_item", "--as", "T001")
    county.clock.set("2026-03-03 11:00")
    signed = (answer[0], number, *answer[1:], "--as", "T002", "--at")
    refused = county.run(*signed, "10:14")
    assert refused.code == 1 and "[case.before_newest]" in refused.err and "10:44" in refused.err
    county.ok(*signed, "10:44")


@pytest.mark.parametrize("paper", [(), ("--late-entry-paper", "9", "--late-entry-reason", "device")])
def test_nobody_corrects_what_was_not_done_yet(county: Terminal, paper: tuple[str, ...]) -> None:
    number = str(county.ok(*_RECEIVE, "--name", "吴老根", "--as", "T001", "--json").json["number"])
    county.clock.set("2026-03-03 10:44")
    done = county.ok("accept", number, "--acceptance-no", "溪受1", "--as", "T001", "--json").json
    county.clock.set("2026-03-03 11:00")
    words = (
        "amend",
        number,
        "--target",
        done["act_id"],
        "--changes",
        "acceptance_no=溪受2",
        "--reason",
        "笔误",
    )
    refused = county.run(*words, "--as", "T001", "--at", "10:14", *paper)
    assert refused.code == 1 and "[case.before_newest]" in refused.err and "10:44" in refused.err
    county.ok(*words, "--as", "T001", "--at", "10:44", *paper)
