"""Who had a person's data erased finds nothing of the person in a list that is still there."""

from __future__ import annotations

import io
import json
import re
import time
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from ledger.facade import Command, Home, Ledger
from ledger.types import CaseId, Facts
from stations.kept import platformlist
from stations.kept.sealed import SealedFolder
from stations.web.cases import sweeping
from tests.facade.counter import COUNTY, PERMIT, Dice, signer
from tests.web.counterdesk import Counter, Desk, serving
from tests.web.test_platform import read_list, receive, sheet
from tests.web.test_roster import id_number, imported, name_of, people, received, roster, scan

CODE = re.compile(r"评价码")


def evening(counter: Counter, tmp_path: Path) -> tuple[Desk, str, Sequence[str]]:
    """Receive two of three people of a list; returns the desk, the list and the cases."""
    desk = counter.desk("V1")
    name = name_of(imported(desk, tmp_path, people(3, 800)))
    for index in (800, 801):
        scan(desk, name, id_number(index))
    assert "已收 2 件" in received(desk, name).text
    return desk, name, [row.case for row in roster(counter, name).rows if row.case]


def shown(desk: Desk, name: str) -> str:
    """Return everything that is shown of a list."""
    book = desk.get(f"/roster/{name}?format=xlsx").raw
    with zipfile.ZipFile(io.BytesIO(book)) as packed:
        cells = "".join(packed.read(one).decode() for one in packed.namelist() if one.endswith(".xml"))
    return cells + "".join(
        desk.get(f"/roster/{name}{part}").text for part in ("", "/receipts", "/missing", "/sign")
    )


def of(index: int) -> tuple[str, str, str]:
    return f"村民{index:03d}", id_number(index), f"138{index:08d}"


def require_gone(counter: Counter, desk: Desk, name: str) -> None:
    text = shown(desk, name)
    assert not [one for one in of(800) if one in text] and "个人信息已抹除" in text
    assert all(one in text for one in (*of(801)[:2], *of(802)))
    receipts = desk.get(f"/roster/{name}/receipts").text
    assert receipts.count("<article") == 2 and len(CODE.findall(receipts)) == 1
    assert scan(desk, name, id_number(800))["good"] is False


def test_erasing_on_the_page_and_by_a_program_blanks_the_row_at_once(tmp_path: Path) -> None:
    with serving(tmp_path / "county") as counter:
        desk, name, (case, other) = evening(counter, tmp_path)
        assert all(one in shown(desk, name) for one in of(800))
        head = counter.desk("C3")
        assert not head.post(f"/case/{case}/do/erase", {"f.ground": "applicant_request"}).code
        row = roster(counter, name).rows[0]
        assert (row.name, row.id_no, row.phone, row.address, row.token) == ("", "", "", "", "")
        assert row.case == case and row.number and row.erased
        require_gone(counter, desk, name)
        facts = {"ground": "applicant_request"}
        assert head.call(f"/api/v1/case/{other}/act", {"action": "erase", "facts": facts}).status == 200
        assert roster(counter, name).rows[1].name == ""


def test_what_was_erased_elsewhere_is_blanked_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "county"
    with serving(folder) as counter:
        desk, name, (case, _) = evening(counter, tmp_path)
        clock = counter.clock
    with Ledger.open(folder, clock=clock, randomness=Dice("head"), write=True) as ledger:
        command = Command(
            action="erase",
            station=COUNTY,
            case=CaseId(bytes.fromhex(case)),
            facts={"ground": "applicant_request"},
        )
        ledger.erase(command, signer("C3"))
    with monkeypatch.context() as waiting, serving(folder, clock=clock) as counter:
        waiting.setattr(sweeping, "forget_erased", _nothing)
        desk = counter.desk("V1")
        require_gone(counter, desk, name)
    with serving(folder, clock=clock) as counter:
        for _ in range(200):
            if roster(counter, name).rows[0].erased:
                break
            time.sleep(0.05)
        assert [row.name for row in roster(counter, name).rows] == ["", "村民801", "村民802"]


async def _nothing(*_: object) -> None:
    """Look for nothing: the list is opened before the minute is over."""


def test_erasing_takes_the_person_out_of_the_platforms_list(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "county"
    with serving(folder) as counter:
        desk, head = counter.desk("C1"), counter.desk("C3")
        names = ["程列号", "程列名", "程列别处"]
        cases = [receive(desk, name) for name in names]
        listed = [
            [f"3303822990{index}", PERMIT, "", name, id_number(900 + index), "已受理", "", "2026-03-02"]
            for index, name in enumerate([*names, "程列别人"])
        ]
        for row in listed[1:]:
            row[4] = ""
        desk.post("/platform/enter", {"case": cases[0], "f.external_no": listed[0][0]})
        read_list(desk, tmp_path, listed)
        assert all(name in taken_away(desk) for name in (*names, "程列别人")) and id_number(900) in kept(
            folder
        )
        for case in cases[:2]:
            assert not head.post(f"/case/{case}/do/erase", {"f.ground": "applicant_request"}).code
        told = taken_away(desk)
        assert not [name for name in names[:2] if name in told] and "个人信息已抹除" in told
        assert names[2] in told and "程列别人" in told
        assert not [text for text in (*names[:2], id_number(900)) if text in kept(folder)]
        # What the platform still says when its list is read again is not taken in again.
        read_list(desk, tmp_path, listed[:1])
        assert names[0] not in taken_away(desk) and names[0] not in kept(folder)
        read_list(desk, tmp_path, listed)
        clock = counter.clock
    with Ledger.open(folder, clock=clock, randomness=Dice("head"), write=True) as ledger:
        case_id = CaseId(bytes.fromhex(cases[2]))
        facts: Facts = {"ground": "applicant_request"}
        ledger.erase(Command(action="erase", station=COUNTY, case=case_id, facts=facts), signer("C3"))
    with serving(folder, clock=clock):
        for _ in range(200):
            if names[2] not in kept(folder):
                break
            time.sleep(0.05)
        assert names[2] not in kept(folder) and "程列别人" in kept(folder)


def taken_away(desk: Desk) -> str:
    """Return everything that is shown of the platform's list."""
    books = [desk.get(f"/platform/{one}?format=xlsx").raw for one in ("list", "differences")]
    cells = "".join(str(sheet(book)) for book in books)
    return cells + desk.get("/platform/list").text + desk.get("/platform/differences").text


def kept(folder: Path) -> str:
    """Return what lies on the disk of the platform's list."""
    sealed = SealedFolder(Home(folder), platformlist.FOLDER, Dice("kept"))
    return "".join(json.loads(raw) and raw.decode() for name in sealed.names() if (raw := sealed.read(name)))


def test_a_slip_of_an_erased_case_has_no_rating_code_any_more(tmp_path: Path) -> None:
    with serving(tmp_path / "county") as counter:
        desk, page = counter.desk("C1"), f"/receive/{PERMIT}"
        form = desk.get(page)
        answer = desk.send(page, {"once": form.field("once"), "applicant.name": "抹除人"})
        slip = answer.headers["Location"]
        assert CODE.search(desk.get(slip).text.partition("<article")[2])
        counter.desk("C3").post(slip.replace("/slip", "/do/erase"), {"f.ground": "applicant_request"})
        page = desk.get(slip).text.partition("<article")[2]
        assert "抹除人" not in page and not CODE.search(page)


def test_a_fault_of_one_look_does_not_end_the_looking(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[int] = []

    async def fails(*_: object) -> None:
        looks.append(1)
        raise OSError("disk")

    monkeypatch.setattr(sweeping, "forget_erased", fails)
    monkeypatch.setattr(sweeping, "SWEEP_S", 0.01)
    with serving(tmp_path / "county"):
        for _ in range(500):
            if len(looks) > 2:
                break
            time.sleep(0.02)
    assert len(looks) > 2


def test_rows_that_mean_several_cases_or_another_name_go_with_the_person(tmp_path: Path) -> None:
    folder = tmp_path / "county"
    with serving(folder) as counter:
        desk, head = counter.desk("C1"), counter.desk("C3")
        twice = [receive(desk, "曹两件", id_number(910)) for _ in range(2)]
        other = receive(desk, "曹别名", id_number(911))
        listed = [
            ["33038229911", PERMIT, "", "曹两件", id_number(910), "已受理", "", ""],
            ["33038229912", PERMIT, "", "曹另名", id_number(911), "已受理", "", ""],
            ["33038229913", PERMIT, "", "曹后到", id_number(912), "已受理", "", ""],
            ["33038229914", PERMIT, "", "曹旁人", id_number(913), "已受理", "", ""],
        ]
        read_list(desk, tmp_path, listed)
        # Received after the list was read, and erased before anybody looked at it again.
        later = receive(desk, "曹后到", id_number(912))
        assert head.call(
            f"/api/v1/case/{other}/act", {"action": "erase", "facts": {"ground": "applicant_request"}}
        ).status == 200  # fmt: skip
        for case in (*twice, later):
            assert not head.post(f"/case/{case}/do/erase", {"f.ground": "applicant_request"}).code
        told, lying = taken_away(desk), kept(folder)
        for row in listed[:3]:
            assert not [text for text in row[3:5] if text in told or text in lying], row
        assert "曹旁人" in told and id_number(913) in lying


def test_the_list_page_remembers_the_cases_that_its_rows_have_got(tmp_path: Path) -> None:
    """Erased by a command of an older program, or elsewhere: nothing was noted before the key went."""
    folder = tmp_path / "county"
    with serving(folder) as counter:
        desk = counter.desk("C1")
        row = ["33038229921", PERMIT, "", "曹晚收", id_number(920), "已受理", "", ""]
        read_list(desk, tmp_path, [row])
        cases = [receive(desk, "曹晚收", id_number(920)) for _ in range(2)]
        assert "曹晚收" in desk.get("/platform/list").text
        clock = counter.clock
    with Ledger.open(folder, clock=clock, randomness=Dice("head"), write=True) as ledger:
        facts: Facts = {"ground": "applicant_request"}
        for case in cases:
            case_id = CaseId(bytes.fromhex(case))
            ledger.erase(Command(action="erase", station=COUNTY, case=case_id, facts=facts), signer("C3"))
    with serving(folder, clock=clock) as counter:
        desk = counter.desk("C1")
        desk.get("/platform/list")
        for _ in range(200):
            if "曹晚收" not in kept(folder):
                break
            time.sleep(0.05)
        assert not [text for text in ("曹晚收", id_number(920)) if text in kept(folder) + taken_away(desk)]
