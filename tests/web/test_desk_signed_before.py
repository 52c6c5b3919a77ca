"""A form of the county's desk that was signed when the power went is not signed again after the restart."""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from ledger.errors import StoreError
from ledger.facade import Performed
from ledger.facade.cases.writing import Writer
from ledger.formats.envelope import seal_key
from ledger.formats.keys import Ed25519Signer, prove_possession
from stations.keyrequest import KeyRequest, encode_request
from stations.web.oncewords import OnceWords, Spent
from stations.web.typed import is_stored
from tests.facade.counter import COUNTY, TOWNSHIP, VILLAGE, Dice, FakeClock, found_county
from tests.quickkeys import QUICK
from tests.web.counterdesk import PASSPHRASE, Counter, Fields, keys, serving

PERSON: Fields = {
    "no": "V8", "name": "新来的", "station": VILLAGE, "role": ["window", "head"], "key": "here",
    "passphrase": PASSPHRASE, "again": PASSPHRASE,
}  # fmt: skip
STATION = {
    "station": "990121001777-00", "name": "北门村", "level": "village", "upstream": TOWNSHIP,
    "code_system": "statistics",
}  # fmt: skip
NEW_KEY = {"key": "here", "passphrase": PASSPHRASE, "again": PASSPHRASE}
GIVEN = {"reason": "forgotten", "days": "7", "passphrase": PASSPHRASE, "again": PASSPHRASE}
FORMS: Mapping[str, tuple[str, Fields]] = {
    "enrol": ("/enrol", PERSON),
    "role": ("/people/V1/grant", {"role": "supervisor", "scope": VILLAGE}),
    "end": ("/people/V1/end", {"role": "window", "scope": VILLAGE}),
    "new key": ("/people/V1/key", NEW_KEY),
    "retire": ("/people/V1/retire", {"reason": "retired", "sure": "1"}),
    "station": ("/stations/new", STATION),
    "given": ("/new-keys/C1", GIVEN),
    "close": (f"/stations/{VILLAGE}/close", {"sure": "1", "anyway": "1"}),
}


@contextmanager
def county(folder: Path) -> Iterator[Counter]:
    clock = FakeClock()
    found_county(folder, clock)
    keys(folder)
    seed = hashlib.sha256(b"registrar").digest()
    envelope = seal_key(seed, PASSPHRASE, salt=bytes(16), nonce=bytes(12), label="R1", params=QUICK)
    (folder / "keys" / "R1.key").write_bytes(envelope)
    with serving(folder, clock=clock) as counter:
        yield counter


def kept_at_the_end(counter: Counter, copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a copy be what the disk holds when the power goes: the act is stored, its answer is not."""
    spend, before = OnceWords.spend, size(counter)

    def spend_late(words: OnceWords, staff_no: str, once: str, spent: Spent) -> None:
        if size(counter) > before and not copy.exists():
            shutil.copytree(counter.folder, copy, ignore=shutil.ignore_patterns("*.sock"))
        spend(words, staff_no, once, spent)

    monkeypatch.setattr(OnceWords, "spend", spend_late)


def size(counter: Counter) -> int:
    """Return how many acts are held."""
    with counter.ledger() as ledger:
        return sum(log.size for log in ledger.logs())


@pytest.mark.parametrize("name", FORMS)
def test_a_form_that_was_signed_when_the_power_went_is_asked_about(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    folder, copy = tmp_path / "county", tmp_path / "copy"
    path, fields = FORMS[name]
    who = "C3" if name == "given" else "R1"
    sent = {**fields, "once": "0123456789abcdef"}
    with county(folder) as counter:
        before = size(counter)
        with monkeypatch.context() as patched:
            kept_at_the_end(counter, copy, patched)
            desk = counter.desk(who)
            assert desk.send(path, sent).status == 303
            # While the program runs the same form gets the same answer.
            assert desk.send(path, sent).status == 303
        signed = size(counter)
        assert signed > before
    with serving(copy, clock=counter.clock) as counter:
        assert size(counter) == signed
        desk = counter.desk(who)
        answer = desk.send(path, sent)
        assert answer.status == 303 and size(counter) == signed, answer.text
        assert "没有再办第二次" in desk.get(answer.headers["Location"]).text
        assert len(list((copy / "keys").iterdir())) == len(list((folder / "keys").iterdir()))


def test_another_form_under_the_word_is_asked_about(tmp_path: Path) -> None:
    """ "Back" in a browser: nobody is told that somebody else was enrolled, who was not."""
    with county(tmp_path / "county") as counter:
        desk, role = counter.desk("R1"), {"role": "supervisor", "scope": VILLAGE, "once": "0123456789abcdef"}
        assert desk.send("/people/V1/grant", role).status == 303
        signed = size(counter)
        for path, fields in (
            ("/people/V1/grant", {**role, "role": "head"}),
            ("/people/T1/grant", role),
            ("/people/V1/end", role),
        ):
            assert desk.send(path, fields).code == "web.form_signed" and size(counter) == signed
        assert desk.send("/people/V1/grant", role).status == 303 and size(counter) == signed


def test_another_file_under_the_word_is_asked_about(tmp_path: Path) -> None:
    """The wrong request was chosen: nobody is told that the key of the right one was enrolled."""
    with county(tmp_path / "county") as counter:
        desk, fields = counter.desk("R1"), {"key": "request", "once": "0123456789abcdef"}
        wrong, right = ({"request": ("V1.request", request(counter))} for _ in range(2))
        assert desk.send("/people/V1/key", fields, wrong).status == 303
        signed = size(counter)
        assert desk.send("/people/V1/key", fields, right).code == "web.form_signed"
        again = desk.send("/people/V1/key", fields, wrong)
        assert again.status == 303 and size(counter) == signed


def request(counter: Counter) -> bytes:
    """Return the request for a new key of V1, as a file."""
    signer = Ed25519Signer.from_seed(os.urandom(32))
    with counter.ledger() as ledger:
        number = ledger.ledger_id
    made = KeyRequest(
        staff_no="V1", ledger_id=number, public_key=signer.public_key,
        possession=prove_possession(signer, number),
    )  # fmt: skip
    return encode_request(made).encode()


def test_the_opening_of_a_log_is_not_what_was_to_be_signed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The power went between the log that acting opens and the key that was to be given."""
    folder, copy = tmp_path / "county", tmp_path / "copy"
    sent = {**GIVEN, "once": "0123456789abcdef"}
    with county(folder) as counter, counter.ledger() as ledger:
        clock = counter.clock
        (log,) = (one for one in ledger.logs() if one.kind == "station" and one.station == COUNTY)
        sentinel = ledger.home.sentinel_path(log.log_id)
    sentinel.unlink()
    append = Writer.append_county_act

    def cut(*args: Any) -> Performed:
        shutil.copytree(folder, copy, ignore=shutil.ignore_patterns("*.sock"))
        return append(*args)

    with serving(folder, clock=clock) as counter:
        before = size(counter)
        with monkeypatch.context() as patched:
            patched.setattr(Writer, "append_county_act", cut)
            assert counter.desk("C3").send("/new-keys/C1", sent).status == 303
        assert size(counter) == before + 2
    with serving(copy, clock=clock) as counter:
        assert size(counter) == before + 1
        answer = counter.desk("C3").send("/new-keys/C1", sent)
        assert answer.status == 303 and size(counter) == before + 2


def test_a_log_that_was_to_be_opened_is_not_opened_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, copy = tmp_path / "county", tmp_path / "copy"
    sent = {"sure": "1", "once": "0123456789abcdef"}
    with county(folder) as counter, counter.ledger() as ledger:
        clock = counter.clock
        (log,) = (one for one in ledger.logs() if one.kind == "catalogue")
        sentinel = ledger.home.sentinel_path(log.log_id)
    sentinel.unlink()
    with serving(folder, clock=clock) as counter:
        with monkeypatch.context() as patched:
            kept_at_the_end(counter, copy, patched)
            assert counter.desk("R1").send("/reopen/catalogue", sent).status == 303
        signed = size(counter)
    with serving(copy, clock=clock) as counter:
        desk = counter.desk("R1")
        answer = desk.send("/reopen/catalogue", sent)
        assert answer.status == 303 and size(counter) == signed
        assert "没有再办第二次" in desk.get(answer.headers["Location"]).text


def test_another_passphrase_under_the_word_is_told(tmp_path: Path) -> None:
    """Whoever typed it would think that the key opens with it."""
    with county(tmp_path / "county") as counter:
        desk, sent = counter.desk("R1"), {**PERSON, "once": "0123456789abcdef"}
        assert desk.send("/enrol", sent).status == 303
        signed, other = size(counter), "another passphrase of hers"
        answer = desk.send("/enrol", {**sent, "passphrase": other, "again": other})
        assert answer.status == 303 and size(counter) == signed
        assert "没有再办第二次" in desk.get(answer.headers["Location"]).text


def test_what_was_not_stored_may_be_sent_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The power went, or the disk was full, between the note and the act."""

    def full(*_: object, **__: object) -> None:
        raise StoreError("store.disk_full", file="ledger.db")

    folder, role = tmp_path / "county", {"role": "supervisor", "scope": VILLAGE, "once": "0123456789abcdef"}
    with county(folder) as counter:
        before = size(counter)
        with monkeypatch.context() as patched:
            patched.setattr(Writer, "_write", full)
            assert counter.desk("R1").send("/people/V1/grant", role).code == "store.disk_full"
        assert list((folder / "signed").iterdir()) and size(counter) == before
        clock = counter.clock
    with serving(folder, clock=clock) as counter:
        assert counter.desk("R1").send("/people/V1/grant", role).status == 303
        assert size(counter) == before + 1


def test_what_cannot_be_noted_is_not_signed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise StoreError("store.disk_full", file="signed")

    with county(tmp_path / "county") as counter:
        desk, before = counter.desk("R1"), size(counter)
        role = {"role": "supervisor", "scope": VILLAGE, "once": "0123456789abcdef"}
        with monkeypatch.context() as patched:
            patched.setattr(OnceWords, "spend", full)
            assert desk.send("/people/V1/grant", role).code == "store.disk_full"
        assert size(counter) == before
        assert desk.send("/people/V1/grant", role).status == 303


def test_work_that_is_done_once_more_notes_the_act_that_it_stores(tmp_path: Path) -> None:
    """Another program was at the file: nothing was written, and another act is signed then."""
    folder, role = tmp_path / "county", {"role": "supervisor", "scope": VILLAGE, "once": "0123456789abcdef"}
    with county(folder) as counter:
        desk = counter.desk("R1")
        meddle(folder / "ledger.db")
        assert desk.send("/people/V1/grant", role).status == 303
        with counter.ledger() as ledger:
            spent = OnceWords(ledger.home, Dice("words")).spent("R1", role["once"])
            assert spent is not None and is_stored(ledger, spent)


def meddle(path: Path) -> None:
    with closing(sqlite3.connect(path)) as shell:
        shell.execute("PRAGMA wal_checkpoint(TRUNCATE)")
