"""Dates of the law, each worked out by hand on the published calendars of 2020, 2025 and 2026.

In the comments ``|`` stands for days that do not count, ``S`` and ``U`` for a Saturday or Sunday worked.
2026: off 1-3 January, 15-23 February, 4-6 April, 1-5 May, 19-21 June, 25-27 September, 1-7 October; worked
4 January, 14 and 28 February, 9 May, 20 September, 10 October. 2 March is a Monday.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import pytest

from tests.law.county import (
    COMPANY,
    ELSEWHERE,
    ESTATE,
    FELLING,
    FOOD,
    HYGIENE,
    INSURANCE,
    PROOF,
    RELIEF,
    TRADER,
    Case,
)


class Dated(NamedTuple):
    """A case, the moment asked for, and what clocks must say (``start > due light flags``); "" for none."""

    title: str
    item: str
    lines: str
    now: str
    expected: dict[str, str]


ACCEPTED_2025 = """2025-11-10 C1 receive
                   2025-11-10 C1 accept"""
ACCEPTED_2026 = """2026-03-02 C1 receive
                   2026-03-02 C1 accept"""
ON_COMMITMENT = """2026-03-02 C1 receive
                   2026-03-02 C1 accept_on_commitment"""
ACCEPTANCE = [
    # 3 4 5 6 | 9
    Dated("green with two days left", FOOD, "2026-03-02 C1 receive", "2026-03-05",
          {"acceptance": "2026-03-02 > 2026-03-09 green"}),
    Dated("yellow with one day left", FOOD, "2026-03-02 C1 receive", "2026-03-06",
          {"acceptance": "2026-03-02 > 2026-03-09 yellow", "forwarding": ""}),
    Dated("still yellow over the weekend", FOOD, "2026-03-02 C1 receive", "2026-03-08",
          {"acceptance": "2026-03-02 > 2026-03-09 yellow"}),
    Dated("in time to the last millisecond", FOOD, "2026-03-02 C1 receive", "2026-03-09T23:59:59.999",
          {"acceptance": "2026-03-02 > 2026-03-09 yellow", "statutory": ""}),
    Dated("deemed from the first instant after", FOOD, "2026-03-02 C1 receive", "2026-03-10T00:00",
          {"acceptance": "2026-03-02 > 2026-03-09 red deemed_accepted overdue_acceptance",
           "statutory": "2026-03-02 > 2026-03-30 green"}),
    Dated("received in the last millisecond of a day", FOOD, "2026-03-02T23:59:59.999 C1 receive",
          "2026-03-03",
          {"acceptance": "2026-03-02 > 2026-03-09 green"}),
    Dated("received in the first of the next", FOOD, "2026-03-03T00:00 C1 receive", "2026-03-03",
          {"acceptance": "2026-03-03 > 2026-03-10 green"}),
    # 14S | 24 25 26 27
    Dated("over Spring Festival 2026", FOOD, "2026-02-13 C1 receive", "2026-02-24",
          {"acceptance": "2026-02-13 > 2026-02-27 green"}),
    # | 24 25 26 27 28S
    Dated("ending on a Saturday that is worked", FOOD, "2026-02-14 C1 receive", "2026-02-25",
          {"acceptance": "2026-02-14 > 2026-02-28 green"}),
    Dated("received on a Sunday", FOOD, "2026-03-01 C1 receive", "2026-03-02",
          {"acceptance": "2026-03-01 > 2026-03-06 green"}),
    # | 8 9 10S | 12 13
    Dated("over National Day 2026", FOOD, "2026-09-30 C1 receive", "2026-10-08",
          {"acceptance": "2026-09-30 > 2026-10-13 green"}),
    # 28U 29 30 | 9 10
    Dated("over National Day 2025", FOOD, "2025-09-26 C1 receive", "2025-09-28",
          {"acceptance": "2025-09-26 > 2025-10-10 green"}),
    # 30 31 | 4U 5 6
    Dated("over New Year 2026", FOOD, "2025-12-29 C1 receive", "2025-12-30",
          {"acceptance": "2025-12-29 > 2026-01-06 green"}),
    # 21 22 23 | 3 4: the notice of 27 January took 1 February back and gave 31 January and 2 February
    Dated("Spring Festival 2020 as changed", FOOD, "2020-01-20 C1 receive", "2020-01-21",
          {"acceptance": "2020-01-20 > 2020-02-04 green"}),
    # 29 30 31 | 4 5: 1 January is a fixed day, 2027 is not published
    Dated("into an unpublished year", FOOD, "2026-12-28 C1 receive", "2026-12-29",
          {"acceptance": "2026-12-28 > 2027-01-05 green provisional"}),
    # 2 3 4 | 9 10: the eve and three days, 5 to 8 February, are fixed
    Dated("Spring Festival of an unpublished year", FELLING,
          "2027-02-01 C1 receive", "2027-02-02", {"acceptance": "2027-02-01 > 2027-02-10 green provisional"}),
    Dated("beyond permits nothing is deemed", ESTATE, "2026-03-02 C1 receive", "2026-03-10",
          {"acceptance": "2026-03-02 > 2026-03-09 red overdue_acceptance", "statutory": "", "promised": ""}),
    # 26 27 28S | 2 3
    Dated("paper entered later runs from its own day", FOOD,
          "2026-03-02 C1 receive at=2026-02-25 late_entry=7", "2026-03-02",
          {"acceptance": "2026-02-25 > 2026-03-03 yellow"}),
]  # fmt: skip
DEEMED = [
    # statutory 11-14 | 17-21 | 24-28 | 1-5 | 8
    Dated("all clocks run from the receipt", FELLING, "2025-11-10 T1 receive", "2025-11-18",
          {"statutory": "2025-11-10 > 2025-12-08 green",
           "promised": "2025-11-10 > 2025-11-17 red overdue_promise reason_missing"}),
    Dated("a late acceptance moves nothing", FELLING, "2025-11-10 C1 receive\n2025-11-19 C1 accept",
          "2025-11-19",
          {"acceptance": "2025-11-10 > 2025-11-17 done:red deemed_accepted overdue_acceptance",
           "statutory": "2025-11-10 > 2025-12-08 green"}),
    Dated("decided on the last day", FELLING,
          "2025-11-10 C1 receive\n2025-11-19 C1 accept\n2025-12-08 C1 decide", "2025-12-20",
          {"statutory": "2025-11-10 > 2025-12-08 done:green"}),
    Dated("decided on the day after", FELLING,
          "2025-11-10 C1 receive\n2025-11-19 C1 accept\n2025-12-09T00:00 C1 decide", "2025-12-20",
          {"statutory": "2025-11-10 > 2025-12-08 done:red overdue_decision"}),
    Dated("a notice too late is refused", FELLING,
          "2026-03-02 C1 receive\n2026-03-10T00:00 C1 request_correction ! case.notice_after_deemed",
          "2026-03-11", {"acceptance": "2026-03-02 > 2026-03-09 red deemed_accepted overdue_acceptance",
                         "statutory": "2026-03-02 > 2026-03-30 green"}),
    Dated("a notice in the last millisecond is in time", FELLING,
          "2026-03-02 C1 receive\n2026-03-09T23:59:59.999 C1 request_correction", "2026-03-20",
          {"acceptance": "2026-03-02 > 2026-03-09 done:green", "statutory": ""}),
    # from the 11th: 12 13 | 16-20 | 23-27 | 30-3 | 7 8 9
    Dated("full supply that nobody answered", FELLING,
          "2026-03-02 C1 receive\n2026-03-06 C1 request_correction\n2026-03-11 C1 supply", "2026-03-19",
          {"acceptance": "2026-03-11 > 2026-03-18 red deemed_accepted overdue_acceptance",
           "statutory": "2026-03-11 > 2026-04-09 green"}),
    # 30 days: 13 | 16-20 | 23-27 | 30-3 | 7-10 | 13-17 | 20-24
    Dated("a confirmation accepted late runs from there", ESTATE,
          "2026-03-02 C1 receive\n2026-03-12 C1 accept", "2026-03-12",
          {"acceptance": "2026-03-02 > 2026-03-09 done:red overdue_acceptance",
           "statutory": "2026-03-12 > 2026-04-24 green"}),
]  # fmt: skip
FORWARDING = [
    Dated("the village's limit, no other clock", FELLING, "2026-03-02 V1 receive", "2026-03-04",
          {"forwarding": "2026-03-02 > 2026-03-04 yellow", "acceptance": "", "statutory": ""}),
    Dated("overrun is no overdue acceptance", FELLING, "2026-03-02 V1 receive", "2026-03-05",
          {"forwarding": "2026-03-02 > 2026-03-04 red forwarding_overrun", "acceptance": ""}),
    # 14S | 24
    Dated("over Spring Festival", FELLING, "2026-02-13 V1 receive", "2026-02-14",
          {"forwarding": "2026-02-13 > 2026-02-24 green"}),
    # 9 10 11 12 13
    Dated("the township's take-over is the receipt", FELLING,
          "2026-03-02 V1 receive\n2026-03-04 V1 hand_over to=T\n2026-03-06 T1 take_over", "2026-03-09",
          {"forwarding": "2026-03-02 > 2026-03-04 done:green",
          "acceptance": "2026-03-06 > 2026-03-13 green"}),
    # 4 5 6 | 9 10
    Dated("travelling on to the county starts nothing anew", FELLING,
          "2026-03-02 V1 receive\n2026-03-03 V1 hand_over to=T\n2026-03-03 T1 take_over\n"
          "2026-03-04 T1 hand_over to=C\n2026-03-05 C1 take_over", "2026-03-05",
          {"acceptance": "2026-03-03 > 2026-03-10 green"}),
    # one day used, the 3rd; the 4th and 5th it lay with the township; the 6th is the second
    Dated("declined: what is left of the village's limit", FELLING,
          "2026-03-02 V1 receive\n2026-03-03 V1 hand_over to=T\n2026-03-05 T1 decline_hand_over",
          "2026-03-06",
          {"forwarding": "2026-03-02 > 2026-03-06 yellow", "acceptance": ""}),
    Dated("recalled: what is left of it", FELLING,
          "2026-03-02 V1 receive\n2026-03-03 V1 hand_over to=T\n2026-03-04 V1 recall_hand_over", "2026-03-06",
          {"forwarding": "2026-03-02 > 2026-03-05 red forwarding_overrun", "acceptance": ""}),
    Dated("handed over and recalled every day", FELLING,
          "2026-03-02 V1 receive\n2026-03-02 V1 hand_over to=T\n2026-03-02 V1 recall_hand_over\n"
          "2026-03-03 V1 hand_over to=T\n2026-03-03 V1 recall_hand_over\n"
          "2026-03-04 V1 hand_over to=T\n2026-03-04 V1 recall_hand_over", "2026-03-05",
          {"forwarding": "2026-03-02 > 2026-03-04 red forwarding_overrun", "acceptance": ""}),
    # on their way on the 3rd and 4th, again on the 5th: of two days none is left
    Dated("recalled after a day, offered again, day by day", FELLING,
          "2026-03-02 V1 receive\n2026-03-02 V1 hand_over to=T\n2026-03-03 V1 recall_hand_over\n"
          "2026-03-03 V1 hand_over to=T\n2026-03-04 V1 recall_hand_over\n2026-03-04 V1 hand_over to=T",
          "2026-03-05",
          {"transit": "2026-03-02 > 2026-03-04 red transit_overrun",
           "forwarding": "2026-03-02 > 2026-03-06 done:green"}),
    # V 3; W 4; V 5: the second day was over on the 4th
    Dated("two villages to and fro", FELLING,
          "2026-03-02 V1 receive\n2026-03-03 V1 hand_over to=W\n2026-03-03 W1 take_over\n"
          "2026-03-04 W1 hand_over to=V\n2026-03-04 V1 take_over\n2026-03-05 V1 hand_over to=W\n"
          "2026-03-05 W1 take_over", "2026-03-05",
          {"forwarding": "2026-03-02 > 2026-03-04 red forwarding_overrun", "acceptance": "",
           "transit": "2026-03-03 > 2026-03-09 done:green"}),
    # 6 9: the organ had it, so the way back to it is a new one
    Dated("back from the organ it travels anew", FELLING,
          "2026-03-02 V1 receive\n2026-03-02 V1 hand_over to=T\n2026-03-04 T1 take_over\n"
          "2026-03-04 T1 hand_over to=V\n2026-03-04 V1 take_over\n2026-03-05 V1 hand_over to=T", "2026-03-06",
          {"transit": "2026-03-05 > 2026-03-09 green", "acceptance": "2026-03-04 > 2026-03-11 green"}),
    # papers that travel have a light: handed over on the 3rd: 4 5
    Dated("an offer that nobody takes over", FELLING,
          "2026-03-02 V1 receive\n2026-03-03 V1 hand_over to=T", "2026-03-05",
          {"forwarding": "2026-03-02 > 2026-03-04 done:green", "transit": "2026-03-03 > 2026-03-05 yellow"}),
    Dated("is red after two days", FELLING,
          "2026-03-02 V1 receive\n2026-03-03 V1 hand_over to=T", "2026-05-04",
          {"transit": "2026-03-03 > 2026-03-05 red transit_overrun", "acceptance": ""}),
    Dated("until it is taken over", FELLING,
          "2026-03-02 V1 receive\n2026-03-03 V1 hand_over to=T\n2026-03-06 T1 take_over", "2026-03-06",
          {"transit": "2026-03-03 > 2026-03-05 done:red transit_overrun",
           "acceptance": "2026-03-06 > 2026-03-13 green"}),
    Dated("offered anew after a recall", FELLING,
          "2026-03-02 V1 receive\n2026-03-03 V1 hand_over to=T\n2026-03-04 V1 recall_hand_over\n"
          "2026-03-05 V1 hand_over to=T", "2026-03-06",
          {"forwarding": "2026-03-02 > 2026-03-05 done:green",
           "transit": "2026-03-03 > 2026-03-06 yellow"}),
    # V had the 3rd, W has the 5th
    Dated("another village has what is left", FELLING,
          "2026-03-02 V1 receive\n2026-03-03 V1 hand_over to=W\n2026-03-04 W1 take_over", "2026-05-04",
          {"forwarding": "2026-03-02 > 2026-03-05 red forwarding_overrun", "acceptance": "",
           "transit": "2026-03-03 > 2026-03-05 done:green"}),
    Dated("an offer of the second one comes back", FELLING,
          "2026-03-02 V1 receive\n2026-03-03 V1 hand_over to=W\n2026-03-04 W1 take_over\n"
          "2026-03-05 W1 hand_over to=T\n2026-03-06 T1 decline_hand_over", "2026-03-07",
          {"forwarding": "2026-03-02 > 2026-03-06 red forwarding_overrun",
           "transit": "2026-03-03 > 2026-03-06 done:green"}),
    Dated("between organs nothing travels without a clock anyhow", FELLING,
          "2026-03-02 T1 receive\n2026-03-03 T1 hand_over to=C", "2026-03-04",
          {"transit": "", "acceptance": "2026-03-02 > 2026-03-09 green"}),
    Dated("papers of a withdrawn case have no limit", FELLING,
          "2026-03-02 T1 receive\n2026-03-02 T1 withdraw\n2026-03-03 T1 hand_over to=V\n"
          "2026-03-03 V1 take_over\n2026-03-05 V1 hand_over to=T", "2026-05-04",
          {"transit": "", "forwarding": ""}),
    Dated("what the agent took in must be forwarded", FELLING,
          "2026-03-02 T1 receive\n2026-03-02 T1 request_correction\n2026-03-09 V1 supply", "2026-03-12",
          {"forwarding": "2026-03-09 > 2026-03-11 red forwarding_overrun"}),
    Dated("until the organ has it", FELLING,
          "2026-03-02 T1 receive\n2026-03-02 T1 request_correction\n2026-03-09 V1 supply\n"
          "2026-03-11 T1 supply", "2026-03-12",
          {"forwarding": "2026-03-09 > 2026-03-11 done:green",
           "acceptance": "2026-03-11 > 2026-03-18 green"}),
    # V none, on the way until the 9th: 10 11
    Dated("what one agent took in and another has must be forwarded", FELLING,
          "2026-03-02 V1 receive\n2026-03-02 V1 hand_over to=T\n2026-03-03 T1 take_over\n"
          "2026-03-03 T1 request_correction\n2026-03-04 T1 hand_over to=V\n2026-03-04 V1 take_over\n"
          "2026-03-06 V1 supply\n2026-03-06 V1 hand_over to=W\n2026-03-09 W1 take_over", "2026-04-20",
          {"forwarding": "2026-03-06 > 2026-03-11 red forwarding_overrun",
           "transit": "2026-03-06 > 2026-03-10 done:green"}),
    Dated("what the organ has got of it need not be", FELLING,
          "2026-03-02 V1 receive\n2026-03-02 V1 hand_over to=T\n2026-03-03 T1 take_over\n"
          "2026-03-03 T1 request_correction\n2026-03-04 T1 hand_over to=V\n2026-03-04 V1 take_over\n"
          "2026-03-06 V1 supply materials=m01\n2026-03-06 V1 hand_over to=T\n2026-03-09 T1 take_over\n"
          "2026-03-10 T1 hand_over to=W\n2026-03-10 W1 take_over", "2026-04-20",
          {"forwarding": "2026-03-06 > 2026-03-10 done:green"}),
    Dated("county for a township's item is an agent", INSURANCE, "2026-03-02 C1 receive", "2026-03-02",
          {"forwarding": "2026-03-02 > 2026-03-04 green", "acceptance": "", "same_day": ""}),
    Dated("township for a county's permit is the organ's", FELLING, "2026-03-02 T1 receive", "2026-03-02",
          {"forwarding": "", "acceptance": "2026-03-02 > 2026-03-09 green"}),
    Dated("relief from the village", RELIEF,
          "2026-03-02 V1 receive\n2026-03-02 V1 hand_over to=T\n2026-03-03 T1 take_over", "2026-03-11",
          {"acceptance": "2026-03-03 > 2026-03-10 red overdue_acceptance", "promised": ""}),
]  # fmt: skip
JUDGED = [
    # 2-6 | 9-13 | 16-20 | 23-27; promised 2-6
    Dated("accepted on a Saturday that is worked", FOOD, "2026-02-27 C1 receive\n2026-02-28 C1 accept",
          "2026-03-02", {"statutory": "2026-02-28 > 2026-03-27 green",
                         "promised": "2026-02-28 > 2026-03-06 green"}),
    # ten more: 30-3 | 7-10 | 13
    Dated("extended over Qingming", FOOD,
          "2026-02-27 C1 receive\n2026-02-28 C1 accept\n2026-03-27 C3 extend", "2026-03-30",
          {"statutory": "2026-02-28 > 2026-04-13 green"}),
    # 1-3 | 7 8; as of 31 March: 1-3 | 7-10 | 13-17 | 20-24 | 27 28 29
    Dated("deemed over Qingming", FELLING, "2026-03-31 C1 receive", "2026-04-09",
          {"acceptance": "2026-03-31 > 2026-04-08 red deemed_accepted overdue_acceptance",
           "statutory": "2026-03-31 > 2026-04-29 green"}),
    # used 21-24; 25 April to 7 May excluded; left 16: 8 9S | 11-15 | 18-22 | 25-28; promised 1: 8
    Dated("suspended over Labour Day", FELLING,
          "2026-04-20 C1 receive\n2026-04-20 C1 accept\n2026-04-24 C1 suspend\n2026-04-24 C2 countersign\n"
          "2026-05-07 C1 resume", "2026-05-07",
          {"statutory": "2026-04-20 > 2026-05-28 green", "promised": "2026-04-20 > 2026-05-08 yellow"}),
    # 20U-24 | 28-30 | 8 9
    Dated("delivery over Mid-Autumn and National Day", FELLING,
          "2026-09-17 C1 receive\n2026-09-17 C1 accept\n2026-09-18 C1 decide", "2026-09-28",
          {"delivery": "2026-09-18 > 2026-10-09 green"}),
    Dated("a case decided on the spot, taken over on a holiday", INSURANCE,
          "2026-04-29 V1 receive\n2026-04-29 V1 hand_over to=T\n2026-05-01 T1 take_over", "2026-05-05",
          {"same_day": "2026-05-01 > 2026-05-06 green"}),
    # 22-25 | 28-31 | 4-8 | 11-15 | 18 19: 1 January is a fixed day
    Dated("twenty days into an unpublished year", FELLING, "2026-12-21 C1 receive\n2026-12-21 C1 accept",
          "2026-12-22", {"statutory": "2026-12-21 > 2027-01-19 green provisional"}),
]  # fmt: skip
SAME_DAY = [
    Dated("from the deciding level's receipt", INSURANCE,
          "2026-03-02 V1 receive\n2026-03-03 V1 hand_over to=T\n2026-03-04 T1 take_over",
          "2026-03-04T23:59:59.999",
          {"same_day": "2026-03-04 > 2026-03-04 yellow", "acceptance": "2026-03-04 > 2026-03-11 green"}),
    Dated("red from midnight", INSURANCE,
          "2026-03-02 V1 receive\n2026-03-03 V1 hand_over to=T\n2026-03-04 T1 take_over", "2026-03-05T00:00",
          {"same_day": "2026-03-04 > 2026-03-04 red overdue_same_day"}),
    Dated("decided on the same day", INSURANCE,
          "2026-03-04 T1 receive\n2026-03-04 T1 accept\n2026-03-04T23:59:59.999 T1 decide", "2026-03-10",
          {"same_day": "2026-03-04 > 2026-03-04 done:green", "delivery": ""}),
    Dated("taken over on a Saturday", INSURANCE,
          "2026-03-06 V1 receive\n2026-03-06 V1 hand_over to=T\n2026-03-07 T1 take_over", "2026-03-07",
          {"same_day": "2026-03-07 > 2026-03-09 green"}),
    Dated("on a Saturday that is worked", INSURANCE, "2026-02-14 T1 receive", "2026-02-14",
          {"same_day": "2026-02-14 > 2026-02-14 yellow"}),
    Dated("received at the township, decided at the county", ELSEWHERE,
          "2026-03-02 T1 receive\n2026-03-02 T1 hand_over to=C\n2026-03-03 C1 take_over", "2026-03-03",
          {"acceptance": "2026-03-02 > 2026-03-09 green", "same_day": "2026-03-03 > 2026-03-03 yellow"}),
    Dated("full supply starts the day anew", INSURANCE,
          "2026-03-02 T1 receive\n2026-03-02 T1 request_correction missing=m01\n"
          "2026-03-05 T1 supply materials=m01",
          "2026-03-05", {"same_day": "2026-03-05 > 2026-03-05 yellow",
                         "acceptance": "2026-03-05 > 2026-03-12 green"}),
    Dated("not at the village, nor at another level than decides", ELSEWHERE,
          "2026-03-02 C1 receive\n2026-03-02 C1 request_correction missing=m01\n"
          "2026-03-05 V1 supply materials=m01", "2026-03-06",
          {"same_day": "2026-03-02 > 2026-03-02 done:green"}),
    Dated("the township's takes up the acceptance, the county's the day", ELSEWHERE,
          "2026-03-02 C1 receive\n2026-03-02 C1 request_correction missing=m01\n"
          "2026-03-05 T1 supply materials=m01\n2026-03-06 C1 supply materials=m01", "2026-03-06",
          {"acceptance": "2026-03-05 > 2026-03-12 green", "same_day": "2026-03-06 > 2026-03-06 yellow"}),
    # 1 to 5 May are off
    Dated("a village proof on a holiday", PROOF,
          "2026-05-02 V1 receive proof_kind=guardian_designation", "2026-05-05",
          {"same_day": "2026-05-02 > 2026-05-06 green", "forwarding": ""}),
    Dated("on commitment: on the spot", HYGIENE, ON_COMMITMENT, "2026-03-03",
          {"same_day": "2026-03-02 > 2026-03-02 red overdue_same_day"}),
]  # fmt: skip
AT_COUNTY = """2026-03-02 V1 receive
               2026-03-02 V1 hand_over to=C
               2026-03-03 C1 take_over
               2026-03-04 C1 request_correction"""
CORRECTION = [
    Dated("the notice stops the clock", FOOD, "2026-03-02 C1 receive\n2026-03-06 C1 request_correction",
          "2026-03-31",
          {"acceptance": "2026-03-02 > 2026-03-09 done:green", "statutory": ""}),
    Dated("part of the list starts nothing", FOOD,
          "2026-03-02 C1 receive\n2026-03-06 C1 request_correction\n2026-03-09 C1 supply materials=m01",
          "2026-03-31",
          {"acceptance": "2026-03-02 > 2026-03-09 done:green"}),
    # 12 13 | 16 17 18
    Dated("full supply starts it anew", FOOD,
          "2026-03-02 C1 receive\n2026-03-06 C1 request_correction\n2026-03-09 C1 supply materials=m01\n"
          "2026-03-11 C1 supply materials=m02", "2026-03-16",
          {"acceptance": "2026-03-11 > 2026-03-18 green"}),
    Dated("supplied to the applicant's agent it starts nothing", FELLING, AT_COUNTY +
          "\n2026-03-09 V1 supply", "2026-04-10",
          {"acceptance": "2026-03-03 > 2026-03-10 done:green", "statutory": ""}),
    # from the 12th: 13 | 16 17 18 19; deemed accepted on the 20th as of the 12th
    Dated("the organ has it when it says so", FELLING, AT_COUNTY +
          "\n2026-03-09 V1 supply\n2026-03-12 C1 supply", "2026-03-20",
          {"acceptance": "2026-03-12 > 2026-03-19 red deemed_accepted overdue_acceptance",
           "statutory": "2026-03-12 > 2026-04-10 green"}),
    Dated("part of it there, part with the agent", FELLING, AT_COUNTY +
          "\n2026-03-06 C1 supply materials=m01\n2026-03-09 V1 supply materials=m02", "2026-03-20",
          {"acceptance": "2026-03-03 > 2026-03-10 done:green"}),
    # at the village until it hands over; taken over on the 11th: 12 13 | 16 17 18
    Dated("or when the case comes from there", FELLING, AT_COUNTY +
          "\n2026-03-05 C1 hand_over to=V\n2026-03-05 V1 take_over\n2026-03-09 V1 supply\n"
          "2026-03-10 V1 hand_over to=C\n2026-03-11 C1 take_over", "2026-03-12",
          {"acceptance": "2026-03-11 > 2026-03-18 green"}),
    Dated("not with a case that comes from elsewhere", FELLING, AT_COUNTY +
          "\n2026-03-05 C1 hand_over to=T\n2026-03-05 V1 supply\n2026-03-06 T1 take_over", "2026-03-12",
          {"acceptance": "2026-03-03 > 2026-03-10 done:green"}),
    Dated("nor what came in after it had left", FELLING, AT_COUNTY +
          "\n2026-03-05 C1 hand_over to=V\n2026-03-05 V1 take_over\n2026-03-09 V1 hand_over to=C\n"
          "2026-03-10 V1 supply\n2026-03-11 C1 take_over", "2026-03-12",
          {"acceptance": "2026-03-03 > 2026-03-10 done:green"}),
    Dated("an acceptance says that the papers are there", FELLING, AT_COUNTY +
          "\n2026-03-09 V1 supply\n2026-03-12 C1 accept", "2026-03-13",
          {"acceptance": "2026-03-03 > 2026-03-10 done:green", "statutory": "2026-03-12 > 2026-04-10 green"}),
    Dated("the day told is a limit of the case", FOOD,
          "2026-03-02 C1 receive\n2026-03-06 C1 request_correction due=2026-03-20", "2026-03-19",
          {"correction": "2026-03-06 > 2026-03-20 yellow",
           "acceptance": "2026-03-02 > 2026-03-09 done:green"}),
    # 18 days told on 2 February, entered on 2 March: until the 20th; a supply before is not late
    Dated("a notice entered late gives its days once more", FOOD,
          "2026-03-02 C1 receive at=2026-01-26 late_entry=1\n"
          "2026-03-02 C1 request_correction due=2026-02-20 at=2026-02-02 late_entry=2\n"
          "2026-03-02 C1 lapse ! case.due_not_passed\n2026-03-20 C1 lapse ! case.due_not_passed\n"
          "2026-03-20 C1 supply materials=m01", "2026-03-21",
          {"correction": "2026-02-02 > 2026-03-20 red lapse_allowed overdue_correction"}),
    Dated("then the case may lapse", FOOD,
          "2026-03-02 C1 receive at=2026-01-26 late_entry=1\n"
          "2026-03-02 C1 request_correction due=2026-02-20 at=2026-02-02 late_entry=2\n"
          "2026-03-21 C1 lapse", "2026-03-21",
          {"correction": "2026-02-02 > 2026-03-20 done:red overdue_correction"}),
    Dated("as does a deficit list", FOOD,
          "2026-03-02 C1 receive at=2026-02-02 late_entry=1\n"
          "2026-03-02 C1 accept_with_deficit due=2026-02-06 at=2026-02-02 late_entry=2\n"
          "2026-03-06 C1 lapse ! case.due_not_passed\n2026-03-07 C1 lapse", "2026-03-07",
          {"deficit": "2026-02-02 > 2026-03-06 done:red overdue_deficit"}),
    Dated("entered on its own day it gives what it told", FOOD,
          "2026-03-02 C1 receive\n2026-03-02T17:00 C1 request_correction due=2026-03-06 at=2026-03-02T09:00 "
          "late_entry=2\n2026-03-07 C1 lapse", "2026-03-07",
          {"correction": "2026-03-02 > 2026-03-06 done:red overdue_correction"}),
    Dated("over: lapse is allowed", FOOD,
          "2026-03-02 C1 receive\n2026-03-06 C1 request_correction due=2026-03-20", "2026-03-21",
          {"correction": "2026-03-06 > 2026-03-20 red lapse_allowed overdue_correction"}),
    # 1 to 5 May are off
    Dated("a rest day moves it on", FOOD,
          "2026-04-28 C1 receive\n2026-04-28 C1 request_correction due=2026-05-01", "2026-05-06",
          {"correction": "2026-04-28 > 2026-05-06 yellow"}),
    Dated("kept with the applicant's agent", FELLING, AT_COUNTY.replace("request_correction",
          "request_correction due=2026-03-09") + "\n2026-03-09 V1 supply", "2026-03-20",
          {"correction": "2026-03-04 > 2026-03-09 done:green"}),
    Dated("supplied late, taken and marked too", FOOD,
          "2026-03-02 C1 receive\n2026-03-03 C1 request_correction due=2026-03-06\n2026-03-09 C1 supply",
          "2026-03-10", {"correction": "2026-03-03 > 2026-03-06 done:red late_supply overdue_correction"}),
    # 20 days from the 13th: 16-20 | 23-27 | 30-3 | 7-10 | 13
    Dated("accepted after full supply", FOOD,
          "2026-03-02 C1 receive\n2026-03-06 C1 request_correction\n2026-03-11 C1 supply\n"
          "2026-03-13 C1 accept",
          "2026-03-16", {"statutory": "2026-03-13 > 2026-04-13 green",
          "promised": "2026-03-13 > 2026-03-20 green"}),
]  # fmt: skip
SUSPENSION = [
    # used 11 12 13; left 17: 26 27 28 | 1-5 | 8-12 | 15 16 17 18
    Dated("days after it up to the resumption", FELLING, ACCEPTED_2025 +
          "\n2025-11-13 C1 suspend\n2025-11-13 C2 countersign\n2025-11-25 C1 resume", "2025-11-26",
          {"statutory": "2025-11-10 > 2025-12-18 green"}),
    # used 11 12 13 14 17; left 15: 26 27 28 | 1-5 | 8-12 | 15 16
    Dated("from the second person's signature", FELLING, ACCEPTED_2025 +
          "\n2025-11-13 C1 suspend\n2025-11-17 C2 countersign\n2025-11-25 C1 resume", "2025-11-26",
          {"statutory": "2025-11-10 > 2025-12-16 green"}),
    Dated("without a second person nothing stops", FELLING, ACCEPTED_2025 + "\n2025-11-13 C1 suspend",
          "2025-11-26",
          {"statutory": "2025-11-10 > 2025-12-08 green"}),
    # used 10 11 12; left 17: 26 27 28S | 2-6 | 9-13 | 16-19; of five promised 2: 26 27
    Dated("over Spring Festival", FELLING,
          "2026-02-09 C1 receive\n2026-02-09 C1 accept\n2026-02-12 C1 suspend\n2026-02-12 C2 countersign\n"
          "2026-02-25 C1 resume", "2026-02-25",
          {"statutory": "2026-02-09 > 2026-03-19 green", "promised": "2026-02-09 > 2026-02-27 green"}),
    Dated("while it lasts there is no last day", FELLING, ACCEPTED_2026 +
          "\n2026-03-03 C1 suspend\n2026-03-03 C2 countersign", "2026-03-20",
          {"statutory": "2026-03-02 > - paused", "promised": "2026-03-02 > - paused"}),
    # three working days from the 9th: 10 11 12
    Dated("longer than was told", FELLING, "2026-03-09 C1 receive\n2026-03-09 C1 accept\n"
          "2026-03-09 C1 suspend expected_days=3\n2026-03-09 C2 countersign", "2026-03-13",
          {"statutory": "2026-03-09 > - paused told_time_overrun"}),
    Dated("as long as was told", FELLING, "2026-03-09 C1 receive\n2026-03-09 C1 accept\n"
          "2026-03-09 C1 suspend expected_days=3\n2026-03-09 C2 countersign\n2026-03-12 C1 resume",
          "2026-03-13",
          # 20 left from the 12th: 13 | 16-20 | 23-27 | 30-3 | 7-10
          {"statutory": "2026-03-09 > 2026-04-10 green"}),
    # day 20 of 20 is the 30th; from the 31st nothing counts until the 10th, and that is the last day
    Dated("on the last day it is in time", FELLING, ACCEPTED_2026 +
          "\n2026-03-30 C1 suspend\n2026-03-30T23:59:59.999 C2 countersign", "2026-04-09",
          {"statutory": "2026-03-02 > - paused", "promised": "2026-03-02 > 2026-03-09 red overdue_promise "
                                                             "reason_missing"}),
    Dated("and the day of the resumption is the last one", FELLING, ACCEPTED_2026 +
          "\n2026-03-30 C1 suspend\n2026-03-30 C2 countersign\n2026-04-10 C1 resume", "2026-04-10",
          {"statutory": "2026-03-02 > 2026-04-10 yellow"}),
    Dated("on which it is decided in time", FELLING, ACCEPTED_2026 +
          "\n2026-03-30 C1 suspend\n2026-03-30 C2 countersign\n2026-04-10 C1 resume\n2026-04-10 C1 decide",
          "2026-04-20", {"statutory": "2026-03-02 > 2026-04-10 done:green"}),
    Dated("and a day later too late", FELLING, ACCEPTED_2026 +
          "\n2026-03-30 C1 suspend\n2026-03-30 C2 countersign\n2026-04-10 C1 resume\n2026-04-13 C1 decide",
          "2026-04-20", {"statutory": "2026-03-02 > 2026-04-10 done:red overdue_decision"}),
    Dated("resumed on a Saturday: the Monday is the last day", FELLING, ACCEPTED_2026 +
          "\n2026-03-30 C1 suspend\n2026-03-30 C2 countersign\n2026-04-11 C1 resume", "2026-04-13",
          {"statutory": "2026-03-02 > 2026-04-13 yellow"}),
    Dated("on the last promised day as well", FELLING, ACCEPTED_2026 +
          "\n2026-03-09 C1 suspend\n2026-03-09 C2 countersign\n2026-03-12 C1 resume\n2026-03-12 C1 decide",
          # statutory: five of twenty used by the 9th; fifteen from the 12th: 13 | 16-20 | 23-27 | 30-2
          "2026-03-20", {"promised": "2026-03-02 > 2026-03-12 done:green",
                         "statutory": "2026-03-02 > 2026-04-02 done:green"}),
    Dated("after the limit it heals nothing", FELLING, ACCEPTED_2026 +
          "\n2026-03-31 C1 suspend\n2026-03-31 C2 countersign\n2026-04-10 C1 resume", "2026-04-10",
          {"statutory": "2026-03-02 > 2026-03-30 red overdue_decision"}),
]  # fmt: skip
EXTENSION = [
    # 31 1 2 3 | 7-10 | 13 14
    Dated("on the last day", FELLING, ACCEPTED_2026 + "\n2026-03-30T23:59:59.999 C3 extend", "2026-03-31",
          {"statutory": "2026-03-02 > 2026-04-14 green",
           "promised": "2026-03-02 > 2026-03-09 red overdue_promise reason_missing"}),
    Dated("an instant too late", FELLING,
          ACCEPTED_2026 + "\n2026-03-31T00:00 C3 extend ! case.extension_late", "2026-03-31",
          {"statutory": "2026-03-02 > 2026-03-30 red overdue_decision"}),
    # used 3: 17 left, and ten more, after the 25th: 26-28 | 1-5 | 8-12 | 15-19 | 22-26 | 29-31, 4U
    Dated("while it is suspended", FELLING, ACCEPTED_2025 +
          "\n2025-11-13 C1 suspend\n2025-11-13 C2 countersign\n2025-11-20 C3 extend\n2025-11-25 C1 resume",
          "2025-12-19", {"statutory": "2025-11-10 > 2026-01-04 green"}),
    Dated("not while a suspension that came too late lasts", FELLING, ACCEPTED_2026 +
          "\n2026-03-31 C1 suspend\n2026-03-31 C2 countersign\n2026-04-01 C3 extend ! case.extension_late",
          "2026-04-01", {"statutory": "2026-03-02 > 2026-03-30 red overdue_decision"}),
    # after 18 December: 19 | 22-26 | 29 30 31 | 4U
    Dated("after a suspension, ending on a Sunday that is worked", FELLING, ACCEPTED_2025 +
          "\n2025-11-13 C1 suspend\n2025-11-13 C2 countersign\n2025-11-25 C1 resume\n2025-12-18 C3 extend",
          "2025-12-19", {"statutory": "2025-11-10 > 2026-01-04 green"}),
    Dated("the reason for an overrun promise", FELLING, ACCEPTED_2026 + "\n2026-03-10 C1 overrun_reason",
          "2026-03-11",
          {"promised": "2026-03-02 > 2026-03-09 red overdue_promise"}),
    # 3 days: 9 10 11, yellow only on the last
    Dated("a short limit, the day before", TRADER, "2026-03-06 C1 receive\n2026-03-06 C1 accept",
          "2026-03-10",
          {"statutory": "2026-03-06 > 2026-03-11 green"}),
    Dated("a short limit, the last day", TRADER, "2026-03-06 C1 receive\n2026-03-06 C1 accept", "2026-03-11",
          {"statutory": "2026-03-06 > 2026-03-11 yellow"}),
    Dated("one promised day over a weekend", COMPANY, "2026-03-06 C1 receive\n2026-03-06 C1 accept",
          "2026-03-08",
          {"promised": "2026-03-06 > 2026-03-09 green", "statutory": "2026-03-06 > 2026-03-11 green"}),
]  # fmt: skip
DEFICIT_13 = "2026-03-02 C1 receive\n2026-03-02 C1 accept_with_deficit due=2026-03-13\n"
DEFICIT = [
    Dated("part of the list does not stop it", FOOD, DEFICIT_13 + "2026-03-10 C1 supply materials=m04",
          "2026-03-12",
          {"deficit": "2026-03-02 > 2026-03-13 yellow"}),
    Dated("the empty list stops it", FOOD, DEFICIT_13 + "2026-03-13T23:59 C1 supply materials=m04+m05",
          "2026-03-16",
          {"deficit": "2026-03-02 > 2026-03-13 done:green"}),
    Dated("supplied late, taken and marked", FOOD, DEFICIT_13 + "2026-03-16 C1 supply materials=m04+m05",
          "2026-03-16",
          {"deficit": "2026-03-02 > 2026-03-13 done:red late_supply overdue_deficit"}),
    Dated("over: lapse is allowed, not done", FOOD, DEFICIT_13, "2026-03-14",
          {"deficit": "2026-03-02 > 2026-03-13 red lapse_allowed overdue_deficit"}),
    # 21 February lies in Spring Festival, 24 is the first day of work
    Dated("a day promised in the holidays rolls on", FOOD,
          "2026-02-10 C1 receive\n2026-02-10 C1 accept_with_deficit due=2026-02-21", "2026-02-23",
          {"deficit": "2026-02-10 > 2026-02-24 yellow"}),
    Dated("and is no late supply before", FOOD,
          "2026-02-10 C1 receive\n2026-02-10 C1 accept_with_deficit due=2026-02-21\n"
          "2026-02-24 C1 supply materials=m04+m05", "2026-02-25",
          {"deficit": "2026-02-10 > 2026-02-24 done:green"}),
]  # fmt: skip
GRANTED = ACCEPTED_2026 + "\n2026-04-28 C1 decide\n2026-04-28 C4 issue"
DELIVERY = [
    # 29 30 | 6 7 8 9S | 11 12 13 14
    Dated("ten working days over Labour Day", FELLING, GRANTED, "2026-05-14T23:59:59.999",
          {"delivery": "2026-04-28 > 2026-05-14 yellow"}),
    Dated("lying at the village is not delivered", FELLING, GRANTED +
          "\n2026-04-29 C4 hand_over to=V\n2026-04-29 V1 take_over\n2026-04-29 V1 arrive_at_village",
          "2026-05-15",
          {"delivery": "2026-04-28 > 2026-05-14 red overdue_delivery"}),
    Dated("delivered with a signature at the village", FELLING, GRANTED +
          "\n2026-04-29 C4 hand_over to=V\n2026-04-29 V1 take_over\n2026-05-14 V1 deliver proof=fingerprint",
          "2026-05-15", {"delivery": "2026-04-28 > 2026-05-14 done:green"}),
    Dated("for permits alone", ESTATE, "2026-03-02 C1 receive\n2026-03-02 C1 accept\n2026-03-03 C1 decide",
          "2026-05-15", {"delivery": "", "promised": "2026-03-02 > 2026-03-03 done:green"}),
]  # fmt: skip
AFTERWARDS = [
    # 60 days: 29 in March, 30 in April, 1 May; off until 5 May
    Dated("the post-check in calendar days", HYGIENE, ON_COMMITMENT + "\n2026-03-02 C1 decide", "2026-03-03",
          {"post_check": "2026-03-02 > 2026-05-06 green", "same_day": "2026-03-02 > 2026-03-02 done:green"}),
    Dated("checked by two people", HYGIENE, ON_COMMITMENT +
          "\n2026-03-02 C1 decide\n2026-05-06 C1 post_check\n2026-05-06 C5 countersign", "2026-06-01",
          {"post_check": "2026-03-02 > 2026-05-06 done:green"}),
    Dated("one person's check is none", HYGIENE, ON_COMMITMENT +
          "\n2026-03-02 C1 decide\n2026-05-06 C1 post_check",
          "2026-05-07", {"post_check": "2026-03-02 > 2026-05-06 red overdue_post_check"}),
    Dated("refused on commitment: nothing to check", HYGIENE, ON_COMMITMENT +
          "\n2026-03-02 C1 decide result=refuse reasons=a review_organ=b court=c", "2026-06-01",
          {"post_check": ""}),
    Dated("a withdrawal ends every clock", FELLING, ACCEPTED_2026 + "\n2026-03-05 C1 withdraw", "2026-06-01",
          {"statutory": "2026-03-02 > 2026-03-30 done:green",
          "promised": "2026-03-02 > 2026-03-09 done:green"}),
    Dated("a void case has none",
          FELLING, "2026-03-02 C1 receive\n2026-03-02 C1 void\n2026-03-02 C6 countersign",
          "2026-06-01", {"acceptance": "", "statutory": ""}),
]  # fmt: skip
TABLE = [
    *ACCEPTANCE, *DEEMED, *FORWARDING, *JUDGED, *SAME_DAY, *CORRECTION, *SUSPENSION, *EXTENSION, *DEFICIT,
    *DELIVERY, *AFTERWARDS,
]  # fmt: skip


@pytest.mark.parametrize("row", TABLE, ids=[row.title for row in TABLE])
def test_dates_worked_out_by_hand(row: Dated, new_case: Callable[[str], Case]) -> None:
    # Given a case told in lines, when its clocks are read, then they say what the paper calendar says.
    shown = new_case(row.item).tell(row.lines).shown(row.now)
    assert {clock: shown.get(clock, "") for clock in row.expected} == row.expected


def test_the_organ_is_told_what_lies_with_the_agent(new_case: Callable[[str], Case]) -> None:
    # Given a completed list of which the agent has one part, then the page says which until the organ has it.
    case = new_case(FELLING).tell(AT_COUNTY + "\n2026-03-06 C1 supply materials=m01")
    assert case.notices() == {}
    case.tell("2026-03-09 V1 supply materials=m02")
    assert case.notices() == {"case.notice.with_agent": {"materials": ("m02",)}}
    case.tell("2026-03-10 C1 supply materials=m02")
    assert case.notices() == {}


def test_a_limit_that_starts_anew_says_by_what(new_case: Callable[[str], Case]) -> None:
    # Given a case that went from village to county, when the village takes in what the county asked for,
    case = new_case(FELLING).tell("""
        2026-03-02 V1 receive
        2026-03-02 V1 hand_over to=C
        2026-03-04 C1 take_over
        2026-03-09 C1 request_correction missing=m01+m02 due=2026-03-20
        2026-03-12 V1 supply materials=m01""")
    # then its time to forward that starts anew, and nothing is said to have come back; so does a later offer.
    lines = {line.code: line.params for line in case.clocks("2026-03-12")["forwarding"].explanation}
    assert lines["clock.line.restarted_agent_supply"] == {"on": "2026-03-12"}
    case.tell("2026-03-12 C1 hand_over to=V\n2026-03-13 V1 take_over\n2026-03-16 V1 hand_over to=C")
    lines = {line.code: line.params for line in case.clocks("2026-03-16")["transit"].explanation}
    assert lines["clock.line.restarted_new_offer"] == {"on": "2026-03-16"}
