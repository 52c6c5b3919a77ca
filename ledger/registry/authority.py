"""Who may sign what, where, as of a size of the registry log.

An act cites the size of the registry that its author held. Its authority is judged at exactly that size, so
the judgement is the same at every station and never changes when the registry grows. Retirement of a key is
judged there too; what a retired key signed on an older registry is sorted into lanes by the log sizes in the
retirement (see ``Retirement``), not here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from ledger.errors import AuthorityError, Param
from ledger.formats.genesis import OPEN_LOG
from ledger.registry.station import Station, StationTree
from ledger.types import ActId, KeyId, LogId, StationId

ROLES = ("window", "officer", "head", "supervisor", "issuer", "archivist", "registrar", "kiosk", "agent")
"""Every role; what each may do is said by the case types."""

PURPOSES = ("kiosk", "receipt", "bundle")
"""What a service key is for: signing acts of a kiosk, cosigning checkpoints, receiving sealed bundles."""

REGISTRY_ACTIONS = frozenset(
    (
        "appoint_registrar",
        "dismiss_registrar",
        "enrol_station",
        "close_station",
        "end_certificates",
        "enrol_staff",
        "grant_role",
        "end_role",
        "enrol_service",
        "retire_key",
    )
)
"""Actions of the registry log alone; ``open_log`` and ``countersign`` stand in other logs as well."""

PROVISIONAL_GRANT = "provisional_grant"
"""Action by which a station gives a new key until a registrar confirms it: see ``ledger.registry.grant``."""
GRANTING_ROLES = frozenset(("head", "supervisor"))
"""Who may give a new key provisionally; their equals get theirs from the station above."""
KEY_UNKNOWN = "authority.key_unknown"
"""Nobody here has heard of the author's key, which may still come with the registry."""
NOT_FINAL = frozenset(("authority.registry_ahead", "grant.expired", "grant.grantor_ended", "grant.old_key"))
"""Reasons that a longer registry can still take away: what was cited, or a registrar's confirmation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why an act has no effect: a stable code and the values that its text needs."""

    code: str
    params: Mapping[str, Param] = field(default_factory=dict)

    @property
    def awaiting(self) -> bool:
        """True when a longer registry can still change the answer; all other refusals are final."""
        return self.code in NOT_FINAL

    def as_error(self) -> AuthorityError:
        """Return the refusal as an error, for whoever is about to sign."""
        return AuthorityError(self.code, **self.params)


@dataclass(frozen=True, slots=True, kw_only=True)
class Retirement:
    """End of a key: at which registry position, why, and how far each log was known to the county.

    ``log_sizes`` are (log id, size) pairs: entries of the key up to that size were seen before the
    retirement; a log that is not named counts as size 0.
    """

    position: int
    act_id: ActId
    reason: str
    log_sizes: tuple[tuple[LogId, int], ...]

    def seen_size(self, log_id: LogId) -> int:
        """Return how many entries of a log the county held when it retired the key."""
        return dict(self.log_sizes).get(log_id, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Authority:
    """What one key may do, as of one size of the registry.

    ``grants`` are (role, scope) pairs; ``stand_ins`` are (role, scope, staff number) of those grants that
    stand in for a colleague (AB岗). ``staff_no`` is empty for service keys. Names are personal data and
    count for nothing: two authorities that differ in the name alone are equal.
    """

    key_id: KeyId
    public_key: bytes
    alg: str
    staff_no: str
    kind: str
    purpose: str
    station: StationId
    grants: frozenset[tuple[str, str]]
    stand_ins: frozenset[tuple[str, str, str]]
    name: str = field(default="", compare=False)
    tree: StationTree = field(compare=False, repr=False)
    tree_version: int = field(compare=False, repr=False)

    def roles_at(self, station: StationId) -> frozenset[str]:
        """Return the roles that the key holds at a station; none where it was not yet enrolled."""
        line = self.tree.line(station, self.tree_version)
        if not line:
            return frozenset()
        reached = {station, *(f"{above}/*" for above in line)}
        return frozenset(role for role, scope in self.grants if scope in reached)

    def stands_in_for(self, role: str, station: StationId) -> frozenset[str]:
        """Return the staff numbers for whom the key stands in with a role at a station."""
        return frozenset(
            staff_no
            for held, scope, staff_no in self.stand_ins
            if held == role and self.tree.covers(scope, station, self.tree_version)
        )


class ActHeaderLike(Protocol):
    """The fields of an act's header that authority depends on."""

    @property
    def actor(self) -> KeyId:
        """Key that signed."""

    @property
    def station(self) -> StationId:
        """Station where the act was done."""

    @property
    def registry_size(self) -> int:
        """Entries of the registry log that the author held."""

    @property
    def action(self) -> str:
        """Registered action code."""


class RegistryView(Protocol):
    """What authority asks of a registry."""

    @property
    def size(self) -> int:
        """Entries of the registry log applied so far."""

    def authority(self, key_id: KeyId, *, size: int | None = None) -> Authority | None:
        """Authority of a live key at a size."""

    def retirement(self, key_id: KeyId, *, size: int | None = None) -> Retirement | None:
        """Retirement of a key at a size."""

    def is_known_key(self, key_id: KeyId) -> bool:
        """Whether a key was enrolled at any position."""

    def is_root_key(self, key_id: KeyId) -> bool:
        """Whether a key is one of the three of the ledger genesis."""

    def station(self, station: StationId, *, size: int | None = None) -> Station | None:
        """Station, open or closed, at a size."""


def check_act_authority(registry: RegistryView, header: ActHeaderLike) -> Authority | Refusal:
    """Return the authority under which an act was signed, or why it has none.

    The key must be known and live at the cited registry size, fit to sign acts, and hold a role at the
    act's station, which must be enrolled and open there. Whether that role allows the action in the state
    of a case is for the case type to say. Acts of the registry log itself need a root or registrar key
    only; ``Registry.apply`` judges the rest, because those acts create stations and roles.
    """
    if header.action == OPEN_LOG and header.registry_size == 0:
        return _founder(registry, header.actor)
    held = _live_key(registry, header.actor, header.registry_size)
    if isinstance(held, Refusal):
        return held
    if header.action in REGISTRY_ACTIONS or (header.action == "countersign" and held.kind == "root"):
        if held.kind in ("root", "registrar"):
            return held
        return Refusal(code="authority.not_registrar", params={"action": header.action})
    if header.action == OPEN_LOG and held.kind == "root":
        return held
    return check_signer(registry, held, header)


def check_signer(registry: RegistryView, held: Authority, header: ActHeaderLike) -> Authority | Refusal:
    """Return an authority if it is one for an act of a station's log, or why it is not.

    The station must be enrolled and open at the cited size, and the key hold a role there that the action
    needs, as far as that is no matter of the case type.
    """
    refusal = _station_refusal(registry, header.station, header.registry_size) or _signer_refusal(
        held, header
    )
    return refusal or held


def check_log_opening(
    registry: RegistryView, kind: str, *, actor_key_id: KeyId, station: StationId, registry_size: int
) -> Authority | Refusal:
    """Return the authority under which a log may be opened, or why it may not.

    A registry log is opened by a root key; a catalogue or merge log by a registrar of the station; a
    station log by anyone with a role at the station, or its registrar. Valid offline: only the registry
    that the author held counts.

    Args:
        registry: the registry as known here.
        kind: ``registry``, ``catalogue``, ``merge`` or ``station``.
        actor_key_id: key that signed the ``open_log`` act.
        station: station of the log's genesis.
        registry_size: registry size that the act cites.
    """
    if kind == "registry" and registry_size == 0:
        return _founder(registry, actor_key_id)
    held = _live_key(registry, actor_key_id, registry_size)
    if isinstance(held, Refusal):
        return held
    if kind == "registry":
        return (
            held if held.kind == "root" else Refusal(code="authority.not_root", params={"action": OPEN_LOG})
        )
    refusal = _station_refusal(registry, station, registry_size)
    if refusal is not None:
        return refusal
    roles = held.roles_at(station)
    if kind in ("catalogue", "merge") and "registrar" not in roles:
        return Refusal(code="authority.not_registrar", params={"action": OPEN_LOG})
    if not roles:
        return Refusal(code="authority.no_role", params={"station": station})
    return held


def _founder(registry: RegistryView, key_id: KeyId) -> Authority | Refusal:
    """Return a root key of the genesis: before the first entry nothing else is known."""
    held = registry.authority(key_id, size=1)
    if held is None or not registry.is_root_key(key_id):
        return Refusal(code="authority.not_root", params={"action": OPEN_LOG})
    return held


def _live_key(registry: RegistryView, key_id: KeyId, size: int) -> Authority | Refusal:
    if size > registry.size:
        return Refusal(code="authority.registry_ahead", params={"cited": size, "held": registry.size})
    if size < 1:
        return Refusal(code="authority.registry_none")
    held = registry.authority(key_id, size=size)
    if held is not None:
        return held
    if registry.retirement(key_id, size=size) is not None:
        return Refusal(code="authority.key_retired", params={"key": key_id, "size": size})
    if registry.is_known_key(key_id):
        return Refusal(code="authority.key_too_new", params={"key": key_id, "size": size})
    return Refusal(code=KEY_UNKNOWN, params={"key": key_id, "size": size})


def _station_refusal(registry: RegistryView, station: StationId, size: int) -> Refusal | None:
    known = registry.station(station, size=size)
    if known is None:
        return Refusal(code="authority.station_unknown", params={"station": station, "size": size})
    if not known.is_open:
        return Refusal(code="authority.station_closed", params={"station": station, "size": size})
    return None


def _signer_refusal(held: Authority, header: ActHeaderLike) -> Refusal | None:
    if held.kind == "root":
        return Refusal(code="authority.root_key", params={"action": header.action})
    if held.kind == "service" and held.purpose != "kiosk":
        return Refusal(code="authority.purpose", params={"purpose": held.purpose})
    roles = held.roles_at(header.station)
    if not roles:
        return Refusal(code="authority.no_role", params={"station": header.station})
    if header.action.startswith("publish_") and "registrar" not in roles:
        return Refusal(code="authority.not_registrar", params={"action": header.action})
    if header.action == PROVISIONAL_GRANT and not roles & GRANTING_ROLES:
        return Refusal(code="grant.grantor", params={"station": header.station})
    return None
