"""Pages of people, stations and newcomers: real acts of a registrar, refusals that lose nothing."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ledger.facade import Ledger
from ledger.formats.invite import decode_invite
from ledger.formats.keys import Ed25519Signer, key_id, prove_possession
from ledger.registry.registry import Registry
from ledger.types import StationId
from stations.keyrequest import KeyRequest, encode_request
from stations.office.inviting import invite_of_code
from stations.office.newkeys import make_key
from sync.certs.tlskeys import new_key
from sync.joining.joinforms import encode_request as encode_join
from tests.web.adminsite import COUNTY, PASSPHRASE, TOWNSHIP, VILLAGE, Serving, Visitor, found


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with Serving(found(tmp_path_factory.mktemp("admin") / "county")) as serving:
        yield serving


@pytest.fixture(scope="module")
def registrar(site: Serving) -> Visitor:
    visitor = Visitor(site.address)
    visitor.sign_in("R001")
    return visitor


def _registry(site: Serving) -> Registry:
    with Ledger.open(site.home, write=False) as ledger:
        return ledger.knowledge.registry


def _request(site: Serving, no: str) -> tuple[str, bytes]:
    with Ledger.open(site.home, write=False) as ledger:
        number = ledger.ledger_id
    signer = Ed25519Signer.from_seed(os.urandom(32))
    text = encode_request(
        KeyRequest(
            staff_no=no,
            ledger_id=number,
            public_key=signer.public_key,
            possession=prove_possession(signer, number),
        )
    )
    return text, key_id("ed25519", signer.public_key)


PAGES = (
    "/people", "/enrol", "/people/V001", "/people/R001", "/stations", "/stations/new", f"/stations/{VILLAGE}",
    "/joins", "/import/items", "/import/stations", "/import/staff", "/publish", "/leaver", "/leaver?no=V001",
    "/catalogue", "/calendars", "/keep", "/my-key", "/more",
)  # fmt: skip


@pytest.mark.parametrize("path", PAGES)
def test_every_page_opens_in_both_languages(registrar: Visitor, path: str) -> None:
    for language in ("en", "zh"):
        registrar.post("/language", {"language": language, "next": "/more"}, page="/more")
        answer = registrar.get(path)
        assert answer.status == 200 and "web." not in answer.text, path


@pytest.mark.parametrize("path", [page for page in PAGES[:12] if page != "/leaver"])
def test_only_registrars_come_in(site: Serving, path: str) -> None:
    assert Visitor(site.address).get(path).path == "/sign-in"
    clerk = _clerk(site)
    answer = clerk.get(path)
    assert (answer.status, answer.code) == (403, "web.registrar_only")


_CLERKS: dict[str, Visitor] = {}


def _clerk(site: Serving) -> Visitor:
    if site.address not in _CLERKS:
        _CLERKS[site.address] = Visitor(site.address)
        _CLERKS[site.address].sign_in("V001")
    return _CLERKS[site.address]


def test_a_clerk_cannot_send_what_only_a_registrar_may(site: Serving) -> None:
    clerk = _clerk(site)
    answer = clerk.post(
        "/people/V001/grant", {"role": "head", "scope": VILLAGE, "stand_in_for": ""}, page="/more"
    )
    assert answer.code == "web.registrar_only"
    held = _registry(site).staff("V001")
    assert held is not None and held.grants == {("window", VILLAGE)}
    assert clerk.get("/leaver").code == "web.role_only"


def test_enrolling_with_a_key_made_here_then_signing_in(site: Serving, registrar: Visitor) -> None:
    typed = {
        "no": "W101", "name": "钱窗口", "station": COUNTY, "scope": "",
        "role": ["window", "officer"], "key": "here", "passphrase": "another long one",
        "again": "another long one",
    }  # fmt: skip
    for wrong, code in (
        ({"again": "different one"}, "web.passphrase_differs"),
        ({"passphrase": "short", "again": "short"}, "key.weak"),
        ({"no": "张 三"}, "staff.number"),
        ({"role": []}, "web.no_role"),
        ({"role": ["registrar"]}, "web.choice"),
        ({"name": ""}, "registry.field_value"),
        ({"station": "990121009999-00"}, "registry.station_unknown"),
        ({"no": "V001"}, "key.exists"),
        ({"scope": "990121009999-00"}, "registry.station_unknown"),
    ):
        answer = registrar.post("/enrol", {**typed, **wrong})
        assert answer.code == code, (wrong, answer.code)
        assert answer.status >= 400 and ("钱窗口" in answer.text or "name" in wrong)
        assert not (site.home.keys_dir / "W101.key").exists(), wrong
    answer = registrar.post("/enrol", typed)
    assert answer.path == "/people/W101" and "钱窗口" in answer.text
    held = _registry(site).staff("W101")
    assert held is not None and held.grants == {("window", COUNTY), ("officer", COUNTY)}
    assert Visitor(site.address).sign_in("W101", "another long one").path == "/pin"
    # One of the same name is enrolled, for two people may have it, and the page says who else has.
    assert "同名" not in answer.text
    second = registrar.post("/enrol", {**typed, "no": "W109", "name": " 钱 窗口"})
    assert second.path == "/people/W109" and "同名的还有 W101" in second.text


def test_a_key_that_a_power_cut_left_unenrolled_is_enrolled_by_the_same_form(
    site: Serving, registrar: Visitor
) -> None:
    typed = {
        "no": "W117", "name": "孙停电", "station": COUNTY, "scope": "", "role": ["window"],
        "key": "here", "passphrase": "typed before the cut", "again": "typed before the cut",
    }  # fmt: skip
    path = site.home.keys_dir / "W117.key"
    made = make_key(path, label="W117", passphrase="typed before the cut", randomness=os.urandom)
    other = {**typed, "passphrase": "somebody else's", "again": "somebody else's"}
    assert registrar.post("/enrol", other).code == "key.passphrase" and path.exists()
    assert registrar.post("/enrol", typed).path == "/people/W117"
    held = _registry(site).staff("W117")
    assert held is not None and held.key_id == made.key_id
    assert Visitor(site.address).sign_in("W117", "typed before the cut").path == "/pin"


def test_a_form_sent_twice_enrols_once(site: Serving, registrar: Visitor) -> None:
    text, key = _request(site, "W102")
    size = _registry(site).size
    pairs = [
        ("form", _csrf(registrar)), ("once", "a" * 24), ("no", "W102"), ("name", "孙二"),
        ("station", VILLAGE),
        ("role", "window"), ("key", "request"), ("request_text", text),
    ]  # fmt: skip
    with ThreadPoolExecutor(4) as senders:
        answers = list(senders.map(lambda _: registrar.send("/enrol", pairs), range(4)))
    answers.append(registrar.send("/enrol", pairs))
    assert {answer.path for answer in answers} == {"/people/W102"}
    held = _registry(site).staff("W102")
    assert held is not None and held.key_id == key and _registry(site).size == size + 2


def _csrf(visitor: Visitor) -> str:
    return visitor.get("/people").text.split('name="form" value="')[1].split('"')[0]


def test_roles_stand_in_and_end(site: Serving, registrar: Visitor) -> None:
    fields = {"role": "officer", "scope": f"{TOWNSHIP}/*", "stand_in_for": "H001"}
    answer = registrar.post("/people/V001/grant", fields, page="/people/V001")
    assert answer.path == "/people/V001" and "郑负责" in answer.text
    held = _registry(site).staff("V001")
    assert held is not None and ("officer", f"{TOWNSHIP}/*", "H001") in held.stand_ins
    assert registrar.post("/people/V001/grant", fields, page="/people/V001").code == "registry.role_held"
    ending = {"role": "officer", "scope": f"{TOWNSHIP}/*"}
    assert registrar.post("/people/V001/end", ending, page="/people/V001").status == 200
    held = _registry(site).staff("V001")
    assert held is not None and held.grants == {("window", VILLAGE)}
    assert registrar.post("/people/V001/end", ending, page="/people/V001").code == "registry.role_not_held"
    assert registrar.get("/people/NOBODY").code == "staff.unknown"


def test_a_forgotten_passphrase_gets_a_new_key_with_the_same_roles(site: Serving, registrar: Visitor) -> None:
    text, key = _request(site, "W110")
    enrolment = {"no": "W110", "name": "周忘了", "station": VILLAGE, "role": "window", "key": "request"}
    registrar.post("/enrol", {**enrolment, "request_text": text})
    local = Visitor(site.address)
    made = local.post(
        "/my-key", {"no": "W110", "passphrase": "a fresh passphrase", "again": "a fresh passphrase"}
    )
    request = local.get("/my-key/W110/request")
    assert "W110" in request.text and made.status == 200
    before = _registry(site).staff("W110")
    assert before is not None and before.key_id == key
    answer = registrar.post(
        "/people/W110/key",
        {"key": "request", "request_text": ""},
        files=[("request", "W110.request", request.body)],
        page="/people/W110",
    )
    assert answer.path == "/people/W110" and answer.status == 200
    registry = _registry(site)
    held = registry.staff("W110")
    assert held is not None and held.key_id != key and held.grants == before.grants
    assert registry.retirement(key) is not None and registry.retirement(key).reason == "retired"
    assert Visitor(site.address).sign_in("W110", "a fresh passphrase").path == "/pin"
    twice = registrar.post(
        "/people/W110/key",
        {"key": "request", "request_text": request.text},
        page="/people/W110",
    )
    assert twice.code == "registry.key_enrolled"
    assert _registry(site).staff("W110") is not None, "refused, so the key that is held must live on"
    other, _ = _request(site, "V001")
    wrong = registrar.post("/people/W110/key", {"key": "request", "request_text": other}, page="/people/W110")
    assert wrong.code == "key.request_other"
    held_still = _registry(site).staff("W110")
    assert held_still is not None and held_still.key_id == held.key_id


def test_retiring_needs_a_tick_and_ends_the_key(site: Serving, registrar: Visitor) -> None:
    text, _ = _request(site, "W120")
    registrar.post(
        "/enrol",
        {
            "no": "W120",
            "name": "吴离岗",
            "station": VILLAGE,
            "role": "window",
            "key": "request",
            "request_text": text,
        },
    )
    page = "/people/W120"
    assert registrar.post(f"{page}/retire", {"reason": "retired"}, page=page).code == "web.tick_first"
    assert registrar.post(f"{page}/retire", {"reason": "tired", "sure": "1"}, page=page).code == "web.choice"
    assert _registry(site).staff("W120") is not None
    assert registrar.post(f"{page}/retire", {"reason": "retired", "sure": "1"}, page=page).path == "/people"
    assert _registry(site).staff("W120") is None


def test_a_station_is_enrolled_invited_joins_and_is_approved(site: Serving, registrar: Visitor) -> None:
    typed = {
        "station": "990121001202-00",
        "name": "西门村便民服务站",
        "level": "village",
        "upstream": TOWNSHIP,
    }
    for wrong, code in (
        ({"station": "12"}, "cli.station"),
        ({"station": "990199001202-00"}, "cli.station_county"),
        ({"level": "moon"}, "web.choice"),
        ({"name": " "}, "web.no_station_name"),
        ({"upstream": "990121009999-00"}, "registry.station_unknown"),
    ):
        assert registrar.post("/stations/new", {**typed, **wrong}).code == code
    assert registrar.post("/stations/new", typed).path == "/stations/990121001202-00"
    page = "/stations/990121001202-00"
    wrong_address = registrar.post(f"{page}/invite", {"addresses": "ftp://x", "days": "30"}, page=page)
    assert wrong_address.code == "invite.address"
    assert registrar.post(f"{page}/invite", {"addresses": "", "days": "0"}, page=page).code == "web.number"
    answer = registrar.post(
        f"{page}/invite", {"addresses": "https://10.1.1.5:8443", "days": "30", "role": "window"}, page=page
    )
    raw = registrar.get(f"{answer.path}/file").body
    invite = decode_invite(raw)
    assert invite.station == "990121001202-00" and invite.addresses == ("https://10.1.1.5:8443",)
    code = answer.text.split("<textarea")[1].split(">", 1)[1].split("</textarea>")[0]
    assert invite_of_code(code) == raw and invite.ledger_id.hex()[:8] in answer.text
    assert Visitor(site.address).get(f"{answer.path}/file").path == "/sign-in"
    request = encode_join(raw, tls_key_pem=new_key(os.urandom), services=(), staff=())
    taken = registrar.post("/joins", {}, files=[("request", "join.request", request)])
    assert "/joins/answer/" in taken.text
    assert registrar.post("/joins", {}, files=[("request", "x", b"nonsense")]).code != ""
    assert registrar.post("/joins", {}).code == "web.no_file"
    assert registrar.post(f"{page}/close", {"sure": "1"}, page=page).path == "/stations"
    assert (
        registrar.post(f"/stations/{TOWNSHIP}/close", {}, page=f"/stations/{TOWNSHIP}").code
        == "web.tick_first"
    )
    below = registrar.post(f"/stations/{TOWNSHIP}/close", {"sure": "1"}, page=f"/stations/{TOWNSHIP}")
    assert below.code == "registry.station_has_subordinates"


def test_a_key_file_is_brought_by_its_owner_alone(site: Serving, tmp_path: Path) -> None:
    local = Visitor(site.address)
    envelope = (site.home.keys_dir / "H001.key").read_bytes()
    assert (
        local.post("/my-key/bring", {}, files=[("key_file", "x.key", envelope)], page="/my-key").path
        == "/sign-in"
    )
    assert len(list(site.home.keys_dir.glob("H001*.key"))) == 1
    stranger = (site.home.path / "roots" / "root-1.key").read_bytes()
    assert (
        local.post("/my-key/bring", {}, files=[("key_file", "x.key", stranger)], page="/my-key").code
        == "web.key_stranger"
    )
    garbage = local.post("/my-key/bring", {}, files=[("key_file", "x.key", b"junk")], page="/my-key")
    assert garbage.status >= 400 and garbage.code.startswith("key.")
    assert (
        local.post("/my-key", {"no": "../x", "passphrase": PASSPHRASE, "again": PASSPHRASE}).code
        == "staff.number"
    )


def test_lists_as_excel_hold_text_alone(registrar: Visitor) -> None:
    for path in (
        "/people?format=xlsx",
        "/stations?format=xlsx",
        "/catalogue?format=xlsx",
        "/leaver?no=V001&format=xlsx",
    ):
        answer = registrar.get(path)
        assert answer.status == 200 and answer.body[:2] == b"PK", path


def test_a_station_with_open_cases_is_closed_only_when_it_is_said_twice(
    site: Serving, registrar: Visitor
) -> None:
    clerk = Visitor(site.address)
    clerk.sign_in("V001")
    slip = clerk.post("/receive/990101400014", {"applicant.name": "留守件"})
    number = re.findall(r"990121001201-00-\d{6}-\w{4}-\d{4}-\w", slip.text)[0]
    page = f"/stations/{VILLAGE}"
    shown = registrar.get(page).text
    assert number in shown and "还有 1 件在办" in shown
    refused = registrar.post(f"{page}/close", {"sure": "1"}, page=page)
    assert refused.code == "station.holds_cases" and number in refused.text
    assert _registry(site).station(StationId(VILLAGE)).is_open
    assert registrar.post(f"{page}/close", {"sure": "1", "anyway": "1"}, page=page).path == "/stations"
    assert not _registry(site).station(StationId(VILLAGE)).is_open
