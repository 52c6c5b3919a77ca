"""Joining with real processes: online, through a township, by stick; lost answers, used invites."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from ledger.facade import Home, Ledger
from ledger.types import LedgerId
from stations.cli.counterday.demo import TOWNSHIP
from stations.config import load_config
from sync.certs.credentials import CountyCa, read_ca, read_own_leaf
from sync.certs.pki import check_issued, issue_leaf, new_ca, new_csr
from sync.certs.tlskeys import new_key
from sync.joining.joinforms import JoinAnswer, decode_answer
from tests.cli.conftest import Terminal
from tests.sync.conftest import Serve, banjian, folder_of

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the test server is ended by a signal")
NEW_VILLAGE = "990121001305-00"
KIOSK = "990121001305-K1"


def invite(county: Terminal, station: str, *words: str, address: str = "https://127.0.0.1:9") -> Path:
    """Let the registrar write an invite and return its file."""
    file = folder_of(county).parent / f"{station}.invite"
    county.ok("invite", "station", station, "--address", address, "--out", str(file), "--as", "R001", *words)
    return file


def new_station(name: str = "西门村便民服务站", level: str = "village") -> tuple[str, ...]:
    """Return the options that enrol a station with its invite."""
    return ("--name", name, "--level", level, "--upstream", TOWNSHIP)


def write_request(file: Path, target: Path, request: Path) -> None:
    """Begin a join whose request goes into a file."""
    words = ("join", str(file), str(target), "--yes", "--request-out", str(request))
    assert banjian(target, *words).returncode == 0


def test_a_village_joins_online_and_its_keys_wait_for_the_registrar(
    county: Terminal, serve: Serve, tmp_path: Path
):
    address = serve(folder_of(county))
    file = invite(county, NEW_VILLAGE, *new_station(), address=address)
    target = tmp_path / "village"
    unsure = banjian(target, "join", str(file), str(target))
    assert unsure.returncode == 2 and "[join.confirm]" in unsure.stderr and not target.exists()
    wrong = banjian(target, "join", str(file), str(target), "--ledger-id", "0" * 64)
    assert wrong.returncode == 1 and "[join.ledger_id]" in wrong.stderr
    number = county.ok("registry", "show", "--json").json["ledger_id"]
    joined = banjian(
        target, "join", str(file), str(target), "--ledger-id", number, "--staff", "W305=西门甲", "--json"
    )
    assert joined.returncode == 0, joined.stderr
    assert json.loads(joined.stdout)["joined"] and json.loads(joined.stdout)["ledger_id"] == number
    assert not target.with_name("village.part").exists()
    config = load_config(target)
    assert (config.station, config.upstream) == (NEW_VILLAGE, (address,))
    with Ledger.open(target, write=False) as ledger:
        assert ledger.ledger_id.hex() == number and ledger.logs() == []
        leaf = read_own_leaf(Home(target), ledger.ledger_id)
    assert leaf.station == NEW_VILLAGE
    waiting = county.ok("join", "list", "--json").lines
    assert [(one["kind"], one["label"], one["enrolled"]) for one in waiting] == [
        ("service", "bundle", False), ("service", "receipt", False), ("staff", "W305", False),
    ]  # fmt: skip
    approved = county.ok("join", "approve", NEW_VILLAGE, "--as", "R001", "--json").lines
    assert all(one["enrolled"] for one in approved)
    assert [one["state"] for one in county.ok("join", "list", "--json").lines] == ["approved"]
    status = banjian(target, "join", "status", "--dir", str(target))
    assert status.returncode == 0 and "没有被拒绝" in status.stdout
    with Ledger.open(folder_of(county), write=False) as ledger:
        registry = ledger.knowledge.registry
        assert len(registry.service_keys(NEW_VILLAGE, "receipt")) == 1
        assert len(registry.service_keys(NEW_VILLAGE, "bundle")) == 1
        person = registry.staff("W305")
        assert person is not None and person.name == "西门甲"
        assert person.roles_at(NEW_VILLAGE) == {"window"}
    size = county.ok("registry", "show", "--json").json["registry_size"]
    assert county.run("join", "approve", "--all", "--as", "R001").code == 0
    assert county.ok("registry", "show", "--json").json["registry_size"] == size
    again = banjian(target, "join", str(file), str(target), "--yes")
    assert again.returncode == 2 and "[join.done]" in again.stderr


def test_an_empty_ledger_answers_its_commands(county: Terminal, serve: Serve, tmp_path: Path):
    file = invite(county, NEW_VILLAGE, *new_station(), address=serve(folder_of(county)))
    target = tmp_path / "village"
    assert banjian(target, "join", str(file), str(target), "--yes").returncode == 0
    village = Terminal(folder=target)
    # Nobody has written lists here, with whatever program.
    for words in (("worklist",), ("station", "list"), ("registry", "show"), ("sync", "status")):
        assert "另一版本" not in village.ok(*words).err
    looked = village.run("doctor")
    assert looked.code in (0, 1) and "另一版本" not in looked.out
    refused = village.run("receive", "城乡居民医保参保登记", "--name", "甲", "--materials", "all")
    assert refused.code != 0 and "internal" not in refused.err


def test_a_village_joins_through_the_township_alone(county: Terminal, serve: Serve, tmp_path: Path):
    """The township joins at the county; the village reaches the township only."""
    office = serve(folder_of(county))
    township = tmp_path / "township" / "ledger"
    township.parent.mkdir()
    file = invite(county, TOWNSHIP, address=office)
    joined = banjian(township, "join", str(file), str(township), "--yes")
    assert joined.returncode == 0, joined.stderr
    give_registry(folder_of(county), township)
    relay = serve(township, office)
    file = invite(county, NEW_VILLAGE, *new_station(), address=relay)
    give_registry(folder_of(county), township)
    target = tmp_path / "village"
    passed = banjian(target, "join", str(file), str(target), "--yes", "--json")
    assert passed.returncode == 0, passed.stderr
    assert load_config(target).upstream == (relay,)
    assert {one["station"] for one in county.ok("join", "list", "--json").lines} == {TOWNSHIP, NEW_VILLAGE}


def give_registry(county: Path, township: Path) -> None:
    """Stand in for the first sync: the township holds the county's database and can open its names."""
    for path in (*county.glob("ledger.db*"), county / "secrets" / "storage.key"):
        shutil.copy(path, township / path.relative_to(county))


def test_a_station_joins_by_stick(county: Terminal, tmp_path: Path):
    file = invite(county, KIOSK, "--name", "西门村自助终端", "--level", "kiosk", "--upstream", TOWNSHIP)
    stick, target = tmp_path / "stick", tmp_path / "kiosk"
    stick.mkdir()
    request, answer = str(stick / "request"), str(stick / "answer")
    made = banjian(target, "join", str(file), str(target), "--yes", "--request-out", request)
    assert made.returncode == 0, made.stderr
    assert not target.exists() and Home(tmp_path / "kiosk.part").service_seed(KIOSK, "kiosk") is not None
    early = banjian(target, "join", "finish", request, str(target))
    assert early.returncode == 1 and "[join." in early.stderr
    county.ok("join", "take", request, "--answer-out", answer)
    first = (stick / "answer").read_bytes()
    county.ok("join", "take", request, "--answer-out", answer)  # the stick was lost: the same request again
    assert (stick / "answer").read_bytes() != first
    done = banjian(target, "join", "finish", answer, str(target), "--json")
    assert done.returncode == 0 and json.loads(done.stdout)["joined"], done.stderr
    county.ok("join", "approve", "--all", "--as", "R001")
    with Ledger.open(folder_of(county), write=False) as ledger:
        (key,) = ledger.knowledge.registry.service_keys(KIOSK, "kiosk")
        assert key.roles_at(KIOSK) == {"kiosk"}
    assert banjian(target, "join", "finish", answer, str(target)).returncode == 2


def of_another_ca(answer: JoinAnswer, _: CountyCa) -> JoinAnswer:
    """Return the same for the same key, all of it by somebody else who calls himself this county's CA."""
    key_pem, dice = new_key(os.urandom), os.urandom
    now_ms = 1_772_416_800_000
    ca = new_ca(key_pem, county_name="溪山县", ledger_id=answer.ledger_id, now_ms=now_ms, randomness=dice)
    leaf = x509.load_der_x509_certificate(answer.certificate)
    issuer = load_pem_private_key(key_pem, None)
    assert isinstance(issuer, EllipticCurvePrivateKey)
    made = x509.CertificateBuilder(
        x509.load_der_x509_certificate(ca).subject, leaf.subject, leaf.public_key(), leaf.serial_number,
        leaf.not_valid_before_utc, leaf.not_valid_after_utc, list(leaf.extensions),
    ).sign(issuer, SHA256())  # fmt: skip
    certificate = made.public_bytes(Encoding.DER)
    check_issued(certificate, ca_certificate=ca)
    return replace(answer, certificate=certificate, ca_certificate=ca)


def of_another_key(answer: JoinAnswer, ca: CountyCa) -> JoinAnswer:
    """Return the same with the county's certificate of a key that the station does not have."""
    certificate = issue_leaf(
        new_csr(new_key(os.urandom), answer.station), station=answer.station, ledger_id=answer.ledger_id,
        ca_key_pem=ca.key_pem, ca_certificate=ca.certificate, now_ms=1_772_416_800_000, randomness=os.urandom,
    )  # fmt: skip
    return replace(answer, certificate=certificate)


FORGED: dict[str, tuple[str, Callable[[JoinAnswer, CountyCa], JoinAnswer]]] = {
    "another CA": ("join.other_ca", of_another_ca),
    "another key": ("join.answer", of_another_key),
    "another request": ("join.answer", lambda one, _: replace(one, request_id=bytes(32))),
    "another county": ("join.answer", lambda one, _: replace(one, ledger_id=LedgerId(bytes(32)))),
}


@pytest.mark.parametrize("name", FORGED)
def test_an_answer_that_is_not_the_countys_to_this_request_is_refused(
    county: Terminal, tmp_path: Path, name: str
) -> None:
    file = invite(county, NEW_VILLAGE, *new_station())
    request, answer, target = tmp_path / "request", tmp_path / "answer", tmp_path / "village"
    village = Terminal(clock=county.clock)
    village.ok("join", str(file), str(target), "--yes", "--request-out", str(request))
    county.ok("join", "take", str(request), "--answer-out", str(answer))
    code, forge = FORGED[name]
    forged = tmp_path / "forged"
    found = decode_answer(answer.read_bytes())
    forged.write_bytes(forge(found, read_ca(Home(folder_of(county)), found.ledger_id)).pack())
    done = village.run("join", "finish", str(forged), str(target))
    assert done.code == 1 and f"[{code}]" in done.err, done.err
    assert not target.exists()
    village.ok("join", "finish", str(answer), str(target))


def test_an_invite_is_good_for_one_machine(county: Terminal, serve: Serve, tmp_path: Path):
    file = invite(county, NEW_VILLAGE, *new_station(), address=serve(folder_of(county)))
    first, second = tmp_path / "first", tmp_path / "second"
    assert banjian(first, "join", str(file), str(first), "--yes").returncode == 0
    refused = banjian(second, "join", str(file), str(second), "--yes")
    assert refused.returncode == 1 and "[join.token_used]" in refused.stderr
    assert not second.exists()


def test_a_lost_answer_is_asked_for_again(county: Terminal, tmp_path: Path, serve: Serve):
    """The county has used the invite up, the newcomer never heard: the same command goes on."""
    file = invite(county, NEW_VILLAGE, *new_station(), address=serve(folder_of(county)))
    target = tmp_path / "village"
    request = tmp_path / "request"
    assert (
        banjian(target, "join", str(file), str(target), "--yes", "--request-out", str(request)).returncode
        == 0
    )
    county.ok("join", "take", str(request), "--answer-out", str(tmp_path / "lost"))
    done = banjian(target, "join", str(file), str(target), "--yes")
    assert done.returncode == 0, done.stderr


def test_a_restored_folder_joins_again_and_keeps_its_ledger(county: Terminal, serve: Serve, tmp_path: Path):
    address = serve(folder_of(county))
    file = invite(county, NEW_VILLAGE, *new_station(), address=address)
    target = tmp_path / "village"
    assert banjian(target, "join", str(file), str(target), "--yes").returncode == 0
    number = (target / "secrets" / "storage.key").read_bytes()
    saved = banjian(target, "backup", "--dir", str(target), "--to", str(tmp_path / "backups"))
    assert saved.returncode == 0, saved.stderr
    (copy,) = (tmp_path / "backups").glob("banjian-*")
    held = {path.name for path in copy.rglob("*") if path.is_file()}
    assert held == {"ledger.db", "banjian.toml", "ledger.genesis", "ca.pem", "RESTORED"}
    restored = tmp_path / "restored"
    shutil.copytree(copy, restored)
    (restored / "secrets").mkdir()
    (restored / "secrets" / "storage.key").write_bytes(number)
    used = banjian(restored, "join", str(file), str(restored), "--yes")
    assert used.returncode == 1 and "[join.token_used]" in used.stderr
    file = invite(county, NEW_VILLAGE, address=address)
    again = banjian(restored, "join", str(file), str(restored), "--yes", "--json")
    assert again.returncode == 0 and json.loads(again.stdout)["again"], again.stderr
    assert (restored / "secrets" / "storage.key").read_bytes() == number
    with Ledger.open(restored, write=True) as ledger:
        leaf = read_own_leaf(Home(restored), ledger.ledger_id)
        before = read_own_leaf(Home(target), ledger.ledger_id)
    assert leaf.station == NEW_VILLAGE and leaf.public_key != before.public_key
    assert not (restored / "joining").exists()


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--days", "1"), "invite.expired"),
        (("closed",), "join.station"),
        (("dismissed",), "join.registrar"),
    ],
)
def test_the_county_refuses(county: Terminal, tmp_path: Path, words: tuple[str, ...], code: str):
    options = words if words[0].startswith("--") else ()
    file = invite(county, NEW_VILLAGE, *new_station(), *options)
    request, answer = tmp_path / "request", tmp_path / "answer"
    target = tmp_path / "village"
    assert (
        banjian(target, "join", str(file), str(target), "--yes", "--request-out", str(request)).returncode
        == 0
    )
    if code == "invite.expired":
        county.clock.set("2026-03-06 09:00")
    elif code == "join.station":
        county.ok("station", "close", NEW_VILLAGE, "--as", "R001")
    else:
        roots = folder_of(county) / "roots"
        county.ok("registry", "dismiss", "R001", "--reason", "retired", "--key", str(roots / "root-1.key"))
        county.ok("registry", "countersign", "--key", str(roots / "root-2.key"))
    refused = county.run("join", "take", str(request), "--answer-out", str(answer))
    assert refused.code == 1 and f"[{code}]" in refused.err, refused.err
    assert not answer.exists()
    # That the invite was written is known; nobody has used it.
    assert [path.suffix for path in (folder_of(county) / "joins").iterdir()] == [".invited"]
