"""A correction list on its way from the township to the county, by commands."""

from __future__ import annotations

from stations.cli.counterday.demo import COUNTY
from tests.cli.conftest import Terminal

FOOD = "食品经营许可(新办)"


def test_what_is_still_wanting_is_wanting_at_the_next_counter(county: Terminal):
    words = ("receive", FOOD, "--as", "T001", "--name", "吴老根", "--materials", "m03", "--json", "--no-slip")
    number = str(county.ok(*words).json["number"])
    county.ok("supply", number, "--materials", "m01", "--as", "T001")
    notice = ("--missing", "m01,m02", "--due", "2026-03-20")
    county.ok("request-correction", number, *notice, "--as", "T001")
    county.ok("supply", number, "--materials", "m02", "--as", "T001")
    county.ok("hand-over", number, "--to", COUNTY, "--as", "T001")
    taken = county.ok("take-over", number, "--as", "C001")
    assert "待补正" in taken.out and "已收件" not in taken.out
    shown = county.ok("show", number, "--why")
    assert "待补正：申请书" in shown.out and "补正材料交齐" not in shown.out
    county.clock.set("2026-03-23 09:00")
    county.ok("lapse", number, "--applicant-told", "--as", "C001")
    assert county.ok("show", number, "--json").json["status"] == "lapsed"


def test_what_was_wanting_is_handed_in_at_the_next_counter(county: Terminal):
    words = ("receive", FOOD, "--as", "T001", "--name", "吴老根", "--materials", "m03", "--json", "--no-slip")
    number = str(county.ok(*words).json["number"])
    county.ok("supply", number, "--materials", "m01", "--as", "T001")
    notice = ("--missing", "m01,m02", "--due", "2026-03-20")
    county.ok("request-correction", number, *notice, "--as", "T001")
    county.ok("supply", number, "--materials", "m02", "--as", "T001")
    county.ok("hand-over", number, "--to", COUNTY, "--as", "T001")
    county.ok("take-over", number, "--as", "C001")
    county.ok("supply", number, "--materials", "m01", "--as", "C001")
    shown = county.ok("show", number, "--why")
    assert "已收件" in shown.out and "补正材料交齐" in shown.out


def test_what_was_handed_in_before_the_notice_is_told_and_holds_no_acceptance_up(county: Terminal):
    """An old case of this kind was accepted after a take-over, decided and issued: that stands."""
    words = ("receive", FOOD, "--as", "T001", "--name", "吴老根", "--materials", "m03", "--json", "--no-slip")
    number = str(county.ok(*words).json["number"])
    county.ok("supply", number, "--materials", "m01", "--as", "T001")
    notice = ("--missing", "m01,m02", "--due", "2026-03-20")
    told = county.ok("request-correction", number, *notice, "--as", "T001").out
    assert "要求补正的材料申请人已经交过：申请书" in told and "直接受理" in told
    assert "已经交过" not in county.ok("supply", number, "--materials", "m02", "--as", "T001").out
    county.ok("hand-over", number, "--to", COUNTY, "--as", "T001")
    county.ok("take-over", number, "--as", "C001")
    county.ok("accept", number, "--as", "C001")
    county.ok("decide", number, "--result", "grant", "--as", "C001")
    county.ok("issue", number, "--certificate-no", "JY1", "--as", "C001")
    shown = county.ok("show", number, "--json").json
    assert (shown["result"], shown["certificate_no"]) == ("grant", "JY1")
    assert all(step["effective"] for step in shown["steps"])


def answer(county: Terminal, number: str, action: str, staff: str) -> tuple[bool, str]:
    """Return whether somebody may do a thing now, and the code why not."""
    told = county.ok("show", number, "--may", "--as", staff, "--json").json["may"]
    return next((one["allowed"], one["reason"]) for one in told if one["action"] == action)


def test_what_the_calendar_refuses_is_told_before_it_is_tried(county: Terminal):
    """A rest day moves the last day of a supply; a limit is over."""
    county.ok("staff", "add", "C009", "--name", "负责人", "--at", COUNTY, "--role", "head", "--as", "R001")
    words = ("receive", FOOD, "--name", "吴老根", "--materials", "m03", "--json", "--no-slip", "--as")
    resting = str(county.ok(*words, "T001").json["number"])
    accepted = str(county.ok(*words, "C001").json["number"])
    county.ok("accept", accepted, "--as", "C001")
    county.ok("request-correction", resting, "--missing", "m01", "--due", "2026-03-21", "--as", "T001")
    county.clock.set("2026-03-23 17:00")
    assert answer(county, resting, "lapse", "T001") == (False, "case.due_not_passed")
    county.clock.set("2026-03-24 09:00")
    assert answer(county, resting, "lapse", "T001") == (True, "")
    assert answer(county, accepted, "extend", "C009") == (True, "")
    county.clock.set("2026-06-01 09:00")
    assert answer(county, accepted, "extend", "C009") == (False, "case.extension_late")
    refused = county.run("extend", accepted, "--reason", "x", "--applicant-told", "--as", "C009")
    assert refused.code == 1 and "[case.extension_late]" in refused.err


def test_what_only_paper_of_those_days_can_say_is_offered_but_not_what_comes_next(county: Terminal):
    """Received on paper on 2 March, typed on 1 June: silence has accepted, unless somebody had answered."""
    county.clock.set("2026-06-01 09:00")
    late = ("--late-entry-reason", "power", "--late-entry-paper")
    words = ("receive", FOOD, "--name", "吴老根", "--materials", "m03", "--no-slip", "--as", "C001")
    told = county.ok(*words, "--at", "2026-03-02 09:00", *late, "Z771")
    assert "accept(" in told.err + told.out
    assert "request-correction(" not in told.err + told.out
    number = str(county.ok("show", "Z771", "--json").json["number"])
    assert answer(county, number, "request_correction", "C001") == (True, "case.paper_only")
    notice = ("request-correction", number, "--missing", "m01", "--as", "C001")
    assert "[case.notice_after_deemed]" in county.run(*notice, "--due", "2026-06-20").err
    county.ok(*notice, "--due", "2026-03-20", "--at", "2026-03-04 09:00", *late, "Z772")
    assert county.ok("show", number, "--json").json["status"] == "correcting"
