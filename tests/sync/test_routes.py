"""The routes of joining against callers that err or mean harm, and renewal, over real TLS."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from ledger.codec import pack_header, unpack_header
from ledger.errors import BanjianError
from ledger.facade import Home
from ledger.formats.invite import decode_invite, encode_invite
from ledger.formats.keys import Ed25519Signer, prove_possession
from ledger.hashing import CTX_JOIN_SIGN, CTX_RENEWAL_SIGN
from ledger.lawtime import DAY_MS
from ledger.types import LedgerId, StationId
from stations.cli.counterday.demo import COUNTY, TOWNSHIP, VILLAGE, DemoClock
from sync.certs.credentials import (
    calling_context,
    ensure_ca,
    read_own_certificate,
    read_own_leaf,
    reload_context,
)
from sync.certs.pki import LEAF_DAYS, Leaf, new_csr
from sync.certs.tls import joining_context
from sync.certs.tlskeys import new_key, sign
from sync.joining.joinforms import (
    JOIN_REQUEST_BYTES_MAX,
    StaffKey,
    decode_answer,
    decode_request,
    encode_renewal,
    encode_request,
)  # fmt: skip
from sync.joining.joinoffice import JoinOffice
from sync.joining.newcomer import Joining, begin, finish
from sync.line.attempts import ADDRESSES_MAX, Attempts
from sync.line.client_join import join_online
from sync.line.joindesks import RelayDesk
from sync.line.renewal import renew, renew_if_due
from tests.cli.conftest import Terminal
from tests.sync.conftest import folder_of
from tests.sync.post import Post, ask, code_of, listening, open_post
from tests.sync.test_tls import OTHER_LEDGER, listener_of

NEW_VILLAGE = "990121001305-00"


@pytest.fixture
def invited(county: Terminal, tmp_path: Path) -> bytes:
    """An invite for a new village, without addresses that answer."""
    file = tmp_path / "invite"
    county.ok(
        "invite", "station", NEW_VILLAGE, "--address", "https://127.0.0.1:9", "--out", str(file),
        "--as", "R001", "--name", "西门村便民服务站", "--level", "village", "--upstream", TOWNSHIP,
    )  # fmt: skip
    return file.read_bytes()


@pytest.fixture
def post(county: Terminal, invited: bytes) -> Post:
    """The county's side, after the village was enrolled."""
    return open_post(folder_of(county))


def newcomer(folder: Path, invite: bytes) -> Joining:
    """Begin a join without clerks."""
    return begin(Home(folder), invite, make_staff=lambda home, number: (), randomness=os.urandom)


def resigned(raw: bytes, key_pem: bytes, context: bytes, *changes: tuple[int, object]) -> bytes:
    """Return a request with other fields, signed again by the key that it is about."""
    fields = list(unpack_header(unpack_header(raw, limit=1 << 16)[0], limit=1 << 16))
    for position, value in changes:
        fields[position] = value
    content = pack_header(fields)  # type: ignore[arg-type]
    return pack_header((content, sign(key_pem, context + content)))


async def joined(post: Post, folder: Path, invite: bytes, address: str) -> Home:
    """Let a village join through a listener and return its home."""
    told = decode_invite(invite)
    joining = newcomer(folder, invite)
    context = joining_context(post.ca.certificate, ledger_id=told.ledger_id)
    status, answer, _ = await ask(address, context, "/sync/1/join", body=joining.raw)
    assert status == 200, answer
    finish(joining, answer, randomness=os.urandom, complete=lambda path: None)
    return Home(folder)


async def test_a_request_that_was_altered_is_refused(post: Post, invited: bytes, tmp_path: Path):
    joining = newcomer(tmp_path / "village", invited)
    raw, key = joining.raw, joining.staging.secret("tls-join.key") or b""
    fields = unpack_header(unpack_header(raw, limit=1 << 16)[0], limit=1 << 16)
    services, other = fields[3], new_key(os.urandom)
    weak = ("receipt", (1).to_bytes(32, "little"), bytes(64))
    unproven = (services[0], ("receipt", Ed25519Signer.from_seed(bytes(32)).public_key, services[1][2]))
    flipped = invited[:-1] + bytes([invited[-1] ^ 1])
    changed = {
        "join.signature": resigned(raw, other, CTX_JOIN_SIGN),
        "join.version": resigned(raw, key, CTX_JOIN_SIGN, (0, 2)),
        "pki.csr": resigned(raw, key, CTX_JOIN_SIGN, (2, new_csr(key, decode_invite(invited).station)[:-1])),
        "key.small_order": resigned(raw, key, CTX_JOIN_SIGN, (3, (weak,))),
        "key.possession": resigned(raw, key, CTX_JOIN_SIGN, (3, unproven)),
        "join.field": resigned(raw, key, CTX_JOIN_SIGN, (3, (services[1], services[0]))),
        "invite.signature": resigned(raw, key, CTX_JOIN_SIGN, (1, flipped)),
        "encoding.malformed": b"\xc1",
    }
    context = joining_context(post.ca.certificate, ledger_id=post.ledger_id)
    for code, body in changed.items():
        post.attempts = Attempts(lambda: 0)
        async with listening(post) as address:
            assert await code_of(address, context, "/sync/1/join", body=body) == code
    assert [path.name for path in post.home.joins_dir.iterdir()] == [f"{NEW_VILLAGE}.invited"]


async def test_an_invite_of_no_registrar_or_of_another_county_is_refused(
    post: Post, invited: bytes, tmp_path: Path
):
    told = decode_invite(invited)
    stranger = Ed25519Signer.from_seed(bytes(range(32)))
    forged = encode_invite(replace(told, registrar_public_key=stranger.public_key), stranger)
    elsewhere = bytearray(told.ledger_genesis)
    elsewhere[-1] ^= 1
    foreign = encode_invite(
        replace(told, registrar_public_key=stranger.public_key, ledger_genesis=bytes(elsewhere)), stranger
    )
    context = joining_context(post.ca.certificate, ledger_id=post.ledger_id)
    async with listening(post) as address:
        for name, invite, code in (
            ("forged", forged, "join.registrar"),
            ("foreign", foreign, "join.other_ledger"),
        ):
            body = newcomer(tmp_path / name, invite).raw
            assert await code_of(address, context, "/sync/1/join", body=body) == code
    assert [path.name for path in post.home.joins_dir.iterdir()] == [f"{NEW_VILLAGE}.invited"]


async def test_bodies_and_attempts_have_limits(post: Post, invited: bytes, tmp_path: Path):
    context = joining_context(post.ca.certificate, ledger_id=post.ledger_id)
    async with listening(post) as address:
        too_long = bytes(JOIN_REQUEST_BYTES_MAX + 1)
        assert await code_of(address, context, "/sync/1/join", body=too_long) == "encoding.limit"
        for _ in range(2):
            await code_of(address, context, "/sync/1/join", body=b"x")
        status, _, retry_after = await ask(
            address, context, "/sync/1/join", body=newcomer(tmp_path / "v", invited).raw
        )
        assert status == 429 and 0 < int(retry_after) <= 60
        # A station that stands behind its certificate is counted for itself.
        township = post.caller(tmp_path / "township", *post.leaf(TOWNSHIP))
        status, answer, _ = await ask(
            address, township, "/sync/1/join", body=newcomer(tmp_path / "v", invited).raw
        )
        assert status == 200, answer


def test_failures_are_forgotten_with_time_and_never_fill_the_memory():
    now = [0]
    attempts = Attempts(lambda: now[0], failures_max=2, period_ms=1000)
    for _ in range(2):
        attempts.require("a")
        attempts.failed("a")
    with pytest.raises(BanjianError) as caught:
        attempts.require("a")
    assert caught.value.code == "join.too_often" and caught.value.params["seconds"] == 1
    attempts.require("b")
    now[0] = 1000
    attempts.require("a")
    for number in range(ADDRESSES_MAX + 10):
        attempts.failed(str(number))
    assert len(attempts._failures) == ADDRESSES_MAX


async def test_a_certificate_is_renewed_in_its_last_third(post: Post, invited: bytes, tmp_path: Path):
    async with listening(post) as address:
        home = await joined(post, tmp_path / "village", invited, address)
        context = calling_context(home, post.ledger_id, expected=())
        before = read_own_leaf(home, post.ledger_id)

        async def asked(now_ms: int) -> bool:
            return await renew_if_due(
                home, ledger_id=post.ledger_id, addresses=[address], context=context, now_ms=now_ms,
                randomness=os.urandom,
            )  # fmt: skip

        assert not await asked(before.not_before_ms + LEAF_DAYS * DAY_MS * 2 // 3 - DAY_MS)
        assert read_own_leaf(home, post.ledger_id) == before
        post.clock.set("2027-08-01 09:00")
        assert await asked(post.clock.now_ms())
        after = read_own_leaf(home, post.ledger_id)
        assert after.station == NEW_VILLAGE and after.public_key != before.public_key
        assert after.not_after_ms > before.not_after_ms
        assert (await ask(address, context))[0] == 200  # the old certificate is good to its end
        reload_context(context, home)
        assert (await ask(address, context))[:2] == (200, NEW_VILLAGE.encode())
        assert not await asked(post.clock.now_ms())


async def test_who_joins_after_certificates_were_ended_by_a_clock_ahead_gets_in(
    county: Terminal, invited: bytes, tmp_path: Path
):
    """The clock is right again: a certificate that began now would be over at once, and so each new one."""
    county.clock.set("2027-03-03 09:30")
    county.ok("station", "end-certificates", NEW_VILLAGE, "--as", "R001")
    post = open_post(folder_of(county))
    ended_ms = post.registry.certificates_end_ms(NEW_VILLAGE)
    assert post.clock.now_ms() < ended_ms
    county.clock = clock_at("2026-03-03 09:30")
    file = folder_of(county).parent / "again.invite"
    county.ok("invite", "station", NEW_VILLAGE, "--out", str(file), "--as", "R001")
    async with listening(post) as address:
        home = await joined(post, tmp_path / "village", file.read_bytes(), address)
        assert read_own_leaf(home, post.ledger_id).not_before_ms == ended_ms
        assert (await ask(address, calling_context(home, post.ledger_id)))[:2] == (200, NEW_VILLAGE.encode())


def clock_at(moment: str) -> DemoClock:
    """Return a clock that shows a moment, also one that is over."""
    made = DemoClock()
    made.set(moment)
    return made


@pytest.mark.parametrize("now", ["2016-03-03 09:30", "2027-03-03 09:30"])
async def test_a_wrong_clock_ends_the_certificates_that_were_issued_and_no_others(
    county: Terminal, invited: bytes, tmp_path: Path, now: str
):
    """Ten years slow it said that it had ended them, and the stolen machine went on."""
    post = open_post(folder_of(county))
    async with listening(post) as address:
        stolen = await joined(post, tmp_path / "stolen", invited, address)
    began_ms = read_own_leaf(stolen, post.ledger_id).not_before_ms
    county.clock = clock_at(now)
    words = ("station", "end-certificates", NEW_VILLAGE, "--as", "R001", "--json")
    assert county.ok(*words).json["before_ms"] > began_ms
    file = folder_of(county).parent / "again.invite"
    county.clock = clock_at("2026-03-03 09:30")
    county.ok("invite", "station", NEW_VILLAGE, "--out", str(file), "--as", "R001")
    again = open_post(folder_of(county))
    async with listening(again) as address:
        assert (await ask(address, calling_context(stolen, post.ledger_id)))[0] == 403
        home = await joined(again, tmp_path / "village", file.read_bytes(), address)
        assert (await ask(address, calling_context(home, post.ledger_id)))[:2] == (200, NEW_VILLAGE.encode())


async def test_a_clock_in_doubt_ends_nothing_where_certificates_may_have_been_renewed(
    county: Terminal, invited: bytes, tmp_path: Path
):
    post = open_post(folder_of(county))
    async with listening(post) as address:
        await joined(post, tmp_path / "stolen", invited, address)
    # As an older version left it: it did not write down what it issued.
    (record,) = folder_of(county).glob("joins/*.issued")
    record.unlink()
    words = ("station", "end-certificates", NEW_VILLAGE, "--as", "R001")
    county.clock = clock_at("2016-03-03 09:30")
    refused = county.run(*words)
    assert refused.code != 0 and "[certificates.clock]" in refused.err
    assert open_post(folder_of(county)).registry.certificates_end_ms(NEW_VILLAGE) == 0
    county.ok(*words, "--anyway")
    assert open_post(folder_of(county)).registry.certificates_end_ms(NEW_VILLAGE) > 0


async def test_a_renewal_passes_through_the_township_and_no_stranger_gets_one(
    post: Post, invited: bytes, tmp_path: Path
):
    async with listening(post) as office:
        home = await joined(post, tmp_path / "village", invited, office)
        upward = post.caller(tmp_path / "township", *post.leaf(TOWNSHIP), COUNTY)
        county_desk = post.desk
        post.desk = RelayDesk(
            post.home, ledger_id=post.ledger_id, registry=lambda: post.registry, clock=post.clock,
            addresses=[office], context=lambda: upward,
        )  # fmt: skip
        async with listening(post) as relay:
            before = read_own_leaf(home, post.ledger_id)
            context = calling_context(home, post.ledger_id)
            await renew(
                home, ledger_id=post.ledger_id, addresses=[relay], context=context, randomness=os.urandom
            )
            assert read_own_leaf(home, post.ledger_id).public_key != before.public_key
        post.desk = county_desk
        raw = renewal_of(post, home)
        beside = post.caller(tmp_path / "beside", *post.leaf(VILLAGE))
        assert await code_of(office, beside, "/sync/1/certificate", body=raw) == "join.peer"
        key_pem = home.secret("tls.key") or b""
        forged = resigned(raw, new_key(os.urandom), CTX_RENEWAL_SIGN)
        assert await code_of(office, upward, "/sync/1/certificate", body=forged) == "join.signature"
        moved = resigned(raw, key_pem, CTX_RENEWAL_SIGN, (2, VILLAGE))
        assert await code_of(office, upward, "/sync/1/certificate", body=moved) == "join.field"


def renewal_of(post: Post, home: Home) -> bytes:
    """Return a renewal request of a station."""
    return encode_renewal(
        ledger_id=post.ledger_id,
        certificate=read_own_certificate(home, post.ledger_id),
        old_key_pem=home.secret("tls.key") or b"",
        new_key_pem=new_key(os.urandom),
    )


async def test_a_renewal_that_comes_too_late_is_refused_and_a_broken_one_changes_nothing(
    post: Post, invited: bytes, tmp_path: Path
):
    async with listening(post) as address:
        home = await joined(post, tmp_path / "village", invited, address)
        raw = renewal_of(post, home)
        post.clock.set("2028-05-01 09:00")
        peer = post.caller(tmp_path / "peer", *post.leaf(NEW_VILLAGE))
        assert await code_of(address, peer, "/sync/1/certificate", body=raw) == "tls.expired"
        before = read_own_leaf(home, post.ledger_id)
        with pytest.raises(BanjianError) as caught:
            await renew(
                home, ledger_id=post.ledger_id, addresses=["https://127.0.0.1:9"],
                context=calling_context(home, post.ledger_id), randomness=os.urandom,
            )  # fmt: skip
        assert caught.value.code == "sync.unreachable"
        assert read_own_leaf(home, post.ledger_id) == before


class Trap:
    """Answers as a listener that is not the county's: it shows its own CA and keeps what it is sent."""

    def __init__(self, ca_certificate: bytes, ledger_id: LedgerId) -> None:
        self._ca_certificate = ca_certificate
        self.ledger_id = ledger_id
        self.kept: list[bytes] = []

    def now_ms(self) -> int:
        return 0

    def ca_certificate(self) -> bytes:
        return self._ca_certificate

    def check_peer(self, leaf: Leaf) -> None:
        """Everybody may come."""

    async def join(self, request: bytes) -> bytes:
        self.kept.append(request)
        return b""

    async def renew(self, request: bytes, *, peer: StationId) -> bytes:
        return await self.join(request)


async def test_a_listener_with_another_ca_gets_no_request(post: Post, invited: bytes, tmp_path: Path):
    """The invite's fingerprint decides: whoever listens there learns nothing of the newcomer."""
    elsewhere = Home(tmp_path / "elsewhere")
    elsewhere.complete()
    post.ca = ensure_ca(
        elsewhere, county_name="别县", ledger_id=OTHER_LEDGER, now_ms=0, randomness=os.urandom
    )
    trap = Trap(post.ca.certificate, OTHER_LEDGER)
    post.desk = trap
    context = listener_of(post, tmp_path / "trap", *post.leaf(COUNTY, ledger_id=OTHER_LEDGER))
    async with listening(post, context) as address:
        # Whoever signed it is the county's to say; the newcomer only knows the fingerprint inside.
        stranger = Ed25519Signer.from_seed(bytes(range(32)))
        told = replace(decode_invite(invited), addresses=(address,), registrar_public_key=stranger.public_key)
        request = newcomer(tmp_path / "trapped", encode_invite(told, stranger)).raw
        with pytest.raises(BanjianError) as caught:
            await join_online(request)
    assert caught.value.code == "join.other_ca" and trap.kept == []


def test_clerks_keys_travel_in_the_request_with_name_and_roles(invited: bytes):
    told, signer = decode_invite(invited), Ed25519Signer.from_seed(bytes(32))
    person = StaffKey(
        staff_no="W305", name="西门﨑", public_key=signer.public_key,
        possession=prove_possession(signer, told.ledger_id), roles=("window", "officer"),
    )  # fmt: skip
    request = decode_request(
        encode_request(invited, tls_key_pem=new_key(os.urandom), services=(), staff=(person,))
    )
    assert request.staff == (person,)


async def test_an_answer_to_another_request_is_not_put_in_place(post: Post, invited: bytes, tmp_path: Path):
    office = JoinOffice(
        post.home, ledger_id=post.ledger_id, registry=lambda: post.registry, clock=post.clock,
        randomness=os.urandom,
    )  # fmt: skip
    mine = newcomer(tmp_path / "mine", invited)
    answer = office.take(mine.raw)
    twin = newcomer(tmp_path / "twin", invited)
    wrong = decode_answer(answer)
    for raw in (answer, replace(wrong, request_id=twin.request.request_id).pack()):
        with pytest.raises(BanjianError) as caught:
            finish(twin, raw, randomness=os.urandom, complete=lambda path: None)
        assert caught.value.code == "join.answer"
    assert not (tmp_path / "twin").exists()
    finish(mine, answer, randomness=os.urandom, complete=lambda path: None)
