"""``banjian calendar``: the answer that is fixed for programs, without any ledger."""

from __future__ import annotations

import json
import subprocess
import sys

from tests.cli.conftest import Terminal


def test_due_prints_the_last_day_and_every_day_on_the_way():
    result = Terminal().ok("calendar", "due", "2026-02-13", "5")
    assert "2026-02-27" in result.out.splitlines()[0]
    assert "调休上班" in result.out and result.out.count("放假") == 6


def test_due_as_json_has_the_fixed_keys_on_standard_output():
    result = Terminal().ok("calendar", "due", "2026-02-13", "5", "--json")
    answer = result.json
    assert list(answer) == ["due", "provisional", "calendar_version", "days"]
    assert answer["due"] == "2026-02-27" and answer["provisional"] is False
    assert answer["days"][0]["counted"] is None and answer["days"][-1]["counted"] == 5
    assert result.err == ""


def test_calendar_days_end_on_a_working_day_and_unpublished_years_are_provisional():
    answer = Terminal().ok("calendar", "due", "2027-02-13", "1", "--unit", "calendar_days", "--json").json
    assert answer["due"] == "2027-02-15" and answer["provisional"] is True


def test_numbers_and_dates_are_taken_as_people_type_them():
    terminal = Terminal()
    for typed in ("20260213", "2026/2/13", "２０２６－０２－１３", "2026年2月13日"):
        assert terminal.ok("calendar", "due", typed, "５", "--json").json["due"] == "2026-02-27"


def test_bad_input_names_the_option_and_ends_with_2():
    terminal = Terminal()
    for words, code in (
        (("calendar", "due", "2026-02-30", "5"), "cli.date"),
        (("calendar", "due", "2026-02-13", "five"), "cli.number"),
        (("calendar", "due", "2026-02-13"), "cli.missing"),
        (("calendar", "due", "2026-02-13", "5", "--unit", "weeks"), "cli.choice"),
        (("calendar", "due", "2026-02-13", "5", "--unti", "x"), "cli.option_unknown"),
        (("calendar", "due", "2026-02-13", "5", "--qqqq", "x"), "cli.option_none"),
        (("calendar", "due", "2026-02-13", "-5"), "cli.number"),
        (("calendar", "due", "2026-02-13", "-15"), "cli.number"),
    ):
        result = terminal.run(*words)
        assert result.code == 2 and f"[{code}]" in result.err and result.out == ""


def test_the_real_process_answers_and_does_not_wake_the_web_server():
    probe = (
        "import sys; from stations.cli.main import main; code = main(sys.argv[1:]);"
        "print(code, 'aiohttp' in sys.modules, 'rich' in sys.modules, file=sys.stderr)"
    )
    words = ["calendar", "due", "2026-02-13", "5", "--json"]
    ran = subprocess.run([sys.executable, "-c", probe, *words], capture_output=True, text=True, check=True)
    assert json.loads(ran.stdout)["due"] == "2026-02-27"
    assert ran.stderr.split() == ["0", "False", "False"]
