"""What a ledger itself shows and keeps is told, and is no error: faults of people, not of files."""

from __future__ import annotations

from pathlib import Path

import pytest

from audit.checking.verify import verify_ledger
from audit.reading.findings import Finding
from ledger.facade import Home
from ledger.formats.frame import encode_frame, split_frame
from ledger.types import Facts, Value
from tests.audit.forge import append_act, fork, frame_of, log_of, put_frame
from tests.audit.ledgers import CLERK, COUNTY, ITEM, REGISTRAR, VILLAGE, ask, hurt, signer


@pytest.fixture
def home(copy: Path) -> Home:
    """A copy whose keys are at hand."""
    return Home(copy)


def found(home: Home, code: str) -> Finding:
    report = verify_ledger(home.path)
    assert report.ok, report.findings
    (finding,) = [finding for finding in report.findings if finding.code == code]
    return finding


def first_case(home: Home) -> tuple[bytes, bytes]:
    ((act,),) = ask(home.path, "SELECT act_id FROM acts WHERE action = 'receive' ORDER BY seq LIMIT 1")
    assert isinstance(act, bytes)
    return act[:16], act


def forged(home: Home, *, action: str = "note", facts: Facts | None = None, **options: object) -> bytes:
    case_id, act = first_case(home)
    chosen: dict[str, object] = {"case_id": case_id, "parents": (act,), "signer": CLERK, **options}
    who = chosen.pop("signer")
    village = log_of(home.path, "station", VILLAGE)
    made = {} if facts is None else facts
    return append_act(home, village, who, action=action, facts=made, **chosen)  # type: ignore[arg-type]


def test_the_forger_can_also_do_right(home: Home) -> None:
    forged(home, facts={"note_code": "x"})
    report = verify_ledger(home.path)
    assert {finding.code for finding in report.findings} == {"trust.unpinned", "personal.sealed"}


def test_act_that_the_case_type_does_not_allow(home: Home) -> None:
    act = forged(home, action="issue")
    finding = found(home, "audit.without_effect")
    assert finding.severity == "notice"
    assert finding.act == act and finding.params["reason"] and finding.params["action"] == "issue"


def test_key_that_nobody_enrolled(home: Home) -> None:
    act = forged(home, signer=signer("stranger"), topic="opaque")
    finding = found(home, "authority.key_unknown")
    assert finding.severity == "warning" and finding.act == act
    assert found(home, "audit.without_effect").act == act


def test_unknown_key_under_a_name_as_if_it_counted_is_an_error(home: Home) -> None:
    forged(home, signer=signer("stranger"))
    report = verify_ledger(home.path)
    assert [finding.code for finding in report.findings if finding.severity == "error"] == [
        "authority.key_unknown"
    ]


def test_bad_signature_that_was_kept_as_opaque(home: Home) -> None:
    act = forged(home, topic="opaque", sig=bytes(63) + b"\x01")
    finding = found(home, "act.signature")
    assert finding.severity == "warning" and finding.act == act


def test_key_in_the_wrong_place(home: Home) -> None:
    village = log_of(home.path, "station", COUNTY)
    case_id, act = first_case(home)
    wrong = append_act(
        home, village, CLERK, action="note", facts={}, case_id=case_id, parents=(act,), station=COUNTY
    )
    finding = found(home, "authority.no_role")
    assert finding.severity == "warning" and finding.act == wrong


def test_act_in_the_log_of_another_station(home: Home) -> None:
    case_id, act = first_case(home)
    county = log_of(home.path, "station", COUNTY)
    append_act(home, county, CLERK, action="note", facts={}, case_id=case_id, parents=(act,))
    assert found(home, "act.other_station").severity == "warning"


def test_registry_act_without_authority(home: Home) -> None:
    registry = log_of(home.path, "registry")
    facts: Facts = {"staff_no": "S001", "role": "head", "scope": VILLAGE}
    act = append_act(
        home, registry, CLERK, action="grant_role", facts=facts, station=COUNTY,
        case_id=first_thread(home), parents=(last_of(home, registry),),
    )  # fmt: skip
    (finding,) = [one for one in verify_ledger(home.path).findings if one.act == act]
    assert finding.severity == "warning" and finding.code.startswith("registry.")


def first_thread(home: Home) -> bytes:
    ((case_id,),) = ask(home.path, "SELECT case_id FROM acts WHERE action = 'enrol_staff'")
    assert isinstance(case_id, bytes)
    return case_id


def last_of(home: Home, log: str) -> bytes:
    ((act, _),) = ask(home.path, "SELECT act_id, max(seq) FROM acts WHERE log = ?", (log,))
    assert isinstance(act, bytes)
    return act


def test_backdated_act(home: Home) -> None:
    forged(home, late_ms=72 * 3_600_000)
    assert found(home, "time.backdated").params["hours"] == 72


@pytest.mark.parametrize("hours", [72, 5])
def test_every_late_entry_from_paper_is_told_and_is_not_backdated(home: Home, hours: int) -> None:
    paper: Facts = {"paper_no": "乡 0042", "reason": "power"}
    forged(home, facts={"late_entry": paper}, late_ms=hours * 3_600_000)
    told = found(home, "time.late_entry")
    assert (told.severity, dict(told.params)) == ("notice", {"paper": "乡 0042", "hours": hours})
    assert "time.backdated" not in {finding.code for finding in verify_ledger(home.path).findings}


@pytest.mark.parametrize("said", ["paper", {}, {"paper_no": 7}, {"paper_no": "\x1b[2J" + "x" * 99}])
def test_a_late_entry_that_names_no_paper_is_told_too(home: Home, said: Value) -> None:
    forged(home, facts={"late_entry": said}, late_ms=72 * 3_600_000)
    paper = str(found(home, "time.late_entry").params["paper"])
    assert len(paper) <= 40 and paper.isprintable()


@pytest.mark.parametrize("said", ["不存在的人 V999", "", {"no": 7}, ["V999"], 7, "\x1b[2J" + "x" * 99])
def test_somebody_stood_in_for_whom_no_registry_names_is_told(home: Home, said: Value) -> None:
    forged(home, facts={"stand_in_for": said})
    told = found(home, "act.stand_in_unregistered")
    shown = str(told.params["staff_no"])
    assert told.severity == "notice" and len(shown) <= 40 and shown.isprintable()


def test_claim_from_the_future(home: Home) -> None:
    forged(home, late_ms=-40 * 365 * 86_400_000)
    assert found(home, "time.claimed_ahead").severity == "notice"


def test_repeated_number_and_unknown_item(home: Home) -> None:
    village = log_of(home.path, "station", VILLAGE)
    facts: Facts = {"item": ITEM, "number": "A-1", "applicant_kind": "person", "channel": "counter"}
    append_act(home, village, CLERK, action="receive", facts=facts)
    append_act(home, village, CLERK, action="receive", facts=facts)
    assert found(home, "audit.number_repeated").params["number"] == "A-1"
    append_act(home, village, CLERK, action="receive", facts={"item": "nothing", "number": "A-2"})
    assert found(home, "audit.case_unfolded").params["reason"] == "catalogue.no_item"


def test_concurrent_decisions_conflict(home: Home) -> None:
    case_id, act = first_case(home)
    village = log_of(home.path, "station", VILLAGE)
    for other in (COUNTY, "990121009000-00"):
        append_act(
            home, village, CLERK, action="hand_over", facts={"to": other}, case_id=case_id, parents=(act,)
        )
    report = verify_ledger(home.path)
    assert report.ok
    codes = {finding.code for finding in report.findings}
    assert codes & {"audit.conflict", "audit.without_effect"}


def test_missing_facts_are_an_error(home: Home) -> None:
    village = log_of(home.path, "station", VILLAGE)
    case_id, act = first_case(home)
    append_act(home, village, CLERK, action="note", facts=None, case_id=case_id, parents=(act,))
    report = verify_ledger(home.path)
    assert [finding.code for finding in report.findings if finding.severity == "error"] == [
        "act.facts_missing"
    ]


def test_act_whose_parent_is_not_here_waits(home: Home) -> None:
    village = log_of(home.path, "station", VILLAGE)
    case_id, _ = first_case(home)
    append_act(home, village, CLERK, action="note", facts={}, case_id=case_id, parents=(bytes(32),))
    assert found(home, "audit.case_awaiting").severity == "notice"


def test_registrar_is_no_clerk(home: Home) -> None:
    forged(home, signer=REGISTRAR, action="accept")
    codes = {finding.code for finding in verify_ledger(home.path).findings}
    assert codes & {"authority.no_role", "audit.without_effect"}


def test_branch_of_a_fork_is_told_and_checked(home: Home) -> None:
    branch = fork(home, log_of(home.path, "station", VILLAGE), 12)
    told = found(home, "log.branch")
    assert (told.params["first"], told.params["size"], told.params["covered"]) == (12, 2, 13)
    hurt(home.path, f"UPDATE stored_events SET state = x'93' WHERE originator_id = '{branch}'")
    report = verify_ledger(home.path)
    assert {one.log for one in report.findings if one.severity == "error"} == {branch}


def test_an_act_that_stands_twice_has_its_row_at_the_better_place(home: Home) -> None:
    village = log_of(home.path, "station", VILLAGE)
    branch = fork(home, village, 12)
    report = verify_ledger(home.path)
    assert report.ok and report.counts["notice", "act.repeated"] == 2
    for table in ("acts", "bodies"):
        hurt(home.path, f"UPDATE {table} SET log = '{branch}', seq = 1 WHERE log = '{village}' AND seq = 12")
    worse = [one for one in verify_ledger(home.path).findings if one.severity == "error"]
    assert [(one.code, one.log, one.seq, one.params["field"]) for one in worse] == [
        ("acts.row", village, 12, "log")
    ]


@pytest.mark.parametrize("what", ["act", "signature", "facts"])
def test_what_is_pinned_and_not_there_is_an_error_whatever_the_file_says(home: Home, what: str) -> None:
    """No honest station stores it, so ``opaque`` excuses nothing."""
    village = log_of(home.path, "station", VILLAGE)
    forged(home, topic="opaque")
    assert found(home, "frame.opaque_sound").severity == "notice"
    act_raw, sig, entry_raw = split_frame(frame_of(home.path, village, 14))
    if what == "facts":
        hurt(home.path, f"UPDATE bodies SET facts = NULL WHERE log = '{village}' AND seq = 14")
    elif what == "act":
        spoilt = act_raw[:-1] + bytes((act_raw[-1] ^ 1,))
        put_frame(home.path, village, 14, encode_frame(spoilt, sig, entry_raw))
    else:
        put_frame(home.path, village, 14, encode_frame(act_raw, sig[:-1] + bytes((sig[-1] ^ 1,)), entry_raw))
    expected = {"act": "frame.act", "signature": "frame.signature", "facts": "act.facts_missing"}[what]
    report = verify_ledger(home.path)
    assert (expected, "error") in {(one.code, one.severity) for one in report.findings}
    assert not report.ok
