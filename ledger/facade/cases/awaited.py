"""What waits for registry or catalogue to grow, and from which size of them on it is worth a look.

Anybody whose acts are taken can let very many of them wait. A longer registry must not cost a look at each:
what waits says for which size it does, or for whose key, and only that is looked at which the new entries can
concern.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from ledger.errors import BanjianError
from ledger.facade.base.synctables import AWAITED, AWAITING, SYNC_FINDINGS, SYNC_MARKS
from ledger.facade.cases.caseacts import StoredAct
from ledger.formats.act import ActHeader, decode_act
from ledger.formats.frame import split_frame
from ledger.known.knowledge import Knowledge
from ledger.known.verified import VerifiedRecord
from ledger.limits import INT_MAX
from ledger.registry.authority import KEY_UNKNOWN, NOT_FINAL, PROVISIONAL_GRANT
from ledger.registry.registry import Registry
from ledger.store.contract import ReadTx
from ledger.store.tables import OneOf, Range, Where
from ledger.types import ActId, CaseId

AHEAD: Final = "authority.registry_ahead"
"""Code of an act that cites more of the registry than is held."""
MARK_LOOKED: Final = "findings_looked_at"
"""For which sizes of registry and catalogue the findings that wait for them were looked at."""
_WAITS: Final = "@"
"""With what the detail of a finding begins that tells what it waits for; before every letter."""
_ALWAYS: Final = Range(at_least="A")
"""Details of findings that may wait for anything: an action stands there."""
_KEYS_AT_ONCE: Final = 1_000
_DIGITS: Final = 20


class Sizes(NamedTuple):
    """How many entries of registry and catalogue are known."""

    registry: int
    catalogue: int


BEFORE_ALL: Final = Sizes(-1, -1)
"""Sizes from which on everything is news."""


def sizes_of(knowledge: Knowledge) -> Sizes:
    """Return how long registry and catalogue are by now."""
    return Sizes(knowledge.registry.size, knowledge.catalogue.size)


def looked_at(tx: ReadTx) -> Sizes:
    """Return for which sizes everything that waits was looked at; one that was changed here says nothing."""
    row = tx.get(SYNC_MARKS, (MARK_LOOKED,))
    try:
        registry, catalogue = map(int, "" if row is None else str(row[1]).split())
    except ValueError:
        return BEFORE_ALL
    return Sizes(registry, catalogue)


def waiting_detail(code: str, header: ActHeader, registry: Registry) -> str:
    """Return the detail of a finding about an act: what it waits for if that is known, else the action."""
    if code == AHEAD and header.registry_size > registry.size:
        return f"{_WAITS}{header.registry_size:0{_DIGITS}d}"
    if code == KEY_UNKNOWN or (code in NOT_FINAL - {AHEAD} and header.action != PROVISIONAL_GRANT):
        # Only the registry that knows the key of the author takes such a reason away.
        return _WAITS + header.actor.hex()
    return header.action


def fault_detail(record: VerifiedRecord, registry: Registry) -> str:
    """Return the detail of a finding about a record that fails: for whose key it waits, else its topic."""
    if record.act is None or record.fault != KEY_UNKNOWN:
        return record.topic
    return waiting_detail(record.fault, record.act.header, registry)


def told_detail(detail: str, action: str) -> str:
    """Return a detail as people are told it."""
    return action if detail.startswith(_WAITS) else detail


def due_findings(codes: Iterable[str], registry: Registry, since: Sizes) -> list[Where]:
    """Return the conditions that select the findings of some codes which a longer registry may change.

    Args:
        codes: of what waits for the registry.
        registry: as it is known by now.
        since: how long it was when this was last done.
    """
    # A mark that says more than there is was changed on this disk.
    known = since.registry if since.registry <= registry.size else BEFORE_ALL.registry
    keys = [_WAITS + key.hex() for key in registry.keys_since(known)]
    reached = Range(at_least=_WAITS, at_most=f"{_WAITS}{registry.size:0{_DIGITS}d}")
    found: list[Where] = []
    for code in codes:
        found.append({"code": code, "detail": _ALWAYS})
        if code == AHEAD:
            found.append({"code": code, "detail": reached})
            continue
        for first in range(0, len(keys), _KEYS_AT_ONCE):
            asked = OneOf(tuple(keys[first : first + _KEYS_AT_ONCE]))
            found.append({"code": code, "detail": asked})
    return found


def has_findings(tx: ReadTx, code: str) -> bool:
    """Tell whether there is any finding of a code."""
    return next(tx.select(SYNC_FINDINGS, {"code": code}, limit=1), None) is not None


def due_cases(tx: ReadTx, now: Sizes, *, everything: bool) -> list[CaseId]:
    """Return the cases that wait and may look otherwise by now.

    Args:
        tx: a consistent view.
        now: how long registry and catalogue are.
        everything: whether nothing of what was known of them holds any more.
    """
    waiting = [CaseId(row[0]) for row in tx.select(AWAITING, {}) if isinstance(row[0], bytes)]
    if everything or not waiting:
        return waiting
    asleep: Where = {"registry": Range(above=now.registry), "catalogue": Range(above=now.catalogue)}
    sleeping = {row[0] for row in tx.select(AWAITED, asleep, columns=("case_id",))}
    return [case_id for case_id in waiting if case_id not in sleeping]


def unfolded_sizes(case_id: CaseId, acts: Iterable[StoredAct], now: Sizes) -> Sizes:
    """Return from which sizes on a case may be folded that nobody can fold now.

    It waits for the catalogue that its opening cites; for an opening that is not here its arrival counts.
    """
    openings = (_header(act) for act in acts if act.act_id.startswith(case_id))
    cited = (0 if header is None else header.catalogue_version for header in openings)
    return Sizes(INT_MAX, min((size for size in cited if size > now.catalogue), default=INT_MAX))


def awaited_sizes(acts: Iterable[StoredAct], reasons: Mapping[ActId, str], now: Sizes) -> Sizes:
    """Return from which sizes on a case may look otherwise of which acts wait for a longer registry.

    Args:
        acts: those that are held of the case.
        reasons: of those that wait, why they have no effect.
        now: how long registry and catalogue are.
    """
    size = INT_MAX
    for act in acts:
        reason = reasons.get(act.act_id)
        if reason is None:
            continue
        header = _header(act) if reason == AHEAD else None
        cited = 0 if header is None else header.registry_size
        size = min(size, max(cited, now.registry + 1))
    return Sizes(size, INT_MAX)


def _header(act: StoredAct) -> ActHeader | None:
    try:
        return decode_act(split_frame(act.frame).act_raw)
    except BanjianError:
        return None
