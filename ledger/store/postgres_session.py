"""The one connection on which a sole writer works, and the advisory lock that it holds.

What a writer remembers of the ends of its logs is true only as long as nobody else writes. A lock that ends
with the connection says exactly that: when the connection is lost, whoever comes first may write, and the
writer that lost it has to open the ledger again before it goes on.
"""

from __future__ import annotations

from contextlib import ExitStack

import psycopg
from psycopg import Connection
from psycopg.pq import TransactionStatus
from psycopg.rows import DictRow

from ledger.errors import StoreError
from ledger.store.postgres_recorder import PostgresLedgerRecorder

_KEEPALIVE = {"tcp_keepalives_idle": "30", "tcp_keepalives_interval": "10", "tcp_keepalives_count": "3"}
"""A machine that lost its power must not hold the lock for the two hours that are the system's default."""


class WriterSession:
    """Holds the writer's connection; made with the lock taken.

    Args:
        recorder: knows the datastore and the lock.

    Raises:
        StoreError: ``store.other_writer``, another process writes, here or on another machine.
    """

    def __init__(self, recorder: PostgresLedgerRecorder) -> None:
        self._recorder = recorder
        self._held = ExitStack()
        self.connection: Connection[DictRow] = self._held.enter_context(recorder.datastore.get_connection())
        try:
            self._settle()
        except BaseException:
            self.close()
            raise

    @property
    def lost(self) -> bool:
        """Whether the connection is known to be gone, and the lock with it."""
        return self.connection.closed

    def alive(self) -> bool:
        """Ask the server; returns whether the connection still stands."""
        if self.lost:
            return False
        if self.connection.info.transaction_status != TransactionStatus.IDLE:
            return True
        try:
            self.connection.execute("SELECT 1")
        except psycopg.Error:
            return not self.lost
        return True

    def close(self) -> None:
        """Give the lock and the connection back."""
        try:
            if not self.lost:
                self.connection.execute("SELECT pg_advisory_unlock_all()")
        except psycopg.Error:
            # The connection is gone, and with it the lock.
            self.connection.close()
        finally:
            self._held.close()

    def _settle(self) -> None:
        if not self._recorder.try_lock_session(self.connection):
            raise StoreError("store.other_writer", client=self._recorder.lock_holder(self.connection))
        for name, value in _KEEPALIVE.items():
            self.connection.execute("SELECT set_config(%s, %s, false)", (name, value))
        # What was confirmed must be on the server's disk, whatever its default says; and the lock's
        # connection rests between two acts for as long as nobody acts.
        self.connection.execute(
            "SELECT set_config('synchronous_commit', 'on', false) "
            "WHERE current_setting('synchronous_commit') = 'off'"
        )
        self.connection.execute(
            "SELECT set_config(name, '0', false) FROM pg_settings WHERE name = 'idle_session_timeout'"
        )
