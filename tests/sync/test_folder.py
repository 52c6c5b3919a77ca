"""What lies in the folder: an empty ledger, pinned genesis, keys and certificates after a power cut."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ledger.errors import BanjianError, StoreError
from ledger.facade import Home, Ledger
from ledger.facade.opened.founding import found_empty
from ledger.formats.genesis import decode_ledger_genesis
from ledger.platform import write_once
from stations.cli.counterday.demo import COUNTY, VILLAGE
from stations.config import load_config
from sync.certs.credentials import read_ca, read_own_leaf, repair_own
from sync.certs.pki import to_pem
from sync.joining.joinoffice import JoinOffice
from sync.joining.newcomer import begin, finish, resume
from tests.cli.conftest import Terminal
from tests.forked import ROOT
from tests.sync.conftest import folder_of
from tests.sync.post import Post, open_post

NEW_VILLAGE = "990121001305-00"


@pytest.fixture
def post(county: Terminal) -> Post:
    """The county's side, after a village was invited."""
    county.ok(
        "invite", "station", NEW_VILLAGE, "--address", "https://127.0.0.1:9",
        "--out", str(folder_of(county).parent / "invite"), "--as", "R001",
        "--name", "西门村", "--level", "village",
    )  # fmt: skip
    return open_post(folder_of(county))


def invite_of(post: Post) -> bytes:
    """Return the bytes of the invite."""
    return (post.home.path.parent / "invite").read_bytes()


def office_of(post: Post) -> JoinOffice:
    """Return the county's office."""
    return JoinOffice(
        post.home, ledger_id=post.ledger_id, registry=lambda: post.registry, clock=post.clock,
        randomness=os.urandom,
    )  # fmt: skip


def test_an_empty_ledger_knows_which_one_it_is_and_refuses_another_registry(post: Post, tmp_path: Path):
    genesis = decode_ledger_genesis(post.home.ledger_genesis() or b"")
    home = Home(tmp_path / "village")
    found_empty(home, genesis, randomness=os.urandom)
    with Ledger.open(home, write=True) as ledger:
        assert ledger.ledger_id == post.ledger_id and not ledger.logs() and ledger.worklist() == []
        assert ledger.knowledge.registry.size == 0
    # The county's own registry log fits; that of a county with another genesis does not.
    for path in (*post.home.path.glob("ledger.db*"), post.home.secrets_dir / "storage.key"):
        shutil.copy(path, home.path / path.relative_to(post.home.path))
    with Ledger.open(home, write=False) as ledger:
        assert ledger.knowledge.registry.size == post.registry.size
    other = bytearray(genesis.pack())
    other[-1] ^= 1
    home.write_ledger_genesis(bytes(other))
    with pytest.raises(StoreError) as caught:
        Ledger.open(home, write=False)
    assert caught.value.code == "ledger.other_registry"
    home.write_ledger_genesis(b"damaged")
    with pytest.raises(StoreError) as caught:
        Ledger.open(home, write=False)
    assert caught.value.code == "ledger.genesis_damaged"
    home.genesis_path.unlink()  # a folder founded before genesis was pinned
    with Ledger.open(home, write=False) as ledger:
        assert ledger.ledger_id == post.ledger_id


def test_the_auditor_says_that_an_empty_ledger_has_not_synced_yet(post: Post, tmp_path: Path):
    home = Home(tmp_path / "village")
    found_empty(home, decode_ledger_genesis(post.home.ledger_genesis() or b""), randomness=os.urandom)
    program = [sys.executable, "-c", "import sys; from audit.cli import main; sys.exit(main())"]
    answer = subprocess.run(
        [*program, "verify", str(home.path), "--json"],
        env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert answer.returncode == 0 and "还没有同步过" in answer.stdout, answer.stderr


def test_a_break_anywhere_only_means_doing_it_again(post: Post, tmp_path: Path):
    home, calls = Home(tmp_path / "village"), []

    def broken(folder: Path) -> None:
        calls.append(folder)
        raise StoreError("store.disk_full", file="banjian.toml")

    first = begin(home, invite_of(post), make_staff=lambda home, number: (), randomness=os.urandom)
    again = begin(home, invite_of(post), make_staff=lambda home, number: (), randomness=os.urandom)
    assert again.raw == first.raw == resume(home).raw
    answer = office_of(post).take(first.raw)
    with pytest.raises(StoreError):
        finish(again, answer, randomness=os.urandom, complete=broken)
    assert calls and not home.path.exists()
    (calls[0] / "ledger.db").write_bytes(b"half a store")
    finish(resume(home), answer, randomness=os.urandom, complete=lambda folder: None)
    with Ledger.open(home, write=True) as ledger:
        assert read_own_leaf(home, ledger.ledger_id).station == NEW_VILLAGE
    assert home.secret("tls-join.key") is None


def test_what_somebody_keeps_beside_is_never_removed(post: Post, tmp_path: Path):
    home = Home(tmp_path / "village")
    beside = tmp_path / "village.part"
    beside.mkdir()
    (beside / "letter.txt").write_text("mine")
    with pytest.raises(BanjianError) as caught:
        begin(home, invite_of(post), make_staff=lambda home, number: (), randomness=os.urandom)
    assert caught.value.code == "home.exists" and (beside / "letter.txt").read_text() == "mine"
    shutil.rmtree(beside)
    home.path.mkdir()
    (home.path / "letter.txt").write_text("mine")
    with pytest.raises(BanjianError) as caught:
        begin(home, invite_of(post), make_staff=lambda home, number: (), randomness=os.urandom)
    assert caught.value.code == "home.exists"


def test_a_folder_of_another_county_does_not_join(post: Post, county: Terminal):
    folder = folder_of(county).parent / "elsewhere"
    Terminal(clock=county.clock).ok("county", "create", str(folder), "--name", "别县", "--code", "990199")
    with pytest.raises(BanjianError) as caught:
        begin(Home(folder), invite_of(post), make_staff=lambda home, number: (), randomness=os.urandom)
    assert caught.value.code == "join.home_ledger"


def test_key_and_certificate_change_together_whatever_happens_between(post: Post, tmp_path: Path):
    post.caller(tmp_path, *post.leaf(VILLAGE))
    home = Home(tmp_path)
    key_pem, certificate = post.leaf(VILLAGE)
    home.write_secret("tls.next", to_pem(certificate) + key_pem)
    for step in range(2):  # cut before the first write, and between the two
        if step:
            home.write_secret("tls.key", key_pem)
            home.write_secret("tls.next", to_pem(certificate) + key_pem)
        repair_own(home)
        assert home.secret("tls.key") == key_pem and home.secret("tls.next") is None
        assert read_own_leaf(home, post.ledger_id).station == VILLAGE


def test_a_county_founded_without_ca_gets_one_with_its_first_invite(county: Terminal, tmp_path: Path):
    folder = folder_of(county)
    shutil.rmtree(folder / "tls")
    for name in ("ca.key", "tls.key"):
        (folder / "secrets" / name).unlink()
    words = ("invite", "station", VILLAGE, "--address", "https://127.0.0.1:9", "--out", str(tmp_path / "i"))
    made = county.ok(*words, "--as", "R001", "--json").json
    post = open_post(folder)
    assert post.ca.fingerprint.hex() == made["ca_fingerprint"]
    assert read_own_leaf(post.home, post.ledger_id).station == COUNTY
    assert county.ok(*words, "--as", "R001", "--json").json["ca_fingerprint"] == made["ca_fingerprint"]


def test_a_ca_whose_key_is_gone_is_never_replaced_silently(county: Terminal, tmp_path: Path):
    folder = folder_of(county)
    held = (folder / "secrets" / "ca.key").read_bytes()
    words = ("invite", "station", VILLAGE, "--address", "https://127.0.0.1:9", "--out", str(tmp_path / "i"))
    for wrong in (None, (folder / "secrets" / "tls.key").read_bytes(), b"junk"):
        (folder / "secrets" / "ca.key").unlink(missing_ok=True)
        if wrong is not None:
            (folder / "secrets" / "ca.key").write_bytes(wrong)
        refused = county.run(*words, "--as", "R001")
        assert refused.code == 2 and "[pki." in refused.err and not (tmp_path / "i").exists()
    (folder / "secrets" / "ca.key").write_bytes(held)
    county.ok(*words, "--as", "R001")


def test_bad_invites_are_refused_before_anything_is_written(county: Terminal, tmp_path: Path):
    out = str(tmp_path / "invite")
    size = county.ok("registry", "show", "--json").json["registry_size"]
    new = ("invite", "station", NEW_VILLAGE, "--out", out, "--as", "R001")
    known = ("invite", "station", VILLAGE, "--out", out)
    for words, code in (
        ((*new, "--address", "https://a:1"), "invite.station_new"),
        ((*new, "--address", "http://a:1", "--name", "甲", "--level", "village"), "invite.address"),
        ((*new, "--address", "https://甲:1", "--name", "甲", "--level", "village"), "invite.address"),
        ((*known, "--address", "https://a:1", "--as", "V001"), "registry.not_registrar"),
    ):
        refused = county.run(*words)
        assert refused.code != 0 and f"[{code}" in refused.err, refused.err
        assert not Path(out).exists()
    assert county.ok("registry", "show", "--json").json["registry_size"] == size


def test_a_training_ledger_invites_nobody(tmp_path: Path):
    folder = tmp_path / "training"
    terminal = Terminal(folder=folder)
    terminal.ok("county", "create", str(folder), "--name", "演练县", "--code", "990121", "--training")
    refused = terminal.run(
        "invite", "station", VILLAGE, "--address", "https://a:1", "--out", str(tmp_path / "i"),
        "--as", "R001", "--name", "甲", "--level", "village",
    )  # fmt: skip
    assert refused.code == 2 and "[join.training]" in refused.err
    for upstream in ("", 'upstream = ["https://a:1"]\n'):
        with (folder / "banjian.toml").open("a", encoding="utf-8") as settings:
            settings.write(upstream)
        refused = terminal.run("sync", "now")
        assert refused.code == 2 and "[ledger.training]" in refused.err
        assert [one["code"] for one in terminal.ok("sync", "status", "--json").json["why"]] == [
            "ledger.training"
        ]


def test_the_addresses_of_the_upstream_are_a_list_of_https(tmp_path: Path):
    (tmp_path / "banjian.toml").write_text('upstream = ["https://a:1", "https://b:2"]\n', encoding="utf-8")
    assert load_config(tmp_path).upstream == ("https://a:1", "https://b:2")
    for text in ('upstream = "https://a:1"', 'upstream = ["http://a:1"]', "upstream = [1]"):
        (tmp_path / "banjian.toml").write_text(text + "\n", encoding="utf-8")
        with pytest.raises(BanjianError) as caught:
            load_config(tmp_path)
        assert caught.value.code == "config.value"


def test_of_many_who_write_once_one_succeeds(tmp_path: Path):
    path = tmp_path / "token"

    def attempt(number: int) -> bool:
        return write_once(path, bytes([number]))

    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(attempt, range(64)))
    assert won.count(True) == 1 and path.read_bytes() == bytes([won.index(True)])
    assert [item.name for item in tmp_path.iterdir()] == ["token"]
    with pytest.raises(StoreError):
        write_once(tmp_path / "nowhere" / "token", b"x")


def test_a_used_record_that_cannot_be_read_bars_the_token(post: Post, tmp_path: Path):
    first = begin(
        Home(tmp_path / "a"), invite_of(post), make_staff=lambda home, number: (), randomness=os.urandom
    )
    office_of(post).take(first.raw)
    (used,) = post.home.joins_dir.glob("*.used")
    used.write_bytes(b"")
    with pytest.raises(BanjianError) as caught:
        office_of(post).take(first.raw)
    assert caught.value.code == "join.used"
    assert read_ca(post.home, post.ledger_id).fingerprint == post.ca.fingerprint
