"""A power cut between what a form asks for and the end of its draft brings no form back that is done."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ledger.facade import Home
from ledger.formats.envelope import seal_key
from ledger.formats.keys import prove_possession
from stations.kept.rosters import FOLDER, keep_roster, load_roster
from stations.kept.sealed import SealedFolder
from stations.keyrequest import KeyRequest, encode_request
from stations.web.drafts import Drafts
from tests.facade.counter import TOWNSHIP, VILLAGE, Dice, FakeClock, found_county, signer
from tests.quickkeys import QUICK
from tests.web.counterdesk import PASSPHRASE, Counter, Desk, Fields, keys, serving
from tests.web.test_actions import received
from tests.web.test_orders import answer, imported
from tests.web.test_roster import imported as roster_imported
from tests.web.test_roster import name_of, people
from tests.web.test_typed import WORDS, drafts, typed

ONE, TWO = WORDS


@contextmanager
def cut(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Counter]:
    """Serve; whatever is taken meanwhile, its draft is still there when the power is back."""
    clock = FakeClock()
    found_county(folder, clock)
    keys(folder)
    seed = hashlib.sha256(b"registrar").digest()
    envelope = seal_key(seed, PASSPHRASE, salt=bytes(16), nonce=bytes(12), label="R1", params=QUICK)
    (folder / "keys" / "R1.key").write_bytes(envelope)
    with monkeypatch.context() as patched, serving(folder, clock=clock) as counter:
        patched.setattr(Drafts, "drop", lambda *_: None)
        yield counter


def waiting(counter: Counter, desk: Desk, staff_no: str, pages: tuple[str, ...]) -> set[str]:
    """Return the words of the drafts that pages offer, which must be those that are left on the disk."""
    offered = {
        word
        for page in ("/", *pages)
        for word in re.findall(r"[?&]draft=([0-9a-f]{16})", desk.get(page).text)
    }
    assert offered == {one.word for one in drafts(counter.folder, staff_no)}
    return offered


def test_the_platform_s_number_that_was_signed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "county"
    with cut(folder, monkeypatch) as counter:
        desk = counter.desk("C1")
        case, other = received(desk, "平台人"), received(desk, "还没录的人")
        fields = {"case": case, "f.external_no": "33038226001"}
        typed(desk, "/platform/enter", "/platform", ONE, **fields)
        typed(desk, "/platform/enter", "/platform", TWO, case=other, **{"f.external_no": "33038226002"})
        assert desk.send("/platform/enter", {"draft": ONE, **fields}).status == 303
        # One that was never kept while it was typed: signing it writes its draft.
        never = "0123456789abcdef"
        third = received(desk, "没存过草稿的人")
        sent = {"draft": never, "case": third, "f.external_no": "33038226003"}
        assert desk.send("/platform/enter", sent).status == 303
        assert {one.word for one in drafts(folder, "C1")} == {ONE, TWO, never}
    with serving(folder, clock=counter.clock) as counter:
        assert waiting(counter, counter.desk("C1"), "C1", ("/platform", f"/case/{case}")) == {TWO}


def test_an_order_that_was_answered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "county"
    with cut(folder, monkeypatch) as counter:
        desk = counter.desk("C1")
        imported(desk, tmp_path, [[f"HL{n}", "路灯不亮", "", "", "2026-03-01", "", "", ""] for n in (1, 2)])
        for word, number in ((ONE, "HL1"), (TWO, "HL2")):
            typed(desk, "/orders/answer", "/orders", word, order_no=number, version="0", reply="已修好")
        assert not answer(desk, "HL1", draft=ONE, reply="已修好").code
        assert len(drafts(folder, "C1")) == 2
    with serving(folder, clock=counter.clock) as counter:
        desk = counter.desk("C1")
        assert waiting(counter, desk, "C1", ("/orders",)) == {TWO}
        # A page that was open all the while, into which another answer is typed, keeps it.
        typed(desk, "/orders/answer", "/orders", ONE, order_no="HL1", version="1", reply="又坏了")
        assert waiting(counter, desk, "C1", ("/orders",)) == {ONE, TWO}


def test_a_roster_of_which_everybody_was_received(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "county"
    with cut(folder, monkeypatch) as counter:
        desk = counter.desk("C1")
        name = name_of(roster_imported(desk, tmp_path, people(2)))
        sign = f"/roster/{name}/sign"
        desk.post(f"/roster/{name}/tick", {"row": "1", "on": "1"})
        typed(desk, sign, sign, ONE, **{"f.location": "东门村文化礼堂"})
        case = received(desk, "村民000")
    kept, sealed = Home(folder), Dice("roster")
    roster = load_roster(SealedFolder(kept, FOLDER, sealed), name)
    with serving(folder, clock=counter.clock) as counter:
        # Nobody was received, as far as the ledger says.
        assert waiting(counter, counter.desk("C1"), "C1", (sign,)) == {ONE}
    roster.row(1).case = case
    for signed in ({}, {"f.location": ["另一处"]}):
        # What was typed is not what the receipts say: somebody goes on with it.
        roster.form = signed
        keep_roster(SealedFolder(kept, FOLDER, sealed), roster)
        with serving(folder, clock=counter.clock) as counter:
            assert waiting(counter, counter.desk("C1"), "C1", (sign,)) == {ONE}
    roster.form = {"f.location": ["东门村文化礼堂"], "f.channel": [""]}
    keep_roster(SealedFolder(kept, FOLDER, sealed), roster)
    with serving(folder, clock=counter.clock) as counter:
        assert waiting(counter, counter.desk("C1"), "C1", (sign,)) == set()


PERSON: Fields = {
    "no": "V8", "name": "新来的", "station": VILLAGE, "role": "window", "key": "here",
    "passphrase": PASSPHRASE, "again": PASSPHRASE,
}  # fmt: skip
STATION = {
    "station": "990121001777-00", "name": "北门村", "level": "village", "upstream": TOWNSHIP,
    "code_system": "statistics",
}  # fmt: skip


def test_people_roles_and_stations_that_were_enrolled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "county"
    role = {"role": "supervisor", "scope": VILLAGE}
    forms = (("/enrol", "/enrol", PERSON), ("/people/V1/grant", "/people/V1", role),
             ("/stations/new", "/stations/new", STATION))  # fmt: skip
    with cut(folder, monkeypatch) as counter:
        desk = counter.desk("R1")
        for at, (action, page, fields) in enumerate(forms):
            texts = {name: str(text) for name, text in fields.items()}
            typed(desk, action, page, f"{at:016x}", **texts)
            # The same again, with one word that differs: nobody signed that.
            differs = (
                {"no": "V9"} if "no" in texts else {"role": "head"} if "role" in texts else {"name": "南门村"}
            )
            typed(desk, action, page, f"{at + 8:016x}", **{**texts, **differs})
            done = desk.send(action, {**texts, "draft": f"{at:016x}", "once": f"once{at}"})
            assert done.status == 303, done.text
        assert len(drafts(folder, "R1")) == 6
    with serving(folder, clock=counter.clock) as counter:
        left = waiting(counter, counter.desk("R1"), "R1", ("/enrol", "/people/V1", "/stations/new"))
        assert left == {f"{at + 8:016x}" for at in range(3)}


def test_a_key_that_a_request_brought(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "county"
    with cut(folder, monkeypatch) as counter:
        with counter.ledger() as ledger:
            number = ledger.ledger_id
        desk, action = counter.desk("R1"), "/people/V1/key"
        asked = []
        for word in WORDS:
            made = signer(f"new {word}")
            proof = prove_possession(made, number)
            request = KeyRequest(
                staff_no="V1", ledger_id=number, public_key=made.public_key, possession=proof
            )
            asked.append({"key": "request", "request_text": encode_request(request)})
            typed(desk, action, "/people/V1", word, **asked[-1])
        assert desk.send(action, {**asked[0], "draft": ONE, "once": "one"}).status == 303
    with serving(folder, clock=counter.clock) as counter:
        assert waiting(counter, counter.desk("R1"), "R1", ("/people/V1",)) == {TWO}


def test_an_enrolment_that_a_power_cut_broke_off_between_its_acts_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "county"
    with cut(folder, monkeypatch) as counter:
        desk = counter.desk("R1")
        texts = {name: str(text) for name, text in PERSON.items()}
        assert desk.send("/enrol", {**texts, "once": "one"}).status == 303
        sent = {
            "draft": ONE,
            "kept.action": "/enrol",
            "kept.page": "/enrol",
            **PERSON,
            "role": ["window", "head"],
        }
        assert desk.send("/typed", sent).status == 200
    with serving(folder, clock=counter.clock) as counter:
        assert waiting(counter, counter.desk("R1"), "R1", ("/enrol",)) == {ONE}, "one of the roles is missing"
