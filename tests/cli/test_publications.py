"""``banjian publications`` at the counter: the list, the tick, the Excel file, the names."""

from __future__ import annotations

import zipfile
from pathlib import Path

from stations.cli.counterday.demo import COUNTY
from tests.cli.conftest import ITEM, Result, Terminal

FIRM = "91330101MA00000015"


def granted(county: Terminal, *person: str) -> str:
    """Grant one felling permit and return its number."""
    number = county.ok(
        "receive", ITEM, *person, "--materials", "all", "--as", "C001", "--station", COUNTY
    ).number
    for words in (("accept",), ("decide", "--result", "grant", "--document-no", "溪林许1号")):
        county.ok(words[0], number, *words[1:], "--as", "C001", "--station", COUNTY)
    return number


def listed(county: Terminal, *words: str) -> list[dict]:
    """Return the objects of the list."""
    return county.ok("publications", *words, "--json").lines


def test_a_grant_is_listed_ticked_off_and_exported(county: Terminal, tmp_path: Path):
    county.clock.set("2026-03-03 09:00")
    number = granted(county, "--name", "吴老根", "--id-no", "11010519491231002X")
    firm = granted(county, "--name", "溪山林业有限公司", "--applicant-kind", "firm")
    rows = {row["number"]: row for row in listed(county)}
    assert set(rows) == {number, firm}
    # 4 5 6 | 9 10 11 12
    assert (rows[number]["publish_by"], rows[number]["light"]) == ("2026-03-12", "green")
    assert rows[number]["public_name"] == "吴**" and rows[firm]["public_name"] == "溪山林业有限公司"
    shown = county.ok("publications")
    assert "吴**" in shown.out and "老根" not in shown.out and "19491231" not in shown.out
    county.clock.set("2026-03-13 09:00")
    assert {row["light"] for row in listed(county)} == {"red"}
    county.ok(
        "record-publication", number, "--published-on", "2026-03-12", "--as", "C001", "--station", COUNTY
    )
    assert [row["number"] for row in listed(county)] == [firm]
    ticked = {row["number"]: row for row in listed(county, "--all")}[number]
    assert (ticked["light"], ticked["late"], ticked["published_on"]) == ("done", False, "2026-03-12")
    out = tmp_path / "public.xlsx"
    assert county.ok("export", "publications", "--out", str(out), "--json").json["rows"] == 2
    written = zipfile.ZipFile(out).read("xl/sharedStrings.xml").decode("utf-8")
    assert all(f">{text}<" in written for text in (number, firm, "吴**", "2026-03-12", "溪林许1号"))
    assert "吴老根" not in written and "19491231" not in written


def test_the_list_keeps_to_its_period_and_station(county: Terminal):
    number = granted(county, "--name", "吴老根")
    assert [row["number"] for row in listed(county, "--station", COUNTY)] == [number]
    assert listed(county, "--station", "990121001000-00") == []
    assert listed(county, "--until", "2026-03-02") == []
    assert listed(county, "--since", "2026-03-04") == []
    wrong: Result = county.run("publications", "--station", "990121009999-00")
    assert wrong.code == 1 and "[registry.station_unknown]" in wrong.err
    county.clock.set("2027-03-04 09:00")
    assert listed(county) == []
    assert [row["number"] for row in listed(county, "--since", "2026-01-01")] == [number]
