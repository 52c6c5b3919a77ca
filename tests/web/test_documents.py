"""Documents: what each action prints, from the acts; remedies, blanks, what has no effect; offsets."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from urllib.parse import quote

import pytest

from ledger.errors import InputError
from ledger.facade import Ledger
from ledger.types import ActId, CaseId
from stations.papers.documents import BLANK, Document, document_of, printables
from stations.texts import Say
from tests.audit.forge import append_act, log_of
from tests.audit.ledgers import CLERK, VILLAGE, ask, make_ledger
from tests.facade.counter import FELLING, PERMIT, TOWNSHIP, Dice, FakeClock, act, found_county, receive
from tests.web.counterdesk import Counter, Desk, serving
from tests.web.test_platform import receive as receive_at

ZH = Say(language="zh")
HYGIENE = "990100300003"


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    folder, clock = tmp_path_factory.mktemp("documents") / "county", FakeClock()
    found_county(folder, clock)
    with Ledger.open(folder, clock=clock, randomness=Dice("office"), write=True) as opened:
        yield opened


def last(ledger: Ledger, case: CaseId, say: Say = ZH) -> Document:
    page = ledger.case(case)
    return document_of(ledger, say, page, page.state.steps[-1].act.act_id)


def told(document: Document) -> str:
    lists = [f"{heading}{'；'.join(entries)}" for heading, entries in document.lists]
    return "\n".join([*document.paragraphs, *lists, *(f"{a} {b}" for a, b in document.rows)])


def test_acceptance_names_applicant_item_and_the_last_days(ledger: Ledger) -> None:
    case = receive(ledger, materials=["m01"]).case_id
    act(ledger, "C1", "accept", case, acceptance_no="溪受〔2026〕1号")
    document = last(ledger, case)
    assert (document.title, document.organ, document.to) == ("受理通知书", "溪山县政务服务中心", "赵小明")
    assert document.number == "溪受〔2026〕1号" and document.day == "2026年3月2日"
    assert "现予受理" in told(document) and "食品经营许可" in told(document)
    assert re.search(r"2026年\d+月\d+日（行政许可法 42、45）", told(document))
    assert document.remedies == "" and not document.without_effect


def test_refusal_tells_both_remedies_reasons_and_the_competent_organ(ledger: Ledger) -> None:
    case = receive(ledger).case_id
    act(
        ledger, "C1", "refuse_acceptance", case, ground="not_our_power", organ="溪山县林业局",
        reasons=["不属本机关职权"], review_organ="溪山县人民政府", court="溪山县人民法院",
    )  # fmt: skip
    document = last(ledger, case)
    assert document.title == "不予受理通知书"
    for part in ("60 日内向溪山县人民政府申请行政复议", "6 个月内向溪山县人民法院提起行政诉讼"):
        assert part in document.remedies
    assert "不属本机关职权" in told(document) and "溪山县林业局" in told(document)
    assert not document.incomplete and document.signatures


def test_an_amended_act_prints_what_holds_now(ledger: Ledger) -> None:
    case = receive(ledger).case_id
    act(ledger, "C1", "accept", case)
    decided = act(
        ledger, "C1", "decide", case, result="refuse", reasons=["场所不符"],
        review_organ="误写的机关", court="溪山县人民法院",
    )  # fmt: skip
    act(
        ledger, "C1", "amend", case, target=decided.act_id, reason="复议机关写错",
        changes={"review_organ": "溪山县人民政府"},
    )  # fmt: skip
    document = document_of(ledger, ZH, ledger.case(case), decided.act_id)
    assert "溪山县人民政府" in document.remedies and "误写" not in document.remedies
    assert "决定不予许可" in told(document)


def test_correction_lists_the_papers_by_name_and_the_day(ledger: Ledger) -> None:
    case = receive(ledger).case_id
    page = ledger.case(case)
    code = next(iter(page.rules.item.materials))
    act(ledger, "C1", "request_correction", case, missing=[code], due="2026-03-12", told_by="paper")
    text = told(last(ledger, case))
    assert ZH.pick(page.rules.item.materials[code].name) in text and "2026年3月12日前（含当日）" in text


def test_hand_over_and_take_over_name_both_stations(ledger: Ledger) -> None:
    case = receive(ledger, "V1", FELLING).case_id
    act(ledger, "V1", "hand_over", case, to=TOWNSHIP, manifest=["申请书原件"], method="courier")
    document = last(ledger, case)
    assert ("移交站点", "village") in document.rows and ("接收站点", "township") in document.rows
    assert "申请书原件" in told(document) and len(document.signatures) == 2
    assert document.to == "township"
    act(ledger, "T1", "take_over", case, manifest_complete=True)
    document = last(ledger, case)
    assert document.to == "village", "no office writes a receipt to itself"
    assert ("移交站点", "village") in document.rows and ("接收站点", "township") in document.rows


def test_papers_that_nobody_listed_are_not_said_to_follow(ledger: Ledger) -> None:
    case = receive(ledger, "V1", FELLING).case_id
    act(ledger, "V1", "hand_over", case, to=TOWNSHIP, method="courier")
    text = told(last(ledger, case))
    assert "下列办件及材料" not in text and "没有登记材料清单" in text and BLANK in text
    act(ledger, "T1", "take_over", case, manifest_complete=True)
    text = told(last(ledger, case))
    assert "下列办件及材料" not in text and "没有登记材料清单" in text


def test_who_takes_over_signs_the_list_of_who_handed_over(ledger: Ledger) -> None:
    case = receive(ledger, "V1", FELLING).case_id
    act(ledger, "V1", "hand_over", case, to=TOWNSHIP, manifest=["申请书原件"], method="courier")
    act(ledger, "T1", "take_over", case, manifest_complete=True)
    text = told(last(ledger, case))
    assert "下列办件及材料" in text and "申请书原件" in text


def test_what_waits_for_a_second_person_is_no_document(ledger: Ledger) -> None:
    case = receive(ledger).case_id
    act(ledger, "C1", "accept", case)
    act(ledger, "C1", "suspend", case, ground="hearing", expected_days=10, applicant_told=True)
    document = last(ledger, case)
    assert document.without_effect and "听证" in told(document)


def test_an_act_without_effect_may_name_a_day_that_is_none(tmp_path: Path) -> None:
    home = make_ledger(tmp_path / "home", cases=1)
    ((case, head),) = ask(home.path, "SELECT case_id, act_id FROM acts WHERE action = 'receive'")
    assert isinstance(case, bytes) and isinstance(head, bytes)
    forged = append_act(
        home, log_of(home.path, "station", VILLAGE), CLERK, action="request_correction",
        facts={"missing": ["m01"], "due": "2026-13-99", "told_by": "paper"}, case_id=case, parents=(head,),
    )  # fmt: skip
    with Ledger.open(home, clock=FakeClock(), randomness=Dice("forged"), write=True) as ledger:
        ledger.rebuild()
        document = document_of(ledger, ZH, ledger.case(CaseId(case)), forged)
    assert document.without_effect and "2026-13-99" in told(document)


def test_every_document_of_the_case_types_has_a_sentence_of_its_own() -> None:
    text = resources.files("ledger.data").joinpath("casetypes.json").read_text(encoding="utf-8")
    printing = {
        action
        for kind in json.loads(text)["case_types"]
        for action, spec in kind["actions"].items()
        if spec.get("prints")
    }
    assert len(printing) > 15
    for action in printing - {"receive"}:
        assert ZH.has(f"document.{action}") or ZH.has(f"document.{action}_grant"), action


def test_an_act_that_prints_nothing_makes_none(ledger: Ledger) -> None:
    case = receive(ledger).case_id
    act(ledger, "C1", "urge", case, by_whom="applicant")
    assert printables(ledger.case(case), ZH) == []
    with pytest.raises(InputError) as refused:
        last(ledger, case)
    assert refused.value.code == "document.none"


@pytest.fixture(scope="module")
def counter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Counter]:
    with serving(tmp_path_factory.mktemp("printing") / "county") as one:
        yield one


@pytest.fixture(scope="module")
def desk(counter: Counter) -> Desk:
    return counter.desk("C1")


def test_the_case_page_offers_what_was_printed(counter: Counter, desk: Desk, tmp_path: Path) -> None:
    case = receive_at(desk, "程文书")
    desk.post(f"/case/{case}/do/accept", {})
    page = desk.get(f"/case/{case}")
    found = re.search(rf'href="(/case/{case}/print/[0-9a-f]+)">受理通知书', page.text)
    assert found, page.text
    shown = desk.get(found.group(1))
    assert shown.status == 200 and "程文书" in shown.text and "（印章）" in shown.text
    assert "<style" not in shown.text and "style=" not in shown.text.partition("<article")[2]
    own = desk.get(f"{found.group(1)}?paper=own&top=12&left=-3")
    assert "（印章）" not in own.text and 'href="/print.css?top=12&amp;left=-3"' in own.text
    assert (
        desk.get("/print.css?top=12&left=-3").text
        == "@media print { .moved { margin-top: 12mm; margin-left: -3mm; } }\n"
    )
    assert desk.get(f"/case/{case}/slip?paper=a4&top=5&left=5").status == 200
    english = desk.get(f"{found.group(1)}?lang=en")
    assert "is accepted. The papers below" in english.text


def test_a_rare_name_has_its_code_point_on_papers_and_on_the_case_page(desk: Desk) -> None:
    case = receive_at(desk, "𠮷文书")
    desk.post(f"/case/{case}/do/accept", {})
    page = desk.get(f"/case/{case}")
    assert "<dd>𠮷文书（U+20BB7）</dd>" in page.text
    found = re.search(rf'href="(/case/{case}/print/[0-9a-f]+)">受理通知书', page.text)
    assert found, page.text
    assert desk.get(found.group(1)).text.count("𠮷文书（U+20BB7）") >= 2, "whom it is for, and in the table"
    assert "𠮷文书（U+20BB7）" in desk.get(f"/case/{case}/slip").text


@pytest.mark.parametrize("value", ["12;}*{", "1000", "--1", "１"])
def test_an_offset_is_a_number_or_refused(desk: Desk, value: str) -> None:
    answer = desk.get(f"/print.css?top={quote(value)}")
    assert answer.status == 422


def test_documents_are_for_who_may_see_the_case(counter: Counter, desk: Desk) -> None:
    case = receive_at(desk, "范他人")
    desk.post(f"/case/{case}/do/accept", {})
    with counter.ledger() as ledger:
        step: ActId = ledger.state(CaseId(bytes.fromhex(case)))[0].steps[-1].act.act_id
    path = f"/case/{case}/print/{step.hex()}"
    assert desk.get(path).status == 200
    assert counter.desk("V1").get(path).code == "web.scope"
    assert desk.get(f"/case/{case}/print/{'00' * 32}").code == "document.none"
    assert desk.get(f"/case/{case}/print/zz").status == 422


def materials(ledger: Ledger, case: CaseId) -> list[str]:
    return list(ledger.case(case).rules.item.materials)


def test_an_acceptance_does_not_say_that_all_papers_are_there_where_some_are_not(ledger: Ledger) -> None:
    case = receive(ledger, materials=["m01"]).case_id
    act(ledger, "C1", "accept", case)
    document = last(ledger, case)
    text = told(document)
    assert "现予受理" in text and "材料齐全" not in text
    (lacking,) = [entries for heading, entries in document.lists if heading == "没有登记收到的材料："]
    # The business licence is looked up by the office itself.
    assert lacking == ["法定代表人身份证", "场所平面布局图", "从业人员健康证明", "租赁证明"]
    assert "complete" not in told(last(ledger, case, Say(language="en")))
    whole = receive(
        ledger, materials=["m01", "m03", "m04", "m05"], commitments=["m06"], promise_by="applicant"
    )
    act(ledger, "C1", "accept", whole.case_id)
    assert "材料齐全、符合法定形式" in told(last(ledger, whole.case_id))
    supplied = receive(ledger, materials=["m01", "m03", "m04"]).case_id
    act(
        ledger,
        "C1",
        "request_correction",
        supplied,
        missing=["m05", "m06"],
        due="2026-03-20",
        told_by="paper",
    )
    act(ledger, "C1", "supply", supplied, materials=["m05", "m06"])
    act(ledger, "C1", "accept", supplied)
    assert "材料齐全" in told(last(ledger, supplied))


def test_a_deficit_is_promised_in_writing_and_only_what_is_there_is_called_complete(ledger: Ledger) -> None:
    for handed, complete in ((["m01", "m03", "m06"], True), (["m01"], False)):
        case = receive(ledger, materials=handed).case_id
        act(
            ledger, "C1", "accept_with_deficit", case, missing=["m04", "m05"], due="2026-03-20",
            promise_by="applicant",
        )  # fmt: skip
        document = last(ledger, case)
        text = told(document)
        assert ("主要材料齐全" in text) is complete and "现容缺受理" in text
        assert "申请人承诺" in text and "2026年3月20日前（含当日）补齐" in text
        assert [one for one in document.signatures if "作出上述承诺" in one]
        assert ("没有登记收到" in text) is not complete


def test_a_notice_after_silence_says_that_it_was_deemed_and_promises_no_day_that_is_over(
    tmp_path: Path,
) -> None:
    folder, clock = tmp_path / "county", FakeClock()
    found_county(folder, clock)
    with Ledger.open(folder, clock=clock, randomness=Dice("late"), write=True) as ledger:
        case = receive(ledger, materials=["m01"]).case_id
        clock.set("2026-09-01 09:00")
        act(ledger, "C1", "accept", case)
        english = Say(language="en")
        for say, deemed, over in (
            (ZH, "自2026年3月2日起即为受理", "已届满"),
            (english, "counts as accepted", "over on"),
        ):
            document = last(ledger, case, say)
            text = told(document)
            assert deemed in text and "现予受理" not in text and "is accepted" not in text
            assert over in text and text.count(over) == len(document.paragraphs) - 2
        # An acceptance of another kind is deemed as well: nobody promises that it ends without a paper.
        papers = receive(ledger, materials=["m01", "m03", "m06"]).case_id
        clock.set("2026-11-02 09:00")
        act(
            ledger, "C1", "accept_with_deficit", papers, missing=["m04", "m05"], due="2026-11-20",
            promise_by="applicant",
        )  # fmt: skip
        document = last(ledger, papers)
        text = told(document)
        assert "自2026年9月1日起即为受理" in text and "现补发本通知" in text
        assert not [one for one in ("容缺受理。", "申请人承诺", "不再办理", "不作准予") if one in text]
        assert not [one for one in document.signatures if "承诺" in one]
        # What is decided on a commitment needs one all the same: the applicant signs what the paper says.
        hygiene = receive(ledger, item=HYGIENE).case_id
        clock.set("2027-03-01 09:00")
        act(ledger, "C1", "accept_on_commitment", hygiene, text_version="3", promise_by="applicant")
        for say, promised in ((ZH, "愿意承担不实承诺的责任"), (english, "answer for an untrue promise")):
            text = told(last(ledger, hygiene, say))
            assert promised in text and ("现补发本通知" in text or "is given belatedly" in text)
        on_time = receive(ledger, materials=["m01"]).case_id
        act(ledger, "C1", "accept", on_time)
        text = told(last(ledger, on_time))
        assert "即为受理" not in text and "届满" not in text and "现予受理" in text


def due_days(document: Document) -> list[str]:
    return [text.split("（")[0] for text in document.paragraphs if "期限：" in text and "行政许可法" in text]


def test_a_notice_says_the_days_as_of_its_act_and_an_extension_the_new_one(ledger: Ledger) -> None:
    case = receive(ledger, materials=["m01"]).case_id
    accepted = act(ledger, "C1", "accept", case)
    first = due_days(last(ledger, case))
    act(ledger, "C3", "extend", case, reason="核实", applicant_told=True)
    again = document_of(ledger, ZH, ledger.case(case), accepted.act_id)
    assert len(first) == 1 and due_days(again) == first
    (extended,) = due_days(last(ledger, case))
    assert extended.startswith("延长后的法定期限：") and extended.split("：")[1] != first[0].split("：")[1]
    (now,) = [one for one in ledger.case(case).clocks if one.clock == "statutory"]
    assert now.due_on is not None and f"{now.due_on.month}月{now.due_on.day}日" in extended


def test_a_day_in_a_year_without_holidays_is_called_provisional(ledger: Ledger, tmp_path: Path) -> None:
    words = "（暂定：2027年放假安排公布后可能变动）"
    case = receive(ledger, materials=["m01"]).case_id
    act(ledger, "C1", "accept", case)
    assert words not in told(last(ledger, case))
    clock = FakeClock()
    found_county(tmp_path / "county", clock)
    clock.wall_ms += 295 * 24 * 3_600_000
    with Ledger.open(tmp_path / "county", clock=clock, randomness=Dice("winter"), write=True) as winter:
        case = receive(winter, materials=["m01"]).case_id
        act(winter, "C1", "accept", case)
        text = told(last(winter, case))
    assert re.search(r"法定期限：2027年1月\d+日（暂定", text) and words in text


def test_what_was_delivered_is_named(ledger: Ledger) -> None:
    case = receive(ledger, materials=["m01"]).case_id
    act(ledger, "C1", "accept", case)
    act(ledger, "C1", "decide", case, result="grant", document_no="溪决〔2026〕9号")
    act(ledger, "C4", "issue", case, certificate_no="JY-2026-017")
    act(ledger, "C1", "deliver", case, method="counter", receiver="applicant", proof="signature")
    document = last(ledger, case)
    assert ("送达的文书、证件", "决定书 溪决〔2026〕9号、食品经营许可证 JY-2026-017") in document.rows


def test_page_and_form_tell_which_papers_are_missing_before_they_are_accepted(desk: Desk) -> None:
    form = desk.get(f"/receive/{PERMIT}")
    fields = {"applicant.name": "缺件人", "f.materials": "m01", "once": form.field("once")}
    slip = desk.send(f"/receive/{PERMIT}", fields).headers["Location"]
    case = slip.removesuffix("/slip")
    page, accept = desk.get(case).text, desk.get(f"{case}/do/accept").text
    assert "还缺材料" in page and "从业人员健康证明" in page.partition("还缺材料")[2][:120]
    assert "登记里还缺：法定代表人身份证" in accept and "不写“材料齐全”" in accept
    assert "登记里还缺" not in desk.get(f"{case}/do/note").text


def test_a_slip_does_not_call_a_promised_paper_missing(desk: Desk) -> None:
    form = desk.get(f"/receive/{PERMIT}")
    fields = {
        "applicant.name": "承诺人", "f.materials": ["m01", "m03", "m04", "m05"], "f.commitments": "m06",
        "f.promise_by": "applicant", "once": form.field("once"),
    }  # fmt: skip
    slip = desk.get(desk.send(f"/receive/{PERMIT}", fields).headers["Location"]).text
    promised, _, missing = slip.partition("书面承诺代替的材料")[2].partition("尚缺材料")
    assert "租赁证明" in promised and "租赁证明" not in missing
