"""Every line, flag, light and day kind that clocks can say has its sentence in both languages."""

from __future__ import annotations

import re
from pathlib import Path
from string import Formatter
from typing import get_args

import pytest

from ledger.calendars import calendar_set
from ledger.clocks import lights
from ledger.clocks.clocks import ClockReading, read_clocks
from ledger.clocks.findings import OVERDUE_FLAGS
from ledger.data import case_types
from ledger.texts import Language, catalogue, render
from tests.clocks.cases import CLOCKS, at, receive, rules, state, step

LEDGER = Path(__file__).resolve().parents[2] / "ledger"
CALENDARS = calendar_set()
LANGUAGES: tuple[Language, ...] = ("zh", "en")


def _codes_in_code() -> set[str]:
    found: set[str] = set()
    for path in [*LEDGER.glob("clocks/*.py"), *LEDGER.glob("days/*.py"), *LEDGER.glob("cases/*.py")]:
        found.update(re.findall(r'"((?:clock\.line|calendar)\.[a-z_]+)"', path.read_text(encoding="utf-8")))
    counted = (
        "limit",
        "excluded",
        "elsewhere",
        "extended",
        "stopped",
        "stopped_late",
        "standing",
        "over",
        "left",
    )
    units = ("working_days", "calendar_days")
    found.update(f"clock.line.{line}_{unit}" for line in counted for unit in units)
    kinds = ("start", "working", "make_up", "weekend", "holiday", "statutory")
    found.update(f"calendar.day.{kind}" for kind in kinds)
    found.update(f"light.{light}" for light in get_args(lights.Light))
    found.update(f"clock.{clock}" for clock in CLOCKS)
    found.update(f"clock.flag.{flag}" for flag in (*OVERDUE_FLAGS.values(), "overdue"))
    for path in (LEDGER / "clocks/clocks.py", LEDGER / "clocks/findings.py"):
        text = path.read_text(encoding="utf-8")
        found.update(f"clock.flag.{flag}" for flag in re.findall(r'flags\.add\("([a-z_]+)"\)', text))
    return found


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_code_has_a_text(language: Language) -> None:
    codes = _codes_in_code()
    assert len(codes) > 60
    assert codes - catalogue(language).keys() == set()


def test_no_line_text_is_left_over() -> None:
    elsewhere = {"calendar.file"}  # of the command line, which reads the file
    known = {code for code in catalogue("zh") if code.startswith(("clock.line.", "clock.flag.", "calendar."))}
    known -= elsewhere
    assert known - _codes_in_code() == set()


def test_both_languages_use_the_same_values() -> None:
    zh, en = catalogue("zh"), catalogue("en")
    for code in (code for code in zh if code.startswith(("clock.", "calendar.", "light.", "unit."))):
        assert zh[code].keys() == en[code].keys(), code
        for key in zh[code]:
            # ``law_en`` is what ``law`` is in English
            english = {name.removesuffix("_en") for name in _values(en[code][key])}
            assert _values(zh[code][key]) == english, code


def _values(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


def _explained() -> list[ClockReading]:
    acts = (
        receive("2025-11-10"),
        step("accept", "2025-11-19"),
        step("suspend", "2025-11-20", facts={"expected_days": 3}),
        step("resume", "2025-12-01"),
        step("extend", "2025-12-02", label="e1"),
        step("extend", "2025-12-03", label="e2"),
    )
    extra = state(
        receive("2025-11-10"),
        step("accept_with_deficit", "2025-11-10", facts={"due": "2025-11-14"}),
        step("request_correction", "2025-11-10", label="c1"),
        step("request_correction", "2025-11-11", label="c2"),
        step("accept_on_commitment", "2025-11-12"),
        step("suspend", "2025-11-12"),
    )
    by = rules(item={"promised_days": 5})
    readings = [*read_clocks(state(*acts), by, CALENDARS, at("2026-12-30"))]
    readings.extend(read_clocks(extra, by, CALENDARS, at("2026-11-30")))
    readings.extend(read_clocks(state(receive("2026-12-30")), by, CALENDARS, at("2026-12-30")))
    return readings


@pytest.mark.parametrize("language", LANGUAGES)
def test_explanations_read_without_gaps(language: Language) -> None:
    seen = set()
    for reading in _explained():
        assert len(reading.explanation) >= 4
        assert reading.explanation[-1].code in ("clock.line.calendar", "clock.line.provisional")
        for line in reading.explanation:
            text = render(line.code, line.params, language=language).what
            assert text != line.code and "{" not in text and text.endswith(("。", "."))
            seen.add(line.code)
    assert len(seen) >= 15


def test_an_explanation_in_full() -> None:
    """What a clerk reads: start, limit, pause, end, calendar; each with the acts behind it."""
    case = state(
        receive("2025-11-10"),
        step("accept", "2025-11-10"),
        step("suspend", "2025-11-13"),
        step("resume", "2025-11-25"),
    )
    (reading,) = read_clocks(case, rules("statutory"), CALENDARS, at("2025-11-26"))
    said = [render(line.code, line.params, language="zh").what for line in reading.explanation]
    assert said == [
        "2025-11-10 开始计时，当日不计入，从次日算第 1 天。",
        "期限 20 个工作日，依据：行政许可法 42(1)。",
        "2025-11-14 至 2025-11-25 暂停，扣除 8 个工作日，不计入期限。",
        "最后一天是 2025-12-18，到当天 24:00 为止。",
        "还剩 16 个工作日。",
        "使用的工作日历：CN-2025-1。",
    ]


def test_an_english_explanation_names_the_law_in_english() -> None:
    """Every law that ships has an English name; a county that gives none is shown in its own words."""
    for case_type in case_types():
        for clock in case_type.clocks.values():
            assert clock.law_en.isascii() and not clock.law.isascii(), (case_type.code, clock.code)
    case = state(receive("2025-11-10"), step("accept", "2025-11-10"))
    (reading,) = read_clocks(case, rules("statutory"), CALENDARS, at("2025-11-26"))
    assert reading.law_en == reading.law
    english = rules("statutory", statutory={"law_en": "Administrative Licensing Law, Art. 42(1)"})
    (reading,) = read_clocks(case, english, CALENDARS, at("2025-11-26"))
    said = [render(line.code, line.params, language="en").what for line in reading.explanation]
    assert said[1] == "The limit is 20 working days, by Administrative Licensing Law, Art. 42(1)."
