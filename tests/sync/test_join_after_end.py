"""What an invite is still good for once its station's certificates were ended, or its keys are settled."""

from __future__ import annotations

import os
from pathlib import Path
from shutil import copyfile, copytree

import pytest

from ledger.errors import AuthorityError
from ledger.facade import Home, Ledger
from ledger.formats.invite import decode_invite
from ledger.types import StationId
from stations.office.joindesk import join_office
from sync.certs.credentials import calling_context, read_own_leaf
from sync.certs.pki import read_leaf
from sync.certs.tls import joining_context
from sync.joining.issued import newest_invite_ms
from sync.joining.joinforms import decode_answer
from sync.joining.joinoffice import JoinOffice, check_in_force
from sync.joining.newcomer import finish
from sync.line.problem import decode_problem
from tests.cli.conftest import Terminal
from tests.sync.conftest import folder_of
from tests.sync.post import Post, ask, listening, open_post
from tests.sync.test_routes import COUNTY, NEW_VILLAGE, clock_at, invited, joined, newcomer, post, renewal_of

__all__ = ["invited", "post"]

AHEAD, NOW, SLOW = "2027-03-03 09:30", "2026-03-03 09:30", "2016-03-03 09:30"


def written(county: Terminal, name: str) -> bytes:
    """Let the registrar write one more invite for the village."""
    file = folder_of(county).parent / name
    words = ("--address", "https://127.0.0.1:9", "--out", str(file), "--as", "R001")
    county.ok("invite", "station", NEW_VILLAGE, *words)
    return file.read_bytes()


def put_back(county: Terminal, kept: Path, restored: Path) -> None:
    """Copy a backup to where it is to work on, with the keys out of the safe."""
    copytree(next(kept.glob("banjian-*")), restored)
    copyfile(kept / "case-keys.txt", restored / "case-keys.txt")
    (restored / "secrets").mkdir(mode=0o700)
    for name in ("storage.key", "ca.key"):
        copyfile(folder_of(county) / "secrets" / name, restored / "secrets" / name)


async def asked(post: Post, raw: bytes) -> str:
    """Send a request and return the code of the refusal; "" for an answer."""
    context = joining_context(post.ca.certificate, ledger_id=post.ledger_id)
    async with listening(post) as address:
        status, answer, _ = await ask(address, context, "/sync/1/join", body=raw)
        return "" if status == 200 else decode_problem(answer).code


async def test_an_invite_from_before_the_end_gives_a_stolen_machine_no_certificate(
    county: Terminal, invited: bytes, post: Post, tmp_path: Path
):
    """Its own invite was used and is known by its TLS key; another one lay beside it."""
    stolen = newcomer(tmp_path / "stolen", invited)
    unused = newcomer(tmp_path / "unused", written(county, "unused.invite"))
    assert await asked(post, stolen.raw) == await asked(post, stolen.raw) == ""
    county.ok("station", "end-certificates", NEW_VILLAGE, "--as", "R001")
    ended = open_post(folder_of(county))
    assert await asked(ended, stolen.raw) == "tls.certificate_ended"
    assert await asked(ended, unused.raw) == "tls.certificate_ended"
    # The new machine, with what was written since, is answered as often as it asks.
    new = newcomer(tmp_path / "new", written(county, "new.invite"))
    assert await asked(ended, new.raw) == await asked(ended, new.raw) == ""
    assert await asked(ended, stolen.raw) == "tls.certificate_ended"


@pytest.mark.parametrize("written_at, ended_at", [(AHEAD, NOW), (NOW, SLOW), (AHEAD, SLOW), (NOW, NOW)])
async def test_an_invite_that_nobody_used_ends_though_the_clock_was_wrong(
    county: Terminal, invited: bytes, tmp_path: Path, written_at: str, ended_at: str
):
    """By a clock it lies behind the end: it gave whoever found it a certificate."""
    assert await asked(open_post(folder_of(county)), newcomer(tmp_path / "village", invited).raw) == ""
    county.clock = clock_at(written_at)
    unused = newcomer(tmp_path / "unused", written(county, "unused.invite"))
    county.clock = clock_at(ended_at)
    county.ok("station", "end-certificates", NEW_VILLAGE, "--as", "R001")
    county.clock = clock_at(NOW)
    ended = open_post(folder_of(county))
    assert await asked(ended, unused.raw) == "tls.certificate_ended"
    assert await asked(ended, newcomer(tmp_path / "new", written(county, "new.invite")).raw) == ""


def test_a_backup_still_knows_which_invites_were_written(county: Terminal, invited: bytes, tmp_path: Path):
    county.ok("backup", "--to", str(tmp_path / "kept"))
    (folder,) = (tmp_path / "kept").glob("banjian-*")
    told = decode_invite(invited)
    assert newest_invite_ms(Home(folder), told.station) == told.issued_at_ms > 0


async def test_an_invite_that_is_used_after_the_end_by_a_clock_that_was_ahead_is_good(
    county: Terminal, invited: bytes, tmp_path: Path
):
    """The clock is right again: by it, what is written and used now would lie before the end."""
    county.clock.set("2027-03-03 09:30")
    county.ok("station", "end-certificates", NEW_VILLAGE, "--as", "R001")
    county.clock = clock_at("2026-03-03 09:30")
    ahead = open_post(folder_of(county))
    assert await asked(ahead, newcomer(tmp_path / "old", invited).raw) == "tls.certificate_ended"
    joining = newcomer(tmp_path / "new", written(county, "new.invite"))
    context = joining_context(ahead.ca.certificate, ledger_id=ahead.ledger_id)
    async with listening(ahead) as address:
        for _ in range(2):
            status, answer, _ = await ask(address, context, "/sync/1/join", body=joining.raw)
            assert status == 200, answer
        finish(joining, answer, randomness=os.urandom, complete=lambda path: None)
        home = Home(tmp_path / "new")
        ended_ms = ahead.registry.certificates_end_ms(NEW_VILLAGE)
        assert read_own_leaf(home, ahead.ledger_id).not_before_ms >= ended_ms
        assert (await ask(address, calling_context(home, ahead.ledger_id)))[:2] == (200, NEW_VILLAGE.encode())


async def test_an_invite_that_is_over_is_answered_again_only_while_its_keys_wait(
    county: Terminal, invited: bytes, post: Post, tmp_path: Path
):
    joining = newcomer(tmp_path / "village", invited)
    assert await asked(post, joining.raw) == ""
    post.clock.set("2026-06-03 09:30")
    assert await asked(post, joining.raw) == ""
    office = JoinOffice(
        post.home, ledger_id=post.ledger_id, registry=lambda: post.registry, clock=post.clock,
        randomness=os.urandom,
    )  # fmt: skip
    (waiting,) = office.waiting()
    office.close(waiting)
    assert await asked(post, joining.raw) == "invite.expired"
    # And it does not wait again by that.
    assert office.waiting() == []


async def test_who_joins_again_in_the_old_folder_keeps_the_old_machine_keys(
    county: Terminal, invited: bytes, post: Post, tmp_path: Path
):
    home, keys = Home(tmp_path / "village"), []
    async with listening(post) as address:
        for invite in (invited, written(county, "again.invite")):
            await joined(post, home.path, invite, address)
            keys.append([home.service_seed(StationId(NEW_VILLAGE), name) for name in ("bundle", "receipt")])
    for place, name in enumerate(("bundle", "receipt")):
        assert list(home.service_seeds(StationId(NEW_VILLAGE), name)) == [keys[1][place], keys[0][place]]
        assert keys[0][place] != keys[1][place]


async def test_a_county_that_was_put_back_gives_no_certificate_that_outlives_an_end_it_has_forgotten(
    county: Terminal, invited: bytes, post: Post, tmp_path: Path
):
    """Until a township has brought the registry back it knows nothing of the act; a thief may call first."""
    stolen, unused = (
        newcomer(tmp_path / "stolen", invited),
        newcomer(tmp_path / "unused", written(county, "b")),
    )
    async with listening(post) as address:
        home = await joined(post, tmp_path / "thief", written(county, "c"), address)
    assert await asked(post, stolen.raw) == ""
    kept, restored = tmp_path / "kept", tmp_path / "restored"
    county.ok("backup", "--to", str(kept))
    county.clock.set("2026-03-04 09:30")
    county.ok("station", "end-certificates", NEW_VILLAGE, "--as", "R001")
    registry = open_post(folder_of(county)).registry
    put_back(county, kept, restored)
    clock = clock_at("2026-03-05 09:30")
    with Ledger.open(restored, clock=clock, write=True) as ledger:
        office = join_office(ledger, clock=clock, randomness=os.urandom)
        assert ledger.knowledge.registry.certificates_end_ms(StationId(NEW_VILLAGE)) == 0
        answers = [office.take(joining.raw) for joining in (stolen, stolen)]
        with pytest.raises(AuthorityError, match="before_restore"):
            office.take(unused.raw)
        answers.append(office.renew(renewal_of(post, home), peer=StationId(COUNTY)))
        with pytest.raises(AuthorityError):
            check_in_force(registry, read_own_leaf(home, post.ledger_id))
        for raw in answers:
            leaf = read_leaf(decode_answer(raw).certificate, ledger_id=post.ledger_id)
            with pytest.raises(AuthorityError, match="certificate_ended"):
                check_in_force(registry, leaf)
