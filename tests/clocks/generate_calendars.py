"""Writes the calendars and festivals that ship with the product; run by hand when a new notice is out.

    python tests/clocks/generate_calendars.py

Days come from ``chinesecalendar`` (which transcribes the notices of the State Council), festivals from
``holidays``. The addresses of the notices are listed here. ``test_shipped.py`` says what else must agree.
"""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path

import chinese_calendar
from holidays.calendars.chinese import _ChineseLunisolar

FOLDER = Path(__file__).resolve().parents[2] / "ledger" / "calendars"
FIRST_YEAR, LAST_YEAR = 2004, 2026
FESTIVAL_YEARS = range(2000, 2061)
SITE = "https://www.gov.cn/zhengce/zhengceku/"
NOTICES: dict[int, tuple[str, ...]] = {
    2007: ("2008-03/28/content_1761.htm",),
    2008: ("2008-03/28/content_1645.htm",),
    2009: ("2008-12/10/content_1572.htm",),
    2010: ("2009-12/08/content_1476.htm",),
    2011: ("2010-12/10/content_1423.htm",),
    2012: ("2011-12/06/content_1411.htm",),
    2013: ("2012-12/10/content_1353.htm",),
    2014: ("2014-01/02/content_1194.htm",),
    2015: ("2014-12/16/content_9302.htm", "2015-05/13/content_9742.htm"),
    2016: ("2015-12/10/content_10394.htm",),
    2017: ("2016-12/01/content_5141603.htm",),
    2018: ("2017-11/30/content_5243579.htm",),
    2019: ("2018-12/06/content_5346276.htm", "2019-03/22/content_5375877.htm"),
    2020: ("2019-11/21/content_5454164.htm", "2020-01/27/content_5472352.htm"),
    2021: ("2020-11/25/content_5564127.htm",),
    2022: ("2021-10/25/content_5644835.htm",),
    2023: ("2022-12/08/content_5730844.htm",),
    2024: ("202310/content_6911528.htm",),
    2025: ("202411/content_6986383.htm",),
    2026: ("202511/content_7047091.htm",),
}


def year_text(year: int) -> str:
    """Return the file of one year."""
    days_off, make_up = [], []
    day = date(year, 1, 1)
    while day.year == year:
        worked, weekday = chinese_calendar.is_workday(day), day.weekday() < 5
        if worked and not weekday:
            make_up.append(day.isoformat())
        elif weekday and not worked:
            days_off.append(day.isoformat())
        day += timedelta(days=1)
    notices = NOTICES.get(year, ())
    source = f"国务院办公厅关于{year}年部分节假日安排的通知 " + " ".join(SITE + path for path in notices)
    facts = {
        "region": "CN",
        "year": year,
        "version": max(1, len(notices)),
        "days_off": days_off,
        "make_up": make_up,
        "source": source.strip(),
    }
    return json.dumps(facts, ensure_ascii=False, indent=1) + "\n"


def festivals_text() -> str:
    """Return the file of festivals, one year in a line."""
    lunisolar = _ChineseLunisolar()
    rows = []
    for year in FESTIVAL_YEARS:
        row = {
            "spring_festival": lunisolar.lunar_new_year_date(year),
            "qingming": lunisolar.qingming_date(year),
            "dragon_boat": lunisolar.dragon_boat_date(year),
            "mid_autumn": lunisolar.mid_autumn_date(year),
        }
        days = {name: day.strftime("%m-%d") for name, (day, _estimated) in row.items() if day}
        rows.append(f'  "{year}": {json.dumps(days)}')
    return '{\n "years": {\n' + ",\n".join(rows) + "\n }\n}\n"


def main() -> None:
    """Write every file."""
    for year in range(FIRST_YEAR, LAST_YEAR + 1):
        (FOLDER / f"CN-{year}.json").write_text(year_text(year), encoding="utf-8")
    (FOLDER / "festivals.json").write_text(festivals_text(), encoding="utf-8")


if __name__ == "__main__":
    main()
