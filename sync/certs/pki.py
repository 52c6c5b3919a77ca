"""The county's certificates: one CA for each county, one leaf for each station; bytes in, bytes out.

A certificate says which station the holder of a TLS key is, and nothing about what anybody may do: that is
the registry's. Keys are P-256, because verifiers of TLS refuse Ed25519 leaves. Signatures are deterministic,
times and random bytes come in as arguments.

Source: docs/protocol.md, "Certificates"; RFC 5280; RFC 6979.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ledger.errors import AuthorityError, DataError
from ledger.lawtime import DAY_MS
from ledger.stationid import is_station_id
from ledger.types import LedgerId, StationId
from sync.certs.tlskeys import Randomness, key_info, private_key

CA_YEARS = 20
LEAF_DAYS = 730
EXPIRY_TOLERANCE_MS = 7 * DAY_MS
"""How long after its end a certificate still counts: clocks in offices go wrong by days."""
CERTIFICATE_BYTES_MAX = 4 * 1024
CSR_BYTES_MAX = 4 * 1024
_SCHEME = "banjian"
_COMMON_NAME_BYTES_MAX = 64
_YEAR_MAX = 9900
_SERIAL_BYTES = 16
_PARSE_ERRORS = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """What a station's certificate says; times in milliseconds, ``public_key`` as SubjectPublicKeyInfo."""

    ledger_id: LedgerId
    station: StationId
    public_key: bytes
    serial: int
    not_before_ms: int
    not_after_ms: int


def fingerprint(certificate: bytes) -> bytes:
    """Return the SHA-256 of a DER certificate, 32 bytes."""
    return sha256(certificate).digest()


def to_pem(certificate: bytes) -> bytes:
    """Return a DER certificate as PEM."""
    return _certificate(certificate).public_bytes(Encoding.PEM)


def from_pem(text: bytes) -> bytes:
    """Return a PEM certificate as DER.

    Raises:
        DataError: ``tls.certificate``.
    """
    try:
        return x509.load_pem_x509_certificate(text).public_bytes(Encoding.DER)
    except _PARSE_ERRORS as error:
        raise DataError("tls.certificate") from error


def new_ca(
    key_pem: bytes, *, county_name: str, ledger_id: LedgerId, now_ms: int, randomness: Randomness
) -> bytes:
    """Return the self-signed certificate of a county's CA, DER.

    Args:
        key_pem: the CA's private key.
        county_name: for people who look at it.
        ledger_id: bound into the certificate.
        now_ms: begin of its twenty years.
        randomness: for the serial number.
    """
    key = private_key(key_pem)
    name = _name(county_name)
    begin = _moment(now_ms)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(_serial(randomness))
        .not_valid_before(begin)
        .not_valid_after(begin.replace(year=begin.year + CA_YEARS, day=min(begin.day, 28)))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(sign_certificates=True), critical=True)
        .add_extension(_uri(f"{_SCHEME}:{ledger_id.hex()}"), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    return builder.sign(key, SHA256(), ecdsa_deterministic=True).public_bytes(Encoding.DER)


def check_ca(certificate: bytes, *, ledger_id: LedgerId) -> None:
    """Refuse a CA certificate that is not the CA of this ledger.

    Raises:
        DataError: ``tls.certificate`` not a CA certificate; ``tls.other_ledger``.
    """
    parsed = _certificate(certificate)
    try:
        constraints = parsed.extensions.get_extension_for_class(x509.BasicConstraints).value
    except (x509.ExtensionNotFound, *_PARSE_ERRORS) as error:
        raise DataError("tls.certificate") from error
    if not constraints.ca:
        raise DataError("tls.certificate")
    if _uris(parsed) != [f"{_SCHEME}:{ledger_id.hex()}"]:
        raise DataError("tls.other_ledger", expected=ledger_id)


def subject_key(certificate: bytes) -> bytes:
    """Return the public key of a certificate, as SubjectPublicKeyInfo.

    Raises:
        DataError: ``tls.certificate``.
    """
    try:
        key = _certificate(certificate).public_key()
        return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    except _PARSE_ERRORS as error:
        raise DataError("tls.certificate") from error


def new_csr(key_pem: bytes, station: StationId) -> bytes:
    """Return the signed request of a station for a certificate, DER."""
    builder = x509.CertificateSigningRequestBuilder().subject_name(_name(station))
    return builder.sign(private_key(key_pem), SHA256(), ecdsa_deterministic=True).public_bytes(Encoding.DER)


def csr_key(csr: bytes, *, station: StationId) -> bytes:
    """Check a certificate request and return the key that it asks for, as SubjectPublicKeyInfo.

    Raises:
        DataError: ``pki.csr`` malformed, signature does not hold or made for another station;
            ``pki.csr_algorithm`` for any key that is not P-256.
    """
    if len(csr) > CSR_BYTES_MAX:
        raise DataError("pki.csr")
    try:
        request = x509.load_der_x509_csr(csr)
        key = request.public_key()
        if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
            raise DataError("pki.csr_algorithm")
        names = [str(item.value) for item in request.subject]
        if not request.is_signature_valid or names != [station]:
            raise DataError("pki.csr")
    except _PARSE_ERRORS as error:
        raise DataError("pki.csr") from error
    return key_info(key)


def issue_leaf(
    csr: bytes,
    *,
    station: StationId,
    ledger_id: LedgerId,
    ca_key_pem: bytes,
    ca_certificate: bytes,
    now_ms: int,
    randomness: Randomness,
) -> bytes:
    """Return a station's certificate for the key of a request, DER; nothing else of the request is used.

    It never begins before the CA does: a clock that fell back to 2000 must not issue what is over already.

    Raises:
        DataError: ``pki.csr``, ``pki.csr_algorithm``.
    """
    csr_key(csr, station=station)
    ca = _certificate(ca_certificate)
    begin = max(_moment(now_ms), ca.not_valid_before_utc)
    ca_key = private_key(ca_key_pem)
    key = x509.load_der_x509_csr(csr).public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise DataError("pki.csr_algorithm")
    usages = (ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH)
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(station))
        .issuer_name(ca.subject)
        .public_key(key)
        .serial_number(_serial(randomness))
        .not_valid_before(begin)
        .not_valid_after(begin + timedelta(days=LEAF_DAYS))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(sign_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        .add_extension(_uri(f"{_SCHEME}:{ledger_id.hex()}:{station}"), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False
        )
    )
    return builder.sign(ca_key, SHA256(), ecdsa_deterministic=True).public_bytes(Encoding.DER)


def read_leaf(certificate: bytes, *, ledger_id: LedgerId) -> Leaf:
    """Return what a certificate says; who issued it is checked by TLS or ``check_issued``.

    Raises:
        DataError: ``tls.certificate`` malformed; ``tls.key_algorithm`` for a key that is not P-256;
            ``tls.identity`` when it names no station or may not be used for both ends;
            ``tls.other_ledger`` for a station of another ledger.
    """
    parsed = _certificate(certificate)
    try:
        key = parsed.public_key()
        if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
            raise DataError("tls.key_algorithm")
        usages = set(parsed.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)
        is_ca = parsed.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
        uris = _uris(parsed)
    except x509.ExtensionNotFound as error:
        raise DataError("tls.identity") from error
    except _PARSE_ERRORS as error:
        raise DataError("tls.certificate") from error
    if is_ca or not usages >= {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH}:
        raise DataError("tls.identity")
    found_id, station = _identity(uris)
    if found_id != ledger_id.hex():
        raise DataError("tls.other_ledger", expected=ledger_id)
    return Leaf(
        ledger_id=ledger_id,
        station=station,
        public_key=key_info(key),
        serial=parsed.serial_number,
        not_before_ms=_ms(parsed.not_valid_before_utc),
        not_after_ms=_ms(parsed.not_valid_after_utc),
    )


def check_issued(certificate: bytes, *, ca_certificate: bytes) -> None:
    """Refuse a certificate that the CA did not sign.

    Raises:
        DataError: ``tls.other_ca``; ``tls.certificate`` malformed.
    """
    try:
        _certificate(certificate).verify_directly_issued_by(_certificate(ca_certificate))
    except (InvalidSignature, *_PARSE_ERRORS) as error:
        raise DataError("tls.other_ca") from error


def check_expiry(leaf: Leaf, *, now_ms: int) -> None:
    """Refuse a certificate that is over by more than the tolerance; one of the future counts.

    The begin is not checked: it is the clock that is behind, and a wrong clock never stops work.

    Raises:
        AuthorityError: ``tls.expired``.
    """
    if now_ms > leaf.not_after_ms + EXPIRY_TOLERANCE_MS:
        raise AuthorityError("tls.expired", station=leaf.station)


def renewal_due(leaf: Leaf, *, now_ms: int) -> bool:
    """Tell whether less than a third of a certificate's lifetime is left."""
    return leaf.not_after_ms - now_ms < (leaf.not_after_ms - leaf.not_before_ms) // 3


def _identity(uris: list[str]) -> tuple[str, StationId]:
    parts = uris[0].split(":") if len(uris) == 1 else []
    if len(parts) != 3 or parts[0] != _SCHEME or not is_station_id(parts[2]):
        raise DataError("tls.identity")
    return parts[1], StationId(parts[2])


def _uris(parsed: x509.Certificate) -> list[str]:
    try:
        names = parsed.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    except _PARSE_ERRORS as error:
        raise DataError("tls.certificate") from error
    return [name.value if isinstance(name, x509.UniformResourceIdentifier) else "" for name in names]


def _certificate(certificate: bytes) -> x509.Certificate:
    if len(certificate) > CERTIFICATE_BYTES_MAX:
        raise DataError("tls.certificate")
    try:
        return x509.load_der_x509_certificate(certificate)
    except _PARSE_ERRORS as error:
        raise DataError("tls.certificate") from error


def _name(text: str) -> x509.Name:
    # 64 bytes, not characters: a county's name of 22 characters would not fit.
    short = text.encode("utf-8")[:_COMMON_NAME_BYTES_MAX].decode("utf-8", "ignore")
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, short)])


def _uri(text: str) -> x509.SubjectAlternativeName:
    return x509.SubjectAlternativeName([x509.UniformResourceIdentifier(text)])


def _usage(*, sign_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not sign_certificates, content_commitment=False, key_encipherment=False,
        data_encipherment=False, key_agreement=False, key_cert_sign=sign_certificates,
        crl_sign=sign_certificates, encipher_only=False, decipher_only=False,
    )  # fmt: skip


def _serial(randomness: Randomness) -> int:
    return 1 + int.from_bytes(randomness(_SERIAL_BYTES), "big")


def _moment(now_ms: int) -> datetime:
    """Return a moment that certificates can hold, with room for their lifetime, whatever the clock says."""
    latest = datetime(_YEAR_MAX, 1, 1, tzinfo=UTC)
    return datetime.fromtimestamp(min(max(now_ms, 0) // 1000, int(latest.timestamp())), UTC)


def _ms(moment: datetime) -> int:
    return int(moment.timestamp()) * 1000
