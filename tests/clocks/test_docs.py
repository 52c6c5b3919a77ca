"""The examples and flags in docs/clocks.md are what the code does."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import cast

from ledger.calendars import calendar_set
from ledger.days.calendar import Unit
from ledger.texts import catalogue

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "clocks.md").read_text(encoding="utf-8")


def test_examples_of_the_document() -> None:
    rows = re.findall(r"^\| (\d{4}-\d\d-\d\d) \| (\d+) \| (\w+) \| (\d{4}-\d\d-\d\d) \|", TEXT, re.MULTILINE)
    assert len(rows) == 8
    calendars = calendar_set()
    for start, amount, unit, due in rows:
        answer = calendars.due(date.fromisoformat(start), int(amount), cast(Unit, unit))
        assert answer.due.isoformat() == due, start


def test_every_flag_and_light_is_documented() -> None:
    for code in catalogue("en"):
        if code.startswith(("clock.flag.", "light.")):
            assert f"`{code.rpartition('.')[2]}`" in TEXT, code
