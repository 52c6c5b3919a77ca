"""Nobody forges a line on screen or slip: typed texts are refused, older ones shown by code point."""

from __future__ import annotations

import pytest

from ledger import identity
from ledger.cases import sense
from stations.cli.counterday.demo import VILLAGE
from tests.cli.conftest import ITEM, Terminal

RECEIVE = ("receive", ITEM, "--as", "V001", "--materials", "all")
FORGED = "1\n受理单号  伪造"


@pytest.mark.parametrize("option", ["--external-no", "--bundle", "--credit-repair"])
@pytest.mark.parametrize("text", [FORGED, "1\u202e2", "1\u200b2"], ids=["line", "turned", "hidden"])
def test_a_typed_fact_of_one_line_stays_one(county: Terminal, option: str, text: str):
    refused = county.run(*RECEIVE, "--name", "甲", option, text)
    assert refused.code == 1 and "[case.hidden_character]" in refused.err
    assert "伪造" not in refused.out


def test_numbers_and_notes_added_later_are_one_line_too(county: Terminal):
    number = county.ok(*RECEIVE, "--name", "甲").number
    linked = county.run("link-external", number, "--external-no", FORGED, "--as", "V001")
    noted = county.run("note", number, "--text-code", FORGED, "--as", "V001")
    for refused in (linked, noted):
        assert refused.code == 1 and "[case.hidden_character]" in refused.err, refused.err


@pytest.mark.parametrize("character", ["\u2028", "\u200b", "\u00ad", "\u202e"])
def test_names_of_people_and_stations_hide_nothing(county: Terminal, character: str):
    name = f"王{character}某"
    assert "[identity.name]" in county.run(*RECEIVE, "--name", name).err
    station = county.run(
        "station", "add", "990121002202-CS", "--name", name, "--level", "village", "--upstream",
        "990121002000-CS", "--as", "R001",
    )  # fmt: skip
    assert station.code == 1 and "[identity.hidden]" in station.err
    staff = county.run(
        "staff", "add", "V009", "--name", name, "--at", VILLAGE, "--role", "window", "--as", "R001"
    )
    assert staff.code == 1, staff.err


def test_what_an_older_act_carries_is_shown_by_its_code_point(
    county: Terminal, monkeypatch: pytest.MonkeyPatch
):
    for module in (sense, identity):  # as an older program signed it
        monkeypatch.setattr(module, "hidden_character", lambda text, *, lines=False: "")
    done = county.ok(*RECEIVE, "--name", "王\u202e某", "--external-no", FORGED)
    monkeypatch.undo()
    page = county.ok("show", done.number).out
    for text in (done.out, page, county.ok("find", "王").out + county.ok("worklist").out):
        assert "\u202e" not in text and not any(
            line.startswith("受理单号  伪造") for line in text.splitlines()
        )
    assert "[U+202E]" in page and "1[U+000A]" in page


def test_a_rare_name_has_its_code_point_on_slip_and_screen(county: Terminal):
    done = county.ok(*RECEIVE, "--name", "𠮷某")
    assert "𠮷某（U+20BB7）" in done.out
    assert "𠮷某（U+20BB7）" in county.ok("show", done.number).out
