"""``banjian amend``: several fields at once, people, and nothing that says nothing or something else."""

from __future__ import annotations

import pytest

from stations.cli.counterday.demo import COUNTY
from stations.words.choices import SAYS
from stations.words.fieldnames import field_name
from tests.cli.conftest import Terminal
from tests.cli.test_outcome import _act, _refused, _taken_over

ID_NO, OTHER_ID_NO = "990121195803121017", "11010519491231002X"


def _amend(county: Terminal, number: str, act: str, *words: str, by: str = "T001"):
    return county.run("amend", number, "--target", act[:8], *words, "--reason", "录错了", "--as", by)


@pytest.mark.parametrize("sign", [",", "，", "、"])
def test_several_fields_may_stand_in_one_word(county: Terminal, sign: str) -> None:
    number = _refused(county)
    act = _act(county, number, "decide")
    given = f"review_organ=溪山县政府{sign}court=溪山法院、行政庭"
    assert _amend(county, number, act, "--changes", given, by="C001").code == 0
    (amendment,) = county.ok("show", number, "--json").json["amendments"]
    after = {change["field"]: change["after"] for change in amendment["changes"]}
    assert after == {"review_organ": "溪山县政府", "court": "溪山法院、行政庭"}


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        (("review_days=9②",), "cli.number"),
        (("review_days=六十",), "cli.number"),
        (("review_organ=甲", "review_organ=乙"), "cli.pair"),
        (("review_organ",), "cli.pair"),
        (("no_such_field=甲",), "case.amend_field"),
    ],
)
def test_what_is_typed_wrongly_is_refused_and_nothing_is_signed(
    county: Terminal, changes: tuple[str, ...], code: str
) -> None:
    number = _refused(county)
    act = _act(county, number, "decide")
    words = [word for change in changes for word in ("--changes", change)]
    refused = _amend(county, number, act, *words, by="C001")
    assert refused.code in (1, 2) and f"[{code}]" in refused.err and "internal" not in refused.err
    assert county.ok("show", number, "--json").json["amendments"] == []


def test_a_field_is_named_as_people_call_it(county: Terminal) -> None:
    number = _refused(county)
    act = _act(county, number, "decide")
    name = field_name(SAYS[0], "decide", "review_organ")
    assert name != "review_organ"
    twice = _amend(county, number, act, "--changes", f"{name}=甲", "--changes", "review_organ=乙", by="C001")
    assert "[cli.pair]" in twice.err
    assert _amend(county, number, act, "--changes", f"{name}=溪山县政府", by="C001").code == 0
    (amendment,) = county.ok("show", number, "--json").json["amendments"]
    assert [(one["field"], one["after"]) for one in amendment["changes"]] == [("review_organ", "溪山县政府")]


def test_full_width_digits_are_a_number(county: Terminal) -> None:
    number = _refused(county)
    act = _act(county, number, "decide")
    assert _amend(county, number, act, "--changes", "review_days=９０", by="C001").code == 0
    (amendment,) = county.ok("show", number, "--json").json["amendments"]
    assert amendment["changes"] == [{"field": "review_days", "before": 60, "after": 90}]


def test_a_person_is_corrected_and_the_fields_are_named_by_the_command(county: Terminal) -> None:
    number = _taken_over(county)
    act = _act(county, number, "receive")
    assert _amend(county, number, act, "--name", "吴老更", "--id-no", OTHER_ID_NO).code == 0
    shown = county.ok("show", number, "--json").json
    assert shown["applicant"] == "吴老更"
    (amendment,) = shown["amendments"]
    assert set(amendment["personal_fields"]) == {"applicant.name", "applicant.id_no", "applicant.id_kind"}
    assert "申请人姓名" in county.ok("show", number).out.replace("（", "").replace(" ", "")
    assert [row["number"] for row in county.ok("find", "吴老更", "--json").lines] == [number]


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ((), "amend.nothing"),
        (("--name", "吴老根"), "amend.nothing"),
        (("--name", ""), "cli.option_empty"),
        (("--id-no", "990121195803121018"), "identity.check_digit"),
        (("--personal-fields", "applicant.name"), "cli.option_"),
    ],
)
def test_a_correction_of_a_person_that_says_nothing_or_a_wrong_thing_is_refused(
    county: Terminal, words: tuple[str, ...], code: str
) -> None:
    number = _taken_over(county)
    refused = _amend(county, number, _act(county, number, "receive"), *words)
    assert refused.code in (1, 2) and f"[{code}" in refused.err, refused.err
    assert county.ok("show", number, "--json").json["amendments"] == []


def test_who_is_not_named_by_the_act_cannot_be_corrected_there(county: Terminal) -> None:
    number = _taken_over(county)
    refused = _amend(county, number, _act(county, number, "hand_over"), "--name", "吴老更")
    assert refused.code == 1 and "[amend.nobody]" in refused.err and "申请人" in refused.err


def test_a_word_that_says_neither_yes_nor_no_is_not_signed_as_a_no(county: Terminal) -> None:
    words = ("--materials", "all", "--as", "C001", "--station", COUNTY, "--json")
    received = county.ok("receive", "林木采伐许可", "--name", "吴老根", *words).json["number"]
    county.ok("accept", received, "--as", "C001")
    reason = ("--clock", "promised", "--reason", "材料流转慢")
    county.ok("overrun-reason", received, *reason, "--as", "C001")
    act = _act(county, received, "overrun_reason")
    refused = _amend(county, received, act, "--changes", "published=大概", by="C001")
    assert refused.code == 2 and "[cli.choice]" in refused.err and "是" in refused.err
    assert _amend(county, received, act, "--changes", "published=对", by="C001").code == 0
    (amendment,) = county.ok("show", received, "--json").json["amendments"]
    assert amendment["changes"] == [{"field": "published", "before": None, "after": True}]
