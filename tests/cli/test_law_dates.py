"""Dates of the law through the commands alone, each worked out by hand on the calendars of 2025 to 2027.

Off in 2025: 1 January, 28 January to 4 February, 4-6 April, 1-5 May, 31 May to 2 June, 1-8 October; worked:
26 January, 8 February, 27 April, 28 September, 11 October. Off in 2026: 1-3 January, 15-23 February, 4-6
April, 1-5 May, 19-21 June, 25-27 September, 1-7 October; worked: 4 January, 14 and 28 February, 9 May, 20
September, 10 October. 2027 is not published: Monday to Friday without 1 January and 5-8 February. In the
comments ``|`` stands for days that do not count, ``S`` and ``U`` for a Saturday or Sunday worked.

The item has five working days for acceptance, five promised, twenty by law.
"""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import NamedTuple

import pytest

from stations.cli.counterday.demo import COUNTY
from tests.cli.conftest import ITEM, Terminal
from tests.facade.counter import FakeClock, statutory

SECOND = "C002"


class Dated(NamedTuple):
    """A case in lines ``MOMENT WHO COMMAND OPTION…``, the moment asked for, and what each clock must say."""

    title: str
    lines: str
    now: str
    expected: dict[str, str]


ACCEPTED = "2026-03-02 C001 receive\n2026-03-02 C001 accept\n"
TABLE = [
    # 26U 27 | 5 6 7
    Dated("received before Spring Festival 2025", "2025-01-24 C001 receive", "2025-02-05",
          {"acceptance": "2025-02-07"}),
    # 5 6 7 8S | 10-14 | 17-21 | 24-28 | 3
    Dated("twenty days after Spring Festival 2025", "2025-01-27 C001 receive\n2025-01-27 C001 accept",
          "2025-02-05", {"statutory": "2025-03-03", "promised": "2025-02-10"}),
    # | 7 8 9 10 11
    Dated("over Qingming 2025", "2025-04-03 C001 receive", "2025-04-07", {"acceptance": "2025-04-11"}),
    # | 27U 28 29 30 | 6
    Dated("a Sunday worked before Labour Day 2025", "2025-04-25 C001 receive", "2025-04-28",
          {"acceptance": "2025-05-06"}),
    # | 3 4 5 6 | 9
    Dated("over Dragon Boat 2025", "2025-05-30 C001 receive", "2025-06-03", {"acceptance": "2025-06-09"}),
    # | 9 10 11S | 13 14
    Dated("over National Day 2025", "2025-09-30 C001 receive", "2025-10-09", {"acceptance": "2025-10-14"}),
    # 9 10 11 used; 12 13 14S 24 25 do not count; 26 27 28S | 2-6 | 9-13 | 16-19
    Dated("suspended over Spring Festival 2026", """
          2026-02-06 C001 receive
          2026-02-06 C001 accept
          2026-02-11 C001 suspend --ground appraisal --expected-days 15 --applicant-told
          2026-02-11 C002 countersign
          2026-02-25 C001 resume""", "2026-02-26", {"statutory": "2026-03-19"}),
    # resumed on Qingming, a Monday: the last day rolls on to the 7th
    Dated("suspended on the last day, resumed on a holiday", ACCEPTED + """
          2026-03-30 C001 suspend --ground test --expected-days 5 --applicant-told
          2026-03-30 C002 countersign
          2026-04-06 C001 resume""", "2026-04-06", {"statutory": "2026-04-07"}),
    # 3 4 5 used; 6 9 10 out; 11 12 13 16 used; 17-20 out; 23-27 | 30 31 1-3 | 7 8 9
    Dated("suspended twice", ACCEPTED + """
          2026-03-05 C001 suspend --ground hearing --expected-days 5 --applicant-told
          2026-03-05 C002 countersign
          2026-03-10 C001 resume
          2026-03-16 C001 suspend --ground appraisal --expected-days 5 --applicant-told
          2026-03-16 C002 countersign
          2026-03-20 C001 resume""", "2026-03-23", {"statutory": "2026-04-09"}),
    # 27-30 | 2-6 | 9-13 | 14S | 24-27 28S, then 2-6 | 9-13
    Dated("extended on the last day, a Saturday worked", """
          2026-01-26 C001 receive
          2026-01-26 C001 accept
          2026-02-28T23:59 C001 extend --reason 案情复杂 --applicant-told""", "2026-03-02",
          {"statutory": "2026-03-13", "promised": "2026-02-02 overdue_promise reason_missing"}),
    Dated("not extended on the day after", """
          2026-01-26 C001 receive
          2026-01-26 C001 accept
          2026-03-01T00:00 C001 extend --reason 复杂 --applicant-told ! case.extension_late""",
          "2026-03-01", {"statutory": "2026-02-28 overdue_decision"}),
    # 31 1 2 3 | 7-10 | 13 14; suspended on that day, resumed on the 20th
    Dated("extended, then suspended on the last day", ACCEPTED + """
          2026-03-25 C001 extend --reason 案情复杂 --applicant-told
          2026-03-26 C001 extend --reason 案情复杂 --applicant-told ! case.second_extension
          2026-04-14 C001 suspend --ground tender --expected-days 9 --applicant-told
          2026-04-14 C002 countersign
          2026-04-20 C001 resume""", "2026-04-20", {"statutory": "2026-04-20"}),
    # 14S | 24-27, asked on the last day; supplied on 3 March: 4 5 6 | 9 10
    Dated("corrected on day five, supplied", """
          2026-02-13 C001 receive --materials m01
          2026-02-27T23:59 C001 request-correction --missing m02 --due 2026-03-20
          2026-03-03 C001 supply --materials m02""", "2026-03-04", {"acceptance": "2026-03-10"}),
    # from the 13th: 14S | 24-27 28S | 2-6 | 9-13 | 16-19
    Dated("corrected on the sixth, a Saturday worked: accepted by silence", """
          2026-02-13 C001 receive --materials m01
          2026-02-28T00:00 C001 request-correction --missing m02 --due 2026-03-02 ! case.notice_after_deemed
          """, "2026-03-02",
          {"acceptance": "2026-02-27 deemed_accepted overdue_acceptance", "statutory": "2026-03-19"}),
    # 24 | 28-30 | 8, then 9 10S | 12-16 | 19-23 | 26-28
    Dated("accepted by silence over Mid-Autumn and National Day", """
          2026-09-23 C001 receive
          2026-10-09T00:00 C001 refuse-acceptance --ground no_permit_needed --reasons 不需要 \
--review-organ 县政府 --court 县法院 ! case.deemed_accepted""", "2026-10-09",
          {"acceptance": "2026-10-08 deemed_accepted overdue_acceptance", "statutory": "2026-10-28"}),
    # 28S | 2-5: typed on the last of the five
    Dated("received on paper, entered later", """
          2026-03-05 C001 receive --at 2026-02-27T10:00 --late-entry-paper 收条7 --late-entry-reason power""",
          "2026-03-05", {"acceptance": "2026-03-05"}),
    # 14S | 24
    Dated("forwarded by a village within two days", "2026-02-13 V001 receive", "2026-02-14",
          {"forwarding": "2026-02-24"}),
    # decided on the eve: | 6 7 8 9S | 11-15 | 18
    Dated("delivered over Labour Day 2026", """
          2026-04-13 C001 receive
          2026-04-13 C001 accept
          2026-04-30T23:59 C001 decide --result grant""", "2026-05-06",
          {"delivery": "2026-05-18"}),
    # 25 | 28-31; 4-8 | 11-15 | 18-22
    Dated("into an unpublished year", "2026-12-24 C001 receive\n2026-12-24 C001 accept", "2026-12-25",
          {"statutory": "2027-01-22 provisional", "promised": "2026-12-31"}),
    # 29 | 1-4 | 9-12 | 15-19 | 22-26 | 1
    Dated("Spring Festival of an unpublished year", "2027-01-28 C001 receive\n2027-01-28 C001 accept",
          "2027-01-29", {"statutory": "2027-03-01 provisional", "promised": "2027-02-04 provisional"}),
]  # fmt: skip


@pytest.fixture(scope="module")
def desk(founded: Path, tmp_path_factory: pytest.TempPathFactory) -> Terminal:
    """A terminal with a second person who may sign for a suspension, on a clock that also goes back."""
    folder = tmp_path_factory.mktemp("dates") / "ledger"
    shutil.copytree(founded, folder)
    terminal = Terminal(folder=folder, clock=FakeClock())  # type: ignore[arg-type]
    roles = ("--role", "supervisor", "--role", "officer")
    terminal.ok("staff", "add", SECOND, "--name", "督查", "--at", COUNTY, *roles, "--as", "R001")
    return terminal


def tell(desk: Terminal, lines: str) -> str:
    """Let each line happen; returns the number of the case."""
    number = ""
    for line in filter(str.strip, lines.splitlines()):
        said, _, refusal = line.partition("!")
        moment, who, command, *more = said.split()
        desk.clock.set(moment.replace("T", " ") if "T" in moment else f"{moment} 09:00")
        if command == "receive":
            more = [*(() if "--materials" in more else ("--materials", "all")), "--no-slip", *more]
            result = desk.run(command, ITEM, "--as", who, "--name", "吴老根", "--json", *more)
            number = str(result.json["number"])
        else:
            if command == "countersign":
                steps = desk.ok("show", number, "--json").json["steps"]
                more = ["--target", str(steps[-1]["act_id"])]
            result = desk.run(command, number, "--as", who, *more)
        refused = re.search(r"\[(case\.[a-z_]+)\]", result.err) if result.code else None
        assert (refused[1] if refused else result.err if result.code else "") == refusal.strip(), line
    return number


@pytest.mark.parametrize("row", TABLE, ids=[row.title for row in TABLE])
def test_dates_as_an_examiner_would_ask_for_them(row: Dated, desk: Terminal) -> None:
    number = tell(desk, row.lines)
    desk.clock.set(row.now.replace("T", " ") if "T" in row.now else f"{row.now} 10:00")
    clocks = {one["clock"]: one for one in desk.ok("show", number, "--json").json["clocks"]}
    shown = {name: " ".join([str(clocks[name]["due_on"]), *clocks[name]["flags"]]) for name in row.expected}
    assert shown == row.expected


def test_a_calendar_that_arrives_moves_open_limits_and_tells_what_ends_earlier(
    county: Terminal, tmp_path: Path
) -> None:
    # Given a case whose promised day was counted in an unpublished year: 29 | 1-4,
    number = tell(county, "2027-01-28 C001 receive\n2027-01-28 C001 accept")
    # when the notice makes Sunday 31 January a working day and gives the week of the festival,
    off = ["2027-01-01", *(f"2027-02-{day:02}" for day in range(5, 12))]
    off += [str(day) for day in statutory(2027) if day not in off]
    calendar = {"region": "CN", "year": 2027, "version": 1, "days_off": off,
                "make_up": ["2027-01-31", "2027-02-20"], "source": "国办发明电"}  # fmt: skip
    (tmp_path / "2027.json").write_text(json.dumps(calendar), encoding="utf-8")
    county.ok("calendar", "publish", str(tmp_path / "2027.json"), "--as", "R001")
    # then 29 31U 1 2 3 is shown, and that it was a day later before; by law 4 | 12 | 15-19 20S | 22-26 | 1 2.
    shown = county.ok("show", number, "--json").json
    dues = {one["clock"]: one["due_on"] for one in shown["clocks"]}
    assert (dues["promised"], dues["statutory"]) == ("2027-02-03", "2027-03-02")
    assert "case.notice.due_earlier" in str(shown)
