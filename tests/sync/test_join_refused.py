"""A registrar refuses a join: the reason reaches who asked, and its certificate opens no door."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from ledger.errors import BanjianError
from ledger.facade import Home, Ledger
from ledger.formats.keys import Ed25519Signer
from stations.cli.counterday.demo import TOWNSHIP
from sync.joining.joinforms import decode_request
from sync.joining.newcomer import REQUEST_NAME
from sync.joining.rejection import REASON_CHARS_MAX, decode_rejection, encode_rejection
from tests.cli.conftest import Terminal
from tests.sync.conftest import Serve, banjian, folder_of
from tests.sync.post import ask, code_of, listening, open_post
from tests.sync.test_join import NEW_VILLAGE, give_registry, invite, new_station
from tests.sync.test_join_after_end import put_back

REASON = "电话里核对的密钥编号不一致"


def joined(county: Terminal, target: Path, address: str) -> None:
    """Let a village join online; its keys wait."""
    file = invite(county, NEW_VILLAGE, *new_station(), address=address)
    done = banjian(target, "join", str(file), str(target), "--yes", "--staff", "W305=西门甲")
    assert done.returncode == 0, done.stderr


def reject(county: Terminal, *words: str, reason: str = REASON, by: str = "R001"):  # type: ignore[no-untyped-def]
    return county.run("join", "reject", NEW_VILLAGE, "--reason", reason, "--as", by, *words)


@pytest.mark.skipif(sys.platform == "win32", reason="the test server is ended by a signal")
def test_the_reason_reaches_the_station_through_its_township(
    county: Terminal, serve: Serve, tmp_path: Path
) -> None:
    office = serve(folder_of(county))
    township = tmp_path / "township" / "ledger"
    township.parent.mkdir()
    file = invite(county, TOWNSHIP, address=office)
    assert banjian(township, "join", str(file), str(township), "--yes").returncode == 0
    file = invite(county, NEW_VILLAGE, *new_station())
    give_registry(folder_of(county), township)
    target = tmp_path / "village"
    joined(county, target, serve(township, office))
    waiting = banjian(target, "join", "status", "--dir", str(target), "--json")
    assert json.loads(waiting.stdout)["state"] == "pending", waiting.stderr
    done = reject(county, "--json")
    assert done.code == 0 and json.loads(done.out)["state"] == "rejected", done.err
    for lang, words in (("zh", f"登记员 R001 拒绝：{REASON}"), ("en", "Registrar R001 refused")):
        told = Terminal(folder=target).run("join", "status", lang=lang)
        assert told.code == 1 and "[join.rejected]" in told.err
        assert words in told.err and REASON in told.err and "banjian join" in told.err
    listed = county.ok("join", "list", "--json").lines
    mine = [one for one in listed if one["station"] == NEW_VILLAGE]
    assert [(one["state"], one["reason"], one["by"]) for one in mine] == [("rejected", REASON, "R001")]
    assert REASON in county.ok("join", "list").out
    left = {path.name for path in (folder_of(county) / "joins").glob("*.request")}
    assert not any(mine[0]["request"] in name for name in left)
    again = county.run("join", "approve", NEW_VILLAGE, "--as", "R001")
    assert again.code == 2 and "[join.choose]" in again.err
    file = invite(county, NEW_VILLAGE, address=office)
    anew = banjian(target, "join", str(file), str(target), "--yes", "--json")
    assert anew.returncode == 0 and json.loads(anew.stdout)["again"], anew.stderr
    county.ok("join", "approve", NEW_VILLAGE, "--as", "R001")
    assert Terminal(folder=target).ok("join", "status", "--json").json["state"] == "pending"


def test_the_refusal_goes_back_by_stick(county: Terminal, tmp_path: Path) -> None:
    file = invite(county, NEW_VILLAGE, *new_station())
    request, answer, no = (str(tmp_path / name) for name in ("request", "answer", "no"))
    target = tmp_path / "village"
    village = Terminal(clock=county.clock)
    village.ok("join", str(file), str(target), "--yes", "--request-out", request)
    county.ok("join", "take", request, "--answer-out", answer)
    assert reject(county, "--answer-out", no).code == 0
    told = village.run("join", "finish", no, str(target))
    assert told.code == 1 and "[join.rejected]" in told.err and REASON in told.err
    refused = county.run("join", "take", request, "--answer-out", str(tmp_path / "second"))
    assert refused.code == 1 and "[join.rejected]" in refused.err and REASON in refused.err
    assert not (tmp_path / "second").exists()
    # The answer that left before the refusal: the station completes, and is told the same afterwards.
    village.ok("join", "finish", answer, str(target))
    late = village.run("join", "finish", no, str(target))
    assert late.code == 1 and "[join.rejected]" in late.err
    other = village.run("join", "finish", no, str(tmp_path / "elsewhere"))
    assert other.code == 2 and "[join.not_begun]" in other.err
    spoilt = bytearray(Path(no).read_bytes())
    spoilt[-1] ^= 1
    (tmp_path / "spoilt").write_bytes(spoilt)
    forged = village.run("join", "finish", str(tmp_path / "spoilt"), str(target))
    assert forged.code == 1 and "[join.signature]" in forged.err


def test_who_may_refuse_and_with_what_words(county: Terminal, tmp_path: Path) -> None:
    file = invite(county, NEW_VILLAGE, *new_station())
    request = str(tmp_path / "request")
    Terminal(clock=county.clock).ok(
        "join", str(file), str(tmp_path / "village"), "--yes", "--request-out", request
    )
    county.ok("join", "take", request, "--answer-out", str(tmp_path / "answer"))
    nobody = reject(county, by="C001")
    assert nobody.code == 1 and "[join.registrar]" in nobody.err
    for reason in ("  ", "一\n二", "长" * (REASON_CHARS_MAX + 1)):
        wordless = reject(county, reason=reason)
        assert wordless.code == 1 and "[join.reason]" in wordless.err
    assert county.ok("join", "list", "--json").lines[0]["state"] == "pending"
    county.ok("join", "approve", NEW_VILLAGE, "--as", "R001")
    late = reject(county)
    assert late.code == 2 and "[join.choose]" in late.err


def test_one_of_several_requests_of_a_station_is_refused_by_its_number(
    county: Terminal, tmp_path: Path
) -> None:
    """The machine that works there now asked as well: the station's name refused both for good."""
    for number, words in enumerate((new_station(), ())):
        file, request = invite(county, NEW_VILLAGE, *words), str(tmp_path / f"request-{number}")
        Terminal(clock=county.clock).ok(
            "join", str(file), str(tmp_path / f"village-{number}"), "--yes", "--request-out", request
        )
        county.ok("join", "take", request, "--answer-out", str(tmp_path / "answer"))
    waiting = sorted({str(one["request"]) for one in county.ok("join", "list", "--json").lines})
    both = reject(county)
    assert both.code == 2 and "[join.choose_one]" in both.err
    assert all(name[:12] in both.err for name in waiting)
    none = county.run("join", "reject", "", "--reason", REASON, "--as", "R001")
    assert none.code == 2 and "[join.choose]" in none.err
    assert {one["state"] for one in county.ok("join", "list", "--json").lines} == {"pending"}
    county.ok("join", "reject", waiting[0][:12], "--reason", REASON, "--as", "R001")
    states = {str(one["request"]): one["state"] for one in county.ok("join", "list", "--json").lines}
    assert states == {waiting[0]: "rejected", waiting[1]: "pending"}


async def test_its_certificate_is_neither_served_nor_renewed(county: Terminal, tmp_path: Path) -> None:
    """The certificate had left before the refusal; the county looks at the key behind it."""
    file = invite(county, NEW_VILLAGE, *new_station())
    request, answer = str(tmp_path / "request"), str(tmp_path / "answer")
    target = tmp_path / "village"
    village = Terminal(clock=county.clock)
    village.ok("join", str(file), str(target), "--yes", "--request-out", request)
    county.ok("join", "take", request, "--answer-out", answer)
    village.ok("join", "finish", answer, str(target))
    from sync.certs.credentials import calling_context, read_own_certificate
    from sync.certs.tlskeys import new_key
    from sync.joining.joinforms import encode_renewal

    post = open_post(folder_of(county))
    home = Home(target)
    context = calling_context(home, post.ledger_id)
    renewal = encode_renewal(
        ledger_id=post.ledger_id, certificate=read_own_certificate(home, post.ledger_id),
        old_key_pem=home.secret("tls.key") or b"", new_key_pem=new_key(lambda size: bytes(range(size))),
    )  # fmt: skip
    async with listening(post) as address:
        assert (await ask(address, context))[:2] == (200, NEW_VILLAGE.encode())
        assert reject(county).code == 0
        assert await code_of(address, context) == "join.rejected"
        assert await code_of(address, context, "/sync/1/certificate", body=renewal) == "join.rejected"
        # The township above may pass a renewal on; the refusal is known by the key in it.
        above = post.caller(tmp_path / "township", *post.leaf(TOWNSHIP))
        assert await code_of(address, above, "/sync/1/certificate", body=renewal) == "join.rejected"
        # The station itself is not closed: another machine may take its place.
        other = post.caller(tmp_path / "other", *post.leaf(NEW_VILLAGE))
        assert (await ask(address, other))[0] == 200


def test_a_county_that_was_put_back_refuses_it_still(county: Terminal, tmp_path: Path) -> None:
    file, request = invite(county, NEW_VILLAGE, *new_station()), tmp_path / "request"
    Terminal(clock=county.clock).ok(
        "join", str(file), str(tmp_path / "village"), "--yes", "--request-out", str(request)
    )
    county.ok("join", "take", str(request), "--answer-out", str(tmp_path / "answer"))
    assert reject(county).code == 0
    county.ok("backup", "--to", str(tmp_path / "kept"))
    put_back(county, tmp_path / "kept", tmp_path / "restored")
    restored = Terminal(folder=tmp_path / "restored", clock=county.clock)
    again = restored.run("join", "take", str(request), "--answer-out", str(tmp_path / "answer"))
    assert again.code == 1 and "[join.rejected]" in again.err and REASON in again.err


def test_a_refusal_that_cannot_be_read_hides_no_other(county: Terminal, tmp_path: Path) -> None:
    file = invite(county, NEW_VILLAGE, *new_station())
    request = tmp_path / "request"
    Terminal(clock=county.clock).ok(
        "join", str(file), str(tmp_path / "village"), "--yes", "--request-out", str(request)
    )
    county.ok("join", "take", str(request), "--answer-out", str(tmp_path / "answer"))
    assert reject(county).code == 0
    joins = folder_of(county) / "joins"
    (joins / f"{'0' * 32}.rejected").write_bytes(b"\x93nonsense")
    again = county.run("join", "take", str(request), "--answer-out", str(tmp_path / "answer"))
    assert again.code == 1 and "[join.rejected]" in again.err
    asked = decode_request(request.read_bytes())
    raw = encode_rejection(
        asked, Ed25519Signer.from_seed(bytes(32)), staff_no="R001", reason="理由", now_ms=5
    )
    assert decode_rejection(raw).reason == "理由"
    for place in range(len(raw)):
        spoilt = bytearray(raw)
        spoilt[place] ^= 1
        with pytest.raises(BanjianError):
            decode_rejection(bytes(spoilt))
    with Ledger.open(folder_of(county), write=False) as ledger:
        assert ledger.ledger_id == asked.invite.ledger_id
    assert not (tmp_path / "village" / REQUEST_NAME).exists()
