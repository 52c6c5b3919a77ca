"""双公示: which grants must be made public, by when, and under which name."""

from __future__ import annotations

from datetime import date

import pytest

from ledger.calendars import calendar_set
from ledger.clocks.notices import early_lapses
from ledger.clocks.publication import Publication, public_name, publication_of
from tests.cases.counter import (
    CLERK,
    FOOD,
    HEAD,
    OFFICER,
    PERMIT,
    REMEDY,
    SUPERVISOR,
    Story,
    accepted,
    decided,
)

CALENDARS = calendar_set()
ESTATE = "990101100011"


def published(story: Story, on: str) -> Publication | None:
    """Return what has to be made public of a story on a day."""
    return publication_of(story.state, story.rules, CALENDARS, date.fromisoformat(on))


def grant(item: str = PERMIT, when: str = "2026-02-12 09:00") -> Story:
    """Return a case that is granted on a day."""
    story = Story(item)
    story.receive(CLERK, when="2026-02-11 09:00")
    story.act(OFFICER, "accept", when="2026-02-11 10:00")
    story.act(OFFICER, "decide", {"result": "grant", "document_no": "溪许〔2026〕7号"}, when=when)
    return story


@pytest.mark.parametrize(
    ("today", "light", "late"),
    [("2026-02-13", "green", False), ("2026-02-26", "green", False), ("2026-02-27", "yellow", False),
     ("2026-02-28", "yellow", False), ("2026-03-01", "red", True)],
)  # fmt: skip
def test_seven_working_days_after_the_decision(today: str, light: str, late: bool) -> None:
    # Granted on 12 February: 13 14(worked) | 24 25 26 27 28(worked): the holiday is 15 to 23.
    found = published(grant(), today)
    assert found is not None
    assert (found.decided_on, found.due_on) == (date(2026, 2, 12), date(2026, 2, 28))
    assert (found.document_no, found.light, found.late) == ("溪许〔2026〕7号", light, late)


def test_recorded_in_time_late_and_corrected() -> None:
    story = grant()
    act = story.act(OFFICER, "record_publication", {"published_on": "2026-03-02"}, when="2026-03-02 09:00")
    found = published(story, "2026-03-09")
    assert found is not None
    assert (found.light, found.late, found.published_on) == ("done", True, date(2026, 3, 2))
    changes = {"target": act.act_id, "changes": {"published_on": "2026-02-27"}, "reason": "录错日期"}
    story.act(OFFICER, "amend", changes, when="2026-03-02 10:00")
    again = published(story, "2026-03-09")
    assert again is not None and (again.late, again.published_on) == (False, date(2026, 2, 27))


def test_what_is_not_made_public() -> None:
    refused = accepted(PERMIT)
    refused.act(OFFICER, "decide", {"result": "refuse", **REMEDY})
    assert published(refused, "2026-03-09") is None
    assert published(accepted(PERMIT), "2026-03-09") is None
    assert published(grant(ESTATE), "2026-03-09") is None


def test_a_grant_revoked_before_is_not_made_public_and_one_revoked_after_is_marked() -> None:
    for public in (False, True):
        story = decided(PERMIT)
        if public:
            story.act(OFFICER, "record_publication", {"published_on": "2026-03-03"})
        first = story.act(HEAD, "revoke", {"ground": "fraud", **REMEDY})
        story.act(SUPERVISOR, "countersign", {"target": first.act_id})
        assert story.state.status == "revoked"
        found = published(story, "2026-03-09")
        assert (found is not None and found.revoked) is public


@pytest.mark.parametrize(
    ("name", "shown"),
    [("张三丰", "张**"), ("欧阳娜娜", "欧***"), ("阿依古丽·买买提", "阿***·***"), ("𬎆", "𬎆"), ("王", "王"),
     ("葛\U000e0100城", "葛\U000e0100*"), ("John Smith", "J*** *****"), (" 张三", "张*"), ("", "")],
)  # fmt: skip
def test_the_name_of_a_person_is_shown_in_part(name: str, shown: str) -> None:
    assert public_name(name, firm=False) == shown


def test_the_name_of_a_firm_is_shown_whole() -> None:
    assert public_name("溪山县好运来食品有限公司", firm=True) == "溪山县好运来食品有限公司"


def test_a_lapse_from_elsewhere_that_came_too_early_stands_and_is_told() -> None:
    # Given a last day that is a Saturday, when a lapse of the Sunday arrives, then it stands, and is told.
    story = Story(FOOD)
    story.receive(CLERK, when="2026-03-02 09:00")
    notice = {"missing": ["m01"], "due": "2026-03-07"}
    story.act(CLERK, "request_correction", notice, when="2026-03-02 10:00")
    act = story.act(OFFICER, "lapse", {"applicant_told": True}, when="2026-03-08 09:00")
    assert story.state.status == "lapsed"
    told = early_lapses(story.state, story.rules, CALENDARS)
    assert [(item.code, item.acts, item.params["due"]) for item in told] == [
        ("case.notice.lapse_early", (act.act_id,), "2026-03-09")
    ]
