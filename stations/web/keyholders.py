"""The people whose keys lie on this machine, and how a passphrase unlocks one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ledger.errors import AuthorityError, BanjianError
from ledger.facade import Home, Ledger
from ledger.facade.opened.granted import authority_now, grant_beside, list_grants
from ledger.formats.envelope import open_key, read_envelope
from ledger.formats.keys import Ed25519Signer, Signer, key_id
from ledger.registry.authority import Authority
from ledger.types import KeyId, StationId
from stations.office.resetting import grants_here, replaced_here, without_force

SUFFIX = ".key"


@dataclass(frozen=True, slots=True, kw_only=True)
class Keyholder:
    """Somebody who may sign in here.

    Attributes:
        stations: the stations kept here at which the person holds a role.
        roles: the roles held at any of them.
        replaces: the key of which the roles are, while a provisional grant lets this one take its place.
    """

    staff_no: str
    name: str
    key_id: KeyId
    path: Path
    stations: tuple[StationId, ...]
    roles: frozenset[str]
    replaces: KeyId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What a key may do at the stations kept here, now.

    Attributes:
        held: what the registry or the grant says of the key.
        stations: where it holds a role; at least one.
        roles: those held at any of them.
        replaces: as in ``Keyholder``.
    """

    held: Authority
    stations: tuple[StationId, ...]
    roles: frozenset[str]
    replaces: KeyId | None


def keyholders(home: Home, ledger: Ledger) -> list[Keyholder]:
    """Return who has both a key in ``keys/`` and a role at a station kept here, by staff number.

    Where somebody works with a new key under a provisional grant, the old one is not offered.
    A damaged envelope hides its owner and nobody else; ``banjian doctor`` finds it.
    """
    found = []
    places, replaced = own_stations(ledger), replaced_here(ledger, home)
    for path in sorted(home.keys_dir.glob(f"*{SUFFIX}")):
        try:
            header = read_envelope(path.read_bytes())
        except (OSError, BanjianError):
            continue
        key = key_id(header.alg, header.public_key)
        holder = None if key in replaced else _holder(ledger, path, key, places)
        if holder is not None:
            found.append(holder)
    return found


def lapsed_keys(home: Home, ledger: Ledger) -> list[tuple[str, str]]:
    """Return whose key here rested on a grant that has no force now, and the code why."""
    return sorted(
        (grant.staff_no, reason)
        for grant in grants_here(ledger, home)
        if (reason := without_force(ledger, grant)) and envelope_of(home, grant.key_id) is not None
    )


def standing_of(ledger: Ledger, key: KeyId, places: tuple[StationId, ...]) -> Standing | None:
    """Return what a key may do at some stations now; None when it ended or holds no role at any of them."""
    held = authority_now(ledger, key)
    if held is None:
        return None
    stations = tuple(place for place in places if held.roles_at(place))
    if not stations:
        return None
    return Standing(
        held=held,
        stations=stations,
        roles=frozenset(role for place in stations for role in held.roles_at(place)),
        replaces=None if ledger.knowledge.registry.is_known_key(key) else _replaced(ledger, key),
    )


def own_stations(ledger: Ledger) -> tuple[StationId, ...]:
    """Return the stations that are kept on this installation."""
    own = {log.station for log in ledger.logs() if log.own and log.kind == "station"}
    if ledger.main_station is not None:
        own.add(ledger.main_station)
    return tuple(sorted(own))


def envelope_of(home: Home, key: KeyId) -> Path | None:
    """Return the envelope of a key that lies in ``keys/``; None when none does."""
    for path in sorted(home.keys_dir.glob(f"*{SUFFIX}")):
        try:
            header = read_envelope(path.read_bytes())
        except (OSError, BanjianError):
            continue
        if key_id(header.alg, header.public_key) == key:
            return path
    return None


def unlock(path: Path, passphrase: str) -> Signer:
    """Return the signer of an envelope; takes about half a second and 64 MiB, on purpose.

    Raises:
        AuthorityError: ``key.passphrase``; ``key.no_such``.
        DataError: ``key.envelope``.
    """
    try:
        blob = path.read_bytes()
    except OSError as error:
        raise AuthorityError("key.no_such", path=path.name) from error
    return Ed25519Signer.from_seed(open_key(blob, passphrase).seed)


def _holder(ledger: Ledger, path: Path, key: KeyId, places: tuple[StationId, ...]) -> Keyholder | None:
    found = standing_of(ledger, key, places)
    if found is None:
        return None
    return Keyholder(
        staff_no=found.held.staff_no or path.stem,
        name=found.held.name or found.held.staff_no or path.stem,
        key_id=key,
        path=path,
        stations=found.stations,
        roles=found.roles,
        replaces=found.replaces,
    )


def _replaced(ledger: Ledger, key: KeyId) -> KeyId | None:
    grant = grant_beside(ledger, key)
    return None if grant is None else grant.replaces


def keys_of(ledger: Ledger, no: str) -> frozenset[KeyId]:
    """Return every key that somebody had here: the live one, those that ended, those under a grant."""
    registry = ledger.knowledge.registry
    live = registry.staff(no) or registry.registrar(no)
    keys = {live.key_id} if live is not None else set()
    for key, retirement in registry.retirements().items():
        was = registry.authority(key, size=retirement.position - 1)
        if was is not None and was.staff_no == no:
            keys.add(key)
    return frozenset(keys) | {
        one.grant.key_id for one in list_grants(ledger) if one.grant.staff_no == no and one.state != "refused"
    }
