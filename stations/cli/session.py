"""A ledger opened for one command: read-only beside whoever writes, or writing under the lock.

While ``banjian serve`` holds the lock, case actions are signed here and handed to it over the local socket;
the private key never leaves this process.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from ledger import platform
from ledger.errors import BanjianError, ConfigError, StoreError
from ledger.facade import Command, Ledger, Performed
from ledger.keys import Signer
from ledger.types import KeyId, LogId, StationId
from stations.cli.call import Call

_PREPARE_AGAIN = frozenset(("number.taken", "act.outdated"))
_TRIES = 50
_TRY_AGAIN_S = 0.1


@contextmanager
def reading(call: Call) -> Iterator[Ledger]:
    """Open the ledger read-only."""
    home = call.home()
    call.config()  # a misspelt setting must not wait for the one command that needs it
    with Ledger.open(home, clock=call.app.clock, randomness=call.app.randomness, write=False) as ledger:
        call.training = ledger.training
        yield ledger


@contextmanager
def writing(call: Call) -> Iterator[Ledger]:
    """Open the ledger under the writer's lock.

    Raises:
        StoreError: ``store.locked`` while another process writes.
    """
    home = call.home()
    call.config()  # a misspelt setting must not wait for the one command that needs it
    with Ledger.open(home, clock=call.app.clock, randomness=call.app.randomness, write=True) as ledger:
        call.training = ledger.training
        yield ledger


class Desk:
    """Where a clerk's action goes: into the ledger itself, or through the running server.

    Args:
        ledger: the open ledger; read-only when ``remote``.
        remote: whether another process holds the lock.
    """

    def __init__(self, ledger: Ledger, call: Call, *, remote: bool) -> None:
        self.ledger = ledger
        self._call = call
        self._remote = remote

    def perform(self, command: Command, signer: Signer) -> Performed:
        """Decide, sign and log one action; confirmed when this returns.

        Raises:
            RuleError: what the law, the case type or the state forbids; nothing was written.
            StoreError: disk or server failed.
        """
        if not self._remote:
            return self.ledger.perform(command, signer)
        from stations.cli.remote import submit_remote

        home = self._call.home()
        try:
            return submit_remote(home, self.ledger.prepare(command, signer))
        except BanjianError as error:
            if error.code not in _PREPARE_AGAIN:
                raise
        # The number was taken, or registry or catalogue grew: nothing was written; sign anew.
        with reading(self._call) as fresh:
            return submit_remote(home, fresh.prepare(command, signer))

    def checkpoint(self, log_id: LogId) -> str:
        """Sign the head of a log kept here, by whoever holds the lock; returns the note."""
        if not self._remote:
            return self.ledger.checkpoint(log_id)
        from stations.cli.remote import checkpoint_remote

        return checkpoint_remote(self._call.home(), log_id.hex())


@contextmanager
def desk(call: Call) -> Iterator[Desk]:
    """Open the ledger for actions on cases, by the lock or by the server's socket."""
    with ExitStack() as stack:
        ledger = _writer(call, stack)
        if ledger is not None:
            yield Desk(ledger, call, remote=False)
        else:
            yield Desk(stack.enter_context(reading(call)), call, remote=True)


def _writer(call: Call, stack: ExitStack) -> Ledger | None:
    """Return the ledger opened for writing, None while a server holds it.

    Another command holds it for a moment only: two people at one machine need not know of each other.
    """
    for _ in range(_TRIES):
        try:
            return stack.enter_context(writing(call))
        except StoreError as error:
            if error.code != "store.locked":
                raise
        address = platform.local_socket_address(call.home().path)
        if address.kind == "pipe" or Path(address.name).exists():
            return None
        time.sleep(_TRY_AGAIN_S)
    return None


def station_for(call: Call, ledger: Ledger, key_id: KeyId) -> StationId:
    """Return the station that a person acts for.

    ``--station``; else the only station kept here at which the key holds a role; else the configured one.

    Raises:
        ConfigError: ``cli.station_unclear`` naming the choices.
    """
    if call.station:
        return StationId(call.station)
    registry = ledger.knowledge.registry
    own = sorted({log.station for log in ledger.logs() if log.own and log.kind == "station"})
    mine = [station for station in own if registry.roles_at(key_id, station)]
    if len(mine) == 1:
        return mine[0]
    configured = call.config().station
    if configured and (configured in mine or not mine):
        return StationId(configured)
    raise ConfigError("cli.station_unclear", choices=tuple(mine or own))
