"""What happens in the demonstration, chapter by chapter. People, places and numbers are fictional."""

from __future__ import annotations

from pathlib import Path

from ledger.facade import Command
from ledger.formats.act import act_id
from ledger.types import StationId
from stations.cli.counterday.demo import COUNTY, TOWNSHIP, VILLAGE, Ran, Stage
from stations.cli.counterday.demoarrival import arrive, sign_offline

FELLING = "林木采伐许可"
INSURANCE = "城乡居民医保参保登记"
TRADER = "个体工商户设立登记"
PROOF = "村(社区)证明开具"


def play(stage: Stage, *, backup: Path, sheet: Path) -> None:
    """Play every chapter in order."""
    _set_up(stage)
    felling = _village_morning(stage)
    _paper_and_mistakes(stage)
    _county_review(stage, felling.number)
    _instant(stage)
    _two_at_once(stage)
    _the_way_back(stage, felling)
    _evening(stage, felling.number, backup=backup, sheet=sheet)


def _set_up(stage: Stage) -> None:
    stage.at("2026-02-27 08:30", "set_up")
    stage.run(
        "county", "create", str(stage.folder), "--name", "溪山县政务服务中心", "--code", "990121",
        "--registrar-name", "李登记", "--training",
    )  # fmt: skip
    stage.run("station", "add", TOWNSHIP, "--name", "城关镇便民服务中心", "--level", "township", "--open")
    stage.run(
        "station", "add", VILLAGE, "--name", "东门村便民服务站", "--level", "village",
        "--upstream", TOWNSHIP, "--open",
    )  # fmt: skip
    people: tuple[tuple[str, str, str, tuple[str, ...]], ...] = (
        ("V001", "赵东门", VILLAGE, ("window",)),
        ("T001", "王城关", TOWNSHIP, ("window", "officer")),
        ("T002", "孙复核", TOWNSHIP, ("window",)),
        ("C001", "周审查", COUNTY, ("window", "officer", "issuer")),
        ("C002", "吴会同", COUNTY, ("officer",)),
        ("H001", "郑负责", COUNTY, ("head", "supervisor")),
    )
    for no, name, station, roles in people:
        grants = [word for role in roles for word in ("--role", role)]
        stage.run("staff", "add", no, "--name", name, "--at", station, *grants, "--as", "R001")
    stage.run("staff", "list")
    stage.run("catalogue", "show", FELLING)


def _village_morning(stage: Stage) -> Ran:
    stage.at("2026-03-02 09:05", "village")
    felling = stage.run(
        "receive", FELLING, "--as", "V001", "--name", "吴老根", "--id-no", "990121195803121017",
        "--phone", "13800000001", "--materials", "申请表,林权证明",
    )  # fmt: skip
    number = felling.number
    stage.run("hand-over", number, "--to", TOWNSHIP, "--method", "in_person", "--as", "V001")
    stage.at("2026-03-02 14:10", "township")
    stage.run("take-over", number, "--as", "T001")
    stage.run(
        "request-correction", number, "--missing", "伐区调查", "--due", "2026-03-13", "--told-by", "paper",
        "--as", "T001",
    )  # fmt: skip
    stage.run("show", number, "--may", "--as", "T001")
    stage.at("2026-03-03 09:30", "supplied")
    stage.run("supply", number, "--materials", "伐区调查", "--as", "V001")
    stage.run("accept", number, "--as", "T001")
    stage.run(
        "hand-over", number, "--to", COUNTY, "--method", "courier", "--waybill", "SF990121", "--as", "T001"
    )
    return felling


def _paper_and_mistakes(stage: Stage) -> None:
    stage.at("2026-03-03 10:20", "mistakes")
    paper = stage.run(
        "receive", INSURANCE, "--as", "V001", "--name", "欧阳小莲", "--materials", "all",
        "--at", "2026-03-02 16:40", "--late-entry-paper", "DM-0007", "--late-entry-reason", "power",
        "--no-slip",
    )  # fmt: skip
    stage.run("withdraw", paper.number, "--proof", "signature", "--text", "本人改到县城办理", "--as", "V001")
    stage.run("show", paper.number)
    wrong = stage.run(
        "receive", TRADER, "--as", "T001", "--name", "钱多多", "--materials", "身份证", "--no-slip"
    )
    stage.run("void", wrong.number, "--reason", "wrong_item", "--as", "T001")
    stage.run("countersign", wrong.number, "--as", "T001", expect=1)
    stage.run("countersign", wrong.number, "--as", "T002")
    stage.run(
        "advise-and-return", "--item", TRADER, "--reason", "materials_missing", "--missing", "经营场所证明",
        "--name", "钱多多", "--as", "T001",
    )  # fmt: skip


def _county_review(stage: Stage, number: str) -> None:
    stage.at("2026-03-04 09:00", "county")
    stage.run("take-over", number, "--as", "C001")
    stage.run("start-review", number, "--as", "C001")
    stage.run("check-on-site", number, "--outcome", "pass", "--checked-on", "2026-03-04", "--as", "C001")
    stage.run("countersign", number, "--as", "C002")
    stage.run(
        "suspend", number, "--ground", "现场核查", "--expected-days", "5", "--applicant-told", "--as", "C001",
        expect=1,
    )  # fmt: skip
    stage.run(
        "suspend", number, "--ground", "appraisal", "--expected-days", "5", "--applicant-told", "--as", "C001"
    )
    stage.run("countersign", number, "--as", "H001")
    stage.run("worklist", "--station", COUNTY)
    stage.at("2026-03-10 15:00", "resumed")
    stage.run("resume", number, "--outcome", "pass", "--as", "C001")
    stage.run("extend", number, "--reason", "采伐限额核对", "--applicant-told", "--as", "H001")
    stage.at("2026-03-13 10:00", "lights")
    stage.run("worklist", "--station", COUNTY)
    stage.at("2026-03-17 09:10", "decided")
    stage.run("show", number, "--why")
    stage.run("decide", number, "--result", "refuse", "--as", "C001", expect=1)
    stage.run("decide", number, "--result", "grant", "--document-no", "溪林许2026-15", "--as", "C001")
    stage.run(
        "overrun-reason",
        number,
        "--clock",
        "promised",
        "--reason",
        "采伐限额核对",
        "--published",
        "--as",
        "H001",
    )
    stage.run("issue", number, "--certificate-no", "LC990121-2026-015", "--as", "C001")
    stage.run("hand-over", number, "--to", VILLAGE, "--as", "C001")


def _instant(stage: Stage) -> None:
    stage.at("2026-03-17 10:30", "instant")
    insured = stage.run(
        "receive", INSURANCE, "--as", "T001", "--name", "买买提·艾力", "--materials", "all", "--out",
        str(stage.folder.parent / "slip.txt"),
    )  # fmt: skip
    stage.run("accept", insured.number, "--as", "T001")
    stage.run("decide", insured.number, "--result", "grant", "--as", "T001")
    stage.run("close", insured.number, "--as", "T001")
    stage.run("link-external", insured.number, "--external-no", "330382260316100001", "--as", "T001")
    stage.run(
        "receive", PROOF, "--as", "V001", "--name", "一", "--materials", "all", "--no-slip",
        "--proof-kind", "婚姻状况证明", expect=1,
    )  # fmt: skip


def _two_at_once(stage: Stage) -> None:
    stage.at("2026-03-18 10:00", "conflict")
    number = stage.run(
        "receive", TRADER, "--as", "T001", "--name", "钱多多", "--materials", "登记申请书,身份证", "--no-slip"
    ).number
    supply = Command(
        action="supply",
        station=StationId(VILLAGE),
        case=stage.case_id(number),
        facts={"materials": ["m03"]},
    )
    stage.note("offline")
    signed = sign_offline(stage, supply, "V001")
    stage.run("withdraw", number, "--proof", "signature", "--as", "T001")
    stage.note("arrives")
    arrive(stage, signed)
    stage.run("show", number)
    stage.run("worklist", "--station", TOWNSHIP)
    contested = act_id(signed.raw).hex()[:12]
    stage.run(
        "adjudicate", number, "--uphold", contested, "--set-aside", stage.last_act(number, "withdraw"),
        "--reason", "申请人确认继续办理", "--as", "H001",
    )  # fmt: skip
    stage.run("show", number)


def _the_way_back(stage: Stage, felling: Ran) -> None:
    number = felling.number
    stage.at("2026-03-18 16:00", "arrived")
    stage.run("take-over", number, "--as", "V001")
    stage.run("arrive-at-village", number, "--as", "V001")
    stage.run("day-clear", "--station", VILLAGE)
    stage.at("2026-03-19 09:40", "delivered")
    stage.run(
        "deliver",
        number,
        "--method",
        "counter",
        "--receiver",
        "applicant",
        "--proof",
        "signature",
        "--as",
        "V001",
    )
    stage.run("rate", number, "--level", "very_satisfied", "--token", "AAAA AAAA", "--as", "V001", expect=1)
    stage.run("rate", number, "--level", "very_satisfied", "--token", felling.token, "--as", "V001")
    stage.run("close", number, "--as", "V001")


def _evening(stage: Stage, number: str, *, backup: Path, sheet: Path) -> None:
    stage.at("2026-03-19 17:30", "evening")
    stage.run("find", "wlg")
    stage.run("find", "1017")
    stage.run("show", number)
    stage.run("worklist", "--all")
    stage.run("export", "all", "--out", str(sheet))
    stage.run("checkpoint", "--json")
    stage.run("backup", "--to", str(backup))
    stage.run("doctor")
    stage.at("2026-03-19 17:40", "audit")
    stage.audit("verify", str(stage.folder))
