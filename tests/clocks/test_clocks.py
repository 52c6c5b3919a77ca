"""The clocks of Articles 32, 42, 44 and 45 and their neighbours, on dates worked out by hand.

The winter in short: 10 November 2025 is a Monday; no holiday until Thursday 1 January 2026 (1 and 2 off,
Sunday 4 worked); Spring Festival 15 to 23 February 2026 off, Saturdays 14 and 28 February worked.
"""

from __future__ import annotations

from datetime import date

import pytest

from ledger.calendars import calendar_set
from ledger.cases.shape import CaseState
from ledger.clocks.clocks import ClockReading, earlier_dues, read_clocks, standing
from ledger.days.calendar import AMOUNT_MAX, Calendar, CalendarSet
from ledger.rules.catalogue import Rules
from tests.clocks.cases import act_id, at, receive, rules, state, step

CALENDARS = calendar_set()


def read(case: CaseState, by: Rules, now: str) -> dict[str, ClockReading]:
    return {reading.clock: reading for reading in read_clocks(case, by, CALENDARS, at(now))}


def codes(reading: ClockReading) -> list[str]:
    return [line.code.removeprefix("clock.line.") for line in reading.explanation]


# ---- acceptance -----------------------------------------------------------------------------------------


def test_acceptance_five_working_days_with_lights() -> None:
    """Received Monday 10 November; 11 12 13 14 | 17. One day is left after the 14th: yellow needs 5 >= 4."""
    case, by = state(receive("2025-11-10")), rules("acceptance")
    seen = {
        now: (reading.light, reading.elapsed_days, reading.remaining_days)
        for now in ("2025-11-10", "2025-11-13 23:59:59.999", "2025-11-14 00:00", "2025-11-16", "2025-11-17")
        for reading in read(case, by, now).values()
    }
    assert list(seen.values()) == [
        ("green", 0, 5),
        ("green", 3, 2),
        ("yellow", 4, 1),
        ("yellow", 4, 1),
        ("yellow", 5, 0),
    ]
    last = read(case, by, "2025-11-17 23:59:59.999")["acceptance"]
    assert (last.due_on, last.light, last.flags) == (date(2025, 11, 17), "yellow", ())
    over = read(case, by, "2025-11-18 00:00")["acceptance"]
    assert (over.light, over.remaining_days) == ("red", -1)
    assert over.flags == ("deemed_accepted", "overdue_acceptance")


def test_the_next_changes_are_the_instants_of_the_lights() -> None:
    case, by = state(receive("2025-11-10")), rules("acceptance")
    assert standing(case, by, CALENDARS).pressing == (
        at("2025-11-14 00:00"),
        at("2025-11-18 00:00"),
        "acceptance",
    )
    done = state(receive("2025-11-10"), step("accept", "2025-11-11"))
    assert standing(done, by, CALENDARS).pressing is None


@pytest.mark.parametrize(
    "action",
    ["accept", "accept_with_deficit", "accept_on_commitment", "refuse_acceptance", "request_correction"],
)
def test_any_answer_stops_acceptance(action: str) -> None:
    case = state(receive("2025-11-10"), step(action, "2025-11-17 23:59"))
    reading = read(case, rules("acceptance"), "2026-03-02")["acceptance"]
    assert (reading.light, reading.result, reading.flags) == ("done", "green", ())
    assert (reading.elapsed_days, reading.remaining_days, reading.stopped_on) == (5, 0, date(2025, 11, 17))


def test_full_supply_starts_acceptance_anew() -> None:
    """Corrected on the 12th; complete on Thursday 20 November: 21 | 24 25 26 27."""
    case = state(
        receive("2025-11-10"),
        step("request_correction", "2025-11-12"),
        step("supply", "2025-11-18", label="part"),
        step("supply", "2025-11-20", "full_supply"),
    )
    reading = read(case, rules("acceptance", "statutory"), "2025-11-24")
    acceptance = reading["acceptance"]
    assert (acceptance.started_on, acceptance.due_on) == (date(2025, 11, 20), date(2025, 11, 27))
    assert (acceptance.light, acceptance.elapsed_days) == ("green", 2)
    assert codes(acceptance)[0] == "restarted"
    assert "statutory" not in reading


def test_second_correction_list_stops_nothing() -> None:
    case = state(
        receive("2025-11-10"),
        step("request_correction", "2025-11-12", label="first"),
        step("supply", "2025-11-20", "full_supply"),
        step("request_correction", "2025-11-24", label="second"),
    )
    reading = read(case, rules("acceptance"), "2025-11-28")["acceptance"]
    assert (reading.light, reading.stopped_on) == ("red", None)
    assert reading.flags == ("deemed_accepted", "overdue_acceptance", "second_correction")
    line = next(line for line in reading.explanation if line.code == "clock.line.second_correction")
    assert line.act_ids == (act_id("second"),)
    # After the silence following full supply the law counts from the day of the full supply.
    statutory = read(case, rules("acceptance", "statutory"), "2025-11-28")["statutory"]
    assert statutory.started_on == date(2025, 11, 20)


def test_deemed_acceptance_is_as_of_receipt_and_late_acceptance_does_not_move_it() -> None:
    """Received 10 November, silent until accepted on the 19th: the statutory clock counts from the 10th.

    Twenty working days: 11-14, 17-21, 24-28 November, 1-5 and 8 December.
    """
    by = rules("acceptance", "statutory", "promised")
    silent = state(receive("2025-11-10"))
    assert set(read(silent, by, "2025-11-17 23:59:59.999")) == {"acceptance"}
    from_midnight = read(silent, by, "2025-11-18 00:00")
    assert from_midnight["statutory"].started_on == date(2025, 11, 10)
    assert from_midnight["statutory"].due_on == date(2025, 12, 8)
    assert from_midnight["promised"].due_on == date(2025, 11, 19)
    assert codes(from_midnight["statutory"])[0] == "started_deemed"
    late = read(state(receive("2025-11-10"), step("accept", "2025-11-19")), by, "2025-11-20")
    assert late["acceptance"].result == "red"
    assert late["acceptance"].flags == ("deemed_accepted", "overdue_acceptance")
    assert (late["statutory"].started_on, late["statutory"].due_on) == (date(2025, 11, 10), date(2025, 12, 8))
    assert late["promised"].light == "red"


def test_late_correction_after_deemed_acceptance_restarts_nothing() -> None:
    case = state(
        receive("2025-11-10"),
        step("request_correction", "2025-11-18"),
        step("supply", "2025-11-20", "full_supply"),
    )
    reading = read(case, rules("acceptance", "statutory"), "2025-11-21")
    assert (reading["acceptance"].started_on, reading["acceptance"].result) == (date(2025, 11, 10), "red")
    assert reading["statutory"].started_on == date(2025, 11, 10)


@pytest.mark.parametrize(
    ("legal_basis", "local_rule", "deemed"),
    [("许可", "", True), ("公共服务", "", False), ("确认", "某市政务服务条例 24", True)],
)
def test_deemed_acceptance_belongs_to_permits_or_a_cited_local_rule(
    legal_basis: str, local_rule: str, deemed: bool
) -> None:
    by = rules("acceptance", "statutory", item={"legal_basis": legal_basis, "local_rule": local_rule})
    silent = read(state(receive("2025-11-10")), by, "2025-11-18")
    assert ("statutory" in silent) == deemed
    assert ("deemed_accepted" in silent["acceptance"].flags) == deemed
    assert "overdue_acceptance" in silent["acceptance"].flags
    late = read(state(receive("2025-11-10"), step("accept", "2025-11-19")), by, "2025-11-20")
    assert late["statutory"].started_on == date(2025, 11, 10 if deemed else 19)


@pytest.mark.parametrize(
    ("legal_basis", "local_rule", "due", "law"),
    [
        ("许可", "", date(2025, 12, 18), "行政许可法 42(1)"),
        ("给付", "安阳市政务服务条例 36", date(2025, 12, 18), "行政许可法 42(1)；安阳市政务服务条例 36"),
        ("给付", "", date(2025, 12, 8), "行政许可法 42(1)"),
    ],
)
def test_days_are_excluded_for_permits_or_by_a_cited_local_rule(
    legal_basis: str, local_rule: str, due: date, law: str
) -> None:
    """Accepted 10 November, suspended 13th to 25th: 18 December; where nothing allows it, 8 December."""
    by = rules("statutory", item={"legal_basis": legal_basis, "local_rule": local_rule})
    case = state(
        receive("2025-11-10"),
        step("accept", "2025-11-10"),
        step("suspend", "2025-11-13"),
        step("resume", "2025-11-25"),
    )
    reading = read(case, by, "2025-11-26")["statutory"]
    assert (reading.due_on, reading.law) == (due, law)


@pytest.mark.parametrize(("local_rule", "due"), [("某规定 3", date(2025, 12, 22)), ("", date(2025, 12, 8))])
def test_days_are_added_beyond_permits_by_a_cited_local_rule_alone(local_rule: str, due: date) -> None:
    by = rules("statutory", item={"legal_basis": "确认", "local_rule": local_rule})
    case = state(receive("2025-11-10"), step("accept", "2025-11-10"), step("extend", "2025-12-05"))
    assert read(case, by, "2025-12-05")["statutory"].due_on == due


def test_overdue_acceptance_before_a_restart_is_remembered() -> None:
    """Not a permit: corrected one day late, then supplied and accepted in time; the first run stays late."""
    case = state(
        receive("2025-11-10"),
        step("request_correction", "2025-11-18"),
        step("supply", "2025-11-20", "full_supply"),
        step("accept", "2025-11-21"),
    )
    by = rules("acceptance", item={"legal_basis": "公共服务"})
    reading = read(case, by, "2025-11-24")["acceptance"]
    assert (reading.started_on, reading.result) == (date(2025, 11, 20), "green")
    assert reading.flags == ("overdue_acceptance",)


# ---- village, same day ------------------------------------------------------------------------------------


def test_village_forwards_and_only_the_organ_starts_acceptance() -> None:
    """Village receipt Friday 14 November, forwarded Wednesday 19 (limit: 17, 18): internal only."""
    by = rules("acceptance", "forwarding")
    village = step("receive", "2025-11-14", level="village")
    waiting = read(state(village), by, "2025-11-19")
    assert set(waiting) == {"forwarding"}
    assert (waiting["forwarding"].due_on, waiting["forwarding"].light) == (date(2025, 11, 18), "red")
    forwarded = state(
        village,
        step("hand_over", "2025-11-19", level="village"),
        step("take_over", "2025-11-20", "organ_receipt", level="township"),
    )
    reading = read(forwarded, by, "2025-11-21")
    assert (reading["forwarding"].result, reading["forwarding"].flags) == ("red", ("forwarding_overrun",))
    assert (reading["acceptance"].started_on, reading["acceptance"].flags) == (date(2025, 11, 20), ())


def test_an_offer_that_comes_back_leaves_forwarding_what_is_left() -> None:
    """Used: 17 November; 18 and 19 it was offered; left: 20. Later refusals are between others."""
    by = rules("forwarding", forwarding={"go_on": ["decline_hand_over", "recall_hand_over"]})
    declined = (
        step("receive", "2025-11-14", level="village"),
        step("hand_over", "2025-11-17", level="village"),
        step("decline_hand_over", "2025-11-19"),
    )
    reading = read(state(*declined), by, "2025-11-20")["forwarding"]
    assert (reading.due_on, reading.light, reading.elapsed_days) == (date(2025, 11, 20), "yellow", 2)
    assert codes(reading)[:3] == ["started", "limit_working_days", "elsewhere_working_days"]
    taken = state(
        *declined[:2],
        step("take_over", "2025-11-18"),
        step("hand_over", "2025-11-19", label="upwards"),
        step("decline_hand_over", "2025-11-20"),
    )
    assert read(taken, by, "2025-11-30")["forwarding"].result == "green"


def test_short_limits_turn_yellow_on_the_last_day_only() -> None:
    """Two days: a quarter is half a day, so no whole day before the last one is yellow."""
    by = rules("forwarding")
    case = state(step("receive", "2025-11-14", level="village"))
    assert read(case, by, "2025-11-17")["forwarding"].light == "green"
    assert read(case, by, "2025-11-18")["forwarding"].light == "yellow"


def test_same_day_runs_from_the_deciding_levels_receipt_to_midnight() -> None:
    by = rules("same_day")
    case = state(
        step("receive", "2025-11-14", level="village"),
        step("take_over", "2025-11-19 09:00", "organ_receipt", "deciding_receipt"),
    )
    reading = read(case, by, "2025-11-19 23:59:59.999")["same_day"]
    assert (reading.started_on, reading.due_on, reading.light) == (
        date(2025, 11, 19),
        date(2025, 11, 19),
        "yellow",
    )
    assert (
        "limit_same_day" in codes(reading)
        and "same_day" in codes(reading)
        and "started" not in codes(reading)
    )
    over = read(case, by, "2025-11-20 00:00")["same_day"]
    assert (over.light, over.flags) == ("red", ("overdue_same_day",))
    saturday = state(step("receive", "2025-11-15", "deciding_receipt"))
    assert read(saturday, by, "2025-11-15")["same_day"].due_on == date(2025, 11, 17)


# ---- statutory and promised: pause, resume, extension -----------------------------------------------------


def accepted(*more: object, on: str = "2025-11-10") -> CaseState:
    return state(receive(on), step("accept", on), *more)  # type: ignore[arg-type]


def test_suspension_excludes_the_days_after_it_up_to_the_resumption() -> None:
    """Accepted 10 November. Suspended on Thursday 13 (3 days used: 11 12 13), resumed Tuesday 25.

    Excluded: 14 | 17-21 | 24 25, eight working days. 17 days are left after the 25th: 26-28 November (3),
    1-5 (8), 8-12 (13), 15-18 December (17).
    """
    by = rules("statutory", "promised")
    case = accepted(step("suspend", "2025-11-13"), step("resume", "2025-11-25"))
    reading = read(case, by, "2025-11-26")
    assert reading["statutory"].due_on == date(2025, 12, 18)
    assert (reading["statutory"].elapsed_days, reading["statutory"].remaining_days) == (4, 16)
    excluded = next(
        line for line in reading["statutory"].explanation if line.code == "clock.line.excluded_working_days"
    )
    assert dict(excluded.params) == {"first": "2025-11-14", "last": "2025-11-25", "days": 8}
    assert excluded.act_ids == (act_id("suspend"), act_id("resume"))
    # Promised, 7 days: 3 used, 4 left after the 25th: 26 27 28 | 1 December.
    assert reading["promised"].due_on == date(2025, 12, 1)


@pytest.mark.parametrize("resumed", [True, False])
def test_a_suspension_after_the_last_day_excludes_no_day_and_says_so(resumed: bool) -> None:
    """Promised, 7 days from 10 November: 11-14 | 17 18 19. Suspended on the 20th.

    Used by Wednesday the 26th: 11-14 (4), 17-21 (9), 24 25 26 (12); five of them are too many.
    """
    by = rules("promised")
    steps = [step("suspend", "2025-11-20"), step("resume", "2025-11-25")][: 2 if resumed else 1]
    reading = read(accepted(*steps), by, "2025-11-26")["promised"]
    assert (reading.due_on, reading.light) == (date(2025, 11, 19), "red")
    assert (reading.elapsed_days, reading.remaining_days) == (12, -5)
    assert [code for code in codes(reading) if code.startswith(("excluded", "paused", "suspended"))] == [
        "suspended_too_late"
    ]
    line = next(line for line in reading.explanation if line.code == "clock.line.suspended_too_late")
    assert (dict(line.params), line.act_ids[0]) == ({"on": "2025-11-20"}, act_id("suspend"))
    # One on the last day is in time: what is left runs after it.
    last = read(accepted(step("suspend", "2025-11-19"), step("resume", "2025-11-25")), by, "2025-11-26")
    assert (last["promised"].due_on, last["promised"].elapsed_days) == (date(2025, 11, 25), 8)
    assert "excluded_working_days" in codes(last["promised"])


def test_a_paused_clock_shows_no_date_and_never_turns_red() -> None:
    by = rules("statutory")
    case = accepted(step("suspend", "2025-11-13"))
    reading = read(case, by, "2026-03-02")["statutory"]
    assert (reading.light, reading.due_on) == ("paused", None)
    assert (reading.elapsed_days, reading.remaining_days) == (3, 17)
    assert standing(case, by, CALENDARS).pressing is None


def test_suspension_takes_effect_with_the_second_persons_signature() -> None:
    """Asked for on the 12th, countersigned on the 14th: 11 12 13 14 count."""
    case = accepted(
        step("suspend", "2025-11-14", countersigned="second"),
        step("countersign", "2025-11-14", label="second"),
    )
    assert read(case, rules("statutory"), "2025-12-01")["statutory"].elapsed_days == 4
    pending = accepted(step("suspend", "2025-11-12", effective=False))
    assert read(pending, rules("statutory"), "2025-12-01")["statutory"].light == "green"


def test_a_suspension_after_the_limit_does_not_heal_it() -> None:
    """Promised until 19 November; suspended on the 20th: the promise is overrun all the same."""
    case = accepted(step("suspend", "2025-11-20"))
    reading = read(case, rules("promised"), "2025-11-21")["promised"]
    assert (reading.due_on, reading.light) == (date(2025, 11, 19), "red")


def test_a_suspension_on_the_last_day_leaves_the_day_of_the_resumption() -> None:
    """Suspended on the last day itself, 19 November: all seven days are used; 20 to 28 do not count."""
    paused = accepted(step("suspend", "2025-11-19"))
    standing = read(paused, rules("promised"), "2025-11-24")["promised"]
    assert (standing.due_on, standing.light, standing.elapsed_days) == (None, "paused", 7)
    case = accepted(step("suspend", "2025-11-19"), step("resume", "2025-11-28"))
    resumed = read(case, rules("promised"), "2025-11-28 23:59:59.999")["promised"]
    assert (resumed.due_on, resumed.light) == (date(2025, 11, 28), "yellow")
    assert (resumed.elapsed_days, resumed.remaining_days) == (7, 0)
    over = read(case, rules("promised"), "2025-12-01 00:00")["promised"]
    assert (over.light, over.remaining_days) == ("red", -1)


def test_a_last_day_that_rolls_on_from_a_rest_day_uses_no_more_than_the_limit() -> None:
    """Suspended on the last day, resumed on Saturday 29 November: Monday 1 December is the last day."""
    case = accepted(step("suspend", "2025-11-19"), step("resume", "2025-11-29"))
    reading = read(case, rules("promised"), "2025-12-01")["promised"]
    assert (reading.due_on, reading.light) == (date(2025, 12, 1), "yellow")
    assert (reading.elapsed_days, reading.remaining_days) == (7, 0)


def test_suspended_again_on_the_day_of_the_resumption_stands_still_again() -> None:
    """No day is left after the 19th; on the 28th, the last day, it is suspended until 5 December."""
    case = accepted(
        step("suspend", "2025-11-19", label="s1"),
        step("resume", "2025-11-28", label="r1"),
        step("suspend", "2025-11-28", label="s2"),
        step("resume", "2025-12-05", label="r2"),
    )
    assert read(case, rules("promised"), "2025-12-05")["promised"].due_on == date(2025, 12, 5)


def test_suspended_and_resumed_on_one_day_excludes_nothing() -> None:
    case = accepted(step("suspend", "2025-11-13 09:00"), step("resume", "2025-11-13 16:00"))
    reading = read(case, rules("statutory"), "2025-11-14")["statutory"]
    assert reading.due_on == date(2025, 12, 8)
    assert "excluded_none" in codes(reading)


def test_two_suspensions_add_up() -> None:
    """13 to 25 November as above; again from 3 to 5 December (excluded: 4, 5).

    After 25 November: 26-28 (3), 1-3 December (6) | 8-12 (11), 15-19 (16), 22 December (17).
    """
    case = accepted(
        step("suspend", "2025-11-13", label="s1"),
        step("resume", "2025-11-25", label="r1"),
        step("suspend", "2025-12-03", label="s2"),
        step("resume", "2025-12-05", label="r2"),
    )
    assert read(case, rules("statutory"), "2025-12-08")["statutory"].due_on == date(2025, 12, 22)


def test_longer_than_the_applicant_was_told_is_a_finding() -> None:
    """Five working days told on the 13th: until the 20th."""
    told = step("suspend", "2025-11-13", facts={"expected_days": 5})
    by = rules("statutory")
    assert "told_time_overrun" not in read(accepted(told), by, "2025-11-20 23:59")["statutory"].flags
    open_one = read(accepted(told), by, "2025-11-21")["statutory"]
    assert (open_one.light, open_one.flags) == ("paused", ("told_time_overrun",))
    resumed = accepted(told, step("resume", "2025-11-25"))
    assert "told_time_overrun" in read(resumed, by, "2025-12-30")["statutory"].flags
    in_time = accepted(told, step("resume", "2025-11-20"))
    assert "told_time_overrun" not in read(in_time, by, "2025-12-01")["statutory"].flags


def test_extension_moves_the_statutory_but_not_the_promised_date() -> None:
    """Twenty days end on 8 December; ten more: 9-12 (4), 15-19 (9), 22 December."""
    by = rules("statutory", "promised")
    case = accepted(step("extend", "2025-12-08 23:59"))
    reading = read(case, by, "2025-12-09")
    assert (reading["statutory"].due_on, reading["statutory"].limit_days) == (date(2025, 12, 22), 30)
    assert (reading["promised"].due_on, reading["promised"].light) == (date(2025, 11, 19), "red")
    assert reading["promised"].flags == ("overdue_promise", "reason_missing")
    limit = next(line for line in reading["statutory"].explanation if "limit" in line.code)
    assert limit.params["days"] == 20


def test_extension_after_the_limit_has_no_effect() -> None:
    reading = read(accepted(step("extend", "2025-12-09")), rules("statutory"), "2025-12-10")["statutory"]
    assert (reading.due_on, reading.light) == (date(2025, 12, 8), "red")
    assert reading.flags == ("late_extension", "overdue_decision")
    assert "extension_without_effect" in codes(reading)


def test_only_the_first_extension_counts() -> None:
    case = accepted(step("extend", "2025-12-01", label="e1"), step("extend", "2025-12-02", label="e2"))
    reading = read(case, rules("statutory"), "2025-12-03")["statutory"]
    assert (reading.due_on, reading.flags) == (date(2025, 12, 22), ("late_extension",))


def test_extension_while_suspended_is_in_time() -> None:
    """Suspended 13 November with 17 left, extended, resumed on the 25th: 27 left.

    26-28 (3), December 1-5 (8), 8-12 (13), 15-19 (18), 22-26 (23), 29-31 (26); Sunday 4 January, worked (27).
    """
    case = accepted(step("suspend", "2025-11-13"), step("extend", "2025-11-20"), step("resume", "2025-11-25"))
    assert read(case, rules("statutory"), "2025-11-26")["statutory"].due_on == date(2026, 1, 4)


def test_overrun_promise_needs_a_reason() -> None:
    by = rules("promised")
    other = accepted(step("overrun_reason", "2025-11-20", facts={"clock": "statutory"}))
    assert "reason_missing" in read(other, by, "2025-11-21")["promised"].flags
    with_reason = accepted(step("overrun_reason", "2025-11-20", facts={"clock": "promised"}))
    reading = read(with_reason, by, "2025-11-21")["promised"]
    assert reading.flags == ("overdue_promise",)
    assert "reason_given" in codes(reading)


def test_the_limit_of_twenty_days_over_spring_festival() -> None:
    """Accepted Monday 2 February 2026: 3-6 (4), 9-13 (9), 14 (10), 24-27 (14), 28 (15), 2-6 March (20)."""
    case = accepted(on="2026-02-02")
    reading = read(case, rules("statutory"), "2026-02-24")["statutory"]
    assert (reading.due_on, reading.elapsed_days) == (date(2026, 3, 6), 11)
    decided = accepted(step("decide", "2026-03-06 23:59:59.999"), on="2026-02-02")
    assert read(decided, rules("statutory"), "2026-04-01")["statutory"].result == "green"
    one_ms_late = accepted(step("decide", "2026-03-07 00:00"), on="2026-02-02")
    late = read(one_ms_late, rules("statutory"), "2026-04-01")["statutory"]
    assert (late.result, late.flags) == ("red", ("overdue_decision",))


# ---- deficit, delivery, post check, ends ------------------------------------------------------------------


def test_deficit_runs_until_its_list_is_empty_and_never_lapses_by_itself() -> None:
    by = rules("deficit")
    opened = step("accept_with_deficit", "2025-11-10", facts={"due": "2025-11-14"})
    part = step("supply", "2025-11-13", label="part")
    reading = read(state(receive("2025-11-10"), opened, part), by, "2025-11-17")["deficit"]
    assert (reading.due_on, reading.light, reading.limit_days) == (date(2025, 11, 14), "red", 4)
    assert reading.flags == ("lapse_allowed", "overdue_deficit")
    supplied = step("supply", "2025-11-18", "deficit_cleared", "late_supply")
    late = read(state(receive("2025-11-10"), opened, part, supplied), by, "2025-11-19")["deficit"]
    assert (late.light, late.result, late.flags) == ("done", "red", ("late_supply", "overdue_deficit"))
    for said in (
        {"due": "soon"},
        {"due": "9999-12-31"},
        {"due": "1999-12-31"},
        {"due": -1},
        {"due": True},
        {},
    ):
        broken = state(step("accept_with_deficit", "2025-11-10", facts=said))  # type: ignore[arg-type]
        assert read(broken, by, "2025-11-17") == {}


def test_delivery_ends_only_with_delivery_and_belongs_to_permits() -> None:
    """Decided Monday 2 March 2026; ten working days: 3-6, 9-13, 16. Lying at the village stops nothing."""
    by = rules("delivery")
    steps = (
        step("decide", "2026-03-02"),
        step("issue", "2026-03-03"),
        step("arrive_at_village", "2026-03-04"),
    )
    reading = read(state(*steps), by, "2026-03-17")["delivery"]
    assert (reading.due_on, reading.light, reading.flags) == (
        date(2026, 3, 16),
        "red",
        ("overdue_delivery",),
    )
    delivered = read(state(*steps, step("deliver", "2026-03-16")), by, "2026-03-17")["delivery"]
    assert (delivered.light, delivered.result) == ("done", "green")
    other = rules("delivery", item={"legal_basis": "公共服务"})
    assert read(state(*steps), other, "2026-03-17") == {}


def test_post_check_counts_calendar_days_and_rolls_on() -> None:
    """60 days after 2 March 2026 is Friday 1 May, a holiday up to the 5th: due on the 6th.

    The working day before that is Thursday 30 April, so it is yellow from then on.
    """
    by = rules("post_check")
    case = state(receive("2026-03-02"), step("accept_on_commitment", "2026-03-02"))
    reading = read(case, by, "2026-05-01")["post_check"]
    assert (reading.due_on, reading.light, reading.remaining_days) == (date(2026, 5, 6), "yellow", 5)
    assert read(case, by, "2026-04-29")["post_check"].light == "green"
    assert read(case, by, "2026-05-06")["post_check"].light == "yellow"
    assert read(case, by, "2026-05-08")["post_check"].remaining_days == -2


@pytest.mark.parametrize("action", ["withdraw", "lapse", "revoke"])
def test_the_end_of_the_case_ends_its_clocks(action: str) -> None:
    reading = read(accepted(step(action, "2025-11-13")), rules(), "2026-03-02")
    assert {code: item.light for code, item in reading.items()} == {
        "acceptance": "done",
        "same_day": "done",
        "statutory": "done",
        "promised": "done",
    }


def test_a_voided_case_has_no_clocks() -> None:
    assert read_clocks(state(receive("2025-11-10"), voided=True), rules(), CALENDARS, at("2026-01-05")) == ()


def test_acts_without_effect_move_nothing() -> None:
    case = state(receive("2025-11-10"), step("accept", "2025-11-11", effective=False))
    assert read(case, rules("acceptance", "statutory"), "2025-11-12")["acceptance"].light == "green"


def test_an_item_without_a_limit_has_no_such_clock() -> None:
    by = rules("statutory", "promised", item={"promised_days": None})
    assert set(read(accepted(), by, "2025-11-11")) == {"statutory"}


def test_items_may_say_when_their_clocks_turn_yellow() -> None:
    by = rules("statutory", item={"yellow_days": 3})
    # Due Monday 8 December; three working days before: Wednesday 3.
    early = standing(accepted(), by, CALENDARS).pressing
    assert early is not None and early.yellow_at_ms == at("2025-12-03 00:00")
    usual = standing(accepted(), rules("statutory"), CALENDARS).pressing
    assert usual is not None and usual.yellow_at_ms == at("2025-12-05 00:00")


OUT_OF_RANGE = (-1, -1000, AMOUNT_MAX + 1, 10**9, 2**63 - 1)


@pytest.mark.parametrize("days", OUT_OF_RANGE)
def test_a_warning_time_that_no_calendar_can_hold_leaves_the_common_rule(days: int) -> None:
    usual = standing(accepted(), rules("statutory"), CALENDARS).pressing
    by_clock = rules("statutory", statutory={"yellow": days})
    assert standing(accepted(), by_clock, CALENDARS).pressing == usual
    if days >= 0:
        by_item = rules("statutory", item={"yellow_days": days})
        assert standing(accepted(), by_item, CALENDARS).pressing == usual


@pytest.mark.parametrize("days", OUT_OF_RANGE)
def test_an_extension_that_no_calendar_can_hold_adds_nothing(days: int) -> None:
    case = accepted(step("extend", "2025-12-08"))
    reading = read(case, rules("statutory", statutory={"extend_amount": days}), "2025-12-08")["statutory"]
    assert (reading.due_on, reading.limit_days) == (date(2025, 12, 8), 20)


# ---- calendars that change -----------------------------------------------------------------------------


def test_new_year_provisional_then_recomputed_without_any_act() -> None:
    """Accepted Thursday 17 December 2026, promised in 15 days.

    Provisional: 18 | 21-25 (6) | 28-31 (10), 1 January off, 4-8 (15): Friday 8 January 2027.
    By a notice that works Saturday 2 January: 2 (11), 4-7 (15): Thursday 7 January, one day earlier.
    """
    by = rules("promised", item={"promised_days": 15})
    case = accepted(on="2026-12-17")
    reading = read(case, by, "2026-12-18")["promised"]
    assert (reading.due_on, reading.flags) == (date(2027, 1, 8), ("provisional",))
    assert reading.calendar_version == "CN-2026-1 + CN-2027-provisional"
    assert codes(reading)[-2:] == ["calendar", "provisional"]
    notice = Calendar(
        region="CN",
        year=2027,
        version=1,
        days_off=frozenset({date(2027, 1, 1)}),
        make_up=frozenset({date(2027, 1, 2)}),
        source="通知",
    )
    new = CALENDARS.with_calendars([notice])
    (again,) = read_clocks(case, by, new, at("2026-12-18"))
    assert (again.due_on, again.flags) == (date(2027, 1, 7), ())
    (change,) = earlier_dues(case, by, CALENDARS, new, at("2026-12-18"))
    assert (change.clock, change.old_due, change.new_due) == ("promised", date(2027, 1, 8), date(2027, 1, 7))
    assert earlier_dues(case, by, new, CALENDARS, at("2026-12-18")) == ()
    decided = accepted(step("decide", "2026-12-18"), on="2026-12-17")
    assert earlier_dues(decided, by, CALENDARS, new, at("2026-12-18")) == ()


def test_a_finished_clock_is_judged_again_by_a_changed_calendar() -> None:
    """Spring Festival 2020: decided on 5 February; due on the 3rd by one notice, the 5th by the next."""
    before = Calendar(
        region="CN",
        year=2020,
        version=1,
        days_off=frozenset(date(2020, 1, day) for day in (24, 27, 28, 29, 30)),
        make_up=frozenset({date(2020, 1, 19), date(2020, 2, 1)}),
        source="国办发明电[2019]16号",
    )
    old = CalendarSet([before], festivals={})
    by = rules("promised", item={"promised_days": 3})
    case = accepted(step("decide", "2020-02-05"), on="2020-01-23")
    (was,) = read_clocks(case, by, old, at("2020-02-10"))
    (now,) = read_clocks(case, by, CALENDARS, at("2020-02-10"))
    assert (was.due_on, was.result) == (date(2020, 2, 3), "red")
    assert (now.due_on, now.result) == (date(2020, 2, 5), "green")


# ---- wrong clocks, lights of a case --------------------------------------------------------------------


def test_dates_that_run_backwards_break_nothing() -> None:
    """A station whose clock fell to the year 2000 accepted a case received in 2025."""
    case = state(receive("2025-11-10"), step("accept", "2000-01-01"), step("decide", "2025-11-12"))
    reading = read(case, rules(), "2025-11-13")
    assert (reading["acceptance"].elapsed_days, reading["acceptance"].result) == (0, "green")
    assert reading["statutory"].started_on == date(2000, 1, 1)
    far = state(step("receive", 10**15, "organ_receipt"))
    assert read(far, rules("acceptance"), "2025-11-13")["acceptance"].started_on == date(2199, 12, 31)


def test_what_presses_a_case_is_the_clock_that_turns_red_first() -> None:
    by = rules("statutory", "promised")
    pressing = standing(accepted(), by, CALENDARS).pressing
    readings = {one.clock: one for one in read_clocks(accepted(), by, CALENDARS, at("2025-11-19"))}
    assert pressing is not None and pressing.clock == "promised"
    assert (readings["promised"].light, readings["statutory"].light) == ("yellow", "green")
    assert standing(accepted(step("decide", "2025-11-11")), rules("promised"), CALENDARS).pressing is None
