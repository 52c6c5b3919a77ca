"""The parts of an open ledger, kept up with a store that another process writes.

Registry and catalogue are read once and held; a reader that stays open for days must notice that they grew.
It asks the store for a few sizes with each view, and reads all parts anew when one of them is another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from threading import RLock

from ledger.facade.opened.parts import Parts, read_mark
from ledger.store.contract import ReadTx, Store
from ledger.types import LogId


class Current:
    """Holds the parts; they are replaced whole, so whoever works with the older ones may finish.

    Args:
        store: the open store.
        load: reads the parts from a view of it, with the sentinels that were there before it was opened.
        writable: whether this process is the one writer, which learns what it writes itself.
        sentinels: reads those.
    """

    def __init__(
        self,
        store: Store,
        load: Callable[[ReadTx, Mapping[LogId, str]], Parts],
        *,
        writable: bool,
        sentinels: Callable[[], Mapping[LogId, str]],
    ) -> None:
        self._store = store
        self._load = load
        self._writable = writable
        self._sentinels = sentinels
        self._turn = RLock()
        kept = sentinels()
        with store.read() as tx:
            self.parts = load(tx, kept)

    @contextmanager
    def reading(self) -> Iterator[tuple[ReadTx, Parts]]:
        """Open a consistent view, with parts that know registry and catalogue as far as it holds them."""
        with self._store.read() as tx:
            parts = self.parts
            if self._writable or read_mark(tx, parts.county_logs) == parts.mark:
                yield tx, parts
                return
        kept = self._sentinels()
        with self._store.read() as tx:
            with self._turn:
                parts = self._load(tx, kept)
                # An older view takes back nothing that another thread learned of a newer one.
                if parts.mark >= self.parts.mark:
                    self.parts = parts
            yield tx, parts
