"""A ledger opened for one command: read-only beside whoever writes, or writing under the lock.

While ``banjian serve`` holds the lock, whatever is signed is signed here and handed to it over the local
socket; the private key never leaves this process.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TypeVar

from ledger import platform
from ledger.errors import AuthorityError, BanjianError, ConfigError, StoreError
from ledger.facade import Command, Ledger, Performed, SignedAct
from ledger.facade.cases.granting import GrantPlan
from ledger.facade.cases.renewal import has_older_lists
from ledger.facade.opened.beside import prepare_county, prepare_opening
from ledger.facade.opened.granted import authority_now, give_grant, prepare_grant
from ledger.facade.opened.performed import performed_already
from ledger.facade.opened.soundness import disowned_logs, require_rules
from ledger.formats.genesis import LogKind
from ledger.formats.keys import Signer
from ledger.types import Facts, KeyId, LogId, StationId, Watch
from stations.cli.call import Call
from stations.cli.keyring import require_name
from stations.writtenhere import stations_here

T = TypeVar("T")
_PREPARE_AGAIN = frozenset(("number.taken", "act.outdated"))
_SIGNINGS = 100
"""How often an act is signed anew for a number or a registry that went to somebody else meanwhile."""
_PAUSE_S, _PAUSE_S_MAX = 0.02, 0.2
_CASES_TOLD = 1_000
_TRIES = 50
_TRY_AGAIN_S = 0.1


@contextmanager
def reading(call: Call, *, whole: bool = True) -> Iterator[Ledger]:
    """Open the ledger read-only.

    Args:
        whole: refuses where registry or catalogue were changed on this disk; looks, copies and what travels
            go on without.

    Raises:
        StoreError: as ``ledger.facade.opened.soundness.require_rules``.
    """
    with _opened(call, write=False, whole=whole) as ledger:
        yield ledger


@contextmanager
def writing(call: Call, *, whole: bool = True) -> Iterator[Ledger]:
    """Open the ledger under the writer's lock; ``whole`` as for ``reading``.

    Raises:
        StoreError: ``store.locked`` while another process writes.
    """
    with _opened(call, write=True, whole=whole) as ledger:
        yield ledger


@contextmanager
def _opened(call: Call, *, write: bool, whole: bool) -> Iterator[Ledger]:
    home, app = call.home(), call.app
    configured = call.config().station
    station = StationId(configured) if configured else None
    with Ledger.open(
        home,
        clock=app.clock,
        randomness=app.randomness,
        write=write,
        station=station,
        watch=making_lists(call),
    ) as ledger:
        call.training = ledger.training
        if not write:
            _tell_older(call, ledger)
        for code in ledger.rolled_back:
            call.notice(code, {})
        for log in disowned_logs(ledger.parts):
            call.notice("log.disowned", {"log": f"{log.kind} {log.station}", "station": log.station})
        if whole:
            require_rules(ledger.parts)
        yield ledger


def making_lists(call: Call) -> Watch:
    """Return what tells how far lists are made anew that another version of this program wrote."""

    def tell(done: int, total: int) -> None:
        if done % _CASES_TOLD == 0 or done == total:
            call.hint("rebuild.making", done=done, total=total)

    return tell


def _tell_older(call: Call, ledger: Ledger) -> None:
    with ledger.reading() as (tx, _):
        older = has_older_lists(tx)
    if older:
        call.notice("doctor.lists_older", {})


class Desk:
    """Where what a person signs goes: into the ledger itself, or through the running server.

    Args:
        ledger: the open ledger; read-only when ``remote``.
        remote: whether another process holds the lock.
    """

    def __init__(self, ledger: Ledger, call: Call, *, remote: bool) -> None:
        self.ledger = ledger
        self._home = call.home()
        self._randomness = call.app.randomness
        self._hint = call.hint
        self._waits = False
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

        def attempt() -> Performed:
            signed = self._prepared(command, signer)
            return submit_remote(self._home, signed, look=lambda: self._look(signed))

        return self._again(attempt)

    def register(
        self, action: str, facts: Facts, signer: Signer, *, personal: Facts | None = None
    ) -> Performed:
        """Sign and log one act of the registry.

        Raises:
            BanjianError: as ``Ledger.register``; nothing was written.
        """
        if not self._remote:
            return self.ledger.register(action, facts, signer, personal=personal)
        return self._county(lambda: prepare_county(self.ledger, action, facts, signer, personal=personal))

    def give_grant(self, plan: GrantPlan, signer: Signer) -> Performed:
        """Sign and log a provisional grant; whoever acts first for the station opens its log.

        Raises:
            BanjianError: as ``ledger.facade.opened.granted.give_grant``; nothing was written.
        """
        if not self._remote:
            return give_grant(self.ledger, plan, signer)
        if self.ledger.parts.opens_by_acting(plan.station):
            self.open_log("station", plan.station, signer)
        return self._county(lambda: prepare_grant(self.ledger, plan, signer))

    def publish(self, action: str, facts: Facts, signer: Signer) -> Performed:
        """Sign and log one act of the catalogue.

        Raises:
            BanjianError: as ``Ledger.publish``; nothing was written.
        """
        if not self._remote:
            return self.ledger.publish(action, facts, signer)
        return self._county(lambda: prepare_county(self.ledger, action, facts, signer))

    def open_log(self, kind: LogKind, station: StationId, signer: Signer, *, newest: bytes = b"") -> LogId:
        """Open a log on this installation, with an act of the signer.

        Args:
            kind: which log.
            station: of the log.
            signer: who opens it.
            newest: newest checkpoint of a log given up that any station holds.

        Raises:
            BanjianError: as ``Ledger.open_county_log`` and ``Ledger.open_station_log``.
        """
        if not self._remote:
            return self.ledger.open_county_log(kind, station, signer, newest=newest)
        from stations.cli.remote import draft_log_remote

        def prepared() -> SignedAct:
            drafted = draft_log_remote(self._home, kind, station, newest)
            return prepare_opening(self.ledger, drafted, signer)

        return self._county(prepared).log_id

    def erase(self, command: Command, signer: Signer) -> int:
        """Sign and log an erasure, and delete; returns how many personal bodies were deleted.

        Raises:
            BanjianError: as ``Ledger.erase``; nothing was deleted.
        """
        if not self._remote:
            return self.ledger.erase(command, signer)
        from stations.cli.remote import erase_remote

        return self._again(lambda: erase_remote(self._home, self._prepared(command, signer)))

    def rebuild(self) -> int:
        """Make all lists anew, by whoever holds the lock; returns how many cases there are."""
        if not self._remote:
            return self.ledger.rebuild()
        from stations.cli.remote import rebuild_remote

        return rebuild_remote(self._home)

    def checkpoint(self, log_id: LogId) -> str:
        """Sign the head of a log kept here, by whoever holds the lock; returns the note."""
        if not self._remote:
            return self.ledger.checkpoint(log_id)
        from stations.cli.remote import checkpoint_remote

        return checkpoint_remote(self._home, log_id.hex())

    def _prepared(self, command: Command, signer: Signer) -> SignedAct:
        """Sign one action; whoever acts first opens the log, or the successor of one given up here."""
        if self.ledger.parts.opens_by_acting(command.station):
            self.open_log("station", command.station, signer)
        return self.ledger.prepare(command, signer)

    def _county(self, prepare: Callable[[], SignedAct]) -> Performed:
        from stations.cli.remote import submit_county_remote

        def attempt() -> Performed:
            signed = prepare()
            return submit_county_remote(self._home, signed, look=lambda: self._look(signed))

        done = self._again(attempt)
        self.ledger.refresh()
        return done

    def _look(self, signed: SignedAct) -> Performed | None:
        """Look for an act that was handed over and not answered; whoever waits is told so once."""
        known = performed_already(self.ledger, signed)
        if known is None and not self._waits:
            self._waits = True
            self._hint("serve.waiting")
        return known

    def _again(self, attempt: Callable[[], T]) -> T:
        """Sign again where the number was taken, or registry or catalogue grew: nothing was written.

        Each refusal of that kind means that somebody else was served. Pauses are of different lengths, so
        that two who met once do not meet each time.
        """
        for tried in range(1, _SIGNINGS):
            try:
                return attempt()
            except BanjianError as error:
                if error.code not in _PREPARE_AGAIN:
                    raise
            longest_s = min(_PAUSE_S * tried, _PAUSE_S_MAX)
            time.sleep(longest_s * int.from_bytes(self._randomness(2)) / 0xFFFF)
        return attempt()


@contextmanager
def desk(call: Call, *, whole: bool = True) -> Iterator[Desk]:
    """Open the ledger for whatever is signed, by the lock or by the server's socket.

    ``whole`` as for ``reading``.

    Raises:
        ConfigError: ``sync.not_begun`` before the first download: nobody could say whose signature it is.
    """
    with ExitStack() as stack:
        writer = _writer(call, stack, whole=whole)
        ledger = writer or stack.enter_context(reading(call, whole=whole))
        if whole and not ledger.knowledge.registry.size:
            raise ConfigError("sync.not_begun", station=call.config().station)
        yield Desk(ledger, call, remote=writer is None)


@contextmanager
def exchanging(call: Call) -> Iterator[Ledger | None]:
    """Open the ledger under the lock as its main station; None while a server holds it.

    Raises:
        ConfigError: ``home.missing`` where no ledger lies; ``ledger.no_station`` when the settings name no
            station.
    """
    call.home()
    if not call.config().station:
        raise ConfigError("ledger.no_station")
    with ExitStack() as stack:
        yield _writer(call, stack, whole=False)


def _writer(call: Call, stack: ExitStack, *, whole: bool) -> Ledger | None:
    """Return the ledger opened for writing, None while a server holds it.

    Another command holds it for a moment only: two people at one machine need not know of each other. A
    server that is just starting holds it before it answers.
    """
    for _ in range(_TRIES):
        try:
            return stack.enter_context(writing(call, whole=whole))
        except StoreError as error:
            if error.code != "store.locked":
                raise
        address = platform.local_socket_address(call.home().path)
        if platform.is_answered(address):
            return None
        time.sleep(_TRY_AGAIN_S)
    return None


def named_station(call: Call, ledger: Ledger) -> StationId | None:
    """Return the station asked for; None where none was.

    Raises:
        AuthorityError: ``registry.station_unknown``: a misspelt one is no station without work.
    """
    if not call.station:
        return None
    if ledger.knowledge.registry.station(StationId(call.station)) is None:
        raise AuthorityError("registry.station_unknown", station=call.station[:40])
    return StationId(call.station)


def station_for(call: Call, ledger: Ledger, key_id: KeyId) -> StationId:
    """Return the station that a person acts for.

    ``--station``; else the only station kept here at which the key holds a role; where it holds none, the
    person's home station if that is kept here; else the configured one.

    Raises:
        ConfigError: ``cli.station_unclear`` naming the choices.
        AuthorityError: ``key.other_person`` when ``--as`` names somebody else than the key is enrolled for.
    """
    held = authority_now(ledger, key_id)
    if held is not None and held.staff_no:
        require_name(call, held.staff_no)
    if call.station:
        return StationId(call.station)
    own = stations_here(ledger)
    if not own and ledger.main_station is not None:
        # A station that has joined and not acted yet: its log is opened by who acts first.
        own = [ledger.main_station]
    mine = [station for station in own if held is not None and held.roles_at(station)]
    if len(mine) == 1:
        return mine[0]
    if not mine and held is not None and held.station in own:
        # whose roles have ended is told so of the own station, not of the one that stands in the settings
        return held.station
    configured = call.config().station
    if configured and (configured in mine or not mine):
        return StationId(configured)
    raise ConfigError("cli.station_unclear", choices=tuple(mine or own))
