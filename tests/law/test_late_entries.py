"""What is entered late from paper (补录) counts on its day; where that alone keeps a limit, it is told.

2026: 2 March is a Monday; the permits have five working days for acceptance, from then until 9 March.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import pytest

from ledger.calendars import calendar_set
from ledger.clocks.lateclaims import in_time_by_late_entry
from ledger.types import Facts
from tests.cases.counter import CLERK, OFFICER, PERMIT, VILLAGER, VILLAGER_2, Story, at
from tests.law.county import ESTATE, FELLING, FOOD, Case

IN_TIME = "case.notice.in_time_by_late_entry"
LIVE = "2026-03-02 C1 receive\n"
LATE = "2026-03-04 C1 receive at=2026-03-02 late_entry=1\n"
ITEM = f"item={FELLING}"
ACCEPTED = f"{LIVE}2026-03-02 C1 accept\n"


class Told(NamedTuple):
    """A case, and the clocks whose limits it keeps by late entries alone, in the order of its acts."""

    title: str
    item: str
    lines: str
    expected: tuple[str, ...]


TABLE = [
    Told("acceptance after its limit", FELLING,
         LIVE + "2026-04-20 C1 accept at=2026-03-03 late_entry=1", ("acceptance",)),
    Told("a whole case in one evening", FELLING,
         LIVE + "2026-04-20 C1 accept at=2026-03-03 late_entry=1\n"
         "2026-04-20 C1 decide at=2026-03-09 late_entry=2", ("acceptance", "promised")),
    Told("a list that cannot undo a deemed acceptance, for nothing is deemed beyond permits", ESTATE,
         LIVE + "2026-04-20 C1 request_correction at=2026-03-03 late_entry=1", ("acceptance",)),
    Told("supplied after the day told", FELLING,
         LIVE + "2026-03-03 C1 request_correction due=2026-03-31\n"
         "2026-04-20 C1 supply at=2026-03-30 late_entry=1", ("correction",)),
    Told("handed over by the village", FELLING,
         "2026-03-02 V1 receive\n2026-03-06 V1 hand_over to=T at=2026-03-03 late_entry=1", ("forwarding",)),
    Told("typed the next day, within the limit", FELLING,
         LIVE + "2026-03-05 C1 accept at=2026-03-04 late_entry=1", ()),
    Told("on its last day", FELLING, LIVE + "2026-03-09 C1 accept at=2026-03-04 late_entry=1", ()),
    Told("late all the same", FELLING, LIVE + "2026-04-20 C1 accept at=2026-03-10 late_entry=1", ()),
    Told("received on paper, worked in time", FELLING,
         LATE + "2026-03-04 C1 accept at=2026-03-03 late_entry=2", ()),
    Told("a remark has no limit", FELLING, LIVE + "2026-04-20 C1 note note_code=x at=2026-03-03 late_entry=1",
         ()),
    Told("nothing is entered late", FELLING, ACCEPTED + "2026-03-03 C1 decide", ()),
]  # fmt: skip


@pytest.mark.parametrize("row", TABLE, ids=[row.title for row in TABLE])
def test_in_time_by_late_entry_alone_is_told_on_the_page(row: Told, new_case: Callable[[str], Case]) -> None:
    # Given a case told in lines, when its page is read, then it names each act that kept a limit only
    # because the day was typed that it claims.
    case = new_case(row.item).tell(row.lines)
    assert case.case_id is not None
    told = [one for one in case.ledger.case(case.case_id).notices if one.code == IN_TIME]
    assert tuple(one.params["clock"] for one in told) == row.expected
    acts = [one.acts for one in told]
    late = [(step.act.act_id,) for step in case.ledger.case(case.case_id).state.steps
            if "late_entry" in step.act.facts]  # fmt: skip
    assert acts == late[: len(acts)]


def test_it_says_which_day_is_claimed_and_on_which_it_was_typed(new_case: Callable[[str], Case]) -> None:
    case = new_case(FELLING).tell(LIVE + "2026-04-20 C1 accept at=2026-03-03 late_entry=1")
    assert case.notices()[IN_TIME] == {
        "clock": "acceptance",
        "claimed": "2026-03-03",
        "entered": "2026-04-20",
    }


REFUSED = [
    ("refusal after silence accepted", LIVE +
     "2026-04-20 C1 refuse_acceptance at=2026-03-02T17:00 late_entry=1 ! case.deemed_accepted\n"
     "2026-04-20 C1 refuse_acceptance ! case.deemed_accepted"),
    ("advice of a day long ago", LIVE +
     f"2026-03-20 C1 advise_and_return {ITEM} at=2026-03-02T10:00 late_entry=1 ! case.not_on_the_spot"),
    ("advice of the day before", LIVE +
     f"2026-03-03 C1 advise_and_return {ITEM} at=2026-03-02T10:00 late_entry=1 ! case.not_on_the_spot"),
    ("extension after the limit", ACCEPTED +
     "2026-04-20 C3 extend at=2026-03-20 late_entry=1 ! case.extension_late"),
    ("notice of the five days after silence accepted",
     LIVE + "2026-03-10 C1 request_correction at=2026-03-09 late_entry=1 ! case.notice_after_deemed"),
    ("the same on the last day, by the hour",
     LIVE + "2026-03-10T00:00 C1 request_correction at=2026-03-03 late_entry=1 ! case.notice_after_deemed"),
    ("notice that claims no time it kept",
     LIVE + "2026-04-20 C1 request_correction at=2026-03-10 late_entry=1 ! case.notice_after_deemed"),
    ("notice after a full supply that nobody answered", LIVE + "2026-03-03 C1 request_correction\n"
     "2026-03-04 C1 supply\n"
     "2026-03-20 C1 refuse_acceptance at=2026-03-05 late_entry=1 ! case.deemed_accepted"),
    ("suspension within a limit that is over", ACCEPTED +
     "2026-04-20 C1 suspend at=2026-03-10 late_entry=1 ! case.suspension_late"),
    ("suspension typed on its last day, signed by the second on the next", ACCEPTED +
     "2026-03-30 C1 suspend at=2026-03-10 late_entry=1\n"
     "2026-03-31 C2 countersign at=2026-03-10 late_entry=2 ! case.suspension_late"),
    ("void of a live receipt, typed the day after",
     LIVE + "2026-03-03 C1 void at=2026-03-02T10:00 late_entry=1 ! case.void_too_late"),
    ("void of a live receipt, the second signature typed the day after",
     LIVE + "2026-03-02T10:00 C1 void\n"
     "2026-03-03 C6 countersign at=2026-03-02T11:00 late_entry=1 ! case.first_fails"),
    ("taken over live from a village that entered it late",
     "2026-03-04 V1 receive at=2026-03-02 late_entry=1\n2026-03-04 V1 hand_over to=T\n"
     "2026-03-04 T1 take_over\n"
     f"2026-03-06 T1 advise_and_return {ITEM} at=2026-03-04T10:00 late_entry=2 ! case.not_on_the_spot"),
]  # fmt: skip
TAKEN = [
    ("refusal within the limit", LIVE +
     "2026-03-05 C1 refuse_acceptance at=2026-03-03 late_entry=1", "not_accepted"),
    ("extension within the limit", ACCEPTED + "2026-03-23 C3 extend at=2026-03-20 late_entry=1", "accepted"),
    ("notice within the limit", LIVE +
     "2026-03-09T23:59:59.999 C1 request_correction at=2026-03-03 late_entry=1", "correcting"),
    ("notice behind its answer, typed a day after that",
     LIVE + "2026-03-04 C1 supply\n2026-03-05 C1 request_correction at=2026-03-03 late_entry=1", "received"),
    ("lapse of what was received on paper, long after", "2026-04-20 C1 receive at=2026-03-02 late_entry=1\n"
     "2026-04-20 C1 request_correction due=2026-03-09 at=2026-03-03 late_entry=2\n"
     "2026-04-28 C1 lapse", "lapsed"),
    ("notice on what was received on paper", "2026-04-20 C1 receive at=2026-03-02 late_entry=1\n"
     "2026-04-20 C1 request_correction at=2026-03-03 late_entry=2", "correcting"),
    ("suspension within the limit", ACCEPTED + "2026-03-30 C1 suspend at=2026-03-10 late_entry=1\n"
     "2026-03-30 C2 countersign at=2026-03-10 late_entry=2", "suspended"),
    ("suspension after the limit, which heals nothing", ACCEPTED +
     "2026-04-20 C1 suspend at=2026-03-31 late_entry=1\n2026-04-20 C2 countersign", "suspended"),
    ("suspension of what was received on paper", "2026-04-20 C1 receive at=2026-03-02 late_entry=1\n"
     "2026-04-20 C1 accept at=2026-03-02T10:00 late_entry=2\n"
     "2026-04-20 C1 suspend at=2026-03-10 late_entry=3\n"
     "2026-04-20 C2 countersign at=2026-03-10 late_entry=4", "suspended"),
    ("void of a live receipt, typed the same day",
     LIVE + "2026-03-02T15:00 C1 void at=2026-03-02T10:00 late_entry=1\n"
     "2026-03-02T15:00 C6 countersign at=2026-03-02T10:00 late_entry=2", "void"),
    ("refusal of what was received on paper", "2026-04-20 C1 receive at=2026-03-02 late_entry=1\n"
     "2026-04-20 C1 refuse_acceptance at=2026-03-02T10:00 late_entry=2", "not_accepted"),
    ("advice on what was received on paper", "2026-03-04 C1 receive at=2026-03-02 late_entry=1\n"
     f"2026-03-04 C1 advise_and_return {ITEM} at=2026-03-02T10:00 late_entry=2", "returned"),
    ("advice of yesterday, soon after midnight", LIVE +
     f"2026-03-03T00:30 C1 advise_and_return {ITEM} at=2026-03-02T23:50 late_entry=1", "returned"),
    ("extension of what was received on paper", "2026-04-20 C1 receive at=2026-03-02 late_entry=1\n"
     "2026-04-20 C1 accept at=2026-03-02T10:00 late_entry=2\n"
     "2026-04-20 C3 extend at=2026-03-20 late_entry=3", "accepted"),
]  # fmt: skip


@pytest.mark.parametrize("lines", [row[1] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_a_case_received_live_is_not_answered_out_of_time_by_late_entry(
    lines: str, new_case: Callable[[str], Case]
) -> None:
    # Given a case that was recorded as it was received, when an answer is entered late that would be refused
    # today, then it is refused before it is signed, and the case stays as it was.
    *before, _ = lines.strip().splitlines()
    case = new_case(FELLING).tell(lines)
    assert case.case_id is not None
    kept = len(before) - sum("!" in line for line in before)
    assert len(case.ledger.case(case.case_id).state.steps) == kept


@pytest.mark.parametrize(("lines", "status"), [row[1:] for row in TAKEN], ids=[row[0] for row in TAKEN])
def test_what_is_in_time_today_or_was_all_on_paper_may_be_entered_late(
    lines: str, status: str, new_case: Callable[[str], Case]
) -> None:
    assert new_case(FELLING).tell(lines).status == status


DEFICITS = [
    ("of the five days, after silence accepted", LIVE +
     "2026-03-10T00:00 C1 accept_with_deficit at=2026-03-09 late_entry=1 ! case.deficit_after_deemed",
     "received"),
    ("typed on the last day", LIVE +
     "2026-03-09T23:59:59.999 C1 accept_with_deficit at=2026-03-03 late_entry=1", "accepted"),
    ("that claims no time it kept, and does not lapse", LIVE +
     "2026-04-20 C1 accept_with_deficit due=2026-04-21 at=2026-03-10 late_entry=1\n"
     "2026-08-03 C1 lapse ! case.lapse_after_deemed", "accepted"),
    ("that silence had overtaken does not lapse on paper either", LIVE +
     "2026-03-10 C1 accept_with_deficit due=2026-03-11\n"
     "2026-03-20 C1 lapse at=2026-03-12 late_entry=1 ! case.lapse_after_deemed", "accepted"),
    ("on what was received on paper", "2026-04-20 C1 receive at=2026-03-02 late_entry=1\n"
     "2026-04-20 C1 accept_with_deficit due=2026-03-09 at=2026-03-03 late_entry=2\n"
     "2026-04-28 C1 lapse", "lapsed"),
]  # fmt: skip


@pytest.mark.parametrize(("lines", "status"), [row[1:] for row in DEFICITS], ids=[row[0] for row in DEFICITS])
def test_a_deficit_entered_late_takes_nothing_that_silence_has_given(
    lines: str, status: str, new_case: Callable[[str], Case]
) -> None:
    assert new_case(FOOD).tell(lines).status == status


def test_a_late_entry_that_does_not_say_when_it_was_typed_is_as_old_as_its_record() -> None:
    # Given an act of a program that leaves the day of entry out, then its place in the log tells it.
    story = Story(PERMIT)
    story.receive(CLERK)
    late = {"late_entry": {"paper_no": "7", "reason": "power"}}
    story.act(OFFICER, "accept", late, when="2026-03-03 09:00", recorded=at("2026-04-20 09:00"))
    (told,) = in_time_by_late_entry(story.state, story.rules, calendar_set())
    assert dict(told.params) == {"clock": "acceptance", "claimed": "2026-03-03", "entered": "2026-04-20"}


def test_what_comes_from_elsewhere_all_the_same_is_kept_and_told() -> None:
    # Given a case received live and a notice of its five days that a program typed in weeks later,
    story = Story(PERMIT)
    story.receive(CLERK)
    late: Facts = {"late_entry": {"paper_no": "7", "reason": "power", "entered_on": "2026-04-20"}}
    notice: Facts = {"missing": ["m01"], "due": "2026-12-31", **late}
    story.act(OFFICER, "request_correction", notice, when="2026-03-03 09:00", recorded=at("2026-04-20 09:00"))
    # then it has effect, for the state hangs on no calendar, and the page says what it alone keeps.
    assert story.state.status == "correcting"
    assert [
        told.params["clock"] for told in in_time_by_late_entry(story.state, story.rules, calendar_set())
    ] == ["acceptance"]


def test_a_void_of_a_live_receipt_typed_on_another_day_has_no_effect_wherever_it_comes_from() -> None:
    story = Story(PERMIT)
    story.receive(VILLAGER, when="2026-03-02 09:00")
    late: Facts = {"late_entry": {"paper_no": "7", "reason": "power", "entered_on": "2026-03-05"}}
    typed = at("2026-03-05 09:00")
    void = story.act(VILLAGER, "void", {"reason": "other", **late}, when="2026-03-02 10:00", recorded=typed)
    assert story.reason(void) == "case.void_too_late"
    # and a second signature typed later does not let a void of that day take effect either.
    live = story.act(VILLAGER, "void", {"reason": "other"}, when="2026-03-02 10:01")
    second = {"target": live.act_id, **late}
    signed = story.act(VILLAGER_2, "countersign", second, when="2026-03-02 10:02", recorded=typed)
    assert story.reason(signed) == "case.first_fails" and not story.state.voided


def test_a_forged_day_of_typing_does_not_silence_the_page() -> None:
    # Given an act of a changed program that says that it was typed on the day that it claims,
    story = Story(PERMIT)
    story.receive(CLERK)
    late: Facts = {"late_entry": {"paper_no": "7", "reason": "power", "entered_on": "2026-03-03"}}
    story.act(OFFICER, "accept", late, when="2026-03-03 09:00", recorded=at("2026-04-20 09:00"))
    # then the log that recorded it tells the later day.
    (told,) = in_time_by_late_entry(story.state, story.rules, calendar_set())
    assert told.params["entered"] == "2026-04-20"
