"""What is asked of a ledger before anybody acts by it: whether the rules are whole, whose the logs are."""

from __future__ import annotations

from ledger.errors import StoreError
from ledger.facade.logs.countyfold import COUNTY_KINDS
from ledger.facade.logs.doubt import log_signer
from ledger.facade.opened.parts import Parts
from ledger.formats.genesis import LogGenesis
from ledger.store import schema
from ledger.store.contract import ReadTx, Store


def require_rules(parts: Parts) -> None:
    """Refuse where registry or catalogue were changed on this disk: nobody can say who may do what, and how.

    Raises:
        StoreError: ``ledger.registry_unfounded`` when the registry's first entry founds nothing;
            ``ledger.rules_changed`` when other entries of registry or catalogue lost what they said.
    """
    if is_unfounded(parts):
        raise StoreError("ledger.registry_unfounded")
    if parts.knowledge.changed:
        raise StoreError("ledger.rules_changed", count=parts.knowledge.changed)


def require_rules_to_write(store: Store, parts: Parts) -> None:
    """Refuse as ``require_rules`` before anything is signed or stored by a process that may run for days.

    Raises:
        StoreError: as ``require_rules``; ``store.changed_outside`` where somebody wrote into the file since
            it was opened, perhaps to mend it: whoever opens it again finds out.
    """
    try:
        require_rules(parts)
    except StoreError:
        with store.write():
            pass
        raise


def is_unfounded(parts: Parts) -> bool:
    """Tell whether the beginning of a registry lies here and founds nothing.

    A station that has just joined holds none yet; one that holds a later log waits for the one before it.
    """
    if parts.knowledge.registry.station_of_log:
        return False
    sizes = dict(zip(parts.county_logs, parts.mark[1:], strict=True))
    return any(
        sizes.get(log.name) and not log.genesis.parent_log for log in parts.holdings.of_kind("registry")
    )


def disowned_logs(parts: Parts) -> list[LogGenesis]:
    """Return the logs whose signing key lies here and that are said to be written elsewhere.

    One that another log goes on from is told of no more: it came back to a machine that had lost it.
    """
    found = []
    for path in sorted(parts.home.secrets_dir.glob("log-*.key")):
        log = parts.holdings.logs.get(path.stem.removeprefix("log-"))
        if log is None or log.own or log_signer(log.genesis, parts.home) is None:
            continue
        if not parts.succession.is_continued(log.genesis.log_id()):
            found.append(log.genesis)
    return found


def stateless_logs(tx: ReadTx, parts: Parts) -> list[LogGenesis]:
    """Return the logs of whose rows nobody can say whether the log was given up: somebody changed them."""
    rows = tx.select(schema.LOGS, {"state": None}, columns=("log",))
    held = (parts.holdings.logs.get(str(row[0])) for row in rows)
    return [log.genesis for log in held if log is not None]


def rules_without_facts(tx: ReadTx, parts: Parts) -> int:
    """Return how many entries of registry and catalogue lie here without their facts: they say nothing."""
    lost = 0
    for log in parts.holdings.logs.values():
        if log.genesis.kind in COUNTY_KINDS:
            bodies = tx.select(schema.BODIES, {"log": log.name}, columns=("seq", "facts"))
            told = {row[0] for row in bodies if isinstance(row[1], bytes)}
            lost += sum(seq not in told for seq in range(1, tx.size(log.name) + 1))
    return lost
