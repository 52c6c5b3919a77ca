"""Names and numbers of real people: nobody is refused for a rare name or an abolished county code."""

from __future__ import annotations

import sys

import pytest

from ledger.errors import InputError
from ledger.identity import (
    check_applicant,
    check_id_number,
    check_name,
    check_personal,
    has_check_digit,
    is_seen,
    name_form,
    query_keys,
    search_keys,
    unseen_character,
)


@pytest.mark.parametrize(
    ("kind", "typed", "kept"),
    [
        ("resident", "990121195803121017", "990121195803121017"),
        ("resident", "11010519491231002x", "11010519491231002X"),
        ("resident", "１１０１０５１９４９１２３１００２x", "11010519491231002X"),
        ("resident", "110105 19491231 002X", "11010519491231002X"),
        ("resident_15", "440524800101001", "440524800101001"),
        ("hk_macao", "H12345678", "H12345678"),
        ("hk_macao", "m1234567801", "M1234567801"),
        ("taiwan", "12345678", "12345678"),
        ("foreigner", "USA110081234501", "USA110081234501"),
        ("passport", "e12345678", "E12345678"),
        ("firm", "91350100M000100Y43", "91350100M000100Y43"),
        ("firm", "12441500196720244T", "12441500196720244T"),
        ("other", "军字第123号", "军字第123号"),
    ],
)
def test_numbers_are_taken_and_kept_in_one_form(kind: str, typed: str, kept: str) -> None:
    assert check_id_number(kind, typed) == kept


@pytest.mark.parametrize(
    ("kind", "typed", "code"),
    [
        ("resident", "110105194912310021", "identity.check_digit"),
        ("resident", "11010519490231002X", "identity.birth_date"),
        ("resident", "1101051949123100", "identity.shape"),
        ("resident", "१10105194912310021", "identity.shape"),
        ("resident_15", "440524801301001", "identity.birth_date"),
        ("resident_15", "44052480010100", "identity.shape"),
        ("hk_macao", "X12345678", "identity.shape"),
        ("taiwan", "123", "identity.shape"),
        ("firm", "91350100M000100Y44", "identity.firm"),
        ("passport", "E-1", "identity.shape"),
        ("driver", "1", "identity.kind"),
    ],
)
def test_wrong_numbers_are_refused_by_cause(kind: str, typed: str, code: str) -> None:
    with pytest.raises(InputError) as refused:
        check_id_number(kind, typed)
    assert refused.value.code == code


@pytest.mark.parametrize(
    "name", [".", "-", "12345", "１２３", "·", "…", "??", "，。", "😀", "́", "138-0000-1234", "□"]
)
def test_digits_and_signs_are_no_name(name: str) -> None:
    with pytest.raises(InputError) as refused:
        check_name(name)
    assert refused.value.code == "identity.no_letters"


@pytest.mark.parametrize("name", ["\u3164", "\u115f\u1160", "\uffa0 ", "\u202e王小明", "王\u2066小明"])
def test_names_that_nobody_sees_or_that_run_the_other_way_are_refused(name: str) -> None:
    with pytest.raises(InputError) as refused:
        check_name(name)
    assert refused.value.code == "identity.name"


@pytest.mark.parametrize("name", ["\u3007", "\ue123", "\U0003134b", "Ö", "ก", "张□", "3M", "王*"])
def test_odd_names_are_names(name: str) -> None:
    assert check_name(name) == name


@pytest.mark.parametrize("name", ["王", "﨑", "买买提·吐尔逊", "欧阳 娜娜", "𠮷田", "O'Neil", "㐂"])
def test_names_are_kept_code_point_by_code_point(name: str) -> None:
    assert check_name(name) == name


@pytest.mark.parametrize("name", ["", "  ", "王\n", "王\x00", "王" * 81, "\ud800"])
def test_what_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(InputError):
        check_name(name)


def test_a_case_is_found_in_many_ways() -> None:
    person = {"name": "单小明", "id_no": "11010519491231002x", "phone": "+86 138-0000-1234"}
    keys = search_keys({"applicant": person, "text": "别的"})
    for typed in ("单小明", "小明", "单", "sxm", "DXM", "002X", "11010519491231002X", "1234", "13800001234"):
        assert keys & set(query_keys(typed)), typed
    assert not keys & set(query_keys("王小明"))


@pytest.mark.parametrize(
    ("name", "typed", "not_typed"),
    [
        (
            "张三丰",
            ("张三丰", "张三", "张", "三丰", "丰", "zs", "zsf", "ZS"),
            ("张丰", "zf", "z", "sf", "李三"),
        ),
        ("张三", ("张三", "张", "三", "zs"), ("zsf", "张三丰")),
        ("欧阳娜娜", ("欧阳", "欧阳娜", "oy", "oyn", "oynn", "娜娜"), ("on", "欧娜")),
        ("单小明", ("sx", "dx", "cx", "单小"), ("xm",)),
        ("阿依古丽·买买提", ("阿依", "阿依古丽", "ay", "aygl", "买买提"), ("yg",)),
        ("溪山县好运来食品有限公司", ("溪山", "溪山县好运来", "xs", "xsx"), ("好运来",)),
        ("Smith John", ("sm", "Smith", "smithj"), ("ith",)),
    ],
)
def test_a_name_is_found_by_its_beginning(
    name: str, typed: tuple[str, ...], not_typed: tuple[str, ...]
) -> None:
    keys = search_keys({"applicant": {"name": name}})
    assert [text for text in typed if not keys & set(query_keys(text))] == []
    assert [text for text in not_typed if keys & set(query_keys(text))] == []


def test_ethnic_names_are_found_by_part_and_with_any_dot() -> None:
    keys = search_keys({"agent": {"name": "买买提·吐尔逊"}})
    for typed in ("买买提", "吐尔逊", "买买提•吐尔逊", "买买提．吐尔逊", "买买提吐尔逊", "mmttex"):
        assert keys & set(query_keys(typed)), typed


def test_names_without_chinese_characters_and_empty_bodies() -> None:
    assert search_keys({"applicant": {"name": "Smith, John"}}) & set(query_keys("smith, john"))
    assert search_keys({}) == frozenset()
    assert search_keys({"applicant": "x"}) == frozenset()
    assert query_keys("  ") == ()
    assert name_form("·") == ""


def test_long_names_do_not_explode() -> None:
    keys = search_keys({"applicant": {"name": "单" * 40}})
    assert len(keys) < 100


def test_personal_bodies_are_checked_person_by_person() -> None:
    check_personal({"applicant": {"name": "王", "id_no": "11010519491231002X"}, "text": "x"})
    for body, code in (
        ({"applicant": []}, "identity.person"),
        ({"agent": {"name": 1}}, "identity.person"),
        ({"agent": {"name": ""}}, "identity.name"),
        ({"applicant": {"id_kind": "firm", "id_no": "1"}}, "identity.firm"),
        ({"agent": {"relation": "儿子"}}, "identity.agent_no_name"),
        ({"agent": {"name": "张\u202e三"}}, "identity.name"),
        ({"agent": {"relation": "\ufeff儿子", "name": "张三"}}, "identity.hidden"),
        ({"applicant": {"name": "王", "id_no": ""}}, "identity.shape"),
    ):
        with pytest.raises(InputError) as refused:
            check_personal(body)  # type: ignore[arg-type]
        assert refused.value.code == code


def test_an_amendment_takes_away_what_it_leaves_empty() -> None:
    gone = dict.fromkeys(("name", "id_kind", "id_no", "phone", "relation"), "")
    for body in ({"agent": gone}, {"applicant": {"id_kind": "", "id_no": "", "phone": ""}}):
        check_personal(dict(body), corrects=True)
    for body, code in (
        ({"applicant": {"name": ""}}, "identity.name"),
        ({"agent": {**gone, "phone": "13800001234"}}, "identity.agent_no_name"),
        ({"applicant": {"id_kind": "resident", "id_no": "11010519491231002"}}, "identity.shape"),
    ):
        with pytest.raises(InputError) as refused:
            check_personal(dict(body), corrects=True)
        assert refused.value.code == code
        assert refused.value.params.get("whose", "agent") == next(iter(body))


def test_who_acts_for_somebody_says_why() -> None:
    for said in ({"relation": "儿子"}, {"authority": "授权委托书"}):
        check_applicant({"applicant": {"name": "王"}, "agent": {"name": "王五", **said}})
    for blank in ({}, {"relation": " ", "authority": "\u3000"}):
        with pytest.raises(InputError) as refused:
            check_applicant({"applicant": {"name": "王"}, "agent": {"name": "王五", **blank}})
        assert refused.value.code == "identity.agent_unsaid"


@pytest.mark.parametrize(
    ("kind", "number", "proven"),
    [
        ("resident", "11010519491231002X", True),
        ("firm", "91110000600037341L", True),
        ("taiwan", "830000199201300022", True),
        ("taiwan", "12345678", False),
        ("resident_15", "110105491231002", False),
        ("passport", "E12345678", False),
        ("passport", "11010519491231002X", False),
        ("other", "11010519491231002X", False),
    ],
)
def test_only_a_check_digit_proves_a_number(kind: str, number: str, proven: bool) -> None:
    check_id_number(kind, number)
    assert has_check_digit(kind, number) is proven


def test_a_text_is_looked_through_as_its_characters_are() -> None:
    printed = "".join(one for one in map(chr, range(sys.maxunicode + 1)) if one.isprintable())
    unseen = [one for one in printed if one != " " and not is_seen(one)]
    assert unseen == list("\u115f\u1160\u3164\uffa0") and unseen_character(printed) == unseen[0]
    for one in (*unseen, "\u00a0", "\u200b", "\u202e", "\u3000", "\n", "\ud800"):
        assert unseen_character(one) == unseen_character(f"许 {one}可\u200d") == one
    for text in ("", "许 可", "\ue000", "\u0378", "".join(one for one in printed if one not in unseen)):
        assert unseen_character(text) == ""
