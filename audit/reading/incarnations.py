"""The county's own logs in their incarnations, and what every log says of the one that it continues.

A registry or catalogue log that was given up is continued by another one, which names it as its parent. One
position follows the other through all of them: acts cite the sum.

Source: docs/protocol.md, "Continued logs".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from audit.reading.findings import Finding, error, warning
from audit.reading.openings import Opening, base_of
from audit.reading.subtree import Known
from ledger.formats.chain import ChainLog, chain_logs, may_continue, second_firsts


@dataclass(frozen=True, slots=True, kw_only=True)
class Incarnation:
    """One log of a chain and the number of its entries that count: up to where the next one continues it."""

    opening: Opening
    size: int


def chain_of(openings: Sequence[Opening], kind: str) -> tuple[list[Incarnation], list[Opening]]:
    """Return the incarnations of a county log, oldest first, and the logs of its kind beside that chain."""
    logs = {one.name: one for one in openings if one.genesis.kind == kind}
    held = (ChainLog(one.name, one.genesis, one.size, bool(one.ledger_genesis)) for one in logs.values())
    chain = [Incarnation(opening=logs[link.name], size=link.size) for link in chain_logs(held)]
    counted = {one.opening.name for one in chain}
    return chain, [logs[name] for name in sorted(logs) if name not in counted]


def choose_registry(openings: Sequence[Opening], report: Callable[[Finding], None]) -> Opening | None:
    """Return the registry log that the ledger was founded in; everything else is judged by its chain."""
    chain, _ = chain_of(openings, "registry")
    if not chain:
        report(error("ledger.no_registry"))
        return None
    return chain[0].opening


def report_chains(openings: Sequence[Opening], report: Callable[[Finding], None]) -> None:
    """Tell where the county's logs are not one chain, or where a part of it counts no longer."""
    for kind in ("registry", "catalogue"):
        chain, beside = chain_of(openings, kind)
        for one in beside:
            code = "ledger.second_registry" if kind == "registry" else "ledger.second_catalogue"
            report(warning(code, log=one.name))
        for incarnation in chain:
            name, held = incarnation.opening.name, incarnation.opening.size
            if held > incarnation.size:
                report(warning("log.superseded", log=name, count=held - incarnation.size))
            elif held < incarnation.size:
                report(error("log.truncated", log=name, stated=incarnation.size, held=held))


def report_second_firsts(openings: Iterable[Opening], report: Callable[[Finding], None]) -> None:
    """Tell which logs begin anew although a log of their station has begun already."""
    for genesis, first in second_firsts(one.genesis for one in openings):
        report(
            warning(
                "log.second_first",
                log=genesis.log_id().hex(),
                station=genesis.station,
                other=first.log_id().hex(),
            )
        )


def parent_sizes(openings: Iterable[Opening]) -> dict[str, set[int]]:
    """Return at which sizes the roots of logs are needed, by name, to compare them with their successors."""
    wanted: dict[str, set[int]] = {}
    for opening in openings:
        if opening.genesis.parent_size:
            wanted.setdefault(opening.genesis.parent_log.hex(), set()).add(opening.genesis.parent_size)
    return wanted


def compare_parents(
    openings: Sequence[Opening],
    roots: Mapping[str, Mapping[int, Known]],
    branches: Mapping[str, Mapping[int, Known]],
    report: Callable[[Finding], None],
) -> None:
    """Compare the root that a continued log names with its parent, as far as the parent is held.

    A log may go on from a branch of a forked log as well: whoever wrote both took it for the log. One that
    names a log of another kind or station continues nothing.
    """
    genesis_of = {one.name: one.genesis for one in openings}
    for opening in openings:
        genesis = opening.genesis
        parent = genesis.parent_log.hex()
        if parent in genesis_of and not may_continue(genesis, genesis_of[parent]):
            report(warning("log.foreign_parent", log=opening.name))
            continue
        root = roots.get(parent, {}).get(genesis.parent_size)
        forked = [held for name, held in branches.items() if base_of(name) == parent]
        if any(held.get(genesis.parent_size) == genesis.parent_root for held in forked):
            continue
        if genesis.parent_size and root is not None and root != genesis.parent_root:
            report(warning("log.parent", log=opening.name, parent=parent, size=genesis.parent_size))


def report_reused_keys(
    openings: Iterable[Opening], is_enrolled: Callable[[bytes], bool], report: Callable[[Finding], None]
) -> None:
    """Tell which logs have the key of another log, of a person or of a device: one key has one role."""
    holders: dict[bytes, str] = {}
    for opening in sorted(openings, key=lambda one: one.name):
        public_key = opening.genesis.log_public_key
        if public_key in holders or is_enrolled(public_key):
            report(warning("log.key_reused", log=opening.name, other=holders.get(public_key, "")))
        holders.setdefault(public_key, opening.name)
