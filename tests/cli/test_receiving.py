"""Taking in an application: who brought it, and the number that the citizen's paper already carries."""

from __future__ import annotations

import pytest

from stations.demo import TOWNSHIP
from tests.cli.conftest import ITEM, Terminal

_RECEIVE = ("receive", ITEM, "--as", "V001", "--materials", "all", "--no-slip")


@pytest.mark.parametrize(
    ("name", "code"), [("", "identity.no_name"), ("　 ", "identity.no_name"), ("\u200b", "identity.name")]
)
def test_a_receipt_without_an_applicant_is_refused_and_nothing_is_signed(
    county: Terminal, name: str, code: str
) -> None:
    refused = county.run(*_RECEIVE, "--name", name)
    assert refused.code == 1 and f"[{code}]" in refused.err and "→" in refused.err
    assert county.ok("worklist", "--json").lines == []


def test_a_wrong_character_of_a_number_is_told_where_people_look_for_it(county: Terminal) -> None:
    number = county.ok(*_RECEIVE, "--name", "吴老根", "--json").json["number"]
    wrong = number[:-1] + ("0" if number[-1] != "0" else "1")
    for words in (("find", wrong), ("show", wrong), ("accept", wrong, "--as", "T001")):
        refused = county.run(*words)
        assert refused.code == 1 and "[number.check]" in refused.err, words
    assert county.ok("find", number[:-2]).out.count(number) == 1


def test_another_day_is_a_late_entry_or_refused_with_the_way_to_say_so(county: Terminal) -> None:
    for day in ("2026-03-02 16:40", "2000-01-01 09:00"):
        refused = county.run(*_RECEIVE, "--name", "吴老根", "--at", day)
        assert (
            refused.code == 1 and "[case.another_day]" in refused.err and "--late-entry-paper" in refused.err
        )
    assert county.ok("worklist", "--json").lines == []
    number = county.ok(*_RECEIVE, "--name", "吴老根", "--at", "08:10", "--json").json["number"]
    assert (
        county.run("hand-over", number, "--to", TOWNSHIP, "--as", "V001", "--at", "2026-03-02 23:00").code
        == 1
    )
    late = ("--late-entry-paper", "DM-0007", "--late-entry-reason", "power")
    county.ok(*_RECEIVE, "--name", "吴老根", "--at", "2026-03-02 16:40", *late)
