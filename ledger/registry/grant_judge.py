"""What force a provisional grant has, as of the size of the registry that an act cites.

A grant gives its key what the old key of the same person holds at that size, as long as the grantor may
still give it. A registrar who enrols the key confirms the grant: then neither its limit counts, nor that the
old key or the grantor has ended meanwhile. Those reasons alone can go; nothing that has effect ever loses it.

Source: docs/protocol.md, "Provisional grants".
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Final

from ledger.errors import BanjianError
from ledger.formats.act import verify_act
from ledger.formats.genesis import OPEN_LOG
from ledger.formats.keys import ED25519
from ledger.registry.authority import (
    GRANTING_ROLES,
    KEY_UNKNOWN,
    PROVISIONAL_GRANT,
    REGISTRY_ACTIONS,
    ActHeaderLike,
    Authority,
    Refusal,
    check_act_authority,
    check_signer,
)
from ledger.registry.grant import Grant, decode_carried
from ledger.registry.registry import Registry
from ledger.registry.station import scope_base
from ledger.types import ActId, LedgerId, Value

BY_GRANT: Final = frozenset((KEY_UNKNOWN, "authority.key_too_new"))
"""Answers of the registry behind which a grant is looked for: it does not know the key, or did not yet."""
_NEVER: Final = REGISTRY_ACTIONS | {OPEN_LOG, PROVISIONAL_GRANT}
_KEPT_MAX: Final = 1024
"""Grants that are remembered: an honest county has a handful that stand."""


class Grants:
    """Reads grants that acts carry, and judges them; each is decoded and its signatures verified once.

    Args:
        registry: the registry as known here; it may grow.
    """

    __slots__ = ("_known", "_registry", "_signed")

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._known: dict[tuple[Value, ...], Grant | Refusal] = {}
        self._signed: set[tuple[ActId, bytes]] = set()

    def read(self, value: Value) -> Grant | Refusal:
        """Return the grant that an act carries, or what is wrong with its form."""
        key = tuple(value) if isinstance(value, list) and all(type(one) is bytes for one in value) else ()
        known = self._known.get(key) if key else None
        if known is not None:
            return known
        if len(self._known) >= _KEPT_MAX:
            self._known.clear()
        found = _decoded(value, self._registry.ledger_id)
        if key:
            self._known[key] = found
        return found

    def authority(self, grant: Grant, header: ActHeaderLike, *, recorded_at_ms: int) -> Authority | Refusal:
        """Return the authority of an act that carries a grant, or why it has none.

        Args:
            grant: what it carries.
            header: of the act; the registry does not know its key at the cited size.
            recorded_at_ms: time in the entry that the act stands under.
        """
        if grant.key_id != header.actor:
            return Refusal(code="grant.other_key", params={"key": header.actor})
        if header.action in _NEVER or header.action.startswith("publish_"):
            return Refusal(code="grant.action", params={"action": header.action})
        held = self.force(grant, size=header.registry_size)
        if isinstance(held, Refusal):
            return held
        if recorded_at_ms > grant.until_ms and not self.confirmed(grant):
            return Refusal(code="grant.expired", params={"staff_no": grant.staff_no})
        return check_signer(self._registry, held, header)

    def force(self, grant: Grant, *, size: int) -> Authority | Refusal:
        """Return what a grant gives its key at a size of the registry, whatever the hour.

        Source: docs/protocol.md, "Provisional grants", 2 to 6.
        """
        grantor = self._grantor(grant)
        if isinstance(grantor, Refusal):
            return grantor
        person = self._person(grant, size)
        if person is None:
            return Refusal(code="grant.old_key", params={"staff_no": grant.staff_no, "size": size})
        refusal = self._reach_refusal(grant, grantor, person, size) or self._ended_refusal(grant, size)
        if refusal is not None:
            return refusal
        return replace(person, key_id=grant.key_id, public_key=grant.public_key, alg=ED25519)

    def confirmed(self, grant: Grant) -> bool:
        """Tell whether a registrar has enrolled the key for that person, at any size."""
        return self._registry.holder(grant.key_id) == ("staff", grant.staff_no)

    def _grantor(self, grant: Grant) -> Authority | Refusal:
        """Return who gave it, judged at the size that the grant itself cites."""
        act = grant.act
        public_key = self._registry.public_key(act.header.actor)
        if public_key is None:
            ahead = act.header.registry_size > self._registry.size
            code = "authority.registry_ahead" if ahead else "grant.grantor"
            return Refusal(code=code, params={"station": grant.station})
        if not self._is_signed(grant, public_key):
            return Refusal(code="grant.signature", params={"station": grant.station})
        found = check_act_authority(self._registry, act.header)
        if isinstance(found, Refusal) and not found.awaiting:
            return Refusal(code="grant.grantor", params={"station": grant.station})
        return found

    def _is_signed(self, grant: Grant, public_key: bytes) -> bool:
        key = (grant.grant_id, grant.act.sig)
        if key in self._signed:
            return True
        try:
            verify_act(grant.act.raw, grant.act.sig, public_key)
        except BanjianError:
            return False
        if len(self._signed) >= _KEPT_MAX:
            self._signed.clear()
        self._signed.add(key)
        return True

    def _person(self, grant: Grant, size: int) -> Authority | None:
        """Return what the old key holds; where the new one was enrolled next, what it held at its end."""
        held = self._registry.authority(grant.replaces, size=size)
        ended = self._registry.retirement(grant.replaces, size=size)
        if held is None and ended is not None and self._followed(grant):
            held = self._registry.authority(grant.replaces, size=ended.position - 1)
        if held is None or (held.kind, held.staff_no) != ("staff", grant.staff_no):
            return None
        return held

    def _followed(self, grant: Grant) -> bool:
        """Tell whether no other key of the person was enrolled between the old one and this one."""
        return (grant.replaces, grant.key_id) in pairwise(self._registry.staff_keys(grant.staff_no))

    def _reach_refusal(
        self, grant: Grant, grantor: Authority, person: Authority, size: int
    ) -> Refusal | None:
        """Return why this station, or this grantor, may not give this person a key."""
        station = grant.station
        if grantor.staff_no == person.staff_no:
            return Refusal(code="grant.self", params={"staff_no": person.staff_no})
        if station not in self._registry.line(person.station, size=size)[:2]:
            return Refusal(code="grant.station", params={"station": station})
        if person.roles_at(station) & GRANTING_ROLES:
            return Refusal(code="grant.rank", params={"staff_no": person.staff_no, "station": station})
        for _, scope in sorted(person.grants):
            if station not in self._registry.line(scope_base(scope), size=size):
                return Refusal(code="grant.scope", params={"scope": scope, "station": station})
        return None

    def _ended_refusal(self, grant: Grant, size: int) -> Refusal | None:
        """Return that the grantor is grantor no more, at the size that the act cites."""
        header = grant.act.header
        if size <= header.registry_size or self.confirmed(grant):
            return None
        if self._registry.roles_at(header.actor, grant.station, size=size) & GRANTING_ROLES:
            return None
        return Refusal(code="grant.grantor_ended", params={"station": grant.station})


def _decoded(value: Value, ledger_id: LedgerId) -> Grant | Refusal:
    try:
        return decode_carried(value, ledger_id=ledger_id)
    except BanjianError as error:
        return Refusal(code=error.code)
