"""A forgotten passphrase: a new key given within minutes, carried along, confirmed by a registrar.

The command line and the pages both come here. The new key lies in ``keys/`` of the machine where it was made,
its grant beside it; a *key file with its grant* carries both to the machine where the person works.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ledger import platform
from ledger.codec import pack_header, unpack_header
from ledger.errors import AuthorityError, BanjianError, DataError, EncodingError, InputError
from ledger.facade import Home, Ledger, Performed
from ledger.facade.base.home import GRANT_SUFFIX
from ledger.facade.cases.granting import GrantPlan, HeldGrant
from ledger.facade.opened.granted import authority_now, list_grants
from ledger.formats.envelope import read_envelope
from ledger.formats.keys import Signer, key_id
from ledger.lawtime import DAY_MS
from ledger.limits import ENVELOPE_BYTES_MAX, FRAME_BYTES_MAX, GRANT_MS_MAX
from ledger.registry.authority import GRANTING_ROLES, Authority, Refusal
from ledger.registry.grant import Grant, pack_carried, unpack_carried
from ledger.registry.registry import Registry
from ledger.types import KeyId, StationId
from stations.office.enrolling import EnrolledKey, give_new_key
from stations.office.newkeys import SUFFIX, store_envelope
from sync.joining.approval import Register

BROUGHT_SUFFIX = ".newkey"
"""What the file that carries a key with its grant ends in."""
BROUGHT_BYTES_MAX = ENVELOPE_BYTES_MAX + FRAME_BYTES_MAX + 64
DAYS_MAX = GRANT_MS_MAX // DAY_MS
OPEN_STATES = ("waiting", "expired")
"""What a registrar can confirm."""

Give = Callable[[GrantPlan, Signer], Performed]
"""Signs and stores a grant, by the ledger itself or through the process that writes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Brought:
    """A key that lies here now: whose it is, which envelope, and its grant if it still rests on one."""

    staff_no: str
    path: Path
    grant: Grant | None


def free_envelope(folder: Path, no: str) -> Path:
    """Return a path for a further envelope of a person: an older one is never overwritten."""
    names = (f"{no}{SUFFIX}", *(f"{no}-{number}{SUFFIX}" for number in range(2, 1000)))
    return folder / next((name for name in names if not (folder / name).exists()), names[-1])


def give_key(
    give: Give, signer: Signer, *, station: StationId, no: str, key: EnrolledKey, reason: str, days: int
) -> Performed:
    """Give somebody a new key until a registrar confirms it.

    Raises:
        InputError: ``grant.days`` for more days than a week, or none.
        AuthorityError: who may not give it, or why it would have no force (``grant.*``).
    """
    if not 1 <= days <= DAYS_MAX:
        raise InputError("grant.days", most=DAYS_MAX)
    plan = GrantPlan(
        station=station,
        staff_no=no,
        public_key=key.public_key,
        possession=key.possession,
        reason=reason,
        lasts_ms=days * DAY_MS,
    )
    return give(plan, signer)


def put_in_place(folder: Path, no: str, made: Path) -> Path:
    """Let a new envelope take the plain name of its owner; the one of an old key is kept under another name.

    Broken off at any point the new key works, under the one name or the other.
    """
    plain = folder / f"{no}{SUFFIX}"
    if made == plain:
        return plain
    if plain.exists():
        number = next(count for count in range(1, 10_000) if not _aside(plain, count).exists())
        plain.rename(_aside(plain, number))
    made.rename(plain)
    platform.fsync_dir(folder)
    return plain


def pack_brought(envelope: bytes, grant: Grant) -> bytes:
    """Return the file that carries a sealed key with its grant."""
    return pack_header((envelope, pack_carried(grant)))


def bring(ledger: Ledger, home: Home, raw: bytes) -> Brought:
    """Take a key that was made elsewhere: a sealed key alone, or one with its grant.

    Raises:
        InputError: ``web.key_stranger`` for a key that nobody enrolled and no grant comes with.
        DataError: ``grant.no_key`` for a damaged file; ``grant.*`` for a grant that does not fit.
        AuthorityError: ``grant.*`` for a grant without force here, ``authority.registry_ahead`` when this
            station has to sync first.
    """
    envelope, grant = _unpacked(ledger, raw)
    header = read_envelope(envelope)
    number = key_id(header.alg, header.public_key)
    held = ledger.knowledge.registry.authority(number)
    if held is None and grant is not None:
        held = _granted(ledger, number, grant)
    if held is None or held.kind not in ("staff", "registrar"):
        raise InputError("web.key_stranger", key=number.hex()[:12])
    if grant is not None:
        home.write_grant(number, pack_carried(grant))
    path = _envelope_here(home, number)
    if path is None:
        path = free_envelope(home.keys_dir, held.staff_no)
        store_envelope(path, envelope)
        if grant is not None:
            path = put_in_place(home.keys_dir, held.staff_no, path)
    return Brought(staff_no=held.staff_no, path=path, grant=grant)


def confirm(ledger: Ledger, register: Register, registrar: Signer, given: HeldGrant) -> KeyId:
    """Make a grant last: the old key is retired and the new one enrolled; returns the old one.

    Raises:
        InputError: ``grant.settled`` for one that is confirmed already, or has no force.
        AuthorityError: what the registry refuses.
    """
    if given.state not in OPEN_STATES:
        raise InputError("grant.settled", staff_no=given.grant.staff_no)
    key = EnrolledKey(public_key=given.grant.public_key, possession=given.grant.possession)
    return give_new_key(ledger, register, registrar, no=given.grant.staff_no, key=key, reason="retired")


def grant_of(ledger: Ledger, no: str) -> HeldGrant:
    """Return the newest grant for a person that a registrar can still confirm.

    Raises:
        InputError: ``grant.none``.
    """
    for one in list_grants(ledger):
        if one.grant.staff_no == no and one.state in OPEN_STATES:
            return one
    raise InputError("grant.none", staff_no=no)


def to_confirm(ledger: Ledger) -> int:
    """Return how many grants a registrar can confirm."""
    return sum(one.state in OPEN_STATES for one in list_grants(ledger))


def in_reach(registry: Registry, grantor: Authority, station: StationId) -> Iterator[Authority]:
    """Yield the people to whom somebody may give a key at a station, by staff number.

    What is asked here of one person is asked again when the grant is signed.
    """
    if not grantor.roles_at(station) & GRANTING_ROLES:
        return
    people = [held for held in registry.keys() if held.kind == "staff"]  # noqa: SIM118
    for held in sorted(people, key=lambda one: one.staff_no):
        near = station in registry.line(held.station)[:2]
        if near and held.staff_no != grantor.staff_no and not held.roles_at(station) & GRANTING_ROLES:
            yield held


def _aside(plain: Path, number: int) -> Path:
    return plain.with_name(f"{plain.name}.old-{number}")


def _unpacked(ledger: Ledger, raw: bytes) -> tuple[bytes, Grant | None]:
    try:
        read_envelope(raw)
    except BanjianError as error:
        return _with_grant(ledger, raw, error)
    return raw, None


def _with_grant(ledger: Ledger, raw: bytes, no_envelope: BanjianError) -> tuple[bytes, Grant]:
    try:
        fields = unpack_header(raw, limit=BROUGHT_BYTES_MAX)
    except BanjianError:
        # Neither the one nor the other: what is said of a key file fits best.
        raise no_envelope from None
    envelope, carried = fields if len(fields) == 2 else (None, None)
    if not isinstance(envelope, bytes) or not isinstance(carried, bytes):
        raise DataError("grant.no_key")
    try:
        return envelope, unpack_carried(carried, ledger_id=ledger.ledger_id)
    except EncodingError as error:
        raise DataError("grant.no_key") from error


def _granted(ledger: Ledger, number: KeyId, grant: Grant) -> Authority:
    """Return what a grant gives a key here and now, or raise why nothing."""
    if grant.key_id != number:
        raise AuthorityError("grant.other_key", key=number)
    knowledge = ledger.knowledge
    found = knowledge.resolver.grants.force(grant, size=knowledge.registry.size)
    if isinstance(found, Refusal):
        raise found.as_error()
    if without_force(ledger, grant):
        raise AuthorityError("grant.expired", staff_no=grant.staff_no)
    return found


def _envelope_here(home: Home, number: KeyId) -> Path | None:
    for path in sorted(home.keys_dir.glob(f"*{SUFFIX}")):
        try:
            header = read_envelope(path.read_bytes())
        except (OSError, BanjianError):
            continue
        if key_id(header.alg, header.public_key) == number:
            return path
    return None


def grants_here(ledger: Ledger, home: Home) -> list[Grant]:
    """Return the grants that lie beside keys on this machine; damaged ones are left out."""
    found = []
    for path in sorted(home.keys_dir.glob(f"*{GRANT_SUFFIX}")):
        try:
            found.append(unpack_carried(path.read_bytes(), ledger_id=ledger.ledger_id))
        except (OSError, BanjianError):
            continue
    return found


def grant_names(home: Home) -> tuple[str, ...]:
    """Return the names of the grants that lie beside keys on this machine: one that comes changes them."""
    return tuple(sorted(path.name for path in home.keys_dir.glob(f"*{GRANT_SUFFIX}")))


def replaced_here(ledger: Ledger, home: Home) -> frozenset[KeyId]:
    """Return the keys in whose place another one works here under a grant that stands."""
    return frozenset(
        grant.replaces
        for grant in grants_here(ledger, home)
        if authority_now(ledger, grant.key_id) is not None
    )


def without_force(ledger: Ledger, grant: Grant) -> str:
    """Return the code why a grant gives nothing now, "" while it does or its key is enrolled."""
    knowledge = ledger.knowledge
    if knowledge.registry.is_known_key(grant.key_id):
        return ""
    found = knowledge.resolver.grants.force(grant, size=knowledge.registry.size)
    if isinstance(found, Refusal):
        return found.code
    return "grant.expired" if ledger.clock.now_ms() > grant.until_ms else ""
