"""Which emergency numbers were printed, kept beside the ledger so that none is printed twice.

The list of batches is encrypted, for it names who printed. How far numbers were printed stands also among
the sentinels and is written first: a list that is lost or put back leaves numbers unused, never doubled.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from ledger.errors import StoreError
from ledger.facade import Home, Ledger
from ledger.facade.base.clock import Randomness
from ledger.facade.cases.numbers import next_pad_ordinal
from ledger.types import LogId
from stations.kept.sealed import SealedFolder

FOLDER = "pads"


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Numbers that were printed together: ordinals from ``first`` on."""

    first: int
    count: int
    by: str
    at_ms: int

    @property
    def after(self) -> int:
        """The ordinal behind the last one."""
        return self.first + self.count


class PadBook:
    """The batches of one log.

    Args:
        home: the installation.
        log: the log whose numbers they are.
        randomness: for the encryption.

    Raises:
        StoreError: ``home.storage_key`` without the key that the list is kept under.
    """

    def __init__(self, home: Home, log: LogId, randomness: Randomness) -> None:
        self._home = home
        self._log = log
        self._folder = SealedFolder(home, FOLDER, randomness)

    def batches(self) -> list[Batch]:
        """Return what was printed, the oldest first.

        Raises:
            StoreError: ``sealed.unreadable``.
        """
        raw = self._folder.read(self._log.hex())
        if raw is None:
            return []
        try:
            return [_batch(one) for one in json.loads(raw)]
        except (ValueError, KeyError, TypeError) as error:
            raise StoreError("sealed.unreadable", path=self._log.hex()) from error

    def first_free(self, ledger: Ledger) -> int:
        """Return the first ordinal that neither list, sentinel nor acts know of.

        Raises:
            StoreError: ``sealed.unreadable``: what was printed is not known, so nothing more is.
        """
        return max(_after(self.batches()), self.known(ledger))

    def known(self, ledger: Ledger) -> int:
        """Return the ordinal behind the last one that was printed, whatever the list says; 1 for none."""
        with ledger.reading() as (tx, _):
            used = next_pad_ordinal(tx, self._log.hex())
        return max(used, 1 + self._home.pads_printed(self._log))

    def missing(self, ledger: Ledger) -> int:
        """Return how many numbers that were printed stand behind the end of the list; 0 for a whole list.

        Raises:
            StoreError: ``sealed.unreadable``.
        """
        return max(0, self.known(ledger) - _after(self.batches()))

    def add(self, batch: Batch) -> None:
        """Remember numbers before they are printed."""
        batches: Sequence[Batch] = [*self.batches(), batch]
        self._home.write_pads_printed(self._log, batch.after - 1)
        self._folder.keep(self._log.hex(), json.dumps([asdict(one) for one in batches]).encode("utf-8"))


def _after(batches: Sequence[Batch]) -> int:
    return max((one.after for one in batches), default=1)


def _batch(one: Mapping[str, object]) -> Batch:
    return Batch(
        first=int(str(one["first"])),
        count=int(str(one["count"])),
        by=str(one["by"]),
        at_ms=int(str(one["at_ms"])),
    )
