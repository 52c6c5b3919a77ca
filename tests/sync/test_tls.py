"""Who may talk to whom: every wrong certificate over real TLS connections, each with its name."""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ledger.errors import BanjianError
from ledger.facade import Home
from ledger.lawtime import DAY_MS
from ledger.types import LedgerId
from stations.cli.counterday.demo import COUNTY, TOWNSHIP, VILLAGE
from sync.certs.credentials import CountyCa, ensure_ca, listening_context
from sync.certs.pki import CA_YEARS, LEAF_DAYS
from sync.certs.tls import client_context, fetching_context, joining_context, server_context, tls_failure
from sync.certs.tlskeys import private_key
from tests.cli.conftest import Terminal
from tests.sync.conftest import folder_of
from tests.sync.post import Post, ask, code_of, listening, open_post

OTHER_LEDGER = LedgerId(bytes(range(32)))
Names = x509.SubjectAlternativeName
Key = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


@pytest.fixture
def post(county: Terminal) -> Post:
    """The county's side."""
    return open_post(folder_of(county))


def other_county(folder: Path) -> CountyCa:
    """Return the CA of another county."""
    home = Home(folder)
    home.complete()
    return ensure_ca(home, county_name="别县", ledger_id=OTHER_LEDGER, now_ms=0, randomness=os.urandom)


BOTH = (ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH)


def by_hand(
    post: Post,
    key: Key,
    uris: list[str],
    *,
    signer: ec.EllipticCurvePrivateKey | None = None,
    issuer: str = "",
    usages: tuple[x509.ObjectIdentifier, ...] = BOTH,
) -> tuple[bytes, bytes]:
    """Return key and certificate as no county writes them, by the county's CA key unless told otherwise."""
    ca = x509.load_der_x509_certificate(post.ca.certificate)
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    own = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer or VILLAGE)])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(own)
        .issuer_name(own if issuer else ca.subject)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(begin)
        .not_valid_after(begin + timedelta(days=900))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        .add_extension(Names([x509.UniformResourceIdentifier(one) for one in uris]), critical=False)
        .sign(signer or private_key(post.ca.key_pem), SHA256())
    )
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return pem, certificate.public_bytes(Encoding.DER)


def listener_of(post: Post, folder: Path, key_pem: bytes, certificate: bytes) -> ssl.SSLContext:
    """Return the context of a listener that shows a certificate of the test's own."""
    post.caller(folder, key_pem, certificate)  # writes the files
    home = Home(folder)
    return server_context(
        certificate=home.tls_dir / "station.pem",
        key=home.secrets_dir / "tls.key",
        ca_certificate=post.ca.certificate,
    )


async def test_a_station_is_known_by_its_certificate_and_nobody_else_gets_in(post: Post, tmp_path: Path):
    async with listening(post) as address:
        context = post.caller(tmp_path / "village", *post.leaf(VILLAGE), COUNTY)
        assert (await ask(address, context))[:2] == (200, VILLAGE.encode())
        newcomer = joining_context(post.ca.certificate, ledger_id=post.ledger_id)
        assert await code_of(address, newcomer) == "tls.no_certificate"
        assert (await ask(address, newcomer, "/sync/1/ca"))[1] == post.ca.certificate
        assert (await ask(address, fetching_context(), "/sync/1/ca"))[1] == post.ca.certificate
        assert await code_of(address, newcomer, "/sync/1/certificate", body=b"x") == "tls.no_certificate"


async def test_a_certificate_of_the_wrong_ca_is_refused_in_the_handshake(post: Post, tmp_path: Path):
    other = other_county(tmp_path / "other")
    made = ec.generate_private_key(ec.SECP256R1())
    uri = f"banjian:{post.ledger_id.hex()}:{VILLAGE}"
    wrong = {
        "other county": post.leaf(VILLAGE, ca=other, ledger_id=OTHER_LEDGER),
        "other county, our id": post.leaf(VILLAGE, ca=other),
        "made by hand": by_hand(post, made, [uri], signer=made, issuer=VILLAGE),
        "our name, other key": by_hand(post, made, [uri], signer=made),
    }
    async with listening(post) as address:
        for name, (key_pem, certificate) in wrong.items():
            with pytest.raises(BanjianError) as caught:
                await ask(address, post.caller(tmp_path / name, key_pem, certificate))
            assert caught.value.code == "tls.refused", name


async def test_a_certificate_of_the_right_ca_that_is_no_stations_is_refused(post: Post, tmp_path: Path):
    p256 = ec.generate_private_key(ec.SECP256R1())
    good, usage = f"banjian:{post.ledger_id.hex()}:{VILLAGE}", (ExtendedKeyUsageOID.CLIENT_AUTH,)
    wrong: list[tuple[str, tuple[bytes, bytes]]] = [
        ("tls.key_algorithm", by_hand(post, ed25519.Ed25519PrivateKey.generate(), [good])),
        ("tls.key_algorithm", by_hand(post, ec.generate_private_key(ec.SECP384R1()), [good])),
        ("tls.identity", by_hand(post, p256, [])),
        ("tls.identity", by_hand(post, p256, [good, good])),
        ("tls.identity", by_hand(post, p256, [good + ":x"])),
        ("tls.identity", by_hand(post, p256, [f"banjian:{post.ledger_id.hex()}:99"])),
        ("tls.identity", by_hand(post, p256, [good], usages=usage)),
        ("tls.other_ledger", post.leaf(VILLAGE, ledger_id=OTHER_LEDGER)),
        ("tls.station_unknown", post.leaf("990121009999-00")),
    ]
    async with listening(post) as address:
        for number, (code, (key_pem, certificate)) in enumerate(wrong):
            context = post.caller(tmp_path / str(number), key_pem, certificate)
            assert await code_of(address, context) == code, number


async def test_a_closed_station_is_refused(county: Terminal, tmp_path: Path):
    county.ok("station", "close", VILLAGE, "--as", "R001")
    post = open_post(folder_of(county))
    async with listening(post) as address:
        assert await code_of(address, post.caller(tmp_path, *post.leaf(VILLAGE))) == "tls.station_closed"


async def test_only_the_receivers_clock_ends_a_certificate(post: Post, tmp_path: Path):
    """Issued for 2026 to 2028: OpenSSL's own clock, which is the machine's, decides nothing."""
    context = post.caller(tmp_path, *post.leaf(VILLAGE))
    ends_ms = post.clock.now_ms() + LEAF_DAYS * DAY_MS
    async with listening(post) as address:
        for moment_ms, expected in (
            (946_684_800_000, 200),  # a receiver whose clock says 2000
            (ends_ms + 6 * DAY_MS, 200),
            (ends_ms + 8 * DAY_MS, 403),
        ):
            post.clock.set(datetime.fromtimestamp(moment_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M"))
            status, answer, _ = await ask(address, context)
            assert status == expected, answer
    assert b"tls.expired" in answer


async def test_certificates_of_another_time_than_the_machines_still_connect(county: Terminal, tmp_path: Path):
    """Both ends with certificates that, by the machine's clock, begin in the future or ended long ago."""
    for number, year in enumerate((1999, 2070)):
        post = open_post(folder_of(county))
        now_ms = int(datetime(year, 1, 1, tzinfo=UTC).timestamp() * 1000)
        home = Home(tmp_path / str(year))
        home.complete()
        ca = ensure_ca(home, county_name="县", ledger_id=post.ledger_id, now_ms=now_ms, randomness=os.urandom)
        post.ca = ca
        post.clock.set(f"{year}-01-02 00:00")
        begins = x509.load_der_x509_certificate(ca.certificate).not_valid_before_utc.year
        assert begins == year and CA_YEARS == 20
        context = post.caller(tmp_path / f"caller{number}", *post.leaf(VILLAGE))
        listener = listener_of(post, tmp_path / f"server{number}", *post.leaf(COUNTY))
        async with listening(post, listener) as address:
            assert (await ask(address, context))[0] == 200


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda post, other: post.leaf(COUNTY, ca=other, ledger_id=OTHER_LEDGER), "tls.other_ca"),
        (lambda post, other: post.leaf(COUNTY, ca=other), "tls.other_ca"),
        (lambda post, other: post.leaf(COUNTY, ledger_id=OTHER_LEDGER), "tls.other_ledger"),
        (lambda post, other: post.leaf(VILLAGE), "tls.other_station"),
    ],
    ids=["other county", "other CA", "other ledger", "not the upstream"],
)
async def test_a_caller_asks_who_answers_before_it_sends(
    post: Post, tmp_path: Path, make: Callable[[Post, CountyCa], tuple[bytes, bytes]], code: str
):
    listener = listener_of(post, tmp_path / "server", *make(post, other_county(tmp_path / "other")))
    context = post.caller(tmp_path / "village", *post.leaf(VILLAGE), TOWNSHIP, COUNTY)
    async with listening(post, listener) as address:
        with pytest.raises(BanjianError) as caught:
            await ask(address, context)
        assert caught.value.code == code


async def test_older_tls_and_plain_http_are_named(post: Post, tmp_path: Path):
    context = post.caller(tmp_path / "village", *post.leaf(VILLAGE))
    old = listening_context(post.home, post.ledger_id)
    old.minimum_version = ssl.TLSVersion.TLSv1_2
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    async with listening(post, old) as address:
        with pytest.raises(BanjianError) as caught:
            await ask(address, context)
        assert caught.value.code == "tls.version"
    async with listening(post) as address:
        weak = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        weak.check_hostname, weak.verify_mode = False, ssl.CERT_NONE
        weak.maximum_version = ssl.TLSVersion.TLSv1_2
        with pytest.raises(BanjianError) as caught:
            await ask(address, weak)
        assert caught.value.code == "tls.version"

    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 no\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(plain, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(BanjianError) as caught:
            await ask(f"https://127.0.0.1:{port}", context)
        assert caught.value.code == "tls.version"


def test_key_and_certificate_of_two_stations_are_refused_at_the_start(post: Post, tmp_path: Path):
    post.caller(tmp_path, *post.leaf(VILLAGE))
    home = Home(tmp_path)
    home.write_secret("tls.key", post.leaf(VILLAGE)[0])
    with pytest.raises(BanjianError) as caught:
        client_context(
            certificate=home.tls_dir / "station.pem",
            key=home.secrets_dir / "tls.key",
            ca_certificate=post.ca.certificate,
            ledger_id=post.ledger_id,
        )
    assert caught.value.code == "tls.own_certificate"
    with pytest.raises(BanjianError) as caught:
        listening_context(home, post.ledger_id)
    assert caught.value.code == "tls.own_certificate"


def test_other_failures_have_no_tls_name():
    assert tls_failure(ConnectionRefusedError(111, "refused")) is None
