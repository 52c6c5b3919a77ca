"""The county's side of joining: takes requests, remembers used invites, issues and renews certificates.

::

    DIR/joins/<token>.used       the invite was used: by whom (hash of the TLS key), when; never removed
    DIR/joins/<token>.request    the request with keys that wait for a registrar; removed once all are in
    DIR/joins/<token>.rejected   the registrar's signed refusal; never removed
    DIR/joins/<station>.issued, .invited   the newest certificate and invite: see ``sync.joining.issued``

A token is good for one TLS key. The same request sent again (the answer was lost, the newcomer crashed) gets
a certificate again, after the invite is over only while its keys wait; another key is refused. What was
written or used before a registrar ended the station's certificates is good for none: a stolen machine has
its invite and the key that used it. The ``used`` file is written durably before the certificate
exists, by whichever process comes first. The registry and the registrars are asked anew each time.

Source: docs/protocol.md, "Joining".
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from ledger.codec import pack_header
from ledger.errors import AuthorityError, BanjianError, DataError, EncodingError, RuleError
from ledger.facade import Clock, Home
from ledger.facade.base.clock import Randomness
from ledger.formats.invite import Invite, check_expiry
from ledger.formats.keys import ED25519, Signer, key_id
from ledger.platform import fsync_dir, write_durably, write_once
from ledger.registry.registry import Registry
from ledger.types import LedgerId, StationId
from sync.certs.credentials import CountyCa, read_ca
from sync.certs.pki import Leaf, check_issued, issue_leaf, read_leaf
from sync.certs.pki import check_expiry as check_leaf_expiry
from sync.joining.issued import make_folder, note_issued
from sync.joining.joinforms import JoinAnswer, JoinRequest, Renewal, decode_renewal, decode_request
from sync.joining.rejection import Rejection, decode_rejection, encode_rejection, holder_of
from sync.joining.used import check_unknown_use, read_used

ANSWERER_ENDED = "tls.answerer_ended"
_TOKEN_NAME_BYTES = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A request whose keys may still wait for a registrar.

    Attributes:
        name: of its file.
        is_ended: whether its invite is from before a registrar ended the station's certificates, by its own
            word or by when it was used: the machine that was lost may have sent it.
    """

    name: str
    request: JoinRequest
    is_ended: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """A request that no longer waits.

    Attributes:
        name: of its file.
        used_at_ms: when the invite was used; no earlier than the certificates that had ended by then.
        rejection: the refusal; None when all its keys were enrolled.
    """

    name: str
    station: StationId
    used_at_ms: int
    rejection: Rejection | None


class JoinOffice:
    """Takes join requests and renewals where the county's CA lies.

    Args:
        home: the county's folder.
        ledger_id: the pinned ledger.
        registry: returns the registry as it is now.
        clock: for expiry and certificates.
        randomness: for serial numbers.
        restored_ms: returns when this installation came back from an older state last, 0 for never: which
            invites of before were used since its backup nobody knows.
        coming_back: whether the registry may lack its end, and with it what a registrar has ended: then a
            certificate begins when what it is given for did, so that the end finds it, or does not, as that.
    """

    def __init__(
        self,
        home: Home,
        *,
        ledger_id: LedgerId,
        registry: Callable[[], Registry],
        clock: Clock,
        randomness: Randomness,
        restored_ms: Callable[[], int] = lambda: 0,
        coming_back: Callable[[], bool] = lambda: False,
    ) -> None:
        self._home = home
        self._ledger_id = ledger_id
        self._registry = registry
        self._clock = clock
        self._randomness = randomness
        self._restored_ms = restored_ms
        self._coming_back = coming_back

    def take(self, raw: bytes) -> bytes:
        """Check a join request, use its invite up and return the answer.

        Raises:
            DataError: the request does not hold (``join.*``, ``invite.*``, ``pki.*``); ``join.other_ledger``;
                ``join.other_ca`` when the CA was replaced since the invite was written.
            AuthorityError: ``join.registrar``; ``invite.expired``; ``join.station``; ``join.rejected``;
                ``tls.certificate_ended`` for an invite from before that act.
            AuthorityError: ``join.before_restore``.
            RuleError: ``join.token_used``.
            StoreError: ``pki.ca_key`` and the disk's own reasons; the newcomer tries again.
        """
        request = decode_request(raw)
        invite = request.invite
        if invite.ledger_id != self._ledger_id:
            raise DataError("join.other_ledger", expected=self._ledger_id, found=invite.ledger_id)
        ca = read_ca(self._home, self._ledger_id)
        if invite.ca_fingerprint != ca.fingerprint:
            raise DataError("join.other_ca")
        self._check_standing(invite)
        self._check_rejected(holder_of(request.public_key))
        used_at_ms = self._use(request)
        if request.services or request.staff:
            write_durably(self._path(invite, "request"), raw)
        certificate = self._issued(request.csr, invite.station, ca, since_ms=used_at_ms)
        return self._answer(invite.station, request.request_id, certificate, ca)

    def renew(self, raw: bytes, *, peer: StationId) -> bytes:
        """Return a new certificate for a station that holds one; the TLS peer is it or stands above it.

        Raises:
            DataError: ``join.*``, ``tls.*``; ``join.other_ledger``.
            AuthorityError: ``tls.expired``, ``tls.certificate_ended``; ``tls.station_closed``,
                ``tls.station_unknown``; ``join.peer``.
        """
        renewal = decode_renewal(raw)
        self._check_renewal(renewal, peer)
        ca = read_ca(self._home, self._ledger_id)
        check_issued(renewal.certificate, ca_certificate=ca.certificate)
        leaf = read_leaf(renewal.certificate, ledger_id=self._ledger_id)
        check_leaf_expiry(leaf, now_ms=self._clock.now_ms())
        check_in_force(self._registry(), leaf)
        self._check_rejected(holder_of(leaf.public_key))
        certificate = self._issued(renewal.csr, renewal.station, ca, since_ms=leaf.not_before_ms)
        return self._answer(renewal.station, renewal.request_id, certificate, ca)

    def waiting(self) -> list[Waiting]:
        """Return the requests whose keys wait, by station; a damaged file is passed over."""
        found = []
        for path in sorted(self._home.joins_dir.glob("*.request")):
            try:
                request = decode_request(path.read_bytes())
            except BanjianError:
                continue
            found.append(Waiting(name=path.stem, request=request, is_ended=self._is_ended(request.invite)))
        return sorted(found, key=lambda one: (one.request.invite.station, one.name))

    def settled(self) -> list[Settled]:
        """Return the requests that no longer wait, the newest first; a damaged file is passed over."""
        folder, found = self._home.joins_dir, []
        rejected = self.rejections()
        for path in folder.glob("*.used"):
            if (folder / f"{path.stem}.request").exists():
                continue
            try:
                used = read_used(path)
            except BanjianError:
                continue
            if used is not None:
                refusal = rejected.get(path.stem)
                found.append(
                    Settled(name=path.stem, station=used.station, used_at_ms=used.at_ms, rejection=refusal)
                )
        return sorted(found, key=lambda one: (-one.used_at_ms, one.name))

    def has_issued(self, station: StationId) -> bool:
        """Tell whether an invite of a station was used here: it may have renewed its certificate since."""
        for path in self._home.joins_dir.glob("*.used"):
            try:
                used = read_used(path)
            except EncodingError:
                return True  # by somebody unknown
            if used is not None and used.station == station:
                return True
        return False

    def rejections(self) -> dict[str, Rejection]:
        """Return the refusals by the name of their request; a damaged file is passed over."""
        found = {}
        for path in self._home.joins_dir.glob("*.rejected"):
            with suppress(BanjianError, OSError):
                found[path.stem] = decode_rejection(path.read_bytes())
        return found

    def reject(self, waiting: Waiting, registrar: Signer, *, reason: str) -> bytes:
        """Refuse a request for good and return the signed refusal, for the way back by stick.

        Its keys are not enrolled, its certificate is not served here nor renewed; whoever it was needs a new
        invite.

        Raises:
            AuthorityError: ``join.registrar`` when the signer is no registrar of the station.
            InputError: ``join.reason``.
            StoreError: the disk's own reasons; nothing was refused.
        """
        station = waiting.request.invite.station
        held = self._registry().authority(registrar.key_id)
        if held is None or "registrar" not in held.roles_at(station):
            raise AuthorityError("join.registrar", station=station)
        raw = encode_rejection(
            waiting.request, registrar, staff_no=held.staff_no, reason=reason, now_ms=self._clock.now_ms()
        )
        write_durably(self._home.joins_dir / f"{waiting.name}.rejected", raw)
        self.close(waiting)
        return raw

    def check_peer(self, leaf: Leaf) -> None:
        """Refuse whoever calls with a certificate whose request was refused afterwards.

        Raises:
            AuthorityError: ``join.rejected``.
        """
        self._check_rejected(holder_of(leaf.public_key))

    def close(self, waiting: Waiting) -> None:
        """Remove a request that is settled; that its invite was used stays known."""
        (self._home.joins_dir / f"{waiting.name}.request").unlink(missing_ok=True)
        fsync_dir(self._home.joins_dir)

    def _check_rejected(self, holder: bytes) -> None:
        for one in self.rejections().values():
            if one.holder == holder and one.ledger_id == self._ledger_id:
                raise one.as_error()

    def _check_standing(self, invite: Invite) -> None:
        registry = self._registry()
        held = registry.authority(key_id(ED25519, invite.registrar_public_key))
        if held is None or "registrar" not in held.roles_at(invite.station):
            raise AuthorityError("join.registrar", station=invite.station)
        station = registry.station(invite.station)
        if invite.kind != "station" or station is None or not station.is_open:
            raise AuthorityError("join.station", station=invite.station)

    def _use(self, request: JoinRequest) -> int:
        """Use an invite up, or see that this machine did; returns when that was."""
        invite, path = request.invite, self._path(request.invite, "used")
        registry, now_ms = self._registry(), self._clock.now_ms()
        _check_after_end(registry, invite.station, invite.issued_at_ms)
        holder, used = holder_of(request.public_key), read_used(path)
        if used is None:
            check_expiry(invite, now_ms=now_ms)
            check_unknown_use(
                request, registry, restored_ms=self._restored_ms(), coming_back=self._coming_back()
            )
            make_folder(self._home)
            # As the certificate begins: by a clock that was set back it was used before it was written.
            begin_ms = self._begin_ms(invite.station, since_ms=invite.issued_at_ms)
            if write_once(path, pack_header((1, invite.station, holder, begin_ms))):
                return begin_ms
            used = read_used(path)
        if used is None or used.holder != holder:
            raise RuleError("join.token_used", station=invite.station)
        _check_after_end(registry, invite.station, used.at_ms)
        if not self._path(invite, "request").exists():
            check_expiry(invite, now_ms=now_ms)
        return used.at_ms

    def _is_ended(self, invite: Invite) -> bool:
        """Tell whether an invite that was used is from before the station's certificates were ended.

        One of which nobody knows when it was used is, as soon as any were.
        """
        end_ms = self._registry().certificates_end_ms(invite.station)
        used = None
        with suppress(BanjianError):
            used = read_used(self._path(invite, "used"))
        return end_ms > (0 if used is None else min(used.at_ms, invite.issued_at_ms))

    def _check_renewal(self, renewal: Renewal, peer: StationId) -> None:
        if renewal.ledger_id != self._ledger_id:
            raise DataError("join.other_ledger", expected=self._ledger_id, found=renewal.ledger_id)
        registry = self._registry()
        check_station(registry, renewal.station)
        if peer not in registry.line(renewal.station):
            raise AuthorityError("join.peer", station=renewal.station, peer=peer)

    def _begin_ms(self, station: StationId, *, since_ms: int) -> int:
        """Return when a certificate begins: now; on the way back when what it is given for did.

        No earlier either, whatever the clock says then: what began behind an end must stay behind it.
        """
        begin_ms = since_ms if self._coming_back() else self._clock.now_ms()
        return certificate_begin_ms(self._registry(), station, now_ms=begin_ms)

    def _issued(self, csr: bytes, station: StationId, ca: CountyCa, *, since_ms: int) -> bytes:
        """Issue a certificate, and remember that before it leaves.

        Args:
            since_ms: when the certificate began, or the invite was used, for which this one is given.
        """
        certificate = self._issue(csr, station, ca, begin_ms=self._begin_ms(station, since_ms=since_ms))
        leaf = read_leaf(certificate, ledger_id=self._ledger_id)
        note_issued(self._home, station, begin_ms=leaf.not_before_ms)
        return certificate

    def _issue(self, csr: bytes, station: StationId, ca: CountyCa, *, begin_ms: int) -> bytes:
        return issue_leaf(
            csr,
            station=station,
            ledger_id=self._ledger_id,
            ca_key_pem=ca.key_pem,
            ca_certificate=ca.certificate,
            now_ms=begin_ms,
            randomness=self._randomness,
        )

    def _answer(self, station: StationId, answered: bytes, certificate: bytes, ca: CountyCa) -> bytes:
        return JoinAnswer(
            ledger_id=self._ledger_id,
            station=station,
            request_id=answered,
            certificate=certificate,
            ca_certificate=ca.certificate,
        ).pack()

    def _path(self, invite: Invite, ending: str) -> Path:
        name = sha256(invite.token).digest()[:_TOKEN_NAME_BYTES].hex()
        return self._home.joins_dir / f"{name}.{ending}"


def check_station(registry: Registry, station: StationId) -> None:
    """Refuse a station that the registry does not know as open.

    Raises:
        AuthorityError: ``tls.station_unknown``, ``tls.station_closed``.
    """
    known = registry.station(station)
    if known is None:
        raise AuthorityError("tls.station_unknown", station=station)
    if not known.is_open:
        raise AuthorityError("tls.station_closed", station=station)


def certificate_begin_ms(registry: Registry, station: StationId, *, now_ms: int) -> int:
    """Return when a new certificate of a station begins: never before what the registry has ended.

    Where the clock was ahead as they were ended, and is right now, each new one would be over at once.
    """
    # In whole seconds, as certificates count, and not rounded down to before the end.
    return max(now_ms, -(-registry.certificates_end_ms(station) // 1000) * 1000)


def check_in_force(registry: Registry, leaf: Leaf) -> None:
    """Refuse a certificate that a registrar has ended.

    Raises:
        AuthorityError: ``tls.certificate_ended``.
    """
    _check_after_end(registry, leaf.station, leaf.not_before_ms)


def check_answering(registry: Registry, leaf: Leaf) -> None:
    """Refuse a machine that answers a call with a certificate that a registrar has ended.

    A stolen machine does not hear of the act, or does not heed it: whoever calls has to ask as well.

    Raises:
        AuthorityError: ``tls.answerer_ended``.
    """
    if leaf.not_before_ms < registry.certificates_end_ms(leaf.station):
        raise AuthorityError(ANSWERER_ENDED, station=leaf.station)


def _check_after_end(registry: Registry, station: StationId, at_ms: int) -> None:
    """Refuse what is from before a registrar ended the station's certificates.

    Raises:
        AuthorityError: ``tls.certificate_ended``.
    """
    if at_ms < registry.certificates_end_ms(station):
        raise AuthorityError("tls.certificate_ended", station=station)
