"""What the commands of joining show and choose: keys, requests that wait, and those that are settled."""

from __future__ import annotations

from collections.abc import Sequence

from ledger.facade import Ledger
from ledger.types import StationId
from stations.cli.call import Call
from stations.office.joindesk import choose_waiting, join_office
from sync.joining.approval import KeyState
from sync.joining.joinoffice import JoinOffice, Waiting
from sync.joining.rejection import Rejection


def office_of(call: Call, ledger: Ledger) -> JoinOffice:
    """Return what takes requests where the county's CA lies."""
    return join_office(ledger, clock=call.app.clock, randomness=call.app.randomness)


def chosen(waiting: list[Waiting], request: str | None, *, every: bool) -> list[Waiting]:
    """Return the requests that are meant: by the beginning of their number, or their station.

    Raises:
        ConfigError: ``join.choose`` for none.
    """
    return waiting if every else choose_waiting(waiting, "-" if request is None else request)


def is_one_by_number(meant: Sequence[Waiting], request: str | None) -> bool:
    """Tell whether what was typed means one request, by the beginning of its number and not its station."""
    return request is not None and len(meant) == 1 and meant[0].name.startswith(request.lower())


def waiting_cells(call: Call, waiting: Waiting, state: KeyState) -> tuple[str, str, str, str, str]:
    """Return the cells of a key of a request that waits: one from before the end of certificates says so."""
    *cells, kept = key_cells(call, state)
    purpose, name, roles, number = cells
    return purpose, name, roles, number, call.say("join.waits_ended") if waiting.is_ended else kept


def waiting_object(waiting: Waiting, state: KeyState) -> dict[str, object]:
    """Return a key of a request that waits as JSON values."""
    told = key_object(waiting.name, waiting.request.invite.station, state)
    return {**told, "ended": waiting.is_ended}


def key_cells(call: Call, state: KeyState) -> tuple[str, str, str, str, str]:
    """Return purpose or staff number, name, roles, key id and state of a key."""
    named = state.label if state.kind == "staff" else call.say(f"join.service.{state.label}")
    roles = call.say("list.and").join(call.say(f"role.{role}") for role in state.roles)
    kept = call.say("join.enrolled" if state.enrolled else "join.waits")
    return named, state.name, roles, state.key_id.hex(), kept


def key_object(request: str, station: StationId, state: KeyState) -> dict[str, object]:
    """Return a key as JSON values; ``request`` is the number of its request."""
    return {
        "request": request,
        "station": station,
        "state": "pending",
        "kind": state.kind,
        "label": state.label,
        "name": state.name,
        "roles": list(state.roles),
        "key_id": state.key_id.hex(),
        "enrolled": state.enrolled,
        "error": state.error.code if state.error is not None else "",
    }


def settled_object(
    request: str, station: StationId, at_ms: int, rejection: Rejection | None
) -> dict[str, object]:
    """Return a request that no longer waits as JSON values.

    Args:
        request: its number.
        station: that asked.
        at_ms: when it was refused, else when its invite was used.
        rejection: the refusal; None when its keys were enrolled.
    """
    return {
        "request": request,
        "station": station,
        "state": "approved" if rejection is None else "rejected",
        "at_ms": at_ms,
        "reason": "" if rejection is None else rejection.reason,
        "by": "" if rejection is None else rejection.staff_no,
    }
