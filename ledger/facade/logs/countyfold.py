"""Registry and catalogue as the logs that are held give them, in whatever order these came.

What counts follows from the logs alone (``ledger.formats.chain``): of one that was given up, the entries up
to where its successor goes on. Mostly the newest log grows, and what came is folded behind the rest. Where
another log begins before the end of the one that it continues, or what was missing arrives, everything is
folded anew: what was learned from entries that do not count must be forgotten.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ledger.calendars import festivals
from ledger.days.calendar import CalendarSet
from ledger.errors import BanjianError
from ledger.facade.base.vault import Vault
from ledger.facade.logs.bodies import read_facts, read_personal
from ledger.facade.logs.opening import Holdings, founding_genesis, read_frames
from ledger.formats.act import Act, case_of
from ledger.formats.chain import ChainLog, chain_logs, lost_positions
from ledger.formats.frame import act_in
from ledger.formats.genesis import LedgerGenesis
from ledger.known.knowledge import Knowledge
from ledger.store.contract import ReadTx

COUNTY_KINDS = REGISTRY, CATALOGUE = "registry", "catalogue"
"""Logs of the county that every station holds whole."""
NO_FRAME = b""
"""What stands at a position of which nothing is held: it counts, and has no effect."""


class _Stretch(NamedTuple):
    """What counts of one log: entries that are held, and positions behind them that are lost."""

    name: str
    held: int
    lost: int


class CountyFold:
    """Keeps what the county has published in step with the logs that are held.

    Args:
        holdings: the logs of the store; the caller adds them as they come.
        genesis: the ledger's genesis.
        vault: opens the names of staff; None where they are not needed.

    Attributes:
        holdings: the logs of the store.
        knowledge: registry, catalogue and calendars; stays the same object for good.
    """

    def __init__(self, holdings: Holdings, genesis: LedgerGenesis, vault: Vault | None) -> None:
        self.holdings = holdings
        self._genesis = genesis
        self._vault = vault
        self._founds: dict[str, bool] = {}
        self._folded: dict[str, list[_Stretch]] | None = {}
        self._cut = ""
        self.knowledge = new_knowledge(genesis)

    @property
    def mark(self) -> str:
        """What of the logs does not simply count: the same text as long as nothing was folded anew."""
        return f"{self._cut}{self.knowledge.waiting or ''}"

    def chain(self, kind: str) -> list[str]:
        """Return the names of the logs of registry or catalogue that count, oldest first."""
        return [one.name for one in (self._folded or {}).get(kind, [])]

    def is_beside(self, kind: str, name: str) -> bool:
        """Whether a log of registry or catalogue stands beside those that count."""
        chain = self.chain(kind)
        return bool(chain) and name not in chain

    def follow(self, tx: ReadTx) -> bool:
        """Take in what the store holds by now; returns whether what was known before had to be forgotten."""
        chains = {kind: self._chain(tx, kind) for kind in COUNTY_KINDS}
        before, self._folded = self._folded, None
        anew = before is None or not all(
            _goes_on(before.get(kind, []), chain) for kind, chain in chains.items()
        )
        if not anew and before is not None:
            grown = self._apply(tx, self.knowledge, before, chains, REGISTRY)
            # Publications are judged by the registry that they cite: those that came before it, once more.
            anew = grown and self.knowledge.waiting > 0
            if not anew:
                self._apply(tx, self.knowledge, before, chains, CATALOGUE)
        if anew:
            fresh = new_knowledge(self._genesis)
            for kind in chains:
                self._apply(tx, fresh, {}, chains, kind)
            self.knowledge.become(fresh)
        self._folded = chains
        self._cut = "".join(self._cuts(tx, chains))
        return anew

    def _apply(
        self,
        tx: ReadTx,
        knowledge: Knowledge,
        before: dict[str, list[_Stretch]],
        chains: dict[str, list[_Stretch]],
        kind: str,
    ) -> bool:
        """Fold what counts behind what was folded before; returns whether anything did."""
        grown = False
        for frame in _behind(tx, before.get(kind, []), chains[kind]):
            grown = True
            act, facts, personal = _held_of(tx, frame, self._vault if kind == REGISTRY else None)
            if kind == CATALOGUE:
                knowledge.apply_catalogue(frame, facts=facts, act=act)
            else:
                knowledge.apply_registry(frame, facts=facts, personal=personal, act=act)
        return grown

    def _chain(self, tx: ReadTx, kind: str) -> list[_Stretch]:
        sizes = {
            log.name: tx.size(log.name) for log in self.holdings.logs.values() if log.genesis.kind == kind
        }
        held = [
            ChainLog(name, self.holdings.logs[name].genesis, size, self._is_founding(tx, name))
            for name, size in sizes.items()
            if size
        ]
        return [
            _Stretch(link.name, min(link.size, sizes[link.name]), lost_positions(link.size, sizes[link.name]))
            for link in chain_logs(held)
        ]

    def _is_founding(self, tx: ReadTx, name: str) -> bool:
        if name not in self._founds:
            try:
                self._founds[name] = founding_genesis(tx, name) is not None
            except BanjianError:
                # The store may have rotted: nothing is founded by what nobody can read.
                return False
        return self._founds[name]

    def _cuts(self, tx: ReadTx, chains: dict[str, list[_Stretch]]) -> Iterator[str]:
        """Yield which logs count less or more than they hold, and where one of several chains begins."""
        for kind, chain in chains.items():
            if chain and len(chain) < self._count(kind):
                yield f"{chain[0].name} "
            for one in chain:
                if one.lost or one.held < tx.size(one.name):
                    yield f"{one.name}:{one.held}+{one.lost} "

    def _count(self, kind: str) -> int:
        return sum(log.genesis.kind == kind for log in self.holdings.logs.values())


def new_knowledge(genesis: LedgerGenesis) -> Knowledge:
    """Return the knowledge of a ledger before its first entry: festivals only, no calendar, no key."""
    calendars = CalendarSet((), festivals=festivals(), division=genesis.division_code)
    return Knowledge(genesis.ledger_id(), calendars)


def _goes_on(before: Sequence[_Stretch], now: Sequence[_Stretch]) -> bool:
    """Whether what counts now begins with everything that counted before; only its newest log may grow."""
    if not before:
        return True
    same = len(before) - 1
    if len(now) <= same or list(now[:same]) != list(before[:same]):
        return False
    return now[same].name == before[same].name and now[same].held >= before[same].held


def _behind(tx: ReadTx, before: Sequence[_Stretch], now: Sequence[_Stretch]) -> Iterator[bytes]:
    """Yield the frames of what counts now behind what was folded; one that is lost is empty."""
    first = max(len(before) - 1, 0)
    for index, one in enumerate(now[first:], start=first):
        done = before[index].held if index < len(before) else 0
        yield from read_frames(tx, one.name, after=done, last=one.held)
        yield from (NO_FRAME for _ in range(one.lost))


def _held_of(tx: ReadTx, frame: bytes, vault: Vault | None) -> tuple[Act | None, bytes | None, bytes | None]:
    """Return act, facts and, where a vault opens it, personal body of a stored frame; None for no frame."""
    try:
        act = act_in(frame)
    except BanjianError:
        return None, None, None
    case_id = case_of(act)
    personal = None if vault is None else read_personal(tx, vault, case_id, act.act_id)
    return act, read_facts(tx, case_id, act.act_id), personal
