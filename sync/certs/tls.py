"""TLS between stations: 1.3 only, both ends with certificates of the county's CA, no name but the station's.

OpenSSL checks the chain and not the time (``X509_V_FLAG_NO_CHECK_TIME``): a station whose clock says 2000
must still sync. Whether a certificate is over is asked afterwards with the clock of the receiving side
(``peer_leaf``). A listener also lets ends without certificate in, for the newcomer alone; every other route
asks for the peer.

Source: docs/protocol.md, "Certificates"; RFC 8446; X509_VERIFY_PARAM_set_flags(3).
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Collection, Iterator
from functools import lru_cache
from pathlib import Path

from ledger.errors import AuthorityError, BanjianError, ConfigError, DataError
from ledger.types import LedgerId, StationId
from sync.certs.pki import Leaf, check_expiry, read_leaf, to_pem

_NO_CHECK_TIME = 0x200000
_LEAVES_KEPT_MAX = 1024
_ASKED_MAX = 8
"""Reads of a caller that goes on sending although its handshake failed."""

Admits = Callable[[Leaf], None]
"""Refuses whoever may not be at the other end, by what else is known here; raises ``BanjianError``."""

_REFUSALS = ("UNKNOWN_CA", "BAD_CERTIFICATE", "CERTIFICATE_UNKNOWN", "CERTIFICATE_EXPIRED", "DECRYPT_ERROR")
_VERSIONS = ("PROTOCOL_VERSION", "UNSUPPORTED_PROTOCOL", "WRONG_VERSION_NUMBER", "HTTP_REQUEST")


class RefusedPeer(ssl.SSLError):
    """The handshake succeeded, and the other end is not who may be there.

    Args:
        refusal: the named error.
    """

    def __init__(self, refusal: BanjianError) -> None:
        super().__init__(refusal.code)
        self.refusal = refusal


def server_context(*, certificate: Path, key: Path, ca_certificate: bytes) -> ssl.SSLContext:
    """Return the context of a listener.

    Args:
        certificate: the station's certificate, a PEM file.
        key: its private key, a PEM file.
        ca_certificate: the county's CA, DER: the only one that is trusted.

    Raises:
        ConfigError: ``tls.own_certificate`` when files are missing or do not belong together.
    """
    context = _context(ssl.PROTOCOL_TLS_SERVER, ca_certificate)
    context.verify_mode = ssl.CERT_OPTIONAL
    context.num_tickets = 0  # every connection shows its certificate again
    context.sslobject_class = _TellsWhy
    load_own(context, certificate=certificate, key=key)
    return context


def client_context(
    *,
    certificate: Path,
    key: Path,
    ca_certificate: bytes,
    ledger_id: LedgerId,
    admits: Admits | None = None,
    expected: Collection[StationId] = (),
) -> ssl.SSLContext:
    """Return the context of a station that calls another one; arguments as for ``server_context``.

    The other end is asked who it is at the end of the handshake, before anything is sent to it.

    Args:
        ledger_id: the pinned ledger.
        admits: asked at the end of every handshake; None where nothing else is known.
        expected: stations that may answer, for example the line above this one; empty for any of the ledger.

    Raises:
        ConfigError: ``tls.own_certificate``.
    """
    context = _asking_context(ca_certificate, _checking(ledger_id, frozenset(expected), admits))
    load_own(context, certificate=certificate, key=key)
    return context


def joining_context(ca_certificate: bytes, *, ledger_id: LedgerId) -> ssl.SSLContext:
    """Return the context of a newcomer: it trusts the county's CA and has no certificate of its own yet.

    Nor has it the registry: whether the certificate at the other end was ended it cannot know.
    """
    return _asking_context(ca_certificate, _checking(ledger_id, frozenset(), None))


def fetching_context() -> ssl.SSLContext:
    """Return the context that trusts anybody: only to fetch a CA, which the invite's fingerprint checks."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def load_own(context: ssl.SSLContext, *, certificate: Path, key: Path) -> None:
    """Let a context show a certificate from its next connection on, also after a renewal.

    Raises:
        ConfigError: ``tls.own_certificate``.
    """
    try:
        context.load_cert_chain(certificate, key)
    except OSError as error:  # ssl.SSLError is one
        raise ConfigError("tls.own_certificate", path=str(certificate)) from error


def peer_leaf(
    ssl_object: ssl.SSLObject | ssl.SSLSocket | None, *, ledger_id: LedgerId, now_ms: int | None
) -> Leaf:
    """Return who is at the other end of a connection.

    Args:
        ssl_object: the connection; None for one without TLS.
        ledger_id: the pinned ledger.
        now_ms: the clock of the receiving side; None at the calling side, whose clock decides nothing.

    Raises:
        AuthorityError: ``tls.no_certificate``; ``tls.expired``.
        DataError: ``tls.other_ledger``, ``tls.identity``, ``tls.key_algorithm``, ``tls.certificate``.
    """
    certificate = None if ssl_object is None else ssl_object.getpeercert(binary_form=True)
    if not certificate:
        raise AuthorityError("tls.no_certificate")
    leaf = _known_leaf(certificate, ledger_id)
    if now_ms is not None:
        check_expiry(leaf, now_ms=now_ms)
    return leaf


def tls_failure(error: BaseException) -> BanjianError | None:
    """Return the named error of a failed handshake, wherever it lies in the chain; None if there is none."""
    found = _tls_errors(error)
    if not found:
        return None
    refusal = tls_refusal(error)
    if refusal is not None:
        return refusal
    reason = _reason(found)
    if any(word in reason for word in _VERSIONS):
        return DataError("tls.version", detail=reason)
    return DataError("tls.failed", detail=reason or "SSL")


def tls_refusal(error: BaseException) -> BanjianError | None:
    """Return the named error where one end does not take the other for whom it has to be; None otherwise.

    In TLS 1.3 a client learns only at its first read that its certificate was refused.
    """
    found = _tls_errors(error)
    for one in found:
        if isinstance(one, RefusedPeer):
            return one.refusal
    if any(isinstance(one, ssl.SSLCertVerificationError) for one in found):
        return DataError("tls.other_ca")
    reason = _reason(found)
    return AuthorityError("tls.refused", detail=reason) if any(word in reason for word in _REFUSALS) else None


class _TellsWhy(ssl.SSLObject):
    """A listener's connection whose failed handshake reaches the caller as an alert.

    ``asyncio`` drops the connection at once when a handshake fails, and the alert with it: the caller would
    see a broken line and try again for ever. Asking for more instead lets the alert out; the caller then
    hangs up.
    """

    _failure: ssl.SSLError | None = None
    _asked: int = 0

    def do_handshake(self) -> None:
        if self._failure is None:
            try:
                super().do_handshake()
                return
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                raise
            except ssl.SSLError as error:
                self._failure = error
        self._asked += 1
        if self._asked > _ASKED_MAX:
            raise self._failure
        raise ssl.SSLWantReadError(ssl.SSL_ERROR_WANT_READ, "the alert goes out")


def _asking_context(ca_certificate: bytes, checked: type[ssl.SSLObject]) -> ssl.SSLContext:
    context = _context(ssl.PROTOCOL_TLS_CLIENT, ca_certificate)
    context.verify_mode = ssl.CERT_REQUIRED
    context.sslobject_class = checked
    return context


def _checking(
    ledger_id: LedgerId, expected: frozenset[StationId], admits: Admits | None
) -> type[ssl.SSLObject]:
    """Return a connection whose handshake includes who the other end is."""

    class Checked(ssl.SSLObject):
        def do_handshake(self) -> None:
            super().do_handshake()
            try:
                leaf = peer_leaf(self, ledger_id=ledger_id, now_ms=None)
                if expected and leaf.station not in expected:
                    raise DataError("tls.other_station", station=leaf.station)
                if admits is not None:
                    admits(leaf)
            except BanjianError as error:
                raise RefusedPeer(error) from error

    return Checked


def _context(protocol: int, ca_certificate: bytes) -> ssl.SSLContext:
    context = ssl.SSLContext(protocol)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.check_hostname = False
    context.verify_flags = ssl.VerifyFlags(context.verify_flags | _NO_CHECK_TIME)
    context.load_verify_locations(cadata=to_pem(ca_certificate).decode("ascii"))
    return context


@lru_cache(maxsize=_LEAVES_KEPT_MAX)
def _known_leaf(certificate: bytes, ledger_id: LedgerId) -> Leaf:
    return read_leaf(certificate, ledger_id=ledger_id)


def _tls_errors(error: BaseException) -> list[ssl.SSLError]:
    return [one for one in _chain(error) if isinstance(one, ssl.SSLError)]


def _reason(found: list[ssl.SSLError]) -> str:
    # Whoever wraps the error may be an SSLError as well, without a reason.
    reasons = [str(getattr(one, "reason", None) or "").upper() for one in found]
    return next(filter(None, reasons), "")


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        one = waiting.pop(0)
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        inner = getattr(one, "os_error", None)
        waiting += [inner if isinstance(inner, BaseException) else None, one.__cause__, one.__context__]
