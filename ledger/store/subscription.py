"""The library's subscriptions, handed on as records of the contract."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Self

from eventsourcing.persistence import ApplicationRecorder, Notification
from eventsourcing.persistence import Subscription as LibrarySubscription

from ledger.errors import StoreError
from ledger.store.contract import NewRecord


def record_of(notification: Notification) -> NewRecord:
    """Return a notification of the library as a record of the contract."""
    return NewRecord(
        position=notification.id,
        log=str(notification.originator_id),
        seq=notification.originator_version,
        topic=notification.topic,
        frame=notification.state,
    )


class RecordSubscription:
    """A `ledger.store.contract.Subscription`; its threads run only inside the ``with`` block."""

    def __init__(self, begin: Callable[[], LibrarySubscription[ApplicationRecorder]]) -> None:
        self._begin = begin
        self._inner: LibrarySubscription[ApplicationRecorder] | None = None

    def __enter__(self) -> Self:
        self._inner = self._begin()
        self._inner.__enter__()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
        /,
    ) -> None:
        if self._inner is not None:
            self._inner.__exit__(exc_type, exc_value, traceback)

    def __iter__(self) -> Iterator[NewRecord]:
        return self

    def __next__(self) -> NewRecord:
        if self._inner is None:
            raise StoreError("store.subscription")
        return record_of(next(self._inner))

    def stop(self) -> None:
        """End the iteration."""
        if self._inner is not None:
            self._inner.stop()
