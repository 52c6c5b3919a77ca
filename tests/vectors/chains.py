"""Vectors of the chain that the county's logs of one kind make: which of them count, and how far."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ledger.formats.chain import ChainLog, chain_logs
from ledger.formats.genesis import LogGenesis, LogKind, LogReason
from ledger.types import StationId
from tests.vectors.positive import Json
from tests.vectors.world import COUNTY, LEDGER_ID, TOWN, World, seed, signer

SIZE = 10
"""Entries of every log here."""


class _Case(NamedTuple):
    name: str
    logs: Sequence[ChainLog]


def chain_vector(world: World) -> Json:
    """The logs of one kind that are held, and the chain that they make, oldest first."""
    return [_told(case) for case in _cases()]


def _cases() -> list[_Case]:
    found = []
    kinds: tuple[LogKind, ...] = ("registry", "catalogue")
    for kind in kinds:
        least, other, third = sorted(
            (_log(kind, f"first {number}") for number in range(3)), key=lambda one: one.name
        )
        after_least, after_other = _log(kind, "next of one", least), _log(kind, "next of two", other)
        last = _log(kind, "last", after_other)
        heirs = [_log(kind, f"heir {number}", other) for number in range(2)]
        stranger = _log(kind, "stranger", other, station=TOWN)
        unheard = _log(kind, "restored", _log(kind, "nowhere"))
        found += [
            _Case(f"{kind}: one log", [least]),
            _Case(f"{kind}: begun anew, none continued: the least id", [third, other, least]),
            _Case(f"{kind}: begun anew, the greater id continued: that one", [least, other, after_other]),
            _Case(f"{kind}: both continued: the least id", [least, after_least, other, after_other]),
            _Case(f"{kind}: continued twice over", [last, third, least, after_other, other]),
            _Case(f"{kind}: two successors: the one of the least id", [least, other, *heirs]),
            _Case(f"{kind}: a log of another station continues nothing", [least, other, stranger]),
            _Case(f"{kind}: a first log before one whose parent is not held", [unheard, third]),
            _Case(f"{kind}: a parent that is not held", [unheard]),
        ]
        if kind == "registry":
            founder = other._replace(founds=True)
            after = _log(kind, "next of the least", least)
            found.append(_Case("registry: the one with the ledger's genesis first", [least, after, founder]))
    return found


def _log(
    kind: LogKind, name: str, parent: ChainLog | None = None, *, station: StationId = COUNTY
) -> ChainLog:
    label = f"chain {kind} {name}"
    reason: LogReason = "first" if parent is None else "restored"
    genesis = LogGenesis(
        ledger_id=LEDGER_ID,
        kind=kind,
        station=station,
        log_public_key=signer(label).public_key,
        reason=reason,
        nonce=seed(label)[:16],
        parent_log=b"" if parent is None else parent.genesis.log_id(),
        parent_size=0 if parent is None else SIZE - 1,
        parent_root=b"" if parent is None else seed(f"root {label}"),
    )
    return ChainLog(name=genesis.log_id().hex(), genesis=genesis, size=SIZE, founds=False)


def _told(case: _Case) -> Json:
    return {
        "name": case.name,
        "logs": [
            {"log_id": log.name, "genesis": log.genesis.pack().hex(), "size": log.size, "founds": log.founds}
            for log in case.logs
        ],
        "chain": [{"log_id": link.name, "counted": link.size} for link in chain_logs(case.logs)],
    }
