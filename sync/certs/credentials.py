"""Certificates and TLS keys in an installation's folder: the county's CA, the station's own.

Keys are written before the certificates that need them, so that a crash between the two only makes the next
start go on. None of these keys is ever in a backup: a restored folder gets new ones.

Source: docs/protocol.md, "Certificates".
"""

from __future__ import annotations

import ssl
from collections.abc import Collection
from dataclasses import dataclass

from ledger.errors import ConfigError, DataError, StoreError
from ledger.facade import Home, Ledger
from ledger.facade.base.clock import Randomness
from ledger.types import LedgerId, StationId
from sync.certs import tls
from sync.certs.pki import (
    Leaf,
    check_ca,
    check_issued,
    fingerprint,
    from_pem,
    issue_leaf,
    new_ca,
    new_csr,
    read_leaf,
    renewal_due,
    subject_key,
    to_pem,
)
from sync.certs.tlskeys import new_key, public_key_of

CA_KEY_NAME = "ca.key"
TLS_KEY_NAME = "tls.key"
CA_NAME = "ca.pem"
STATION_NAME = "station.pem"
NEXT_NAME = "tls.next"
_KEY_BEGIN = b"-----BEGIN PRIVATE KEY"


@dataclass(frozen=True, slots=True, kw_only=True)
class CountyCa:
    """The county's CA: private key (PEM) and certificate (DER)."""

    key_pem: bytes
    certificate: bytes

    @property
    def fingerprint(self) -> bytes:
        """SHA-256 of the certificate: what invites carry."""
        return fingerprint(self.certificate)


def read_ca_certificate(home: Home, ledger_id: LedgerId) -> bytes:
    """Return the certificate of the county's CA as this installation holds it, DER.

    Raises:
        ConfigError: ``tls.not_joined`` when there is none.
        DataError: ``tls.certificate``, ``tls.other_ledger`` when it is not this county's.
    """
    text = home.certificate(CA_NAME)
    if text is None:
        raise ConfigError("tls.not_joined", path=str(home.path))
    certificate = from_pem(text)
    check_ca(certificate, ledger_id=ledger_id)
    return certificate


def read_ca(home: Home, ledger_id: LedgerId) -> CountyCa:
    """Return the county's CA with its private key.

    Raises:
        ConfigError: ``tls.not_joined`` when there is none.
        StoreError: ``pki.ca_key`` when its key is not here or is another one: it lies in the office's safe.
    """
    certificate = read_ca_certificate(home, ledger_id)
    key_pem = home.secret(CA_KEY_NAME)
    if key_pem is None or public_key_of(key_pem) != subject_key(certificate):
        raise StoreError("pki.ca_key", path=str(home.secrets_dir / CA_KEY_NAME))
    return CountyCa(key_pem=key_pem, certificate=certificate)


def ensure_ca(
    home: Home, *, county_name: str, ledger_id: LedgerId, now_ms: int, randomness: Randomness
) -> CountyCa:
    """Return the county's CA; make it when the county has none yet.

    Raises:
        StoreError: ``pki.ca_key``: a CA whose key is missing is never replaced silently, because every
            station would have to join again.
    """
    if home.certificate(CA_NAME) is None:
        key_pem = home.secret(CA_KEY_NAME)
        if key_pem is None:
            key_pem = new_key(randomness)
            home.write_secret(CA_KEY_NAME, key_pem)
        certificate = new_ca(
            key_pem, county_name=county_name, ledger_id=ledger_id, now_ms=now_ms, randomness=randomness
        )
        home.write_certificate(CA_NAME, to_pem(certificate))
    return read_ca(home, ledger_id)


def ensure_county_certificate(
    home: Home,
    ca: CountyCa,
    *,
    station: StationId,
    ledger_id: LedgerId,
    now_ms: int,
    randomness: Randomness,
    end_ms: int = 0,
) -> Leaf:
    """Return the certificate of the county's own station; make or renew it by the CA that lies here.

    Args:
        end_ms: before which moment the registry has ended certificates of the station.
    """
    try:
        leaf = read_own_leaf(home, ledger_id)
        if leaf.not_before_ms >= end_ms and not renewal_due(leaf, now_ms=now_ms):
            return leaf
    except (ConfigError, DataError):
        pass  # none yet, or one that does not hold: made anew below
    key_pem = new_key(randomness)
    certificate = issue_leaf(
        new_csr(key_pem, station),
        station=station,
        ledger_id=ledger_id,
        ca_key_pem=ca.key_pem,
        ca_certificate=ca.certificate,
        now_ms=max(now_ms, end_ms),
        randomness=randomness,
    )
    write_own(home, key_pem=key_pem, certificate=certificate, ca_certificate=ca.certificate)
    return read_own_leaf(home, ledger_id)


def read_own_certificate(home: Home, ledger_id: LedgerId) -> bytes:
    """Return this station's certificate, DER, after checking that its key is here and the CA issued it.

    Raises:
        ConfigError: ``tls.not_joined`` when a part is missing; ``tls.own_certificate`` when the parts do not
            belong together.
        DataError: ``tls.*`` for a certificate that does not hold.
    """
    text, key_pem = home.certificate(STATION_NAME), home.secret(TLS_KEY_NAME)
    if text is None or key_pem is None:
        raise ConfigError("tls.not_joined", path=str(home.path))
    certificate = from_pem(text)
    leaf = read_leaf(certificate, ledger_id=ledger_id)
    check_issued(certificate, ca_certificate=read_ca_certificate(home, ledger_id))
    if public_key_of(key_pem) != leaf.public_key:
        raise ConfigError("tls.own_certificate", path=str(home.tls_dir / STATION_NAME))
    return certificate


def read_own_leaf(home: Home, ledger_id: LedgerId) -> Leaf:
    """Return what this station's certificate says; errors as for ``read_own_certificate``."""
    return read_leaf(read_own_certificate(home, ledger_id), ledger_id=ledger_id)


def write_own(home: Home, *, key_pem: bytes, certificate: bytes, ca_certificate: bytes) -> None:
    """Keep a station's key and certificate, and the CA.

    A power cut between key and certificate leaves parts that do not fit: the certificate of the old key. So
    both stand in one file as well, from which ``repair_own`` completes the change at the next start.
    """
    home.write_secret(NEXT_NAME, to_pem(certificate) + key_pem)
    home.write_certificate(CA_NAME, to_pem(ca_certificate))
    repair_own(home)


def repair_own(home: Home) -> None:
    """Complete a change of key and certificate that a power cut broke off; does nothing otherwise."""
    both = home.secret(NEXT_NAME)
    if both is None:
        return
    end = both.index(_KEY_BEGIN)
    home.write_secret(TLS_KEY_NAME, both[end:])
    home.write_certificate(STATION_NAME, both[:end])
    home.remove_secret(NEXT_NAME)


def listening_context(home: Home, ledger_id: LedgerId) -> ssl.SSLContext:
    """Return the TLS context with which a station listens; every route but the newcomer's asks for a peer.

    Raises:
        ConfigError: ``tls.not_joined``, ``tls.own_certificate``.
    """
    repair_own(home)
    read_own_certificate(home, ledger_id)
    return tls.server_context(
        certificate=home.tls_dir / STATION_NAME,
        key=home.secrets_dir / TLS_KEY_NAME,
        ca_certificate=read_ca_certificate(home, ledger_id),
    )


def calling_context(
    home: Home, ledger_id: LedgerId, *, admits: tls.Admits | None = None, expected: Collection[StationId] = ()
) -> ssl.SSLContext:
    """Return the TLS context with which a station calls its upstream; errors as ``listening_context``.

    ``expected`` are the stations that may answer, and ``admits`` refuses what the registry has ended; nothing
    is sent to anybody else.
    """
    repair_own(home)
    read_own_certificate(home, ledger_id)
    return tls.client_context(
        certificate=home.tls_dir / STATION_NAME,
        key=home.secrets_dir / TLS_KEY_NAME,
        ca_certificate=read_ca_certificate(home, ledger_id),
        ledger_id=ledger_id,
        admits=admits,
        expected=expected,
    )


def reload_context(context: ssl.SSLContext, home: Home) -> None:
    """Let an open context show the renewed certificate from its next connection on.

    Raises:
        ConfigError: ``tls.own_certificate``.
    """
    tls.load_own(context, certificate=home.tls_dir / STATION_NAME, key=home.secrets_dir / TLS_KEY_NAME)


def prepare_county(ledger: Ledger, *, randomness: Randomness) -> CountyCa:
    """Return the CA of the county whose registry this ledger writes; make CA and own certificate if needed.

    Raises:
        ConfigError: ``pki.not_county`` in any other folder.
        StoreError: ``pki.ca_key``; the disk's own reasons.
    """
    registry = ledger.knowledge.registry
    station = registry.station(registry.station_of_log)
    own = any(log.own and log.kind == "registry" for log in ledger.logs())
    if not own or station is None:
        raise ConfigError("pki.not_county", path=str(ledger.home.path))
    now_ms = max(ledger.clock.now_ms(), ledger.genesis.created_at_ms)
    ca = ensure_ca(
        ledger.home,
        county_name=station.name,
        ledger_id=ledger.ledger_id,
        now_ms=now_ms,
        randomness=randomness,
    )
    repair_own(ledger.home)
    ensure_county_certificate(
        ledger.home,
        ca,
        station=station.station,
        ledger_id=ledger.ledger_id,
        now_ms=now_ms,
        randomness=randomness,
        end_ms=registry.certificates_end_ms(station.station),
    )
    return ca
