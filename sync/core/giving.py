"""How much one session carries, and whole logs as sections within that."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ledger.facade.logs.heldstates import BranchState, LogState, branch_name
from ledger.facade.logs.stretch import AIM_BYTES
from ledger.facade.peering.exchange import Exchange
from ledger.formats.package import encode_package
from ledger.formats.packageform import PackageContent
from ledger.types import LogId
from sync.core.framing import BRANCH, PACKAGE, encode_section

Stated = Mapping[LogId, Sequence[tuple[int, bytes]]]
"""Sizes and roots that the other side holds of each log: of the log, and of every history that diverges."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """How much one session carries in one direction; what is left follows in the next."""

    packages: int = 64
    bytes: int = 8 << 20
    feed_items: int = 1_024
    package_bytes: int = AIM_BYTES
    """How large one package is at most, where the checkpoints of its log lie that close."""


@dataclass(slots=True, kw_only=True)
class Spending:
    """What is left of a budget.

    Attributes:
        packages: how many.
        bytes: how many of them all.
        aim: how large the next package is to be; twice that behind it, up to ``aim_max``.
    """

    packages: int
    bytes: int
    aim: int = AIM_BYTES
    aim_max: int = AIM_BYTES

    def take(self, size: int) -> None:
        """Count one package of so many bytes."""
        self.packages -= 1
        self.bytes -= size
        self.aim = min(self.aim_max, 2 * self.aim)

    def take_note(self, size: int) -> None:
        """Count a checkpoint of so many bytes: it leaves room for one package at least."""
        self.bytes = max(1, self.bytes - size)

    @property
    def spent(self) -> bool:
        """Whether nothing more may follow."""
        return self.packages <= 0 or self.bytes <= 0

    @classmethod
    def of(cls, budget: Budget, *, aim: int | None = None) -> Spending:
        """Return a whole budget; its first package is of ``aim`` bytes, if that is given."""
        most = budget.package_bytes
        return cls(packages=budget.packages, bytes=budget.bytes, aim=aim or most, aim_max=most)


def packages(exchange: Exchange, log_id: LogId, after: int, left: Spending) -> Iterator[bytes]:
    """Yield the packages of a log that follow a size, as sections, as far as the budget reaches."""
    for _, raw in _reaching(exchange, log_id, after, left):
        yield raw


def _reaching(exchange: Exchange, log_id: LogId, after: int, left: Spending) -> Iterator[tuple[int, bytes]]:
    """Yield the same, each with the last position in it."""
    while not left.spent:
        content = exchange.package(log_id, after=after, most=left.aim)
        if content is None:
            return
        raw = encode_section(PACKAGE, encode_package(content))
        left.take(len(raw))
        after = content.last_seq
        yield after, raw


def stated(logs: Iterable[LogState], branches: Iterable[BranchState]) -> Stated:
    """Return what the other side says that it holds, by log; of each the log itself first."""
    found: dict[LogId, list[tuple[int, bytes]]] = {}
    for log in logs:
        found.setdefault(log.log_id, []).append((log.size, log.root))
    for branch in branches:
        found.setdefault(branch.log_id, []).append((branch.size, branch.root))
    return found


@dataclass(slots=True)
class Histories:
    """Gives the histories of forked logs, each from where the other side has it.

    Args:
        exchange: the ledger.
        theirs: what the other side said.
        left: what is left of the session's budget.

    Attributes:
        sent: packages that were given.
    """

    exchange: Exchange
    theirs: Stated
    left: Spending
    sent: int = 0
    _given: dict[str, int] = field(default_factory=dict)

    def reached(self, log_id: LogId, name: str) -> int:
        """Return how far the other side holds a history that is held here, by what it said."""
        found = self._given.get(name, 0)
        points = self.exchange.held.points(log_id, self.theirs.get(log_id, ()))
        return max(found, self.exchange.held.reached(log_id, name, points))

    def plain(self, log_id: LogId, after: int) -> Iterator[bytes]:
        """Yield what follows a size of a log for somebody to whom it is the log too.

        How far that goes is remembered, for it may end early: a branch that leaves the log later has to wait.
        """
        self._given[log_id.hex()] = after
        for reached, raw in _reaching(self.exchange, log_id, after, self.left):
            self._given[log_id.hex()] = reached
            yield raw

    def log(self, log_id: LogId, after: int) -> Iterator[bytes]:
        """Yield what follows a size of a log for somebody to whom it is a divergent history."""
        give = self.exchange.package
        yield from self._give(log_id.hex(), after, lambda held: give(log_id, after=held, most=self.left.aim))

    def branch(self, state: BranchState) -> Iterator[bytes]:
        """Yield what the other side lacks of a branch; nothing while it lacks what lies before it."""
        name = branch_name(state.log_id, state.first_hash)
        branch = self.exchange.held.histories(state.log_id)[name]
        before = state.log_id.hex() if branch.parent is None else branch.parent.name
        common = state.first_seq - 1
        after = self.reached(state.log_id, name)
        if after < common and self._given.get(before, 0) < common:
            return
        give = self.exchange.branch_package
        yield from self._give(
            name, max(after, common), lambda held: give(state, after=held, most=self.left.aim)
        )

    def _give(self, name: str, after: int, give: Callable[[int], PackageContent | None]) -> Iterator[bytes]:
        self._given[name] = max(after, self._given.get(name, 0))
        while not self.left.spent:
            content = give(after)
            if content is None:
                return
            raw = encode_section(BRANCH, encode_package(content))
            self.left.take(len(raw))
            self.sent += 1
            yield raw
            after = self._given[name] = content.last_seq
