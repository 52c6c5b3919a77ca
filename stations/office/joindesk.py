"""The county's desk for newcomers: which requests wait, and approving one; for command line and pages."""

from __future__ import annotations

from ledger.errors import ConfigError
from ledger.facade import Ledger
from ledger.facade.base.clock import Clock, Randomness
from ledger.facade.logs.comingback import may_lack_stations, restored_at_ms
from ledger.formats.keys import Signer
from sync.joining.approval import KeyState, Register, approve
from sync.joining.joinoffice import JoinOffice, Waiting

ENDED = "join.ended"
SHORT = 12
"""Characters of a request's number that are shown: enough to name it."""


def join_office(ledger: Ledger, *, clock: Clock, randomness: Randomness) -> JoinOffice:
    """Return the county's side of joining over a ledger that is open."""
    return JoinOffice(
        ledger.home,
        ledger_id=ledger.ledger_id,
        registry=lambda: ledger.knowledge.registry,
        clock=clock,
        randomness=randomness,
        restored_ms=lambda: restored_ms(ledger),
        coming_back=lambda: may_lack_stations(ledger.parts.holdings),
    )


def restored_ms(ledger: Ledger) -> int:
    """Return when the installation came back from an older state last, by its clock then; 0 for never."""
    with ledger.reading() as (tx, _):
        return restored_at_ms(tx)


def choose_waiting(waiting: list[Waiting], wanted: str) -> list[Waiting]:
    """Return the requests that a beginning of their name, or a station, means; nothing means none.

    Raises:
        ConfigError: ``join.choose`` when there is none.
    """
    found = [
        one
        for one in waiting
        if wanted and (one.name.startswith(wanted.lower()) or one.request.invite.station == wanted)
    ]
    if not found:
        raise ConfigError("join.choose", count=len(waiting))
    return found


def choose_one(waiting: list[Waiting], wanted: str) -> Waiting:
    """Return the one request that is meant; what is done to it cannot be undone.

    Raises:
        ConfigError: ``join.choose`` for none, ``join.choose_one`` for several.
    """
    first, *others = choose_waiting(waiting, wanted)
    if others:
        numbers = "、".join(one.name[:SHORT] for one in (first, *others))
        raise ConfigError("join.choose_one", station=wanted, count=1 + len(others), numbers=numbers)
    return first


def approve_waiting(
    ledger: Ledger,
    office: JoinOffice,
    waiting: Waiting,
    registrar: Signer,
    *,
    register: Register,
    anyway: bool = False,
) -> tuple[KeyState, ...]:
    """Enrol the keys of a request; once all are in, it waits no more.

    Args:
        ledger: to ask the registry.
        office: where the request waits.
        waiting: the request.
        registrar: who signs.
        register: how acts are stored.
        anyway: also one from before the station's certificates were ended: the registrar vouches for it.

    Raises:
        ConfigError: ``join.ended`` for such a one otherwise.
        StoreError: nothing more was written; approve again.
    """
    if waiting.is_ended and not anyway:
        raise ConfigError(ENDED, station=waiting.request.invite.station, request=waiting.name[:SHORT])
    states = approve(ledger, waiting.request, registrar, register=register)
    if all(state.enrolled for state in states):
        office.close(waiting)
    return states
