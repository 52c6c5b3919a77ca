"""A read transaction that is opened only if something asks for it: most acts find all they need in memory."""

from __future__ import annotations

from contextlib import ExitStack
from types import TracebackType
from typing import Self

from ledger.store.contract import ReadTx, Store


class OnDemand:
    """Opens one consistent view of a store at the first question and closes it at the end of the block."""

    __slots__ = ("_stack", "_store", "_tx")

    def __init__(self, store: Store) -> None:
        self._store = store
        self._stack = ExitStack()
        self._tx: ReadTx | None = None

    def __enter__(self) -> Self:
        """Begin; nothing is opened yet."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close what was opened."""
        self._tx = None
        self._stack.close()

    def tx(self) -> ReadTx:
        """Return the view, opened by the first call."""
        if self._tx is None:
            self._tx = self._stack.enter_context(self._store.read())
        return self._tx
