"""How much one session carries, and whole logs as sections within that."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ledger.facade.exchange import Exchange
from ledger.package import encode_package
from ledger.types import LogId
from sync.framing import PACKAGE, encode_section


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """How much one session carries in one direction; what is left follows in the next."""

    packages: int = 64
    bytes: int = 8 << 20
    feed_items: int = 1_024


@dataclass(slots=True, kw_only=True)
class Spending:
    """What is left of a budget."""

    packages: int
    bytes: int

    def take(self, size: int) -> None:
        """Count one package of so many bytes."""
        self.packages -= 1
        self.bytes -= size

    @property
    def spent(self) -> bool:
        """Whether nothing more may follow."""
        return self.packages <= 0 or self.bytes <= 0

    @classmethod
    def of(cls, budget: Budget) -> Spending:
        """Return a whole budget."""
        return cls(packages=budget.packages, bytes=budget.bytes)


def packages(exchange: Exchange, log_id: LogId, after: int, left: Spending) -> Iterator[bytes]:
    """Yield the packages of a log that follow a size, as sections, as far as the budget reaches."""
    while not left.spent:
        content = exchange.package(log_id, after=after)
        if content is None:
            return
        raw = encode_section(PACKAGE, encode_package(content))
        left.take(len(raw))
        yield raw
        after = content.last_seq
