"""The newcomer's side of joining: keys and request first, the answer later, online or on a stick.

::

    DIR.part/                    a station that joins for the first time; takes its name when it is complete
    DIR/joining/                 a folder with a ledger that joins again: after a restore, or with a lost key
        join.invite              the invite that this is about; it stays, to know it again
        join.request             the request, to be sent again as often as it takes
        secrets/tls-join.key     its TLS key
        secrets/<purpose>-<station>.key

Keys and request are on the disk before anything is sent: an answer that was lost is asked for again.

Source: docs/protocol.md, "Joining".
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from ledger.errors import BanjianError, ConfigError, DataError
from ledger.facade import Home
from ledger.facade.base.clock import Randomness
from ledger.facade.base.home import SEED_BYTES
from ledger.facade.opened.founding import found_empty
from ledger.formats.genesis import decode_ledger_genesis
from ledger.formats.invite import Invite, decode_invite
from ledger.formats.keys import Ed25519Signer, prove_possession
from ledger.platform import fsync_dir, write_durably
from ledger.registry.registry import Registry
from ledger.types import LedgerId
from sync.certs.credentials import write_own
from sync.certs.pki import check_ca, check_issued, fingerprint, read_leaf
from sync.certs.tlskeys import new_key
from sync.joining.approval import key_states
from sync.joining.joinforms import (
    JoinAnswer,
    JoinRequest,
    ServiceKey,
    StaffKey,
    decode_answer,
    decode_request,
    encode_request,
)

INVITE_NAME = "join.invite"
REQUEST_NAME = "join.request"
JOIN_KEY_NAME = "tls-join.key"
REJOIN_NAME = "joining"
KIOSK_ROLE = "kiosk"

MakeStaff = Callable[[Home, LedgerId], tuple[StaffKey, ...]]
"""Makes the keys of the first clerks in the folder that is being made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Joining:
    """A join under way.

    Attributes:
        home: where the ledger will lie.
        staging: where keys and request lie until then.
        raw: the bytes of the request.
        request: the same, decoded.
        again: whether a ledger lies in ``home`` already.
    """

    home: Home
    staging: Home
    raw: bytes
    request: JoinRequest
    again: bool

    @property
    def invite(self) -> Invite:
        """The invite that this is about."""
        return self.request.invite


def begin(home: Home, invite_raw: bytes, *, make_staff: MakeStaff, randomness: Randomness) -> Joining:
    """Make keys and request, or take up the ones that an earlier attempt with this invite left.

    Args:
        home: where the ledger shall lie; may hold one of the same county already.
        invite_raw: bytes of the invite file.
        make_staff: makes the keys of the first clerks; called only when nothing is taken up.
        randomness: for keys.

    Raises:
        ConfigError: ``home.exists`` when something else lies there; ``join.done`` when the folder has joined
            with this invite; ``join.training``, ``join.invite_kind`` for an invite to something else.
        DataError: ``join.home_ledger`` for a folder of another county.
        EncodingError: ``invite.*``.
    """
    invite = decode_invite(invite_raw)
    genesis = decode_ledger_genesis(invite.ledger_genesis)
    if genesis.purpose == "training":
        raise ConfigError("join.training")
    if invite.kind != "station":
        raise ConfigError("join.invite_kind", kind=invite.kind)
    again = home.exists
    if again and _read(home.path / INVITE_NAME) == invite_raw:
        raise ConfigError("join.done", path=str(home.path))
    if again and home.ledger_genesis() != invite.ledger_genesis:
        raise DataError("join.home_ledger", path=str(home.path))
    staging = _staging(home)
    if _read(staging.path / INVITE_NAME) == invite_raw and (staging.path / REQUEST_NAME).exists():
        return resume(home)
    _clear(home, staging)
    staging.complete()
    key_pem = new_key(randomness)
    staging.write_secret(JOIN_KEY_NAME, key_pem)
    services = tuple(_service_key(staging, invite, name, randomness) for name in _purposes(invite))
    staff = make_staff(staging, invite.ledger_id)
    raw = encode_request(invite_raw, tls_key_pem=key_pem, services=services, staff=staff)
    write_durably(staging.path / INVITE_NAME, invite_raw)
    write_durably(staging.path / REQUEST_NAME, raw, private=True)
    return Joining(home=home, staging=staging, raw=raw, request=decode_request(raw), again=again)


def resume(home: Home) -> Joining:
    """Return the join that was begun for a folder.

    Raises:
        ConfigError: ``join.not_begun``.
        EncodingError: ``join.*`` for a damaged request: begin again with a new invite.
    """
    staging = _staging(home)
    raw = _read(staging.path / REQUEST_NAME)
    if raw is None:
        raise ConfigError("join.not_begun", path=str(home.path))
    return Joining(home=home, staging=staging, raw=raw, request=decode_request(raw), again=home.exists)


def finish(
    joining: Joining,
    answer_raw: bytes,
    *,
    randomness: Randomness,
    complete: Callable[[Path], None],
) -> JoinAnswer:
    """Check the county's answer and put the folder in place: an empty ledger, keys, certificates.

    Args:
        joining: the join under way.
        answer_raw: bytes of the answer.
        randomness: for the storage key.
        complete: puts settings into the folder before it takes its name.

    Raises:
        DataError: ``join.answer`` for an answer to another request; ``join.other_ca``, ``tls.*`` for
            certificates that do not hold.
        StoreError: the disk's own reasons; finish again.
    """
    answer = _check_answer(joining, answer_raw)
    staging, home = joining.staging, joining.home
    key_pem = staging.secret(JOIN_KEY_NAME)
    if key_pem is None:
        raise ConfigError("join.not_begun", path=str(home.path))
    place = home if joining.again else staging
    if joining.again:
        _take_over_keys(joining)
    else:
        # Nothing can stand in it yet: a store that a power cut left half made is made anew.
        for path in staging.path.glob(f"{staging.database_path.name}*"):
            path.unlink()
        found_empty(staging, decode_ledger_genesis(joining.invite.ledger_genesis), randomness=randomness)
    write_own(place, key_pem=key_pem, certificate=answer.certificate, ca_certificate=answer.ca_certificate)
    complete(place.path)
    if joining.again:
        write_durably(home.path / INVITE_NAME, joining.request.invite_raw)
        write_durably(home.path / REQUEST_NAME, joining.raw, private=True)
        shutil.rmtree(staging.path)
        return answer
    if home.path.exists():
        home.path.rmdir()
    staging.path.rename(home.path)
    fsync_dir(home.path.parent)
    # The request stays until its keys are enrolled: with it the station can ask whether they were refused.
    (home.secrets_dir / JOIN_KEY_NAME).unlink(missing_ok=True)
    return answer


def drop_settled(home: Home, registry: Registry) -> None:
    """Remove the request once all its keys are enrolled: the names in it are of no more use.

    One that cannot be read or removed stays; asking for its state tells why.
    """
    path = home.path / REQUEST_NAME
    with suppress(BanjianError, OSError):
        if all(state.enrolled for state in key_states(registry, decode_request(path.read_bytes()))):
            path.unlink()


def _check_answer(joining: Joining, answer_raw: bytes) -> JoinAnswer:
    answer, invite = decode_answer(answer_raw), joining.invite
    if answer.request_id != joining.request.request_id or answer.ledger_id != invite.ledger_id:
        raise DataError("join.answer")
    if fingerprint(answer.ca_certificate) != invite.ca_fingerprint:
        raise DataError("join.other_ca")
    check_ca(answer.ca_certificate, ledger_id=invite.ledger_id)
    check_issued(answer.certificate, ca_certificate=answer.ca_certificate)
    leaf = read_leaf(answer.certificate, ledger_id=invite.ledger_id)
    if leaf.station != invite.station or leaf.public_key != joining.request.public_key:
        raise DataError("join.answer")
    return answer


def _staging(home: Home) -> Home:
    if home.exists:
        return Home(home.path / REJOIN_NAME)
    return Home(home.path.with_name(home.path.name + ".part"))


def _clear(home: Home, staging: Home) -> None:
    """Remove what an attempt with an older invite left; never what somebody else keeps there.

    Raises:
        ConfigError: ``home.exists``.
    """
    if not home.exists and home.path.exists() and any(home.path.iterdir()):
        raise ConfigError("home.exists", path=str(home.path))
    if staging.path.exists():
        begun = (staging.secrets_dir / JOIN_KEY_NAME).exists()
        ours = begun or not any(path.is_file() for path in staging.path.rglob("*"))
        if not ours:
            raise ConfigError("home.exists", path=str(staging.path))
        shutil.rmtree(staging.path)


def _purposes(invite: Invite) -> tuple[str, ...]:
    """Return the services of a station, sorted: receipts and bundles, at a kiosk also its acts."""
    kiosk = (KIOSK_ROLE,) if KIOSK_ROLE in invite.roles else ()
    return tuple(sorted(("bundle", "receipt", *kiosk)))


def _service_key(staging: Home, invite: Invite, purpose: str, randomness: Randomness) -> ServiceKey:
    """Make a service key, a new one also where the folder has one: the registry may have ended that.

    Whoever joins again because a machine of the station was lost cannot hear of it before.
    """
    seed = randomness(SEED_BYTES)
    staging.write_service_seed(invite.station, purpose, seed)
    if purpose == "bundle":
        public_key = X25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()
        return ServiceKey(purpose=purpose, public_key=public_key)
    signer = Ed25519Signer.from_seed(seed)
    return ServiceKey(
        purpose=purpose,
        public_key=signer.public_key,
        possession=prove_possession(signer, invite.ledger_id),
    )


def _take_over_keys(joining: Joining) -> None:
    """Bring service keys and people's envelopes into a folder that joins again; what is there stays.

    An older service key counts until the new one is enrolled, and opens what was sealed to it. A new key of
    somebody who has one here lies beside it, as ``keys/NO-2.key``: nobody else has it.
    """
    station = joining.invite.station
    for service in joining.request.services:
        seed = joining.staging.service_seed(station, service.purpose)
        if seed is not None:
            joining.home.renew_service_seed(station, service.purpose, seed)
    folder = joining.home.keys_dir
    for envelope in joining.staging.keys_dir.glob("*.key"):
        raw = envelope.read_bytes()
        if any(_read(path) == raw for path in folder.glob("*.key")):
            continue
        further = (f"{envelope.stem}-{number}.key" for number in count(2))
        target = next(folder / one for one in chain((envelope.name,), further) if not (folder / one).exists())
        write_durably(target, raw)
        os.chmod(target, 0o600)


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None
